//! Boards, their sections, and related terms: what goes through to Pinterest.

use pinbridge_shared::domain::account::board::Privacy as BoardPrivacy;
use schemars::{JsonSchema, json_schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::connections::HealthStatus;
use super::operation::{Example, Operation, delete, get, patch, post, tagged};
use super::pins::ACCOUNT;
use super::refusals::PINTEREST;
use super::types::{FILLED, Flag, Text, Time, inline_schema, names};
use crate::routes::{BOARD_DESCRIPTION_MAX, BOARD_NAME_MAX};

/// The board of the examples.
pub const BOARD: &str = "1000000000000000001";

pub fn operations() -> Vec<Operation> {
    let board = |operation: Operation| {
        operation.path::<Text>("id", "The board's id.", BOARD).refuses(PINTEREST).refuses(&[
            "board_not_found",
            "board_section_not_found",
            "board_access_denied",
            "account_not_permitted",
        ])
    };
    let read = |operation: Operation| operation.required_query::<Uuid>("account_id", "The account.", ACCOUNT);
    tagged(
        "Boards",
        vec![
            read(get("/v1/pinterest/boards", "list_boards", "List an account's boards"))
                .answers::<Vec<Board>>(200, "The boards.")
                .refuses(PINTEREST)
                .refuses(&[
                    "account_not_permitted",
                    "board_not_found",
                    "board_section_not_found",
                    "board_access_denied",
                ]),
            post("/v1/pinterest/boards", "create_board", "Create a board")
                .about("`SECRET` needs the scope `boards:write_secret` (409 `scope_missing` without).")
                .takes::<BoardCreate>()
                .answers::<Board>(201, "The board is created.")
                .refuses(PINTEREST)
                .refuses(&["account_not_permitted", "board_not_found", "board_section_not_found"])
                .refuses(&["board_access_denied", "sandbox_board_limit"]),
            board(patch(
                "/v1/pinterest/boards/{id}",
                "update_board",
                "Rename a board or change its description or privacy",
            ))
            .takes::<BoardUpdate>()
            .answers::<Board>(200, "The board as it is now.")
            .refuses(&["sandbox_board_fixed"]),
            read(board(delete("/v1/pinterest/boards/{id}", "delete_board", "Delete a board with all Pins on it")))
                .answers_nothing("The board is deleted.")
                .refuses(&["sandbox_board_fixed"]),
            read(get(
                "/v1/pinterest/boards/{id}/access",
                "get_board_access",
                "Check whether an account can publish to a board",
            ))
            .about(
                "A wrong board is an answer, not an error. Where Pinterest could not be asked, `status` is `skipped` \
                     and `publishable` false. Answered from a check of the last five minutes unless `fresh=true`.",
            )
            .path::<Text>("id", "The board's id.", BOARD)
            .query::<Flag>("fresh", "Ask Pinterest, whatever is known.")
            .answers::<BoardAccess>(200, "What is known of the board.")
            .refuses(&["not_found", "validation_error", "account_not_permitted"]),
            read(board(get("/v1/pinterest/boards/{id}/sections", "list_board_sections", "List a board's sections")))
                .answers::<Vec<Section>>(200, "The sections."),
            board(post("/v1/pinterest/boards/{id}/sections", "create_board_section", "Create a section of a board"))
                .takes::<SectionCreate>()
                .answers::<Section>(201, "The section is created."),
            read(get(
                "/v1/pinterest/terms/related",
                "list_related_terms",
                "Find terms that Pinterest relates to others",
            ))
            .about("`terms` may be repeated, have commas in it, or both. Needs the scope `ads:read`.")
            .required_query::<Terms>("terms", "The terms.", "paper,crane")
            .query::<Flag>("exact_match", "Keep only what Pinterest says of the terms themselves.")
            .answers::<RelatedTerms>(200, "The related terms.")
            .refuses(PINTEREST)
            .refuses(&[
                "account_not_permitted",
                "board_not_found",
                "board_section_not_found",
                "board_access_denied",
            ]),
        ],
    )
}

inline_schema!(
    /// Whoever can see a new board; in any case.
    Privacy = privacy(&[BoardPrivacy::Public, BoardPrivacy::Protected, BoardPrivacy::Secret])
);
inline_schema!(
    /// Nothing becomes protected later on.
    PrivacyChange = privacy(&[BoardPrivacy::Public, BoardPrivacy::Secret])
);
inline_schema!(
    /// One text; commas separate terms.
    Terms = json_schema!({"type": "string", "minLength": 1})
);
names!(AccessStatus, "`skipped`: Pinterest could not be asked.", ["ok", "failed", "skipped"]);
names!(AccessSource, "Where the answer is from.", ["cache", "pinterest"]);

/// In upper case, as Pinterest writes it; understood in any.
fn privacy(names: &[BoardPrivacy]) -> schemars::Schema {
    let names: Vec<&str> = names.iter().map(|privacy| privacy.name()).collect();
    json_schema!({"type": "string", "enum": names})
}

/// A board to be created.
#[derive(JsonSchema)]
pub struct BoardCreate {
    pub account_id: Uuid,
    #[schemars(length(min = 1, max = BOARD_NAME_MAX), regex(pattern = FILLED))]
    pub name: String,
    #[schemars(length(max = BOARD_DESCRIPTION_MAX))]
    pub description: Option<String>,
    pub privacy: Option<Privacy>,
}

impl Example for BoardCreate {
    fn example() -> Value {
        json!({"account_id": ACCOUNT, "name": "Cranes", "description": "Folded", "privacy": "PUBLIC"})
    }
}

/// What of a board is to be changed: at least one of name, description and privacy.
#[derive(JsonSchema)]
pub struct BoardUpdate {
    pub account_id: Uuid,
    #[schemars(length(min = 1, max = BOARD_NAME_MAX), regex(pattern = FILLED))]
    pub name: Option<String>,
    #[schemars(length(max = BOARD_DESCRIPTION_MAX))]
    pub description: Option<String>,
    pub privacy: Option<PrivacyChange>,
}

impl Example for BoardUpdate {
    fn example() -> Value {
        json!({"account_id": ACCOUNT, "name": "Paper cranes"})
    }
}

/// A board, as Pinterest has it.
#[derive(JsonSchema)]
pub struct Board {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    /// As Pinterest names it.
    pub privacy: Option<String>,
}

impl Example for Board {
    fn example() -> Value {
        json!({"id": BOARD, "name": "Cranes", "description": "Folded", "privacy": "PUBLIC"})
    }
}

/// A section to be created.
#[derive(JsonSchema)]
pub struct SectionCreate {
    pub account_id: Uuid,
    #[schemars(length(min = 1, max = BOARD_NAME_MAX), regex(pattern = FILLED))]
    pub name: String,
}

impl Example for SectionCreate {
    fn example() -> Value {
        json!({"account_id": ACCOUNT, "name": "Small ones"})
    }
}

/// A section of a board.
#[derive(JsonSchema)]
pub struct Section {
    pub id: String,
    pub name: String,
}

impl Example for Section {
    fn example() -> Value {
        json!({"id": "5278694823847", "name": "Small ones"})
    }
}

/// Whether an account can publish to a board.
#[derive(JsonSchema)]
pub struct BoardAccess {
    pub account_id: Uuid,
    pub board_id: String,
    pub publishable: bool,
    pub status: AccessStatus,
    pub code: Option<String>,
    pub message: String,
    pub remediation: Option<String>,
    pub checked_at: Time,
    pub source: AccessSource,
    pub board: Option<Board>,
    pub account_health: AccountHealth,
    pub retry_after_seconds: Option<u64>,
}

/// The account's part in it.
#[derive(JsonSchema)]
pub struct AccountHealth {
    pub status: HealthStatus,
    pub message: String,
    pub reconnect_required: bool,
    pub missing_scopes: Vec<String>,
    pub token_expires_at: Option<Time>,
}

impl Example for BoardAccess {
    fn example() -> Value {
        json!({
            "account_id": ACCOUNT,
            "board_id": BOARD,
            "publishable": true,
            "status": "ok",
            "code": null,
            "message": "The account can reach the board.",
            "remediation": null,
            "checked_at": "2026-11-23T12:00:00.000Z",
            "source": "pinterest",
            "board": Board::example(),
            "account_health": {
                "status": "healthy",
                "message": "The connection works.",
                "reconnect_required": false,
                "missing_scopes": [],
                "token_expires_at": "2026-12-01T09:00:00.000Z",
            },
            "retry_after_seconds": null,
        })
    }
}

/// Terms that Pinterest relates to those asked for.
#[derive(JsonSchema)]
pub struct RelatedTerms {
    pub id: String,
    pub related_term_count: u64,
    pub related_terms_list: Vec<RelatedTo>,
    pub exact_match: bool,
}

/// A term with those that are related to it.
#[derive(JsonSchema)]
pub struct RelatedTo {
    pub term: String,
    pub related_terms: Vec<String>,
}

impl Example for RelatedTerms {
    fn example() -> Value {
        json!({
            "id": "paper",
            "related_term_count": 2,
            "related_terms_list": [{"term": "paper", "related_terms": ["paper crafts", "origami"]}],
            "exact_match": false,
        })
    }
}
