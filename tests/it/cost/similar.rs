//! What it costs to compare the contents of a batch: pins whose titles are alike are looked up together.

use std::sync::Arc;
use std::time::Instant;

use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::ids::KeyId;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::origin::{Actor, Origin};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::flows::accept::duplicate_content::COMPARED_MAX;
use pinbridge_shared::flows::accept::submit_pins::{Submission, submit_pins};
use pinbridge_shared::testing::TestWorld;

use crate::support::embedded_aws;
use crate::support::meter;

const PINS: usize = 100;
/// Read units of a pin of a batch, from its board to its acceptance, whatever pins there are like it.
const PIN_MAX: f64 = 5.5;
/// Read units of a pin that comes alone: the most pins that it is compared with are [`COMPARED_MAX`] for each hash.
const ALONE_MAX: f64 = COMPARED_MAX as f64 * 6.0;

/// The `n`th request of a batch: how it is like the others.
type Alike = fn(&mut PinRequest, usize);

/// Ways in which titles are alike.
const WAYS: [(&str, Alike); 4] = [
    ("numbered titles", |request, n| request.title = format!("Ten ways to fold a paper crane, part {n}")),
    ("one title in two spellings, a picture each", |request, n| {
        request.title = ["A paper  crane!", "a paper crane"][n % 2].into();
        request.image_url = format!("https://images.example.com/{n}.jpg");
    }),
    ("a title that may be read in two ways, a picture each", |request, n| {
        request.title = "Cafe\u{301} cranes™".into();
        request.image_url = format!("https://images.example.com/{n}.jpg");
    }),
    ("one content", |_, _| ()),
];

#[tokio::test]
async fn a_pin_of_a_batch_costs_the_same_however_many_pins_are_like_it() {
    for (way, alike) in WAYS {
        let aws = embedded_aws::start().await;
        let client = embedded_aws::dynamodb(&aws);
        resources::create_table(&client).await.expect("the table is created");
        let (client, ledger) = meter::metered(&client);
        let world = TestWorld::on(Arc::new(DynamoStore::new(client, resources::TABLE)), 1).await;
        let submission = |batch: usize, n: usize| {
            let mut request = testdata::request(&format!("batch-{batch}-{n}"));
            alike(&mut request, n);
            let origin = Origin::by(Actor::Key(KeyId(uuid::Uuid::from_u128(1))));
            Submission { request, origin, refuses_duplicates: false }
        };
        for batch in 0..2 {
            let submissions: Vec<Submission> = (0..PINS).map(|n| submission(batch, n)).collect();
            let (before, began) = (ledger.read_units(), Instant::now());
            let answers = submit_pins(&world.context, testdata::workspace(), submissions).await.expect("answered");
            let per_pin = (ledger.read_units() - before) / PINS as f64;
            let ms = began.elapsed().as_millis();
            let warned = answers.iter().flatten().filter(|answer| answer.duplicate.is_some()).count();
            println!("{way}, batch {batch}: {per_pin:.2} read units a pin, {ms} ms, {warned} warnings");
            assert_eq!(answers.iter().flatten().count(), PINS, "{way}: all are accepted");
            assert!(per_pin <= PIN_MAX, "{way}, batch {batch}: {per_pin} read units a pin");
            let has_twins = batch > 0 || way == "one content";
            assert_eq!(warned > 0, has_twins, "{way}, batch {batch}: {warned} warnings");
        }
        let before = ledger.read_units();
        submit_pins(&world.context, testdata::workspace(), vec![submission(2, 0)]).await.expect("answered");
        let alone = ledger.read_units() - before;
        println!("{way}, one pin alone: {alone:.1} read units");
        assert!(alone <= ALONE_MAX, "{way}: {alone} read units of a pin alone");
    }
}
