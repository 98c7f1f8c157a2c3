//! Starting, stopping, being killed, and who may call.

use crate::common::{Item, credentials, dynamodb, n, on, s, secrets, sqs, table};
use pinbridge_local::aws::{Durability, LocalAws, Options};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CHILD_DIR: &str = "LOCAL_AWS_TEST_CHILD_DIR";

#[tokio::test]
async fn tables_outlive_a_clean_restart_and_the_log_is_folded_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let aws = on(&path).await;
    let db = dynamodb(&aws);
    table(&db).await;
    db.put_item().table_name("items").item("pk", s("a")).item("sk", s("1")).send().await.expect("put");
    for entry in std::fs::read_dir(&path).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    let second = Options { data_dir: Some(path.clone()), ..Options::default() };
    let error = LocalAws::start(second).await.err().expect("one owner only");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    aws.shutdown().await.expect("ends");
    assert!(!path.join("dynamodb.sqlite3-wal").exists(), "the log is gone");

    let aws = on(&path).await;
    let db = dynamodb(&aws);
    let all = db.scan().table_name("items").send().await.expect("scan");
    assert_eq!(all.count, 1);
    aws.shutdown().await.expect("ends");
}

#[tokio::test]
async fn a_shutdown_ends_long_polls_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let aws = on(&dir.path().join("data")).await;
    let client = sqs(&aws);
    let url = client.create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let poll = client.receive_message().queue_url(url).wait_time_seconds(20).send();
    let poll = tokio::spawn(poll);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    aws.shutdown().await.expect("ends");
    // Far below the poll's 20 s, and far above what a busy machine needs.
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    let answer = poll.await.unwrap().expect("answered, not cut off");
    assert!(answer.messages().is_empty());
}

#[tokio::test]
async fn only_the_given_access_key_is_answered() {
    let of = |id: &str| Options { access_key_id: Some(id.to_owned()), ..Options::default() };
    let aws = LocalAws::start(of(credentials().access_key_id())).await.unwrap();
    dynamodb(&aws).list_tables().send().await.expect("the right key");
    let aws = LocalAws::start(of("ANOTHER")).await.unwrap();
    assert!(dynamodb(&aws).list_tables().send().await.is_err());
    assert!(secrets(&aws).list_secrets().send().await.is_err());
    assert!(sqs(&aws).list_queues().send().await.is_err());
}

/// Not a test by itself: the process that the next one kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_writer() {
    let Some(path) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let durability = Durability::Normal;
    let options = Options { data_dir: Some(PathBuf::from(path)), durability, ..Options::default() };
    let aws = LocalAws::start(options).await.expect("starts");
    let (db, keys) = (dynamodb(&aws), secrets(&aws));
    if db.describe_table().table_name("items").send().await.is_err() {
        table(&db).await;
    }
    let start: i64 = db.scan().table_name("items").send().await.expect("scan").count.into();
    for number in start.. {
        let item = Item::from([("pk".to_owned(), s("a")), ("sk".to_owned(), s(&format!("{number:06}")))]);
        let put = db.put_item().table_name("items").set_item(Some(item)).item("kind", s("k")).item("v", n(number));
        put.condition_expression("attribute_not_exists(pk)").send().await.expect("put");
        println!("\nitem {number}");
        if number % 20 == 0 {
            keys.create_secret().name(format!("s{number}")).secret_string("v").send().await.expect("secret");
            println!("\nsecret {number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing_it_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let (mut items, mut kept) = (0, Vec::new());
    for (round, stop_after) in [150, 83, 211].into_iter().enumerate() {
        // This very test, by its full name, in a process of its own.
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["lifecycle::child_writer", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD_DIR, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(number) = line.strip_prefix("item ") {
                items = number.parse::<i64>().unwrap() + 1;
                seen += 1;
            }
            kept.extend(line.strip_prefix("secret ").map(str::to_owned));
            if seen == stop_after {
                child.kill().expect("SIGKILL");
            }
        }
        child.wait().unwrap();
        assert!(seen >= stop_after, "round {round}: the child wrote");

        let aws = on(&path).await;
        let db = dynamodb(&aws);
        let all = db.scan().table_name("items").consistent_read(true).send().await.expect("scan");
        let count = i64::from(all.count);
        assert!(count == items || count == items + 1, "round {round}: {count} of {items}");
        let query = db.query().table_name("items").index_name("by_kind");
        let query = query.key_condition_expression("kind = :k").expression_attribute_values(":k", s("k"));
        assert_eq!(i64::from(query.send().await.expect("index").count), count, "the index agrees");
        let keys = secrets(&aws);
        for number in &kept {
            keys.get_secret_value().secret_id(format!("s{number}")).send().await.expect("secret");
        }
        aws.shutdown().await.expect("ends");
    }
}
