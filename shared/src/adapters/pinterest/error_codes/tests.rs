use super::*;
use crate::adapters::pinterest::marks::ANY;
use crate::adapters::pinterest::rows::row_words;

fn plain(message: &str) -> Words {
    Words::of(message, &[])
}

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
        (418, Some(77), "Something nobody has seen", F::Unrecognised),
        // Unknown: a creation can't be ruled out.
        (500, Some(500), "Internal error", F::OutcomeUnknown),
        (503, None, "", F::OutcomeUnknown),
        (403, None, "<html>edge</html>", F::OutcomeUnknown),
        (429, None, "Too many requests", F::OutcomeUnknown),
        (408, Some(1), "Timeout", F::OutcomeUnknown),
        (302, Some(1), "Moved", F::OutcomeUnknown),
    ];
    for (status, code, message, expected) in cases {
        assert_eq!(of_create(status, code, &plain(message)), expected, "{status} {code:?} {message}");
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
    of_create(status, Some(code), &Words::of(message, own))
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
        assert_eq!(of_create(status, None, &plain(message)), F::OutcomeUnknown, "{status} without a code: {message}");
        for variant in [message.to_uppercase(), message.replace('\'', "’"), format!("  {message}\n")] {
            assert_eq!(of_own(status, code, &variant, &[]), failure, "{status} {code} {variant}");
        }
    }
}

/// However a title or a link is repeated, quoted or not, whole or cut off.
#[test]
fn our_own_texts_in_an_answer_never_change_its_class() {
    let every_word: Vec<&str> = row_words().map(|word| word.trim_end_matches('*')).collect();
    let every_message: Vec<&str> = REFUSALS.iter().map(|(_, _, message, _)| *message).collect();
    let mut texts = vec![
        every_word.join(" "),
        every_message.join(" "),
        "Curly hair".into(),
        "How to combat spam: a broken image, a rate limit & a URL".into(),
        "It's 'broken', isn’t it? “Blocked this link”".into(),
        "https://spam.example.com/blocked-from/url?image=broken#trial-access".into(),
    ];
    texts.extend(every_word.iter().step_by(12).map(|word| format!("My {word} story")));
    for (index, text) in texts.iter().enumerate() {
        let cut: String = text.chars().take(20).collect();
        for (status, code, message, failure) in REFUSALS.into_iter().skip(index % 3).step_by(3) {
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
    for text in every_word.iter().step_by(4).chain(&every_message).filter(is_plain) {
        // (A sentence that is quoted beside nothing is Pinterest's.)
        for (status, code, message, failure) in REFUSALS.into_iter().filter(|(_, _, message, _)| !message.is_empty()) {
            let quoted = format!("{message} '{text}'");
            assert_eq!(of_own(status, code, &quoted, &[]), failure, "{status} {code} {quoted}");
        }
    }
    let known = ["url", "link", "broken", "image", "spam", "board", "on our end", "a valid URL", "this"];
    for text in known {
        for (status, code, message, failure) in [REFUSALS[0], REFUSALS[5], REFUSALS[7], REFUSALS[11], REFUSALS[15]] {
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
        assert_eq!(limit_of(status, code, &plain(message)), limit, "{status} {code:?} {message}");
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
        assert_eq!(of_board_write(status, code, &plain(message)), expected, "{status} {code:?} {message}");
    }
}

#[test]
fn a_read_is_never_of_unknown_outcome() {
    assert_eq!(of_read(500, Some(500), &plain("")), F::PinterestUnreachable);
    assert_eq!(of_read(400, Some(2787), &plain("")), F::PinterestUnreachable);
    assert_eq!(of_read(404, Some(40), &plain("Board not found.")), F::BoardNotFound);
    assert_eq!(of_read(429, None, &plain("")), F::RateLimited);
    assert_eq!(of_read(429, Some(9), &plain("We blocked this link because it may lead to spam.")), F::RateLimited);
    assert_eq!(of_read(429, Some(9), &plain("You've hit a block we have in place to combat spam")), F::SpamBlock);
}

/// Of kinds that were met in other words than the table's: code, words, the failure under every 4xx.
const OTHER_WORDS: &[(i64, &str, Failure)] = &[
    // An image that can't be fetched, in any verb and noun.
    (1, "Timed out while fetching the image.", F::ImageUnreachable),
    (1, "Sorry, we could not fetch the media.", F::ImageUnreachable),
    (1, "Error fetching image", F::ImageUnreachable),
    (1, "Failed to fetch images", F::ImageUnreachable),
    (1, "The image could not be downloaded", F::ImageUnreachable),
    (1, "We couldn't load the image", F::ImageUnreachable),
    (1, "Unable to reach the URLs", F::ImageUnreachable),
    (1, "Could not fetch https://images.example.com/a.jpg", F::ImageUnreachable),
    (1, "Could not fetch images.example.com/a.jpg.", F::ImageUnreachable),
    (1, "The image URL is unreachable", F::ImageUnreachable),
    (1, "The image took too long to download", F::ImageUnreachable),
    (1, "Image download failed: HTTP status 503", F::ImageUnreachable),
    (1, "We can’t access your photo right now", F::ImageUnreachable),
    (1, "Unable to retrieve media from the server", F::ImageUnreachable),
    (1, "The picture isn't available", F::ImageUnreachable),
    (1, "Could not connect to the image host", F::ImageUnreachable),
    (1, "Couldn't open the picture", F::ImageUnreachable),
    (1, "The server of the image did not respond", F::ImageUnreachable),
    (1, "The image was not found", F::ImageUnreachable),
    (1, "Unable to get image", F::ImageUnreachable),
    (1, "Fetching timed out", F::ImageUnreachable),
    (99, "Image fetch error", F::ImageUnreachable),
    // One link, text or image, though the code says a block.
    (9, "Sorry! This link is blocked.", F::LinkBlocked),
    (9, "Sorry! Your link was blocked.", F::LinkBlocked),
    (9, "The website has been blocked because it may be unsafe", F::LinkBlocked),
    (9, "This link looks like spam", F::LinkBlocked),
    (9, "We have blocked your URL", F::LinkBlocked),
    (9, "We blocked https://spam.example/a because users reported it", F::LinkBlocked),
    (9, "Sorry! This domain doesn't allow pinning", F::LinkBlocked),
    (9, "Sorry! Your description was blocked because it contains a link.", F::DescriptionBlocked),
    (9, "This description has been blocked", F::DescriptionBlocked),
    (9, "Descriptions can't contain links", F::DescriptionBlocked),
    (9, "We blocked your comment because it looks like spam", F::DescriptionBlocked),
    (1, "Sorry! We blocked this image because it goes against our guidelines.", F::InvalidRequest),
    (9, "Sorry! We blocked this image because it goes against our guidelines.", F::InvalidRequest),
    (9, "This Pin was blocked because it goes against our guidelines.", F::InvalidRequest),
    // The account.
    (1, "Your account has been blocked for sharing spam links", F::SpamBlock),
    (9, "You have been blocked", F::SpamBlock),
    (1, "Your account was suspended", F::SpamBlock),
    (1, "Slow down! You're making too many requests.", F::RateLimited),
    (7, "Request throttled", F::RateLimited),
    // The token, a scope, the board.
    (2, "The access token is invalid or expired.", F::TokenRevoked),
    (2, "", F::TokenRevoked),
    (1, "Invalid access token", F::TokenRevoked),
    (7, "Authentication required", F::TokenRevoked),
    (3, "", F::ScopeMissing),
    (1, "Missing: ['boards:write']", F::ScopeMissing),
    (7, "This call requires the scope pins:write", F::ScopeMissing),
    (7, "Authorization failed.", F::BoardAccessDenied),
    (2, "You don't have permission to edit that board.", F::BoardAccessDenied),
    (9, "The owner of this board has blocked you", F::BoardAccessDenied),
    (1, "The board doesn't exist", F::BoardNotFound),
    (1, "This board was deleted", F::BoardNotFound),
    (404, "Board", F::BoardNotFound),
    (1, "Could not find the section of the board", F::BoardSectionNotFound),
    // Fields.
    (1, "The image's format is unsupported", F::ImageFormatUnsupported),
    (1, "The photo is smaller than 100 pixels", F::ImageTooSmall),
    (1, "This picture is damaged", F::ImageBroken),
    (1, "Invalid link", F::InvalidUrl),
    (58, "You already have a board named 'Combat spam'", F::InvalidRequest),
    (1, "'x' does not match '^\\d+$'", F::InvalidRequest),
    (400, "", F::InvalidRequest),
];

#[test]
fn a_row_stands_for_a_kind_of_refusal_under_every_4xx() {
    for (code, message, failure) in OTHER_WORDS {
        for status in [400, 401, 403, 404, 409, 418, 422, 429, 499] {
            let found = of_create(status, Some(*code), &plain(message));
            // Without words, a 429 is about the rate.
            let is_rate = status == 429 && message.is_empty() && found == F::RateLimited;
            assert!(found == *failure || is_rate, "{status} {code} {message}: {found:?}, not {failure:?}");
        }
        for variant in [message.to_uppercase(), message.replace('\'', "’"), message.replace(' ', "  ")] {
            assert_eq!(of_create(400, Some(*code), &plain(&variant)), *failure, "{code} {variant}");
        }
    }
}

/// Every row, in each wording that it stands for.
#[test]
fn the_class_of_every_rows_words_and_code_is_the_same_under_every_4xx() {
    for row in CERTAIN.iter().chain(UNCERTAIN).filter(|row| row.status.is_none()) {
        let most = row.says.iter().map(|any| any.len()).max().unwrap_or(1);
        for index in 0..most {
            let words: Vec<&str> = row.says.iter().map(|any| any[index % any.len()]).collect();
            let message = words.join(", ").replace('*', "").replace(" _ ", " this ");
            for code in [row.code.unwrap_or(1), row.code.unwrap_or(77)] {
                // Without words, or with none that say more than that it passes, a 429 is about the rate.
                let is_open = ["", ANY, "try again", "please retry"].contains(&message.as_str());
                let class = |status| of_create(status, Some(code), &plain(&message));
                for status in
                    [401, 403, 404, 409, 418, 422, 429].into_iter().filter(|status| *status != 429 || !is_open)
                {
                    assert_eq!(class(status), class(400), "{status} {code} {message}");
                }
                assert!(limit_of(429, Some(code), &plain(&message)).is_some(), "{code} {message}");
            }
        }
    }
}

#[test]
fn only_where_words_and_code_say_nothing_the_status_decides() {
    let unknown = plain("Something nobody has seen");
    let of = |status, code| of_create(status, Some(code), &unknown);
    assert_eq!([of(400, 77), of(403, 77), of(404, 77)], [F::Unrecognised; 3]);
    assert_eq!((of(429, 77), of(401, 77)), (F::RateLimited, F::TokenRevoked));
    assert_eq!((of(429, 7), of(401, 7), of(403, 7)), (F::RateLimited, F::BoardAccessDenied, F::BoardAccessDenied));
}

#[test]
fn another_servers_block_asks_nothing_of_the_account() {
    for message in ["Request blocked", "Forbidden: spam", ""] {
        for status in [400, 403, 503] {
            assert_eq!(limit_of(status, None, &plain(message)), None, "{status} {message}");
        }
        assert_eq!(limit_of(429, None, &plain(message)), Some(F::RateLimited), "{message}");
    }
}

/// What the review of issue 12 found: own texts in other forms, and own texts of Pinterest's words.
#[test]
fn a_text_of_ours_changes_no_class_in_any_form() {
    let too_long = |echo: &str| format!("Title {echo} is too long");
    for own in
        ["Crème: how to combat spam", "“Blocked” links & spam", "Spam 100% ½ off", "Rate limit tips", "Combat spam"]
    {
        let nfd = icu_normalizer::DecomposingNormalizerBorrowed::new_nfkd().normalize(own).into_owned();
        let escaped: String = own
            .chars()
            .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
            .collect();
        let hex: String = own
            .chars()
            .map(|c| {
                if u32::from(c) < 128 || u32::from(c) > 255 {
                    c.to_string()
                } else {
                    format!("\\x{:02x}", u32::from(c))
                }
            })
            .collect();
        let html: String = own
            .chars()
            .map(|c| if c.is_ascii() && c != '&' { c.to_string() } else { format!("&#{};", u32::from(c)) })
            .collect();
        let percent = percent_encoding::utf8_percent_encode(own, percent_encoding::NON_ALPHANUMERIC).to_string();
        let cut: String = own.chars().take(9).collect();
        for echo in [
            own.to_owned(),
            nfd,
            escaped,
            hex.clone(),
            format!("u'{hex}'"),
            html,
            percent,
            own.to_uppercase(),
            format!("‹{own}>"),
            format!("[{own}]"),
            format!("『{own}』"),
            format!("{cut}…"),
            format!("{cut}..."),
        ] {
            for code in [1, 9] {
                let message = too_long(&echo);
                let expected = of_create(400, Some(code), &plain("Title 'x' is too long"));
                assert_eq!(of_own(400, code, &message, &[own]), expected, "{code} {message}");
            }
        }
    }
    let link = "https://example.com/how-to-spam?block=1";
    for echo in [
        "example.com/how-to-spam",
        "//example.com/how-to-spam",
        "/how-to-spam",
        "https%3A%2F%2Fexample.com%2Fhow-to-spam",
    ] {
        assert_eq!(of_own(403, 1, &format!("Field {echo} is wrong"), &[link]), F::InvalidRequest, "{echo}");
    }
    // The other way round: Pinterest's own words stay.
    for (code, message, own, failure) in [
        (1, "Unable to download the image from the site.", "Image", F::ImageUnreachable),
        (1, "Image could not be fetched", "Image", F::ImageUnreachable),
        (29, "Your app has Trial access. Use the API Sandbox instead.", "Trial access", F::TrialAccess),
        (9, "Sorry! This link is blocked.", "Link", F::LinkBlocked),
        (9, "Sorry! This link is blocked.", "This link", F::LinkBlocked),
        (1, "This board was deleted", "Board", F::BoardNotFound),
    ] {
        assert_eq!(of_own(400, code, message, &[own]), failure, "{message} / {own}");
    }
}
