//! An edit of a pin's content.

use super::PinRequest;
use crate::domain::ids::AccountId;
use crate::domain::time::Moment;

/// A field that is `None` stays unchanged; `Some(None)` clears an optional field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    pub title: Option<String>,
    pub description: Option<Option<String>>,
    pub alt_text: Option<Option<String>>,
    pub link_url: Option<Option<String>>,
    /// Not part of the content hash: pins of the same content may have different pictures.
    pub image_url: Option<String>,
    pub board_id: Option<String>,
    pub publish_before: Option<Option<Moment>>,
    /// Changed only with a retry: a pin that hasn't failed holds a token, or a backlog row, of its account.
    pub account: Option<AccountId>,
}

impl Edit {
    /// The request with the edit applied. Its idempotency key and all other fields stay.
    pub fn apply(&self, request: &PinRequest) -> PinRequest {
        let mut next = request.clone();
        next.title = self.title.clone().unwrap_or(next.title);
        next.description = self.description.clone().unwrap_or(next.description);
        next.alt_text = self.alt_text.clone().unwrap_or(next.alt_text);
        next.link_url = self.link_url.clone().unwrap_or(next.link_url);
        next.image_url = self.image_url.clone().unwrap_or(next.image_url);
        next.board_id = self.board_id.clone().unwrap_or(next.board_id);
        next.publish_before = self.publish_before.unwrap_or(next.publish_before);
        next.account = self.account.unwrap_or(next.account);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;

    #[test]
    fn absent_leaves_unchanged_and_none_clears() {
        let request = testdata::request("key");
        assert_eq!(Edit::default().apply(&request), request);
        let edit = Edit { title: Some("New".into()), description: Some(None), ..Edit::default() };
        let wanted = PinRequest { title: "New".into(), description: None, ..request.clone() };
        assert_eq!(edit.apply(&request), wanted);
        let edit = Edit { link_url: Some(Some("https://example.com/b".into())), ..edit };
        assert_eq!(edit.apply(&request).link_url.as_deref(), Some("https://example.com/b"));
        let edit = Edit { image_url: Some("https://example.com/b.png".into()), ..Edit::default() };
        let wanted = PinRequest { image_url: "https://example.com/b.png".into(), ..request.clone() };
        assert_eq!(edit.apply(&request), wanted);
    }
}
