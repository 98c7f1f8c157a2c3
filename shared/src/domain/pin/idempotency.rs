//! Idempotency by identity: the pin's id is derived from the tenant and the client's key, and the pin row is the
//! record.

use std::fmt::Display;

use icu_normalizer::ComposingNormalizerBorrowed;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::PinRequest;
use crate::domain::characters::is_unseen;
use crate::domain::ids::{AccountId, PinId, ScheduleId, WorkspaceId};
use crate::domain::link;
use crate::domain::reconcile::equivalence::{Keys, folded, folded_link};
use crate::domain::reconcile::matching::BoardPin;
use crate::domain::time::Moment;

/// Incremented whenever [`PayloadHash::of`] would hash the same request differently, or requests are stored in another
/// form. Since version 2, links are stored in their normal form.
pub const PAYLOAD_HASH_VERSION: u8 = 2;

/// Versions with the same hash of the same request: both normalise the links, however they were stored.
const COMPARABLE: [u8; 2] = [1, 2];

/// The version of the rule by which pins of the same content are found. It is part of the hash: sibling rows of several
/// versions live side by side.
pub const CONTENT_HASH_VERSION: u8 = 2;

/// The length of a stored hash: 128 bits exclude accidental collisions, and rows are charged by the kilobyte.
const HASH_BYTES: usize = 16;

/// Whether a person sees every character of the key, so that two keys that look the same are the same. A plain space
/// is seen between other characters only.
pub fn is_readable_key(key: &str) -> bool {
    key.trim() == key && key.chars().all(|c| c == ' ' || !is_unseen(c))
}

/// The key in the one form (NFC) in which keys are compared: an `é` of one character and one of two look the same.
pub fn one_form(key: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(key).into_owned()
}

/// Derives the pin's id: the same key in the same workspace is the same pin.
pub fn pin_id(workspace: WorkspaceId, idempotency_key: &str) -> PinId {
    let name = format!("pin\0{idempotency_key}");
    PinId(Uuid::new_v5(&workspace.0, name.as_bytes()))
}

/// Derives the id of a schedule whose client gave a key. The keys of pins and of schedules are separate namespaces.
pub fn schedule_id(workspace: WorkspaceId, idempotency_key: &str) -> ScheduleId {
    let name = format!("schedule\0{idempotency_key}");
    ScheduleId(Uuid::new_v5(&workspace.0, name.as_bytes()))
}

/// Names what a key belongs to already, such as `pin 7d11…`. A caller with an allow-list does not learn the ids of
/// other accounts.
pub fn holder(noun: &str, id: impl Display, account: AccountId, limited_to: Option<&[AccountId]>) -> String {
    match limited_to {
        Some(allowed) if !allowed.contains(&account) => format!("a {noun} of another account"),
        _ => format!("{noun} {id}"),
    }
}

/// A short hash of a request, preceded by the version of the hashing rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadHash(pub Vec<u8>);

impl PayloadHash {
    /// Hashes every field that decides what is published. The idempotency key is the identity, not the payload. The
    /// priority decides when to publish, not what, and a retry may arrive through an endpoint with another default.
    pub fn of(request: &PinRequest) -> Self {
        Self::hash("payload", request, None)
    }

    /// Hashes a schedule's request; its time is part of the payload.
    pub fn of_schedule(request: &PinRequest, run_at: Moment) -> Self {
        Self::hash("schedule", request, Some(run_at))
    }

    fn hash(purpose: &str, request: &PinRequest, run_at: Option<Moment>) -> Self {
        // Without `..`: of a new field, this says whether it is part of the payload. One that is needs a new version.
        let PinRequest {
            account,
            board_id,
            title,
            description,
            alt_text,
            link_url,
            image_url,
            cover_image_url,
            dominant_color,
            related_terms,
            idempotency_key: _,
            priority: _,
            publish_before: _,
        } = request;
        let mut fields = FieldHasher::new(purpose);
        fields.text(Some(&account.to_string()));
        fields.text(Some(board_id));
        fields.text(Some(title));
        fields.text(description.as_deref());
        fields.text(alt_text.as_deref());
        // Older builds stored links as they were given.
        fields.text(link_url.as_deref().map(link::normal).as_deref());
        fields.text(Some(&link::normal(image_url)));
        fields.text(cover_image_url.as_deref().map(link::normal).as_deref());
        fields.text(dominant_color.as_deref());
        fields.text(related_terms.as_ref().map(|terms| terms.join("\u{1f}")).as_deref());
        if let Some(run_at) = run_at {
            fields.text(Some(&run_at.0.to_string()));
        }
        let mut bytes = vec![PAYLOAD_HASH_VERSION];
        bytes.extend_from_slice(&fields.finish());
        Self(bytes)
    }

    /// Whether two requests have the same payload. A hash of a version that can't be compared counts as the same:
    /// refusing a faithful retry after an upgrade would be worse than accepting an altered one.
    pub fn same_payload(&self, other: &Self) -> bool {
        let version = |hash: &Self| hash.0.first().copied();
        let is_comparable = version(self) == version(other)
            || [version(self), version(other)].iter().all(|version| version.is_some_and(|v| COMPARABLE.contains(&v)));
        !is_comparable || self.0.get(1..) == other.0.get(1..)
    }
}

/// The image's URL in one form: two requests with the same one have the same picture.
pub fn picture(request: &PinRequest) -> String {
    link::normal(&request.image_url)
}

/// The hash of the fields that two pins must share to be confused on Pinterest: board, title and link. (The description
/// is left out: Pinterest may cut it short, and then a Pin's owner would not be found.) Part of the sibling row's key.
///
/// The first of [`content_hashes`]: enough to group pins, not to find all that may be the same.
pub fn content_hash(request: &PinRequest) -> String {
    content_hashes(request).swap_remove(0)
}

/// The hashes under which the pin is found: one for nearly every pin, several if its title or link may be taken in
/// several ways. Two pins, or a pin and a Pin, that may be the same share one of them.
pub fn content_hashes(request: &PinRequest) -> Vec<String> {
    hashes(&request.board_id, Some(&request.title), request.link_url.as_deref())
}

/// The hashes under which pins of the same content are to be looked for: also those of the previous version, for as
/// long as rows of it may be there.
pub fn content_hashes_to_read(request: &PinRequest) -> Vec<String> {
    hashes_to_read(&request.board_id, Some(&request.title), request.link_url.as_deref())
}

/// The same for a Pin as its board shows it: our pins that it may belong to are stored under one of these hashes.
pub fn content_hashes_of(board_id: &str, pin: &BoardPin) -> Vec<String> {
    hashes_to_read(board_id, pin.title.as_deref(), pin.link.as_deref())
}

/// Whether two requests with these [`content_hashes`] may be confused on Pinterest, pictures and descriptions apart.
pub fn is_same_content(a: &[String], b: &[String]) -> bool {
    a.iter().any(|hash| b.contains(hash))
}

fn hashes(board_id: &str, title: Option<&str>, link: Option<&str>) -> Vec<String> {
    let titles = title.map(Keys::of_text).unwrap_or_default();
    let links = link.map(Keys::of_link).unwrap_or_default();
    let links = links.or_none();
    let pairs = titles.or_none().into_iter().flat_map(|title| links.iter().map(move |link| (title, *link)));
    pairs
        .map(|(title, link)| {
            let hash = hash_content("content-2", board_id, title, link);
            format!("{CONTENT_HASH_VERSION}-{hash}")
        })
        .collect()
}

fn hashes_to_read(board_id: &str, title: Option<&str>, link: Option<&str>) -> Vec<String> {
    let mut all = hashes(board_id, title, link);
    all.push(hash_of_version_1(board_id, title, link));
    all
}

/// The hash of 0.2.0 and before, which has no version in it.
fn hash_of_version_1(board_id: &str, title: Option<&str>, link: Option<&str>) -> String {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (title, link) = (filled(title.map(folded)), filled(link.map(folded_link)));
    hash_content("content", board_id, title.as_deref(), link.as_deref())
}

/// Lower-case hex.
fn hash_content(purpose: &str, board_id: &str, title: Option<&str>, link: Option<&str>) -> String {
    let mut fields = FieldHasher::new(purpose);
    fields.text(Some(board_id));
    fields.text(title);
    fields.text(link);
    fields.finish().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes optional texts unambiguously: each is preceded by its presence and its length.
struct FieldHasher(Sha256);

impl FieldHasher {
    fn new(purpose: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.text(Some(purpose));
        hasher
    }

    fn text(&mut self, value: Option<&str>) {
        match value {
            None => self.0.update([0]),
            Some(text) => {
                self.0.update([1]);
                self.0.update((text.len() as u64).to_be_bytes());
                self.0.update(text.as_bytes());
            }
        }
    }

    fn finish(self) -> [u8; HASH_BYTES] {
        let digest = self.0.finalize();
        let mut short = [0; HASH_BYTES];
        short.copy_from_slice(&digest[..HASH_BYTES]);
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AccountId;

    fn request() -> PinRequest {
        PinRequest {
            account: AccountId(Uuid::from_u128(7)),
            board_id: "123".into(),
            title: "A title".into(),
            description: Some("Text".into()),
            alt_text: None,
            link_url: Some("https://example.com/a".into()),
            image_url: "https://example.com/a.jpg".into(),
            cover_image_url: None,
            dominant_color: None,
            related_terms: None,
            idempotency_key: "k".into(),
            priority: Default::default(),
            publish_before: None,
        }
    }

    #[test]
    fn the_same_key_is_another_pin_in_another_workspace() {
        let (a, b) = (WorkspaceId(Uuid::from_u128(1)), WorkspaceId(Uuid::from_u128(2)));
        assert_eq!(pin_id(a, "k"), pin_id(a, "k"));
        assert_ne!(pin_id(a, "k"), pin_id(b, "k"));
        assert_ne!(pin_id(a, "k"), pin_id(a, "k2"));
    }

    #[test]
    fn a_schedules_time_is_part_of_its_payload_and_its_id_is_not_a_pins() {
        let of = |ms| PayloadHash::of_schedule(&request(), Moment(ms));
        assert!(of(1).same_payload(&of(1)) && !of(1).same_payload(&of(2)));
        assert!(!of(1).same_payload(&PayloadHash::of(&request())));
        let workspace = WorkspaceId(Uuid::from_u128(1));
        assert_ne!(schedule_id(workspace, "k").0, pin_id(workspace, "k").0);
    }

    #[test]
    fn any_published_field_changes_the_payload_hash() {
        let base = PayloadHash::of(&request());
        assert!(base.same_payload(&PayloadHash::of(&request())));
        let changes: [fn(&mut PinRequest); 5] = [
            |r| r.title = "Another".into(),
            |r| r.description = None,
            |r| r.alt_text = Some(String::new()),
            |r| r.link_url = Some("https://example.com/b".into()),
            |r| r.board_id = "124".into(),
        ];
        for change in changes {
            let mut changed = request();
            change(&mut changed);
            assert!(!base.same_payload(&PayloadHash::of(&changed)));
        }
    }

    #[test]
    fn two_spellings_of_a_url_are_one_payload() {
        let mut typed = request();
        typed.link_url = Some("https://EXAMPLE.com:443/a".into());
        assert!(PayloadHash::of(&request()).same_payload(&PayloadHash::of(&typed)));
    }

    #[test]
    fn a_text_that_moves_to_another_field_is_another_payload() {
        let mut moved = request();
        moved.alt_text = moved.description.take();
        assert!(!PayloadHash::of(&request()).same_payload(&PayloadHash::of(&moved)));
    }

    #[test]
    fn a_hash_of_another_version_does_not_refuse_a_retry() {
        let mut other = PayloadHash::of(&request());
        other.0[0] = PAYLOAD_HASH_VERSION + 1;
        assert!(other.same_payload(&PayloadHash::of(&request())));
        other.0[1] ^= 1;
        assert!(other.same_payload(&PayloadHash::of(&request())), "it can't be compared");
    }

    #[test]
    fn a_hash_of_the_previous_version_stands_for_the_same_payload_and_no_other() {
        for given in ["https://EXAMPLE.com:443", "https://bücher.example/é", "HTTPS://example.com/a b", "no link"] {
            let before = PinRequest { link_url: Some(given.into()), ..request() };
            let mut old = PayloadHash::of(&before);
            old.0[0] = 1;
            let now = PinRequest { link_url: Some(link::normal(given)), ..request() };
            assert!(old.same_payload(&PayloadHash::of(&now)) && PayloadHash::of(&now).same_payload(&old), "{given}");
            let other = PinRequest { title: "Another".into(), ..now };
            assert!(!old.same_payload(&PayloadHash::of(&other)), "{given}");
        }
    }

    #[test]
    fn twins_share_their_content_hash_whatever_their_media() {
        let mut twin = request();
        twin.image_url = "https://example.com/b.jpg".into();
        twin.title = "a  TITLE!".into();
        assert_eq!(content_hash(&request()), content_hash(&twin));
        assert!(is_same_content(&content_hashes(&request()), &content_hashes(&twin)));
        twin.board_id = "9".into();
        assert_ne!(content_hash(&request()), content_hash(&twin));
        assert!(!is_same_content(&content_hashes(&request()), &content_hashes(&twin)));
    }

    #[test]
    fn an_ordinary_pin_has_one_hash_and_is_looked_for_under_two() {
        for title in ["A title", "Ein süßer Titel & mehr", "折り鶴", "Ὀδυσσεύς", "Ｆｕｌｌ ﬁne ²", "🦢"]
        {
            for link in
                [None, Some("https://example.com/caf%C3%A9"), Some("https://xn--bcher-kva.example:443/?a&amp;b")]
            {
                let request = PinRequest { title: title.into(), link_url: link.map(str::to_owned), ..request() };
                let hashes = content_hashes(&request);
                assert_eq!(hashes.len(), 1, "{title} {link:?}");
                assert!(hashes[0].starts_with("2-"), "{hashes:?}");
                assert_eq!(content_hashes_to_read(&request).len(), 2, "{title} {link:?}");
            }
        }
        let diverse = PinRequest { title: "Cafe\u{301}™".into(), ..request() };
        assert_eq!(content_hashes(&diverse).len(), 2);
    }
}
