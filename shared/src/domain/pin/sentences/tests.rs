//! Each kind of entry, with what its row knows and without it.

use super::*;
use crate::domain::event::EventType;
use crate::domain::ids::{EndpointId, ImportId, KeyId, ScheduleId};
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::history::Event;
use crate::domain::pin::origin::{Actor, Origin, RequestId};
use crate::domain::pin::{Pin, timeline};
use crate::domain::testdata;
use crate::domain::webhook::delivery::{DeliveryId, DeliveryKey, Source, State};
use crate::domain::webhook::endpoint::EndpointKey;
use uuid::Uuid;

/// 1 January 2026 at midnight, UTC.
const T: Moment = Moment(1_767_225_600_000);

fn pin() -> Pin {
    Pin { created_at: T, ..testdata::pin() }
}

/// The sentence of an event, as the timeline has it.
fn of(event: Event) -> String {
    let attempt = Attempt { history: vec![event], ..Attempt::untouched(&pin()) };
    timeline::events(&pin(), &attempt).last().map(super::event).expect("an event")
}

fn bare_event(kind: EventKind) -> Event {
    Event::new(kind, T.plus_ms(1_500), 2)
}

fn noted(kind: EventKind, note: &str) -> Event {
    Event { note: Some(note.into()), ..bare_event(kind) }
}

#[test]
fn every_event_is_a_sentence_whatever_its_row_lacks() {
    for kind in EventKind::all() {
        let full = Event {
            status: Some(400),
            provider_code: Some(7),
            request_id: Some("77".into()),
            next_at: Some(T.plus_ms(60_000)),
            ..noted(kind, "image_broken")
        };
        for event in [bare_event(kind), noted(kind, "a note of a later build"), full] {
            let text = of(event.clone());
            assert!(text.ends_with('.') && !text.contains("..") && !text.contains("  "), "{event:?}: {text}");
            assert!(!text.contains("None") && !text.contains("()"), "{event:?}: {text}");
        }
    }
}

#[test]
fn answers_are_told_with_what_identifies_them() {
    let event = Event { status: Some(400), request_id: Some("77".into()), ..noted(EventKind::Failed, "image_broken") };
    assert_eq!(
        of(event),
        "The pin failed on 1 Jan 2026 at 00:00:01 UTC (HTTP 400, Pinterest's request 77): Pinterest could not read the \
         image."
    );
    let event = Event {
        status: Some(429),
        next_at: Some(T.plus_ms(600_000)),
        ..noted(EventKind::Deferred, "pinterest_rate_limited")
    };
    assert_eq!(
        of(event),
        "On 1 Jan 2026 at 00:00:01 UTC, the pin was made to wait: Pinterest asked this account to slow down. That was \
         the answer to attempt 2 (HTTP 429). No start was planned before 1 Jan 2026 at 00:10:00 UTC."
    );
    // What was under way then may be over.
    let expired = Event { status: Some(401), ..noted(EventKind::RetryPlanned, "token_expired") };
    let expired = of(expired);
    assert!(
        expired.contains("Pinterest refused the account's access token.") && !expired.contains("being"),
        "{expired}"
    );
    // A reading of the board was not answered; the pin was sent before.
    let unread = of(noted(EventKind::ReconcileInconclusive, "pinterest_unreachable"));
    assert!(unread.ends_with(": Pinterest did not show it (Pinterest could not be reached)."), "{unread}");
    // Held before its call: nothing was sent.
    let held = of(noted(EventKind::Deferred, "account_disconnected"));
    assert!(!held.contains("attempt"), "{held}");
}

#[test]
fn a_found_pin_says_when_pinterest_created_it_only_if_the_board_showed_it() {
    let found = Event { next_at: Some(T), ..bare_event(EventKind::Adopted) };
    let (with, without) = (of(found), of(bare_event(EventKind::Adopted)));
    assert_eq!(
        without,
        "On 1 Jan 2026 at 00:00:01 UTC, the Pin of attempt 2 was found on the board: as far as the board showed them, its \
         title, its link and the time of its creation are those of the attempt."
    );
    assert_eq!(with, format!("{without} Pinterest created it on 1 Jan 2026 at 00:00:00 UTC."));
}

#[test]
fn an_edit_names_who_made_it() {
    let edited = |mark: &str| of(Event { request_id: Some(mark.into()), ..bare_event(EventKind::Edited) });
    let text = "On 1 Jan 2026 at 00:00:01 UTC, the pin's content was changed";
    assert_eq!(edited("key:1a2b3c4d"), format!("{text} by the API key whose id begins with 1a2b3c4d."));
    assert_eq!(edited("user:1a2b3c4d"), format!("{text} by the person whose id begins with 1a2b3c4d."));
    assert_eq!(of(bare_event(EventKind::Edited)), format!("{text}."));
    let fields = |letters: &str| of(noted(EventKind::Edited, letters));
    assert_eq!(fields("t"), format!("{text}: title."));
    assert_eq!(fields("tli"), format!("{text}: title, link_url and image_url."));
}

#[test]
fn a_decision_names_the_pin_and_who_made_it() {
    let by = Some("user:1a2b3c4d".to_owned());
    let found = Event { request_id: by.clone(), next_at: Some(T), ..noted(EventKind::ResolvedByPerson, "99") };
    let who = "by the person whose id begins with 1a2b3c4d";
    assert_eq!(
        of(found),
        format!(
            "On 1 Jan 2026 at 00:00:01 UTC, it was decided {who} that the Pin (99) is the one of attempt 2. Pinterest \
             created it on 1 Jan 2026 at 00:00:00 UTC."
        )
    );
    let none = Event { request_id: by, ..noted(EventKind::NoneByPerson, "outcome_ambiguous") };
    assert_eq!(
        of(none),
        format!(
            "On 1 Jan 2026 at 00:00:01 UTC, it was decided {who} that attempt 2 had created no Pin. The pin can be \
             retried."
        )
    );
}

#[test]
fn an_ambiguous_outcome_names_three_of_the_pins_that_it_could_be() {
    let failed = |count: usize| {
        let pins = (0..count).map(|id| Candidate { pinterest_pin_id: id.to_string(), created_at: None });
        let event = noted(EventKind::Failed, "outcome_ambiguous");
        let attempt = Attempt { history: vec![event], ..Attempt::untouched(&pin()) };
        let mut events = timeline::events(&pin(), &attempt);
        let mut last = events.pop().expect("an event");
        last.candidates = pins.collect();
        super::event(&last)
    };
    let text = "The pin failed on 1 Jan 2026 at 00:00:01 UTC: Several Pins on the board could be this one.";
    assert_eq!(failed(0), text);
    assert_eq!(failed(1), format!("{text} The Pin that could be it: 0."));
    assert_eq!(failed(3), format!("{text} The Pins that could be it: 0, 1, 2."));
    assert_eq!(failed(10), format!("{text} The Pins that could be it: 0, 1, 2 and 7 more."));
}

#[test]
fn a_delivery_says_where_it_stands_and_what_comes_next() {
    let endpoint = EndpointKey { workspace: pin().key.workspace, endpoint: EndpointId(Uuid::from_u128(1)) };
    let key = DeliveryKey { endpoint, event_at: T, id: DeliveryId(Uuid::from_u128(2)) };
    let of = |state, tries, status: Option<u16>, error: Option<&str>| {
        let last = LastTry { at: T.plus_ms(1_500), status, error: error.map(str::to_owned), ..LastTry::default() };
        let delivery = Delivery {
            key,
            event: EventType::PinPublished,
            source: Source::Pin { pin: pin().key.pin, sequence: 2, told: None },
            state,
            tries,
            last: (tries > 0).then_some(last),
            body_sha256: None,
            is_replayed: false,
            delivered_before: None,
            is_changed: false,
            created_at: T,
            updated_at: T,
            expires_at: T,
        };
        let events = timeline::with_deliveries(Vec::new(), vec![delivery]);
        super::event(&events[0])
    };
    let (webhook, at) = (endpoint.endpoint, "1 Jan 2026 at 00:00:01 UTC");
    assert_eq!(
        of(State::Delivered, 1, Some(204), None),
        format!("On {at}, pin.published was delivered to the webhook {webhook} after 1 try (HTTP 204).")
    );
    let next_at = Some(T.plus_ms(60_000));
    assert_eq!(
        of(State::Waiting { next_at }, 2, None, Some("timeout")),
        format!(
            "By {at}, pin.published had not been delivered to the webhook {webhook} after 2 tries (timeout). The next \
             try is planned for 1 Jan 2026 at 00:01:00 UTC."
        )
    );
    assert_eq!(
        of(State::Failed, 11, Some(500), Some("http_status")),
        format!(
            "On {at}, the delivery of pin.published to the webhook {webhook} was given up after 11 tries (HTTP 500). \
             POST /v1/webhooks/{webhook}/deliveries/{}/redeliver sends it again.",
            key.id.0
        )
    );
    let later = format!(
        " It is sent in its webhook's next turn; while that is disabled, when it is enabled. next_attempt_at of GET \
         /v1/webhooks/{webhook}/deliveries/{} has the time.",
        key.id.0
    );
    assert_eq!(
        of(State::Waiting { next_at: None }, 0, None, None),
        format!("Since 1 Jan 2026 at 00:00:00 UTC, pin.published waits to be sent to the webhook {webhook}.{later}")
    );
    // A status that isn't the reason doesn't hide it.
    let not_delivered = format!("By {at}, pin.published had not been delivered to the webhook {webhook} after 1 try");
    assert_eq!(
        of(State::Waiting { next_at: None }, 1, Some(410), Some("disabled_by_receiver")),
        format!("{not_delivered} (HTTP 410, disabled_by_receiver).{later}")
    );
    assert_eq!(
        of(State::Waiting { next_at }, 1, Some(200), Some("answer_too_long")),
        format!("{not_delivered} (HTTP 200, answer_too_long). The next try is planned for 1 Jan 2026 at 00:01:00 UTC.")
    );
}

#[test]
fn a_repeat_of_a_delivery_is_told_as_one_and_with_the_first_delivery() {
    let endpoint = EndpointKey { workspace: pin().key.workspace, endpoint: EndpointId(Uuid::from_u128(1)) };
    let first = Delivery {
        key: DeliveryKey { endpoint, event_at: T, id: DeliveryId(Uuid::from_u128(2)) },
        event: EventType::PinPublished,
        source: Source::Pin { pin: pin().key.pin, sequence: 2, told: None },
        state: State::Delivered,
        tries: 1,
        last: Some(LastTry { at: T, status: Some(204), ..LastTry::default() }),
        body_sha256: None,
        is_replayed: false,
        delivered_before: None,
        is_changed: false,
        created_at: T,
        updated_at: T,
        expires_at: T,
    };
    let text = |delivery: &Delivery| super::event(&timeline::with_deliveries(Vec::new(), vec![delivery.clone()])[0]);
    assert!(!text(&first).contains("repeat"));
    let failed = Delivery { state: State::Failed, is_replayed: true, ..first.clone() };
    assert!(text(&failed).ends_with(" This is a repeat that was asked for."), "{}", text(&failed));
    let requested = Delivery {
        state: State::Waiting { next_at: None },
        tries: 0,
        is_replayed: true,
        delivered_before: first.first_delivered_at(),
        updated_at: T.plus_ms(60_000),
        ..first.clone()
    };
    let last = Some(LastTry { at: T.plus_ms(61_000), status: Some(200), ..LastTry::default() });
    let again = Delivery { state: State::Delivered, tries: 1, last, ..requested.clone() };
    assert_eq!(again.first_delivered_at(), Some(T));
    for (delivery, start) in [(&requested, "Since 1 Jan 2026 at 00:01:00"), (&again, "On 1 Jan 2026 at 00:01:01")] {
        let text = text(delivery);
        let end = " This is a repeat that was asked for; the event was first delivered on 1 Jan 2026 at 00:00:00 UTC.";
        assert!(text.starts_with(start) && text.ends_with(end), "{text}");
    }
}

#[test]
fn the_acceptance_says_who_asked_by_what() {
    let id = Uuid::from_u128(5);
    let key = Actor::Key(KeyId(id));
    let accepted = |origin: Origin, names: &[(Actor, String)]| {
        let pin = Pin { origin, ..pin() };
        let events = timeline::with_names(timeline::events(&pin, &Attempt::untouched(&pin)), names);
        super::event(&events[0])
    };
    let text = "The pin was accepted on 1 Jan 2026 at 00:00:00 UTC";
    assert_eq!(accepted(Origin::default(), &[]), format!("{text}."));
    assert_eq!(accepted(Origin::by(key), &[]), format!("{text} from the API key {id}."));
    let sent = Origin { request: RequestId::parse("JKJaXmPLvHcESHA="), ..Origin::by(key) };
    assert_eq!(
        accepted(sent, &[(key, "Paper".into())]),
        format!("{text} from the API key \"Paper\". The id of that request is JKJaXmPLvHcESHA=.")
    );
    let imported = Origin { import: Some((ImportId(id), 7)), schedule: Some((ScheduleId(id), 0)), ..Origin::default() };
    assert_eq!(
        accepted(imported, &[]),
        format!("{text}. It comes from the schedule {id}. It comes from row 7 of the import {id}.")
    );
}

#[test]
fn times_within_a_text_are_put_into_words_and_nothing_else_is() {
    assert_eq!(
        with_times("No pin starts before 2026-01-01T00:10:00.000Z; this one, 429 or 2026, does."),
        "No pin starts before 1 Jan 2026 at 00:10:00 UTC; this one, 429 or 2026, does."
    );
}
