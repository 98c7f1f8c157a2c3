use serde_json::{Value, json};

use super::*;
use crate::domain::account::credentials::{CONFIRM_AFTER_MS, Death, RefusedGrant, TokenLife};
use crate::domain::pacing::pace::Pace;
use crate::domain::pin::retry::HOLD_PAUSE_MS;
use crate::domain::testdata;
use crate::domain::time::HOUR_MS;

/// At the beginning of a minute.
const NOW: Moment = Moment(1_767_225_600_000);
const RETENTION_MS: i64 = 90 * DAY_MS;

fn later(ms: i64) -> Moment {
    NOW.plus_ms(ms)
}

fn body(occurrence: &Occurrence) -> Value {
    let body: Value = serde_json::from_str(&occurrence.payload).expect("JSON");
    assert_eq!(body["id"], json!(occurrence.id.to_string()));
    assert_eq!(body["event"], json!(occurrence.event.name()));
    assert_eq!((&body["type"], &body["timestamp"]), (&body["event"], &body["occurred_at"]));
    assert_eq!(body["occurred_at"], json!(occurrence.at.rfc3339()));
    body
}

fn fields<const N: usize>(body: &Value, names: [&str; N]) -> Value {
    names.iter().map(|name| body.get(*name).expect("the field").clone()).collect()
}

fn of(event: Option<&Occurrence>) -> Option<&'static str> {
    event.map(|event| event.event.name())
}

#[test]
fn each_write_of_a_schedule_says_what_it_changed() {
    let made = testdata::schedule(1, NOW, later(HOUR_MS));
    let moved = made.edited(made.request.clone(), later(2 * HOUR_MS), later(1), RETENTION_MS, "e".into());
    let moved = moved.expect("may be edited");
    let released = moved.released(later(2), RETENTION_MS, "r".into()).expect("may be released");
    let failed = released.failed(Failure::KeyTaken, later(3), "f".into()).expect("may fail");
    let again = failed.retried(later(4), RETENTION_MS, "a".into()).expect("may be retried");
    let canceled = again.canceled(later(5), "c".into()).expect("may be canceled");
    let removed = canceled.removed(later(6), "x".into()).expect("may be removed");
    let in_place = released.retried_in_place(later(4), "p".into()).expect("may be retried");
    assert_eq!((of_schedule(&removed), of_schedule(&in_place)), (None, None));

    let names = ["event", "sequence", "status", "pin_id", "error_code"];
    let said: Vec<Value> = [&made, &moved, &released, &failed, &again, &canceled]
        .map(|schedule| fields(&body(&of_schedule(schedule).expect("an event")), names))
        .to_vec();
    let expected = [
        json!(["schedule.created", 1, "scheduled", null, null]),
        json!(["schedule.updated", 2, "scheduled", null, null]),
        json!(["schedule.released", 3, "scheduled", moved.pin_key().pin, null]),
        json!(["schedule.failed", 4, "failed", null, Failure::KeyTaken.code()]),
        json!(["schedule.updated", 5, "scheduled", null, null]),
        json!(["schedule.canceled", 6, "canceled", null, null]),
    ];
    assert_eq!(said, expected);
    let event = of_schedule(&moved).expect("an event");
    assert_eq!(event.at, later(1));
    let names = ["schedule_id", "account_id", "board_id", "run_at"];
    let request = &moved.request;
    let expected = json!([moved.key.schedule, request.account, request.board_id, later(2 * HOUR_MS).rfc3339()]);
    assert_eq!(fields(&body(&event), names), expected);
    assert!(!event.payload.contains(&request.title), "ids and no content");
    let other = Schedule { nonce: "another".into(), ..moved.clone() };
    assert_eq!(of_schedule(&other).map(|event| event.id), Some(event.id), "the id is the write's place");
}

#[test]
fn an_import_says_its_counts_and_where_its_results_are() {
    let key = ImportKey::of(testdata::workspace(), "k");
    let mut totals = Totals { created: 3, existing: 2, failed: 0, began_at: Some(later(1)), done_at: Some(later(2)) };
    let whole = of_import(key, &totals, later(9));
    let names = ["status", "rows", "created", "existing", "failed", "results_path"];
    let path = format!("/v1/pins/imports/{}", key.import);
    assert_eq!(fields(&body(&whole), names), json!(["completed", 5, 3, 2, 0, path]));
    assert_eq!((whole.at, &whole), (later(2), &of_import(key, &totals, later(10))), "whoever adds them up");
    totals.failed = 1;
    assert_eq!(fields(&body(&of_import(key, &totals, NOW)), names)[0], json!("completed_with_errors"));
}

fn account(rev: u64, life: TokenLife) -> Account {
    Account { life, rev, updated_at: NOW, ..testdata::connected_account() }
}

fn renewable() -> TokenLife {
    TokenLife::issued(NOW, Some(later(30 * DAY_MS)), Some(later(60 * DAY_MS)), true, 0.5)
}

/// Tokens whose renewal was refused a first time, or is refused for certain.
fn refused(is_certain: bool) -> TokenLife {
    let since = later(-CONFIRM_AFTER_MS);
    TokenLife {
        refused: Some(RefusedGrant { version: "v".into(), since }),
        checked_at: Some(if is_certain { NOW } else { since }),
        ..renewable()
    }
}

fn dead() -> TokenLife {
    TokenLife { dead: Some(Death { at: NOW, answer_lost: false }), ..TokenLife::default() }
}

#[test]
fn a_connection_is_told_when_it_begins_or_is_mended_and_not_when_it_is_renewed() {
    let next = account(5, renewable());
    let told = |before: Option<Account>| of_account(before.as_ref(), &next);
    let first = told(None).expect("an event");
    assert_eq!(fields(&body(&first), ["event", "account_id"]), json!(["account.connected", next.key.account]));
    let revoked = Account { revoked_at: Some(NOW), ..account(4, TokenLife::default()) };
    for before in [revoked, account(4, dead()), account(4, refused(true))] {
        assert_eq!(told(Some(before)), Some(first.clone()));
    }
    for before in [account(4, renewable()), account(4, refused(false))] {
        assert_eq!(told(Some(before)), None, "its tokens were renewed");
    }
    let pending = Account { revoked_at: Some(NOW), ..account(1, TokenLife::default()) };
    assert_eq!(of_account(None, &pending), None);
}

#[test]
fn a_person_is_asked_for_once_for_each_reason() {
    let before = account(4, refused(false));
    let event = of_account(Some(&before), &account(5, refused(true))).expect("an event");
    let names = ["event", "reason", "publishes_until"];
    let until = later(30 * DAY_MS).rfc3339();
    assert_eq!(fields(&body(&event), names), json!(["account.reconnect_required", "renewal_refused", until]));
    assert!(body(&event)["message"].as_str().is_some_and(|text| text.contains(&until)));
    assert_eq!(of_account(Some(&account(5, refused(true))), &account(6, refused(true))), None);
    assert_eq!(of_account(Some(&account(5, refused(true))), &account(6, refused(false))), None, "nothing is mended");
    for before in [account(6, refused(true)), account(6, renewable())] {
        let event = of_account(Some(&before), &account(7, dead())).expect("an event");
        assert_eq!(fields(&body(&event), names), json!(["account.reconnect_required", "given_up", null]));
    }
    assert_eq!(of_account(Some(&account(7, dead())), &account(8, dead())), None);
}

#[test]
fn an_access_token_that_nothing_renews_is_told_days_ahead_of_its_end() {
    let expires_at = later(30 * DAY_MS);
    let bare = account(1, TokenLife::issued(NOW, Some(expires_at), None, false, 0.5));
    let told_at = expires_at.plus_ms(-EXPIRY_TOLD_AHEAD_MS);
    assert_eq!((expiry_told_at(&bare), expiry_told_at(&account(1, renewable()))), (Some(told_at), None));
    let event = of_expiry(&bare, expires_at, told_at).expect("an event");
    let names = ["event", "reason", "publishes_until", "occurred_at"];
    let expected = json!(["account.reconnect_required", "expires", expires_at.rfc3339(), told_at.rfc3339()]);
    assert_eq!(fields(&body(&event), names), expected);
    assert_eq!(of_expiry(&account(2, renewable()), expires_at, told_at), None);
    assert_eq!(of_expiry(&bare, expires_at.plus_ms(1), told_at), None, "other tokens");
    // Connecting with it is a connection, however soon it ends; connecting again mends it.
    let soon = account(1, TokenLife::issued(NOW, Some(later(DAY_MS)), None, false, 0.5));
    assert_eq!(of(of_account(None, &soon).as_ref()), Some("account.connected"));
    assert_eq!(expiry_told_at(&soon), Some(NOW));
    assert_eq!(of(of_account(Some(&soon), &account(2, renewable())).as_ref()), Some("account.connected"));
    assert_eq!(of_account(Some(&soon), &Account { rev: 2, ..soon.clone() }), None);
}

fn key() -> AccountKey {
    testdata::connected_account().key
}

fn pause(until: Moment, failure: Failure) -> Pause {
    Pause::new(&Pace::new(50, 1.0), until, WaitReason::AccountPaused).because(failure)
}

fn hold(until: Moment, reason: WaitReason) -> Pause {
    Pause::new(&Pace::new(50, 1.0), until, reason)
}

#[test]
fn a_pause_is_told_if_it_is_long_and_new() {
    let (free, at) = (Bucket::default(), later(1_234));
    let block = pause(later(4 * HOUR_MS), Failure::SpamBlock);
    let event = of_pause(key(), &block, &free, at).expect("an event");
    let names = ["event", "kind", "reason", "until", "error_message", "occurred_at"];
    let (code, until, message) = (Failure::SpamBlock.code(), block.until.rfc3339(), Failure::SpamBlock.message());
    let expected = json!(["account.paused", "pause", code, until, message, NOW.rfc3339()]);
    assert_eq!(fields(&body(&event), names), expected);

    // Another call is refused at the same time.
    let other = of_pause(key(), &pause(later(5 * HOUR_MS), Failure::SpamBlock), &free, later(2_345));
    assert_eq!(other.map(|other| (other.id, other.at)), Some((event.id, event.at)));
    let paused = block.apply(&free);
    assert_eq!(of_pause(key(), &pause(later(6 * HOUR_MS), Failure::SpamBlock), &paused, later(HOUR_MS)), None);
    assert_eq!(of_pause(key(), &pause(later(HOUR_MS), Failure::SpamBlock), &paused, at), None, "it changes nothing");
    let next = of_pause(key(), &pause(later(9 * HOUR_MS), Failure::SpamBlock), &paused, later(5 * HOUR_MS));
    assert!(next.is_some_and(|next| next.id != event.id), "another one, when that is over");
    let short = pause(later(PAUSE_TOLD_MS - 1), Failure::RateLimited);
    assert!(!is_told(&short, NOW) && is_told(&block, NOW));
    assert!(of_pause(key(), &block, &short.apply(&free), at).is_some(), "nobody has heard of the short one");
}

#[test]
fn a_hold_is_told_without_an_end_and_so_is_its_own_end() {
    let (free, until) = (Bucket::default(), later(HOLD_PAUSE_MS));
    let held = hold(until, WaitReason::AccountOnHold).because(Failure::TokenRevoked);
    let event = of_pause(key(), &held, &free, NOW).expect("an event");
    let expected = json!(["account.paused", "hold", Failure::TokenRevoked.code(), null]);
    assert_eq!(fields(&body(&event), ["event", "kind", "reason", "until"]), expected);
    let bucket = held.apply(&free);
    let again = hold(later(2 * HOLD_PAUSE_MS), WaitReason::AccountOnHold);
    assert_eq!(of_pause(key(), &again, &bucket, until), None, "it was tried again");

    let lifted = of_lift(key(), &bucket, until, later(HOUR_MS)).expect("an event");
    assert_eq!(lifted, resumed(key(), Halt::Hold, later(HOUR_MS)));
    assert_eq!(fields(&body(&lifted), ["event", "kind"]), json!(["account.resumed", "hold"]));
    assert_ne!(lifted.id, resumed(key(), Halt::Pause, later(HOUR_MS)).id);
    assert_eq!(of_lift(key(), &bucket, later(1), later(HOUR_MS)), None, "another hold");
    let after = Bucket { hold: None, held_until: Some(later(HOUR_MS)), ..bucket };
    let next = of_pause(key(), &hold(later(2 * HOUR_MS), WaitReason::AccountOnHold), &after, later(HOUR_MS));
    assert!(next.is_some_and(|next| next.id != event.id));
}

#[test]
fn what_the_system_or_its_owner_does_to_an_account_is_not_told() {
    let refresh = hold(later(HOUR_MS), WaitReason::TokenRefresh);
    let disconnected = hold(later(HOUR_MS), WaitReason::AccountOnHold).because(Failure::AccountDisconnected);
    for pause in [refresh, disconnected] {
        assert!(!is_told(&pause, NOW));
        let bucket = pause.apply(&Bucket::default());
        assert_eq!(of_lift(key(), &bucket, pause.until, later(HOUR_MS)), None);
        let held = hold(later(2 * HOUR_MS), WaitReason::AccountOnHold).because(Failure::TokenRevoked);
        assert!(of_pause(key(), &held, &bucket, NOW).is_some(), "what Pinterest refuses after it is");
    }
}

#[test]
fn every_body_is_small_and_asks_each_endpoint() {
    let event = resumed(key(), Halt::Pause, NOW);
    let message = event.message();
    assert_eq!(
        message,
        NotifyMessage::stored(event.workspace, event.id, event.event, NOW, event.payload.clone(), None)
    );
    assert!(event.payload.len() < 1_000 && !event.payload.contains('\n'));
}

#[test]
fn the_row_of_now_decides_where_no_write_can_be_told() {
    let made = testdata::schedule(1, NOW, later(HOUR_MS));
    let released = made.released(later(2), RETENTION_MS, "r".into()).expect("may be released");
    let canceled = released.canceled(later(5), "c".into()).expect("may be canceled");
    let shows = |row: &Schedule, at| {
        let events = [EventType::ScheduleUpdated, EventType::ScheduleReleased, EventType::ScheduleCanceled];
        events.map(|event| schedule_shows(row, event, at))
    };
    assert_eq!(shows(&made, later(2)), [true, false, false]);
    assert_eq!(shows(&released, later(2)), [false, true, false]);
    assert_eq!(shows(&released, later(3)), [false, false, false], "that release was not made");
    assert_eq!(shows(&canceled, later(2)), [false, true, false]);
    assert!(schedule_shows(&canceled, EventType::ScheduleCreated, NOW));

    let account = |life| Account { life, ..testdata::connected_account() };
    let dead = TokenLife { dead: Some(Death { at: NOW, answer_lost: false }), ..TokenLife::default() };
    let events = [EventType::AccountConnected, EventType::AccountReconnectRequired];
    let shows = |row: &Account| events.map(|event| account_shows(row, event, NOW));
    assert_eq!(shows(&account(TokenLife::default())), [true, false]);
    assert_eq!(shows(&account(dead)), [false, true]);
    let revoked = Account { revoked_at: Some(NOW), ..testdata::connected_account() };
    assert_eq!(shows(&revoked), [false, false]);
}
