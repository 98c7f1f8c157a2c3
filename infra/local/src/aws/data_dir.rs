//! The data directory: readable by its owner only, and used by one process at a time.

use crate::files::unwritten;
use anyhow::{Context, bail};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(crate) const LOCK_FILE: &str = "lock";
const DATABASE_FILE: &str = "dynamodb.sqlite3";
const SECRETS_FILE: &str = "secrets.json";

/// An open data directory. Dropping the value releases its lock.
pub(super) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the directory if needed and locks it. The kernel releases the lock when the process ends, so a killed
    /// process leaves nothing to clean up.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("could not create the data directory {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("could not make {} private", path.display()))?;
        let lock = private_file(&path.join(LOCK_FILE))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "the data directory {} is in use by another process; stop that one or choose another directory",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("could not lock the data directory {}", path.display()))
            }
        }
    }

    /// The DynamoDB file. It is created empty and private, because SQLite gives its log files the mode of the database.
    pub(super) fn database_file(&self) -> anyhow::Result<PathBuf> {
        let file = self.path.join(DATABASE_FILE);
        private_file(&file)?;
        Ok(file)
    }

    pub(super) fn secrets_file(&self) -> PathBuf {
        self.path.join(SECRETS_FILE)
    }
}

/// Opens or creates a file that only its owner can read.
fn private_file(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| unwritten(path, error))?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .with_context(|| format!("could not make {} private", path.display()))?;
    Ok(file)
}

/// Replaces a file atomically: a reader, also after a crash, sees the old or the new content. On return, the new
/// content is on the disk.
pub(super) fn write_atomically(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = private_file(&temporary)?;
    let mut write = || -> std::io::Result<()> {
        file.set_len(0)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        match path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    };
    let written = write();
    if written.is_err() {
        // Half a draft is of no use, and takes room on a disk that may be full.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(|error| unwritten(path, error))
}
