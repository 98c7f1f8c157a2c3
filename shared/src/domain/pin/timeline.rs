//! A pin's timeline: every event, and the next step. One call answers "did this publish or not?".

use url::Url;

use super::attempt::{Attempt, LATENCY_UNIT};
use super::candidate::Candidate;
use super::failure::Failure;
use super::fields::{self, Sent, content_hash};
use super::history::{Event, EventKind};
use super::origin::{Actor, Mark, Origin};
use super::said::{Part, Said};
use super::{Pin, PinRequest, Placement, WaitReason};
use crate::domain::pacing::pace::Pace;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, State};

/// A deferred pin's place in its account's backlog. Pins that have left the backlog and wait in the queue don't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// 1 is the next pin to be released.
    pub place: u64,
    /// Whether `place` is a lower bound, because the backlog is longer than what is counted.
    pub at_least: bool,
    pub estimated_start: Moment,
}

/// The pace of an account at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceNow {
    pub pace: Pace,
    /// Whether Pinterest asked the account to slow down, so that it is slower than configured.
    pub is_slowed: bool,
}

/// How a delivery of an event of the pin to a webhook stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStanding {
    Delivered,
    /// Its tries have failed, and another one follows.
    Failing,
    /// Its last try failed.
    GaveUp,
    /// It was not tried yet: its webhook is failing, or disabled.
    Waiting,
}

impl DeliveryStanding {
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Failing, Self::GaveUp, Self::Waiting];

    fn of(delivery: &Delivery) -> Self {
        match delivery.state {
            State::Delivered => Self::Delivered,
            State::Failed => Self::GaveUp,
            State::Waiting { .. } if delivery.tries == 0 => Self::Waiting,
            State::Waiting { .. } => Self::Failing,
        }
    }

    /// The name that the timeline shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "webhook_delivered",
            Self::Failing => "webhook_failing",
            Self::GaveUp => "webhook_gave_up",
            Self::Waiting => "webhook_waiting",
        }
    }
}

/// What an entry of a timeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The pin was accepted. The pin's row says so, and not its history.
    Accepted,
    Of(EventKind),
    /// An event of the pin was sent to a webhook, or is to be sent. The delivery's row says so.
    Webhook(DeliveryStanding),
}

impl Entry {
    /// The name that the timeline shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Of(kind) => kind.name(),
            Self::Webhook(standing) => standing.name(),
        }
    }
}

/// What the rows keep of who acted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    Actor(Actor),
    /// Of an edit, a retry and a person's decision.
    Mark(Mark),
}

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    pub known: Known,
    /// The name of the key, or of the person, if it was read.
    pub name: Option<String>,
}

impl By {
    fn of(known: Known) -> Self {
        Self { known, name: None }
    }

    /// The actor, with the name if it was read.
    pub fn named(actor: Actor, name: Option<String>) -> Self {
        Self { known: Known::Actor(actor), name }
    }

    /// The actor, unless only a mark is known.
    pub fn actor(&self) -> Option<Actor> {
        match &self.known {
            Known::Actor(actor) => Some(*actor),
            Known::Mark(_) => None,
        }
    }

    /// Whether an API key acted, and not a person.
    pub fn is_key(&self) -> bool {
        match &self.known {
            Known::Actor(actor) => matches!(actor, Actor::Key(_)),
            Known::Mark(mark) => mark.is_key,
        }
    }

    /// The actor's id, or its first eight digits if no more is known.
    pub fn id(&self) -> String {
        match &self.known {
            Known::Actor(actor) => actor.id().to_string(),
            Known::Mark(mark) => mark.digits.clone(),
        }
    }

    fn is_of(&self, actor: Actor) -> bool {
        match &self.known {
            Known::Actor(known) => *known == actor,
            Known::Mark(mark) => mark.is_of(actor),
        }
    }
}

/// An event as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEvent {
    pub at: Moment,
    pub entry: Entry,
    /// `None` for the acceptance, for events that are left out, and for deliveries to webhooks.
    pub attempt: Option<u32>,
    /// How many events the entry stands for, if they are left out.
    pub omitted_count: Option<u32>,
    pub upstream_status: Option<u16>,
    pub upstream_code: Option<i64>,
    pub upstream_request_id: Option<String>,
    /// The milliseconds from the call to Pinterest's answer, or to the end of the wait for it.
    pub latency_ms: Option<u32>,
    /// The SHA-256 of the content that the answered call sent, as receipts have it.
    pub content_hash: Option<String>,
    /// The fields whose present values aren't those that were sent. `None`: it isn't known what was sent.
    pub changed_since: Option<Vec<&'static str>>,
    /// What of the content the failure is about, as a sentence: the host of the image, the id of the board. `None`: the
    /// failure is about something else, or that part of the content was changed since.
    pub subject: Option<String>,
    /// Of a success, and of a Pin that was found or decided on: the Pin.
    pub pinterest_pin_id: Option<String>,
    /// Of an edit: the fields that it changed. `None`: not recorded.
    pub changed_fields: Option<Vec<&'static str>>,
    pub next_at: Option<Moment>,
    /// Of a Pin that was found or decided on: when Pinterest created it, as the board showed it.
    pub created_on_pinterest_at: Option<Moment>,
    pub note: Option<String>,
    /// Pinterest's own words.
    pub upstream_message: Option<String>,
    /// What our client saw in place of an answer.
    pub transport_error: Option<String>,
    /// Of a failure with an ambiguous outcome: the Pins that could be the pin's.
    pub candidates: Vec<Candidate>,
    /// The delivery to a webhook, if the entry is of one.
    pub delivery: Option<Box<Delivery>>,
    pub by: Option<By>,
    /// Of the acceptance: where the pin came from.
    pub origin: Option<Origin>,
}

/// What happens next, when, and why not earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStep {
    pub action: &'static str,
    pub at: Option<Moment>,
    pub reason: String,
    pub position: Option<Position>,
    /// The pace of a waiting pin's account, if the account was read.
    pub pace: Option<PaceNow>,
}

/// All events in order, beginning with the acceptance.
pub fn events(pin: &Pin, attempt: &Attempt) -> Vec<TimelineEvent> {
    let by = pin.origin.by.map(|actor| By::of(Known::Actor(actor)));
    let mut events = vec![TimelineEvent { by, origin: Some(pin.origin), ..plain(pin.created_at, Entry::Accepted) }];
    let deferred = |reason: WaitReason, next_at| TimelineEvent {
        next_at,
        note: Some(reason.code().to_owned()),
        ..plain(pin.created_at, Entry::Of(EventKind::Deferred))
    };
    match pin.placement {
        Placement::Now => {}
        Placement::Slot(slot) => events.push(deferred(WaitReason::AccountPacing, Some(slot))),
        Placement::Backlog(reason) => events.push(deferred(reason, None)),
        Placement::Due(at) => events.push(deferred(WaitReason::Scheduled, Some(at))),
    }
    events.extend(attempt.history.iter().map(|event| of_event(event, &pin.request, attempt)));
    events
}

/// `now`: the content. A pin that Pinterest answered with, or that was found behind a lost answer, can't be edited
/// afterwards: the content is what was sent.
fn of_event(event: &Event, now: &PinRequest, attempt: &Attempt) -> TimelineEvent {
    use EventKind as K;
    let is_act = event.kind.is_act();
    let is_found = is_found(event.kind);
    let is_omitted = event.kind == K::Omitted;
    let is_sent_now = matches!(event.kind, K::Published | K::Adopted);
    let mark = event.request_id.as_deref().filter(|_| is_act).and_then(Mark::parse);
    TimelineEvent {
        attempt: Some(event.attempt).filter(|_| !is_omitted),
        omitted_count: Some(event.attempt).filter(|_| is_omitted),
        upstream_status: event.status,
        upstream_code: event.provider_code,
        upstream_request_id: event.request_id.clone().filter(|_| !is_act),
        next_at: event.next_at.filter(|_| !is_found),
        created_on_pinterest_at: event.next_at.filter(|_| is_found),
        note: event.note.clone().filter(|_| !matches!(event.kind, K::Published | K::Edited)),
        latency_ms: event.note.as_deref().filter(|_| event.kind == K::Published).and_then(latency_of),
        content_hash: is_sent_now.then(|| content_hash(now)),
        changed_since: is_sent_now.then(Vec::new),
        pinterest_pin_id: match event.kind {
            K::Published | K::Adopted => attempt.pinterest_pin_id.clone(),
            K::ResolvedByPerson => event.note.clone(),
            _ => None,
        },
        changed_fields: event.note.as_deref().filter(|_| event.kind == K::Edited).map(fields::names),
        by: mark.map(|mark| By::of(Known::Mark(mark))),
        ..plain(event.at, Entry::Of(event.kind))
    }
}

/// The milliseconds in the note of [`Attempt::answered_in`].
fn latency_of(note: &str) -> Option<u32> {
    note.strip_suffix(LATENCY_UNIT)?.parse().ok()
}

/// Whether the event says which Pin is the pin's, other than Pinterest's answer.
fn is_found(kind: EventKind) -> bool {
    matches!(kind, EventKind::Adopted | EventKind::ResolvedByPerson)
}

/// When Pinterest created the published Pin, if it was found on a board that showed it.
pub fn created_on_pinterest_at(attempt: &Attempt) -> Option<Moment> {
    attempt.history.iter().rev().find(|event| is_found(event.kind))?.next_at
}

/// The event by which the pin was published.
pub fn publishing_event(attempt: &Attempt) -> Option<&Event> {
    attempt.history.iter().rev().find(|event| event.kind == EventKind::Published || is_found(event.kind))
}

/// Whether the published Pin was found on its board: its answer was lost.
pub fn was_found(attempt: &Attempt) -> bool {
    publishing_event(attempt).is_some_and(|event| event.kind == EventKind::Adopted)
}

/// Whether a person decided which Pin is the pin's.
pub fn was_decided(attempt: &Attempt) -> bool {
    publishing_event(attempt).is_some_and(|event| event.kind == EventKind::ResolvedByPerson)
}

/// The Pins that could be the pin's, if that is what its last attempt has left to a person.
pub fn open_candidates<'a>(attempt: &Attempt, words: &'a [Said]) -> &'a [Candidate] {
    let is_open = attempt.is_left_to_a_person() && attempt.failure == Some(Failure::OutcomeAmbiguous);
    let of_last = words.iter().filter(|said| is_open && said.attempt == attempt.attempt);
    of_last.map(|said| said.candidates.as_slice()).find(|candidates| !candidates.is_empty()).unwrap_or_default()
}

/// Adds the names of these actors, and their whole ids where only the first digits were known.
pub fn with_names(mut events: Vec<TimelineEvent>, names: &[(Actor, String)]) -> Vec<TimelineEvent> {
    for by in events.iter_mut().filter_map(|event| event.by.as_mut()) {
        if let Some((actor, name)) = names.iter().find(|(actor, _)| by.is_of(*actor)) {
            *by = By { known: Known::Actor(*actor), name: Some(name.clone()) };
        }
    }
    events
}

/// Whether something may have been said about an attempt, so that it is worth reading.
pub fn has_words(attempt: &Attempt) -> bool {
    let is_reading = |kind| kind == EventKind::ReconcileInconclusive;
    attempt.history.iter().any(|event| is_reading(event.kind) || is_unsuccessful(Entry::Of(event.kind)))
}

/// Adds to the first answer of each attempt what was said about it and what it had sent (compared with the content
/// `now`), to a reading of its board what was said there, and to an ambiguous outcome the Pins that could be the
/// attempt's.
pub fn with_words(mut events: Vec<TimelineEvent>, words: Vec<Said>, now: &PinRequest) -> Vec<TimelineEvent> {
    for said in words {
        let part = said.part();
        let is_its = |event: &&mut TimelineEvent| match part {
            Part::Reading => {
                event.entry == Entry::Of(EventKind::ReconcileInconclusive) && Some(event.at) == said.read_at
            }
            Part::Call => event.attempt == Some(said.attempt) && is_unsuccessful(event.entry),
            Part::Candidates => event.attempt == Some(said.attempt) && is_ambiguous(event),
        };
        let Some(event) = events.iter_mut().find(is_its) else { continue };
        match part {
            Part::Candidates => event.candidates = said.candidates,
            Part::Call | Part::Reading => {
                event.content_hash = said.sent.as_ref().and_then(Sent::content_hash);
                event.changed_since = said.sent.map(|sent| sent.differs_from(now));
                event.subject = subject(event, now);
                event.latency_ms = said.latency_ms;
                (event.upstream_message, event.transport_error) = (said.message, said.transport_error);
            }
        }
    }
    events
}

/// What of the content the failure of the event is about, if it is now as it was sent.
fn subject(event: &TimelineEvent, now: &PinRequest) -> Option<String> {
    use Failure as F;
    let host = |text: &str| Some(Url::parse(text).ok()?.host_str()?.to_owned());
    let (field, text) = match event.note.as_deref().and_then(Failure::parse)? {
        F::ImageTooSmall | F::ImageBroken | F::ImageUnreachable | F::ImageFormatUnsupported => {
            ("image_url", format!("The image was at {}.", host(&now.image_url)?))
        }
        F::BoardNotFound | F::BoardSectionNotFound | F::BoardAccessDenied => {
            ("board_id", format!("The id of the board is {}.", now.board_id))
        }
        F::LinkBlocked => ("link_url", format!("The link leads to {}.", host(now.link_url.as_deref()?)?)),
        _ => return None,
    };
    let is_as_sent = event.changed_since.as_ref().is_some_and(|changed| !changed.contains(&field));
    is_as_sent.then_some(text)
}

/// The last event of one of these kinds.
pub fn last_of<'a>(events: &'a [TimelineEvent], kinds: &[EventKind]) -> Option<&'a TimelineEvent> {
    events.iter().rev().find(|event| matches!(event.entry, Entry::Of(kind) if kinds.contains(&kind)))
}

/// Adds the deliveries to webhooks, each at the time of its last try. A repeat that was not tried yet stands where it
/// was requested.
pub fn with_deliveries(mut events: Vec<TimelineEvent>, deliveries: Vec<Delivery>) -> Vec<TimelineEvent> {
    for delivery in deliveries {
        let at = match &delivery.last {
            Some(last) if delivery.tries > 0 => last.at,
            Some(_) => delivery.updated_at,
            None => delivery.created_at,
        };
        let next_at = match delivery.state {
            State::Waiting { next_at } => next_at,
            State::Delivered | State::Failed => None,
        };
        let entry = Entry::Webhook(DeliveryStanding::of(&delivery));
        let place = events.iter().rposition(|event| event.at <= at).map_or(0, |before| before + 1);
        events.insert(place, TimelineEvent { next_at, delivery: Some(Box::new(delivery)), ..plain(at, entry) });
    }
    events
}

/// Whether the event is the failure of a pin that several Pins could be.
fn is_ambiguous(event: &TimelineEvent) -> bool {
    let is_code = event.note.as_deref() == Some(Failure::OutcomeAmbiguous.code());
    event.entry == Entry::Of(EventKind::Failed) && is_code
}

/// Whether such an event records an answer that isn't a success.
fn is_unsuccessful(entry: Entry) -> bool {
    use EventKind as K;
    matches!(entry, Entry::Of(K::AnswerUnknown | K::RetryPlanned | K::Deferred | K::Failed))
}

fn plain(at: Moment, entry: Entry) -> TimelineEvent {
    TimelineEvent {
        at,
        entry,
        attempt: None,
        omitted_count: None,
        upstream_status: None,
        upstream_code: None,
        upstream_request_id: None,
        latency_ms: None,
        content_hash: None,
        changed_since: None,
        subject: None,
        pinterest_pin_id: None,
        changed_fields: None,
        next_at: None,
        created_on_pinterest_at: None,
        note: None,
        upstream_message: None,
        transport_error: None,
        candidates: Vec::new(),
        delivery: None,
        by: None,
        origin: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{EventId, EventType};
    use crate::domain::ids::{EndpointId, KeyId};
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::waits::{self, Facts, Place, Rules};
    use crate::domain::testdata;
    use crate::domain::webhook::delivery::{DeliveryId, DeliveryKey, LastTry, Source};
    use crate::domain::webhook::endpoint::EndpointKey;

    const T: Moment = Moment(1_000_500);

    fn next_step(pin: &Pin, attempt: &Attempt) -> NextStep {
        let rules = Rules { quiesce_ms: 120_000, empty_after_ms: 3_600_000, pace: Pace::new(50, 1.0) };
        waits::why(&Facts { pin, attempt, account: None, place: Place::Unknown, rules: &rules, now: T }).next
    }

    #[test]
    fn a_lost_answer_shows_as_unknown_with_a_planned_reading_of_the_board() {
        let pin = testdata::pin();
        let upstream = Upstream { request_id: Some("77".into()), ..Upstream::default() };
        let attempt = Attempt::untouched(&pin)
            .begin(T, "a".into())
            .and_then(|a| a.unresolved_outcome(T.plus_ms(15_000), T.plus_ms(120_000), &upstream, "b".into()))
            .expect("legal");
        let names: Vec<&str> = events(&pin, &attempt).iter().map(|event| event.entry.name()).collect();
        assert_eq!(names, ["accepted", "attempt_started", "outcome_unknown"]);
        let next = next_step(&pin, &attempt);
        assert_eq!((next.action, next.at), ("look_up", Some(T.plus_ms(120_000))));
    }

    #[test]
    fn each_attempts_words_are_at_its_own_answer() {
        let pin = testdata::pin();
        let upstream = Upstream { status: Some(409), ..Upstream::default() };
        let retry = |a: Attempt| a.retry_at(T, T, Failure::PinterestBusy, &upstream, "r".into());
        let begin = |a: Attempt| a.begin(T, "a".into());
        let attempt = begin(Attempt::untouched(&pin))
            .and_then(retry)
            .and_then(begin)
            .and_then(|a| a.unresolved_outcome(T, T, &Upstream::default(), "u".into()))
            .expect("legal");
        assert!(has_words(&attempt) && !has_words(&Attempt::untouched(&pin)));
        let said = |attempt, message: Option<&str>, transport_error: Option<&str>| Said {
            attempt,
            message: message.map(str::to_owned),
            transport_error: transport_error.map(str::to_owned),
            ..Said::default()
        };
        let words = vec![said(1, Some("Busy."), None), said(2, None, Some("no answer")), said(3, Some("lost"), None)];
        let events = with_words(events(&pin, &attempt), words, &pin.request);
        let shown: Vec<_> = events
            .iter()
            .map(|event| (event.entry.name(), event.upstream_message.as_deref(), event.transport_error.as_deref()))
            .collect();
        let wanted = [
            ("accepted", None, None),
            ("attempt_started", None, None),
            ("retry_planned", Some("Busy."), None),
            ("attempt_started", None, None),
            ("outcome_unknown", None, Some("no answer")),
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn an_ambiguous_outcome_names_its_candidates_until_a_person_has_decided() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let left = Attempt::untouched(&pin)
            .begin(T, "a".into())
            .and_then(|a| a.unresolved_outcome(T.plus_ms(1), T.plus_ms(2), &nothing, "b".into()))
            .and_then(|a| a.failed(T.plus_ms(3), Failure::OutcomeAmbiguous, &nothing, &pin, "c".into()))
            .expect("legal");
        let candidates = vec![Candidate { pinterest_pin_id: "9".into(), created_at: Some(T) }];
        let words = vec![Said { attempt: 1, candidates: candidates.clone(), ..Said::default() }];
        assert_eq!(open_candidates(&left, &words), candidates);
        let named = |attempt: &Attempt| -> Vec<(&'static str, usize)> {
            let events = with_words(events(&pin, attempt), words.clone(), &pin.request);
            let has_some = events.iter().filter(|event| !event.candidates.is_empty());
            has_some.map(|event| (event.entry.name(), event.candidates.len())).collect()
        };
        assert_eq!(named(&left), [("failed", 1)]);
        let none = left.none_by_person(T.plus_ms(4), 120_000, "d".into()).expect("legal");
        let found = none.resolved_by_person(T.plus_ms(5), "9".into(), Some(T), &pin, 120_000, "e".into());
        let found = found.expect("a correction");
        assert_eq!((named(&none), named(&found)), (vec![("failed", 1)], vec![("failed", 1)]), "it is history");
        for decided in [&none, &found] {
            assert_eq!(open_candidates(decided, &words), []);
        }
        assert_eq!((was_found(&found), was_decided(&found)), (false, true));
        assert_eq!(created_on_pinterest_at(&found), Some(T));
        let retried = left.retried(T.plus_ms(4), None, "d".into()).expect("legal");
        assert_eq!(open_candidates(&retried, &words), []);
    }

    #[test]
    fn an_attempt_shows_what_it_sent_and_an_edit_what_it_changed() {
        let (pin, nothing) = (testdata::pin(), Upstream { status: Some(400), ..Upstream::default() });
        let failed = Attempt::untouched(&pin)
            .begin(T, "a".into())
            .and_then(|a| a.failed(T.plus_ms(1), Failure::ImageBroken, &nothing, &pin, "f".into()))
            .expect("legal");
        let said = Said::about(&failed, &nothing).expect("an answer without words").of_call(&pin.request, Some(95));
        let request = PinRequest { title: "Mended".into(), ..pin.request.clone() };
        let published = failed
            .edited(T.plus_ms(2), "e".into())
            .map(|a| a.changing(fields::changed(&pin.request, &request)))
            .and_then(|a| a.retried(T.plus_ms(3), None, "r".into()))
            .and_then(|a| a.begin(T.plus_ms(4), "b".into()))
            .and_then(|a| a.published(T.plus_ms(5), "9".into(), &nothing, &pin, "p".into()))
            .map(|a| a.answered_in(Some(7)))
            .expect("legal");
        let now = Pin { request, ..pin.clone() };
        let shown = with_words(events(&now, &published), vec![said], &now.request);
        let [_, _, failed, edited, _, _, published] = shown.as_slice() else { panic!("{shown:?}") };
        assert_eq!(failed.content_hash, Some(content_hash(&pin.request)));
        assert_eq!((failed.latency_ms, &failed.changed_since), (Some(95), &Some(vec!["title"])));
        assert_eq!((&edited.note, &edited.changed_fields), (&None, &Some(vec!["title"])));
        assert_eq!(published.content_hash, Some(content_hash(&now.request)));
        assert_eq!((published.latency_ms, &published.note), (Some(7), &None));
        assert_eq!(published.changed_since, Some(Vec::new()));
    }

    #[test]
    fn deliveries_stand_where_they_were_last_tried() {
        let pin = testdata::pin();
        let attempt = Attempt::untouched(&pin)
            .begin(T, "a".into())
            .and_then(|a| a.published(T.plus_ms(10), "9".into(), &Upstream::default(), &pin, "p".into()))
            .expect("legal");
        let endpoint = EndpointKey { workspace: pin.key.workspace, endpoint: EndpointId(uuid::Uuid::from_u128(1)) };
        let delivery = |sequence, tried_at: Option<Moment>, state| {
            let id = DeliveryId::of(endpoint, EventId::of_pin(pin.key, sequence));
            Delivery {
                key: DeliveryKey { endpoint, event_at: T, id },
                event: EventType::PinPublished,
                source: Source::Pin { pin: pin.key.pin, sequence, told: None },
                state,
                tries: u32::from(tried_at.is_some()),
                last: tried_at.map(|at| LastTry { at, ..LastTry::default() }),
                body_sha256: None,
                is_replayed: false,
                delivered_before: None,
                is_changed: false,
                created_at: T.plus_ms(20),
                updated_at: T.plus_ms(20),
                expires_at: T.plus_ms(99),
            }
        };
        let next_at = Some(T.plus_ms(50));
        let deliveries = vec![
            delivery(2, Some(T.plus_ms(30)), State::Waiting { next_at }),
            delivery(1, Some(T.plus_ms(5)), State::Delivered),
            delivery(3, None, State::Waiting { next_at: None }),
            delivery(4, Some(T.plus_ms(30)), State::Failed),
        ];
        let shown = with_deliveries(events(&pin, &attempt), deliveries);
        let names: Vec<_> = shown.iter().map(|event| event.entry.name()).collect();
        let wanted = [
            "accepted",
            "attempt_started",
            "webhook_delivered",
            "published",
            "webhook_waiting",
            "webhook_failing",
            "webhook_gave_up",
        ];
        assert_eq!(names, wanted);
        assert_eq!((shown[5].next_at, shown[5].attempt), (next_at, None));
    }

    #[test]
    fn a_deferred_pin_shows_why_it_waits_and_until_when() {
        let slot = T.plus_ms(9_000);
        let pin = testdata::pin_of(testdata::request("k"), T, Placement::Slot(slot));
        let attempt = Attempt::untouched(&pin);
        let next = next_step(&pin, &attempt);
        assert_eq!((next.action, next.at), ("publish", Some(slot)));
        assert_eq!(events(&pin, &attempt)[1].note.as_deref(), Some("account_pacing"));
    }

    #[test]
    fn events_that_are_left_out_have_a_count_and_no_attempt() {
        let pin = testdata::pin();
        let omitted = Event::new(EventKind::Omitted, T, 23);
        let attempt = Attempt { history: vec![omitted], ..Attempt::untouched(&pin) };
        let entry = events(&pin, &attempt).pop().expect("an entry");
        assert_eq!((entry.attempt, entry.omitted_count), (None, Some(23)));
    }

    #[test]
    fn an_edit_and_a_retry_say_who_made_them_and_a_found_pin_when_it_was_created() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let key = Actor::Key(KeyId(uuid::Uuid::from_u128(0x1a2b_3c4d << 96)));
        let retried = Attempt::untouched(&pin)
            .failed(T, Failure::ImageBroken, &nothing, &pin, "f".into())
            .and_then(|failed| failed.retried(T, None, "r".into()))
            .expect("legal")
            .made_by(Some(key));
        let both = retried.with_edit().made_by(Some(key));
        let by = |events: &[TimelineEvent]| -> Vec<Option<By>> { events.iter().map(|one| one.by.clone()).collect() };
        let shown = events(&pin, &both);
        let of_mark = Some(By::of(Known::Mark(Mark::parse("key:1a2b3c4d").expect("a mark"))));
        assert_eq!(by(&shown), [None, None, of_mark.clone(), of_mark]);
        assert!(shown.iter().all(|event| event.upstream_request_id.is_none()));
        let named = with_names(shown, &[(key, "Paper".into())]);
        let whole = Some(By { known: Known::Actor(key), name: Some("Paper".into()) });
        assert_eq!(by(&named)[2..], [whole.clone(), whole]);

        let found = Attempt::untouched(&pin)
            .begin(T, "b".into())
            .and_then(|begun| begun.adopted(T.plus_ms(9), "7".into(), &nothing, &pin, "a".into()))
            .expect("legal")
            .created_on_pinterest(Some(T));
        let last = events(&pin, &found).pop().expect("an event");
        assert_eq!((last.next_at, last.created_on_pinterest_at), (None, Some(T)));
        assert!(was_found(&found) && created_on_pinterest_at(&found) == Some(T));
    }
}
