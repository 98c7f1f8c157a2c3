//! The files of a data folder belong together. One that is missing would be made anew and empty, and the start would
//! look as if nothing had ever been published; so a start names it and changes nothing.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::files::damaged;
use crate::identity::{self, Identity};
use crate::write_ahead_log;

const TABLE_FILE: &str = "aws/dynamodb.sqlite3";
const SECRETS_FILE: &str = "aws/secrets.json";
/// The simulator's folder, and its file.
const SIMULATOR: &str = "pinterest";
const JOURNAL_FILE: &str = "pinterest/journal.jsonl";
/// The folders that hold nothing but data.
pub const FOLDERS: [&str; 2] = ["aws", SIMULATOR];
/// A larger file is no ready file, which has some hundred bytes.
const READY_FILE_BYTES_MAX: u64 = 64 * 1024;
/// What every SQLite file begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Checks the files of a folder that an earlier start has used: what it left must be there.
///
/// # Errors
/// When a file is missing or damaged.
pub fn check(data_dir: &Path, known: &Identity, has_simulator: bool) -> anyhow::Result<()> {
    let path = |name: &str| data_dir.join(name);
    // The table is older than every identity.
    let mut wanted = vec![TABLE_FILE.to_owned()];
    wanted.extend(known.files.iter().cloned());
    // A folder of before the files were listed. One of an early version had neither people nor the app's secret.
    if has_simulator && known.login.is_some() {
        wanted.push(SECRETS_FILE.into());
        // The folder may have been used with a simulator of its own.
        wanted.extend(path(SIMULATOR).exists().then(|| JOURNAL_FILE.into()));
    }
    if let Some(missing) = wanted.iter().map(|name| path(name)).find(|path| !path.exists()) {
        bail!("{}", is_missing(&missing));
    }
    if !begins_with(&path(TABLE_FILE), SQLITE) {
        bail!("{}", damaged(&path(TABLE_FILE)));
    }
    write_ahead_log::check(&path(TABLE_FILE))?;
    // The simulator begins its journal with its accounts. Without them it would count the ids of Pins from the start.
    if wanted.iter().any(|name| name == JOURNAL_FILE) && !has_a_line(&path(JOURNAL_FILE)) {
        bail!("{}", damaged(&path(JOURNAL_FILE)));
    }
    Ok(())
}

/// The files that are to be there at the next start.
pub fn present(data_dir: &Path) -> Vec<String> {
    let all = [TABLE_FILE, SECRETS_FILE, JOURNAL_FILE];
    all.into_iter().filter(|name| data_dir.join(name).exists()).map(str::to_owned).collect()
}

/// Checks that the ready file takes the place of no data file, nor of any other file but an earlier ready file.
///
/// # Errors
/// When it would.
pub fn check_ready_file(data_dir: &Path, ready: &Path) -> anyhow::Result<()> {
    let (folder, file) = (data_dir.canonicalize().or_else(|_| real(data_dir))?, real(ready)?);
    let is_data = file == folder.join(identity::FILE) || FOLDERS.iter().any(|name| file.starts_with(folder.join(name)));
    if is_data {
        bail!("--ready-file {} is a place for data files; choose another", ready.display());
    }
    if is_foreign(ready) {
        bail!(
            "--ready-file {} exists and is a link, or no ready file of an earlier start. Remove it, or choose another",
            ready.display()
        );
    }
    Ok(())
}

/// Whether something is there that a ready file must not replace. It may replace an earlier ready file and an empty
/// file, as `mktemp` makes it. It never replaces a link, wherever that leads: somebody made it on purpose.
fn is_foreign(ready: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(ready) else { return false };
    if found.is_file() && found.len() == 0 {
        return false;
    }
    let is_ready_file = |text: Vec<u8>| {
        let known: Value = serde_json::from_slice(&text).unwrap_or_default();
        known["base_url"].is_string() && known["api_key"].is_string()
    };
    let may_be_read = found.is_file() && found.len() <= READY_FILE_BYTES_MAX;
    !(may_be_read && fs::read(ready).is_ok_and(is_ready_file))
}

/// The path without links, also if its end isn't there yet. The last name is kept as it is: a link is refused.
fn real(path: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| path.display().to_string())?;
    let mut folder = path.as_path();
    while let Some(parent) = folder.parent() {
        folder = parent;
        if let Ok(known) = folder.canonicalize() {
            return Ok(known.join(path.strip_prefix(folder).unwrap_or(&path)));
        }
    }
    Ok(path)
}

/// What a missing file means, and what helps.
pub fn is_missing(path: &Path) -> String {
    format!(
        "{} is missing, although the folder was used before. Put it back, or start anew with an empty folder \
         (--data-dir)",
        path.display()
    )
}

fn begins_with(path: &Path, magic: &[u8]) -> bool {
    let mut bytes = vec![0; magic.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).is_ok() && bytes == magic
}

fn has_a_line(path: &Path) -> bool {
    let mut line = Vec::new();
    let read = File::open(path).and_then(|file| BufReader::new(file).read_until(b'\n', &mut line));
    read.is_ok() && line.ends_with(b"\n")
}
