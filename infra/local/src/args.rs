//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// An origin: scheme, host, perhaps a port, and nothing behind it.
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

/// Whether an origin is on this machine.
pub fn is_loopback(origin: &str) -> bool {
    ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .any(|local| origin.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
}

/// Runs the whole of pinbridge on this machine and publishes a demo pin.
#[derive(Clone, Debug, Parser)]
#[command(name = "pinbridge-local", version)]
pub struct Args {
    /// Port of the API on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    pub port: u16,

    /// Where everything is kept
    #[arg(long, default_value = ".pinbridge")]
    pub data_dir: PathBuf,

    /// Another Pinterest: an origin without /v5 (another simulator; or https://api.pinterest.com with a token in
    /// PINBRIDGE_PINTEREST_ACCESS_TOKEN). Default: a simulator inside
    #[arg(long, value_parser = origin)]
    pub pinterest_url: Option<String>,

    /// How many of the simulator's documented accounts to connect
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub accounts: u16,

    /// Write base_url, api_key and ids to this file as JSON once everything is ready
    #[arg(long)]
    pub ready_file: Option<PathBuf>,

    /// Publish no demo pin
    #[arg(long, conflicts_with = "once")]
    pub no_demo: bool,

    /// Publish the demo pin, print its timeline and exit: 0 only if it was published
    #[arg(long)]
    pub once: bool,
}
