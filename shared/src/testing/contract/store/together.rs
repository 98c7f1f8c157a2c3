//! The rules of attempts that are saved together: all are written, or none.

use futures_util::future::join_all;

use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::{Pin, Placement};
use crate::domain::testdata::{self, CREATED_AT, pin_of};
use crate::domain::time::Moment;
use crate::ports::{SAVED_TOGETHER_MAX, Store, Write};

const LATER: Moment = Moment(CREATED_AT.0 + 20);

async fn put(store: &dyn Store, key: &str) -> Pin {
    let pin = pin_of(testdata::request(key), CREATED_AT, Placement::Now);
    assert_eq!(store.put_pin(&pin).await.expect("written"), Write::Done, "a new pin");
    pin
}

fn begun(pin: &Pin, nonce: &str) -> Attempt {
    Attempt::untouched(pin).begin(CREATED_AT, nonce.into()).expect("begins")
}

/// Two pins, one with an attempt row and one without, and the next state of each.
async fn pair(store: &dyn Store, nonce: &str) -> [(Pin, Attempt); 2] {
    let (untouched, touched) = (put(store, "untouched").await, put(store, "touched").await);
    let first = begun(&touched, "first");
    assert_eq!(store.save_attempt(&touched, &first).await.expect("answered"), Write::Done);
    [(untouched.clone(), begun(&untouched, nonce)), (touched, first.not_sent(LATER, nonce.into()).expect("legal"))]
}

async fn stored(store: &dyn Store, writes: &[(Pin, Attempt)]) -> Vec<Attempt> {
    let keys: Vec<_> = writes.iter().map(|(pin, _)| pin.key).collect();
    store.pins(&keys).await.expect("read").into_iter().flatten().map(|(_, attempt)| attempt).collect()
}

fn attempts(writes: &[(Pin, Attempt)]) -> Vec<Attempt> {
    writes.iter().map(|(_, attempt)| attempt.clone()).collect()
}

pub async fn attempts_saved_together_are_all_written(store: &dyn Store) {
    let writes = pair(store, "a").await;
    assert!(store.save_attempts(&writes).await.expect("answered").is_done());
    assert_eq!(stored(store, &writes).await, attempts(&writes));
    let mut many = Vec::new();
    for index in 0..SAVED_TOGETHER_MAX {
        let pin = put(store, &format!("key-{index}")).await;
        many.push((pin.clone(), begun(&pin, "many")));
    }
    assert!(store.save_attempts(&many).await.expect("as many as one transaction takes").is_done());
    assert_eq!(stored(store, &many).await, attempts(&many));
}

pub async fn a_lost_condition_changes_none_of_them(store: &dyn Store) {
    let writes = pair(store, "a").await;
    let before = stored(store, &writes).await;
    for lost in 0..2 {
        let mut stale = writes.to_vec();
        stale[lost].1.rev += 1;
        assert!(
            !store.save_attempts(&stale).await.expect("answered").is_done(),
            "write {lost} follows a row that isn't there"
        );
        assert_eq!(stored(store, &writes).await, before);
    }
    let winner = before[1].not_sent(LATER, "winner".into()).expect("legal");
    assert_eq!(store.save_attempt(&writes[1].0, &winner).await.expect("answered"), Write::Done);
    assert!(!store.save_attempts(&writes).await.expect("answered").is_done(), "another write was first");
    assert_eq!(stored(store, &writes).await, [before[0].clone(), winner]);
}

pub async fn a_repeated_write_of_the_same_attempts_is_recognised(store: &dyn Store) {
    let writes = pair(store, "a").await;
    for _ in 0..3 {
        assert!(
            store.save_attempts(&writes).await.expect("answered").is_done(),
            "a repetition with the same nonces succeeds"
        );
    }
    assert_eq!(stored(store, &writes).await, attempts(&writes));
    let next = writes[1].1.begin(LATER, "b".into()).expect("begins");
    assert_eq!(store.save_attempt(&writes[1].0, &next).await.expect("answered"), Write::Done);
    assert!(
        !store.save_attempts(&writes).await.expect("answered").is_done(),
        "but not once another write has followed"
    );
}

pub async fn attempts_without_a_nonce_are_not_recognised_as_repetitions(store: &dyn Store) {
    let writes = pair(store, "").await;
    assert!(store.save_attempts(&writes).await.expect("answered").is_done());
    assert!(!store.save_attempts(&writes).await.expect("answered").is_done());
}

pub async fn of_concurrent_writes_together_one_wins_as_a_whole(store: &dyn Store) {
    let writes = pair(store, "n").await;
    let rivals: Vec<Vec<(Pin, Attempt)>> = (0..6)
        .map(|index| {
            let named = |(pin, attempt): &(Pin, Attempt)| {
                (pin.clone(), Attempt { nonce: format!("n{index}"), ..attempt.clone() })
            };
            writes.iter().map(named).collect()
        })
        .collect();
    let answers = join_all(rivals.iter().map(|rival| store.save_attempts(rival))).await;
    let won: Vec<usize> = (0..6).filter(|index| matches!(answers[*index], Ok(Write::Done))).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert_eq!(stored(store, &writes).await, attempts(&rivals[won[0]]));
}
