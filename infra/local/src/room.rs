//! Room on the disk. On a full disk each part of a start fails at another place and in words of its own, so a start
//! looks first, and looks again when it has failed.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::bail;

use crate::data_files::FOLDERS;

/// What a start needs, in bytes: SQLite's log grows to 4 MiB before it is merged into the table's file.
const NEEDED: usize = 8 * 1024 * 1024;
const PIECE: usize = 64 * 1024;

/// Checks that every disk of a data folder has room for a start.
///
/// # Errors
/// When one of them is full.
pub fn check(data_dir: &Path) -> anyhow::Result<()> {
    let mut disks = BTreeSet::new();
    for folder in [data_dir.to_path_buf()].into_iter().chain(FOLDERS.map(|name| data_dir.join(name))) {
        let Ok(disk) = fs::metadata(&folder).map(|folder| folder.dev()) else { continue };
        if disks.insert(disk) && is_full(&folder) {
            bail!(
                "the disk is full: {} needs {} MiB. Free some space, then start again",
                folder.display(),
                NEEDED / 1024 / 1024
            );
        }
    }
    Ok(())
}

/// The error of a start or a write, with the full disk as its cause if there is one.
pub fn explain(data_dir: &Path, error: anyhow::Error) -> anyhow::Error {
    match check(data_dir) {
        Err(full) if !format!("{error:#}").contains("the disk is full") => error.context(full.to_string()),
        _ => error,
    }
}

/// Whether a file of the needed size can't be written. The file has no name, so that a kill leaves nothing behind.
/// Whatever else keeps it from being written is reported by what needs the folder.
fn is_full(folder: &Path) -> bool {
    let path = folder.join(format!(".room.{}", uuid::Uuid::new_v4().simple()));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        fs::remove_file(&path)?;
        let piece = vec![0; PIECE];
        (0..NEEDED / PIECE).try_for_each(|_| file.write_all(&piece))
    };
    write().is_err_and(|error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_room_changes_no_error_and_keeps_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        check(folder.path()).expect("there is room");
        check(&folder.path().join("missing")).expect("nothing to look at");
        let error = explain(folder.path(), anyhow::anyhow!("the port is taken"));
        assert_eq!(format!("{error:#}"), "the port is taken");
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
    }
}
