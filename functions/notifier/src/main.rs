//! The Lambda function `notifier`.

use pinbridge_shared::adapters::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve_queue(pinbridge_notifier::handle).await
}
