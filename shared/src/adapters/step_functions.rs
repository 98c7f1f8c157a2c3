//! [`Tasks`] on Step Functions: `SendTaskSuccess` and `SendTaskFailure`, signed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use serde_json::json;

use super::signed_posts::{Service, SignedPosts};
use crate::domain::secret::Secret;
use crate::domain::task::{TaskAnswer, TaskEnd};
use crate::ports::{PortResult, System, Tasks};

const SERVICE: Service = Service {
    port: "state machine",
    signing_name: "states",
    host: "states",
    path: "/",
    timeout: Duration::from_secs(8),
};
const CONTENT_TYPE: (&str, &str) = ("content-type", "application/x-amz-json-1.0");
const SUCCESS: (&str, &str) = ("x-amz-target", "AWSStepFunctions.SendTaskSuccess");
const FAILURE: (&str, &str) = ("x-amz-target", "AWSStepFunctions.SendTaskFailure");
/// The kinds of errors of a task that is over, or of a token that is none.
const GONE: [&str; 3] = ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"];

/// Ends tasks in the region of the SDK's configuration.
pub struct StepFunctions {
    posts: SignedPosts,
}

impl StepFunctions {
    /// # Errors
    /// When the region or the credentials are not configured.
    pub fn new(config: &SdkConfig, system: Arc<dyn System>) -> anyhow::Result<Self> {
        Ok(Self { posts: SignedPosts::new(config, SERVICE, system)? })
    }
}

#[async_trait]
impl Tasks for StepFunctions {
    async fn end_task(&self, token: &Secret, end: &TaskEnd) -> PortResult<TaskAnswer> {
        let (target, body) = match end {
            TaskEnd::Success { output } => (SUCCESS, json!({"taskToken": token.expose(), "output": output})),
            TaskEnd::Failure { error, cause } => {
                (FAILURE, json!({"taskToken": token.expose(), "error": error, "cause": cause}))
            }
        };
        match self.posts.post(&[CONTENT_TYPE, target], body.to_string().into_bytes()).await? {
            Ok(_) => Ok(TaskAnswer::Ended),
            Err(refusal) if GONE.contains(&refusal.kind.as_str()) => Ok(TaskAnswer::Gone),
            Err(refusal) => Err(refusal.into_error(SERVICE.port)),
        }
    }
}
