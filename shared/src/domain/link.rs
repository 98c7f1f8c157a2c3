//! The one form in which a link is stored, sent and hashed: parsed once, when it is accepted.
//!
//! What Pinterest's lists make of it is compared more leniently: [`equivalence`](super::reconcile::equivalence).

use url::Url;

use super::pin::URL_MAX;

/// Reads a link as clients write it: an absolute `http` or `https` URL, in any case, with blanks around it.
///
/// Returns its normal form (WHATWG: a lower-case ASCII host, no default port, a path, escapes where they are needed).
/// `None`: it isn't such a URL, or it has credentials, spaces or invisible characters, which a link has no use for.
pub fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let has_scheme = ["http://", "https://"]
        .iter()
        .any(|scheme| lower.strip_prefix(scheme).is_some_and(|rest| !rest.starts_with(['/', '\\'])));
    if !has_scheme || text.chars().any(|c| c.is_whitespace() || c.is_control() || is_invisible(c)) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    if !url.has_host() || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let normal = String::from(url);
    // Escapes make a link of other scripts up to nine times longer. Pinterest counts what it is sent, so such a link
    // stays as it was given, rather than being refused.
    Some(if normal.len() > URL_MAX { text.to_owned() } else { normal })
}

/// The normal form of a link that was accepted, perhaps by a build that stored links as they were given.
pub fn normal(link: &str) -> String {
    Url::parse(link).map_or_else(|_| link.to_owned(), String::from)
}

/// Characters that a person doesn't see and a URL has no use for.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
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
        ] {
            assert_eq!(parse(given).as_deref(), Some(stored), "{given:?}");
            assert_eq!(parse(stored).as_deref(), Some(stored), "a normal form is its own: {given:?}");
            assert_eq!(normal(given.trim()), stored, "{given:?}");
        }
    }

    #[test]
    fn what_is_no_link_stays_refused() {
        for given in [
            "",
            " ",
            "example.com",
            "https:example.com",
            "https:///a",
            "https://",
            "ftp://example.com/",
            "javascript:alert(1)",
            "https://user@example.com/",
            "https://user:secret@example.com/",
            "https://example.com/a b",
            "https://example.com/a\u{a0}b",
            "https://exa\u{200b}mple.com/",
            "https://example.com/\u{feff}",
            "https://example.com:99999/",
            "https://xn--\u{e9}.example/\u{0}",
        ] {
            assert_eq!(parse(given), None, "{given:?}");
        }
    }

    #[test]
    fn a_link_whose_escapes_would_make_it_too_long_stays_as_given() {
        let long = format!("https://example.com/{}", "鶴".repeat(900));
        assert_eq!(parse(&format!(" {long} ")).as_deref(), Some(long.as_str()));
        let short = format!("https://example.com/{}", "鶴".repeat(200));
        assert!(parse(&short).is_some_and(|link| link.is_ascii() && link.len() <= URL_MAX));
    }
}
