//! The rules of pins, attempts, siblings and the listing.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use uuid::Uuid;

use crate::domain::ids::{AccountId, AccountKey, ImportId, KeyId, PinId, PinKey, ScheduleId, UserId, WorkspaceId};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::candidate::Candidate;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::{Event, EventKind};
use crate::domain::pin::lateness::LateCause;
use crate::domain::pin::origin::{Actor, Origin, RequestId};
use crate::domain::pin::said::Said;
use crate::domain::pin::{Pin, PinRequest, Placement, Priority, WaitReason};
use crate::domain::testdata::{self, CREATED_AT, pin_of, request};
use crate::domain::time::Moment;
use crate::ports::{Store, Write};

fn pin(key: &str) -> Pin {
    pin_of(request(key), CREATED_AT, Placement::Now)
}

async fn put(store: &dyn Store, pin: &Pin) {
    assert_eq!(store.put_pin(pin).await.expect("written"), Write::Done, "a new pin is accepted");
}

async fn stored(store: &dyn Store, key: PinKey) -> Option<(Pin, Attempt)> {
    store.pins(&[key]).await.expect("read").pop().flatten()
}

pub async fn words_about_attempts_are_kept_in_order(store: &dyn Store) {
    let pin = pin("words");
    put(store, &pin).await;
    assert_eq!(store.said(&pin).await.expect("read"), []);
    let said = |attempt, message: Option<&str>, transport_error: Option<&str>| Said {
        attempt,
        message: message.map(str::to_owned),
        transport_error: transport_error.map(str::to_owned),
        ..Said::default()
    };
    let (first, tenth) = (said(1, Some("Pinterest’s \"words\"… ✂"), None), said(10, None, Some("no answer")));
    let second = said(2, Some("again"), Some("both")).of_call(&pin.request, Some(95));
    assert!(second.sent.is_some(), "what was sent is kept too");
    // A reading of the board has words of its own.
    let reading = Said { read_at: Some(Moment(7_000)), ..said(2, Some("at the board"), None) };
    // So have the Pins that could be the attempt's.
    let candidate = |id: &str, created_at| Candidate { pinterest_pin_id: id.into(), created_at };
    let candidates = vec![candidate("813744226420795884", Some(Moment(6_000))), candidate("9", None)];
    let pins = Said { attempt: 2, candidates, ..Said::default() };
    for words in [&tenth, &said(2, Some("before"), None), &first, &pins, &reading, &second] {
        store.put_said(&pin, words).await.expect("written");
    }
    assert_eq!(store.said(&pin).await.expect("read"), [first, second, reading, pins, tenth]);
    assert_eq!(stored(store, pin.key).await.map(|(_, attempt)| attempt.rev), Some(0), "the attempt row is another");
    let later = Pin { nonce: "another".into(), ..pin.clone() };
    assert_eq!(store.said(&later).await.expect("read"), [], "an earlier pin's words of the same key");
}

pub async fn a_pin_is_accepted_once(store: &dyn Store) {
    let first = pin("key");
    put(store, &first).await;
    let second = Pin { nonce: "another".into(), created_at: Moment(9), ..first.clone() };
    let answer = store.put_pin(&second).await.expect("answered");
    assert_eq!(answer, Write::Conflict(Box::new(first.clone())), "the first pin is returned as it was written");
    assert_eq!(stored(store, first.key).await.map(|(pin, _)| pin), Some(first), "and stays");
}

pub async fn a_repeated_write_of_the_same_acceptance_is_recognised(store: &dyn Store) {
    let pin = pin("key");
    put(store, &pin).await;
    assert_eq!(store.put_pin(&pin).await.expect("answered"), Write::Done, "a write with the same nonce is no replay");
}

pub async fn a_pin_round_trips_with_every_field(store: &dyn Store) {
    let full = PinRequest {
        alt_text: Some("A crane of paper, \"folded\"".into()),
        cover_image_url: Some("https://images.example.com/cover.jpg".into()),
        dominant_color: Some("#6E7874".into()),
        related_terms: Some(vec!["origami".into(), "papier, plié ✂".into()]),
        priority: Priority::Urgent,
        publish_before: Some(Moment(86_400_000)),
        ..request("full")
    };
    let bare = PinRequest { description: None, link_url: None, priority: Priority::Bulk, ..request("bare") };
    let placements = [
        Placement::Slot(Moment(CREATED_AT.0 + 61_007)),
        Placement::Backlog(WaitReason::AccountOnHold),
        Placement::Due(Moment(CREATED_AT.0 + 170_123)),
    ];
    let scheduled = Origin {
        by: Some(Actor::User(UserId(Uuid::from_u128(1)))),
        schedule: Some((ScheduleId(Uuid::from_u128(2)), 3)),
        import: Some((ImportId(Uuid::from_u128(4)), 500)),
        root: Some(Actor::User(UserId(Uuid::from_u128(6)))),
        request: RequestId::parse("JKJaXmPLvHcESHA="),
        twin: Some(PinId(Uuid::from_u128(7))),
    };
    let origins = [Origin::by(Actor::Key(KeyId(Uuid::from_u128(5)))), Origin::default(), scheduled];
    let due = request("due");
    for ((request, placement), origin) in [full, bare, due].into_iter().zip(placements).zip(origins) {
        let pin = pin_of(request, CREATED_AT, placement);
        let pin = Pin { origin, due_at: pin.due_at.or(Some(Moment(CREATED_AT.0 - 5_000))), ..pin };
        put(store, &pin).await;
        assert_eq!(stored(store, pin.key).await.map(|(pin, _)| pin), Some(pin));
    }
}

pub async fn an_untouched_pin_has_the_state_of_its_placement(store: &dyn Store) {
    let slot = Placement::Slot(Moment(CREATED_AT.0 + 5_000));
    let due = Placement::Due(Moment(CREATED_AT.0 + 6_000));
    for (index, placement) in
        [Placement::Now, slot, Placement::Backlog(WaitReason::AccountPaused), due].into_iter().enumerate()
    {
        let pin = pin_of(request(&index.to_string()), CREATED_AT, placement);
        put(store, &pin).await;
        let read = stored(store, pin.key).await;
        assert_eq!(read.map(|(_, attempt)| attempt), Some(Attempt::untouched(&pin)), "{placement:?}");
    }
}

pub async fn pins_are_listed_oldest_first_after_any_position(store: &dyn Store) {
    let mut positions = Vec::new();
    for index in 0..12_i64 {
        // Pairs with the same moment.
        let pin = pin_of(request(&index.to_string()), Moment(CREATED_AT.0 + index / 2), Placement::Now);
        put(store, &pin).await;
        positions.push((pin.created_at, pin.key.pin));
    }
    positions.sort_unstable();
    let workspace = testdata::workspace();
    let read = async |after, by, limit| store.listing_after(workspace, after, by, limit).await.expect("read");
    let end = Moment(CREATED_AT.0 + 100);
    assert_eq!(read(None, end, 100).await, positions);
    assert_eq!(read(None, end, 5).await, positions[..5]);
    for index in 0..positions.len() {
        assert_eq!(read(Some(positions[index]), end, 3).await, positions[index + 1..(index + 4).min(positions.len())]);
    }
    assert_eq!(read(None, Moment(CREATED_AT.0 + 2), 100).await, positions[..6], "not after the end");
    assert_eq!(read(Some(positions[11]), end, 100).await, []);
    assert_eq!(read(Some(positions[11]), CREATED_AT, 100).await, [], "a position after the end");
    let stranger = WorkspaceId(Uuid::from_u128(77));
    assert_eq!(store.listing_after(stranger, None, end, 100).await.expect("read"), []);
}

fn begun(pin: &Pin, nonce: &str) -> Attempt {
    Attempt::untouched(pin).begin(Moment(CREATED_AT.0 + 10), nonce.into()).expect("begins")
}

pub async fn an_attempt_is_written_on_the_revision_it_follows(store: &dyn Store) {
    let pin = pin("key");
    put(store, &pin).await;
    let first = begun(&pin, "a");
    assert_eq!(store.save_attempt(&pin, &first).await.expect("answered"), Write::Done);
    let second = first.not_sent(Moment(CREATED_AT.0 + 20), "b".into()).expect("a transition");
    assert_eq!(store.save_attempt(&pin, &second).await.expect("answered"), Write::Done);
    assert_eq!(stored(store, pin.key).await.map(|(_, attempt)| attempt), Some(second));
}

pub async fn a_lost_write_answers_the_row_as_it_is(store: &dyn Store) {
    let pin = pin("key");
    put(store, &pin).await;
    let winner = begun(&pin, "winner");
    assert_eq!(store.save_attempt(&pin, &winner).await.expect("answered"), Write::Done);
    let loser = begun(&pin, "loser");
    let answer = store.save_attempt(&pin, &loser).await.expect("answered");
    assert_eq!(answer, Write::Conflict(Some(Box::new(winner.clone()))), "a second first write");
    let ahead = Attempt { rev: 3, ..loser };
    let answer = store.save_attempt(&pin, &ahead).await.expect("answered");
    assert_eq!(answer, Write::Conflict(Some(Box::new(winner.clone()))), "a revision too far");
    assert_eq!(stored(store, pin.key).await.map(|(_, attempt)| attempt), Some(winner), "nothing was written");
}

pub async fn a_repeated_write_of_the_same_attempt_is_recognised(store: &dyn Store) {
    let pin = pin("key");
    put(store, &pin).await;
    let first = begun(&pin, "a");
    let second = first.not_sent(Moment(CREATED_AT.0 + 20), "b".into()).expect("a transition");
    for attempt in [&first, &first, &second, &second] {
        assert_eq!(
            store.save_attempt(&pin, attempt).await.expect("answered"),
            Write::Done,
            "a repetition with the same nonce succeeds"
        );
    }
    let late = store.save_attempt(&pin, &first).await.expect("answered");
    assert_eq!(late, Write::Conflict(Some(Box::new(second))), "but not once another write has followed");
}

pub async fn an_attempt_without_the_row_it_follows_is_lost(store: &dyn Store) {
    let pin = pin("key");
    let second = Attempt { rev: 2, ..begun(&pin, "a") };
    assert_eq!(store.save_attempt(&pin, &second).await.expect("answered"), Write::Conflict(None));
    assert_eq!(stored(store, pin.key).await, None, "an attempt alone is no pin");
}

pub async fn of_concurrent_attempts_one_wins(store: &dyn Store) {
    let pin = pin("key");
    put(store, &pin).await;
    let attempts: Vec<Attempt> = (0..8).map(|index| begun(&pin, &format!("n{index}"))).collect();
    let answers = join_all(attempts.iter().map(|attempt| store.save_attempt(&pin, attempt))).await;
    let won: Vec<usize> = (0..8).filter(|index| matches!(answers[*index], Ok(Write::Done))).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert_eq!(stored(store, pin.key).await.map(|(_, attempt)| attempt), Some(attempts[won[0]].clone()));
}

pub async fn an_attempt_round_trips_with_every_field(store: &dyn Store) {
    let pin = Pin { edit: 2, ..pin("key") };
    put(store, &pin).await;
    let at = |ms| Moment(CREATED_AT.0 + ms);
    let event = Event {
        status: Some(429),
        provider_code: Some(-8),
        request_id: Some("1234567890123".into()),
        next_at: Some(at(90_000)),
        note: Some("rate limited, again".into()),
        ..Event::new(EventKind::Deferred, at(30), 3)
    };
    let full = Attempt {
        rev: 1,
        nonce: "nonce".into(),
        generation: 4,
        edit: 2,
        status: Status::Failed,
        attempt: 7,
        attempt_base: 2,
        image_tries: 1,
        started_at: Some(at(1)),
        not_before: Some(at(2)),
        reconcile_at: Some(at(3)),
        wait: Some(WaitReason::AccountOnHold),
        failure: Some(Failure::OutcomeAmbiguous),
        detail: Some("Pinterest said: \"nein\", ✂".into()),
        pinterest_pin_id: Some("1087001554210211".into()),
        orphan_pin_id: Some("1087001554210212".into()),
        duplicate_pin_id: Some("1087001554210213".into()),
        finished_at: Some(at(4)),
        updated_at: at(5),
        history: vec![Event::new(EventKind::AttemptStarted, at(10), 3), event],
        expires_at: Some(Moment(2_000_000_000_000)),
        removed_at: Some(at(6)),
        is_superseded: true,
        events: 3,
        late_cause: Some(LateCause::Hold),
    };
    assert_eq!(store.save_attempt(&pin, &full).await.expect("answered"), Write::Done);
    assert_eq!(stored(store, pin.key).await.map(|(_, attempt)| attempt), Some(full));
}

pub async fn many_pins_are_read_in_the_order_of_their_keys(store: &dyn Store) {
    assert_eq!(store.pins(&[]).await.expect("read"), [], "no keys, no pins");
    let pins: Vec<Pin> = (0..65).map(|index| pin(&format!("key-{index}"))).collect();
    join_all(pins.iter().map(|pin| put(store, pin))).await;
    let touched = begun(&pins[33], "a");
    assert_eq!(store.save_attempt(&pins[33], &touched).await.expect("answered"), Write::Done);

    let missing = PinKey { workspace: testdata::workspace(), pin: PinId(Uuid::from_u128(404)) };
    let mut keys: Vec<PinKey> = pins.iter().rev().map(|pin| pin.key).collect();
    keys.insert(7, missing);
    keys.push(pins[0].key);
    let read = store.pins(&keys).await.expect("read");
    let found: Vec<Option<PinKey>> = read.iter().map(|found| found.as_ref().map(|(pin, _)| pin.key)).collect();
    let wanted: Vec<Option<PinKey>> = keys.iter().map(|key| (*key != missing).then_some(*key)).collect();
    assert_eq!(found, wanted, "in the order of the keys; a missing pin is None, a repeated key is answered twice");
    let attempt = read.into_iter().flatten().find(|(pin, _)| pin.key == pins[33].key).map(|(_, attempt)| attempt);
    assert_eq!(attempt, Some(touched), "with its own attempt");
}

pub async fn siblings_are_the_pins_of_the_same_content_and_account(store: &dyn Store) {
    let account = |id| AccountKey { workspace: testdata::workspace(), account: AccountId(Uuid::from_u128(id)) };
    let pin = |id| PinId(Uuid::from_u128(id));
    let rows = [(1, "aa", 10), (1, "aa", 11), (1, "ab", 12), (2, "aa", 13)];
    for (owner, content, id) in rows.into_iter().chain([rows[0]]) {
        store.put_sibling(account(owner), content, pin(id), Moment(2_000_000_000_000)).await.expect("written");
    }
    let siblings: BTreeSet<PinId> = store.siblings(account(1), "aa").await.expect("read").into_iter().collect();
    assert_eq!(siblings, BTreeSet::from([pin(10), pin(11)]));
    assert_eq!(store.siblings(account(1), "ac").await.expect("read"), []);
}
