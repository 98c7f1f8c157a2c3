//! Parses JSON so that a mistake stays where it was made: in its field, or in its item of a list.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{ApiError, codes};

/// Stands for half of a surrogate pair (`"\ud83d"`), which a text that was cut inside an emoji has. No field accepts
/// this character, so the field is refused, and not the whole body.
pub const HALF: char = '\u{ffff}';

/// JSON without its byte order mark, which RFC 8259 allows a parser to ignore, and with [`HALF`] for each half of a
/// pair.
fn prepared(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut prepared = Cow::Borrowed(bytes);
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\\') {
        at += found;
        let (here, next) = (escape(bytes, at), escape(bytes, at + ESCAPE));
        let is_pair = |high: u16, low: u16| (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low);
        at += match (here, next) {
            (Some(high), Some(low)) if is_pair(high, low) => 2 * ESCAPE,
            (Some(0xd800..0xe000), _) => {
                prepared.to_mut()[at..at + ESCAPE].copy_from_slice(br"\uffff");
                ESCAPE
            }
            (Some(_), _) => ESCAPE,
            // Any other escape, such as `\\`, has two bytes.
            (None, _) => 2.min(bytes.len() - at),
        };
    }
    prepared
}

/// The length of `\ud83d`, in bytes.
const ESCAPE: usize = 6;

/// The code unit of the escape at that place, if there is one.
fn escape(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(br"\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + u16::try_from(char::from(*digit).to_digit(16)?).ok()?))
}

fn syntax_error(error: &serde_json::Error) -> ApiError {
    let reason = format!("unexpected input at line {}, column {}", error.line(), error.column());
    codes::MALFORMED_JSON.with("reason", reason)
}

/// # Errors
/// When the body is no JSON.
pub fn value(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(&prepared(bytes)).map_err(|error| syntax_error(&error))
}

/// # Errors
/// When the body is no JSON object.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match value(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(codes::MALFORMED_JSON.with("reason", "the API expects an object")),
    }
}

/// A list of a body: each item, or why it can't be read. Such an item spoils no other.
pub type Items = Vec<Result<Value, ApiError>>;

/// The items of a body that is a list. `None`: the body is something else.
///
/// # Errors
/// When the body is no JSON.
pub fn list(bytes: &[u8]) -> Result<Option<Items>, ApiError> {
    match items(&prepared(bytes)) {
        Some(items) => Ok(Some(items)),
        None => value(bytes).map(|_| None),
    }
}

/// A body, and what is wrong with the items of its list that couldn't be read, by their place.
pub type WithList = (Map<String, Value>, BTreeMap<usize, ApiError>);

/// The fields of a body, and the errors of those items of the list `name` that can't be read. Such an item is null in
/// the list.
///
/// # Errors
/// When the body is no JSON object, apart from these items.
pub fn object_with_list(bytes: &[u8], name: &str) -> Result<WithList, ApiError> {
    let prepared = prepared(bytes);
    let Ok(raw) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(&prepared) else {
        return object(bytes).map(|object| (object, BTreeMap::new()));
    };
    let (mut fields, mut errors) = (Map::new(), BTreeMap::new());
    for (field, raw) in raw {
        let list = Some(&field).filter(|field| *field == name).and_then(|_| items(raw.get().as_bytes()));
        let value = match list {
            Some(items) => {
                let read = items.into_iter().enumerate().map(|(index, item)| {
                    item.unwrap_or_else(|error| {
                        errors.insert(index, error);
                        Value::Null
                    })
                });
                Value::Array(read.collect())
            }
            // The error of the whole body has the right line.
            None => serde_json::from_str(raw.get()).map_or_else(|_| value(bytes), Ok)?,
        };
        fields.insert(field, value);
    }
    Ok((fields, errors))
}

fn items(json: &[u8]) -> Option<Items> {
    let raw: Vec<&RawValue> = serde_json::from_slice(json).ok()?;
    let read = |item: &RawValue| serde_json::from_str(item.get()).map_err(|error| syntax_error(&error));
    Some(raw.into_iter().map(read).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_a_pair_is_marked_wherever_it_stands_and_whole_ones_stay() {
        for (text, read) in [
            (r#""\ud83d\ude00""#, json!("\u{1f600}")),
            (r#""\uD83D\uDE00""#, json!("\u{1f600}")),
            (r#""a\ud83d""#, json!("a\u{ffff}")),
            (r#""\ud83d\ud83d\ude00""#, json!("\u{ffff}\u{1f600}")),
            (r#""\ude00\ud83d""#, json!("\u{ffff}\u{ffff}")),
            (r#""\ud83d\n\u0041""#, json!("\u{ffff}\nA")),
            (r#""\\ud83d\"\\""#, json!("\\ud83d\"\\")),
            (r#"{"\udc00": ["\udbff"]}"#, json!({"\u{ffff}": ["\u{ffff}"]})),
            ("\u{feff}[1]", json!([1])),
        ] {
            assert_eq!(value(text.as_bytes()).expect("read"), read, "{text}");
        }
        for broken in [r#""\ud83"#, r#""\u"#, r#""\"#, r#""\ud83d"#, r#""\uzzzz""#, r#""\x""#, ""] {
            assert!(value(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
