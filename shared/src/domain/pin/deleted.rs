//! The outcome of a pin that its owner deleted, or whose schedule was canceled.

use super::Pin;
use super::attempt::{Attempt, Status};
use super::failure::Failure;
use crate::domain::time::Moment;

/// What is known about a deleted pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    pub at: Moment,
    pub by: DeletedBy,
    pub outcome: Outcome,
    /// The Pin that exists, or existed, on Pinterest.
    pub pinterest_pin_id: Option<String>,
    /// Whether that Pin is known to be gone from Pinterest.
    pub is_removed: bool,
}

/// Why the pin was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletedBy {
    Owner,
    /// The cancellation of its schedule.
    Schedule,
}

/// What the pin had come to when it was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No call of it created a Pin, and none will be made.
    NeverPublished,
    Published,
    /// It had failed before.
    Failed,
    /// It was deleted during its call, whose outcome isn't known yet.
    Publishing,
    /// Its last call may have created a Pin, which was never found out.
    Unknown,
}

impl DeletedBy {
    pub const ALL: [Self; 2] = [Self::Owner, Self::Schedule];

    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "deleted",
            Self::Schedule => "schedule_canceled",
        }
    }
}

impl Outcome {
    pub const ALL: [Self; 5] = [Self::NeverPublished, Self::Published, Self::Failed, Self::Publishing, Self::Unknown];

    pub fn name(self) -> &'static str {
        match self {
            Self::NeverPublished => "never_published",
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Publishing => "publishing",
            Self::Unknown => "unknown",
        }
    }
}

impl Deleted {
    /// `None`: the pin isn't deleted.
    pub fn of(pin: &Pin, attempt: &Attempt, quiesce_ms: i64) -> Option<Self> {
        let is_canceled = attempt.failure == Some(Failure::ScheduleCanceled);
        let outcome = match (attempt.status, attempt.failure) {
            (Status::Published, _) => Outcome::Published,
            (Status::Publishing, _) => Outcome::Publishing,
            _ if attempt.ended_unresolved(quiesce_ms) => Outcome::Unknown,
            // Of a pin deleted during its call, no other attempt begins.
            (Status::Queued | Status::Deferred, _) => Outcome::NeverPublished,
            (Status::Failed, Some(Failure::PinDeleted | Failure::ScheduleCanceled)) => Outcome::NeverPublished,
            (Status::Failed, _) => Outcome::Failed,
        };
        Some(Self {
            at: pin.hidden_at?,
            by: if is_canceled { DeletedBy::Schedule } else { DeletedBy::Owner },
            outcome,
            pinterest_pin_id: attempt.pinterest_pin_id.clone().or(attempt.orphan_pin_id.clone()),
            is_removed: attempt.removed_at.is_some(),
        })
    }

    /// One or two sentences for the user.
    pub fn message(&self) -> String {
        let at = self.at.rfc3339();
        let began = match self.by {
            DeletedBy::Owner => format!("The pin was deleted at {at}."),
            DeletedBy::Schedule => format!("The pin's schedule was canceled at {at}."),
        };
        let id = self.pinterest_pin_id.as_deref().unwrap_or("without an id");
        let ended = match self.outcome {
            Outcome::NeverPublished => "It was never published.".to_owned(),
            Outcome::Published if self.is_removed => {
                format!("It was published as Pin {id}, which is gone from Pinterest.")
            }
            Outcome::Published => format!("It was published as Pin {id}."),
            Outcome::Failed => "It had failed before.".to_owned(),
            Outcome::Publishing => "It was being published: its Pin may appear on Pinterest.".to_owned(),
            Outcome::Unknown => "Whether its last call created a Pin is not known.".to_owned(),
        };
        format!("{began} {ended}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::testdata;

    const T: Moment = Moment(2_000_000);

    #[test]
    fn each_end_is_told_apart() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let queued = Attempt::untouched(&pin);
        let begun = queued.begin(T, "a".into()).expect("begins");
        let published = begun.published(T, "9".into(), &nothing, &pin, "b".into()).expect("publishes");
        let failed = |failure| begun.failed(T, failure, &nothing, &pin, "b".into()).expect("fails");
        let removed = Attempt { removed_at: Some(T), ..published.clone() };
        let hidden = Pin { hidden_at: Some(T), ..pin.clone() };
        for (attempt, name, words) in [
            (queued.deleted(T, &pin, "d".into()).expect("ends"), "never_published", "never published"),
            (failed(Failure::ScheduleCanceled), "never_published", "schedule was canceled"),
            (published.deleted(T, &pin, "d".into()).expect("ends"), "published", "as Pin 9."),
            (removed, "published", "as Pin 9, which is gone"),
            (failed(Failure::ImageBroken), "failed", "had failed"),
            (failed(Failure::OutcomeAmbiguous), "unknown", "not known"),
            (begun.clone(), "publishing", "may appear"),
            (begun.absent(T, "b".into()).expect("absent"), "never_published", "never published"),
        ] {
            assert_eq!(Deleted::of(&pin, &attempt, 120_000), None, "it isn't hidden");
            let deleted = Deleted::of(&hidden, &attempt, 120_000).expect("deleted");
            assert_eq!(deleted.outcome.name(), name, "{attempt:?}");
            let message = deleted.message();
            assert!(message.contains(words) && message.contains(&T.rfc3339()), "{message}");
        }
    }
}
