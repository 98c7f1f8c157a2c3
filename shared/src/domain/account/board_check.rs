//! The result of checking whether an account can reach a board.

use super::board::Board;
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment, SECOND_MS};

/// A check younger than this is answered from the row, without a request to Pinterest.
pub const CHECK_FRESH_MS: i64 = 5 * MINUTE_MS;
/// The same of a refusal: its owner lets the account in, or Pinterest's words were taken for more than they were.
pub const DENIED_FRESH_MS: i64 = 30 * SECOND_MS;
/// Older checks are kept this long: a board that was reachable and is missing now was deleted.
pub const CHECK_KEPT_MS: i64 = 30 * DAY_MS;

/// Pinterest's answer about the board, for this account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoardVerdict {
    Reachable(Board),
    /// Pinterest has no such board, or doesn't show it to the account.
    NotFound,
    /// Pinterest doesn't find the board now, but found it in an earlier check.
    Deleted,
    /// Pinterest refuses the account access to the board.
    Denied,
}

/// A stored verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardCheck {
    pub verdict: BoardVerdict,
    pub checked_at: Moment,
}

impl BoardCheck {
    /// Whether the check is answered again without asking Pinterest ([`CHECK_FRESH_MS`]).
    pub fn is_fresh(&self, now: Moment) -> bool {
        let fresh_ms = if self.verdict == BoardVerdict::Denied { DENIED_FRESH_MS } else { CHECK_FRESH_MS };
        (0..fresh_ms).contains(&now.since_ms(self.checked_at))
    }

    /// When DynamoDB may delete the row.
    pub fn expires_at(&self) -> Moment {
        self.checked_at.plus_ms(CHECK_KEPT_MS)
    }

    /// The check for a board that Pinterest doesn't find now, given the check before.
    pub fn missing(before: Option<&Self>, now: Moment) -> Self {
        let was_there =
            before.is_some_and(|check| matches!(check.verdict, BoardVerdict::Reachable(_) | BoardVerdict::Deleted));
        let verdict = if was_there { BoardVerdict::Deleted } else { BoardVerdict::NotFound };
        Self { verdict, checked_at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_fresh_for_minutes() {
        let check = BoardCheck { verdict: BoardVerdict::NotFound, checked_at: Moment(1_000) };
        assert!(check.is_fresh(Moment(1_000)) && check.is_fresh(Moment(1_000 + CHECK_FRESH_MS - 1)));
        assert!(!check.is_fresh(Moment(1_000 + CHECK_FRESH_MS)));
        assert!(!check.is_fresh(Moment(999)), "checked by a machine whose clock is ahead");
        let denied = BoardCheck { verdict: BoardVerdict::Denied, ..check };
        assert!(denied.is_fresh(Moment(1_000)) && !denied.is_fresh(Moment(1_000 + DENIED_FRESH_MS)));
    }

    #[test]
    fn a_board_that_was_found_before_and_is_missing_now_was_deleted() {
        let board = Board { id: "1".into(), name: "Paper".into(), description: None, privacy: None };
        let verdict = |before: Option<BoardVerdict>| {
            let before = before.map(|verdict| BoardCheck { verdict, checked_at: Moment(1) });
            BoardCheck::missing(before.as_ref(), Moment(2)).verdict
        };
        assert_eq!(verdict(None), BoardVerdict::NotFound);
        assert_eq!(verdict(Some(BoardVerdict::NotFound)), BoardVerdict::NotFound);
        assert_eq!(verdict(Some(BoardVerdict::Denied)), BoardVerdict::NotFound);
        assert_eq!(verdict(Some(BoardVerdict::Reachable(board))), BoardVerdict::Deleted);
        assert_eq!(verdict(Some(BoardVerdict::Deleted)), BoardVerdict::Deleted);
    }
}
