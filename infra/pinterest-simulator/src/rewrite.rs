//! Ways in which lists may show a Pin's link and texts otherwise than they were sent, without changing what they mean.
//!
//! Pinterest documents none of them. A publishing system that looks for its own Pin must recognise it in each.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};

/// What `percent_encoded` leaves as it is.
const KEPT: &AsciiSet = &UNRESERVED.remove(b'/').remove(b'%');
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// Entities by name, and whether HTML reads them without their semicolon. A list of its own: who reads what is listed
/// here must know all 2,125.
const NAMES: [(char, &str, bool); 38] = [
    ('&', "amp", true),
    ('<', "lt", true),
    ('>', "gt", true),
    ('"', "quot", true),
    ('\'', "apos", false),
    ('\u{a0}', "nbsp", true),
    ('’', "rsquo", false),
    ('“', "ldquo", false),
    ('”', "rdquo", false),
    ('–', "ndash", false),
    ('…', "hellip", false),
    ('é', "eacute", true),
    ('è', "egrave", true),
    ('à', "agrave", true),
    ('ç', "ccedil", true),
    ('ü', "uuml", true),
    ('ö', "ouml", true),
    ('å', "aring", true),
    ('ñ', "ntilde", true),
    ('ß', "szlig", true),
    ('Þ', "THORN", true),
    ('ð', "eth", true),
    ('Ł', "Lstrok", false),
    ('š', "scaron", false),
    ('α', "alpha", false),
    ('µ', "micro", true),
    ('ª', "ordf", true),
    ('¹', "sup1", true),
    ('²', "sup2", true),
    ('¼', "frac14", true),
    ('½', "frac12", true),
    ('¾', "frac34", true),
    ('№', "numero", false),
    ('™', "trade", false),
    ('♥', "hearts", false),
    ('ﬁ', "filig", false),
    ('‰', "permil", false),
    ('%', "percnt", false),
];

/// One way to write a link or a text. Links and texts that a way doesn't concern stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// A link's path, with more escapes than it needs, in lower case.
    PercentEncoded,
    /// A link's path, without escapes.
    PercentDecoded,
    /// A link's path, with the letters of Latin-1 as one byte each, such as `%E9`.
    Latin1Encoded,
    /// A link's path without escapes; bytes that aren't UTF-8 are read as Latin-1.
    Latin1Decoded,
    /// `+` in place of a blank in a link's path, and the other way round.
    PlusForBlank,
    BlankForPlus,
    /// A link's host in Unicode.
    UnicodeHost,
    /// A link's host in punycode.
    Punycode,
    /// A link's host as IDNA of 2003 reads it: `ss` in place of `ß`.
    HostOf2003,
    /// A link with its scheme's port.
    WithPort,
    /// A link without its scheme's port.
    WithoutPort,
    /// `&`, `<`, `>` and quotes as named entities, and `'` as `&#39;`.
    HtmlEscaped,
    /// These, and whatever isn't ASCII, as numbered entities.
    HtmlNumbered,
    /// Whatever has a name as a named entity, such as `&eacute;`.
    HtmlNamed,
    /// The same, without the semicolon where browsers don't need it.
    HtmlOpen,
    /// `\/`, as JSON may escape a slash.
    JsonEscaped,
    /// The escapes of JSON in ASCII: `\u00e9`, `\"`, `\n`.
    JsonAscii,
    /// Texts with the escapes of a query: `Caf%C3%A9`, `50%25`.
    TextEncoded,
    /// Without characters that aren't seen: soft hyphens, spaces without a width, joiners.
    WithoutUnseen,
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
    /// Texts whose UTF-8 was taken for Latin-1: `CafÃ©`.
    Misread,
}

impl Way {
    pub const ALL: [Self; 24] = [
        Self::PercentEncoded,
        Self::PercentDecoded,
        Self::Latin1Encoded,
        Self::Latin1Decoded,
        Self::PlusForBlank,
        Self::BlankForPlus,
        Self::UnicodeHost,
        Self::Punycode,
        Self::HostOf2003,
        Self::WithPort,
        Self::WithoutPort,
        Self::HtmlEscaped,
        Self::HtmlNumbered,
        Self::HtmlNamed,
        Self::HtmlOpen,
        Self::JsonEscaped,
        Self::JsonAscii,
        Self::TextEncoded,
        Self::WithoutUnseen,
        Self::Nfc,
        Self::Nfd,
        Self::Nfkc,
        Self::Nfkd,
        Self::Misread,
    ];

    /// The ways in the order in which they can follow each other, of each list at most one: first what is left out,
    /// then the characters' form, the host's, and the escapes.
    pub const STAGES: [&[Self]; 7] = [
        &[Self::PercentDecoded, Self::Latin1Decoded],
        &[Self::WithoutUnseen, Self::PlusForBlank, Self::BlankForPlus],
        &[Self::Nfc, Self::Nfd, Self::Nfkc, Self::Nfkd],
        &[Self::Misread],
        &[Self::UnicodeHost, Self::Punycode, Self::HostOf2003, Self::WithPort, Self::WithoutPort],
        &[Self::PercentEncoded, Self::Latin1Encoded],
        &[
            Self::HtmlEscaped,
            Self::HtmlNumbered,
            Self::HtmlNamed,
            Self::HtmlOpen,
            Self::JsonEscaped,
            Self::JsonAscii,
            Self::TextEncoded,
        ],
    ];

    /// The name in fault rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::PercentEncoded => "percent_encoded",
            Self::PercentDecoded => "percent_decoded",
            Self::Latin1Encoded => "latin1_encoded",
            Self::Latin1Decoded => "latin1_decoded",
            Self::PlusForBlank => "plus_for_blank",
            Self::BlankForPlus => "blank_for_plus",
            Self::UnicodeHost => "unicode_host",
            Self::Punycode => "punycode",
            Self::HostOf2003 => "host_of_2003",
            Self::WithPort => "with_port",
            Self::WithoutPort => "without_port",
            Self::HtmlEscaped => "html_escaped",
            Self::HtmlNumbered => "html_numbered",
            Self::HtmlNamed => "html_named",
            Self::HtmlOpen => "html_open",
            Self::JsonEscaped => "json_escaped",
            Self::JsonAscii => "json_ascii",
            Self::TextEncoded => "text_encoded",
            Self::WithoutUnseen => "without_unseen",
            Self::Nfc => "nfc",
            Self::Nfd => "nfd",
            Self::Nfkc => "nfkc",
            Self::Nfkd => "nfkd",
            Self::Misread => "misread",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// The link, written in this way.
    pub fn link(self, link: &str) -> String {
        let Some(Parts { scheme, host, port, path, rest }) = Parts::of(link) else { return self.text(link) };
        let default_port = if scheme == "http" { "80" } else { "443" };
        let (mut host, mut port, mut path) = (Cow::Borrowed(host), port, Cow::Borrowed(path));
        match self {
            Self::PercentEncoded => path = lower_case_escapes(&utf8_percent_encode(&path, KEPT).to_string()).into(),
            Self::PercentDecoded => path = decoded(&path, |byte| format!("%{byte:02X}")).into(),
            Self::Latin1Encoded => path = path.split('/').map(latin1_encoded).collect::<Vec<_>>().join("/").into(),
            Self::Latin1Decoded => path = decoded(&path, |byte| char::from(byte).into()).into(),
            Self::PlusForBlank => path = path.replace("%20", "+").replace(' ', "+").into(),
            Self::BlankForPlus => path = path.replace('+', "%20").into(),
            Self::UnicodeHost => host = idna::domain_to_unicode(&host).0.into(),
            Self::Punycode => host = idna::domain_to_ascii(&host).map_or(host, Cow::Owned),
            Self::HostOf2003 => host = idna::domain_to_unicode(&host).0.replace('ß', "ss").into(),
            Self::WithPort if port.is_empty() => port = default_port,
            Self::WithoutPort if port == default_port => port = "",
            Self::WithPort | Self::WithoutPort | Self::TextEncoded | Self::Misread => {}
            Self::WithoutUnseen => {
                let unseen = ["%C2%AD", "%E2%80%8B", "%E2%80%8D", "%EF%B8%8F"];
                path = unseen.iter().fold(self.text(&path), |path, unseen| path.replace(unseen, "")).into();
            }
            _ => return self.text(link),
        }
        let colon = if port.is_empty() { "" } else { ":" };
        format!("{scheme}://{host}{colon}{port}{path}{rest}")
    }

    /// The title or description, written in this way.
    pub fn text(self, text: &str) -> String {
        match self {
            Self::HtmlEscaped => text.chars().map(entity).collect(),
            Self::HtmlNumbered => text.chars().map(number).collect(),
            Self::HtmlNamed => text.chars().map(|c| named(c, true)).collect(),
            Self::HtmlOpen => {
                let next = text.chars().skip(1).map(Some).chain([None]);
                text.chars().zip(next).map(|(c, next)| named(c, next.is_some_and(ends_no_name))).collect()
            }
            Self::JsonEscaped => text.replace('/', "\\/"),
            Self::JsonAscii => text.chars().map(json_escape).collect(),
            Self::TextEncoded => utf8_percent_encode(text, UNRESERVED).to_string(),
            Self::WithoutUnseen => text.replace(['\u{ad}', '\u{200b}', '\u{200d}', '\u{fe0f}'], ""),
            Self::Nfc => ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned(),
            Self::Nfd => DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned(),
            Self::Nfkc => ComposingNormalizerBorrowed::new_nfkc().normalize(text).into_owned(),
            Self::Nfkd => DecomposingNormalizerBorrowed::new_nfkd().normalize(text).into_owned(),
            Self::Misread => text.bytes().map(char::from).collect(),
            _ => text.to_owned(),
        }
    }
}

struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: &'a str,
    path: &'a str,
    /// Query and fragment.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(link: &'a str) -> Option<Self> {
        let (scheme, behind) = link.split_once("://")?;
        let (authority, behind) = behind.split_at(behind.find(['/', '?', '#']).unwrap_or(behind.len()));
        let (path, rest) = behind.split_at(behind.find(['?', '#']).unwrap_or(behind.len()));
        let port_of = |port: &&str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| port_of(port)) {
            Some(parts) => parts,
            None => (authority, ""),
        };
        Some(Self { scheme, host, port, path, rest })
    }
}

/// Without escapes; `otherwise` writes bytes that aren't UTF-8.
fn decoded(path: &str, otherwise: fn(u8) -> String) -> String {
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    let chunks = bytes.utf8_chunks();
    chunks
        .map(|chunk| chunk.valid().to_owned() + &chunk.invalid().iter().map(|b| otherwise(*b)).collect::<String>())
        .collect()
}

/// A segment with a letter that Latin-1 has, and none that it hasn't, with that letter as one byte. One whose bytes
/// would be read as UTF-8 stays as it is.
fn latin1_encoded(segment: &str) -> String {
    let decoded = decoded(segment, |byte| char::from(byte).into());
    let bytes: Option<Vec<u8>> = decoded.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    match bytes {
        Some(bytes) if bytes.utf8_chunks().all(|chunk| chunk.valid().is_ascii()) && !decoded.is_ascii() => {
            percent_encode(&bytes, UNRESERVED).to_string()
        }
        _ => segment.to_owned(),
    }
}

fn lower_case_escapes(text: &str) -> String {
    let mut digits = 0;
    text.chars()
        .map(|c| {
            let is_digit = digits > 0;
            digits = if c == '%' { 2 } else { digits - i32::from(is_digit) };
            if is_digit { c.to_ascii_lowercase() } else { c }
        })
        .collect()
}

fn entity(c: char) -> String {
    match c {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '"' => "&quot;".into(),
        '\'' => "&#39;".into(),
        other => other.into(),
    }
}

fn named(c: char, is_closed: bool) -> String {
    match NAMES.iter().find(|(character, ..)| *character == c) {
        Some((_, name, is_open)) if *is_open && !is_closed => format!("&{name}"),
        Some((_, name, _)) => format!("&{name};"),
        None => c.into(),
    }
}

/// Whether the character would be read as a part of a name before it.
fn ends_no_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ';'
}

fn number(c: char) -> String {
    if c.is_ascii() && !"&<>\"'".contains(c) { c.into() } else { format!("&#{};", u32::from(c)) }
}

fn json_escape(c: char) -> String {
    match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".into(),
        c if c.is_ascii() => c.into(),
        c => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_way_has_a_name() {
        assert!(Way::ALL.into_iter().all(|way| Way::parse(way.name()) == Some(way)));
        let staged: BTreeSet<Way> = Way::STAGES.into_iter().flatten().copied().collect();
        assert_eq!(staged, BTreeSet::from(Way::ALL));
        assert_eq!(Way::parse("upper"), None);
    }

    #[test]
    fn links_are_written_in_every_way() {
        let link = "https://xn--bcher-kva.example/caf%C3%A9/it's?a=1&b=2#c";
        for (way, written) in [
            (Way::PercentEncoded, "https://xn--bcher-kva.example/caf%c3%a9/it%27s?a=1&b=2#c"),
            (Way::PercentDecoded, "https://xn--bcher-kva.example/café/it's?a=1&b=2#c"),
            (Way::UnicodeHost, "https://bücher.example/caf%C3%A9/it's?a=1&b=2#c"),
            (Way::Punycode, link),
            (Way::WithPort, "https://xn--bcher-kva.example:443/caf%C3%A9/it's?a=1&b=2#c"),
            (Way::WithoutPort, link),
            (Way::HtmlEscaped, "https://xn--bcher-kva.example/caf%C3%A9/it&#39;s?a=1&amp;b=2#c"),
            (Way::HtmlNumbered, "https://xn--bcher-kva.example/caf%C3%A9/it&#39;s?a=1&#38;b=2#c"),
            (Way::HtmlNamed, "https://xn--bcher-kva.example/caf&percnt;C3&percnt;A9/it&apos;s?a=1&amp;b=2#c"),
            (Way::Latin1Encoded, "https://xn--bcher-kva.example/caf%E9/it's?a=1&b=2#c"),
            (Way::Latin1Decoded, "https://xn--bcher-kva.example/café/it's?a=1&b=2#c"),
            (Way::JsonAscii, link),
            (Way::TextEncoded, link),
            (Way::JsonEscaped, "https:\\/\\/xn--bcher-kva.example\\/caf%C3%A9\\/it's?a=1&b=2#c"),
            (Way::Nfd, link),
        ] {
            assert_eq!(way.link(link), written, "{way:?}");
        }
        assert_eq!(Way::Punycode.link("https://bücher.example/"), "https://xn--bcher-kva.example/");
        assert_eq!(Way::WithoutPort.link("https://example.com:443"), "https://example.com");
        assert_eq!(Way::WithoutPort.link("http://example.com:443/"), "http://example.com:443/");
        assert_eq!(Way::PercentDecoded.link("https://example.com/%FF"), "https://example.com/%FF");
        assert_eq!(Way::PercentDecoded.link("https://example.com/%FF/%C3%A9"), "https://example.com/%FF/é");
        assert_eq!(Way::Latin1Decoded.link("https://example.com/caf%E9/%C3%A9"), "https://example.com/café/é");
        assert_eq!(Way::Latin1Encoded.link("https://example.com/é%2Fa/é鶴"), "https://example.com/%E9%2Fa/é鶴");
        assert_eq!(Way::Latin1Encoded.link("https://example.com/ß½"), "https://example.com/ß½", "two letters or one");
        assert_eq!(Way::PlusForBlank.link("https://example.com/a%20b c"), "https://example.com/a+b+c");
        assert_eq!(Way::BlankForPlus.link("https://example.com/a+b?c+d"), "https://example.com/a%20b?c+d");
        assert_eq!(Way::HostOf2003.link("https://xn--strae-oqa.de/"), "https://strasse.de/");
        assert_eq!(Way::WithoutUnseen.link("https://example.com/a%C2%ADb\u{200b}"), "https://example.com/ab");
        assert_eq!(Way::Nfd.link("https://example.com/é"), "https://example.com/e\u{301}");
    }

    #[test]
    fn texts_are_written_in_every_way() {
        let text = "Café & \"ﬁne\"";
        for (way, written) in [
            (Way::HtmlEscaped, "Café &amp; &quot;ﬁne&quot;"),
            (Way::HtmlNumbered, "Caf&#233; &#38; &#34;&#64257;ne&#34;"),
            (Way::Nfc, text),
            (Way::Nfd, "Cafe\u{301} & \"ﬁne\""),
            (Way::Nfkc, "Café & \"fine\""),
            (Way::Nfkd, "Cafe\u{301} & \"fine\""),
            (Way::HtmlNamed, "Caf&eacute; &amp; &quot;&filig;ne&quot;"),
            (Way::HtmlOpen, "Caf&eacute &amp &quot&filig;ne&quot"),
            (Way::JsonEscaped, text),
            (Way::JsonAscii, "Caf\\u00e9 & \\\"\\ufb01ne\\\""),
            (Way::TextEncoded, "Caf%C3%A9%20%26%20%22%EF%AC%81ne%22"),
            (Way::WithoutUnseen, text),
            (Way::Misread, "Caf\u{c3}\u{a9} & \"\u{ef}\u{ac}\u{81}ne\""),
            (Way::Latin1Encoded, text),
            (Way::PercentEncoded, text),
            (Way::WithPort, text),
        ] {
            assert_eq!(way.text(text), written, "{way:?}");
        }
        assert_eq!(Way::JsonAscii.text("🍲\n\\"), "\\ud83c\\udf72\\n\\\\");
        assert_eq!(Way::HtmlOpen.text("Crème; ½; 5µ"), "Cr&egrave;me; &frac12;; 5&micro", "a name ends where it did");
        assert_eq!(Way::WithoutUnseen.text("a\u{ad}b\u{200b} ❤\u{fe0f}"), "ab ❤");
    }
}
