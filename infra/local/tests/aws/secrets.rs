//! Secrets by the real SDK, and through a restart.

use crate::common::{memory, on, secrets};
use aws_sdk_secretsmanager::primitives::Blob;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn versions_follow_their_stages_and_tokens() {
    let aws = memory().await;
    let client = secrets(&aws);
    let create = |value: &str| {
        let create = client.create_secret().name("s").secret_string(value);
        create.client_request_token("11111111-1111-1111-1111-111111111111").send()
    };
    let made = create("one").await.expect("made");
    assert_eq!(made.version_id(), Some("11111111-1111-1111-1111-111111111111"));
    assert_eq!(create("one").await.expect("a retry").arn(), made.arn());
    let error = create("other").await.expect_err("another value").into_service_error();
    assert!(error.is_resource_exists_exception());
    let error = client.create_secret().name("s").secret_string("one").send().await;
    assert!(error.expect_err("the name").into_service_error().is_resource_exists_exception());
    for number in 2..5 {
        let token = number.to_string().repeat(32);
        let put = || {
            let put = client.put_secret_value().secret_id("s").secret_string(format!("value {number}"));
            put.client_request_token(&token).send()
        };
        assert_eq!(put().await.expect("put").version_id(), Some(token.as_str()));
        put().await.expect("a retry");
    }
    let get = || client.get_secret_value().secret_id("s");
    assert_eq!(get().send().await.unwrap().secret_string(), Some("value 4"));
    let previous = get().version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(previous.secret_string(), Some("value 3"));
    let by_id = get().version_id("3".repeat(32)).send().await.unwrap();
    assert_eq!(by_id.secret_string(), Some("value 3"));
    let described = client.describe_secret().secret_id(made.arn().unwrap()).send().await.unwrap();
    assert_eq!(described.version_ids_to_stages().unwrap().len(), 2);
    let binary = client.put_secret_value().secret_id("s").secret_binary(Blob::new("x")).send().await;
    assert!(binary.expect_err("binary").into_service_error().is_invalid_parameter_exception());
    let error = client.get_secret_value().secret_id("none").send().await.expect_err("none");
    assert!(error.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn secrets_outlive_a_restart_in_a_private_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let aws = on(&path).await;
    let client = secrets(&aws);
    for name in ["keep", "drop"] {
        client.create_secret().name(name).secret_string("v1").send().await.expect("made");
    }
    client.put_secret_value().secret_id("keep").secret_string("v2").send().await.expect("put");
    let delete = client.delete_secret().secret_id("drop").force_delete_without_recovery(true);
    delete.send().await.expect("deleted");
    let file = path.join("secrets.json");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&path)), (0o600, 0o700));
    assert!(std::fs::read_to_string(&file).unwrap().contains("v2"), "written before the answer");
    aws.shutdown().await.expect("ends");

    let aws = on(&path).await;
    let client = secrets(&aws);
    let kept = client.get_secret_value().secret_id("keep").send().await.expect("kept");
    assert_eq!(kept.secret_string(), Some("v2"));
    assert!(client.get_secret_value().secret_id("drop").send().await.is_err());
    aws.shutdown().await.expect("ends");

    std::fs::write(&file, "nonsense").unwrap();
    let options = pinbridge_local::aws::Options { data_dir: Some(path), ..Default::default() };
    let error = pinbridge_local::aws::LocalAws::start(options).await.err().expect("a damaged file is refused");
    assert!(format!("{error:#}").contains("secrets.json"), "{error:#}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_written_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let aws = on(&path).await;
    let client = secrets(&aws);
    // A directory where the new file would be written makes the write fail.
    std::fs::create_dir(path.join("secrets.new")).unwrap();
    let error = client.create_secret().name("s").secret_string("v").send().await.expect_err("no write");
    assert!(error.into_service_error().is_internal_service_error());
    std::fs::remove_dir(path.join("secrets.new")).unwrap();
    assert!(client.get_secret_value().secret_id("s").send().await.is_err());
    client.create_secret().name("s").secret_string("v").send().await.expect("now it can");
}
