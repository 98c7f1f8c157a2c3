//! A schedule's timeline: what its row and its pin's row record of it, each as a sentence. The row keeps the last
//! changes only; the activity log has all.

use super::edits::Change;
use super::{Schedule, ScheduleStatus, Stage};
use crate::domain::ids::PinId;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::late_cause::LateCause;
use crate::domain::pin::sentences::by;
use crate::domain::pin::sentences::summary::duration;
use crate::domain::pin::timeline::{By, created_on_pinterest_at, was_decided, was_found};
use crate::domain::time::Moment;

/// What an entry is. The names are public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Created,
    Changed,
    Released,
    Started,
    Published,
    Failed,
    Canceled,
}

impl Entry {
    pub const ALL: [Self; 7] =
        [Self::Created, Self::Changed, Self::Released, Self::Started, Self::Published, Self::Failed, Self::Canceled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Released => "released",
            Self::Started => "started",
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: Moment,
    pub entry: Entry,
    pub text: String,
    /// Of the creation, a change and the cancellation.
    pub by: Option<By>,
    /// Of a change, the fields that it changed, if the row has them.
    pub changed_fields: Option<Vec<&'static str>>,
    /// The pin, of what happened to it.
    pub pin: Option<PinId>,
}

/// What is known about a schedule.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub schedule: &'a Schedule,
    /// The pin of the present run, if it exists.
    pub pin: Option<&'a (Pin, Attempt)>,
    pub status: ScheduleStatus,
    /// How long after its time it began, if that was late, and why.
    pub late_by_ms: Option<i64>,
    pub late_cause: Option<LateCause>,
    /// Who created it.
    pub by: Option<&'a By>,
    /// The changes that the row keeps, and who made them.
    pub changes: &'a [(Change, Option<By>)],
    /// Who canceled it.
    pub canceled_by: Option<&'a By>,
}

impl Facts<'_> {
    /// The id of the pin, unless the pin is deleted.
    fn pin_id(&self) -> Option<PinId> {
        self.pin.filter(|(pin, _)| pin.hidden_at.is_none()).map(|(pin, _)| pin.key.pin)
    }

    fn attempt(&self) -> Option<&Attempt> {
        self.pin.map(|(_, attempt)| attempt)
    }

    /// When its present run ended without a Pin, or with one.
    fn ended_at(&self) -> Moment {
        let ended_at = self.attempt().and_then(|attempt| attempt.finished_at);
        ended_at.unwrap_or(self.schedule.updated_at)
    }

    /// Why it failed.
    fn failure(&self) -> Option<Failure> {
        match self.schedule.stage {
            Stage::Failed(failure) => Some(failure),
            Stage::Scheduled | Stage::Released | Stage::Canceled => self.attempt().and_then(|attempt| attempt.failure),
        }
    }

    /// How often a caller has changed its time. (Each further run has moved it once, too.)
    fn time_changes(&self) -> u32 {
        self.schedule.moves.saturating_sub(self.schedule.run)
    }

    /// How late it was, behind what was late.
    fn late(&self) -> String {
        let Some(late_ms) = self.late_by_ms else { return String::new() };
        let cause = self.late_cause.map(|cause| format!(" {}", cause.message())).unwrap_or_default();
        format!(" That was {} after its time.{cause}", duration(late_ms))
    }
}

/// The entries in order.
pub fn events(facts: &Facts<'_>) -> Vec<Event> {
    let schedule = facts.schedule;
    let mut events =
        vec![Event { by: facts.by.cloned(), ..event(schedule.created_at, Entry::Created, created(facts)) }];
    events.extend(facts.changes.iter().map(|(change, by)| one_change(change, by.as_ref())));
    // A row of an earlier version, or of a retry, keeps only when it was written last. Once it is handed over, that
    // isn't a change.
    let is_told = facts.changes.last().is_some_and(|(change, _)| change.at == schedule.updated_at);
    if schedule.stage == Stage::Scheduled && schedule.version > 1 && !is_told {
        events.push(event(schedule.updated_at, Entry::Changed, changed(facts)));
    }
    let pin = facts.pin_id();
    let named = pin.map(|id| format!(" {id}")).unwrap_or_default();
    if let Some(at) = schedule.released_at {
        let text = format!(
            "On {}, the schedule was handed over, to be published as the pin{named} on {}.",
            at.in_words(),
            schedule.not_before.in_words()
        );
        events.push(Event { pin, ..event(at, Entry::Released, text) });
    }
    if let Some(at) = facts.attempt().and_then(Attempt::first_started_at) {
        let text = format!("On {}, the first attempt to publish the pin{named} began.{}", at.in_words(), facts.late());
        events.push(Event { pin, ..event(at, Entry::Started, text) });
    }
    events.extend(end(facts).map(|end| Event { pin: pin.filter(|_| end.entry != Entry::Canceled), ..end }));
    events
}

/// How the present run ended, if it has.
fn end(facts: &Facts<'_>) -> Option<Event> {
    let is_published = facts.attempt().is_some_and(|attempt| attempt.status == Status::Published);
    let at = facts.ended_at();
    match facts.status {
        ScheduleStatus::Done if is_published => Some(event(at, Entry::Published, published(facts))),
        ScheduleStatus::Failed => {
            let why = facts.failure().map(|failure| format!(": {}", failure.message()));
            let why = why.unwrap_or_else(|| ".".to_owned());
            Some(event(at, Entry::Failed, format!("The schedule failed on {}{why}", at.in_words())))
        }
        ScheduleStatus::Canceled => {
            let (at_words, by) = (at.in_words(), by(facts.canceled_by));
            let text = format!("On {at_words}, the schedule was canceled{by} before its pin was published.");
            Some(Event { by: facts.canceled_by.cloned(), ..event(at, Entry::Canceled, text) })
        }
        _ => None,
    }
}

fn created(facts: &Facts<'_>) -> String {
    let Schedule { created_at, run_at, origin, .. } = facts.schedule;
    // Of a schedule that was moved, the first time isn't known.
    let time = match facts.time_changes() {
        0 => format!(", for {}", run_at.in_words()),
        _ => String::new(),
    };
    let import = origin.import.map(|(id, row)| format!(" It comes from row {row} of the import {id}."));
    format!(
        "The schedule was created on {}{}{time}.{}",
        created_at.in_words(),
        by(facts.by),
        import.unwrap_or_default()
    )
}

fn one_change(change: &Change, maker: Option<&By>) -> Event {
    let names = change.names();
    let text = format!("On {}, the schedule was changed{}: {}.", change.at.in_words(), by(maker), names.join(", "));
    Event { by: maker.cloned(), changed_fields: Some(names), ..event(change.at, Entry::Changed, text) }
}

fn changed(facts: &Facts<'_>) -> String {
    let Schedule { updated_at, not_before, run, .. } = facts.schedule;
    let what = if *run == 0 { "changed" } else { "changed or retried" };
    let times = match facts.time_changes() {
        0 => String::new(),
        1 => " Its time was changed once.".to_owned(),
        times => format!(" Its time was changed {times} times."),
    };
    format!(
        "On {}, the schedule was last {what}.{times} It is to be published on {}.",
        updated_at.in_words(),
        not_before.in_words()
    )
}

fn published(facts: &Facts<'_>) -> String {
    let (at, attempt) = (facts.ended_at().in_words(), facts.attempt());
    let id = attempt.and_then(|attempt| attempt.pinterest_pin_id.as_deref());
    let the_pin = id.map_or_else(|| "the Pin".to_owned(), |id| format!("the Pin {id}"));
    let created = attempt.and_then(created_on_pinterest_at);
    let created = created.map(|at| format!(" Pinterest created it on {}.", at.in_words())).unwrap_or_default();
    if attempt.is_some_and(was_found) {
        return format!(
            "Published. Pinterest's answer was lost, and {the_pin} was found on the board on {at}.{created}"
        );
    }
    if attempt.is_some_and(was_decided) {
        return format!(
            "Published. The board did not show which Pin it is, and on {at}, a person decided that it is \
             {the_pin}.{created}"
        );
    }
    let id = id.map(|id| format!(" as the Pin {id}")).unwrap_or_default();
    format!("Published on {at}{id}.")
}

/// Whether the schedule's pin is published, and what explains it.
pub fn summary(facts: &Facts<'_>) -> String {
    let at = facts.ended_at().in_words();
    match facts.status {
        ScheduleStatus::Scheduled => {
            format!("Not published yet: it is scheduled for {}.", facts.schedule.not_before.in_words())
        }
        ScheduleStatus::Queued | ScheduleStatus::Deferred | ScheduleStatus::Running => match facts.pin_id() {
            Some(id) => format!(
                "Not published yet: its time has come, and the timeline of its pin (GET /v1/pins/{id}/timeline) says \
                 what it waits for."
            ),
            None => "Not published yet: its time has come, and its pin is about to be made.".to_owned(),
        },
        ScheduleStatus::Done => {
            let late = facts.late_by_ms.map(|late_ms| {
                let cause = facts.late_cause.map(|cause| format!(" {}", cause.message())).unwrap_or_default();
                format!(" It started {} after its time.{cause}", duration(late_ms))
            });
            format!("{}{}", published(facts), late.unwrap_or_default())
        }
        ScheduleStatus::Failed => {
            let failure = facts.failure();
            let why = failure.map(|failure| format!(" {} {}", failure.message(), failure.remedy()));
            format!("The schedule failed on {at}.{}", why.unwrap_or_default())
        }
        ScheduleStatus::Canceled => {
            format!("Canceled on {at}{}, before its pin was published.", by(facts.canceled_by))
        }
    }
}

fn event(at: Moment, entry: Entry, text: String) -> Event {
    Event { at, entry, text, by: None, changed_fields: None, pin: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{ImportId, KeyId, UserId};
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::origin::{Actor, Origin};
    use crate::domain::pin::{PinRequest, Placement};
    use crate::domain::schedule::edits::CHANGES_KEPT;
    use crate::domain::testdata;
    use crate::domain::time::MINUTE_MS;
    use uuid::Uuid;

    /// 1 January 2026 at midnight, UTC.
    const T: Moment = Moment(1_767_225_600_000);
    const RETENTION_MS: i64 = 1_000;

    fn later(ms: i64) -> Moment {
        T.plus_ms(ms)
    }

    fn schedule() -> Schedule {
        Schedule { origin: Origin::default(), ..testdata::schedule(1, T, later(10 * MINUTE_MS)) }
    }

    fn pin_of(schedule: &Schedule) -> Pin {
        let pin = testdata::pin_of(schedule.pin_request(), later(7 * MINUTE_MS), Placement::Due(schedule.not_before));
        Pin { key: schedule.pin_key(), ..pin }
    }

    fn told(schedule: &Schedule, pin: Option<&(Pin, Attempt)>) -> (String, Vec<(&'static str, String)>) {
        let status = schedule.status(pin.map(|(_, attempt)| attempt), later(20 * MINUTE_MS));
        let facts = Facts {
            schedule,
            pin,
            status,
            late_by_ms: None,
            late_cause: None,
            by: None,
            changes: &[],
            canceled_by: None,
        };
        (summary(&facts), events(&facts).into_iter().map(|event| (event.entry.name(), event.text)).collect())
    }

    fn names(events: &[(&'static str, String)]) -> Vec<&'static str> {
        events.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn a_schedule_that_waits_says_for_when_and_whether_it_was_moved() {
        let first = schedule();
        let (summary, events) = told(&first, None);
        assert_eq!(summary, "Not published yet: it is scheduled for 1 Jan 2026 at 00:10:00 UTC.");
        let text = "The schedule was created on 1 Jan 2026 at 00:00:00 UTC, for 1 Jan 2026 at 00:10:00 UTC.";
        assert_eq!(events, [("created", text.to_owned())]);
        let request = first.request.clone();
        let moved = first.edited(request, later(30 * MINUTE_MS), later(1_000), RETENTION_MS, "m".into());
        let (summary, events) = told(&moved.expect("is edited"), None);
        assert_eq!(summary, "Not published yet: it is scheduled for 1 Jan 2026 at 00:30:00 UTC.");
        assert_eq!(events[0].1, "The schedule was created on 1 Jan 2026 at 00:00:00 UTC.", "its first time is gone");
        let text = "On 1 Jan 2026 at 00:00:01 UTC, the schedule was last changed. Its time was changed once. It is to be \
                    published on 1 Jan 2026 at 00:30:00 UTC.";
        assert_eq!(events[1], ("changed", text.to_owned()));
    }

    #[test]
    fn each_change_says_who_made_it_and_of_what_also_when_the_schedule_is_canceled() {
        let (key, person) = (Actor::Key(KeyId(Uuid::from_u128(5))), Actor::User(UserId(Uuid::from_u128(6))));
        let first = schedule();
        let retitled = PinRequest { title: "Mended".into(), ..first.request.clone() };
        let renamed = first
            .edited(retitled.clone(), first.run_at, later(1_000), RETENTION_MS, "a".into())
            .expect("is edited")
            .changed_by(&first, Some(key));
        let moved = renamed
            .edited(retitled.clone(), later(30 * MINUTE_MS), later(2_000), RETENTION_MS, "b".into())
            .expect("is edited")
            .changed_by(&renamed, Some(person));
        let same = moved.edited(retitled, moved.run_at, later(2_500), RETENTION_MS, "c".into()).expect("is edited");
        assert_eq!(same.changed_by(&moved, None).changes.len(), 2, "nothing changed");
        let canceled = moved.canceled(later(3_000), "d".into()).expect("is canceled");
        let named = |change: &Change| change.by.map(|actor| By::named(actor, Some("Ada".into())));
        for (schedule, status) in [(&moved, ScheduleStatus::Scheduled), (&canceled, ScheduleStatus::Canceled)] {
            let changes: Vec<_> = schedule.changes.iter().map(|change| (change.clone(), named(change))).collect();
            let facts = Facts {
                schedule,
                pin: None,
                status,
                late_by_ms: None,
                late_cause: None,
                by: None,
                changes: &changes,
                canceled_by: None,
            };
            let told = events(&facts);
            let changed: Vec<_> = told.iter().filter(|event| event.entry == Entry::Changed).collect();
            let texts: Vec<&str> = changed.iter().map(|event| event.text.as_str()).collect();
            assert_eq!(
                texts,
                [
                    "On 1 Jan 2026 at 00:00:01 UTC, the schedule was changed by the API key \"Ada\": title.",
                    "On 1 Jan 2026 at 00:00:02 UTC, the schedule was changed by Ada: run_at."
                ]
            );
            assert_eq!(changed[0].changed_fields, Some(vec!["title"]));
        }
        let mut often = moved;
        for number in 0..9 {
            let request = PinRequest { title: number.to_string(), ..often.request.clone() };
            let at = later(4_000 + number);
            let next = often.edited(request, often.run_at, at, RETENTION_MS, "n".into()).expect("is edited");
            often = next.changed_by(&often, None);
        }
        assert_eq!((often.changes.len(), often.changes[0].at), (CHANGES_KEPT, later(4_004)));
    }

    #[test]
    fn a_published_schedule_names_its_pin_and_how_late_it_was() {
        let released = schedule().released(later(7 * MINUTE_MS), RETENTION_MS, "r".into()).expect("is released");
        let pin = pin_of(&released);
        let attempt = Attempt::untouched(&pin)
            .begin(later(10 * MINUTE_MS + 43_000), "b".into())
            .and_then(|a| a.published(later(11 * MINUTE_MS), "99".into(), &Upstream::default(), &pin, "p".into()))
            .expect("legal");
        let (summary, events) = told(&released, Some(&(pin.clone(), attempt.clone())));
        assert_eq!(summary, "Published on 1 Jan 2026 at 00:11:00 UTC as the Pin 99.");
        assert_eq!(names(&events), ["created", "released", "started", "published"]);
        assert!(events[1].1.contains(&pin.key.pin.to_string()), "{events:?}");
        let pair = (pin, attempt);
        let late = Facts {
            schedule: &released,
            pin: Some(&pair),
            status: ScheduleStatus::Done,
            late_by_ms: Some(43_000),
            late_cause: None,
            by: None,
            changes: &[],
            canceled_by: None,
        };
        assert!(super::summary(&late).ends_with("It started 43 s after its time."));
    }

    #[test]
    fn a_schedule_that_failed_or_was_canceled_says_why_and_when() {
        let released = schedule().released(later(1_000), RETENTION_MS, "r".into()).expect("is released");
        let failed = released.failed(Failure::KeyTaken, later(2_000), "f".into()).expect("fails");
        let (summary, events) = told(&failed, None);
        assert!(summary.starts_with("The schedule failed on 1 Jan 2026 at 00:00:02 UTC. Another pin"), "{summary}");
        assert_eq!(names(&events), ["created", "released", "failed"]);
        let canceled = schedule().canceled(later(3_000), "c".into()).expect("is canceled");
        let (summary, events) = told(&canceled, None);
        assert_eq!(summary, "Canceled on 1 Jan 2026 at 00:00:03 UTC, before its pin was published.");
        assert_eq!(names(&events), ["created", "canceled"]);
    }

    #[test]
    fn a_pin_that_was_found_or_decided_on_says_when_pinterest_created_it() {
        let released = schedule().released(later(7 * MINUTE_MS), RETENTION_MS, "r".into()).expect("is released");
        let pin = pin_of(&released);
        let (created, known) = (later(10 * MINUTE_MS + 2_000), later(12 * MINUTE_MS));
        let lost = Attempt::untouched(&pin)
            .begin(later(10 * MINUTE_MS), "b".into())
            .and_then(|a| a.unresolved_outcome(later(10 * MINUTE_MS + 15_000), known, &Upstream::default(), "u".into()))
            .expect("legal");
        let found = lost.adopted(known, "99".into(), &Upstream::default(), &pin, "a".into()).expect("legal");
        let found = found.created_on_pinterest(Some(created));
        let (summary, events) = told(&released, Some(&(pin.clone(), found)));
        let text = "Published. Pinterest's answer was lost, and the Pin 99 was found on the board on 1 Jan 2026 at \
                    00:12:00 UTC. Pinterest created it on 1 Jan 2026 at 00:10:02 UTC.";
        assert_eq!((summary.as_str(), &events[3]), (text, &("published", text.to_owned())));

        let decided = lost
            .failed(known, Failure::OutcomeAmbiguous, &Upstream::default(), &pin, "f".into())
            .and_then(|a| {
                a.resolved_by_person(later(20 * MINUTE_MS), "99".into(), None, &pin, 2 * MINUTE_MS, "d".into())
            })
            .expect("legal");
        let (summary, _) = told(&released, Some(&(pin, decided)));
        let text = "Published. The board did not show which Pin it is, and on 1 Jan 2026 at 00:20:00 UTC, a person \
                    decided that it is the Pin 99.";
        assert_eq!(summary, text);
    }

    #[test]
    fn a_cancellation_says_who_canceled() {
        let person = By::named(Actor::User(UserId(Uuid::from_u128(6))), Some("Ada".into()));
        let canceled = schedule().canceled(later(3_000), "c".into()).expect("is canceled");
        let status = ScheduleStatus::Canceled;
        let facts = Facts {
            schedule: &canceled,
            pin: None,
            status,
            late_by_ms: None,
            late_cause: None,
            by: None,
            changes: &[],
            canceled_by: Some(&person),
        };
        let text = "On 1 Jan 2026 at 00:00:03 UTC, the schedule was canceled by Ada before its pin was published.";
        let last = events(&facts).remove(1);
        assert_eq!((last.text.as_str(), last.by.as_ref()), (text, Some(&person)));
        assert_eq!(
            super::summary(&facts),
            "Canceled on 1 Jan 2026 at 00:00:03 UTC by Ada, before its pin was published."
        );
    }

    #[test]
    fn its_creation_says_who_asked_by_what() {
        let id = Uuid::from_u128(5);
        let origin = Origin { import: Some((ImportId(id), 7)), ..Origin::default() };
        let schedule = Schedule { origin, ..schedule() };
        let key = By::named(Actor::Key(KeyId(id)), Some("Paper".into()));
        let status = ScheduleStatus::Scheduled;
        let facts = Facts {
            schedule: &schedule,
            pin: None,
            status,
            late_by_ms: None,
            late_cause: None,
            by: Some(&key),
            changes: &[],
            canceled_by: None,
        };
        let first = events(&facts).remove(0);
        let text = format!(
            "The schedule was created on 1 Jan 2026 at 00:00:00 UTC by the API key \"Paper\", for 1 Jan 2026 at \
             00:10:00 UTC. It comes from row 7 of the import {id}."
        );
        assert_eq!((first.text, first.by), (text, Some(key)));
    }
}
