//! What a scheduled pin costs through the real adapter, from its schedule to its Pin.

use std::sync::Arc;

use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::ids::ScheduleKey;
use pinbridge_shared::domain::origin::{Actor, Origin};
use pinbridge_shared::domain::schedule::ScheduleStatus;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::schedules::{self, Created, ScheduleRequest};
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

use crate::support::embedded_aws;

/// In write units, everything included.
/// Twelve, and the tally's own share of 0.2 (`cost_tally`).
const SCHEDULED_MAX: f64 = 12.2;
const PINS: usize = 40;

#[tokio::test]
async fn a_scheduled_pin_costs_at_most_twelve_write_units() {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let (store, ledger) = DynamoStore::metered(client, resources::TABLE);
    let world = TestWorld::on(Arc::new(store), 1).await;
    world.boards.insert(&testdata::request("any").board_id);
    // The very first tick catches up an hour of empty minutes; it is nobody's.
    world.run_dispatcher_once().await.expect("survives").expect("dispatched");

    let units = || (ledger.write_units(), ledger.read_units());
    let begun = units();
    let origin = Origin::by(Actor::Key(pinbridge_shared::domain::ids::KeyId(Uuid::from_u128(1))));
    let mut keys: Vec<ScheduleKey> = Vec::new();
    for index in 0..PINS {
        let mut request = testdata::request(&format!("order-{index:06}"));
        request.title.replace_range(..6, &format!("{index:06}"));
        let run_at = START.plus_ms(5 * MINUTE_MS + index as i64 * 700);
        let asked = ScheduleRequest { request, run_at, origin };
        let Ok(Created::New(view)) = schedules::create(&world.world, testdata::workspace(), asked).await else {
            panic!("a new schedule")
        };
        keys.push(view.schedule.key);
    }
    let made = units();
    // The watchdog's later rounds included.
    world.run_until(START.plus_ms(9 * MINUTE_MS + SECOND_MS)).await;
    let done = units();
    for key in &keys {
        let view = schedules::read(&world.world, *key).await.expect("there");
        assert_eq!(view.status(), ScheduleStatus::Done);
    }
    let per_pin = |from: (f64, f64), to: (f64, f64)| ((to.0 - from.0) / PINS as f64, (to.1 - from.1) / PINS as f64);
    for (what, (written, read)) in [
        ("making a schedule", per_pin(begun, made)),
        ("releasing and publishing it, with nine ticks", per_pin(made, done)),
        ("a scheduled pin in all", per_pin(begun, done)),
    ] {
        println!("{what:<46} {written:>7.3} written {read:>8.3} read");
    }
    let (written, _) = per_pin(begun, done);
    assert!(written <= SCHEDULED_MAX, "{written} write units a pin");
    assert!(written > 8.0, "{written} write units a pin are too few to be true");
}
