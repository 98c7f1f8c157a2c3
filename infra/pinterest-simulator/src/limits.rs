//! Every limit the simulator knows, named. Those marked "assumed" are not published by Pinterest.

/// Characters of a Pin's title (OpenAPI 5.23.0, `PinCreate`).
pub const MAX_TITLE_CHARS: usize = 100;
/// Characters of a Pin's description (OpenAPI 5.23.0, `PinCreate`).
pub const MAX_DESCRIPTION_CHARS: usize = 800;
/// Characters of a Pin's alternative text (OpenAPI 5.23.0, `PinCreate`).
pub const MAX_ALT_TEXT_CHARS: usize = 500;
/// Characters of a Pin's link (OpenAPI 5.23.0, `PinCreate`).
pub const MAX_LINK_CHARS: usize = 2048;

/// Characters of a board's name (assumed: what Pinterest's own form allows).
pub const MAX_BOARD_NAME_CHARS: usize = 50;
/// Characters of a board's description (assumed: what Pinterest's own form allows).
pub const MAX_BOARD_DESCRIPTION_CHARS: usize = 500;

/// Characters of a section's name, at least one (OpenAPI 5.23.0, `BoardSection`).
pub const MAX_SECTION_NAME_CHARS: usize = 180;

/// Least and most images of a carousel (OpenAPI 5.23.0, `PinMediaSourceImagesURL`).
pub const MIN_CAROUSEL_ITEMS: usize = 2;
pub const MAX_CAROUSEL_ITEMS: usize = 5;

/// Seconds in which a registered upload takes its file (assumed).
pub const UPLOAD_LIFETIME_S: i64 = 3600;
/// Bytes of an upload, form and all: the largest video that Pinterest takes, 2 GB.
pub const MAX_UPLOAD_BYTES: usize = 2_000_000_000;
/// Fields of an upload form beside the file, and bytes of each (S3: 20 KB for all of them).
pub const MAX_UPLOAD_FIELDS: usize = 100;
pub const MAX_UPLOAD_FIELD_BYTES: usize = 20_000;

/// Items of a page when the caller doesn't say (OpenAPI 5.23.0, `query_page_size`).
pub const DEFAULT_PAGE_SIZE: usize = 25;
/// Most items of a page (OpenAPI 5.23.0, `query_page_size`).
pub const MAX_PAGE_SIZE: usize = 250;

/// Days back from today that analytics reach, and days of one range (OpenAPI 5.23.0, `query_start_date`, `query_end_date`).
pub const ANALYTICS_DAYS_BACK: i64 = 90;

/// Bytes of a request body (assumed): room for a 20 MB image in Base64.
pub const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Seconds an authorization code can be exchanged (assumed).
pub const CODE_LIFETIME_S: i64 = 600;

/// Accounts that one simulator may start with: the line it prints at start names them all.
pub const MAX_ACCOUNTS: usize = 10_000;

/// Fault rules in force at once: every request looks through them in order.
pub const MAX_FAULT_RULES: usize = 1_000;

/// Milliseconds an answer that never comes holds its connection, unless the rule says otherwise.
pub const DEFAULT_HOLD_MS: u64 = 60_000;
/// Longest delay, hold or lateness of a fault, in milliseconds: an hour.
pub const MAX_FAULT_MS: u64 = 3_600_000;
