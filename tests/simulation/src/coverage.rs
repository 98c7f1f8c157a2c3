//! Finds the port calls of each function in the sources. A run fails if it never made one of them, or if no process
//! crashed at one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::gate::{CRASHES, Coverage, Target};
use crate::kernel::Kind;

/// The sources of each function's handlers. Of the API only those of pins, jobs and schedules, because the handlers of
/// accounts and boards only read a page.
const ENTRIES: [(Kind, &[&str]); 7] = [
    (
        Kind::Api,
        &[
            "api/src/routes/pins.rs",
            "api/src/routes/pins/create.rs",
            "api/src/routes/pins/edit.rs",
            "api/src/routes/pins/timeline.rs",
            "api/src/routes/pins/retry.rs",
            "api/src/routes/schedules.rs",
            "api/src/auth.rs",
        ],
    ),
    (Kind::Publisher, &["publisher/src/lib.rs"]),
    (Kind::Dispatcher, &["dispatcher/src/lib.rs"]),
    (Kind::Reconciler, &["reconciler/src/lib.rs"]),
    (Kind::DeadLetters, &["dead_letters/src/lib.rs"]),
    (Kind::Refresher, &["refresher/src/lib.rs"]),
    (Kind::Notifier, &["notifier/src/lib.rs"]),
];
/// Flows of the refresher that find no work in a world, because no workspace is deleted. Their tests are in
/// tests/it/flows/purge.rs.
const REMOVALS: [&str; 2] = ["tenants::purge", "accounts::forget_accounts"];
/// Flows of the API that call Pinterest while the client waits, as boards do. No client of a world uses them.
const FOR_WAITERS: [&str; 2] = ["pins::delete_on_pinterest", "boards::board_preflight"];
/// Flows of the dispatcher and of the function dead_letters that find no work in a world, because there are no imports.
/// Their tests, with a crash at every port call, are in tests/it/flows/imports.rs.
const IMPORTS: [&str; 3] = ["imports", "imports::rescue_imports", "imports::import_rows"];
/// Flows that read from Pinterest while the client waits. Their tests are in tests/it/api/connections.rs and
/// tests/it/flows/boards.rs.
const READS_THROUGH: [&str; 2] = ["boards::board_access", "boards::board_list"];
/// A flow that finds no work in a world, because no board is deleted. Its tests, with a crash at every port call, are
/// in tests/it/flows/boards.rs.
const BOARD_DELETIONS: [&str; 1] = ["boards::mark_removed"];
/// Flows that find no work in a world: for events that no world's webhooks hear (of schedules, imports and accounts),
/// and for tasks of state machines. Their tests, with a crash at every port call, are in tests/it/flows/webhooks/.
const OTHER_EVENTS: [&str; 2] = ["webhooks::rescue_event", "webhooks::wait_for_end"];
/// A flow that finds no work in a world, because no client of one starts a replay. Its tests are in
/// tests/it/api/webhooks/replays.rs.
const REPLAYS: [&str; 1] = ["webhooks::run_replay"];
/// Methods of ports that make no call, and one of the settings of webhooks.
const NO_CALLS: [&str; 3] = ["is_configured", "authorization_url", "deliveries_kept_ms"];
const PORTS: [&str; 9] =
    ["store", "schedules", "rollups", "queue", "secrets", "pinterest", "oauth", "webhooks", "webhook_sender"];

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
            open.extend(mentioned(&source, &flows, ""));
        }
        while let Some(flow) = open.pop() {
            let is_left_out = REMOVALS.contains(&flow.as_str())
                || FOR_WAITERS.contains(&flow.as_str())
                || READS_THROUGH.contains(&flow.as_str())
                || BOARD_DELETIONS.contains(&flow.as_str())
                || OTHER_EVENTS.contains(&flow.as_str())
                || REPLAYS.contains(&flow.as_str())
                || IMPORTS.contains(&flow.as_str());
            if !is_left_out && seen.insert(flow.clone()) {
                let source = &flows[&flow];
                expected.extend(calls(source).into_iter().map(|call| (kind, call)));
                open.extend(mentioned(source, &flows, &flow));
            }
        }
    }
    expected
}

/// Calls of safety nets that are never needed in a world. Each has a test of its own.
const NETS: [(Kind, &str); 6] = [
    // A world has one workspace, so a group of minutes is rolled up at once. Its tests are in tests/it/flows/rollup.rs.
    (Kind::Dispatcher, "rollups.set_begun_group"),
    // A duplicate is removed while pins wait: tests/it/flows/duplicate_check.rs.
    (Kind::Reconciler, "store.take_own_write"),
    // Pins of a user with several accounts wait, and a whole window has no token: tests/it/flows/shared_pace.rs.
    (Kind::Dispatcher, "store.crowd"),
    // For a backlog without its mark. The mark is removed only after an empty read, long after it was set.
    (Kind::Dispatcher, "store.mark_waiting"),
    // In the same file as what it calls, and the notifier's: only a request disables a webhook.
    (Kind::Dispatcher, "webhooks.save_endpoint"),
    // A notifier dies between a delivery and its turn: tests/it/flows/webhooks/recovery.rs.
    (Kind::Dispatcher, "webhooks.save_endpoint_health"),
];

/// A gap in a run's coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The call was never made.
    Never(Kind, String),
    /// No process crashed at this point of the call.
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

/// Each flow's source without its tests, by its path below `flows`, as in `pins::edit_pin`.
fn flows() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(&root().join("shared/src/flows"), "", &mut found);
    found
}

fn collect(folder: &Path, path: &str, found: &mut BTreeMap<String, String>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.filter_map(Result::ok) {
        let file = entry.path();
        let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let name = if path.is_empty() { stem.to_owned() } else { format!("{path}::{stem}") };
        if file.is_dir() {
            collect(&file, &name, found);
        } else if file.extension().is_some_and(|extension| extension == "rs") {
            let name = if stem == "mod" { path.to_owned() } else { name };
            let code = read(&file).split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            found.insert(name, code);
        }
    }
}

/// The flows that a source names, by absolute or relative paths, alone or in braces. `flow` is the source's own path,
/// or empty.
fn mentioned(source: &str, flows: &BTreeMap<String, String>, flow: &str) -> Vec<String> {
    let dense: String = source.chars().filter(|c| !c.is_whitespace()).collect();
    let folder = flow.rsplit_once("::").map_or("", |(folder, _)| folder);
    let is_folder = flows.keys().any(|other| other.strip_prefix(flow).is_some_and(|rest| rest.starts_with("::")));
    let mut found = Vec::new();
    for (prefix, base) in [("flows::", ""), ("super::", folder), ("self::", flow)] {
        if (prefix != "flows::" && flow.is_empty()) || (prefix == "self::" && !is_folder) {
            continue;
        }
        for (at, _) in dense.match_indices(prefix) {
            walk(&dense[at + prefix.len()..], base, flows, &mut found);
        }
    }
    // A folder's own file names its children without a prefix.
    if is_folder {
        let own = format!("{flow}::");
        let children = flows.keys().filter_map(|other| other.strip_prefix(&own));
        found.extend(
            children.filter(|child| dense.contains(&format!("{child}::"))).map(|child| format!("{own}{child}")),
        );
    }
    found
}

/// Follows one path, and every path of a list in braces, as long as they are folders or flows.
fn walk(rest: &str, base: &str, flows: &BTreeMap<String, String>, found: &mut Vec<String>) {
    if let Some(list) = rest.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    walk(&list[start..at], base, flows, found);
                    return;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    walk(&list[start..at], base, flows, found);
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let path = if base.is_empty() { name.clone() } else { format!("{base}::{name}") };
    let is_known = flows.contains_key(&path) || flows.keys().any(|flow| flow.starts_with(&format!("{path}::")));
    if name.is_empty() || !is_known {
        return;
    }
    let known = found.len();
    if let Some(deeper) = rest[name.len()..].strip_prefix("::") {
        walk(deeper, &path, flows, found);
    }
    // A path that continues into a child names the child, not the folder.
    if found.len() == known && flows.contains_key(&path) {
        found.push(path);
    }
}

/// The port calls of a source, as the gate names them.
fn calls(source: &str) -> BTreeSet<String> {
    let dense: String = source.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = BTreeSet::new();
    for port in PORTS {
        let prefix = format!("{port}.");
        for (at, _) in dense.match_indices(&prefix) {
            // Lists are also called `schedules`.
            let is_port = port != "schedules" || dense[..at].ends_with("context.");
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
    fn the_well_known_calls_are_found_in_the_sources() {
        let expected = expected(&KINDS);
        for (kind, call) in [
            (Kind::Api, "store.put_pin"),
            (Kind::Publisher, "pinterest.create_pin"),
            (Kind::Publisher, "store.save_attempt"),
            (Kind::Dispatcher, "store.markers"),
            (Kind::Reconciler, "pinterest.board_pins"),
            (Kind::Reconciler, "store.save_attempts"),
            (Kind::Refresher, "oauth.refresh"),
            (Kind::Refresher, "store.accounts_due"),
            (Kind::Notifier, "webhooks.put_delivery"),
            (Kind::Notifier, "webhook_sender.send"),
            (Kind::Dispatcher, "webhooks.deliveries_exist"),
        ] {
            assert!(expected.contains(&(kind, call.to_owned())), "{kind:?} {call}");
        }
        assert!(!expected.contains(&(Kind::Dispatcher, "pinterest.create_pin".to_owned())));
    }
}
