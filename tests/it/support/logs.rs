//! The log lines of a test, as fields.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest, set_default, set_global_default};
use tracing::{Event, Metadata, Subscriber};

/// A line: its fields, the text as `message`, the level as `level`.
pub type Line = BTreeMap<String, String>;

/// Takes the lines of this thread as long as it lives.
pub struct Logs {
    lines: Arc<Mutex<Vec<Line>>>,
    _guard: DefaultGuard,
}

impl Logs {
    pub fn take() -> Self {
        ask_at_every_line();
        let lines = Arc::default();
        Self { lines: Arc::clone(&lines), _guard: set_default(Taker(lines)) }
    }

    /// The lines since this was last called that have this text.
    pub fn of(&self, message: &str) -> Vec<Line> {
        let mut lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        lines.retain(|line| line.get("message").is_some_and(|text| text == message));
        lines
    }

    /// The classes of a metric that was counted since this was last called.
    pub fn metric(&self, name: &str) -> Vec<String> {
        let counted = self.of("metric").into_iter().filter(|line| line["name"] == name);
        counted.map(|line| line["classes"].clone()).collect()
    }
}

/// tracing keeps for each line in the code whether anybody wants it, for all threads. A line that another thread
/// reaches for the first time while this thread begins to take lines may be kept as unwanted for good. A subscriber
/// that says "sometimes" and comes before all others makes tracing ask the thread's own at every line.
fn ask_at_every_line() {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| set_global_default(Nobody).expect("no test sets one for all threads"));
}

/// Takes no line.
struct Nobody;

impl Subscriber for Nobody {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Taker(Arc<Mutex<Vec<Line>>>);

struct Fields(Line);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Taker {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("pinbridge")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(Line::from([("level".into(), event.metadata().level().to_string())]));
        event.record(&mut fields);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fields.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
