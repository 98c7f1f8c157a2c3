use super::*;
use crate::domain::pin::attempt::Upstream;
use crate::domain::testdata;

const NOW: Moment = Moment(1_767_225_600_000);
const RETENTION_MS: i64 = 90 * DAY_MS;

fn schedule() -> Schedule {
    testdata::schedule(1, NOW, NOW.plus_ms(HOUR_MS))
}

fn released() -> Schedule {
    schedule().released(NOW.plus_ms(HOUR_MS), RETENTION_MS, "r".into()).expect("may be released")
}

/// One schedule in each stage.
fn stages() -> Vec<Schedule> {
    let failed = released().failed(Failure::AccountDisconnected, NOW, "f".into()).expect("may fail");
    let canceled = schedule().canceled(NOW, "c".into()).expect("may be canceled");
    vec![schedule(), released(), canceled, failed]
}

#[test]
fn only_a_waiting_schedule_is_edited_or_released() {
    let edit = |it: &Schedule| it.edited(it.request.clone(), it.run_at, NOW, RETENTION_MS, "e".into()).is_ok();
    let release = |it: &Schedule| it.released(NOW, RETENTION_MS, "r".into()).is_ok();
    let allowed = |may: &dyn Fn(&Schedule) -> bool| stages().iter().map(may).collect::<Vec<_>>();
    assert_eq!(allowed(&edit), [true, false, false, false]);
    assert_eq!(allowed(&release), [true, false, false, false]);
    assert_eq!(allowed(&|it| it.canceled(NOW, "c".into()).is_ok()), [true, true, false, false]);
    assert_eq!(allowed(&|it| it.retried(NOW, RETENTION_MS, "t".into()).is_ok()), [false, true, false, true]);
    assert_eq!(allowed(&|it| it.removed(NOW, "r".into()).is_ok()), [false, true, true, true]);
    assert_eq!(
        allowed(&|it| it.failed(Failure::KeyTaken, NOW, "f".into()).is_ok()),
        [false, true, false, false],
        "only a released schedule can fail"
    );
}

#[test]
fn every_write_has_the_next_version_and_a_new_nonce() {
    let next = schedule().canceled(NOW, "c".into()).expect("may be canceled");
    assert_eq!((next.version, next.nonce.as_str()), (schedule().version + 1, "c"));
}

#[test]
fn a_moved_schedule_is_due_and_kept_from_its_new_time() {
    let later = NOW.plus_ms(40 * DAY_MS);
    let moved = schedule().edited(schedule().request, later, NOW, RETENTION_MS, "e".into()).expect("may be edited");
    assert_eq!((moved.run_at, moved.not_before), (later, later));
    assert_eq!(moved.expires_at, later.plus_ms(LIFETIME_MS + RETENTION_MS - BEFORE_ITS_PIN_MS));
    assert!(moved.payload_hash.same_payload(&schedule().payload_hash), "the original request stays its identity");
}

#[test]
fn a_schedules_row_expires_before_its_pins() {
    let at = NOW.plus_ms(HOUR_MS);
    let pin_expires = at.plus_ms(LIFETIME_MS + RETENTION_MS);
    assert!(released().expires_at < pin_expires);
}

#[test]
fn a_retry_is_another_pin_and_due_at_once_if_its_time_has_passed() {
    let later = NOW.plus_ms(2 * HOUR_MS);
    let again = released().retried(later, RETENTION_MS, "t".into()).expect("may be retried");
    assert_eq!(
        (again.stage, again.run, again.not_before, again.run_at),
        (Stage::Scheduled, 1, later, schedule().run_at)
    );
    assert_ne!(again.pin_key(), schedule().pin_key());
    let early = released().retried(NOW, RETENTION_MS, "t".into()).expect("may be retried");
    assert_eq!(early.not_before, schedule().run_at, "its time is in the future");
}

#[test]
fn the_pins_id_is_derived_from_the_pins_request() {
    let request = schedule().pin_request();
    assert_eq!(schedule().pin_key().pin, idempotency::pin_id(testdata::workspace(), &request.idempotency_key));
}

#[test]
fn lateness_is_counted_from_the_time_of_the_run() {
    assert_eq!(schedule().late_by_ms(), None, "not released yet");
    assert_eq!(released().late_by_ms(), None, "in time");
    let late = schedule().released(NOW.plus_ms(HOUR_MS + 5_000), RETENTION_MS, "r".into()).expect("may be released");
    assert_eq!(late.late_by_ms(), Some(5_000));
}

#[test]
fn a_released_schedule_shows_the_status_of_its_pin() {
    let pin = testdata::pin();
    let queued = Attempt::untouched(&pin);
    let deferred = queued.deferred(NOW, None, WaitReason::AccountPaused, None, "d".into()).expect("may wait");
    let waits = queued.deferred(NOW, None, WaitReason::Scheduled, None, "d".into()).expect("may wait");
    let publishing = queued.begin(NOW, "b".into()).expect("begins");
    let nothing = Upstream::default();
    let published = publishing.published(NOW, "9".into(), &nothing, &pin, "p".into()).expect("publishes");
    let failed = |failure| queued.failed(NOW, failure, &nothing, &pin, "f".into()).expect("fails");
    let due = schedule().not_before;
    let shown = |attempt: &Attempt| released().status(Some(attempt), due);
    assert_eq!(released().status(None, due), S::Queued);
    assert_eq!([shown(&queued), shown(&waits), shown(&deferred)], [S::Queued, S::Queued, S::Deferred]);
    assert_eq!([shown(&publishing), shown(&published)], [S::Running, S::Done]);
    assert_eq!(shown(&failed(Failure::ImageBroken)), S::Failed);
    assert_eq!(shown(&failed(Failure::ScheduleCanceled)), S::Canceled);
    let others: Vec<ScheduleStatus> = stages().iter().map(|it| it.status(None, due)).collect();
    assert_eq!(others, [S::Scheduled, S::Queued, S::Canceled, S::Failed]);
}

#[test]
fn a_schedule_says_scheduled_until_its_second_whatever_the_hand_over_did() {
    let pin = testdata::pin();
    let queued = Attempt::untouched(&pin);
    let edited = queued.edited(NOW, "e".into()).expect("may be edited");
    let paused = queued.deferred(NOW, None, WaitReason::AccountPaused, None, "d".into()).expect("may wait");
    let due = schedule().not_before;
    for attempt in [&queued, &edited, &paused] {
        assert_eq!(released().status(Some(attempt), due.plus_ms(-1)), S::Scheduled);
        assert_ne!(released().status(Some(attempt), due), S::Scheduled);
    }
    assert_eq!(released().status(None, due.plus_ms(-1)), S::Scheduled, "its pin is about to be accepted");
    // What has begun or ended before its time (a worker's clock was ahead, or it was called off) is shown as it is.
    let begun = queued.begin(NOW, "b".into()).expect("begins");
    let failed = queued.failed(NOW, Failure::DeadLettered, &Upstream::default(), &pin, "f".into()).expect("fails");
    let early = |attempt: &Attempt| released().status(Some(attempt), due.plus_ms(-1));
    assert_eq!([early(&begun), early(&failed)], [S::Running, S::Failed]);
}

#[test]
fn a_retry_in_place_keeps_the_run_and_needs_a_released_schedule() {
    let again = released().retried_in_place(NOW, "t".into()).expect("may be retried");
    assert_eq!((again.run, again.pin_key(), again.stage), (0, schedule().pin_key(), Stage::Released));
    assert_eq!(again.version, released().version + 1, "a removal that read the version before loses");
    let allowed: Vec<bool> = stages().iter().map(|it| it.retried_in_place(NOW, "t".into()).is_ok()).collect();
    assert_eq!(allowed, [false, true, false, false]);
}

#[test]
fn a_release_row_is_found_under_its_minute() {
    let row = schedule().release_row();
    assert_eq!(row.minute(), schedule().run_at.minute());
    assert!(row.shard() < RELEASE_SHARDS);
    assert!(row.expires_at() >= schedule().run_at.plus_ms(8 * DAY_MS));
}
