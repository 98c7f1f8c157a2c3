//! The Lambda function `refresher`.

use pinbridge_shared::adapters::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve_schedule(pinbridge_refresher::handle).await
}
