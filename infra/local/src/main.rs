//! `cargo run`: the whole system on one machine.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use pinbridge_local::args::{Args, is_loopback};
use pinbridge_local::demo::{Demo, Outcome};
use pinbridge_local::files::write_private;
use pinbridge_local::guide::{Ready, Starting};
use pinbridge_local::identity::Identity;
use pinbridge_local::room;
use pinbridge_local::stack::Stack;
use pinbridge_shared::config::Environment;
use pinbridge_shared::telemetry::{self, Output};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// How long the demo pin may delay the text that says how to use the stack.
const DEMO_PATIENCE: Duration = Duration::from_secs(15);
/// How long a published demo pin's webhook may delay that text.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pinbridge: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns false when the stack ran but the demo pin that `--once` asks for was not published.
async fn run(args: &Args) -> anyhow::Result<bool> {
    let environment = Environment::process();
    // The terminal shows the guide and the timeline; PINBRIDGE_LOG=info adds the logs.
    let filter = std::env::var("PINBRIDGE_LOG").unwrap_or_else(|_| "warn".into());
    telemetry::init(&filter, &environment.environment(), Output::Program);
    print!("{}", Starting { args, is_restart: Identity::is_kept(&args.data_dir) });
    let stack = Stack::start(args, &environment).await?;
    let worked = tokio::select! {
        worked = attend(args, &stack) => worked.map_err(|error| room::explain(&args.data_dir, error)),
        () = interrupted() => {
            println!("Stopping: work in progress is finished first. Press Ctrl-C again to stop at once.");
            Ok(!args.once)
        }
    };
    tokio::select! {
        stopped = stack.shutdown() => stopped?,
        () = interrupted() => anyhow::bail!("stopped at once; the next start resumes the work in progress"),
    }
    worked
}

/// Writes the ready file, publishes the demo pin and prints the guide. Without `--once` it never returns.
async fn attend(args: &Args, stack: &Stack) -> anyhow::Result<bool> {
    let is_real = !is_loopback(&stack.pinterest_url);
    let provider = if is_real { stack.pinterest_url.as_str() } else { "the simulated Pinterest" };
    let demo = Demo { base_url: &stack.base_url, api_key: &stack.identity.api_key, provider };
    let account = demo.first_account().await?;
    let board = board(args, stack, &demo, &account).await?;
    if let Some(path) = &args.ready_file {
        let ready = json!({
            "base_url": stack.base_url,
            "api_key": stack.identity.api_key,
            "workspace_id": stack.identity.workspace_id,
            "login": stack.identity.login,
            "account_id": account,
            "board_id": board,
            "pinterest_url": stack.pinterest_url,
        });
        write_private(path, &serde_json::to_string_pretty(&ready)?).context("the ready file")?;
    }
    if args.once || !(args.no_demo || is_real || board.is_none()) {
        let key = format!("demo-{}", stack.context.system.now().0);
        let board = board.as_deref().context("the account's boards are unknown")?;
        let patience = (!args.once).then_some(DEMO_PATIENCE);
        let outcome = demo.publish(&account, board, &key, patience).await?;
        if let Some(receiver) = stack.receiver.as_ref().filter(|_| outcome == Outcome::Published) {
            receiver.await_delivery(DELIVERY_PATIENCE).await;
        }
        if args.once {
            return Ok(outcome == Outcome::Published);
        }
    } else if is_real {
        println!("No demo pin: Pinterest is not simulated. --once publishes one on {provider}.");
    }
    let ready = Ready {
        base_url: &stack.base_url,
        pinterest_url: &stack.pinterest_url,
        data_dir: &args.data_dir,
        identity: &stack.identity,
        receiver_url: stack.receiver.as_ref().map(|receiver| receiver.url.as_str()),
        account_id: &account,
        board_id: board.as_deref(),
    };
    println!("\n{ready}\nReady. Press Ctrl-C to stop.");
    std::future::pending::<()>().await;
    Ok(true)
}

/// A board to publish to. A blocked account or a Pinterest outage must not prevent the start, so without `--once` the
/// board of the last start is used instead.
async fn board(args: &Args, stack: &Stack, demo: &Demo<'_>, account: &str) -> anyhow::Result<Option<String>> {
    match demo.first_board(account).await {
        Ok(board) => {
            if stack.identity.board_id.as_ref() != Some(&board) {
                Identity { board_id: Some(board.clone()), ..stack.identity.clone() }.save(&args.data_dir)?;
            }
            Ok(Some(board))
        }
        Err(error) if args.once => Err(error.context(format!("account {account}"))),
        Err(error) => {
            eprintln!("pinbridge: account {account} needs attention: {error:#}");
            Ok(stack.identity.board_id.clone())
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
