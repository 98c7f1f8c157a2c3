//! Webhooks, and the requests to them, as a mutant's process sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use pinbridge_shared::altered_port;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::event::told::EventCopy;
use pinbridge_shared::domain::ids::{PinKey, WorkspaceId};
use pinbridge_shared::domain::message::{ImportMessage, NotifyMessage, NotifyWork, PublishMessage, ReconcileMessage};
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey};
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, EndpointKey, Secrets};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::domain::webhook::replay::ReplayRun;
use pinbridge_shared::domain::webhook::sending::{WebhookAnswer, WebhookRequest};
use pinbridge_shared::ports::{Listed, PortResult, Queue, QueueName, Store, System, WebhookSender, Webhooks, Write};

use super::Invariant;
use crate::kernel::{Kernel, Kind};

/// How often a request that waits for another asks whether that has ended.
const ASKS_AGAIN_MS: i64 = SECOND_MS;

/// The context of one process.
pub fn around(lacking: Invariant, context: Context) -> Context {
    let system = Arc::clone(&context.system);
    if lacking == Invariant::Isolation {
        let inner = Arc::clone(&context.webhook_sender);
        let one_by_one = OneByOne { inner, system, is_busy: AtomicBool::new(false) };
        return Context { webhook_sender: Arc::new(one_by_one) as Arc<dyn WebhookSender>, ..context };
    }
    let webhooks = MutantWebhooks { lacking, inner: Arc::clone(&context.webhooks), system };
    Context { webhooks: Arc::new(webhooks) as Arc<dyn Webhooks>, ..context }
}

/// Makes a request only when the one before has ended, whatever webhooks they are for.
struct OneByOne {
    inner: Arc<dyn WebhookSender>,
    system: Arc<dyn System>,
    is_busy: AtomicBool,
}

#[async_trait]
impl WebhookSender for OneByOne {
    async fn send(&self, request: &WebhookRequest) -> WebhookAnswer {
        while self.is_busy.swap(true, Ordering::Relaxed) {
            self.system.sleep_ms(ASKS_AGAIN_MS).await;
        }
        let answer = self.inner.send(request).await;
        self.is_busy.store(false, Ordering::Relaxed);
        answer
    }
}

/// Loses the messages in which a process announces events that an earlier write recorded, but for those of the rescuer.
pub struct MutantQueue {
    inner: Arc<dyn Queue>,
    store: Arc<dyn Store>,
    kernel: Arc<Kernel>,
}

impl MutantQueue {
    pub fn new(context: &Context, kernel: &Arc<Kernel>) -> Self {
        Self { inner: Arc::clone(&context.queue), store: Arc::clone(&context.store), kernel: Arc::clone(kernel) }
    }

    async fn is_of_an_earlier_write(&self, message: &NotifyMessage) -> bool {
        let is_rescuers = self.kernel.process().is_none_or(|process| process.kind == Kind::Dispatcher);
        let NotifyWork::Pin { pin, copies, .. } = &message.work else { return false };
        let newest = copies.iter().filter_map(EventCopy::read).map(|(event, _)| event.at).max();
        let Some(newest) = newest.filter(|_| !is_rescuers) else { return false };
        let rows = self.store.pins(&[PinKey { workspace: message.workspace, pin: *pin }]).await.unwrap_or_default();
        rows.into_iter().flatten().any(|(_, attempt)| newest < attempt.updated_at)
    }
}

altered_port! {
    Queue for MutantQueue {
        async fn send_notify(&self, message: &NotifyMessage, delay_ms: i64) -> PortResult<()> {
            if self.is_of_an_earlier_write(message).await {
                return Ok(());
            }
            self.inner.send_notify(message, delay_ms).await
        }
    }

    fn send(messages: &[(PublishMessage, i64)]) -> PortResult<Vec<usize>>;
    fn send_reconcile(reconciliation: &ReconcileMessage, delay_ms: i64) -> PortResult<()>;
    fn send_import(message: &ImportMessage) -> PortResult<()>;
    fn move_to_redrive(message: &str) -> PortResult<()>;
    fn change_visibility(queue: QueueName, receipt: &str, after_ms: i64) -> PortResult<()>;
}

struct MutantWebhooks {
    lacking: Invariant,
    inner: Arc<dyn Webhooks>,
    system: Arc<dyn System>,
}

impl MutantWebhooks {
    /// The key with an id that is drawn, and not derived from the event.
    fn renamed(&self, key: DeliveryKey) -> DeliveryKey {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.system.random()[..16]);
        DeliveryKey { id: DeliveryId(uuid::Uuid::from_bytes(bytes)), ..key }
    }
}

altered_port! {
    Webhooks for MutantWebhooks {
        async fn put_delivery(&self, delivery: &Delivery) -> PortResult<()> {
            let is_first = delivery.created_at == delivery.updated_at;
            if self.lacking == Invariant::EventId && is_first {
                let renamed = Delivery { key: self.renamed(delivery.key), ..delivery.clone() };
                return self.inner.put_delivery(&renamed).await;
            }
            self.inner.put_delivery(delivery).await
        }

        async fn deliveries_exist(&self, keys: &[DeliveryKey]) -> PortResult<Vec<bool>> {
            let exist = self.inner.deliveries_exist(keys).await?;
            Ok(exist.into_iter().map(|exists| exists || self.lacking == Invariant::Outbox).collect())
        }
    }

    fn save_endpoint(next: &Endpoint, secrets: Option<&Secrets>) -> PortResult<Write<()>>;
    fn endpoints(workspace: WorkspaceId) -> PortResult<Vec<Endpoint>>;
    fn endpoint(key: EndpointKey) -> PortResult<Option<Endpoint>>;
    fn endpoint_secrets(key: EndpointKey) -> PortResult<Option<Secrets>>;
    fn delete_endpoint(key: EndpointKey) -> PortResult<()>;
    fn endpoint_health(key: EndpointKey) -> PortResult<Health>;
    fn save_endpoint_health(key: EndpointKey, next: &Health) -> PortResult<Write<()>>;
    fn delivery(key: DeliveryKey) -> PortResult<Option<Delivery>>;
    fn deliveries_of(keys: &[DeliveryKey]) -> PortResult<Vec<Option<Delivery>>>;
    fn deliveries(
        endpoint: EndpointKey, listed: Listed, after: Option<DeliveryKey>, limit: usize
    ) -> PortResult<Vec<Delivery>>;
    fn replay(key: EndpointKey) -> PortResult<Option<ReplayRun>>;
    fn save_replay(next: &ReplayRun) -> PortResult<Write<()>>;
    fn wipe_webhooks(workspace: WorkspaceId) -> PortResult<bool>;
}
