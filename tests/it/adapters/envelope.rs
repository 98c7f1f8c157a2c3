//! Envelope mode on the embedded AWS: tampering, rotation, the first use, and moving to it and back.

use std::sync::Arc;

use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::{DynamoStore, SealedRow, SealedSecrets};
use pinbridge_shared::adapters::envelope::{Envelope, HookKeys, OLD_KEYS_KEPT_MS, Retired};
use pinbridge_shared::adapters::secrets::SecretsManager;
use pinbridge_shared::adapters::webhook_store::WebhookStore;
use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, EndpointId, WorkspaceId};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, EndpointKey, Secrets as WebhookSecrets};
use pinbridge_shared::flows::accounts::move_tokens::{Moved, move_tokens, remove_copied};
use pinbridge_shared::ports::{PortError, Secrets, Stored, System, Tokens, Webhooks};
use pinbridge_shared::testing::manual_system::ManualSystem;
use uuid::Uuid;

use crate::support::embedded_aws;

const START: Moment = Moment(1_767_225_600_000);
const DATA_KEYS: &str = "pinbridge/data-keys";

struct Fleet {
    aws: LocalAws,
    system: Arc<ManualSystem>,
    table: Arc<DynamoStore>,
}

impl Fleet {
    async fn start() -> Self {
        let aws = embedded_aws::start().await;
        let client = embedded_aws::dynamodb(&aws);
        resources::create_table(&client).await.expect("the table is created");
        let table = Arc::new(DynamoStore::new(client, resources::TABLE));
        Self { aws, system: Arc::new(ManualSystem::new(START, 1)), table }
    }

    /// Another process: nothing in memory yet.
    fn process(&self) -> Envelope {
        let client = embedded_aws::secrets_manager(&self.aws);
        Envelope::new(client, "pinbridge", Arc::clone(&self.table), Arc::clone(&self.system) as Arc<dyn System>)
    }

    fn secrets_manager(&self) -> SecretsManager {
        let client = embedded_aws::secrets_manager(&self.aws);
        SecretsManager::new(client, "pinbridge", Arc::clone(&self.system) as Arc<dyn System>)
    }

    /// The same process's store of webhooks.
    fn webhooks(&self) -> WebhookStore {
        let client = embedded_aws::secrets_manager(&self.aws);
        WebhookStore::new(client, "pinbridge", Arc::clone(&self.table), Arc::clone(&self.system) as Arc<dyn System>)
    }

    fn hook_keys(&self) -> HookKeys {
        let client = embedded_aws::secrets_manager(&self.aws);
        HookKeys::new(client, "pinbridge", Arc::clone(&self.table), Arc::clone(&self.system) as Arc<dyn System>)
    }

    async fn sealed(&self, endpoint: EndpointKey) -> SealedSecrets {
        self.table.sealed_secrets(endpoint).await.expect("read").expect("there")
    }

    async fn row(&self, account: AccountKey) -> SealedRow {
        self.table.sealed_row(account).await.expect("read").expect("there")
    }

    /// What somebody with access to the table could do.
    async fn tamper(&self, account: AccountKey, row: &SealedRow) {
        let seen = self.row(account).await.nonce;
        assert!(self.table.write_sealed_row(account, row, Some(&seen)).await.expect("written"));
    }
}

fn account(workspace: u128, account: u128) -> AccountKey {
    AccountKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), account: AccountId(Uuid::from_u128(account)) }
}

fn version(number: u32) -> String {
    format!("{number:032}")
}

fn tokens(name: &str) -> Tokens {
    Tokens::bare(format!("pina_{name}"), Some(format!("pinr_{name}")))
}

fn until(name: &str, expires_in_ms: i64) -> Tokens {
    Tokens { access_expires_at: Some(START.plus_ms(expires_in_ms)), ..tokens(name) }
}

async fn is_broken(secrets: &dyn Secrets, account: AccountKey) {
    for error in [
        secrets.tokens(account, true).await.expect_err("refused"),
        secrets.custody(account).await.expect_err("refused as a whole"),
    ] {
        assert!(matches!(error, PortError::Broken { .. }), "{error}");
        assert!(!error.to_string().contains("pin"), "{error}");
    }
}

#[tokio::test]
async fn ciphertexts_that_are_swapped_between_accounts_workspaces_or_versions_are_refused() {
    let fleet = Fleet::start().await;
    let (mine, sibling, stranger) = (account(1, 1), account(1, 2), account(2, 1));
    let writer = fleet.process();
    for (key, name) in [(mine, "mine"), (sibling, "sibling"), (stranger, "stranger")] {
        writer.store_tokens(key, &version(1), &tokens(name)).await.expect("stored");
    }
    let good = fleet.row(mine).await;
    for other in [sibling, stranger] {
        fleet.tamper(mine, &fleet.row(other).await).await;
        is_broken(&fleet.process(), mine).await;
    }
    // The same ciphertext under the name of another version.
    let mut renamed = good.clone();
    renamed.current.version = version(2);
    fleet.tamper(mine, &renamed).await;
    is_broken(&fleet.process(), mine).await;
    // Two versions of one account, swapped.
    fleet.tamper(mine, &good).await;
    let next = Stored { version: version(2), follows: Some(version(1)), tokens: tokens("next") };
    writer.stage_tokens(mine, &next).await.expect("staged");
    let mut swapped = fleet.row(mine).await;
    let pending = swapped.pending.as_mut().expect("staged");
    std::mem::swap(&mut swapped.current.sealed, &mut pending.sealed);
    fleet.tamper(mine, &swapped).await;
    is_broken(&fleet.process(), mine).await;
    // Positive control: as it was, it is read.
    fleet.tamper(mine, &good).await;
    assert_eq!(fleet.process().tokens(mine, true).await.expect("read"), Some(tokens("mine")));
}

#[tokio::test]
async fn a_damaged_row_is_an_error_and_connecting_again_mends_it() {
    let fleet = Fleet::start().await;
    let process = fleet.process();
    process.store_tokens(account(1, 1), &version(1), &tokens("old")).await.expect("stored");
    let good = fleet.row(account(1, 1)).await;
    for damage in [Vec::new(), vec![0; 11], vec![0; 200], good.current.sealed[1..].to_vec()] {
        let mut row = good.clone();
        row.current.sealed = damage;
        fleet.tamper(account(1, 1), &row).await;
        is_broken(&process, account(1, 1)).await;
    }
    let mut row = good.clone();
    row.current.key_id = "unknown".into();
    fleet.tamper(account(1, 1), &row).await;
    is_broken(&process, account(1, 1)).await;
    process.store_tokens(account(1, 1), &version(2), &tokens("new")).await.expect("stored");
    assert_eq!(fleet.process().tokens(account(1, 1), true).await.expect("read"), Some(tokens("new")));
}

#[tokio::test]
async fn of_many_first_uses_at_once_one_makes_the_data_keys() {
    let fleet = Fleet::start().await;
    let first_uses = (0..8).map(|index| {
        let process = fleet.process();
        async move { process.store_tokens(account(1, index), &version(1), &tokens(&index.to_string())).await }
    });
    for stored in futures_util::future::join_all(first_uses).await {
        stored.expect("stored");
    }
    let reader = fleet.process();
    let mut key_ids = Vec::new();
    for index in 0..8 {
        let read = reader.tokens(account(1, index), true).await.expect("read");
        assert_eq!(read, Some(tokens(&index.to_string())));
        key_ids.push(fleet.row(account(1, index)).await.current.key_id);
    }
    key_ids.dedup();
    assert_eq!(key_ids.len(), 1, "all are sealed under the same key");
}

#[tokio::test]
async fn the_data_keys_are_asked_for_once_in_minutes() {
    let fleet = Fleet::start().await;
    let process = fleet.process();
    process.store_tokens(account(1, 1), &version(1), &tokens("mine")).await.expect("stored");
    let client = embedded_aws::secrets_manager(&fleet.aws);
    let delete = client.delete_secret().secret_id(DATA_KEYS).force_delete_without_recovery(true);
    delete.send().await.expect("deleted");
    assert_eq!(process.tokens(account(1, 1), true).await.expect("still known"), Some(tokens("mine")));
    fleet.system.advance_ms(5 * 60_000);
    is_broken(&process, account(1, 1)).await;
}

#[tokio::test]
async fn data_keys_that_are_marked_for_deletion_are_not_replaced() {
    let fleet = Fleet::start().await;
    fleet.process().store_tokens(account(1, 1), &version(1), &tokens("mine")).await.expect("stored");
    let client = embedded_aws::secrets_manager(&fleet.aws);
    client.delete_secret().secret_id(DATA_KEYS).recovery_window_in_days(7).send().await.expect("marked");
    let error = fleet.process().store_tokens(account(1, 2), &version(1), &tokens("other")).await.expect_err("refused");
    assert!(error.to_string().contains("restore"), "{error}");
    client.restore_secret().secret_id(DATA_KEYS).send().await.expect("restored");
    assert_eq!(fleet.process().tokens(account(1, 1), true).await.expect("read"), Some(tokens("mine")));
}

#[tokio::test]
async fn rotating_seals_anew_and_drops_the_old_key_a_day_later() {
    let fleet = Fleet::start().await;
    let (operator, function) = (fleet.process(), fleet.process());
    let keys = [account(1, 1), account(1, 2), account(2, 1)];
    for key in keys {
        function.store_tokens(key, &version(1), &tokens("one")).await.expect("stored");
    }
    let next = Stored { version: version(2), follows: Some(version(1)), tokens: tokens("two") };
    function.stage_tokens(keys[2], &next).await.expect("staged");
    let old = fleet.row(keys[0]).await.current.key_id;
    let new = operator.rotate().await.expect("rotated");
    // A function that hasn't heard of it seals under the old key for some minutes, and reads what is under the new one
    // at once.
    function.store_tokens(keys[1], &version(3), &tokens("three")).await.expect("stored");
    assert_eq!(fleet.row(keys[1]).await.current.key_id, old);
    let mut sealed = fleet.table.scan_sealed().await.expect("listed");
    sealed.sort_unstable();
    assert_eq!(sealed, keys, "every row is found");
    for key in keys {
        assert!(operator.reseal(key).await.expect("resealed"));
        assert!(!operator.reseal(key).await.expect("nothing left"), "again is harmless");
        assert_eq!(fleet.row(key).await.current.key_id, new);
    }
    assert_eq!(fleet.row(keys[2]).await.pending.expect("kept").key_id, new);
    assert_eq!(function.tokens(keys[0], true).await.expect("read"), Some(tokens("one")));
    assert_eq!(function.tokens(keys[1], true).await.expect("read"), Some(tokens("three")));
    assert_eq!(function.custody(keys[2]).await.expect("read").successor(), Some(&next));

    let not_before = START.plus_ms(OLD_KEYS_KEPT_MS);
    assert_eq!(operator.retire(&sealed).await.expect("asked"), Retired::NotBefore(not_before));
    fleet.system.advance_ms(OLD_KEYS_KEPT_MS);
    assert_eq!(operator.retire(&sealed).await.expect("asked"), Retired::Dropped(vec![old]));
    for key in keys {
        assert!(fleet.process().tokens(key, true).await.expect("read").is_some());
    }
}

#[tokio::test]
async fn an_old_key_stays_while_a_row_names_it() {
    let fleet = Fleet::start().await;
    let process = fleet.process();
    process.store_tokens(account(1, 1), &version(1), &tokens("one")).await.expect("stored");
    process.rotate().await.expect("rotated");
    fleet.system.advance_ms(OLD_KEYS_KEPT_MS);
    assert_eq!(process.retire(&[account(1, 1)]).await.expect("asked"), Retired::Dropped(Vec::new()));
    assert_eq!(fleet.process().tokens(account(1, 1), true).await.expect("read"), Some(tokens("one")));
}

#[tokio::test]
async fn a_slow_stage_does_not_bring_back_what_a_reconnection_replaced() {
    let fleet = Fleet::start().await;
    let (slow, person, key) = (fleet.process(), fleet.process(), account(1, 1));
    slow.store_tokens(key, &version(1), &tokens("old")).await.expect("stored");
    let seen = fleet.row(key).await;
    // Disconnected and connected again: the row is a new one, though it has been written as often as the old.
    person.remove_tokens(key, pinbridge_shared::ports::Removal::Recoverable).await.expect("removed");
    person.store_tokens(key, &version(2), &tokens("new")).await.expect("stored");
    let stale = SealedRow { nonce: "late".into(), ..seen.clone() };
    assert!(!fleet.table.write_sealed_row(key, &stale, Some(&seen.nonce)).await.expect("answered"));
    assert_eq!(fleet.process().tokens(key, true).await.expect("read"), Some(tokens("new")));
}

#[tokio::test]
async fn moving_to_the_envelope_and_back_keeps_every_account_connected() {
    let fleet = Fleet::start().await;
    let (secrets, envelope) = (fleet.secrets_manager(), fleet.process());
    let (plain, refreshing, none) = (account(1, 1), account(1, 2), account(1, 3));
    secrets.store_tokens(plain, &version(1), &until("plain", 1)).await.expect("stored");
    secrets.store_tokens(refreshing, &version(1), &until("before", 1)).await.expect("stored");
    let staged = Stored { version: version(2), follows: Some(version(1)), tokens: until("after", 2) };
    secrets.stage_tokens(refreshing, &staged).await.expect("staged");

    for wanted in [Moved::Copied, Moved::Already] {
        for key in [plain, refreshing] {
            assert_eq!(move_tokens(&secrets, &envelope, key).await.expect("moved"), wanted);
        }
    }
    assert_eq!(move_tokens(&secrets, &envelope, none).await.expect("asked"), Moved::Nothing);
    assert_eq!(envelope.tokens(plain, true).await.expect("read"), Some(until("plain", 1)));
    assert_eq!(envelope.custody(refreshing).await.expect("read").successor(), Some(&staged));

    assert!(remove_copied(&secrets, &envelope, plain).await.expect("removed"));
    assert_eq!(secrets.tokens(plain, true).await.expect("read"), None);
    assert!(!remove_copied(&secrets, &envelope, plain).await.expect("again is harmless"));

    // Back again, after a refresh in the new custody.
    assert!(envelope.promote_tokens(refreshing, &version(2), &version(1)).await.expect("promoted").is_done());
    for key in [plain, refreshing] {
        assert_eq!(move_tokens(&envelope, &secrets, key).await.expect("moved"), Moved::Copied);
    }
    assert_eq!(secrets.tokens(plain, true).await.expect("read"), Some(until("plain", 1)));
    assert_eq!(secrets.tokens(refreshing, true).await.expect("read"), Some(until("after", 2)));
}

#[tokio::test]
async fn of_two_grants_the_later_one_stays_and_an_undecided_pair_changes_nothing() {
    let fleet = Fleet::start().await;
    let (secrets, envelope) = (fleet.secrets_manager(), fleet.process());
    for (id, ours, theirs, wanted, stays) in [
        (1, until("ours", 2), until("theirs", 1), Moved::Copied, "ours"),
        (2, until("ours", 1), until("theirs", 2), Moved::Newer, "theirs"),
        (3, until("ours", 1), until("theirs", 1), Moved::Undecided, "theirs"),
        (4, tokens("ours"), until("theirs", 1), Moved::Undecided, "theirs"),
    ] {
        let key = account(1, id);
        secrets.store_tokens(key, &version(1), &ours).await.expect("stored");
        envelope.store_tokens(key, &version(2), &theirs).await.expect("stored");
        assert_eq!(move_tokens(&secrets, &envelope, key).await.expect("asked"), wanted);
        let stored = envelope.tokens(key, true).await.expect("read").expect("there");
        assert!(stored.access == tokens(stays).access, "account {id}");
        let is_removed = remove_copied(&secrets, &envelope, key).await.expect("asked");
        assert_eq!(is_removed, wanted != Moved::Undecided, "nothing is removed while the outcome is unresolved");
    }
}

/// A new endpoint with a secret of that name.
async fn subscribe(webhooks: &WebhookStore, workspace: u128, id: u128) -> EndpointKey {
    let key =
        EndpointKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), endpoint: EndpointId(Uuid::from_u128(id)) };
    let endpoint = Endpoint {
        key,
        rev: 1,
        nonce: format!("endpoint {id}"),
        url: "https://example.com/hooks".into(),
        events: EventType::defaults(),
        disabled: None,
        disablings: Vec::new(),
        previous_secret_until: None,
        created_at: START,
        updated_at: START,
    };
    let secrets = WebhookSecrets { current: secret(id), previous: None };
    assert!(webhooks.save_endpoint(&endpoint, Some(&secrets)).await.expect("saved").is_done());
    key
}

fn secret(id: u128) -> Secret {
    Secret::new(format!("whsec_secret_of_endpoint_{id}"))
}

async fn read_secret(webhooks: &WebhookStore, key: EndpointKey) -> Secret {
    webhooks.endpoint_secrets(key).await.expect("read").expect("there").current
}

#[tokio::test]
async fn webhook_secrets_are_sealed_and_those_of_another_endpoint_or_an_account_are_refused() {
    let fleet = Fleet::start().await;
    let webhooks = fleet.webhooks();
    let (mine, sibling) = (subscribe(&webhooks, 1, 1).await, subscribe(&webhooks, 1, 2).await);
    let stranger = subscribe(&webhooks, 2, 3).await;
    let good = fleet.sealed(mine).await;
    assert!(!good.sealed.windows(6).any(|part| part == b"whsec_"), "nothing in the clear");
    let tokens_of = account(1, 1);
    fleet.process().store_tokens(tokens_of, &version(1), &tokens("mine")).await.expect("stored");
    let row = fleet.row(tokens_of).await.current;
    let of_account = SealedSecrets { key_id: row.key_id, sealed: row.sealed };
    let gone = SealedSecrets { key_id: "unknown".into(), ..good.clone() };
    let cut = SealedSecrets { sealed: good.sealed[1..].to_vec(), ..good.clone() };
    let mut seen = good.clone();
    for wrong in [fleet.sealed(sibling).await, fleet.sealed(stranger).await, of_account, gone, cut] {
        assert!(fleet.table.replace_sealed_secrets(mine, &seen, &wrong).await.expect("written"));
        let error = fleet.webhooks().endpoint_secrets(mine).await.err().expect("refused");
        assert!(matches!(error, PortError::Broken { .. }), "{error}");
        assert!(!error.to_string().contains("whsec"), "{error}");
        seen = wrong;
    }
    assert!(!fleet.table.replace_sealed_secrets(mine, &good, &good).await.expect("answered"), "not what is stored");
    assert!(fleet.table.replace_sealed_secrets(mine, &seen, &good).await.expect("written"));
    assert!(read_secret(&fleet.webhooks(), mine).await == secret(1));
}

/// The notifier reads the keys of webhooks and tasks, and no others.
#[tokio::test]
async fn the_keys_of_webhooks_open_no_token_of_an_account() {
    let fleet = Fleet::start().await;
    let mine = subscribe(&fleet.webhooks(), 1, 1).await;
    fleet.process().store_tokens(account(1, 1), &version(1), &tokens("mine")).await.expect("stored");
    let client = embedded_aws::secrets_manager(&fleet.aws);
    client.delete_secret().secret_id(DATA_KEYS).force_delete_without_recovery(true).send().await.expect("deleted");
    assert!(read_secret(&fleet.webhooks(), mine).await == secret(1));
    assert!(fleet.process().tokens(account(1, 1), true).await.is_err());
    assert_ne!(fleet.sealed(mine).await.key_id, fleet.row(account(1, 1)).await.current.key_id);
}

#[tokio::test]
async fn an_old_key_stays_while_webhook_secrets_are_sealed_under_it() {
    let fleet = Fleet::start().await;
    let (operator, function) = (fleet.hook_keys(), fleet.webhooks());
    assert_eq!(operator.rotate().await.expect("asked"), None, "there are none yet");
    assert_eq!(operator.retire().await.expect("asked"), Retired::Dropped(Vec::new()));
    let keys = [subscribe(&function, 1, 1).await, subscribe(&function, 2, 2).await];
    let deleted = subscribe(&function, 2, 3).await;
    function.delete_endpoint(deleted).await.expect("deleted");
    let old = fleet.sealed(keys[0]).await.key_id;
    let new = operator.rotate().await.expect("rotated").expect("there are keys");
    let not_before = START.plus_ms(OLD_KEYS_KEPT_MS);
    assert_eq!(operator.retire().await.expect("asked"), Retired::NotBefore(not_before));
    fleet.system.advance_ms(OLD_KEYS_KEPT_MS);
    assert_eq!(operator.retire().await.expect("asked"), Retired::Dropped(Vec::new()));
    let mut listed = fleet.table.scan_endpoints().await.expect("listed");
    listed.sort_unstable();
    assert_eq!(listed, keys, "a deleted endpoint is none");
    for key in keys {
        let row = fleet.table.read_endpoint(key).await.expect("read");
        assert!(operator.reseal(key).await.expect("resealed"));
        assert!(!operator.reseal(key).await.expect("nothing left"), "again is harmless");
        assert_eq!(fleet.sealed(key).await.key_id, new);
        assert_eq!(fleet.table.read_endpoint(key).await.expect("read"), row, "nothing else has changed");
    }
    assert!(!operator.reseal(deleted).await.expect("asked"));
    assert_eq!(operator.retire().await.expect("asked"), Retired::Dropped(vec![old]));
    for (id, key) in (1..).zip(keys) {
        assert!(read_secret(&fleet.webhooks(), key).await == secret(id));
    }
}
