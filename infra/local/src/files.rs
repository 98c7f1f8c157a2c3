//! Files that only their owner may read.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file atomically; only its owner may read it. The draft has a name that nobody guesses and is created
/// exclusively: in a folder like `/tmp`, a stranger's file or link of that name would be theirs to read.
///
/// # Errors
/// When the file can't be written.
pub fn write_private(path: &Path, content: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let draft = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    let written = write();
    if written.is_err() {
        // Half a draft is of no use, and may hold a secret.
        let _ = fs::remove_file(&draft);
    }
    written.map_err(|error| unwritten(path, error))
}

/// Why a file can't be written, and what helps.
pub fn unwritten(path: &Path, error: io::Error) -> anyhow::Error {
    let path = path.display();
    let what = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("the disk is full: {path} could not be written. Free some space, then start again")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            format!("{path} may not be written. Allow it, or choose another folder with --data-dir")
        }
        _ => format!("could not write {path}"),
    };
    anyhow::Error::new(error).context(what)
}

/// A data file that can't be read for what it is, and what helps. Nothing was changed.
pub fn damaged(path: &Path) -> String {
    format!(
        "{} is damaged. Put a copy of it back, or start anew with an empty folder (--data-dir); what the other files of \
         its folder hold belongs to it",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_or_link_that_was_there_before_is_replaced_and_never_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, victim) = (folder.path().join("ready.json"), folder.path().join("victim"));
        // As a stranger would plant them in /tmp: a link under the name, and one under a draft's name that is guessed.
        let drafts = [path.clone(), folder.path().join(format!(".ready.json.{}", std::process::id()))];
        for planted in drafts {
            fs::write(&victim, "untouched").expect("written");
            symlink(&victim, &planted).expect("linked");
            write_private(&path, "secret").expect("written");
            assert_eq!(fs::read_to_string(&victim).expect("read"), "untouched", "{}", planted.display());
            assert_eq!(fs::read_to_string(&path).expect("read"), "secret");
            let is_link = fs::symlink_metadata(&path).expect("there").is_symlink();
            let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
            assert_eq!((is_link, mode), (false, 0o600));
            fs::remove_file(&path).expect("removed");
        }
        // One that everybody may read.
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opened to everybody");
        write_private(&path, "secret").expect("written");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_full_disk_and_a_folder_that_may_not_be_written_are_named() {
        // The kernel's own full disk.
        let mut full = fs::OpenOptions::new().write(true).open("/dev/full").expect("opens");
        let error = full.write_all(b"x").expect_err("is full");
        let told = format!("{:#}", unwritten(Path::new("/data/identity.json"), error));
        assert!(
            told.starts_with("the disk is full: /data/identity.json") && told.contains("Free some space"),
            "{told}"
        );
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            let told = format!("{:#}", unwritten(Path::new("/data/x"), kind.into()));
            assert!(told.contains("/data/x may not be written") && told.contains("--data-dir"), "{told}");
        }
        let told = format!("{:#}", unwritten(Path::new("/data/x"), io::ErrorKind::NotADirectory.into()));
        assert!(told.starts_with("could not write /data/x: "), "{told}");
    }
}
