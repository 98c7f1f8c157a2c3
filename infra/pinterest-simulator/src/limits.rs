//! Every limit of the simulator. Those marked "assumed" are not published by Pinterest.

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

/// Seconds for which a registered upload accepts its file (assumed).
pub const UPLOAD_LIFETIME_S: i64 = 3600;
/// Bytes of an upload with its form: the largest video that Pinterest accepts, 2 GB.
pub const MAX_UPLOAD_BYTES: usize = 2_000_000_000;
/// Seconds for which an upload may take: the largest video at 4 MB/s (assumed).
pub const UPLOAD_TIMEOUT_S: u64 = 600;
/// Fields of an upload form beside the file, and bytes of each (S3: 20 KB for all of them).
pub const MAX_UPLOAD_FIELDS: usize = 100;
pub const MAX_UPLOAD_FIELD_BYTES: usize = 20_000;

/// Items of a page without `page_size` (OpenAPI 5.23.0, `query_page_size`).
pub const DEFAULT_PAGE_SIZE: usize = 25;
/// Maximum items of a page (OpenAPI 5.23.0, `query_page_size`).
pub const MAX_PAGE_SIZE: usize = 250;

/// Days before today for which there are analytics, and days of one range (OpenAPI 5.23.0, `query_start_date`,
/// `query_end_date`).
pub const ANALYTICS_DAYS_BACK: i64 = 90;

/// Bytes of a request body (assumed): room for a 20 MB image in Base64.
pub const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Seconds for which an authorization code can be exchanged (assumed).
pub const CODE_LIFETIME_S: i64 = 600;

/// Accounts of one simulator. Limited because the line that it prints at start names them all.
pub const MAX_ACCOUNTS: usize = 10_000;

/// Fault rules in force at once. Limited because every request is matched against them in order.
pub const MAX_FAULT_RULES: usize = 1_000;

/// Milliseconds for which a connection without an answer is held open, unless the rule has `hold_ms`.
pub const DEFAULT_HOLD_MS: u64 = 60_000;
/// Longest delay, hold, lag or lateness of a fault, in milliseconds: an hour.
pub const MAX_FAULT_MS: u64 = 3_600_000;
