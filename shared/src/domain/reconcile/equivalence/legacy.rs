//! Bytes that aren't UTF-8, read as Windows-1252: the superset of Latin-1 that browsers read, too.

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

/// The text of the bytes; what is UTF-8 in them is read as that.
pub fn text(bytes: &[u8], reading: Reading) -> String {
    let mut text = String::with_capacity(bytes.len());
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
