//! SQS standard queues. `winterbaume-sqs` implements the protocol and the attributes of queues; [`store`] holds the
//! messages.

mod backend;
mod batch;
mod limits;
mod moves;
mod queue;
mod receipt;
mod settings;
mod store;
mod wait;

use super::reply::Reply;
use backend::Backend;
use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::Value;
use std::sync::Arc;
use store::Store;
use tokio::sync::watch;
use winterbaume_core::{MockRequest, MockService};
use winterbaume_sqs::{InMemorySqsBackend, SqsService};

pub(super) struct Sqs {
    service: SqsService,
    store: Arc<Store>,
    uri: String,
    /// Ends waiting receives when the endpoint stops.
    stop: watch::Receiver<bool>,
}

impl Sqs {
    pub(super) fn new(region: &str, endpoint: &str, stop: watch::Receiver<bool>) -> Self {
        let store = Arc::new(Store::new());
        let backend = Backend {
            queues: Arc::new(InMemorySqsBackend::new()),
            store: Arc::clone(&store),
            moves: moves::Moves::default(),
            endpoint: endpoint.to_owned(),
        };
        Self {
            service: SqsService::with_backend(Arc::new(backend)),
            store,
            // The crate reads the region from the host name.
            uri: format!("https://sqs.{region}.amazonaws.com/"),
            stop,
        }
    }

    pub(super) async fn call(&self, action: &str, body: Bytes) -> Reply {
        let request: Value = match serde_json::from_slice(&body) {
            Ok(request @ Value::Object(_)) => request,
            _ => return Reply::error(400, "InvalidInput", "The body is not a JSON object."),
        };
        match action {
            "SendMessageBatch" => self.batch("SendMessage", &request).await,
            "DeleteMessageBatch" => self.batch("DeleteMessage", &request).await,
            "ChangeMessageVisibilityBatch" => self.batch("ChangeMessageVisibility", &request).await,
            "ReceiveMessage" => self.receive(&request).await,
            _ => self.single(action, &request).await,
        }
    }

    /// Checks one request and passes it to the crate.
    async fn single(&self, action: &str, request: &Value) -> Reply {
        if let Err(refusal) = limits::check(action, request, &self.store) {
            return refusal;
        }
        let Ok(target) = format!("AmazonSQS.{action}").parse() else {
            return Reply::error(400, "InvalidAction", "No such action.");
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", target);
        let request =
            MockRequest { method: "POST".to_owned(), uri: self.uri.clone(), headers, body: request.to_string().into() };
        self.service.handle(request).await.into()
    }
}

/// The queue that a request names: the last part of its URL.
fn queue_name(request: &Value) -> &str {
    let url = request["QueueUrl"].as_str().unwrap_or_default();
    url.rsplit('/').next().unwrap_or_default()
}
