//! Virtual time, and the processes that run in it.
//!
//! One heap of timers orders all events; a random number from the seed breaks ties. A process is a future that waits
//! for timers, and its parts for each other, as for a lock. It can be killed (its future is dropped) and frozen (its
//! timers fire when it thaws, possibly minutes later, past its time-out).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use fastrand::Rng;

/// The number of a process. Never used twice in a world.
pub type Pid = u64;

/// The function that a process runs; coverage is counted per kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Api,
    Publisher,
    Dispatcher,
    Reconciler,
    DeadLetters,
    Refresher,
    /// Connects or disconnects an account.
    Person,
    /// The last one: digests have the numbers of the others.
    Notifier,
}

/// The functions.
pub const KINDS: [Kind; 7] = [
    Kind::Api,
    Kind::Publisher,
    Kind::Dispatcher,
    Kind::Reconciler,
    Kind::DeadLetters,
    Kind::Refresher,
    Kind::Notifier,
];

/// Something that happens outside the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A client sends request number `.0`.
    Request(usize),
    /// The client repeats the request if it has no answer.
    AskAgain(usize),
    /// A client retries a failed pin.
    Retry(usize),
    /// A client reads its pin.
    Read(usize),
    /// A client edits its pin.
    Edit(usize),
    /// A client deletes its pin.
    Delete(usize),
    /// A client creates a section on a board of this account.
    OwnWrite(usize),
    /// A machine with a bad clock writes the bucket of this account.
    BadClock(usize),
    /// The pacing row of this account's user is lost.
    LoseRow(usize),
    /// A client moves, edits, cancels or removes its schedule.
    Change(usize),
    /// A client retries its failed schedule.
    RetrySchedule(usize),
    /// A client creates this webhook.
    Subscribe(usize),
    /// A client enables this webhook, which was disabled.
    Enable(usize),
    Tick,
    Poll(pinbridge_shared::ports::QueueName),
    /// The platform ends a process that runs for too long.
    TimeOut(Pid),
    /// A user connects this account again.
    Reconnect(usize),
    Check,
    Heal,
    /// Request number `.0` takes effect at Pinterest's token endpoint.
    Issue(usize),
    /// An event of a world of token custody.
    Custody(crate::refresh::plan::Happening),
}

enum Event {
    Wake(Pid, Waker),
    Act(Action),
}

struct Timer {
    at: i64,
    /// Random, so that nothing relies on the order of events at the same time.
    tie: u32,
    number: u64,
    event: Event,
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.tie, self.number).cmp(&(other.at, other.tie, other.number))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}

/// The state of a running process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub kind: Kind,
    /// When it was made.
    pub began: i64,
    /// The offset of its wall clock.
    pub skew_ms: i64,
    pub frozen_until: i64,
    /// The time that its monotonic clock has not counted.
    pub slept_ms: i64,
    /// It dies at its next call, or instead of returning.
    pub is_dying: bool,
    /// It dies at this call, after the effect and before the answer.
    pub dies_inside: Option<&'static str>,
    /// It dies after this many more calls.
    pub dies_after_calls: Option<u32>,
}

struct State {
    now: i64,
    number: u64,
    timers: BinaryHeap<Reverse<Timer>>,
    running: Option<Pid>,
    processes: BTreeMap<Pid, Process>,
    counts: BTreeMap<Kind, usize>,
    killed: Vec<Pid>,
    rng: Rng,
    trace: Option<Vec<String>>,
}

/// The part of the machine that the ports share: time, timers, random numbers and the trace.
pub struct Kernel(Mutex<State>);

impl Kernel {
    pub fn new(start: i64, seed: u64, is_traced: bool) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            now: start,
            number: 0,
            timers: BinaryHeap::new(),
            running: None,
            processes: BTreeMap::new(),
            counts: BTreeMap::new(),
            killed: Vec::new(),
            rng: Rng::with_seed(seed),
            trace: is_traced.then(Vec::new),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> i64 {
        self.state().now
    }

    /// Draws from the world's random numbers.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.state().rng)
    }

    /// The next random number, without drawing it. It is equal after equal draws.
    pub fn next_draw(&self) -> u64 {
        self.state().rng.clone().u64(..)
    }

    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.state().rng.f64() < probability
    }

    pub fn running(&self) -> Option<Pid> {
        self.state().running
    }

    /// The running process; `None` for the harness's own calls.
    pub fn process(&self) -> Option<Process> {
        let state = self.state();
        state.running.and_then(|pid| state.processes.get(&pid).copied())
    }

    pub fn of(&self, pid: Pid) -> Option<Process> {
        self.state().processes.get(&pid).copied()
    }

    pub fn change(&self, pid: Pid, change: impl FnOnce(&mut Process)) {
        if let Some(process) = self.state().processes.get_mut(&pid) {
            change(process);
        }
    }

    /// Whether the running process must die at the call that it is making.
    pub fn is_last_call(&self) -> bool {
        let mut state = self.state();
        let Some(process) = state.running.and_then(|pid| state.processes.get_mut(&pid)) else { return false };
        let is_last = process.dies_after_calls == Some(0);
        process.dies_after_calls = process.dies_after_calls.and_then(|left| left.checked_sub(1));
        is_last
    }

    pub fn schedule(&self, at: i64, action: Action) {
        self.state().push(at, Event::Act(action));
    }

    pub fn kill(&self, pid: Pid) {
        self.state().killed.push(pid);
    }

    pub fn sleep_until(self: &Arc<Self>, at: i64) -> Sleep {
        Sleep { kernel: Arc::clone(self), at, is_registered: false }
    }

    pub fn sleep(self: &Arc<Self>, ms: i64) -> Sleep {
        self.sleep_until(self.now() + ms.max(0))
    }

    /// Adds a line to the trace, if the world is traced.
    pub fn note(&self, line: impl FnOnce() -> String) {
        let mut state = self.state();
        let (now, running) = (state.now, state.running);
        if let Some(trace) = &mut state.trace {
            let who = running.map_or("-".to_owned(), |pid| format!("p{pid}"));
            trace.push(format!("{now} {who} {}", line()));
        }
    }

    pub fn take_trace(&self) -> Vec<String> {
        self.state().trace.take().unwrap_or_default()
    }
}

impl State {
    fn push(&mut self, at: i64, event: Event) {
        self.number += 1;
        let tie = self.rng.u32(..);
        let at = at.max(self.now);
        self.timers.push(Reverse(Timer { at, tie, number: self.number, event }));
    }
}

/// Waits until a point of true time; longer if its process is frozen then.
pub struct Sleep {
    kernel: Arc<Kernel>,
    at: i64,
    is_registered: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.kernel.state();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        if !self.is_registered {
            let Some(pid) = state.running else { return Poll::Ready(()) };
            state.push(self.at, Event::Wake(pid, context.waker().clone()));
            drop(state);
            self.is_registered = true;
        }
        Poll::Pending
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Whether a part of the running process has woken another part, such as one that waits for its lock.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The processes, and the loop that runs them.
pub struct Machine {
    pub kernel: Arc<Kernel>,
    tasks: BTreeMap<Pid, Task>,
    next_pid: Pid,
    woken: Arc<Woken>,
}

/// The result of a step.
pub enum Step {
    Act(Action),
    Ran,
    /// Nothing happens before the end.
    Idle,
}

impl Machine {
    pub fn new(kernel: Arc<Kernel>) -> Self {
        Self { kernel, tasks: BTreeMap::new(), next_pid: 1, woken: Arc::default() }
    }

    /// Makes a process, which runs once it is [started](Self::start).
    pub fn fork(&mut self, kind: Kind, skew_ms: i64) -> Pid {
        let pid = self.next_pid;
        self.next_pid += 1;
        let process = Process {
            kind,
            began: self.kernel.now(),
            skew_ms,
            frozen_until: 0,
            slept_ms: 0,
            is_dying: false,
            dies_inside: None,
            dies_after_calls: None,
        };
        let mut state = self.kernel.state();
        state.processes.insert(pid, process);
        *state.counts.entry(kind).or_default() += 1;
        drop(state);
        pid
    }

    pub fn start(&mut self, pid: Pid, task: impl Future<Output = ()> + 'static) {
        self.tasks.insert(pid, Box::pin(task));
        self.run(pid);
    }

    pub fn count_of(&self, kind: Kind) -> usize {
        self.kernel.state().counts.get(&kind).copied().unwrap_or(0)
    }

    pub fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Ends a process, unless it was ever frozen: such a process outlives its time-out.
    pub fn time_out(&mut self, pid: Pid) {
        let was_frozen = self.kernel.of(pid).is_some_and(|process| process.slept_ms > 0 || process.frozen_until > 0);
        if !was_frozen && self.tasks.contains_key(&pid) {
            self.kernel.note(|| format!("p{pid} timed out"));
            self.end(pid);
        }
    }

    /// Runs the next event, if it is due at `end` at the latest.
    pub fn step(&mut self, end: i64) -> Step {
        let mut state = self.kernel.state();
        match state.timers.peek() {
            Some(Reverse(timer)) if timer.at <= end => {}
            _ => {
                state.now = state.now.max(end);
                return Step::Idle;
            }
        }
        let Some(Reverse(timer)) = state.timers.pop() else { return Step::Idle };
        state.now = state.now.max(timer.at);
        match timer.event {
            Event::Act(action) => Step::Act(action),
            Event::Wake(pid, waker) => {
                let thaws_at = state.processes.get(&pid).map_or(0, |process| process.frozen_until);
                if thaws_at > state.now {
                    state.push(thaws_at, Event::Wake(pid, waker));
                    return Step::Ran;
                }
                drop(state);
                waker.wake();
                self.run(pid);
                Step::Ran
            }
        }
    }

    fn run(&mut self, pid: Pid) {
        let Some(task) = self.tasks.get_mut(&pid) else { return };
        self.kernel.state().running = Some(pid);
        let waker = Waker::from(Arc::clone(&self.woken));
        let outcome = loop {
            self.woken.0.store(false, Ordering::Relaxed);
            let outcome = task.as_mut().poll(&mut Context::from_waker(&waker));
            let goes_on = outcome.is_pending() && self.woken.0.load(Ordering::Relaxed);
            if !goes_on || self.kernel.state().killed.contains(&pid) {
                break outcome;
            }
        };
        let killed = {
            let mut state = self.kernel.state();
            state.running = None;
            std::mem::take(&mut state.killed)
        };
        if outcome.is_ready() || killed.contains(&pid) {
            self.end(pid);
        }
    }

    fn end(&mut self, pid: Pid) {
        self.tasks.remove(&pid);
        let mut state = self.kernel.state();
        if let Some(process) = state.processes.remove(&pid) {
            *state.counts.entry(process.kind).or_default() -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_process_that_another_part_wakes_runs_on_at_once() {
        let mut machine = Machine::new(Kernel::new(0, 1, false));
        let pid = machine.fork(Kind::Notifier, 0);
        let mut polls = 0;
        let waits_twice = std::future::poll_fn(move |context: &mut Context<'_>| {
            polls += 1;
            if polls > 2 {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        machine.start(pid, waits_twice);
        assert!(machine.is_idle());
        assert_eq!(machine.count_of(Kind::Notifier), 0);
    }
}
