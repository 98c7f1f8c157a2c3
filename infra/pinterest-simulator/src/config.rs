//! What can be set before a simulator starts.

use std::path::PathBuf;

/// Settings of one simulator. `Config::default()` is Pinterest as documented, in memory only.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the journal. `None` keeps everything in memory.
    pub data_dir: Option<PathBuf>,
    /// How many accounts exist from the start (see [`crate::seed_accounts`]).
    pub accounts: usize,
    /// Seed of generated tokens and of the dice of fault rules.
    pub seed: u64,
    /// The pace at which one account may create Pins.
    pub envelope: Envelope,
    /// `false` lets every pace through; the headers then report full quotas.
    pub enforce_limits: bool,
    /// Seconds an access token lives: 30 days at Pinterest.
    pub access_token_lifetime_s: i64,
    /// Seconds a refresh token lives: 60 days at Pinterest, renewed by every refresh.
    pub refresh_token_lifetime_s: i64,
    /// Milliseconds that an uploaded file is processed before its status is final.
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
    /// Requests that may come at once.
    pub capacity: f64,
    /// Requests per second that may follow.
    pub rate_per_s: f64,
    /// Fraction added to both, so that a client which keeps exactly to the pace is never refused
    /// because its requests arrive a little closer together than they were sent.
    pub slack: f64,
}

impl Default for Envelope {
    fn default() -> Self {
        Self { capacity: 50.0, rate_per_s: 1.0, slack: 0.03 }
    }
}
