//! Admits callers by their access key id: see [`Options::access_key_id`](super::Options).

use super::reply::Reply;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Refuses a request that was not signed with the expected access key id.
pub(super) fn check(expected: Option<&str>, headers: &HeaderMap) -> Result<(), Reply> {
    let Some(expected) = expected else {
        return Ok(());
    };
    if access_key_id(headers) == Some(expected) {
        return Ok(());
    }
    Err(Reply::error(403, "UnrecognizedClientException", "The security token included in the request is invalid."))
}

/// The id in `AWS4-HMAC-SHA256 Credential=ID/20260101/region/service/…`.
fn access_key_id(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, scope) = value.split_once("Credential=")?;
    scope.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().expect("a header value"));
        headers
    }

    #[test]
    fn only_the_expected_key_passes() {
        let headers = signed("AWS4-HMAC-SHA256 Credential=AKX/20260101/r/sqs/aws4_request, S=1");
        assert!(check(None, &HeaderMap::new()).is_ok());
        assert!(check(Some("AKX"), &headers).is_ok());
        assert!(check(Some("AK"), &headers).is_err());
        assert!(check(Some("AKX"), &HeaderMap::new()).is_err());
    }
}
