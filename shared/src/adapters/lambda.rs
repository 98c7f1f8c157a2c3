//! Runs a function on Lambda: the `main.rs` of every function except the API's calls it.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::assemble;
use crate::config::Environment;
use crate::context::Context;
use crate::domain::time::Moment;
use crate::ports::PortResult;
use crate::telemetry::{self, Output};

/// Serves the batches of a queue until Lambda ends the process. `handle` gets a batch and the invocation's deadline,
/// and returns which messages are not done.
///
/// # Errors
/// When the settings are missing or contradict each other, or Lambda's runtime API fails.
pub async fn serve_queue(handle: impl AsyncFn(&Context, SqsEvent, Moment) -> SqsBatchResponse) -> Result<(), Error> {
    let context = start().await?;
    assemble::warm_up(&context).await;
    let (context, handle) = (&context, &handle);
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let deadline = deadline(&event);
        Ok::<_, Error>(handle(context, event.payload, deadline).await)
    }))
    .await
}

/// Serves the events of an EventBridge schedule until Lambda ends the process. `handle` gets an event and the
/// invocation's deadline. No client waits for a schedule's first run, so the table's connection isn't opened in
/// advance.
///
/// # Errors
/// When the settings are missing or contradict each other, or Lambda's runtime API fails.
pub async fn serve_schedule<E, D>(handle: impl AsyncFn(&Context, E, Moment) -> PortResult<D>) -> Result<(), Error>
where
    E: DeserializeOwned,
    D: Serialize,
{
    let context = start().await?;
    let (context, handle) = (&context, &handle);
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| async move {
        let deadline = deadline(&event);
        handle(context, event.payload, deadline).await.map_err(Error::from)
    }))
    .await
}

/// Starts the logs, then assembles the real adapters, from the environment.
async fn start() -> Result<Context, Error> {
    let environment = Environment::process();
    telemetry::init(&environment.log_filter(), &environment.environment(), Output::Lambda);
    Ok(assemble::context(&environment).await?)
}

fn deadline<T>(event: &LambdaEvent<T>) -> Moment {
    Moment(i64::try_from(event.context.deadline).unwrap_or(i64::MAX))
}

/// An invocation's deadline on the monotonic clock, in milliseconds.
pub fn ends_at_ms(context: &Context, deadline: Moment) -> i64 {
    let remaining_ms = deadline.since_ms(context.system.now());
    context.system.monotonic_ms().saturating_add(remaining_ms)
}
