//! `cargo run`: the whole system on one machine.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use pinbridge_local::args::{Args, is_loopback};
use pinbridge_local::demo::Demo;
use pinbridge_local::files::write_private;
use pinbridge_local::identity::Identity;
use pinbridge_local::stack::Stack;
use pinbridge_shared::config::Environment;
use pinbridge_shared::telemetry::{self, Output};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

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

/// Answers whether everything went as asked.
async fn run(args: &Args) -> anyhow::Result<bool> {
    let environment = Environment::process();
    // People read the timeline here; logs are asked for with PINBRIDGE_LOG.
    let filter = std::env::var("PINBRIDGE_LOG").unwrap_or_else(|_| "warn".into());
    telemetry::init(&filter, &environment.environment(), Output::Program);
    let stack = Stack::start(args, &environment).await?;
    let worked = tokio::select! {
        worked = attend(args, &stack) => worked,
        () = interrupted() => {
            println!("stopping (again to stop at once)");
            Ok(!args.once)
        }
    };
    tokio::select! {
        stopped = stack.shutdown() => stopped?,
        () = interrupted() => anyhow::bail!("stopped at once; the next start brings back what was under way"),
    }
    worked
}

/// What happens while the stack is up.
async fn attend(args: &Args, stack: &Stack) -> anyhow::Result<bool> {
    let demo = Demo { base_url: &stack.base_url, api_key: &stack.identity.api_key };
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
    let is_real = !is_loopback(&stack.pinterest_url);
    if args.once || !(args.no_demo || is_real || board.is_none()) {
        let key = format!("demo-{}", stack.context.system.now().0);
        let board = board.as_deref().context("the account's boards are unknown")?;
        let published = demo.publish(&account, board, &key).await?;
        if args.once {
            return Ok(published);
        }
    } else if is_real {
        println!("no demo pin on {} (--once publishes one)", stack.pinterest_url);
    }
    introduce(stack, &account, board.as_deref().unwrap_or("<board>"));
    std::future::pending::<()>().await;
    Ok(true)
}

/// A board to publish to. One account in trouble, or a Pinterest that is down, must not keep the rest from starting.
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

fn introduce(stack: &Stack, account: &str, board: &str) {
    let (base, key) = (&stack.base_url, &stack.identity.api_key);
    println!("\nbase URL   {base}\nAPI key    {key}\nPinterest  {}", stack.pinterest_url);
    if let Some(login) = &stack.identity.login {
        println!("login      {} {}", login.email, login.password);
    }
    println!("\ncurl -H 'X-API-Key: {key}' '{base}/v1/pins?limit=5'");
    println!("\n# pip install pinbridge-sdk==1.10.1");
    println!("from pinbridge_sdk import PinbridgeClient");
    println!("client = PinbridgeClient(base_url='{base}', api_key='{key}')");
    println!("pin = client.pins.create({{'account_id': '{account}', 'board_id': '{board}', 'title': 'Hello',");
    println!("                          'image_url': 'https://example.com/a.jpg', 'idempotency_key': 'hello-1'}})");
    println!("print(client.jobs.get(pin.id).status)");
    println!("\nup until Ctrl-C");
}

/// Ctrl-C, or a polite request to end.
async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
