//! The Lambda function `api`.

use pinbridge_shared::adapters::assemble;
use pinbridge_shared::config::Environment;
use pinbridge_shared::telemetry::{self, Output};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    if std::env::args().nth(1).as_deref() == Some("--print-routes") {
        for endpoint in pinbridge_api::routes::table() {
            println!("{} {}", endpoint.method, endpoint.path);
        }
        return Ok(());
    }
    let environment = Environment::process();
    telemetry::init(&environment.log_filter(), &environment.environment(), Output::Lambda);
    let context = assemble::context(&environment).await?;
    assemble::warm_up(&context).await;
    lambda_http::run(pinbridge_api::router(context)).await
}
