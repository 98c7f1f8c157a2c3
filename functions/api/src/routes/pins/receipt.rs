//! The receipt of a pin: a signed statement of what happened to it, and the public keys that verify one.

use axum::Json;
use axum::extract::{Path, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::jws::ALGORITHM;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::candidate;
use pinbridge_shared::domain::pin::receipt::{self as facts, RECEIPT_VERSION};
use pinbridge_shared::domain::receipt_key::{CURVE, KEY_TYPE, PublicKey};
use pinbridge_shared::flows::pins::name_actors::named;
use pinbridge_shared::flows::pins::read_pins::{self, PinView};
use pinbridge_shared::flows::pins::receipt::{self, Signed};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::candidate::Candidate;
use super::pin::{Origin, PinErrorCode, PinStatus};
use super::{find, of_pin};
use crate::auth::Caller;
use crate::endpoint::{Endpoint, PUBLIC, READ, get};
use crate::error::ApiError;
use crate::openapi::schema::{Time, names};

pub fn endpoint() -> Endpoint {
    of_pin(get("/v1/pins/{id}/receipt", READ, read))
        .operation("get_pin_receipt", "Read the receipt of a pin")
        .about(
            "Extension. Answers what happened to the pin as a signed statement, which anybody can verify with the keys \
             of `/.well-known/pinbridge-receipt-keys.json`, also when the pin's rows have expired. `receipt` is a JWS \
             in the compact form (Ed25519, `EdDSA`) with the type `pinbridge-receipt+jwt`; its payload is `claims`. A \
             receipt says what was known at `issued_at`: of a pin that isn't finished, a later one says more.",
        )
        .answers::<PinReceipt>(200, "The receipt.")
}

pub fn keys_endpoint() -> Endpoint {
    get("/.well-known/pinbridge-receipt-keys.json", PUBLIC, keys)
        .operation("get_receipt_keys", "Read the keys that verify receipts")
        .about(
            "Extension. A JWK set (RFC 7517). The first key signs; the others signed earlier receipts. The id of a key \
             is its thumbprint (RFC 7638). If a receipt names a key that your copy lacks, read the set again.",
        )
        .answers::<ReceiptKeys>(200, "The keys.")
}

names!(
    ReceiptAttemptOutcome,
    "What came of an attempt. `started`: nothing else is recorded yet. `not_sent`: the call was never sent. \
     `published`: Pinterest answered with the Pin. `found_on_board`, `not_on_board`: the answer was lost, and the board \
     showed the Pin, or did not. `refused_by_pinterest`: Pinterest answered that it created no Pin. \
     `found_by_person`, `absent_by_person`: the answer was lost, the board could not decide, and a person decided which \
     Pin it is, or that there is none. `unknown`: the answer was lost, and the board has not decided. `not_recorded`: \
     the events are no longer kept.",
    facts::AttemptOutcome::ALL.map(facts::AttemptOutcome::name)
);
names!(
    OutcomeKnownBy,
    "How the outcome of the pin is known. `pinterest_answered`: Pinterest answered with the Pin. `found_on_board`: the \
     answer was lost, and the board showed the Pin. `refused_by_pinterest`: Pinterest refused the last call. \
     `not_on_board`: the answer to the last call was lost, and the board did not show a Pin. `decided_by_person`: a \
     person decided which Pin it is, or that there is none. `not_attempted`: no call was ever sent. `not_finished`: the \
     pin is not finished. `unknown`: a call may have created a Pin, or the events that tell are no longer kept.",
    facts::KnownBy::ALL.map(facts::KnownBy::name)
);

/// The receipt of a pin.
#[derive(Serialize, JsonSchema)]
pub struct PinReceipt {
    /// The claims, signed: a JWS in the compact form.
    pub receipt: String,
    /// The id of the key that signed it.
    pub kid: String,
    /// The claims, readable. Only those in `receipt` are signed.
    pub claims: ReceiptClaims,
}

/// What a receipt says.
#[derive(Serialize, JsonSchema)]
pub struct ReceiptClaims {
    /// The origin of the API that signed the receipt. Absent if the deployment has no address of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The version of these claims: 1. Fields may be added under the same version.
    pub receipt_version: u32,
    pub issued_at: Time,
    pub workspace_id: Uuid,
    pub pin_id: Uuid,
    pub account_id: Uuid,
    pub board_id: String,
    /// Who requested the pin, and the schedule or import that it came from.
    pub requested_by: Requester,
    /// The time when the pin was accepted.
    pub requested_at: Time,
    pub idempotency_key: String,
    /// The SHA-256 of the pin's content, in lower-case hexadecimal digits, over this JSON: an object with the fields
    /// `account_id`, `alt_text`, `board_id`, `cover_image_url`, `description`, `dominant_color`, `image_url`,
    /// `link_url`, `related_terms` and `title` that are not `null`, with the values that `GET /v1/pins/{id}` answers
    /// (`account_id` is its `pinterest_account_id`), in this order, without blanks, in UTF-8, with only the characters
    /// escaped that JSON requires (RFC 8785).
    pub content_hash: String,
    /// The number of changes of the content that the hash includes.
    pub edits: u32,
    pub status: PinStatus,
    /// Why the pin failed. `null` otherwise.
    pub error_code: Option<PinErrorCode>,
    /// The attempts in order, as far as the history of the pin has them.
    pub attempts: Vec<ReceiptAttempt>,
    /// The number of attempts in all.
    pub attempts_made: u32,
    /// The number of events that the history of the pin no longer has. If it is not 0, `attempts` may lack some.
    pub events_omitted: u32,
    pub outcome_known_by: OutcomeKnownBy,
    /// The id of the Pin on Pinterest.
    pub pinterest_pin_id: Option<String>,
    /// The time when this system learned that Pinterest has the Pin, or when the pin failed. Of a Pin that was found on
    /// its board, or that a person decided on, Pinterest created it earlier: `created_on_pinterest_at`.
    pub finished_at: Option<Time>,
    /// Of a Pin that was found or decided on, the time when Pinterest created it, to the second, if the board showed
    /// that.
    pub created_on_pinterest_at: Option<Time>,
    /// The time of the last recorded reading of the board that could have shown a second Pin of this pin, and showed
    /// none. The board is read after a lost answer, so `null` is usual. It is also `null` if several Pins were seen
    /// since, and if a person has to decide. A Pin that Pinterest created or listed later is not excluded.
    pub no_second_pin_seen_until: Option<Time>,
    /// Of a pin that failed with `outcome_ambiguous`, the Pins on its board that could be this one, at most ten. Absent
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<Vec<Candidate>>,
    /// The id of a second Pin on Pinterest with the same content, which a later reading found.
    pub duplicate_pin_id: Option<String>,
    /// The id of a Pin on Pinterest that an attempt created in addition.
    pub orphan_pin_id: Option<String>,
    /// The time when the published Pin was found missing on Pinterest.
    pub removed_from_pinterest_at: Option<Time>,
}

/// Who requested a pin, and by which request.
#[derive(Serialize, JsonSchema)]
pub struct Requester {
    #[serde(flatten)]
    pub origin: Origin,
    /// The name of the key or the person at `issued_at`. `null` if it has none, or if the key or the person is gone.
    pub actor_name: Option<String>,
    /// The `x-request-id` of the request that submitted the pin. `null` for pins of schedules and imports, and for
    /// those that earlier versions accepted.
    pub request_id: Option<String>,
}

/// One attempt to publish a pin.
#[derive(Serialize, JsonSchema)]
pub struct ReceiptAttempt {
    /// From 1.
    pub number: u32,
    /// `null` if the history of the pin no longer has it.
    pub started_at: Option<Time>,
    pub outcome: ReceiptAttemptOutcome,
    /// The HTTP status of Pinterest's answer to the call.
    pub upstream_status: Option<u16>,
    /// The request id of that answer.
    pub upstream_request_id: Option<String>,
}

impl ReceiptClaims {
    /// `actor_name` is of whom requested the pin.
    fn of(
        context: &Context,
        view: &PinView,
        actor_name: Option<String>,
        candidates: Vec<candidate::Candidate>,
    ) -> Self {
        let PinView { pin, attempt, .. } = view;
        let facts = receipt::of_pin(context, view);
        let issuer = context.settings.api_url.trim_end_matches('/');
        let failure = attempt.failure.filter(|_| attempt.status == Status::Failed);
        Self {
            iss: (!issuer.is_empty()).then(|| issuer.to_owned()),
            receipt_version: RECEIPT_VERSION,
            issued_at: Time(context.system.now()),
            workspace_id: pin.key.workspace.0,
            pin_id: pin.key.pin.0,
            account_id: pin.request.account.0,
            board_id: pin.request.board_id.clone(),
            requested_by: Requester {
                origin: Origin::from(&pin.origin),
                actor_name,
                request_id: pin.origin.request.map(|id| id.as_str().to_owned()),
            },
            requested_at: Time(pin.created_at),
            idempotency_key: pin.request.idempotency_key.clone(),
            content_hash: facts.content_hash,
            edits: pin.edit,
            status: PinStatus(attempt.status.name()),
            error_code: failure.map(|failure| PinErrorCode(failure.code())),
            attempts: facts.attempts.into_iter().map(ReceiptAttempt::from).collect(),
            attempts_made: attempt.attempt,
            events_omitted: facts.events_omitted,
            outcome_known_by: OutcomeKnownBy(facts.known_by.name()),
            pinterest_pin_id: attempt.pinterest_pin_id.clone(),
            finished_at: attempt.finished_at.map(Time),
            created_on_pinterest_at: facts.created_on_pinterest_at.map(Time),
            no_second_pin_seen_until: facts.no_second_pin_seen_until.map(Time),
            candidates: Candidate::all(&pin.request, candidates),
            duplicate_pin_id: attempt.duplicate_pin_id.clone(),
            orphan_pin_id: attempt.orphan_pin_id.clone(),
            removed_from_pinterest_at: attempt.removed_at.map(Time),
        }
    }
}

impl From<facts::AttemptRecord> for ReceiptAttempt {
    fn from(record: facts::AttemptRecord) -> Self {
        Self {
            number: record.number,
            started_at: record.started_at.map(Time),
            outcome: ReceiptAttemptOutcome(record.outcome.name()),
            upstream_status: record.upstream_status,
            upstream_request_id: record.upstream_request_id,
        }
    }
}

names!(JwkType, "Always `OKP`.", [KEY_TYPE]);
names!(JwkCurve, "Always `Ed25519`.", [CURVE]);
names!(JwkAlgorithm, "Always `EdDSA`.", [ALGORITHM]);
names!(JwkUse, "Always `sig`.", ["sig"]);

/// The keys that verify receipts: a JWK set.
#[derive(Serialize, JsonSchema)]
pub struct ReceiptKeys {
    /// The first key signs.
    pub keys: Vec<ReceiptKey>,
}

/// A public key: a JWK (RFC 8037).
#[derive(Serialize, JsonSchema)]
pub struct ReceiptKey {
    pub kty: JwkType,
    pub crv: JwkCurve,
    /// The key in URL-safe Base64.
    pub x: String,
    /// The thumbprint of the key.
    pub kid: String,
    #[serde(rename = "use")]
    pub usage: JwkUse,
    pub alg: JwkAlgorithm,
}

impl From<PublicKey> for ReceiptKey {
    fn from(PublicKey { kid, x }: PublicKey) -> Self {
        Self {
            kty: JwkType(KEY_TYPE),
            crv: JwkCurve(CURVE),
            x,
            kid,
            usage: JwkUse("sig"),
            alg: JwkAlgorithm(ALGORITHM),
        }
    }
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<PinReceipt>, ApiError> {
    let view = find(&context, &caller, &id).await?;
    let by = named(&context, caller.workspace, view.pin.origin.by).await?;
    let candidates = read_pins::candidates(&context, &view).await?;
    let claims = ReceiptClaims::of(&context, &view, by.and_then(|by| by.name), candidates);
    let Signed { receipt, kid } = receipt::sign(&context, &claims).await?;
    Ok(Json(PinReceipt { receipt, kid, claims }))
}

async fn keys(State(context): State<Context>) -> Result<Json<ReceiptKeys>, ApiError> {
    let keys = context.receipt_keys.public().await?;
    Ok(Json(ReceiptKeys { keys: keys.into_iter().map(ReceiptKey::from).collect() }))
}
