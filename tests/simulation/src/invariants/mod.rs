//! The invariants of publishing and of token custody by name, and how a world lacks one of them: a mutant.
//!
//! Production code checks no switch. A mutant gets other settings, other messages, or ports that undo what enforces the
//! invariant.

mod ports;
mod schedules;
mod store;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pinbridge_shared::config::Settings;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::reconcile::board_scan::AbsenceProof;
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use pinbridge_shared::ports::{OAuth, Pinterest, Queue, Rollups, Schedules, Secrets, Store};

use crate::kernel::{Kernel, Kind};
use ports::{MutantCreates, MutantOAuth, MutantPinterest, MutantRollups, MutantSecrets};
use schedules::MutantSchedules;
use store::MutantStore;

/// Longer than any world.
const FOR_EVER_MS: i64 = 10_000 * DAY_MS;

/// The invariants that keep a pin from being published twice, lost or stranded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// A call is announced in the table before it is made.
    WriteAhead,
    /// Only one worker's announcement counts.
    Fence,
    /// Messages of an older generation are void.
    Generation,
    /// A repeated write is recognised as our own.
    Nonce,
    /// No call is sent long after it was announced.
    SendWithin,
    /// A call without an answer is left alone until it can't commit any more.
    Quiesce,
    /// Absence is believed only after a second scan.
    SecondScan,
    /// No call is repeated before its board was read.
    Reconcile,
    /// A Pin that belongs to another of our pins isn't adopted.
    Ownership,
    /// A pin that was left to a person may own a Pin, whatever became of the pin since.
    LeftBehind,
    /// Every call spends a token of its own.
    TokenPerCall,
    /// The pace fits into Pinterest's windows of a minute.
    FitsTheWindow,
    /// A write that a caller waits for takes a token.
    OwnWrites,
    /// The accounts of a Pinterest user share its tokens.
    SharedPace,
    /// A write that meets another writer's transaction may be repeated.
    Contention,
    /// A pin without an owner is found again.
    Rescuer,
    /// No attempt of a deleted pin begins.
    Hidden,
    /// A recovery marker stays for the rollup when the pins that still need rescuing are filed again.
    RetiredMarkers,
    /// A retry is announced to the dashboard, which has the pin's failure from elsewhere.
    RetriesAnnounced,
    /// A Pin is recognised whose link or texts its board writes in another way.
    Equivalence,
    /// A refresh that a refused token forces is recorded, and its tokens are not refreshed for a refusal again.
    ForcedOnce,
    /// A hold keeps the failure that it comes of.
    HoldExplained,
    /// A 429 pauses its account also where the outcome is unknown.
    AnyLimit,
    /// A 429 on a reading of a board pauses its account.
    ReadLimits,
    /// A 429 on a write that a caller waits for pauses its account.
    OwnLimits,
    /// A pin whose image can't be fetched is tried again a few times only.
    ImageTries,
    /// An image that can't be fetched is a refusal, and not an unknown outcome.
    ImageRefused,
    /// No attempt starts after the pin's `publish_before`.
    PublishBefore,
    /// What a waiting pin reports comes of its account's present state, and not of its own row.
    PresentState,
    /// A pin of a held account reports no time.
    HeldWithoutTime,
    /// A schedule's retry publishes its pin again, and no other one.
    SamePin,
    /// A bucket that a bad clock has written is emptied.
    BadClock,
    /// The pacing row of a user that is lost starts empty.
    EmptyRow,
    /// A single refusal of an access token that can't be renewed is tried again before it holds the account.
    StrayRefusal,
    /// While one pin tries a refused access token again, its account's other pins wait.
    OneTriesTheToken,
    /// A 401 about one object is no refusal of the access token.
    ObjectRefusal,
    /// An account on hold is tried with another pin each time.
    AnotherPinTries,
    /// A pin that is refused alone fails, and holds its account no more.
    RefusedAlone,
    /// An event whose message was lost is found again by its pin's rows.
    Outbox,
    /// The message of an event is sent once more before the pin's history drops its entry.
    DroppedAnnounced,
    /// An event has one id at a webhook, however often it is sent.
    EventId,
    /// Webhooks are sent to independently of each other.
    Isolation,
}

impl Invariant {
    pub const ALL: [Self; 42] = [
        Self::WriteAhead,
        Self::Fence,
        Self::Generation,
        Self::Nonce,
        Self::SendWithin,
        Self::Quiesce,
        Self::SecondScan,
        Self::Reconcile,
        Self::Ownership,
        Self::LeftBehind,
        Self::TokenPerCall,
        Self::FitsTheWindow,
        Self::OwnWrites,
        Self::SharedPace,
        Self::Contention,
        Self::Rescuer,
        Self::Hidden,
        Self::RetiredMarkers,
        Self::RetriesAnnounced,
        Self::Equivalence,
        Self::ForcedOnce,
        Self::HoldExplained,
        Self::AnyLimit,
        Self::ReadLimits,
        Self::OwnLimits,
        Self::ImageTries,
        Self::ImageRefused,
        Self::PublishBefore,
        Self::PresentState,
        Self::HeldWithoutTime,
        Self::SamePin,
        Self::BadClock,
        Self::EmptyRow,
        Self::StrayRefusal,
        Self::OneTriesTheToken,
        Self::ObjectRefusal,
        Self::AnotherPinTries,
        Self::RefusedAlone,
        Self::Outbox,
        Self::DroppedAnnounced,
        Self::EventId,
        Self::Isolation,
    ];
}

/// The invariants that keep an account's tokens from being lost, and its connection from being given up without cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CustodyInvariant {
    /// One refresher at a time.
    RefreshLease,
    /// No refresh is sent long after it was announced.
    AskWithin,
    /// After a lost answer the lease lasts until the request can't take effect any more.
    QuiesceAfterLoss,
    /// Storing issued tokens is tried until the invocation ends.
    KeepTrying,
    /// No tokens are used that aren't stored.
    KeptBeforeUse,
    /// Tokens that were staged and not promoted are adopted by the next refresher.
    AdoptPending,
    /// Refreshed tokens replace only those that they were issued for.
    PromoteIfCurrent,
    /// A refusal counts only when it is repeated minutes later.
    RefusalConfirmed,
    /// A connection isn't given up while Pinterest accepts the access token.
    AccessAsked,
    /// The result of a refresh is recorded only while the row is that refresher's.
    RowFence,
}

impl CustodyInvariant {
    pub const ALL: [Self; 10] = [
        Self::RefreshLease,
        Self::AskWithin,
        Self::QuiesceAfterLoss,
        Self::KeepTrying,
        Self::KeptBeforeUse,
        Self::AdoptPending,
        Self::PromoteIfCurrent,
        Self::RefusalConfirmed,
        Self::AccessAsked,
        Self::RowFence,
    ];
}

/// The invariant that a mutant lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    Publishing(Invariant),
    Custody(CustodyInvariant),
}

impl Lacking {
    /// Removes the limit from the settings, for invariants that a setting enforces.
    pub fn weaken(self, settings: &mut Settings) {
        match self {
            Self::Publishing(Invariant::SendWithin) | Self::Custody(CustodyInvariant::AskWithin) => {
                settings.deadlines.send_within_ms = FOR_EVER_MS;
            }
            Self::Publishing(Invariant::Quiesce) => {
                settings.deadlines.quiesce_ms = settings.deadlines.client_timeout_ms;
            }
            // The pace of PinBridge, which Pinterest refuses.
            Self::Publishing(Invariant::FitsTheWindow) => settings.pace = Pace::new(50, 1.0),
            Self::Publishing(Invariant::SecondScan) => {
                settings.absence_proof = AbsenceProof { scans: 1, unclear_scans: 1, empty_after_ms: 0 };
            }
            _ => {}
        }
    }

    /// The publish message as the mutant's worker receives it. `generation` is the pin's current one, and `now` is the
    /// worker's clock.
    pub fn message(self, message: PublishMessage, generation: u32, now: Moment) -> PublishMessage {
        let for_ever = Moment(now.0 + FOR_EVER_MS);
        match self {
            Self::Publishing(Invariant::Generation) => {
                PublishMessage { generation: message.generation.max(generation), ..message }
            }
            // The token counts as unused each time.
            Self::Publishing(Invariant::TokenPerCall) if message.slot.is_some_and(|slot| slot <= now) => {
                PublishMessage { slot: Some(now), valid_until: Some(for_ever), ..message }
            }
            // A stale token would also keep a call from being sent late.
            Self::Publishing(Invariant::SendWithin) if message.slot.is_some() => {
                PublishMessage { valid_until: Some(for_ever), ..message }
            }
            _ => message,
        }
    }

    /// The context in which processes note what they end, and announce events.
    pub fn noting(self, context: Context, kernel: &Arc<Kernel>) -> Context {
        if self == Self::Publishing(Invariant::DroppedAnnounced) {
            let queue = Arc::new(webhooks::MutantQueue::new(&context, kernel));
            return Context { queue: queue as Arc<dyn Queue>, ..context };
        }
        if self != Self::Publishing(Invariant::RetriesAnnounced) {
            return context;
        }
        let rollups = Arc::new(MutantRollups { inner: Arc::clone(&context.rollups) });
        Context { rollups: rollups as Arc<dyn Rollups>, ..context }
    }

    /// The context of somebody who reads what waiting pins report.
    pub fn reader(self, context: Context) -> Context {
        if !matches!(self, Self::Publishing(Invariant::PresentState | Invariant::HeldWithoutTime)) {
            return context;
        }
        let (inner, system) = (Arc::clone(&context.store), Arc::clone(&context.system));
        let store = Arc::new(MutantStore::new(self, Kind::Person, inner, system, Arc::default()));
        Context { store: store as Arc<dyn Store>, ..context }
    }

    /// The context as a process of that kind gets it.
    pub fn around(self, kind: Kind, context: Context) -> Context {
        if self == Self::Publishing(Invariant::SamePin) {
            if kind != Kind::Api {
                return context;
            }
            let schedules = Arc::new(MutantSchedules::new(&context)) as Arc<dyn Schedules>;
            return Context { schedules, ..context };
        }
        // Its queue is that in which processes note what they end.
        if self == Self::Publishing(Invariant::DroppedAnnounced) {
            return context;
        }
        if let Self::Publishing(lacking @ (Invariant::Outbox | Invariant::EventId | Invariant::Isolation)) = self {
            return webhooks::around(lacking, context);
        }
        // Users and the API run unaltered, but for what only the API does.
        let is_the_apis = matches!(
            self,
            Self::Publishing(Invariant::OwnWrites | Invariant::OwnLimits | Invariant::Contention | Invariant::BadClock)
        );
        if matches!(kind, Kind::Person | Kind::Api) && !(kind == Kind::Api && is_the_apis) {
            return context;
        }
        let access_refused = Arc::new(AtomicBool::new(false));
        let store = Arc::new(MutantStore::new(
            self,
            kind,
            Arc::clone(&context.store),
            Arc::clone(&context.system),
            Arc::clone(&access_refused),
        )) as Arc<dyn Store>;
        let Self::Custody(lacking) = self else {
            let pinterest = Arc::new(MutantCreates { lacking: self, inner: Arc::clone(&context.pinterest) });
            return Context { store, pinterest, ..context };
        };
        let grant_refused = Arc::new(AtomicBool::new(false));
        let pinterest = Arc::clone(&context.pinterest);
        let oauth = MutantOAuth {
            lacking,
            inner: Arc::clone(&context.oauth),
            pinterest: Arc::clone(&pinterest),
            grant_refused: Arc::clone(&grant_refused),
        };
        let pinterest = MutantPinterest { lacking, inner: pinterest, access_refused, grant_refused };
        Context {
            store,
            secrets: Arc::new(MutantSecrets::new(lacking, Arc::clone(&context.secrets))) as Arc<dyn Secrets>,
            pinterest: Arc::new(pinterest) as Arc<dyn Pinterest>,
            oauth: Arc::new(oauth) as Arc<dyn OAuth>,
            ..context
        }
    }
}
