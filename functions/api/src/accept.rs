//! What a client accepts.

use http::HeaderMap;
use http::header::ACCEPT;

/// How much the client wants this content type, by its name: from 0 to 1.
pub fn weight(headers: &HeaderMap, wanted: &str) -> f32 {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = accepts.flat_map(|accept| accept.split(',')).map(range);
    ranges.filter(|(kind, _)| kind.eq_ignore_ascii_case(wanted)).map(|(_, weight)| weight).fold(0.0, f32::max)
}

/// A media range and its weight.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
    (kind, weight)
}
