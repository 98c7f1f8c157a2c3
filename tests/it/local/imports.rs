//! Imports on the real stack, with real kills: of the stack while it imports, and of the operator's command.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::process::{Local, Process, binary};

const WITHIN: Duration = Duration::from_secs(120);
const POLL_EVERY: Duration = Duration::from_millis(20);

async fn read(local: &Local, id: &str) -> Value {
    local.get(&format!("/v1/pins/imports/{id}")).await
}

/// Looks until the import has come that far.
async fn wait_until(local: &Local, id: &str, far_enough: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let import = read(local, id).await;
        if far_enough(&import) {
            return import;
        }
        assert!(began.elapsed() < WITHIN, "{import}");
        sleep(POLL_EVERY).await;
    }
}

fn counts(import: &Value) -> [u64; 4] {
    ["total_rows", "created_rows", "existing_rows", "failed_rows"].map(|name| import[name].as_u64().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_exact_after_its_stack_was_killed_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut local = Local::start(folder.path(), &[], &[]).await;
    // Of each ten rows eight are new; one is a row before once more, one has no board.
    let rows: Vec<Value> = (0..500)
        .map(|index| match index % 10 {
            4 => local.pin_body(&format!("row-{}", index - 1)),
            7 => json!({"title": "nowhere to go", "idempotency_key": format!("row-{index}")}),
            _ => local.pin_body(&format!("row-{index}")),
        })
        .collect();
    let post =
        local.http.post(local.url("/v1/pins/imports/json")).header("x-api-key", local.text("api_key")).json(&rows);
    let answer = post.send().await.expect("answers");
    assert_eq!(answer.status().as_u16(), 202);
    let taken: Value = answer.json().await.expect("JSON");
    let id = taken["id"].as_str().expect("an id");
    let mut done = 0;
    for _ in 0..2 {
        let seen = wait_until(&local, id, |import| import["processed_rows"].as_u64() > Some(done)).await;
        local.process.kill();
        done = seen["processed_rows"].as_u64().expect("a number");
        assert!(done < 500, "it was killed in the middle");
        local = Local::start(folder.path(), &[], &[]).await;
    }
    let import = wait_until(&local, id, |import| import["completed_at"].is_string()).await;
    assert_eq!(counts(&import), [500, 400, 50, 50], "{}", import["status"]);
    let of = |status: &str| {
        let rows = import["results"].as_array().expect("a list").iter().filter(|row| row["status"] == status);
        rows.map(|row| row["pin_id"].to_string()).collect::<BTreeSet<_>>()
    };
    assert_eq!((of("created").len(), of("existing").len()), (400, 50));
    assert!(of("existing").is_subset(&of("created")), "what exists is another row's");
    let pins = super::process::pins_at(&local.http, local.text("pinterest_url")).await;
    let titles: BTreeSet<String> = pins.iter().map(|pin| pin["title"].to_string()).collect();
    assert_eq!(titles.len(), pins.len(), "what is published so far is published once");
}

const ROWS: u32 = 2_000;

/// Of each hundred rows one has no board and one is an earlier row once more.
fn write_file(path: &Path, local: &Local) {
    let mut text = "account_id,board_id,title,idempotency_key,image_url,description\n".to_owned();
    let (account, board) = (local.text("account_id"), local.text("board_id"));
    for row in 1..=ROWS {
        let (board, key) = match row % 100 {
            50 => ("", row),
            60 => (board, row - 3),
            _ => (board, row),
        };
        let line = format!("{account},{board},Crane {key},big-{key},https://example.com/a.jpg,\"one\ntwo\"");
        writeln!(text, "{line}").expect("a text");
    }
    std::fs::write(path, text).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_import_of_a_large_file_goes_on_after_a_kill_and_imports_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(&folder.path().join("data"), &[], &[]).await;
    let (file, failures) = (folder.path().join("big.csv"), folder.path().join("failed.jsonl"));
    write_file(&file, &local);
    let command = || {
        let mut command = Command::new(binary("operator"));
        command.arg("import").arg(&file).args(["--api-url", local.text("base_url"), "--at-once", "1"]);
        command.arg("--failed-rows").arg(&failures).env("PINBRIDGE_API_KEY", local.text("api_key"));
        command.env("NO_PROXY", "127.0.0.1");
        command
    };
    let mut first = Process::spawn(&mut command());
    let began = Instant::now();
    while local.get("/v1/pins/imports").await.as_array().is_none_or(|imports| imports.len() < 2) {
        assert!(began.elapsed() < WITHIN);
        sleep(POLL_EVERY).await;
    }
    first.kill();

    let mut again = command();
    let output = tokio::task::spawn_blocking(move || again.stdout(Stdio::piped()).output().expect("runs"));
    let output = output.await.expect("ran");
    assert_eq!(output.status.code(), Some(1), "rows failed: {}", String::from_utf8_lossy(&output.stderr));
    let totals: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&totals["rows"], &totals["imports"]), (&json!(2_000), &json!(4)), "{totals}");
    assert_eq!((&totals["created"], &totals["existing"], &totals["failed"]), (&json!(1_960), &json!(20), &json!(20)));
    assert!(totals["handed_in_before"].as_u64() >= Some(1), "it was killed after some: {totals}");
    let imports = local.get("/v1/pins/imports").await;
    assert_eq!(imports.as_array().map(Vec::len), Some(4), "no piece twice");
    let failed = std::fs::read_to_string(&failures).expect("written");
    let failed: Vec<u64> = failed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["row"].as_u64().expect("a number"))
        .collect();
    assert_eq!(failed, (0..20).map(|hundred| hundred * 100 + 50).collect::<Vec<_>>(), "by the file's own rows");
    // A dry run tells the same by its exit code.
    std::fs::remove_file(&failures).expect("removed");
    let text = std::fs::read_to_string(&file).expect("read");
    let lines: Vec<&str> = text.lines().collect();
    for (rows, code) in [(&lines[..11], 0), (&lines[..101], 1)] {
        std::fs::write(&file, rows.join("\n")).expect("written");
        let mut dry = command();
        dry.arg("--dry-run");
        let output = tokio::task::spawn_blocking(move || dry.output().expect("runs")).await.expect("ran");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        std::fs::remove_file(&failures).expect("removed");
    }
    std::fs::write(&file, text).expect("written");
    std::fs::write(&failures, "").expect("written");
    // What a finished run has written isn't overwritten by another one.
    std::fs::remove_file(&failures).expect("removed");
    let mut nobody = command();
    nobody.env("PINBRIDGE_API_KEY", "pb_live_nobodys");
    let refused = tokio::task::spawn_blocking(move || nobody.output().expect("runs")).await.expect("ran");
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("401"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_rows_failed_with_an_option_is_imported_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(&folder.path().join("data"), &[], &[]).await;
    let file = folder.path().join("in.csv");
    let (account, board) = (local.text("account_id"), local.text("board_id"));
    let header = "account_id,board_id,title,idempotency_key,image_url,colour\n";
    let row = |key: &str| format!("{account},{board},Crane {key},{key},https://example.com/a.jpg,red\n");
    std::fs::write(&file, format!("{header}{}{}", row("one"), row("two"))).expect("written");
    for (options, totals, code) in [
        (&["--strict"][..], [0, 0, 2], 1),
        (&["--strict"][..], [0, 0, 2], 1),
        (&[][..], [2, 0, 0], 0),
        (&[][..], [2, 0, 0], 0),
        (&["--priority", "urgent"][..], [0, 2, 0], 0),
        (&["--strict", "--dry-run"][..], [0, 0, 2], 1),
    ] {
        let mut command = Command::new(binary("operator"));
        command.arg("import").arg(&file).args(["--api-url", local.text("base_url")]).args(options);
        command.env("PINBRIDGE_API_KEY", local.text("api_key")).env("NO_PROXY", "127.0.0.1");
        let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ran");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let counts = ["created", "existing", "failed"].map(|name| told[name].as_u64().expect("a number"));
        assert_eq!((counts, output.status.code()), (totals, Some(code)), "{options:?}: {told}");
    }
    assert_eq!(local.get("/v1/pins").await.as_array().map(Vec::len), Some(2), "one pin a row");
}

/// A server that refuses every request, and counts them.
async fn refusing() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _ = stream.read(&mut [0; 65_536]).await;
            let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_overwrite_neither_the_import_nor_another_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let rows = "account_id,board_id,title,idempotency_key,image_url\na,b,T,k,https://example.com/a.jpg\n";
    let (url, asked) = refusing().await;
    let import = async |file: &Path, failed: &Path| {
        let mut command = Command::new(binary("operator"));
        command.arg("import").arg(file).args(["--api-url", &url]).arg("--failed-rows").arg(failed);
        command.env("PINBRIDGE_API_KEY", "pb_live_nobodys").env("NO_PROXY", "127.0.0.1");
        let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ran");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    std::fs::write(at("in.csv"), rows).expect("written");
    std::os::unix::fs::symlink(at("in.csv"), at("link.csv")).expect("linked");
    std::fs::hard_link(at("in.csv"), at("hard.csv")).expect("linked");
    std::fs::write(at("notes.txt"), "mine").expect("written");
    std::fs::write(at("big.csv.partial"), rows).expect("written");
    for (file, failed, why) in [
        ("in.csv", "in.csv", "is the file to import"),
        ("in.csv", "link.csv", "is the file to import"),
        ("link.csv", "in.csv", "is the file to import"),
        ("in.csv", "hard.csv", "is the file to import"),
        ("in.csv", "notes.txt", "exists and isn't empty"),
        // Where the rows are collected until the end.
        ("big.csv.partial", "big.csv", "is the file to import"),
    ] {
        let told = import(&at(file), &at(failed)).await;
        assert!(told.contains("--failed-rows") && told.contains(why), "{file}, {failed}: {told}");
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0, "{file}, {failed}: a request was sent");
    }
    for name in ["in.csv", "big.csv.partial"] {
        assert_eq!(std::fs::read_to_string(at(name)).expect("read"), rows);
    }
    assert_eq!(std::fs::read_to_string(at("notes.txt")).expect("read"), "mine");
    // A run that was refused keeps the same command from nothing: it left no rows under the name.
    for _ in 0..2 {
        std::fs::write(at("empty.jsonl"), "").expect("written");
        for failed in ["failed.jsonl", "empty.jsonl"] {
            let told = import(&at("in.csv"), &at(failed)).await;
            assert!(told.contains("401"), "{failed}: {told}");
        }
    }
}
