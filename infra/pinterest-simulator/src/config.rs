//! The settings of a simulator.

use std::path::PathBuf;

/// Settings of one simulator. `Config::default()` is Pinterest as documented, with the state in memory only.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the journal. `None` keeps the state in memory only.
    pub data_dir: Option<PathBuf>,
    /// Number of accounts that exist from the start (see [`crate::seed_accounts`]).
    pub accounts: usize,
    /// Seed of generated tokens and of the probabilities of fault rules.
    pub seed: u64,
    /// The rate at which one account may create Pins.
    pub envelope: Envelope,
    /// `false` turns the rate limit off; the headers then report full quotas.
    pub enforce_limits: bool,
    /// Lifetime of an access token, in seconds: 30 days at Pinterest.
    pub access_token_lifetime_s: i64,
    /// Lifetime of a refresh token, in seconds: 60 days at Pinterest, renewed by every refresh.
    pub refresh_token_lifetime_s: i64,
    /// Milliseconds for which an uploaded file is processed before its status is final.
    pub media_processing_ms: u64,
    /// Redirect URIs registered for the app, compared exactly. Empty accepts every http(s) URI.
    pub redirect_uris: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            accounts: 3,
            seed: 1,
            envelope: Envelope::default(),
            enforce_limits: true,
            access_token_lifetime_s: 30 * 24 * 3600,
            refresh_token_lifetime_s: 60 * 24 * 3600,
            media_processing_ms: 5_000,
            redirect_uris: Vec::new(),
        }
    }
}

/// A token bucket: in any `w` seconds at most `(1 + slack) * (capacity + w * rate_per_s)` requests pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Envelope {
    /// Requests that pass in a burst.
    pub capacity: f64,
    /// Requests per second that pass once the burst is spent.
    pub rate_per_s: f64,
    /// Fraction added to both. Without it, a client that keeps exactly to the rate could be refused, because its
    /// requests arrive a little closer together than they were sent.
    pub slack: f64,
}

impl Default for Envelope {
    fn default() -> Self {
        Self { capacity: 50.0, rate_per_s: 1.0, slack: 0.03 }
    }
}
