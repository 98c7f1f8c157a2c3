//! Events of schedules, imports and accounts: which one a write brings, its id, and its body.
//!
//! An id comes of what has changed: of the number of the row's write, or of when a pause begins or ends. So each repeat
//! has the same id, and so do writers that find the same change at the same moment.

use serde::{Deserialize, Serialize};

use super::disabled::Disabled;
use super::payload::{Envelope, json, of_disabled, texts};
use super::{EventId, EventType};
use crate::domain::account::Account;
use crate::domain::account::health::Health;
use crate::domain::ids::{AccountId, AccountKey, EndpointId, ImportId, PinId, ScheduleId, WorkspaceId};
use crate::domain::import::{ImportKey, ImportStatus, Stop, Totals};
use crate::domain::message::NotifyMessage;
use crate::domain::pacing::bucket::{Bucket, Hold, Pause};
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::schedule::{Schedule, Stage};
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};

/// Subscribers hear of a pause or a hold that lasts at least this long. A shorter one is a part of publishing at
/// Pinterest's pace.
pub const PAUSE_TOLD_MS: i64 = 5 * MINUTE_MS;
/// Subscribers hear this long before the end of an access token that can't be renewed.
pub const EXPIRY_TOLD_AHEAD_MS: i64 = 7 * DAY_MS;

/// An event that is about no pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub workspace: WorkspaceId,
    pub id: EventId,
    pub event: EventType,
    pub at: Moment,
    /// The body, as JSON.
    pub payload: String,
}

impl Disabled {
    /// Asks for the delivery to each endpoint that hears it.
    pub fn message(&self, workspace: WorkspaceId) -> NotifyMessage {
        let body = of_disabled(workspace, self);
        NotifyMessage::stored(workspace, self.id(workspace), EventType::WebhookDisabled, self.at, body, None)
    }
}

impl Occurrence {
    /// `parts` name what the event is about and which occurrence it is.
    fn new(
        workspace: WorkspaceId,
        event: EventType,
        at: Moment,
        parts: &[&str],
        body: impl FnOnce(Envelope) -> String,
    ) -> Self {
        let id = EventId::derived(workspace, parts);
        Self { workspace, id, event, at, payload: body(Envelope::new(id, event, at, workspace)) }
    }

    /// Asks for its delivery to each endpoint that hears it.
    pub fn message(&self) -> NotifyMessage {
        self.message_to(None)
    }

    /// Asks for its delivery to this endpoint only; `None`: to each that hears it.
    pub fn message_to(&self, to: Option<EndpointId>) -> NotifyMessage {
        NotifyMessage::stored(self.workspace, self.id, self.event, self.at, self.payload.clone(), to)
    }
}

#[derive(Serialize)]
struct ScheduleBody<'a> {
    #[serde(flatten)]
    envelope: Envelope,
    sequence: u64,
    schedule_id: ScheduleId,
    account_id: AccountId,
    board_id: &'a str,
    status: &'static str,
    run_at: String,
    pin_id: Option<PinId>,
    error_code: Option<&'static str>,
    error_message: Option<&'static str>,
    error_remediation: Option<&'static str>,
}

/// The event of a schedule's write; `None` for one that says nothing.
pub fn of_schedule(next: &Schedule) -> Option<Occurrence> {
    let event = match next.stage {
        _ if next.removed_at.is_some() => return None,
        Stage::Scheduled if next.version == 1 => EventType::ScheduleCreated,
        Stage::Scheduled => EventType::ScheduleUpdated,
        Stage::Released if next.released_at == Some(next.updated_at) => EventType::ScheduleReleased,
        // Its failed pin is retried.
        Stage::Released => return None,
        Stage::Canceled => EventType::ScheduleCanceled,
        Stage::Failed(_) => EventType::ScheduleFailed,
    };
    let key = next.key;
    let failure = match next.stage {
        Stage::Failed(failure) => Some(failure),
        _ => None,
    };
    let (schedule, version) = (key.schedule.to_string(), next.version.to_string());
    let parts = ["schedule", schedule.as_str(), version.as_str(), event.name()];
    Some(Occurrence::new(key.workspace, event, next.updated_at, &parts, |envelope| {
        json(&ScheduleBody {
            envelope,
            sequence: next.version,
            schedule_id: key.schedule,
            account_id: next.request.account,
            board_id: &next.request.board_id,
            status: next.status(None, next.updated_at).name(),
            run_at: next.run_at.rfc3339(),
            // Of a schedule that fails there is none.
            pin_id: next.released_at.filter(|_| failure.is_none()).map(|_| next.pin_key().pin),
            error_code: failure.map(Failure::code),
            error_message: failure.map(Failure::message),
            error_remediation: failure.map(Failure::remedy),
        })
    }))
}

/// Whether the row of a schedule says of an event of that time that it has happened, although its write can't be told
/// from others any more. If it can't tell, it says no: later events of the schedule correct an event that is lost, and
/// nothing corrects one that is invented.
pub fn schedule_shows(row: &Schedule, event: EventType, at: Moment) -> bool {
    match event {
        EventType::ScheduleCreated => true,
        // Each write of a schedule that waits is this event, whoever made it.
        EventType::ScheduleUpdated => row.stage == Stage::Scheduled,
        EventType::ScheduleReleased => row.released_at == Some(at),
        // A canceled schedule is only written once more, and a failed one is only followed when it is retried.
        _ => false,
    }
}

#[derive(Serialize)]
struct ImportBody {
    #[serde(flatten)]
    envelope: Envelope,
    import_id: ImportId,
    status: &'static str,
    rows: u32,
    created: u32,
    existing: u32,
    failed: u32,
    results_path: String,
}

/// The event that an import is finished. Its totals are the same whoever adds them up.
pub fn of_import(key: ImportKey, totals: &Totals, now: Moment) -> Occurrence {
    let at = totals.done_at.unwrap_or(now);
    let status = if totals.failed == 0 { ImportStatus::Completed } else { ImportStatus::CompletedWithErrors };
    let (event, import) = (EventType::ImportCompleted, key.import.to_string());
    Occurrence::new(key.workspace, event, at, &["import", import.as_str(), event.name()], |envelope| {
        json(&ImportBody {
            envelope,
            import_id: key.import,
            status: status.name(),
            rows: totals.processed(),
            created: totals.created,
            existing: totals.existing,
            failed: totals.failed,
            results_path: results_path(key),
        })
    })
}

#[derive(Serialize)]
struct ImportFailedBody {
    #[serde(flatten)]
    envelope: Envelope,
    import_id: ImportId,
    status: &'static str,
    error_code: &'static str,
    error_message: &'static str,
    results_path: String,
}

/// The event that an import has stopped. Each stop is one of its own: a resumed import may stop again.
pub fn of_import_stop(key: ImportKey, stop: &Stop) -> Occurrence {
    let (event, import, at) = (EventType::ImportFailed, key.import.to_string(), stop.at.0.to_string());
    let parts = ["import", import.as_str(), event.name(), at.as_str()];
    Occurrence::new(key.workspace, event, stop.at, &parts, |envelope| {
        json(&ImportFailedBody {
            envelope,
            import_id: key.import,
            status: ImportStatus::Failed.name(),
            error_code: stop.reason.code(),
            error_message: stop.reason.message(),
            results_path: results_path(key),
        })
    })
}

fn results_path(key: ImportKey) -> String {
    format!("/v1/pins/imports/{}", key.import)
}

/// Why a person has to connect an account again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// Pinterest refuses all of its tokens.
    GivenUp,
    /// Pinterest refuses to renew the connection, which works until its access token expires.
    RenewalRefused,
    /// There is nothing to renew the access token with, and it expires soon.
    Expires,
}

impl Reconnect {
    pub const NAMES: [&str; 3] = ["given_up", "renewal_refused", "expires"];

    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Of a connected account, or of one that was given up, at `now`.
    fn of(account: &Account, now: Moment) -> Option<Self> {
        if account.revoked_at.is_some() {
            return None;
        }
        if account.life.dead.is_some() {
            return Some(Self::GivenUp);
        }
        if account.life.is_renewal_refused() {
            return Some(Self::RenewalRefused);
        }
        expiry(account).filter(|at| at.since_ms(now) < EXPIRY_TOLD_AHEAD_MS).map(|_| Self::Expires)
    }

    fn message(self, account: &Account) -> String {
        let (life, until) = (&account.life, account.life.access_expires_at);
        match (self, until) {
            (Self::GivenUp, _) => {
                Health::GivenUp { answer_lost: life.dead.is_some_and(|death| death.answer_lost) }.message()
            }
            (Self::Expires, Some(at)) => format!(
                "The connection can't be renewed. It publishes until {}; reconnect the account before then.",
                at.rfc3339()
            ),
            (Self::RenewalRefused | Self::Expires, _) => Health::NotRenewed { publishes_until: until }.message(),
        }
    }
}

/// When the access token of a connected account expires, if nothing can renew it.
pub fn expiry(account: &Account) -> Option<Moment> {
    let is_renewed = account.life.refresh_at.is_some();
    account.life.access_expires_at.filter(|_| account.is_connected() && !is_renewed)
}

#[derive(Serialize)]
struct AccountBody {
    #[serde(flatten)]
    envelope: Envelope,
    account_id: AccountId,
}

#[derive(Serialize)]
struct ReconnectBody {
    #[serde(flatten)]
    account: AccountBody,
    reason: &'static str,
    message: String,
    publishes_until: Option<String>,
}

/// The event of an account's write; `None` for one that says nothing. `before`: the row that it follows.
pub fn of_account(before: Option<&Account>, next: &Account) -> Option<Occurrence> {
    let now = next.updated_at;
    let needed = before.and_then(|account| Reconnect::of(account, now));
    let rev = next.rev.to_string();
    match Reconnect::of(next, now) {
        Some(why @ (Reconnect::GivenUp | Reconnect::RenewalRefused)) => {
            (needed != Some(why)).then(|| required(next, why, now, &rev))
        }
        why => {
            let was_connected = before.is_some_and(Account::is_connected);
            let is_mended = needed.is_some() && why.is_none() && next.life.refused.is_none();
            (next.is_connected() && (!was_connected || is_mended)).then(|| connected(next.key, now, &rev))
        }
    }
}

/// Whether the row of an account says at `now` what an event said, whose write can't be told from others any more.
pub fn account_shows(row: &Account, event: EventType, now: Moment) -> bool {
    let is_needed = matches!(Reconnect::of(row, now), Some(Reconnect::GivenUp | Reconnect::RenewalRefused));
    match event {
        EventType::AccountConnected => row.is_connected() && !is_needed,
        _ => is_needed,
    }
}

fn connected(key: AccountKey, at: Moment, which: &str) -> Occurrence {
    let (event, account) = (EventType::AccountConnected, key.account.to_string());
    Occurrence::new(key.workspace, event, at, &["account", account.as_str(), which, event.name()], |envelope| {
        json(&AccountBody { envelope, account_id: key.account })
    })
}

fn required(account: &Account, why: Reconnect, at: Moment, which: &str) -> Occurrence {
    let (key, event) = (account.key, EventType::AccountReconnectRequired);
    let id = key.account.to_string();
    let parts = ["account", id.as_str(), which, event.name(), why.name()];
    let publishes_until = account.life.access_expires_at.filter(|_| why != Reconnect::GivenUp);
    Occurrence::new(key.workspace, event, at, &parts, |envelope| {
        json(&ReconnectBody {
            account: AccountBody { envelope, account_id: key.account },
            reason: why.name(),
            message: why.message(account),
            publishes_until: publishes_until.map(Moment::rfc3339),
        })
    })
}

/// When subscribers are to hear that the account's access token expires; `None`: it is renewed, or there is none.
pub fn expiry_told_at(account: &Account) -> Option<Moment> {
    expiry(account).map(|at| at.plus_ms(-EXPIRY_TOLD_AHEAD_MS).max(account.updated_at))
}

/// When the account's access token expires, and when subscribers are to hear of that, if it is at `from` or later.
pub fn expiry_told_from(account: &Account, from: Moment) -> Option<(Moment, Moment)> {
    let expires_at = expiry(account)?;
    let at = expires_at.plus_ms(-EXPIRY_TOLD_AHEAD_MS);
    (at >= from).then_some((expires_at, at))
}

/// The event that the account's access token expires soon, of which subscribers were to hear at `at`; `None` if it
/// isn't the one that expires at `expires_at` any more, or can be renewed.
pub fn of_expiry(account: &Account, expires_at: Moment, at: Moment) -> Option<Occurrence> {
    let is_current = expiry(account) == Some(expires_at);
    is_current.then(|| required(account, Reconnect::Expires, at, &expires_at.0.to_string()))
}

/// What stops an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// Pinterest limits or blocks it. It ends at its time.
    Pause,
    /// Pinterest refuses its connection. It ends when a call succeeds, or a person connects the account again.
    Hold,
}

impl Halt {
    pub const NAMES: [&str; 2] = ["pause", "hold"];

    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    pub fn of(pause: &Pause) -> Self {
        if pause.reason.is_hold() { Self::Hold } else { Self::Pause }
    }
}

#[derive(Serialize)]
struct HaltBody {
    #[serde(flatten)]
    account: AccountBody,
    kind: &'static str,
}

#[derive(Serialize)]
struct PausedBody {
    #[serde(flatten)]
    halt: HaltBody,
    reason: &'static str,
    error_message: Option<&'static str>,
    error_remediation: Option<&'static str>,
    until: Option<String>,
}

/// Whether subscribers hear of such a pause. They don't hear of a refresh of the tokens, nor that an account is held
/// which somebody has disconnected.
pub fn is_told(pause: &Pause, now: Moment) -> bool {
    let is_own = pause.reason == WaitReason::TokenRefresh || pause.failure == Some(Failure::AccountDisconnected);
    !is_own && pause.until.since_ms(now) >= PAUSE_TOLD_MS
}

/// Whether subscribers have heard of the hold.
fn is_told_hold(hold: &Hold) -> bool {
    !hold.awaits_refresh && hold.failure != Some(Failure::AccountDisconnected)
}

/// The event of a pause that [`is_told`]; `None` if the account is paused, or held, already. `before`: its bucket.
///
/// Calls that are refused together write a pause each. Their events have the same time, which is that of the minute,
/// and the same id: it comes of the pause, or the hold, before.
pub fn of_pause(key: AccountKey, pause: &Pause, before: &Bucket, now: Moment) -> Option<Occurrence> {
    let (beyond, halt) = (pause.beyond(before), Halt::of(pause));
    let lasts = |until: Moment| until.since_ms(now) >= PAUSE_TOLD_MS;
    let (is_new, last) = match halt {
        Halt::Hold => (beyond.holds && !before.hold.as_ref().is_some_and(is_told_hold), before.held_until),
        Halt::Pause => {
            let until = before.pause.as_ref().map(|pause| pause.until);
            (beyond.pauses && !until.is_some_and(lasts), until)
        }
    };
    if !is_new {
        return None;
    }
    let (event, at) = (EventType::AccountPaused, Moment(now.minute() * MINUTE_MS));
    let (account, last) = (key.account.to_string(), last.unwrap_or_default().0.to_string());
    let parts = ["account", account.as_str(), last.as_str(), event.name(), halt.name()];
    let reason = pause.failure.map_or(pause.reason.code(), Failure::code);
    let (error_message, error_remediation) = texts(reason).unzip();
    Some(Occurrence::new(key.workspace, event, at, &parts, |envelope| {
        json(&PausedBody {
            halt: HaltBody { account: AccountBody { envelope, account_id: key.account }, kind: halt.name() },
            reason,
            error_message,
            error_remediation,
            // Nobody knows when a hold ends.
            until: Some(pause.until).filter(|_| halt == Halt::Pause).map(Moment::rfc3339),
        })
    }))
}

/// The event that the account's hold until `seen` is lifted at `now`; `None` if subscribers hear nothing of it.
pub fn of_lift(key: AccountKey, before: &Bucket, seen: Moment, now: Moment) -> Option<Occurrence> {
    let hold = before.hold.as_ref().filter(|hold| hold.until == seen)?;
    is_told_hold(hold).then(|| resumed(key, Halt::Hold, now))
}

/// What stops the account at `now`, or has paused it until `from` or later; and when its end is to be looked for.
/// Subscribers hear of the end of nothing else.
pub fn halts(bucket: &Bucket, from: Moment, now: Moment) -> Vec<(Halt, Moment)> {
    let paused_until = bucket.pause.as_ref().map(|pause| pause.until).filter(|until| *until >= from);
    let held_at = bucket.hold.as_ref().filter(|hold| is_told_hold(hold)).map(|_| now);
    let halts = [(Halt::Pause, paused_until), (Halt::Hold, held_at)];
    halts.into_iter().filter_map(|(halt, at)| Some((halt, at?))).collect()
}

/// The event that the account's pause has ended at `at`, or that its hold was lifted then.
pub fn resumed(key: AccountKey, halt: Halt, at: Moment) -> Occurrence {
    let event = EventType::AccountResumed;
    let (account, end) = (key.account.to_string(), at.0.to_string());
    let parts = ["account", account.as_str(), end.as_str(), event.name(), halt.name()];
    Occurrence::new(key.workspace, event, at, &parts, |envelope| {
        json(&HaltBody { account: AccountBody { envelope, account_id: key.account }, kind: halt.name() })
    })
}

#[cfg(test)]
mod tests;
