//! Checks the invariants of schedules: none is early, none is lost, no canceled one is published, and each is found
//! when it is due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use pinbridge_shared::domain::ids::{PinKey, ScheduleKey};
use pinbridge_shared::domain::pin::attempt::Attempt;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::schedule::{Schedule, ScheduleStatus, Stage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::testing::fake_store::FakeStore;

use crate::oracle::{Outcome, Violations, Wrong, report};
use crate::plan::Plan;

/// Later than every schedule's time: what waits then is late.
const END: Moment = Moment(i64::MAX);

type Wishes = Arc<Mutex<BTreeSet<usize>>>;

pub struct ScheduleOracle {
    store: Arc<FakeStore>,
    violations: Violations,
    keys: BTreeMap<usize, ScheduleKey>,
    wishes: BTreeMap<ScheduleKey, usize>,
    /// Schedules whose acceptance reached their client.
    acknowledged: BTreeSet<usize>,
    /// Schedules whose cancelation reached their client.
    canceled: Wishes,
    /// Schedules whose client has requested their removal.
    removed: BTreeSet<usize>,
}

fn pin_of(store: &FakeStore, schedule: &Schedule) -> Option<Attempt> {
    store.peek(schedule.pin_key()).map(|(_, attempt)| attempt)
}

impl ScheduleOracle {
    pub fn new(plan: &Plan, store: Arc<FakeStore>, violations: Violations) -> Self {
        let keys: BTreeMap<usize, ScheduleKey> =
            (0..plan.wishes.len()).filter_map(|wish| Some((wish, plan.schedule(wish)?))).collect();
        let wishes = keys.iter().map(|(wish, key)| (*key, *wish)).collect();
        Self {
            store,
            violations,
            keys,
            wishes,
            acknowledged: BTreeSet::new(),
            canceled: Wishes::default(),
            removed: BTreeSet::new(),
        }
    }

    /// Returns a function that checks each create when it is sent: its schedule must be due, except for clock skew.
    pub fn watch_of_calls(&self, skew_ms: i64) -> impl Fn(PinKey, i64) + Send + Sync + 'static {
        let (store, violations) = (Arc::clone(&self.store), Arc::clone(&self.violations));
        move |pin, now| {
            let Some((run_of, run)) = store.peek(pin).and_then(|(pin, _)| pin.origin.schedule) else { return };
            let key = ScheduleKey { workspace: pin.workspace, schedule: run_of };
            let Some(schedule) = store.peek_schedule(key).filter(|schedule| schedule.run == run) else { return };
            if now + skew_ms < schedule.not_before.0 {
                let text = format!("{run_of:?} is published {} ms before its time", schedule.not_before.0 - now);
                report(&violations, Wrong::Early, text);
            }
        }
    }

    /// A client got an answer: its schedule was accepted, or refused because its key belongs to another request.
    pub fn answered(&mut self, wish: usize, is_conflict: bool) {
        if !is_conflict {
            self.acknowledged.insert(wish);
        } else if self.keys.get(&wish).is_none_or(|key| self.store.peek_schedule(*key).is_none())
            && !self.removed.contains(&wish)
        {
            let text = format!("{wish} was refused for a schedule that isn't there");
            report(&self.violations, Wrong::Unaccounted, text);
        }
    }

    pub fn may_be_removed(&mut self, wish: usize) {
        self.removed.insert(wish);
    }

    /// Returns a function that checks the status of a change.
    pub fn response_check(&self, wish: usize, is_cancel: bool) -> impl Fn(StatusCode) + 'static {
        let (violations, canceled) = (Arc::clone(&self.violations), Arc::clone(&self.canceled));
        move |status| {
            if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
                report(&violations, Wrong::Untrue, format!("a change of {wish} was answered {status}"));
            }
            if is_cancel && status.is_success() {
                canceled.lock().unwrap_or_else(PoisonError::into_inner).insert(wish);
            }
        }
    }

    /// Checks every schedule without a pin, which must have a release row; returns how many there are.
    pub fn check(&mut self) -> usize {
        let rows = self.store.all_release_rows();
        let mut waiting = Vec::new();
        self.store.each_schedule(|schedule| {
            if matches!(schedule.stage, Stage::Scheduled | Stage::Released) {
                waiting.push(schedule.clone());
            }
        });
        waiting.retain(|schedule| schedule.stage == Stage::Scheduled || pin_of(&self.store, schedule).is_none());
        for schedule in waiting.iter().filter(|schedule| !rows.contains(&schedule.release_row())) {
            let text = format!("{:?} ({:?}) has no release row", schedule.key.schedule, schedule.stage);
            report(&self.violations, Wrong::Stranded, text);
        }
        waiting.len()
    }

    /// The requests whose schedules have failed.
    pub fn failed(&self) -> Vec<usize> {
        let mut open = Vec::new();
        self.store.each_schedule(|schedule| open.extend(schedule.removed_at.is_none().then(|| schedule.clone())));
        let has_failed = |schedule: &Schedule| {
            schedule.status(pin_of(&self.store, schedule).as_ref(), END) == ScheduleStatus::Failed
        };
        open.iter().filter(|schedule| has_failed(schedule)).filter_map(|it| self.wishes.get(&it.key).copied()).collect()
    }

    /// Checks the schedules at the end of the world.
    pub fn close(&self, outcome: &mut Outcome) {
        let wrong = |wrong, text: String| report(&self.violations, wrong, text);
        let mut all = Vec::new();
        self.store.each_schedule(|schedule| all.push(schedule.clone()));
        for schedule in &all {
            let pin = pin_of(&self.store, schedule);
            let status = schedule.status(pin.as_ref(), END);
            *outcome.schedules.entry(status.name()).or_default() += 1;
            let name = format!("{:?} (wish {:?})", schedule.key.schedule, self.wishes.get(&schedule.key));
            match (status, &pin) {
                (ScheduleStatus::Canceled, Some(attempt)) if attempt.failure != Some(Failure::ScheduleCanceled) => {
                    wrong(Wrong::Untrue, format!("{name} was canceled, and its pin is {:?}", attempt.status));
                }
                (ScheduleStatus::Done | ScheduleStatus::Failed | ScheduleStatus::Canceled, _) => {}
                _ => wrong(Wrong::Stranded, format!("{name} is {} at the end", status.name())),
            }
            for run in 0..schedule.run {
                let before = Schedule { run, ..schedule.clone() };
                let replaced = self.store.peek(before.pin_key());
                // No world lasts as long as a pin may.
                if replaced.is_some_and(|(pin, _)| pin.hidden_at.is_none()) {
                    wrong(Wrong::Replaced, format!("{name} was retried with another pin than that of run {run}"));
                }
            }
        }
        let is_there = |wish: &usize| self.keys.get(wish).and_then(|key| self.store.peek_schedule(*key));
        for wish in self.acknowledged.difference(&self.removed).filter(|wish| is_there(wish).is_none()) {
            wrong(Wrong::Unaccounted, format!("schedule {wish} was accepted and is not in the table"));
        }
        for wish in self.canceled.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let Some(schedule) = is_there(wish) else { continue };
            let pin = pin_of(&self.store, &schedule);
            let status = schedule.status(pin.as_ref(), END);
            if status != ScheduleStatus::Canceled {
                let pin = pin.map(|attempt| (attempt.status, attempt.failure));
                let text = format!(
                    "the cancelation of schedule {wish} was answered, and it is {} in run {}, its pin {pin:?}",
                    status.name(),
                    schedule.run
                );
                wrong(Wrong::Untrue, text);
            }
        }
    }
}
