//! A pin's history in compact form: one short text per event, stored in the attempt row.
//!
//! DynamoDB charges a row by the started kilobyte. So an event is `kind,time,attempt,status,code,request id,next,note`,
//! with times in base-36 milliseconds since the pin's creation and without trailing empty fields.

use crate::domain::time::{Moment, SECOND_MS};

/// A message waits this long at most for its retry; for a later one, a delayed copy is sent.
pub const KEEP_WITHIN_MS: i64 = 60 * SECOND_MS;
/// The row keeps the first events and the newest events, and the number of the events dropped in between.
pub const KEEP_FIRST: usize = 2;
/// The newest places of a full history. Once it has dropped events, the first of them has their number.
pub const KEEP_LAST: usize = 6;
/// The longest note in bytes; a longer one is cut at a character's boundary.
pub const NOTE_MAX: usize = 28;
/// The longest request id that is kept, in bytes. Pinterest's have 16 to 19 digits.
pub const REQUEST_ID_MAX: usize = 20;

/// The kinds of events. The row stores the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    AttemptStarted,
    NotSent,
    Published,
    Adopted,
    AnswerUnknown,
    NotOnPinterest,
    ReconcileInconclusive,
    RetryPlanned,
    Deferred,
    Failed,
    /// A failed pin was retried by a caller.
    Retried,
    /// A duplicate check found a second Pin; the note has its id.
    DuplicateFound,
    /// The duplicate was deleted.
    DuplicateRemoved,
    /// The pin's content was edited.
    Edited,
    /// Its owner deleted it.
    Deleted,
    /// The published Pin is no longer on Pinterest.
    RemovedFromPinterest,
    /// The pin's schedule was retried with another pin.
    Superseded,
    /// A person decided which Pin is the pin's; the note has its id.
    ResolvedByPerson,
    /// A person found that no Pin is the pin's; the note is the code of the failure that left this to them.
    NoneByPerson,
    /// The queue has delivered the pin's message as often as it allows; the note says how many deliveries did nothing.
    Undeliverable,
    /// Stands for events that were dropped to keep the row small; `attempt` holds their number, in the row only.
    Omitted,
}

use EventKind as K;

impl EventKind {
    const LETTERS: [(Self, &'static str, &'static str); 21] = [
        (K::AttemptStarted, "s", "attempt_started"),
        (K::NotSent, "n", "not_sent"),
        (K::Published, "p", "published"),
        (K::Adopted, "a", "found_on_pinterest"),
        (K::AnswerUnknown, "u", "outcome_unknown"),
        (K::NotOnPinterest, "l", "not_on_pinterest"),
        (K::ReconcileInconclusive, "i", "look_up_inconclusive"),
        (K::RetryPlanned, "r", "retry_planned"),
        (K::Deferred, "d", "deferred"),
        (K::Failed, "f", "failed"),
        (K::Retried, "t", "retried"),
        (K::DuplicateFound, "e", "duplicate_found"),
        (K::DuplicateRemoved, "x", "duplicate_removed"),
        (K::Edited, "c", "edited"),
        (K::Deleted, "k", "deleted"),
        (K::RemovedFromPinterest, "g", "removed_from_pinterest"),
        (K::Superseded, "y", "superseded"),
        (K::ResolvedByPerson, "j", "resolved_by_person"),
        (K::NoneByPerson, "w", "none_by_person"),
        (K::Undeliverable, "v", "deliveries_exhausted"),
        (K::Omitted, "o", "events_omitted"),
    ];

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::LETTERS.iter().map(|(kind, ..)| *kind)
    }

    fn letter(self) -> &'static str {
        Self::LETTERS.iter().find(|(kind, ..)| *kind == self).map_or("o", |(_, letter, _)| letter)
    }

    /// Whether a caller did it, so that the event says who.
    pub fn is_act(self) -> bool {
        matches!(self, K::Edited | K::Retried | K::Deleted | K::ResolvedByPerson | K::NoneByPerson)
    }

    /// The name that the timeline shows.
    pub fn name(self) -> &'static str {
        Self::LETTERS.iter().find(|(kind, ..)| *kind == self).map_or("events_omitted", |(.., name)| name)
    }
}

/// One event. `status` and `request_id` are Pinterest's; of an edit, a retry and a person's decision, `request_id` is
/// the [`Mark`](super::origin::Mark) of who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: EventKind,
    pub at: Moment,
    pub attempt: u32,
    pub status: Option<u16>,
    /// Pinterest's own error code.
    pub provider_code: Option<i64>,
    pub request_id: Option<String>,
    /// When the next step was planned for. Of a Pin that was found on its board, or that a person decided on: when
    /// Pinterest created it.
    pub next_at: Option<Moment>,
    /// Our public code, or what the kind says. Of an edit, the letters of the changed fields
    /// ([`fields`](super::fields)); of a Pin that Pinterest answered with, how long the answer took.
    pub note: Option<String>,
}

impl Event {
    /// An event without an answer of Pinterest's and without a note.
    pub fn new(kind: EventKind, at: Moment, attempt: u32) -> Self {
        Self { kind, at, attempt, status: None, provider_code: None, request_id: None, next_at: None, note: None }
    }

    /// Whether the pin's next step comes with another message, whose deliveries are counted anew: of its next
    /// generation, or of a retry that is too late for the present message to wait for.
    pub fn sends_a_message(&self) -> bool {
        match self.kind {
            K::Deferred | K::Retried | K::NotOnPinterest => true,
            K::RetryPlanned => self.next_at.is_some_and(|at| at.since_ms(self.at) > KEEP_WITHIN_MS),
            _ => false,
        }
    }

    /// The event as the row stores it; times are relative to `origin`.
    pub fn encode(&self, origin: Moment) -> String {
        let fields = [
            self.kind.letter().to_owned(),
            base36(self.at.since_ms(origin)),
            self.attempt.to_string(),
            self.status.map(|status| status.to_string()).unwrap_or_default(),
            self.provider_code.map(|code| code.to_string()).unwrap_or_default(),
            self.request_id
                .as_deref()
                .map(|id| cut(&id.replace(',', ""), REQUEST_ID_MAX).to_owned())
                .unwrap_or_default(),
            self.next_at.map(|at| base36(at.since_ms(origin))).unwrap_or_default(),
            self.note.as_deref().map(|note| cut(note, NOTE_MAX).to_owned()).unwrap_or_default(),
        ];
        fields.join(",").trim_end_matches(',').to_owned()
    }

    /// A text in an unknown format reads as an omitted event, never as an error.
    pub fn decode(text: &str, origin: Moment) -> Self {
        Self::try_decode(text, origin).unwrap_or(Self::new(K::Omitted, origin, 1))
    }

    fn try_decode(text: &str, origin: Moment) -> Option<Self> {
        let mut fields = text.splitn(8, ',');
        let letter = fields.next()?;
        let kind = EventKind::LETTERS.iter().find(|(_, known, _)| *known == letter)?.0;
        let at = origin.plus_ms(from_base36(fields.next()?)?);
        let attempt = fields.next()?.parse().ok()?;
        let mut optional = || fields.next().filter(|text| !text.is_empty());
        Some(Self {
            kind,
            at,
            attempt,
            status: optional().and_then(|text| text.parse().ok()),
            provider_code: optional().and_then(|text| text.parse().ok()),
            request_id: optional().map(str::to_owned),
            next_at: optional().and_then(from_base36).map(|ms| origin.plus_ms(ms)),
            note: optional().map(str::to_owned),
        })
    }
}

/// Adds an event. When the list is full, the oldest event in the middle is replaced by a count.
pub fn push(history: &mut Vec<Event>, event: Event) {
    history.push(event);
    if history.len() <= KEEP_FIRST + KEEP_LAST {
        return;
    }
    let dropped = history.remove(KEEP_FIRST);
    let count = if dropped.kind == K::Omitted { dropped.attempt } else { 1 };
    match history.get_mut(KEEP_FIRST) {
        Some(next) => {
            let more = if next.kind == K::Omitted { next.attempt } else { 1 };
            *next = Event::new(K::Omitted, next.at, count + more);
        }
        None => history.insert(KEEP_FIRST, Event::new(K::Omitted, dropped.at, count)),
    }
}

/// The beginning of a text: at most `max` bytes, whole characters only.
pub fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn base36(value: i64) -> String {
    let mut rest = value.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((rest % 36) as u32, 36).unwrap_or('0'));
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        digits.push('-');
    }
    digits.iter().rev().collect()
}

fn from_base36(text: &str) -> Option<i64> {
    i64::from_str_radix(text, 36).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Moment = Moment(1_795_394_096_000);

    #[test]
    fn an_event_is_read_back_from_its_text() {
        let full = Event {
            status: Some(403),
            provider_code: Some(235),
            request_id: Some("1234567890123456".into()),
            next_at: Some(T0.plus_ms(120_000)),
            note: Some("image, broken".into()),
            ..Event::new(K::Failed, T0.plus_ms(61_234), 3)
        };
        assert_eq!(Event::decode(&full.encode(T0), T0), full);
        let early = Event::new(K::AttemptStarted, T0.plus_ms(-40), 1);
        assert_eq!(early.encode(T0), "s,-14,1");
        assert_eq!(Event::decode("s,-14,1", T0), early);
    }

    #[test]
    fn notes_are_cut_at_a_characters_boundary() {
        let event = Event { note: Some("é".repeat(60)), ..Event::new(K::Failed, T0, 1) };
        let back = Event::decode(&event.encode(T0), T0);
        assert_eq!(back.note, Some("é".repeat(NOTE_MAX / 2)));
    }

    #[test]
    fn an_unknown_text_reads_as_an_omitted_event() {
        for text in ["", "z,1,1", "s,?,1", "s"] {
            assert_eq!(Event::decode(text, T0).kind, K::Omitted);
        }
    }

    #[test]
    fn a_long_history_keeps_its_ends_and_counts_the_rest() {
        let mut history = Vec::new();
        for index in 0..30 {
            push(&mut history, Event::new(K::AttemptStarted, T0.plus_ms(index), index as u32));
        }
        assert_eq!(history.len(), KEEP_FIRST + KEEP_LAST);
        assert_eq!(history[1].attempt, 1);
        assert_eq!((history[KEEP_FIRST].kind, history[KEEP_FIRST].attempt), (K::Omitted, 23));
        assert_eq!(history.last().map(|event| event.attempt), Some(29));
    }
}
