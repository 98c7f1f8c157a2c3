//! Redriving the redrive queue's messages: inspected without a trace, retried at a pace, stopped where it doesn't help.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::dead_letters::redrive::{Redrive, Summary, WINDOW, redrive};
use pinbridge_shared::ports::{QueueName, System};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_pinterest::Answer;

use super::accept_numbered;
use crate::support::sweep::{FAULTS, sweep};

/// A clock on which sleeping lets the rest of the world go on.
struct Lively(Arc<TestWorld>);

#[async_trait]
impl System for Lively {
    fn now(&self) -> Moment {
        self.0.now()
    }

    fn monotonic_ms(&self) -> i64 {
        self.0.system.monotonic_ms()
    }

    fn jitter(&self) -> f64 {
        self.0.system.jitter()
    }

    fn nonce(&self) -> String {
        self.0.system.nonce()
    }

    fn random(&self) -> [u8; 32] {
        self.0.system.random()
    }

    async fn sleep_ms(&self, ms: i64) {
        self.0.run_for_ms(ms).await;
    }
}

struct Scene {
    test: Arc<TestWorld>,
    world: Context,
}

fn message(key: PinKey) -> String {
    serde_json::to_string(&PublishMessage::new(key, testdata::account(), 0, None)).expect("plain data")
}

impl Scene {
    /// A world in which this many pins' messages have become dead letters, and time to have been worked on.
    async fn new(count: usize) -> (Self, Vec<PinKey>) {
        let test = Arc::new(TestWorld::new(1).await);
        let world = Context { system: Arc::new(Lively(Arc::clone(&test))), ..test.context.clone() };
        let keys = accept_numbered(&test, 0..count).await;
        test.queue.lose_all();
        keys.iter().for_each(|key| test.queue.insert(QueueName::DeadLetters, message(*key), test.now()));
        while test.run_dead_letters_once().await {}
        assert_eq!(test.queue.redrive_messages().len(), count);
        // The bucket is full again.
        test.run_for_ms(10 * MINUTE_MS).await;
        (Self { test, world }, keys)
    }

    async fn redrive(&self, asked: Redrive) -> Summary {
        redrive(&self.world, &*self.test.queue, &asked).await.expect("redriven")
    }

    fn die(&self, body: &str) {
        self.test.queue.insert(QueueName::DeadLetters, body, self.test.now());
    }

    async fn statuses(&self, keys: &[PinKey]) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, attempt) in self.test.pins(keys).await {
            *counts.entry(attempt.status.name()).or_default() += 1;
        }
        counts
    }
}

fn run() -> Redrive {
    Redrive { run: true, ..Redrive::default() }
}

fn classes(summary: &Summary) -> Vec<(&str, u64)> {
    summary.by_class.iter().map(|(name, count)| (name.as_str(), *count)).collect()
}

#[tokio::test]
async fn a_preview_counts_by_class_and_changes_nothing() {
    let (scene, keys) = Scene::new(25).await;
    scene.die("garbage");
    scene.test.run_for_ms(SECOND_MS).await;
    // A pin that has expired since.
    let gone = message(PinKey { pin: PinId(uuid::Uuid::from_u128(404)), ..keys[0] });
    scene.world.queue.move_to_redrive(&gone).await.expect("moved");
    let before = (scene.test.queue.redrive_messages(), scene.test.pins(&keys).await);
    for asked in [Redrive::default(), Redrive { error_code: Some("dead_lettered".into()), ..Redrive::default() }] {
        let summary = scene.redrive(asked).await;
        assert_eq!(classes(&summary), [("dead_lettered", 25), ("gone", 1), ("unreadable", 1)]);
        assert_eq!((summary.messages, summary.retried, summary.dropped, summary.more), (27, 0, 0, false));
        assert_eq!((scene.test.queue.redrive_messages(), scene.test.pins(&keys).await), before);
    }
}

#[tokio::test]
async fn a_run_publishes_every_pin_once_and_leaves_only_what_nobody_can_read() {
    let (scene, keys) = Scene::new(45).await;
    scene.die("garbage");
    scene.test.run_for_ms(SECOND_MS).await;
    let summary = scene.redrive(run()).await;
    assert_eq!((summary.messages, summary.retried, summary.stopped), (46, 45, false));
    assert_eq!(scene.test.queue.redrive_messages(), ["garbage"]);
    scene.test.run_until_finished(&keys, scene.test.now().plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(scene.statuses(&keys).await, BTreeMap::from([("published", 45)]));
    let again = scene.redrive(run()).await;
    assert_eq!((again.messages, again.retried), (1, 0));
    assert_eq!(scene.test.pinterest.pins().len(), 45);
}

#[tokio::test]
async fn unreadable_letters_are_sent_back_only_when_asked_for() {
    let (scene, _) = Scene::new(1).await;
    scene.die("garbage");
    scene.test.run_for_ms(SECOND_MS).await;
    let summary = scene.redrive(Redrive { send_unreadable: true, ..run() }).await;
    assert_eq!((summary.retried, summary.sent_unreadable), (1, 1));
    assert_eq!(scene.test.queue.redrive_messages(), [""; 0]);
    let bodies: Vec<String> =
        scene.test.queue.deliver_due(QueueName::Publish, scene.test.now(), 10).into_iter().map(|d| d.body).collect();
    assert!(bodies.contains(&"garbage".to_owned()), "{bodies:?}");
}

#[tokio::test]
async fn only_the_class_that_was_asked_for_is_touched() {
    let (scene, keys) = Scene::new(3).await;
    // One of them was retried by hand and refused by Pinterest; its message moved to the redrive queue once more.
    scene.test.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    pinbridge_shared::flows::pins::retry_pin::retry_pin(&scene.world, keys[1], false).await.expect("retried");
    scene.test.run_for_ms(SECOND_MS).await;
    let summary = scene.redrive(Redrive { error_code: Some("dead_lettered".into()), ..run() }).await;
    assert_eq!(classes(&summary), [("dead_lettered", 2), ("image_broken", 1)]);
    assert_eq!((summary.retried, scene.test.queue.redrive_messages()), (2, vec![message(keys[1])]));
    let summary = scene.redrive(Redrive { error_code: Some("image_broken".into()), ..run() }).await;
    assert_eq!((summary.retried, scene.test.queue.redrive_messages().len()), (1, 0));
}

#[tokio::test]
async fn letters_whose_pins_need_nobody_are_dropped() {
    let (scene, keys) = Scene::new(2).await;
    pinbridge_shared::flows::pins::retry_pin::retry_pin(&scene.world, keys[0], false).await.expect("retried");
    let summary = scene.redrive(run()).await;
    assert_eq!(classes(&summary), [("dead_lettered", 1), ("waiting", 1)], "retried already, and under way");
    assert_eq!((summary.dropped, summary.retried), (1, 1));
    scene.test.run_until_finished(&keys, scene.test.now().plus_ms(MINUTE_MS)).await;
    scene.world.queue.move_to_redrive(&message(keys[0])).await.expect("moved");
    let summary = scene.redrive(run()).await;
    assert_eq!((classes(&summary), summary.dropped), (vec![("finished", 1)], 1));
    assert_eq!((scene.test.queue.redrive_messages().len(), scene.test.pinterest.pins().len()), (0, 2));
}

#[tokio::test]
async fn what_may_exist_already_keeps_its_letter() {
    let (scene, keys) = Scene::new(1).await;
    // Failed with an unresolved outcome long ago, under another name of the same message.
    scene.test.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    scene.test.pinterest.fail_lists(std::iter::repeat_n(Failure::PinterestUnreachable, 100_000));
    pinbridge_shared::flows::pins::retry_pin::retry_pin(&scene.world, keys[0], false).await.expect("retried");
    scene.test.run_until_finished(&keys, scene.test.now().plus_ms(73 * HOUR_MS)).await;
    let summary = scene.redrive(run()).await;
    assert_eq!(classes(&summary), [("outcome_unverifiable", 1)]);
    assert_eq!((summary.retried, summary.refused.get("may_duplicate")), (0, Some(&1)));
    assert_eq!(scene.test.queue.redrive_messages(), [message(keys[0])]);
}

#[tokio::test]
async fn a_run_keeps_its_rate() {
    let (scene, _) = Scene::new(30).await;
    let began = scene.test.now();
    let summary = scene.redrive(Redrive { rate_per_s: Some(5.0), ..run() }).await;
    assert_eq!(summary.retried, 30);
    assert_eq!(scene.test.now().since_ms(began), 29 * 200, "thirty pins at five a second");
}

#[tokio::test]
async fn a_run_stops_when_too_many_fail_again_and_not_before() {
    for (failing, limit, stops) in [(WINDOW, 50, true), (11, 50, true), (10, 50, false), (1, 0, true)] {
        let (scene, keys) = Scene::new(60).await;
        scene.test.pinterest.answer_next(std::iter::repeat_n(Answer::Refused(Failure::ImageBroken, None), failing));
        let summary = scene.redrive(Redrive { stop_when_failing_percent: Some(limit), ..run() }).await;
        let case = format!("{failing} of the first {WINDOW} fail, limit {limit}: {summary:?}");
        assert_eq!((summary.stopped, summary.more), (stops, stops), "{case}");
        assert_eq!(summary.retried, if stops { WINDOW as u64 } else { 60 }, "{case}");
        assert_eq!(summary.failed_again > 0, failing > 0, "{case}");
        let left = scene.test.queue.redrive_messages().len();
        assert_eq!(left, if stops { 60 - WINDOW } else { 0 }, "{case}");
        if stops {
            // Mended, the rest goes on where it stopped.
            scene.test.run_for_ms(MINUTE_MS).await;
            let summary = scene.redrive(Redrive { stop_when_failing_percent: Some(limit), ..run() }).await;
            assert_eq!((summary.retried, summary.stopped), ((60 - WINDOW) as u64, false), "{case}");
        }
        scene.test.run_until_finished(&keys, scene.test.now().plus_ms(10 * MINUTE_MS)).await;
        assert_eq!(scene.statuses(&keys).await.get("failed"), Some(&failing), "{case}");
    }
}

#[tokio::test]
async fn a_fault_at_any_call_loses_no_dead_letter_of_a_failed_pin() {
    sweep(&FAULTS, 20, async |nth, fault| {
        let (scene, keys) = Scene::new(3).await;
        scene.test.faults.plan_any(nth, fault);
        let asked = run();
        let work = redrive(&scene.world, &*scene.test.queue, &asked);
        let _ = scene.test.faults.mortal(work).await;
        let went_off = !scene.test.faults.heal();
        let messages = scene.test.queue.redrive_messages();
        for key in &keys {
            let is_failed = scene.test.attempt(*key).await.status == Status::Failed;
            assert!(!is_failed || messages.contains(&message(*key)), "{fault:?} at call {nth}");
        }
        scene.test.run_for_ms(HOUR_MS).await;
        scene.redrive(run()).await;
        scene.test.run_until_finished(&keys, scene.test.now().plus_ms(10 * MINUTE_MS)).await;
        assert_eq!(scene.statuses(&keys).await, BTreeMap::from([("published", 3)]), "{fault:?} at call {nth}");
        assert_eq!(scene.test.pinterest.pins().len(), 3, "{fault:?} at call {nth}");
        went_off
    })
    .await;
}
