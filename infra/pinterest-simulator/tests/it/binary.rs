//! The program: the line that it prints, its exit codes and its end by signals.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use pinterest_simulator::seed_accounts;

use crate::client::{Client, Folder};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pinterest-simulator"))
}

/// A running program, killed with SIGKILL when it is dropped.
struct Running {
    child: Child,
    line: String,
    client: Client,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program().args(arguments).stdout(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .and_then(|address| address.parse().ok())
            .expect("a base URL");
        Self { child, line, client: Client::new(address, 1) }
    }

    fn terminate(mut self, signal: &str) -> bool {
        let id = self.child.id().to_string();
        Command::new("kill").args([signal, &id]).status().expect("kill runs");
        self.child.wait().expect("it ends").success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(arguments: &[&str]) -> String {
    let Output { status, stderr, stdout } = program().args(arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert!(!status.success() && stdout.is_empty(), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[tokio::test]
async fn the_ready_line_has_everything_a_client_needs() {
    let running = Running::start(&["--port", "0", "--accounts", "2"]);
    for account in seed_accounts(2) {
        let boards: Vec<String> = account.boards.into_iter().map(|board| board.id).collect();
        for text in [account.username, account.access_token, account.refresh_token, boards.join(",")] {
            assert!(running.line.contains(&text), "{text} in {}", running.line);
        }
    }
    assert!(!running.line.contains("sim_account_3"));
    assert_eq!(running.client.create("Soup").await.status, 201);
}

#[tokio::test]
async fn both_stop_signals_end_the_program_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let running = Running::start(&["--port", "0"]);
        running.client.set_faults(serde_json::json!([{"fault": "timeout_before_commit"}])).await;
        let _silent = running.client.create_and_hang_up("Soup").await;
        running.client.wait_until_in_flight("pins/create", 1).await;
        assert!(running.terminate(signal), "{signal}");
    }
}

#[tokio::test]
async fn an_answered_commit_survives_sigkill() {
    let folder = Folder::new("sigkill");
    let data_dir = folder.0.to_str().expect("a path in UTF-8").to_owned();
    let arguments = ["--port", "0", "--data-dir", &data_dir, "--no-limits"];
    let running = Running::start(&arguments);
    let writing = tokio::spawn(write_until_refused(running.client.clone()));
    while running.client.committed_titles().await.len() < 50 {}
    // Sends SIGKILL while Pins are being created.
    drop(running);
    let answered = writing.await.expect("the writer ends by itself");
    let restarted = Running::start(&arguments);
    let committed = restarted.client.committed_titles().await;
    assert!(answered.len() >= 49);
    assert!(answered.iter().all(|title| committed.contains(title)));
}

/// Creates Pins one after the other until one is not answered; returns the titles of the answered ones.
async fn write_until_refused(client: Client) -> Vec<String> {
    let mut answered = Vec::new();
    loop {
        let title = answered.len().to_string();
        let pin = client.pin(&title);
        match client.try_call("POST", "/v5/pins", Some(pin)).await {
            Some(answer) if answer.status == 201 => answered.push(title),
            _ => return answered,
        }
    }
}

#[tokio::test]
async fn only_names_of_this_machine_are_served_and_those_that_an_option_allows() {
    let running = Running::start(&["--port", "0", "--allow-host", "pinterest.test"]);
    let mut by_name = std::net::TcpStream::connect(running.client.address).expect("connects");
    let mut ask = |host: &str, is_last: bool| {
        use std::io::{Read, Write};
        let end = if is_last { "close" } else { "keep-alive" };
        let head = format!("GET /_sim/pins HTTP/1.1\r\nHost: {host}\r\nConnection: {end}\r\n\r\n");
        by_name.write_all(head.as_bytes()).expect("sent");
        let mut answer = [0; 4096];
        let length = by_name.read(&mut answer).expect("answered");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let port = running.client.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]:80", "pinterest.test"] {
        assert!(ask(host, false).starts_with("HTTP/1.1 200 "), "{host}");
        assert!(ask(&format!("{}:{port}", host.trim_end_matches(":80")), false).starts_with("HTTP/1.1 200 "), "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "pinterest.test.evil.example"] {
        let answer = ask(host, false);
        assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("--allow-host"), "{host}: {answer}");
    }
    assert!(ask("evil.example", true).starts_with("HTTP/1.1 421 "));
}

#[test]
fn a_port_in_use_is_reported_on_one_line() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let said = failed(&["--port", &port.to_string()]);
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{said}");
}

#[test]
fn an_unwritable_folder_is_reported_on_one_line() {
    let folder = Folder::new("file-in-the-way");
    std::fs::write(&folder.0, "not a folder").expect("written");
    let said = failed(&["--port", "0", "--data-dir", folder.0.to_str().expect("UTF-8")]);
    assert!(said.contains("cannot create"), "{said}");
    let _ = std::fs::remove_file(&folder.0);
}

#[test]
fn settings_out_of_range_are_refused() {
    assert!(failed(&["--port", "0", "--accounts", "0"]).contains("accounts must be"));
    let refused = program().args(["--port", "0", "--access", "grand"]).output().expect("it runs");
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("access must be"));
}
