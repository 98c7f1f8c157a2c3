//! What waiting pins report, compared with why they wait: with their accounts' rows, read past the ports.

use std::sync::Arc;

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::pacing::bucket::Bucket;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::blocker::Blocker;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::{Pin, WaitReason};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::pins::read_pins::PinView;
use pinbridge_shared::testing::fake_store::FakeStore;

use crate::oracle::{Violations, Wrong, report};

/// So many unfinished pins are read at each check.
pub const READ_AT_ONCE: usize = 40;

/// The unfinished pins that a check reads; each check begins at another one.
pub fn sample(store: &FakeStore, now: i64) -> Vec<(Pin, pinbridge_shared::domain::pin::attempt::Attempt)> {
    let mut open = Vec::new();
    store.each_pin(|pin, attempt| {
        if !attempt.status.is_terminal() && pin.hidden_at.is_none() {
            open.push((pin.clone(), attempt.clone()));
        }
    });
    if !open.is_empty() {
        let first = usize::try_from(Moment(now).minute()).unwrap_or(0).wrapping_mul(READ_AT_ONCE) % open.len();
        open.rotate_left(first);
    }
    open.truncate(READ_AT_ONCE);
    open
}

/// Checks what the pins report at this moment.
pub fn check(views: &[PinView], store: &Arc<FakeStore>, now: i64, violations: &Violations) {
    for view in views {
        let key = view.pin.account_key();
        let (account, bucket) = (store.peek_account(key), store.peek_bucket(key));
        if let Err(why) = judge(view, account.as_ref(), &bucket, Moment(now)) {
            let code = view.blocker.map(Blocker::code);
            let text = format!(
                "{} ({:?}) reports {code:?}, {} at {:?}: {why}",
                view.pin.request.idempotency_key, view.attempt.status, view.next.action, view.next.at
            );
            report(violations, Wrong::Misreported, text);
        }
    }
}

fn judge(view: &PinView, account: Option<&Account>, bucket: &Bucket, now: Moment) -> Result<(), &'static str> {
    let before = view.pin.request.publish_before.filter(|_| view.attempt.status != Status::Publishing);
    if view.next.action == "give_up" || before.is_some_and(|before| before <= now) {
        return of_end(view, before, now);
    }
    let held = account.and_then(|account| held_for(account, bucket, now));
    if view.attempt.status == Status::Publishing {
        return of_call(view, held.is_some());
    }
    match held {
        Some(failure) => of_held(view, failure),
        None => of_waiting(view, bucket, now),
    }
}

/// Whether only a person helps, and what it comes of, as far as that is recorded.
fn held_for(account: &Account, bucket: &Bucket, now: Moment) -> Option<Option<Failure>> {
    let life = &account.life;
    let is_expired = life.access_expires_at.is_some_and(|at| at <= now);
    let is_refused = life.refused.is_some() && (is_expired || bucket.awaits_refresh());
    let is_over = is_expired && life.refresh_at.is_none() && !bucket.awaits_refresh();
    if account.revoked_at.is_some() {
        Some(Some(Failure::AccountDisconnected))
    } else if life.dead.is_some() || is_refused || is_over {
        Some(Some(Failure::TokenRevoked))
    } else {
        bucket.needs_person().then(|| bucket.hold_failure())
    }
}

/// It comes too late: at a time that is known, or it has done so.
fn of_end(view: &PinView, before: Option<Moment>, now: Moment) -> Result<(), &'static str> {
    let is_over = view.blocker == Some(Blocker::Failure(Failure::TooLate)) && view.next.at.is_none();
    match before {
        None => Err("nothing ends it"),
        Some(_) if view.next.action != "give_up" => Err("it comes too late"),
        Some(before) if before <= now && is_over => Ok(()),
        Some(before) if before > now && view.next.at == Some(before) => Ok(()),
        Some(_) => Err("its end is at another time"),
    }
}

fn of_held(view: &PinView, failure: Option<Failure>) -> Result<(), &'static str> {
    let code = failure.map_or(WaitReason::AccountOnHold.code(), Failure::code);
    let is_about_the_app = matches!(failure, Some(Failure::TrialAccess | Failure::FeatureRestricted));
    let says_reconnect = view.next.action == "reconnect_account" || view.next.reason.contains("econnect");
    if view.next.at.is_some() {
        Err("its account is held, and only a person knows until when")
    } else if ["publish", "retry"].contains(&view.next.action) {
        Err("its account is held")
    } else if view.blocker.map(Blocker::code) != Some(code) {
        Err("its account is held for another reason")
    } else if is_about_the_app && says_reconnect {
        Err("a new connection doesn't help")
    } else {
        Ok(())
    }
}

fn of_waiting(view: &PinView, bucket: &Bucket, now: Moment) -> Result<(), &'static str> {
    let pause = bucket.pause_of_pinterest(now);
    let until = pause.map(|(until, _)| until);
    let is_pacing = view.blocker == Some(Blocker::Wait(WaitReason::AccountPacing));
    let has_later_slot = view.attempt.not_before > until;
    let speaks_of_hold = match view.blocker {
        Some(Blocker::Wait(wait)) => wait == WaitReason::AccountOnHold,
        Some(Blocker::Failure(failure)) => matches!(
            failure,
            Failure::TokenRevoked
                | Failure::ScopeMissing
                | Failure::TrialAccess
                | Failure::FeatureRestricted
                | Failure::AccountDisconnected
        ),
        // Only of a lost answer.
        Some(Blocker::Unreadable(_)) => true,
        None => false,
    };
    if !["publish", "retry"].contains(&view.next.action) {
        Err("no person is needed")
    } else if view.next.at.is_none() {
        Err("it waits without a time")
    } else if speaks_of_hold {
        Err("its account is not held any more")
    } else if until > view.next.at {
        Err("its account is paused until later")
    } else if until.is_some() && is_pacing && !has_later_slot {
        Err("its account is paused")
    } else {
        Ok(())
    }
}

fn of_call(view: &PinView, is_held: bool) -> Result<(), &'static str> {
    let is_unresolved = view.attempt.reconcile_at.is_some();
    match view.next.action {
        "record_outcome" if !is_unresolved && view.next.at.is_some() => Ok(()),
        "look_up" if is_unresolved && view.next.at.is_some() => Ok(()),
        _ if is_unresolved && is_held && view.next.at.is_none() => match view.blocker {
            Some(Blocker::Unreadable(_)) => Ok(()),
            _ => Err("its board can't be read, and the remedy doesn't help"),
        },
        _ => Err("its outcome is open"),
    }
}
