//! The body of an import: a JSON array of rows, or a CSV file in a form. This module reads it row by row, so that the
//! rows of a request are in memory as what they ask for, and not as the JSON of their fields, which can take a hundred
//! times the memory of the body.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures_util::stream;
use pinbridge_shared::domain::import::{FILENAME_MAX, ROWS_MAX, RowError, Source};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::csv_rows::CsvRows;
use crate::error::{ApiError, FieldError};
use crate::request::field::{Wrong, readable};
use crate::request::json::Listed;
use crate::request::names::shortened;
use crate::request::options::{UNKNOWN_MAX, is_nearly_dry_run};
use crate::request::{BODY_MAX, json, read_up_to};
use crate::routes::pins::fields::TaskToken;
use crate::routes::pins::options::TASK_TOKEN;
use crate::routes::pins::pin::is_known;
use crate::routes::pins::task_token;

/// The largest file or array, in bytes. Lambda accepts 6 MB, and the encoding of a file as text adds a third.
pub const IMPORT_BODY_MAX: usize = 4 * 1024 * 1024;
/// The largest row, in bytes: as the body of one pin.
pub const ROW_BYTES_MAX: usize = BODY_MAX;
/// The field of the form with the file.
const FILE: &str = "file";

/// A row before it is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRow {
    pub number: u32,
    /// The fields, or why the row can't be read.
    pub fields: Result<Map<String, Value>, RowError>,
}

/// A body whose rows haven't been read.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportFile {
    pub source: Source,
    pub filename: Option<String>,
    bytes: Bytes,
    /// The names of the form's other fields.
    ignored: Vec<String>,
    /// The token of the form. A list has no field for one.
    pub task_token: Option<TaskToken>,
}

/// What was read of all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct RowsRead<T> {
    pub rows: Vec<T>,
    pub unknown_columns: Vec<String>,
    /// The hash of the rows, independent of how they are written.
    pub content_hash: Vec<u8>,
}

impl ImportFile {
    /// Reads the rows one by one; `judge` makes of each what is kept of it.
    ///
    /// # Errors
    /// When the body can't be read, or has no rows or too many.
    pub fn read<T>(&self, judge: impl FnMut(&RawRow) -> T) -> Result<RowsRead<T>, ApiError> {
        let reading = Reading { judge, hasher: Sha256::new(), unknown: Vec::new(), rows: Vec::new() };
        let mut read = match self.source {
            Source::Json => reading.json(&self.bytes),
            Source::Csv => reading.csv(&self.bytes),
        }?;
        read.unknown_columns.extend(self.ignored.iter().cloned());
        read.unknown_columns.truncate(UNKNOWN_MAX);
        Ok(read)
    }
}

struct Reading<T, F> {
    judge: F,
    hasher: Sha256,
    unknown: Vec<String>,
    rows: Vec<T>,
}

impl<T, F: FnMut(&RawRow) -> T> Reading<T, F> {
    fn json(mut self, bytes: &[u8]) -> Result<RowsRead<T>, ApiError> {
        let listed = json::each_item(bytes, ROW_BYTES_MAX, ROWS_MAX, |number, item| {
            let fields = match item {
                Ok(Value::Object(fields)) => Ok(fields),
                Ok(_) => Err(RowError::new("validation_error", "Input should be an object", &[])),
                Err(error) => Err(error.of_row()),
            };
            for name in fields.iter().flat_map(Map::keys).filter(|name| !is_known(name)) {
                let name = shortened(name);
                if self.unknown.len() < UNKNOWN_MAX && !self.unknown.contains(&name) {
                    self.unknown.push(name);
                }
            }
            self.row(RawRow { number, fields });
        })?;
        match listed {
            Listed::Done => self.finish(""),
            Listed::TooLong => Err(too_many("")),
            Listed::Other => Err(wrong("", "Input should be a list of rows", "list_type")),
        }
    }

    fn csv(mut self, bytes: &[u8]) -> Result<RowsRead<T>, ApiError> {
        let broken = |error: super::csv_rows::CsvError| wrong(FILE, error.to_string(), "value_error");
        let mut file = CsvRows::open(bytes).map_err(broken)?;
        self.unknown = file.unknown_columns().iter().map(|name| shortened(name)).collect();
        self.unknown.truncate(UNKNOWN_MAX);
        while let Some(row) = file.next_row().map_err(broken)? {
            if self.rows.len() == ROWS_MAX {
                return Err(too_many(FILE));
            }
            let fields = row.cells.map_err(|reason| RowError::new("validation_error", reason, &[]));
            self.row(RawRow { number: row.number, fields });
        }
        self.finish(FILE)
    }

    fn row(&mut self, row: RawRow) {
        let fields = match &row.fields {
            // The map has its fields in order.
            Ok(fields) => serde_json::to_vec(fields).unwrap_or_default(),
            Err(error) => error.message.clone().into_bytes(),
        };
        self.hasher.update((fields.len() as u64).to_be_bytes());
        self.hasher.update(fields);
        self.rows.push((self.judge)(&row));
    }

    fn finish(self, place: &str) -> Result<RowsRead<T>, ApiError> {
        if self.rows.is_empty() {
            return Err(wrong(place, "There should be at least 1 row", "too_short"));
        }
        let content_hash = self.hasher.finalize().to_vec();
        Ok(RowsRead { rows: self.rows, unknown_columns: self.unknown, content_hash })
    }
}

fn wrong(place: &str, msg: impl Into<String>, kind: &'static str) -> ApiError {
    let loc = ["body", place].into_iter().filter(|part| !part.is_empty()).map(str::to_owned).collect();
    ApiError::validation(vec![FieldError { loc, msg: msg.into(), kind }])
}

fn too_many(place: &str) -> ApiError {
    let msg = format!(
        "There should be at most {ROWS_MAX} rows. Send more rows in several imports, or with operator \
         import"
    );
    wrong(place, msg, "too_long")
}

/// A body with a top-level array of rows.
pub struct JsonRows(pub ImportFile);

impl<S: Send + Sync> FromRequest<S> for JsonRows {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_up_to(request.into_body(), IMPORT_BODY_MAX).await?;
        let (bytes, ignored) = (bytes.into(), Vec::new());
        Ok(Self(ImportFile { source: Source::Json, filename: None, bytes, ignored, task_token: None }))
    }
}

/// A form with a CSV file in the field `file`, and perhaps a token in the field `task_token`.
pub struct CsvFile(pub ImportFile);

impl<S: Send + Sync> FromRequest<S> for CsvFile {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let boundary = multer::parse_boundary(&kind).map_err(|_| {
            wrong(FILE, "The body should be a form (multipart/form-data) with the file in the field 'file'", "missing")
        })?;
        file_of(request.into_body(), boundary).await.map(Self)
    }
}

/// Reads the form. Another option beside the file would be dropped, and a dry run would publish: it is refused.
async fn file_of(body: Body, boundary: String) -> Result<ImportFile, ApiError> {
    let bytes = read_up_to(body, IMPORT_BODY_MAX).await?;
    let whole = stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]);
    let mut form = multer::Multipart::new(whole, boundary);
    let broken = |error: multer::Error| wrong(FILE, format!("The form could not be read: {error}"), "value_error");
    let (mut file, mut ignored, mut task_token) = (None, Vec::new(), None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let field_name = field.name().unwrap_or_default().to_owned();
        if field_name == TASK_TOKEN {
            if task_token.is_some() {
                return Err(wrong(TASK_TOKEN, "The form has more than one token", "value_error"));
            }
            task_token = Some(token_of(&field.bytes().await.map_err(broken)?)?);
        } else if field_name != FILE {
            let name = shortened(&field_name);
            if is_known(&field_name) || is_nearly_dry_run(&field_name) {
                let msg = "The form has the file and task_token only. Send other options as query parameters or as \
                           header fields";
                return Err(wrong(&name, msg, "extra_forbidden"));
            }
            if is_meant_as_token(&field_name) {
                return Err(wrong(
                    &name,
                    "As a field of the form, this option is called task_token",
                    "extra_forbidden",
                ));
            }
            if ignored.len() < UNKNOWN_MAX && !ignored.contains(&name) {
                ignored.push(name);
            }
        } else if file.is_some() {
            return Err(wrong(
                FILE,
                "The form has more than one file. Send each in an import of its own",
                "value_error",
            ));
        } else {
            let name: Option<String> = field.file_name().map(|name| name.chars().take(FILENAME_MAX).collect());
            if let Some(Err(Wrong { msg, kind })) = name.as_deref().map(readable) {
                return Err(wrong(FILE, format!("Name: {msg}"), kind));
            }
            file = Some((name, field.bytes().await.map_err(broken)?));
        }
    }
    let (filename, bytes) = file.ok_or_else(|| wrong(FILE, "Field required", "missing"))?;
    Ok(ImportFile { source: Source::Csv, filename, bytes, ignored, task_token })
}

fn token_of(bytes: &[u8]) -> Result<TaskToken, ApiError> {
    let not_utf8 =
        |_| wrong(TASK_TOKEN, "The value should be in UTF-8. It has bytes of another encoding", "string_unicode");
    let text = std::str::from_utf8(bytes).map_err(not_utf8)?;
    task_token::in_body(&text.trim().into()).map_err(|error| ApiError::validation(vec![error]))
}

/// Whether the name was meant to be `task_token`, like `Task-Token`. Where it is ignored, a state machine waits for
/// nothing.
fn is_meant_as_token(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    letters.ends_with("tasktoken")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_rows(text: &str) -> Result<RowsRead<RawRow>, ApiError> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let file = ImportFile { source: Source::Json, filename: None, bytes, ignored: Vec::new(), task_token: None };
        file.read(RawRow::clone)
    }

    #[test]
    fn the_same_rows_have_one_hash_however_they_are_spelt() {
        let hash = |text: &str| json_rows(text).expect("read").content_hash;
        let one = hash(r#"[{"title":"a","board_id":"1"}]"#);
        assert_eq!(one, hash(r#"[ {"board_id": "1", "title": "a"} ]"#));
        assert_eq!(one, hash("\u{feff}[{\"title\":\"a\",\"board_id\":\"1\"}]"), "a byte order mark is no part of it");
        for other in [r#"[{"title":"a","board_id":"2"}]"#, r#"[{"title":"a"},{"board_id":"1"}]"#, r#"["a"]"#] {
            assert_ne!(one, hash(other));
        }
    }

    #[test]
    fn unknown_fields_are_named_once_and_known_ones_never() {
        let read = json_rows(r#"[{"title":"a","colour":1},{"colour":2,"run_at":null,"size":3}]"#).expect("read");
        assert_eq!(read.unknown_columns, ["colour", "size"]);
    }

    #[test]
    fn a_row_that_is_too_large_is_an_error_of_that_row() {
        let large = "x".repeat(ROW_BYTES_MAX);
        let read = json_rows(&format!(r#"[{{"title":"a"}},{{"title":"{large}"}},{{"title":"b"}}]"#)).expect("read");
        let fine: Vec<bool> = read.rows.iter().map(|row| row.fields.is_ok()).collect();
        assert_eq!(fine, [true, false, true]);
        assert_eq!(read.rows[1].fields.as_ref().expect_err("too large").code, "item_too_large");
        let many = format!("[{}]", vec!["{}"; ROWS_MAX + 1].join(","));
        assert_eq!(json_rows(&many).expect_err("too many").errors()[0].kind, "too_long");
    }
}
