//! The flows on fakes and a manual clock, which the tests step.

mod batch;
mod boards;
mod budget;
mod connect;
mod crashes;
mod custody;
mod dashboard;
mod dead_letters;
mod duplicate_check;
mod edit;
mod equivalence;
mod fairness;
mod heed_limit;
mod imports;
mod limits;
mod own_writes;
mod pacing;
mod publish;
mod purge;
mod redrive;
mod refresh;
mod refused;
mod resolve;
mod retry;
mod rollup;
mod schedules;
mod schedules_crashes;
mod shared_pace;
mod unresolved;
mod webhooks;

use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::testing::TestWorld;

/// One of many pins of one account that differ in title and key.
fn numbered(index: usize) -> PinRequest {
    PinRequest { title: format!("Crane number {index}"), ..testdata::request(&format!("key-{index}")) }
}

pub async fn accept_numbered(world: &TestWorld, indices: std::ops::Range<usize>) -> Vec<PinKey> {
    let mut keys = Vec::new();
    for index in indices {
        keys.push(world.accept_request(numbered(index)).await);
    }
    keys
}
