//! Logs as SQLite itself writes them, copied at any moment as a kill leaves them, and damaged.

use rusqlite::Connection;

use super::*;

const PAGE: usize = PAGE_HEADER + 4_096;

/// A table whose log is small and often merged, and whose long transactions don't fit into the cache: their pages are
/// in the log before they are committed.
struct Table {
    folder: tempfile::TempDir,
    connection: Connection,
    random: fastrand::Rng,
    committed: i64,
}

impl Table {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = Connection::open(folder.path().join("t")).expect("opens");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 40;
                 PRAGMA cache_size = 10; CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)",
            )
            .expect("created");
        Self { folder, connection, random: fastrand::Rng::with_seed(seed), committed: 0 }
    }

    fn insert(&mut self, rows: i64) {
        for _ in 0..rows {
            let bytes = vec![self.random.u8(..); self.random.usize(1..6_000)];
            self.connection.execute("INSERT INTO t (v) VALUES (?1)", [bytes]).expect("inserted");
        }
    }

    /// The files as a kill at this moment would leave them.
    fn killed(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a folder");
        for name in ["t", "t-wal", "t-shm"] {
            fs::copy(self.folder.path().join(name), copy.path().join(name)).expect("copied");
        }
        copy
    }
}

fn state(folder: &Path) -> (Option<Vec<u8>>, Option<Index>) {
    let bytes = |name: &str| read(&folder.join(name)).expect("read");
    (bytes("t-wal"), bytes("t-shm").and_then(|bytes| Index::parse(&bytes)))
}

#[test]
fn what_a_kill_leaves_is_whole_and_what_lacks_a_committed_page_is_damaged() {
    let (mut damaged, mut continued) = (0, 0);
    for seed in 0..5 {
        let mut table = Table::new(seed);
        for _ in 0..25 {
            let rows = [1, 3, 80][table.random.usize(..3)];
            table.connection.execute_batch("BEGIN").expect("begun");
            table.insert(rows);
            let within = table.killed();
            assert_eq!(rows_after_a_start(within.path(), &mut table.random), table.committed, "seed {seed}");
            let is_committed = table.random.u8(..3) > 0;
            table.connection.execute_batch(if is_committed { "COMMIT" } else { "ROLLBACK" }).expect("ended");
            table.committed += if is_committed { rows } else { 0 };
            let after = table.killed();
            let (log, index) = state(after.path());
            let (mut log, index) = (log.expect("a log"), index.expect("an index"));
            assert_eq!(rows_after_a_start(after.path(), &mut table.random), table.committed, "seed {seed}");
            if index.committed == 0 {
                continue;
            }
            // Any byte of a committed page, and any end before the last one.
            let at = HEADER + table.random.usize(..index.committed as usize * PAGE);
            assert_eq!(judge(Some(&log[..at]), Some(index)), Verdict::Damaged, "seed {seed}, cut at {at}");
            log[at] ^= 1 << table.random.u8(..8);
            assert_eq!(judge(Some(&log), Some(index)), Verdict::Damaged, "seed {seed}, changed at {at}");
            damaged += 1;
            continued += usize::from(judge(Some(&log), None) == Verdict::Damaged);
        }
    }
    assert!(damaged > 60 && continued > 20, "{damaged}, {continued}");
}

/// Checks the files as a start does, with the index or without it; the rows that SQLite then finds.
fn rows_after_a_start(folder: &Path, random: &mut fastrand::Rng) -> i64 {
    if random.bool() {
        fs::remove_file(folder.join("t-shm")).expect("removed");
    }
    let (log, index) = state(folder);
    assert_eq!(judge(log.as_deref(), index), Verdict::Whole, "with an index: {}", index.is_some());
    check(&folder.join("t")).expect("whole");
    let connection = Connection::open(folder.join("t")).expect("opens");
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("counted")
}

#[test]
fn a_log_with_another_header_or_without_any_is_damaged_while_it_has_what_the_table_lacks() {
    let mut table = Table::new(7);
    table.insert(5);
    let killed = table.killed();
    let (log, index) = state(killed.path());
    let (log, index) = (log.expect("a log"), index.expect("an index"));
    assert!(index.committed > 0 && index.merged == 0, "{index:?}");
    let merged = Index { merged: index.committed, ..index };
    for at in [0, 3, 4, 8, 9, 12, 16, 23, 24, 31] {
        let mut other = log.clone();
        other[at] ^= 1;
        assert_eq!(judge(Some(&other), Some(index)), Verdict::Damaged, "byte {at}");
        assert_eq!(judge(Some(&other), None), Verdict::Damaged, "byte {at}, no index");
        assert_eq!(judge(Some(&other), Some(merged)), Verdict::Whole, "byte {at}, merged");
    }
    for short in [None, Some(&[][..]), Some(&log[..HEADER - 1])] {
        assert_eq!(judge(short, Some(index)), Verdict::Damaged, "{short:?}");
        assert_eq!(judge(short, Some(merged)), Verdict::Whole, "{short:?}, merged");
        assert_eq!(judge(short, None), Verdict::Whole, "{short:?}, as SQLite leaves it at its end");
    }
    // Half of a log that was merged would take the table back.
    assert_eq!(judge(Some(&log[..log.len() / 2]), Some(merged)), Verdict::Damaged);
    // The last page of all: nothing but the index says that it was whole.
    let mut torn = log.clone();
    let last = HEADER + index.committed as usize * PAGE - 1;
    torn[last] ^= 1;
    assert_eq!((judge(Some(&torn), Some(index)), judge(Some(&torn), None)), (Verdict::Damaged, Verdict::Torn));
}

#[test]
fn an_index_that_is_damaged_says_nothing() {
    let mut table = Table::new(8);
    table.insert(5);
    let killed = table.killed();
    let bytes = fs::read(killed.path().join("t-shm")).expect("read");
    let index = Index::parse(&bytes).expect("an index");
    let mut first = bytes.clone();
    first[16] ^= 1;
    assert_eq!(Index::parse(&first), Some(index), "the second copy");
    first[INDEX_HEADER + 16] ^= 1;
    assert_eq!(Index::parse(&first), None);
    assert_eq!((Index::parse(&[]), Index::parse(&bytes[..90])), (None, None));
    let log = state(killed.path()).0;
    assert_eq!(judge(log.as_deref(), None), Verdict::Whole);
}

#[test]
fn a_folder_that_another_process_uses_is_not_looked_at() {
    let mut table = Table::new(9);
    table.insert(5);
    let killed = table.killed();
    fs::write(killed.path().join("t-wal"), "damaged").expect("written");
    let lock = File::create(killed.path().join(crate::aws::LOCK_FILE)).expect("created");
    lock.lock().expect("locked");
    check(&killed.path().join("t")).expect("left to its owner");
    lock.unlock().expect("unlocked");
    let told = check(&killed.path().join("t")).expect_err("damaged").to_string();
    assert!(told.contains("t-wal is damaged"), "{told}");
}
