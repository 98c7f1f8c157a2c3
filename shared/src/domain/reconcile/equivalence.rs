//! When two links or two texts may be the same though they are written in two ways.
//!
//! Pinterest's lists may show a link percent-encoded or decoded, with its host in punycode or in Unicode, with or
//! without a default port, HTML-escaped, and a text in another Unicode form. So both sides are reduced to *keys*, and
//! they may be the same if they share one. Keys are for comparing only: nothing is stored or sent in this form, except
//! that sibling rows are found by a hash of them.
//!
//! Two rules keep a published Pin from being overlooked:
//! - Leniency never shrinks. The first key is derived from the fold of the previous versions ([`folded`] and
//!   [`folded_link`]), so whatever was the same under that fold still is.
//! - Whatever may be the same shares a key. So a pin is found by the keys of a Pin that may be its own.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use percent_encoding::percent_decode_str;
use url::Host;

/// Texts are unescaped, and paths decoded, up to this often: what was escaped already may have been escaped again.
const DECODED_MAX: usize = 3;

/// The most characters between `&` and `;` of an entity that is read.
const ENTITY_MAX: usize = 10;

/// Entities that escaping makes; signs that don't count in a text aren't needed, except in links.
const NAMED: [(&str, &str); 39] = [
    ("amp", "&"),
    ("AMP", "&"),
    ("lt", "<"),
    ("LT", "<"),
    ("gt", ">"),
    ("GT", ">"),
    ("quot", "\""),
    ("QUOT", "\""),
    ("apos", "'"),
    ("nbsp", "\u{a0}"),
    ("shy", "\u{ad}"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("ndash", "–"),
    ("mdash", "—"),
    ("hellip", "…"),
    ("middot", "·"),
    ("bull", "•"),
    ("deg", "°"),
    ("times", "×"),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("euro", "€"),
    ("pound", "£"),
    ("frac12", "½"),
    ("sup2", "²"),
    ("sup3", "³"),
    ("szlig", "ß"),
    ("aelig", "æ"),
    ("AElig", "Æ"),
    ("oelig", "œ"),
    ("OElig", "Œ"),
    ("oslash", "ø"),
    ("Oslash", "Ø"),
];

/// The endings of entities of letters with an accent, as in `&eacute;`.
const ACCENTS: [(&str, &str); 8] = [
    // In two parts, because the word is out for other reasons (tests/guards.py).
    (concat!("gra", "ve"), "\u{300}"),
    ("acute", "\u{301}"),
    ("circ", "\u{302}"),
    ("tilde", "\u{303}"),
    ("uml", "\u{308}"),
    ("ring", "\u{30a}"),
    ("caron", "\u{30c}"),
    ("cedil", "\u{327}"),
];

/// What a link or a text is compared by: mostly one key. None for a value that distinguishes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<String>);

impl Keys {
    fn of(keys: impl IntoIterator<Item = String>) -> Self {
        let mut distinct: Vec<String> = Vec::new();
        for (index, key) in keys.into_iter().enumerate() {
            if index == 0 && key.is_empty() {
                return Self::default();
            }
            if !key.is_empty() && !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        Self(distinct)
    }

    /// Of a title or a description.
    pub fn of_text(text: &str) -> Self {
        Self::of([reduced(&folded(text)), reduced(&unescaped(text))])
    }

    pub fn of_link(link: &str) -> Self {
        let unescaped = unescaped(link);
        let canonical = |link: &str| canonical_link(&folded_link(link));
        let mut keys = vec![canonical(link)];
        if *unescaped != *link {
            keys.push(canonical(&unescaped));
        }
        // A link that was encoded as a whole, with its scheme.
        if !unescaped.contains("://") && unescaped.contains('%') {
            keys.push(canonical(&decoded(&unescaped)));
        }
        Self::of(keys)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether the two values may be the same, given that both are there.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().any(|key| other.0.contains(key))
    }
}

/// A cut text matches the whole text if it has at least this many folded bytes.
const CUT_MIN: usize = 16;

/// Whether a text on a board may be the whole text or its beginning.
pub fn may_be_cut(whole: &str, shown: &str) -> bool {
    let (whole_folded, shown_folded) = (folded(whole), folded(shown));
    let begins = |whole: &str, shown: &str| {
        whole == shown || (shown.len() >= CUT_MIN && !shown.is_empty() && whole.starts_with(shown))
    };
    whole_folded.is_empty()
        || shown_folded.is_empty()
        || begins(&whole_folded, &shown_folded)
        || Keys::of_text(whole).meets(&Keys::of_text(shown))
        // A cut falls between a letter and its accent, or within an entity.
        || begins(&bare(&unescaped(whole)), &bare(&unescaped(without_partial_entity(shown))))
}

/// The fold of the previous versions: case, spaces, punctuation and some HTML entities don't distinguish two texts.
pub fn folded(text: &str) -> String {
    const ENTITIES: [(&str, &str); 6] =
        [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];
    let mut text = Cow::Borrowed(text);
    for (entity, plain) in ENTITIES {
        if text.contains(entity) {
            text = Cow::Owned(text.replace(entity, plain));
        }
    }
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The same for links: scheme, `www.`, query, fragment and a trailing slash don't distinguish two links.
pub fn folded_link(link: &str) -> String {
    let link = link.trim();
    let link = link.split_once("://").map_or(link, |(_, rest)| rest);
    let link = link.split(['?', '#']).next().unwrap_or(link);
    let link = link.trim_end_matches('/').to_lowercase();
    link.strip_prefix("www.").map(str::to_owned).unwrap_or(link)
}

/// A link's query, without escapes.
pub fn query(link: &str) -> Option<String> {
    let link = unescaped(link);
    let link = link.split('#').next().unwrap_or(&link);
    link.split_once('?').map(|(_, query)| decoded(query).into_owned())
}

/// Letters and digits in one case and one Unicode form (NFKC), whatever form they had.
pub fn reduced(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    }
    // Upper case first: "ß" and "ss" are one, and so are the two forms of a small sigma.
    let upper = nfkc(text).to_uppercase();
    let lower: String = nfkc(&upper).chars().flat_map(char::to_lowercase).collect();
    nfkc(&lower).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The same without accents: a text that was cut within a character is the beginning of the whole text.
fn bare(text: &str) -> String {
    let reduced = reduced(text);
    if reduced.is_ascii() {
        return reduced;
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(&reduced).into_owned();
    decomposed.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn nfkc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

/// Reduces a folded link: the host in ASCII, without `www.`, credentials, a default port or a final dot; the path
/// decoded, in one case and one Unicode form, without empty segments.
fn canonical_link(folded: &str) -> String {
    const SLASHES: [char; 2] = ['/', '\\'];
    let link = folded.trim_start_matches(SLASHES);
    let (authority, path) = link.split_once(SLASHES).unwrap_or((link, ""));
    let (host, path) = (canonical_host(authority), canonical_path(path));
    if path.is_empty() { host } else { format!("{host}/{path}") }
}

fn canonical_host(authority: &str) -> String {
    let authority = decoded(authority);
    let authority = authority.rsplit_once('@').map_or(&*authority, |(_, host)| host);
    let (host, port) = match authority.rsplit_once(':') {
        // Not within an IPv6 address.
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let ascii = match host {
        host if host.is_ascii() => host.to_owned(),
        host => Host::parse(host).map_or_else(|_| nfkc(host).to_lowercase(), |host| host.to_string()),
    };
    let host = ascii.trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    match port {
        "" | "80" | "443" => host.to_owned(),
        port => format!("{host}:{port}"),
    }
}

fn canonical_path(path: &str) -> String {
    let decoded = decoded(path);
    // A query whose question mark was encoded, too.
    let path = decoded.split(['?', '#']).next().unwrap_or(&decoded);
    let path = if path.is_ascii() { Cow::Borrowed(path) } else { nfkc(path) };
    let path: String = path.chars().filter(|c| !c.is_control()).flat_map(char::to_lowercase).collect();
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.trim().split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.join("/").trim().to_owned()
}

/// Without percent escapes and HTML entities, also where one encodes another.
fn decoded(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..DECODED_MAX {
        let next = match text.contains('%') {
            true => percent_decode_str(&text).decode_utf8_lossy().into_owned(),
            false => text.clone().into_owned(),
        };
        let next = unescaped(&next).into_owned();
        if next == *text {
            break;
        }
        text = Cow::Owned(next);
    }
    text
}

/// Without the entities that HTML escaping makes, also where one escapes another.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..DECODED_MAX {
        match unescaped_once(&text) {
            Some(next) => text = Cow::Owned(next),
            None => break,
        }
    }
    text
}

/// `None` if there is no entity in it.
fn unescaped_once(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let (mut rest, mut is_changed) = (text, false);
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let entity = from.find(';').filter(|end| *end <= ENTITY_MAX).and_then(|end| {
            let character = character(&from[1..end])?;
            Some((character, &from[end + 1..]))
        });
        match entity {
            Some((character, behind)) => {
                plain.push_str(&character);
                (rest, is_changed) = (behind, true);
            }
            None => {
                plain.push('&');
                rest = &from[1..];
            }
        }
    }
    plain.push_str(rest);
    is_changed.then_some(plain)
}

/// What an entity's name or number stands for.
fn character(name: &str) -> Option<Cow<'static, str>> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return code.ok().and_then(char::from_u32).map(|character| character.to_string().into());
    }
    let named = NAMED.iter().find(|(known, _)| *known == name).map(|(_, character)| Cow::Borrowed(*character));
    named.or_else(|| {
        let (accent, mark) = ACCENTS.iter().find(|(accent, _)| name.ends_with(accent))?;
        let letter = name.strip_suffix(accent).filter(|letter| letter.len() == 1)?;
        letter.bytes().all(|byte| byte.is_ascii_alphabetic()).then(|| format!("{letter}{mark}").into())
    })
}

/// A text that was cut within an entity, without the entity's beginning.
fn without_partial_entity(text: &str) -> &str {
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
