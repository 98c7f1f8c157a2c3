//! Optimistic writes: read the row, change it, and write it if it is unchanged since the read. Otherwise the round is
//! repeated, up to a limit.

use super::{PortError, PortResult};

/// The result of a conditional write; `Write<()>` when a conflict carries no information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write<T> {
    /// The row is as the caller wants it: written by this call, or by an earlier try of the same call.
    Done,
    /// Another write came first; the row as it is now, where `T` holds it.
    Conflict(T),
}

impl<T> Write<T> {
    /// Whether the row is as the caller wants it.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

impl Write<()> {
    /// The result of a write that says only whether it was made.
    pub fn done_if(is_done: bool) -> Self {
        if is_done { Self::Done } else { Self::Conflict(()) }
    }
}

/// Counts the rounds of one optimistic write.
///
/// ```ignore
/// let mut writes = OptimisticWrites::of("pin", WRITES_MAX);
/// loop {
///     writes.begin()?;
///     let next = change(read().await?);
///     if save(&next).await?.is_done() {
///         return Ok(next);
///     }
/// }
/// ```
pub struct OptimisticWrites {
    row: &'static str,
    writes: usize,
    writes_max: usize,
}

impl OptimisticWrites {
    /// `row` names the row in the error; `writes_max` is the number of rounds.
    pub fn of(row: &'static str, writes_max: usize) -> Self {
        Self { row, writes: 0, writes_max }
    }

    /// Begins the next round.
    ///
    /// # Errors
    /// [`PortError::Contended`] when every round was lost to another writer.
    pub fn begin(&mut self) -> PortResult<()> {
        if self.has_round() { Ok(()) } else { Err(self.contended()) }
    }

    /// Begins the next round, if there is one. For callers that have another answer than an error when every round was
    /// lost.
    pub fn has_round(&mut self) -> bool {
        let has_round = self.writes < self.writes_max;
        self.writes += usize::from(has_round);
        has_round
    }

    fn contended(&self) -> PortError {
        PortError::Contended { row: self.row, writes: self.writes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contention_is_reported_after_the_last_round() {
        let mut writes = OptimisticWrites::of("pin", 2);
        assert!(writes.begin().is_ok());
        assert!(writes.begin().is_ok());
        let error = writes.begin().expect_err("both rounds were lost");
        assert_eq!(error.to_string(), "contention: lost 2 rounds on the pin to other writers");
        assert!(!writes.has_round(), "and no round is left");
    }
}
