//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Parses an origin: a scheme, a host and an optional port, without a path.
fn origin(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(text.to_owned()),
        _ => {
            Err("expected an origin without a path, such as http://127.0.0.1:4010 or https://api.pinterest.com".into())
        }
    }
}

/// Whether an origin is on this machine. Only the simulator is expected there.
pub fn is_loopback(origin: &str) -> bool {
    ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .any(|local| origin.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
}

/// Runs all of pinbridge on this machine with a simulated Pinterest, and publishes a demo pin.
#[derive(Clone, Debug, Parser)]
#[command(name = "pinbridge-local", version)]
pub struct Args {
    /// Port of the API on 127.0.0.1; 0 chooses a free port
    #[arg(long, default_value_t = 8080)]
    pub port: u16,

    /// Folder that holds all data; the next start continues with it
    #[arg(long, default_value = ".pinbridge")]
    pub data_dir: PathBuf,

    /// Use this Pinterest instead of the built-in simulator: an origin without /v5, either another simulator on this
    /// machine or https://api.pinterest.com with an access token in PINBRIDGE_PINTEREST_ACCESS_TOKEN
    #[arg(long, value_parser = origin)]
    pub pinterest_url: Option<String>,

    /// Number of the simulator's documented accounts to connect
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub accounts: u16,

    /// Write base_url, api_key and ids to this file as JSON when the stack is ready
    #[arg(long)]
    pub ready_file: Option<PathBuf>,

    /// Also answer requests for this host, such as that of a tunnel to this machine; repeat it for more. Requests for
    /// other hosts than localhost are refused
    #[arg(long)]
    pub allow_host: Vec<String>,

    /// Do not start the receiver that prints each delivery of the workspace's webhook, and remove that webhook
    #[arg(long)]
    pub no_receiver: bool,

    /// Print a line for every event of every workspace, as an event bus would get it, and for the end of every task
    /// that waits for a pin
    #[arg(long)]
    pub show_events: bool,

    /// Do not publish a demo pin
    #[arg(long, conflicts_with = "once")]
    pub no_demo: bool,

    /// Publish the demo pin, print its timeline and exit: 0 only if it was published
    #[arg(long)]
    pub once: bool,
}
