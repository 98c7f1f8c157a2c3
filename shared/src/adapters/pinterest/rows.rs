//! The rows of the error table.
//!
//! A row is a small sentence: of each of its groups of phrases, one must be among Pinterest's words. `*` ends the
//! beginning of a word. So a row stands for a kind of refusal rather than for one wording of it.

use std::sync::LazyLock;

use super::marks::{ADDRESS, ANY, CUT};
use crate::domain::pin::failure::Failure as F;

/// Phrases of which one is enough.
pub type Any = &'static [&'static str];

/// One row. `None` matches anything.
pub struct Row {
    pub status: Option<u16>,
    pub code: Option<i64>,
    pub says: &'static [Any],
    /// None of these may be said.
    pub unless: Any,
    pub failure: F,
}

/// Whatever the code and the status.
const fn says(says: &'static [Any], failure: F) -> Row {
    Row { status: None, code: None, says, unless: &[], failure }
}

/// Whatever the status.
const fn code(code: i64, says: &'static [Any], failure: F) -> Row {
    Row { status: None, code: Some(code), says, unless: &[], failure }
}

const fn status(status: u16, says: &'static [Any], failure: F) -> Row {
    Row { status: Some(status), code: None, says, unless: &[], failure }
}

impl Row {
    const fn unless(self, unless: Any) -> Self {
        Self { unless, ..self }
    }
}

const NOT: Any = &[
    "not",
    "no",
    "never",
    "unable",
    "fail*",
    "error*",
    "problem*",
    "trouble",
    "impossible",
    "timed out",
    "time out",
    "timeout*",
    "too long",
];

// What is fetched, and how.
const MEDIA: Any = &[
    "image",
    "images",
    "image's",
    "img",
    "picture*",
    "photo*",
    "media",
    "video*",
    "thumbnail*",
    "cover",
    "asset*",
    "file",
    "files",
];
const PLACE: Any = &[
    "url*", "uri*", "link*", "address*", "source", "site", "site's", "website*", "page", "server*", "host", "domain*",
    "content", ADDRESS, CUT,
];
const FETCH: Any =
    &["fetch*", "download*", "retriev*", "crawl*", "scrap*", "pull", "pulling", "grab*", "import", "importing"];
/// These are said of other things too, so the thing must be named.
const GET: Any = &[
    "get", "getting", "load*", "reach*", "access*", "open", "opening", "obtain*", "connect*", "find", "found",
    "locate*", "resolve*", "upload*", "see", "view",
];
const NOT_THERE: Any = &[
    "unreachable",
    "inaccessible",
    "unavailable",
    "not available",
    "no longer available",
    "not accessible",
    "not reachable",
    "not exist",
    "not respond*",
    "not answer*",
    "not load*",
    "timed out",
    "time out",
    "timeout*",
    "took too long",
    "taking too long",
    "returned",
    "redirect*",
    "certificate",
    "ssl",
    "dns",
    "http status",
    "status code",
];
const REACH: Any = &["reach*", "connect*", "load*", "open", "opening", "access*", "resolve*"];

// What is blocked.
const BLOCKED: Any = &["block", "blocked", "blocks", "blocking", "banned", "ban", "blacklist*", "blocklist*"];
const TEXT: Any =
    &["description", "description's", "descriptions", "title", "titles", "caption*", "comment*", "text", "note"];
const LINK: Any = &[
    "link",
    "links",
    "link's",
    "linked",
    "url",
    "urls",
    "site",
    "sites",
    "website*",
    "domain*",
    "destination*",
    "web page",
    "webpage*",
    ADDRESS,
];
const DANGEROUS: Any =
    &["spam*", "malicious", "malware", "phishing", "unsafe", "harmful", "suspicious", "inappropriate", "dangerous"];
const ONE_PIN: Any = &[
    "image",
    "images",
    "picture*",
    "photo*",
    "media",
    "video*",
    "this pin",
    "your pin",
    "the pin",
    "this content",
    "your content",
    "this idea",
];
const ACCOUNT: Any = &[
    "account",
    "account's",
    "accounts",
    "your profile",
    "you have been",
    "you've been",
    "you are",
    "you're",
    "blocked from",
    "blocked you",
    "your access",
];

const BOARD: Any = &["board", "boards", "board's"];
const SECTION: Any = &["section", "sections"];
const NOT_FOUND: Any =
    &["not found", "not be found", "not find", "not exist*", "no such", "no longer exist*", "deleted", "not locate*"];
const DENIED: Any = &[
    "not authorized",
    "not authorised",
    "unauthorized",
    "unauthorised",
    "not permitted",
    "not allowed",
    "not allow",
    "forbidden",
    "no access",
    "not have access",
    "denied",
    "not a collaborator",
    "not collaborate*",
    "not own",
    "not the owner",
];
const TOKEN: Any = &["token", "tokens", "access token", "credential*"];

/// What Pinterest's words, or its code, say for certain.
#[rustfmt::skip]
pub const CERTAIN: &[Row] = &[
    // Perhaps created despite the refusal: seen with and without the Pin.
    code(2787, &[], F::OutcomeUnknown),
    says(&[&["went wrong on our end", "went wrong on our side"]], F::OutcomeUnknown),
    // A block of the account that mentions what it is about: "You've hit a block (Pins) …".
    says(&[&["hit a block", "combat* spam", "fight* spam", "prevent* spam"]], F::SpamBlock)
        .unless(&["this link", "this url", "this site", "your link", "this description", "your description", "this image"]),
    // The account's rate.
    says(&[&["rate limit*", "ratelimit*", "rate limiting", "too many request*", "too many call*", "too many api*",
        "too many write*", "too many pins", "slow down", "throttl*", "request limit*", "request quota", "api limit*",
        "quota exceeded", "exceeded your quota", "requests per"]], F::RateLimited),
    says(&[&["exclusive access"]], F::PinterestBusy),
    // The app and the connection.
    says(&[&["trial access"]], F::TrialAccess),
    code(29, &[&["trial", "sandbox"]], F::TrialAccess),
    says(&[&["consumer type"]], F::FeatureRestricted),
    says(&[&["restricted feature*"]], F::FeatureRestricted),
    says(&[&["missing"], &["scope*"]], F::ScopeMissing),
    says(&[&["scope*"], &["require*", "lack*", "insufficient", "grant*", "not", "need*"]], F::ScopeMissing),
    code(3, &[&["authorization failed", "authorisation failed", "missing"]], F::ScopeMissing),
    says(&[&["authorization failed", "authorisation failed"]], F::BoardAccessDenied).unless(&["board*"]),
    says(&[&["authentication"], &["fail*", "error", "required", "invalid", "not"]], F::TokenRevoked),
    says(&[TOKEN, &["invalid", "expired", "revoked", "not valid", "no longer valid", "malformed", "expire*"]],
        F::TokenRevoked),
    says(&[&["not authenticated", "unauthenticated", "could not authenticate", "not authenticate"]], F::TokenRevoked),
    // The image. What Pinterest can't fetch now it often fetches some minutes later.
    code(233, &[], F::ImageTooSmall),
    says(&[MEDIA, &["too small", "smaller than", "too low", "low resolution", "not large enough", "not big enough"]],
        F::ImageTooSmall),
    says(&[MEDIA, &["format*", "type", "types", "mime*", "extension*"],
        &["not", "unsupported", "invalid", "only", "must", "unknown"]], F::ImageFormatUnsupported)
        .unless(&["fetch*", "valid url*", "url format*", "download*"]),
    says(&[MEDIA, &["unsupported", "not support*"]], F::ImageFormatUnsupported),
    code(235, &[&["broken", "corrupt*", "damaged"]], F::ImageBroken),
    says(&[MEDIA, &["broken", "corrupt*", "damaged", "not be decoded", "not decode*", "not read", "not be read",
        "unable to read", "unreadable", "truncated"]], F::ImageBroken)
        .unless(&["blocked"]),
    code(235, &[], F::ImageUnreachable),
    // The board, where its words are about nothing else.
    says(&[BLOCKED, BOARD], F::BoardAccessDenied).unless(LINK),
    code(2031, &[], F::BoardSectionNotFound),
    says(&[BOARD, SECTION, NOT_FOUND], F::BoardSectionNotFound),
    code(40, &[], F::BoardNotFound),
    says(&[BOARD, NOT_FOUND], F::BoardNotFound).unless(MEDIA),
    says(&[&["permission*"], &["board*", "section*", "pin", "pins", "resource", "object", "permission* to"]],
        F::BoardAccessDenied).unless(&["app", "apps", "application*", "image", "url"]),
    says(&[DENIED, &["board*", "section*", "resource*"]], F::BoardAccessDenied).unless(&["image", "images", "url"]),
    says(&[&["not permitted to access"]], F::BoardAccessDenied),
    // About one link, text or image. These rows come before those that take "spam" and "block" for a block of the
    // account.
    says(&[&["blocked _ link", "blocked _ url", "blocked _ site", "blocked _ website", "blocked _ domain", "link _ blocked",
        "url _ blocked", "site _ blocked", "lead* to spam", "links to spam"]], F::LinkBlocked).unless(ACCOUNT),
    says(&[BLOCKED, TEXT], F::DescriptionBlocked).unless(ACCOUNT),
    says(&[TEXT, &["contains a link", "contain a link", "contains links", "contain links", "contains a url",
        "contain urls", "contains spam", "looks like spam", "spammy"]], F::DescriptionBlocked).unless(ACCOUNT),
    says(&[BLOCKED, LINK], F::LinkBlocked).unless(ACCOUNT),
    says(&[LINK, DANGEROUS], F::LinkBlocked).unless(ACCOUNT),
    says(&[&["allow you to save pins", "allow saving", "allow pinning", "allow you to pin"]], F::LinkBlocked),
    says(&[LINK, &["allow", "allows", "allowed", "disallow*", "prohibit*", "permit*", "opted out"],
        &["not", "disallow*", "prohibit*", "opted out"]], F::LinkBlocked).unless(&["fetch*", "download*"]),
    says(&[BLOCKED, ONE_PIN], F::InvalidRequest).unless(ACCOUNT),
    // Fetching: "Could not fetch https://…", "The image URL is unreachable", "Timed out while fetching the image."
    says(&[FETCH, MEDIA], F::ImageUnreachable),
    says(&[FETCH, PLACE], F::ImageUnreachable).unless(&["board*", "section*"]),
    says(&[NOT, FETCH], F::ImageUnreachable)
        .unless(&["board*", "section*", "user*", "account*", "profile*", "token*", "pins", "this pin", "the pin"]),
    says(&[NOT, GET, MEDIA], F::ImageUnreachable).unless(&["permission*", "allowed", "guidelines", "valid url*"]),
    says(&[NOT, REACH, PLACE], F::ImageUnreachable).unless(&["permission*", "allowed", "board*", "section*"]),
    says(&[MEDIA, NOT_THERE], F::ImageUnreachable),
    says(&[MEDIA, &["not found", "not be found"]], F::ImageUnreachable),
    says(&[PLACE, &["unreachable", "inaccessible", "not reachable", "not respond*"]], F::ImageUnreachable),
    // A URL.
    says(&[&["url*", "uri*"], &["valid", "invalid", "malformed", "not well formed", "not parse*", "incorrect"]],
        F::InvalidUrl),
    says(&[LINK, &["invalid", "not valid", "not a valid", "malformed"]], F::InvalidUrl),
    code(1, &[&["url", "urls"]], F::InvalidUrl),
    // What a validation says, of any field.
    says(&[&["too long", "too short", "not match*", "duplicate*", "already exist*", "already have", "already has",
        "must be", "not one of", "characters"]], F::InvalidRequest),
    // A block of the account.
    says(&[ACCOUNT, BLOCKED], F::SpamBlock),
    says(&[ACCOUNT, &["spam*", "suspend*", "deactivat*", "disabled", "restricted"]], F::SpamBlock),
    code(9, &[], F::SpamBlock),
    code(8, &[], F::RateLimited),
];

/// Words and codes that mean several things, and, last, the status.
pub const UNCERTAIN: &[Row] = &[
    says(&[BLOCKED], F::SpamBlock),
    says(&[&["spam*"]], F::SpamBlock),
    code(2, &[], F::TokenRevoked),
    code(3, &[], F::ScopeMissing),
    code(29, &[], F::BoardAccessDenied),
    code(403, &[], F::BoardAccessDenied),
    code(404, &[BOARD], F::BoardNotFound),
    code(400, &[], F::InvalidRequest),
    code(1, &[], F::InvalidRequest),
    // Code 7 is said of a board (401) and of the rate (429).
    status(429, &[], F::RateLimited),
    code(7, &[], F::BoardAccessDenied),
    status(401, &[], F::TokenRevoked),
];

/// The words of all rows, with their `*`.
static ROW_WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let rows = CERTAIN.iter().chain(UNCERTAIN);
    let mut words: Vec<&str> =
        rows.flat_map(|row| row.says.iter()).flat_map(|any| any.iter()).flat_map(|phrase| phrase.split(' ')).collect();
    words.retain(|word| *word != ANY);
    words.sort_unstable();
    words.dedup();
    words
});

/// Whether a row looks for this word.
pub fn is_word_of_a_row(word: &str) -> bool {
    ROW_WORDS.iter().any(|known| known.strip_suffix('*').map_or(word == *known, |stem| word.starts_with(stem)))
}

#[cfg(test)]
pub fn row_words() -> impl Iterator<Item = &'static str> {
    ROW_WORDS.iter().copied()
}
