//! When two links or two texts may be the same though they are written in two ways.
//!
//! Pinterest's lists may show a link percent-encoded or decoded, with its host in punycode or in Unicode, with or
//! without a default port, HTML-escaped with any entity, and a text percent-encoded or in another Unicode form; either
//! may have the escapes of JSON, too. So both sides are reduced to *keys*, and they may be the same if they share one.
//! Keys are for comparing only: nothing is stored or sent in this form, except that sibling rows are found by a hash of
//! them.
//!
//! Two rules keep a published Pin from being overlooked:
//! - Leniency never shrinks. The first key is derived from the fold of the previous versions ([`folded`] and
//!   [`folded_link`]), so whatever was the same under that fold still is.
//! - Whatever may be the same shares a key. So a pin is found by the keys of a Pin that may be its own.

mod damaged;
mod entities;
mod escapes;
mod legacy;
mod link;

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

pub use entities::unescaped;
pub use escapes::without_escapes;
pub use link::{query, within};

/// What a link or a text is compared by: mostly one key. An empty key is that of a value that distinguishes nothing: it
/// has no letter or digit, perhaps only signs, which Pinterest may write as entities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<String>);

impl Keys {
    fn of(keys: impl IntoIterator<Item = String>) -> Self {
        let mut distinct: Vec<String> = Vec::new();
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        Self(distinct)
    }

    /// Of a title or a description.
    pub fn of_text(text: &str) -> Self {
        let unescaped = unescaped(text);
        let keys = [reduced(&folded(text)), reduced(&unescaped)];
        let spelled = may_be_escaped(&unescaped).then(|| link::spelled_out(&unescaped));
        // What was misread may have had entities, and may have got some.
        let misread = [Some(text), Some(unescaped.as_ref()), spelled.as_deref()].into_iter().flatten();
        let mended: Vec<String> = misread.flat_map(damaged::mended).collect();
        let others = mended.iter().flat_map(|text| [reduced(text), reduced(&self::unescaped(text))]);
        Self::of(keys.into_iter().chain(spelled.as_deref().map(reduced)).chain(others))
    }

    pub fn of_link(link: &str) -> Self {
        let keys = link::keys(link);
        let unescaped = unescaped(link);
        if !unescaped.contains("\\") && !unescaped.contains("%u") {
            return Self::of(keys);
        }
        let without = without_escapes(&escapes::in_one_form(&unescaped));
        Self::of(keys.into_iter().chain(link::keys(&without)))
    }

    /// Whether the value is missing, or may distinguish nothing.
    pub fn may_be_empty(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(String::is_empty)
    }

    /// At least one; `None` stands for a value that distinguishes nothing.
    pub fn or_none(&self) -> Vec<Option<&str>> {
        let keys: Vec<_> = self.0.iter().map(|key| Some(key.as_str()).filter(|key| !key.is_empty())).collect();
        if keys.is_empty() { vec![None] } else { keys }
    }

    /// Whether the two values may be the same, given that both are there.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().any(|key| other.0.contains(key))
    }
}

/// Whether there may be escapes in the text beside HTML's.
fn may_be_escaped(text: &str) -> bool {
    text.contains(['%', '\\'])
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
        // A cut falls between a letter and its accent, or within an entity or an escape.
        || begins(&bare(&unescaped(whole)), &bare(&unescaped(entities::without_partial(shown))))
        || ((may_be_escaped(whole) || may_be_escaped(shown)) && {
            let spelled = |text: &str| bare(&link::spelled_out(&unescaped(text)));
            begins(&spelled(whole), &spelled(escapes::without_partial(entities::without_partial(shown))))
        })
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

/// Letters and digits in one case and one Unicode form (NFKC), whatever form they had.
pub fn reduced(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    }
    in_one_case(text).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The text in one case and one Unicode form (NFKC).
pub fn in_one_case(text: &str) -> String {
    // Upper case first: "ß" and "ss" are one, and so are the two forms of a small sigma.
    let upper = nfkc(text).to_uppercase();
    let lower: String = nfkc(&upper).chars().flat_map(char::to_lowercase).collect();
    nfkc(&lower).into_owned()
}

/// The same without accents: a text that was cut within a character is the beginning of the whole text.
fn bare(text: &str) -> String {
    bare_but(text, &[])
}

/// The same with these marks, which are no accents.
fn bare_but(text: &str, marks: &[char]) -> String {
    let reduced = reduced(text);
    if reduced.is_ascii() {
        return reduced;
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(&reduced).into_owned();
    decomposed.chars().filter(|c| c.is_alphanumeric() || marks.contains(c)).collect()
}

/// Whether `theirs` may be what is left of `ours`: written in ASCII, cleaned of markup, emoji or hashtags, cut with a
/// mark that says so, or with signs in place of letters.
pub fn may_be_left(ours: &str, theirs: &str) -> bool {
    let (plain_ours, plain_theirs, shown) = (plain(ours), plain(theirs), unescaped(theirs));
    // Most titles are the same in each variant: reducing them again would tell nothing new.
    let is_variant = |variant: &str| variant != ours && plain(variant) == plain_theirs;
    let is_same = || {
        plain_ours == plain_theirs
            || is_variant(&damaged::without_keycaps(ours))
            || is_variant(&damaged::without_hashtags(ours))
            || is_variant(&damaged::in_two_letters(ours))
            || ((ours.contains('&') || shown.contains('&'))
                && with_and(ours, &plain_ours) == with_and(&shown, &plain_theirs))
    };
    (!plain_theirs.is_empty() && is_same())
        || damaged::before_cut(theirs).is_some_and(|begins| is_begun_by(&plain_ours, begins))
        || damaged::has_lost_letters(ours, &shown)
}

/// What is left of the text with "and" for its signs. `plain_text` is what is left of it as it is.
fn with_and<'a>(text: &str, plain_text: &'a str) -> Cow<'a, str> {
    if text.contains('&') { plain(&text.replace('&', "and")).into() } else { plain_text.into() }
}

fn is_begun_by(plain_ours: &str, begins: &str) -> bool {
    let begins = plain(begins);
    begins.len() >= CUT_MIN && plain_ours.starts_with(&begins)
}

/// Letters and digits without accents and markup.
fn plain(text: &str) -> String {
    let unescaped = unescaped(text);
    let (mut outside, mut is_tag) = (String::new(), false);
    for (index, c) in unescaped.char_indices() {
        let begins_tag =
            |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && rest.contains('>');
        match c {
            '<' if begins_tag(&unescaped[index + 1..]) => is_tag = true,
            '>' if is_tag => is_tag = false,
            _ if is_tag => {}
            _ => outside.push(c),
        }
    }
    // The voicing marks of kana aren't accents: they make other letters.
    const VOICED: [char; 2] = ['\u{3099}', '\u{309a}'];
    damaged::in_ascii(&bare_but(&outside, &VOICED))
}

fn nfkc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each variant is reduced and compared, whether it differs from the title or not.
    fn may_be_left_in_full(ours: &str, theirs: &str) -> bool {
        let plain_theirs = plain(theirs);
        let with_and = |text: &str| plain(&text.replace('&', "and"));
        let variants = [
            plain(ours),
            plain(&damaged::without_keycaps(ours)),
            plain(&damaged::without_hashtags(ours)),
            plain(&damaged::in_two_letters(ours)),
        ];
        let is_same = variants.contains(&plain_theirs) || with_and(ours) == with_and(&unescaped(theirs));
        let begins = damaged::before_cut(theirs).map(plain).filter(|begins| begins.len() >= CUT_MIN);
        (!plain_theirs.is_empty() && is_same)
            || begins.is_some_and(|begins| plain(ours).starts_with(&begins))
            || damaged::has_lost_letters(ours, &unescaped(theirs))
    }

    #[test]
    fn what_may_be_left_of_a_title_is_found_without_comparing_equal_variants() {
        let titles = [
            "",
            "…",
            "Soup",
            "Soup & bread",
            "Soup &amp; bread",
            "Soup &amp;amp; bread",
            "Soup and bread",
            "Soup andamp bread",
            "Soup  &  <b>bread</b> #soup",
            "Soup bread",
            "#soup",
            "1\u{fe0f}\u{20e3} Soup",
            "1 Soup",
            "Größe & Übermut",
            "Groesse and Uebermut",
            "Grosse Ubermut",
            "Gr??e & ?bermut",
            "Gr\u{fffd}\u{fffd}e & \u{fffd}bermut",
            "Crème brûlée with a very long name",
            "Creme brulee with a very…",
            "Creme brulee with...",
            "Creme...",
            "ガラス",
            "カラス",
        ];
        let mut found = 0;
        for ours in titles {
            for theirs in titles {
                assert_eq!(may_be_left(ours, theirs), may_be_left_in_full(ours, theirs), "{ours} / {theirs}");
                found += usize::from(ours != theirs && may_be_left(ours, theirs));
            }
        }
        assert!(found >= 10, "{found} pairs");
    }
}
