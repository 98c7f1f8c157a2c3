//! Whether an account can publish to a board.

use axum::Json;
use axum::extract::{Path, Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::BoardKey;
use pinbridge_shared::flows::boards::board_access::{self, AccessError, Obstacle, board_access};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::boards::Board;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, NOT_FOUND, VALIDATION_ERROR};
use crate::error::pinterest::whole_seconds;
use crate::openapi::schema::{Flag, Time, names};
use crate::request::query;
use crate::routes::accounts::HealthStatus;
use crate::routes::examples::{ACCOUNT, BOARD};

/// The wait after a check that could not be made, in seconds.
const CHECK_AGAIN_AFTER_S: u64 = 30;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Boards",
        vec![
            get("/v1/pinterest/boards/{id}/access", READ, read)
                .operation("get_board_access", "Check whether an account can publish to a board")
                .about(
                    "Answers 200 for an unknown board too, with `status` `failed`. If Pinterest can't be reached, \
                     `status` is `skipped` and `publishable` is `false`. `code` `board_deleted` means that the board \
                     existed before. The answer can be up to five minutes old unless the request has `fresh=true`.",
                )
                .path::<String>("id", "The id of the board.", BOARD)
                .required_query::<Uuid>("account_id", "The id of the account.", ACCOUNT)
                .query::<Flag>("fresh", "Read the board from Pinterest, even if a recent answer is known.")
                .answers::<BoardAccess>(200, "The result of the check.")
                .fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
        ],
    )
}

names!(
    AccessStatus,
    "The result of the check. `skipped`: Pinterest could not be reached.",
    ["ok", "failed", "skipped"]
);
names!(AccessSource, "The source of the answer: a recent check, or Pinterest.", ["cache", "pinterest"]);

/// Whether an account can publish to a board.
#[derive(Serialize, JsonSchema)]
pub struct BoardAccess {
    pub account_id: Uuid,
    pub board_id: String,
    pub publishable: bool,
    pub status: AccessStatus,
    pub code: Option<&'static str>,
    pub message: String,
    pub remediation: Option<&'static str>,
    pub checked_at: Time,
    pub source: AccessSource,
    pub board: Option<Board>,
    pub account_health: AccountHealth,
    pub retry_after_seconds: Option<u64>,
}

/// The health of the account's connection.
#[derive(Serialize, JsonSchema)]
pub struct AccountHealth {
    pub status: HealthStatus,
    pub message: String,
    pub reconnect_required: bool,
    pub missing_scopes: Vec<String>,
    pub token_expires_at: Option<Time>,
}

impl BoardAccess {
    pub fn of(board_id: &str, access: &board_access::BoardAccess) -> Self {
        let (health, obstacle) = (access.health, access.obstacle.as_ref());
        Self {
            account_id: access.account.key.account.0,
            board_id: board_id.to_owned(),
            publishable: obstacle.is_none() && health.publishes(),
            status: AccessStatus(obstacle.map_or("ok", |it| if it.is_unchecked() { "skipped" } else { "failed" })),
            code: obstacle.map(Obstacle::code),
            message: obstacle.map_or_else(|| "The account can reach the board.".to_owned(), Obstacle::message),
            remediation: obstacle.map(Obstacle::remedy),
            checked_at: Time(access.checked_at),
            source: AccessSource(if access.asked { "pinterest" } else { "cache" }),
            board: access.board.clone().map(Board::from),
            account_health: AccountHealth {
                status: HealthStatus(health.name()),
                message: health.message(),
                reconnect_required: health.needs_reconnect(),
                missing_scopes: access.account.missing_scopes(),
                token_expires_at: access.account.life.access_expires_at.map(Time),
            },
            retry_after_seconds: obstacle.and_then(check_again_after_s),
        }
    }
}

fn check_again_after_s(obstacle: &Obstacle) -> Option<u64> {
    match obstacle {
        Obstacle::RateLimited { retry_after_ms } => whole_seconds(Some(*retry_after_ms)),
        Obstacle::Unreachable => Some(CHECK_AGAIN_AFTER_S),
        _ => None,
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::AccountNotFound => Self::not_found("account"),
            AccessError::Port(error) => error.into(),
        }
    }
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<query::Query>,
) -> Result<Json<BoardAccess>, ApiError> {
    let fresh = query::flag(&query, "fresh")?;
    // An unknown board is no error.
    let board = BoardKey { account: caller.account(query::account_id(&query)?)?, board_id: id };
    let access = board_access(&context, &board, fresh).await?;
    Ok(Json(BoardAccess::of(&board.board_id, &access)))
}
