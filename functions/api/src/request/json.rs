//! Parses JSON so that a mistake stays where it was made: in its field, or in its item of a list.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::body::BODY_MAX;
use super::extents;
use super::names::shortened;
use crate::error::{ApiError, codes};

/// Stands for what is no character: half of a surrogate pair (`"\ud83d"`), which a text that was cut inside an emoji
/// has, or bytes that aren't UTF-8. No field accepts this character, so the field is refused, and not the whole body.
pub const HALF: char = '\u{ffff}';
/// Stands for a control character that JSON has only escaped. No field accepts it either.
pub const RAW_CONTROL: char = '\u{fffe}';

/// JSON without its byte order mark, which RFC 8259 allows a parser to ignore, and with [`HALF`] or [`RAW_CONTROL`] for
/// what makes a text unreadable.
fn prepared(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut prepared: Option<Vec<u8>> = None;
    let (mut at, mut kept, mut is_text) = (0, 0, false);
    while let Some(byte) = bytes.get(at) {
        let (length, instead) = match byte {
            b'"' => {
                is_text = !is_text;
                (1, None)
            }
            b'\\' => of_escape(bytes, at),
            0..0x20 if is_text => (1, Some(RAW_CONTROL)),
            0x80.. => of_character(&bytes[at..]),
            _ => (1, None),
        };
        if let Some(instead) = instead {
            let prepared = prepared.get_or_insert_default();
            prepared.extend_from_slice(&bytes[kept..at]);
            prepared.extend_from_slice(instead.encode_utf8(&mut [0; 4]).as_bytes());
            kept = at + length;
        }
        at += length;
    }
    match prepared {
        None => Cow::Borrowed(bytes),
        Some(mut prepared) => {
            prepared.extend_from_slice(&bytes[kept..]);
            Cow::Owned(prepared)
        }
    }
}

/// The length of the escape at that place, and what stands for it.
fn of_escape(bytes: &[u8], at: usize) -> (usize, Option<char>) {
    let is_pair = |high: u16, low: u16| (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low);
    match (escape(bytes, at), escape(bytes, at + ESCAPE)) {
        (Some(high), Some(low)) if is_pair(high, low) => (2 * ESCAPE, None),
        (Some(0xd800..0xe000), _) => (ESCAPE, Some(HALF)),
        (Some(_), _) => (ESCAPE, None),
        // Any other escape, such as `\\`, has two bytes. What may stand in no text is none.
        (None, _) => (if matches!(bytes.get(at + 1), Some(0x20..0x80)) { 2 } else { 1 }, None),
    }
}

/// The length of the character that the bytes begin with, and what stands for it if it is none.
fn of_character(bytes: &[u8]) -> (usize, Option<char>) {
    // No character is longer.
    let first = bytes[..bytes.len().min(4)].utf8_chunks().next();
    match first.map(|chunk| (chunk.valid().chars().next(), chunk.invalid().len())) {
        Some((Some(character), _)) => (character.len_utf8(), None),
        Some((None, invalid)) => (invalid.max(1), Some(HALF)),
        None => (1, None),
    }
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

/// The error of an item, by its name in the request.
fn syntax_error_of(item: &str, error: &serde_json::Error) -> ApiError {
    let place = format!("{item}: unexpected input at line {}, column {} of the item", error.line(), error.column());
    codes::MALFORMED_ITEM.with("item", place)
}

/// # Errors
/// When the body is no JSON.
pub fn value(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(&prepared(bytes)).map_err(|error| syntax_error(&error))
}

/// Refuses an object that has a field more than once: which of them counts is not agreed.
///
/// # Errors
/// The first such field.
fn without_repeated(bytes: &[u8]) -> Result<(), ApiError> {
    repeated(bytes).map_or(Ok(()), |name| {
        let msg = "The field is there more than once";
        Err(ApiError::invalid("body", &shortened(&name), msg, "value_error"))
    })
}

/// A field that the object has more than once, if there is one.
fn repeated(bytes: &[u8]) -> Option<String> {
    struct Names(Option<String>);

    impl<'de> Visitor<'de> for &mut Names {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
            let mut seen = BTreeSet::new();
            while let Some((name, _)) = fields.next_entry::<String, IgnoredAny>()? {
                if self.0.is_none() && seen.contains(&name) {
                    self.0 = Some(name.clone());
                }
                seen.insert(name);
            }
            Ok(())
        }
    }

    let (prepared, mut names) = (prepared(bytes), Names(None));
    serde_json::Deserializer::from_slice(&prepared).deserialize_map(&mut names).ok()?;
    names.0
}

/// # Errors
/// When the body is no JSON object, or has a field more than once.
pub fn single_object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let object = object(bytes)?;
    without_repeated(bytes).map(|()| object)
}

/// # Errors
/// When the body is no JSON object.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match value(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(codes::MALFORMED_JSON.with("reason", "the API expects an object")),
    }
}

/// The most values in an item of a list: objects, lists, texts, numbers. A pin with every field has below 100.
pub const ITEM_VALUES_MAX: usize = 2_000;
/// The most values in all items of a batch. Its items are in memory together, and a value takes up to 700 bytes there,
/// however few it has in the body.
pub const LIST_VALUES_MAX: usize = 20_000;

/// What happened to a body that should be a list.
#[derive(Debug, PartialEq, Eq)]
pub enum Listed {
    Done,
    /// The list goes on behind that many items, which were read.
    TooLong,
    /// The body is JSON, but no list.
    Other,
}

/// Reads a body that is a list, one item at a time: its number from 1, and its value or why it can't be read. Such an
/// item spoils no other. No more than one item is in memory.
///
/// # Errors
/// When the body is no JSON.
pub fn each_item(
    bytes: &[u8],
    item_bytes_max: usize,
    items_max: usize,
    mut item: impl FnMut(u32, Result<Value, ApiError>),
) -> Result<Listed, ApiError> {
    let prepared = prepared(bytes);
    let mut number = 0_u32;
    let mut is_too_long = false;
    let each = |raw: &RawValue| {
        if number as usize == items_max {
            is_too_long = true;
            return false;
        }
        number += 1;
        item(number, bounded(raw.get(), item_bytes_max, &row(number)));
        true
    };
    let mut input = serde_json::Deserializer::from_slice(&prepared);
    let read = input.deserialize_any(Each(each)).and_then(|is_list| input.end().map(|()| is_list));
    match read {
        _ if is_too_long => Ok(Listed::TooLong),
        Ok(true) => Ok(Listed::Done),
        Ok(false) => Ok(Listed::Other),
        Err(error) => {
            // The items before this one were read.
            let items = extents::items(&prepared, items_max).ok_or_else(|| syntax_error(&error))?;
            for range in items.into_iter().skip(number as usize) {
                if number as usize == items_max {
                    return Ok(Listed::TooLong);
                }
                number += 1;
                item(number, bounded(&String::from_utf8_lossy(&prepared[range]), item_bytes_max, &row(number)));
            }
            Ok(Listed::Done)
        }
    }
}

/// An item's name in errors, as the results of an import count.
fn row(number: u32) -> String {
    format!("Row {number}")
}

/// Gives each item of a list to the function, until it has enough. Everything else is read and dropped.
struct Each<F>(F);

impl<'de, F: FnMut(&'de RawValue) -> bool> Visitor<'de> for Each<F> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<bool, A::Error> {
        while let Some(raw) = items.next_element::<&RawValue>()? {
            if !(self.0)(raw) {
                return Err(A::Error::custom("too many items"));
            }
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// An item's value, unless the item is too large. `name` is its name in errors.
fn bounded(item: &str, bytes_max: usize, name: &str) -> Result<Value, ApiError> {
    if item.len() > bytes_max {
        return Err(codes::ITEM_TOO_LARGE.with("limit", format!("{bytes_max} bytes")));
    }
    if values(item) > ITEM_VALUES_MAX {
        return Err(codes::ITEM_TOO_LARGE.with("limit", format!("{ITEM_VALUES_MAX} values")));
    }
    let value = serde_json::from_str(item).map_err(|error| syntax_error_of(name, &error))?;
    without_repeated(item.as_bytes()).map(|()| value)
}

/// How many values a JSON text has at most: one more than its commas, and one for each object and list.
fn values(json: &str) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (1, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b',' | b'{' | b'[' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

/// Items, or why they can't be read.
type Items = Vec<Result<Value, ApiError>>;

/// A body, and what is wrong with the items of its list that couldn't be read, by their place.
pub type WithList = (Map<String, Value>, BTreeMap<usize, ApiError>);

/// The fields of a body, and the errors of those items of the list `name` that can't be read. Such an item is null in
/// the list.
///
/// # Errors
/// When the body is no JSON object, apart from these items.
pub fn object_with_list(bytes: &[u8], name: &str) -> Result<WithList, ApiError> {
    let prepared = prepared(bytes);
    let spared = if is_json(&prepared) { None } else { without_unread(&prepared, name) };
    let Some((spared, unread)) = spared.filter(|(spared, _)| is_json(spared)) else {
        return fields_and_list(&prepared, name);
    };
    let (fields, mut errors) = fields_and_list(&spared, name)?;
    errors.extend(unread);
    Ok((fields, errors))
}

fn is_json(json: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(json).is_ok()
}

/// The body with null in place of those items of the list that are no JSON, and their errors. `None`: it isn't certain
/// where an item ends.
fn without_unread(json: &[u8], name: &str) -> Option<(Vec<u8>, BTreeMap<usize, ApiError>)> {
    let list = extents::field(json, name)?;
    let items = extents::items(&json[list.clone()], LIST_VALUES_MAX)?;
    let (mut spared, mut kept, mut errors) = (Vec::with_capacity(json.len()), 0, BTreeMap::new());
    for (index, item) in items.into_iter().enumerate() {
        let (start, end) = (list.start + item.start, list.start + item.end);
        if let Err(error) = serde_json::from_slice::<IgnoredAny>(&json[start..end]) {
            spared.extend_from_slice(&json[kept..start]);
            spared.extend_from_slice(b"null");
            kept = end;
            errors.insert(index, syntax_error_of(&at(name, index), &error));
        }
    }
    spared.extend_from_slice(&json[kept..]);
    Some((spared, errors))
}

/// An item's name in errors: `pins[3]`, from 0, as the results of a batch count.
fn at(name: &str, index: usize) -> String {
    format!("{name}[{index}]")
}

fn fields_and_list(json: &[u8], name: &str) -> Result<WithList, ApiError> {
    let Ok(raw) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(json) else {
        return object(json).map(|object| (object, BTreeMap::new()));
    };
    without_repeated(json)?;
    let (mut fields, mut errors) = (Map::new(), BTreeMap::new());
    let count: usize = raw.values().map(|raw| values(raw.get())).sum();
    if count > LIST_VALUES_MAX {
        return Err(codes::BODY_TOO_RICH.with("limit", LIST_VALUES_MAX));
    }
    for (field, raw) in raw {
        let list = Some(&field).filter(|field| *field == name).and_then(|_| items(raw.get().as_bytes(), name));
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
            None => serde_json::from_str(raw.get()).map_or_else(|_| value(json), Ok)?,
        };
        fields.insert(field, value);
    }
    Ok((fields, errors))
}

fn items(json: &[u8], name: &str) -> Option<Items> {
    let raw: Vec<&RawValue> = serde_json::from_slice(json).ok()?;
    let read = |(index, item): (usize, &RawValue)| bounded(item.get(), BODY_MAX, &at(name, index));
    Some(raw.into_iter().enumerate().map(read).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items_of(text: &str) -> (Result<Listed, u16>, Vec<Result<Value, &'static str>>) {
        let mut items = Vec::new();
        let listed = each_item(text.as_bytes(), 40, 3, |number, item| {
            assert_eq!(number as usize, items.len() + 1);
            items.push(item.map_err(|error| error.code()));
        });
        (listed.map_err(|error| error.status().as_u16()), items)
    }

    #[test]
    fn the_items_of_a_list_are_read_one_by_one_and_each_has_its_own_error() {
        let half = json!({"a": "\u{ffff}"});
        let (listed, items) = items_of(r#"[{"a":"\ud83d"}, 1e999, null]"#);
        assert_eq!((listed, items), (Ok(Listed::Done), vec![Ok(half), Err("malformed_json"), Ok(Value::Null)]));
        let (listed, items) = items_of(&format!("[1, \"{}\"]", "x".repeat(40)));
        assert_eq!((listed, items), (Ok(Listed::Done), vec![Ok(json!(1)), Err("item_too_large")]));
        let (listed, items) = items_of("[1,2,3,4,5,6");
        assert_eq!((listed, items.len()), (Ok(Listed::TooLong), 3), "the rest isn't even read");
        for other in ["{}", r#"{"a":[1]}"#, "1", "-1", "1.5", "\"a\"", "null", "true"] {
            assert_eq!(items_of(other), (Ok(Listed::Other), vec![]), "{other}");
        }
        for broken in ["", "[1,", "[1]]", "[1 2]", "[1] x", "{\"a\"", "nul"] {
            assert_eq!(items_of(broken).0, Err(400), "{broken}");
        }
    }

    #[test]
    fn a_token_that_json_does_not_have_is_an_error_of_its_item() {
        for bad in [r#"{"a": NaN}"#, "undefined", r#"{"a": "\x"}"#, "[1,]", "{a: 1}", "{\"a\": \"\\\n\"}"] {
            let (listed, items) = items_of(&format!("[1, {bad}, 3]"));
            assert_eq!(listed, Ok(Listed::Done), "{bad}");
            assert_eq!(items, vec![Ok(json!(1)), Err("malformed_json"), Ok(json!(3))], "{bad}");
            let (fields, errors) =
                object_with_list(format!("{{\"pins\": [1, {bad}, 3], \"b\": 2}}").as_bytes(), "pins").expect("read");
            assert_eq!(Value::Object(fields), json!({"pins": [1, null, 3], "b": 2}), "{bad}");
            let told: Vec<(usize, bool)> =
                errors.iter().map(|(at, error)| (*at, error.message().starts_with("pins[1]: unexpected"))).collect();
            assert_eq!(told, [(1, true)], "{bad}");
        }
        let (listed, items) = items_of("[NaN, 2, 3, 4]");
        assert_eq!((listed, items.len()), (Ok(Listed::TooLong), 3));
        for whole in [r#"{"pins": [NaN], "b": NaN}"#, r#"{"pins": [{"a": "x"y"}]}"#, r#"{"pins": NaN}"#, "[NaN]"] {
            let error = object_with_list(whole.as_bytes(), "pins").expect_err(whole);
            assert!(error.code() == "malformed_json" && error.message().contains("line 1, column"), "{whole}");
        }
    }

    #[test]
    fn an_item_of_many_values_is_refused_however_small_they_are() {
        for (text, count) in
            [("1", 1), ("[]", 2), ("[1,2]", 3), (r#"{"a":{"b":[1,"x,[{"]}}"#, 5), (r#"["\"","\\",","]"#, 4)]
        {
            assert_eq!(values(text), count, "{text}");
        }
        let of = |n: usize| format!("[{}]", vec!["{\"\":0}"; n].join(","));
        assert!(bounded(&of(900), usize::MAX, "Row 1").is_ok());
        assert_eq!(bounded(&of(1_100), usize::MAX, "Row 1").expect_err("too many").code(), "item_too_large");
        let body = |n: usize| format!("{{\"pins\": [], \"other\": {}}}", of(n));
        assert!(object_with_list(body(9_000).as_bytes(), "pins").is_ok());
        let refused = object_with_list(body(11_000).as_bytes(), "pins").expect_err("too many");
        assert_eq!((refused.status().as_u16(), refused.code()), (413, "payload_too_large"));
    }

    #[test]
    fn what_is_no_character_is_marked_in_its_text_and_spoils_no_other() {
        for (bytes, read) in [
            (&b"[\"caf\xe9\", \"b\"]"[..], json!(["caf\u{ffff}", "b"])),
            (b"[\"\xf0\x9f\x98\", 1]", json!(["\u{ffff}", 1])),
            (b"[\"\xc3\xbc\xc3\"]", json!(["\u{fc}\u{ffff}"])),
            (b"[\"a\x01b\x00\", 2]", json!(["a\u{fffe}b\u{fffe}", 2])),
            (b"{\"a\nb\": \"c\td\"}\n", json!({"a\u{fffe}b": "c\u{fffe}d"})),
            (b"[\"\\\"\x1f\\\\\"]", json!(["\"\u{fffe}\\"])),
        ] {
            assert_eq!(value(bytes).expect("read"), read, "{bytes:?}");
        }
        for broken in [&b"\xe9"[..], b"[\x01]", b"[1\x00]", b"\"a\x01", b"\xef\xbb"] {
            assert!(value(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_field_that_is_there_twice_is_found() {
        for (text, name) in [
            (r#"{"a": 1, "b": {"a": 1}}"#, None),
            (r#"{"a": 1, "b": 2, "a": 1}"#, Some("a")),
            (r#"{"scopes": ["read"], "\u0073copes": ["write"]}"#, Some("scopes")),
            ("[]", None),
            ("{", None),
        ] {
            assert_eq!(repeated(text.as_bytes()).as_deref(), name, "{text}");
        }
    }

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
