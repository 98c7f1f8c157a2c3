//! The rules of the rows of callers' credit.

use futures_util::future::join_all;
use uuid::Uuid;

use crate::domain::credit::purse::Ask;
use crate::domain::credit::row::{CreditRow, Lease, LeaseFrom};
use crate::domain::credit::{Allowance, Holder};
use crate::domain::ids::{KeyId, UserId};
use crate::domain::time::{HOUR_MS, Moment, SECOND_MS};
use crate::ports::{Credits, Leased};

/// Runs every rule; the async function returns `(Arc<dyn Credits>, guard)`.
#[macro_export]
macro_rules! credits_contract {
    ($fresh:path) => {
        use $crate::testing::contract::credits;
        $crate::contract_cases!($fresh;
            credits:
            every_lease_does_what_the_domain_specifies,
            a_repeated_lease_counts_once,
            of_concurrent_leases_as_many_succeed_as_the_bucket_holds,
            each_holder_has_its_own_row;
        );
    };
}

const NOW: Moment = Moment(1_767_225_600_000);
const ALLOWANCE: Allowance = Allowance { per_minute: 30_000 };

fn key(id: u128) -> Holder {
    Holder::Key(KeyId(Uuid::from_u128(id)))
}

fn plan(row: Option<&CreditRow>, owed: u32, now: Moment, nonce: impl Into<String>) -> Lease {
    let ask = Ask { owed, block: ALLOWANCE.block() };
    Lease::plan(row.map_or(0, |row| row.paid_us), ALLOWANCE, ask, now, 10 * SECOND_MS, nonce.into())
}

async fn lease(credits: &dyn Credits, holder: &Holder, lease: &Lease) -> Leased {
    credits.lease(holder, lease).await.expect("answered")
}

pub async fn every_lease_does_what_the_domain_specifies(credits: &dyn Credits) {
    let (mut row, mut kinds) = (None::<CreditRow>, [0; 4]);
    // An hour ahead: a bad clock. Then, by the right one, the reset, the blocks of the empty bucket, and full ones.
    let times = [0, 1, HOUR_MS, HOUR_MS, 0, 0, 3_000, 3_001, 6_500, 9_000, 9_000, 2 * HOUR_MS, 2 * HOUR_MS, 0];
    for (index, after_ms) in times.into_iter().enumerate() {
        let now = NOW.plus_ms(after_ms);
        for owed in [0, 700, 28_500] {
            let planned = plan(row.as_ref(), owed, now, format!("{index} {owed}"));
            let wanted = planned.apply(row.as_ref());
            let answer = lease(credits, &key(1), &planned).await;
            kinds[match planned.from {
                LeaseFrom::Full => 0,
                LeaseFrom::Used => 1,
                LeaseFrom::BadClock { .. } => 2,
            }] += 1;
            match wanted {
                Some(after) => {
                    assert_eq!(answer, Leased::Done(after.clone()), "{planned:?} on {row:?}");
                    row = Some(after);
                }
                None => {
                    kinds[3] += 1;
                    assert_eq!(answer, Leased::Refused(row.clone().unwrap_or_default()), "{planned:?}");
                }
            }
        }
    }
    assert!(kinds.iter().all(|count| *count > 0), "full, used, of a bad clock, refused: {kinds:?}");
    // What another instance has changed since it was read is not overwritten.
    let stale = plan(None, 0, NOW, "stale");
    assert_eq!(lease(credits, &key(1), &stale).await, Leased::Refused(row.expect("written")));
}

pub async fn a_repeated_lease_counts_once(credits: &dyn Credits) {
    let mut row = None;
    for round in 0..3 {
        let planned = plan(row.as_ref(), 0, NOW, format!("n{round}"));
        let first = lease(credits, &key(1), &planned).await;
        assert_eq!(lease(credits, &key(1), &planned).await, first, "round {round}");
        let Leased::Done(after) = first else { panic!("{first:?}") };
        row = Some(after);
    }
    assert_eq!(row.expect("leased").paid_us, NOW.0 * 1_000 + 9_000_000, "three blocks of three seconds");
}

pub async fn of_concurrent_leases_as_many_succeed_as_the_bucket_holds(credits: &dyn Credits) {
    let Leased::Done(row) = lease(credits, &key(1), &plan(None, 0, NOW, "first")).await else { panic!("refused") };
    let plans: Vec<Lease> = (0..30).map(|n| plan(Some(&row), 0, NOW, format!("n{n}"))).collect();
    let holder = key(1);
    let answers = join_all(plans.iter().map(|planned| lease(credits, &holder, planned))).await;
    let done = answers.iter().filter(|answer| matches!(answer, Leased::Done(_))).count();
    assert_eq!(done, 19, "with the first, a minute's credit: {answers:?}");
}

pub async fn each_holder_has_its_own_row(credits: &dyn Credits) {
    let id = Uuid::from_u128(1);
    let holders = [key(1), key(2), Holder::Person(UserId(id)), Holder::Source("00c0ffee".into())];
    for holder in &holders {
        let answer = lease(credits, holder, &plan(None, 28_500, NOW, "n")).await;
        assert!(matches!(answer, Leased::Done(_)), "{holder:?}: {answer:?}");
    }
}
