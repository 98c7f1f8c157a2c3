//! The body of an import: a JSON array of rows, or a CSV file in a form. This module splits it into rows. The checks of
//! the rows come later.

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
use crate::request::options::{UNKNOWN_MAX, shortened};
use crate::request::{json, read_up_to};
use crate::routes::pins::pin::is_known;

/// The largest file or array, in bytes. Lambda accepts 6 MB, and the encoding of a file as text adds a third.
pub const IMPORT_BODY_MAX: usize = 4 * 1024 * 1024;
/// The field of the form with the file.
const FILE: &str = "file";

/// A row before it is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRow {
    pub number: u32,
    /// The fields, or why the row can't be read.
    pub fields: Result<Map<String, Value>, RowError>,
}

/// The rows of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportFile {
    pub source: Source,
    pub filename: Option<String>,
    pub rows: Vec<RawRow>,
    pub unknown_columns: Vec<String>,
}

impl ImportFile {
    /// The hash of the rows, independent of how they are written.
    pub fn content_hash(&self) -> Vec<u8> {
        let mut hasher = Sha256::new();
        for row in &self.rows {
            let fields = match &row.fields {
                // The map has its fields in order.
                Ok(fields) => serde_json::to_vec(fields).unwrap_or_default(),
                Err(error) => error.message.clone().into_bytes(),
            };
            hasher.update((fields.len() as u64).to_be_bytes());
            hasher.update(fields);
        }
        hasher.finalize().to_vec()
    }

    fn checked(self, place: &str) -> Result<Self, ApiError> {
        if self.rows.is_empty() {
            return Err(wrong(place, "There should be at least 1 row", "too_short"));
        }
        if self.rows.len() > ROWS_MAX {
            return Err(too_many(place));
        }
        Ok(self)
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

/// A top-level array of rows.
pub struct JsonRows(pub ImportFile);

impl<S: Send + Sync> FromRequest<S> for JsonRows {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_up_to(request.into_body(), IMPORT_BODY_MAX).await?;
        json_rows(&bytes).map(Self)
    }
}

fn json_rows(bytes: &[u8]) -> Result<ImportFile, ApiError> {
    let items = json::list(bytes)?.ok_or_else(|| wrong("", "Input should be a list of rows", "list_type"))?;
    let mut unknown = Vec::new();
    let row = |(number, item): (u32, Result<Value, ApiError>)| {
        let fields = match item {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(RowError::new("validation_error", "Input should be an object", &[])),
            Err(error) => Err(error.of_row()),
        };
        for name in fields.iter().flat_map(Map::keys).filter(|name| !is_known(name)) {
            let name = shortened(name);
            if !unknown.contains(&name) && unknown.len() < UNKNOWN_MAX {
                unknown.push(name);
            }
        }
        RawRow { number, fields }
    };
    let rows = (1..).zip(items).map(row).collect();
    ImportFile { source: Source::Json, filename: None, rows, unknown_columns: unknown }.checked("")
}

/// A form with a CSV file in the field `file`.
pub struct CsvFile(pub ImportFile);

impl<S: Send + Sync> FromRequest<S> for CsvFile {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let boundary = multer::parse_boundary(&kind).map_err(|_| {
            wrong(FILE, "The body should be a form (multipart/form-data) with the file in the field 'file'", "missing")
        })?;
        let (name, bytes) = file_of(request.into_body(), boundary).await?;
        csv_rows(name, &bytes).map(Self)
    }
}

/// The name and the content of the file.
async fn file_of(body: Body, boundary: String) -> Result<(Option<String>, Bytes), ApiError> {
    let bytes = read_up_to(body, IMPORT_BODY_MAX).await?;
    let whole = stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]);
    let mut form = multer::Multipart::new(whole, boundary);
    let broken = |error: multer::Error| wrong(FILE, format!("The form could not be read: {error}"), "value_error");
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some(FILE) {
            let name: Option<String> = field.file_name().map(|name| name.chars().take(FILENAME_MAX).collect());
            if let Some(Err(Wrong { msg, kind })) = name.as_deref().map(readable) {
                return Err(wrong(FILE, format!("Name: {msg}"), kind));
            }
            return Ok((name, field.bytes().await.map_err(broken)?));
        }
    }
    Err(wrong(FILE, "Field required", "missing"))
}

fn csv_rows(filename: Option<String>, bytes: &[u8]) -> Result<ImportFile, ApiError> {
    let broken = |error: super::csv_rows::CsvError| wrong(FILE, error.to_string(), "value_error");
    let mut file = CsvRows::open(bytes).map_err(broken)?;
    let mut unknown_columns: Vec<String> = file.unknown_columns().iter().map(|name| shortened(name)).collect();
    unknown_columns.truncate(UNKNOWN_MAX);
    let mut rows = Vec::new();
    while let Some(row) = file.next_row().map_err(broken)? {
        if rows.len() == ROWS_MAX {
            return Err(too_many(FILE));
        }
        let fields = row.cells.map_err(|reason| RowError::new("validation_error", reason, &[]));
        rows.push(RawRow { number: row.number, fields });
    }
    ImportFile { source: Source::Csv, filename, rows, unknown_columns }.checked(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_have_one_hash_however_they_are_spelt() {
        let hash = |text: &str| json_rows(text.as_bytes()).expect("read").content_hash();
        let one = hash(r#"[{"title":"a","board_id":"1"}]"#);
        assert_eq!(one, hash(r#"[ {"board_id": "1", "title": "a"} ]"#));
        assert_eq!(one, hash("\u{feff}[{\"title\":\"a\",\"board_id\":\"1\"}]"), "a byte order mark is no part of it");
        for other in [r#"[{"title":"a","board_id":"2"}]"#, r#"[{"title":"a"},{"board_id":"1"}]"#, r#"["a"]"#] {
            assert_ne!(one, hash(other));
        }
    }

    #[test]
    fn unknown_fields_are_named_once_and_known_ones_never() {
        let file = json_rows(br#"[{"title":"a","colour":1},{"colour":2,"run_at":null,"size":3}]"#).expect("read");
        assert_eq!(file.unknown_columns, ["colour", "size"]);
    }
}
