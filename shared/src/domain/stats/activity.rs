//! What people, keys and workers did in a workspace: the entries of its activity log.
//!
//! An entry names an [`Action`] of the table below, which says the rest that is always the same. Entries of `pin.created` aren't
//! stored: they are derived from the pins (`flows/activity.rs`).

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::domain::ids::{AccountId, KeyId, PinId, UserId};
use crate::domain::time::{DAY_MS, Moment};

/// The longest value of an entry's details, in characters.
pub const DETAIL_MAX: usize = 200;

/// The contract's categories, as far as anything here is of one.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failed,
    /// It is done later on.
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

/// Something that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// Public, as filters name it.
    pub name: &'static str,
    pub category: Category,
    /// What it is done to.
    pub resource: &'static str,
    /// How it ends when it goes well.
    pub outcome: Outcome,
    /// One sentence for a person.
    pub message: &'static str,
}

const fn action(name: &'static str, category: Category, resource: &'static str, message: &'static str) -> Action {
    Action { name, category, resource, outcome: Outcome::Success, message }
}

use Category as C;

pub const PIN_CREATED: Action =
    Action { outcome: Outcome::Queued, ..action("pin.created", C::Publishing, "pin", "A pin was accepted.") };
pub const PIN_PUBLISH_FAILED: Action = Action {
    outcome: Outcome::Failed,
    ..action("pin.publish_failed", C::Publishing, "pin", "A pin could not be published.")
};

/// Every action. Names are public API: they are added, never changed.
#[rustfmt::skip] // One row each reads as the table it is.
pub const ACTIONS: [Action; 35] = [
    PIN_CREATED,
    PIN_PUBLISH_FAILED,
    action("auth.login", C::Security, "user", "A person logged in."),
    action("auth.registered", C::Security, "user", "A person registered."),
    action("auth.password_changed", C::Security, "user", "A person changed their password."),
    action("profile.updated", C::Configuration, "user", "A profile was changed."),
    action("project.sandbox_created", C::Configuration, "project", "The sandbox was created."),
    action("project.sandbox_reset", C::Configuration, "project", "The sandbox was reset."),
    action("project.switched", C::Security, "project", "A person went to another project."),
    action("api_key.created", C::Security, "api_key", "An API key was created."),
    action("api_key.updated", C::Security, "api_key", "An API key was changed."),
    action("api_key.revoked", C::Security, "api_key", "An API key was revoked."),
    action("account.connection_started", C::Integration, "account", "Connecting a Pinterest account was begun."),
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
    Action { outcome: Outcome::Queued, ..action("pin.retried", C::Publishing, "pin", "A pin was asked for once more.") },
    Action { outcome: Outcome::Queued, ..action("pin.bulk_retried", C::Publishing, "pin", "Several pins were asked for once more.") },
    Action { outcome: Outcome::Queued, ..action("import.created", C::Publishing, "import_job", "An import was submitted.") },
    Action { outcome: Outcome::Queued, ..action("import.resumed", C::Publishing, "import_job", "An import was asked to go on.") },
    Action { outcome: Outcome::Queued, ..action("schedule.created", C::Publishing, "schedule", "A schedule was created.") },
    action("schedule.updated", C::Publishing, "schedule", "A schedule was changed."),
    Action { outcome: Outcome::Canceled, ..action("schedule.canceled", C::Publishing, "schedule", "A schedule was canceled.") },
    action("schedule.deleted", C::Publishing, "schedule", "A schedule was deleted."),
    Action { outcome: Outcome::Queued, ..action("schedule.retried", C::Publishing, "schedule", "A schedule was asked for once more.") },
    action("schedule.bulk_canceled", C::Publishing, "schedule", "Several schedules were to be canceled."),
    action("schedule.bulk_deleted", C::Publishing, "schedule", "Several schedules were to be deleted."),
    Action { outcome: Outcome::Queued, ..action("schedule.bulk_retried", C::Publishing, "schedule", "Several schedules were asked for once more.") },
];

impl Action {
    pub fn parse(name: &str) -> Option<&'static Self> {
        ACTIONS.iter().find(|action| action.name == name)
    }
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Key(KeyId),
    User(UserId),
    /// The system by itself, at a time that somebody set.
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: Uuid,
    pub at: Moment,
    pub by: By,
    /// The key's name or the person's address, as it was then.
    pub label: Option<String>,
    pub action: &'static Action,
    pub outcome: Outcome,
    pub resource_id: Option<String>,
    /// The one account that it was about, if it was about one.
    pub account: Option<AccountId>,
    pub request_id: Option<String>,
    /// Names and plain values, never a secret and nothing of a request's body.
    pub details: Vec<(String, String)>,
}

impl Entry {
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

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.push((name.to_owned(), value.into().chars().take(DETAIL_MAX).collect()));
        self
    }

    /// What many were done to: the ids, whole.
    #[must_use]
    pub fn with_ids(mut self, ids: &[&str]) -> Self {
        self.details.push(("ids".into(), ids.join(",")));
        self
    }

    /// A pin's, of that action: the same whenever it is asked for.
    pub fn of_pin(pin: PinId, nth: u32, at: Moment, by: By, action: &'static Action) -> Self {
        let id = Uuid::new_v5(&pin.0, format!("{}\0{nth}", action.name).as_bytes());
        Self { resource_id: Some(pin.to_string()), ..Self::new(id, at, by, action) }
    }
}

/// Which entries are asked for. A name that nothing has matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub category: Option<String>,
    pub action: Option<String>,
    pub status: Option<String>,
    pub resource_type: Option<String>,
    pub since: Option<Moment>,
}

impl Wanted {
    pub fn admits(&self, entry: &Entry) -> bool {
        self.admits_any(entry.action) && is(self.status.as_deref(), entry.outcome.name())
    }

    /// Whether entries of that action, which end in its usual outcome, can be wanted.
    pub fn admits_all(&self, action: &Action) -> bool {
        self.admits_any(action) && is(self.status.as_deref(), action.outcome.name())
    }

    fn admits_any(&self, action: &Action) -> bool {
        is(self.category.as_deref(), action.category.name())
            && is(self.action.as_deref(), action.name)
            && is(self.resource_type.as_deref(), action.resource)
    }

    /// Whether any stored entry can be wanted: those of created pins aren't stored.
    pub fn admits_stored(&self) -> bool {
        let is_known = self.status.as_deref().is_none_or(|name| Outcome::parse(name).is_some());
        is_known && ACTIONS.iter().any(|action| action.name != PIN_CREATED.name && self.admits_any(action))
    }
}

fn is(wanted: Option<&str>, name: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == name)
}

/// Which of the two lists an entry is in. At one moment, what is stored comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Stored,
    Created,
}

/// Behind which entry the next page begins. Newest first; of one moment by list, then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub at: Moment,
    pub list: List,
    /// The entry's, or the created pin's.
    pub id: Uuid,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = if self.list == List::Stored { 's' } else { 'c' };
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
    fn a_cursor_is_parsed_back_and_nonsense_is_none() {
        let id = Uuid::from_u128(7);
        for cursor in [
            Cursor { at: Moment(1_767_225_600_000), list: List::Stored, id },
            Cursor { at: Moment(0), list: List::Created, id },
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
    }

    #[test]
    fn a_length_of_time_is_said_in_its_largest_whole_unit() {
        let label = |days: i64| retention_label(days * DAY_MS);
        assert_eq!(
            [30, 60, 14, 1, 365, 45].map(label),
            ["1 month", "2 months", "2 weeks", "1 day", "1 year", "45 days"]
        );
    }
}
