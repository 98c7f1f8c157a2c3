//! What a caller may choose, and every fixed limit in one place.

use std::path::PathBuf;
use std::time::Duration;

/// How to run one [`LocalAws`](super::LocalAws).
#[derive(Debug, Clone)]
pub struct Options {
    /// Where tables and secrets are kept. `None` keeps everything in memory.
    pub data_dir: Option<PathBuf>,
    /// What a DynamoDB commit waits for.
    pub durability: Durability,
    /// The one region that queues and secrets live in; it shows in their ARNs.
    /// The region a client signs for is not looked at.
    pub region: String,
    /// When set, only requests signed with this access key id are answered.
    /// Loopback is open to every user of the machine (and, by DNS rebinding, to
    /// web pages); a random value here shuts them out. The signature itself is
    /// not checked, so the id works as a bearer token.
    pub access_key_id: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { data_dir: None, durability: Durability::default(), region: "us-east-1".to_owned(), access_key_id: None }
    }
}

/// What a DynamoDB commit waits for. A killed process loses no answered write
/// under either, and neither can corrupt the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// SQLite `synchronous=FULL`: each commit is on the disk before the answer,
    /// so it survives a power cut too.
    #[default]
    Full,
    /// SQLite `synchronous=NORMAL`: faster; a power cut may take the last
    /// commits with it.
    Normal,
}

/// Largest request body: DynamoDB's own limit, the largest of the three.
pub(super) const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Open connections at once; more wait in the listen backlog.
pub(super) const MAX_CONNECTIONS: usize = 1024;
/// How long a shutdown waits for running requests before it drops them.
pub(super) const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// DynamoDB calls run at once. The engine holds one lock, so more threads only
/// queue on it; a few let parsing overlap with the locked part.
pub(super) const DYNAMO_LANES: u32 = 4;
/// Items read per page of a TTL sweep: bounds how long it keeps others waiting.
pub(super) const SWEEP_PAGE: usize = 200;
/// Messages one queue may hold in memory before sends are refused.
pub(super) const MAX_QUEUED_MESSAGES: usize = 1_000_000;
