//! Examples of the bucket's behaviour.

use super::*;

const T0: Moment = Moment(1_000_000_000);

fn pace() -> Pace {
    Pace::new(50, 1.0)
}

fn take_one(bucket: &mut Bucket, now: Moment) -> Option<Moment> {
    let take = Take::plan(bucket, &pace(), now, 1, ACCEPT_HORIZON_MS, "n".into());
    let after = take.apply(bucket)?;
    let slot = take.tokens(&after)[0].slot;
    *bucket = after;
    Some(slot)
}

fn take_from(bucket: &Bucket) -> Take {
    Take::plan(bucket, &pace(), T0, 1, ACCEPT_HORIZON_MS, "n".into())
}

#[test]
fn fifty_pins_start_at_once_then_one_a_second_up_to_the_horizon() {
    let mut bucket = Bucket::default();
    let slots: Vec<Option<Moment>> = (0..200).map(|_| take_one(&mut bucket, T0)).collect();
    assert!(slots[..50].iter().all(|slot| *slot == Some(T0)));
    for (index, slot) in slots[50..138].iter().enumerate() {
        assert_eq!(*slot, Some(T0.plus_ms(TOKEN_VALID_AT_LEAST_MS + (index as i64 + 1) * SECOND_MS)));
    }
    assert!(slots[138..].iter().all(Option::is_none), "beyond 90 s, pins go to the backlog");
    let (last, bucket) = (slots[137], bucket);
    assert_eq!(last, Some(bucket.last_slot(&pace())));
}

#[test]
fn an_hour_later_the_bucket_is_full_and_not_fuller() {
    let mut bucket = Bucket::default();
    for _ in 0..140 {
        take_one(&mut bucket, T0);
    }
    let later = T0.plus_ms(3600 * SECOND_MS);
    assert_eq!(bucket.tokens_available(&pace(), later), 50.0);
    let at_once = (0..60).filter(|_| take_one(&mut bucket, later) == Some(later)).count();
    assert_eq!(at_once, 50);
}

#[test]
fn the_available_tokens_are_those_that_can_be_used_at_once() {
    // Settled, within a burst, after it, and while the bucket refills.
    for (spent, waited_ms) in
        [(0, 0), (20, 0), (20, 1_500), (20, 1_501), (50, 0), (50, 2_499), (50, 2_500), (60, 30_200)]
    {
        let mut bucket = Bucket::default();
        for _ in 0..spent {
            take_one(&mut bucket, T0);
        }
        let now = T0.plus_ms(waited_ms);
        let available = bucket.tokens_available(&pace(), now);
        let at_once = (0..100).take_while(|_| take_one(&mut bucket, now) == Some(now)).count();
        assert_eq!(available.floor() as usize, at_once, "{spent} spent, {waited_ms} ms later: {available}");
    }
}

#[test]
fn a_burst_may_be_taken_during_the_minimum_validity_of_its_first_token() {
    let mut bucket = Bucket::default();
    for index in 0..50 {
        let now = T0.plus_ms(index * TOKEN_VALID_AT_LEAST_MS / 49);
        assert_eq!(take_one(&mut bucket, now), Some(now), "{index}");
    }
    assert_eq!(take_one(&mut bucket, T0.plus_ms(TOKEN_VALID_AT_LEAST_MS)), Some(T0.plus_ms(2_500)));
}

#[test]
fn the_dispatcher_takes_what_fits_its_window_in_one_write() {
    let bucket = Bucket { tat: T0.plus_ms(140 * SECOND_MS), ..Bucket::default() };
    let now = T0.plus_ms(30 * SECOND_MS);
    let count = bucket.tokens_until(&pace(), now, now.plus_ms(DISPATCH_HORIZON_MS));
    assert_eq!(i64::from(count), (DISPATCH_HORIZON_MS - 60 * SECOND_MS) / SECOND_MS);
    let take = Take::plan(&bucket, &pace(), now, count, DISPATCH_HORIZON_MS, "n".into());
    let after = take.apply(&bucket).expect("they fit");
    let tokens = take.tokens(&after);
    assert_eq!(tokens[0].slot, T0.plus_ms(91 * SECOND_MS));
    assert_eq!(tokens.last().map(|token| token.slot), Some(now.plus_ms(DISPATCH_HORIZON_MS)));
    assert_eq!(take.apply(&after), None, "a second dispatcher's don't fit into the window any more");
}

#[test]
fn a_pause_stops_all_pins_and_a_crowd_gets_no_tokens_but_the_dispatchers() {
    let mut bucket = Bucket { pause: Some(Paused { until: T0.plus_ms(1), failure: None }), ..Bucket::default() };
    assert_eq!(take_one(&mut bucket, T0), None);
    assert_eq!(bucket.tokens_available(&pace(), T0), 0.0);
    assert_eq!(take_one(&mut bucket, T0.plus_ms(1)), Some(T0.plus_ms(1)));
    let crowding = Take { crowds_until: Some(T0.plus_ms(9)), ..take_from(&Bucket::default()) };
    let crowded = crowding.apply(&Bucket::default()).expect("free");
    assert!(crowded.is_crowded(T0) && !crowded.is_crowded(T0.plus_ms(9)));
    assert_eq!(crowded.tokens_available(&pace(), T0), 0.0);
    let next = take_from(&crowded).apply(&crowded).expect("free");
    assert_eq!(next.crowded_until, crowded.crowded_until, "another take leaves it");
}

#[test]
fn a_take_that_was_planned_on_another_row_is_refused() {
    let own = Bucket::default();
    let shared = Bucket { pacer: Some(Pacer::stored("user".into())), ..Bucket::default() };
    assert_eq!(take_from(&own).apply(&shared), None);
    assert_eq!(take_from(&shared).apply(&own), None);
    assert!(take_from(&shared).apply(&shared).is_some());
}

#[test]
fn a_hold_is_the_accounts_and_a_pause_the_users() {
    let hold = Pause::new(&pace(), T0.plus_ms(9), WaitReason::AccountOnHold).because(Failure::TokenRevoked);
    let pause = Pause::new(&pace(), T0.plus_ms(5), WaitReason::AccountPaused).because(Failure::SpamBlock);
    let bucket = pause.apply(&hold.apply(&Bucket { rel: 3, waiting_at: Some(T0), ..Bucket::default() }));
    assert_eq!(bucket.pause_failure(), Some(Failure::TokenRevoked), "a pause doesn't hide a hold");
    assert_eq!((bucket.paused_until(), bucket.wait_reason()), (Some(T0.plus_ms(9)), WaitReason::AccountOnHold));
    assert_eq!(bucket.tat, pause.tat, "only the pause empties the bucket");
    let (own, shared) = (bucket.own_part(), bucket.shared_part());
    assert!(own.is_on_hold() && own.rel == 3 && own.pause.is_none() && own.tat == Moment::default());
    assert!(!shared.is_on_hold() && shared.waiting_at.is_none() && shared.is_paused_by_pinterest(T0));
    assert_eq!(own.sharing(&shared), bucket);
    let refresh = Pause::new(&pace(), T0, WaitReason::TokenRefresh).apply(&Bucket::default());
    assert_eq!(refresh.wait_reason(), WaitReason::TokenRefresh);
}

#[test]
fn after_a_pause_the_account_starts_with_an_empty_bucket() {
    let resume = T0.plus_ms(60 * SECOND_MS);
    let mut bucket = Bucket { tat: Bucket::tat_when_empty_at(&pace(), resume), ..Bucket::default() };
    assert_eq!(take_one(&mut bucket, resume), Some(resume.plus_ms(SECOND_MS)));
    assert_eq!(take_one(&mut bucket, resume), Some(resume.plus_ms(2 * SECOND_MS)));
}

#[test]
fn a_batch_takes_its_tokens_in_one_write_with_the_same_slots() {
    let mut one_by_one = Bucket::default();
    let singles: Vec<Moment> = (0..100).filter_map(|_| take_one(&mut one_by_one, T0)).collect();
    let take = Take::plan(&Bucket::default(), &pace(), T0, 100, ACCEPT_HORIZON_MS, "n".into());
    let after = take.apply(&Bucket::default()).expect("fits");
    let slots: Vec<Moment> = take.tokens(&after).iter().map(|token| token.slot).collect();
    assert_eq!(slots, singles);
    assert_eq!(after.tat, one_by_one.tat);
}

#[test]
fn a_rate_limit_halves_the_pace_and_the_slowdown_decays_step_by_step() {
    let mut bucket = Bucket::default();
    let rate_limited = |bucket: &Bucket, now: Moment| {
        Pause::new(&pace(), now.plus_ms(60 * SECOND_MS), WaitReason::AccountPaused).slowing(bucket, now).apply(bucket)
    };
    let mut now = T0;
    for doublings in [1, 2, 3, 4, 4] {
        // Calls that are refused together have all seen the bucket as it was.
        let seen = bucket.clone();
        bucket = rate_limited(&seen, now);
        let again = Pause::new(&pace(), now.plus_ms(60 * SECOND_MS), WaitReason::AccountPaused).slowing(&seen, now);
        assert_eq!(again.apply(&bucket), bucket, "together they slow it down once");
        assert_eq!(bucket.doublings(now), doublings, "during the pause");
        now = now.plus_ms(61 * SECOND_MS);
        assert_eq!(bucket.pace(&pace(), now).interval_ms, SECOND_MS << doublings);
    }
    let forgotten: Vec<u32> = (0..6).map(|step| bucket.doublings(now.plus_ms(step * SLOWED_FOR_MS))).collect();
    assert_eq!(forgotten, [4, 3, 2, 1, 0, 0]);
}

#[test]
fn a_bucket_stays_on_hold_after_its_pause_has_ended() {
    let pause = Pause::new(&pace(), T0, WaitReason::AccountOnHold);
    let bucket = pause.apply(&Bucket::default());
    assert!(bucket.is_on_hold() && !bucket.is_paused(T0), "also after the pause has ended");
    assert!(!Bucket::default().is_on_hold());
}
