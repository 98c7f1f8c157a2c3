//! The JSON of a pin in requests and answers, those of a schedule with it. A new field of a pin is described only here.
//! If schedules and imports have it too, its type is in [`fields`](super::fields).

use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::blocker::Blocker;
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::said::words_of;
use pinbridge_shared::domain::pin::{PinRequest, WaitReason, origin, request};
use pinbridge_shared::flows::accept::submit_pins::Submission;
use pinbridge_shared::flows::boards::resolve_boards::Found;
use pinbridge_shared::flows::pins::read_pins::PinView;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::candidate::Candidate;
use super::fields::{
    AltText, BoardId, Color, Description, IdempotencyKey, OnDuplicate, Priority, TaskToken, Terms, Title,
};
use super::options::{IDEMPOTENCY_KEY, ON_DUPLICATE, Options};
use crate::error::ApiError;
use crate::named_board::NamedBoard;
use crate::openapi::schema::{Time, names};
use crate::request::field::{FromFields, HttpUrl, NotNull, Nullable, field_schema, request};
use crate::request::{Fields, refuse_assets};
use crate::routes::examples::{ACCOUNT, BOARD};

names!(
    PinStatus,
    "The status of a pin. `published` and `failed` are final, but a failed pin can be retried.",
    Status::ALL.map(Status::name)
);
names!(
    PinErrorCode,
    "Why a pin failed or waits.",
    Failure::ALL.map(Failure::code).into_iter().chain(WaitReason::ALL.map(WaitReason::code))
);
names!(ActorType, "Who created the pin: an API key or a person.", ["api_key", "user"]);

request! {
    /// What a new pin, a row of an import and a new schedule have in common.
    pub struct PinContent {
        /// The id of the connected account that publishes the pin.
        pub account_id: Uuid,
        /// The id of a board that the account can publish to. Extension: or its name, which `resolved` answers.
        pub board_id: BoardId,
        pub title: Title,
        pub description: Option<Description>,
        pub alt_text: Option<AltText>,
        /// The page that the Pin links to.
        pub link_url: Option<HttpUrl>,
        /// The URL of the image. Pinterest fetches it.
        pub image_url: HttpUrl,
        pub cover_image_url: Option<HttpUrl>,
        /// Six hexadecimal digits, such as `#6E7874`.
        pub dominant_color: Option<Color>,
        /// Keywords. They are stored with the pin and not sent to Pinterest.
        pub related_terms: Option<Terms>,
        /// Extension: the priority among the waiting pins of the account. The default is `normal`.
        pub priority: Option<Priority>,
        /// Extension: no attempt starts at this time or later; the pin fails with `too_late` instead. A time in the
        /// future, with an offset; for a schedule, a time after `run_at`. A repeated request may have another time: the
        /// first one counts.
        pub publish_before: Option<Time>,
    }
}

impl PinContent {
    /// The request with that key and, unless the content has a priority, the priority of the call or its default.
    pub fn into_request(self, key: String, options: &Options, priority_default: request::Priority) -> PinRequest {
        PinRequest {
            account: AccountId(self.account_id),
            board_id: self.board_id.0,
            title: self.title.0,
            description: self.description.map(|text| text.0),
            alt_text: self.alt_text.map(|text| text.0),
            link_url: self.link_url.map(|url| url.0),
            image_url: self.image_url.0,
            cover_image_url: self.cover_image_url.map(|url| url.0),
            dominant_color: self.dominant_color.and_then(|color| color.0),
            related_terms: self.related_terms.and_then(|terms| terms.0),
            idempotency_key: key,
            priority: options.priority(self.priority, priority_default),
            publish_before: options.publish_before(self.publish_before),
        }
    }
}

/// A pin to create.
#[derive(JsonSchema)]
pub struct PinCreate {
    #[schemars(flatten)]
    pub content: PinContent,
    /// The identifier of the pin in your system. A repeated request with the same key creates no second pin.
    pub idempotency_key: IdempotencyKey,
    /// Extension: with `refuse`, the request answers 409 `duplicate_content` if a pin of the last 24 hours has the same
    /// content. The default is `warn`.
    pub on_duplicate: Option<OnDuplicate>,
    /// Extension of `POST /v1/pins`, and no field of an item or a row: the token of a task of Step Functions that waits
    /// for the end of the pin. It is a secret, so no answer has it.
    pub task_token: Option<TaskToken>,
}

/// The example of a request that creates a pin.
pub fn example() -> Value {
    json!({
        "account_id": ACCOUNT,
        "board_id": BOARD,
        "title": "Ten ways to fold a paper crane",
        "description": "Patience and paper.",
        "alt_text": "A paper crane on a table",
        "link_url": "https://example.com/cranes",
        "image_url": "https://images.example.com/crane.jpg",
        "dominant_color": "#6E7874",
        "related_terms": ["paper", "crane"],
        "idempotency_key": "cranes-2026-11-23",
    })
}

/// The names of the fields beside the content: those that no pin can have yet, or that not every operation takes, are
/// refused where they stand.
const OTHER_NAMES: [&str; 7] =
    [IDEMPOTENCY_KEY, ON_DUPLICATE, "run_at", "asset_id", "cover_image_asset_id", "media_type", "video_url"];

/// Whether a pin, a row of an import or a column of its file can have a field of the name.
pub fn is_known(name: &str) -> bool {
    PinContent::NAMES.contains(&name) || OTHER_NAMES.contains(&name)
}

/// A pin that was read, with what the request says about it.
#[derive(Debug)]
pub struct Wanted {
    pub request: PinRequest,
    pub refuses_duplicates: bool,
    /// Unknown fields.
    pub unknown: Vec<String>,
}

impl Wanted {
    /// What is submitted of it, and its unknown fields.
    pub fn submitted_by(self, origin: origin::Origin) -> (Submission, Vec<String>) {
        let Self { request, refuses_duplicates, unknown } = self;
        (Submission { request, origin, refuses_duplicates }, unknown)
    }
}

/// Reads a new pin.
///
/// # Errors
/// Every invalid field, or that the pin needs assets.
pub fn parse(
    body: &Map<String, Value>,
    options: &Options,
    priority_default: request::Priority,
) -> Result<Wanted, ApiError> {
    refuse_assets(body)?;
    let body = options.keyed(body);
    let mut fields = Fields::of(&body);
    // If it were ignored, the pin would be published now.
    if fields.value("run_at").is_some() {
        let msg = "This operation publishes at once. To publish at a set time, use POST /v1/schedules";
        fields.reject("run_at", msg, "value_error");
    }
    if fields.value("asset_id").is_some() {
        fields.reject("asset_id", "Send image_url without asset_id", "value_error");
    }
    let content = PinContent::from_fields(&mut fields);
    let key = fields.read::<IdempotencyKey>(IDEMPOTENCY_KEY);
    let on_duplicate = fields.read(ON_DUPLICATE);
    let unknown = fields.all_ignored(&options.unknown, is_known);
    let ((content, key), on_duplicate) = fields.finish_with(content.zip(key).zip(on_duplicate))?;
    let request = content.into_request(key.0, options, priority_default);
    Ok(Wanted { request, refuses_duplicates: options.refuses_duplicates(on_duplicate), unknown })
}

request! {
    /// The changes of a pin. An omitted field keeps its value; `null` clears an optional field.
    #[schemars(inline, deny_unknown_fields)]
    pub struct PinUpdate {
        #[schemars(transform = never_null)]
        pub title: Option<NotNull<Title>>,
        pub description: Option<Nullable<Description>>,
        pub alt_text: Option<Nullable<AltText>>,
        pub link_url: Option<Nullable<HttpUrl>>,
        /// Extension: the URL of another image, such as after a failure because of the image.
        #[schemars(transform = never_null)]
        pub image_url: Option<NotNull<HttpUrl>>,
        #[schemars(transform = never_null)]
        pub board_id: Option<NotNull<BoardId>>,
        /// Extension: a time in the future.
        pub publish_before: Option<Nullable<Time>>,
    }
}

/// An optional text that can't be null.
fn never_null(schema: &mut Schema) {
    schema.insert("type".to_owned(), "string".into());
}

impl PinUpdate {
    /// Reads the changes.
    ///
    /// # Errors
    /// Every invalid field.
    pub fn parse(body: &Map<String, Value>) -> Result<Edit, ApiError> {
        let mut fields = Fields::of(body);
        let update = Self::from_fields(&mut fields);
        // If it were ignored, the pin would be published with the value that the caller believes to have changed.
        let msg = "This field can't be changed. To publish other content, create a pin with a new idempotency key";
        fields.only_of::<Self>(msg);
        fields.finish_with(update).map(Edit::from)
    }
}

impl From<PinUpdate> for Edit {
    fn from(update: PinUpdate) -> Self {
        Self {
            title: update.title.map(|NotNull(text)| text.0),
            description: update.description.map(|Nullable(text)| text.map(|text| text.0)),
            alt_text: update.alt_text.map(|Nullable(text)| text.map(|text| text.0)),
            link_url: update.link_url.map(|Nullable(url)| url.map(|url| url.0)),
            image_url: update.image_url.map(|NotNull(url)| url.0),
            board_id: update.board_id.map(|NotNull(board)| board.0),
            publish_before: update.publish_before.map(|Nullable(time)| time.map(|time| time.0)),
            account: None,
            by: None,
        }
    }
}

/// The kind of media. This version has images only.
#[derive(Clone, Copy, Debug)]
pub struct MediaType;

field_schema!(MediaType = |_| json_schema!({"type": "string", "enum": ["image"]}));

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("image")
    }
}

/// Who created a pin, and the schedule or import that it came from.
#[derive(Serialize, JsonSchema)]
pub struct Origin {
    pub actor_type: Option<ActorType>,
    pub actor_id: Option<Uuid>,
    pub schedule_id: Option<Uuid>,
    /// The run of the schedule, from 0: the number of its pins before this one. A retry publishes the same pin again,
    /// unless it is gone.
    pub schedule_run: Option<u32>,
    pub import_id: Option<Uuid>,
    /// The number of the row in the import, from 1.
    pub import_row: Option<u32>,
}

impl From<&origin::Origin> for Origin {
    fn from(origin: &origin::Origin) -> Self {
        let actor = origin.by.map(|actor| match actor {
            origin::Actor::Key(id) => ("api_key", id.0),
            origin::Actor::User(id) => ("user", id.0),
        });
        Self {
            actor_type: actor.map(|(kind, _)| ActorType(kind)),
            actor_id: actor.map(|(_, id)| id),
            schedule_id: origin.schedule.map(|(id, _)| id.0),
            schedule_run: origin.schedule.map(|(_, run)| run),
            import_id: origin.import.map(|(id, _)| id.0),
            import_row: origin.import.map(|(_, row)| row),
        }
    }
}

/// A pin.
#[derive(Serialize, JsonSchema)]
pub struct Pin {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub pinterest_account_id: Uuid,
    pub status: PinStatus,
    pub media_type: MediaType,
    pub title: String,
    pub description: Option<String>,
    pub related_terms: Option<Vec<String>>,
    pub alt_text: Option<String>,
    /// `#RRGGBB`, upper-case.
    pub dominant_color: Option<String>,
    pub cover_image_url: Option<String>,
    pub link_url: Option<String>,
    pub media_url: String,
    pub image_url: String,
    pub asset_id: Option<Uuid>,
    pub board_id: String,
    /// The id of the Pin on Pinterest. Set when the pin is published.
    pub pinterest_pin_id: Option<String>,
    pub error_code: Option<PinErrorCode>,
    pub error_message: Option<String>,
    pub idempotency_key: String,
    pub created_at: Time,
    pub updated_at: Time,
    /// When this system learned that Pinterest has the Pin: from its answer, or because the Pin was found on its board.
    pub published_at: Option<Time>,
    pub failed_at: Option<Time>,
    /// The time when the published Pin was found missing on Pinterest.
    pub removed_from_pinterest_at: Option<Time>,
    /// Extension: the priority among the waiting pins of the account.
    pub priority: Priority,
    /// Extension: no attempt starts at this time or later.
    pub publish_before: Option<Time>,
    /// Extension: the number of attempts to publish.
    pub attempts: u32,
    /// Extension: the next action: `publish`, `retry`, `look_up` (read the board), `record_outcome`, `give_up`
    /// (fail with `too_late`), or `none` if the pin is finished. If only a person helps, what helps:
    /// `reconnect_account`, `upgrade_app_access` or `check_app_access`.
    pub next_action: &'static str,
    /// Extension: the time of the next action. `null` if it is not known, and always if a person has to act first.
    pub next_at: Option<Time>,
    /// Extension: the reason for that action and time.
    pub next_reason: String,
    /// Extension: who created the pin, and the schedule or import that it came from.
    pub origin: Origin,
    /// Extension: the number of changes.
    pub edits: u32,
    /// Extension: what you can do about the error.
    pub error_remediation: Option<&'static str>,
    /// Extension: of a pin that failed with `outcome_ambiguous`, the Pins on its board that could be this one, at most
    /// ten. Absent otherwise, and in lists. `POST /v1/pins/{id}/resolve` takes the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<Vec<Candidate>>,
    /// Extension: the id of a Pin on Pinterest that an attempt may have created in addition.
    pub orphan_pin_id: Option<String>,
    /// Extension: the id of a second Pin on Pinterest with the same content.
    pub duplicate_pin_id: Option<String>,
}

impl Pin {
    /// The pin with the Pins that could be this one.
    pub fn with_candidates(self, candidates: Option<Vec<Candidate>>) -> Self {
        Self { candidates, ..self }
    }
}

impl From<&PinView> for Pin {
    fn from(PinView { pin, attempt, blocker, next }: &PinView) -> Self {
        // Without `..`: the answer has every field.
        let PinRequest {
            account,
            board_id,
            title,
            description,
            alt_text,
            link_url,
            image_url,
            cover_image_url,
            dominant_color,
            related_terms,
            idempotency_key,
            priority,
            publish_before,
        } = pin.request.clone();
        let finished_as = |status| attempt.finished_at.filter(|_| attempt.status == status).map(Time);
        Self {
            id: pin.key.pin.0,
            workspace_id: pin.key.workspace.0,
            pinterest_account_id: account.0,
            status: PinStatus(attempt.status.name()),
            media_type: MediaType,
            title,
            description,
            related_terms,
            alt_text,
            dominant_color,
            cover_image_url,
            link_url,
            media_url: image_url.clone(),
            image_url,
            asset_id: None,
            board_id,
            pinterest_pin_id: attempt.pinterest_pin_id.clone(),
            error_code: code(*blocker),
            error_message: message(*blocker, attempt),
            idempotency_key,
            created_at: Time(pin.created_at),
            updated_at: Time(attempt.updated_at),
            published_at: finished_as(Status::Published),
            failed_at: finished_as(Status::Failed),
            removed_from_pinterest_at: attempt.removed_at.map(Time),
            priority: priority.into(),
            publish_before: publish_before.map(Time),
            attempts: attempt.attempt,
            next_action: next.action,
            next_at: next.at.map(Time),
            next_reason: next.reason.clone(),
            origin: Origin::from(&pin.origin),
            edits: pin.edit,
            error_remediation: blocker.map(|blocker| blocker.remedy(attempt.status)),
            candidates: None,
            orphan_pin_id: attempt.orphan_pin_id.clone(),
            duplicate_pin_id: attempt.duplicate_pin_id.clone(),
        }
    }
}

/// The content of the pin, with every field that the n8n node reads.
#[derive(Serialize, JsonSchema)]
pub struct SchedulePayload {
    pub account_id: Uuid,
    pub board_id: String,
    pub title: String,
    pub description: Option<String>,
    pub link_url: Option<String>,
    pub media_type: MediaType,
    pub media_url: String,
    pub image_url: String,
    pub asset_id: Option<Uuid>,
    pub cover_image_url: Option<String>,
    pub cover_image_asset_id: Option<Uuid>,
    /// Extension.
    pub alt_text: Option<String>,
    /// Extension.
    pub related_terms: Option<Vec<String>>,
    /// Extension.
    pub dominant_color: Option<String>,
    /// Extension: the priority among the waiting pins of the account.
    pub priority: Priority,
    /// Extension: no attempt starts at this time or later.
    pub publish_before: Option<Time>,
}

impl From<&PinRequest> for SchedulePayload {
    fn from(request: &PinRequest) -> Self {
        // Without `..`: the answer has every field; the key is the schedule's.
        let PinRequest {
            account,
            board_id,
            title,
            description,
            alt_text,
            link_url,
            image_url,
            cover_image_url,
            dominant_color,
            related_terms,
            idempotency_key: _,
            priority,
            publish_before,
        } = request.clone();
        Self {
            account_id: account.0,
            board_id,
            title,
            description,
            link_url,
            media_type: MediaType,
            media_url: image_url.clone(),
            image_url,
            asset_id: None,
            cover_image_url,
            cover_image_asset_id: None,
            alt_text,
            related_terms,
            dominant_color,
            priority: priority.into(),
            publish_before: publish_before.map(Time),
        }
    }
}

/// What the words of a request mean.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Meant {
    pub board: NamedBoard,
}

impl Meant {
    /// `None`: the request has the id itself.
    pub fn by(found: &Found) -> Option<Self> {
        let board = NamedBoard { id: found.id.clone(), name: found.name.clone()? };
        Some(Self { board })
    }
}

/// The request as the API reads it, for a dry run. `found`: the board that it means.
pub fn resolved(request: &PinRequest, found: Option<&Found>) -> Value {
    // Without `..`: the answer has every field.
    let PinRequest {
        account,
        board_id,
        title,
        description,
        alt_text,
        link_url,
        image_url,
        cover_image_url,
        dominant_color,
        related_terms,
        idempotency_key,
        priority,
        publish_before,
    } = request;
    json!({
        "idempotency_key": idempotency_key,
        "account_id": account,
        "board_id": found.map_or(board_id, |found| &found.id),
        "board": found.and_then(Meant::by).map(|meant| meant.board),
        "title": title,
        "description": description,
        "alt_text": alt_text,
        "link_url": link_url,
        "media_type": MediaType,
        "image_url": image_url,
        "cover_image_url": cover_image_url,
        "dominant_color": dominant_color,
        "related_terms": related_terms,
        "priority": priority.name(),
        "publish_before": publish_before.map(Time),
    })
}

pub fn code(blocker: Option<Blocker>) -> Option<PinErrorCode> {
    blocker.map(|blocker| PinErrorCode(blocker.code()))
}

/// The message of what the pin failed with or waits for. Pinterest's words belong to the failure of the pin's own last
/// attempt.
pub fn message(blocker: Option<Blocker>, attempt: &Attempt) -> Option<String> {
    blocker.map(|blocker| match blocker {
        Blocker::Failure(failure) if attempt.failure == Some(failure) => {
            with_detail(failure, attempt.detail.as_deref())
        }
        Blocker::Unreadable(_) => with_detail(Failure::OutcomeUnknown, attempt.detail.as_deref()),
        other => other.message().to_owned(),
    })
}

fn with_detail(failure: Failure, detail: Option<&str>) -> String {
    match words_of(detail) {
        Some(detail) => format!("{} Pinterest said: {detail}", failure.message()),
        None => failure.message().to_owned(),
    }
}
