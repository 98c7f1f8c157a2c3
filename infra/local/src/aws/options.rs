//! The options of a local AWS, and its fixed limits.

use std::path::PathBuf;
use std::time::Duration;

/// The options of one [`LocalAws`](super::LocalAws).
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory of tables and secrets. `None` keeps everything in memory.
    pub data_dir: Option<PathBuf>,
    /// What a DynamoDB commit waits for.
    pub durability: Durability,
    /// The region in the ARNs of queues and secrets. The region that a client signs for is ignored.
    pub region: String,
    /// When set, requests signed with another access key id are refused. Loopback is open to every user of the
    /// machine and, by DNS rebinding, to web pages; a random id keeps them out. The signature is not checked, so the
    /// id works as a bearer token.
    pub access_key_id: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { data_dir: None, durability: Durability::default(), region: "us-east-1".to_owned(), access_key_id: None }
    }
}

/// What a DynamoDB commit waits for. With either value, a killed process loses no acknowledged write and the file stays
/// intact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// SQLite `synchronous=FULL`: each commit is on the disk before the response, so it also survives a power cut.
    #[default]
    Full,
    /// SQLite `synchronous=NORMAL`: faster; a power cut may lose the last commits.
    Normal,
}

/// Largest request body: the limit of DynamoDB, the largest of the three services.
pub(super) const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// How long a shutdown waits for running requests before it drops them.
pub(super) const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// DynamoDB calls at a time. The engine has one lock, so more threads would only wait for it; a few let parsing overlap
/// with the locked part.
pub(super) const DYNAMO_LANES: u32 = 4;
/// Items per page of a TTL sweep: bounds how long other calls wait for it.
pub(super) const SWEEP_PAGE: usize = 200;
/// Messages one queue may hold in memory before sends are refused.
pub(super) const MAX_QUEUED_MESSAGES: usize = 1_000_000;
