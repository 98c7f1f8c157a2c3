//! Texts that were damaged on their way: by a machine that took UTF-8 for another encoding, or that has no sign for
//! letters outside of ASCII.

use std::borrow::Cow;

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::legacy::{self, Reading};

/// A text is mended up to this often: it may have been misread twice.
const MENDED_MAX: usize = 2;
/// What stands for a letter that got lost.
const LOST: [char; 2] = ['?', char::REPLACEMENT_CHARACTER];
/// Makes a digit, `#` or `*` before it an emoji, perhaps with a sign between them.
const KEYCAP: char = '\u{20e3}';
const EMOJI_FORM: char = '\u{fe0f}';

/// The texts whose UTF-8 may have been taken for Windows-1252 or Latin-1, once or several times: "CafÃ©" is "Café".
pub fn mended(text: &str) -> Vec<String> {
    std::iter::successors(once(text), |mended| once(mended)).take(MENDED_MAX).collect()
}

fn once(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    // What isn't of that encoding, or isn't UTF-8 then, stays as it is.
    let (mut mended, mut bytes) = (String::new(), Vec::new());
    for c in text.chars() {
        match legacy::byte(c) {
            Some(byte) => bytes.push(byte),
            None => {
                mended += &legacy::text(&std::mem::take(&mut bytes), Reading::Legacy);
                mended.push(c);
            }
        }
    }
    mended += &legacy::text(&bytes, Reading::Legacy);
    (mended != text).then_some(mended)
}

/// Whether `theirs` is `ours` with signs in place of some letters: "Caf?" is "Café".
pub fn has_lost_letters(ours: &str, theirs: &str) -> bool {
    if ours.is_ascii() || !theirs.contains(LOST) {
        return false;
    }
    let theirs = marked(theirs);
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(ours);
    marked(ours) == theirs || marked(&decomposed) == theirs
}

/// Letters and digits of ASCII in one case, with one sign for whatever else may have got lost between them.
fn marked(text: &str) -> String {
    let mut marked = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            marked.push(c.to_ascii_lowercase());
        } else if (!c.is_ascii() || LOST.contains(&c)) && !marked.ends_with('?') {
            marked.push('?');
        }
    }
    marked
}

/// The text without emoji that are made of a digit.
pub fn without_keycaps(text: &str) -> Cow<'_, str> {
    if !text.contains(KEYCAP) {
        return text.into();
    }
    let mut kept: Vec<char> = Vec::new();
    for c in text.chars() {
        if c == KEYCAP {
            kept.pop_if(|last| *last == EMOJI_FORM);
            kept.pop_if(|last| last.is_ascii_digit() || ['#', '*'].contains(last));
        } else {
            kept.push(c);
        }
    }
    kept.into_iter().collect::<String>().into()
}

/// The text without words that begin with `#`.
pub fn without_hashtags(text: &str) -> String {
    text.split_whitespace().filter(|word| !word.starts_with('#')).collect::<Vec<_>>().join(" ")
}

/// The text without the mark that says that it was cut; `None` without such a mark.
pub fn before_cut(text: &str) -> Option<&str> {
    let text = text.trim_end();
    text.strip_suffix('…').or_else(|| text.strip_suffix("..."))
}

/// The letters that German writes as two where it has no sign for them.
pub fn in_two_letters(text: &str) -> String {
    let composed = icu_normalizer::ComposingNormalizerBorrowed::new_nfc().normalize(text);
    composed.replace(['ä', 'Ä'], "ae").replace(['ö', 'Ö'], "oe").replace(['ü', 'Ü'], "ue")
}

/// The letters of Latin that have no decomposition, as they are written in ASCII.
pub fn in_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'æ' => ascii.push_str("ae"),
            'œ' => ascii.push_str("oe"),
            'ø' => ascii.push('o'),
            'ł' => ascii.push('l'),
            'đ' | 'ð' => ascii.push('d'),
            'þ' => ascii.push_str("th"),
            'ı' => ascii.push('i'),
            other => ascii.push(other),
        }
    }
    ascii
}
