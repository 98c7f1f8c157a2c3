//! Pins that are accepted now and committed later.

use serde::{Deserialize, Serialize};

use super::World;
use super::account::{AccountIndex, Caller};
use super::event::Event;
use super::pin::PinDraft;
use crate::errors::ApiError;

/// A Pin that will be committed at `at_ms`, whether or not its client still waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPin {
    pub plan: u64,
    pub at_ms: i64,
    pub account: AccountIndex,
    pub draft: PinDraft,
}

impl World {
    /// Accepts a Pin now; `commit_due` commits it at `at_ms`. If its board or section is deleted meanwhile, the Pin is
    /// never committed.
    pub fn plan_pin(&mut self, now_ms: i64, at_ms: i64, caller: Caller, draft: PinDraft) -> Result<(), ApiError> {
        self.check_draft(now_ms, caller, &draft)?;
        let planned = PlannedPin { plan: self.next_plan, at_ms, account: caller.account, draft };
        self.commit(Event::PinPlanned { planned });
        Ok(())
    }

    /// Commits every planned Pin that is due, each at its own time. Call it before reading the world.
    pub fn commit_due(&mut self, now_ms: i64) {
        while let Some((&(at_ms, plan), _)) = self.planned.first_key_value() {
            if at_ms > now_ms {
                return;
            }
            if let Some(planned) = self.planned.remove(&(at_ms, plan)) {
                self.commit_pin(at_ms, planned.account, planned.draft, Some(plan));
            }
        }
    }

    /// When the next planned Pin is due, in Unix milliseconds.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.planned.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    pub(super) fn add_plan(&mut self, planned: PlannedPin) {
        self.next_plan = self.next_plan.max(planned.plan + 1);
        self.planned.insert((planned.at_ms, planned.plan), planned);
    }
}
