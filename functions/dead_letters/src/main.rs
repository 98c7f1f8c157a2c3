//! The Lambda function `dead_letters`.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{LambdaEvent, service_fn};
use pinbridge_shared::adapters::assemble;
use pinbridge_shared::config::Environment;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::telemetry::{self, Output};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let environment = Environment::process();
    telemetry::init(&environment.log_filter(), &environment.environment(), Output::Lambda);
    let context = &assemble::context(&environment).await?;
    assemble::warm_up(context).await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let deadline = Moment(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        Ok::<_, lambda_runtime::Error>(pinbridge_dead_letters::handle(context, event.payload, deadline).await)
    }))
    .await
}
