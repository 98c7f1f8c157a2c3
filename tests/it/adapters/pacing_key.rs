//! The key that names Pinterest users' pacing rows: made once, whoever needs it first, and the same for all.

use std::sync::Arc;

use futures_util::future::join_all;
use pinbridge_shared::adapters::pacing_key::PacingKey;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::ports::Pacers;

use crate::support::embedded_aws;

#[tokio::test]
async fn processes_that_need_the_key_at_once_agree_on_it() {
    let aws = embedded_aws::start().await;
    let process = || {
        let client = embedded_aws::secrets_manager(&aws);
        PacingKey::new(client, "pinbridge", Arc::new(RealSystem::default()))
    };
    let processes = [process(), process(), process(), process()];
    let first = join_all(processes.iter().map(|key| key.pacer("9001"))).await;
    let names: Vec<_> = first.into_iter().map(|name| name.expect("named")).collect();
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    assert_eq!(process().pacer("9001").await.expect("named"), names[0], "a later process too");
    assert_ne!(process().pacer("9002").await.expect("named"), names[0]);
    let elsewhere = PacingKey::new(embedded_aws::secrets_manager(&aws), "other", Arc::new(RealSystem::default()));
    assert_ne!(elsewhere.pacer("9001").await.expect("named"), names[0], "another stack has another key");
}
