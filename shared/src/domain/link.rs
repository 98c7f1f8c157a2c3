//! The one form in which a link is stored, sent and hashed: parsed once, when it is accepted.
//!
//! What Pinterest's lists make of it is compared more leniently: [`equivalence`](super::reconcile::equivalence).

use url::Url;

use super::characters::is_invisible;
use super::pin::URL_MAX;

/// Why a text is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLink {
    /// It isn't an absolute `http` or `https` URL with a host.
    Unreadable,
    /// It has a user name or a password. Everybody who sees the Pin could read them.
    Credentials,
    /// With its blanks escaped it has more than [`URL_MAX`] characters.
    TooLong,
}

/// Reads a link as the official client does: whatever browsers read as an absolute `http` or `https` URL, with blanks
/// around it.
///
/// Returns its normal form (WHATWG: a lower-case ASCII host, no default port, a path, escapes where they are needed).
///
/// # Errors
/// Also for a link with credentials, which the official client would accept.
pub fn parse(text: &str) -> Result<String, NoLink> {
    let text = text.trim();
    let url = Url::parse(text).map_err(|_| NoLink::Unreadable)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(NoLink::Unreadable);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NoLink::Credentials);
    }
    let normal = String::from(url);
    // Escapes make a link of other scripts up to nine times longer. Pinterest counts what it is sent, so such a link
    // stays as it was given, rather than being refused.
    match normal.len() {
        ..=URL_MAX => Ok(normal),
        _ if is_plain(text) => Ok(text.to_owned()),
        _ => Err(NoLink::TooLong),
    }
}

/// Whether everybody reads the text as one link, not only browsers.
fn is_plain(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.starts_with(['/', '\\']))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// The normal form of a link that was accepted, perhaps by a build that stored links as they were given.
pub fn normal(link: &str) -> String {
    Url::parse(link).map_or_else(|_| link.to_owned(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_stored_in_one_form_however_it_is_written() {
        for (given, stored) in [
            ("https://example.com/a", "https://example.com/a"),
            ("HTTPS://Example.com", "https://example.com/"),
            ("  https://example.com/a\n", "https://example.com/a"),
            ("\u{a0}https://example.com/a\u{3000}", "https://example.com/a"),
            ("https://example.com:443/a", "https://example.com/a"),
            ("http://example.com:80", "http://example.com/"),
            ("http://example.com:443/", "http://example.com:443/"),
            ("https://bücher.example/é", "https://xn--bcher-kva.example/%C3%A9"),
            ("https://ｅｘａｍｐｌｅ．ｃｏｍ/", "https://example.com/"),
            ("https://BU\u{308}CHER.example/", "https://xn--bcher-kva.example/"),
            (
                "https://example.com/折り鶴?q=鶴#折",
                "https://example.com/%E6%8A%98%E3%82%8A%E9%B6%B4?q=%E9%B6%B4#%E6%8A%98",
            ),
            ("https://example.com/a/../b/./c", "https://example.com/b/c"),
            ("https://example.com?q=1", "https://example.com/?q=1"),
            ("https://example.com./a", "https://example.com./a"),
            // An escape means the same in either case, but only the site can know that: it stays.
            ("https://example.com/%c3%a9", "https://example.com/%c3%a9"),
            ("https://example.com/a?x=1&amp;y=2", "https://example.com/a?x=1&amp;y=2"),
            ("https://example.com\\a", "https://example.com/a"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
            // Each as pydantic's `HttpUrl` reads it (2.14.4, which the official client 1.10.1 uses).
            ("https://example.com/a b", "https://example.com/a%20b"),
            ("https://exa\tmple.com/a\nb\r\n/c", "https://example.com/ab/c"),
            ("https://example.com/a\u{a0}b", "https://example.com/a%C2%A0b"),
            ("https://example.com/a\u{200b}b\u{202e}", "https://example.com/a%E2%80%8Bb%E2%80%AE"),
            ("https://exa\u{200b}mple.com/", "https://example.com/"),
            ("https://exam\u{ad}ple.com", "https://example.com/"),
            ("https://example.com/\u{feff}", "https://example.com/%EF%BB%BF"),
            ("https:example.com/a", "https://example.com/a"),
            ("HTTPS:/example.com/a", "https://example.com/a"),
            ("https:///example.com/a", "https://example.com/a"),
            ("https:\\\\example.com\\a", "https://example.com/a"),
            ("https:\\/\\/example.com\\/a", "https://example.com//a"),
            ("https://@example.com/", "https://example.com/"),
            ("https://:@example.com/", "https://example.com/"),
            ("https://example.com:08443/", "https://example.com:8443/"),
            ("https://example.com/<a>\"|^`{}", "https://example.com/%3Ca%3E%22|^%60%7B%7D"),
            ("https://example.com/%zz", "https://example.com/%zz"),
            ("\u{1}https://example.com/\0", "https://example.com/"),
            ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"),
            ("https://stra\u{df}e.de", "https://xn--strae-oqa.de/"),
            ("https://exa_mple.com", "https://exa_mple.com/"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(stored), "{given:?}");
            assert_eq!(parse(stored).as_deref(), Ok(stored), "a normal form is its own: {given:?}");
            assert_eq!(normal(given.trim()), stored, "{given:?}");
        }
    }

    #[test]
    fn what_is_no_link_stays_refused() {
        for given in [
            "",
            " ",
            "example.com",
            "//example.com",
            "https://",
            "https:",
            "https://?a",
            "https://:443",
            "ftp://example.com/",
            "httpx://example.com/",
            "javascript:alert(1)",
            "https://a b.example/",
            "https://a%20b.example/",
            "https://\u{202e}example.com/",
            "https://example.com:99999/",
            "https://xn--\u{e9}.example/\u{0}",
            "http://[::1",
            "http://256.1.1.1/",
        ] {
            assert_eq!(parse(given), Err(NoLink::Unreadable), "{given:?}");
        }
    }

    #[test]
    fn a_link_with_credentials_is_refused_for_that() {
        for given in ["https://user@example.com/", "https://user:secret@example.com/", "https://:secret@example.com/"] {
            assert_eq!(parse(given), Err(NoLink::Credentials), "{given:?}");
        }
    }

    #[test]
    fn a_link_whose_escapes_would_make_it_too_long_stays_as_given() {
        let long = format!("https://example.com/{}", "鶴".repeat(900));
        assert_eq!(parse(&format!(" {long} ")).as_deref(), Ok(long.as_str()));
        assert_eq!(parse(&format!("{long} {long}")), Err(NoLink::TooLong), "no link has blanks");
        let short = format!("https://example.com/{}", "鶴".repeat(200));
        assert!(parse(&short).is_ok_and(|link| link.is_ascii() && link.len() <= URL_MAX));
    }
}
