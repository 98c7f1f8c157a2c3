//! The rows of the error table.
//!
//! A row is a small sentence: of each of its groups of phrases ([`phrases`]), one must be among Pinterest's words. So a
//! row stands for a kind of refusal rather than for one wording of it.
//!
//! In a phrase, `*` ends the beginning of a word (`fetch*`: fetch, fetched, fetching), and `_` is any one word
//! (`hit a _ block`: hit a temporary block). The first row that fits decides, [`CERTAIN`] before [`UNCERTAIN`]: a row
//! stands below those that are more specific. infra/docs/contributing.md names the tests that show that one row shadows
//! another.

#[rustfmt::skip]
mod phrases;

use std::sync::LazyLock;

use self::phrases::*;
use super::marks::{ADDRESS, ANY};
use crate::domain::pin::failure::Failure as F;

/// One row. `None` matches anything.
pub struct Row {
    pub status: Option<u16>,
    pub code: Option<i64>,
    pub says: &'static [Any],
    /// Nothing of these groups may be said.
    pub unless: &'static [Any],
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
    const fn unless(self, unless: &'static [Any]) -> Self {
        Self { unless, ..self }
    }
}

/// What Pinterest's words, or its code, say for certain.
#[rustfmt::skip]
pub const CERTAIN: &[Row] = &[
    // Perhaps created despite the refusal: seen with and without the Pin.
    code(2787, &[], F::OutcomeUnknown),
    says(&[&["went wrong on our end", "went wrong on our side"]], F::OutcomeUnknown),
    says(&[OUR_ERROR], F::OutcomeUnknown).unless(&[OTHER_SERVER, FETCH, LINK, CONNECTION]),
    // Pinterest failed while it saved, or hasn't finished: the Pin may exist by now. So it is looked for before it is
    // sent again, whatever else the words are like.
    says(&[STILL_SAVING], F::OutcomeUnknown),
    says(&[SAVED], F::OutcomeUnknown).unless(&[&["too often", "too many"]]),
    says(&[OUR_SERVERS], F::OutcomeUnknown)
        .unless(&[OTHER_SERVER, FETCH, LINK, CONNECTION, TEXT, WRONG, VALIDATION,
            &["format*", "unsupported", "not support*"]]),
    says(&[MEDIA, &["upload*", "store", "storing", "stored", "image service", "media service"], STUCK],
        F::OutcomeUnknown)
        .unless(&[OTHER_SERVER, FETCH, LINK, BLOCKED, WRONG, VALIDATION]),
    // Who says that it wasn't done, and gives no reason, may have done it all the same: "Pin could not be saved".
    says(&[TOOK_TOO_LONG, SAVING], F::OutcomeUnknown).unless(&[OTHER_SERVER, FETCH, LINK]),
    says(&[TOOK_TOO_LONG], F::OutcomeUnknown).unless(&[OTHER_SERVER, FETCH, LINK, MEDIA]),
    says(&[A_SERVER, OVERLOADED], F::OutcomeUnknown)
        .unless(&[OTHER_SERVER, FETCH, LINK, MEDIA, APP, FEATURE, ACCOUNT, VIOLATES, BOARD, TEXT, BLOCKED, A_REASON]),
    says(&[SAVING, FAILED], F::OutcomeUnknown)
        .unless(&[FETCH, BLOCKED, VIOLATES, NOT_ALLOWED, CONNECTION, ACCOUNT, LINK, TEXT, A_REASON]),
    says(&[PROCESSING, FAILED], F::OutcomeUnknown)
        .unless(&[FETCH, BLOCKED, VIOLATES, NOT_ALLOWED, CONNECTION, ACCOUNT, LINK, TEXT, A_REASON, MEDIA]),
    says(&[NOT_SAVED], F::OutcomeUnknown)
        .unless(&[FETCH, BLOCKED, VIOLATES, NOT_ALLOWED, CONNECTION, ACCOUNT, LINK, TEXT, A_REASON, RATE, SIZE,
            DANGEROUS, BEHAVIOUR, APP]),
    says(&[NOT_PROCESSED], F::OutcomeUnknown)
        .unless(&[FETCH, BLOCKED, VIOLATES, NOT_ALLOWED, CONNECTION, ACCOUNT, LINK, TEXT, A_REASON, RATE, SIZE,
            DANGEROUS, BEHAVIOUR, APP, MEDIA]),
    says(&[REQUEST_FAILED], F::OutcomeUnknown)
        .unless(&[FETCH, BLOCKED, VIOLATES, NOT_ALLOWED, CONNECTION, ACCOUNT, LINK, TEXT, A_REASON, RATE, SIZE,
            DANGEROUS, BEHAVIOUR, APP, MEDIA]),
    says(&[CAN_NOT_SAVE], F::OutcomeUnknown)
        .unless(&[FETCH, BLOCKED, VIOLATES, NOT_ALLOWED, CONNECTION, ACCOUNT, LINK, TEXT, A_REASON, RATE, SIZE,
            DANGEROUS, BEHAVIOUR, APP, MEDIA, BOARD, SECTION, HERE, NOT_FOR_YOU,
            &["content", "section's", "object", "resource"]]),
    says(&[&["heavy load", "high load", "heavy traffic", "too busy", "experiencing issues", "experiencing problems"]],
        F::OutcomeUnknown),
    // A block of the account that mentions what it is about: "You've hit a block (Pins) … Please remove your link".
    says(&[&["hit a block", "hit a _ block"]], F::SpamBlock),
    says(&[&["combat* spam", "fight* spam", "prevent* spam"]], F::SpamBlock).unless(&[THIS_TEXT, THIS_LINK, THIS_PIN]),
    says(&[BLOCKED_BY_SOMEBODY], F::BoardAccessDenied).unless(&[&["copyright*"]]),
    says(&[&["blocked website*", "blocked link*", "blocked site*", "blocked domain*", "blocked url*"]], F::LinkBlocked)
        .unless(&[ACCOUNT_IS, IMAGE_URL]),
    says(&[LINK, &["reported by"]], F::LinkBlocked),
    says(&[&["exclusive access"]], F::PinterestBusy),
    says(&[BOARD, &["being updated", "being modified", "modified concurrently", "updated concurrently",
        "concurrent*", "is locked", "another request"]], F::PinterestBusy).unless(&[ACCOUNT]),
    // The app's tier, and scopes.
    says(&[&["trial access", "trial mode", "in trial", "sandbox token*"]], F::TrialAccess),
    code(29, &[&["trial", "sandbox"]], F::TrialAccess),
    says(&[&["standard access", "access tier", "access level"], &["need*", "require*", "upgrade*", "only", "not"]],
        F::TrialAccess),
    says(&[&["consumer type"]], F::FeatureRestricted),
    says(&[&["restricted feature*"]], F::FeatureRestricted),
    says(&[&["missing"], &["scope*"]], F::ScopeMissing),
    says(&[&["scope*"], &["require*", "lack*", "insufficient", "grant*", "not", "need*"]], F::ScopeMissing),
    // The image. What Pinterest can't fetch now it often fetches some minutes later.
    // Another server's guard keeps Pinterest out.
    says(&[BLOCKED, &["cloudflare", "hotlink*", "robots*", "pinterestbot", "firewall", "waf", "bot protection", "403",
        "401"]], F::ImageUnreachable).unless(&[ACCOUNT, BOARD]),
    says(&[MEDIA, &["we're blocked", "we are blocked", "we were blocked"]], F::ImageUnreachable),
    says(&[&["remote server"], HOST_SAYS], F::ImageUnreachable),
    says(&[MEDIA, &["not read", "not be read", "unable to read"], &["url", "urls", ADDRESS]], F::ImageUnreachable),
    says(&[MEDIA, &["not verify", "unable to verify", "not be verified"]], F::ImageUnreachable),
    // (500 characters are no status.)
    says(&[&["image_url*", "media_source*", "cover_image_url*"], HOST_SAYS], F::ImageUnreachable)
        .unless(&[&["character*"]]),
    says(&[&["destination*", "link", "your link"], &["unreachable", "not be resolved", "not resolve*", "not reachable"]],
        F::InvalidUrl).unless(&[MEDIA, &["image_url*", "media_source*", "cover_image_url*"]]),
    code(233, &[], F::ImageTooSmall),
    says(&[MEDIA, &["too small", "smaller than", "too low", "low resolution", "not large enough", "not big enough"]],
        F::ImageTooSmall),
    says(&[MEDIA, &["format*", "type", "types", "mime*", "extension*"],
        &["not", "unsupported", "invalid", "only", "must", "unknown"]], F::ImageFormatUnsupported)
        .unless(&[&["fetch*", "valid url*", "url format*", "download*"]]),
    says(&[MEDIA, &["unsupported", "not support*"]], F::ImageFormatUnsupported),
    code(235, &[&["broken", "corrupt*", "damaged"]], F::ImageBroken),
    says(&[MEDIA, &["broken", "corrupt*", "damaged", "not be decoded", "not decode*", "not read", "not be read",
        "unable to read", "unreadable", "truncated"]], F::ImageBroken)
        .unless(&[&["blocked"]]),
    // The image's host answers in the words that Pinterest uses for tokens and rates. So these rows come before those.
    says(&[MEDIA, HOST, HOST_ANSWERS], F::ImageUnreachable).unless(&[ACCOUNT, BOARD, SAVING]),
    says(&[MEDIA, HOST, HOST_SAYS], F::ImageUnreachable).unless(&[ACCOUNT, BOARD]),
    says(&[MEDIA, &["url", "urls", "link to"], HOST_SAYS], F::ImageUnreachable).unless(&[ACCOUNT, BOARD]),
    says(&[FETCH, MEDIA], F::ImageUnreachable).unless(&[BLOCKED, DANGEROUS]),
    says(&[FETCH, &["url", "urls", ADDRESS]], F::ImageUnreachable).unless(&[BLOCKED, DANGEROUS, &["access token"]]),
    says(&[MEDIA, NOT, LATER], F::ImageUnreachable).unless(&[ACCOUNT, DANGEROUS, VIOLATES, MAY_NOT, CONNECTION]),
    says(&[MEDIA, &["issue", "issues", "problem*", "trouble"], &["url", "urls", "process*"]], F::ImageUnreachable)
        .unless(&[ACCOUNT, DANGEROUS, VIOLATES]),
    says(&[MEDIA, NOT, &["process*"]], F::ImageUnreachable).unless(&[ACCOUNT, DANGEROUS, VIOLATES]),
    code(235, &[], F::ImageUnreachable),
    // The account's rate.
    // What is said of one link, text or image has no end in time.
    says(&[RATE], F::RateLimited).unless(&[THIS_LINK, THIS_TEXT, THIS_PIN]),
    // What an account holds at most, it holds tomorrow too.
    says(&[HOLDS_AT_MOST, TOO_MANY_PINS], F::InvalidRequest).unless(&[A_TIME, RATE, LINK, TEXT, MEDIA]),
    says(&[HOLDS_AT_MOST, &["boards", "sections"]], F::InvalidRequest).unless(&[A_TIME, RATE, LINK, TEXT, MEDIA, APP]),
    says(&[&["board limit*", "section limit*", "boards limit*", "sections limit*"], REACHED], F::InvalidRequest)
        .unless(&[A_TIME, RATE]),
    says(&[RATE, NOT_SAVED], F::RateLimited).unless(&[THIS_LINK, THIS_TEXT]),
    says(&[&["too many pins"]], F::RateLimited).unless(&[BOARD, SECTION, LINK]),
    says(&[LIMIT, REACHED, COUNTED], F::RateLimited).unless(&[BOARD, SECTION, TEXT, VALIDATION, MEDIA, LINK, SIZE]),
    says(&[&["pin limit*", "pin creation limit*", "save limit*", "allotted", "allowed number of pins"], REACHED],
        F::RateLimited),
    says(&[&["create", "save", "publish", "post", "make"], &["pins", "saves", "requests"],
        &["a day", "per day", "each day", "an hour", "per hour", "tomorrow"]], F::RateLimited).unless(&[BOARD, TEXT]),
    // What the app may not do. No person mends it by connecting again.
    says(&[APP, NOT_FOR_APPS], F::FeatureRestricted)
        .unless(&[ONE_OBJECT, CONNECTION, &["by the user", "user has", "user did"]]),
    says(&[ACCOUNT, NOT, &["this api", "the api", "our api", "api access"]], F::FeatureRestricted),
    says(&[APP, FEATURE], F::FeatureRestricted).unless(&[ONE_OBJECT, CONNECTION, MEDIA, LINK, TEXT]),
    says(&[FEATURE, NOT_FOR_APPS], F::FeatureRestricted).unless(&[ONE_OBJECT, CONNECTION, MEDIA, LINK, TEXT]),
    // The connection, unless one object is refused: "Authentication failed: you don't have access to this board".
    code(3, &[&["authorization failed", "authorisation failed", "missing"]], F::ScopeMissing).unless(&[ONE_OBJECT]),
    says(&[&["authorization failed", "authorisation failed"]], F::BoardAccessDenied).unless(&[&["board*"]]),
    says(&[&["authentication required", "authentication is required", "reauthori*", "re authori*", "reauthenticat*",
        "not logged in", "revoked consent", "consent _ revoked", "removed this app", "removed the app", "oauth token*"]],
        F::TokenRevoked).unless(&[MEDIA, HOST]),
    says(&[&["authentication"], &["fail*", "error", "required", "invalid", "not"]], F::TokenRevoked)
        .unless(&[ONE_OBJECT]),
    // A token of a text (JSON, a color) is none of the connection.
    says(&[&["app", "app's", "application", "consumer", "client application"], &["has been blocked", "is blocked",
        "was blocked", "been banned", "is banned", "was banned"]], F::FeatureRestricted)
        .unless(&[LINK, TEXT, ONE_PIN, ACCOUNT, BOARD]),
    says(&[TOKEN, &["deactivated", "rejected", "disabled", "removed"]], F::TokenRevoked).unless(&[NO_CREDENTIAL, MEDIA]),
    says(&[TOKEN, &["invalid", "expired", "revoked", "not valid", "no longer valid", "malformed", "expire*"]],
        F::TokenRevoked).unless(&[NO_CREDENTIAL]),
    says(&[&["unexpected token", "at position", "in json", "invalid json"]], F::InvalidRequest),
    says(&[&["dominant_color", "color", "colour"], &["invalid", "not valid"]], F::InvalidRequest),
    says(&[&["bearer", "authorization header", "authorisation header", "access_token"],
        &["missing", "required", "invalid", "expired", "revoked", "not"]], F::TokenRevoked),
    says(&[&["session", "sessions"], &["expired", "invalid", "ended", "not valid", "no longer valid"]],
        F::TokenRevoked),
    says(&[&["revoked access", "revoked the access", "access _ revoked", "withdrawn access", "withdrew access"]],
        F::TokenRevoked).unless(&[&["board*", "section*"], &["api access"]]),
    says(&[&["log in", "logged in", "sign in", "signed in"], &["must", "please", "need*"]], F::TokenRevoked)
        .unless(&[MEDIA, LINK]),
    says(&[&["not authenticated", "unauthenticated", "could not authenticate", "not authenticate"]], F::TokenRevoked),
    // The image lies where it may not: that is the image's fault, and no other link helps.
    says(&[IMAGE_URL, BLOCKED], F::InvalidRequest).unless(&[ACCOUNT_IS, YOU_ARE, BOARD]),
    // A link or a site is what is blocked, though the words say whose it is, or from what the account is kept: its pins
    // with other links are welcome.
    says(&[LINK_IS_BLOCKED], F::LinkBlocked).unless(&[ACCOUNT_IS, YOU_ARE, TEXT, &["restricted to"]]),
    says(&[ACCOUNTS_SITE, RESTRAINED], F::LinkBlocked).unless(&[YOU_ARE]),
    says(&[KEPT_FROM_LINKING, A_SITE, RESTRAINED], F::LinkBlocked),
    says(&[CAN_NOT_LINK, A_SITE, RESTRAINED], F::LinkBlocked).unless(&[ACCOUNT_IS, YOU_ARE]),
    // The account, also where boards are what it may not create. A board's owner is another account.
    says(&[ACCOUNT, BLOCKED], F::SpamBlock).unless(&[&["board", "board's", "owner*"], ANOTHERS]),
    says(&[ACCOUNT, RESTRICTED], F::SpamBlock).unless(&[&["board", "board's", "owner*"], ANOTHERS]),
    says(&[&["user", "user's", "profile", "business"], &["suspended", "deactivated", "closed", "banned", "disabled"]],
        F::SpamBlock).unless(&[&["board", "board's", "owner*"], ANOTHERS]),
    says(&[&["confirm*", "verif*"], &["your email", "your e mail", "email address", "your account", "your identity"]],
        F::SpamBlock),
    says(&[&["your account can not", "your account may not"], LATER], F::SpamBlock),
    says(&[&["unusual activity", "saving is disabled", "pinning is disabled", "safe mode", "reset your password",
        "often you can do", "account in read only"]], F::SpamBlock),
    says(&[MAY_NOT, &["pins", "account", "anything"], LATER], F::SpamBlock)
        .unless(&[BOARD, SECTION, MEDIA, LINK, TEXT, APP, CONNECTION]),
    says(&[ACCOUNT, BLOCKED, &["from creating", "from making"]], F::SpamBlock),
    // The board, where its words are about nothing else.
    says(&[BLOCKED, BOARD], F::BoardAccessDenied).unless(&[LINK]),
    code(2031, &[], F::BoardSectionNotFound),
    says(&[BOARD, SECTION, NOT_FOUND], F::BoardSectionNotFound),
    code(40, &[], F::BoardNotFound),
    says(&[&["invalid board id", "unknown board", "not a valid board", "board has been removed", "board was removed",
        "board has been archived", "board is archived", "board has been deleted"]], F::BoardNotFound).unless(&[SECTION]),
    says(&[&["collaborator*"]], F::BoardAccessDenied).unless(&[CONNECTION, MEDIA, LINK]),
    says(&[BOARD, NOT_FOUND], F::BoardNotFound).unless(&[MEDIA]),
    says(&[&["permission*"], &["board*", "section*", "pin", "pins", "resource", "object", "permission* to"]],
        F::BoardAccessDenied).unless(&[APP, &["image", "url"]]),
    says(&[DENIED, &["board*", "section*", "resource*"]], F::BoardAccessDenied)
        .unless(&[&["image", "images", "url"]]),
    says(&[MAY_NOT, &["board*", "section*"]], F::BoardAccessDenied)
        .unless(&[MEDIA, LINK, VALIDATION, CONNECTION]),
    says(&[NOT_YOURS, &["board*", "section*"]], F::BoardAccessDenied)
        .unless(&[MEDIA, LINK, VALIDATION, CONNECTION]),
    says(&[&["not permitted to access"]], F::BoardAccessDenied),
    // About one link, text or image. These rows come before those that take "spam" and "block" for a block of the
    // account.
    says(&[&["url*", "uri*", "link", "links", "link's"],
        &["scheme*", "protocol*", "only http*", "http or https", "start* with", "begin* with"]],
        F::InvalidUrl).unless(&[TEXT]),
    says(&[&["blocked _ link", "blocked _ url", "blocked _ site", "blocked _ website", "blocked _ domain",
        "link _ blocked", "url _ blocked", "site _ blocked", "lead* to spam", "links to spam"]], F::LinkBlocked)
        .unless(&[ACCOUNT]),
    says(&[TEXT, BLOCKED], F::DescriptionBlocked).unless(&[ACCOUNT]),
    says(&[WORDING, BLOCKED], F::DescriptionBlocked).unless(&[ACCOUNT]),
    says(&[TEXT, &["contains a link", "contain a link", "contains links", "contain links", "contains a url",
        "contain urls", "contains spam", "looks like spam", "spammy"]], F::DescriptionBlocked).unless(&[ACCOUNT]),
    says(&[TEXT, LINKS, &["contain*", "includ*", "remov*", "without", "not have", "with links", "with a link",
        "with urls", "in _ description", "in descriptions", "in _ title", "in titles", "in _ caption", "in captions",
        "in comments", "no links", "no urls", "not _ links", "not _ link", "not _ urls", "not _ url"]],
        F::DescriptionBlocked)
        .unless(&[ACCOUNT, &["valid", "invalid"]]),
    says(&[TEXT, DANGEROUS], F::DescriptionBlocked).unless(&[ACCOUNT, BEHAVIOUR, LINK]),
    says(&[TEXT, VIOLATES], F::DescriptionBlocked).unless(&[ACCOUNT, BEHAVIOUR]),
    says(&[WORDING, DANGEROUS], F::DescriptionBlocked).unless(&[ACCOUNT, BEHAVIOUR, LINK]),
    says(&[TEXT, WORDING, NOT_ALLOWED], F::DescriptionBlocked).unless(&[ACCOUNT]),
    says(&[&["copyright*", "trademark*"]], F::InvalidRequest).unless(&[&["account", "account's"]]),
    says(&[BLOCKED, LINK], F::LinkBlocked).unless(&[ACCOUNT]),
    says(&[LINK, DANGEROUS], F::LinkBlocked).unless(&[ACCOUNT]),
    says(&[LINK, VIOLATES], F::LinkBlocked).unless(&[ACCOUNT, BEHAVIOUR]),
    says(&[&["allow you to save pins", "allow saving", "allow pinning", "allow you to pin"]], F::LinkBlocked),
    says(&[LINK, &["allow", "allows", "allowed", "disallow*", "prohibit*", "permit*", "opted out"],
        &["not", "disallow*", "prohibit*", "opted out"]], F::LinkBlocked).unless(&[&["fetch*", "download*"]]),
    says(&[ONE_PIN, BLOCKED], F::InvalidRequest).unless(&[ACCOUNT]),
    says(&[ONE_PIN, DANGEROUS], F::InvalidRequest).unless(&[ACCOUNT, BEHAVIOUR]),
    says(&[ONE_PIN, VIOLATES], F::InvalidRequest).unless(&[ACCOUNT, BEHAVIOUR]),
    says(&[IT, VIOLATES], F::InvalidRequest).unless(&[ACCOUNT, BEHAVIOUR, APP, BOARD, &["you"]]),
    // Fetching: "Could not fetch https://…", "The image URL is unreachable", "Timed out while fetching the image."
    says(&[FETCH, MEDIA], F::ImageUnreachable),
    says(&[FETCH, PLACE], F::ImageUnreachable).unless(&[&["board*", "section*"]]),
    says(&[NOT, FETCH], F::ImageUnreachable)
        .unless(&[&["board*", "section*", "user*", "account*", "profile*", "token*", "pins", "this pin", "the pin"]]),
    says(&[NOT, GET, MEDIA], F::ImageUnreachable).unless(&[&["permission*", "allowed", "guidelines", "valid url*"]]),
    says(&[NOT, REACH, PLACE], F::ImageUnreachable).unless(&[BOARD, ONE_OBJECT, &["permission*", "allowed"]]),
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
    // A block, of what it names, or of the account.
    code(9, &[THIS_TEXT], F::DescriptionBlocked).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[THIS_LINK], F::LinkBlocked).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[THIS_PIN], F::InvalidRequest).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[TEXT, NOT_ALLOWED], F::DescriptionBlocked).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[LINKS, &["not", "remove", "without"]], F::LinkBlocked).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[LINKS, CHANGE_IT], F::LinkBlocked).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[TEXT, CHANGE_IT], F::DescriptionBlocked).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[ONE_PIN, CHANGE_IT], F::InvalidRequest).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[VIOLATES], F::InvalidRequest).unless(&[ACCOUNT, BEHAVIOUR, APP, BOARD, &["you", "spam*"]]),
    code(9, &[&["parameters", "tracking"], &["remove", "not", "without"]], F::LinkBlocked)
        .unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[CONTENT], F::InvalidRequest).unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[&["this content", "the content", "your content", "content blocked", "content policy"]], F::InvalidRequest)
        .unless(&[ACCOUNT, BEHAVIOUR]),
    code(9, &[NOT_ALLOWED], F::InvalidRequest).unless(&[ACCOUNT, BEHAVIOUR, APP, BOARD]),
    code(9, &[], F::SpamBlock),
    code(8, &[], F::RateLimited),
    // Pinterest failed, and says nothing else.
    says(&[SOME_ERROR], F::OutcomeUnknown)
        .unless(&[&["invalid", "not valid", "missing", "required", "unsupported"], VALIDATION, TOKEN]),
];

/// Words and codes that mean several things, and, last, the status.
pub const UNCERTAIN: &[Row] = &[
    says(&[BLOCKED], F::SpamBlock).unless(&[ANOTHERS]),
    says(&[&["spam*"]], F::SpamBlock),
    // These codes are of the connection, and of boards, sections and Pins. What names one of those fails its pin:
    // holding the account would help nobody. What names the connection as well is about the connection.
    code(2, &[OBJECT], F::BoardAccessDenied).unless(&[CONNECTION]),
    code(3, &[OBJECT], F::BoardAccessDenied).unless(&[CONNECTION]),
    code(7, &[OBJECT], F::BoardAccessDenied).unless(&[CONNECTION]),
    code(2, &[HERE], F::BoardAccessDenied).unless(&[CONNECTION]),
    code(3, &[HERE], F::BoardAccessDenied).unless(&[CONNECTION]),
    code(2, &[ONE_PIN], F::InvalidRequest).unless(&[CONNECTION]),
    code(3, &[ONE_PIN], F::InvalidRequest).unless(&[CONNECTION]),
    code(2, &[], F::TokenRevoked),
    code(3, &[], F::ScopeMissing),
    says(&[&["unauthorized", "unauthorised"]], F::TokenRevoked).unless(&[OBJECT, ONE_PIN, APP, FEATURE]),
    // A 429 whose words say nothing is about the rate, whatever its code.
    status(429, &[], F::RateLimited).unless(&[OBJECT, MEDIA, LINK, TEXT, VALIDATION]),
    code(29, &[], F::BoardAccessDenied),
    code(403, &[], F::BoardAccessDenied),
    code(404, &[BOARD], F::BoardNotFound),
    // Who says no more than that it passes has not refused a field.
    code(400, &[&["try again", "please retry"]], F::OutcomeUnknown).unless(&[WRONG, VALIDATION, MEDIA, LINK, TEXT]),
    code(1, &[&["try again", "please retry"]], F::OutcomeUnknown).unless(&[WRONG, VALIDATION, MEDIA, LINK, TEXT]),
    // Nor has who names neither a field nor an object, and gives no reason.
    code(400, &[&[ANY]], F::OutcomeUnknown).unless(SAYS_MORE),
    code(1, &[&[ANY]], F::OutcomeUnknown).unless(SAYS_MORE),
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
