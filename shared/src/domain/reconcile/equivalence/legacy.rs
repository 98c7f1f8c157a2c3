//! Bytes that aren't UTF-8, read as Windows-1252: the superset of Latin-1 that browsers read, too.

use std::borrow::Cow;

/// What the bytes from 0x80 to 0x9f stand for. Five stand for nothing, and are control characters.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

pub fn character(byte: u8) -> char {
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// The byte that is read as this character.
pub fn byte(character: char) -> Option<u8> {
    let high = HIGH.iter().position(|known| *known == character).and_then(|at| u8::try_from(at).ok());
    high.map(|at| 0x80 + at).or_else(|| u8::try_from(character).ok())
}

/// How bytes that aren't UTF-8 are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As the sign for bytes that can't be read.
    Unknown,
    /// As characters of Windows-1252.
    Legacy,
}

/// The bytes with each pair of surrogates, of which either was written as if it were a character, as one character.
fn with_joined_surrogates(bytes: &[u8]) -> Cow<'_, [u8]> {
    let unit = |at: &[u8]| 0xd000 | u16::from(at[1] & 0x3f) << 6 | u16::from(at[2] & 0x3f);
    let is_pair = |at: &[u8]| matches!(at, [0xed, 0xa0..=0xaf, _, 0xed, 0xb0..=0xbf, _]);
    if !bytes.windows(6).any(is_pair) {
        return bytes.into();
    }
    let (mut joined, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some((first, behind)) = rest.split_first() {
        let character = rest
            .get(..6)
            .filter(|pair| is_pair(pair))
            .and_then(|pair| char::decode_utf16([unit(&pair[..3]), unit(&pair[3..])]).next().and_then(Result::ok));
        match character {
            Some(character) => {
                joined.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[6..];
            }
            None => {
                joined.push(*first);
                rest = behind;
            }
        }
    }
    joined.into()
}

/// The text of the bytes; what is UTF-8 in them is read as that.
pub fn text(bytes: &[u8], reading: Reading) -> String {
    let mut text = String::with_capacity(bytes.len());
    let bytes = with_joined_surrogates(bytes);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        match reading {
            Reading::Unknown if !chunk.invalid().is_empty() => text.push(char::REPLACEMENT_CHARACTER),
            Reading::Unknown => {}
            Reading::Legacy => text.extend(chunk.invalid().iter().map(|byte| character(*byte))),
        }
    }
    text
}
