//! The committed files: reading, comparing and writing them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// The newest version: this build's writes are compared with its files.
pub const VERSION: &str = "0.3.0";
/// With the value `write`, the tests write the files of [`VERSION`] and compare nothing. They refuse to write any
/// folder but that of the version under development.
const WRITE_VARIABLE: &str = "PINBRIDGE_GOLDEN";

pub type Item = HashMap<String, AttributeValue>;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/it/golden"))
}

fn is_writing() -> bool {
    let is_writing = std::env::var(WRITE_VARIABLE).is_ok_and(|value| value == "write");
    if is_writing && let Some(why) = refusal(VERSION, env!("CARGO_PKG_VERSION"), &folders()) {
        panic!("{WRITE_VARIABLE}=write refused: {why}");
    }
    is_writing
}

/// Why the files of `version` are not written, given the last released version and the versions with a folder. The
/// folder of a released version never changes.
fn refusal(version: &str, released: &str, folders: &[String]) -> Option<String> {
    let newest = folders.iter().max_by_key(|folder| order(folder)).filter(|newest| order(newest) > order(version));
    if let Some(newest) = newest {
        return Some(format!("{version} is not the newest version; set VERSION in golden/fixture.rs to {newest}"));
    }
    (order(version) <= order(released))
        .then(|| format!("{version} is released; raise VERSION in golden/fixture.rs to the version under development"))
}

/// A version's numbers, by which versions are ordered.
fn order(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or_else(|_| panic!("{version} is not a version"))).collect()
}

/// The versions with a folder.
fn folders() -> Vec<String> {
    let entries = fs::read_dir(root()).expect("the folder of golden files").map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Every version with a folder. Empty while the tests write the files.
pub fn versions() -> Vec<String> {
    if is_writing() {
        return Vec::new();
    }
    let versions = folders();
    assert!(versions.iter().any(|version| version == VERSION), "there is no folder of {VERSION}");
    versions
}

/// Compares a value with the newest version's file, or writes the file.
pub fn check(name: &str, now: &Value) {
    check_text(name, serde_json::to_string_pretty(now).expect("plain data") + "\n");
}

/// Writes the file in write mode. For values of which a later build may have more, so that equality is not the check.
pub fn check_if_writing(name: &str, now: &Value) {
    if is_writing() {
        check(name, now);
    }
}

fn check_text(name: &str, now: String) {
    let path = root().join(VERSION).join(format!("{name}.json"));
    if is_writing() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        return fs::write(&path, now).expect("the file is written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    // The whole of a file would hide the difference.
    let differs = now.lines().zip(committed.lines()).position(|(now, committed)| now != committed);
    let line = differs.unwrap_or_else(|| now.lines().count().min(committed.lines().count()));
    assert!(
        now == committed,
        "{name}.json differs from what {VERSION} wrote (see golden.rs), first in line {}:\n  now {:?}\n  was {:?}",
        line + 1,
        now.lines().nth(line),
        committed.lines().nth(line),
    );
}

/// The content of a version's file.
pub fn committed(version: &str, name: &str) -> Value {
    let path = root().join(version).join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The content of the newest version's file, if it exists.
pub fn committed_now(name: &str) -> Option<Value> {
    let text = fs::read_to_string(root().join(VERSION).join(format!("{name}.json"))).ok()?;
    serde_json::from_str(&text).ok()
}

/// Compares the files of rows. A file without a row that is written today fails the check, too.
pub fn check_rows(files: &BTreeMap<String, BTreeMap<(String, String), Item>>) {
    let folder = root().join(VERSION).join("rows");
    if is_writing() && folder.exists() {
        fs::remove_dir_all(&folder).expect("the old files are removed");
    }
    for (name, rows) in files {
        let rows: Vec<String> = rows.values().map(text_of).collect();
        check_text(&format!("rows/{name}"), format!("[\n{}\n]\n", rows.join(",\n")));
    }
    let there: BTreeSet<String> = names_of(VERSION).into_iter().collect();
    let written: BTreeSet<String> = files.keys().cloned().collect();
    assert_eq!(written, there, "the files of rows, and those that are committed");
}

/// The names of a version's files of rows.
fn names_of(version: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(version).join("rows")).expect("the folder of rows");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a text"));
    names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect()
}

/// All rows of a version.
pub fn rows(version: &str) -> Vec<Item> {
    let files = names_of(version).into_iter().map(|name| committed(version, &format!("rows/{name}")));
    files.flat_map(|file| file.as_array().expect("rows").iter().map(item).collect::<Vec<_>>()).collect()
}

pub fn key(item: &Item) -> (String, String) {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).expect("a key").clone();
    (text("pk"), text("sk"))
}

/// A row as JSON: one attribute per line, sorted by name.
fn text_of(item: &Item) -> String {
    let attributes: BTreeMap<&String, Value> = item.iter().map(|(name, value)| (name, json_of(value))).collect();
    let lines: Vec<String> = attributes.iter().map(|(name, value)| format!("    {}: {value}", json!(name))).collect();
    format!("  {{\n{}\n  }}", lines.join(",\n"))
}

/// A row in DynamoDB's JSON format.
pub fn json_of_item(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), json_of(value))).collect::<BTreeMap<_, _>>().into_iter().collect()
}

fn json_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(digits) => json!({"N": digits}),
        AttributeValue::B(blob) => json!({"B": BASE64.encode(blob.as_ref())}),
        AttributeValue::L(values) => json!({"L": values.iter().map(json_of).collect::<Vec<_>>()}),
        AttributeValue::M(values) => json!({"M": json_of_item(values)}),
        other => panic!("{other:?} is not in a row"),
    }
}

pub fn item(value: &Value) -> Item {
    let attributes = value.as_object().expect("a row");
    attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a kind and a value");
    let text = || value.as_str().expect("a text").to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(Blob::new(BASE64.decode(text()).expect("Base64"))),
        "L" => AttributeValue::L(value.as_array().expect("a list").iter().map(attribute).collect()),
        "M" => AttributeValue::M(item(value)),
        other => panic!("{other} is not in a row"),
    }
}

#[test]
fn only_the_version_under_development_is_written() {
    let folders = ["0.2.0", "0.10.0", "0.9.0"].map(str::to_owned);
    for version in ["0.10.0", "0.11.0", "1.0.0"] {
        assert_eq!(refusal(version, "0.9.0", &folders), None, "{version}");
    }
    for (version, released, wanted) in [("0.9.0", "0.2.0", "to 0.10.0"), ("0.10.0", "0.10.0", "is released")] {
        assert!(refusal(version, released, &folders).is_some_and(|why| why.contains(wanted)), "{version}");
    }
}
