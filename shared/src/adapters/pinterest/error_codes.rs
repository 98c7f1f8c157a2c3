//! The provider's error table: maps an answer to a failure.
//!
//! To add one: a row here and a recorded answer in the tests below. Rows are tried in order, the most specific first. A
//! row names Pinterest's words or its `code`, or both, because Pinterest overloads its codes (1, 2, 3, 7 and 29 mean
//! several things) and sends the same words under several statuses. Only where words and code say too little, the
//! status decides. Sources: Pinterest's OpenAPI description 5.17.0 (the last that listed codes) and answers quoted in
//! public issue trackers.

use super::words;
use crate::domain::pin::failure::Failure;

/// One row. `None` matches anything; each of `says` must be among the words.
struct Row {
    status: Option<u16>,
    code: Option<i64>,
    says: &'static [&'static str],
    failure: Failure,
}

/// Whatever the code and the status.
const fn says(says: &'static [&'static str], failure: Failure) -> Row {
    Row { status: None, code: None, says, failure }
}

/// Whatever the status.
const fn code(code: i64, says: &'static [&'static str], failure: Failure) -> Row {
    Row { status: None, code: Some(code), says, failure }
}

const fn status(status: u16, code: Option<i64>, says: &'static [&'static str], failure: Failure) -> Row {
    Row { status: Some(status), code, says, failure }
}

use Failure as F;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Perhaps created despite the refusal: seen with and without the Pin.
    code(2787, &[], F::OutcomeUnknown),
    says(&["went wrong on our end"], F::OutcomeUnknown),
    // About one link or text. These rows come before those that take "spam" and "block" for a block of the account.
    says(&["blocked this link"], F::LinkBlocked),
    says(&["blocked this url"], F::LinkBlocked),
    says(&["blocked this site"], F::LinkBlocked),
    says(&["allow you to save pins"], F::LinkBlocked),
    says(&["site", "allow"], F::LinkBlocked),
    says(&["blocked this description"], F::DescriptionBlocked),
    says(&["blocked this", "contains a link"], F::DescriptionBlocked),
    says(&["lead to spam"], F::LinkBlocked),
    // A block of the account.
    says(&["combat spam"], F::SpamBlock),
    says(&["hit a block"], F::SpamBlock),
    says(&["blocked from"], F::SpamBlock),
    says(&["account", "blocked"], F::SpamBlock),
    code(9, &[], F::SpamBlock),
    // The account's rate.
    says(&["rate limit"], F::RateLimited),
    says(&["rate limits"], F::RateLimited),
    says(&["too many requests"], F::RateLimited),
    code(8, &[], F::RateLimited),
    says(&["exclusive access"], F::PinterestBusy),
    // The app and the connection.
    says(&["trial access"], F::TrialAccess),
    code(29, &["trial"], F::TrialAccess),
    says(&["consumer type"], F::FeatureRestricted),
    code(3, &["restricted feature"], F::FeatureRestricted),
    says(&["missing: ["], F::ScopeMissing),
    code(3, &["authorization failed"], F::ScopeMissing),
    says(&["authentication failed"], F::TokenRevoked),
    // The image. What Pinterest can't fetch now it often fetches some minutes later.
    code(233, &[], F::ImageTooSmall),
    says(&["image", "too small"], F::ImageTooSmall),
    says(&["format of the image"], F::ImageFormatUnsupported),
    code(235, &["broken"], F::ImageBroken),
    says(&["image is broken"], F::ImageBroken),
    code(235, &[], F::ImageUnreachable),
    says(&["fetch", "image"], F::ImageUnreachable),
    says(&["fetched", "image"], F::ImageUnreachable),
    says(&["fetch", "url"], F::ImageUnreachable),
    says(&["reach", "image"], F::ImageUnreachable),
    says(&["reach", "url"], F::ImageUnreachable),
    says(&["download", "image"], F::ImageUnreachable),
    says(&["retrieve", "image"], F::ImageUnreachable),
    // The board.
    code(40, &[], F::BoardNotFound),
    code(2031, &[], F::BoardSectionNotFound),
    says(&["find", "board section"], F::BoardSectionNotFound),
    says(&["board section", "not found"], F::BoardSectionNotFound),
    says(&["board", "not found"], F::BoardNotFound),
    says(&["find", "board"], F::BoardNotFound),
    says(&["permission", "board"], F::BoardAccessDenied),
    says(&["not authorized", "board"], F::BoardAccessDenied),
    says(&["not permitted to access"], F::BoardAccessDenied),
    // A URL.
    says(&["valid url"], F::InvalidUrl),
    says(&["invalid url"], F::InvalidUrl),
    code(1, &["url"], F::InvalidUrl),
    // The words and the code say little.
    status(429, None, &["spam"], F::SpamBlock),
    status(429, None, &["block"], F::SpamBlock),
    status(429, None, &["blocked"], F::SpamBlock),
    status(403, None, &["spam"], F::SpamBlock),
    status(403, None, &["block"], F::SpamBlock),
    status(403, None, &["blocked"], F::SpamBlock),
    status(429, None, &[], F::RateLimited),
    status(401, Some(3), &[], F::ScopeMissing),
    status(401, Some(7), &[], F::BoardAccessDenied),
    // About one object, not about the token.
    status(401, None, &["board"], F::BoardAccessDenied),
    status(401, None, &["permission to"], F::BoardAccessDenied),
    status(401, None, &["permitted to access"], F::BoardAccessDenied),
    status(401, None, &[], F::TokenRevoked),
    status(404, None, &["board"], F::BoardNotFound),
    code(29, &[], F::BoardAccessDenied),
    code(403, &[], F::BoardAccessDenied),
    code(400, &[], F::InvalidRequest),
    code(1, &[], F::InvalidRequest),
];

/// Maps a refusal (an answer outside 2xx) of a create. `message` is without our own texts, see
/// [`words::without_own`].
///
/// Within 400 to 499, Pinterest's code and words decide, not which of these statuses it is. Without a provider code the
/// answer is not that of Pinterest's own validation, so the outcome is unknown. The same applies to 408 and every 5xx.
pub fn of_create(status: u16, code: Option<i64>, message: &str) -> Failure {
    match (status, code) {
        (408, _) | (_, None) => F::OutcomeUnknown,
        (400..500, Some(code)) => lookup(status, code, message),
        _ => F::OutcomeUnknown,
    }
}

/// What an answer asks of the whole account, whatever it says about the pin: any 429 asks to slow down, and a block is
/// one under every status.
pub fn limit_of(status: u16, code: Option<i64>, message: &str) -> Option<Failure> {
    match lookup(status, code.unwrap_or_default(), message) {
        limit @ (F::SpamBlock | F::RateLimited) => Some(limit),
        _ => (status == 429).then_some(F::RateLimited),
    }
}

/// Maps a refusal of a read. A read creates nothing, so its outcome is never unknown; and a 429 is always about the
/// rate, or a block.
pub fn of_read(status: u16, code: Option<i64>, message: &str) -> Failure {
    match status {
        429 => limit_of(status, code, message).unwrap_or(F::RateLimited),
        408 | 500.. => F::PinterestUnreachable,
        _ => match lookup(status, code.unwrap_or_default(), message) {
            F::OutcomeUnknown => F::PinterestUnreachable,
            failure => failure,
        },
    }
}

/// Maps a refusal of a board's write. As with a create, a write that Pinterest's own validation hasn't refused may have
/// taken effect; one that was refused for its rate surely hasn't.
pub fn of_board_write(status: u16, code: Option<i64>, message: &str) -> Failure {
    match status {
        429 => of_read(status, code, message),
        _ => of_create(status, code, message),
    }
}

fn lookup(status: u16, code: i64, message: &str) -> Failure {
    let said = words::bare(message);
    let fits = |row: &&Row| {
        row.status.is_none_or(|expected| expected == status)
            && row.code.is_none_or(|expected| expected == code)
            && row.says.iter().all(|phrase| words::says(&said, phrase))
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
        let cases: [(u16, Option<i64>, &str, Failure); 37] = [
            (400, Some(1), url, F::InvalidUrl),
            (400, Some(1), "'x' does not match '^\\\\d+$'", F::InvalidRequest),
            (400, Some(2787), "Something went wrong on our end.", F::OutcomeUnknown),
            (400, Some(9), "Sorry, we've blocked this description because it contains a link.", F::DescriptionBlocked),
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

    /// Quoted in public threads, with variants of our own: status, code, words.
    const REFUSALS: [(u16, i64, &str, Failure); 37] = [
        (400, 1, "Sorry we could not fetch the image.", F::ImageUnreachable),
        (400, 235, "Sorry we could not fetch the image.", F::ImageUnreachable),
        (403, 1, "SORRY WE COULDN’T FETCH THE IMAGE", F::ImageUnreachable),
        (400, 235, "", F::ImageUnreachable),
        (400, 1, "The image could not be fetched.", F::ImageUnreachable),
        (400, 1, "Unable to reach the URL. Please check the URL is correct.", F::ImageUnreachable),
        (400, 1, "Unable to download the image from 'https://images.example.com/broken.jpg'", F::ImageUnreachable),
        (403, 235, "Sorry, this image is broken. Please pick a different image.", F::ImageBroken),
        (400, 235, "Your image is BROKEN", F::ImageBroken),
        (400, 1, "The image is too small", F::ImageTooSmall),
        (400, 1, "The format of the image is not supported", F::ImageFormatUnsupported),
        (400, 9, "Sorry! You've hit a block (Pins) we have in place to combat spam.", F::SpamBlock),
        (403, 9, "Sorry! You’ve hit a block we have in place to combat spam on Pinterest", F::SpamBlock),
        (400, 1, "You have been blocked from pinning: spam", F::SpamBlock),
        (400, 9, "Something nobody has seen", F::SpamBlock),
        (429, 9, "Sorry! We blocked this link because it may lead to spam.", F::LinkBlocked),
        (400, 1, "Sorry! We’ve blocked this link because it may lead to spam.", F::LinkBlocked),
        (400, 1, "Sorry! This site doesn't allow you to save Pins.", F::LinkBlocked),
        (403, 9, "Sorry! This site doesn’t allow you to save Pins.", F::LinkBlocked),
        (400, 1, "This site does not allow saving Pins", F::LinkBlocked),
        (400, 9, "Sorry, we've blocked this description because it contains a link.", F::DescriptionBlocked),
        (429, 9, "Sorry, we’ve blocked this description because it contains a link…", F::DescriptionBlocked),
        (403, 1, "We blocked this title because it contains a link", F::DescriptionBlocked),
        (400, 2787, "Sorry! Something went wrong on our end.", F::OutcomeUnknown),
        (403, 2787, "", F::OutcomeUnknown),
        (404, 1, "Something WENT wrong on our end", F::OutcomeUnknown),
        (400, 1, "Parameter 'link' with the value 'https://a.example' is not a valid URL format.", F::InvalidUrl),
        (422, 1, "Parameter \"link\" with the value “spam” is not a valid URL format.", F::InvalidUrl),
        (401, 2, "Authentication failed.", F::TokenRevoked),
        (401, 7, "You don't have permission to edit that board.", F::BoardAccessDenied),
        (401, 7, "Not authorized to access board or Pin.", F::BoardAccessDenied),
        (403, 29, "Your app has Trial access. Use the API Sandbox instead.", F::TrialAccess),
        (429, 7, "You have exceeded your rate limit.", F::RateLimited),
        (429, 8, "You have exceeded your rate limit.", F::RateLimited),
        (400, 8, "This request exceeded a rate limit.", F::RateLimited),
        (404, 40, "Board not found.", F::BoardNotFound),
        (409, 409, "Could not get exclusive access to the board", F::PinterestBusy),
    ];

    fn of_own(status: u16, code: i64, message: &str, own: &[&str]) -> Failure {
        of_create(status, Some(code), &words::without_own(message, own))
    }

    #[test]
    fn pinterests_code_and_words_decide_and_not_which_4xx_it_is() {
        for (status, code, message, failure) in REFUSALS {
            assert_eq!(of_own(status, code, message, &[]), failure, "{status} {code} {message}");
            for other in (400..500).filter(|other| *other != 408) {
                assert_eq!(of_own(other, code, message, &[]), failure, "{other} {code} {message}");
            }
            for unknown in [302, 408, 500, 502, 503, 599] {
                assert_eq!(of_own(unknown, code, message, &[]), F::OutcomeUnknown, "{unknown} {code} {message}");
            }
            assert_eq!(of_create(status, None, message), F::OutcomeUnknown, "{status} without a code: {message}");
            for variant in [message.to_uppercase(), message.replace('\'', "’"), format!("  {message}\n")] {
                assert_eq!(of_own(status, code, &variant, &[]), failure, "{status} {code} {variant}");
            }
        }
    }

    /// However a title or a link is repeated, quoted or not, whole or cut off.
    #[test]
    fn our_own_texts_in_an_answer_never_change_its_class() {
        let every_word: Vec<&str> = ROWS.iter().flat_map(|row| row.says.iter().copied()).collect();
        let every_message: Vec<&str> = REFUSALS.iter().map(|(_, _, message, _)| *message).collect();
        let mut texts = vec![
            every_word.join(" "),
            every_message.join(" "),
            "Curly hair".into(),
            "How to combat spam: a broken image, a rate limit & a URL".into(),
            "It's 'broken', isn’t it? “Blocked this link”".into(),
            "https://spam.example.com/blocked-from/url?image=broken#trial-access".into(),
        ];
        texts.extend(every_word.iter().map(|word| format!("My {word} story")));
        for text in &texts {
            let cut: String = text.chars().take(20).collect();
            for (status, code, message, failure) in REFUSALS {
                for echo in [
                    format!("{message} {text}"),
                    format!("{message} '{text}'"),
                    format!("{message} \"{text}\"."),
                    format!("‘{text}’: {message}"),
                    format!("{message} (“{text}”)"),
                    format!("{text}: {message}"),
                    format!("{message} Title {}", text.to_uppercase()),
                    format!("{message} Title {}", text.replace('&', "&amp;").replace('\'', "&#39;")),
                    format!("{message} Title {cut}…"),
                ] {
                    assert_eq!(of_own(status, code, &echo, &["1", text]), failure, "{status} {code} {echo}");
                }
            }
        }
        // One whose words are all Pinterest's own changes nothing where it isn't repeated.
        let is_plain = |text: &&&str| !text.contains(['"', '“']) && !text.contains(" '");
        for text in every_word.iter().chain(&every_message).filter(is_plain) {
            for (status, code, message, failure) in REFUSALS {
                let quoted = format!("{message} '{text}'");
                assert_eq!(of_own(status, code, &quoted, &[]), failure, "{status} {code} {quoted}");
            }
        }
        let known = ["url", "link", "broken", "image", "spam", "board", "on our end", "a valid URL", "this"];
        for text in known {
            for (status, code, message, failure) in [REFUSALS[0], REFUSALS[5], REFUSALS[7], REFUSALS[11], REFUSALS[15]]
            {
                assert_eq!(of_own(status, code, message, &[text]), failure, "{text}: {status} {code} {message}");
            }
        }
    }

    #[test]
    fn an_answer_asks_something_of_the_account_whatever_it_says_of_the_pin() {
        let block = "Sorry! You've hit a block (Pins) we have in place to combat spam.";
        let cases: [(u16, Option<i64>, &str, Option<Failure>); 9] = [
            (429, None, "", Some(F::RateLimited)),
            (429, Some(1), "Sorry we could not fetch the image.", Some(F::RateLimited)),
            (429, Some(2787), "Something went wrong on our end.", Some(F::RateLimited)),
            (429, None, block, Some(F::SpamBlock)),
            (503, Some(9), block, Some(F::SpamBlock)),
            (403, None, block, Some(F::SpamBlock)),
            (500, Some(500), "Internal error", None),
            (403, None, "", None),
            (408, Some(1), "Timeout", None),
        ];
        for (status, code, message, limit) in cases {
            assert_eq!(limit_of(status, code, message), limit, "{status} {code:?} {message}");
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
        assert_eq!(of_read(429, Some(9), "We blocked this link because it may lead to spam."), F::RateLimited);
        assert_eq!(of_read(429, Some(9), "You've hit a block we have in place to combat spam"), F::SpamBlock);
    }
}
