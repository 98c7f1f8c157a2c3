//! `operator import`: submits a CSV file of any size, in pieces that the API accepts.
//!
//! The idempotency key of a piece is a hash of its position, its rows, and the options that change what becomes of
//! them. A run that was interrupted is therefore started again: the API recognises the pieces that were submitted
//! before, no row is imported twice, and the totals are those of the whole file. A run with other options submits its
//! pieces anew; a row that has a pin stays that pin, by its own key.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use pinbridge_api::routes::imports::csv_rows::CsvRows;
use pinbridge_api::routes::imports::import_file::IMPORT_BODY_MAX;
use pinbridge_shared::domain::import::ROWS_MAX;
use reqwest::header::{HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::time::sleep;

const KEY_VARIABLE: &str = "PINBRIDGE_API_KEY";
/// The limit of the API, less room for brackets and commas.
const PIECE_BYTES_MAX: usize = IMPORT_BODY_MAX - 64 * 1024;
/// What the API does with rows if nothing else is asked for.
const DEFAULT_ON_DUPLICATE: &str = "warn";
const DEFAULT_PRIORITY: &str = "bulk";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Waits between tries while the API is unavailable or asks to slow down: the first, then doubled up to the longest.
const WAIT_FIRST: Duration = Duration::from_millis(500);
const WAIT_LONGEST: Duration = Duration::from_secs(30);
/// Tries of one request. After them the run ends; it can be started again.
const TRIES_MAX: u32 = 25;
/// How often an import is polled, and how long it may make no progress.
const POLL_EVERY: Duration = Duration::from_millis(300);
const STUCK_AFTER: Duration = Duration::from_secs(15 * 60);

#[derive(Args)]
pub struct ImportArgs {
    /// A CSV file as POST /v1/pins/imports/csv accepts it, but of any size
    file: PathBuf,
    /// URL of the API, such as https://abc.execute-api.eu-west-1.amazonaws.com
    #[arg(long)]
    api_url: String,
    /// How many pieces of 500 rows may be in progress at once
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    at_once: u16,
    /// Writes the rows that failed to this file, as JSON lines. Until the end they are in FILE.partial. A file that
    /// exists and isn't empty is refused
    #[arg(long)]
    failed_rows: Option<PathBuf>,
    /// What happens to a row with the content of another pin: warn or refuse
    #[arg(long)]
    on_duplicate: Option<String>,
    /// The priority of the rows that have none: urgent, normal or bulk
    #[arg(long)]
    priority: Option<String>,
    /// Fails rows with unknown fields
    #[arg(long)]
    strict: bool,
    /// Creates nothing, and counts what would become of the rows
    #[arg(long)]
    dry_run: bool,
}

impl ImportArgs {
    /// The options of every request.
    fn headers(&self) -> anyhow::Result<HeaderMap> {
        let strict = self.strict.then(|| "handling=strict".to_owned());
        let options = [
            ("x-pinbridge-on-duplicate", self.on_duplicate.clone()),
            ("x-pinbridge-priority", self.priority.clone()),
            ("prefer", strict),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in options.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            headers.insert(name, HeaderValue::try_from(value).with_context(|| name)?);
        }
        Ok(headers)
    }

    /// The options that change what becomes of a row. One with its default is left out, so that its run goes on with
    /// what builds have submitted whose keys did not depend on options.
    fn outcome_options(&self) -> String {
        let on_duplicate = self.on_duplicate.as_deref().filter(|value| *value != DEFAULT_ON_DUPLICATE);
        let priority = self.priority.as_deref().filter(|value| *value != DEFAULT_PRIORITY);
        let strict = self.strict.then_some("true");
        let options = [("on_duplicate", on_duplicate), ("priority", priority), ("strict", strict)];
        options.into_iter().filter_map(|(name, value)| Some(format!("{name}={}\n", value?))).collect()
    }
}

/// Some rows of the file.
struct Piece {
    index: u64,
    rows: Vec<Map<String, Value>>,
    /// The rows' numbers in the file.
    numbers: Vec<u32>,
}

impl Piece {
    /// `options`: [`ImportArgs::outcome_options`].
    fn key(&self, options: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.index.to_be_bytes());
        hasher.update(serde_json::to_vec(&self.rows).unwrap_or_default());
        // No separator: JSON itself shows where it ends.
        hasher.update(options);
        let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("operator-import-{hex}")
    }
}

/// A submitted piece: the ID of its import, and its rows' numbers in the file.
struct Submitted {
    id: String,
    numbers: Vec<u32>,
}

#[derive(Default)]
struct Totals {
    rows: u64,
    pieces: u64,
    submitted_before: u64,
    created: u64,
    existing: u64,
    failed: u64,
}

struct Run {
    http: Client,
    url: String,
    key: String,
    is_dry: bool,
    /// Part of the pieces' keys.
    options: String,
    totals: Totals,
    failed_rows: Option<FailedRows>,
}

/// The file of the rows that failed. It gets its name at the end, so that the command of a run that was interrupted can
/// be repeated as it is.
struct FailedRows {
    draft: BufWriter<File>,
    /// The draft's name and the file's own. A pipe or a terminal is written as it is.
    names: Option<(PathBuf, PathBuf)>,
}

impl FailedRows {
    /// Opens it, unless something would be overwritten.
    fn open(path: &Path, import: &File) -> anyhow::Result<Self> {
        let import = import.metadata()?;
        let is_import = |path: &Path| {
            fs::metadata(path).is_ok_and(|known| (known.dev(), known.ino()) == (import.dev(), import.ino()))
        };
        let mut name = path.to_path_buf().into_os_string();
        name.push(".partial");
        let draft = PathBuf::from(name);
        let known = fs::metadata(path).ok();
        if is_import(path) || is_import(&draft) {
            let taken = if is_import(path) { path } else { &draft };
            bail!("{} is the file to import", taken.display());
        }
        if known.as_ref().is_some_and(|known| known.is_file() && known.len() > 0) {
            bail!("{} exists and isn't empty; name another file, or remove it", path.display());
        }
        if known.is_some_and(|known| !known.is_file()) {
            return Ok(Self { draft: BufWriter::new(File::options().write(true).open(path)?), names: None });
        }
        let file = File::create(&draft).with_context(|| draft.display().to_string())?;
        Ok(Self { draft: BufWriter::new(file), names: Some((draft, path.to_path_buf())) })
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.draft.flush()?;
        if let Some((draft, path)) = self.names {
            fs::rename(draft, path)?;
        }
        Ok(())
    }
}

pub async fn run(arguments: ImportArgs) -> anyhow::Result<Value> {
    let key = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.trim().is_empty());
    let key = key.with_context(|| format!("no API key ({KEY_VARIABLE})"))?;
    let path = arguments.file.display().to_string();
    let file = File::open(&arguments.file).with_context(|| format!("{path} can't be read"))?;
    let failed_rows = arguments.failed_rows.as_ref().map(|path| FailedRows::open(path, &file)).transpose();
    let failed_rows = failed_rows.context("--failed-rows")?;
    let mut rows = CsvRows::open(BufReader::new(file)).with_context(|| path.clone())?;
    let mut run = Run {
        http: client(arguments.headers()?)?,
        url: format!("{}/v1/pins/imports", arguments.api_url.trim_end_matches('/')),
        key: key.trim().to_owned(),
        is_dry: arguments.dry_run,
        options: arguments.outcome_options(),
        totals: Totals::default(),
        failed_rows,
    };
    let began = Instant::now();
    let unknown_columns = rows.unknown_columns();
    let mut in_progress = VecDeque::new();
    let mut carried = None;
    while let Some(piece) = run.next_piece(&mut rows, &mut carried)? {
        // The import queue is filled no faster than the importer empties it.
        if in_progress.len() >= usize::from(arguments.at_once)
            && let Some(oldest) = in_progress.pop_front()
        {
            run.await_end(oldest).await?;
        }
        in_progress.extend(run.submit(piece).await?);
        if run.totals.pieces.is_multiple_of(10) {
            eprintln!("{} rows submitted, {} s", run.totals.rows, began.elapsed().as_secs());
        }
    }
    for piece in in_progress {
        run.await_end(piece).await?;
    }
    if let Some(file) = run.failed_rows {
        file.finish().context("--failed-rows")?;
    }
    let Totals { rows, pieces, submitted_before, created, existing, failed } = run.totals;
    Ok(json!({
        "dry_run": arguments.dry_run,
        "rows": rows,
        "created": created,
        "existing": existing,
        "failed": failed,
        "imports": pieces,
        "handed_in_before": submitted_before,
        "unknown_columns": unknown_columns,
        "seconds": began.elapsed().as_secs_f64(),
    }))
}

/// A client that follows no redirect: each of its requests has the key.
fn client(options: HeaderMap) -> anyhow::Result<Client> {
    let client = Client::builder().redirect(Policy::none()).timeout(REQUEST_TIMEOUT).default_headers(options);
    Ok(client.build()?)
}

type Numbered = (u32, Map<String, Value>);

impl Run {
    /// The next piece. A row that doesn't fit into it is `carried` into the piece after it.
    fn next_piece(
        &mut self,
        file: &mut CsvRows<impl Read>,
        carried: &mut Option<Numbered>,
    ) -> anyhow::Result<Option<Piece>> {
        let mut piece = Piece { index: self.totals.pieces, rows: Vec::new(), numbers: Vec::new() };
        let mut bytes = 0;
        loop {
            let (number, cells) = match carried.take() {
                Some(carried) => carried,
                None => match file.next_row()? {
                    None => break,
                    Some(row) => {
                        self.totals.rows += 1;
                        match row.cells {
                            Ok(cells) => (row.number, cells),
                            Err(reason) => {
                                self.record_failure(row.number, "validation_error", &reason, &Value::Null)?;
                                continue;
                            }
                        }
                    }
                },
            };
            let weight = serde_json::to_vec(&cells)?.len() + 1;
            if weight > PIECE_BYTES_MAX {
                let key = cells.get("idempotency_key").cloned().unwrap_or_default();
                let reason = format!("The row is larger than {PIECE_BYTES_MAX} bytes");
                self.record_failure(number, "payload_too_large", &reason, &key)?;
                continue;
            }
            if piece.rows.len() == ROWS_MAX || (bytes + weight > PIECE_BYTES_MAX && !piece.rows.is_empty()) {
                *carried = Some((number, cells));
                break;
            }
            bytes += weight;
            piece.rows.push(cells);
            piece.numbers.push(number);
        }
        self.totals.pieces += u64::from(!piece.rows.is_empty());
        Ok((!piece.rows.is_empty()).then_some(piece))
    }

    /// Submits the piece. A dry run has its results at once, and nothing to wait for.
    async fn submit(&mut self, piece: Piece) -> anyhow::Result<Option<Submitted>> {
        let dry = if self.is_dry { "?dry_run=true" } else { "" };
        let (url, key) = (format!("{}/json{dry}", self.url), piece.key(&self.options));
        let answer = self
            .send(|| {
                self.http.post(&url).header("x-api-key", &self.key).header("idempotency-key", &key).json(&piece.rows)
            })
            .await?;
        self.totals.submitted_before += u64::from(answer.headers().contains_key("idempotent-replayed"));
        let import: Value = answer.json().await.context("the API's answer is not JSON")?;
        if self.is_dry {
            self.add(&import, &piece.numbers)?;
            return Ok(None);
        }
        let id = import["id"].as_str().context("the API's answer has no id")?.to_owned();
        Ok(Some(Submitted { id, numbers: piece.numbers }))
    }

    /// Waits until the import is done, and adds its results to the totals.
    async fn await_end(&mut self, piece: Submitted) -> anyhow::Result<()> {
        let url = format!("{}/{}", self.url, piece.id);
        let (mut processed, mut progressed_at) = (Value::Null, Instant::now());
        let import: Value = loop {
            let answer = self.send(|| self.http.get(&url).header("x-api-key", &self.key)).await?;
            let import: Value = answer.json().await.context("the API's answer is not JSON")?;
            match import["status"].as_str() {
                Some("completed" | "completed_with_errors") => break import,
                Some("failed") => bail!("import {} stopped: {}", piece.id, import["error_message"]),
                _ => {}
            }
            if processed != import["processed_rows"] {
                (processed, progressed_at) = (import["processed_rows"].clone(), Instant::now());
            }
            let stuck = progressed_at.elapsed() >= STUCK_AFTER;
            ensure!(!stuck, "import {} makes no progress; is the importer running?", piece.id);
            sleep(POLL_EVERY).await;
        };
        self.add(&import, &piece.numbers)
    }

    /// Adds the results of a piece to the totals.
    fn add(&mut self, import: &Value, numbers: &[u32]) -> anyhow::Result<()> {
        let count = |name: &str| import[name].as_u64().unwrap_or(0);
        self.totals.created += count("created_rows");
        self.totals.existing += count("existing_rows");
        for row in import["results"].as_array().into_iter().flatten().filter(|row| row["status"] == "failed") {
            let position = row["row_number"].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
            let number = numbers.get(position.saturating_sub(1)).copied().unwrap_or(0);
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            self.record_failure(number, text("error_code"), text("error_message"), &row["idempotency_key"])?;
        }
        Ok(())
    }

    fn record_failure(&mut self, row: u32, code: &str, message: &str, key: &Value) -> anyhow::Result<()> {
        self.totals.failed += 1;
        if let Some(file) = &mut self.failed_rows {
            let line = json!({"row": row, "error_code": code, "error_message": message, "idempotency_key": key});
            writeln!(file.draft, "{line}").context("--failed-rows")?;
        }
        Ok(())
    }

    /// Sends a request until it succeeds or is refused. Each of these requests may be repeated: a GET, or a POST with
    /// an idempotency key.
    async fn send(&self, request: impl Fn() -> reqwest::RequestBuilder) -> anyhow::Result<Response> {
        let mut wait = WAIT_FIRST;
        let mut reason = String::new();
        for _ in 0..TRIES_MAX {
            match request().send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) => {
                    let status = answer.status();
                    if status.is_redirection() {
                        bail!(
                            "the API redirects to {}, and the key was not sent there; if that is the API, name it with \
                             --api-url",
                            answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("another address")
                        );
                    }
                    let retry_after =
                        answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                    let text = answer.text().await.unwrap_or_default();
                    reason = format!("{status}: {}", message_of(&text));
                    if !is_transient(status) {
                        bail!("the API refuses the request with {reason}");
                    }
                    wait = retry_after.map_or(wait, Duration::from_secs).min(WAIT_LONGEST);
                }
                Err(error) => reason = error.without_url().to_string(),
            }
            sleep(wait).await;
            wait = (wait * 2).min(WAIT_LONGEST);
        }
        bail!("the API does not answer ({reason}); run the same command again to continue")
    }
}

fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

fn message_of(text: &str) -> String {
    let parsed: Value = serde_json::from_str(text).unwrap_or_default();
    parsed["message"].as_str().unwrap_or(text).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_larger_than_a_request_fails_with_its_number_and_no_other() {
        let header = "account_id,board_id,title,idempotency_key,description\n";
        let huge = "x".repeat(PIECE_BYTES_MAX);
        let huge = huge.as_str();
        for rows in [["small", huge, "small"], [huge, "small", huge], [huge, huge, huge]] {
            let mut text = header.to_owned();
            for (number, description) in rows.iter().enumerate() {
                text.push_str(&format!("a,1,T,key-{number},{description}\n"));
            }
            let failed = std::env::temp_dir().join(format!("operator-import-{}", std::process::id()));
            let draft = BufWriter::new(File::create(&failed).expect("a file"));
            let mut run = Run {
                http: Client::new(),
                url: String::new(),
                key: String::new(),
                is_dry: false,
                options: String::new(),
                totals: Totals::default(),
                failed_rows: Some(FailedRows { draft, names: None }),
            };
            let mut file = CsvRows::open(text.as_bytes()).expect("opens");
            let (mut numbers, mut carried) = (Vec::new(), None);
            while let Some(piece) = run.next_piece(&mut file, &mut carried).expect("read") {
                numbers.extend(piece.numbers);
            }
            drop(run.failed_rows);
            let told = std::fs::read_to_string(&failed).expect("read");
            std::fs::remove_file(&failed).expect("removed");
            for (number, description) in (1..).zip(rows) {
                let line = format!(r#""row":{number}}}"#);
                let is_huge = description.len() > 5;
                assert_eq!((numbers.contains(&number), told.contains(&line)), (!is_huge, is_huge), "{number}: {told}");
            }
            assert_eq!(run.totals.rows, 3);
        }
    }

    #[test]
    fn a_pieces_key_depends_on_its_position_and_its_rows_as_before() {
        let piece = |index, title: &str| {
            let rows = vec![Map::from_iter([("title".to_owned(), json!(title))])];
            Piece { index, rows, numbers: vec![1] }.key("")
        };
        // An import that another build has begun goes on under its keys.
        let first = "operator-import-2e10c88e9a7951d37d79651201f2d7193bc48214eeb5bbfb27adc1fde2a9e35d";
        assert_eq!(piece(0, "a"), first);
        assert_ne!(piece(0, "a"), piece(1, "a"), "the same rows at another position are another piece");
        assert_ne!(piece(0, "a"), piece(0, "b"));
    }

    #[test]
    fn a_pieces_key_depends_on_the_options_that_change_what_becomes_of_its_rows() {
        let rows = || vec![Map::from_iter([("title".to_owned(), json!("a"))])];
        let key = |on_duplicate: Option<&str>, priority: Option<&str>, strict, dry_run| {
            let arguments = ImportArgs {
                file: PathBuf::new(),
                api_url: String::new(),
                at_once: 4,
                failed_rows: None,
                on_duplicate: on_duplicate.map(str::to_owned),
                priority: priority.map(str::to_owned),
                strict,
                dry_run,
            };
            Piece { index: 0, rows: rows(), numbers: vec![1] }.key(&arguments.outcome_options())
        };
        let plain = key(None, None, false, false);
        assert_eq!(plain, Piece { index: 0, rows: rows(), numbers: vec![1] }.key(""));
        assert_eq!(key(Some("warn"), Some("bulk"), false, true), plain, "the defaults, and a dry run of them");
        let mut keys = vec![plain];
        for (on_duplicate, priority, strict) in [
            (None, None, true),
            (Some("refuse"), None, false),
            (Some("refuse"), None, true),
            (None, Some("urgent"), false),
            (None, Some("normal"), false),
            (Some("refuse"), Some("urgent"), true),
        ] {
            let other = key(on_duplicate, priority, strict, false);
            assert!(!keys.contains(&other), "{on_duplicate:?} {priority:?} {strict}");
            keys.push(other);
        }
    }
}
