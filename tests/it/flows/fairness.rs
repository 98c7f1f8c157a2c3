//! Who goes first when more waits than goes out, and what a pause and Pinterest's signals do to it.

use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pacing::bucket::Bucket;
use pinbridge_shared::domain::pacing::pace::SLOWED_FOR_MS;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::retry::HOLD_PAUSE_MS;
use pinbridge_shared::domain::pin::{PinRequest, Placement, Priority, WaitReason};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::{START, TestWorld};

fn request(priority: Priority, index: usize) -> PinRequest {
    let title = format!("{} {index}", priority.name());
    PinRequest { priority, title: title.clone(), ..testdata::request(&title) }
}

async fn accept(world: &TestWorld, priority: Priority, indices: std::ops::Range<usize>) -> Vec<PinKey> {
    let mut keys = Vec::new();
    for index in indices {
        keys.push(world.accept_request(request(priority, index)).await);
    }
    keys
}

async fn bucket(world: &TestWorld) -> Bucket {
    world.context.store.bucket(testdata::connected_account().key).await.expect("readable")
}

fn calls_of(world: &TestWorld, priority: Priority) -> Vec<Moment> {
    let calls = world.pinterest.calls();
    calls.iter().filter(|call| call.request.priority == priority).map(|call| call.at).collect()
}

#[tokio::test]
async fn an_urgent_pin_before_ten_thousand_starts_within_two_minutes() {
    let world = TestWorld::new(1).await;
    accept(&world, Priority::Bulk, 0..10_138).await;
    world.run_for_ms(5 * MINUTE_MS).await;
    // Just before a tick, just after one, and in between.
    for (index, offset_ms) in [(0, 59_999), (1, 1), (2, 30_000)] {
        world.run_until(Moment((world.now().minute() + 1) * MINUTE_MS + offset_ms)).await;
        let accepted_at = world.now();
        let key = world.accept_request(request(Priority::Urgent, index)).await;
        assert!(matches!(world.pin(key).await.0.placement, Placement::Backlog(_)));
        world.run_until_finished(&[key], accepted_at.plus_ms(2 * MINUTE_MS)).await;
        println!(
            "accepted {offset_ms} ms after a tick's minute: published {} ms later",
            world.now().since_ms(accepted_at)
        );
    }
    // And the pipe was never idle.
    let times: Vec<Moment> = world.pinterest.calls()[50..].iter().map(|call| call.at).collect();
    assert!(times.windows(2).all(|pair| pair[1].since_ms(pair[0]) == SECOND_MS));
}

#[tokio::test]
async fn a_tick_forty_seconds_late_leaves_no_gap() {
    let world = TestWorld::new(1).await;
    accept(&world, Priority::Normal, 0..600).await;
    world.run_for_ms(2 * MINUTE_MS).await;
    // The third tick comes late: until then, only the publisher works.
    while world.now() < START.plus_ms(3 * MINUTE_MS + 39 * SECOND_MS) {
        let next = world.queue.next_due(QueueName::Publish).expect("the queue is not dry");
        assert!(next.since_ms(world.now()) <= SECOND_MS);
        world.system.advance_to(next);
        world.run_publisher_once().await;
    }
    world.run_dispatcher_once().await.expect("survives").expect("dispatched");
    assert!(world.queue.next_due(QueueName::Publish).expect("more").since_ms(world.now()) <= SECOND_MS);
}

#[tokio::test]
async fn bulk_has_one_slot_in_ten_of_an_endless_stream_of_urgent() {
    let world = TestWorld::new(1).await;
    accept(&world, Priority::Urgent, 0..300).await;
    let bulk = accept(&world, Priority::Bulk, 0..20).await;
    world.system.advance_ms(1);
    let normal = accept(&world, Priority::Normal, 0..20).await;
    for minute in 0..12 {
        world.run_for_ms(MINUTE_MS).await;
        // As many more as go out.
        accept(&world, Priority::Urgent, 1_000 + minute * 60..1_060 + minute * 60).await;
    }
    let (urgent, served) = (calls_of(&world, Priority::Urgent), calls_of(&world, Priority::Bulk));
    assert!(calls_of(&world, Priority::Urgent).len() > 500, "the stream goes on");
    assert_eq!(served.len(), 20, "and all bulk was served");
    // In each window of a minute, from the first release to the last bulk pin: a tenth, give or take one.
    let lower: Vec<Moment> = served.into_iter().chain(calls_of(&world, Priority::Normal)).collect();
    for minute in 3..6 {
        let from = START.plus_ms(minute * MINUTE_MS);
        let within = |at: &&Moment| **at >= from && **at < from.plus_ms(MINUTE_MS);
        let (first, kept) = (urgent.iter().filter(within).count(), lower.iter().filter(within).count());
        assert!((5..=7).contains(&kept) && first >= 53, "minute {minute}: {kept} of {first}");
    }
    // The oldest first, whatever the class: the bulk pins were there before the normal ones.
    for (key, later) in bulk.iter().zip(&normal) {
        let (bulk, normal) = (world.attempt(*key).await, world.attempt(*later).await);
        assert_eq!(bulk.status, Status::Published);
        assert!(normal.finished_at.is_none_or(|at| Some(at) > bulk.finished_at));
    }
}

#[tokio::test]
async fn after_a_pause_the_pins_follow_its_end_one_by_one() {
    let world = TestWorld::new(1).await;
    let until = START.plus_ms(150 * SECOND_MS);
    world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(150 * SECOND_MS))]);
    let keys = accept(&world, Priority::Normal, 0..30).await;
    world.run_until_finished(&keys, START.plus_ms(5 * MINUTE_MS)).await;
    let after: Vec<i64> =
        world.pinterest.calls().iter().filter(|call| call.at >= until).map(|call| call.at.since_ms(until)).collect();
    assert!(after.len() >= 20, "{after:?}");
    // Slowed by the 429: every two seconds.
    assert_eq!(after, (1..=after.len() as i64).map(|n| n * 2 * SECOND_MS).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_pause_that_is_prolonged_takes_its_releases_back() {
    let world = TestWorld::new(1).await;
    world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(90 * SECOND_MS))]);
    let keys = accept(&world, Priority::Normal, 0..5).await;
    world.run_until(START.plus_ms(61 * SECOND_MS)).await;
    assert!(!world.queue.messages().is_empty(), "released for after the pause");
    let (key, later) = (testdata::connected_account().key, START.plus_ms(200 * SECOND_MS));
    let pause = pinbridge_shared::domain::pacing::bucket::Pause::new(
        &world.context.settings.pace,
        later,
        WaitReason::AccountPaused,
    );
    world.context.store.pause(key, &pause).await.expect("paused");
    world.run_until_finished(&keys, START.plus_ms(5 * MINUTE_MS)).await;
    let calls: Vec<Moment> = world.pinterest.calls().iter().map(|call| call.at).collect();
    assert!(calls[1..].iter().all(|at| *at < START.plus_ms(SECOND_MS) || *at > later), "{calls:?}");
}

#[tokio::test]
async fn an_account_on_hold_is_tried_with_one_pin_at_a_time() {
    let world = TestWorld::new(1).await;
    world.system.advance_ms(30 * SECOND_MS);
    let start = world.now();
    let refused = || Answer::Refused(Failure::ScopeMissing, None);
    world.pinterest.answer_next(std::iter::repeat_n(refused(), 21));
    // What is under way together fails together.
    let keys = accept(&world, Priority::Normal, 0..40).await;
    while world.run_publisher_once().await > 0 {}
    let together = world.pinterest.calls().len();
    assert_eq!(together, 1, "one by one here: the first refusal holds the others");
    // A token ahead of time would keep the other accounts of the user waiting.
    world.run_until(start.plus_ms(HOLD_PAUSE_MS - SECOND_MS)).await;
    assert_eq!(world.queue.messages().len(), 0, "none before its end");
    for hold in 1..=20 {
        let ends_at = bucket(&world).await.hold.expect("held").until;
        world.run_until(ends_at.plus_ms(-1)).await;
        assert_eq!(world.pinterest.calls().len(), hold, "none during the hold");
        // The first tick after its end releases one.
        world.run_until(ends_at.plus_ms(MINUTE_MS)).await;
        assert_eq!(world.pinterest.calls().len(), 1 + hold, "one more each time");
    }
    let newcomer = world.accept_request(request(Priority::Normal, 99)).await;
    assert!(matches!(world.pin(newcomer).await.0.placement, Placement::Backlog(_)), "not at once");
    // The first that succeeds frees the others.
    let keys: Vec<PinKey> = keys.into_iter().chain([newcomer]).collect();
    world.run_until_finished(&keys, world.now().plus_ms(HOLD_PAUSE_MS + 5 * MINUTE_MS)).await;
    assert!(!bucket(&world).await.is_on_hold());
    assert_eq!(world.pinterest.pins().len() as i64, 41);
}

#[tokio::test]
async fn a_success_that_leaves_nothing_pauses_until_the_reset() {
    let world = TestWorld::new(1).await;
    world.pinterest.answer_next([Answer::CreatedAsLast(2 * SECOND_MS), Answer::CreatedAsLast(100 * SECOND_MS)]);
    let keys = accept(&world, Priority::Normal, 0..10).await;
    world.run_until_finished(&keys, START.plus_ms(3 * MINUTE_MS)).await;
    let calls: Vec<i64> = world.pinterest.calls().iter().map(|call| call.at.since_ms(START)).collect();
    assert_eq!(calls[..2], [0, 0], "a near reset needs no pause");
    assert_eq!(calls[2..], [101, 102, 103, 104, 105, 106, 107, 108].map(|second| second * SECOND_MS));
    assert_eq!(bucket(&world).await.slow_until, None, "nobody was noisy: no slowing");
}

#[tokio::test]
async fn each_rate_limit_halves_the_pace_and_quiet_restores_it() {
    let world = TestWorld::new(1).await;
    let configured = world.context.settings.pace;
    world.pinterest.answer("normal 0", [Answer::Refused(Failure::RateLimited, Some(10_000)); 1].map(|answer| answer));
    let first = accept(&world, Priority::Normal, 0..1).await;
    world.run_until_finished(&first, START.plus_ms(3 * MINUTE_MS)).await;
    assert_eq!(bucket(&world).await.pace(&configured, world.now()).interval_ms, 2 * SECOND_MS);
    accept(&world, Priority::Normal, 1..200).await;
    let from = world.now();
    world.run_for_ms(4 * MINUTE_MS).await;
    let calls = world.pinterest.calls();
    let (at_once, later) =
        (calls.iter().filter(|c| c.at == from).count(), calls.iter().filter(|c| c.at > from).count());
    assert!((24..=25).contains(&at_once) && (118..=120).contains(&later), "25, then one in 2 s: {at_once}, {later}");
    world.run_for_ms(SLOWED_FOR_MS).await;
    assert_eq!(bucket(&world).await.pace(&configured, world.now()), configured);
}

#[tokio::test]
async fn the_rate_meter_tells_of_pauses_slowing_and_those_who_wait() {
    use pinbridge_shared::flows::pacing::rate_meter;
    let world = TestWorld::new(1).await;
    let account = testdata::connected_account().key;
    let meter = async || rate_meter::read(&world.context, account).await.expect("readable");
    assert_eq!((meter().await.tokens_available, meter().await.waiting), (50.0, 0));
    accept(&world, Priority::Normal, 0..20).await;
    assert_eq!(meter().await.tokens_available, 30.0);
    world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(90 * SECOND_MS))]);
    while world.run_publisher_once().await > 0 {}
    let paused = meter().await;
    assert_eq!((paused.tokens_available, paused.waiting, paused.waiting_is_at_least), (0.0, 20, false));
    assert_eq!(paused.paused, Some((START.plus_ms(90 * SECOND_MS), WaitReason::AccountPaused)));
    assert_eq!((paused.pace.capacity(), paused.configured.capacity(), paused.budget), (25, 50, None));
    world.run_for_ms(2 * MINUTE_MS).await;
    let after = meter().await;
    assert_eq!((after.paused, after.pace.interval_ms), (None, 2 * SECOND_MS));
    assert_eq!(after.slowed_until, Some(START.plus_ms(90 * SECOND_MS + SLOWED_FOR_MS)));
    let unknown = pinbridge_shared::domain::ids::AccountId(uuid::Uuid::from_u128(99));
    let unknown = pinbridge_shared::domain::ids::AccountKey { account: unknown, ..account };
    let answer = rate_meter::read(&world.context, unknown).await;
    assert!(matches!(answer, Err(rate_meter::MeterError::AccountNotFound)));
}
