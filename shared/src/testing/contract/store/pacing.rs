//! The rules of buckets, pauses and waiting marks.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use uuid::Uuid;

use crate::domain::ids::{AccountId, AccountKey};
use crate::domain::pacing::bucket::{ACCEPT_HORIZON_MS, Bucket, OwnWrite, Pause, Resume, Take, TakeFrom};
use crate::domain::pacing::pace::{Pace, TOKEN_VALID_AT_LEAST_MS};
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::{Store, Taken};

const NOW: Moment = Moment(1_767_225_600_000);
const OPS: usize = 250;

fn pace() -> Pace {
    Pace::new(5, 1.0)
}

fn account(id: u128) -> AccountKey {
    AccountKey { workspace: testdata::workspace(), account: AccountId(Uuid::from_u128(id)) }
}

async fn bucket(store: &dyn Store) -> Bucket {
    store.bucket(account(1)).await.expect("read")
}

fn take(bucket: &Bucket, count: u32, nonce: &str) -> Take {
    Take::plan(bucket, &pace(), NOW, count, ACCEPT_HORIZON_MS, nonce.into())
}

fn pause(until: Moment, tat: Moment, reason: &str) -> Pause {
    Pause { until, tat, reason: reason.into(), failure: None, slow_until: None }
}

pub async fn a_fresh_bucket_is_the_default(store: &dyn Store) {
    assert_eq!(bucket(store).await, Bucket::default());
}

/// A random walk of takes in all modes (many of which must be refused), pauses and marks, compared with [`Take::apply`]
/// after each step.
pub async fn every_take_does_what_the_domain_specifies(store: &dyn Store) {
    let mut rng = fastrand::Rng::with_seed(20_260_101);
    let (mut model, mut now, mut taken, mut refused) = (Bucket::default(), NOW, [0; 4], [0; 4]);
    for step in 0..OPS {
        now = now.plus_ms(rng.i64(0..4_000));
        match rng.u32(0..20) {
            0 => {
                store.mark_waiting(account(1), now).await.expect("marked");
                model.waiting_at = model.waiting_at.max(Some(now));
            }
            1..4 => {
                let seen = model.waiting_at.filter(|_| rng.bool()).unwrap_or(Moment(3));
                store.clear_waiting(account(1), seen).await.expect("answered");
                model.waiting_at = model.waiting_at.filter(|at| *at != seen);
            }
            4 => {
                let (until, tat) = (now.plus_ms(rng.i64(1..5_000)), now.plus_ms(rng.i64(1..9_000)));
                let slow_until = rng.bool().then(|| now.plus_ms(rng.i64(1..20_000)));
                let failure = rng.bool().then_some(Failure::TrialAccess);
                let pause = Pause { slow_until, failure, ..pause(until, tat, WaitReason::AccountOnHold.code()) };
                store.pause(account(1), &pause).await.expect("paused");
                model = pause.apply(&model);
            }
            5 => {
                let seen = model.paused_until.filter(|_| rng.bool()).unwrap_or(Moment(3));
                store.lift_hold(account(1), seen).await.expect("answered");
                model.pause_reason = model.pause_reason.filter(|_| model.paused_until != Some(seen));
                model.pause_failure = model.pause_failure.filter(|_| model.paused_until != Some(seen));
            }
            _ => {
                let mut take = Take::plan(&model, &pace(), now, rng.u32(1..4), rng.i64(0..6_000), format!("n{step}"));
                let off = i64::from(rng.u32(0..4) == 0);
                take.from = match rng.u32(0..5) {
                    0 => TakeFrom::Settled,
                    1 => TakeFrom::Near,
                    2 => TakeFrom::Used,
                    3 => TakeFrom::Seen { tat: model.tat.plus_ms(off), rel: model.rel },
                    _ => TakeFrom::Seen { tat: model.tat, rel: model.rel + off as u64 },
                };
                take.behind_waiting = rng.bool();
                let mode = match take.from {
                    TakeFrom::Settled => 0,
                    TakeFrom::Near => 1,
                    TakeFrom::Used => 2,
                    TakeFrom::Seen { .. } => 3,
                };
                let wanted = match take.apply(&model) {
                    Some(after) => {
                        taken[mode] += 1;
                        model = after;
                        Taken::Tokens(take.tokens(&model))
                    }
                    None => {
                        refused[mode] += 1;
                        Taken::Refused(model.clone())
                    }
                };
                let answer = store.take(account(1), &take).await.expect("answered");
                assert_eq!(answer, wanted, "step {step}: {take:?}");
            }
        }
        assert_eq!(bucket(store).await, model, "after step {step}");
    }
    assert!(taken.iter().chain(&refused).all(|count| *count >= 3), "each mode both ways: {taken:?} {refused:?}");
}

pub async fn a_refused_take_changes_nothing(store: &dyn Store) {
    let fresh = Bucket::default();
    let too_many = Take { latest_slot: NOW, ..take(&fresh, 6, "a") };
    assert_eq!(store.take(account(1), &too_many).await.expect("answered"), Taken::Refused(fresh.clone()));
    assert_eq!(bucket(store).await, fresh, "beyond the horizon");
    for from in [TakeFrom::Near, TakeFrom::Used] {
        let used = Take { from, ..take(&fresh, 1, "b") };
        assert_eq!(store.take(account(1), &used).await.expect("answered"), Taken::Refused(fresh.clone()));
        assert_eq!(bucket(store).await, fresh, "the bucket is settled, not used");
    }
    let beyond = Take { from: TakeFrom::Used, ..too_many };
    assert_eq!(store.take(account(1), &beyond).await.expect("answered"), Taken::Refused(fresh));
}

pub async fn a_repeated_take_counts_once(store: &dyn Store) {
    for from_used in [false, true] {
        let before = bucket(store).await;
        let take = take(&before, 2, if from_used { "second" } else { "first" });
        let first = store.take(account(1), &take).await.expect("answered");
        let after = bucket(store).await;
        assert!(matches!(&first, Taken::Tokens(slots) if slots.len() == 2), "{first:?}");
        let repeated = store.take(account(1), &take).await.expect("answered");
        assert_eq!(bucket(store).await.tat, after.tat.max(before.tat), "the bucket moved once (used: {from_used})");
        assert_eq!(repeated, first, "the same slots are returned (used: {from_used})");
    }
}

/// Takes as acceptance does: planned again from the bucket that a refusal returns.
async fn take_until_taken(store: &dyn Store, nonce: usize) -> Moment {
    let mut seen = Bucket::default();
    for round in 0..50 {
        let take = take(&seen, 1, &format!("{nonce}/{round}"));
        match store.take(account(1), &take).await.expect("answered") {
            Taken::Tokens(slots) => return slots[0].slot,
            Taken::Refused(current) => seen = current,
        }
    }
    panic!("no token in 50 rounds");
}

pub async fn concurrent_takes_get_distinct_slots(store: &dyn Store) {
    let slots = join_all((0..20).map(|nonce| take_until_taken(store, nonce))).await;
    let now = slots.iter().filter(|slot| **slot == NOW).count();
    let later: BTreeSet<Moment> = slots.iter().copied().filter(|slot| *slot > NOW).collect();
    let wanted: BTreeSet<Moment> =
        (1..=15).map(|second| NOW.plus_ms(second * 1_000 + TOKEN_VALID_AT_LEAST_MS)).collect();
    assert_eq!(now, 5, "the bucket's capacity at once");
    assert_eq!(later, wanted, "then one a second");
}

pub async fn of_concurrent_takes_of_the_same_state_one_succeeds(store: &dyn Store) {
    for rel in 0..2 {
        let seen = bucket(store).await;
        assert_eq!(seen.rel, rel, "counted");
        let takes: Vec<Take> = (0..6)
            .map(|n| Take { from: TakeFrom::Seen { tat: seen.tat, rel }, ..take(&seen, 3, &format!("{rel}/{n}")) })
            .collect();
        let answers = join_all(takes.iter().map(|take| store.take(account(1), take))).await;
        let won =
            answers.iter().filter(|answer| matches!(answer, Ok(Taken::Tokens(slots)) if slots.len() == 3)).count();
        assert_eq!(won, 1, "one dispatcher releases: {answers:?}");
    }
}

fn own_write(bucket: &Bucket, now: Moment, nonce: &str) -> OwnWrite {
    OwnWrite::plan(bucket, &pace(), now, nonce.into()).expect("the reserve has one")
}

pub async fn an_own_write_takes_what_the_domain_specifies(store: &dyn Store) {
    let mut model = Bucket::default();
    for number in 0..3 {
        let write = own_write(&model, NOW, &format!("n{number}"));
        assert!(store.take_own_write(account(1), &write).await.expect("answered"));
        model = write.apply(&model).expect("unchanged");
        assert_eq!(bucket(store).await, model, "write {number}");
    }
    assert!(OwnWrite::plan(&model, &pace(), NOW, "late".into()).is_err(), "the reserve is used up");
    let later = NOW.plus_ms(3_600_000);
    // As another process saw it, before these writes.
    let stale = own_write(&Bucket::default(), later, "stale");
    assert!(!store.take_own_write(account(1), &stale).await.expect("answered"));
    // A pause that Pinterest asks for keeps it away, and a hold doesn't.
    for (until_ms, reason, passes) in [(10, WaitReason::AccountPaused, false), (20, WaitReason::AccountOnHold, true)] {
        let until = later.plus_ms(until_ms);
        store.pause(account(1), &pause(until, until, reason.code())).await.expect("paused");
        let now = bucket(store).await;
        let write = own_write(&now, later, reason.code());
        assert_eq!(store.take_own_write(account(1), &write).await.expect("answered"), passes, "{reason:?}");
        assert_eq!(write.apply(&now).is_some(), passes, "{reason:?}");
    }
}

pub async fn a_repeated_own_write_counts_once(store: &dyn Store) {
    let write = own_write(&Bucket::default(), NOW, "a");
    for _ in 0..2 {
        assert!(store.take_own_write(account(1), &write).await.expect("answered"));
        assert_eq!(bucket(store).await.reserved_tat, Some(write.next));
    }
}

pub async fn of_concurrent_own_writes_of_the_same_state_one_succeeds(store: &dyn Store) {
    let seen = bucket(store).await;
    let writes: Vec<OwnWrite> = (0..5).map(|number| own_write(&seen, NOW, &format!("n{number}"))).collect();
    let answers = join_all(writes.iter().map(|write| store.take_own_write(account(1), write))).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(true))).count(), 1, "{answers:?}");
}

pub async fn the_later_pause_stays(store: &dyn Store) {
    let at = |s: i64| NOW.plus_ms(s * 1_000);
    for (until, reason) in [(60, "account_paused"), (30, "earlier"), (60, "equal"), (90, "account_on_hold")] {
        store.pause(account(1), &pause(at(until), at(until + 5), reason)).await.expect("answered");
    }
    let paused = bucket(store).await;
    assert_eq!((paused.paused_until, paused.pause_failure), (Some(at(90)), None));
    assert_eq!(paused.pause_reason.as_deref(), Some("account_on_hold"));
    assert_eq!(paused.tat, at(95), "empty when it ends");
    store.pause(account(1), &pause(at(10), at(15), "earlier")).await.expect("answered");
    assert_eq!(bucket(store).await, paused, "an earlier pause changes nothing");
    let answer = store.take(account(1), &take(&paused, 1, "a")).await.expect("answered");
    assert_eq!(answer, Taken::Refused(paused), "no token is given during the pause");
}

pub async fn a_pause_never_fills_the_bucket(store: &dyn Store) {
    let spent = Take { latest_slot: NOW.plus_ms(900_000), ..take(&Bucket::default(), 100, "a") };
    assert!(matches!(store.take(account(1), &spent).await.expect("answered"), Taken::Tokens(_)));
    let tat = bucket(store).await.tat;
    let short = pause(NOW.plus_ms(10_000), NOW.plus_ms(15_000), "account_paused");
    store.pause(account(1), &short).await.expect("paused");
    let after = bucket(store).await;
    assert_eq!(
        (after.tat, after.paused_until),
        (tat, Some(NOW.plus_ms(10_000))),
        "slots that were given stay paid for"
    );
}

pub async fn an_earlier_pause_may_still_extend_the_slowdown(store: &dyn Store) {
    let at = |s: i64| NOW.plus_ms(s * 1_000);
    store.pause(account(1), &pause(at(60), at(65), "account_paused")).await.expect("paused");
    let slowing = Pause { slow_until: Some(at(600)), ..pause(at(30), at(35), "earlier") };
    store.pause(account(1), &slowing).await.expect("answered");
    let after = bucket(store).await;
    assert_eq!((after.paused_until, after.tat, after.slow_until), (Some(at(60)), at(65), Some(at(600))));
    assert_eq!(after.pause_reason.as_deref(), Some("account_paused"));
}

pub async fn a_hold_is_lifted_only_if_it_is_unchanged(store: &dyn Store) {
    let at = |s: i64| NOW.plus_ms(s * 1_000);
    store.lift_hold(account(1), NOW).await.expect("lifting nothing is harmless");
    assert_eq!(bucket(store).await, Bucket::default());
    let hold = pause(at(60), at(65), "account_on_hold").because(Failure::FeatureRestricted);
    store.pause(account(1), &hold).await.expect("held");
    store.lift_hold(account(1), at(59)).await.expect("answered");
    let held = bucket(store).await;
    assert!(held.is_on_hold(), "a hold that has changed stays");
    assert_eq!(held.pause_failure, Some(Failure::FeatureRestricted), "with its failure");
    store.lift_hold(account(1), at(60)).await.expect("answered");
    let lifted = bucket(store).await;
    assert!(!lifted.is_on_hold() && lifted.pause_failure.is_none());
    let spam = pause(at(80), at(85), "account_paused").because(Failure::SpamBlock);
    store.pause(account(1), &spam).await.expect("paused");
    assert_eq!(bucket(store).await.pause_failure, Some(Failure::SpamBlock));
    store.pause(account(1), &pause(at(90), at(95), "account_paused")).await.expect("paused");
    assert_eq!(bucket(store).await.pause_failure, None, "a later pause without one");
    store.lift_hold(account(1), at(90)).await.expect("answered");
    assert_eq!(bucket(store).await.pause_reason.as_deref(), Some("account_paused"), "a pause that isn't a hold stays");
}

pub async fn a_hold_is_ended_only_if_it_is_unchanged(store: &dyn Store) {
    let at = |s: i64| NOW.plus_ms(s * 1_000);
    let resume = Resume { seen_until: at(60), seen_tat: at(65), paused_until: at(2), tat: at(7) };
    assert!(!store.resume(account(1), &resume).await.expect("answered"), "there is nothing to end");
    assert_eq!(bucket(store).await, Bucket::default());
    let hold = pause(at(60), at(65), "account_on_hold").because(Failure::TokenRevoked);
    store.pause(account(1), &hold).await.expect("held");
    let held = bucket(store).await;
    for other in [Resume { seen_until: at(59), ..resume.clone() }, Resume { seen_tat: at(64), ..resume.clone() }] {
        assert!(!store.resume(account(1), &other).await.expect("answered"));
        assert_eq!(bucket(store).await, held, "a hold that has changed stays");
    }
    store.mark_waiting(account(1), NOW).await.expect("marked");
    assert!(store.resume(account(1), &resume).await.expect("answered"));
    let after = bucket(store).await;
    assert_eq!((after.paused_until, after.tat, after.pause_reason), (Some(at(2)), at(7), None));
    assert_eq!(after.pause_failure, None);
    assert_eq!(after.waiting_at, Some(NOW), "the waiting mark stays");
    assert!(!store.resume(account(1), &resume).await.expect("answered"), "it has ended");
    store.pause(account(1), &pause(at(90), at(95), "account_paused")).await.expect("paused");
    let no_hold = Resume { seen_until: at(90), seen_tat: at(95), ..resume };
    assert!(!store.resume(account(1), &no_hold).await.expect("answered"), "a pause that isn't a hold stays");
}

pub async fn the_waiting_mark_is_set_and_refreshed_and_never_moves_back(store: &dyn Store) {
    for (mark, wanted) in [(5, 5), (9, 9), (7, 9)] {
        store.mark_waiting(account(1), NOW.plus_ms(mark)).await.expect("answered");
        assert_eq!(bucket(store).await.waiting_at, Some(NOW.plus_ms(wanted)));
    }
    let waiting = bucket(store).await;
    let refused = store.take(account(1), &take(&waiting, 1, "a")).await.expect("answered");
    assert_eq!(refused, Taken::Refused(waiting.clone()), "no pin overtakes the backlog");
    let behind = Take { behind_waiting: true, ..take(&waiting, 1, "b") };
    assert!(matches!(store.take(account(1), &behind).await.expect("answered"), Taken::Tokens(_)));
}

pub async fn the_waiting_mark_is_cleared_only_if_it_is_unchanged(store: &dyn Store) {
    store.clear_waiting(account(1), NOW).await.expect("clearing nothing is harmless");
    assert_eq!(bucket(store).await.waiting_at, None);
    store.mark_waiting(account(1), NOW).await.expect("marked");
    store.clear_waiting(account(1), NOW.plus_ms(-1)).await.expect("answered");
    assert_eq!(bucket(store).await.waiting_at, Some(NOW), "a mark that has changed stays");
    store.clear_waiting(account(1), NOW).await.expect("answered");
    assert_eq!(bucket(store).await.waiting_at, None);
}

pub async fn waiting_accounts_are_those_that_are_marked(store: &dyn Store) {
    for id in 1..=9 {
        store.mark_waiting(account(id), NOW).await.expect("marked");
    }
    let untouched = take(&Bucket::default(), 1, "a");
    store.take(account(20), &untouched).await.expect("a bucket without a waiting mark");
    store.clear_waiting(account(4), NOW).await.expect("cleared");
    let marked: BTreeSet<AccountKey> = store.waiting_accounts().await.expect("read").into_iter().collect();
    assert_eq!(marked, (1..=9).filter(|id| *id != 4).map(account).collect());
}

pub async fn each_account_has_its_own_bucket(store: &dyn Store) {
    store.take(account(2), &take(&Bucket::default(), 5, "a")).await.expect("taken");
    store.pause(account(3), &pause(NOW.plus_ms(1), NOW.plus_ms(2), "account_paused")).await.expect("paused");
    assert_eq!(bucket(store).await, Bucket::default(), "other accounts' buckets don't affect it");
}
