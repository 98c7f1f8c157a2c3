//! What links are compared by.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::entities::unescaped;
use super::escapes::{in_one_form, without_escapes};
use super::legacy::{self, Reading};
use super::{folded_link, nfkc};
use crate::domain::characters::is_invisible;

/// Links are decoded up to this often: what was encoded already may have been encoded again.
const DECODED_MAX: usize = 3;

const SLASHES: [char; 2] = ['/', '\\'];

/// The keys of a link; the first is a function of the fold of the previous versions.
pub fn keys(link: &str) -> Vec<String> {
    let key = |link: &str, reading| canonical(&folded_link(link), reading);
    let plain = plain(link);
    let mut keys = vec![key(link, Reading::Unknown)];
    if plain != link {
        keys.push(key(&plain, Reading::Unknown));
    }
    // Without escapes there are no bytes to read.
    if plain.contains('%') {
        keys.push(key(&plain, Reading::Legacy));
    }
    keys
}

/// A link's query, without escapes.
pub fn query(link: &str) -> Option<String> {
    let link = unescaped(link);
    let link = link.split('#').next().unwrap_or(&link);
    link.split_once('?').map(|(_, query)| decoded(query, Reading::Legacy).replace('+', " "))
}

/// The addresses that a link leads to by way of another: "https://example.com/offsite?url=https%3A%2F%2F…".
pub fn within(link: &str) -> Vec<String> {
    let link = unescaped(link);
    let is_address = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    let (path, query) = link.split_once('?').unwrap_or((&link, ""));
    let values = query.split(['&', ';']).filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    // Behind the address of the one that redirects.
    let behind = path.match_indices('/').skip(2).map(|(at, slash)| &path[at + slash.len()..]);
    values
        .chain(behind)
        .map(|text| decoded(text, Reading::Legacy).into_owned())
        .filter(|text| is_address(text))
        .collect()
}

/// The link unescaped, and read as browsers read it: also with other slashes, with blanks, or encoded as a whole.
fn plain(link: &str) -> String {
    let unescaped = unescaped(link);
    let is_encoded = !unescaped.contains("://") && unescaped.contains('%');
    let link = if is_encoded { decoded(&unescaped, Reading::Legacy) } else { unescaped };
    let url = Url::parse(link.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map_or_else(|| link.into_owned(), String::from)
}

/// Reduces a folded link: the host in Unicode, without `www.`, credentials, a default port or a final dot; the path
/// decoded, in one case and one Unicode form, without empty segments and characters that aren't seen.
fn canonical(folded: &str, reading: Reading) -> String {
    let link = folded.trim_start_matches(SLASHES);
    let (authority, path) = link.split_once(SLASHES).unwrap_or((link, ""));
    let (host, path) = (canonical_host(&decoded(authority, reading)), canonical_path(&decoded(path, reading)));
    if path.is_empty() { host } else { format!("{host}/{path}") }
}

fn canonical_host(authority: &str) -> String {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.rsplit_once(':') {
        // Not within an IPv6 address.
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let host = match Host::parse(host) {
        Ok(Host::Domain(domain)) => in_unicode(&domain),
        Ok(address) => address.to_string(),
        Err(_) => nfkc(host).to_lowercase(),
    };
    let host = host.trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    match port.trim_start_matches('0') {
        "" | "80" | "443" => host.to_owned(),
        port => format!("{host}:{port}"),
    }
}

/// A domain in Unicode. The letters that host names had no sign for until 2008 are written as they were until then.
fn in_unicode(domain: &str) -> String {
    if !domain.contains("xn--") {
        return domain.to_owned();
    }
    let (unicode, _) = idna::domain_to_unicode(domain);
    unicode.replace('ß', "ss").replace('ς', "σ").replace(['\u{200c}', '\u{200d}'], "")
}

fn canonical_path(decoded: &str) -> String {
    // A query whose question mark was encoded, too.
    let path = decoded.split(['?', '#']).next().unwrap_or(decoded);
    let is_seen = |c: &char| c.is_whitespace() || !(c.is_control() || is_invisible(*c));
    let path: String = path.chars().filter(is_seen).map(plain_sign).collect();
    let path: String = nfkc(&path).chars().flat_map(char::to_lowercase).collect();
    let mut segments: Vec<String> = Vec::new();
    for segment in path.split(SLASHES) {
        // Several blanks are as one.
        match segment.split_whitespace().collect::<Vec<_>>().join(" ").as_str() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments.join("/")
}

/// The plain form of a sign of which typography has several. A plus sign is a blank in forms, and so in some paths.
fn plain_sign(c: char) -> char {
    match c {
        '+' => ' ',
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2bc}' | '´' | '`' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    }
}

/// A text without percent escapes and those of JSON, also where one encodes another.
pub fn spelled_out(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..DECODED_MAX {
        let next = decoded(&without_escapes(&in_one_form(&text)), Reading::Legacy).into_owned();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// Without percent escapes and HTML entities, also where one encodes another.
fn decoded(text: &str, reading: Reading) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..DECODED_MAX {
        let bytes: Cow<'_, [u8]> = percent_decode_str(&text).into();
        let next = unescaped(&legacy::text(&bytes, reading)).into_owned();
        if next == *text {
            break;
        }
        text = Cow::Owned(next);
    }
    text
}
