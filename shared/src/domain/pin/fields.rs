//! The fields of a request one by one: which of them an edit changed, and which differ from what an attempt sent.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::PinRequest;

const COUNT: usize = 12;
/// So many of the fields, the first ones, decide what is published and where. They are those of
/// [`content_hash`].
const SENT_COUNT: usize = 10;
/// The bytes of a content's SHA-256.
const HASH_BYTES: usize = 32;
/// The bytes that are kept of the SHA-256 of each field: a changed field is missed once in 16 million times.
const DIGEST_BYTES: usize = 3;

/// Each field's letter, which rows keep and which no other field ever gets, and the name that callers know.
const NAMES: [(char, &str); COUNT] = [
    ('a', "account_id"),
    ('b', "board_id"),
    ('t', "title"),
    ('d', "description"),
    ('x', "alt_text"),
    ('l', "link_url"),
    ('i', "image_url"),
    ('c', "cover_image_url"),
    ('o', "dominant_color"),
    ('r', "related_terms"),
    ('p', "publish_before"),
    ('y', "priority"),
];

/// The values in the order of [`NAMES`].
fn values(request: &PinRequest) -> [Option<String>; COUNT] {
    // Without `..`: a new field has to get a letter, or a reason why it has none. The key never changes.
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
        priority,
        publish_before,
    } = request;
    [
        Some(account.to_string()),
        Some(board_id.clone()),
        Some(title.clone()),
        description.clone(),
        alt_text.clone(),
        link_url.clone(),
        Some(image_url.clone()),
        cover_image_url.clone(),
        dominant_color.clone(),
        related_terms.as_ref().map(|terms| terms.join("\u{1f}")),
        publish_before.map(|at| at.0.to_string()),
        Some(priority.name().to_owned()),
    ]
}

/// The letters of the fields that differ.
pub fn changed(before: &PinRequest, after: &PinRequest) -> String {
    let pairs = NAMES.iter().zip(values(before)).zip(values(after));
    pairs.filter(|((_, before), after)| before != after).map(|(((letter, _), _), _)| *letter).collect()
}

/// The names of the fields with these letters; none if the text is something else.
pub fn names(letters: &str) -> Vec<&'static str> {
    let name = |letter: char| NAMES.iter().find(|(known, _)| *known == letter).map(|(_, name)| *name);
    letters.chars().map(name).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The SHA-256 of the content, in lower-case hex: over the JSON object of the fields that aren't null, with sorted
/// names and no blanks, in UTF-8 (the form of RFC 8785). Clients compute it from what `GET /v1/pins/{id}` answers.
pub fn content_hash(request: &PinRequest) -> String {
    // Without `..`: of a new field, this says whether it is content.
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
    let required = [
        ("account_id", account.to_string()),
        ("board_id", board_id.clone()),
        ("title", title.clone()),
        ("image_url", image_url.clone()),
    ];
    let optional = [
        ("description", description),
        ("alt_text", alt_text),
        ("link_url", link_url),
        ("cover_image_url", cover_image_url),
        ("dominant_color", dominant_color),
    ];
    let mut fields: BTreeMap<&str, Value> =
        required.into_iter().map(|(name, text)| (name, Value::from(text))).collect();
    fields.extend(optional.into_iter().filter_map(|(name, text)| Some((name, Value::from(text.clone()?)))));
    fields.extend(related_terms.iter().map(|terms| ("related_terms", Value::from(terms.clone()))));
    // Texts under texts: writing them can't fail.
    let json = serde_json::to_vec(&fields).unwrap_or_default();
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an attempt sent, as its row keeps it: enough to compare it with another content, and no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent(pub Vec<u8>);

impl Sent {
    /// What an attempt of this request sends.
    pub fn of(request: &PinRequest) -> Self {
        let hash = content_hash(request);
        let digits = (0..hash.len()).step_by(2).filter_map(|at| hash.get(at..at + 2));
        let mut bytes: Vec<u8> = digits.filter_map(|digits| u8::from_str_radix(digits, 16).ok()).collect();
        bytes.extend(digests(request).into_iter().flatten());
        Self(bytes)
    }

    /// As [`content_hash`]. `None`: the row is of another form.
    pub fn content_hash(&self) -> Option<String> {
        let hash = self.0.get(..HASH_BYTES)?;
        Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The names of the fields that are different in `now`.
    pub fn differs_from(&self, now: &PinRequest) -> Vec<&'static str> {
        let sent = self.0.get(HASH_BYTES..).unwrap_or_default().chunks_exact(DIGEST_BYTES);
        let fields = NAMES.iter().zip(sent).zip(digests(now));
        fields.filter(|((_, sent), now)| *sent != now.as_slice()).map(|(((_, name), _), _)| *name).collect()
    }
}

fn digests(request: &PinRequest) -> Vec<[u8; DIGEST_BYTES]> {
    let digest = |value: Option<String>| {
        let mut hasher = Sha256::new();
        // A field without a value isn't one with an empty value.
        hasher.update([u8::from(value.is_some())]);
        hasher.update(value.unwrap_or_default().as_bytes());
        let whole: [u8; HASH_BYTES] = hasher.finalize().into();
        let [first, second, third, ..] = whole;
        [first, second, third]
    };
    values(request).into_iter().take(SENT_COUNT).map(digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::Priority;
    use crate::domain::testdata;
    use crate::domain::time::Moment;

    #[test]
    fn changed_fields_are_named_and_others_are_not() {
        let before = testdata::request("key");
        let after = PinRequest {
            title: "Another crane".into(),
            image_url: "https://images.example.com/other.jpg".into(),
            publish_before: Some(Moment(1)),
            priority: Priority::Bulk,
            ..before.clone()
        };
        let letters = changed(&before, &after);
        assert_eq!(letters, "tipy");
        assert_eq!(names(&letters), ["title", "image_url", "publish_before", "priority"]);
        assert_eq!(changed(&before, &before), "");
        // Notes of other kinds.
        for text in ["", "image_broken", "95 ms"] {
            assert_eq!(names(text), Vec::<&str>::new(), "{text}");
        }
        let letters: std::collections::BTreeSet<char> = NAMES.iter().map(|(letter, _)| *letter).collect();
        assert_eq!(letters.len(), COUNT);
    }

    #[test]
    fn what_was_sent_is_compared_field_by_field() {
        let request = testdata::request("key");
        let sent = Sent::of(&request);
        assert_eq!(sent.0.len(), HASH_BYTES + SENT_COUNT * DIGEST_BYTES);
        assert_eq!(sent.content_hash().as_deref(), Some(content_hash(&request).as_str()));
        assert_eq!(sent.differs_from(&request), Vec::<&str>::new());
        let later = PinRequest {
            description: None,
            alt_text: Some(String::new()),
            publish_before: Some(Moment(1)),
            idempotency_key: "other".into(),
            ..request.clone()
        };
        let without = PinRequest { description: Some("Patience.".into()), alt_text: None, ..request };
        assert_eq!(Sent::of(&without).differs_from(&later), ["description", "alt_text"]);
        let unreadable = Sent(vec![1, 2, 3]);
        assert_eq!((unreadable.content_hash(), unreadable.differs_from(&later)), (None, Vec::new()));
    }

    #[test]
    fn the_content_hash_is_that_of_the_documented_json() {
        let request = PinRequest {
            title: "Ten \"ways\" – für Ähren\u{7f}".into(),
            description: None,
            alt_text: Some("A\ttab\u{1}".into()),
            link_url: Some("https://example.com/a".into()),
            image_url: "https://images.example.com/a.jpg".into(),
            related_terms: Some(vec!["paper".into(), "crane".into()]),
            ..testdata::request("key")
        };
        // The hash is Python's, of json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).
        let json = concat!(
            r#"{"account_id":"00000000-0000-0000-0000-00000000000b","alt_text":"A\ttab\u0001","#,
            r#""board_id":"1000000000000000001","image_url":"https://images.example.com/a.jpg","#,
            r#""link_url":"https://example.com/a","related_terms":["paper","crane"],"#,
            "\"title\":\"Ten \\\"ways\\\" – für Ähren\u{7f}\"}",
        );
        let wanted: String = Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(content_hash(&request), wanted);
        assert_eq!(wanted, "8051f35dc24f272a389b9556eba9f994b4f535372893c3c59ba97d5a13b59c42");
    }

    #[test]
    fn every_field_of_the_content_changes_its_hash_and_nothing_else_does() {
        let hash = |change: fn(&mut PinRequest)| {
            let mut request = testdata::request("key");
            change(&mut request);
            content_hash(&request)
        };
        let same = hash(|_| {});
        assert_eq!(hash(|r| r.idempotency_key = "other".into()), same);
        assert_eq!(hash(|r| r.priority = Priority::Bulk), same);
        assert_eq!(hash(|r| r.publish_before = Some(Moment(1))), same);
        let changes: [fn(&mut PinRequest); 11] = [
            |r| r.account = crate::domain::ids::AccountId(uuid::Uuid::from_u128(1)),
            |r| r.board_id = "1".into(),
            |r| r.title = "x".into(),
            |r| r.description = None,
            |r| r.alt_text = Some("x".into()),
            |r| r.alt_text = Some(String::new()),
            |r| r.link_url = None,
            |r| r.image_url = "x".into(),
            |r| r.cover_image_url = Some("x".into()),
            |r| r.dominant_color = Some("x".into()),
            |r| r.related_terms = Some(Vec::new()),
        ];
        let mut hashes: Vec<String> = changes.map(hash).into();
        hashes.push(same);
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), changes.len() + 1);
    }
}
