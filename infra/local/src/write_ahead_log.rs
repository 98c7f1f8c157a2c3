//! The write-ahead log of the table's SQLite file. A killed process leaves one, with everything that was written since
//! the last merge. SQLite reads it up to the first page that isn't whole and drops the rest without a word: a damaged
//! log would lose what was answered as accepted. So a start looks at it first.
//!
//! What was committed is known from the log's index (`-shm`), which a killed process leaves too. SQLite describes both
//! formats (<https://sqlite.org/walformat.html>).

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::data_files::is_missing;
use crate::files::damaged;

/// The lengths of the log's header and of a page's header in it, in bytes.
const HEADER: usize = 32;
const PAGE_HEADER: usize = 24;
/// What a log begins with. The last bit says in which order its checksums read the bytes.
const MAGIC: u32 = 0x377f_0682;
const PAGE_SIZES: std::ops::RangeInclusive<usize> = 512..=65_536;
/// The index begins with two copies of its header. The number of merged pages follows.
const INDEX_HEADER: usize = 48;

/// Checks the log of a table that no process uses.
///
/// # Errors
/// When it lacks something that was committed.
pub fn check(table: &Path) -> anyhow::Result<()> {
    if is_in_use(table) {
        // The start reports that. What another process is writing looks damaged.
        return Ok(());
    }
    // The index first: a log never has less than an older index.
    let index = read(&beside(table, "-shm"))?.and_then(|bytes| Index::parse(&bytes));
    let path = beside(table, "-wal");
    let log = read(&path)?;
    match judge(log.as_deref(), index) {
        Verdict::Whole => Ok(()),
        Verdict::Torn => {
            tracing::warn!(path = %path.display(), "last change of the table not whole, left out");
            Ok(())
        }
        Verdict::Damaged if log.is_none() => bail!("{}", is_missing(&path)),
        Verdict::Damaged => bail!("{}", damaged(&path)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It has everything that was committed.
    Whole,
    /// Its last page isn't whole, and nothing says whether it was committed.
    Torn,
    /// Something that was committed is missing.
    Damaged,
}

fn judge(log: Option<&[u8]>, index: Option<Index>) -> Verdict {
    let log = log.unwrap_or_default();
    let Some(header) = Header::parse(log) else {
        return match index {
            Some(index) if index.committed > index.merged => Verdict::Damaged,
            // SQLite ignores the log, and the table's file has everything.
            Some(_) => Verdict::Whole,
            None if log.len() > HEADER => Verdict::Damaged,
            None => Verdict::Whole,
        };
    };
    let pages = header.pages(log);
    match index {
        // A new log that has no page yet: the old one was merged.
        Some(index) if index.committed == 0 => Verdict::Whole,
        // Half of a merged log would take the table back.
        Some(index) if index.salts != header.salts || pages.committed < index.committed => Verdict::Damaged,
        Some(_) => Verdict::Whole,
        None if pages.is_continued => Verdict::Damaged,
        None if pages.is_torn => Verdict::Torn,
        None => Verdict::Whole,
    }
}

/// The header of a log that can be read.
struct Header {
    is_big_endian: bool,
    page_size: usize,
    /// Every page of the log repeats them. Pages of an older log at the same place have others.
    salts: [u8; 8],
    checksum: Checksum,
}

/// How far a log can be read, in pages.
struct Pages {
    /// Up to the end of the last change that is whole.
    committed: u32,
    /// The first page that can't be read belongs to the log and ends a change.
    is_torn: bool,
    /// A change of the log ends behind the first page that can't be read.
    is_continued: bool,
}

impl Header {
    fn parse(log: &[u8]) -> Option<Self> {
        let header = log.first_chunk::<HEADER>()?;
        let magic = big_endian(header, 0);
        let is_big_endian = magic == MAGIC + 1;
        let page_size = big_endian(header, 8) as usize;
        let is_known =
            (magic == MAGIC || is_big_endian) && page_size.is_power_of_two() && PAGE_SIZES.contains(&page_size);
        let checksum = Checksum::default().over(&header[..24], is_big_endian);
        let salts = header[16..].first_chunk().copied()?;
        (is_known && checksum.is_stored(&header[24..])).then_some(Self { is_big_endian, page_size, salts, checksum })
    }

    fn pages(&self, log: &[u8]) -> Pages {
        let mut pages = Pages { committed: 0, is_torn: false, is_continued: false };
        let (mut checksum, mut is_readable) = (self.checksum, true);
        for (number, page) in (1..).zip(log[HEADER..].chunks_exact(PAGE_HEADER + self.page_size)) {
            let is_ours = page[8..16] == self.salts;
            // The table's size after the change, in its last page only.
            let ends_change = big_endian(page, 4) > 0;
            if is_readable {
                let content =
                    checksum.over(&page[..8], self.is_big_endian).over(&page[PAGE_HEADER..], self.is_big_endian);
                if is_ours && big_endian(page, 0) > 0 && content.is_stored(&page[16..PAGE_HEADER]) {
                    checksum = content;
                    pages.committed = if ends_change { number } else { pages.committed };
                } else {
                    is_readable = false;
                    pages.is_torn = is_ours && ends_change;
                }
            } else if is_ours && ends_change {
                pages.is_continued = true;
            }
        }
        pages
    }
}

/// What the index says of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Index {
    /// The pages of the log that are committed.
    committed: u32,
    /// Those of them that the table's file has.
    merged: u32,
    salts: [u8; 8],
}

impl Index {
    /// `None`: no index, or one that SQLite would make anew.
    fn parse(bytes: &[u8]) -> Option<Self> {
        // The second copy is written first.
        let header = bytes.chunks_exact(INDEX_HEADER).take(2).find(|header| {
            let own_order = cfg!(target_endian = "big");
            let (content, checksum) = header.split_at(40);
            let Checksum(a, b) = Checksum::default().over(content, own_order);
            header[12] == 1 && [own_endian(checksum, 0), own_endian(checksum, 4)] == [a, b]
        })?;
        let merged = bytes.get(2 * INDEX_HEADER..2 * INDEX_HEADER + 4)?;
        Some(Self {
            committed: own_endian(header, 16),
            merged: own_endian(merged, 0),
            salts: header[32..].first_chunk().copied()?,
        })
    }
}

/// SQLite's running checksum.
#[derive(Clone, Copy, Debug, Default)]
struct Checksum(u32, u32);

impl Checksum {
    /// Also over these bytes, whose number is a multiple of eight.
    fn over(self, bytes: &[u8], is_big_endian: bool) -> Self {
        let word = |four: &[u8]| {
            let four = four.first_chunk().copied().unwrap_or_default();
            if is_big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        let Self(mut a, mut b) = self;
        for eight in bytes.chunks_exact(8) {
            a = a.wrapping_add(word(&eight[..4])).wrapping_add(b);
            b = b.wrapping_add(word(&eight[4..])).wrapping_add(a);
        }
        Self(a, b)
    }

    fn is_stored(self, at: &[u8]) -> bool {
        (self.0, self.1) == (big_endian(at, 0), big_endian(at, 4))
    }
}

fn big_endian(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..].first_chunk().copied().unwrap_or_default())
}

/// A number of the index, which is in the machine's own order.
fn own_endian(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..].first_chunk().copied().unwrap_or_default())
}

/// A file beside the table's, with a longer name.
fn beside(table: &Path, end: &str) -> PathBuf {
    let mut name = table.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// `None`: there is no such file.
fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| damaged(path)),
    }
}

/// Whether a process has the table's folder.
fn is_in_use(table: &Path) -> bool {
    let lock = table.with_file_name(crate::aws::LOCK_FILE);
    File::open(lock).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests;
