//! `ScheduleCreate` and `ScheduleUpdate` of the hosted API with the extensions `alt_text`, `related_terms`,
//! `dominant_color`, `priority`, `publish_before`, `on_duplicate` and `idempotency_key`. The last four are also
//! headers, because the official client's typed models drop unknown fields.

use http::HeaderMap;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::request;
use pinbridge_shared::domain::schedule::ScheduleChange;
use pinbridge_shared::flows::schedules::ScheduleRequest;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::openapi::schema::Time;
use crate::request::field::{FromFields, HttpUrl, NotNull, Nullable, request};
use crate::request::{Fields, has, refuse_assets};
use crate::routes::examples::{ACCOUNT, BOARD};
use crate::routes::pins::fields::{
    AltText, BoardId, Color, Description, IdempotencyKey, OnDuplicate, Priority, Terms, Title,
};
use crate::routes::pins::options::{self, Options, PRIORITY_HEADER};
use crate::routes::pins::pin::{PinContent, is_known};

/// A pin to publish at a set time.
#[derive(JsonSchema)]
pub struct ScheduleCreate {
    #[schemars(flatten)]
    pub content: PinContent,
    #[schemars(flatten)]
    pub own: ScheduleOptions,
}

request! {
    /// What a schedule has beside the content of its pin.
    pub struct ScheduleOptions {
        /// The time to publish: a time with an offset, at most two years in the future.
        pub run_at: Time,
        /// Extension: the identifier of the schedule in your system. A repeated request with the same key creates no
        /// second schedule.
        pub idempotency_key: Option<IdempotencyKey>,
        /// Extension: with `refuse`, the request answers 409 `duplicate_content` if a pin of the last 24 hours has the
        /// same content. Other schedules are not compared. The default is `warn`.
        pub on_duplicate: Option<OnDuplicate>,
    }
}

request! {
    /// The changes of a schedule. An omitted field keeps its value; `null` clears an optional field. `run_at`,
    /// `board_id`, `title` and `image_url` can't be cleared.
    pub struct ScheduleUpdate {
        pub run_at: Option<NotNull<Time>>,
        pub board_id: Option<NotNull<BoardId>>,
        pub title: Option<NotNull<Title>>,
        pub image_url: Option<NotNull<HttpUrl>>,
        /// Extension.
        pub priority: Option<Priority>,
        pub description: Option<Nullable<Description>>,
        /// Extension.
        pub alt_text: Option<Nullable<AltText>>,
        pub link_url: Option<Nullable<HttpUrl>>,
        pub cover_image_url: Option<Nullable<HttpUrl>>,
        /// Extension.
        pub dominant_color: Option<Nullable<Color>>,
        /// Extension.
        pub related_terms: Option<Nullable<Terms>>,
        /// Extension.
        pub publish_before: Option<Nullable<Time>>,
    }
}

/// The fields that `PATCH` refuses with another message, or ignores.
const NOT_CHANGEABLE: [&str; 5] = ["account_id", "idempotency_key", "asset_id", "cover_image_asset_id", "media_type"];

/// The fields of the body, unless it needs assets.
fn fields_of(body: &Map<String, Value>) -> Result<Fields<'_>, ApiError> {
    refuse_assets(body)?;
    let mut fields = Fields::of(body);
    if has(body, "asset_id") {
        fields.reject("asset_id", "Send image_url without asset_id", "value_error");
    }
    Ok(fields)
}

/// A schedule that was read, with what the request says about it.
pub struct Wanted {
    pub asked: ScheduleRequest,
    pub refuses_duplicates: bool,
    /// Unknown fields.
    pub unknown: Vec<String>,
}

impl ScheduleCreate {
    pub fn example() -> Value {
        json!({
            "account_id": ACCOUNT,
            "run_at": "2027-01-15T09:30:00+01:00",
            "board_id": BOARD,
            "title": "Ten ways to fold a paper crane",
            "description": "Patience and paper.",
            "link_url": "https://example.com/cranes",
            "image_url": "https://images.example.com/crane.jpg",
            "idempotency_key": "cranes-2027-01-15",
        })
    }

    /// # Errors
    /// Every invalid field, or that the schedule needs assets.
    pub fn read(body: &Map<String, Value>, options: &Options, origin: Origin) -> Result<Wanted, ApiError> {
        let body = options.keyed(body);
        let mut fields = fields_of(&body)?;
        let content = PinContent::from_fields(&mut fields);
        let own = ScheduleOptions::from_fields(&mut fields);
        let unknown = fields.all_ignored(&options.unknown, is_known);
        let (content, own) = fields.finish_with(content.zip(own))?;
        let key = own.idempotency_key.map(|key| key.0).unwrap_or_default();
        let request = content.into_request(key, options, request::Priority::default());
        let asked = ScheduleRequest { request, run_at: own.run_at.0, origin };
        Ok(Wanted { asked, refuses_duplicates: options.refuses_duplicates(own.on_duplicate), unknown })
    }
}

impl ScheduleUpdate {
    /// Reads the changes.
    ///
    /// # Errors
    /// Every invalid field, or that the schedule needs assets.
    pub fn read(body: &Map<String, Value>, headers: &HeaderMap) -> Result<ScheduleChange, ApiError> {
        let mut fields = fields_of(body)?;
        refuse_fixed(body, &mut fields);
        let update = Self::from_fields(&mut fields);
        let update = fields.finish_with(update)?;
        Ok(ScheduleChange {
            run_at: update.run_at.map(|NotNull(time)| time.0),
            board_id: update.board_id.map(|NotNull(id)| id.0),
            title: update.title.map(|NotNull(text)| text.0),
            image_url: update.image_url.map(|NotNull(url)| url.0),
            priority: update.priority.or(options::header(headers, PRIORITY_HEADER)?).map(Into::into),
            description: update.description.map(|Nullable(text)| text.map(|text| text.0)),
            alt_text: update.alt_text.map(|Nullable(text)| text.map(|text| text.0)),
            link_url: update.link_url.map(|Nullable(url)| url.map(|url| url.0)),
            cover_image_url: update.cover_image_url.map(|Nullable(url)| url.map(|url| url.0)),
            dominant_color: update.dominant_color.map(|Nullable(color)| color.and_then(|color| color.0)),
            related_terms: update.related_terms.map(|Nullable(terms)| terms.and_then(|terms| terms.0)),
            publish_before: update.publish_before.map(|Nullable(time)| time.map(|time| time.0)),
            by: None,
        })
    }
}

/// Rejects the fields that can't be changed.
fn refuse_fixed(body: &Map<String, Value>, fields: &mut Fields<'_>) {
    for name in ["account_id", "idempotency_key"] {
        if has(body, name) {
            fields.reject(name, "This field can't be changed. Create a new schedule instead", "not_supported");
        }
    }
    // If it were ignored, the schedule would publish what the caller believes to have changed.
    let is_known = |name: &str| ScheduleUpdate::NAMES.contains(&name) || NOT_CHANGEABLE.contains(&name);
    fields.only(is_known, "This field can't be changed");
}
