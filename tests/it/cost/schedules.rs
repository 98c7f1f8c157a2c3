//! What a scheduled pin costs through the real adapter, from its schedule to its Pin.

use std::sync::Arc;

use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::ids::ScheduleKey;
use pinbridge_shared::domain::pin::origin::{Actor, Origin};
use pinbridge_shared::domain::schedule::ScheduleStatus;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::schedules::{self, Created, ScheduleRequest};
use pinbridge_shared::testing::TestWorld;
use uuid::Uuid;

use crate::support::{embedded_aws, meter};

/// In write units, everything included.
/// Twelve, and the rollup's own share of 0.2 (`cost::pins`).
const SCHEDULED_MAX: f64 = 12.2;

/// One that is alone in its quarter of an hour pays for rows that others share: a recovery marker, and the rollup's of
/// its hour.
const LONE_MAX: f64 = 16.0;

const IDLE_MINUTES: i64 = 10;

/// Write units a pin of so many schedules, that far apart; and those that the dispatcher's ticks would have cost
/// without them.
async fn cost(pins: usize, apart_ms: i64) -> (f64, f64) {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let (client, ledger) = meter::metered(&client);
    let store = DynamoStore::new(client, resources::TABLE);
    let world = TestWorld::on(Arc::new(store), 1).await;
    world.boards.insert(&testdata::request("any").board_id);
    // The very first tick catches up an hour of empty minutes; it is nobody's. What ticks cost by themselves isn't
    // either.
    world.run_dispatcher_once().await.expect("survives").expect("dispatched");
    let units = || (ledger.write_units(), ledger.read_units());
    let (idle_from, start) = (units(), world.now());
    world.run_until(start.plus_ms(IDLE_MINUTES * MINUTE_MS)).await;
    let idle = units();
    let start = world.now();
    let begun = units();
    let origin = Origin::by(Actor::Key(pinbridge_shared::domain::ids::KeyId(Uuid::from_u128(1))));
    let mut keys: Vec<ScheduleKey> = Vec::new();
    for index in 0..pins {
        let mut request = testdata::request(&format!("order-{index:06}"));
        request.title.replace_range(..6, &format!("{index:06}"));
        let run_at = start.plus_ms(5 * MINUTE_MS + index as i64 * apart_ms);
        let asked = ScheduleRequest { request, run_at, origin };
        let Ok(Created::New(view)) = schedules::create(&world.context, testdata::workspace(), asked).await else {
            panic!("a new schedule")
        };
        keys.push(view.schedule.key);
    }
    let made = units();
    // The rescuer's later rounds included.
    let minutes = 8 + (pins as i64 * apart_ms) / MINUTE_MS;
    world.run_until(start.plus_ms(minutes * MINUTE_MS + SECOND_MS)).await;
    let done = units();
    for key in &keys {
        let view = schedules::read(&world.context, *key).await.expect("there");
        assert_eq!(view.status(), ScheduleStatus::Done);
    }
    let of_ticks = |idle: f64| idle * minutes as f64 / IDLE_MINUTES as f64;
    let ticks = (of_ticks(idle.0 - idle_from.0), of_ticks(idle.1 - idle_from.1));
    let per_pin = |from: (f64, f64), to: (f64, f64)| ((to.0 - from.0) / pins as f64, (to.1 - from.1) / pins as f64);
    println!("{pins} schedules, {} s apart", apart_ms as f64 / SECOND_MS as f64);
    for (what, (written, read)) in [
        ("making a schedule", per_pin(begun, made)),
        ("releasing and publishing it, with its ticks", per_pin(made, done)),
        ("a scheduled pin in all", per_pin(begun, done)),
    ] {
        println!("{what:<46} {written:>7.3} written {read:>8.3} read");
    }
    println!(
        "of which {minutes} ticks without any work{:<8} {:>7.3} written {:>8.3} read",
        "",
        ticks.0 / pins as f64,
        ticks.1 / pins as f64
    );
    (per_pin(begun, done).0, ticks.0 / pins as f64)
}

#[tokio::test]
async fn a_scheduled_pin_costs_at_most_twelve_write_units() {
    let (written, _) = cost(40, 700).await;
    assert!(written <= SCHEDULED_MAX, "{written} write units a pin");
    assert!(written > 8.0, "{written} write units a pin are too few to be true");
}

#[tokio::test]
async fn a_schedule_that_is_alone_costs_a_few_more() {
    let (written, ticks) = cost(4, 15 * MINUTE_MS).await;
    let written = written - ticks;
    assert!((SCHEDULED_MAX..=LONE_MAX).contains(&written), "{written} write units a pin");
}
