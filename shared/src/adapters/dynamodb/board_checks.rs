//! The stored checks of boards: what Pinterest last answered about them.

use async_trait::async_trait;

use super::item::{Builder, Item, Reader, moment, unreadable};
use super::{DynamoStore, keys};
use crate::domain::account::board::Board;
use crate::domain::account::board_check::{BoardCheck, BoardVerdict};
use crate::domain::account::board_list::BoardList;
use crate::domain::ids::{AccountKey, BoardKey};
use crate::domain::time::Moment;
use crate::ports::{BoardChecks, ListingClaim, PortResult, Write};

const REACHABLE: &str = "reachable";
const NOT_FOUND: &str = "not_found";
const DELETED: &str = "deleted";
const DENIED: &str = "denied";

fn item(key: &BoardKey, check: &BoardCheck) -> Item {
    let row = Builder::keyed(keys::board_checks(key.account), &key.board_id)
        .value("at", moment(check.checked_at))
        .number("expires_at", check.expires_at().unix_seconds());
    let row = match &check.verdict {
        BoardVerdict::Reachable(board) => row
            .text("verdict", REACHABLE)
            .text("name", &board.name)
            .maybe_text("descr", board.description.as_deref())
            .maybe_text("privacy", board.privacy.as_deref()),
        BoardVerdict::NotFound => row.text("verdict", NOT_FOUND),
        BoardVerdict::Deleted => row.text("verdict", DELETED),
        BoardVerdict::Denied => row.text("verdict", DENIED),
    };
    row.build()
}

fn read(key: &BoardKey, item: &Item) -> PortResult<BoardCheck> {
    let row = Reader(item);
    let verdict = match row.text("verdict")?.as_str() {
        REACHABLE => BoardVerdict::Reachable(Board {
            id: key.board_id.clone(),
            name: row.text("name")?,
            description: row.maybe_text("descr"),
            privacy: row.maybe_text("privacy"),
        }),
        NOT_FOUND => BoardVerdict::NotFound,
        DELETED => BoardVerdict::Deleted,
        DENIED => BoardVerdict::Denied,
        _ => return Err(unreadable("verdict")),
    };
    Ok(BoardCheck { verdict, checked_at: row.moment("at")? })
}

#[async_trait]
impl BoardChecks for DynamoStore {
    async fn board_check(&self, board: &BoardKey) -> PortResult<Option<BoardCheck>> {
        let item = self.get(keys::board_checks(board.account), &board.board_id, false).await?;
        item.map(|item| read(board, &item)).transpose()
    }

    async fn save_board_check(&self, board: &BoardKey, check: &BoardCheck) -> PortResult<()> {
        self.put(item(board, check)).await
    }

    async fn board_list(&self, account: AccountKey, is_consistent: bool) -> PortResult<Option<BoardList>> {
        self.get_board_list(account, is_consistent).await
    }

    async fn save_board_list(&self, account: AccountKey, next: &BoardList) -> PortResult<Write<()>> {
        self.put_board_list(account, next).await
    }

    async fn claim_board_listing(
        &self,
        account: AccountKey,
        claim: &ListingClaim,
    ) -> PortResult<Write<Option<Moment>>> {
        self.put_listing_claim(account, claim).await
    }
}
