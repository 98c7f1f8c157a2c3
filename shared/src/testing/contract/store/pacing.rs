//! The rules of buckets, pauses and waiting marks.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use uuid::Uuid;

use crate::domain::ids::{AccountId, AccountKey, PinId};
use crate::domain::pacing::bucket::{ACCEPT_HORIZON_MS, Bucket, Hold, Link, OwnWrite, Pause, Paused, Take, TakeFrom};
use crate::domain::pacing::pace::{Pace, TOKEN_VALID_AT_LEAST_MS};
use crate::domain::pacing::pacer::Pacer;
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::secret::Secret;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::{Store, Taken, Write};

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

fn pin(number: u128) -> PinId {
    PinId(Uuid::from_u128(number))
}

fn pause(until: Moment, tat: Moment, reason: WaitReason) -> Pause {
    Pause { until, tat, reason, failure: None, slow_until: None, by: None }
}

pub async fn a_fresh_bucket_is_the_default(store: &dyn Store) {
    assert_eq!(bucket(store).await, Bucket::default());
}

/// A random walk of takes in all modes (many of which must be refused), pauses, holds and marks, compared with
/// [`Take::apply`] after each step: on an account's own bucket, and on one that it shares.
pub async fn every_take_does_what_the_domain_specifies(store: &dyn Store) {
    walk(store, account(1), Bucket::default()).await;
    let link = link("walk");
    store.link(account(2), &link).await.expect("linked");
    walk(store, account(2), linked(&link, &link.first())).await;
}

async fn walk(store: &dyn Store, account: AccountKey, mut model: Bucket) {
    let mut rng = fastrand::Rng::with_seed(20_260_101);
    let (mut now, mut taken, mut refused) = (NOW, [0; 3], [0; 3]);
    for step in 0..OPS {
        now = now.plus_ms(rng.i64(0..4_000));
        match rng.u32(0..20) {
            0 => {
                store.mark_waiting(account, now).await.expect("marked");
                model.waiting_at = model.waiting_at.max(Some(now));
            }
            1..3 => {
                let seen = model.waiting_at.filter(|_| rng.bool()).unwrap_or(Moment(3));
                store.clear_waiting(account, seen).await.expect("answered");
                model.waiting_at = model.waiting_at.filter(|at| *at != seen);
            }
            3 => {
                let seen = model.rel + u64::from(rng.bool());
                let is_claimed = store.claim_release(account, seen).await.expect("answered").is_done();
                assert_eq!(is_claimed, seen == model.rel, "step {step}");
                model.rel += u64::from(is_claimed);
            }
            4 => {
                let (until, tat) = (now.plus_ms(rng.i64(1..5_000)), now.plus_ms(rng.i64(1..9_000)));
                let slow_until = rng.bool().then(|| now.plus_ms(rng.i64(1..20_000)));
                let failure = rng.bool().then_some(Failure::TrialAccess);
                let (reason, slow_until) = match rng.u32(0..4) {
                    0 => (WaitReason::AccountOnHold, None),
                    1 => (WaitReason::TokenRefresh, None),
                    _ => (WaitReason::AccountPaused, slow_until),
                };
                let by = rng.bool().then(|| pin(rng.u128(1..3)));
                let pause = Pause { slow_until, failure, by, ..pause(until, tat, reason) };
                store.pause(account, &pause).await.expect("paused");
                model = pause.apply(&model);
            }
            5 => {
                let held = model.hold.as_ref().map(|hold| hold.until);
                let seen = held.filter(|_| rng.bool()).unwrap_or(Moment(3));
                let is_lifted = store.lift_hold(account, seen, now).await.expect("answered").is_done();
                assert_eq!(is_lifted, held == Some(seen), "step {step}");
                model.held_until = if is_lifted { Some(now) } else { model.held_until };
                model.hold.take_if(|hold| hold.until == seen);
            }
            _ => {
                let mut take = Take::plan(&model, &pace(), now, rng.u32(1..4), rng.i64(0..6_000), format!("n{step}"));
                let mode = rng.usize(0..3);
                take.from = [TakeFrom::Settled, TakeFrom::Near, TakeFrom::Used][mode];
                take.crowds_until = (rng.u32(0..4) == 0).then(|| now.plus_ms(rng.i64(0..9_000)));
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
                let answer = store.take(account, &take).await.expect("answered");
                assert_eq!(answer, wanted, "step {step}: {take:?}");
            }
        }
        assert_eq!(store.bucket(account).await.expect("read"), model, "after step {step}");
    }
    assert!(taken.iter().chain(&refused).all(|count| *count >= 3), "each mode both ways: {taken:?} {refused:?}");
}

fn link(user: &str) -> Link {
    Link { pacer: Pacer::of(&Secret::new("key"), user), now: NOW, configured: pace() }
}

/// The bucket of an account without anything of its own, with the user's part.
fn linked(link: &Link, shared: &Bucket) -> Bucket {
    Bucket { pacer: Some(link.pacer.clone()), ..Bucket::default() }.sharing(shared)
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

pub async fn of_concurrent_claims_of_a_release_one_succeeds(store: &dyn Store) {
    for rel in 0..3 {
        assert_eq!(bucket(store).await.rel, rel, "counted");
        let answers = join_all((0..6).map(|_| store.claim_release(account(1), rel))).await;
        let won = answers.iter().filter(|answer| matches!(answer, Ok(Write::Done))).count();
        assert_eq!(won, 1, "one dispatcher releases: {answers:?}");
    }
}

pub async fn accounts_of_one_user_share_its_tokens_and_its_pauses_and_nothing_else(store: &dyn Store) {
    let link = link("shared");
    for id in [1, 2] {
        store.link(account(id), &link).await.expect("linked");
        store.link(account(id), &link).await.expect("linking it again changes nothing");
    }
    let at = |id| async move { store.bucket(account(id)).await.expect("read") };
    assert_eq!(at(1).await, linked(&link, &link.first()));
    let answer = store.take(account(1), &take(&at(1).await, 3, "a")).await.expect("answered");
    assert!(matches!(&answer, Taken::Tokens(tokens) if tokens.len() == 3), "{answer:?}");
    let own = take(&at(2).await, 2, "b");
    store.take(account(2), &own).await.expect("answered");
    assert_eq!(at(1).await.tat, link.first().tat.plus_ms(5_000), "both take from it");
    let stale = take(&Bucket::default(), 1, "c");
    assert_eq!(store.take(account(1), &stale).await.expect("answered"), Taken::Refused(at(1).await), "planned before");
    let write = own_write(&at(1).await, NOW, "d");
    assert!(store.take_own_write(account(1), &write).await.expect("answered").is_done());
    assert_eq!(at(2).await.reserved_tat, Some(write.next));
    let until = NOW.plus_ms(90_000);
    let spam = pause(until, until, WaitReason::AccountPaused).because(Failure::SpamBlock);
    store.pause(account(2), &Pause { slow_until: Some(until), ..spam }).await.expect("paused");
    let hold = pause(until, until, WaitReason::AccountOnHold).because(Failure::TokenRevoked);
    store.pause(account(2), &hold).await.expect("held");
    store.mark_waiting(account(2), NOW).await.expect("marked");
    let (first, second) = (at(1).await, at(2).await);
    assert!(first.is_paused_by_pinterest(NOW) && first.slow_until == Some(until));
    assert_eq!(first.pause_failure(), Some(Failure::SpamBlock));
    assert!(!first.is_on_hold() && first.waiting_at.is_none(), "a hold and a backlog are the account's");
    assert_eq!(second.pause_failure(), Some(Failure::TokenRevoked), "and a pause doesn't hide a hold");
    assert!(store.lift_hold(account(2), until, NOW).await.expect("answered").is_done());
    assert!(at(2).await.is_paused(NOW), "nor does its end end the pause");
    for (until_ms, wanted_ms) in [(9_000, 9_000), (5_000, 9_000), (10_000, 10_000)] {
        store.crowd(&link.pacer, NOW.plus_ms(until_ms)).await.expect("answered");
        assert_eq!(at(1).await.crowded_until, Some(NOW.plus_ms(wanted_ms)), "the later end stays");
    }
    store.crowd(&self::link("unknown").pacer, NOW).await.expect("a missing row stays missing");
    assert_eq!(bucket_of(store, 3).await, Bucket::default(), "another account has its own");
}

pub async fn a_link_keeps_what_the_account_owes_and_the_pauses_it_has(store: &dyn Store) {
    let link = link("owes");
    store.take(account(1), &take(&Bucket::default(), 20, "a")).await.expect("answered");
    let until = NOW.plus_ms(90_000);
    let hold_until = NOW.plus_ms(1_000);
    let spam = pause(NOW, NOW, WaitReason::AccountPaused).because(Failure::SpamBlock);
    store.pause(account(1), &Pause { until, slow_until: Some(until), ..spam }).await.expect("paused");
    store.pause(account(1), &pause(hold_until, hold_until, WaitReason::TokenRefresh)).await.expect("held");
    store.mark_waiting(account(1), NOW).await.expect("marked");
    store.take(account(2), &take(&Bucket::default(), 10, "b")).await.expect("answered");
    let mut shared = None;
    for id in [1, 2] {
        let own = bucket_of(store, id).await;
        let wanted = link.apply(&own, shared.as_ref());
        store.link(account(id), &link).await.expect("linked");
        let after = bucket_of(store, id).await;
        assert_eq!(after, Bucket { pacer: Some(link.pacer.clone()), ..own.own_part() }.sharing(&wanted), "{id}");
        shared = Some(after.shared_part());
    }
    let (first, second) = (bucket_of(store, 1).await, bucket_of(store, 2).await);
    let of_the_pause = Bucket::tat_when_empty_at(&pace(), until);
    assert_eq!(first.tat, of_the_pause.plus_ms(10 * 1_000 + TOKEN_VALID_AT_LEAST_MS), "and what the second owed");
    assert!(second.is_paused_by_pinterest(NOW) && second.pause_failure() == Some(Failure::SpamBlock));
    assert!(first.is_on_hold() && !second.is_on_hold());
    let marked = store.waiting_accounts().await.expect("read");
    assert_eq!(marked, [account(1)], "the index still finds it");
}

pub async fn accounts_that_are_linked_together_owe_all_that_they_owed(store: &dyn Store) {
    let link = link("together");
    for id in 1..=5 {
        store.take(account(id), &take(&Bucket::default(), 4, "a")).await.expect("answered");
    }
    let owed_ms: i64 = 5 * (4_000 + TOKEN_VALID_AT_LEAST_MS);
    for linked in join_all((1..=5).map(|id| store.link(account(id), &link))).await {
        linked.expect("linked");
    }
    assert_eq!(bucket_of(store, 3).await.tat, link.first().tat.plus_ms(owed_ms));
}

async fn bucket_of(store: &dyn Store, id: u128) -> Bucket {
    store.bucket(account(id)).await.expect("read")
}

fn own_write(bucket: &Bucket, now: Moment, nonce: &str) -> OwnWrite {
    OwnWrite::plan(bucket, &pace(), now, nonce.into()).expect("the reserve has one")
}

pub async fn an_own_write_takes_what_the_domain_specifies(store: &dyn Store) {
    let mut model = Bucket::default();
    for number in 0..3 {
        let write = own_write(&model, NOW, &format!("n{number}"));
        assert!(store.take_own_write(account(1), &write).await.expect("answered").is_done());
        model = write.apply(&model).expect("unchanged");
        assert_eq!(bucket(store).await, model, "write {number}");
    }
    assert!(OwnWrite::plan(&model, &pace(), NOW, "late".into()).is_err(), "the reserve is used up");
    let later = NOW.plus_ms(3_600_000);
    // As another process saw it, before these writes.
    let stale = own_write(&Bucket::default(), later, "stale");
    assert!(!store.take_own_write(account(1), &stale).await.expect("answered").is_done());
    // A pause that Pinterest asks for keeps it away, and a hold doesn't.
    for (until_ms, reason, passes) in [(20, WaitReason::AccountOnHold, true), (10, WaitReason::AccountPaused, false)] {
        let until = later.plus_ms(until_ms);
        store.pause(account(1), &pause(until, until, reason)).await.expect("paused");
        let now = bucket(store).await;
        let write = own_write(&now, later, reason.code());
        let is_taken = store.take_own_write(account(1), &write).await.expect("answered").is_done();
        assert_eq!(is_taken, passes, "{reason:?}");
        assert_eq!(write.apply(&now).is_some(), passes, "{reason:?}");
    }
}

pub async fn a_repeated_own_write_counts_once(store: &dyn Store) {
    let write = own_write(&Bucket::default(), NOW, "a");
    for _ in 0..2 {
        assert!(store.take_own_write(account(1), &write).await.expect("answered").is_done());
        assert_eq!(bucket(store).await.reserved_tat, Some(write.next));
    }
}

pub async fn of_concurrent_own_writes_of_the_same_state_one_succeeds(store: &dyn Store) {
    let seen = bucket(store).await;
    let writes: Vec<OwnWrite> = (0..5).map(|number| own_write(&seen, NOW, &format!("n{number}"))).collect();
    let answers = join_all(writes.iter().map(|write| store.take_own_write(account(1), write))).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(Write::Done))).count(), 1, "{answers:?}");
}

pub async fn the_later_pause_stays(store: &dyn Store) {
    let at = |s: i64| NOW.plus_ms(s * 1_000);
    let failures = [Failure::SpamBlock, Failure::RateLimited, Failure::TrialAccess, Failure::SpamBlock];
    for ((until, failure), is_later) in [60, 30, 60, 90].into_iter().zip(failures).zip([true, false, false, true]) {
        let before = bucket(store).await;
        let pause = pause(at(until), at(until + 5), WaitReason::AccountPaused).because(failure);
        store.pause(account(1), &pause).await.expect("answered");
        assert_eq!(bucket(store).await != before, is_later, "{until}");
    }
    let paused = bucket(store).await;
    assert_eq!(paused.pause, Some(Paused { until: at(90), failure: Some(Failure::SpamBlock) }));
    assert_eq!(paused.tat, at(95), "empty when it ends");
    let answer = store.take(account(1), &take(&paused, 1, "a")).await.expect("answered");
    assert_eq!(answer, Taken::Refused(paused.clone()), "no token is given during the pause");
    store.pause(account(1), &pause(at(99), at(99), WaitReason::AccountPaused)).await.expect("paused");
    assert_eq!(bucket(store).await.pause_failure(), None, "a later pause without a failure");
    // A hold beside it, and the longer of two.
    for (until, reason, held) in
        [(60, WaitReason::TokenRefresh, 60), (30, WaitReason::AccountOnHold, 60), (70, WaitReason::AccountOnHold, 70)]
    {
        store.pause(account(1), &pause(at(until), at(until), reason)).await.expect("answered");
        let after = bucket(store).await;
        assert_eq!(after.hold.as_ref().map(|hold| hold.until), Some(at(held)));
        assert_eq!((after.pause.map(|pause| pause.until), after.tat), (Some(at(99)), at(99)), "the pause stays");
    }
    assert_eq!(bucket(store).await.wait_reason(), WaitReason::AccountOnHold);
}

pub async fn a_pause_never_fills_the_bucket(store: &dyn Store) {
    let spent = Take { latest_slot: NOW.plus_ms(900_000), ..take(&Bucket::default(), 100, "a") };
    assert!(matches!(store.take(account(1), &spent).await.expect("answered"), Taken::Tokens(_)));
    let tat = bucket(store).await.tat;
    let short = pause(NOW.plus_ms(10_000), NOW.plus_ms(15_000), WaitReason::AccountPaused);
    store.pause(account(1), &short).await.expect("paused");
    let after = bucket(store).await;
    assert_eq!(
        (after.tat, after.paused_until()),
        (tat, Some(NOW.plus_ms(10_000))),
        "slots that were given stay paid for"
    );
}

pub async fn an_earlier_pause_may_still_extend_the_slowdown(store: &dyn Store) {
    let at = |s: i64| NOW.plus_ms(s * 1_000);
    let reason = WaitReason::AccountPaused;
    store.pause(account(1), &pause(at(60), at(65), reason)).await.expect("paused");
    let slowing = Pause { slow_until: Some(at(600)), ..pause(at(30), at(35), reason) };
    store.pause(account(1), &slowing).await.expect("answered");
    let after = bucket(store).await;
    assert_eq!((after.paused_until(), after.tat, after.slow_until), (Some(at(60)), at(65), Some(at(600))));
}

pub async fn a_hold_is_lifted_only_if_it_is_unchanged(store: &dyn Store) {
    let at = |s: i64| NOW.plus_ms(s * 1_000);
    let lift = |until| async move { store.lift_hold(account(1), until, NOW).await.expect("answered").is_done() };
    assert!(!lift(NOW).await, "there is nothing to lift");
    assert_eq!(bucket(store).await, Bucket::default());
    for (reason, awaits_refresh) in [(WaitReason::AccountOnHold, false), (WaitReason::TokenRefresh, true)] {
        // A later hold takes the place of an earlier one, with what it comes of and without. Whose turn it was stays.
        let earlier = pause(at(50), at(55), reason).because(Failure::TokenRevoked).by(pin(9));
        store.pause(account(1), &earlier).await.expect("held");
        assert_eq!(bucket(store).await.hold.and_then(|hold| hold.by), Some(pin(9)));
        store.pause(account(1), &pause(at(55), at(60), reason)).await.expect("held");
        let bare = Some(Hold { until: at(55), failure: None, awaits_refresh, by: Some(pin(9)) });
        assert_eq!(bucket(store).await.hold, bare);
        let hold = pause(at(60), at(65), reason).because(Failure::FeatureRestricted).by(pin(1));
        store.pause(account(1), &hold).await.expect("held");
        store.mark_waiting(account(1), NOW).await.expect("marked");
        let held = bucket(store).await;
        let failure = Some(Failure::FeatureRestricted);
        assert_eq!(held.hold, Some(Hold { until: at(60), failure, awaits_refresh, by: Some(pin(1)) }));
        assert_eq!(held.tat, Moment::default(), "a hold costs no tokens");
        assert!(!lift(at(59)).await);
        assert_eq!(bucket(store).await, held, "a hold that has changed stays");
        assert!(lift(at(60)).await);
        let lifted = Bucket { waiting_at: Some(NOW), held_until: Some(NOW), ..Bucket::default() };
        assert_eq!(bucket(store).await, lifted, "the mark stays, and the row keeps when the hold ended");
        assert!(!lift(at(60)).await, "it has ended");
    }
    store.pause(account(1), &pause(at(90), at(95), WaitReason::AccountPaused)).await.expect("paused");
    assert!(!lift(at(90)).await);
    assert!(bucket(store).await.is_paused(NOW), "a pause that isn't a hold stays");
}

pub async fn the_waiting_mark_is_set_and_refreshed_and_never_moves_back(store: &dyn Store) {
    for (mark, wanted) in [(5, 5), (9, 9), (7, 9)] {
        store.mark_waiting(account(1), NOW.plus_ms(mark)).await.expect("answered");
        assert_eq!(bucket(store).await.waiting_at, Some(NOW.plus_ms(wanted)));
    }
    let waiting = bucket(store).await;
    let taken = store.take(account(1), &take(&waiting, 1, "a")).await.expect("answered");
    assert!(matches!(taken, Taken::Tokens(_)), "the dispatcher takes tokens for pins that wait");
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
    store.pause(account(3), &pause(NOW.plus_ms(1), NOW.plus_ms(2), WaitReason::AccountPaused)).await.expect("paused");
    assert_eq!(bucket(store).await, Bucket::default(), "other accounts' buckets don't affect it");
}

pub async fn a_bucket_of_a_bad_clock_is_reset_once(store: &dyn Store) {
    let ahead = |hours: i64| NOW.plus_ms(hours * 3_600_000);
    for (round, hours) in [2, 24, 10_000].into_iter().enumerate() {
        // A pause of a clock that is ahead leaves such a `tat`; the pause itself ends by the next one's clock.
        let bad = Take {
            latest_slot: ahead(hours + 1),
            ..take(&Bucket { tat: ahead(hours), ..Bucket::default() }, 1, "bad")
        };
        let bad = Take { now: ahead(hours), nonce: format!("bad {round}"), from: TakeFrom::Settled, ..bad };
        assert!(matches!(store.take(account(1), &bad).await.expect("answered"), Taken::Tokens(_)), "{hours}");
        let seen = bucket(store).await;
        let reset = Take::reset(&seen, &pace(), NOW, format!("reset {round}"));
        let stale =
            Take { from: TakeFrom::BadClock { seen: seen.tat.plus_ms(-1) }, nonce: "stale".into(), ..reset.clone() };
        assert_eq!(store.take(account(1), &stale).await.expect("answered"), Taken::Refused(seen.clone()));
        let wanted = reset.apply(&seen).expect("the domain resets it");
        for repetition in 0..2 {
            assert_eq!(
                store.take(account(1), &reset).await.expect("answered"),
                Taken::Tokens(Vec::new()),
                "{repetition}"
            );
            assert_eq!(bucket(store).await, wanted);
        }
        let again = Take { nonce: "again".into(), ..reset };
        assert_eq!(store.take(account(1), &again).await.expect("answered"), Taken::Refused(wanted), "it is sound now");
    }
}
