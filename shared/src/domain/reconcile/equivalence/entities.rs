//! HTML's entities in links and texts, read as browsers read them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::legacy;

/// Entities are read up to this often: what was escaped already may have been escaped again.
const UNESCAPED_MAX: usize = 8;

/// The longest entity that is read, in characters after its `&`: "CounterClockwiseContourIntegral" has 31.
const ENTITY_MAX: usize = 32;

/// The longest that may lack its semicolon: "frac12".
const OPEN_MAX: usize = 6;

/// The named entities of the HTML standard (`tests/entities.py`).
const TEXT: &str = include_str!("entities.txt");

#[derive(Clone, Copy)]
struct Entity {
    /// In hexadecimal, with `-` between them.
    code_points: &'static str,
    /// Whether it is read without its semicolon, too.
    is_open: bool,
}

static NAMED: LazyLock<HashMap<&str, Entity>> = LazyLock::new(|| {
    let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_ascii_whitespace).filter_map(read_entity).collect()
});

fn read_entity(text: &'static str) -> Option<(&'static str, Entity)> {
    let (name, code_points) = text.split_once('=')?;
    let (name, is_open) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
    Some((name, Entity { code_points, is_open }))
}

impl Entity {
    fn characters(self) -> impl Iterator<Item = char> {
        self.code_points.split('-').filter_map(|point| u32::from_str_radix(point, 16).ok().and_then(char::from_u32))
    }
}

/// Without the entities that HTML escaping makes, also where one escapes another.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..UNESCAPED_MAX {
        match unescaped_once(&text) {
            Some(next) => text = Cow::Owned(next),
            None => break,
        }
    }
    text
}

/// `None` if there is no entity in it.
fn unescaped_once(text: &str) -> Option<String> {
    let mut plain = String::new();
    let (mut rest, mut is_changed) = (text, false);
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match number(rest).or_else(|| name(rest)) {
            Some((characters, length)) => {
                plain.push_str(&characters);
                rest = &rest[length..];
                is_changed = true;
            }
            None => plain.push('&'),
        }
    }
    plain.push_str(rest);
    is_changed.then_some(plain)
}

/// Reads a number such as `#233;` or `#xE9`: its character, and the length of what was read.
fn number(text: &str) -> Option<(String, usize)> {
    let digits = text.strip_prefix('#')?;
    let (digits, radix) = digits.strip_prefix(['x', 'X']).map_or((digits, 10), |digits| (digits, 16));
    let behind = digits.trim_start_matches(|c: char| c.is_digit(radix));
    let digits = &digits[..digits.len() - behind.len()];
    if digits.is_empty() {
        return None;
    }
    let character = match u32::from_str_radix(digits.trim_start_matches('0'), radix) {
        // Browsers read these as bytes of Windows-1252.
        Ok(byte @ 0x80..=0x9f) => legacy::character(byte as u8),
        code => code.ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    Some((character.into(), text.len() - behind.strip_prefix(';').unwrap_or(behind).len()))
}

/// Reads a name such as `eacute;`, or one of those that may lack the semicolon.
fn name(text: &str) -> Option<(String, usize)> {
    let end = text.bytes().take(ENTITY_MAX).take_while(u8::is_ascii_alphanumeric).count();
    let closed = NAMED.get(&text[..end]).filter(|_| text[end..].starts_with(';')).map(|entity| (entity, end + 1));
    let open = |length| NAMED.get(&text[..length]).filter(|entity| entity.is_open).map(|entity| (entity, length));
    let (entity, length) = closed.or_else(|| (1..=end.min(OPEN_MAX)).rev().find_map(open))?;
    Some((entity.characters().collect(), length))
}

/// A text that was cut within an entity, without the entity's beginning.
pub fn without_partial(text: &str) -> &str {
    let text = text.trim_end_matches(['…', '.', ' ']);
    match text.rfind('&') {
        Some(at)
            if text.len() - at <= ENTITY_MAX
                && text[at + 1..].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#') =>
        {
            &text[..at]
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_of_the_standard_is_read() {
        assert_eq!(NAMED.len(), 2125);
        assert_eq!(NAMED.values().filter(|entity| entity.is_open).count(), 106);
        let longest = NAMED.keys().map(|name| name.len()).max();
        assert!(longest < Some(ENTITY_MAX), "{longest:?}");
        assert!(NAMED.iter().all(|(name, entity)| !entity.is_open || name.len() <= OPEN_MAX));
        for (name, entity) in NAMED.iter() {
            let characters: String = entity.characters().collect();
            assert_eq!(characters.chars().count(), entity.code_points.split('-').count(), "{name}");
            assert_eq!(unescaped(&format!("a&{name};b")), format!("a{characters}b"), "{name}");
        }
    }

    #[test]
    fn entities_are_read_as_browsers_read_them() {
        for (escaped, plain) in [
            ("&frac14; cup", "¼ cup"),
            ("&hearts;&THORN;&alpha;&Lstrok;", "♥Þα\u{141}"),
            ("&NotEqualTilde;", "≂\u{338}"),
            ("Caf&eacute", "Café"),
            ("Caf&eacutes", "Cafés"),
            ("Tom &amp Jerry", "Tom & Jerry"),
            ("&notin; &notit;", "∉ ¬it;"),
            ("&hearts &alpha", "&hearts &alpha"),
            ("&#0000026085; &#x0000065E5;", "日 日"),
            ("&#233 &#xe9 &#XE9;", "é é é"),
            ("&#146;&#x8C;&#128", "’Œ€"),
            ("&#0;&#xD800;&#99999999999;", "\u{fffd}\u{fffd}\u{fffd}"),
            ("&#; &#x; &; & &&amp;", "&#; &#x; &; & &&"),
            ("&amp;amp;amp;eacute;", "é"),
            ("AT&T; R&D", "AT&T; R&D"),
            ("&é;", "&é;"),
        ] {
            assert_eq!(unescaped(escaped), plain, "{escaped}");
        }
    }

    #[test]
    fn a_text_that_was_cut_within_an_entity_ends_before_it() {
        for (cut, whole) in [
            ("Caf&eacut…", "Caf"),
            ("Caf&#23", "Caf"),
            ("a &CounterClockwiseContourIntegra", "a "),
            ("a & b", "a & b"),
            ("a &amp; b", "a &amp; b"),
        ] {
            assert_eq!(without_partial(cut), whole);
        }
    }
}
