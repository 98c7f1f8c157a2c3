//! Pages and bookmarks of every list.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::errors::ApiError;
use crate::limits;

/// The `as_of_ms` of a list that is up to date: every event is before it.
pub const PRESENT: i64 = i64::MAX;

/// Which page a caller asks for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// 1 to [`limits::MAX_PAGE_SIZE`] items.
    pub size: usize,
    pub bookmark: Option<String>,
    /// Pins are listed as they were at this time, in Unix milliseconds. [`PRESENT`] except for stale lists.
    pub as_of_ms: i64,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { size: limits::DEFAULT_PAGE_SIZE, bookmark: None, as_of_ms: PRESENT }
    }
}

/// The items of a page and, unless it is the last, the bookmark of the next page.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub bookmark: Option<String>,
}

/// The position in a list before which the next page starts, encoded as an opaque bookmark.
/// It is the ordinal of the last item shown, so that items added or deleted meanwhile shift nothing.
pub struct Cursor;

impl Cursor {
    fn encode(list: &str, ordinal: usize) -> String {
        URL_SAFE_NO_PAD.encode(format!("{list}:{ordinal}"))
    }

    /// The ordinal of a bookmark of `list`; 400 code 1 for any other text.
    pub fn decode(bookmark: Option<&str>, list: &str) -> Result<Option<usize>, ApiError> {
        bookmark.map(|text| read(text, list).ok_or_else(|| ApiError::invalid("bookmark is not valid"))).transpose()
    }
}

fn read(bookmark: &str, list: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(bookmark).ok()?).ok()?;
    text.strip_prefix(list)?.strip_prefix(':')?.parse().ok()
}

impl<T> Page<T> {
    /// Walks `ordinals` (ascending) backwards from `before` and keeps the items that `shown` returns.
    pub fn newest_first(
        ordinals: &[usize],
        before: Option<usize>,
        size: usize,
        list: &str,
        shown: impl Fn(usize) -> Option<T>,
    ) -> Self {
        let end = before.map_or(ordinals.len(), |before| ordinals.partition_point(|ordinal| *ordinal < before));
        let mut visible =
            ordinals[..end].iter().rev().filter_map(|ordinal| shown(*ordinal).map(|item| (*ordinal, item)));
        let mut items = Vec::with_capacity(size.min(end));
        let mut last = None;
        for (ordinal, item) in visible.by_ref().take(size) {
            items.push(item);
            last = Some(ordinal);
        }
        let more = visible.next().is_some();
        let bookmark = last.filter(|_| more).map(|ordinal| Cursor::encode(list, ordinal));
        Self { items, bookmark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_every_item_once_and_the_last_has_no_bookmark() {
        let ordinals: Vec<usize> = (0..10).map(|n| n * 3).collect();
        let mut seen = Vec::new();
        let mut bookmark: Option<String> = None;
        loop {
            let before = Cursor::decode(bookmark.as_deref(), "x").expect("a bookmark of the list");
            let page = Page::newest_first(&ordinals, before, 4, "x", Some);
            seen.extend(page.items);
            bookmark = page.bookmark;
            if bookmark.is_none() {
                break;
            }
        }
        assert_eq!(seen, vec![27, 24, 21, 18, 15, 12, 9, 6, 3, 0]);
    }

    #[test]
    fn a_full_last_page_has_no_bookmark() {
        let page = Page::newest_first(&[1, 2], None, 2, "x", Some);
        assert_eq!((page.items, page.bookmark), (vec![2, 1], None));
    }

    #[test]
    fn a_bookmark_of_another_list_is_refused() {
        let bookmark = Cursor::encode("board1", 7);
        assert_eq!(Cursor::decode(Some(&bookmark), "board1").expect("same list"), Some(7));
        assert!(Cursor::decode(Some(&bookmark), "board2").is_err());
        assert!(Cursor::decode(Some("%%%"), "board1").is_err());
    }
}
