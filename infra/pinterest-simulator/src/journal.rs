//! The journal of committed events, one JSON object per line, so that the state survives a kill.
//!
//! An entry is written to the file in one write before its request is answered. It survives the end of the process,
//! but not of the machine: there is no fsync. A last line without a line end belongs to a commit that was never
//! answered, and is cut off.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::world::event::Event;

const FILE_NAME: &str = "journal.jsonl";

#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Bytes of the complete lines.
    length: u64,
    lines: Vec<u8>,
}

impl Journal {
    /// Opens the journal in `folder`, creating both if needed, and reads its events.
    pub fn open(folder: &Path) -> anyhow::Result<(Self, Vec<Event>)> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            // It has access tokens in it.
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        lock(&file).with_context(|| format!("cannot use {}", path.display()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let events = read(&bytes[..whole]).with_context(|| format!("{} is damaged", path.display()))?;
        if whole < bytes.len() {
            tracing::warn!(bytes = bytes.len() - whole, "incomplete last line of the journal removed");
            file.set_len(whole as u64).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let journal = Self { file, path, length: whole as u64, lines: Vec::new() };
        Ok((journal, events))
    }

    /// Appends all events in one write. After a failure the journal has none of them.
    pub fn append(&mut self, events: &[Event]) -> anyhow::Result<()> {
        self.lines.clear();
        for event in events {
            serde_json::to_writer(&mut self.lines, event)?;
            self.lines.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&self.lines) {
            // A partial line would make the lines after it unreadable.
            self.file.set_len(self.length)?;
            return Err(error).with_context(|| format!("cannot write {}", self.path.display()));
        }
        self.length += self.lines.len() as u64;
        Ok(())
    }
}

/// Locks the file, because two simulators on one folder would each know only their own events. The lock ends with the
/// process, even if it is killed.
fn lock(file: &File) -> anyhow::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => bail!("another simulator is using it"),
        Err(TryLockError::Error(error)) => Err(error).context("it cannot be locked"),
    }
}

fn read(bytes: &[u8]) -> anyhow::Result<Vec<Event>> {
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| serde_json::from_slice(line).with_context(|| format!("line {}", index + 1)))
        .collect()
}
