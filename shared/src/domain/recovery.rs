//! Clock rows: the watchdog's notes, filed under the minute in which they are read.

use super::ids::{ImportId, PinId, PinKey};
use super::import::ImportKey;
use super::time::{MINUTE_MS, Moment};

/// A minute is spread over this many partitions: one DynamoDB partition takes 1,000 write units a second.
pub const MARKER_SHARDS: u32 = 8;
/// How many pins one row may hold; it keeps the row within two kilobytes.
pub const PINS_PER_MARKER: usize = 25;
/// A minute is read once more in each of the following runs, for writers whose clock is behind.
pub const RESCAN_MINUTES: i64 = 3;
/// How long a row is kept, in milliseconds: a watchdog that was out for a week still finds it.
pub const KEPT_MS: i64 = 8 * 24 * 60 * MINUTE_MS;
/// The minutes after which an unfinished pin is looked at again, by the number of looks before.
const AGAIN_AFTER_MINUTES: [i64; 5] = [5, 10, 20, 40, 60];

/// What is done when a row's minute has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// The pins must be finished, or owned by somebody.
    #[default]
    Rescue,
    /// The board of a published pin is looked at for a duplicate. Owns nothing.
    DuplicateCheck,
    /// The import, which stands in a pin's place, must be finished, or go on.
    Import,
    /// The pins that still had to be watched have a later row. Owns nothing; the tally reads it.
    Retired,
}

/// A note of what is to be seen to when its minute has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryMarker {
    pub minute: i64,
    pub shard: u32,
    pub pins: Vec<PinKey>,
    pub purpose: Purpose,
    /// How often the watchdog has already looked, or the late check has been made in vain.
    pub rounds: u32,
    /// Tells rows of one minute and shard apart.
    pub id: String,
}

impl RecoveryMarker {
    /// The row for pins handed to a queue at `now`, to be started by `start`.
    pub fn new(pins: Vec<PinKey>, start: Moment, rounds: u32, id: String) -> Self {
        let shard = pins.first().map_or(0, |key| (key.pin.0.as_u128() % u128::from(MARKER_SHARDS)) as u32);
        Self { minute: start.minute() + 2, shard, pins, purpose: Purpose::Rescue, rounds, id }
    }

    /// The row that follows a look at `now` which found some pins unfinished.
    pub fn again(pins: Vec<PinKey>, now: Moment, reads_before: u32, id: String) -> Self {
        let step = AGAIN_AFTER_MINUTES[(reads_before as usize).min(AGAIN_AFTER_MINUTES.len() - 1)];
        let mut row = Self::new(pins, now, reads_before + 1, id);
        row.minute = now.minute() + step;
        row
    }

    /// The row for a late check of a published pin at `due`. It is read when that minute has passed, so never before.
    pub fn duplicate_check(pin: PinKey, due: Moment, tries: u32, id: String) -> Self {
        Self { minute: due.minute(), purpose: Purpose::DuplicateCheck, ..Self::new(vec![pin], due, tries, id) }
    }

    /// The row for an import that was handed to its queue at `now`. `submission` names its rows, should it come to nothing.
    pub fn import(key: ImportKey, now: Moment, rounds: u32, submission: String) -> Self {
        let pin = PinKey { workspace: key.workspace, pin: PinId(key.import.0) };
        Self { purpose: Purpose::Import, ..Self::new(vec![pin], now, rounds, submission) }
    }

    /// The row that follows a look at `now` which found the import unfinished.
    pub fn import_again(key: ImportKey, now: Moment, reads_before: u32, submission: String) -> Self {
        let row = Self::import(key, now, reads_before, submission);
        Self { purpose: Purpose::Import, ..Self::again(row.pins, now, reads_before, row.id) }
    }

    /// The import that the row is about.
    pub fn import_key(&self) -> Option<ImportKey> {
        let pin = self.pins.first().filter(|_| self.purpose == Purpose::Import)?;
        Some(ImportKey { workspace: pin.workspace, import: ImportId(pin.pin.0) })
    }

    /// What stays of a row whose pins have a later one.
    pub fn retired(&self) -> Self {
        Self { purpose: Purpose::Retired, ..self.clone() }
    }

    pub fn expires_at(&self) -> Moment {
        Moment(self.minute * MINUTE_MS).plus_ms(KEPT_MS)
    }
}
