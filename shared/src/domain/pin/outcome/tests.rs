//! Examples of outcomes.

use super::*;
use crate::domain::account::Account;
use crate::domain::deadlines::Deadlines;
use crate::domain::message::PublishMessage;
use crate::domain::pacing::bucket::{Hold, Paused};
use crate::domain::pin::attempt::Status;
use crate::domain::pin::history::EventKind;
use crate::domain::testdata;

const NOW: Moment = Moment(5_000_000);

/// A pin whose call was announced a second ago.
struct Context {
    message: PublishMessage,
    pin: Pin,
    attempt: Attempt,
    account: Account,
    bucket: Bucket,
    pace: Pace,
}

impl Context {
    fn new() -> Self {
        let pin = testdata::pin();
        let queued = Attempt::untouched(&pin);
        Self {
            message: PublishMessage::new(pin.key, pin.request.account, 0, None),
            attempt: queued.begin(NOW.plus_ms(-1_000), "begun".into()).expect("begins"),
            pin,
            account: testdata::connected_account(),
            bucket: Bucket::default(),
            pace: Pace::new(50, 1.0),
        }
    }

    fn of(&self, happened: Happened) -> Outcome {
        let situation = Situation {
            message: &self.message,
            pin: &self.pin,
            attempt: &self.attempt,
            account: Some(&self.account),
            bucket: &self.bucket,
            now: NOW,
            remaining_ms: 10_000,
            deadlines: &Deadlines::default(),
            pace: &self.pace,
        };
        of(&situation, happened)
    }

    fn change(&self, happened: Happened) -> Change {
        match self.of(happened) {
            Outcome::Change(change) => change,
            other => panic!("a change, not {other:?}"),
        }
    }

    fn next(&self, change: &Change) -> Attempt {
        change.transition.apply(&self.attempt, &self.pin, NOW, "next".into()).expect("is a transition")
    }

    fn paused_for_ms(&self, change: &Change) -> Option<(i64, String)> {
        change.pause.as_ref().map(|pause| (pause.until.since_ms(NOW), pause.reason.code().to_owned()))
    }
}

fn refused(failure: Failure) -> Refused {
    Refused { failure, upstream: upstream(), retry_after_ms: None, jitter: 0.5, renewal: None }
}

fn refused_token(renewal: TokenRenewal) -> Happened {
    Happened::Refused(Refused { renewal: Some(renewal), ..refused(Failure::TokenRevoked) })
}

fn upstream() -> Upstream {
    let (request_id, message) = (Some("r".into()), Some("said".into()));
    Upstream { status: Some(500), code: Some(7), request_id, message, transport_error: None }
}

fn unanswered(status: Option<u16>, limit: Option<Limit>) -> Happened {
    Happened::Unanswered { upstream: Upstream { status, ..upstream() }, limit }
}

fn created(nothing_left_for_ms: Option<i64>) -> Happened {
    Happened::Created { pinterest_pin_id: "1".into(), upstream: upstream(), nothing_left_for_ms }
}

#[test]
fn a_step_without_an_act_writes_nothing_but_what_it_says() {
    let context = Context::new();
    let (message, later) = (context.message.clone(), NOW.plus_ms(9));
    for (step, disposition) in [
        (Step::Acknowledge, Disposition::Done),
        (Step::Keep { until: later }, Disposition::Keep { until: later }),
        (Step::ComeBack { at: later }, Disposition::Resend { message, at: later }),
    ] {
        assert_eq!(context.of(Happened::Decided(step)), Outcome::Dispose(disposition));
    }
    assert_eq!(context.of(Happened::Decided(Step::Reconcile)), Outcome::Reconcile);
}

#[test]
fn an_act_that_changes_the_rows_is_followed_by_another_reading() {
    assert_eq!(Context::new().of(Happened::Changed), Outcome::ReadAgain);
}

#[test]
fn a_created_pin_is_published_and_checked_later() {
    let context = Context::new();
    let change = context.change(created(None));
    let next = context.next(&change);
    assert_eq!((next.status, next.pinterest_pin_id.as_deref()), (Status::Published, Some("1")));
    assert_eq!(change.pause, None);
    assert_eq!(change.follow_up, Some(FollowUp::PlanDuplicateCheck));
    assert_eq!(change.success, Some(Success { nothing_left_for_ms: None }));
    assert_eq!(change.disposition, Disposition::Done);
    assert_eq!(change.transition.metric(), Some((Metric::PinPublished, None)));
}

#[test]
fn an_unanswered_call_keeps_its_message_until_it_cannot_take_effect() {
    let context = Context::new();
    let quiesced_at = NOW.plus_ms(119_000);
    for happened in [unanswered(Some(500), None), Happened::Refused(refused(Failure::OutcomeUnknown))] {
        let change = context.change(happened);
        assert_eq!(change.pause, None);
        let next = context.next(&change);
        assert_eq!((next.status, next.reconcile_at), (Status::Publishing, Some(quiesced_at)));
        assert_eq!(next.failure, Some(Failure::OutcomeUnknown));
        assert_eq!(change.disposition, Disposition::Keep { until: quiesced_at });
        assert_eq!(change.transition.metric(), Some((Metric::OutcomeUnknown, None)));
    }
}

#[test]
fn a_near_retry_keeps_its_message_and_a_far_one_gets_a_copy() {
    let mut context = Context::new();
    let near = context.change(Happened::Refused(refused(Failure::PinterestBusy)));
    let next = context.next(&near);
    let at = next.not_before.expect("a time");
    assert!(at > NOW && at.since_ms(NOW) <= KEEP_WITHIN_MS);
    assert_eq!((next.status, next.attempts_spent()), (Status::Queued, 1));
    assert_eq!(near.disposition, Disposition::Keep { until: at });
    assert_eq!(near.transition.metric(), Some((Metric::AttemptRetried, Some("pinterest_busy"))));
    context.attempt.attempt = 5;
    let far = context.change(Happened::Refused(Refused { jitter: 0.99, ..refused(Failure::PinterestBusy) }));
    let at = context.next(&far).not_before.expect("a time");
    assert!(at.since_ms(NOW) > KEEP_WITHIN_MS);
    assert_eq!(far.disposition, Disposition::Resend { message: context.message.clone(), at });
}

#[test]
fn a_failure_that_does_not_pass_is_final_and_audited() {
    let mut context = Context::new();
    let change = context.change(Happened::Refused(refused(Failure::ImageBroken)));
    let next = context.next(&change);
    assert_eq!((next.status, next.failure), (Status::Failed, Some(Failure::ImageBroken)));
    assert_eq!((change.follow_up, change.disposition), (Some(FollowUp::AuditFailure), Disposition::Done));
    assert_eq!(change.transition.metric(), Some((Metric::PinFailed, Some("image_broken"))));
    context.attempt.attempt = retry::ATTEMPT_LIMIT;
    let exhausted = context.change(Happened::Refused(refused(Failure::PinterestBusy)));
    assert_eq!(context.next(&exhausted).failure, Some(Failure::AttemptsExhausted));
    let given_up = context.change(Happened::Decided(Step::GiveUp(Failure::PinDeleted)));
    assert_eq!(context.next(&given_up).failure, Some(Failure::PinDeleted));
    assert_eq!((given_up.follow_up, given_up.disposition), (Some(FollowUp::AuditFailure), Disposition::Done));
}

#[test]
fn a_rate_limit_pauses_and_slows_the_account_and_spends_no_attempt() {
    let context = Context::new();
    let change = context.change(Happened::Refused(refused(Failure::RateLimited)));
    let expected = (retry::RATE_LIMIT_PAUSE_MS, "account_paused".to_owned());
    assert_eq!(context.paused_for_ms(&change), Some(expected));
    assert!(change.pause.as_ref().is_some_and(|pause| pause.slow_until.is_some()));
    let next = context.next(&change);
    assert_eq!((next.status, next.wait), (Status::Deferred, Some(WaitReason::AccountPaused)));
    assert_eq!((next.attempts_spent(), next.failure), (0, Some(Failure::RateLimited)));
    assert_eq!(next.not_before, Some(NOW.plus_ms(retry::RATE_LIMIT_PAUSE_MS)));
    assert!(change.transition.joins_backlog());
    assert_eq!(change.disposition, Disposition::Done);
    let spam = context.change(Happened::Refused(refused(Failure::SpamBlock)));
    assert!(spam.pause.is_some_and(|pause| pause.slow_until.is_none()), "only a rate limit slows");
}

#[test]
fn a_429_pauses_the_account_whatever_its_verdict_on_the_pin() {
    let context = Context::new();
    let limited = |retry_after_ms| Some(Limit { failure: Failure::RateLimited, retry_after_ms });
    for (hint, pause_ms) in [
        (None, retry::RATE_LIMIT_PAUSE_MS),
        (Some(7_000), 7_000),
        (Some(0), retry::RATE_LIMIT_PAUSE_LEAST_MS),
        (Some(i64::MAX), retry::RATE_LIMIT_PAUSE_MS),
    ] {
        let change = context.change(unanswered(Some(429), limited(hint)));
        assert_eq!(context.paused_for_ms(&change), Some((pause_ms, "account_paused".to_owned())));
        assert!(change.pause.as_ref().is_some_and(|pause| pause.slow_until.is_some()), "and is slower then");
        let next = context.next(&change);
        assert_eq!((next.status, next.failure), (Status::Publishing, Some(Failure::OutcomeUnknown)));
    }
    let block = Limit { failure: Failure::SpamBlock, retry_after_ms: None };
    let change = context.change(unanswered(Some(503), Some(block)));
    assert_eq!(context.paused_for_ms(&change).map(|(ms, _)| ms), Some(retry::SPAM_PAUSE_MS));
    for (failure, status) in [
        (Failure::LinkBlocked, Status::Failed),
        (Failure::InvalidUrl, Status::Failed),
        (Failure::ImageUnreachable, Status::Queued),
        (Failure::PinterestBusy, Status::Queued),
    ] {
        let at = |status| Refused { upstream: Upstream { status, ..upstream() }, ..refused(failure) };
        let change = context.change(Happened::Refused(at(Some(429))));
        assert_eq!(context.next(&change).status, status, "{failure:?}");
        assert_eq!(context.paused_for_ms(&change).map(|(ms, _)| ms), Some(retry::RATE_LIMIT_PAUSE_MS));
        assert_eq!(context.change(Happened::Refused(at(Some(400)))).pause, None, "{failure:?}");
    }
}

#[test]
fn an_image_that_cannot_be_fetched_is_tried_again_and_takes_nothing_of_other_failures() {
    let mut context = Context::new();
    let fails = || Happened::Refused(refused(Failure::ImageUnreachable));
    for tries in 1..=retry::IMAGE_WAITS_MS.len() as u32 {
        let change = context.change(fails());
        assert_eq!((change.pause.clone(), change.transition.joins_backlog()), (None, false), "only the pin waits");
        assert!(matches!(change.disposition, Disposition::Resend { .. }));
        let next = context.next(&change);
        assert_eq!((next.status, next.failure), (Status::Queued, Some(Failure::ImageUnreachable)));
        assert_eq!(next.image_tries, tries);
        context.attempt = next.begin(NOW, "again".into()).expect("begins");
    }
    assert_eq!((context.attempt.attempts_made(), context.attempt.attempts_spent()), (6, 1));
    let busy = context.next(&context.change(Happened::Refused(refused(Failure::PinterestBusy))));
    assert_eq!(busy.status, Status::Queued, "six attempts, and the first one for this reason");
    let last = context.change(fails());
    let next = context.next(&last);
    assert_eq!((next.status, next.failure), (Status::Failed, Some(Failure::ImageUnreachable)));
    assert_eq!(last.transition.metric(), Some((Metric::PinFailed, Some("image_unreachable"))));
    let retried = next.retried(NOW, None, "r".into()).expect("retries");
    assert_eq!(retried.image_tries, 0);
}

#[test]
fn what_needs_a_person_holds_the_account() {
    let context = Context::new();
    let token = Refused { renewal: Some(TokenRenewal::NeedsReconnect), ..refused(Failure::TokenRevoked) };
    for (happened, failure) in [
        (Happened::Decided(Step::Hold(Failure::TokenRevoked)), Failure::TokenRevoked),
        (Happened::Decided(Step::Hold(Failure::AccountDisconnected)), Failure::AccountDisconnected),
        (Happened::NoCredentials, Failure::AccountDisconnected),
        (Happened::Refused(token), Failure::TokenRevoked),
        (Happened::Refused(refused(Failure::ScopeMissing)), Failure::ScopeMissing),
        (Happened::Refused(refused(Failure::TrialAccess)), Failure::TrialAccess),
        (Happened::Refused(refused(Failure::FeatureRestricted)), Failure::FeatureRestricted),
    ] {
        let change = context.change(happened);
        assert_eq!(change.pause.as_ref().and_then(|pause| pause.failure), Some(failure), "the hold keeps it");
        assert_eq!(context.paused_for_ms(&change), Some((HOLD_PAUSE_MS, "account_on_hold".to_owned())));
        let next = context.next(&change);
        assert_eq!((next.wait, next.failure), (Some(WaitReason::AccountOnHold), Some(failure)));
        assert_eq!(next.not_before, Some(NOW.plus_ms(HOLD_PAUSE_MS)));
        assert_eq!(change.disposition, Disposition::Done);
    }
}

#[test]
fn a_stale_access_token_costs_a_second_or_a_wait_for_its_renewal() {
    let context = Context::new();
    let renewed = context.change(refused_token(TokenRenewal::Renewed));
    let at = NOW.plus_ms(FRESH_TOKEN_RETRY_MS);
    assert_eq!((renewed.pause.clone(), renewed.disposition.clone()), (None, Disposition::Keep { until: at }));
    assert_eq!(context.next(&renewed).failure, Some(Failure::TokenExpired));
    let refused_too = context.change(refused_token(TokenRenewal::RefusedToo));
    assert_eq!(context.paused_for_ms(&refused_too), Some((HOLD_PAUSE_MS, "token_refresh".to_owned())));
    let next = context.next(&refused_too);
    assert_eq!((next.wait, next.failure), (Some(WaitReason::TokenRefresh), Some(Failure::TokenExpired)));
}

#[test]
fn a_refusal_beside_a_renewal_that_failed_is_tried_once_more_unless_the_token_has_expired() {
    let mut context = Context::new();
    let refusal = || refused_token(TokenRenewal::Pending);
    let waits = Some((HOLD_PAUSE_MS, "token_refresh".to_owned()));
    let stray = context.change(refusal());
    let at = NOW.plus_ms(STRAY_REFUSAL_RETRY_MS);
    let others_wait = Some((STRAY_REFUSAL_RETRY_MS, "token_refresh".to_owned()));
    assert_eq!(
        (context.paused_for_ms(&stray), stray.disposition.clone()),
        (others_wait, Disposition::Keep { until: at })
    );
    let begun = context.next(&stray).begin(at, "begun".into()).expect("begins");
    let fresh = std::mem::replace(&mut context.attempt, begun);
    assert_eq!(context.paused_for_ms(&context.change(refusal())), waits, "the pin's second refusal");
    context.attempt = fresh;
    context.account.life.access_expires_at = Some(NOW);
    assert_eq!(context.paused_for_ms(&context.change(refusal())), waits, "it has expired");
}

#[test]
fn a_single_refusal_without_a_way_to_renew_is_tried_once_more_and_a_second_one_holds() {
    let mut context = Context::new();
    let refusal = || refused_token(TokenRenewal::Exhausted);
    let stray = context.change(refusal());
    let at = NOW.plus_ms(STRAY_REFUSAL_RETRY_MS);
    let others_wait = Some((STRAY_REFUSAL_RETRY_MS, "token_refresh".to_owned()));
    assert_eq!(
        (context.paused_for_ms(&stray), stray.disposition.clone()),
        (others_wait, Disposition::Keep { until: at })
    );
    let next = context.next(&stray);
    assert_eq!((next.status, next.not_before), (Status::Queued, Some(at)));
    let held = Some((HOLD_PAUSE_MS, "account_on_hold".to_owned()));
    let begun = next.begin(at, "begun".into()).expect("begins");
    let fresh = std::mem::replace(&mut context.attempt, begun);
    let second = context.change(refusal());
    assert_eq!(context.paused_for_ms(&second), held, "the pin's second refusal");
    assert_eq!(context.next(&second).failure, Some(Failure::TokenRevoked));
    context.attempt = fresh;
    context.bucket.hold = Some(Hold { until: NOW, failure: None, awaits_refresh: false, by: None });
    assert_eq!(context.paused_for_ms(&context.change(refusal())), held, "the call that tried a held account");
}

#[test]
fn a_refusal_is_remembered_while_the_pin_waits_for_its_turn() {
    for renewal in [TokenRenewal::Exhausted, TokenRenewal::Pending] {
        let mut context = Context::new();
        let slip = context.next(&context.change(refused_token(renewal)));
        let at = NOW.plus_ms(STRAY_REFUSAL_RETRY_MS);
        let waits = slip.deferred(at, None, WaitReason::AccountPacing, None, "waits".into()).expect("defers");
        assert_eq!(waits.failure, None);
        context.attempt = waits.begin(at, "begun".into()).expect("begins");
        let second = context.change(refused_token(renewal));
        assert!(second.pause.is_some(), "{renewal:?}: {second:?}");
    }
}

#[test]
fn a_refused_look_is_no_refused_call() {
    let refused = Upstream { status: Some(401), ..upstream() };
    let mut context = Context::new();
    let lost = context.attempt.unresolved_outcome(NOW, NOW, &Upstream::default(), "lost".into()).expect("is lost");
    let looked =
        lost.reconcile_again(NOW, NOW, Failure::TokenRevoked.code(), &refused, "looked".into()).expect("looks");
    let absent = looked.absent(NOW, "absent".into()).expect("is absent");
    context.attempt = absent.begin(NOW, "begun".into()).expect("begins");
    for renewal in [TokenRenewal::Exhausted, TokenRenewal::Pending] {
        let first = context.change(refused_token(renewal));
        assert!(matches!(first.transition, Transition::Retry { .. }), "{renewal:?}: {first:?}");
    }
}

/// The first one tries the token once more, and the others wait for that.
#[test]
fn of_calls_that_are_refused_together_one_is_repeated() {
    for renewal in [TokenRenewal::Exhausted, TokenRenewal::Pending] {
        let mut context = Context::new();
        let first = context.change(refused_token(renewal));
        let pause = first.pause.clone().expect("the others wait");
        assert_eq!((pause.until, pause.reason), (NOW.plus_ms(STRAY_REFUSAL_RETRY_MS), WaitReason::TokenRefresh));
        context.bucket = pause.apply(&context.bucket);
        let second = context.change(refused_token(renewal));
        assert_eq!(second.pause, None, "{second:?}");
        let next = context.next(&second);
        assert_eq!((next.status, next.not_before), (Status::Deferred, Some(pause.until)));
        assert_eq!((next.wait, next.failure), (Some(WaitReason::TokenRefresh), Some(Failure::TokenExpired)));
        assert_eq!(next.attempts_spent(), 0, "it was not its fault");
    }
}

#[test]
fn refused_with_the_old_token_and_with_the_new_one_holds() {
    let mut context = Context::new();
    let renewed = context.change(refused_token(TokenRenewal::Renewed));
    context.attempt = context.next(&renewed).begin(NOW, "begun".into()).expect("begins");
    let again = context.change(refused_token(TokenRenewal::Exhausted));
    assert_eq!(context.paused_for_ms(&again), Some((HOLD_PAUSE_MS, "account_on_hold".to_owned())));
    let next = context.next(&again);
    assert_eq!((next.status, next.failure), (Status::Deferred, Some(Failure::TokenRevoked)));
    assert_eq!(next.attempts_spent(), 1, "the call with the new token spends nothing");
}

#[test]
fn a_pin_without_a_token_or_a_budget_waits_in_the_backlog() {
    let until = NOW.plus_ms(3_600_000);
    let join = Step::JoinBacklog { reason: WaitReason::AccountPaused, until: Some(until) };
    let mut context = Context::new();
    context.attempt = Attempt::untouched(&context.pin);
    for (happened, reason, until) in [
        (Happened::NoTokenSoon, WaitReason::AccountPacing, None),
        (Happened::BudgetSpent { until }, WaitReason::DailyBudget, Some(until)),
        (Happened::Decided(join), WaitReason::AccountPaused, Some(until)),
    ] {
        let change = context.change(happened);
        let next = context.next(&change);
        assert_eq!((next.status, next.wait, next.not_before), (Status::Deferred, Some(reason), until));
        assert_eq!((next.generation, next.failure), (1, None), "messages under way are void");
        assert!(change.transition.joins_backlog() && change.pause.is_none());
        assert_eq!(change.disposition, Disposition::Done);
        assert_eq!(change.transition.metric(), Some((Metric::PinDeferred, Some(reason.code()))));
    }
    let contended = context.of(Happened::BudgetContended { until });
    assert_eq!(contended, Outcome::Dispose(Disposition::Keep { until }));
}

#[test]
fn a_call_that_was_not_sent_costs_nothing() {
    let context = Context::new();
    let change = context.change(Happened::NotSent);
    let next = context.next(&change);
    assert_eq!((next.status, next.attempts_spent()), (Status::Queued, 0));
    assert_eq!(next.history.last().map(|event| event.kind), Some(EventKind::NotSent));
    assert_eq!((change.disposition, change.transition.metric()), (Disposition::Keep { until: NOW }, None));
}

#[test]
fn a_state_that_changed_meanwhile_refuses_the_transition() {
    let context = Context::new();
    let change = context.change(created(None));
    let queued = Attempt::untouched(&context.pin);
    assert!(change.transition.apply(&queued, &context.pin, NOW, "next".into()).is_err());
}

#[test]
fn a_success_pauses_an_account_with_nothing_left_and_otherwise_ends_its_hold() {
    let pace = Pace::new(50, 1.0);
    let changes = |bucket: &Bucket, ms| Success { nothing_left_for_ms: ms }.bucket_changes(bucket, &pace, NOW);
    let open = Bucket::default();
    assert_eq!(changes(&open, None), []);
    assert_eq!(changes(&open, Some(3_000)), [], "near");
    let pause = Pause::new(&pace, NOW.plus_ms(60_000), WaitReason::AccountPaused);
    assert_eq!(changes(&open, Some(60_000)), [BucketChange::Pause(pause.clone())]);
    let seen = NOW.plus_ms(-1);
    let hold = Some(Hold { until: seen, failure: None, awaits_refresh: false, by: None });
    let held = Bucket { hold, ..Bucket::default() };
    assert_eq!(changes(&held, None), [BucketChange::LiftHold { seen }]);
    assert_eq!(changes(&held, Some(60_000)), [BucketChange::Pause(pause), BucketChange::LiftHold { seen }]);
    let paused = Bucket { pause: Some(Paused { until: seen, failure: None }), ..Bucket::default() };
    assert_eq!(changes(&paused, None), []);
}
