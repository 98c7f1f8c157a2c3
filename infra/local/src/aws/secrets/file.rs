//! The secrets file: the crate's state as JSON. It is plain text, so the file and its directory are private.

use super::super::data_dir::write_atomically;
use crate::files::damaged;
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::Path;
use winterbaume_secretsmanager::SecretsmanagerStateView;

/// The version of the layout. A file of another version is refused and left as it is.
const VERSION: u64 = 1;

/// Reads the file; `None` when it does not exist. An unreadable file is an error: an empty start would overwrite it at
/// the next change.
pub(super) fn load(path: &Path) -> anyhow::Result<Option<SecretsmanagerStateView>> {
    let content = match std::fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("could not read {}", path.display()));
        }
    };
    let damaged = || damaged(path);
    let mut value: Value = serde_json::from_slice(&content).with_context(damaged)?;
    if value["version"] != VERSION {
        bail!("{}: its version is {}, not {VERSION}", damaged(), value["version"]);
    }
    serde_json::from_value(value["state"].take()).map(Some).with_context(damaged)
}

pub(super) fn encode(view: &SecretsmanagerStateView) -> anyhow::Result<Vec<u8>> {
    let value = json!({ "version": VERSION, "state": serde_json::to_value(view)? });
    Ok(serde_json::to_vec(&value)?)
}

pub(super) fn store(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write_atomically(path, content)
}
