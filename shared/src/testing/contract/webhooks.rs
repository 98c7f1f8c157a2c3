//! The rules of webhooks.

use uuid::Uuid;

use crate::domain::event::told::Told;
use crate::domain::event::{EventId, EventType};
use crate::domain::ids::{AccountId, EndpointId, PinId, WorkspaceId};
use crate::domain::pin::history::{Event, EventKind};
use crate::domain::secret::Secret;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey, LastTry, Source, State};
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::endpoint::{DisabledBy, Disabling, Endpoint, EndpointKey, Secrets};
use crate::domain::webhook::health::Health;
use crate::domain::webhook::replay::ReplayRun;
use crate::ports::{Listed, Webhooks, Write};

/// Runs every rule; the async function returns `(Arc<dyn Webhooks>, guard)`.
#[macro_export]
macro_rules! webhooks_contract {
    ($fresh:path) => {
        use $crate::testing::contract::webhooks;
        $crate::contract_cases!($fresh;
            webhooks:
            an_endpoint_is_written_once_per_revision,
            a_repeated_write_of_an_endpoint_is_recognised,
            secrets_stay_until_others_are_given,
            the_oldest_endpoint_of_the_workspace_comes_first,
            a_deleted_endpoint_is_gone_with_its_secrets_and_its_health,
            health_is_the_default_at_first_and_is_written_once_per_revision,
            a_replay_is_written_once_per_revision_and_goes_with_its_endpoint,
            a_delivery_round_trips,
            the_answer_of_a_delivered_one_is_not_kept,
            a_delivered_one_stays_delivered,
            a_delivery_that_ends_leaves_the_waiting_ones,
            a_delivery_that_ended_while_the_clock_stood_still_does_not_wait,
            a_failed_one_waits_again_only_if_it_is_replayed,
            a_delivered_one_waits_again_if_it_is_replayed,
            an_earlier_failure_does_not_end_a_later_replay,
            rows_are_found_in_the_order_of_their_keys,
            the_oldest_event_that_waits_comes_first_and_reading_continues_after_any,
            the_newest_event_that_ended_comes_first_and_reading_continues_after_any,
            more_deliveries_than_one_read_takes_are_all_found,
            each_endpoint_has_its_own_deliveries,
            wiping_deletes_everything_of_one_workspace;
        );
    };
}

const AT: Moment = Moment(1_767_225_600_123);
/// In whole seconds, as rows keep it; far ahead, so that no row has expired by any clock.
const EXPIRES: Moment = Moment(4_102_444_800_000);

fn key(workspace: u128, endpoint: u128) -> EndpointKey {
    let workspace = WorkspaceId(Uuid::from_u128(workspace));
    EndpointKey { workspace, endpoint: EndpointId(Uuid::from_u128(endpoint)) }
}

fn endpoint(key: EndpointKey, created_at: Moment) -> Endpoint {
    Endpoint {
        key,
        rev: 1,
        nonce: "first".into(),
        url: "https://example.com/hooks?from=pins".into(),
        events: vec![EventType::PinPublished, EventType::PinFailed],
        disabled: None,
        disablings: Vec::new(),
        previous_secret_until: None,
        created_at,
        updated_at: created_at,
    }
}

fn secrets(current: &str) -> Secrets {
    Secrets { current: Secret::new(current), previous: None }
}

async fn create(webhooks: &dyn Webhooks, endpoint: &Endpoint) {
    let written = webhooks.save_endpoint(endpoint, Some(&secrets("a secret of sixteen"))).await.expect("written");
    assert_eq!(written, Write::Done, "new");
}

/// `number` names its event, which is of `event_ms` milliseconds after [`AT`].
fn delivery(endpoint: EndpointKey, number: u128, event_ms: i64, state: State) -> Delivery {
    let event = EventId::derived(endpoint.workspace, &[&number.to_string()]);
    Delivery {
        key: DeliveryKey { endpoint, event_at: AT.plus_ms(event_ms), id: DeliveryId::of(endpoint, event) },
        event: EventType::PinPublished,
        source: Source::Pin { pin: PinId(Uuid::from_u128(number)), sequence: 2, told: None },
        state,
        tries: 1,
        last: None,
        body_sha256: None,
        is_replayed: false,
        delivered_before: None,
        is_changed: false,
        created_at: AT,
        updated_at: AT,
        expires_at: EXPIRES,
    }
}

const WAITS: State = State::Waiting { next_at: None };

/// The delivery in another state, so many milliseconds after it was made.
fn later(delivery: &Delivery, ms: i64, state: State) -> Delivery {
    Delivery { state, tries: delivery.tries + 1, updated_at: delivery.created_at.plus_ms(ms), ..delivery.clone() }
}

async fn put(webhooks: &dyn Webhooks, delivery: &Delivery) {
    webhooks.put_delivery(delivery).await.expect("written");
}

async fn listed(webhooks: &dyn Webhooks, endpoint: EndpointKey, listed: Listed) -> Vec<Delivery> {
    webhooks.deliveries(endpoint, listed, None, 1_000).await.expect("read")
}

/// The delivery is this one wherever it is asked for, and is listed once.
async fn assert_stands(webhooks: &dyn Webhooks, wanted: &Delivery) {
    assert_eq!(webhooks.delivery(wanted.key).await.expect("read").as_ref(), Some(wanted));
    assert_eq!(webhooks.deliveries_of(&[wanted.key]).await.expect("read"), [Some(wanted.clone())]);
    assert_eq!(webhooks.deliveries_exist(&[wanted.key]).await.expect("read"), [true]);
    let is_waiting = matches!(wanted.state, State::Waiting { .. });
    for (list, is_there) in [(Listed::Waiting, is_waiting), (Listed::Ended, !is_waiting)] {
        let found = listed(webhooks, wanted.key.endpoint, list).await;
        let same: Vec<&Delivery> = found.iter().filter(|delivery| delivery.key == wanted.key).collect();
        assert_eq!(same, if is_there { vec![wanted] } else { Vec::new() }, "{list:?}");
    }
}

pub async fn an_endpoint_is_written_once_per_revision(webhooks: &dyn Webhooks) {
    let first = endpoint(key(1, 1), AT);
    assert_eq!(webhooks.endpoint(first.key).await.expect("read"), None);
    create(webhooks, &first).await;
    assert_eq!(webhooks.endpoint(first.key).await.expect("read"), Some(first.clone()));
    let second = Endpoint {
        rev: 2,
        nonce: "second".into(),
        url: "https://example.com/other".into(),
        events: vec![EventType::PinAccepted],
        disabled: Some(DisabledBy::Failures),
        disablings: [7, 3].map(|rev| Disabling { rev, at: AT.plus_ms(3) }).to_vec(),
        previous_secret_until: Some(AT.plus_ms(7)),
        updated_at: AT.plus_ms(5),
        ..first.clone()
    };
    let rival = Endpoint { nonce: "rival".into(), ..second.clone() };
    assert_eq!(webhooks.save_endpoint(&second, None).await.expect("written"), Write::Done);
    assert_eq!(webhooks.save_endpoint(&rival, None).await.expect("answered"), Write::Conflict(()));
    let anew = Endpoint { nonce: "anew".into(), ..first.clone() };
    assert_eq!(webhooks.save_endpoint(&anew, None).await.expect("answered"), Write::Conflict(()));
    assert_eq!(webhooks.endpoint(first.key).await.expect("read"), Some(second.clone()));
    for (rev, disabled) in (3..).zip(DisabledBy::ALL.map(Some).into_iter().chain([None])) {
        let next = Endpoint { rev, disabled, previous_secret_until: None, ..second.clone() };
        assert_eq!(webhooks.save_endpoint(&next, None).await.expect("written"), Write::Done);
        assert_eq!(webhooks.endpoint(first.key).await.expect("read"), Some(next), "nothing of before is left");
    }
    let unknown = Endpoint { rev: 2, ..endpoint(key(1, 2), AT) };
    assert_eq!(webhooks.save_endpoint(&unknown, None).await.expect("answered"), Write::Conflict(()));
    assert_eq!(webhooks.endpoint(unknown.key).await.expect("read"), None);
}

pub async fn a_repeated_write_of_an_endpoint_is_recognised(webhooks: &dyn Webhooks) {
    let first = endpoint(key(1, 1), AT);
    create(webhooks, &first).await;
    let repeated = webhooks.save_endpoint(&first, Some(&secrets("a secret of sixteen"))).await.expect("written");
    assert_eq!(repeated, Write::Done, "the SDK repeated it");
    let second = Endpoint { rev: 2, nonce: "second".into(), ..first };
    for _ in 0..2 {
        assert_eq!(webhooks.save_endpoint(&second, None).await.expect("written"), Write::Done);
    }
    let health = Health { rev: 1, nonce: "health".into(), failures: 1, ..Health::default() };
    for _ in 0..2 {
        assert_eq!(webhooks.save_endpoint_health(second.key, &health).await.expect("written"), Write::Done);
    }
}

pub async fn secrets_stay_until_others_are_given(webhooks: &dyn Webhooks) {
    let first = endpoint(key(1, 1), AT);
    let read = async || {
        let secrets = webhooks.endpoint_secrets(first.key).await.expect("read");
        secrets.map(|secrets| (secrets.current, secrets.previous))
    };
    assert!(read().await.is_none(), "no endpoint");
    create(webhooks, &first).await;
    let old = Secret::new("a secret of sixteen");
    assert!(read().await == Some((old.clone(), None)));
    let second = Endpoint { rev: 2, nonce: "second".into(), ..first.clone() };
    assert_eq!(webhooks.save_endpoint(&second, None).await.expect("written"), Write::Done);
    assert!(read().await == Some((old.clone(), None)), "kept");
    let new = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let rotated = Secrets { current: new.clone(), previous: Some((old.clone(), AT.plus_ms(9))) };
    let refused = Endpoint { nonce: "rival".into(), ..second.clone() };
    assert_eq!(webhooks.save_endpoint(&refused, Some(&rotated)).await.expect("answered"), Write::Conflict(()));
    assert!(read().await == Some((old.clone(), None)), "a refused write replaces no secret");
    let third = Endpoint { rev: 3, nonce: "third".into(), ..first.clone() };
    assert_eq!(webhooks.save_endpoint(&third, Some(&rotated)).await.expect("written"), Write::Done);
    assert!(read().await == Some((new, Some((old, AT.plus_ms(9))))));
}

pub async fn the_oldest_endpoint_of_the_workspace_comes_first(webhooks: &dyn Webhooks) {
    for (workspace, id, at) in [(1, 1, 3), (1, 2, 1), (2, 3, 0), (1, 4, 2), (1, 5, 2)] {
        create(webhooks, &endpoint(key(workspace, id), AT.plus_ms(at))).await;
    }
    let read = async |workspace: u128| -> Vec<u128> {
        let list = webhooks.endpoints(WorkspaceId(Uuid::from_u128(workspace))).await.expect("read");
        list.into_iter().map(|endpoint| endpoint.key.endpoint.0.as_u128()).collect()
    };
    assert_eq!(read(1).await, [2, 4, 5, 1]);
    assert_eq!(read(2).await, [3]);
    assert_eq!(read(3).await, [0_u128; 0]);
}

pub async fn a_deleted_endpoint_is_gone_with_its_secrets_and_its_health(webhooks: &dyn Webhooks) {
    let (mine, other) = (endpoint(key(1, 1), AT), endpoint(key(1, 2), AT));
    let health = Health { rev: 1, nonce: "health".into(), failures: 3, ..Health::default() };
    for endpoint in [&mine, &other] {
        create(webhooks, endpoint).await;
        assert_eq!(webhooks.save_endpoint_health(endpoint.key, &health).await.expect("written"), Write::Done);
    }
    webhooks.delete_endpoint(mine.key).await.expect("deleted");
    assert_eq!(webhooks.endpoint(mine.key).await.expect("read"), None);
    assert!(webhooks.endpoint_secrets(mine.key).await.expect("read").is_none());
    assert_eq!(webhooks.endpoint_health(mine.key).await.expect("read"), Health::default());
    assert_eq!(webhooks.endpoints(mine.key.workspace).await.expect("read"), std::slice::from_ref(&other));
    assert_eq!(webhooks.endpoint_health(other.key).await.expect("read"), health);
    webhooks.delete_endpoint(mine.key).await.expect("again is harmless");
    let late = Endpoint { rev: 2, nonce: "late".into(), ..mine.clone() };
    assert_eq!(webhooks.save_endpoint(&late, None).await.expect("answered"), Write::Conflict(()));
    assert_eq!(webhooks.endpoint(mine.key).await.expect("read"), None, "a slow writer doesn't bring it back");
}

pub async fn health_is_the_default_at_first_and_is_written_once_per_revision(webhooks: &dyn Webhooks) {
    let key = key(1, 1);
    let read = async || webhooks.endpoint_health(key).await.expect("read");
    assert_eq!(read().await, Health::default());
    let full = Health {
        rev: 1,
        nonce: "first".into(),
        failures: 7,
        failing_since: Some(AT),
        failing: vec![DeliveryId(Uuid::from_u128(8)), DeliveryId(Uuid::from_u128(9))],
        is_slow: true,
        held_until: Some(AT.plus_ms(1)),
        turn_at: Some(AT.plus_ms(2)),
    };
    let rival = Health { rev: 1, nonce: "rival".into(), failures: 1, ..Health::default() };
    assert_eq!(webhooks.save_endpoint_health(key, &full).await.expect("written"), Write::Done);
    assert_eq!(webhooks.save_endpoint_health(key, &rival).await.expect("answered"), Write::Conflict(()));
    assert_eq!(read().await, full);
    let bare = Health { rev: 2, nonce: "second".into(), ..Health::default() };
    assert_eq!(webhooks.save_endpoint_health(key, &bare).await.expect("written"), Write::Done);
    assert_eq!(read().await, bare, "nothing of before is left");
    let stale = Health { rev: 2, ..full };
    assert_eq!(webhooks.save_endpoint_health(key, &stale).await.expect("answered"), Write::Conflict(()));
}

pub async fn a_replay_is_written_once_per_revision_and_goes_with_its_endpoint(webhooks: &dyn Webhooks) {
    let (key, other) = (key(1, 1), key(1, 2));
    let read = async |key: EndpointKey| webhooks.replay(key).await.expect("read");
    assert_eq!(read(key).await, None);
    let first = testdata::replay(key, AT);
    let rival = ReplayRun { nonce: "rival".into(), progress: 1, ..first.clone() };
    assert_eq!(webhooks.save_replay(&first).await.expect("written"), Write::Done);
    assert_eq!(webhooks.save_replay(&rival).await.expect("answered"), Write::Conflict(()));
    assert_eq!(read(key).await, Some(first.clone()));
    let next = ReplayRun { events: None, ..first.after(first.counts, None, 0, AT.plus_ms(2_000), "second".into()) };
    assert_eq!(webhooks.save_replay(&next).await.expect("written"), Write::Done);
    assert_eq!(read(key).await, Some(next), "nothing of before is left");
    let theirs = testdata::replay(other, AT);
    assert_eq!(webhooks.save_replay(&theirs).await.expect("written"), Write::Done);
    webhooks.delete_endpoint(key).await.expect("deleted");
    assert_eq!((read(key).await, read(other).await), (None, Some(theirs)));
}

pub async fn a_delivery_round_trips(webhooks: &dyn Webhooks) {
    let endpoint = key(1, 1);
    assert_eq!(webhooks.delivery(delivery(endpoint, 1, 0, WAITS).key).await.expect("read"), None);
    let last = LastTry {
        at: AT.plus_ms(3),
        status: Some(503),
        error: Some("http_status".into()),
        answer: Some("<p>größer ✂</p>".into()),
        latency_ms: 1_234,
    };
    let entry = Event { note: Some("image_broken".into()), ..Event::new(EventKind::Failed, AT, 2) };
    let told = Told {
        entry: Some(entry),
        account: AccountId(Uuid::from_u128(8)),
        board_id: "9".into(),
        pinterest_pin_id: Some("10".into()),
    };
    let full = Delivery {
        event: EventType::PinFailed,
        source: Source::Pin { pin: PinId(Uuid::from_u128(1)), sequence: 2, told: Some(Box::new(told)) },
        tries: 4,
        last: Some(last.clone()),
        body_sha256: Some("0f".repeat(32)),
        is_replayed: true,
        delivered_before: Some(AT.plus_ms(1)),
        is_changed: true,
        updated_at: AT.plus_ms(4),
        ..delivery(endpoint, 1, 0, State::Waiting { next_at: Some(AT.plus_ms(5)) })
    };
    let stored = Delivery {
        event: EventType::WebhookTest,
        source: Source::Stored { payload: "{\"event\":\"webhook.test\"}".into() },
        tries: 0,
        ..delivery(endpoint, 2, 1, WAITS)
    };
    let silent = LastTry { status: None, answer: None, error: Some("timeout".into()), ..last.clone() };
    let failed = Delivery { last: Some(silent), ..delivery(endpoint, 3, 2, State::Failed) };
    let refused = Delivery { last: Some(last.clone()), ..delivery(endpoint, 4, 3, State::Failed) };
    let good = LastTry { status: Some(204), error: None, answer: None, ..last };
    let delivered =
        Delivery { last: Some(good), body_sha256: Some("ab".repeat(32)), ..delivery(endpoint, 5, 4, State::Delivered) };
    for delivery in [&full, &stored, &failed, &refused, &delivered] {
        put(webhooks, delivery).await;
        assert_stands(webhooks, delivery).await;
    }
}

pub async fn the_answer_of_a_delivered_one_is_not_kept(webhooks: &dyn Webhooks) {
    let answered = |answer: Option<&str>| {
        let last = LastTry { at: AT, status: Some(200), error: None, answer: answer.map(str::to_owned), latency_ms: 5 };
        Delivery { last: Some(last), ..delivery(key(1, 1), 1, 0, State::Delivered) }
    };
    put(webhooks, &answered(Some("thank you"))).await;
    assert_stands(webhooks, &answered(None)).await;
}

pub async fn a_delivered_one_stays_delivered(webhooks: &dyn Webhooks) {
    for (number, ms) in [(1, 0), (2, 10)] {
        // Delivered by the first try, or by a later one.
        let first = delivery(key(1, 1), number, 0, WAITS);
        let delivered = Delivery { tries: 2, ..later(&first, ms, State::Delivered) };
        put(webhooks, &delivered).await;
        for state in [WAITS, State::Waiting { next_at: Some(AT) }, State::Failed] {
            put(webhooks, &first).await;
            put(webhooks, &later(&first, ms + 5, state)).await;
            // A replay that was requested before it was delivered, or that fails after it.
            let at_ms = if state == State::Failed { ms + 5 } else { ms - 1 };
            put(webhooks, &Delivery { is_replayed: true, ..later(&first, at_ms, state) }).await;
            assert_stands(webhooks, &delivered).await;
        }
        let again = later(&delivered, ms + 9, State::Delivered);
        put(webhooks, &again).await;
        assert_stands(webhooks, &again).await;
    }
}

pub async fn a_delivered_one_waits_again_if_it_is_replayed(webhooks: &dyn Webhooks) {
    let first = delivery(key(1, 1), 1, 0, WAITS);
    let delivered = later(&first, 10, State::Delivered);
    put(webhooks, &first).await;
    put(webhooks, &delivered).await;
    let replayed = Delivery { is_replayed: true, ..later(&delivered, 20, State::Waiting { next_at: Some(AT) }) };
    put(webhooks, &replayed).await;
    assert_stands(webhooks, &replayed).await;
    let again = later(&replayed, 30, State::Delivered);
    put(webhooks, &again).await;
    assert_stands(webhooks, &again).await;
}

pub async fn a_delivery_that_ends_leaves_the_waiting_ones(webhooks: &dyn Webhooks) {
    for (number, end) in [(1, State::Delivered), (2, State::Failed)] {
        let first = delivery(key(1, 1), number, 0, WAITS);
        put(webhooks, &first).await;
        assert_stands(webhooks, &first).await;
        let planned = later(&first, 1, State::Waiting { next_at: Some(AT.plus_ms(6)) });
        put(webhooks, &planned).await;
        assert_stands(webhooks, &planned).await;
        let ended = later(&planned, 7, end);
        put(webhooks, &ended).await;
        assert_stands(webhooks, &ended).await;
    }
}

pub async fn a_delivery_that_ended_while_the_clock_stood_still_does_not_wait(webhooks: &dyn Webhooks) {
    let untouched = delivery(key(1, 1), 3, 9, WAITS);
    put(webhooks, &untouched).await;
    for (number, end) in [(1, State::Delivered), (2, State::Failed)] {
        let first = delivery(key(1, 1), number, 0, WAITS);
        put(webhooks, &first).await;
        let ended = later(&first, 0, end);
        put(webhooks, &ended).await;
        assert_stands(webhooks, &ended).await;
    }
    assert_eq!(
        webhooks.deliveries(key(1, 1), Listed::Waiting, None, 1).await.expect("read"),
        std::slice::from_ref(&untouched)
    );
    assert_stands(webhooks, &untouched).await;
}

pub async fn a_failed_one_waits_again_only_if_it_is_replayed(webhooks: &dyn Webhooks) {
    let first = delivery(key(1, 1), 1, 0, WAITS);
    let failed = later(&first, 10, State::Failed);
    put(webhooks, &first).await;
    put(webhooks, &failed).await;
    put(webhooks, &later(&first, 15, WAITS)).await;
    assert_stands(webhooks, &failed).await;
    let replayed = Delivery { is_replayed: true, ..later(&failed, 20, State::Waiting { next_at: Some(AT) }) };
    put(webhooks, &replayed).await;
    assert_stands(webhooks, &replayed).await;
    let tried = later(&replayed, 25, State::Waiting { next_at: Some(AT.plus_ms(30)) });
    put(webhooks, &tried).await;
    assert_stands(webhooks, &tried).await;
    let failed = later(&tried, 30, State::Failed);
    put(webhooks, &failed).await;
    assert_stands(webhooks, &failed).await;
    // At the very moment of the failure, too.
    let again = later(&failed, 30, WAITS);
    put(webhooks, &again).await;
    assert_stands(webhooks, &again).await;
    let delivered = later(&again, 40, State::Delivered);
    put(webhooks, &delivered).await;
    assert_stands(webhooks, &delivered).await;
}

pub async fn an_earlier_failure_does_not_end_a_later_replay(webhooks: &dyn Webhooks) {
    let first = delivery(key(1, 1), 1, 0, WAITS);
    let failed = later(&first, 10, State::Failed);
    let replayed = Delivery { is_replayed: true, ..later(&failed, 20, WAITS) };
    put(webhooks, &failed).await;
    put(webhooks, &replayed).await;
    // A slow worker of the time before.
    put(webhooks, &failed).await;
    assert_eq!(webhooks.delivery(first.key).await.expect("read"), Some(replayed.clone()));
    assert_eq!(listed(webhooks, key(1, 1), Listed::Waiting).await, [replayed]);
}

pub async fn rows_are_found_in_the_order_of_their_keys(webhooks: &dyn Webhooks) {
    assert_eq!(webhooks.deliveries_exist(&[]).await.expect("read"), [false; 0]);
    let all = [
        delivery(key(1, 1), 1, 0, WAITS),
        delivery(key(1, 1), 2, 0, State::Delivered),
        delivery(key(1, 2), 3, 5, State::Failed),
        delivery(key(1, 2), 4, 5, WAITS),
    ];
    for delivery in [&all[0], &all[1], &all[2]] {
        put(webhooks, delivery).await;
    }
    let ask = async |order: &[usize]| {
        let keys: Vec<DeliveryKey> = order.iter().map(|index| all[*index].key).collect();
        let found = webhooks.deliveries_of(&keys).await.expect("read");
        for (index, found) in order.iter().zip(&found) {
            assert!(found.as_ref().is_none_or(|found| *found == all[*index]), "{found:?}");
        }
        let exist = webhooks.deliveries_exist(&keys).await.expect("read");
        assert_eq!(exist, found.iter().map(Option::is_some).collect::<Vec<_>>());
        exist
    };
    assert_eq!(ask(&[3, 0, 1, 2]).await, [false, true, true, true]);
    assert_eq!(ask(&[2, 3, 2]).await, [true, false, true], "a key may be asked for twice");
    let elsewhere = DeliveryKey { event_at: AT.plus_ms(1), ..all[0].key };
    assert_eq!(webhooks.deliveries_exist(&[elsewhere]).await.expect("read"), [false]);
}

/// Two events of each of three moments, in the order of their keys.
async fn six(webhooks: &dyn Webhooks, state: State) -> Vec<Delivery> {
    let mut all: Vec<Delivery> = (0..6).map(|n| delivery(key(1, 1), n, n as i64 / 2 * 1_000, state)).collect();
    for delivery in &all {
        put(webhooks, delivery).await;
    }
    all.sort_by_key(|delivery| delivery.key);
    all
}

async fn assert_pages(webhooks: &dyn Webhooks, list: Listed, wanted: &[Delivery]) {
    let read = async |after, limit| webhooks.deliveries(key(1, 1), list, after, limit).await.expect("read");
    assert_eq!(read(None, 10).await, wanted);
    assert_eq!(read(None, wanted.len()).await, wanted);
    assert_eq!(read(None, 4).await, wanted[..4]);
    for (index, delivery) in wanted.iter().enumerate() {
        let rest = &wanted[index + 1..];
        assert_eq!(read(Some(delivery.key), 10).await, rest);
        assert_eq!(read(Some(delivery.key), 2).await, rest[..rest.len().min(2)]);
    }
}

pub async fn the_oldest_event_that_waits_comes_first_and_reading_continues_after_any(webhooks: &dyn Webhooks) {
    put(webhooks, &delivery(key(1, 1), 90, 1_000, State::Delivered)).await;
    let waiting = six(webhooks, WAITS).await;
    assert_pages(webhooks, Listed::Waiting, &waiting).await;
    // One that has ended since is where it was, for whoever read it before.
    put(webhooks, &later(&waiting[2], 1, State::Delivered)).await;
    let rest = webhooks.deliveries(key(1, 1), Listed::Waiting, Some(waiting[2].key), 10).await.expect("read");
    assert_eq!(rest, waiting[3..]);
}

pub async fn the_newest_event_that_ended_comes_first_and_reading_continues_after_any(webhooks: &dyn Webhooks) {
    put(webhooks, &delivery(key(1, 1), 90, 1_000, WAITS)).await;
    let mut ended = six(webhooks, State::Failed).await;
    ended.reverse();
    assert_pages(webhooks, Listed::Ended, &ended).await;
}

pub async fn more_deliveries_than_one_read_takes_are_all_found(webhooks: &dyn Webhooks) {
    let all: Vec<Delivery> = (0..130).map(|n| delivery(key(1, 1), n, n as i64, WAITS)).collect();
    for delivery in &all {
        put(webhooks, delivery).await;
    }
    let keys: Vec<DeliveryKey> = all.iter().map(|delivery| delivery.key).collect();
    assert_eq!(webhooks.deliveries_exist(&keys).await.expect("read"), [true; 130]);
    assert_eq!(listed(webhooks, key(1, 1), Listed::Waiting).await, all);
    // All but the last end in a moment in which the clock stands still.
    for delivery in &all[..129] {
        put(webhooks, &later(delivery, 0, State::Delivered)).await;
    }
    assert_eq!(webhooks.deliveries(key(1, 1), Listed::Waiting, None, 5).await.expect("read"), all[129..]);
    assert_eq!(listed(webhooks, key(1, 1), Listed::Ended).await.len(), 129);
}

pub async fn each_endpoint_has_its_own_deliveries(webhooks: &dyn Webhooks) {
    for state in [WAITS, State::Delivered] {
        let number = if state == WAITS { 1 } else { 2 };
        let all = [key(1, 1), key(1, 2), key(2, 1)].map(|endpoint| delivery(endpoint, number, 0, state));
        for delivery in &all {
            put(webhooks, delivery).await;
        }
        for delivery in &all {
            let list = if state == WAITS { Listed::Waiting } else { Listed::Ended };
            assert_eq!(listed(webhooks, delivery.key.endpoint, list).await, std::slice::from_ref(delivery));
            assert_stands(webhooks, delivery).await;
        }
    }
}

pub async fn wiping_deletes_everything_of_one_workspace(webhooks: &dyn Webhooks) {
    let theirs = endpoint(key(2, 1), AT);
    let deleted = key(1, 99);
    let health = Health { rev: 1, nonce: "health".into(), failures: 1, ..Health::default() };
    for endpoint in (1..=12).map(|id| endpoint(key(1, id), AT)).chain([endpoint(deleted, AT), theirs.clone()]) {
        create(webhooks, &endpoint).await;
        assert!(webhooks.save_endpoint_health(endpoint.key, &health).await.expect("written").is_done());
        for (number, state) in [(1, WAITS), (2, State::Delivered), (3, State::Failed)] {
            put(webhooks, &delivery(endpoint.key, number, 0, state)).await;
        }
    }
    webhooks.delete_endpoint(deleted).await.expect("deleted");
    // A destination of the stack is no row.
    let bus = Destination::EventBus.endpoint(deleted.workspace).key;
    assert!(webhooks.save_endpoint_health(bus, &health).await.expect("written").is_done());
    for (number, state) in [(1, WAITS), (2, State::Delivered)] {
        put(webhooks, &delivery(bus, number, 0, state)).await;
    }
    let mut rounds = 0;
    while !webhooks.wipe_webhooks(key(1, 1).workspace).await.expect("wiped") {
        rounds += 1;
        assert!(rounds < 10, "it ends");
    }
    assert_eq!(webhooks.endpoints(key(1, 1).workspace).await.expect("read"), []);
    for key in (1..=12).map(|id| key(1, id)).chain([deleted, bus]) {
        assert!(webhooks.endpoint_secrets(key).await.expect("read").is_none());
        assert_eq!(webhooks.endpoint_health(key).await.expect("read"), Health::default());
        assert_eq!(listed(webhooks, key, Listed::Waiting).await, []);
        assert_eq!(listed(webhooks, key, Listed::Ended).await, [], "of a deleted endpoint, too");
    }
    assert_eq!(webhooks.endpoints(theirs.key.workspace).await.expect("read"), std::slice::from_ref(&theirs));
    assert!(webhooks.endpoint_secrets(theirs.key).await.expect("read").is_some());
    assert_eq!(webhooks.endpoint_health(theirs.key).await.expect("read"), health);
    assert_eq!(listed(webhooks, theirs.key, Listed::Waiting).await.len(), 1);
    assert_eq!(listed(webhooks, theirs.key, Listed::Ended).await.len(), 2);
}
