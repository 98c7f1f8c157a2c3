//! Examples of what a waiting pin reports.

use super::*;
use crate::domain::account::credentials::{Death, RefusedGrant, TokenLife};
use crate::domain::pacing::bucket::Pause;
use crate::domain::pin::Placement;
use crate::domain::pin::attempt::Upstream;
use crate::domain::testdata;
use crate::domain::time::{HOUR_MS, MINUTE_MS};

const NOW: Moment = Moment(1_767_225_600_000);
const RULES: Rules =
    Rules { quiesce_ms: 120_000, empty_after_ms: 6 * HOUR_MS, pace: Pace { interval_ms: 1_000, lead_ms: 49_000 } };

fn in_backlog(place: u64) -> Place {
    let estimated_start = NOW.plus_ms(place as i64 * 1_000);
    Place::InBacklog(Position { place, at_least: false, estimated_start })
}

/// What a pin reports in this state of its account, whatever its row says.
fn reported(attempt: &Attempt, account: &AccountNow) -> (Option<&'static str>, &'static str, Option<Moment>) {
    let pin = testdata::pin_of(testdata::request("k"), NOW.plus_ms(-MINUTE_MS), Placement::Now);
    let facts = Facts { pin: &pin, attempt, account: Some(account), place: in_backlog(5), rules: &RULES, now: NOW };
    let Why { blocker, next } = why(&facts);
    (blocker.map(Blocker::code), next.action, next.at)
}

/// The next step of a pin whose account keeps it from nothing.
fn next_of(pin: &Pin, attempt: &Attempt) -> NextStep {
    let account = Some(&AccountNow::default());
    why(&Facts { pin, attempt, account, place: Place::Unknown, rules: &RULES, now: NOW }).next
}

/// Waiting pins of every kind: with each reason that a row can have, queued, and queued for a retry.
fn waiting() -> Vec<Attempt> {
    let pin = testdata::pin_of(testdata::request("k"), NOW.plus_ms(-MINUTE_MS), Placement::Now);
    let (queued, nothing) = (Attempt::untouched(&pin), Upstream::default());
    let soon = Some(NOW.plus_ms(9_000));
    let mut all: Vec<Attempt> = WaitReason::ALL
        .into_iter()
        .flat_map(|reason| [None, Some((Failure::TokenExpired, &nothing))].map(|cause| (reason, cause)))
        .map(|(reason, cause)| queued.deferred(NOW, soon, reason, cause, "d".into()).expect("defers"))
        .collect();
    let begun = queued.begin(NOW, "b".into()).expect("begins");
    all.push(begun.retry_at(NOW, NOW.plus_ms(9_000), Failure::TokenExpired, &nothing, "r".into()).expect("plans"));
    all.push(queued);
    all
}

fn paused(reason: WaitReason, failure: Option<Failure>, until: Moment) -> AccountNow {
    let pause = Pause::new(&RULES.pace, until, reason);
    let pause = match failure {
        Some(failure) => pause.because(failure),
        None => pause,
    };
    let bucket = pause.apply(&Bucket::default());
    AccountNow { account: Some(testdata::connected_account()), bucket, budget_opens_at: None }
}

#[test]
fn every_waiting_pin_of_a_held_account_reports_the_hold_and_no_time() {
    for (failure, action) in [
        (Failure::TokenRevoked, "reconnect_account"),
        (Failure::ScopeMissing, "reconnect_account"),
        (Failure::AccountDisconnected, "reconnect_account"),
        (Failure::TrialAccess, "upgrade_app_access"),
        (Failure::FeatureRestricted, "check_app_access"),
    ] {
        // While the hold's pause lasts, and after it, when the account is tried with one pin.
        for until in [NOW.plus_ms(HOUR_MS), NOW.plus_ms(-HOUR_MS)] {
            let account = paused(WaitReason::AccountOnHold, Some(failure), until);
            for attempt in waiting() {
                assert_eq!(reported(&attempt, &account), (Some(failure.code()), action, None), "{attempt:?}");
            }
        }
    }
    let unexplained = paused(WaitReason::AccountOnHold, None, NOW.plus_ms(1));
    for attempt in waiting() {
        assert_eq!(reported(&attempt, &unexplained), (Some("account_on_hold"), "reconnect_account", None));
    }
}

#[test]
fn an_account_that_is_not_connected_holds_its_pins_whatever_its_bucket_says() {
    let life = |life| Account { life, ..testdata::connected_account() };
    let dead = TokenLife { dead: Some(Death { at: NOW, answer_lost: true }), ..TokenLife::default() };
    let expired = TokenLife { access_expires_at: Some(NOW), ..TokenLife::default() };
    let grant = RefusedGrant { version: "v".into(), since: NOW };
    let refresh_at = Some(NOW.plus_ms(MINUTE_MS));
    let refused = TokenLife { refused: Some(grant), refresh_at, ..expired.clone() };
    let revoked = Account { revoked_at: Some(NOW), ..testdata::connected_account() };
    for (account, code) in [
        (revoked, "account_disconnected"),
        (life(dead), "token_revoked"),
        (life(expired), "token_revoked"),
        (life(refused), "token_revoked"),
    ] {
        for until in [NOW, NOW.plus_ms(HOUR_MS)] {
            let paused = paused(WaitReason::AccountPaused, Some(Failure::SpamBlock), until);
            let now = AccountNow { account: Some(account.clone()), ..paused };
            for attempt in waiting() {
                assert_eq!(reported(&attempt, &now), (Some(code), "reconnect_account", None), "{attempt:?}");
            }
        }
    }
}

#[test]
fn a_pause_and_a_spent_budget_are_reported_with_a_time_after_their_end() {
    let until = NOW.plus_ms(HOUR_MS);
    let spent = AccountNow { budget_opens_at: Some(until), ..AccountNow::default() };
    for (account, code) in [
        (paused(WaitReason::AccountPaused, Some(Failure::SpamBlock), until), "pinterest_spam_block"),
        (paused(WaitReason::AccountPaused, Some(Failure::RateLimited), until), "pinterest_rate_limited"),
        (paused(WaitReason::AccountPaused, None, until), "account_paused"),
        (paused(WaitReason::TokenRefresh, Some(Failure::TokenExpired), until), "token_refresh"),
        (spent, "daily_budget"),
    ] {
        for attempt in waiting() {
            let (is, action, at) = reported(&attempt, &account);
            assert_eq!((is, at >= Some(until)), (Some(code), true), "{attempt:?}");
            assert!(["publish", "retry"].contains(&action));
        }
    }
}

#[test]
fn the_cause_that_ends_last_is_reported() {
    let (soon, late) = (NOW.plus_ms(MINUTE_MS), NOW.plus_ms(HOUR_MS));
    let attempt = &waiting()[0];
    for (pause, budget, code) in
        [(soon, late, "daily_budget"), (late, soon, "pinterest_spam_block"), (late, late, "pinterest_spam_block")]
    {
        let paused = paused(WaitReason::AccountPaused, Some(Failure::SpamBlock), pause);
        let account = AccountNow { budget_opens_at: Some(budget), ..paused };
        assert_eq!(reported(attempt, &account), (Some(code), "publish", Some(late)));
    }
}

#[test]
fn a_reason_that_is_over_is_not_reported() {
    let account = AccountNow { account: Some(testdata::connected_account()), ..AccountNow::default() };
    let pin = testdata::pin_of(testdata::request("k"), NOW.plus_ms(-MINUTE_MS), Placement::Now);
    let queued = Attempt::untouched(&pin);
    for reason in [WaitReason::AccountPaused, WaitReason::DailyBudget, WaitReason::AccountOnHold] {
        let deferred = queued.deferred(NOW, Some(NOW), reason, None, "d".into()).expect("defers");
        let at = Some(NOW.plus_ms(5_000));
        assert_eq!(reported(&deferred, &account), (Some("account_pacing"), "publish", at), "{reason:?}");
    }
    // A hold that ended early: its time isn't waited for.
    let later = Some(NOW.plus_ms(HOUR_MS));
    let held = queued.deferred(NOW, later, WaitReason::AccountOnHold, None, "d".into()).expect("defers");
    assert_eq!(reported(&held, &account).2, Some(NOW.plus_ms(5_000)));
}

#[test]
fn an_unknown_outcome_comes_before_the_account_unless_its_board_cant_be_read() {
    let pin = testdata::pin();
    let begun = Attempt::untouched(&pin).begin(NOW, "b".into()).expect("begins");
    let lost = begun.unresolved_outcome(NOW, NOW.plus_ms(9_000), &Upstream::default(), "u".into()).expect("legal");
    let at = NOW.plus_ms(60_000);
    let refused =
        lost.reconcile_again(NOW, at, Failure::TokenRevoked.code(), &Upstream::default(), "r".into()).expect("legal");
    let held = |failure| paused(WaitReason::AccountOnHold, Some(failure), at);
    for failure in [Failure::TrialAccess, Failure::FeatureRestricted, Failure::TokenRevoked] {
        let wanted = (Some("outcome_unknown"), "look_up", Some(NOW.plus_ms(9_000)));
        assert_eq!(reported(&lost, &held(failure)), wanted, "the board may be readable");
    }
    let wanted = (Some("outcome_unknown"), "reconnect_account", None);
    assert_eq!(reported(&refused, &held(Failure::TokenRevoked)), wanted);
    let revoked = Account { revoked_at: Some(NOW), ..testdata::connected_account() };
    let disconnected = AccountNow { account: Some(revoked), ..AccountNow::default() };
    assert_eq!(reported(&lost, &disconnected), wanted);
}

/// A 503 is an answer, and so is a 4xx without a code.
#[test]
fn an_unknown_outcome_says_whether_an_answer_came() {
    const OPEN: &str = "Pinterest's answer left open whether the Pin was created";
    const NONE: &str = "No answer came from Pinterest";
    const UNRECORDED: &str = "It is not known whether the Pin was created";
    let pin = testdata::pin();
    let begun = Attempt::untouched(&pin).begin(NOW, "b".into()).expect("begins");
    let at = NOW.plus_ms(60_000);
    let unknown = |status| {
        let answer = Upstream { status, ..Upstream::default() };
        begun.unresolved_outcome(NOW, at, &answer, "u".into()).expect("legal")
    };
    let disconnected = Account { revoked_at: Some(NOW), ..testdata::connected_account() };
    let disconnected = AccountNow { account: Some(disconnected), ..AccountNow::default() };
    for (attempt, said) in
        [(unknown(Some(503)), OPEN), (unknown(Some(400)), OPEN), (unknown(None), NONE), (begun.clone(), UNRECORDED)]
    {
        let again =
            |note: &str| attempt.reconcile_again(NOW, at, note, &Upstream::default(), "r".into()).expect("legal");
        let budget = again(WaitReason::DailyBudget.code());
        let read = [again("not_seen_yet"), again("empty_list"), again(Failure::RateLimited.code()), budget];
        for attempt in read.iter().chain(attempt.reconcile_at.is_some().then_some(&attempt)) {
            let reason = next_of(&pin, attempt).reason;
            assert!(reason.starts_with(said) && !reason.contains("lost"), "{reason}");
            let (account, place) = (Some(&disconnected), Place::Unknown);
            let reason = why(&Facts { pin: &pin, attempt, account, place, rules: &RULES, now: NOW }).next.reason;
            assert!(reason.starts_with(&format!("{said}, and the board can't be read")), "{reason}");
        }
    }
    // What an earlier attempt was answered says nothing about this one.
    let later = unknown(Some(503)).absent(NOW, "a".into()).and_then(|next| next.begin(NOW, "b".into()));
    let later = later.and_then(|next| next.unresolved_outcome(NOW, at, &Upstream::default(), "u".into()));
    assert!(next_of(&pin, &later.expect("legal")).reason.starts_with(NONE));
}

#[test]
fn a_board_that_pinterest_does_not_show_says_why() {
    let pin = testdata::pin();
    let begun = Attempt::untouched(&pin).begin(NOW, "b".into()).expect("begins");
    for failure in [Failure::BoardAccessDenied, Failure::RateLimited, Failure::SpamBlock, Failure::Unrecognised] {
        let answer = Upstream { status: Some(403), message: Some("No.".into()), ..Upstream::default() };
        let at = NOW.plus_ms(60_000);
        let refused = begun.reconcile_again(NOW, at, failure.code(), &answer, "r".into()).expect("legal");
        let next = next_of(&pin, &refused);
        assert_eq!((next.action, next.at), ("look_up", Some(at)));
        assert!(next.reason.contains(failure.code()) && next.reason.contains(failure.message()), "{}", next.reason);
        assert_eq!(
            (refused.detail.as_deref(), refused.history.last().and_then(|e| e.status)),
            (Some("No."), Some(403))
        );
    }
}

#[test]
fn an_empty_board_says_until_when_it_proves_nothing() {
    let pin = testdata::pin();
    let of = |note: &str, after_ms: i64| {
        let begun = Attempt::untouched(&pin).begin(NOW.plus_ms(-after_ms), "b".into()).expect("begins");
        let unclear =
            begun.reconcile_again(NOW, NOW.plus_ms(30_000), note, &Upstream::default(), "r".into()).expect("legal");
        let next = next_of(&pin, &unclear);
        assert_eq!((next.action, next.at), ("look_up", Some(NOW.plus_ms(30_000))));
        next.reason.contains(&NOW.plus_ms(6 * HOUR_MS - after_ms).rfc3339())
    };
    for after_ms in [0, MINUTE_MS, 6 * HOUR_MS - 1] {
        assert!(of("empty_list", after_ms), "{after_ms}");
    }
    assert!(!of("empty_list", 6 * HOUR_MS), "by now it does");
    assert!(!of("not_seen_yet", MINUTE_MS));
}

#[test]
fn the_pace_says_how_many_are_before_it_and_that_pinterest_slowed_it() {
    let pin = testdata::pin();
    let attempt = Attempt::untouched(&testdata::pin_of(
        testdata::request("k"),
        NOW,
        Placement::Backlog(WaitReason::AccountPacing),
    ));
    let slowed = Bucket { slow_until: Some(NOW.plus_ms(HOUR_MS)), ..Bucket::default() };
    let reason = |place, bucket: &Bucket| {
        let account = AccountNow { bucket: bucket.clone(), ..AccountNow::default() };
        let facts = Facts { pin: &pin, attempt: &attempt, account: Some(&account), place, rules: &RULES, now: NOW };
        why(&facts).next.reason
    };
    assert!(reason(in_backlog(1), &Bucket::default()).contains("the next pin"));
    assert!(reason(in_backlog(2), &Bucket::default()).starts_with("One other pin"));
    assert!(reason(in_backlog(29), &Bucket::default()).starts_with("28 other pins"));
    for place in [1, 2, 29] {
        let said = reason(in_backlog(place), &Bucket::default());
        assert!(said.contains("any pins that already have a slot"), "they aren't counted: {said}");
    }
    assert!(!reason(in_backlog(29), &Bucket::default()).contains("slow"));
    assert!(reason(in_backlog(29), &slowed).contains("every 16 s"), "{}", reason(in_backlog(29), &slowed));
}
