//! Planned failures: every call of a fake passes through here, is counted, and may fail.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_trait::async_trait;

use super::gate::{Entry, Exit, Gate};
use super::manual_system::ManualSystem;

/// How a call fails or is delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Returns an error; the call has no effect.
    FailBefore,
    /// Returns an error, although the call took effect.
    FailAfter,
    /// Another writer's transaction is under way on the row, also at the second try; the call has no effect.
    Contended,
    /// The process dies before the call has any effect.
    DieBefore,
    /// The process dies after the call took effect and before its result is known.
    DieAfter,
    /// The call takes this many milliseconds and succeeds.
    Slow(i64),
    /// The same, on a machine whose monotonic clock stands still meanwhile.
    Asleep(i64),
    /// Other running tasks continue first; then the call succeeds.
    Yield,
    /// The call takes effect, its answer is lost, and the SDK repeats it.
    Repeated,
}

pub const DEATHS: [Fault; 2] = [Fault::DieBefore, Fault::DieAfter];

/// Not counted by [`Faults::plan_any`]: every tick makes dozens of these calls, all alike.
const ALIKE: [&str; 2] = ["store.markers", "schedules.release_rows"];

struct Planned {
    /// `None`: any call counts.
    call: Option<&'static str>,
    /// The fault happens when this reaches zero.
    calls_left: usize,
    fault: Fault,
}

#[derive(Default)]
struct State {
    planned: Vec<Planned>,
    /// The fault that happens when the current call returns.
    leaving: Option<Fault>,
    calls: Vec<&'static str>,
    died: bool,
    /// The test itself is calling: its calls don't count.
    spared: bool,
    /// How long every call takes.
    call_ms: i64,
}

/// The planned faults, shared by all fakes of a test world.
pub struct Faults {
    system: Arc<ManualSystem>,
    state: Mutex<State>,
}

impl Faults {
    pub fn new(system: Arc<ManualSystem>) -> Self {
        Self { system, state: Mutex::default() }
    }

    /// Plans `fault` for the `nth` (from 1) coming call of this name, such as `store.put_pin`.
    pub fn plan(&self, call: &'static str, nth: usize, fault: Fault) {
        self.state().planned.push(Planned { call: Some(call), calls_left: nth, fault });
    }

    /// Plans `fault` for the `nth` (from 1) coming call of any name, except for the dispatcher's reads of release rows
    /// and recovery markers: each tick makes dozens of them, all alike.
    pub fn plan_any(&self, nth: usize, fault: Fault) {
        self.state().planned.push(Planned { call: None, calls_left: nth, fault });
    }

    /// Makes every call take this long from now on.
    pub fn take_ms(&self, ms: i64) {
        self.state().call_ms = ms;
    }

    /// Removes the planned faults that haven't happened. Returns whether there were any.
    pub fn heal(&self) -> bool {
        !std::mem::take(&mut self.state().planned).is_empty()
    }

    /// The calls made since this was last called.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().calls)
    }

    /// Runs a test's own calls: they are not counted and meet no fault.
    pub async fn spare<T>(&self, work: impl Future<Output = T>) -> T {
        self.state().spared = true;
        let output = work.await;
        self.state().spared = false;
        output
    }

    /// Runs `work` as a process. Returns `None` when a fault killed it; the work is then dropped where it stopped.
    pub async fn mortal<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if std::mem::take(&mut self.state().died) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    async fn die<T: Send>(&self) -> T {
        self.state().died = true;
        pending().await
    }

    fn next(&self, call: &'static str) -> Option<Fault> {
        let mut state = self.state();
        if state.spared {
            return None;
        }
        state.calls.push(call);
        let mut hit = None;
        state.planned.retain_mut(|planned| {
            if planned.call.map_or(ALIKE.contains(&call), |wanted| wanted != call) {
                return true;
            }
            planned.calls_left = planned.calls_left.saturating_sub(1);
            if planned.calls_left > 0 || hit.is_some() {
                return true;
            }
            hit = Some(planned.fault);
            false
        });
        hit
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Gate for Faults {
    async fn enter(&self, call: &'static str) -> Entry {
        let call_ms = self.state().call_ms;
        self.system.advance_ms(call_ms);
        match self.next(call) {
            None => {}
            Some(Fault::FailBefore) => return Entry::Refused,
            Some(Fault::Contended) => return Entry::Contended,
            Some(Fault::DieBefore) => self.die().await,
            Some(Fault::Slow(ms)) => self.system.advance_ms(ms),
            Some(Fault::Asleep(ms)) => self.system.sleep_through_ms(ms),
            Some(Fault::Yield) => tokio::task::yield_now().await,
            Some(Fault::Repeated) => return Entry::Twice,
            // No other call comes between: nothing is awaited before this call returns.
            Some(fault) => self.state().leaving = Some(fault),
        }
        Entry::Through
    }

    async fn leave(&self, _: &'static str) -> Exit {
        let leaving = self.state().leaving.take();
        match leaving {
            Some(Fault::FailAfter) => Exit::Lost,
            Some(Fault::DieAfter) => self.die().await,
            _ => Exit::Answered,
        }
    }
}
