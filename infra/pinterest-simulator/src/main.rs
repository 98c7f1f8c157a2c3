//! `pinterest-simulator --port P [--data-dir D]`: serves a simulated Pinterest on the loopback interface.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use pinterest_simulator::{Access, Config, SeedAccount, Simulator, seed};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A simulated Pinterest API v5 for testing a publishing system. Listens on 127.0.0.1 only.
#[derive(Debug, Parser)]
#[command(name = "pinterest-simulator")]
struct Arguments {
    /// TCP port; 0 lets the system choose one.
    #[arg(long)]
    port: u16,
    /// Folder of the journal, which keeps the state across restarts. Without it the state is in memory only.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Number of accounts that exist from the start.
    #[arg(long, default_value_t = Config::default().accounts)]
    accounts: usize,
    /// The app's access tier, which decides its limits: `standard` or `trial`.
    #[arg(long, default_value = "standard")]
    access: Access,
    /// Turns the limits off.
    #[arg(long)]
    no_limits: bool,
    /// Seed of generated tokens and of the probabilities of fault rules.
    #[arg(long, default_value_t = Config::default().seed)]
    seed: u64,
    /// Lifetime of an access token, in seconds.
    #[arg(long, default_value_t = Config::default().access_token_lifetime_s)]
    access_token_lifetime: i64,
    /// Milliseconds for which an uploaded video has the status `processing`.
    #[arg(long, default_value_t = Config::default().media_processing_ms)]
    media_processing_ms: u64,
    /// A redirect URI registered for the app; may be repeated. Without it every http(s) URI is accepted.
    #[arg(long)]
    redirect_uri: Vec<String>,
    /// Also answer requests for this host, such as that of a tunnel to this machine; may be repeated. Requests for
    /// other hosts than localhost are refused.
    #[arg(long)]
    allow_host: Vec<String>,
}

impl From<Arguments> for Config {
    fn from(arguments: Arguments) -> Self {
        let defaults = Config::default();
        Self {
            data_dir: arguments.data_dir,
            accounts: arguments.accounts,
            seed: arguments.seed,
            access: arguments.access,
            enforce_limits: !arguments.no_limits,
            access_token_lifetime_s: arguments.access_token_lifetime,
            media_processing_ms: arguments.media_processing_ms,
            redirect_uris: arguments.redirect_uri,
            allow_hosts: arguments.allow_host,
            ..defaults
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pinterest-simulator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let port = arguments.port;
    // Before the "ready" line: a process that reads the line may send a signal at once.
    let stop = stop_signal()?;
    let simulator = Simulator::open(arguments.into())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    println!("{}", ready_line(&format!("http://{address}"), &simulator.seed_accounts()));
    simulator.serve(listener, stop).await
}

/// The line that is printed at start: everything that a client needs.
fn ready_line(base_url: &str, accounts: &[SeedAccount]) -> String {
    let mut line = format!(
        "pinterest-simulator ready at {base_url} (API {base_url}/v5, control {base_url}/_sim) app_id={} app_secret={}",
        seed::APP_ID,
        seed::APP_SECRET
    );
    for account in accounts {
        let boards: Vec<&str> = account.boards.iter().map(|board| board.id.as_str()).collect();
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            " | {} id={} boards={} access_token={} read_only_access_token={} refresh_token={}",
            account.username,
            account.id,
            boards.join(","),
            account.access_token,
            account.read_only_access_token,
            account.refresh_token
        );
    }
    line
}

/// A future that is ready at Ctrl-C or SIGTERM.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
