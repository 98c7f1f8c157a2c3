//! An import's timeline: what its rows in the table record of it, each as a sentence.

use super::{ChunkResult, Import, ImportStatus, Outcome, Totals};
use crate::domain::pin::sentences::by;
use crate::domain::pin::shortened::shortened;
use crate::domain::pin::timeline::By;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, State};

/// An entry names this many of its rows that failed, the first ones.
const FAILED_ROWS_NAMED: usize = 3;
/// The longest message of a failed row in a sentence, in bytes.
const ROW_MESSAGE_MAX: usize = 200;

/// What an entry is. The names are public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Submitted,
    /// Some rows have results.
    RowsDone,
    Stopped,
    Completed,
    /// A task of Step Functions that waited for the import was ended.
    TaskEnded,
    /// It could not be ended yet; another try follows.
    TaskWaiting,
    /// It was over before, or its token was none.
    TaskGone,
}

impl Entry {
    pub const ALL: [Self; 7] = [
        Self::Submitted,
        Self::RowsDone,
        Self::Stopped,
        Self::Completed,
        Self::TaskEnded,
        Self::TaskWaiting,
        Self::TaskGone,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::RowsDone => "rows_done",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
            Self::TaskEnded => "task_ended",
            Self::TaskWaiting => "task_waiting",
            Self::TaskGone => "task_gone",
        }
    }
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: Moment,
    pub entry: Entry,
    pub text: String,
    /// Of the submission.
    pub by: Option<By>,
}

/// What is known about an import.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub import: &'a Import,
    pub results: &'a [ChunkResult],
    pub totals: &'a Totals,
    /// Who submitted it.
    pub by: Option<&'a By>,
    /// The ends of tasks that waited for it.
    pub tasks: &'a [Delivery],
}

/// The entries in order.
pub fn events(facts: &Facts<'_>) -> Vec<Event> {
    let Facts { import, results, by: who, .. } = *facts;
    let file = import.filename.as_ref().map(|name| format!(" from the file \"{name}\"")).unwrap_or_default();
    let text = format!(
        "The import of {} in {}{file} was submitted on {}{}.",
        rows(import.rows),
        import.source.name().to_uppercase(),
        import.created_at.in_words(),
        by(who)
    );
    let mut events = vec![Event { by: who.cloned(), ..event(import.created_at, Entry::Submitted, text) }];
    events.extend(results.iter().filter(|chunk| !chunk.rows.is_empty()).map(of_chunk));
    if let Some(stop) = import.stopped.as_ref().filter(|_| import.finished.is_none()) {
        let text = format!("The import stopped on {}. {}", stop.at.in_words(), stop.reason.message());
        events.push(event(stop.at, Entry::Stopped, text));
    }
    if let Some(at) = import.finished.and_then(|totals| totals.done_at) {
        let text = format!("On {}, every row of the import had a result.", at.in_words());
        events.push(event(at, Entry::Completed, text));
    }
    events.extend(facts.tasks.iter().map(of_task));
    events.sort_by_key(|event| event.at);
    events
}

fn of_chunk(chunk: &ChunkResult) -> Event {
    let numbers = || chunk.rows.iter().map(|row| row.number);
    let (first, last) = (numbers().min().unwrap_or_default(), numbers().max().unwrap_or_default());
    let which = if first == last { format!("row {first} was") } else { format!("rows {first} to {last} were") };
    let counts = counted(&Totals::of(std::slice::from_ref(chunk)));
    let text = format!("On {}, {which} processed: {counts}.{}", chunk.done_at.in_words(), failed_rows(chunk));
    event(chunk.done_at, Entry::RowsDone, text)
}

/// The first rows that failed, with why, and how many more did.
fn failed_rows(chunk: &ChunkResult) -> String {
    let failed = chunk.rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Failed(error) => Some((row.number, error)),
        Outcome::Created(_) | Outcome::Existing(_) => None,
    });
    let count = failed.clone().count();
    let named = failed.take(FAILED_ROWS_NAMED).map(|(number, error)| {
        let message = shortened(&error.message, ROW_MESSAGE_MAX);
        format!(" Row {number} failed with {}: {}.", error.code, message.trim_end_matches('.'))
    });
    let more = match count.saturating_sub(FAILED_ROWS_NAMED) {
        0 => String::new(),
        1 => " 1 more row failed.".to_owned(),
        more => format!(" {more} more rows failed."),
    };
    named.chain([more]).collect()
}

/// The end of a task, at the time of its last try.
fn of_task(delivery: &Delivery) -> Event {
    let at = delivery.last.as_ref().map_or(delivery.created_at, |last| last.at);
    let (entry, text) = match delivery.state {
        State::Delivered => {
            let text = format!("On {}, a task of Step Functions that waited for the import was ended.", at.in_words());
            (Entry::TaskEnded, text)
        }
        State::Waiting { next_at } => {
            let next = next_at.map(|at| format!(" The next try is planned for {}.", at.in_words()));
            let text = format!(
                "By {}, a task of Step Functions that waits for the import could not be ended.{}",
                at.in_words(),
                next.unwrap_or_default()
            );
            (Entry::TaskWaiting, text)
        }
        State::Failed => {
            let text = format!(
                "On {}, Step Functions answered that a task that waited for the import is over, or that its token is \
                 none.",
                at.in_words()
            );
            (Entry::TaskGone, text)
        }
    };
    event(at, entry, text)
}

/// What came of the rows, and why the others have no result yet.
pub fn summary(facts: &Facts<'_>) -> String {
    let Facts { import, totals, .. } = *facts;
    let (all, counts) = (rows(import.rows), counted(totals));
    let done = format!("{} of {all} have a result: {counts}.", totals.processed());
    let pins = match totals.created {
        0 => "",
        _ => " Whether a created pin was published, its own timeline says.",
    };
    match import.status(totals) {
        ImportStatus::Queued => format!("None of {all} has a result yet."),
        ImportStatus::Processing => format!("Not complete yet: {done}"),
        ImportStatus::Completed | ImportStatus::CompletedWithErrors => {
            let at = totals.done_at.map(|at| format!(" on {}", at.in_words())).unwrap_or_default();
            format!("Completed{at}: {counts}.{pins}")
        }
        ImportStatus::Failed => {
            let why = import.stopped.as_ref().map(|stop| stop.reason.message()).unwrap_or_default();
            format!("Stopped: {done} {why}")
        }
    }
}

fn rows(count: u32) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

fn counted(totals: &Totals) -> String {
    format!("{} created, {} existed already, {} failed", totals.created, totals.existing, totals.failed)
}

fn event(at: Moment, entry: Entry, text: String) -> Event {
    Event { at, entry, text, by: None }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::{ImportKey, Made, RowError, RowResult, Source, Stop, StopReason};
    use super::*;
    use crate::domain::event::{EventId, EventType};
    use crate::domain::ids::{ImportId, PinId};
    use crate::domain::testdata;
    use crate::domain::webhook::delivery::{self, DeliveryId, DeliveryKey, LastTry};
    use crate::domain::webhook::destination::Destination;

    /// 1 January 2026 at midnight, UTC.
    const T: Moment = Moment(1_767_225_600_000);

    fn import() -> Import {
        Import {
            key: ImportKey { workspace: testdata::workspace(), import: ImportId(Uuid::from_u128(1)) },
            source: Source::Csv,
            filename: Some("cranes.csv".into()),
            rows: 3,
            chunks: 2,
            content_hash: Vec::new(),
            unknown_columns: Vec::new(),
            options: None,
            accounts: Vec::new(),
            has_unknown_accounts: false,
            by: None,
            created_at: T,
            expires_at: T,
            nonce: "n".into(),
            stopped: None,
            finished: None,
        }
    }

    fn chunk(number: u32, rows: &[u32], failed: u32, done_ms: i64) -> ChunkResult {
        let outcome = |row: u32| {
            if row == failed {
                Outcome::Failed(RowError::new("validation_error", "title: Field required", &["title"]))
            } else {
                Outcome::Created(Made::Pin(PinId(Uuid::from_u128(row.into()))))
            }
        };
        let result = |row: &u32| RowResult {
            number: *row,
            key: None,
            outcome: outcome(*row),
            same_content_as_pin: None,
            board: None,
            image: None,
        };
        let rows = rows.iter().map(result).collect();
        ChunkResult { chunk: number, began_at: T, done_at: T.plus_ms(done_ms), rows }
    }

    fn told(import: &Import, results: &[ChunkResult]) -> (String, Vec<(&'static str, String)>) {
        let totals = Totals::of(results);
        let facts = Facts { import, results, totals: &totals, by: None, tasks: &[] };
        (summary(&facts), events(&facts).into_iter().map(|event| (event.entry.name(), event.text)).collect())
    }

    #[test]
    fn an_import_says_what_came_of_its_rows_so_far() {
        let (summary, events) = told(&import(), &[]);
        assert_eq!(summary, "None of 3 rows has a result yet.");
        let text = "The import of 3 rows in CSV from the file \"cranes.csv\" was submitted on 1 Jan 2026 at 00:00:00 \
                    UTC.";
        assert_eq!(events, [("submitted", text.to_owned())]);
        let half = [chunk(0, &[1, 2], 2, 1_000)];
        let (summary, events) = told(&import(), &half);
        let counts = "1 created, 0 existed already, 1 failed";
        assert_eq!(summary, format!("Not complete yet: 2 of 3 rows have a result: {counts}."));
        let text = format!(
            "On 1 Jan 2026 at 00:00:01 UTC, rows 1 to 2 were processed: {counts}. Row 2 failed with validation_error: \
             title: Field required."
        );
        assert_eq!(events[1], ("rows_done", text));
    }

    #[test]
    fn a_stopped_import_says_why_and_a_complete_one_does_not() {
        let half = [chunk(0, &[1, 2], 0, 1_000)];
        let stop = Stop { reason: StopReason::RowsMissing, at: T.plus_ms(5_000) };
        let stopped = Import { stopped: Some(stop), ..import() };
        let (summary, events) = told(&stopped, &half);
        assert!(summary.starts_with("Stopped: 2 of 3 rows have a result") && summary.contains("missing"), "{summary}");
        assert_eq!(events[2].0, "stopped");
        let both = [chunk(1, &[3], 3, 9_000), half[0].clone()];
        let done = Import { finished: Some(Totals::of(&both)), ..stopped };
        let (summary, events) = told(&done, &both);
        assert_eq!(
            summary,
            "Completed on 1 Jan 2026 at 00:00:09 UTC: 2 created, 0 existed already, 1 failed. Whether a created pin was \
             published, its own timeline says."
        );
        let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["submitted", "rows_done", "rows_done", "completed"]);
        let text = "On 1 Jan 2026 at 00:00:09 UTC, row 3 was processed: 0 created, 0 existed already, 1 failed. Row 3 \
                    failed with validation_error: title: Field required.";
        assert_eq!(events[2].1, text);
    }

    #[test]
    fn many_failed_rows_are_counted_behind_the_first_and_long_messages_are_cut() {
        let long = format!("title: {} is too long", "a".repeat(5_000));
        let failed = |number: u32| RowResult {
            number,
            key: None,
            outcome: Outcome::Failed(RowError::new("validation_error", long.clone(), &["title"])),
            same_content_as_pin: None,
            board: None,
            image: None,
        };
        let said = |count: u32| {
            let rows = (1..=count).map(failed).collect();
            failed_rows(&ChunkResult { chunk: 0, began_at: T, done_at: T, rows })
        };
        let (three, four, nine) = (said(3), said(4), said(9));
        assert!(three.contains(" Row 3 failed with validation_error: ") && !three.contains(" more "), "{three}");
        assert!(four.ends_with(" 1 more row failed.") && !four.contains("Row 4"), "{four}");
        assert!(nine.ends_with(" 6 more rows failed."), "{nine}");
        assert!(nine.len() < 4 * (ROW_MESSAGE_MAX + 50), "{} bytes", nine.len());
    }

    #[test]
    fn the_end_of_a_task_is_told_as_it_stands() {
        let endpoint = Destination::TaskTokens.endpoint(testdata::workspace()).key;
        let event = EventId::derived(endpoint.workspace, &["import"]);
        let task = |state: delivery::State| Delivery {
            key: DeliveryKey { endpoint, event_at: T, id: DeliveryId::of(endpoint, event) },
            event: EventType::ImportCompleted,
            source: delivery::Source::Stored { payload: "{}".into() },
            state,
            tries: 1,
            last: Some(LastTry { at: T.plus_ms(2_000), ..LastTry::default() }),
            body_sha256: None,
            is_replayed: false,
            delivered_before: None,
            is_changed: false,
            created_at: T,
            updated_at: T,
            expires_at: T,
        };
        let both = [chunk(0, &[1, 2], 0, 1_000), chunk(1, &[3], 0, 1_000)];
        let (import, totals) = (import(), Totals::of(&both));
        let waits = State::Waiting { next_at: Some(T.plus_ms(9_000)) };
        for (state, name, text) in [
            (State::Delivered, "task_ended", "On 1 Jan 2026 at 00:00:02 UTC, a task of Step Functions "),
            (waits, "task_waiting", "By 1 Jan 2026 at 00:00:02 UTC, a task of Step Functions "),
            (State::Failed, "task_gone", "On 1 Jan 2026 at 00:00:02 UTC, Step Functions answered "),
        ] {
            let tasks = [task(state)];
            let facts = Facts { import: &import, results: &both, totals: &totals, by: None, tasks: &tasks };
            let last = events(&facts).pop().expect("an event");
            assert_eq!((last.entry.name(), last.at), (name, T.plus_ms(2_000)));
            assert!(last.text.starts_with(text), "{}", last.text);
        }
    }
}
