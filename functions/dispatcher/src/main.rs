//! The Lambda function `dispatcher`.

use lambda_runtime::{LambdaEvent, service_fn};
use pinbridge_dispatcher::ScheduledEvent;
use pinbridge_shared::adapters::assemble;
use pinbridge_shared::config::Environment;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::telemetry::{self, Output};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::process();
    telemetry::init(&environment.log_filter(), &environment.environment(), Output::Lambda);
    let context = &assemble::context(&environment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<ScheduledEvent>| async move {
        let deadline = Moment(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        pinbridge_dispatcher::handle(context, event.payload, deadline).await.map_err(lambda_runtime::Error::from)
    }))
    .await
}
