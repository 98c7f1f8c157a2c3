//! Reads an HTTP request and passes it to the service that its target names.

use super::access;
use super::data_dir::DataDir;
use super::dynamo::Dynamo;
use super::options::MAX_BODY_BYTES;
use super::reply::Reply;
use super::secrets::Secrets;
use super::sqs::Sqs;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request};
use pinbridge_loopback::BODY_TIMEOUT;
use tokio::time::timeout;

/// The three services behind the endpoint.
pub(super) struct Router {
    pub(super) dynamo: Dynamo,
    pub(super) sqs: Sqs,
    pub(super) secrets: Secrets,
    pub(super) access_key_id: Option<String>,
    /// Keeps other processes from opening the files. The last field, so that the lock outlives the database.
    pub(super) data_dir: Option<DataDir>,
}

impl Router {
    /// Responds to one request; every failure is a response too.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Reply {
        self.try_answer(request).await.unwrap_or_else(|refusal| refusal)
    }

    async fn try_answer(&self, request: Request<Incoming>) -> Result<Reply, Reply> {
        if request.method() != Method::POST {
            return Err(Reply::error(404, "UnknownOperationException", ""));
        }
        access::check(self.access_key_id.as_deref(), request.headers())?;
        let target = target(request.headers())?;
        let body = read_body(request.into_body()).await?;
        match target.split_once('.') {
            Some(("DynamoDB_20120810", operation)) => Ok(self.dynamo.call(operation, body).await),
            Some(("AmazonSQS", action)) => Ok(self.sqs.call(action, body).await),
            Some(("secretsmanager", action)) => Ok(self.secrets.call(action, body).await),
            _ => Err(Reply::error(
                400,
                "UnknownOperationException",
                "This local endpoint serves DynamoDB, SQS and Secrets Manager.",
            )),
        }
    }
}

fn target(headers: &HeaderMap) -> Result<String, Reply> {
    headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
        .ok_or_else(|| Reply::error(400, "MissingAction", "The x-amz-target header is missing."))
}

/// Reads the body. A body over the limit gets an error response instead of a closed connection.
async fn read_body(body: Incoming) -> Result<Bytes, Reply> {
    let Ok(read) = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await else {
        return Err(Reply::error(408, "RequestTimeout", "The request body did not arrive in time."));
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Reply::error(
            413,
            "RequestEntityTooLarge",
            &format!("The request is larger than {MAX_BODY_BYTES} bytes."),
        )),
        Err(error) => {
            Err(Reply::error(400, "SerializationException", &format!("The request body could not be read: {error}")))
        }
    }
}
