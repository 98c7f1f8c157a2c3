//! The state of the simulated Pinterest and its operations: pure, with the time passed in as Unix milliseconds.
//!
//! Every operation checks first, then commits one [`event::Event`]. To persist the state, a shell calls
//! [`World::record`] once and [`World::take_recorded`] after every operation; replaying the events with
//! [`World::apply`] gives the same world again.

pub mod account;
pub mod board;
pub mod board_change;
pub mod event;
pub mod ids;
pub mod media;
pub mod page;
pub mod pin;
pub mod plan;
pub mod quota;
pub mod scopes;
pub mod section;
pub mod time;
pub mod tokens;
pub mod upload;
pub mod window;

use std::collections::{BTreeMap, HashMap};

use crate::config::Config;
use account::{Account, AccountIndex};
use board::Board;
use event::Event;
use pin::Pin;
use plan::PlannedPin;
use quota::Usage;
use section::Section;
use tokens::{AccessToken, AuthorizationCode, RefreshToken};
use upload::Upload;
use window::Day;

/// The state of the simulated Pinterest. A clone is independent: a simulation may keep one for comparison.
#[derive(Debug, Clone)]
pub struct World {
    settings: Config,
    accounts: Vec<Account>,
    boards: Vec<Board>,
    board_ordinals: HashMap<String, usize>,
    sections: Vec<Section>,
    section_ordinals: HashMap<String, usize>,
    pins: Vec<Pin>,
    pin_ordinals: HashMap<String, usize>,
    uploads: Vec<Upload>,
    upload_ordinals: HashMap<String, usize>,
    /// By due time and number, so that the first is the next one due.
    planned: BTreeMap<(i64, u64), PlannedPin>,
    next_plan: u64,
    access_tokens: HashMap<String, AccessToken>,
    refresh_tokens: HashMap<String, RefreshToken>,
    codes: HashMap<String, AuthorizationCode>,
    /// Serial number of the last generated token or code.
    serial: u64,
    usage: HashMap<AccountIndex, Usage>,
    day: Day,
    recording: bool,
    recorded: Vec<Event>,
}

impl World {
    /// An empty world, without accounts. Then call `apply` for each recorded event, and `seed_accounts`.
    pub fn new(settings: Config) -> Self {
        Self {
            settings,
            accounts: Vec::new(),
            boards: Vec::new(),
            board_ordinals: HashMap::new(),
            sections: Vec::new(),
            section_ordinals: HashMap::new(),
            pins: Vec::new(),
            pin_ordinals: HashMap::new(),
            uploads: Vec::new(),
            upload_ordinals: HashMap::new(),
            planned: BTreeMap::new(),
            next_plan: 1,
            access_tokens: HashMap::new(),
            refresh_tokens: HashMap::new(),
            codes: HashMap::new(),
            serial: 0,
            usage: HashMap::new(),
            day: Day::default(),
            recording: false,
            recorded: Vec::new(),
        }
    }

    /// Adds the documented accounts that do not exist yet.
    pub fn seed_accounts(&mut self, now_ms: i64) {
        let (first, last) = (self.accounts.len() + 1, self.settings.accounts);
        if first <= last {
            self.commit(Event::AccountsSeeded { first, last, at_ms: now_ms });
        }
    }

    /// From now on, keeps every event until [`World::take_recorded`] takes it.
    pub fn record(&mut self) {
        self.recording = true;
    }

    /// The events since the last call, in the order of their commits.
    pub fn take_recorded(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.recorded)
    }

    pub fn settings(&self) -> &Config {
        &self.settings
    }
}

#[cfg(test)]
mod tests;
