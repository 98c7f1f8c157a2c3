//! Counts the capacity that the table charges. The cost test uses it; in production it is off.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// Sums of capacity units, in thousandths, since the ledger was opened.
#[derive(Debug, Default)]
pub struct Ledger {
    write_milliunits: AtomicU64,
    read_milliunits: AtomicU64,
    failed_conditions: AtomicU64,
}

impl Ledger {
    /// Write units, failed conditions included: those are billed without being reported, at one unit each for rows
    /// below a kilobyte.
    pub fn write_units(&self) -> f64 {
        self.write_milliunits.load(Relaxed) as f64 / 1000.0 + self.failed_conditions.load(Relaxed) as f64
    }

    pub fn read_units(&self) -> f64 {
        self.read_milliunits.load(Relaxed) as f64 / 1000.0
    }

    pub fn failed_conditions(&self) -> u64 {
        self.failed_conditions.load(Relaxed)
    }
}

/// The handle that every request passes through.
#[derive(Clone, Debug, Default)]
pub struct Meter(pub Option<std::sync::Arc<Ledger>>);

impl Meter {
    pub fn asked(&self) -> Option<ReturnConsumedCapacity> {
        self.0.as_ref().map(|_| ReturnConsumedCapacity::Total)
    }

    pub fn wrote(&self, capacity: Option<&ConsumedCapacity>) {
        if let (Some(ledger), Some(units)) = (&self.0, capacity.and_then(ConsumedCapacity::capacity_units)) {
            ledger.write_milliunits.fetch_add((units * 1000.0) as u64, Relaxed);
        }
    }

    pub fn read(&self, capacity: Option<&ConsumedCapacity>) {
        if let (Some(ledger), Some(units)) = (&self.0, capacity.and_then(ConsumedCapacity::capacity_units)) {
            ledger.read_milliunits.fetch_add((units * 1000.0) as u64, Relaxed);
        }
    }

    pub fn condition_failed(&self) {
        if let Some(ledger) = &self.0 {
            ledger.failed_conditions.fetch_add(1, Relaxed);
        }
    }
}
