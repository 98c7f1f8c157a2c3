//! Ways in which lists may show a Pin's link and texts otherwise than they were sent, without changing what they mean.
//!
//! Pinterest documents none of them. A publishing system that looks for its own Pin must recognise it in each.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What `percent_encoded` leaves as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'%').remove(b'.').remove(b'-').remove(b'_');

/// One way to write a link or a text. Links and texts that a way doesn't concern stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// A link's path, with more escapes than it needs, in lower case.
    PercentEncoded,
    /// A link's path, without escapes.
    PercentDecoded,
    /// A link's host in Unicode.
    UnicodeHost,
    /// A link's host in punycode.
    Punycode,
    /// A link with its scheme's port.
    WithPort,
    /// A link without its scheme's port.
    WithoutPort,
    /// `&`, `<`, `>` and quotes as named entities, and `'` as `&#39;`.
    HtmlEscaped,
    /// These, and whatever isn't ASCII, as numbered entities.
    HtmlNumbered,
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

impl Way {
    pub const ALL: [Self; 12] = [
        Self::PercentEncoded,
        Self::PercentDecoded,
        Self::UnicodeHost,
        Self::Punycode,
        Self::WithPort,
        Self::WithoutPort,
        Self::HtmlEscaped,
        Self::HtmlNumbered,
        Self::Nfc,
        Self::Nfd,
        Self::Nfkc,
        Self::Nfkd,
    ];

    /// The name in fault rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::PercentEncoded => "percent_encoded",
            Self::PercentDecoded => "percent_decoded",
            Self::UnicodeHost => "unicode_host",
            Self::Punycode => "punycode",
            Self::WithPort => "with_port",
            Self::WithoutPort => "without_port",
            Self::HtmlEscaped => "html_escaped",
            Self::HtmlNumbered => "html_numbered",
            Self::Nfc => "nfc",
            Self::Nfd => "nfd",
            Self::Nfkc => "nfkc",
            Self::Nfkd => "nfkd",
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
            Self::PercentDecoded => {
                if let Ok(decoded) = percent_decode_str(&path).decode_utf8() {
                    path = decoded.into_owned().into();
                }
            }
            Self::UnicodeHost => host = idna::domain_to_unicode(&host).0.into(),
            Self::Punycode => host = idna::domain_to_ascii(&host).map_or(host, Cow::Owned),
            Self::WithPort if port.is_empty() => port = default_port,
            Self::WithoutPort if port == default_port => port = "",
            Self::WithPort | Self::WithoutPort => {}
            Self::HtmlEscaped | Self::HtmlNumbered | Self::Nfc | Self::Nfd | Self::Nfkc | Self::Nfkd => {
                return self.text(link);
            }
        }
        let colon = if port.is_empty() { "" } else { ":" };
        format!("{scheme}://{host}{colon}{port}{path}{rest}")
    }

    /// The title or description, written in this way.
    pub fn text(self, text: &str) -> String {
        match self {
            Self::HtmlEscaped => text.chars().map(entity).collect(),
            Self::HtmlNumbered => text.chars().map(number).collect(),
            Self::Nfc => ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned(),
            Self::Nfd => DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned(),
            Self::Nfkc => ComposingNormalizerBorrowed::new_nfkc().normalize(text).into_owned(),
            Self::Nfkd => DecomposingNormalizerBorrowed::new_nfkd().normalize(text).into_owned(),
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

fn number(c: char) -> String {
    if c.is_ascii() && !"&<>\"'".contains(c) { c.into() } else { format!("&#{};", u32::from(c)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_a_name() {
        assert!(Way::ALL.into_iter().all(|way| Way::parse(way.name()) == Some(way)));
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
            (Way::Nfd, link),
        ] {
            assert_eq!(way.link(link), written, "{way:?}");
        }
        assert_eq!(Way::Punycode.link("https://bücher.example/"), "https://xn--bcher-kva.example/");
        assert_eq!(Way::WithoutPort.link("https://example.com:443"), "https://example.com");
        assert_eq!(Way::WithoutPort.link("http://example.com:443/"), "http://example.com:443/");
        assert_eq!(Way::PercentDecoded.link("https://example.com/%FF"), "https://example.com/%FF");
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
            (Way::PercentEncoded, text),
            (Way::WithPort, text),
        ] {
            assert_eq!(way.text(text), written, "{way:?}");
        }
    }
}
