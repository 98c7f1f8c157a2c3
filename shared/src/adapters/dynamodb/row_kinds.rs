//! Every kind of row in the table: how long it lives, and what deletes it when its workspace is purged. One test
//! compares this list with [`keys`](super::keys); another purges a workspace that has one row of each kind.

use super::keys;

/// What happens to a kind of row when its workspace is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purged {
    /// With its pin, and once more with the pin's tombstone.
    WithPin,
    WithAccount,
    WithWorkspace,
    /// With its schedule.
    WithSchedule,
    /// Custody removes it at once.
    AtOnce,
    /// Contains nothing but ids, and expires within hours or days.
    Expires,
    /// Belongs to no workspace.
    Stays,
}

/// A kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowKind {
    /// As in the table of [`keys`](super::keys).
    pub name: &'static str,
    pub purged: Purged,
    /// How long it lives otherwise, and which setting controls that; shown in `infra/runbooks/limits.md`.
    pub life: &'static str,
    /// The part of its partition key after the workspace (or before the first `#`, if it belongs to no workspace), and
    /// its sort key if that is fixed.
    part: &'static str,
    sort: Option<&'static str>,
}

const fn kind(
    name: &'static str,
    part: &'static str,
    sort: Option<&'static str>,
    purged: Purged,
    life: &'static str,
) -> RowKind {
    RowKind { name, purged, life, part, sort }
}

const WITH_ITS_PIN: &str = "as its pin";
const UNTIL_FORGOTTEN: &str =
    "until its workspace is deleted; its names go 30 days after it was disconnected (`DisconnectedDays`)";

pub const ALL: [RowKind; 45] = [
    kind("workspace", "workspace", Some(keys::WORKSPACE), Purged::WithWorkspace, "until it is deleted"),
    kind("purge mark", "workspace", Some(keys::MARK), Purged::WithWorkspace, "while the purge lasts"),
    kind("API key", "keys", None, Purged::WithWorkspace, "until 90 days after it was revoked (`RevokedKeysDays`)"),
    kind("pending authorization", "oauth", None, Purged::WithWorkspace, "10 minutes"),
    kind("account", "accounts", None, Purged::WithAccount, UNTIL_FORGOTTEN),
    kind("bucket", "account", Some(keys::BUCKET), Purged::WithAccount, "as its account; it has only numbers"),
    kind(
        "pacing row of a Pinterest user",
        "pace",
        Some(keys::PACE),
        Purged::Stays,
        "30 days after the user's last pin; it has only numbers, under a code that names nobody",
    ),
    kind("simulated account", "account", Some(keys::SIMULATED), Purged::WithAccount, "as its account, in a sandbox"),
    kind(
        "board list",
        "account",
        Some(keys::BOARDS),
        Purged::WithAccount,
        "30 days after Pinterest last listed the account's boards",
    ),
    kind(
        "claim to list the boards",
        "account",
        Some(keys::BOARD_LISTING),
        Purged::WithAccount,
        "30 days after Pinterest was last asked; it has only a time",
    ),
    kind(
        "sealed tokens (envelope mode)",
        "account",
        Some(keys::TOKENS),
        Purged::AtOnce,
        "until the account is disconnected",
    ),
    kind(
        "pin",
        "pin",
        Some(keys::REQUEST),
        Purged::WithPin,
        "30 days and 90 more from its acceptance (`RetentionDays`); then its key is free again",
    ),
    kind("tombstone of a purged pin", "pin", Some(keys::TOMBSTONE), Purged::WithPin, "15 minutes"),
    kind("attempt", "pin", Some(keys::ATTEMPT), Purged::WithPin, WITH_ITS_PIN),
    kind("words about an attempt", "pin", None, Purged::WithPin, WITH_ITS_PIN),
    kind(
        "sibling",
        "sibling",
        None,
        Purged::WithPin,
        "as its pin; one of content from before an edit expires then, also after a purge",
    ),
    kind(
        "schedule",
        "schedule",
        Some(keys::SCHEDULE),
        Purged::WithSchedule,
        "30 days and 90 more (`RetentionDays`) from its time",
    ),
    kind("backlog", "backlog", None, Purged::WithAccount, "until its pin's turn, at most 30 days"),
    kind("unresolved outcome", "doubts", None, Purged::WithPin, "until it is resolved, at most as its pin"),
    kind("board scan", "scan", Some(keys::SCAN), Purged::WithPin, "8 days after it was last planned"),
    kind("board check", "checks", None, Purged::WithAccount, "30 days after Pinterest was last asked"),
    kind(
        "import",
        "import",
        Some(keys::IMPORT),
        Purged::WithWorkspace,
        "90 days from its submission (`RetentionDays`)",
    ),
    kind("an import's rows and results", "import", None, Purged::WithWorkspace, "as their import"),
    kind(
        "webhook endpoint, or the mark of a deleted one",
        "hooks",
        None,
        Purged::WithWorkspace,
        "until it is deleted; the mark for 400 days from then",
    ),
    kind(
        "health of a webhook endpoint",
        "hook",
        Some(keys::ENDPOINT_HEALTH),
        Purged::WithWorkspace,
        "until its endpoint is deleted, at most 60 days after it last changed",
    ),
    kind(
        "newest replay of a webhook",
        "hook",
        Some(keys::REPLAY),
        Purged::WithWorkspace,
        "until its endpoint is deleted, at most 30 days after it last changed",
    ),
    kind("webhook delivery", "hook", None, Purged::WithWorkspace, "30 days (`WebhookDays`)"),
    kind("task token", "tasks", None, Purged::WithWorkspace, "until its task has ended, at most 37 days"),
    kind("activity", "activity", None, Purged::WithWorkspace, "30 days (`ActivityDays`)"),
    kind("recovery marker", "clock", None, Purged::Expires, "8 days after its minute"),
    kind("release row", "due", None, Purged::WithSchedule, "until it is handed over, at most 30 days from its minute"),
    kind(
        "rollup: an hour's sums and first samples; its other samples",
        "tally",
        None,
        Purged::WithWorkspace,
        "sums for 800 days, samples for 60 days; ids and numbers only",
    ),
    kind(
        "samples of pins that ended a moment ago",
        "recent",
        None,
        Purged::WithWorkspace,
        "2 days; ids and numbers only",
    ),
    kind("watermark, lease", "clock", None, Purged::Stays, "forever: one row each, without any data"),
    kind("the app's requests of a day", "budget", None, Purged::Stays, "7 days after its day"),
    kind("organisation", "org", Some("organization"), Purged::Stays, "until an operator removes it"),
    kind("its workspaces, its people: pointers", "org", None, Purged::WithWorkspace, "as what they point to"),
    kind(
        "a person",
        "user",
        Some("user"),
        Purged::Stays,
        "until an operator removes them; an unproven registration for 3 days",
    ),
    kind("whose an address is", "address", Some(keys::ADDRESS), Purged::Stays, "as the person"),
    kind("the newest claim of an address", "address", Some(keys::CLAIM), Purged::Stays, "3 days"),
    kind("invitation", "invitations", None, Purged::Stays, "until it is accepted or revoked, at most 7 days"),
    kind("a source that they logged in from", "user", None, Purged::Stays, "90 days from the last login there"),
    kind("wrong passwords from a source", "login", Some(keys::LOGIN_SOURCE), Purged::Stays, "15 minutes"),
    kind("wrong passwords for an address", "login", Some(keys::LOGIN_ADDRESS), Purged::Stays, "15 minutes"),
    kind("credit of a caller", "credit", Some(keys::CREDIT), Purged::Stays, "10 minutes after its last block"),
];

impl RowKind {
    /// The kind of a stored row.
    pub fn of(pk: &str, sk: &str) -> Option<&'static Self> {
        let mut parts = pk.split('#');
        let first = parts.next()?;
        let part = if uuid::Uuid::try_parse(first).is_ok() { parts.next()? } else { first };
        let fits = |kind: &&RowKind| kind.part == part && kind.sort.is_none_or(|sort| sort == sk);
        // A fixed sort key is more specific than none.
        let named = ALL.iter().filter(fits).find(|kind| kind.sort.is_some());
        named.or_else(|| ALL.iter().find(fits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = include_str!("keys.rs");

    #[test]
    fn every_row_of_the_tables_layout_is_a_kind_with_a_life_and_an_end() {
        let rows: Vec<&str> = KEYS
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .filter_map(|row| row.split(" | ").next())
            .filter(|name| !matches!(*name, "row" | "|---"))
            .collect();
        let listed: Vec<&str> = ALL.iter().map(|kind| kind.name).collect();
        for name in &rows {
            assert!(listed.contains(name), "no kind for the row \"{name}\"");
        }
        for name in &listed {
            assert!(rows.contains(name), "the table's layout has no row \"{name}\"");
        }
    }

    #[test]
    fn every_partition_that_can_be_written_has_a_kind() {
        let partitions = KEYS.lines().filter_map(|line| line.trim().strip_prefix("format!(\"")).filter_map(|text| {
            let text = text.split('"').next()?.replace("{ACCOUNTS_SUFFIX}", keys::ACCOUNTS_SUFFIX);
            let text = text.replace("{ENDPOINTS_SUFFIX}", keys::ENDPOINTS_SUFFIX);
            let text = text.replace("{TASK_TOKENS_SUFFIX}", keys::TASK_TOKENS_SUFFIX);
            let parts: Vec<String> = text.split('#').map(str::to_owned).collect();
            let first = parts.first()?;
            Some(if first.starts_with('{') { parts.get(1).cloned().unwrap_or_default() } else { first.clone() })
        });
        // Index partitions, and sort keys.
        let others = [
            "",
            "list",
            "hour",
            "sheet",
            "gone",
            "failed",
            "imports",
            "schedules",
            "gone-schedules",
            "{schedule}",
            "{pin}",
            "{import}",
            "{id}",
            "waiting",
            "refresh",
            "forget",
            "{}",
            "{}$",
            "{day:06}",
            "{SAID_PREFIX}{attempt:03}",
        ];
        for part in partitions.filter(|part| !others.contains(&part.as_str())) {
            assert!(ALL.iter().any(|kind| kind.part == part), "no kind for the partition \"{part}\"");
        }
    }
}
