//! How a pin requests a failure from the simulated Pinterest: by a marker in its title (`[sandbox:image_broken]`) or by
//! a parameter of its link (`https://example.com/?pinbridge_sandbox=image_broken`). The title takes precedence. Only
//! simulated accounts react.
//!
//! `infra/runbooks/sandbox.md` documents every trigger; a test runs that page.

use url::Url;

use crate::domain::pin::PinRequest;
use crate::domain::pin::failure::Failure;
use crate::domain::time::SECOND_MS;

const OPENS: &str = "[sandbox:";
/// The query parameter of a link whose value is a marker.
pub const LINK_PARAMETER: &str = "pinbridge_sandbox";
/// The number of attempts that a temporary failure lasts.
pub const PASSING_FAILURES: u32 = 2;
/// The wait that the simulated 429 requests.
pub const RATE_LIMIT_MS: i64 = 20 * SECOND_MS;
/// The time until the simulated rate limit resets.
pub const LIMIT_RESET_MS: i64 = 30 * SECOND_MS;
/// How long the slow answer takes: less than the client's timeout.
pub const SLOW_MS: i64 = 5 * SECOND_MS;

/// How the simulated Pinterest behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Refuses every attempt for good.
    Refused(Failure),
    /// Fails [`PASSING_FAILURES`] times, then works.
    Passing(Failure),
    /// Fails at every attempt.
    Endless(Failure),
    /// Answers the first attempt with this; the account is paused, and later attempts work.
    Once(Failure),
    /// Refuses every call of the account until it is connected again.
    Until(Failure),
    /// Loses the answer to the first attempt.
    Lost(Board),
    /// Answers slowly.
    Slow,
    /// Creates the Pin, and reports that the rate limit is used up.
    LimitUsedUp,
    /// An unknown marker: the pin is refused, so that a misspelling is noticed.
    Unknown,
}

/// What the board shows after a call whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// The Pin: it was created.
    Shows,
    /// Nothing: it was not created.
    Lacks,
    /// Two identical Pins.
    ShowsTwo,
    /// The board can't be read.
    Unreadable,
}

use Failure as F;

/// All markers that produce a failure, with what they do.
pub const ALL: [(&str, Trigger); 28] = [
    ("board_not_found", Trigger::Refused(F::BoardNotFound)),
    ("board_section_not_found", Trigger::Refused(F::BoardSectionNotFound)),
    ("board_access_denied", Trigger::Refused(F::BoardAccessDenied)),
    ("invalid_url", Trigger::Refused(F::InvalidUrl)),
    ("invalid_request", Trigger::Refused(F::InvalidRequest)),
    ("image_too_small", Trigger::Refused(F::ImageTooSmall)),
    ("image_broken", Trigger::Refused(F::ImageBroken)),
    ("image_unreachable", Trigger::Endless(F::ImageUnreachable)),
    ("image_fetch_passing", Trigger::Passing(F::ImageUnreachable)),
    ("image_format_unsupported", Trigger::Refused(F::ImageFormatUnsupported)),
    ("link_blocked", Trigger::Refused(F::LinkBlocked)),
    ("description_blocked", Trigger::Refused(F::DescriptionBlocked)),
    ("pinterest_rejected", Trigger::Refused(F::Unrecognised)),
    ("pinterest_busy", Trigger::Passing(F::PinterestBusy)),
    ("pinterest_unreachable", Trigger::Passing(F::PinterestUnreachable)),
    ("attempts_exhausted", Trigger::Endless(F::PinterestBusy)),
    ("pinterest_rate_limited", Trigger::Once(F::RateLimited)),
    ("pinterest_spam_block", Trigger::Once(F::SpamBlock)),
    ("token_expired", Trigger::Once(F::TokenRevoked)),
    ("token_revoked", Trigger::Until(F::TokenRevoked)),
    ("scope_missing", Trigger::Until(F::ScopeMissing)),
    ("trial_access", Trigger::Until(F::TrialAccess)),
    ("feature_restricted", Trigger::Until(F::FeatureRestricted)),
    ("answer_lost_created", Trigger::Lost(Board::Shows)),
    ("answer_lost_not_created", Trigger::Lost(Board::Lacks)),
    ("outcome_ambiguous", Trigger::Lost(Board::ShowsTwo)),
    ("outcome_unverifiable", Trigger::Lost(Board::Unreadable)),
    ("slow", Trigger::Slow),
];

/// Not a failure: the pin is published.
pub const LIMIT_USED_UP: (&str, Trigger) = ("limit_used_up", Trigger::LimitUsedUp);

/// All markers with what they do.
pub fn all() -> impl Iterator<Item = (&'static str, Trigger)> {
    ALL.into_iter().chain([LIMIT_USED_UP])
}

/// The trigger that the pin requests, if any.
pub fn of(request: &PinRequest) -> Option<Trigger> {
    let name = in_title(&request.title).or_else(|| in_link(request.link_url.as_deref()?))?;
    Some(all().find(|(known, _)| *known == name).map_or(Trigger::Unknown, |(_, trigger)| trigger))
}

fn in_title(title: &str) -> Option<String> {
    let title = title.to_lowercase();
    let (_, behind) = title.split_once(OPENS)?;
    let (name, _) = behind.split_once(']')?;
    Some(name.trim().to_owned())
}

fn in_link(link: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let value = url.query_pairs().find(|(name, _)| name == LINK_PARAMETER)?.1;
    Some(value.trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;

    fn asked(title: &str, link: Option<&str>) -> Option<Trigger> {
        of(&PinRequest { title: title.into(), link_url: link.map(str::to_owned), ..testdata::request("k") })
    }

    #[test]
    fn a_marker_stands_in_the_title_or_in_the_link() {
        assert_eq!(asked("Soup", Some("https://example.com/")), None);
        assert_eq!(asked("Soup [sandbox:slow]", None), Some(Trigger::Slow));
        assert_eq!(asked("Soup", Some("https://example.com/?a=1&pinbridge_sandbox=Slow")), Some(Trigger::Slow));
        let both = asked("[sandbox: slow ] Soup", Some("https://example.com/?pinbridge_sandbox=link_blocked"));
        assert_eq!(both, Some(Trigger::Slow));
        assert_eq!(asked("Soup [sandbox:slow", None), None);
        assert_eq!(asked("Soup [SANDBOX:Slow]", None), Some(Trigger::Slow), "in any case");
    }

    #[test]
    fn a_misspelt_marker_is_noticed() {
        assert_eq!(asked("Soup [sandbox:slwo]", None), Some(Trigger::Unknown));
    }

    #[test]
    fn names_are_used_once() {
        let mut names: Vec<&str> = all().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().count());
    }
}
