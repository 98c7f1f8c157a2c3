//! The boards of a connected account and their sections. Every operation calls Pinterest.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::board::{self, BoardChange, BoardDraft, Privacy, is_board_id};
use pinbridge_shared::domain::ids::{AccountId, AccountKey, BoardKey};
use pinbridge_shared::flows::boards;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::activity::Resource;
use crate::answer::{self, ABOUT_LEFT_OUT, Entry};
use crate::auth::Caller;
use crate::endpoint::{DESTRUCTIVE, Endpoint, READ, WRITE, delete, get, patch, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, BOARD_ACCESS_DENIED, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND, PINTEREST,
    SANDBOX_BOARD_FIXED, SANDBOX_BOARD_LIMIT,
};
use crate::openapi::schema;
use crate::request::field::{Field, FromFields, Line, Text, Wrong, field_schema, request};
use crate::request::options::Unknown;
use crate::request::{self, Fields, JsonObject, query};
use crate::routes::examples::{ACCOUNT, BOARD};

/// The longest name of a board, in characters, as in the hosted API. Pinterest's limit may be lower.
const NAME_MAX: usize = 180;
/// The longest description of a board, in characters. Pinterest documents no limit for boards; this is that of Pins.
const DESCRIPTION_MAX: usize = 800;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Boards",
        vec![
            of_account(get("/v1/pinterest/boards", READ, list))
                .operation("list_boards", "List the boards of an account")
                .answers::<Vec<Board>>(200, "The boards.")
                .with_header::<schema::Text>("X-Pinbridge-Left-Out", false, ABOUT_LEFT_OUT),
            fails(post("/v1/pinterest/boards", WRITE, create))
                .exact()
                .operation("create_board", "Create a board")
                .about(
                    "A `SECRET` board needs Pinterest's scope `boards:write_secret`. Without it, the answer is 409 \
                     `scope_missing`. An unknown field is an error: without `privacy`, everybody sees the board.",
                )
                .audited("board.created", Resource::Answer("id"), &["name"])
                .takes::<BoardCreate>(
                    || json!({"account_id": ACCOUNT, "name": "Cranes", "description": "Folded", "privacy": "PUBLIC"}),
                )
                .answers::<Board>(201, "The created board.")
                .fails(&[SANDBOX_BOARD_LIMIT]),
            of_board(fails(patch("/v1/pinterest/boards/{id}", WRITE, update)))
                .operation("update_board", "Rename a board or change its description or privacy")
                .audited("board.updated", Resource::Path, &["name"])
                .takes::<BoardUpdate>(|| json!({"account_id": ACCOUNT, "name": "Paper cranes"}))
                .answers::<Board>(200, "The changed board.")
                .fails(&[SANDBOX_BOARD_FIXED]),
            of_board(of_account(delete("/v1/pinterest/boards/{id}", DESTRUCTIVE, remove)))
                .operation("delete_board", "Delete a board and its Pins")
                .audited("board.deleted", Resource::Path, &[])
                .about(
                    "Deletes the board and all Pins on it from Pinterest. The published pins of this system keep their \
                     status, and get `removed_from_pinterest_at`: the newest at once, the others within minutes.",
                )
                .answers_nothing("The board is deleted.")
                .fails(&[SANDBOX_BOARD_FIXED]),
            of_board(of_account(get("/v1/pinterest/boards/{id}/sections", READ, sections)))
                .operation("list_board_sections", "List the sections of a board")
                .answers::<Vec<Section>>(200, "The sections."),
            of_board(fails(post("/v1/pinterest/boards/{id}/sections", WRITE, create_section)))
                .operation("create_board_section", "Create a section of a board")
                .audited("board_section.created", Resource::Path, &["id", "name"])
                .takes::<SectionCreate>(|| json!({"account_id": ACCOUNT, "name": "Small ones"}))
                .answers::<Section>(201, "The created section."),
        ],
    )
}

/// The errors of every operation on boards.
pub fn fails(endpoint: Endpoint) -> Endpoint {
    endpoint.fails(PINTEREST).fails(&[
        ACCOUNT_NOT_PERMITTED,
        BOARD_NOT_FOUND,
        BOARD_SECTION_NOT_FOUND,
        BOARD_ACCESS_DENIED,
    ])
}

fn of_account(endpoint: Endpoint) -> Endpoint {
    fails(endpoint.required_query::<Uuid>("account_id", "The id of the account.", ACCOUNT))
}

fn of_board(endpoint: Endpoint) -> Endpoint {
    endpoint.path::<String>("id", "The id of the board.", BOARD)
}

request! {
    /// A board to create.
    #[schemars(deny_unknown_fields)]
    pub struct BoardCreate {
        pub account_id: Uuid,
        pub name: Line<NAME_MAX>,
        pub description: Option<Text<DESCRIPTION_MAX>>,
        pub privacy: Option<NewPrivacy>,
    }
}

request! {
    /// The changes of a board. At least one of `name`, `description` and `privacy` is required.
    #[schemars(deny_unknown_fields)]
    pub struct BoardUpdate {
        pub account_id: Uuid,
        pub name: Option<Line<NAME_MAX>>,
        pub description: Option<Text<DESCRIPTION_MAX>>,
        pub privacy: Option<PrivacyChange>,
    }
}

request! {
    /// A section to create.
    pub struct SectionCreate {
        pub account_id: Uuid,
        pub name: Line<NAME_MAX>,
    }
}

/// The privacy of a new board, in upper or lower case.
#[derive(Clone, Copy, Debug)]
pub struct NewPrivacy(Privacy);

/// The new privacy of an existing board, which can't become protected.
#[derive(Clone, Copy, Debug)]
pub struct PrivacyChange(Privacy);

const NEW: [Privacy; 3] = [Privacy::Public, Privacy::Protected, Privacy::Secret];
const CHANGED: [Privacy; 2] = [Privacy::Public, Privacy::Secret];

field_schema!(NewPrivacy = |_| json_schema!({"type": "string", "enum": NEW.map(Privacy::name)}));
field_schema!(PrivacyChange = |_| json_schema!({"type": "string", "enum": CHANGED.map(Privacy::name)}));

impl Field for NewPrivacy {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        privacy(value, &NEW).map(Self)
    }
}

impl Field for PrivacyChange {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        privacy(value, &CHANGED).map(Self)
    }
}

fn privacy(value: &Value, allowed: &[Privacy]) -> Result<Privacy, Wrong> {
    let Text(name) = Text::<NAME_MAX>::parse(value)?;
    let privacy = Privacy::parse(&name).filter(|privacy| allowed.contains(privacy));
    privacy.ok_or_else(|| Wrong::not_one_of(&allowed.iter().map(|one| one.name()).collect::<Vec<_>>()))
}

/// A board on Pinterest.
#[derive(Serialize, JsonSchema)]
pub struct Board {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    /// Pinterest's name of the privacy.
    pub privacy: Option<String>,
}

impl Entry for Board {
    const LONG: &'static str = "description";

    fn without_long(self) -> Self {
        Self { description: None, ..self }
    }
}

impl From<board::Board> for Board {
    fn from(board: board::Board) -> Self {
        let board::Board { id, name, description, privacy } = board;
        Self { id, name, description, privacy }
    }
}

/// A section of a board.
#[derive(Serialize, JsonSchema)]
pub struct Section {
    pub id: String,
    pub name: String,
}

impl From<board::Section> for Section {
    fn from(board::Section { id, name }: board::Section) -> Self {
        Self { id, name }
    }
}

async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<query::Query>,
) -> Result<Response, ApiError> {
    let account = caller.account(query::account_id(&query)?)?;
    let boards = boards::boards(&context, account).await?;
    Ok(answer::list(boards.into_iter().map(Board::from).collect()))
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    request::Json(body): request::Json<BoardCreate>,
) -> Result<(StatusCode, Json<Board>), ApiError> {
    let draft = BoardDraft {
        name: body.name.0,
        description: body.description.map(|text| text.0),
        privacy: body.privacy.map(|privacy| privacy.0),
    };
    let board = boards::create_board(&context, caller.account(AccountId(body.account_id))?, &draft).await?;
    Ok((StatusCode::CREATED, Json(board.into())))
}

async fn update(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    unknown: Unknown,
    JsonObject(body): JsonObject,
) -> Result<Json<Board>, ApiError> {
    let mut fields = Fields::of(&body);
    let update = BoardUpdate::from_fields(&mut fields);
    fields.ignored(&unknown, |name| BoardUpdate::NAMES.contains(&name));
    if ["name", "description", "privacy"].iter().all(|name| fields.value(name).is_none()) {
        fields.reject_whole("Send at least one of name, description and privacy", "missing");
    }
    let update = fields.finish_with(update)?;
    let change = BoardChange {
        name: update.name.map(|name| name.0),
        description: update.description.map(|text| text.0),
        privacy: update.privacy.map(|privacy| privacy.0),
    };
    let board = key(caller.account(AccountId(update.account_id))?, id)?;
    Ok(Json(boards::update_board(&context, &board, &change).await?.into()))
}

async fn remove(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<query::Query>,
) -> Result<StatusCode, ApiError> {
    let board = key(caller.account(query::account_id(&query)?)?, id)?;
    boards::delete_board(&context, &board).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn sections(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<query::Query>,
) -> Result<Json<Vec<Section>>, ApiError> {
    let board = key(caller.account(query::account_id(&query)?)?, id)?;
    let sections = boards::sections(&context, &board).await?;
    Ok(Json(sections.into_iter().map(Section::from).collect()))
}

async fn create_section(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    request::Json(body): request::Json<SectionCreate>,
) -> Result<(StatusCode, Json<Section>), ApiError> {
    let board = key(caller.account(AccountId(body.account_id))?, id)?;
    let section = boards::create_section(&context, &board, &body.name.0).await?;
    Ok((StatusCode::CREATED, Json(section.into())))
}

/// The key of the board. A text that can't be an id of a board names no board.
fn key(account: AccountKey, board_id: String) -> Result<BoardKey, ApiError> {
    if is_board_id(&board_id) { Ok(BoardKey { account, board_id }) } else { Err(BOARD_NOT_FOUND.into()) }
}
