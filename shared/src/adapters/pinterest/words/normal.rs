//! One form of what a message and a text of ours are written in: without escapes, in one case and one Unicode form,
//! with one kind of apostrophe and of quotation marks.

use icu_normalizer::ComposingNormalizerBorrowed;
use percent_encoding::percent_decode_str;

use crate::adapters::pinterest::marks::ADDRESS;
use crate::domain::reconcile::equivalence::{unescaped, without_escapes};

/// What may stand around an address without being part of it.
const AROUND: &[char] =
    &['\'', '"', '‘', '’', '“', '”', '„', '«', '»', '(', ')', '<', '>', '[', ']', ',', '.', '!', ';', ':'];

/// A name that ends like this is an address also without a path.
const COMMON_ENDS: [&str; 12] =
    [".com", ".net", ".org", ".io", ".co", ".de", ".fr", ".uk", ".shop", ".store", ".blog", ".example"];

/// A message of Pinterest's. Addresses in it are replaced by [`ADDRESS`].
pub fn of_message(message: &str) -> Vec<char> {
    let words: Vec<String> = message.split_whitespace().map(without_address).collect();
    of_text(&words.join(" "))
}

/// A text of ours.
pub fn of_text(text: &str) -> Vec<char> {
    let text = without_escapes(text);
    let text = unescaped(&text);
    let text = percent_decode_str(&text).decode_utf8().unwrap_or_else(|_| text.as_ref().into());
    let text: String = text.chars().filter_map(unified).collect();
    let text = ComposingNormalizerBorrowed::new_nfkc().normalize(&text).to_lowercase();
    let mut words: Vec<char> = Vec::new();
    for c in ComposingNormalizerBorrowed::new_nfkc().normalize(&text).chars() {
        let c = if c.is_whitespace() || c.is_control() { ' ' } else { c };
        if c != ' ' || words.last().is_some_and(|last| *last != ' ') {
            words.push(c);
        }
    }
    if words.last() == Some(&' ') {
        words.pop();
    }
    words
}

/// The character in the one form of its kind; none for one that isn't seen.
fn unified(c: char) -> Option<char> {
    Some(match c {
        '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}' | '\u{2060}' => return None,
        '‘' | '’' | '‚' | '‛' | 'ʼ' | '′' | '`' | '´' | '＇' => '\'',
        '‟' | '″' | '＂' => '"',
        c => c,
    })
}

/// A word, with its address replaced.
fn without_address(word: &str) -> String {
    let bare = word.trim_matches(AROUND);
    let plain = bare.replace('\\', "").to_lowercase();
    let is_address = plain.contains("://") || plain.contains("%3a%2f%2f") || plain.starts_with("www.") || {
        let (host, path) = plain.split_once('/').unwrap_or((&plain, ""));
        let ends_in_a_domain = host
            .rsplit_once('.')
            .is_some_and(|(_, last)| last.len() >= 2 && last.bytes().all(|b| b.is_ascii_lowercase()));
        let is_bare = COMMON_ENDS.iter().any(|end| host.strip_suffix(end).is_some_and(|name| !name.is_empty()));
        (!path.is_empty() && ends_in_a_domain) || (path.is_empty() && is_bare)
    };
    if is_address { word.replacen(bare, ADDRESS, 1) } else { word.to_owned() }
}
