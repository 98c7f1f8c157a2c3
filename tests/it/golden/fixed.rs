//! Ids, times and requests that never change: the golden files are made of them.

use pinbridge_shared::domain::ids::{AccountId, AccountKey, BoardKey, OrganizationId, WorkspaceId};
use pinbridge_shared::domain::pin::{PinRequest, Priority};
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use uuid::Uuid;

/// Far ahead, so that no row has expired by any clock: 2033-05-18T03:33:20.123Z.
pub const T0: Moment = Moment(2_000_000_000_123);
/// When rows expire: in whole seconds, as they are stored.
pub const EXPIRES: Moment = Moment(2_000_000_000_000 + 90 * DAY_MS);

pub fn at(ms: i64) -> Moment {
    T0.plus_ms(ms)
}

pub fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x0200_0000_0000_4000_8000_0000_0000_0000 + number)
}

pub fn organization() -> OrganizationId {
    OrganizationId(uuid(0x01))
}

pub fn workspace() -> WorkspaceId {
    WorkspaceId(uuid(0x02))
}

pub fn account(number: u128) -> AccountKey {
    AccountKey { workspace: workspace(), account: AccountId(uuid(0xa0 + number)) }
}

pub fn board(number: u32) -> BoardKey {
    BoardKey { account: account(0), board_id: format!("54975588517512345{number}") }
}

/// Only the required fields.
pub fn minimal_request(idempotency_key: &str) -> PinRequest {
    PinRequest {
        account: account(0).account,
        board_id: board(0).board_id,
        title: "Crane".into(),
        description: None,
        alt_text: None,
        link_url: None,
        image_url: "https://images.example.com/crane.jpg".into(),
        cover_image_url: None,
        dominant_color: None,
        related_terms: None,
        idempotency_key: idempotency_key.into(),
        priority: Priority::Normal,
        publish_before: None,
    }
}

pub fn full_request(idempotency_key: &str) -> PinRequest {
    PinRequest {
        title: "Ten ways to fold a crane – 折り鶴".into(),
        description: Some("Patience and paper.\nNothing else.".into()),
        alt_text: Some("A paper crane".into()),
        link_url: Some("https://example.com/cranes?from=pin&n=1".into()),
        cover_image_url: Some("https://images.example.com/cover.jpg".into()),
        dominant_color: Some("#A1B2C3".into()),
        related_terms: Some(vec!["origami".into(), "paper, folded".into()]),
        priority: Priority::Bulk,
        ..minimal_request(idempotency_key)
    }
}
