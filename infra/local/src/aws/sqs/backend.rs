//! The backend of the crate's protocol layer. Queues and their attributes stay in the crate's in-memory backend;
//! messages are in [`Store`].

use super::moves::Moves;
use super::settings;
use super::store::Store;
use std::collections::HashMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use winterbaume_sqs::backend::{InMemorySqsBackend, SendMessageOutput, SqsBackend};
use winterbaume_sqs::state::SqsError;
use winterbaume_sqs::types::{Message, MessageAttribute, MessageMoveTask, Queue};
use winterbaume_sqs::{SqsStateView, StateViewError};

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Tried<T> = Answer<Result<T, SqsError>>;

pub(super) struct Backend {
    pub(super) queues: Arc<InMemorySqsBackend>,
    pub(super) store: Arc<Store>,
    pub(super) moves: Moves,
    /// The origin of queue URLs, so that a client without an `endpoint_url` can't reach the real service with one.
    pub(super) endpoint: String,
}

impl Backend {
    fn url(&self, account: &str, name: &str) -> String {
        format!("{}/{account}/{name}", self.endpoint)
    }
}

/// Copies the attributes of a queue to the store after they have changed.
async fn follow(
    queues: &InMemorySqsBackend,
    store: &Store,
    account: String,
    region: String,
    name: String,
) -> Result<(), SqsError> {
    let attributes = queues.get_queue_attributes(account, region, name.clone()).await?;
    store.set(&name, settings::parse(&attributes));
    Ok(())
}

fn done<T: Send + 'static>(value: T) -> Answer<T> {
    Box::pin(ready(value))
}

impl SqsBackend for Backend {
    fn create_queue(
        &self,
        account: String,
        region: String,
        name: String,
        attributes: HashMap<String, String>,
        tags: Option<HashMap<String, String>>,
    ) -> Tried<Queue> {
        let (queues, store) = (Arc::clone(&self.queues), Arc::clone(&self.store));
        let url = self.url(&account, &name);
        Box::pin(async move {
            let (a, r, n) = (account.clone(), region.clone(), name.clone());
            let mut queue = queues.create_queue(a, r, n, attributes, tags).await?;
            queue.url = url;
            follow(&queues, &store, account, region, name).await?;
            Ok(queue)
        })
    }

    fn delete_queue(&self, account: String, region: String, name: String) -> Tried<()> {
        self.store.remove(&name);
        self.queues.delete_queue(account, region, name)
    }

    fn get_queue_url(&self, account: String, region: String, name: String) -> Tried<String> {
        let url = self.url(&account, &name);
        let known = self.queues.get_queue_url(account, region, name);
        Box::pin(async move { known.await.map(|_| url) })
    }

    fn get_queue_attributes(&self, account: String, region: String, name: String) -> Tried<HashMap<String, String>> {
        let counts = self.store.counts(&name);
        let attributes = self.queues.get_queue_attributes(account, region, name);
        Box::pin(async move {
            let mut attributes = attributes.await?;
            if let Some(counts) = counts {
                let mut set = |name: &str, count: usize| {
                    attributes.insert(format!("ApproximateNumberOfMessages{name}"), count.to_string());
                };
                set("", counts.visible);
                set("NotVisible", counts.in_flight);
                set("Delayed", counts.delayed);
            }
            Ok(attributes)
        })
    }

    fn set_queue_attributes(
        &self,
        account: String,
        region: String,
        name: String,
        attributes: HashMap<String, String>,
    ) -> Tried<()> {
        let (queues, store) = (Arc::clone(&self.queues), Arc::clone(&self.store));
        Box::pin(async move {
            let (a, r, n) = (account.clone(), region.clone(), name.clone());
            queues.set_queue_attributes(a, r, n, attributes).await?;
            follow(&queues, &store, account, region, name).await
        })
    }

    fn list_queues(&self, account: String, region: String, prefix: Option<String>) -> Tried<Vec<Queue>> {
        let endpoint = self.url(&account, "");
        let queues = self.queues.list_queues(account, region, prefix);
        Box::pin(async move {
            let mut queues = queues.await?;
            for queue in &mut queues {
                queue.url = format!("{endpoint}{}", queue.name);
            }
            Ok(queues)
        })
    }

    fn send_message(
        &self,
        _account: String,
        _region: String,
        name: String,
        body: String,
        delay_seconds: Option<u32>,
        attributes: HashMap<String, MessageAttribute>,
        _group: Option<String>,
        _deduplication: Option<String>,
    ) -> Tried<SendMessageOutput> {
        let sent = self.store.send(&name, body, delay_seconds, attributes);
        done(sent.map(|(message_id, body_md5)| SendMessageOutput { message_id, body_md5 }))
    }

    fn receive_messages(
        &self,
        _account: String,
        _region: String,
        name: String,
        max: usize,
        visibility_timeout: Option<u32>,
    ) -> Tried<Vec<Message>> {
        done(self.store.receive(&name, max, visibility_timeout))
    }

    fn delete_message(&self, _account: String, _region: String, name: String, receipt: String) -> Tried<()> {
        done(self.store.delete(&name, &receipt))
    }

    fn purge_queue(&self, _account: String, _region: String, name: String) -> Tried<()> {
        done(self.store.purge(&name))
    }

    fn change_message_visibility(
        &self,
        _account: String,
        _region: String,
        name: String,
        receipt: String,
        seconds: u32,
    ) -> Tried<()> {
        done(self.store.change_visibility(&name, &receipt, seconds))
    }

    /// Never called: batches are split into single requests first.
    fn change_message_visibility_batch(
        &self,
        _account: String,
        _region: String,
        name: String,
        entries: Vec<(String, String, u32)>,
    ) -> Tried<Vec<String>> {
        let change = |(id, receipt, seconds): (String, String, u32)| {
            self.store.change_visibility(&name, &receipt, seconds).map(|()| id)
        };
        done(entries.into_iter().map(change).collect())
    }

    fn list_queue_tags(&self, account: String, region: String, name: String) -> Tried<HashMap<String, String>> {
        self.queues.list_queue_tags(account, region, name)
    }

    fn tag_queue(&self, account: String, region: String, name: String, tags: HashMap<String, String>) -> Tried<()> {
        self.queues.tag_queue(account, region, name, tags)
    }

    fn untag_queue(&self, account: String, region: String, name: String, keys: Vec<String>) -> Tried<()> {
        self.queues.untag_queue(account, region, name, keys)
    }

    fn add_permission(
        &self,
        account: String,
        region: String,
        name: String,
        label: String,
        accounts: Vec<String>,
        actions: Vec<String>,
    ) -> Tried<()> {
        self.queues.add_permission(account, region, name, label, accounts, actions)
    }

    fn remove_permission(&self, account: String, region: String, name: String, label: String) -> Tried<()> {
        self.queues.remove_permission(account, region, name, label)
    }

    fn list_dead_letter_source_queues(&self, account: String, region: String, name: String) -> Tried<Vec<String>> {
        let endpoint = self.url(&account, "");
        let urls = self.queues.list_dead_letter_source_queues(account, region, name);
        Box::pin(async move {
            let local = |url: String| format!("{endpoint}{}", url.rsplit('/').next().unwrap_or_default());
            Ok(urls.await?.into_iter().map(local).collect())
        })
    }

    fn start_message_move_task(
        &self,
        _account: String,
        _region: String,
        source_arn: String,
        destination_arn: Option<String>,
        _max_per_second: Option<i32>,
    ) -> Tried<String> {
        done(self.moves.start(&self.store, &source_arn, destination_arn.as_deref()))
    }

    /// A task is complete when the call that starts it returns, so there is never one to cancel.
    fn cancel_message_move_task(&self, _account: String, _region: String, _task: String) -> Tried<i64> {
        done(Err(SqsError::TaskNotCancellable))
    }

    fn list_message_move_tasks(
        &self,
        _account: String,
        _region: String,
        source_arn: String,
    ) -> Tried<Vec<MessageMoveTask>> {
        done(Ok(self.moves.list(&source_arn)))
    }

    fn scopes_with_state(&self) -> Vec<(String, String)> {
        self.queues.scopes_with_state()
    }

    fn snapshot(&self, account: String, region: String) -> Answer<SqsStateView> {
        self.queues.snapshot(account, region)
    }

    fn restore(&self, account: String, region: String, view: SqsStateView) -> Answer<Result<(), StateViewError>> {
        self.queues.restore(account, region, view)
    }

    fn merge(&self, account: String, region: String, view: SqsStateView) -> Answer<Result<(), StateViewError>> {
        self.queues.merge(account, region, view)
    }
}
