//! What a deleted workspace, a reset sandbox and a disconnected account leave: nothing, in time, whatever crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::{DynamoStore, SealedRow, SealedSecrets, SealedTokens, row_kinds};
use pinbridge_shared::adapters::webhook_store::WebhookStore;
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::board::BoardPages;
use pinbridge_shared::domain::account::board_check::{BoardCheck, BoardVerdict};
use pinbridge_shared::domain::account::board_list::BoardList;
use pinbridge_shared::domain::account::oauth::{PendingAuthorization, PresentedState};
use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{AccountKey, BoardKey, EndpointId, PinId, PinKey, WorkspaceId};
use pinbridge_shared::domain::import::{Ask, Row, RowOptions, Source};
use pinbridge_shared::domain::message::{Disposition, PublishMessage};
use pinbridge_shared::domain::pacing::backlog::BacklogRow;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::said::Said;
use pinbridge_shared::domain::reconcile::board_scan::BoardScan;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::stats::activity::{By, Entry, PIN_PUBLISH_FAILED};
use pinbridge_shared::domain::stats::rollup::recent::RecentSamples;
use pinbridge_shared::domain::stats::rollup::{RollupPage, hour};
use pinbridge_shared::domain::task::{Awaited, TaskTokenId};
use pinbridge_shared::domain::tenant::api_key::{ApiKey, PresentedKey, compose};
use pinbridge_shared::domain::tenant::{Workspace, WorkspaceEnvironment, WorkspaceState};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS, Moment};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey, Source as EventSource, State};
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, EndpointKey, Secrets};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::flows::accept::accept_pin::{Acceptance, accept_pin};
use pinbridge_shared::flows::accounts::connect_simulated;
use pinbridge_shared::flows::accounts::forget_accounts::forget_accounts;
use pinbridge_shared::flows::imports::{self, Submission, Submitted};
use pinbridge_shared::flows::publish::publish_pin::publish_pin;
use pinbridge_shared::flows::tenants::purge::{self, LINGER_MS, Progress, QUIESCE_MS};
use pinbridge_shared::ports::Rollups;
use pinbridge_shared::ports::{ListingClaim, System, Tokens, Write};
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

use crate::support::embedded_aws;
use crate::support::sweep::{FAULTS_AND_REPEATS, sweep};

/// A purge is finished within this time of its mark, run every five minutes.
const FINISHED_WITHIN_MS: i64 = 30 * MINUTE_MS;
const EVERY_MS: i64 = 5 * MINUTE_MS;
const TIMEOUT_MS: i64 = 300_000;

fn mine() -> WorkspaceId {
    testdata::workspace()
}

fn neighbour() -> WorkspaceId {
    WorkspaceId(Uuid::from_u128(0xabc))
}

fn account(workspace: WorkspaceId) -> AccountKey {
    AccountKey { workspace, account: testdata::account() }
}

fn key_of(workspace: WorkspaceId) -> (ApiKey, PresentedKey) {
    let presented = PresentedKey::parse(&compose(workspace, [1; 32])).expect("a key");
    (ApiKey::new(&presented, "key", START, "key".into()), presented)
}

fn environment(workspace: WorkspaceId) -> WorkspaceEnvironment {
    if workspace == mine() { WorkspaceEnvironment::Sandbox } else { WorkspaceEnvironment::Production }
}

/// Two webhook endpoints with deliveries, the second of which is deleted.
async fn subscribe(world: &TestWorld, workspace: WorkspaceId) {
    let w = &world.context;
    let [first, second] = [1, 2].map(|id| EndpointKey { workspace, endpoint: EndpointId(Uuid::from_u128(id)) });
    for key in [first, second] {
        let endpoint = Endpoint {
            key,
            rev: 1,
            nonce: w.nonce(),
            url: "https://example.com/hooks".into(),
            events: vec![EventType::WebhookDisabled],
            disabled: None,
            disablings: Vec::new(),
            previous_secret_until: None,
            created_at: START,
            updated_at: START,
        };
        let secrets = Secrets { current: Secret::new("a secret of sixteen"), previous: None };
        assert!(w.webhooks.save_endpoint(&endpoint, Some(&secrets)).await.expect("saved").is_done());
        let health = Health { rev: 1, nonce: w.nonce(), failures: 1, ..Health::default() };
        assert!(w.webhooks.save_endpoint_health(key, &health).await.expect("saved").is_done());
        assert!(w.webhooks.save_replay(&testdata::replay(key, START)).await.expect("saved").is_done());
        for (event, state) in [("1", State::Waiting { next_at: None }), ("2", State::Delivered)] {
            let id = DeliveryId::of(key, EventId::derived(workspace, &[event]));
            let delivery = Delivery {
                key: DeliveryKey { endpoint: key, event_at: START, id },
                event: EventType::WebhookDisabled,
                source: EventSource::Stored { payload: "{}".into() },
                state,
                tries: 1,
                last: None,
                body_sha256: None,
                is_replayed: false,
                delivered_before: None,
                is_changed: false,
                created_at: START,
                updated_at: START,
                expires_at: START.plus_ms(30 * DAY_MS),
            };
            w.webhooks.put_delivery(&delivery).await.expect("put");
        }
    }
    w.webhooks.delete_endpoint(second).await.expect("deleted");
}

/// A workspace with some of everything; answers its pins.
async fn furnish(world: &TestWorld, workspace: WorkspaceId, pins: usize) -> Vec<PinKey> {
    let w = &world.context;
    let row = Workspace { id: workspace, environment: environment(workspace), ..testdata::workspace_row() };
    assert!(w.tenants.save_workspace(&row).await.expect("saved").is_done());
    assert!(w.tenants.save_api_key(&key_of(workspace).0).await.expect("saved").is_done());
    let (state, _) = PresentedState::compose(workspace, [2; 32]);
    let pending = PendingAuthorization::new("key", START.plus_ms(DAY_MS));
    w.oauth_states.put_state(&state, &pending).await.expect("put");
    let key = account(workspace);
    if workspace != mine() {
        assert!(
            w.store.save_account(&Account { key, ..testdata::connected_account() }).await.expect("saved").is_done()
        );
        w.secrets.store_tokens(key, &w.version(), &Tokens::bare("token-2", None)).await.expect("stored");
    }
    connect_simulated::connect_simulated(w, workspace, 2).await.expect("connected");
    let row = Row::new(1, None, Ask::Pin(Box::new(testdata::request("imported"))));
    let submission = Submission {
        source: Source::Json,
        filename: None,
        rows: vec![row],
        unknown_columns: Vec::new(),
        options: RowOptions::new(),
        content_hash: vec![1],
        by: None,
        idempotency_key: None,
    };
    assert!(matches!(imports::submit(w, workspace, submission).await, Ok(Submitted::New(_))));
    subscribe(world, workspace).await;
    let entry = Entry::new(w.uuid(), world.now(), By::Worker, &PIN_PUBLISH_FAILED);
    w.activity.record(workspace, &entry, world.now().plus_ms(DAY_MS)).await.expect("recorded");
    for number in 0..70 {
        let mut schedule = testdata::schedule(number, world.now(), world.now().plus_ms(DAY_MS));
        schedule.key.workspace = workspace;
        w.schedules.put_release_row(&schedule.release_row()).await.expect("put");
        w.schedules.put_schedule(&schedule).await.expect("put");
    }
    let mut keys = Vec::new();
    for index in 0..pins {
        let accepted = accept_pin(w, workspace, testdata::request(&format!("pin-{index}"))).await.expect("accepted");
        let Acceptance::New(pin, attempt) = accepted else { panic!("a new pin") };
        let board = BoardKey { account: key, board_id: pin.request.board_id.clone() };
        // One of each: announced and unresolved, in the backlog, untouched.
        if index % 3 == 0 {
            let begun = attempt.begin(world.now(), w.nonce()).expect("begins");
            assert_eq!(w.store.save_attempt(&pin, &begun).await.expect("saved"), Write::Done);
            w.store.put_unresolved(&board, pin.key.pin, pin.expires_at).await.expect("put");
            let said = Said { attempt: 1, message: Some("No.".into()), ..Said::default() };
            w.store.put_said(&pin, &said).await.expect("put");
        } else if index % 3 == 1 {
            w.store.put_backlog(key, &BacklogRow::of(&pin, 1)).await.expect("put");
        }
        if index == 0 {
            let scan = BoardScan { rev: 1, nonce: "scan".into(), ..BoardScan::default() };
            assert!(w.store.save_board_scan(&board, &scan).await.expect("saved").is_done());
            let check = BoardCheck { verdict: BoardVerdict::Denied, checked_at: START };
            w.board_checks.save_board_check(&board, &check).await.expect("saved");
            let pages = BoardPages { boards: Vec::new(), is_whole: true };
            let list = BoardList::of(&pages, START).next(None, w.nonce());
            assert!(w.board_checks.save_board_list(key, &list).await.expect("saved").is_done());
            let claim = ListingClaim { at: START, unless_after: START, nonce: w.nonce() };
            assert!(w.board_checks.claim_board_listing(key, &claim).await.expect("saved").is_done());
        }
        keys.push(pin.key);
    }
    for number in [0, 1] {
        let rollup_page = RollupPage { number, rev: 1, ..RollupPage::default() };
        assert!(w.rollups.save_rollup_page(workspace, hour(START), &rollup_page).await.expect("saved").is_done());
    }
    keys
}

async fn run(world: &TestWorld) -> Option<purge::Report> {
    let ends_at_ms = world.context.system.monotonic_ms() + TIMEOUT_MS;
    world.faults.mortal(purge::continue_all(&world.context, ends_at_ms)).await?.ok()
}

/// As the schedule does it; answers how long it took.
async fn run_to_the_end(world: &TestWorld, workspace: WorkspaceId) -> i64 {
    let begun = world.now();
    for _ in 0..=FINISHED_WITHIN_MS / EVERY_MS {
        run(world).await.expect("survives");
        let row = world.faults.spare(world.context.tenants.workspace(workspace)).await.expect("read");
        if row.is_none_or(|row| row.state == WorkspaceState::Active) {
            return world.now().since_ms(begun);
        }
        world.system.advance_ms(EVERY_MS);
    }
    panic!("not finished after half an hour");
}

type Rows = BTreeMap<(String, String), BTreeMap<String, String>>;

/// The whole table, as it is.
async fn all_rows(client: &aws_sdk_dynamodb::Client) -> Rows {
    let mut rows = Rows::new();
    let mut pages = client.scan().table_name(resources::TABLE).into_paginator().send();
    while let Some(page) = pages.next().await {
        for item in page.expect("scanned").items() {
            let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).expect("a key").clone();
            let values = |(name, value): (&String, &AttributeValue)| (name.clone(), format!("{value:?}"));
            rows.insert((text("pk"), text("sk")), item.iter().map(values).collect());
        }
    }
    rows
}

/// Also what is due, which is filed under its time.
fn is_mine((pk, sk): &(String, String)) -> bool {
    let mark = mine().to_string();
    pk.starts_with(&mark) || (pk.starts_with("due#") && sk.split('#').nth(1) == Some(&mark))
}

struct OnDynamo {
    world: TestWorld,
    client: aws_sdk_dynamodb::Client,
    table: Arc<DynamoStore>,
    _aws: pinbridge_local::aws::LocalAws,
}

async fn on_dynamo() -> OnDynamo {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let table = Arc::new(DynamoStore::new(client.clone(), resources::TABLE));
    let mut world = TestWorld::on(Arc::clone(&table), 1).await;
    let system = Arc::clone(&world.system) as Arc<dyn System>;
    world.context.webhooks = Arc::new(WebhookStore::with_held_key(Arc::clone(&table), system));
    OnDynamo { world, client, table, _aws: aws }
}

#[tokio::test]
async fn every_kind_of_row_of_a_deleted_workspace_goes_and_the_neighbours_stay_as_they_are() {
    let OnDynamo { world, client, table, _aws } = on_dynamo().await;
    furnish(&world, neighbour(), 4).await;
    let theirs = |rows: &Rows| -> Rows {
        let mark = neighbour().to_string();
        rows.iter().filter(|((pk, _), _)| pk.starts_with(&mark)).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    let before = theirs(&all_rows(&client).await);
    // More than a chunk, and more than a batch.
    furnish(&world, mine(), 120).await;
    let sealed = SealedTokens { version: "v".into(), key_id: "k".into(), sealed: vec![1] };
    let row = SealedRow { current: sealed, pending: None, nonce: "n".into() };
    assert!(table.write_sealed_row(account(mine()), &row, None).await.expect("written"));

    let token = SealedSecrets { key_id: "k".into(), sealed: vec![1] };
    let waiting = Awaited::Pin(PinKey { workspace: mine(), pin: PinId(Uuid::from_u128(1)) });
    table.write_task_token(waiting, &TaskTokenId("t".into()), &token, world.now()).await.expect("written");

    let recent = RecentSamples { at: world.now(), id: "r".into(), samples: Vec::new() };
    table.put_recent(mine(), &recent).await.expect("written");

    // Every kind of a workspace's rows is there, or the test proves nothing.
    assert!(purge::delete_workspace(&world.context, mine()).await.expect("marked"));
    run(&world).await.expect("survives");
    world.system.advance_ms(QUIESCE_MS);
    let mut kinds = BTreeSet::new();
    let mut note = |rows: &Rows| {
        for (pk, sk) in rows.keys().filter(|row| is_mine(row)) {
            kinds.insert(row_kinds::RowKind::of(pk, sk).expect("a kind").name);
        }
    };
    note(&all_rows(&client).await);
    run(&world).await.expect("survives");
    note(&all_rows(&client).await);
    for kind in row_kinds::ALL {
        let is_a_workspaces = !matches!(kind.purged, row_kinds::Purged::Stays | row_kinds::Purged::Expires);
        let is_a_pointer = kind.name.ends_with("pointers");
        assert!(kinds.contains(kind.name) || !is_a_workspaces || is_a_pointer, "no {} in the test", kind.name);
    }

    run_to_the_end(&world, mine()).await;
    let after = all_rows(&client).await;
    let left: Vec<_> = after.keys().filter(|row| is_mine(row)).collect();
    assert_eq!(left, Vec::<&(String, String)>::new());
    let pointers: Vec<_> = after.keys().filter(|(_, sk)| *sk == format!("workspace#{}", mine())).collect();
    assert_eq!(pointers, Vec::<&(String, String)>::new());
    assert_eq!(theirs(&after), before, "nothing of another workspace is touched");
    for ((pk, sk), values) in after.iter().filter(|((pk, _), _)| pk.starts_with("clock#")) {
        // What is left names ids only, and goes by itself.
        assert!(
            !values.keys().any(|name| ["title", "link", "desc", "name", "board"].contains(&name.as_str())),
            "{pk} {sk}"
        );
    }
    assert_eq!(run(&world).await.expect("survives"), purge::Report::default(), "nothing is marked any more");
}

#[tokio::test]
async fn killed_at_any_call_it_goes_on_and_leaves_nothing() {
    sweep(&FAULTS_AND_REPEATS, 15, async |nth, fault| {
        let (world, store) = on_fakes().await;
        furnish(&world, mine(), 4).await;
        furnish(&world, neighbour(), 2).await;
        assert!(purge::delete_workspace(&world.context, mine()).await.expect("marked"));
        world.faults.plan_any(nth, fault);
        for _ in 0..=FINISHED_WITHIN_MS / EVERY_MS {
            let _ = run(&world).await;
            world.system.advance_ms(EVERY_MS);
        }
        let was_spared = world.faults.heal();
        run_to_the_end(&world, mine()).await;
        assert!(!store.holds_anything_of(mine()), "after {fault:?} at call {nth}");
        assert!(store.holds_anything_of(neighbour()));
        assert_eq!(world.context.secrets.tokens(account(mine()), true).await.expect("read"), None);
        assert!(world.context.secrets.tokens(account(neighbour()), true).await.expect("read").is_some());
        !was_spared
    })
    .await;
}

async fn on_fakes() -> (TestWorld, Arc<FakeStore>) {
    TestWorld::with_store(1).await
}

#[tokio::test]
async fn tokens_go_at_once_and_nothing_is_published_from_then_on() {
    let (world, _) = on_fakes().await;
    let keys = furnish(&world, mine(), 6).await;
    assert!(purge::delete_workspace(&world.context, mine()).await.expect("marked"));
    run(&world).await.expect("survives");
    assert_eq!(world.context.secrets.tokens(account(mine()), true).await.expect("read"), None);
    let disconnected = world.context.store.account(account(mine())).await.expect("read").expect("still there");
    assert!(!disconnected.is_connected());
    world.run_for_ms(QUIESCE_MS).await;
    assert_eq!(world.pinterest.calls().len(), 0, "accepted pins are not published any more");
    assert_eq!(world.pins(&keys).await.len(), 6, "and only then do they go");
}

#[tokio::test]
async fn messages_and_recovery_markers_of_purged_pins_are_dropped() {
    let (world, store) = on_fakes().await;
    let keys = furnish(&world, mine(), 6).await;
    assert!(purge::delete_workspace(&world.context, mine()).await.expect("marked"));
    run_to_the_end(&world, mine()).await;
    for key in &keys {
        let message = PublishMessage::new(*key, testdata::account(), 0, None);
        let ends_at_ms = world.context.system.monotonic_ms() + TIMEOUT_MS;
        let disposition = publish_pin(&world.context, message, ends_at_ms).await.expect("works");
        assert_eq!(disposition, Disposition::Done);
    }
    // The queue's messages and the rescuer's rows come to nothing by themselves.
    world.run_for_ms(45 * MINUTE_MS).await;
    assert_eq!(world.queue.messages().len(), 0);
    assert!(!store.holds_anything_of(mine()));
    assert_eq!(world.pinterest.calls().len(), 0);
}

#[tokio::test]
async fn what_a_slow_worker_writes_behind_the_purge_goes_too() {
    let (world, store) = on_fakes().await;
    let keys = furnish(&world, mine(), 3).await;
    let (pin, attempt) = world.pin(keys[2]).await;
    assert!(purge::delete_workspace(&world.context, mine()).await.expect("marked"));
    run(&world).await.expect("survives");
    world.system.advance_ms(QUIESCE_MS);
    run(&world).await.expect("survives");
    assert_eq!(world.pins(&keys).await.len(), 0, "gone");
    // It had read the pin just before.
    let begun = attempt.begin(world.now(), "late".into()).expect("begins");
    assert_eq!(world.context.store.save_attempt(&pin, &begun).await.expect("saved"), Write::Done);
    let board = BoardKey { account: account(mine()), board_id: pin.request.board_id.clone() };
    world.context.store.put_unresolved(&board, pin.key.pin, pin.expires_at).await.expect("put");
    world.context.store.put_backlog(account(mine()), &BacklogRow::of(&pin, 9)).await.expect("put");
    world.system.advance_ms(LINGER_MS);
    run_to_the_end(&world, mine()).await;
    assert!(!store.holds_anything_of(mine()));
}

#[tokio::test]
async fn a_reset_sandbox_is_empty_open_again_and_has_its_keys() {
    let (world, _) = on_fakes().await;
    let keys = furnish(&world, mine(), 6).await;
    let row = world.context.tenants.workspace(mine()).await.expect("read").expect("there");
    let closed = Workspace { state: WorkspaceState::Resetting, ..row.next(world.context.nonce()) };
    assert!(world.context.tenants.save_workspace(&closed).await.expect("saved").is_done());
    run_to_the_end(&world, mine()).await;
    let row = world.context.tenants.workspace(mine()).await.expect("read").expect("there");
    assert_eq!(row.state, WorkspaceState::Active);
    let (key, presented) = key_of(mine());
    assert_eq!(world.context.tenants.api_key(mine(), presented.id()).await.expect("read"), Some(key));
    let accounts = world.context.store.accounts(mine()).await.expect("read");
    let left: Vec<AccountKey> = accounts.iter().map(|account| account.key).collect();
    assert_eq!(left, [AccountKey::simulated(mine(), 1)], "the one that every sandbox begins with");
    // The same idempotency key is a new pin, once an account is connected.
    assert!(world.context.store.save_account(&testdata::connected_account()).await.expect("saved").is_done());
    world.store_token("token-3").await;
    let again = accept_pin(&world.context, mine(), testdata::request("pin-0")).await.expect("accepted");
    assert!(matches!(again, Acceptance::New(pin, _) if pin.key == keys[0]));
    world.run_until_finished(&keys[..1], world.now().plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.attempt(keys[0]).await.status, Status::Published);
}

#[tokio::test]
async fn it_waits_where_nothing_can_be_done_yet_and_says_until_when() {
    let (world, _) = on_fakes().await;
    furnish(&world, mine(), 1).await;
    assert!(purge::delete_workspace(&world.context, mine()).await.expect("marked"));
    let go_on = async || {
        let ends_at_ms = world.context.system.monotonic_ms() + TIMEOUT_MS;
        purge::continue_one(&world.context, mine(), ends_at_ms).await.expect("works")
    };
    assert_eq!(go_on().await, Progress::NotBefore(START.plus_ms(QUIESCE_MS)));
    world.system.advance_ms(QUIESCE_MS);
    assert_eq!(go_on().await, Progress::NotBefore(START.plus_ms(QUIESCE_MS + LINGER_MS)));
    world.system.advance_ms(LINGER_MS);
    assert_eq!(go_on().await, Progress::Done);
    assert_eq!(go_on().await, Progress::Done, "again is harmless");
    assert!(!purge::delete_workspace(&world.context, mine()).await.expect("asked"), "there is none any more");
}

#[tokio::test]
async fn an_invocation_that_is_over_leaves_the_rest_to_the_next() {
    let (world, store) = on_fakes().await;
    furnish(&world, mine(), 3).await;
    assert!(purge::delete_workspace(&world.context, mine()).await.expect("marked"));
    run(&world).await.expect("survives");
    world.system.advance_ms(QUIESCE_MS);
    let ends_at_ms = world.context.system.monotonic_ms() + 1_000;
    let progress = purge::continue_one(&world.context, mine(), ends_at_ms).await.expect("works");
    assert_eq!(progress, Progress::More);
    assert!(store.holds_anything_of(mine()));
}

#[tokio::test]
async fn a_disconnected_accounts_name_goes_after_thirty_days_unless_it_was_connected_again() {
    let on_dynamo = on_dynamo().await;
    for world in [TestWorld::new(1).await, on_dynamo.world] {
        let account = testdata::connected_account();
        let store = &world.context.store;
        let save = async |account: &Account| assert!(store.save_account(account).await.expect("saved").is_done());
        let forget = async || {
            let ends_at_ms = world.context.system.monotonic_ms() + TIMEOUT_MS;
            forget_accounts(&world.context, ends_at_ms).await.expect("works")
        };
        let revoked = Account { revoked_at: Some(START), ..account.next(START, "revoked".into()) };
        save(&revoked).await;
        world.system.advance_ms(30 * DAY_MS - 1);
        assert_eq!(forget().await, 0, "not before its time");
        world.system.advance_ms(1);
        let again = Account { revoked_at: None, ..revoked.next(world.now(), "again".into()) };
        save(&again).await;
        assert_eq!(forget().await, 0, "connected again");
        let later = Account { revoked_at: Some(world.now()), ..again.next(world.now(), "later".into()) };
        save(&later).await;
        assert_eq!(forget().await, 0, "it counts anew");
        world.system.advance_ms(30 * DAY_MS);
        assert_eq!(forget().await, 1);
        let left = store.account(account.key).await.expect("read").expect("its id stays");
        assert_eq!((left.username, left.display_name, left.pinterest_user_id.as_str()), (None, None, ""));
        assert_eq!(forget().await, 0, "once");
        assert!(world.now() > Moment(0));
    }
}
