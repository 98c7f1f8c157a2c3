//! Recovery markers, and the marks of the minutes that are done.

use async_trait::async_trait;
use uuid::Uuid;

use super::item::{Builder, Item, Reader, bytes, moment, number, unreadable};
use super::{DynamoStore, failed, keys, written_or_refused};
use crate::domain::event::note::Note;
use crate::domain::ids::{AccountId, AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::recovery::{BoardRemoval, Purpose, RecoveryMarker};
use crate::ports::{PortResult, RecoveryMarkers};

/// A pin in a marker: the 16 bytes of its workspace's id and the 16 of its own.
const PIN_BYTES: usize = 32;
/// The stored names of the purposes other than rescuing pins.
const DUPLICATE_CHECK: &str = "late_check";
const IMPORT: &str = "import";
const BOARD_REMOVAL: &str = "board";
const WEBHOOK: &str = "webhook";
const EVENT: &str = "event";
const RETIRED: &str = "tended";

fn read_purpose(text: Option<&str>) -> Purpose {
    match text {
        Some(DUPLICATE_CHECK) => Purpose::DuplicateCheck,
        Some(RETIRED) => Purpose::Retired,
        Some(IMPORT) => Purpose::Import,
        Some(BOARD_REMOVAL) => Purpose::BoardRemoval,
        Some(WEBHOOK) => Purpose::Webhook,
        Some(EVENT) => Purpose::Event,
        _ => Purpose::Rescue,
    }
}

fn purpose(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Rescue => None,
        Purpose::DuplicateCheck => Some(DUPLICATE_CHECK),
        Purpose::Import => Some(IMPORT),
        Purpose::BoardRemoval => Some(BOARD_REMOVAL),
        Purpose::Webhook => Some(WEBHOOK),
        Purpose::Event => Some(EVENT),
        Purpose::Retired => Some(RETIRED),
    }
}

fn pack(pins: &[PinKey]) -> Vec<u8> {
    pins.iter().flat_map(|key| [key.workspace.0.into_bytes(), key.pin.0.into_bytes()].concat()).collect()
}

fn unpack(packed: &[u8]) -> PortResult<Vec<PinKey>> {
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).map_err(|_| unreadable("pins"));
    let pin = |bytes: &[u8]| -> PortResult<PinKey> {
        let (workspace, pin) = bytes.split_at(bytes.len() / 2);
        Ok(PinKey { workspace: WorkspaceId(id(workspace)?), pin: PinId(id(pin)?) })
    };
    packed.chunks(PIN_BYTES).map(pin).collect()
}

fn read_row(minute: i64, shard: u32, item: &Item) -> PortResult<RecoveryMarker> {
    let row = Reader(item);
    let pins = unpack(&row.bytes("pins")?)?;
    Ok(RecoveryMarker {
        minute,
        shard,
        removal: read_removal(&row, &pins)?,
        event: row.maybe_text("event").and_then(|text| Note::parse(&text)).map(Box::new),
        pins,
        purpose: read_purpose(row.maybe_text("for").as_deref()),
        rounds: row.number("looks")?,
        id: row.text("sk")?,
    })
}

/// The board that the marker is for. Its account's id is in the place of the pin's.
fn read_removal(row: &Reader<'_>, pins: &[PinKey]) -> PortResult<Option<BoardRemoval>> {
    let (Some(board_id), Some(PinKey { workspace, pin })) = (row.maybe_text("board"), pins.first().copied()) else {
        return Ok(None);
    };
    let board = BoardKey { account: AccountKey { workspace, account: AccountId(pin.0) }, board_id };
    let after = row.maybe_text("after").map(|text| keys::parse_position(&text).ok_or_else(|| unreadable("after")));
    Ok(Some(BoardRemoval { board, asked_at: row.moment("asked")?, after: after.transpose()? }))
}

#[async_trait]
impl RecoveryMarkers for DynamoStore {
    async fn put_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
        let item = Builder::keyed(keys::markers(row.minute, row.shard), &row.id)
            .value("pins", bytes(pack(&row.pins)))
            .number("looks", row.rounds)
            .maybe_text("for", purpose(row.purpose))
            .maybe_text("event", row.event.as_ref().map(|note| note.text()))
            .number("expires_at", row.expires_at().unix_seconds());
        let item = match &row.removal {
            None => item,
            Some(BoardRemoval { board, asked_at, after }) => item
                .text("board", &board.board_id)
                .value("asked", moment(*asked_at))
                .maybe_text("after", after.map(|position| keys::position(position.at, position.pin))),
        };
        self.put(item.build()).await
    }

    async fn delete_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
        let delete = self.client.delete_item().table_name(&self.table);
        let key = Builder::keyed(keys::markers(row.minute, row.shard), &row.id).build();
        let delete = delete.set_key(Some(key));
        delete.send().await.map_err(failed)?;
        Ok(())
    }

    async fn markers(&self, minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>> {
        let rows = self.partition(keys::markers(minute, shard)).await?;
        rows.iter().map(|item| read_row(minute, shard, item)).collect()
    }

    async fn watermark(&self) -> PortResult<Option<i64>> {
        self.read_mark(keys::WATERMARK).await
    }

    async fn set_watermark(&self, minute: i64) -> PortResult<()> {
        self.move_mark(keys::WATERMARK, minute).await
    }
}

impl DynamoStore {
    /// Reads a mark: the minute up to which some work is done.
    pub(super) async fn read_mark(&self, name: &str) -> PortResult<Option<i64>> {
        let item = self.get(name.to_owned(), name, true).await?;
        Ok(item.and_then(|item| Reader(&item).maybe_number("minute")))
    }

    pub(super) async fn move_mark(&self, name: &str, minute: i64) -> PortResult<()> {
        let row = Builder::keyed(name.to_owned(), name).number("minute", minute);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row.build()))
            .condition_expression("attribute_not_exists(pk) OR #minute < :minute")
            .expression_attribute_names("#minute", "minute")
            .expression_attribute_values(":minute", number(minute));
        written_or_refused(put.send().await).map(|_| ())
    }
}
