//! Answers of several nouns: a page of a list, a whole list, and a created resource.
//!
//! Lambda fails an answer above 6 MB, after the call has done its work. A page that is too large is refused with the
//! largest limit that fits: clients take a page with fewer entries than they asked for as the last one. A list without
//! pages is answered without its long parts, and says so.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::content_type::JSON;
use crate::error::ApiError;
use crate::request::query;

/// The largest list in an answer, in bytes. The rest of Lambda's 6 MB is for the answer's envelope, which escapes the
/// quotation marks of the body.
pub const LIST_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Names the fields that a list was answered without.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-pinbridge-left-out");
/// Its description.
pub const ABOUT_LEFT_OUT: &str = "The fields that are empty in every entry, because the list would be too large with \
                                  them. Absent in lists that are complete.";

/// A page of a list. `total_is_at_least`: counting stopped at its limit, so `total` is a lower bound. `next` is the
/// cursor of the next page.
///
/// # Errors
/// When the page is too large.
pub fn page<T: Serialize>(
    items: &[T],
    total: u64,
    total_is_at_least: bool,
    next: Option<String>,
) -> Result<Response, ApiError> {
    let mut response = json(page_of(items, LIST_BYTES_MAX)?);
    let headers = response.headers_mut();
    headers.insert("x-total-count", HeaderValue::from(total));
    if total_is_at_least {
        headers.insert("x-total-count-relation", HeaderValue::from_static("gte"));
    }
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next).ok()) {
        headers.insert("x-next-cursor", next);
    }
    Ok(response)
}

/// For a page inside of an object.
///
/// # Errors
/// When the page is too large.
pub fn check_page<T: Serialize>(items: &[T]) -> Result<(), ApiError> {
    page_of(items, LIST_BYTES_MAX).map(|_| ())
}

/// The page as JSON, unless it is larger than that many bytes.
fn page_of<T: Serialize>(items: &[T], bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let mut json = vec![b'['];
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        // Serializing these structs can't fail.
        json.extend(serde_json::to_vec(item).unwrap_or_default());
        if json.len() >= bytes_max && index > 0 {
            let msg =
                format!("The page would be larger than an answer can be. The largest limit that fits here is {index}");
            return Err(query::invalid("limit", msg, "page_too_large"));
        }
    }
    json.push(b']');
    Ok(json)
}

fn json(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(JSON))], body).into_response()
}

/// An entry of a list that has no pages.
pub trait Entry: Serialize {
    /// The fields that a list is answered without if it is too large with them.
    const LONG: &'static str;

    fn without_long(self) -> Self;
}

/// A list without pages. If it is too large, its long fields are left out, and a header names them.
pub fn list<T: Entry>(items: Vec<T>) -> Response {
    list_within(items, LIST_BYTES_MAX)
}

fn list_within<T: Entry>(items: Vec<T>, bytes_max: usize) -> Response {
    if let Ok(body) = page_of(&items, bytes_max) {
        return json(body);
    }
    let items: Vec<T> = items.into_iter().map(T::without_long).collect();
    let mut response = Json(items).into_response();
    response.headers_mut().insert(LEFT_OUT, HeaderValue::from_static(T::LONG));
    response
}

/// The resource that the request created. A replay answers the resource that the same request created before.
pub fn made<T: Serialize>(status: StatusCode, body: T, is_replay: bool) -> Response {
    let mut response = (status, Json(body)).into_response();
    if is_replay {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Named {
        name: String,
        about: Option<String>,
    }

    impl Entry for Named {
        const LONG: &'static str = "about";

        fn without_long(self) -> Self {
            Self { about: None, ..self }
        }
    }

    fn named(count: usize) -> Vec<Named> {
        (0..count).map(|n| Named { name: n.to_string(), about: Some("x".repeat(100)) }).collect()
    }

    #[test]
    fn a_page_that_is_too_large_names_the_largest_limit_that_fits() {
        let whole = page_of(&named(5), usize::MAX).expect("fits");
        assert_eq!(whole, serde_json::to_vec(&named(5)).expect("plain data"));
        for bytes_max in 1..whole.len() + 9 {
            let Err(error) = page_of(&named(5), bytes_max) else {
                assert!(bytes_max >= whole.len(), "{bytes_max}");
                continue;
            };
            let limit = error.message().rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a limit");
            assert!((1..5).contains(&limit), "{limit}");
            assert!(page_of(&named(limit), bytes_max).is_ok(), "{limit} fit into {bytes_max} bytes");
            assert_eq!((error.status().as_u16(), error.errors()[0].kind), (422, "page_too_large"));
        }
        assert_eq!(page_of::<Named>(&[], 1).expect("fits"), b"[]");
    }

    #[test]
    fn a_list_without_pages_is_answered_without_its_long_fields() {
        let flag = |bytes_max| list_within(named(5), bytes_max).headers().get(LEFT_OUT).cloned();
        assert_eq!(flag(usize::MAX), None);
        assert_eq!(flag(300), Some(HeaderValue::from_static("about")));
    }
}
