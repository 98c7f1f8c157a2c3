//! Pinterest's JSON, as far as pinbridge needs it. Unknown fields are ignored, missing ones tolerated.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::marks::CUT;
use crate::domain::account::board::{Board, BoardChange, BoardDraft, Privacy, RelatedTerms, RelatedTo, Section};
use crate::domain::pin::PinRequest;
use crate::domain::pin::history::cut;
use crate::domain::reconcile::matching::BoardPin;
use crate::domain::time::Moment;
use crate::ports::PinterestUser;

/// The body that creates a Pin.
#[derive(Serialize)]
pub struct CreatePin<'a> {
    board_id: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dominant_color: Option<&'a str>,
    media_source: MediaSource<'a>,
}

#[derive(Serialize)]
struct MediaSource<'a> {
    source_type: &'static str,
    url: &'a str,
}

impl<'a> CreatePin<'a> {
    pub fn of(request: &'a PinRequest) -> Self {
        // Without `..`: of a new field, this says whether Pinterest gets it.
        let PinRequest {
            account: _,
            board_id,
            title,
            description,
            alt_text,
            link_url,
            image_url,
            cover_image_url: _,
            dominant_color,
            related_terms: _,
            idempotency_key: _,
            priority: _,
            publish_before: _,
        } = request;
        Self {
            board_id,
            title,
            description: description.as_deref(),
            link: link_url.as_deref(),
            alt_text: alt_text.as_deref(),
            dominant_color: dominant_color.as_deref(),
            media_source: MediaSource { source_type: "image_url", url: image_url },
        }
    }
}

/// The answer that names a created Pin.
pub struct Created {
    pub id: String,
}

impl Created {
    /// `None`: the answer names no Pin.
    pub fn read(body: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        Some(Self { id: id_of(answer.get("id")?).filter(|id| is_pin_id(id))? })
    }
}

/// Whether it can be a Pin's id: digits, as many as 64 bits have. What isn't one names no Pin, and would become part of
/// a path when the Pin is read or deleted.
fn is_pin_id(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit()) && id.parse::<u64>().is_ok_and(|id| id > 0)
}

/// An id that names something. Pinterest's ids are texts of digits; a number is taken for one.
fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.trim().to_owned()).filter(|id| !id.is_empty()),
        Value::Number(id) => id.as_u64().filter(|id| *id > 0).map(|id| id.to_string()),
        _ => None,
    }
}

fn read_id<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let value = Value::deserialize(from)?;
    id_of(&value).ok_or_else(|| de::Error::custom("no id"))
}

fn read_id_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Value::deserialize(from).map(|value| id_of(&value))
}

/// A text, or a number in its place. Anything else counts as missing: one field is no reason to lose an answer.
pub fn read_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn read_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    read_text(from).map(Option::unwrap_or_default)
}

/// Where a list goes on. What can't be read is an error: a list that ends too early hides Pins.
fn read_bookmark<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(mark) => Ok(Some(mark)),
        Value::Number(mark) => Ok(Some(mark.to_string())),
        _ => Err(de::Error::custom("no bookmark")),
    }
}

/// A list; `null` is an empty one.
fn read_list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Of a longer message, the beginning and the end are read: the reason may stand behind what it quotes.
const MESSAGE_MAX: usize = 8 * 1024;

/// A refusal. What isn't there, or isn't of its type, is left out.
#[derive(Default)]
pub struct ErrorBody {
    pub code: Option<i64>,
    pub message: String,
}

/// Where a refusal may be within an answer, and its words within it. Pinterest's own form comes first.
const WITHIN: [&str; 5] = ["error", "errors", "data", "detail", "message"];
const CODES: [&str; 2] = ["code", "error_code"];
const MESSAGES: [&str; 6] = ["message", "message_detail", "error_description", "detail", "error", "errors"];
/// A refusal isn't looked for deeper than this.
const DEPTH_MAX: usize = 4;

impl ErrorBody {
    pub fn read(body: &[u8]) -> Self {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let code = found(&answer, DEPTH_MAX, &|object| CODES.iter().find_map(|name| code_of(object.get(*name)?)));
        let message = found(&answer, DEPTH_MAX, &|object| MESSAGES.iter().find_map(|name| text_of(object.get(*name)?)));
        Self { code, message: both_ends(message.unwrap_or_default()) }
    }
}

/// The message, or its beginning and its end. What stands between them is marked as left out.
fn both_ends(message: String) -> String {
    if message.len() <= MESSAGE_MAX {
        return message;
    }
    let from = (message.len() - MESSAGE_MAX / 2..).find(|at| message.is_char_boundary(*at)).unwrap_or(message.len());
    format!("{} … {CUT} … {}", cut(&message, MESSAGE_MAX / 2), &message[from..])
}

/// What `read` finds in the answer, or in what it contains.
fn found<T>(answer: &Value, depth: usize, read: &impl Fn(&Value) -> Option<T>) -> Option<T> {
    if depth == 0 {
        return None;
    }
    match answer {
        Value::Array(answers) => answers.iter().find_map(|answer| found(answer, depth - 1, read)),
        Value::Object(_) => {
            read(answer).or_else(|| WITHIN.iter().find_map(|name| found(answer.get(*name)?, depth - 1, read)))
        }
        _ => None,
    }
}

/// A whole number, however it is written.
fn code_of(value: &Value) -> Option<i64> {
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX)).then_some(number as i64);
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse::<i64>().ok().or_else(|| text.trim().parse().ok().and_then(whole)),
        _ => None,
    }
}

/// Words, or several of them.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
            Some(texts.join(" ")).filter(|text| !text.trim().is_empty())
        }
        Value::Object(fields) => ["text", "message"].iter().find_map(|name| text_of(fields.get(*name)?)),
        _ => None,
    }
}

/// A page of a list. Without a bookmark it is the last.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub struct Page<T> {
    #[serde(default = "Vec::new", deserialize_with = "read_list")]
    pub items: Vec<T>,
    #[serde(default, deserialize_with = "read_bookmark")]
    pub bookmark: Option<String>,
}

/// A Pin of a list. What identifies it must be readable; a field that isn't distinguishes nothing.
#[derive(Deserialize)]
pub struct PinSummary {
    #[serde(deserialize_with = "read_id")]
    id: String,
    #[serde(default, deserialize_with = "read_text")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "read_text")]
    title: Option<String>,
    #[serde(default, deserialize_with = "read_text")]
    description: Option<String>,
    #[serde(default, deserialize_with = "read_text")]
    link: Option<String>,
}

impl From<PinSummary> for BoardPin {
    fn from(pin: PinSummary) -> Self {
        Self {
            id: pin.id,
            created_at: pin.created_at.as_deref().and_then(parse_created_at),
            title: pin.title,
            description: pin.description,
            link: pin.link,
        }
    }
}

/// A board of a list, or an answer about one board.
#[derive(Deserialize)]
pub struct BoardSummary {
    #[serde(deserialize_with = "read_id")]
    id: String,
    #[serde(default, deserialize_with = "read_name")]
    pub name: String,
    #[serde(default, deserialize_with = "read_text")]
    description: Option<String>,
    #[serde(default, deserialize_with = "read_text")]
    privacy: Option<String>,
}

impl From<BoardSummary> for Board {
    fn from(board: BoardSummary) -> Self {
        Self { id: board.id, name: board.name, description: board.description, privacy: board.privacy }
    }
}

/// The body that creates a board, or changes one: fields that are left out stay.
#[derive(Serialize)]
pub struct BoardWrite<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy: Option<&'static str>,
}

impl<'a> BoardWrite<'a> {
    pub fn creating(draft: &'a BoardDraft) -> Self {
        Self {
            name: Some(&draft.name),
            description: draft.description.as_deref(),
            privacy: draft.privacy.map(Privacy::name),
        }
    }

    pub fn changing(change: &'a BoardChange) -> Self {
        Self {
            name: change.name.as_deref(),
            description: change.description.as_deref(),
            privacy: change.privacy.map(Privacy::name),
        }
    }
}

/// A section of a list, or an answer about one section.
#[derive(Deserialize)]
pub struct SectionSummary {
    #[serde(deserialize_with = "read_id")]
    id: String,
    #[serde(default, deserialize_with = "read_name")]
    pub name: String,
}

impl From<SectionSummary> for Section {
    fn from(section: SectionSummary) -> Self {
        Self { id: section.id, name: section.name }
    }
}

/// The schema `RelatedTerms`, none of whose fields is required.
#[derive(Deserialize)]
pub struct TermsAnswer {
    #[serde(default, deserialize_with = "read_id_or_none")]
    id: Option<String>,
    #[serde(default, deserialize_with = "read_list")]
    related_terms_list: Vec<TermGroup>,
}

#[derive(Deserialize)]
struct TermGroup {
    #[serde(default, deserialize_with = "read_name")]
    term: String,
    #[serde(default, deserialize_with = "read_list")]
    related_terms: Vec<String>,
}

impl From<TermsAnswer> for RelatedTerms {
    fn from(answer: TermsAnswer) -> Self {
        let group = |group: TermGroup| RelatedTo { term: group.term, related: group.related_terms };
        Self { id: answer.id, groups: answer.related_terms_list.into_iter().map(group).collect() }
    }
}

/// The user of a token.
#[derive(Deserialize)]
pub struct UserAccount {
    #[serde(default, deserialize_with = "read_id_or_none")]
    id: Option<String>,
    #[serde(default, deserialize_with = "read_text")]
    username: Option<String>,
    #[serde(default, deserialize_with = "read_text")]
    business_name: Option<String>,
}

impl UserAccount {
    /// The user, if the answer names one: by id, or by username where the id is left out.
    pub fn identified(self) -> Option<PinterestUser> {
        let id = self.id.or_else(|| self.username.clone())?;
        Some(PinterestUser { id, username: self.username, business_name: self.business_name })
    }
}

/// Parses a creation time. Pinterest sometimes leaves out the zone: it is UTC then.
pub fn parse_created_at(text: &str) -> Option<Moment> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(Moment(timestamp.as_millisecond()));
    }
    let civil: DateTime = text.parse().ok()?;
    Some(Moment(Offset::UTC.to_timestamp(civil).ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_pin_has_an_id_of_any_form_and_nothing_else_is_one() {
        let id = |body: &str| Created::read(body.as_bytes()).map(|created| created.id);
        for body in [r#"{"id":"42"}"#, r#"{"id":42,"title":null}"#, r#"{"ai_disclosures":{},"id":" 42 "}"#] {
            assert_eq!(id(body).as_deref(), Some("42"), "{body}");
        }
        for body in
            ["", "{}", "[]", "null", r#"{"id":null}"#, r#"{"id":""}"#, r#"{"id":"  "}"#, r#"{"id":{}}"#, "<html>"]
        {
            assert_eq!(id(body), None, "{body}");
        }
        for no_id in ["abc/../def", "-5", "+5", "5.0", "0", "7 8", "٣", "pin", "18446744073709551616", "7?x=1"] {
            assert_eq!(id(&serde_json::json!({"id": no_id}).to_string()), None, "{no_id}");
        }
        for number in ["-5", "0", "5.5", "1e3", "true"] {
            assert_eq!(id(&format!(r#"{{"id":{number}}}"#)), None, "{number}");
        }
        assert_eq!(id(r#"{"id":"813744226420795884"}"#).as_deref(), Some("813744226420795884"));
    }

    #[test]
    fn a_list_of_pins_is_read_whatever_form_its_fields_have() {
        let pins = |items: &str| {
            let body = format!(r#"{{"items":[{items}],"bookmark":null}}"#);
            let page: Page<PinSummary> = serde_json::from_str(&body).ok()?;
            Some(page.items.into_iter().map(BoardPin::from).collect::<Vec<_>>())
        };
        for id in [r#""813744226420795884""#, "813744226420795884", r#"" 813744226420795884 ""#] {
            let read = pins(&format!(r#"{{"id":{id},"title":"T","link":"https://example.com/"}}"#)).expect("readable");
            assert_eq!((read[0].id.as_str(), read[0].title.as_deref()), ("813744226420795884", Some("T")), "{id}");
        }
        let odd = r#"{"id":1,"title":2026,"description":{"text":"no"},"link":false,"created_at":1665625289}"#;
        let wanted =
            BoardPin { id: "1".into(), title: Some("2026".into()), created_at: None, description: None, link: None };
        assert_eq!(pins(odd), Some(vec![wanted]), "the Pin may be ours");
        for no_pin in [r#"{"title":"T"}"#, r#"{"id":null}"#, r#"{"id":""}"#, r#"{"id":{}}"#] {
            assert_eq!(pins(no_pin), None, "{no_pin}: what can't be adopted must not be overlooked");
        }
    }

    #[test]
    fn a_list_goes_on_where_its_bookmark_says_and_one_that_is_unreadable_does_not_end_it() {
        let page = |body: &str| serde_json::from_str::<Page<PinSummary>>(body).ok().map(|page| page.bookmark);
        assert_eq!(page(r#"{"items":[],"bookmark":"b"}"#), Some(Some("b".into())));
        assert_eq!(page(r#"{"items":[],"bookmark":25}"#), Some(Some("25".into())));
        for end in [r#"{"items":[],"bookmark":null}"#, r#"{"items":[]}"#, r#"{"items":null}"#] {
            assert_eq!(page(end), Some(None), "{end}");
        }
        for unreadable in [r#"{"items":[],"bookmark":{}}"#, r#"{"items":[],"bookmark":true}"#, r#"{"items":{}}"#] {
            assert_eq!(page(unreadable), None, "{unreadable}");
        }
    }

    #[test]
    fn boards_sections_users_and_terms_are_read_with_ids_and_names_of_any_form() {
        let board = |body: &str| Board::from(serde_json::from_str::<BoardSummary>(body).expect("a board"));
        for body in [r#"{"id":7,"name":2026}"#, r#"{"id":"7","name":"2026","description":null,"privacy":{}}"#] {
            let board = board(body);
            assert_eq!((board.id.as_str(), board.name.as_str(), board.privacy), ("7", "2026", None), "{body}");
        }
        assert_eq!(board(r#"{"id":7,"name":null}"#).name, "");
        let section: SectionSummary = serde_json::from_str(r#"{"id":7,"name":null}"#).expect("a section");
        assert_eq!(Section::from(section).id, "7");
        let user = |body: &str| serde_json::from_str::<UserAccount>(body).expect("a user").identified();
        let id = |body: &str| user(body).map(|user| user.id);
        assert_eq!(id(r#"{"id":549755885175,"username":"ada"}"#).as_deref(), Some("549755885175"));
        assert_eq!(id(r#"{"id":"549755885175"}"#).as_deref(), Some("549755885175"));
        assert_eq!(id(r#"{"id":"","username":"ada","business_name":7}"#).as_deref(), Some("ada"));
        assert_eq!(id(r#"{"id":{},"username":null}"#), None);
        for body in
            [r#"{"id":7,"related_terms_list":null}"#, r#"{"related_terms_list":[{"term":7,"related_terms":null}]}"#]
        {
            assert!(serde_json::from_str::<TermsAnswer>(body).is_ok(), "{body}");
        }
    }

    #[test]
    fn a_refusals_words_are_read_even_if_its_code_is_not_one() {
        let read = |body: &str| {
            let ErrorBody { code, message } = ErrorBody::read(body.as_bytes());
            (code, message)
        };
        for body in [
            r#"{"code":9,"message":"no"}"#,
            r#"{"code":"9","message":"no"}"#,
            r#"{"code":" 9 ","message":["no"]}"#,
            r#"{"code":9.0,"message":"no"}"#,
            r#"{"code":"9.0","message":"no","status":"failure"}"#,
            r#"{"error":{"code":9,"message":"no"}}"#,
            r#"{"error":{"code":"9","message":"no"},"status":"failure"}"#,
            r#"{"errors":[{"code":9,"message":"no"},{"code":1,"message":"yes"}]}"#,
            r#"{"data":{"error":{"error_code":9,"error_description":"no"}}}"#,
            r#"{"code":9,"message":"","error":{"code":1,"message":"no"}}"#,
            r#"{"message":{"code":9,"message":"no"}}"#,
            r#"[{"code":9,"message":"no"}]"#,
            r#"{"code":9,"errors":["no"]}"#,
        ] {
            assert_eq!(read(body), (Some(9), "no".into()), "{body}");
        }
        for body in [
            r#"{"message":"no"}"#,
            r#"{"code":null,"message":"no"}"#,
            r#"{"code":"E9","message":"no"}"#,
            r#"{"code":9.5,"message":"no"}"#,
            r#"{"code":true,"error":"no"}"#,
            r#"{"code":1e300,"message":"no"}"#,
        ] {
            assert_eq!(read(body), (None, "no".into()), "{body}");
        }
        for body in ["", "<html>", "[]", r#"{"message":{}}"#, r#"{"message":7}"#, "9", r#""no""#] {
            assert_eq!(read(body), (None, String::new()), "{body}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let expected = Some(Moment(1_665_625_289_000));
        assert_eq!(parse_created_at("2022-10-13T01:41:29"), expected);
        assert_eq!(parse_created_at("2022-10-13T01:41:29Z"), expected);
        assert_eq!(parse_created_at("2022-10-13T02:41:29+01:00"), expected);
        assert_eq!(parse_created_at("yesterday"), None);
    }
}
