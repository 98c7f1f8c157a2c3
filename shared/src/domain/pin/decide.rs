//! Decides what a worker does with a message, from what it has read. Nothing here has an effect.

use super::attempt::{Attempt, Status};
use super::failure::Failure;
use super::{Pin, WaitReason, lateness};
use crate::domain::account::Account;
use crate::domain::deadlines::Deadlines;
use crate::domain::message::PublishMessage;
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pacing::pace::{Pace, TOKEN_VALID_AT_LEAST_MS};
use crate::domain::time::{Moment, SECOND_MS};

/// A slot this near is waited for inside the invocation: the queue delays by whole seconds only.
pub const WAIT_INSIDE_MS: i64 = SECOND_MS;

/// What a worker has read, at one moment: everything that its decision and its outcome depend on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub message: &'a PublishMessage,
    pub pin: &'a Pin,
    pub attempt: &'a Attempt,
    pub account: Option<&'a Account>,
    pub bucket: &'a Bucket,
    pub now: Moment,
    /// The remaining time of the invocation.
    pub remaining_ms: i64,
    pub deadlines: &'a Deadlines,
    pub pace: &'a Pace,
}

impl<'a> Situation<'a> {
    /// What explains a late start.
    pub fn lateness(&self) -> lateness::Facts<'a> {
        let Self { message, pin, attempt, account, bucket, now, .. } = *self;
        lateness::Facts { pin, attempt, account, bucket, slot: message.slot, now }
    }
}

/// What a worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The pin is finished, or the message is of an older generation.
    Acknowledge,
    /// This message stays, and becomes visible again then. Used while a call may still commit, and for near times.
    Keep {
        until: Moment,
    },
    /// The message comes back then, as a fresh copy.
    ComeBack {
        at: Moment,
    },
    /// The outcome is unknown, and the board can be read for it now.
    Reconcile,
    GiveUp(Failure),
    JoinBacklog {
        reason: WaitReason,
        until: Option<Moment>,
    },
    /// The account can't publish until a person acts.
    Hold(Failure),
    /// The token's slot, or the time before which no attempt may start, is within this second.
    WaitFor {
        slot: Moment,
    },
    TakeToken,
    Publish,
}

/// The next step of the worker that holds the message.
pub fn next(situation: &Situation<'_>) -> Step {
    let Situation { message, pin, attempt, account, bucket, now, .. } = *situation;
    if attempt.status.is_terminal() {
        return Step::Acknowledge;
    }
    if attempt.status == Status::Publishing {
        return of_open_call(situation);
    }
    if message.generation < attempt.generation {
        // It was sent to end the pin, which was deferred meanwhile. In a backlog no message would come for minutes.
        let ends = pin.is_too_late(now) && pin.hidden_at.is_none();
        return if ends { Step::GiveUp(Failure::TooLate) } else { Step::Acknowledge };
    }
    if pin.hidden_at.is_some() {
        return Step::GiveUp(Failure::PinDeleted);
    }
    if pin.is_overdue(now) {
        return Step::GiveUp(Failure::ExpiredUnpublished);
    }
    if pin.is_too_late(now) {
        return Step::GiveUp(Failure::TooLate);
    }
    let Some(account) = account else {
        return Step::GiveUp(Failure::AccountDisconnected);
    };
    if bucket.is_paused(now) {
        return of_pause(situation);
    }
    if account.revoked_at.is_some() {
        return Step::Hold(Failure::AccountDisconnected);
    }
    if !account.is_connected() {
        return Step::Hold(Failure::TokenRevoked);
    }
    of_time(situation)
}

/// A call was announced, and its outcome isn't recorded.
fn of_open_call(situation: &Situation<'_>) -> Step {
    let Situation { attempt, now, deadlines, .. } = *situation;
    let quiesced_at = attempt.quiesced_at(deadlines.quiesce_ms);
    match attempt.reconcile_at {
        _ if now < quiesced_at => Step::Keep { until: quiesced_at },
        // A copy's delay is rounded down: with less than a second it would be back at once, over and over.
        Some(reconcile_at) if now < reconcile_at && reconcile_at <= now.plus_ms(WAIT_INSIDE_MS) => {
            Step::Keep { until: reconcile_at }
        }
        Some(reconcile_at) if now < reconcile_at => Step::ComeBack { at: reconcile_at },
        _ if !deadlines.leaves_time_for_a_call(situation.remaining_ms) => Step::Keep { until: now },
        _ => Step::Reconcile,
    }
}

/// The account is paused or held.
fn of_pause(situation: &Situation<'_>) -> Step {
    let Situation { message, attempt, bucket, now, .. } = *situation;
    // Released ahead for the time after the pause, and a little early: the queue delays by whole seconds.
    if let Some(slot) = message.slot.filter(|slot| Some(*slot) >= bucket.paused_until()) {
        return if slot > now.plus_ms(WAIT_INSIDE_MS) { Step::ComeBack { at: slot } } else { Step::WaitFor { slot } };
    }
    Step::JoinBacklog { reason: bucket.wait_reason(), until: bucket.paused_until().max(attempt.not_before) }
}

/// Nothing keeps the pin from its next attempt but its time, its token, and what is left of the invocation.
fn of_time(situation: &Situation<'_>) -> Step {
    let Situation { message, pin, attempt, bucket, now, deadlines, .. } = *situation;
    // A hold that was ended early isn't waited for any longer.
    let is_released = attempt.wait.is_some_and(WaitReason::is_hold) && !bucket.is_on_hold();
    let not_before = attempt.not_before.filter(|_| !is_released).max(pin.not_before());
    if let Some(not_before) = not_before.filter(|at| *at > now.plus_ms(WAIT_INSIDE_MS)) {
        return if attempt.attempt > 0 && not_before.since_ms(now) <= 60 * SECOND_MS {
            Step::Keep { until: not_before }
        } else {
            Step::ComeBack { at: not_before }
        };
    }
    if !deadlines.leaves_time_for_a_call(situation.remaining_ms - WAIT_INSIDE_MS) {
        return Step::Keep { until: now };
    }
    if let Some(not_before) = not_before.filter(|at| *at > now) {
        return Step::WaitFor { slot: not_before };
    }
    match usable_slot(message, attempt, now) {
        Some(slot) if slot > now.plus_ms(WAIT_INSIDE_MS) => Step::ComeBack { at: slot },
        Some(slot) if slot > now => Step::WaitFor { slot },
        Some(_) => Step::Publish,
        None => Step::TakeToken,
    }
}

/// The slot of the message's token, unless the token has gone stale or an attempt has already used it.
fn usable_slot(message: &PublishMessage, attempt: &Attempt, now: Moment) -> Option<Moment> {
    let slot = message.slot?;
    let used = attempt.started_at.is_some_and(|started_at| started_at >= slot);
    let stale = now > message.valid_until.unwrap_or(slot.plus_ms(TOKEN_VALID_AT_LEAST_MS));
    (!used && !stale).then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::credentials::{Death, TokenLife};
    use crate::domain::pacing::bucket::{Hold, Paused, Token};
    use crate::domain::pin::Placement;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::testdata;

    const NOW: Moment = Moment(5_000_000);

    struct Case {
        message: PublishMessage,
        pin: Pin,
        attempt: Attempt,
        account: Option<Account>,
        bucket: Bucket,
        remaining_ms: i64,
    }

    fn token(slot: Moment) -> Token {
        Token { slot, valid_until: slot.plus_ms(20_000) }
    }

    impl Case {
        fn new() -> Self {
            let pin = testdata::pin();
            Self {
                message: PublishMessage::new(pin.key, pin.request.account, 0, Some(token(NOW))),
                attempt: Attempt::untouched(&pin),
                account: Some(testdata::connected_account()),
                pin,
                bucket: Bucket::default(),
                remaining_ms: 25_000,
            }
        }

        fn publishing(mut self, started_at: Moment) -> Self {
            self.attempt = self.attempt.begin(started_at, "n".into()).expect("begins");
            self
        }

        fn next(&self) -> Step {
            next(&Situation {
                message: &self.message,
                pin: &self.pin,
                attempt: &self.attempt,
                account: self.account.as_ref(),
                bucket: &self.bucket,
                now: NOW,
                remaining_ms: self.remaining_ms,
                deadlines: &Deadlines::default(),
                pace: &Pace::new(50, 1.0),
            })
        }
    }

    #[test]
    fn a_fresh_pin_with_its_token_is_published() {
        assert_eq!(Case::new().next(), Step::Publish);
    }

    #[test]
    fn within_its_quiesce_period_a_publishing_pin_keeps_its_message() {
        let case = Case::new().publishing(NOW.plus_ms(-60_000));
        assert_eq!(case.next(), Step::Keep { until: NOW.plus_ms(60_000) });
    }

    #[test]
    fn after_its_quiesce_period_a_publishing_pin_is_reconciled_whatever_the_generation() {
        let mut case = Case::new().publishing(NOW.plus_ms(-120_000));
        assert_eq!(case.next(), Step::Reconcile);
        case.attempt.reconcile_at = Some(NOW.plus_ms(1_001));
        assert_eq!(case.next(), Step::ComeBack { at: NOW.plus_ms(1_001) });
        case.attempt.reconcile_at = Some(NOW.plus_ms(1_000));
        assert_eq!(case.next(), Step::Keep { until: NOW.plus_ms(1_000) }, "a copy would have no delay");
    }

    #[test]
    fn a_message_of_an_older_generation_is_void_and_a_newer_one_is_not() {
        let mut case = Case::new();
        case.attempt.generation = 1;
        assert_eq!(case.next(), Step::Acknowledge);
        case.message.generation = 2;
        assert_eq!(case.next(), Step::Publish);
    }

    #[test]
    fn a_message_of_an_older_generation_still_ends_a_pin_that_comes_too_late() {
        let mut case = Case::new();
        case.attempt.generation = 1;
        case.pin.request.publish_before = Some(NOW);
        assert_eq!(case.next(), Step::GiveUp(Failure::TooLate));
        case.pin.request.publish_before = Some(NOW.plus_ms(1));
        assert_eq!(case.next(), Step::Acknowledge);
        case.pin.request.publish_before = Some(NOW);
        let case = case.publishing(NOW.plus_ms(-60_000));
        assert_eq!(case.next(), Step::Keep { until: NOW.plus_ms(60_000) }, "its call is open");
    }

    #[test]
    fn a_terminal_pin_is_acknowledged() {
        let mut case = Case::new().publishing(NOW);
        case.attempt =
            case.attempt.published(NOW, "1".into(), &Upstream::default(), &case.pin, "n".into()).expect("publishes");
        assert_eq!(case.next(), Step::Acknowledge);
    }

    #[test]
    fn every_call_needs_a_token_of_its_own() {
        let mut case = Case::new();
        case.message.slot = None;
        assert_eq!(case.next(), Step::TakeToken);
        case.message = case.message.clone().with_token(Some(token(NOW.plus_ms(-20_000))));
        assert_eq!(case.next(), Step::Publish);
        case.message = case.message.clone().with_token(Some(token(NOW.plus_ms(-20_001))));
        assert_eq!(case.next(), Step::TakeToken);
        // A retry by the same message: its token was for the first attempt.
        case.message = case.message.clone().with_token(Some(token(NOW.plus_ms(-2_000))));
        case.attempt.started_at = Some(NOW.plus_ms(-1_000));
        assert_eq!(case.next(), Step::TakeToken);
    }

    #[test]
    fn a_slot_is_never_early() {
        let mut case = Case::new();
        case.message.slot = Some(NOW.plus_ms(1));
        assert_eq!(case.next(), Step::WaitFor { slot: NOW.plus_ms(1) });
        case.message.slot = Some(NOW.plus_ms(1_001));
        assert_eq!(case.next(), Step::ComeBack { at: NOW.plus_ms(1_001) });
    }

    #[test]
    fn a_retry_waits_for_its_time() {
        let mut case = Case::new();
        case.attempt.attempt = 1;
        case.attempt.not_before = Some(NOW.plus_ms(30_000));
        assert_eq!(case.next(), Step::Keep { until: NOW.plus_ms(30_000) });
        case.attempt.not_before = Some(NOW.plus_ms(300_000));
        assert_eq!(case.next(), Step::ComeBack { at: NOW.plus_ms(300_000) });
        case.attempt.not_before = Some(NOW.plus_ms(999));
        assert_eq!(case.next(), Step::WaitFor { slot: NOW.plus_ms(999) }, "never early, not by a second either");
    }

    #[test]
    fn a_scheduled_pin_waits_for_its_time_whatever_it_waited_for_meanwhile() {
        let mut case = Case::new();
        let due = NOW.plus_ms(120_000);
        case.pin.placement = Placement::Due(due);
        case.attempt = Attempt::untouched(&case.pin);
        assert_eq!((case.attempt.status, case.attempt.wait), (Status::Deferred, Some(WaitReason::Scheduled)));
        case.message.slot = None;
        assert_eq!(case.next(), Step::ComeBack { at: due });
        case.attempt.not_before = Some(NOW.plus_ms(600_000));
        case.attempt.wait = Some(WaitReason::AccountOnHold);
        assert_eq!(case.next(), Step::ComeBack { at: due }, "its hold was ended");
        case.pin.placement = Placement::Due(NOW.plus_ms(1));
        assert_eq!(case.next(), Step::WaitFor { slot: NOW.plus_ms(1) });
        case.pin.placement = Placement::Due(NOW);
        assert_eq!(case.next(), Step::TakeToken);
    }

    #[test]
    fn a_hold_that_was_ended_early_is_not_waited_for() {
        let mut case = Case::new();
        case.attempt.not_before = Some(NOW.plus_ms(600_000));
        case.attempt.wait = Some(WaitReason::AccountOnHold);
        assert_eq!(case.next(), Step::Publish);
        case.bucket.hold = Some(Hold { until: NOW, failure: None, awaits_refresh: false, by: None });
        assert_eq!(case.next(), Step::ComeBack { at: NOW.plus_ms(600_000) }, "the hold is remembered");
    }

    #[test]
    fn no_call_starts_without_time_to_record_its_outcome() {
        let mut case = Case::new();
        case.remaining_ms = 18_999;
        assert_eq!(case.next(), Step::Keep { until: NOW });
        case.remaining_ms = 19_000;
        assert_eq!(case.next(), Step::Publish);
    }

    fn paused(for_ms: i64) -> Paused {
        Paused { until: NOW.plus_ms(for_ms), failure: None }
    }

    #[test]
    fn a_paused_account_sends_its_pins_to_the_backlog() {
        let mut case = Case::new();
        case.bucket.pause = Some(paused(10));
        let paused = Step::JoinBacklog { reason: WaitReason::AccountPaused, until: Some(NOW.plus_ms(10)) };
        assert_eq!(case.next(), paused);
    }

    #[test]
    fn a_token_for_after_the_pause_is_kept_until_then() {
        let mut case = Case::new();
        case.bucket.pause = Some(paused(500));
        case.message = case.message.clone().with_token(Some(token(NOW.plus_ms(1_000))));
        assert_eq!(case.next(), Step::WaitFor { slot: NOW.plus_ms(1_000) });
        case.message = case.message.clone().with_token(Some(token(NOW.plus_ms(1_500))));
        assert_eq!(case.next(), Step::ComeBack { at: NOW.plus_ms(1_500) });
        case.bucket.pause = Some(paused(1_501));
        assert!(matches!(case.next(), Step::JoinBacklog { .. }), "the pause was prolonged");
    }

    #[test]
    fn a_disconnected_account_holds_and_an_unknown_one_fails() {
        let mut case = Case::new();
        let connected = testdata::connected_account();
        let dead = Some(Death { at: NOW, answer_lost: false });
        case.account = Some(Account { life: TokenLife { dead, ..TokenLife::default() }, ..connected.clone() });
        assert_eq!(case.next(), Step::Hold(Failure::TokenRevoked), "Pinterest refused it");
        case.account = Some(Account { revoked_at: Some(NOW), ..connected });
        assert_eq!(case.next(), Step::Hold(Failure::AccountDisconnected), "we did, not Pinterest");
        case.account = None;
        assert_eq!(case.next(), Step::GiveUp(Failure::AccountDisconnected));
    }

    #[test]
    fn a_deleted_pin_is_given_up_unless_it_is_being_published() {
        let mut case = Case::new();
        case.pin.hidden_at = Some(NOW);
        assert_eq!(case.next(), Step::GiveUp(Failure::PinDeleted));
        let case = case.publishing(NOW.plus_ms(-60_000));
        assert_eq!(case.next(), Step::Keep { until: NOW.plus_ms(60_000) });
    }

    #[test]
    fn no_attempt_starts_at_its_publish_before_or_later_whatever_it_waits_for() {
        let mut case = Case::new();
        case.pin.request.publish_before = Some(NOW.plus_ms(1));
        assert_eq!(case.next(), Step::Publish);
        case.pin.request.publish_before = Some(NOW);
        assert_eq!(case.next(), Step::GiveUp(Failure::TooLate));
        case.bucket.pause = Some(paused(60_000));
        assert_eq!(case.next(), Step::GiveUp(Failure::TooLate), "also while the account is paused");
        case.account = Some(Account { revoked_at: Some(NOW), ..testdata::connected_account() });
        assert_eq!(case.next(), Step::GiveUp(Failure::TooLate), "also without a connection");
        case.attempt.not_before = Some(NOW.plus_ms(600_000));
        case.attempt.attempt = 1;
        assert_eq!(case.next(), Step::GiveUp(Failure::TooLate), "a retry is an attempt too");
    }

    #[test]
    fn an_unresolved_outcome_is_never_dropped_for_coming_too_late() {
        let mut case = Case::new().publishing(NOW.plus_ms(-60_000));
        case.pin.request.publish_before = Some(NOW.plus_ms(-30_000));
        assert_eq!(case.next(), Step::Keep { until: NOW.plus_ms(60_000) });
        let mut case = Case::new().publishing(NOW.plus_ms(-120_000));
        case.pin.request.publish_before = Some(NOW.plus_ms(-30_000));
        assert_eq!(case.next(), Step::Reconcile);
    }

    #[test]
    fn a_pin_older_than_its_lifetime_is_given_up() {
        let mut case = Case::new();
        case.pin.created_at = NOW.plus_ms(-crate::domain::pin::LIFETIME_MS - 1);
        assert_eq!(case.next(), Step::GiveUp(Failure::ExpiredUnpublished));
    }
}
