//! The gate that every port call passes. It takes time, fails calls, and kills or freezes the calling process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::testing::gate::{Entry, Exit, Gate};

use crate::digest::Digest;
use crate::faults::Faults;
use crate::kernel::{KINDS, Kernel, Kind, Pid};

/// The point of a call at which a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crash {
    Before,
    /// The call took effect, and its answer did not arrive.
    Inside,
    /// The answer arrived, and the process did nothing with it.
    After,
}

/// A planned crash at the first call of a kind.
pub type Target = (Kind, &'static str, Crash);

pub const CRASHES: [Crash; 3] = [Crash::Before, Crash::Inside, Crash::After];

/// How often a function made a call, and how often it died at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub reached: u64,
    pub crashed: [u64; 3],
}

/// Parses a target as a run prints it.
pub fn parse_target(text: &str) -> Option<Target> {
    let mut parts = text.split('/');
    let (kind, call, crash) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = KINDS.into_iter().find(|known| format!("{known:?}") == kind)?;
    let crash = CRASHES.into_iter().find(|known| format!("{known:?}") == crash)?;
    // Leaking is fine: the program replays one world and ends.
    Some((kind, Box::leak(call.to_owned().into_boxed_str()), crash))
}

/// The writes of rows that transactions write: another writer's transaction may be under way on them.
const TRANSACTED: [&str; 5] =
    ["store.put_pin", "store.save_attempt", "store.save_attempts", "store.save_pin", "store.hide_pin"];

pub type Coverage = BTreeMap<(Kind, &'static str), Count>;

/// How much likelier a crash is at the first call of a kind in a world: this factor at the first, half of it at the
/// second, and so on.
const FIRST_CALLS_BOOST: f64 = 20.0;

#[derive(Default)]
struct State {
    faults: Faults,
    calls: u64,
    /// The generations that each process's messages carry.
    carried: BTreeMap<Pid, BTreeMap<PinKey, u32>>,
    /// The pins whose call each process has announced and not yet made.
    announced: BTreeMap<Pid, BTreeSet<PinKey>>,
    /// Planned crashes, by the number of the call.
    planned: BTreeMap<u64, Crash>,
    target: Option<Target>,
    coverage: Coverage,
    /// Calls that pass without being counted.
    unseen: BTreeSet<&'static str>,
    /// A call of which each process's first one counts only, the processes that have made it, and those that make
    /// another one now.
    once: Option<&'static str>,
    once_by: BTreeSet<Pid>,
    again_by: BTreeSet<Pid>,
    /// See [`Digest`].
    digest: Digest,
}

pub struct SimGate {
    kernel: Arc<Kernel>,
    state: Mutex<State>,
}

impl SimGate {
    pub fn new(
        kernel: Arc<Kernel>,
        faults: Faults,
        planned: BTreeMap<u64, Crash>,
        target: Option<Target>,
    ) -> Arc<Self> {
        Arc::new(Self { kernel, state: Mutex::new(State { faults, planned, target, ..State::default() }) })
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// From now on, this call takes no time and no draw, and never fails. It is for a call that finds nothing in a
    /// world, so that the world is the same as without it.
    pub fn pass_unseen(&self, call: &'static str) {
        self.state().unseen.insert(call);
    }

    /// From now on, only the first such call of a process counts. The others are as in [`Self::pass_unseen`].
    pub fn count_once(&self, call: &'static str) {
        self.state().once = Some(call);
    }

    /// Whether the call of the running process passes unseen.
    fn is_unseen(&self, call: &'static str) -> bool {
        let mut state = self.state();
        if state.unseen.contains(call) {
            return true;
        }
        let Some(pid) = self.kernel.running().filter(|_| state.once == Some(call)) else { return false };
        let is_again = !state.once_by.insert(pid);
        is_again && state.again_by.insert(pid)
    }

    /// Records that the process receives a message for the pin.
    pub fn carry(&self, pid: Pid, pin: PinKey, generation: u32) {
        let mut state = self.state();
        let highest = state.carried.entry(pid).or_default().entry(pin).or_default();
        *highest = generation.max(*highest);
    }

    /// The generation of the message that the running process is handling.
    pub fn carried(&self, pin: PinKey) -> Option<u32> {
        self.kernel.running().and_then(|pid| self.state().carried.get(&pid)?.get(&pin).copied())
    }

    /// Records that the running process has announced a call for the pin.
    pub fn announce(&self, pin: PinKey) {
        if let Some(pid) = self.kernel.running() {
            self.state().announced.entry(pid).or_default().insert(pin);
        }
    }

    /// Records that the running process has made the call, or has recorded that it will not.
    pub fn resolve(&self, pin: PinKey) {
        if let Some(pid) = self.kernel.running()
            && let Some(pins) = self.state().announced.get_mut(&pid)
        {
            pins.remove(&pin);
        }
    }

    /// The running process can't be held to the calls that it has announced.
    fn forget_announced(&self) {
        self.kernel.running().and_then(|pid| self.state().announced.remove(&pid));
    }

    /// The pins whose announced call a finished process never made.
    pub fn abandoned(&self, pid: Pid) -> BTreeSet<PinKey> {
        let mut state = self.state();
        state.carried.remove(&pid);
        state.announced.remove(&pid).unwrap_or_default()
    }

    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The digest of every port call so far.
    pub fn digest(&self) -> Digest {
        self.state().digest
    }

    pub fn coverage(&self) -> Coverage {
        self.state().coverage.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and decides whether its process dies at it.
    fn arrive(&self, kind: Kind, call: &'static str) -> (Option<Crash>, Faults) {
        let mut state = self.state();
        state.calls += 1;
        let number = state.calls;
        state.digest.add(&self.kernel.now().to_le_bytes());
        state.digest.add(&self.kernel.running().unwrap_or_default().to_le_bytes());
        state.digest.add(&[kind as u8]);
        // Rare calls need crashes too, so the first calls of a kind crash most often.
        let before = state.coverage.get(&(kind, call)).map_or(0, |count| count.reached);
        let probability = state.faults.crash * (1.0 + FIRST_CALLS_BOOST / (before + 1) as f64);
        let is_drawn = self.kernel.chance(probability) || self.kernel.is_last_call();
        let drawn = is_drawn.then(|| self.kernel.draw(|rng| CRASHES[rng.usize(0..3)]));
        let target = state.target.take_if(|target| (target.0, target.1) == (kind, call)).map(|target| target.2);
        let crash = state.planned.remove(&number).or(target).or(drawn);
        let count = state.coverage.entry((kind, call)).or_default();
        count.reached += 1;
        if let Some(crash) = crash {
            count.crashed[crash as usize] += 1;
        }
        (crash, state.faults.clone())
    }

    /// Kills the running process here.
    pub async fn die(&self) {
        if let Some(pid) = self.kernel.running() {
            self.kernel.note(|| "dies".into());
            self.kernel.kill(pid);
        }
        std::future::pending::<()>().await;
    }

    async fn maybe_freeze(&self, probability: f64) {
        if self.kernel.chance(probability) {
            let ms = self.kernel.draw(|rng| if rng.bool() { rng.i64(6_000..30_000) } else { rng.i64(30_000..600_000) });
            // The monotonic clock of a suspended machine may or may not count the time.
            let sleeps = self.kernel.draw(fastrand::Rng::bool);
            if let Some(pid) = self.kernel.running() {
                let until = self.kernel.now() + ms;
                self.kernel.note(|| format!("freezes for {ms} ms"));
                self.kernel.change(pid, |process| {
                    process.frozen_until = until;
                    process.slept_ms += if sleeps { ms } else { 0 };
                });
                self.kernel.sleep_until(until).await;
            }
        }
    }

    async fn travel(&self, slow: f64) {
        let ms = if self.kernel.chance(slow) {
            self.kernel.draw(|rng| rng.i64(100..3_000))
        } else {
            self.kernel.draw(|rng| rng.i64(1..8))
        };
        self.kernel.sleep(ms).await;
    }

    /// Enters a call to Pinterest. The process may die here but is not delayed, because a delay on the way would add to
    /// Pinterest's lateness.
    pub async fn enter_provider(&self, call: &'static str) {
        let Some(process) = self.kernel.process() else { return };
        let (crash, _) = self.arrive(process.kind, call);
        if process.is_dying || crash == Some(Crash::Before) {
            self.die().await;
        }
        self.mark(crash, call);
    }

    fn mark(&self, crash: Option<Crash>, call: &'static str) {
        if let (Some(crash), Some(pid)) = (crash, self.kernel.running()) {
            self.kernel.note(|| format!("will die {crash:?} {call}"));
            self.kernel.change(pid, |process| match crash {
                Crash::Inside => process.dies_inside = Some(call),
                _ => process.is_dying = true,
            });
        }
    }

    async fn maybe_die_inside(&self, call: &'static str) {
        if self.kernel.process().is_some_and(|process| process.dies_inside == Some(call)) {
            self.die().await;
        }
    }

    pub async fn leave_provider(&self, call: &'static str) {
        self.maybe_die_inside(call).await;
        let freeze = self.state().faults.freeze;
        self.maybe_freeze(freeze).await;
    }
}

#[async_trait]
impl Gate for SimGate {
    async fn enter(&self, call: &'static str) -> Entry {
        // The test harness's own calls pass.
        let Some(process) = self.kernel.process() else { return Entry::Through };
        if self.is_unseen(call) {
            return Entry::Through;
        }
        let (crash, faults) = self.arrive(process.kind, call);
        self.kernel.note(|| format!("{:?} {call}", process.kind));
        if process.is_dying || crash == Some(Crash::Before) {
            self.die().await;
        }
        self.mark(crash, call);
        self.maybe_freeze(faults.freeze).await;
        self.travel(faults.slow).await;
        let entry = if self.kernel.chance(faults.refused) {
            Entry::Refused
        } else if TRANSACTED.contains(&call) && self.kernel.chance(faults.contended) {
            Entry::Contended
        } else {
            return if self.kernel.chance(faults.repeated) { Entry::Twice } else { Entry::Through };
        };
        if call == "store.save_attempt" {
            // It may be the write that records that an announced call is not made: reconciliation resolves that pin.
            self.forget_announced();
        }
        entry
    }

    async fn leave(&self, call: &'static str) -> Exit {
        let Some(pid) = self.kernel.running().filter(|_| self.kernel.process().is_some()) else {
            return Exit::Answered;
        };
        let is_again = |state: &mut State| state.once == Some(call) && state.again_by.remove(&pid);
        let is_unseen = {
            let mut state = self.state();
            state.unseen.contains(call) || is_again(&mut state)
        };
        if is_unseen {
            return Exit::Answered;
        }
        self.maybe_die_inside(call).await;
        let (freeze, slow, lost) = {
            let faults = &self.state().faults;
            (faults.freeze, faults.slow, faults.lost)
        };
        self.travel(slow).await;
        self.maybe_freeze(freeze).await;
        if self.kernel.chance(lost) {
            // The process doesn't know whether its announcement was written.
            self.forget_announced();
            return Exit::Lost;
        }
        Exit::Answered
    }
}
