//! The boards of accounts as last listed, and who lists them now.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::item::{Builder, Item, Reader, moment, text};
use super::{DynamoStore, keys, refused_by};
use crate::domain::account::board_list::{BoardList, KEPT_MS, KnownBoard, NAMES_BYTES_MAX};
use crate::domain::ids::AccountKey;
use crate::domain::time::Moment;
use crate::ports::{ListingClaim, PortResult, Write};

/// Marks a secret board.
const SECRET: char = '!';

/// A board a line: its id, a mark if it is secret, and its name. Names that don't fit into the row any more are left
/// out.
fn pack(boards: &[KnownBoard]) -> String {
    let mut packed = String::new();
    let mut names_bytes = 0;
    for board in boards {
        packed.push_str(&board.id);
        if board.is_secret {
            packed.push(SECRET);
        }
        let name = board.name.as_deref().filter(|name| names_bytes + name.len() <= NAMES_BYTES_MAX);
        if let Some(name) = name {
            names_bytes += name.len();
            packed.push(' ');
            packed.extend(name.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
        packed.push('\n');
    }
    packed
}

fn unpack(packed: &str) -> Vec<KnownBoard> {
    let board = |line: &str| {
        let (id, name) = line.split_once(' ').map_or((line, None), |(id, name)| (id, Some(name.to_owned())));
        let (id, is_secret) = id.strip_suffix(SECRET).map_or((id, false), |id| (id, true));
        KnownBoard { id: id.to_owned(), name, is_secret }
    };
    packed.lines().map(board).collect()
}

fn item(account: AccountKey, list: &BoardList) -> Item {
    Builder::keyed(keys::account(account), keys::BOARDS)
        .text("boards", pack(&list.boards))
        .value("at", moment(list.listed_at))
        .number("cut", u8::from(!list.is_whole))
        .number("rev", list.rev)
        .text("n", &list.nonce)
        .number("expires_at", list.expires_at().unix_seconds())
        .build()
}

fn read(item: &Item) -> PortResult<BoardList> {
    let row = Reader(item);
    Ok(BoardList {
        boards: unpack(&row.text("boards")?),
        listed_at: row.moment("at")?,
        is_whole: row.number::<u8>("cut")? == 0,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

impl DynamoStore {
    pub(super) async fn get_board_list(
        &self,
        account: AccountKey,
        is_consistent: bool,
    ) -> PortResult<Option<BoardList>> {
        let item = self.get(keys::account(account), keys::BOARDS, is_consistent).await?;
        item.map(|item| read(&item)).transpose()
    }

    pub(super) async fn put_board_list(&self, account: AccountKey, next: &BoardList) -> PortResult<Write<()>> {
        self.put_revision(item(account, next), next.rev, &next.nonce).await
    }

    pub(super) async fn put_listing_claim(
        &self,
        account: AccountKey,
        claim: &ListingClaim,
    ) -> PortResult<Write<Option<Moment>>> {
        let row = Builder::keyed(keys::account(account), keys::BOARD_LISTING)
            .value("at", moment(claim.at))
            .text("n", &claim.nonce)
            .number("expires_at", claim.at.plus_ms(KEPT_MS).unix_seconds());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row.build()))
            .condition_expression("attribute_not_exists(pk) OR #at <= :before OR n = :n")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":before", moment(claim.unless_after))
            .expression_attribute_values(":n", text(&claim.nonce))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(Write::Done),
            Err(error) => {
                let stored = refused_by(error)?.map(|row| Reader(&row).moment("at"));
                Ok(Write::Conflict(stored.transpose()?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(id: &str, name: Option<&str>, is_secret: bool) -> KnownBoard {
        KnownBoard { id: id.into(), name: name.map(str::to_owned), is_secret }
    }

    #[test]
    fn boards_are_unpacked_as_they_were() {
        let boards =
            [board("1", Some("Paper & !cranes "), false), board("22", Some("Mine"), true), board("3", None, true)];
        assert_eq!(unpack(&pack(&boards)), boards);
        assert_eq!(unpack(""), []);
        assert_eq!(unpack(&pack(&[board("1", Some("a\nb"), false)])), [board("1", Some("a b"), false)]);
    }

    #[test]
    fn the_row_of_an_account_with_very_many_boards_fits_and_keeps_every_id() {
        let name = "界".repeat(180);
        let boards: Vec<KnownBoard> =
            (0..5_000_u64).map(|n| board(&(700_000_000_000_000_000 + n).to_string(), Some(&name), true)).collect();
        let packed = pack(&boards);
        assert!(packed.len() < 390 * 1024, "{}", packed.len());
        let unpacked = unpack(&packed);
        assert!(unpacked.iter().zip(&boards).all(|(a, b)| a.id == b.id && a.is_secret));
        assert_eq!(unpacked.len(), boards.len());
        assert!(unpacked[0].name.is_some() && unpacked[4_999].name.is_none());
    }
}
