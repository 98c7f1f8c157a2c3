//! A workspace's activity log: what people, keys and workers did in it.
//!
//! An entry refers to an [`Action`] of the table below, which has the constant part. Entries of `pin.created` and
//! `pin.published` aren't stored; `flows/activity` derives them from the pins.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::domain::ids::{AccountId, KeyId, PinId, UserId};
use crate::domain::time::{DAY_MS, Moment};

/// The longest value of an entry's details, in characters.
pub const DETAIL_MAX: usize = 200;
/// The detail that has the ids of a bulk action's resources.
const IDS: &str = "ids";

/// The categories of the public API, as far as an action has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    Security,
    Publishing,
    Configuration,
    Integration,
}

impl Category {
    pub fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Publishing => "publishing",
            Self::Configuration => "configuration",
            Self::Integration => "integration",
        }
    }
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failed,
    /// The action is carried out later.
    Queued,
    Canceled,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Success, Self::Failed, Self::Queued, Self::Canceled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Queued => "queued",
            Self::Canceled => "canceled",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// A kind of audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// The public name, which filters use.
    pub name: &'static str,
    pub category: Category,
    /// The type of the resource that the action concerns.
    pub resource: &'static str,
    /// The outcome when the action succeeds.
    pub outcome: Outcome,
    /// One sentence for the user.
    pub message: &'static str,
}

const fn action(name: &'static str, category: Category, resource: &'static str, message: &'static str) -> Action {
    Action { name, category, resource, outcome: Outcome::Success, message }
}

use Category as C;

pub const PIN_CREATED: Action =
    Action { outcome: Outcome::Queued, ..action("pin.created", C::Publishing, "pin", "A pin was accepted.") };
pub const PIN_PUBLISHED: Action = action("pin.published", C::Publishing, "pin", "A pin was published.");
pub const PIN_PUBLISH_FAILED: Action = Action {
    outcome: Outcome::Failed,
    ..action("pin.publish_failed", C::Publishing, "pin", "A pin could not be published.")
};
pub const WEBHOOK_DISABLED: Action =
    action("webhook.disabled", C::Integration, "webhook", "A webhook was disabled because of its answers.");

/// Every action. Names are public API: they are added, never changed.
#[rustfmt::skip] // One row per action keeps it readable as a table.
pub const ACTIONS: [Action; 43] = [
    PIN_CREATED,
    PIN_PUBLISHED,
    PIN_PUBLISH_FAILED,
    action("auth.login", C::Security, "user", "A person logged in."),
    action("auth.logout", C::Security, "user", "A person logged out."),
    action("auth.registered", C::Security, "user", "A person registered."),
    action("auth.email_verified", C::Security, "user", "A person proved that an email address is theirs."),
    action("auth.password_changed", C::Security, "user", "A person changed their password."),
    action("profile.updated", C::Configuration, "user", "A profile was changed."),
    action("project.sandbox_created", C::Configuration, "project", "The sandbox was created."),
    action("project.sandbox_reset", C::Configuration, "project", "The sandbox was reset."),
    action("project.switched", C::Security, "project", "A person switched to another project."),
    action("api_key.created", C::Security, "api_key", "An API key was created."),
    action("api_key.updated", C::Security, "api_key", "An API key was changed."),
    action("api_key.revoked", C::Security, "api_key", "An API key was revoked."),
    action("account.connection_started", C::Integration, "account", "Connecting a Pinterest account was started."),
    action("account.connected", C::Integration, "account", "A Pinterest account was connected."),
    action("account.disconnected", C::Integration, "account", "A Pinterest account was disconnected."),
    action("board.created", C::Integration, "board", "A board was created."),
    action("board.updated", C::Integration, "board", "A board was changed."),
    action("board.deleted", C::Integration, "board", "A board was deleted."),
    action("board_section.created", C::Integration, "board", "A section was added to a board."),
    Action { outcome: Outcome::Queued, ..action("pin.batch_created", C::Publishing, "pin", "Several pins were submitted at once.") },
    action("pin.updated", C::Publishing, "pin", "A pin was changed."),
    action("pin.deleted", C::Publishing, "pin", "A pin was deleted."),
    action("pin.bulk_deleted", C::Publishing, "pin", "Several pins were deleted."),
    Action { outcome: Outcome::Queued, ..action("pin.retried", C::Publishing, "pin", "A pin was retried.") },
    action("pin.resolved", C::Publishing, "pin", "A person decided the outcome of a pin."),
    Action { outcome: Outcome::Queued, ..action("pin.bulk_retried", C::Publishing, "pin", "Several pins were retried.") },
    Action { outcome: Outcome::Queued, ..action("import.created", C::Publishing, "import_job", "An import was submitted.") },
    Action { outcome: Outcome::Queued, ..action("import.resumed", C::Publishing, "import_job", "An import was resumed.") },
    Action { outcome: Outcome::Queued, ..action("schedule.created", C::Publishing, "schedule", "A schedule was created.") },
    action("schedule.updated", C::Publishing, "schedule", "A schedule was changed."),
    Action { outcome: Outcome::Canceled, ..action("schedule.canceled", C::Publishing, "schedule", "A schedule was canceled.") },
    action("schedule.deleted", C::Publishing, "schedule", "A schedule was deleted."),
    Action { outcome: Outcome::Queued, ..action("schedule.retried", C::Publishing, "schedule", "A schedule was retried.") },
    action("schedule.bulk_canceled", C::Publishing, "schedule", "Several schedules were to be canceled."),
    action("schedule.bulk_deleted", C::Publishing, "schedule", "Several schedules were to be deleted."),
    Action { outcome: Outcome::Queued, ..action("schedule.bulk_retried", C::Publishing, "schedule", "Several schedules were retried.") },
    action("webhook.created", C::Integration, "webhook", "A webhook was created."),
    action("webhook.updated", C::Integration, "webhook", "A webhook was changed."),
    action("webhook.deleted", C::Integration, "webhook", "A webhook was deleted."),
    WEBHOOK_DISABLED,
];

impl Action {
    pub fn parse(name: &str) -> Option<&'static Self> {
        ACTIONS.iter().find(|action| action.name == name)
    }
}

/// Who acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Key(KeyId),
    User(UserId),
    /// The system itself, at a time that a caller set.
    System,
    Worker,
}

impl By {
    /// The public API's `actor_type`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Key(_) => "api_key",
            Self::User(_) => "user",
            Self::System => "system",
            Self::Worker => "worker",
        }
    }

    /// The id of the key or the person; `None` when the system acted.
    pub fn id(self) -> Option<Uuid> {
        match self {
            Self::Key(id) => Some(id.0),
            Self::User(id) => Some(id.0),
            Self::System | Self::Worker => None,
        }
    }

    pub fn parse(kind: &str, id: Option<Uuid>) -> Option<Self> {
        match (kind, id) {
            ("api_key", Some(id)) => Some(Self::Key(KeyId(id))),
            ("user", Some(id)) => Some(Self::User(UserId(id))),
            ("system", None) => Some(Self::System),
            ("worker", None) => Some(Self::Worker),
            _ => None,
        }
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: Uuid,
    pub at: Moment,
    pub by: By,
    /// The key's name or the person's email address at that time.
    pub label: Option<String>,
    pub action: &'static Action,
    pub outcome: Outcome,
    pub resource_id: Option<String>,
    /// The account that the action concerned, if it concerned exactly one.
    pub account: Option<AccountId>,
    pub request_id: Option<String>,
    /// Names and plain values; never a secret, and nothing from a request's body.
    pub details: Vec<(String, String)>,
}

impl Entry {
    /// An entry without a resource, an account or details; its maker sets what it knows.
    pub fn new(id: Uuid, at: Moment, by: By, action: &'static Action) -> Self {
        Self {
            id,
            at,
            by,
            label: None,
            action,
            outcome: action.outcome,
            resource_id: None,
            account: None,
            request_id: None,
            details: Vec::new(),
        }
    }

    /// Adds a detail, cut to [`DETAIL_MAX`] characters.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.push((name.to_owned(), value.into().chars().take(DETAIL_MAX).collect()));
        self
    }

    /// The ids of a bulk action's resources, uncut.
    #[must_use]
    pub fn with_ids(mut self, ids: &[&str]) -> Self {
        self.details.push((IDS.into(), ids.join(",")));
        self
    }

    /// Whether the entry's action was about the resource with this id, alone or together with others.
    fn is_about(&self, id: &str) -> bool {
        let is_one_of = |(name, ids): &(String, String)| name == IDS && ids.split(',').any(|one| one == id);
        self.resource_id.as_deref() == Some(id) || self.details.iter().any(is_one_of)
    }

    /// The entry of a pin's action. Its id is derived, so that recording it again yields the same entry.
    pub fn of_pin(pin: PinId, nth: u32, at: Moment, by: By, action: &'static Action) -> Self {
        let id = Uuid::new_v5(&pin.0, format!("{}\0{nth}", action.name).as_bytes());
        Self { resource_id: Some(pin.to_string()), ..Self::new(id, at, by, action) }
    }
}

/// Filters for entries. An unknown name matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub category: Option<String>,
    pub action: Option<String>,
    pub status: Option<String>,
    pub resource_type: Option<String>,
    pub resource_id: Option<String>,
    pub since: Option<Moment>,
}

impl Wanted {
    /// Whether the entry matches every filter but the time.
    pub fn admits(&self, entry: &Entry) -> bool {
        self.admits_any(entry.action)
            && is(self.status.as_deref(), entry.outcome.name())
            && self.resource_id.as_deref().is_none_or(|id| entry.is_about(id))
    }

    /// Whether entries of this action with its usual outcome can match.
    pub fn admits_all(&self, action: &Action) -> bool {
        self.admits_any(action) && is(self.status.as_deref(), action.outcome.name())
    }

    fn admits_any(&self, action: &Action) -> bool {
        is(self.category.as_deref(), action.category.name())
            && is(self.action.as_deref(), action.name)
            && is(self.resource_type.as_deref(), action.resource)
    }

    /// Whether any stored entry can match: what is derived from the pins isn't stored.
    pub fn admits_stored(&self) -> bool {
        let is_known = self.status.as_deref().is_none_or(|name| Outcome::parse(name).is_some());
        let is_stored = |action: &&Action| ![PIN_CREATED.name, PIN_PUBLISHED.name].contains(&action.name);
        is_known && ACTIONS.iter().filter(is_stored).any(|action| self.admits_any(action))
    }

    /// Whether only entries of published pins can match.
    pub fn is_about_published(&self) -> bool {
        self.action.as_deref() == Some(PIN_PUBLISHED.name)
    }
}

fn is(wanted: Option<&str>, name: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == name)
}

/// The list that an entry is in. At the same moment, stored entries come first; of a pin, its publishing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    Stored,
    Published,
    Created,
}

/// The entry after which the next page begins. Entries are newest first, then by list, then by id. The end of a pin
/// stands at its acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub at: Moment,
    pub list: List,
    /// The id of the entry, or of the pin.
    pub id: Uuid,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = match self.list {
            List::Stored => 's',
            List::Published => 'p',
            List::Created => 'c',
        };
        write!(f, "{list}_{}_{}", self.at.0, self.id.simple())
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (list, rest) = text.split_once('_').ok_or(())?;
        let (at, id) = rest.split_once('_').ok_or(())?;
        let list = match list {
            "s" => List::Stored,
            "p" => List::Published,
            "c" => List::Created,
            _ => return Err(()),
        };
        let at: i64 = at.parse().map_err(|_| ())?;
        let is_time = (0..10_000_000_000_000).contains(&at);
        let id = Uuid::try_parse(id).map_err(|_| ())?;
        if is_time { Ok(Self { at: Moment(at), list, id }) } else { Err(()) }
    }
}

/// How long entries are kept, in words.
pub fn retention_label(kept_ms: i64) -> String {
    let days = kept_ms / DAY_MS;
    for (unit_days, unit) in [(365, "year"), (30, "month"), (7, "week"), (1, "day")] {
        if days >= unit_days && days % unit_days == 0 {
            let count = days / unit_days;
            return format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
        }
    }
    format!("{days} days")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_used_once_and_parse_back() {
        for (index, action) in ACTIONS.iter().enumerate() {
            assert_eq!(ACTIONS.iter().position(|known| known.name == action.name), Some(index), "{}", action.name);
            assert!(action.message.ends_with('.'));
        }
        assert_eq!(Action::parse("pin.created"), Some(&PIN_CREATED));
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.name()), Some(outcome));
        }
    }

    #[test]
    fn a_cursor_is_parsed_back_and_invalid_text_is_refused() {
        let id = Uuid::from_u128(7);
        for cursor in [
            Cursor { at: Moment(1_767_225_600_000), list: List::Stored, id },
            Cursor { at: Moment(0), list: List::Created, id },
            Cursor { at: Moment(1), list: List::Published, id },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in
            ["", "s", "s_1", "x_1_00000000000000000000000000000007", "s_-1_00000000000000000000000000000007", "c_1_7"]
        {
            assert_eq!(wrong.parse::<Cursor>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn unknown_names_match_nothing() {
        let wanted = |category: &str| Wanted { category: Some(category.into()), ..Wanted::default() };
        assert!(Wanted::default().admits_stored() && Wanted::default().admits_all(&PIN_CREATED));
        assert!(!wanted("billing").admits_stored() && !wanted("nonsense").admits_all(&PIN_CREATED));
        let status = |name: &str| Wanted { status: Some(name.into()), ..Wanted::default() };
        assert!(!status("nonsense").admits_stored() && !status("success").admits_all(&PIN_CREATED));
        let created = Wanted { action: Some("pin.created".into()), ..Wanted::default() };
        assert!(!created.admits_stored() && created.admits_all(&PIN_CREATED));
        let published = Wanted { action: Some("pin.published".into()), ..Wanted::default() };
        assert!(!published.admits_stored() && published.admits_all(&PIN_PUBLISHED) && published.is_about_published());
        assert!(!published.admits_all(&PIN_CREATED) && !created.is_about_published());
    }

    #[test]
    fn a_resource_is_found_alone_and_among_those_of_a_bulk_action() {
        let about = |id: &str| Wanted { resource_id: Some(id.into()), ..Wanted::default() };
        let by_system = Entry::new(Uuid::from_u128(1), Moment(0), By::System, &PIN_CREATED);
        let alone = Entry { resource_id: Some("a1".into()), ..by_system.clone() };
        let bulk = by_system.clone().with_ids(&["b2", "a1"]);
        let other = by_system.with("board_id", "a1");
        assert_eq!([&alone, &bulk, &other].map(|entry| about("a1").admits(entry)), [true, true, false]);
        assert_eq!([&alone, &bulk, &other].map(|entry| about("a").admits(entry)), [false; 3]);
    }

    #[test]
    fn a_retention_period_is_named_in_its_largest_whole_unit() {
        let label = |days: i64| retention_label(days * DAY_MS);
        assert_eq!(
            [30, 60, 14, 1, 365, 45].map(label),
            ["1 month", "2 months", "2 weeks", "1 day", "1 year", "45 days"]
        );
    }
}
