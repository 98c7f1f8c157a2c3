//! What custody costs a month: the page's figures come from these prices, counts and formula, and the counts are
//! measured.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::envelope::Envelope;
use pinbridge_shared::adapters::secrets::SecretsManager;
use pinbridge_shared::domain::account::credentials::refresh_at;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, WorkspaceId};
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use pinbridge_shared::ports::{Secrets, Stored, System, Tokens};
use pinbridge_shared::testing::manual_system::ManualSystem;
use uuid::Uuid;

use crate::support::{embedded_aws, meter};

const PAGE: &str = include_str!("../../../infra/runbooks/token-custody.md");

// AWS's public prices, us-east-1, in dollars (as published in 2025; look them up again before relying on them).
const SECRET_MONTH: f64 = 0.40;
const SECRET_CALL: f64 = 0.05 / 10_000.0;
const WRITE_UNIT: f64 = 0.625 / 1e6;
const READ_UNIT: f64 = 0.125 / 1e6;
const GIGABYTE_MONTH: f64 = 0.25;

// What is assumed.
const DAYS_A_MONTH: f64 = 365.0 / 12.0;
/// An account's tokens last 30 days and are refreshed after 60 to 70 per cent of that.
const DAYS_BETWEEN_REFRESHES: f64 = 19.5;
/// Usual: an account that publishes in 24 different stretches of five minutes a day.
const READS_A_DAY: f64 = 24.0;
/// At most: every account, on every one of ten publishers, in each five minutes of the month.
const READS_A_DAY_MOST: f64 = 10.0 * 288.0;
/// In envelope mode each of so many processes reads the data keys every five minutes, day and night.
const PROCESSES: f64 = 10.0;

// What is measured below.
const SECRET_CALLS_PER_READ: f64 = 1.0;
const SECRET_CALLS_PER_REFRESH: f64 = 4.0;
const ROW_READS_PER_READ: f64 = 1.0;
const ROW_READS_PER_REFRESH: f64 = 4.0;
const ROW_WRITES_PER_REFRESH: f64 = 4.0;
const ROW_BYTES: f64 = 1_700.0;

struct Month {
    secrets: f64,
    envelope: f64,
}

fn month(accounts: f64, reads_a_day: f64) -> Month {
    let (reads, refreshes) = (reads_a_day * DAYS_A_MONTH, DAYS_A_MONTH / DAYS_BETWEEN_REFRESHES);
    let secret_calls = reads * SECRET_CALLS_PER_READ + refreshes * SECRET_CALLS_PER_REFRESH;
    let row_reads = reads * ROW_READS_PER_READ + refreshes * ROW_READS_PER_REFRESH;
    let row =
        row_reads * READ_UNIT + refreshes * ROW_WRITES_PER_REFRESH * WRITE_UNIT + ROW_BYTES / 1e9 * GIGABYTE_MONTH;
    let data_keys = SECRET_MONTH + PROCESSES * 288.0 * DAYS_A_MONTH * SECRET_CALL;
    Month { secrets: accounts * (SECRET_MONTH + secret_calls * SECRET_CALL), envelope: data_keys + accounts * row }
}

#[test]
fn the_pages_figures_are_the_formulas() {
    for (name, accounts) in [("10", 10.0), ("1,000", 1_000.0), ("10,000", 10_000.0)] {
        let (usual, most) = (month(accounts, READS_A_DAY), month(accounts, READS_A_DAY_MOST));
        let dollars = |amount: f64| {
            let whole = format!("{amount:.2}");
            match whole.find('.') {
                Some(point) if point > 3 => format!("${},{}", &whole[..point - 3], &whole[point - 3..]),
                _ => format!("${whole}"),
            }
        };
        let row = format!(
            "| {name} | {} | {} | {} | {} |",
            dollars(usual.secrets),
            dollars(usual.envelope),
            dollars(most.secrets),
            dollars(most.envelope)
        );
        assert!(PAGE.contains(&row), "infra/runbooks/token-custody.md lacks:\n{row}");
    }
    for figure in ["$0.40", "$0.05 per 10,000", "$0.625 per million", "$0.125 per million", "$0.25 per GB", "19.5 days"]
    {
        assert!(PAGE.contains(figure), "infra/runbooks/token-custody.md doesn't name {figure}");
    }
}

#[test]
fn a_refresh_is_due_every_nineteen_and_a_half_days() {
    let begun = Moment(1_767_225_600_000);
    let days = |jitter| refresh_at(begun, None, jitter).since_ms(begun) as f64 / DAY_MS as f64;
    assert!((f64::midpoint(days(0.0), days(1.0)) - DAYS_BETWEEN_REFRESHES).abs() < 1e-6);
}

/// Counts the calls to Secrets Manager on their way to the embedded one.
struct Counter {
    calls: AtomicU64,
    forward_to: String,
    names: Mutex<Vec<String>>,
}

async fn forward(State(counter): State<Arc<Counter>>, headers: http::HeaderMap, body: Bytes) -> impl IntoResponse {
    counter.calls.fetch_add(1, Relaxed);
    let target = headers.get("x-amz-target").and_then(|name| name.to_str().ok()).unwrap_or_default();
    counter.names.lock().expect("not poisoned").push(target.to_owned());
    let answer =
        reqwest::Client::new().post(&counter.forward_to).headers(headers).body(body).send().await.expect("answered");
    (answer.status(), answer.headers().clone(), answer.bytes().await.expect("read"))
}

async fn counted(aws: &LocalAws) -> (Arc<Counter>, aws_sdk_secretsmanager::Client) {
    let counter = Arc::new(Counter { calls: 0.into(), forward_to: aws.endpoint_url(), names: Mutex::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("known"));
    let app = Router::new().fallback(forward).with_state(Arc::clone(&counter));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let client = embedded_aws::secrets_manager(aws);
    let config = client.config().to_builder().endpoint_url(url).build();
    (counter, aws_sdk_secretsmanager::Client::from_conf(config))
}

fn account() -> AccountKey {
    AccountKey { workspace: WorkspaceId(Uuid::from_u128(1)), account: AccountId(Uuid::from_u128(1)) }
}

/// A grant as large as any that is likely: tokens of 128 characters and every scope.
fn tokens(letter: &str) -> Tokens {
    Tokens {
        access_expires_at: Some(Moment(1_769_817_600_123)),
        refresh_expires_at: Some(Moment(1_772_409_600_456)),
        scopes: Some("boards:read,boards:write,pins:read,pins:write,user_accounts:read".into()),
        ..Tokens::bare(letter.repeat(128), Some(letter.repeat(128)))
    }
}

/// As a refresh does it: read everything, stage, promote.
async fn refresh(secrets: &dyn Secrets, from: &str, to: &str) {
    assert_eq!(secrets.custody(account()).await.expect("read").current.expect("there").version, from);
    let next = Stored { version: to.into(), follows: Some(from.into()), tokens: tokens("b") };
    secrets.stage_tokens(account(), &next).await.expect("staged");
    assert!(secrets.promote_tokens(account(), to, from).await.expect("promoted").is_done());
}

fn system() -> Arc<dyn System> {
    Arc::new(ManualSystem::new(Moment(1_767_225_600_000), 1))
}

#[tokio::test]
async fn with_a_secret_per_account_a_read_is_one_call_and_a_refresh_four() {
    let aws = embedded_aws::start().await;
    let (counter, client) = counted(&aws).await;
    let secrets = SecretsManager::new(client, "pinbridge", system());
    let (one, two) = ("1".repeat(64), "2".repeat(64));
    secrets.store_tokens(account(), &one, &tokens("a")).await.expect("stored");
    let calls = || counter.calls.swap(0, Relaxed) as f64;
    calls();
    secrets.tokens(account(), true).await.expect("read");
    assert_eq!(calls(), SECRET_CALLS_PER_READ);
    secrets.tokens(account(), false).await.expect("from memory");
    assert_eq!(calls(), 0.0);
    refresh(&secrets, &one, &two).await;
    assert_eq!(calls(), SECRET_CALLS_PER_REFRESH, "{:?}", counter.names.lock().expect("not poisoned"));
}

#[tokio::test]
async fn in_envelope_mode_a_refresh_costs_some_units_of_the_table_and_no_call_to_secrets_manager() {
    let aws = embedded_aws::start().await;
    let (counter, client) = counted(&aws).await;
    let dynamodb = embedded_aws::dynamodb(&aws);
    resources::create_table(&dynamodb).await.expect("the table is created");
    let (dynamodb, ledger) = meter::metered(&dynamodb);
    let table = Arc::new(DynamoStore::new(dynamodb, resources::TABLE));
    let envelope = Envelope::new(client, "pinbridge", Arc::clone(&table), system());
    let (one, two) = ("1".repeat(64), "2".repeat(64));
    envelope.store_tokens(account(), &one, &tokens("a")).await.expect("stored");
    counter.calls.store(0, Relaxed);
    let mut seen = (ledger.read_units(), ledger.write_units());
    let mut spent = || {
        let before = std::mem::replace(&mut seen, (ledger.read_units(), ledger.write_units()));
        (seen.0 - before.0, seen.1 - before.1)
    };
    envelope.tokens(account(), true).await.expect("read");
    assert_eq!(spent(), (ROW_READS_PER_READ, 0.0));
    refresh(&envelope, &one, &two).await;
    assert_eq!(spent(), (ROW_READS_PER_REFRESH, ROW_WRITES_PER_REFRESH));
    assert_eq!(counter.calls.load(Relaxed), 0, "the data keys were in memory");
    let next = Stored { version: "3".repeat(64), follows: Some(two), tokens: tokens("c") };
    envelope.stage_tokens(account(), &next).await.expect("staged");
    let row = table.sealed_row(account()).await.expect("read").expect("there");
    let size = |sealed: &pinbridge_shared::adapters::dynamodb::SealedTokens| {
        sealed.version.len() + sealed.key_id.len() + sealed.sealed.len()
    };
    let names = 140;
    let bytes = size(&row.current) + row.pending.as_ref().map_or(0, size) + names;
    assert!(bytes as f64 <= ROW_BYTES, "{bytes} bytes");
}
