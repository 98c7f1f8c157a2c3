//! Which port calls there are, per function, found in the sources: one that a run never made, or at which nothing ever
//! died, makes it fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::gate::{CRASHES, Coverage, Target};
use crate::kernel::Kind;

/// Where each function's handlers begin. Of the API those of pins, jobs and schedules: accounts and boards read a page each.
const ENTRIES: [(Kind, &[&str]); 6] = [
    (
        Kind::Api,
        &[
            "api/src/routes/pins.rs",
            "api/src/routes/pin_edits.rs",
            "api/src/routes/jobs.rs",
            "api/src/routes/retries.rs",
            "api/src/routes/schedules.rs",
            "api/src/auth.rs",
        ],
    ),
    (Kind::Publisher, &["publisher/src/lib.rs"]),
    (Kind::Dispatcher, &["dispatcher/src/lib.rs"]),
    (Kind::Reconciler, &["reconciler/src/lib.rs"]),
    (Kind::DeadLetters, &["dead_letters/src/lib.rs"]),
    (Kind::Refresher, &["refresher/src/lib.rs"]),
];
/// Flows of the refresher's schedule that no world of the simulation has anything for: nobody deletes a workspace in it. Their
/// tests are in tests/it/flows_purge.rs.
const REMOVALS: [&str; 2] = ["purge", "forget_accounts"];
/// Flows of the API that call Pinterest for whoever waits for the answer, as boards do; no client of a world asks for them.
const FOR_WAITERS: [&str; 2] = ["delete_on_pinterest", "board_preflight"];
/// Flows of the dispatcher and of the dead letters' function that no world of the simulation has anything for: nobody imports in
/// it. Their tests, with a death at every port call, are in tests/it/flows_imports.rs.
const IMPORTS: [&str; 2] = ["import_care", "import_rows"];
/// What goes through to Pinterest for somebody who waits: its tests are in tests/it/api_connections.rs.
const READS_THROUGH: [&str; 1] = ["board_access"];
/// Questions that a port answers by itself.
const NO_CALLS: [&str; 2] = ["is_configured", "authorization_url"];
const PORTS: [&str; 7] = ["store", "schedules", "tally", "queue", "secrets", "pinterest", "oauth"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every call that the flows of these functions contain.
pub fn expected(kinds: &[Kind]) -> BTreeSet<(Kind, String)> {
    let flows = flows();
    let mut expected = BTreeSet::new();
    for (kind, files) in ENTRIES.into_iter().filter(|(kind, _)| kinds.contains(kind)) {
        let mut open: Vec<String> = Vec::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for file in files {
            let source = read(&root().join("functions").join(file));
            expected.extend(calls(&source).into_iter().map(|call| (kind, call)));
            open.extend(mentioned(&source, &flows, "flows::"));
        }
        while let Some(flow) = open.pop() {
            let is_left_out = REMOVALS.contains(&flow.as_str())
                || FOR_WAITERS.contains(&flow.as_str())
                || READS_THROUGH.contains(&flow.as_str())
                || IMPORTS.contains(&flow.as_str());
            if !is_left_out && seen.insert(flow.clone()) {
                let source = &flows[&flow];
                expected.extend(calls(source).into_iter().map(|call| (kind, call)));
                open.extend(mentioned(source, &flows, "super::"));
            }
        }
    }
    expected
}

/// Nets under nets, which nothing should ever fall into; each has a test of its own.
const NETS: [(Kind, &str); 1] = [
    // A backlog whose mark is gone. The mark is cleared only after an empty reading long after it was set.
    (Kind::Dispatcher, "store.mark_waiting"),
];

/// What is missing in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A call that was never made.
    Never(Kind, String),
    /// A call at which nothing died like this.
    Alive(Target),
}

pub fn gaps(kinds: &[Kind], coverage: &Coverage) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let wanted = expected(kinds).into_iter().filter(|(kind, call)| !NETS.iter().any(|(k, c)| k == kind && c == call));
    for (kind, call) in wanted {
        match coverage.iter().find(|((k, c), _)| *k == kind && *c == call) {
            None => gaps.push(Gap::Never(kind, call)),
            Some(((_, call), count)) => {
                let alive = CRASHES.iter().filter(|crash| count.crashed[**crash as usize] == 0);
                gaps.extend(alive.map(|crash| Gap::Alive((kind, *call, *crash))));
            }
        }
    }
    gaps
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each flow's source without its tests, by name.
fn flows() -> BTreeMap<String, String> {
    let folder = root().join("shared/src/flows");
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let named = files.filter_map(|file| {
        let path = file.ok()?.path();
        let name = path.file_stem()?.to_str()?.to_owned();
        // A folder is a flow that makes none of the calls counted here.
        let source = (path.extension()? == "rs").then(|| read(&path))?;
        let code = source.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        Some((name, code))
    });
    named.collect()
}

/// The flows that a source names after `prefix`, alone or in braces.
fn mentioned(source: &str, flows: &BTreeMap<String, String>, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices(prefix) {
        let rest = &source[at + prefix.len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default(),
        };
        let words = names.split(|c: char| !c.is_alphanumeric() && c != '_');
        found.extend(words.filter(|word| flows.contains_key(*word)).map(str::to_owned));
    }
    found
}

/// The port calls of a source, as the gate names them.
fn calls(source: &str) -> BTreeSet<String> {
    let dense: String = source.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = BTreeSet::new();
    for port in PORTS {
        let prefix = format!("{port}.");
        for (at, _) in dense.match_indices(&prefix) {
            // Schedules are also what many a list is called.
            let is_port = port != "schedules" || dense[..at].ends_with("world.");
            let is_word = !is_port || dense[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
            let rest = &dense[at + prefix.len()..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !is_word && rest[name.len()..].starts_with('(') && !NO_CALLS.contains(&name.as_str()) {
                found.insert(format!("{port}.{name}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::KINDS;

    #[test]
    fn the_sources_name_the_calls_that_everybody_knows() {
        let expected = expected(&KINDS);
        for (kind, call) in [
            (Kind::Api, "store.put_pin"),
            (Kind::Publisher, "pinterest.create_pin"),
            (Kind::Publisher, "store.save_attempt"),
            (Kind::Dispatcher, "store.clock"),
            (Kind::Reconciler, "pinterest.board_pins"),
            (Kind::Reconciler, "store.save_attempts"),
            (Kind::Refresher, "oauth.refresh"),
            (Kind::Refresher, "store.accounts_due"),
        ] {
            assert!(expected.contains(&(kind, call.to_owned())), "{kind:?} {call}");
        }
        assert!(!expected.contains(&(Kind::Dispatcher, "pinterest.create_pin".to_owned())));
    }
}
