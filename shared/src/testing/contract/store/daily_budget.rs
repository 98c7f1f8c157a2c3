//! The rules of the row that counts a day's requests.

use futures_util::future::join_all;
use uuid::Uuid;

use crate::domain::ids::WorkspaceId;
use crate::domain::pacing::budget::{DaySpending, Request};
use crate::ports::{Store, Write};

const DAY: i64 = 20_454;

fn create(id: u128) -> Request {
    Request::Create(WorkspaceId(Uuid::from_u128(id)))
}

fn read(id: u128) -> Request {
    Request::Read(WorkspaceId(Uuid::from_u128(id)))
}

async fn save(store: &dyn Store, next: &DaySpending) -> Write<DaySpending> {
    store.save_day_spending(next).await.expect("answered")
}

pub async fn a_day_is_counted_and_read_back(store: &dyn Store) {
    let mut day = store.day_spending(DAY).await.expect("read");
    assert_eq!(day, DaySpending::nothing(DAY));
    for (index, request) in [create(1), Request::Reconcile, create(2), read(1), create(1)].into_iter().enumerate() {
        day = day.with(request, format!("n{index}"));
        assert_eq!(save(store, &day).await, Write::Done);
        assert_eq!(store.day_spending(DAY).await.expect("read"), day);
    }
    assert_eq!((day.spent(), day.reconciliations, day.creates.len(), day.reads.len()), (5, 1, 2, 1));
    assert_eq!(store.day_spending(DAY + 1).await.expect("read"), DaySpending::nothing(DAY + 1), "each day its own");
}

pub async fn of_two_counts_that_saw_the_same_day_one_is_lost(store: &dyn Store) {
    let mut seen = DaySpending::nothing(DAY);
    for round in 0..2 {
        let (first, second) = (seen.with(create(1), format!("a{round}")), seen.with(create(2), format!("b{round}")));
        assert_eq!(save(store, &first).await, Write::Done);
        assert_eq!(save(store, &second).await, Write::Conflict(first.clone()), "with the row as it is");
        seen = first;
    }
    let counts = (0..6).map(|id| seen.with(create(id), format!("c{id}"))).collect::<Vec<_>>();
    let won = join_all(counts.iter().map(|next| save(store, next))).await;
    assert_eq!(won.iter().filter(|answer| **answer == Write::Done).count(), 1, "{won:?}");
}

pub async fn a_repeated_count_of_a_day_is_recognised(store: &dyn Store) {
    let first = DaySpending::nothing(DAY).with(create(1), "first".into());
    assert_eq!(save(store, &first).await, Write::Done);
    assert_eq!(save(store, &first).await, Write::Done);
    let second = first.with(Request::Reconcile, "second".into());
    assert_eq!(save(store, &second).await, Write::Done);
    assert_eq!(save(store, &second).await, Write::Done);
    assert_eq!(store.day_spending(DAY).await.expect("read").spent(), 2, "counted once each");
}
