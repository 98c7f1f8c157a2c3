//! Every implementation of a port keeps the same rules: the fakes, and the adapters on the embedded AWS.

use std::sync::Arc;

use async_trait::async_trait;
use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::envelope::Envelope;
use pinbridge_shared::adapters::passwords::Argon2Passwords;
use pinbridge_shared::adapters::receipt_keys::SecretsManagerReceiptKeys;
use pinbridge_shared::adapters::secrets::SecretsManager;
use pinbridge_shared::adapters::session_keys::SecretsManagerKeys;
use pinbridge_shared::adapters::sqs::SqsQueue;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::adapters::webhook_store::WebhookStore;
use pinbridge_shared::config::QueueUrls;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{
    ActivityLog, BoardChecks, Credits, Imports, OAuthStates, Passwords, Queue, QueueName, ReceiptKeys, RedriveQueue,
    Rollups, Schedules, Secrets, SessionKeys, SimulatedAccounts, Store, System, Tenants, Webhooks,
};
use pinbridge_shared::testing::contract::pin_index::Table;
use pinbridge_shared::testing::contract::queue::QueueUnderTest;
use pinbridge_shared::testing::fake_people::{FakePasswords, FakeSessionKeys};
use pinbridge_shared::testing::fake_queue::FakeQueue;
use pinbridge_shared::testing::fake_receipt_keys::FakeReceiptKeys;
use pinbridge_shared::testing::fake_secrets::FakeSecrets;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::faults::Faults;
use pinbridge_shared::testing::manual_system::ManualSystem;
use pinbridge_shared::{
    activity_contract, board_checks_contract, credits_contract, imports_contract, oauth_states_contract,
    passwords_contract, pin_index_contract, queue_contract, receipt_keys_contract, rollups_contract,
    schedules_contract, secrets_contract, session_keys_contract, simulated_accounts_contract, store_contract,
    tenants_contract, webhooks_contract,
};

use crate::support::embedded_aws;

mod the_fake_store {
    super::store_contract!(super::fake_store);
}
mod dynamodb {
    super::store_contract!(super::dynamo_store);
}
mod the_fake_tenants {
    super::tenants_contract!(super::fake_tenants);
}
mod dynamodb_tenants {
    super::tenants_contract!(super::dynamo_tenants);
}
mod the_fake_oauth_states {
    super::oauth_states_contract!(super::fake_oauth_states);
}
mod dynamodb_oauth_states {
    super::oauth_states_contract!(super::dynamo_oauth_states);
}
mod the_fake_pin_index {
    super::pin_index_contract!(super::fake_table);
}
mod dynamodb_pin_index {
    super::pin_index_contract!(super::dynamo_table);
}
mod the_fake_board_checks {
    super::board_checks_contract!(super::fake_board_checks);
}
mod dynamodb_board_checks {
    super::board_checks_contract!(super::dynamo_board_checks);
}
mod the_fake_credits {
    super::credits_contract!(super::fake_credits);
}
mod dynamodb_credits {
    super::credits_contract!(super::dynamo_credits);
}
mod the_fake_imports {
    super::imports_contract!(super::fake_imports);
}
mod dynamodb_imports {
    super::imports_contract!(super::dynamo_imports);
}
mod the_fake_simulated_accounts {
    super::simulated_accounts_contract!(super::fake_simulated_accounts);
}
mod dynamodb_simulated_accounts {
    super::simulated_accounts_contract!(super::dynamo_simulated_accounts);
}
mod the_fake_activity_log {
    super::activity_contract!(super::fake_activity_log);
}
mod dynamodb_activity_log {
    super::activity_contract!(super::dynamo_activity_log);
}
mod the_fake_schedules {
    super::schedules_contract!(super::fake_schedules);
}
mod dynamodb_schedules {
    super::schedules_contract!(super::dynamo_schedules);
}
mod the_fake_rollups {
    super::rollups_contract!(super::fake_rollups);
}
mod dynamodb_rollups {
    super::rollups_contract!(super::dynamo_rollups);
}
mod the_fake_webhooks {
    super::webhooks_contract!(super::fake_webhooks);
}
mod dynamodb_webhooks {
    super::webhooks_contract!(super::dynamo_webhooks);
}
mod the_fake_passwords {
    super::passwords_contract!(super::fake_passwords);
}
mod argon2_passwords {
    super::passwords_contract!(super::argon2_passwords);
}
mod the_fake_session_keys {
    super::session_keys_contract!(super::fake_session_keys);
}
mod secrets_manager_session_keys {
    super::session_keys_contract!(super::secrets_manager_session_keys);
}
mod the_fake_receipt_keys {
    super::receipt_keys_contract!(super::fake_receipt_keys);
}
mod secrets_manager_receipt_keys {
    super::receipt_keys_contract!(super::secrets_manager_receipt_keys);
}
mod the_fake_secrets {
    super::secrets_contract!(super::fake_secrets);
}
mod secrets_manager {
    super::secrets_contract!(super::secrets_manager_adapter);
}
mod envelope {
    super::secrets_contract!(super::envelope_adapter);
}
mod the_fake_queue {
    super::queue_contract!(super::fake_queue);
}
mod sqs {
    super::queue_contract!(super::sqs_queue);
}

fn faults() -> (Arc<ManualSystem>, Arc<Faults>) {
    let system = Arc::new(ManualSystem::new(Moment(1_767_225_600_000), 1));
    let faults = Arc::new(Faults::new(Arc::clone(&system)));
    (system, faults)
}

async fn fake_store() -> (Arc<dyn Store>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn fake_tenants() -> (Arc<dyn Tenants>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn fake_oauth_states() -> (Arc<dyn OAuthStates>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_oauth_states() -> (Arc<dyn OAuthStates>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn fake_board_checks() -> (Arc<dyn BoardChecks>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn fake_schedules() -> (Arc<dyn Schedules>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_schedules() -> (Arc<dyn Schedules>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn dynamo_board_checks() -> (Arc<dyn BoardChecks>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn fake_credits() -> (Arc<dyn Credits>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_credits() -> (Arc<dyn Credits>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn fake_imports() -> (Arc<dyn Imports>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_imports() -> (Arc<dyn Imports>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn fake_table() -> (Arc<dyn Table>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_table() -> (Arc<dyn Table>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn fake_simulated_accounts() -> (Arc<dyn SimulatedAccounts>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_simulated_accounts() -> (Arc<dyn SimulatedAccounts>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn fake_activity_log() -> (Arc<dyn ActivityLog>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_activity_log() -> (Arc<dyn ActivityLog>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn fake_rollups() -> (Arc<dyn Rollups>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_rollups() -> (Arc<dyn Rollups>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn fake_webhooks() -> (Arc<dyn Webhooks>, ()) {
    (Arc::new(FakeStore::new(faults().1)), ())
}

async fn dynamo_webhooks() -> (Arc<dyn Webhooks>, LocalAws) {
    let (table, aws) = dynamo().await;
    let client = embedded_aws::secrets_manager(&aws);
    (Arc::new(WebhookStore::new(client, "pinbridge", table, Arc::new(RealSystem::default()))), aws)
}

async fn dynamo_store() -> (Arc<dyn Store>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn dynamo_tenants() -> (Arc<dyn Tenants>, LocalAws) {
    let (store, aws) = dynamo().await;
    (store, aws)
}

async fn dynamo() -> (Arc<DynamoStore>, LocalAws) {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    (Arc::new(DynamoStore::new(client, resources::TABLE)), aws)
}

async fn fake_passwords() -> (Arc<dyn Passwords>, ()) {
    (Arc::new(FakePasswords::default()), ())
}

async fn argon2_passwords() -> (Arc<dyn Passwords>, ()) {
    (Arc::new(Argon2Passwords::new(Arc::new(RealSystem::default()))), ())
}

async fn fake_session_keys() -> (Arc<dyn SessionKeys>, ()) {
    (Arc::new(FakeSessionKeys::new(faults().1)), ())
}

async fn secrets_manager_session_keys() -> (Arc<dyn SessionKeys>, LocalAws) {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::secrets_manager(&aws);
    (Arc::new(SecretsManagerKeys::new(client, "pinbridge", Arc::new(RealSystem::default()))), aws)
}

async fn fake_receipt_keys() -> (Arc<dyn ReceiptKeys>, ()) {
    (Arc::new(FakeReceiptKeys::new(faults().1)), ())
}

async fn secrets_manager_receipt_keys() -> (Arc<dyn ReceiptKeys>, LocalAws) {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::secrets_manager(&aws);
    (Arc::new(SecretsManagerReceiptKeys::new(client, "pinbridge", Arc::new(RealSystem::default()))), aws)
}

async fn fake_secrets() -> (Arc<dyn Secrets>, ()) {
    (Arc::new(FakeSecrets::new(faults().1)), ())
}

async fn secrets_manager_adapter() -> (Arc<dyn Secrets>, LocalAws) {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::secrets_manager(&aws);
    (Arc::new(SecretsManager::new(client, "pinbridge", Arc::new(RealSystem::default()))), aws)
}

async fn envelope_adapter() -> (Arc<dyn Secrets>, LocalAws) {
    let (table, aws) = dynamo().await;
    let client = embedded_aws::secrets_manager(&aws);
    (Arc::new(Envelope::new(client, "pinbridge", table, Arc::new(RealSystem::default()))), aws)
}

struct FakeUnderTest {
    system: Arc<ManualSystem>,
    queue: FakeQueue,
}

async fn fake_queue() -> (Box<dyn QueueUnderTest>, ()) {
    let (system, faults) = faults();
    let queue = FakeQueue::new(system.clone(), faults);
    (Box::new(FakeUnderTest { system, queue }), ())
}

#[async_trait]
impl QueueUnderTest for FakeUnderTest {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn redrive(&self) -> &dyn RedriveQueue {
        &self.queue
    }

    async fn receive(&self, queue: QueueName) -> Vec<(String, String)> {
        let due = self.queue.deliver_due(queue, self.system.now(), usize::MAX);
        due.into_iter().map(|delivery| (delivery.body, delivery.receipt)).collect()
    }

    async fn delete(&self, _: QueueName, receipt: &str) {
        self.queue.delete(receipt);
    }

    async fn pass_ms(&self, ms: u64) {
        self.system.advance_ms(i64::try_from(ms).expect("a short time"));
    }
}

struct SqsUnderTest {
    client: aws_sdk_sqs::Client,
    urls: QueueUrls,
    queue: SqsQueue,
}

async fn sqs_queue() -> (Box<dyn QueueUnderTest>, LocalAws) {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::sqs(&aws);
    let urls =
        resources::create_queues(&client, resources::VISIBILITY_TIMEOUT_S).await.expect("the queues are created");
    let queue = SqsQueue::new(client.clone(), urls.clone());
    (Box::new(SqsUnderTest { client, urls, queue }), aws)
}

impl SqsUnderTest {
    fn url(&self, queue: QueueName) -> &str {
        match queue {
            QueueName::Publish => &self.urls.publish,
            QueueName::Reconcile => &self.urls.reconciliation,
            QueueName::DeadLetters => &self.urls.dead_letters,
            QueueName::Import => &self.urls.import,
            QueueName::ImportDeadLetters => &self.urls.import_dead_letters,
            QueueName::Notify => &self.urls.notify,
            QueueName::NotifyDeadLetters => &self.urls.notify_dead_letters,
        }
    }
}

#[async_trait]
impl QueueUnderTest for SqsUnderTest {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn redrive(&self) -> &dyn RedriveQueue {
        &self.queue
    }

    async fn receive(&self, queue: QueueName) -> Vec<(String, String)> {
        let mut received = Vec::new();
        loop {
            let call = self.client.receive_message().queue_url(self.url(queue)).max_number_of_messages(10);
            let answer = call.wait_time_seconds(0).send().await.expect("received");
            if answer.messages().is_empty() {
                return received;
            }
            for message in answer.messages() {
                let text = |text: Option<&str>| text.expect("a message has a body and a receipt").to_owned();
                received.push((text(message.body()), text(message.receipt_handle())));
            }
        }
    }

    async fn delete(&self, queue: QueueName, receipt: &str) {
        let call = self.client.delete_message().queue_url(self.url(queue)).receipt_handle(receipt);
        call.send().await.expect("deleted");
    }

    async fn pass_ms(&self, ms: u64) {
        tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
    }
}
