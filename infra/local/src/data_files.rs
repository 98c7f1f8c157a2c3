//! The files of a data folder belong together. One that is missing would be made anew and empty, and the start would
//! look as if nothing had ever been published; so a start names it and changes nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::bail;

use crate::files::damaged;

const TABLE_FILE: &str = "aws/dynamodb.sqlite3";
const SECRETS_FILE: &str = "aws/secrets.json";
/// The simulator's folder, and its file.
const SIMULATOR: &str = "pinterest";
const JOURNAL_FILE: &str = "pinterest/journal.jsonl";
/// What every SQLite file begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Checks the files of a folder that an earlier start has filled.
///
/// # Errors
/// When a file is missing or damaged.
pub fn check(data_dir: &Path, has_simulator: bool) -> anyhow::Result<()> {
    let path = |name: &str| data_dir.join(name);
    let mut wanted = vec![TABLE_FILE];
    if has_simulator {
        // The app's secret is in it since before the identity was kept.
        wanted.push(SECRETS_FILE);
        // The folder may have been used with a simulator of its own.
        wanted.extend(path(SIMULATOR).exists().then_some(JOURNAL_FILE));
    }
    if let Some(missing) = wanted.into_iter().map(path).find(|path| !path.exists()) {
        bail!("{}", is_missing(&missing));
    }
    if !begins_with(&path(TABLE_FILE), SQLITE) {
        bail!("{}", damaged(&path(TABLE_FILE)));
    }
    Ok(())
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
