//! The provider's error table: maps an answer to a failure.
//!
//! To add one: a row here and a recorded answer in the tests below. Rows are tried in order, by HTTP status, then
//! `code`, then text, because Pinterest overloads its codes (2, 3 and 29 mean several things). Sources: Pinterest's
//! OpenAPI description 5.17.0 (the last that listed codes) and answers quoted in public issue trackers.

use crate::domain::pin::failure::Failure;

/// One row. `None` matches anything; `text` is compared in lower case.
struct Row {
    status: Option<u16>,
    code: Option<i64>,
    text: Option<&'static str>,
    failure: Failure,
}

const fn row(status: u16, code: Option<i64>, text: Option<&'static str>, failure: Failure) -> Row {
    Row { status: Some(status), code, text, failure }
}

const fn says(text: &'static str, failure: Failure) -> Row {
    Row { status: None, code: None, text: Some(text), failure }
}

use Failure as F;

#[rustfmt::skip]
const ROWS: [Row; 35] = [
    // Perhaps created despite the 400: seen with and without the Pin.
    row(400, Some(2787), None, F::OutcomeUnknown),
    // About the link. These rows come before those that take the words "spam" and "block" for a block of the account.
    says("blocked this link", F::LinkBlocked),
    says("lead to spam", F::LinkBlocked),
    row(429, None, Some("spam"), F::SpamBlock),
    row(429, None, Some("block"), F::SpamBlock),
    row(403, None, Some("spam"), F::SpamBlock),
    row(403, None, Some("block"), F::SpamBlock),
    row(429, Some(9), None, F::SpamBlock),
    row(403, Some(9), None, F::SpamBlock),
    row(429, None, None, F::RateLimited),
    row(409, None, Some("exclusive access"), F::PinterestBusy),
    row(401, Some(3), Some("consumer type"), F::FeatureRestricted),
    row(401, Some(3), Some("restricted feature"), F::FeatureRestricted),
    row(401, Some(3), None, F::ScopeMissing),
    // About one object, not about the token.
    row(401, Some(7), None, F::BoardAccessDenied),
    row(401, None, Some("board"), F::BoardAccessDenied),
    row(401, None, Some("permission to"), F::BoardAccessDenied),
    row(401, None, Some("permitted to access"), F::BoardAccessDenied),
    row(401, None, None, F::TokenRevoked),
    row(403, Some(29), Some("trial"), F::TrialAccess),
    row(403, Some(233), None, F::ImageTooSmall),
    row(403, Some(235), None, F::ImageBroken),
    row(404, Some(40), None, F::BoardNotFound),
    row(404, Some(2031), None, F::BoardSectionNotFound),
    row(404, None, Some("board"), F::BoardNotFound),
    says("unable to reach the url", F::ImageUnreachable),
    says("format of the image", F::ImageFormatUnsupported),
    says("image is too small", F::ImageTooSmall),
    says("image is broken", F::ImageBroken),
    row(403, Some(29), None, F::BoardAccessDenied),
    row(403, Some(403), None, F::BoardAccessDenied),
    row(403, Some(7), None, F::BoardAccessDenied),
    row(403, None, Some("board"), F::BoardAccessDenied),
    row(400, Some(1), Some("url"), F::InvalidUrl),
    row(400, Some(1), None, F::InvalidRequest),
];

/// Maps a refusal (an answer outside 2xx) of a create.
///
/// Without a provider code the answer is not that of Pinterest's own validation, so the outcome is unknown. The same
/// applies to 408 and every 5xx.
pub fn of_create(status: u16, code: Option<i64>, message: &str) -> Failure {
    match code {
        None => F::OutcomeUnknown,
        Some(_) if status == 408 || status >= 500 => F::OutcomeUnknown,
        Some(_) if status < 400 => F::OutcomeUnknown,
        Some(code) => lookup(status, code, message),
    }
}

/// Maps a refusal of a read. A read creates nothing, so its outcome is never unknown.
pub fn of_read(status: u16, code: Option<i64>, message: &str) -> Failure {
    match status {
        408 | 500.. => F::PinterestUnreachable,
        _ => match lookup(status, code.unwrap_or_default(), message) {
            F::OutcomeUnknown => F::PinterestUnreachable,
            failure => failure,
        },
    }
}

/// Maps a refusal of a board's write. As with a create, a write that Pinterest's own validation hasn't refused may have
/// taken effect; one that was refused for its rate surely hasn't. Boards repeat the HTTP status as the code of an
/// invalid field.
pub fn of_board_write(status: u16, code: Option<i64>, message: &str) -> Failure {
    match (status, code) {
        (429, _) => of_read(status, code, message),
        (400, Some(400)) => F::InvalidRequest,
        _ => of_create(status, code, message),
    }
}

fn lookup(status: u16, code: i64, message: &str) -> Failure {
    let text = message.to_lowercase();
    let fits = |row: &&Row| {
        row.status.is_none_or(|expected| expected == status)
            && row.code.is_none_or(|expected| expected == code)
            && row.text.is_none_or(|expected| text.contains(expected))
    };
    ROWS.iter().find(fits).map_or(F::Unrecognised, |row| row.failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_answers_to_creates_map_to_their_failures() {
        let rate = "This request exceeded a rate limit. This can happen if the client exceeds one of the published rate \
                    limits or if multiple write operations are applied to an object within a short time window.";
        let url = "Whoops! It looks like you entered an invalid URL. Try creating a Pin again with a valid URL.";
        let cases: [(u16, Option<i64>, &str, Failure); 36] = [
            (400, Some(1), url, F::InvalidUrl),
            (400, Some(1), "'x' does not match '^\\\\d+$'", F::InvalidRequest),
            (400, Some(2787), "Something went wrong on our end.", F::OutcomeUnknown),
            (400, Some(235), "Unable to reach the URL. Please check the URL is correct.", F::ImageUnreachable),
            (400, Some(12), "The format of the image is not supported", F::ImageFormatUnsupported),
            (400, Some(1), "We blocked this link because it may lead to spam.", F::LinkBlocked),
            (401, Some(2), "Authentication failed.", F::TokenRevoked),
            (401, Some(3), "Your application consumer type is not supported", F::FeatureRestricted),
            (401, Some(3), "Authorization failed. Missing: ['boards:write']", F::ScopeMissing),
            (403, Some(29), "You are not permitted to access that resource.", F::BoardAccessDenied),
            (403, Some(29), "Apps with Trial access may not create Pins in production", F::TrialAccess),
            (401, Some(7), "You don't have permission to edit that board.", F::BoardAccessDenied),
            (401, Some(7), "Not authorized to access board or Pin.", F::BoardAccessDenied),
            (401, Some(7), "Authorization failed.", F::BoardAccessDenied),
            (401, Some(2), "You don't have permission to edit that board.", F::BoardAccessDenied),
            (401, Some(29), "You are not permitted to access that resource.", F::BoardAccessDenied),
            (403, Some(7), "You don't have permission to edit that board.", F::BoardAccessDenied),
            (403, Some(2), "Not authorized to access board or Pin.", F::BoardAccessDenied),
            (401, Some(3), "Authorization failed. Missing: ['boards:write', 'pins:write']", F::ScopeMissing),
            (401, Some(2), "Authentication failed. The access token is invalid or expired.", F::TokenRevoked),
            (403, Some(233), "Your image is too small. Please choose a larger image and try again.", F::ImageTooSmall),
            (403, Some(235), "Sorry, this image is broken. Please pick a different image.", F::ImageBroken),
            (403, Some(9), "Your account is blocked for behaviour that looks like spam", F::SpamBlock),
            (404, Some(40), "Board not found.", F::BoardNotFound),
            (404, Some(404), "Board not found.", F::BoardNotFound),
            (404, Some(2031), "Sorry! We couldn't find this board section.", F::BoardSectionNotFound),
            (409, Some(409), "Could not get exclusive access to the board", F::PinterestBusy),
            (429, Some(8), rate, F::RateLimited),
            (429, Some(8), "You have been blocked from pinning: spam", F::SpamBlock),
            (418, Some(7), "Something nobody has seen", F::Unrecognised),
            // Unknown: a creation can't be ruled out.
            (500, Some(500), "Internal error", F::OutcomeUnknown),
            (503, None, "", F::OutcomeUnknown),
            (403, None, "<html>edge</html>", F::OutcomeUnknown),
            (429, None, "Too many requests", F::OutcomeUnknown),
            (408, Some(1), "Timeout", F::OutcomeUnknown),
            (302, Some(1), "Moved", F::OutcomeUnknown),
        ];
        for (status, code, message, expected) in cases {
            assert_eq!(of_create(status, code, message), expected, "{status} {code:?} {message}");
        }
    }

    #[test]
    fn recorded_answers_to_writes_of_boards_map_to_their_failures() {
        let cases: [(u16, Option<i64>, &str, Failure); 9] = [
            (400, Some(400), "The board name is invalid or duplicated.", F::InvalidRequest),
            (400, Some(400), "Invalid board section parameters.", F::InvalidRequest),
            (401, Some(3), "Missing: ['boards:write_secret']", F::ScopeMissing),
            (403, Some(403), "Not authorized to delete the board.", F::BoardAccessDenied),
            (404, Some(404), "Board not found.", F::BoardNotFound),
            (409, Some(409), "Could not get exclusive access to delete the board.", F::PinterestBusy),
            (429, None, "Too many requests", F::RateLimited),
            (500, Some(500), "Could not create a new board section.", F::OutcomeUnknown),
            (502, None, "", F::OutcomeUnknown),
        ];
        for (status, code, message, expected) in cases {
            assert_eq!(of_board_write(status, code, message), expected, "{status} {code:?} {message}");
        }
    }

    #[test]
    fn a_read_is_never_of_unknown_outcome() {
        assert_eq!(of_read(500, Some(500), ""), F::PinterestUnreachable);
        assert_eq!(of_read(400, Some(2787), ""), F::PinterestUnreachable);
        assert_eq!(of_read(404, Some(40), "Board not found."), F::BoardNotFound);
        assert_eq!(of_read(429, None, ""), F::RateLimited);
    }
}
