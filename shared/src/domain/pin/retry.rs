//! Classifies failures: what the publisher does about each.

use super::backoff;
use super::failure::Failure;
use crate::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};

/// A pin gets this many attempts for temporary failures before it fails as `attempts_exhausted`.
pub const ATTEMPT_LIMIT: u32 = 6;
/// A 429 without a hint pauses the account this long. Pinterest's limits are per minute.
pub const RATE_LIMIT_PAUSE_MS: i64 = MINUTE_MS;
/// The pause is at least this long, however soon the hint says.
pub const RATE_LIMIT_PAUSE_LEAST_MS: i64 = 2 * SECOND_MS;
/// When a success says that nothing remains of the limit, the account waits for the reset that it names, but not longer
/// than this: the limits are per minute, or per second.
pub const NOTHING_LEFT_MOST_MS: i64 = 15 * MINUTE_MS;
/// A reset as near as this, or as two of the account's own intervals, needs no pause: the account's calls are spaced
/// anyway.
pub const NOTHING_LEFT_NEAR_MS: i64 = 3 * SECOND_MS;
/// The longest pause that a hint is followed for. Pinterest's longest limits are those of a day, and an account that
/// waits for longer is tried once a day.
pub const LONGEST_HINT_MS: i64 = 24 * HOUR_MS;
/// A hint beyond this is a mistake (an epoch in milliseconds, say), and says nothing.
pub const BELIEVED_HINT_MS: i64 = 31 * 24 * HOUR_MS;
/// Pinterest often can't fetch an image that it fetches some minutes later. The pin waits this long after each failed
/// fetch, less up to [`IMAGE_WAIT_SPREAD`] of it; after the last one it fails. Together about an hour.
pub const IMAGE_WAITS_MS: [i64; 5] = [2 * MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, 20 * MINUTE_MS, 25 * MINUTE_MS];
/// The part of a wait that is random, so that pins whose images failed together come back at different times.
pub const IMAGE_WAIT_SPREAD: f64 = 0.1;
/// Spam blocks last up to about a day and aren't announced; the account is tried again every few hours.
pub const SPAM_PAUSE_MS: i64 = 4 * HOUR_MS;
/// How often an account on hold is tried again when nothing has shown that its connection works again.
pub const HOLD_PAUSE_MS: i64 = 15 * MINUTE_MS;

/// How long an account waits whose access token is being renewed, when no better time is known.
pub const TOKEN_PAUSE_MS: i64 = MINUTE_MS;

/// What to do about a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Try again at this moment; spends an attempt.
    RetryAt(Moment),
    /// Pause the whole account until then and wait in its backlog; spends no attempt.
    PauseAccount { until: Moment, on_hold: bool },
    /// Reconcile the outcome, once the call can't commit any more.
    Reconcile,
    /// Give up for good.
    Fail(Failure),
}

/// What is known when an attempt has failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    pub failure: Failure,
    /// Attempts spent, this one included, and without those that were repeated for their image.
    pub attempts_spent: u32,
    /// Attempts that were repeated for their image before this one.
    pub image_tries: u32,
    /// How long Pinterest asks to wait, in milliseconds from `now`.
    pub retry_after_ms: Option<i64>,
    pub now: Moment,
    /// A uniform draw from `[0, 1)`.
    pub jitter: f64,
}

/// Whether the failure holds its account until a person acts.
pub fn holds_account(failure: Failure) -> bool {
    use Failure as F;
    matches!(failure, F::TokenRevoked | F::ScopeMissing | F::TrialAccess | F::FeatureRestricted)
}

/// The policy for every failure.
pub fn remedy(failed: &Failed) -> Remedy {
    use Failure as F;
    match failed.failure {
        // Certainly not sent, and a failure of all accounts at once: an outage of hours must not fail waiting pins.
        // Only the end of the pin's lifetime ends the retries.
        F::PinterestUnreachable => Remedy::RetryAt(after_backoff(failed)),
        F::PinterestBusy if failed.attempts_spent >= ATTEMPT_LIMIT => Remedy::Fail(F::AttemptsExhausted),
        F::PinterestBusy => Remedy::RetryAt(after_backoff(failed)),
        F::OutcomeUnknown => Remedy::Reconcile,
        F::ImageUnreachable => match IMAGE_WAITS_MS.get(failed.image_tries as usize) {
            Some(wait_ms) => Remedy::RetryAt(failed.now.plus_ms(spread(*wait_ms, failed.jitter))),
            None => Remedy::Fail(F::ImageUnreachable),
        },
        F::RateLimited | F::SpamBlock => pause(failed, limit_pause_ms(failed.failure, failed.retry_after_ms), false),
        // A person has to act: Pinterest's hint doesn't apply.
        F::TokenExpired => pause(failed, TOKEN_PAUSE_MS, false),
        F::TokenRevoked | F::ScopeMissing | F::TrialAccess | F::FeatureRestricted => pause(failed, HOLD_PAUSE_MS, true),
        F::BoardNotFound
        | F::BoardSectionNotFound
        | F::BoardAccessDenied
        | F::InvalidUrl
        | F::InvalidRequest
        | F::ImageTooSmall
        | F::ImageBroken
        | F::ImageFormatUnsupported
        | F::LinkBlocked
        | F::DescriptionBlocked
        | F::Unrecognised
        | F::AttemptsExhausted
        | F::OutcomeAmbiguous
        | F::OutcomeUnverifiable
        | F::ConfirmedAbsent
        | F::ExpiredUnpublished
        | F::AccountDisconnected
        | F::DeadLettered
        | F::PinDeleted
        | F::ScheduleCanceled
        | F::KeyTaken
        | F::TooLate => Remedy::Fail(failed.failure),
    }
}

/// How long an account with that interval pauses after a success that used up its limit; `None` if it needs no pause.
pub fn nothing_left_pause_ms(reset_ms: i64, interval_ms: i64) -> Option<i64> {
    (reset_ms > NOTHING_LEFT_NEAR_MS.max(2 * interval_ms)).then(|| reset_ms.min(NOTHING_LEFT_MOST_MS))
}

/// How long the account pauses because Pinterest limits its rate, or blocks it. `retry_after_ms` is Pinterest's hint.
pub fn limit_pause_ms(failure: Failure, retry_after_ms: Option<i64>) -> i64 {
    let hint = believed(retry_after_ms);
    match failure {
        Failure::SpamBlock => hint.unwrap_or(0).max(SPAM_PAUSE_MS),
        _ => hint.map_or(RATE_LIMIT_PAUSE_MS, |ms| ms.max(RATE_LIMIT_PAUSE_LEAST_MS)),
    }
}

/// The hint, as far as it is followed.
fn believed(retry_after_ms: Option<i64>) -> Option<i64> {
    retry_after_ms.filter(|ms| (0..=BELIEVED_HINT_MS).contains(ms)).map(|ms| ms.min(LONGEST_HINT_MS))
}

fn spread(wait_ms: i64, jitter: f64) -> i64 {
    wait_ms - (wait_ms as f64 * IMAGE_WAIT_SPREAD * jitter.clamp(0.0, 1.0)) as i64
}

fn after_backoff(failed: &Failed) -> Moment {
    failed.now.plus_ms(backoff::wait_ms(failed.attempts_spent, failed.jitter))
}

fn pause(failed: &Failed, pause_ms: i64, on_hold: bool) -> Remedy {
    Remedy::PauseAccount { until: failed.now.plus_ms(pause_ms), on_hold }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_000_000);

    fn failed(failure: Failure) -> Failed {
        Failed { failure, attempts_spent: 1, image_tries: 0, retry_after_ms: None, now: NOW, jitter: 0.5 }
    }

    #[test]
    fn a_passing_failure_is_retried_until_the_limit() {
        for spent in 1..ATTEMPT_LIMIT {
            let answer = remedy(&Failed { attempts_spent: spent, ..failed(Failure::PinterestBusy) });
            assert!(matches!(answer, Remedy::RetryAt(at) if at > NOW), "{spent}");
        }
        let last = Failed { attempts_spent: ATTEMPT_LIMIT, ..failed(Failure::PinterestBusy) };
        assert_eq!(remedy(&last), Remedy::Fail(Failure::AttemptsExhausted));
    }

    #[test]
    fn an_image_that_cannot_be_fetched_is_tried_again_for_about_an_hour() {
        for jitter in [0.0, 0.5, 1.0] {
            let (mut now, mut tries) = (NOW, 0);
            let verdict = loop {
                let failed = Failed { image_tries: tries, now, jitter, ..failed(Failure::ImageUnreachable) };
                match remedy(&failed) {
                    Remedy::RetryAt(at) => (now, tries) = (at, tries + 1),
                    other => break other,
                }
            };
            assert_eq!(verdict, Remedy::Fail(Failure::ImageUnreachable));
            assert_eq!(tries as usize, IMAGE_WAITS_MS.len());
            assert!((50..=65).contains(&(now.since_ms(NOW) / MINUTE_MS)), "{}", now.since_ms(NOW));
        }
        let late = Failed { attempts_spent: 999, ..failed(Failure::ImageUnreachable) };
        assert!(matches!(remedy(&late), Remedy::RetryAt(_)), "other attempts don't count");
    }

    #[test]
    fn a_rate_limit_pauses_for_the_providers_hint_or_a_minute() {
        let until = |ms| Remedy::PauseAccount { until: NOW.plus_ms(ms), on_hold: false };
        assert_eq!(remedy(&failed(Failure::RateLimited)), until(RATE_LIMIT_PAUSE_MS));
        let hinted = Failed { retry_after_ms: Some(7_000), ..failed(Failure::RateLimited) };
        assert_eq!(remedy(&hinted), until(7_000));
        let at_once = Failed { retry_after_ms: Some(0), ..failed(Failure::RateLimited) };
        assert_eq!(remedy(&at_once), until(RATE_LIMIT_PAUSE_LEAST_MS));
        for long_ms in [LONGEST_HINT_MS, LONGEST_HINT_MS + 1, 25 * HOUR_MS, BELIEVED_HINT_MS] {
            let hinted = Failed { retry_after_ms: Some(long_ms), ..failed(Failure::RateLimited) };
            assert_eq!(remedy(&hinted), until(LONGEST_HINT_MS), "capped: {long_ms}");
        }
        let beyond = Failed { retry_after_ms: Some(BELIEVED_HINT_MS + 1), ..failed(Failure::RateLimited) };
        assert_eq!(remedy(&beyond), until(RATE_LIMIT_PAUSE_MS), "a mistake");
        let absurd = Failed { retry_after_ms: Some(i64::MAX), ..failed(Failure::RateLimited) };
        assert_eq!(remedy(&absurd), until(RATE_LIMIT_PAUSE_MS));
    }

    #[test]
    fn a_used_up_limit_pauses_until_its_reset_unless_that_is_near() {
        let pauses = [0, 3_000, 3_001, 60_000, 900_001].map(|reset_ms| nothing_left_pause_ms(reset_ms, 1_000));
        assert_eq!(pauses, [None, None, Some(3_001), Some(60_000), Some(NOTHING_LEFT_MOST_MS)]);
        assert_eq!(nothing_left_pause_ms(20_000, 10_000), None, "the account is slower anyway");
    }

    #[test]
    fn no_hint_shortens_a_spam_block_or_a_hold() {
        for (failure, least_ms) in [(Failure::SpamBlock, SPAM_PAUSE_MS), (Failure::TokenRevoked, HOLD_PAUSE_MS)] {
            let hinted = remedy(&Failed { retry_after_ms: Some(0), ..failed(failure) });
            assert!(matches!(hinted, Remedy::PauseAccount { until, .. } if until == NOW.plus_ms(least_ms)));
        }
    }

    #[test]
    fn an_outage_of_hours_exhausts_nothing() {
        let late = Failed { attempts_spent: 500, ..failed(Failure::PinterestUnreachable) };
        assert!(matches!(remedy(&late), Remedy::RetryAt(_)));
    }

    #[test]
    fn what_needs_a_person_holds_the_account() {
        for failure in [Failure::TokenRevoked, Failure::ScopeMissing, Failure::TrialAccess, Failure::FeatureRestricted]
        {
            assert!(matches!(remedy(&failed(failure)), Remedy::PauseAccount { on_hold: true, .. }));
        }
        for failure in Failure::ALL {
            let is_held = matches!(remedy(&failed(failure)), Remedy::PauseAccount { on_hold: true, .. });
            assert_eq!(holds_account(failure), is_held, "{failure:?}");
        }
    }

    #[test]
    fn only_an_unknown_outcome_is_reconciled_and_refusals_fail_under_their_own_code() {
        for failure in Failure::ALL {
            match remedy(&failed(failure)) {
                Remedy::Reconcile => assert_eq!(failure, Failure::OutcomeUnknown),
                Remedy::Fail(reported) => assert_eq!(reported, failure),
                _ => {}
            }
        }
    }
}
