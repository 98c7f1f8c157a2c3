//! The log lines of a test, as fields.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
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
