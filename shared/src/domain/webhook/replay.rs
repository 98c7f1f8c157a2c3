//! A replay: events of a time that are sent to a webhook again. The notifier works on it page by page, and its row says
//! how far it is. A webhook has one row, that of its newest replay.

use uuid::Uuid;

use super::super::event::EventType;
use super::super::time::{DAY_MS, Moment};
use super::delivery::{Delivery, State};
use super::endpoint::EndpointKey;

/// The row of a replay is kept for this time after its last change, in milliseconds.
pub const REPLAY_KEPT_MS: i64 = 30 * DAY_MS;
/// The whole of a replay, in the unit of [`ReplayRun::progress`].
pub const WHOLE: u32 = 1_000;

/// Which events are delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// Those without a delivery.
    Missing,
    /// Those whose delivery has failed.
    Failed,
    /// Both, and those that were delivered.
    All,
}

impl Only {
    pub const ALL: [Self; 3] = [Self::Missing, Self::Failed, Self::All];

    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::All => "all",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|only| only.name() == name)
    }

    /// Whether the delivery is made again.
    pub fn takes(self, delivery: &Delivery) -> bool {
        match delivery.state {
            State::Failed => matches!(self, Self::Failed | Self::All),
            State::Delivered => self == Self::All,
            State::Waiting { .. } => false,
        }
    }
}

/// The id of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId(pub Uuid);

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayState {
    Running,
    Done,
    /// A caller has stopped it, or its webhook was disabled.
    Stopped,
}

impl ReplayState {
    pub const ALL: [Self; 3] = [Self::Running, Self::Done, Self::Stopped];

    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What a replay has found, and requested again, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayCounts {
    pub missing: u64,
    pub failed: u64,
    pub delivered: u64,
    /// Delivered ones that can't be sent again, because their pins or their events are gone.
    pub gone: u64,
    /// How many pins, and how many deliveries, were read.
    pub pins: u64,
    pub deliveries: u64,
}

/// A replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRun {
    pub endpoint: EndpointKey,
    pub id: ReplayId,
    /// Counts the writes of the row, also those of earlier replays.
    pub rev: u64,
    /// Names the last write.
    pub nonce: String,
    pub state: ReplayState,
    pub only: Only,
    /// The events of this time, from `since` to before `until`.
    pub since: Moment,
    pub until: Moment,
    /// Of these types; `None`: of every type.
    pub events: Option<Vec<EventType>>,
    /// Where it continues; `None`: at its beginning, or it is done.
    pub cursor: Option<String>,
    /// The part of the work that is done, of [`WHOLE`].
    pub progress: u32,
    pub counts: ReplayCounts,
    pub started_at: Moment,
    pub updated_at: Moment,
}

impl ReplayRun {
    pub fn is_running(&self) -> bool {
        self.state == ReplayState::Running
    }

    /// The replay after another page. `cursor` is where it continues; `None`: it is done.
    #[must_use]
    pub fn after(
        &self,
        found: ReplayCounts,
        cursor: Option<String>,
        progress: u32,
        now: Moment,
        nonce: String,
    ) -> Self {
        let before = self.counts;
        let counts = ReplayCounts {
            missing: before.missing + found.missing,
            failed: before.failed + found.failed,
            delivered: before.delivered + found.delivered,
            gone: before.gone + found.gone,
            pins: before.pins + found.pins,
            deliveries: before.deliveries + found.deliveries,
        };
        let state = if cursor.is_none() { ReplayState::Done } else { ReplayState::Running };
        let progress = if cursor.is_none() { WHOLE } else { progress.min(WHOLE) };
        Self { state, cursor, progress, counts, ..self.written(now, nonce) }
    }

    /// Nothing more is requested.
    #[must_use]
    pub fn stopped(&self, now: Moment, nonce: String) -> Self {
        Self { state: ReplayState::Stopped, ..self.written(now, nonce) }
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<Moment> {
        (!self.is_running()).then_some(self.updated_at)
    }

    /// When it is done if it goes on as it did so far; `None` while nothing is done, and once it has ended.
    pub fn estimated_end(&self) -> Option<Moment> {
        let (done, left) = (i64::from(self.progress), i64::from(WHOLE.saturating_sub(self.progress)));
        let took_ms = self.updated_at.since_ms(self.started_at).max(0);
        (self.is_running() && done > 0).then(|| self.updated_at.plus_ms(took_ms.saturating_mul(left) / done))
    }

    /// When the row may be deleted.
    pub fn expires_at(&self) -> Moment {
        self.updated_at.plus_ms(REPLAY_KEPT_MS)
    }

    fn written(&self, now: Moment, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, updated_at: now, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{EndpointId, WorkspaceId};

    const NOW: Moment = Moment(1_000_000);

    fn run() -> ReplayRun {
        let endpoint = EndpointKey { workspace: WorkspaceId(Uuid::nil()), endpoint: EndpointId(Uuid::nil()) };
        ReplayRun {
            endpoint,
            id: ReplayId(Uuid::from_u128(1)),
            rev: 4,
            nonce: "r".into(),
            state: ReplayState::Running,
            only: Only::Failed,
            since: Moment(0),
            until: NOW,
            events: None,
            cursor: None,
            progress: 0,
            counts: ReplayCounts::default(),
            started_at: NOW,
            updated_at: NOW,
        }
    }

    #[test]
    fn pages_add_up_and_the_end_is_estimated_from_what_is_done() {
        let found = ReplayCounts { failed: 7, deliveries: 500, ..ReplayCounts::default() };
        assert_eq!((run().estimated_end(), run().ended_at()), (None, None));
        let one = run().after(found, Some("d".into()), 250, NOW.plus_ms(10_000), "a".into());
        assert_eq!((one.rev, one.counts.failed, one.is_running()), (5, 7, true));
        assert_eq!(one.estimated_end(), Some(NOW.plus_ms(40_000)), "a quarter took ten seconds");
        let done = one.after(found, None, 300, NOW.plus_ms(20_000), "b".into());
        assert_eq!((done.state, done.counts.deliveries, done.progress), (ReplayState::Done, 1_000, WHOLE));
        assert_eq!((done.estimated_end(), done.ended_at()), (None, Some(NOW.plus_ms(20_000))));
        let stopped = one.stopped(NOW.plus_ms(11_000), "s".into());
        assert_eq!((stopped.state, stopped.progress, stopped.estimated_end()), (ReplayState::Stopped, 250, None));
    }

    #[test]
    fn names_are_read_back() {
        for only in Only::ALL {
            assert_eq!(Only::parse(only.name()), Some(only));
        }
        for state in ReplayState::ALL {
            assert_eq!(ReplayState::parse(state.name()), Some(state));
        }
    }
}
