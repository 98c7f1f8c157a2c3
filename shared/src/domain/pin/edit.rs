//! An edit of a pin's content.

use super::PinRequest;
use super::origin::Actor;
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
    /// Who makes the edit, or the retry that it is a part of. `None`: the system, or an operator.
    pub by: Option<Actor>,
}

impl Edit {
    /// The request with the edit applied. Its idempotency key and all other fields stay.
    pub fn apply(&self, request: &PinRequest) -> PinRequest {
        // Without `..`: every change is made, and of a new field, this says whether an edit can change it.
        let Self { title, description, alt_text, link_url, image_url, board_id, publish_before, account, by: _ } =
            self.clone();
        let before = request.clone();
        PinRequest {
            account: account.unwrap_or(before.account),
            board_id: board_id.unwrap_or(before.board_id),
            title: title.unwrap_or(before.title),
            description: description.unwrap_or(before.description),
            alt_text: alt_text.unwrap_or(before.alt_text),
            link_url: link_url.unwrap_or(before.link_url),
            image_url: image_url.unwrap_or(before.image_url),
            cover_image_url: before.cover_image_url,
            dominant_color: before.dominant_color,
            related_terms: before.related_terms,
            idempotency_key: before.idempotency_key,
            priority: before.priority,
            publish_before: publish_before.unwrap_or(before.publish_before),
        }
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
