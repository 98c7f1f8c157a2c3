//! Recovery markers: the rescuer's notes of work to check, filed under the minute in which they are read.

use uuid::Uuid;

use super::event::note::Note;
use super::ids::{BoardKey, EndpointId, ImportId, PinId, PinKey, WorkspaceId};
use super::import::ImportKey;
use super::pin::listing::Position;
use super::time::{MINUTE_MS, Moment, SECOND_MS};
use super::webhook::endpoint::EndpointKey;

/// The markers of a minute are spread over this many partitions: one DynamoDB partition takes 1,000 write units a
/// second.
pub const MARKER_SHARDS: u32 = 8;
/// The most pins in one marker; it keeps the row within two kilobytes.
pub const PINS_PER_MARKER: usize = 25;
/// A marker is filed at least this much after its pins' acceptance.
pub const FILED_AFTER_MINUTES: i64 = 2;
/// What a marker is to own must be written within this time after the marker, in milliseconds. Later, the rescuer may
/// have read the marker, and dropped it as one of nothing.
pub const OWNED_WITHIN_MS: i64 = 15 * SECOND_MS;
/// Each of the following runs reads a minute once more, for writers whose clock is behind.
pub const RESCAN_MINUTES: i64 = 3;
/// On the dispatcher's very first run, markers, schedules and the rollup begin this many minutes ago. Every later run
/// goes on from there.
pub const FIRST_REACH_BACK_MINUTES: i64 = 60;
/// How long a marker is kept, in milliseconds: a rescuer that was down for a week still finds it.
pub const KEPT_MS: i64 = 8 * 24 * 60 * MINUTE_MS;
/// After how many minutes an unfinished pin is checked again, by the number of checks before.
const AGAIN_AFTER_MINUTES: [i64; 5] = [5, 10, 20, 40, 60];

/// What the rescuer does when a marker's minute has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Checks that the pins are finished or have an owner, and resends those without one.
    #[default]
    Rescue,
    /// Requests a duplicate check of a published pin. Owns nothing.
    DuplicateCheck,
    /// Checks that the import is finished, or continues it. The import's id takes the place of the pin's.
    Import,
    /// Marks the published pins of a board that was deleted. The account's id takes the place of the pin's.
    BoardRemoval,
    /// Checks that a webhook's waiting deliveries have a turn. The endpoint's id takes the place of the pin's.
    Webhook,
    /// Checks that an event which is about no pin was delivered, if it happened. The id of what it is about takes the
    /// place of the pin's.
    Event,
    /// Nothing: the pins that still needed a check have a later marker. Owns nothing; the rollup reads it.
    Retired,
}

/// A note of work to check when its minute has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryMarker {
    pub minute: i64,
    pub shard: u32,
    pub pins: Vec<PinKey>,
    pub purpose: Purpose,
    /// How many times the rescuer has already checked, or the duplicate check was tried without a result.
    pub rounds: u32,
    /// Distinguishes the markers of one minute and shard.
    pub id: String,
    /// The board that the marker is for, if it is for one.
    pub removal: Option<BoardRemoval>,
    /// The event that the marker is for, if it is for one.
    pub event: Option<Box<Note>>,
}

/// A board whose deletion was asked for, and how far its pins were marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardRemoval {
    pub board: BoardKey,
    pub asked_at: Moment,
    /// The pins up to this one, the newest first, are marked.
    pub after: Option<Position>,
}

impl RecoveryMarker {
    /// The marker for pins sent to a queue, which are to be started by `start`.
    pub fn new(pins: Vec<PinKey>, start: Moment, rounds: u32, id: String) -> Self {
        let shard = pins.first().map_or(0, |key| (key.pin.0.as_u128() % u128::from(MARKER_SHARDS)) as u32);
        Self {
            minute: start.minute() + FILED_AFTER_MINUTES,
            shard,
            pins,
            purpose: Purpose::Rescue,
            rounds,
            id,
            removal: None,
            event: None,
        }
    }

    /// The marker by which the rescuer ends pins that have not started before `at`. They have another owner.
    pub fn too_late(pins: Vec<PinKey>, at: Moment, id: String) -> Self {
        Self { minute: at.minute(), ..Self::new(pins, at, 0, id) }
    }

    /// The marker that follows a check at `now` that found some pins unfinished.
    pub fn again(pins: Vec<PinKey>, now: Moment, reads_before: u32, id: String) -> Self {
        let step = AGAIN_AFTER_MINUTES[(reads_before as usize).min(AGAIN_AFTER_MINUTES.len() - 1)];
        let mut row = Self::new(pins, now, reads_before + 1, id);
        row.minute = now.minute() + step;
        row
    }

    /// The marker for the duplicate check of a published pin at `due`. It is read after that minute, so never too
    /// early.
    pub fn duplicate_check(pin: PinKey, due: Moment, tries: u32, id: String) -> Self {
        Self { minute: due.minute(), purpose: Purpose::DuplicateCheck, ..Self::new(vec![pin], due, tries, id) }
    }

    /// The marker for an import that was sent to its queue at `now`. `submission` identifies the import's rows, so that
    /// they can be deleted if the import was never written.
    pub fn import(key: ImportKey, now: Moment, rounds: u32, submission: String) -> Self {
        let pin = PinKey { workspace: key.workspace, pin: PinId(key.import.0) };
        Self { purpose: Purpose::Import, ..Self::new(vec![pin], now, rounds, submission) }
    }

    /// The marker that follows a check at `now` that found the import unfinished.
    pub fn import_again(key: ImportKey, now: Moment, reads_before: u32, submission: String) -> Self {
        let row = Self::import(key, now, reads_before, submission);
        Self { purpose: Purpose::Import, ..Self::again(row.pins, now, reads_before, row.id) }
    }

    /// The marker for the pins of a board whose deletion is asked for, or that are left to be marked, at `now`.
    pub fn board_removal(removal: BoardRemoval, now: Moment, id: String) -> Self {
        let account = removal.board.account;
        let pin = PinKey { workspace: account.workspace, pin: PinId(account.account.0) };
        Self {
            minute: now.minute() + 1,
            purpose: Purpose::BoardRemoval,
            removal: Some(removal),
            ..Self::new(vec![pin], now, 0, id)
        }
    }

    /// The marker for an endpoint whose deliveries wait from `now` on, or wait still. It is checked every ten minutes.
    pub fn webhook(key: EndpointKey, now: Moment, id: String) -> Self {
        let pin = PinKey { workspace: key.workspace, pin: PinId(key.endpoint.0) };
        Self { purpose: Purpose::Webhook, ..Self::again(vec![pin], now, 1, id) }
    }

    /// The marker for an event that a write brings which is made after `now`. `subject` is the id of what the event is
    /// about.
    pub fn of_event(workspace: WorkspaceId, subject: Uuid, note: Note, now: Moment, id: String) -> Self {
        let pin = PinKey { workspace, pin: PinId(subject) };
        Self { purpose: Purpose::Event, event: Some(Box::new(note)), ..Self::new(vec![pin], now, 0, id) }
    }

    /// This marker of an event with another note, to be read when `at` has passed.
    pub fn event_at(&self, note: Note, at: Moment, now: Moment, id: String) -> Self {
        let minute = at.minute().max(now.minute() + 1);
        Self { minute, rounds: 0, event: Some(Box::new(note)), id, ..self.clone() }
    }

    /// The marker that follows a check at `now` of this one of an event.
    pub fn event_again(&self, note: Note, now: Moment, id: String) -> Self {
        let next = Self::again(self.pins.clone(), now, self.rounds, id);
        Self { purpose: Purpose::Event, event: Some(Box::new(note)), ..next }
    }

    /// This marker of an event that didn't happen.
    pub fn void(&self) -> Self {
        Self { event: None, ..self.clone() }
    }

    /// The endpoint that the marker is for, if it is for one.
    pub fn endpoint_key(&self) -> Option<EndpointKey> {
        let pin = self.pins.first().filter(|_| self.purpose == Purpose::Webhook)?;
        Some(EndpointKey { workspace: pin.workspace, endpoint: EndpointId(pin.pin.0) })
    }

    /// The import that the marker is for, if it is for one.
    pub fn import_key(&self) -> Option<ImportKey> {
        let pin = self.pins.first().filter(|_| self.purpose == Purpose::Import)?;
        Some(ImportKey { workspace: pin.workspace, import: ImportId(pin.pin.0) })
    }

    /// The marker as retired, when a later marker has its unfinished pins.
    pub fn retired(&self) -> Self {
        Self { purpose: Purpose::Retired, ..self.clone() }
    }

    /// When DynamoDB may delete the row.
    pub fn expires_at(&self) -> Moment {
        Moment(self.minute * MINUTE_MS).plus_ms(KEPT_MS)
    }
}
