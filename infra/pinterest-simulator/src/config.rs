//! The settings of a simulator.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Settings of one simulator. `Config::default()` is Pinterest as documented, with the state in memory only.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the journal. `None` keeps the state in memory only.
    pub data_dir: Option<PathBuf>,
    /// Number of accounts that exist from the start (see [`crate::seed_accounts`]).
    pub accounts: usize,
    /// Seed of generated tokens and of the probabilities of fault rules.
    pub seed: u64,
    /// The app's access tier, which decides its limits.
    pub access: Access,
    /// `false` turns the limits off; the headers then report full quotas.
    pub enforce_limits: bool,
    /// Lifetime of an access token, in seconds: 30 days at Pinterest.
    pub access_token_lifetime_s: i64,
    /// Lifetime of a refresh token, in seconds: 60 days at Pinterest, renewed by every refresh.
    pub refresh_token_lifetime_s: i64,
    /// Milliseconds for which an uploaded file is processed before its status is final.
    pub media_processing_ms: u64,
    /// Redirect URIs registered for the app, compared exactly. Empty accepts every http(s) URI.
    pub redirect_uris: Vec<String>,
    /// Hosts for which requests are answered, beside `localhost`, `127.0.0.1` and `[::1]`.
    pub allow_hosts: Vec<String>,
    /// How long a client may take to send the head of a request, and its body.
    pub client_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            accounts: 3,
            seed: 1,
            access: Access::default(),
            enforce_limits: true,
            access_token_lifetime_s: 30 * 24 * 3600,
            refresh_token_lifetime_s: 60 * 24 * 3600,
            media_processing_ms: 5_000,
            redirect_uris: Vec::new(),
            allow_hosts: Vec::new(),
            client_timeout: pinbridge_loopback::BODY_TIMEOUT,
        }
    }
}

/// The access tiers of an app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// Limits per minute, for each user.
    #[default]
    Standard,
    /// The same, and limits per day for all users together.
    Trial,
}

impl FromStr for Access {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "standard" => Ok(Self::Standard),
            "trial" => Ok(Self::Trial),
            _ => Err("access must be standard or trial".into()),
        }
    }
}
