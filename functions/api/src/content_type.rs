//! The content types of bodies, for every module that reads or writes one.

pub const JSON: &str = "application/json";
pub const JSON_LINES: &str = "application/x-ndjson";
pub const FORM: &str = "multipart/form-data";
/// What a page's form sends.
pub const PAGE_FORM: &str = "application/x-www-form-urlencoded";
pub const HTML: &str = "text/html; charset=utf-8";
pub const TEXT: &str = "text/plain; charset=utf-8";
