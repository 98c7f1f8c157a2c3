//! A data folder whose files are damaged or missing: the start names the file and what to do, and changes nothing.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{Local, binary};

const IDENTITY: &str = "identity.json";
const SECRETS: &str = "aws/secrets.json";
const TABLE: &str = "aws/dynamodb.sqlite3";
const LOG: &str = "aws/dynamodb.sqlite3-wal";
const INDEX: &str = "aws/dynamodb.sqlite3-shm";
const JOURNAL: &str = "pinterest/journal.jsonl";
const SIMULATOR: &str = "pinterest";

/// A folder with everything that a stack of its own has written.
async fn used() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut local = Local::start(folder.path(), &[], &[]).await;
    // Ended as by Ctrl-C, so that the table's log is merged into its file.
    let pid = local.process.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("runs").success());
    local.process.0.wait().expect("is gone");
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("read") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The contents of a folder, without locks and the table's own logs.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("read") {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            all.extend(contents(&path));
        } else if !["lock", "-wal", "-shm"].iter().any(|end| name.ends_with(end)) {
            let bytes = fs::read(&path).expect("read");
            all.insert(path, bytes);
        }
    }
    all
}

/// A start that publishes one pin and ends; whether it worked, and what it said about errors.
fn start(folder: &Path) -> (bool, String) {
    start_with(folder, None)
}

fn start_with(folder: &Path, ready_file: Option<&Path>) -> (bool, String) {
    let mut command = Command::new(binary("pinbridge-local"));
    command.args(["--port", "0", "--once", "--data-dir"]).arg(folder).stdin(Stdio::null());
    if let Some(path) = ready_file {
        command.arg("--ready-file").arg(path);
    }
    let output = command.output().expect("runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

type Harm = fn(&Path);

fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.expect("removed");
}

/// As by hand: the demo user is taken out of the identity, and the table is gone.
fn remove_with_the_login(table: &Path) {
    let identity = table.parent().and_then(Path::parent).expect("the data folder").join(IDENTITY);
    let mut known: serde_json::Value = serde_json::from_slice(&fs::read(&identity).expect("read")).expect("JSON");
    assert!(known.as_object_mut().expect("an object").remove("login").is_some());
    fs::write(identity, known.to_string()).expect("written");
    remove(table);
}

fn truncate(path: &Path) {
    let length = fs::metadata(path).expect("there").len();
    OpenOptions::new().write(true).open(path).expect("opens").set_len(length / 2).expect("cut");
}

fn empty(path: &Path) {
    fs::write(path, "").expect("written");
}

fn garble(path: &Path) {
    fs::write(path, "not what it was\n".repeat(1_000)).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_missing_file_is_named_with_what_to_do_and_nothing_is_changed() {
    let used = used().await;
    let harms: [(&str, &[Harm]); 5] = [
        (IDENTITY, &[remove, truncate, empty, garble]),
        (SECRETS, &[remove, truncate, empty, garble]),
        (TABLE, &[remove, truncate, empty, garble, remove_with_the_login]),
        (JOURNAL, &[remove, truncate, empty, garble]),
        (SIMULATOR, &[remove]),
    ];
    for (name, harms) in harms {
        for (nth, harm) in harms.iter().enumerate() {
            let folder = tempfile::tempdir().expect("a folder");
            copy(used.path(), folder.path());
            let path = folder.path().join(name);
            harm(&path);
            let before = contents(folder.path());
            let (worked, told) = start(folder.path());
            assert!(!worked, "{name}, harm {nth}: it started");
            let is_named = told.contains(&path.display().to_string());
            assert!(is_named && told.contains("--data-dir"), "{name}, harm {nth}: {told}");
            assert!(told.contains("is missing") || told.contains("is damaged"), "{name}, harm {nth}: {told}");
            assert!(!told.contains("panicked"), "{told}");
            assert!(contents(folder.path()) == before, "{name}, harm {nth}: something was changed");
        }
    }
    let (worked, told) = start(used.path());
    assert!(worked, "the folder itself works: {told}");
}

/// A folder whose stack was killed: what was written last is in the table's write-ahead log only.
async fn killed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut local = Local::start(folder.path(), &[], &[]).await;
    for n in 0..3 {
        assert_eq!(local.create(&local.pin_body(&format!("logged-{n}"))).await.0, 201);
    }
    // A call under way when the process is killed would be looked for only after its quiesce period.
    local.await_published(3, Duration::from_secs(60)).await;
    local.process.kill();
    assert!(fs::metadata(folder.path().join(LOG)).is_ok_and(|log| log.len() > 100_000), "there is a log");
    folder
}

/// Writes bytes of the file anew, from `at` of its `of` parts on.
fn overwrite(path: &Path, at: u64, of: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).expect("opens");
    let length = file.metadata().expect("there").len();
    file.write_all_at(bytes, length * at / of).expect("written");
}

/// Cuts the last bytes off, or adds some.
fn resize(path: &Path, by: i64) {
    let file = OpenOptions::new().write(true).open(path).expect("opens");
    let length = file.metadata().expect("there").len();
    file.set_len(length.checked_add_signed(by).expect("a length")).expect("resized");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_of_the_table_is_named_and_nothing_that_it_held_is_lost_without_a_word() {
    let killed = killed().await;
    let harms: [(&str, Harm); 10] = [
        ("removed", remove),
        ("cut in half", truncate),
        ("cut by a page", |path| resize(path, -4_120)),
        ("empty", empty),
        ("garbled", garble),
        ("another magic number", |path| overwrite(path, 0, 1, b"not a log")),
        ("another salt", |path| {
            overwrite(path, 0, 1, &[0x37, 0x7f, 0x06, 0x82, 0, 0x2d, 0xe2, 0x18, 0, 0, 0x10, 0, 9, 9])
        }),
        ("a byte of the middle", |path| overwrite(path, 1, 2, b"\x5a")),
        ("blanks from the middle on", |path| {
            let half = vec![0; fs::metadata(path).expect("there").len() as usize / 2];
            overwrite(path, 1, 2, &half);
        }),
        ("its last bytes", |path| {
            resize(path, -8);
            resize(path, 8);
        }),
    ];
    let log = fs::read(killed.path().join(LOG)).expect("read");
    for (harm, damage) in harms {
        let folder = tempfile::tempdir().expect("a folder");
        copy(killed.path(), folder.path());
        let path = folder.path().join(LOG);
        damage(&path);
        let (before, damaged) = (contents(folder.path()), fs::read(&path).ok());
        assert_ne!(damaged.as_ref(), Some(&log), "{harm}");
        let (worked, told) = start(folder.path());
        assert!(!worked, "{harm}: it started");
        let is_named = told.contains(&path.display().to_string()) && told.contains("--data-dir");
        assert!(is_named && (told.contains("is damaged") || told.contains("is missing")), "{harm}: {told}");
        assert!(!told.contains("panicked"), "{told}");
        assert!(contents(folder.path()) == before && fs::read(&path).ok() == damaged, "{harm}: something was changed");
    }
    // A killed process may leave a beginning behind the log, and an index that SQLite makes anew.
    let harmless: [(&str, &str, Harm); 3] =
        [("nothing", LOG, |_| ()), ("a torn page", LOG, |path| resize(path, 1_000)), ("no index", INDEX, remove)];
    for (what, name, change) in harmless {
        let folder = tempfile::tempdir().expect("a folder");
        copy(killed.path(), folder.path());
        change(&folder.path().join(name));
        let local = Local::start(folder.path(), &[], &[]).await;
        assert_eq!(local.get("/v1/pins?status=published").await.as_array().map(Vec::len), Some(3), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ready_file_that_would_overwrite_the_data_is_refused() {
    let used = used().await;
    let beside = tempfile::tempdir().expect("a folder");
    let other_name = beside.path().join("link");
    std::os::unix::fs::symlink(used.path(), &other_name).expect("linked");
    let before = contents(used.path());
    let new = "aws/ready.json";
    for (name, folder) in
        [IDENTITY, SECRETS, TABLE, JOURNAL, new].into_iter().zip([used.path(), &other_name].into_iter().cycle())
    {
        let path = folder.join(name);
        let (worked, told) = start_with(used.path(), Some(&path));
        assert!(
            !worked && told.contains("--ready-file") && told.contains(&path.display().to_string()),
            "{name}: {told}"
        );
        assert!(contents(used.path()) == before, "{name}: something was changed");
    }
    // In a folder that isn't there yet.
    let fresh = beside.path().join("fresh");
    let (worked, told) = start_with(&fresh, Some(&fresh.join(TABLE)));
    assert!(!worked && told.contains("--ready-file"), "{told}");
    let ready = used.path().join("ready.json");
    let (worked, told) = start_with(used.path(), Some(&ready));
    assert!(worked && ready.exists(), "beside the data is where scripts put it: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ready_file_replaces_none_but_its_like_and_a_file_is_no_data_folder() {
    let used = used().await;
    let beside = tempfile::tempdir().expect("a folder");
    let path = beside.path().join("notes.json");
    for foreign in ["notes\n", "{}", r#"{"base_url": "http://127.0.0.1:8080"}"#, "[1, 2]"] {
        fs::write(&path, foreign).expect("written");
        let (worked, told) = start_with(used.path(), Some(&path));
        assert!(!worked && told.contains("--ready-file") && told.contains("no ready file"), "{foreign}: {told}");
        assert_eq!(fs::read_to_string(&path).expect("read"), foreign, "untouched");
    }
    let folder = beside.path().join("folder");
    fs::create_dir(&folder).expect("made");
    let (worked, told) = start_with(used.path(), Some(&folder));
    assert!(!worked && told.contains("--ready-file"), "{told}");
    // An empty one, as mktemp makes it, and then the ready file of that start.
    fs::write(&path, "").expect("written");
    for _ in 0..2 {
        let (worked, told) = start_with(used.path(), Some(&path));
        assert!(worked && fs::read_to_string(&path).expect("read").contains("base_url"), "{told}");
    }
    // A link, wherever it leads: to nothing, to an empty file, to a folder, or to an earlier ready file.
    let (link, empty) = (beside.path().join("link"), beside.path().join("empty"));
    fs::write(&empty, "").expect("written");
    for target in [&beside.path().join("nothing"), &empty, &folder, &path] {
        std::os::unix::fs::symlink(target, &link).expect("linked");
        let (worked, told) = start_with(used.path(), Some(&link));
        assert!(!worked && told.contains("--ready-file") && told.contains("a link"), "{}: {told}", target.display());
        assert_eq!(fs::read_link(&link).expect("still a link"), *target);
        fs::remove_file(&link).expect("removed");
    }
    assert!(fs::read(&empty).expect("read").is_empty(), "nothing was written through a link");
    let (worked, told) = start(&path);
    assert!(!worked && told.contains("--data-dir") && told.contains("is a file"), "{told}");
}
