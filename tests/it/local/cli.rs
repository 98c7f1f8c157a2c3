//! The command line: what it says when it can't start, and that a restart keeps everything.

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;

use super::process::{Local, Simulator, binary};

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binary("pinbridge-local"));
    command.args(arguments).envs(environment.iter().copied());
    command.output().expect("runs")
}

fn assert_one_clear_line(output: &Output, expected: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(expected), "{error:?} doesn't say {expected:?}");
    assert_eq!(error.trim().lines().count(), 1, "{error}");
}

#[test]
fn once_publishes_the_demo_pin_and_prints_its_timeline() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(&["--once", "--port", "0", "--data-dir", folder.path().to_str().expect("a path")], &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for event in
        ["accepted", "attempt_started", "published", "HTTP 201", "Published on the simulated Pinterest as Pin "]
    {
        assert!(text.contains(event), "{text}");
    }
    let delivery = text.lines().find(|line| line.starts_with("Webhook: ")).expect("a delivery");
    assert!(
        delivery.starts_with("Webhook: pin.published of pin ") && delivery.ends_with("signature verified"),
        "{text}"
    );
    // On a slow machine its second is over before.
    let deferred = text.lines().find(|line| line.contains("account_pacing"));
    let has_reason = |line: &str| line.contains("a new account's first pin waits a second");
    assert!(deferred.is_none_or(has_reason), "a newcomer reads why: {deferred:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workspace_has_one_webhook_for_the_stacks_receiver_unless_it_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let webhooks = async |local: &Local| local.get("/v1/webhooks").await.as_array().expect("a list").clone();
    let first = Local::start_whole(folder.path(), &[], &[]).await;
    let made = webhooks(&first).await;
    assert_eq!(made.len(), 1, "{made:?}");
    let id = made[0]["id"].as_str().expect("an id").to_owned();
    drop(first);

    // The receiver has another port, and the same secret.
    let again = Local::start_whole(folder.path(), &[], &[]).await;
    let kept = webhooks(&again).await;
    assert_eq!((kept.len(), &kept[0]["id"]), (1, &made[0]["id"]));
    assert_ne!(kept[0]["url"], made[0]["url"]);
    let test =
        again.http.post(again.url(&format!("/v1/webhooks/{id}/test"))).header("x-api-key", again.text("api_key"));
    assert_eq!(test.send().await.expect("answers").status().as_u16(), 202);
    let log = format!("/v1/webhooks/{id}/deliveries");
    let began = std::time::Instant::now();
    while again.get(&log).await[0]["status"] != "delivered" {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", again.get(&log).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(again.get(&log).await[0]["last_status_code"], json!(204), "verified");
    drop(again);

    let without = Local::start(folder.path(), &[], &[]).await;
    assert_eq!(webhooks(&without).await.len(), 0);
}

/// The simulator's port is as much a page's to reach as the API's.
#[tokio::test(flavor = "multi_thread")]
async fn neither_port_is_served_under_another_sites_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path(), &["--allow-host", "tunnel.example.com"], &[]).await;
    let ask = async |url: String, host: &'static str| {
        local.http.get(url).header("host", host).send().await.expect("answers").status().as_u16()
    };
    for url in [local.url("/healthz"), format!("{}/_sim/pins", local.text("pinterest_url"))] {
        for (host, status) in [("localhost", 200), ("tunnel.example.com", 200), ("evil.example", 421)] {
            assert_eq!(ask(url.clone(), host).await, status, "{url} as {host}");
        }
    }
}

#[test]
fn a_taken_port_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let output = run(&["--once", "--port", &port, "--data-dir", folder.path().to_str().expect("a path")], &[]);
    assert_one_clear_line(&output, &format!("port {port} on 127.0.0.1 can't be used"));
}

#[test]
fn an_unusable_folder_is_one_clear_line() {
    let output = run(&["--once", "--port", "0", "--data-dir", "/dev/null/pinbridge"], &[]);
    assert_one_clear_line(&output, "/dev/null/pinbridge can't be used");
}

#[test]
fn a_quiesce_time_below_its_parts_is_refused_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--once", "--port", "0", "--data-dir", folder.path().to_str().expect("a path")];
    let output = run(&arguments, &[("PINBRIDGE_QUIESCE_MS", "119999")]);
    assert_one_clear_line(&output, "119999 ms is below 120000 ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let _local = Local::start(folder.path(), &[], &[]).await;
    let output = run(&["--once", "--port", "0", "--data-dir", folder.path().to_str().expect("a path")], &[]);
    assert_one_clear_line(&output, "another process");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_pins_keys_and_accounts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut local = Local::start(folder.path(), &[], &[]).await;
    let (status, pin) = local.create(&local.pin_body("kept")).await;
    assert_eq!(status, 201);
    local.await_published(1, Duration::from_secs(30)).await;
    local.process.kill();

    let again = Local::start(folder.path(), &[], &[]).await;
    for name in ["api_key", "workspace_id", "account_id", "board_id"] {
        assert_eq!(local.ready[name], again.ready[name], "{name}");
    }
    let kept = again.get(&format!("/v1/pins/{}", pin["id"].as_str().expect("an id"))).await;
    assert_eq!(kept["status"], json!("published"));
    let (status, replay) = again.create(&again.pin_body("kept")).await;
    assert_eq!((status, &replay["id"]), (200, &pin["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_belongs_to_one_pinterest() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Local::start(folder.path(), &[], &[]).await);
    let path = folder.path().to_str().expect("a path");
    let arguments = ["--once", "--port", "0", "--data-dir", path, "--pinterest-url", "https://pinterest.invalid"];
    assert_one_clear_line(&run(&arguments, &[]), "belongs to simulator, not to https://pinterest.invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polite_end_is_clean_even_with_a_request_that_never_ends() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let mut local = Local::start(folder.path(), &[], &[]).await;
    assert_eq!(local.create(&local.pin_body("last")).await.0, 201);
    let address = local.text("base_url").trim_start_matches("http://").to_owned();
    let mut stuck = std::net::TcpStream::connect(address).expect("connects");
    let key = local.text("api_key").to_owned();
    let half = format!("POST /v1/pins HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 10\r\n\r\n{{");
    stuck.write_all(half.as_bytes()).expect("writes");
    tokio::time::sleep(Duration::from_millis(200)).await;

    let signal = |local: &Local| {
        let id = local.process.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    };
    signal(&local);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The request is waited for; a second signal doesn't wait.
    signal(&local);
    let began = std::time::Instant::now();
    let status = loop {
        if let Some(status) = local.process.0.try_wait().expect("a status") {
            break status;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "still up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(status.code(), Some(1), "stopped at once");
    drop(stuck);

    let mut again = Local::start(folder.path(), &[], &[]).await;
    again.await_published(1, Duration::from_secs(200)).await;
    signal(&again);
    assert_eq!(again.process.0.wait().expect("a status").code(), Some(0), "a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_needs_attention_is_shown_as_such_and_keeps_nothing_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let simulator = Simulator::start().await;
    let arguments = ["--pinterest-url", simulator.url.as_str()];
    let mut local = Local::start(folder.path(), &arguments, &[]).await;
    simulator.set_faults(json!([{"operation": "pins/create", "fault": "revoke_token", "times": 1}])).await;
    let (status, pin) = local.create(&local.pin_body("held")).await;
    assert_eq!(status, 201);
    let path = format!("/v1/pins/{}", pin["id"].as_str().expect("an id"));
    let began = std::time::Instant::now();
    while local.get(&path).await["error_code"] != "token_revoked" {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", local.get(&path).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    local.process.kill();

    let again = Local::start(folder.path(), &arguments, &[]).await;
    assert_eq!(again.ready["board_id"], local.ready["board_id"], "remembered");
    let accounts = again.get("/v1/pinterest/accounts").await;
    let of =
        |id: &str| accounts.as_array().and_then(|all| all.iter().find(|account| account["id"] == id)).expect("listed");
    let held = of(again.text("account_id"));
    assert_eq!((&held["health_status"], &held["reconnect_required"]), (&json!("on_hold"), &json!(true)));
    assert_eq!(again.get(&path).await["status"], "deferred");
}

/// The table without a row.
async fn make_table(folder: &std::path::Path) {
    use pinbridge_local::aws::{LocalAws, Options};
    let aws = LocalAws::start(Options { data_dir: Some(folder.into()), ..Options::default() }).await.expect("starts");
    let made = pinbridge_local::resources::create_table(&crate::support::embedded_aws::dynamodb(&aws)).await;
    made.expect("the table is created");
    aws.shutdown().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_before_there_were_people_gets_what_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = "84cdbe9b-cce2-43d9-b318-635c09ce8509";
    let key = format!("pb_live_{}{}", workspace.replace('-', ""), "ab".repeat(32));
    let older = json!({"workspace_id": workspace, "api_key": key, "pinterest": "simulator", "board_id": null});
    std::fs::write(folder.path().join("identity.json"), older.to_string()).expect("written");
    make_table(&folder.path().join("aws")).await;
    let mut login = json!(null);
    for _ in 0..2 {
        let local = Local::start(folder.path(), &[], &[]).await;
        assert_eq!((local.text("api_key"), local.text("workspace_id")), (key.as_str(), workspace));
        assert_eq!(local.get("/v1/projects").await["active_project"]["id"], json!(workspace));
        let answer = local.http.post(local.url("/v1/auth/login")).json(&local.ready["login"]).send().await;
        let answer = answer.expect("answers");
        assert_eq!(answer.status().as_u16(), 200);
        let session: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(session["active_project"]["id"], json!(workspace));
        assert!(login.is_null() || login == local.ready["login"], "made once");
        login = local.ready["login"].clone();
    }
}
