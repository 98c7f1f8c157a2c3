//! What an import costs through the real adapters, beside what its pins cost anyway.

use std::sync::Arc;

use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::import::{Ask, Row, RowOptions, Source};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::flows::accept::accept_pin::PublishRequest;
use pinbridge_shared::flows::accept::accept_pins::accept_pins;
use pinbridge_shared::flows::imports::{self, ImportView, Submission, Submitted};
use pinbridge_shared::testing::TestWorld;

use crate::support::{embedded_aws, meter};

/// What an import may cost beyond its pins, in write units a row of ordinary size: the row is kept, and its result.
const BEYOND_ITS_PINS_MAX: f64 = 1.5;
const ROWS: u32 = 500;

fn rows() -> Vec<Row> {
    let row = |number: u32| {
        let request = testdata::request(&format!("row-{number:03}"));
        Row::new(number, Some(request.idempotency_key.clone()), Ask::Pin(Box::new(request)))
    };
    (1..=ROWS).map(row).collect()
}

#[tokio::test]
async fn an_import_costs_little_beyond_its_pins() {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let (client, ledger) = meter::metered(&client);
    let store = DynamoStore::new(client, resources::TABLE);
    let world = TestWorld::on(Arc::new(store), 1).await;
    assert!(world.context.tenants.save_workspace(&testdata::workspace_row()).await.expect("saved").is_done());
    let before = ledger.write_units();
    let submission = Submission {
        source: Source::Csv,
        filename: Some("cranes.csv".into()),
        rows: rows(),
        unknown_columns: Vec::new(),
        options: RowOptions::new(),
        content_hash: vec![1; 32],
        by: None,
        idempotency_key: None,
    };
    let submitted = imports::submit(&world.context, testdata::workspace(), submission).await;
    let Ok(Submitted::New(ImportView { import, .. })) = submitted else { panic!("new") };
    let taken_in = ledger.write_units() - before;
    while world.run_importer_once().await {}
    let view = imports::read(&world.context, import.key).await.expect("read").expect("there");
    assert_eq!(view.import.finished.map(|totals| totals.created), Some(ROWS));
    let all = ledger.write_units() - before;

    // The same pins of another account's, in the same pieces, without an import.
    let before = ledger.write_units();
    let other = pinbridge_shared::domain::account::Account {
        key: pinbridge_shared::domain::ids::AccountKey {
            workspace: testdata::workspace(),
            account: pinbridge_shared::domain::ids::AccountId(uuid::Uuid::from_u128(0xc)),
        },
        ..testdata::connected_account()
    };
    assert!(world.context.store.save_account(&other).await.expect("saved").is_done());
    for piece in rows().chunks(pinbridge_shared::domain::import::CHUNK_ROWS) {
        let publish_requests = piece.iter().filter_map(|row| row.ask.request().cloned()).map(|request| {
            let idempotency_key = format!("other-{}", request.idempotency_key);
            PublishRequest::from(pinbridge_shared::domain::pin::PinRequest {
                account: other.key.account,
                idempotency_key,
                ..request
            })
        });
        accept_pins(&world.context, testdata::workspace(), publish_requests.collect()).await.expect("accepted");
    }
    let pins = ledger.write_units() - before;
    let per_row = |units: f64| units / f64::from(ROWS);
    println!(
        "an import of {ROWS}: {:.2} write units a row, {:.2} of them to take it in; its pins alone: {:.2}",
        per_row(all),
        per_row(taken_in),
        per_row(pins)
    );
    let beyond = per_row(all - pins);
    assert!((0.5..BEYOND_ITS_PINS_MAX).contains(&beyond), "{beyond}");
}
