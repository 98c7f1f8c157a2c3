//! The questions that a support person gets, each answered from a pin's timeline alone.
//!
//! Each test asserts the sentence that answers its question. The whole timelines are in `timelines/`, with stable names
//! in place of ids. The clock is virtual, so the times are the same in every run. This writes them anew:
//!
//! ```sh
//! UPDATE_TIMELINES=1 cargo test --workspace --test it api::timeline_situations
//! ```

use std::collections::BTreeMap;

use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_pinterest::{Answer, Refusal};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::flows::accept_numbered;
use crate::support::api::{Api, As};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/api/timelines");
/// The first board that the fake makes.
pub(super) const BOARD: &str = "700000000000000002";
/// [`START`], as sentences have it.
const AT_START: &str = "1 Jan 2026 at 00:00:00 UTC";

/// Refusals in Pinterest's words, as the tests of the error table have them.
const RATE_LIMITED: Refusal = Refusal {
    failure: Failure::RateLimited,
    retry_after_ms: Some(10 * MINUTE_MS),
    status: 429,
    code: 8,
    words: "You have exceeded your rate limit.",
};
const SPAM_BLOCK: Refusal = Refusal {
    failure: Failure::SpamBlock,
    retry_after_ms: None,
    status: 403,
    code: 9,
    words: "Sorry! You've hit a block (Pins) we have in place to combat spam.",
};
const IMAGE_BROKEN: Refusal = Refusal {
    failure: Failure::ImageBroken,
    retry_after_ms: None,
    status: 403,
    code: 235,
    words: "Sorry, this image is broken. Please pick a different image.",
};
const BOARD_GONE: Refusal =
    Refusal { failure: Failure::BoardNotFound, retry_after_ms: None, status: 404, code: 40, words: "Board not found." };
const REVOKED: Refusal = Refusal {
    failure: Failure::TokenRevoked,
    retry_after_ms: None,
    status: 401,
    code: 2,
    words: "Authentication failed.",
};

pub(super) async fn api() -> Api {
    let api = Api::new().await;
    assert_eq!(api.world.boards.add("Cranes"), BOARD);
    api
}

pub(super) fn pin(key: &str) -> Value {
    json!({"account_id": testdata::account(), "board_id": BOARD, "title": format!("Crane {key}"),
           "image_url": "https://images.example.com/a.jpg", "idempotency_key": key})
}

pub(super) async fn ask(api: &Api, method: &str, path: &str, body: Value) -> (u16, Value) {
    api.call(method, path, As::Key(&api.key), body).await
}

async fn create(api: &Api, key: &str) -> String {
    let (status, made) = ask(api, "POST", "/v1/pins", pin(key)).await;
    assert_eq!(status, 201, "{made}");
    text(&made, "id").to_owned()
}

/// A pin whose coming calls are answered so, a moment after it was sent.
async fn answered(answers: impl IntoIterator<Item = Answer>) -> (Api, String) {
    let api = api().await;
    // A board without any Pin proves nothing.
    api.world.pinterest.add_stranger(BOARD, "Somebody's soup");
    api.world.pinterest.answer_next(answers);
    let id = create(&api, "crane").await;
    api.world.run_for_ms(SECOND_MS).await;
    (api, id)
}

pub(super) async fn timeline(api: &Api, id: &str) -> Value {
    let (status, timeline) = ask(api, "GET", &format!("/v1/pins/{id}/timeline"), Value::Null).await;
    assert_eq!(status, 200, "{timeline}");
    timeline
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

pub(super) fn time(value: &Value) -> Moment {
    value.as_str().and_then(Moment::parse_rfc3339).unwrap_or_else(|| panic!("{value} is no time"))
}

/// The sentence of the first event of that type.
pub(super) fn told<'a>(timeline: &'a Value, kind: &str) -> &'a str {
    let mut events = timeline["events"].as_array().expect("events").iter();
    text(events.find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{kind} in {timeline}")), "text")
}

/// Compares the sentences of a pin's timeline with those of the file, or writes them.
fn compare(name: &str, timeline: &Value) {
    for event in timeline["events"].as_array().expect("events") {
        assert_eq!(event["type"], event["event"], "{event}");
    }
    compare_sentences(name, timeline);
}

/// The same of any timeline.
pub(super) fn compare_sentences(name: &str, timeline: &Value) {
    let lines = ["summary", "pinterest_url", "error_remediation"].map(|name| line(name, &timeline[name]));
    let next = line("next", &timeline["next"]["reason"]);
    let events = timeline["events"].as_array().expect("events").iter();
    let events = events.map(|event| line(text(event, "type"), &event["text"]));
    let shown: String = lines.into_iter().chain([next]).chain(events).flatten().collect();
    compare_text(name, &shown);
}

/// Compares the text with that of the file, or writes it.
fn compare_text(name: &str, shown: &str) {
    let shown = with_stable_names(shown);
    let path = format!("{FOLDER}/{name}.txt");
    if std::env::var_os("UPDATE_TIMELINES").is_some() {
        std::fs::create_dir_all(FOLDER).expect("a folder");
        std::fs::write(&path, &shown).expect("written");
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{path}: {error}. UPDATE_TIMELINES=1 writes it; read it before you commit it:\n{shown}")
    });
    assert_eq!(shown, wanted, "{path}");
}

fn line(name: &str, value: &Value) -> Option<String> {
    value.as_str().map(|text| format!("{name}: {text}\n"))
}

/// The text with the same name for the same id.
fn with_stable_names(text: &str) -> String {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut word = |word: &str| {
        let core = word.trim_matches(|sign: char| !sign.is_ascii_alphanumeric());
        if Uuid::try_parse(core).is_err() || !core.contains('-') {
            return word.to_owned();
        }
        let next = names.len() + 1;
        let number = *names.entry(core.to_owned()).or_insert(next);
        word.replacen(core, &format!("{{id {number}}}"), 1)
    };
    let lines = text.lines().map(|line| line.split(' ').map(&mut word).collect::<Vec<_>>().join(" ") + "\n");
    lines.collect()
}

#[test]
fn ids_have_stable_names() {
    let id = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    let other = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let shown = with_stable_names(&format!("a: {id} at 00:00:01 UTC, ({id}).\nb: {other}, 2026\n"));
    assert_eq!(shown, "a: {id 1} at 00:00:01 UTC, ({id 1}).\nb: {id 2}, 2026\n");
}

#[tokio::test]
async fn a_published_pin() {
    let (api, id) = answered([Answer::Created]).await;
    let shown = timeline(&api, &id).await;
    assert_eq!(text(&shown, "summary"), format!("Published on {AT_START}."));
    let url = format!("https://www.pinterest.com/pin/{}/", text(&shown, "pinterest_pin_id"));
    assert_eq!((text(&shown, "pinterest_url"), text(&shown, "published_at_source")), (url.as_str(), "answer"));
    let accepted = &shown["events"][0];
    assert_eq!((text(&accepted["by"], "type"), text(&accepted["by"], "name")), ("api_key", "first key"));
    let request = text(&accepted["origin"], "request_id");
    assert_eq!(
        told(&shown, "accepted"),
        format!(
            "The pin was accepted on {AT_START} from the API key \"first key\". The id of that request is {request}."
        )
    );
    compare("01-published", &shown);
}

#[tokio::test]
async fn a_pin_behind_others() {
    let api = api().await;
    accept_numbered(&api.world, 0..150).await;
    let id = create(&api, "crane").await;
    let shown = timeline(&api, &id).await;
    let (place, at) = (&shown["next"]["queue_position"], time(&shown["next"]["at"]));
    assert!(place.as_u64().is_some_and(|place| (4..=20).contains(&place)), "{shown}");
    assert_eq!(
        text(&shown, "summary"),
        format!(
            "Not published yet. The account's pace is 50 at once, then 1 a second; this pin is {place}th in \
             the account's backlog, behind any pins that have a slot, at about {}.",
            at.clock_time(api.world.now())
        )
    );
    compare("02-pacing", &shown);
}

#[tokio::test]
async fn a_rate_limit() {
    let (api, id) = answered([Answer::Worded(RATE_LIMITED)]).await;
    let shown = timeline(&api, &id).await;
    let at = time(&shown["next"]["at"]).clock_time(api.world.now());
    assert_eq!(
        text(&shown, "summary"),
        format!(
            "Not published yet. Pinterest asked this account to slow down. No pin of it starts before 1 Jan 2026 at \
             00:10:00 UTC; this one starts in its turn. It starts at about {at}."
        )
    );
    compare("03-rate-limited", &shown);
    api.world.run_for_ms(15 * MINUTE_MS).await;
    let shown = timeline(&api, &id).await;
    let at = time(&shown["published_at"]).in_words();
    assert_eq!(
        text(&shown, "summary"),
        format!(
            "Published on {at} on the second attempt. The first attempt did not publish it: Pinterest asked this \
             account to slow down."
        )
    );
    compare("03-rate-limited-then-published", &shown);
}

#[tokio::test]
async fn a_spam_block() {
    let (api, id) = answered([Answer::Worded(SPAM_BLOCK)]).await;
    let shown = timeline(&api, &id).await;
    let at = time(&shown["next"]["at"]).clock_time(api.world.now());
    assert_eq!(
        text(&shown, "summary"),
        format!(
            "Not published yet. Pinterest blocks this account for behaviour that looks like spam. No pin of it starts \
             before 1 Jan 2026 at 04:00:00 UTC; this one starts in its turn. It starts at about {at}. {}",
            Failure::SpamBlock.remedy()
        )
    );
    compare("04-spam-block", &shown);
}

#[tokio::test]
async fn a_lost_answer_whose_pin_was_found() {
    let (api, id) = answered([Answer::LOST_WITH_COMMIT]).await;
    let open = timeline(&api, &id).await;
    assert!(text(&open, "summary").starts_with("It is not known yet whether the pin is published. "), "{open}");
    compare("05-lost", &open);
    api.world.run_for_ms(5 * MINUTE_MS).await;
    let shown = timeline(&api, &id).await;
    let at = time(&shown["published_at"]);
    assert!(at >= START.plus_ms(2 * MINUTE_MS), "{shown}");
    assert_eq!(
        text(&shown, "summary"),
        format!(
            "Published. The answer to the first attempt was lost; the Pin was found on the board on {}; Pinterest \
             created it on {AT_START}.",
            at.in_words()
        )
    );
    assert_eq!(text(&shown, "published_at_source"), "board");
    assert_eq!(time(&shown["created_on_pinterest_at"]), START);
    compare("05-found", &shown);
}

#[tokio::test]
async fn a_lost_answer_whose_pin_was_never_created() {
    let (api, id) = answered([Answer::LOST_WITHOUT_COMMIT]).await;
    api.world.run_for_ms(10 * MINUTE_MS).await;
    let shown = timeline(&api, &id).await;
    let at = time(&shown["published_at"]).in_words();
    assert_eq!(
        text(&shown, "summary"),
        format!(
            "Published on {at} on the second attempt; the first answer was lost, and the board was checked before the \
             second."
        )
    );
    assert_eq!(shown["created_on_pinterest_at"], Value::Null);
    compare("06-sent-again", &shown);
    // A board without any Pin.
    let api = self::api().await;
    api.world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let id = create(&api, "crane").await;
    api.world.run_for_ms(5 * MINUTE_MS).await;
    let shown = timeline(&api, &id).await;
    let begins = "It is not known yet whether the pin is published. No answer came from Pinterest, and the board shows \
                  no Pins at all, which proves nothing before 1 Jan 2026 at 06:00:00 UTC: until then the board is read \
                  again, and the pin is not sent. The next reading of the board is at about ";
    assert!(text(&shown, "summary").starts_with(begins), "{shown}");
    compare("06-empty-board", &shown);
}

#[tokio::test]
async fn a_refused_pin_says_why_and_how_it_is_mended() {
    let board = format!("The id of the board is {BOARD}.");
    for (refusal, subject, name) in [
        (IMAGE_BROKEN, "The image was at images.example.com.", "07-image-broken"),
        (BOARD_GONE, board.as_str(), "08-board-gone"),
    ] {
        let Refusal { failure, words, .. } = refusal;
        let (api, id) = answered([Answer::Worded(refusal)]).await;
        let shown = timeline(&api, &id).await;
        assert_eq!(
            text(&shown, "summary"),
            format!(
                "Not published: the pin failed on {AT_START}: {} {subject} Pinterest said: \"{words}\" {}",
                failure.message(),
                failure.remedy()
            )
        );
        assert_eq!(text(&shown["next"], "reason"), format!("The pin failed. {}", failure.remedy()));
        assert!(failure.remedy().contains("POST /v1/pins/{id}/retry"), "{}", failure.remedy());
        compare(name, &shown);
    }
}

#[tokio::test]
async fn a_revoked_connection() {
    let api = api().await;
    api.world.pinterest.answer_next(std::iter::repeat_n(Answer::Worded(REVOKED), 20));
    let id = create(&api, "crane").await;
    api.world.run_for_ms(5 * MINUTE_MS).await;
    let shown = timeline(&api, &id).await;
    let summary = text(&shown, "summary");
    assert!(summary.starts_with("Not published yet. ") && summary.contains("Reconnect the account"), "{summary}");
    assert!(!summary.contains("at about"), "only a person ends it: {summary}");
    compare("09-revoked", &shown);
}

#[tokio::test]
async fn a_dead_lettered_pin() {
    let api = api().await;
    let id = create(&api, "crane").await;
    assert_eq!(api.world.queue.lose_all(), 1);
    let key = PinKey { workspace: testdata::workspace(), pin: PinId(id.parse().expect("an id")) };
    let message = PublishMessage::new(key, testdata::account(), 0, None);
    let message = serde_json::to_string(&message).expect("plain data");
    api.world.queue.insert(QueueName::DeadLetters, message, api.world.now());
    assert!(api.world.run_dead_letters_once().await);
    let shown = timeline(&api, &id).await;
    let failure = Failure::DeadLettered;
    assert_eq!(
        text(&shown, "summary"),
        format!("Not published: the pin failed on {AT_START}: {} {}", failure.message(), failure.remedy())
    );
    compare("10-dead-lettered", &shown);
}

fn schedule(title: &str, run_at: Moment) -> Value {
    json!({"account_id": testdata::account(), "board_id": BOARD, "title": title, "run_at": run_at.rfc3339(),
           "image_url": "https://images.example.com/a.jpg"})
}

/// Creates a schedule; returns its path.
pub(super) async fn plan(api: &Api, run_at: Moment) -> String {
    let (status, made) = ask(api, "POST", "/v1/schedules", schedule("Crane", run_at)).await;
    assert_eq!(status, 201, "{made}");
    format!("/v1/schedules/{}", text(&made, "id"))
}

pub(super) async fn pin_of(api: &Api, schedule: &str) -> String {
    let (status, read) = ask(api, "GET", schedule, Value::Null).await;
    assert_eq!(status, 200, "{read}");
    text(&read, "pin_id").to_owned()
}

/// Its timeline can't be read any more; the answer says what became of it.
#[tokio::test]
async fn a_canceled_schedule() {
    let api = api().await;
    let path = plan(&api, START.plus_ms(5 * MINUTE_MS)).await;
    api.world.run_for_ms(4 * MINUTE_MS).await;
    let id = pin_of(&api, &path).await;
    assert_eq!(ask(&api, "POST", &format!("{path}/cancel"), Value::Null).await.0, 200);
    let path = format!("/v1/pins/{id}/timeline");
    let answer = api.refused("GET", &path, As::Key(&api.key), Value::Null, 404, "pin_deleted").await;
    let message = text(&answer, "message");
    assert!(message.contains("schedule was canceled at ") && message.contains("It was never published."), "{message}");
    compare_text("11-canceled", &format!("message: {message}\n"));
}

#[tokio::test]
async fn a_late_schedule() {
    let api = api().await;
    let path = plan(&api, START.plus_ms(HOUR_MS)).await;
    // Nothing runs for a while.
    api.world.system.advance_ms(HOUR_MS + 10 * MINUTE_MS);
    api.world.run_for_ms(2 * MINUTE_MS).await;
    let id = pin_of(&api, &path).await;
    let shown = timeline(&api, &id).await;
    let summary = text(&shown, "summary");
    assert!(summary.starts_with("Published on 1 Jan 2026 at 01:1") && summary.contains(" It started 1"), "{summary}");
    let ends = " after its time (1 Jan 2026 at 01:00:00 UTC). This system was late to work on it.";
    assert!(summary.ends_with(ends), "{summary}");
    let schedule = path.trim_start_matches("/v1/schedules/");
    let accepted = told(&shown, "accepted");
    assert!(accepted.ends_with(&format!(" It comes from the schedule {schedule}.")), "{accepted}");
    compare("12-late-schedule", &shown);
}

#[tokio::test]
async fn a_row_of_an_import() {
    let api = api().await;
    let mut wrong = pin("wrong");
    wrong["title"] = json!("");
    let rows = json!([pin("one"), wrong, pin("three")]);
    api.world.pinterest.answer("Crane three", [Answer::Worded(BOARD_GONE)]);
    let (status, taken) = ask(&api, "POST", "/v1/pins/imports/json", rows).await;
    assert_eq!(status, 202, "{taken}");
    api.world.run_for_ms(MINUTE_MS).await;
    let import = text(&taken, "id");
    let (_, done) = ask(&api, "GET", &format!("/v1/pins/imports/{import}"), Value::Null).await;
    // There is no pin to ask about.
    assert_eq!((&done["results"][1]["status"], &done["results"][1]["pin_id"]), (&json!("failed"), &Value::Null));
    let error = text(&done["results"][1], "error_message");
    assert!(error.contains("title"), "{done}");
    compare_text("13-failed-row", &format!("error_message: {error}\n"));
    let shown = timeline(&api, text(&done["results"][2], "pin_id")).await;
    let accepted = told(&shown, "accepted");
    assert!(accepted.ends_with(&format!(" It comes from row 3 of the import {import}.")), "{accepted}");
    assert!(text(&shown, "summary").starts_with("Not published: the pin failed on "), "{shown}");
    compare("13-import-row", &shown);
}

#[tokio::test]
async fn two_pins_of_the_same_content() {
    let api = api().await;
    let first = create(&api, "crane").await;
    let mut twin = pin("crane");
    twin["idempotency_key"] = json!("twin");
    let (status, second) = ask(&api, "POST", "/v1/pins", twin).await;
    assert_eq!((status, &second["warnings"][0]["code"]), (201, &json!("duplicate_content")), "{second}");
    api.world.run_for_ms(SECOND_MS).await;
    for id in [first.as_str(), text(&second, "id")] {
        let shown = timeline(&api, id).await;
        assert_eq!(text(&shown, "summary"), format!("Published on {AT_START}."));
    }
    let shown = timeline(&api, text(&second, "id")).await;
    assert_eq!(shown["events"][0]["origin"]["duplicate_pin_id"], first.as_str());
    assert!(told(&shown, "accepted").contains(&format!(" with a warning: pin {first} ")), "{shown}");
    compare("14-same-content", &shown);
}

#[tokio::test]
async fn pins_of_one_batch_keep_the_warnings_that_were_given() {
    let api = api().await;
    let content = |key: &str| {
        let mut one = pin("crane");
        one["idempotency_key"] = json!(key);
        one
    };
    // This key has another content, so its pin is no twin.
    create(&api, "taken").await;
    let pins = [content("taken"), content("one"), content("two"), content("three")];
    let (status, answer) = ask(&api, "POST", "/v1/pins/batch", json!({"pins": pins})).await;
    assert_eq!((status, &answer["results"][0]["status"]), (200, &json!("failed")), "{answer}");
    let ids: Vec<String> = ["one", "two", "three"]
        .map(|key| pinbridge_shared::domain::pin::idempotency::pin_id(testdata::workspace(), key).to_string())
        .into();
    for (id, twin) in ids.iter().zip([Value::Null, json!(ids[0]), json!(ids[0])]) {
        let shown = timeline(&api, id).await;
        assert_eq!(shown["events"][0]["origin"]["duplicate_pin_id"], twin, "{shown}");
    }
}

#[tokio::test]
async fn a_change_and_a_retry_name_who_made_them() {
    let (api, id) = answered([Answer::Worded(IMAGE_BROKEN)]).await;
    let (changer, _) = api.new_key(json!({"name": "Shop"})).await;
    let path = format!("/v1/pins/{id}");
    let image = json!({"image_url": "https://images.example.com/mended.png"});
    let (status, answer) = api.call("PATCH", &path, As::Key(&changer), image).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = ask(&api, "POST", &format!("{path}/retry"), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    api.world.run_for_ms(MINUTE_MS).await;
    let shown = timeline(&api, &id).await;
    assert!(
        told(&shown, "edited").ends_with(" the pin's content was changed by the API key \"Shop\": image_url."),
        "{shown}"
    );
    assert!(told(&shown, "retried").contains(" the pin was retried by the API key \"first key\"."), "{shown}");
    assert!(
        text(&shown, "summary").ends_with(
            " on the second attempt. The first attempt did not publish it: Pinterest could not read the image."
        ),
        "{shown}"
    );
    let of = |kind: &str| {
        let mut events = shown["events"].as_array().expect("events").iter();
        events.find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{kind} in {shown}"))
    };
    let (failed, published) = (of("failed"), of("published"));
    assert_eq!(of("edited")["changed_fields"], json!(["image_url"]));
    assert_eq!((&failed["changed_since"], &published["changed_since"]), (&json!(["image_url"]), &json!([])));
    let hashes = [text(failed, "content_hash"), text(published, "content_hash")];
    assert!(hashes[0] != hashes[1] && hashes.iter().all(|hash| hash.len() == 64), "{hashes:?}");
    assert_eq!((&failed["upstream_latency_ms"], &published["upstream_latency_ms"]), (&json!(0), &json!(0)));
    compare("15-mended", &shown);
}

/// A pin whose answer was lost, and whose board shows two Pins that could be it.
async fn ambiguous() -> (Api, String) {
    let (api, id) = answered([Answer::LOST_WITHOUT_COMMIT]).await;
    let request = api.world.pinterest.calls()[0].request.clone();
    for _ in 0..2 {
        api.world.pinterest.add_lookalike(&request);
    }
    api.world.run_for_ms(10 * MINUTE_MS).await;
    (api, id)
}

#[tokio::test]
async fn an_ambiguous_pin_that_a_person_decides() {
    let (api, id) = ambiguous().await;
    let open = timeline(&api, &id).await;
    assert!(text(&open, "summary").starts_with("It is not known whether the pin was published: "), "{open}");
    compare("16-ambiguous", &open);
    api.person("ada@example.com", Role::Owner).await;
    let session = api.log_in("ada@example.com").await;
    let found = text(&open["candidates"][0], "pinterest_pin_id").to_owned();
    let path = format!("/v1/pins/{id}/resolve");
    let (status, answer) = api.call("POST", &path, As::Bearer(&session), json!({"pinterest_pin_id": found})).await;
    assert_eq!(status, 200, "{answer}");
    let shown = timeline(&api, &id).await;
    assert!(text(&shown, "summary").contains(&format!("it was decided by Ada which Pin it is ({found}).")), "{shown}");
    assert!(told(&shown, "resolved_by_person").contains(" it was decided by Ada that "), "{shown}");
    compare("16-decided", &shown);
}

#[tokio::test]
async fn an_ambiguous_pin_that_is_none() {
    let (api, id) = ambiguous().await;
    let (status, answer) = ask(&api, "POST", &format!("/v1/pins/{id}/resolve"), json!({"none": true})).await;
    assert_eq!(status, 200, "{answer}");
    let shown = timeline(&api, &id).await;
    let decided = " it was decided by the API key \"first key\" that it had created no Pin.";
    assert!(text(&shown, "summary").contains(decided), "{shown}");
    compare("17-none", &shown);
    let (status, answer) = ask(&api, "POST", &format!("/v1/pins/{id}/retry"), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    api.world.run_for_ms(SECOND_MS).await;
    let shown = timeline(&api, &id).await;
    let ends = " on the second attempt. It had been decided by the API key \"first key\" that the first attempt had \
                created no Pin.";
    assert!(text(&shown, "summary").ends_with(ends), "{shown}");
    compare("17-none-then-published", &shown);
}

#[tokio::test]
async fn an_ambiguous_pin_that_is_sent_again_all_the_same() {
    let (api, id) = ambiguous().await;
    let (status, answer) = ask(&api, "POST", &format!("/v1/pins/{id}/retry"), json!({"accept_duplicate": true})).await;
    assert_eq!(status, 200, "{answer}");
    api.world.run_for_ms(SECOND_MS).await;
    let shown = timeline(&api, &id).await;
    let ends = " on the second attempt. What the first attempt did is not known: Several Pins on the board could be \
                this one; a second Pin may exist.";
    assert!(text(&shown, "summary").ends_with(ends), "{shown}");
    compare("18-second-accepted", &shown);
}
