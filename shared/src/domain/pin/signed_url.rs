//! When a signed address stops working. Whoever signs an address writes its end into the query, each in their own way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use url::Url;

use crate::domain::time::{Moment, SECOND_MS};

/// Services that sign as Amazon S3 does: `X-Amz-Date`, and `X-Amz-Expires` seconds from then on.
const DATED: [&str; 4] = ["x-amz", "x-goog", "x-oss", "x-tos"];
/// Parameters without which `Expires` may mean anything: CloudFront, and older signatures of S3, Google and Alibaba.
const SIGNATURES: [&str; 5] = ["signature", "key-pair-id", "awsaccesskeyid", "googleaccessid", "ossaccesskeyid"];
/// Hosts, and the parameter with the end of their addresses in hexadecimal.
const HEXADECIMAL: [(&str, &str); 4] =
    [("fbcdn.net", "oe"), ("cdninstagram.com", "oe"), ("cdn.discordapp.com", "ex"), ("media.discordapp.net", "ex")];
/// A smaller number of seconds (2001) is no end of an address.
const EPOCH_S_MIN: i64 = 1_000_000_000;

/// When the address stops working, if it is signed and says so. Of several ends, the first.
pub fn expires_at(url: &Url) -> Option<Moment> {
    let query: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.to_lowercase(), value.into_owned())).collect();
    let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
    let dated = |service: &str| {
        let from = basic(value(&format!("{service}-date"))?)?;
        let seconds: u32 = value(&format!("{service}-expires"))?.parse().ok()?;
        Some(from.plus_ms(i64::from(seconds) * SECOND_MS))
    };
    let is_signed = SIGNATURES.iter().any(|name| value(name).is_some());
    let by_epoch = value("expires").filter(|_| is_signed).and_then(|text| epoch(text.parse().ok()?));
    let by_policy = value("policy").filter(|_| is_signed).and_then(policy);
    let of_azure = value("se").filter(|_| value("sig").is_some()).and_then(extended);
    let host = url.host_str().unwrap_or_default();
    let is_of = |known: &str| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let of_host = HEXADECIMAL.iter().filter(|(known, _)| is_of(known)).find_map(|(_, name)| {
        let text = value(name)?;
        epoch(i64::from_str_radix(text, 16).ok()?)
    });
    let others = [by_epoch, by_policy, of_azure, of_host];
    DATED.iter().filter_map(|service| dated(service)).chain(others.into_iter().flatten()).min()
}

fn epoch(seconds: i64) -> Option<Moment> {
    let ms = Some(seconds).filter(|seconds| *seconds >= EPOCH_S_MIN)?.checked_mul(SECOND_MS)?;
    Some(Moment(ms))
}

/// `20261123T003456Z`.
fn basic(text: &str) -> Option<Moment> {
    let part = |from: usize, to: usize| text.get(from..to);
    let is_whole = text.len() == "20261123T003456Z".len() && part(8, 9)? == "T" && part(15, 16)? == "Z";
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    is_whole.then(|| format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).and_then(|text| extended(&text))
}

/// `2026-11-23T00:34:56Z`, also without seconds, or only its day.
fn extended(text: &str) -> Option<Moment> {
    Moment::parse_rfc3339(text).or_else(|| Moment::parse_rfc3339(&format!("{text}T00:00:00Z")))
}

/// The end in a policy of CloudFront's: JSON in base64, with other signs for those that an address can't have.
fn policy(text: &str) -> Option<Moment> {
    let text: String = text
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '=',
            '~' => '/',
            c => c,
        })
        .collect();
    let policy: Value = serde_json::from_slice(&BASE64.decode(text).ok()?).ok()?;
    epoch(policy.pointer("/Statement/0/Condition/DateLessThan/AWS:EpochTime")?.as_i64()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_signed_address_is_read_from_its_query() {
        let policy = r#"{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1767225600}}}]}"#;
        let policy = BASE64.encode(policy).replace('+', "-").replace('=', "_").replace('/', "~");
        for (query, wanted) in [
            ("X-Amz-Date=20251231T230000Z&X-Amz-Expires=3600&X-Amz-Signature=a", Some("2026-01-01T00:00:00.000Z")),
            ("x-amz-expires=60&x-amz-date=20251231T235900Z", Some("2026-01-01T00:00:00.000Z")),
            ("X-Goog-Date=20251225T000000Z&X-Goog-Expires=604800", Some("2026-01-01T00:00:00.000Z")),
            ("x-oss-date=20251231T235959Z&x-oss-expires=1", Some("2026-01-01T00:00:00.000Z")),
            ("Expires=1767225600&Signature=a&Key-Pair-Id=K", Some("2026-01-01T00:00:00.000Z")),
            ("AWSAccessKeyId=A&Expires=1767225600&Signature=a%2Bb", Some("2026-01-01T00:00:00.000Z")),
            ("GoogleAccessId=a%40b&Expires=1767225600&Signature=a", Some("2026-01-01T00:00:00.000Z")),
            (&format!("Policy={policy}&Signature=a&Key-Pair-Id=K"), Some("2026-01-01T00:00:00.000Z")),
            ("sv=2022-11-02&se=2026-01-01T00%3A00%3A00Z&sr=b&sp=r&sig=a", Some("2026-01-01T00:00:00.000Z")),
            ("se=2026-01-01T00:00Z&sig=a", Some("2026-01-01T00:00:00.000Z")),
            ("se=2026-01-01&sig=a", Some("2026-01-01T00:00:00.000Z")),
            ("Expires=1767225601&Signature=a&se=2026-01-01&sig=a", Some("2026-01-01T00:00:00.000Z")),
            // No end, or nobody knows.
            ("", None),
            ("X-Amz-Date=20251231T230000Z", None),
            ("X-Amz-Expires=3600", None),
            ("X-Amz-Date=2025&X-Amz-Expires=3600", None),
            ("X-Amz-Date=20251331T230000Z&X-Amz-Expires=3600", None),
            ("X-Amz-Date=20251231T230000Z&X-Amz-Expires=-1", None),
            ("X-Amz-Date=%C3%BC0251231T23000Z&X-Amz-Expires=1", None),
            ("Expires=1767225600", None),
            ("Expires=soon&Signature=a", None),
            ("Expires=0&Signature=a", None),
            ("Expires=9223372036854775807&Signature=a", None),
            ("Policy=abc&Signature=a", None),
            ("se=2026-01-01", None),
            ("se=sv&sig=a", None),
            ("oe=6955B900", None),
        ] {
            let url = Url::parse(&format!("https://images.example.com/a.jpg?{query}")).expect("an address");
            assert_eq!(expires_at(&url).map(Moment::rfc3339).as_deref(), wanted, "{query}");
        }
    }

    #[test]
    fn some_hosts_write_it_in_hexadecimal() {
        for (address, wanted) in [
            ("scontent-ams2-1.cdninstagram.com/a.jpg?oh=a&oe=6955B900", Some(Moment(1_767_225_600_000))),
            ("scontent.xx.fbcdn.net/a.jpg?oe=6955b900", Some(Moment(1_767_225_600_000))),
            ("cdn.discordapp.com/attachments/1/2/a.png?ex=6955b900&is=1&hm=a", Some(Moment(1_767_225_600_000))),
            ("notfbcdn.net/a.jpg?oe=6955b900", None),
            ("cdn.discordapp.com/a.png?ex=soon", None),
        ] {
            let url = Url::parse(&format!("https://{address}")).expect("an address");
            assert_eq!(expires_at(&url), wanted, "{address}");
        }
    }
}
