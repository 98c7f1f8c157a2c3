//! The rules of editing and deleting pins: both rows of a pin are written, or none.

use uuid::Uuid;

use crate::domain::ids::{AccountKey, PinId};
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::{Pin, PinRequest, Placement};
use crate::domain::testdata::{self, CREATED_AT, pin_of};
use crate::domain::time::Moment;
use crate::ports::{Store, Write};

const LATER: Moment = Moment(CREATED_AT.0 + 20);

async fn put(store: &dyn Store, key: &str) -> (Pin, Attempt) {
    let pin = pin_of(testdata::request(key), CREATED_AT, Placement::Now);
    assert_eq!(store.put_pin(&pin).await.expect("written"), Write::Done, "a new pin");
    let attempt = Attempt::untouched(&pin);
    (pin, attempt)
}

async fn stored(store: &dyn Store, pin: &Pin) -> (Pin, Attempt) {
    store.pins(&[pin.key]).await.expect("read").remove(0).expect("there")
}

fn edited((pin, attempt): &(Pin, Attempt), title: &str, nonce: &str) -> (Pin, Attempt) {
    let next = attempt.edited(LATER, nonce.into()).expect("legal");
    let request = PinRequest { title: title.into(), ..pin.request.clone() };
    (Pin { request, edit: next.edit, ..pin.clone() }, next)
}

pub async fn an_edit_is_written_on_the_revision_it_follows(store: &dyn Store) {
    let first = put(store, "key").await;
    let second = edited(&first, "Second", "a");
    assert!(store.save_pin(&second.0, &second.1).await.expect("answered").is_done());
    assert_eq!(stored(store, &first.0).await, second);
    // A write that is based on the rows before the edit fails.
    let stale = edited(&first, "Stale", "b");
    assert!(!store.save_pin(&stale.0, &stale.1).await.expect("answered").is_done());
    let begun = first.1.begin(LATER, "c".into()).expect("legal");
    assert!(matches!(store.save_attempt(&first.0, &begun).await, Ok(Write::Conflict(Some(_)))));
    let third = edited(&second, "Third", "d");
    assert!(store.save_pin(&third.0, &third.1).await.expect("answered").is_done());
    assert_eq!(stored(store, &first.0).await, third);
}

pub async fn a_repeated_write_of_the_same_edit_is_recognised(store: &dyn Store) {
    let first = put(store, "key").await;
    let second = edited(&first, "Second", "a");
    for _ in 0..2 {
        assert!(store.save_pin(&second.0, &second.1).await.expect("answered").is_done());
    }
    assert_eq!(stored(store, &first.0).await, second);
}

pub async fn a_hidden_pin_leaves_the_listing_and_is_not_written_again(store: &dyn Store) {
    let (stays, hidden, ended) = (put(store, "a").await, put(store, "b").await, put(store, "c").await);
    let workspace = stays.0.key.workspace;
    store.hide_pin(&Pin { hidden_at: Some(LATER), ..hidden.0.clone() }).await.expect("hidden");
    let gone = Pin { hidden_at: Some(LATER), ..ended.0.clone() };
    let deleted = ended.1.deleted(LATER, &gone, "a".into()).expect("legal");
    assert!(store.save_pin(&gone, &deleted).await.expect("answered").is_done());
    let after = store.listing_after(workspace, None, LATER, 10).await.expect("read");
    assert_eq!(after, [(CREATED_AT, stays.0.key.pin)]);
    let mut wanted = [(CREATED_AT, hidden.0.key.pin), (CREATED_AT, ended.0.key.pin)];
    wanted.sort_unstable();
    assert_eq!(store.deleted_after(workspace, None, LATER, 10).await.expect("read"), wanted);
    assert_eq!(store.deleted_after(workspace, Some(wanted[0]), LATER, 10).await.expect("read"), wanted[1..]);

    let read = stored(store, &hidden.0).await;
    assert_eq!(read, (Pin { hidden_at: Some(LATER), ..hidden.0.clone() }, hidden.1.clone()), "nothing else changes");
    let late = Moment(LATER.0 + 1);
    store.hide_pin(&Pin { hidden_at: Some(late), ..hidden.0.clone() }).await.expect("answered");
    assert_eq!(stored(store, &hidden.0).await, read, "a second hiding changes nothing");
    let edit = edited(&hidden, "Too late", "b");
    assert!(
        !store.save_pin(&edit.0, &edit.1).await.expect("answered").is_done(),
        "the edit is based on the pin before it was hidden"
    );
    // Its attempt continues.
    let begun = hidden.1.begin(LATER, "c".into()).expect("legal");
    assert_eq!(store.save_attempt(&hidden.0, &begun).await.expect("answered"), Write::Done);
}

pub async fn some_siblings_are_read_up_to_a_limit(store: &dyn Store) {
    let account = AccountKey { workspace: testdata::workspace(), account: testdata::account() };
    for id in 0..5 {
        let pin = PinId(Uuid::from_u128(id));
        store.put_sibling(account, "aa", pin, Moment(2_000_000_000_000)).await.expect("written");
    }
    assert_eq!(store.first_siblings(account, "aa", 3).await.expect("read").len(), 3);
    assert_eq!(store.first_siblings(account, "aa", 10).await.expect("read").len(), 5);
    assert_eq!(store.first_siblings(account, "ab", 10).await.expect("read"), []);
}
