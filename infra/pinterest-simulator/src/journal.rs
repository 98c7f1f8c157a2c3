//! What was committed, one JSON object a line, so that it survives a kill.
//!
//! An entry is handed to the operating system in one write before its answer is sent. That outlives the death of
//! the process, not the death of the machine: there is no fsync. A last line without its end is a commit that was
//! never answered; it is cut off.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};

use crate::world::event::Event;

const FILE_NAME: &str = "journal.jsonl";

#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Bytes of whole lines.
    length: u64,
    lines: Vec<u8>,
}

impl Journal {
    /// Opens the journal in `folder`, creating both, and reads what it holds.
    pub fn open(folder: &Path) -> anyhow::Result<(Self, Vec<Event>)> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        lock(&file).with_context(|| format!("cannot use {}", path.display()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let events = read(&bytes[..whole]).with_context(|| format!("cannot read {}", path.display()))?;
        if whole < bytes.len() {
            tracing::warn!(bytes = bytes.len() - whole, "cut off a torn last line of the journal");
            file.set_len(whole as u64).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let journal = Self { file, length: whole as u64, lines: Vec::new() };
        Ok((journal, events))
    }

    /// Appends events, all of them in one write. After a failure the journal holds none of them.
    pub fn append(&mut self, events: &[Event]) -> anyhow::Result<()> {
        self.lines.clear();
        for event in events {
            serde_json::to_writer(&mut self.lines, event)?;
            self.lines.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&self.lines) {
            // Half a line would spoil the whole lines that may follow it.
            self.file.set_len(self.length)?;
            return Err(error.into());
        }
        self.length += self.lines.len() as u64;
        Ok(())
    }
}

/// Two simulators on one folder would each know half of it. The lock ends with the process, even by a kill.
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
