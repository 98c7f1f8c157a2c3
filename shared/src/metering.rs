//! Counts what a request costs: the table's read units, and the calls to Pinterest.
//!
//! [`metered`] counts what happens within a task while it runs. [`counting`] puts a decorator around each port that
//! calls Pinterest, and [`ReadUnits`] is an interceptor of the table's client. So no flow counts anything itself.

mod ports;
mod read_units;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use ports::counting;
pub use read_units::ReadUnits;

tokio::task_local! {
    static METER: Arc<Meter>;
}

#[derive(Debug, Default)]
struct Meter {
    read_milliunits: AtomicU64,
    pinterest_calls: AtomicU64,
}

/// What a request has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// The table's read units, rounded up.
    pub read_units: u64,
    pub pinterest_calls: u64,
}

/// Runs the work, and counts what it costs.
pub async fn metered<T>(work: impl Future<Output = T>) -> (T, Metered) {
    let meter = Arc::new(Meter::default());
    let output = METER.scope(Arc::clone(&meter), work).await;
    let read_units = meter.read_milliunits.load(Relaxed).div_ceil(1_000);
    (output, Metered { read_units, pinterest_calls: meter.pinterest_calls.load(Relaxed) })
}

/// Counts a call to Pinterest, where something is metered.
fn note_pinterest_call() {
    let _ = METER.try_with(|meter| meter.pinterest_calls.fetch_add(1, Relaxed));
}

fn note_read_units(units: f64) {
    let _ = METER.try_with(|meter| meter.read_milliunits.fetch_add((units * 1_000.0) as u64, Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_task_has_its_own_meter_and_nothing_is_counted_without_one() {
        note_pinterest_call();
        note_read_units(1.0);
        let work = |calls: u64| async move {
            for _ in 0..calls {
                note_pinterest_call();
                note_read_units(0.5);
                tokio::task::yield_now().await;
            }
            calls
        };
        let (one, three) = tokio::join!(metered(work(1)), metered(work(3)));
        assert_eq!(one, (1, Metered { read_units: 1, pinterest_calls: 1 }));
        assert_eq!(three, (3, Metered { read_units: 2, pinterest_calls: 3 }));
    }
}
