//! Reads pins from CSV row by row, for the file of a request and for an operator's file of any size.
//!
//! The file is in UTF-8, with or without a byte order mark, and separated by commas. Cells with commas or line breaks
//! are in quotes. The first row names the columns. An invalid row fails alone. An unreadable file fails as a whole.

use std::collections::BTreeSet;
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::request::json::HALF;
use crate::request::names::shortened;
use crate::routes::pins::pin::is_known;

/// The required columns.
pub const REQUIRED_COLUMNS: [&str; 4] = ["account_id", "board_id", "title", "idempotency_key"];
/// The most columns, with those that have no name. A pin has below 30 fields; spreadsheets add columns of their own.
pub const COLUMNS_MAX: usize = 500;

#[derive(Debug, Error)]
pub enum CsvError {
    #[error("The file is empty. The first row must name the columns")]
    Empty,
    #[error("The first row is not UTF-8. Save the file as UTF-8, with or without a byte order mark")]
    NotUtf8,
    #[error("The first row lacks the column {}. Columns are separated by commas", .0.join(", "))]
    MissingColumns(Vec<&'static str>),
    #[error("The first row names the column {0} twice")]
    DuplicateColumn(String),
    #[error("The first row has {0} columns. There should be at most {COLUMNS_MAX}")]
    TooManyColumns(usize),
    /// The name has control characters.
    #[error("The name of column {0} has control characters")]
    UnreadableColumn(usize),
    /// The rest of the file would be one cell of the row.
    #[error("A quotation mark that opens a cell in row {0} is never closed")]
    OpenQuote(u32),
    #[error("The file could not be read: {0}")]
    Unreadable(String),
}

impl From<csv::Error> for CsvError {
    fn from(error: csv::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// A row of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvRow {
    /// The number of the row, from 1, without blank lines.
    pub number: u32,
    /// The cells that aren't empty by column, or why the row can't be read.
    pub cells: Result<Map<String, Value>, String>,
}

/// Watches the quotation marks of the input. The reader itself accepts the end of the file as the end of a quoted cell.
struct Watched<R> {
    input: R,
    quotes: Quotes,
    has_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    /// At the start of a cell, where a quotation mark opens it.
    Before,
    Plain,
    Open,
    /// Behind a quotation mark in a quoted cell: the end of the cell, or the first of a doubled mark.
    Closing,
}

impl Quotes {
    fn then(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Before | Self::Closing, b'"') => Self::Open,
            (Self::Open, b'"') => Self::Closing,
            (Self::Open, _) => Self::Open,
            (_, b',' | b'\n' | b'\r') => Self::Before,
            _ => Self::Plain,
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.has_ended |= count == 0 && !buffer.is_empty();
        self.quotes = buffer[..count].iter().fold(self.quotes, |quotes, byte| quotes.then(*byte));
        Ok(count)
    }
}

/// An open file.
pub struct CsvRows<R> {
    reader: csv::Reader<Watched<R>>,
    columns: Vec<String>,
    row: u32,
}

impl<R: Read> CsvRows<R> {
    /// Reads the first row.
    ///
    /// # Errors
    /// When it doesn't name the required columns.
    pub fn open(input: R) -> Result<Self, CsvError> {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Watched {
            input,
            quotes: Quotes::Before,
            has_ended: false,
        });
        let mut first = ByteRecord::new();
        if !reader.read_byte_record(&mut first)? {
            return Err(CsvError::Empty);
        }
        if first.len() > COLUMNS_MAX {
            return Err(CsvError::TooManyColumns(first.len()));
        }
        let mut columns = Vec::with_capacity(first.len());
        for (index, name) in first.iter().enumerate() {
            let name = std::str::from_utf8(name).map_err(|_| CsvError::NotUtf8)?;
            let name = if index == 0 { name.strip_prefix('\u{feff}').unwrap_or(name) } else { name };
            // Spreadsheets quote the first name if the file has a byte order mark.
            let name = name.trim().trim_matches('"').trim();
            let lower = name.to_ascii_lowercase();
            columns.push(if is_known(&lower) { lower } else { name.to_owned() });
        }
        let missing: Vec<&str> =
            REQUIRED_COLUMNS.into_iter().filter(|wanted| !columns.iter().any(|column| column == wanted)).collect();
        if !missing.is_empty() {
            return Err(CsvError::MissingColumns(missing));
        }
        // (A file in UTF-16 lacks the columns, which says more.)
        if let Some(index) = columns.iter().position(|column| column.contains(char::is_control)) {
            return Err(CsvError::UnreadableColumn(index + 1));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|column| !column.is_empty() && !seen.insert(column.as_str())) {
            return Err(CsvError::DuplicateColumn(shortened(twice)));
        }
        Ok(Self { reader, columns, row: 0 })
    }

    /// The unknown columns.
    pub fn unknown_columns(&self) -> Vec<String> {
        self.columns.iter().filter(|column| !column.is_empty() && !is_known(column)).cloned().collect()
    }

    /// The next row that isn't blank.
    ///
    /// # Errors
    /// When the rest of the file can't be read.
    pub fn next_row(&mut self) -> Result<Option<CsvRow>, CsvError> {
        let mut record = ByteRecord::new();
        loop {
            if !self.reader.read_byte_record(&mut record)? {
                return Ok(None);
            }
            // Spreadsheets end a file with rows of commas.
            if record.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                break;
            }
        }
        self.row += 1;
        let Watched { quotes, has_ended, .. } = self.reader.get_ref();
        if *has_ended && *quotes == Quotes::Open {
            return Err(CsvError::OpenQuote(self.row));
        }
        let mut cells = Map::new();
        for (index, cell) in record.iter().enumerate() {
            let cell = text(cell);
            let column = self.columns.get(index).filter(|column| !column.is_empty());
            // An empty cell is the same as none.
            if let Some(column) = column.filter(|_| !cell.trim().is_empty()) {
                cells.insert(column.clone(), Value::String(cell));
            }
        }
        let cells = if record.len() == self.columns.len() {
            Ok(cells)
        } else {
            Err(format!("The row has {} fields, but the first row names {} columns", record.len(), self.columns.len()))
        };
        Ok(Some(CsvRow { number: self.row, cells }))
    }
}

/// The text of a cell. Bytes in another encoding become a character that no field accepts, so that the row is refused
/// with the name of the column, and no other row is.
fn text(cell: &[u8]) -> String {
    let mut text = String::with_capacity(cell.len());
    for chunk in cell.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(HALF);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "account_id,board_id,title,idempotency_key,description,size\n";

    fn rows(text: &[u8]) -> Result<Vec<CsvRow>, CsvError> {
        let mut file = CsvRows::open(text)?;
        let mut rows = Vec::new();
        while let Some(row) = file.next_row()? {
            rows.push(row);
        }
        Ok(rows)
    }

    fn cell(row: &CsvRow, column: &str) -> Option<String> {
        let cells = row.cells.as_ref().expect("read");
        cells.get(column).map(|value| value.as_str().expect("a text").to_owned())
    }

    #[test]
    fn quotes_hold_commas_quotes_and_line_breaks() {
        let text = format!("{HEADER}a,1,\"Soup, hot\",k,\"first\r\nsecond \"\"line\"\"\",XL\r\n\r\nb,2,T,l,,\n,,,,,\n");
        let rows = rows(text.as_bytes()).expect("read");
        assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2], "blank rows do not count");
        assert_eq!(cell(&rows[0], "title").as_deref(), Some("Soup, hot"));
        assert_eq!(cell(&rows[0], "description").as_deref(), Some("first\r\nsecond \"line\""));
        assert_eq!(cell(&rows[1], "description"), None, "an empty cell is the same as none");
        assert_eq!(CsvRows::open(HEADER.as_bytes()).expect("opens").unknown_columns(), ["size"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_column() {
        for header in [
            HEADER.to_owned(),
            HEADER.replacen("title", " Title", 1),
            HEADER.replacen("account_id", "\"account_id\"", 1),
        ] {
            let text = format!("\u{feff}{header}a,1,Ünïcode ✂,k,,\n");
            let rows = rows(text.as_bytes()).expect("read");
            assert_eq!(cell(&rows[0], "account_id").as_deref(), Some("a"));
            assert_eq!(cell(&rows[0], "title").as_deref(), Some("Ünïcode ✂"));
        }
    }

    #[test]
    fn a_file_that_is_none_says_what_is_wrong_with_it() {
        let said = |text: &[u8]| rows(text).expect_err("refused").to_string();
        assert!(said(b"").contains("empty"));
        assert!(said(b"account_id;board_id;title;idempotency_key\n").contains("separated by commas"));
        assert!(said(b"account_id,title\n").contains("lacks the column board_id, idempotency_key"));
        assert!(said(b"account_id,board_id,title,idempotency_key,title\n").contains("title twice"));
        let wide = HEADER.trim().to_owned() + &",".repeat(COLUMNS_MAX) + "\n";
        assert!(said(wide.as_bytes()).contains("506 columns"), "{}", said(wide.as_bytes()));
        let bell = HEADER.replacen("size", "si\u{7}ze", 1);
        assert!(said(bell.as_bytes()).contains("column 6 has control characters"), "{}", said(bell.as_bytes()));
        let latin = HEADER.replacen("size", "gr", 1).into_bytes();
        let latin = [&latin[..latin.len() - 1], b"\xf6\xdfe\n"].concat();
        assert!(said(&latin).contains("first row is not UTF-8"), "{}", said(&latin));
        let wide: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(said(&wide).contains("lacks the column") || said(&wide).contains("not UTF-8"));
    }

    #[test]
    fn a_cell_in_another_encoding_is_marked_and_spoils_no_other_row() {
        let mut latin = HEADER.as_bytes().to_vec();
        latin.extend_from_slice(b"a,1,fine,j,,\na,1,caf\xe9 au,k,,\na,1,\xff\xfe,l,\xc3\xbc,\n");
        let rows = rows(&latin).expect("read");
        let titles: Vec<Option<String>> = rows.iter().map(|row| cell(row, "title")).collect();
        let wanted = ["fine", "caf\u{ffff} au", "\u{ffff}\u{ffff}"];
        assert_eq!(titles, wanted.map(|title| Some(title.to_owned())));
        assert_eq!(cell(&rows[2], "description").as_deref(), Some("\u{fc}"));
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_swallows_no_rows() {
        let fine = format!("{HEADER}a,1,T,k,\"say \"\"hi\"\"\",\na,1,5\" wide,l,,\"x\"");
        assert_eq!(rows(fine.as_bytes()).expect("read").len(), 2);
        let mut text = format!("{HEADER}a,1,T,k,,\na,1,T,l,\"open,\n");
        for number in 0..20_000 {
            text.push_str(&format!("a,1,T,m{number},,\n"));
        }
        let mut file = CsvRows::open(text.as_bytes()).expect("opens");
        assert!(file.next_row().expect("read").is_some(), "rows before it are read");
        let refused = file.next_row().expect_err("refused");
        assert!(matches!(refused, CsvError::OpenQuote(2)), "{refused}");
        assert!(rows(format!("{HEADER}a,1,T,k,,\"half of").as_bytes()).is_err());
    }

    #[test]
    fn a_row_of_another_length_is_an_error_of_that_row() {
        let text = format!("{HEADER}a,1,T,k,,\na,1,T\na,1,T,l,,,,\n");
        let rows = rows(text.as_bytes()).expect("read");
        assert_eq!(rows.iter().map(|row| row.cells.is_ok()).collect::<Vec<_>>(), [true, false, false]);
        assert!(
            rows[1].cells.as_ref().expect_err("too short").contains("has 3 fields, but the first row names 6 columns")
        );
    }
}
