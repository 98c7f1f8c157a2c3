//! Runs one operation on many pins or schedules independently.

use std::collections::BTreeSet;
use std::future::Future;

use axum::Json;
use futures_util::stream::{self, StreamExt};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::error::ApiError;
use crate::error::codes::Code;
use crate::openapi::schema::{Time, names};
use crate::request::field::{Field, Nullable, Wrong, field_schema, list, request, uuid_at};

/// The maximum number of ids of a request.
pub const BULK_MAX: usize = 100;
/// The number of ids that a request handles concurrently.
const AT_ONCE: usize = 10;
/// The fields of the answer that the entry in the activity log repeats.
pub const COUNTS: &[&str] = &["succeeded_count", "skipped_count", "failed_count"];

request! {
    /// The ids of pins or schedules.
    #[schemars(deny_unknown_fields)]
    pub struct BulkIds {
        pub ids: Ids,
    }
}

request! {
    /// The ids of failed pins or schedules to retry.
    #[schemars(deny_unknown_fields)]
    pub struct BulkRetry {
        pub ids: Ids,
        /// Extension: `true` retries even if that may create a second Pin.
        pub accept_duplicate: Option<bool>,
        /// Extension: a later `publish_before` of all of them; `null` clears it.
        pub publish_before: Option<Nullable<Time>>,
    }
}

/// Ids. A repeated id counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids(pub Vec<Uuid>);

field_schema!(
    Ids = |generator| json_schema!({
        "type": "array", "items": generator.subschema_for::<Uuid>(), "minItems": 1, "maxItems": BULK_MAX
    })
);

impl Field for Ids {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let ids = list(value, BULK_MAX)?.iter().enumerate().map(|(index, item)| uuid_at(index, item));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        Ok(Self(ids.into_iter().filter(|id| seen.insert(*id)).collect()))
    }
}

names!(
    BulkStatus,
    "The result of one id. `skipped`: there was nothing to do, or the status does not allow the \
     operation.",
    ["succeeded", "skipped", "failed"]
);

/// The result of one id.
#[derive(Serialize, JsonSchema)]
pub struct BulkItemResult {
    pub id: Uuid,
    pub status: BulkStatus,
    pub error_code: Option<&'static str>,
    pub error_message: Option<String>,
}

/// The results of all ids, in the order of the request.
#[derive(Serialize, JsonSchema)]
pub struct BulkResult {
    pub succeeded_count: u64,
    pub skipped_count: u64,
    pub failed_count: u64,
    pub results: Vec<BulkItemResult>,
}

/// Runs the operation on each id. An error with one of the codes `skipped` means that the status of the pin or schedule
/// doesn't allow the operation, or that there is nothing to do.
pub async fn each<F, Fut>(Ids(ids): Ids, skipped: &[Code], work: F) -> Json<BulkResult>
where
    F: Fn(Uuid) -> Fut,
    Fut: Future<Output = Result<(), ApiError>>,
{
    let tasks: Vec<Fut> = ids.iter().map(|id| work(*id)).collect();
    let outcomes: Vec<Result<(), ApiError>> = stream::iter(tasks).buffered(AT_ONCE).collect().await;
    let results: Vec<BulkItemResult> =
        ids.into_iter().zip(outcomes).map(|(id, outcome)| result(id, outcome.err(), skipped)).collect();
    let count = |status: &str| results.iter().filter(|result| result.status.0 == status).count() as u64;
    Json(BulkResult {
        succeeded_count: count("succeeded"),
        skipped_count: count("skipped"),
        failed_count: count("failed"),
        results,
    })
}

fn result(id: Uuid, error: Option<ApiError>, skipped: &[Code]) -> BulkItemResult {
    let error_code = error.as_ref().map(ApiError::code);
    let status = match error_code {
        None => "succeeded",
        Some(code) if skipped.iter().any(|skipped| skipped.code() == code) => "skipped",
        Some(_) => "failed",
    };
    BulkItemResult {
        id,
        status: BulkStatus(status),
        error_code,
        error_message: error.map(|error| error.message().to_owned()),
    }
}
