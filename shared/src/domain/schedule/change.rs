//! A client's edit of a waiting schedule.

use crate::domain::pin::origin::Actor;
use crate::domain::pin::{PinRequest, Priority};
use crate::domain::time::Moment;

/// A field that is `None` stays as it is; an inner `None` clears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleChange {
    pub run_at: Option<Moment>,
    pub board_id: Option<String>,
    pub title: Option<String>,
    pub image_url: Option<String>,
    pub priority: Option<Priority>,
    pub description: Option<Option<String>>,
    pub alt_text: Option<Option<String>>,
    pub link_url: Option<Option<String>>,
    pub cover_image_url: Option<Option<String>>,
    pub dominant_color: Option<Option<String>>,
    pub related_terms: Option<Option<Vec<String>>>,
    pub publish_before: Option<Option<Moment>>,
    /// Who makes it.
    pub by: Option<Actor>,
}

impl ScheduleChange {
    /// The request with these changes.
    pub fn apply(&self, request: &PinRequest) -> PinRequest {
        fn or<T: Clone>(change: Option<&T>, before: &T) -> T {
            change.unwrap_or(before).clone()
        }
        PinRequest {
            account: request.account,
            board_id: or(self.board_id.as_ref(), &request.board_id),
            title: or(self.title.as_ref(), &request.title),
            description: or(self.description.as_ref(), &request.description),
            alt_text: or(self.alt_text.as_ref(), &request.alt_text),
            link_url: or(self.link_url.as_ref(), &request.link_url),
            image_url: or(self.image_url.as_ref(), &request.image_url),
            cover_image_url: or(self.cover_image_url.as_ref(), &request.cover_image_url),
            dominant_color: or(self.dominant_color.as_ref(), &request.dominant_color),
            related_terms: or(self.related_terms.as_ref(), &request.related_terms),
            idempotency_key: request.idempotency_key.clone(),
            priority: self.priority.unwrap_or(request.priority),
            publish_before: self.publish_before.unwrap_or(request.publish_before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;

    #[test]
    fn an_absent_field_stays_and_null_clears() {
        let before = testdata::request("k");
        assert_eq!(ScheduleChange::default().apply(&before), before);
        let change = ScheduleChange {
            title: Some("Swan".into()),
            description: Some(None),
            alt_text: Some(Some("A swan".into())),
            ..ScheduleChange::default()
        };
        let after = change.apply(&before);
        let wanted =
            PinRequest { title: "Swan".into(), description: None, alt_text: Some("A swan".into()), ..before.clone() };
        assert_eq!(after, wanted);
    }
}
