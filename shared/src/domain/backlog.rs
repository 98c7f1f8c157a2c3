//! The backlog of an account: deferred pins in the order in which they are released.

use super::ids::PinId;
use super::pin::{Pin, Priority};
use super::time::Moment;

/// A deferred pin. The row is the pin's owner while it waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BacklogRow {
    pub priority: Priority,
    /// The pin's acceptance: a pin that comes back keeps its age.
    pub created_at: Moment,
    pub pin: PinId,
    /// The generation that the released message carries.
    pub generation: u32,
}

impl BacklogRow {
    pub fn of(pin: &Pin, generation: u32) -> Self {
        Self { priority: pin.request.priority, created_at: pin.created_at, pin: pin.key.pin, generation }
    }

    /// Sorts by priority, then age. The generation is part of the key: a pin that comes back while its earlier release is
    /// being finished has a row of its own, which that release doesn't delete.
    pub fn sort_key(&self) -> String {
        format!("{}#{:013}#{}#{:06}", self.priority.rank(), self.created_at.0, self.pin, self.generation)
    }

    pub fn parse_sort_key(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '#');
        let priority = Priority::of_rank(parts.next()?.parse().ok()?)?;
        let created_at = Moment(parts.next()?.parse().ok()?);
        let pin = parts.next()?.parse().ok()?;
        let generation = parts.next()?.parse().ok()?;
        Some(Self { priority, created_at, pin, generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn rows_sort_by_priority_and_then_age() {
        let row = |priority, created, pin| BacklogRow {
            priority,
            created_at: Moment(created),
            pin: PinId(Uuid::from_u128(pin)),
            generation: 2,
        };
        let mut rows = vec![row(Priority::Bulk, 1, 1), row(Priority::Normal, 900, 2), row(Priority::Urgent, 9_000, 3)];
        rows.push(row(Priority::Normal, 899, 4));
        let mut keys: Vec<String> = rows.iter().map(BacklogRow::sort_key).collect();
        keys.sort();
        rows.sort();
        assert_eq!(keys, rows.iter().map(BacklogRow::sort_key).collect::<Vec<_>>());
        assert_eq!(BacklogRow::parse_sort_key(&keys[0]), Some(rows[0].clone()));
    }
}
