//! The header fields of draft-ietf-httpapi-ratelimit-headers. The layer of the limits adds them, and an error that is
//! rendered later keeps them.

use http::HeaderName;

pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const STANDING: HeaderName = HeaderName::from_static("ratelimit");
