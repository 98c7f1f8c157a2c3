//! Resolves pins of unknown outcome by what their board shows.
//!
//! Found and no other pin's → adopted; absent in two scans → sent again under a new fence; undecidable → a person
//! decides; no clear view → read again, for at most 72 hours. Pins that share their Pins are resolved in one
//! transaction, each on the state that was read.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use super::plan_duplicate_check;
use crate::context::Context;
use crate::domain::deadlines::Deadlines;
use crate::domain::ids::{BoardKey, PinId, PinKey};
use crate::domain::message::PublishMessage;
use crate::domain::pin::attempt::{Attempt, IllegalTransition, Status, Upstream};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::{Event, EventKind};
use crate::domain::pin::idempotency::{content_hash, content_hashes_of, content_hashes_to_read};
use crate::domain::pin::retry::ATTEMPT_LIMIT;
use crate::domain::pin::said::Said;
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::reconcile::assignment::{self, Claim, Ruling, Standing};
use crate::domain::reconcile::board_scan::{MEMBERS_MAX, NOT_SEEN, Reading};
use crate::domain::reconcile::left_behind::{self, LeftBehind};
use crate::domain::reconcile::matching::{self, BoardPin, Window};
use crate::domain::recovery::{OWNED_WITHIN_MS, PINS_PER_MARKER, RecoveryMarker};
use crate::domain::time::{HOUR_MS, Moment, SECOND_MS};
use crate::flows::activity;
use crate::flows::publish::store_said::store_said;
use crate::ports::{PortResult, SAVED_TOGETHER_MAX, Write};
use crate::telemetry::{self, Metric};

/// How soon a reading without a clear view is repeated; drawn from the interval, which doubles after each one.
const AGAIN_MS: (i64, i64) = (45 * SECOND_MS, 90 * SECOND_MS);
const AGAIN_DOUBLINGS_MAX: u32 = 5;
/// Absence is believed only after two scans this far apart: lists may be shuffled, cut off or empty.
const SECOND_SCAN_MS: i64 = 30 * SECOND_MS;
/// How soon pins are read again that share a Pin with one that can't be resolved yet.
const TWIN_OPEN_MS: i64 = 20 * SECOND_MS;
/// An outcome that no reading could resolve for this long is left to a person.
const GIVE_UP_AFTER_MS: i64 = 72 * HOUR_MS;
/// Reasons that a person or the next day removes: such an outcome waits for as long as its pin may live.
const HOLDS_THE_DEADLINE: [&str; 2] = ["token_revoked", "daily_budget"];
/// Lists of pins with the same content that are read at once.
const SIBLINGS_AT_ONCE: usize = 8;
const TWIN_OPEN: &str = "twin_open";
const TWIN_SETTLED: &str = "twin_settled";
const UNCLEAR_OWNER: &str = "owner_unclear";

/// A pin whose outcome is unknown, as read.
#[derive(Clone, Debug)]
pub struct UnresolvedPin {
    pub pin: Pin,
    pub attempt: Attempt,
}

impl UnresolvedPin {
    fn started_at(&self) -> Moment {
        self.attempt.started_at.unwrap_or(self.attempt.updated_at)
    }

    /// Whether the last reading was inconclusive for that reason.
    pub fn was_inconclusive_for(&self, why: &str) -> bool {
        let last = self.attempt.history.last().filter(|event| event.kind == EventKind::ReconcileInconclusive);
        last.is_some_and(|event| event.note.as_deref() == Some(why))
    }

    /// When the Pin may have been created.
    pub fn window(&self, context: &Context) -> Window {
        Window::of(self.started_at(), &context.settings.deadlines)
    }

    /// The end of the quiesce period: the call can't create a Pin after it.
    pub fn quiesced_at(&self, context: &Context) -> Moment {
        self.attempt.quiesced_at(context.settings.deadlines.quiesce_ms)
    }

    /// When the board is read next for this pin; not before its quiesce period is over.
    pub fn next_reconciliation(&self, context: &Context) -> Moment {
        self.attempt.reconcile_at.unwrap_or(Moment(0)).max(self.quiesced_at(context))
    }

    /// How many readings in a row were inconclusive, for the same reason.
    fn reads_without_verdict(&self, why: &str) -> u32 {
        let is_one =
            |event: &&Event| event.kind == EventKind::ReconcileInconclusive && event.note.as_deref() == Some(why);
        u32::try_from(self.attempt.history.iter().rev().take_while(is_one).count()).unwrap_or(u32::MAX)
    }
}

/// The members of a reading that begins now; none when no pin is due.
///
/// Every pin that is past its quiesce period takes part, due or not: a Pin may belong to a due pin or to a twin that
/// isn't, and this can be decided only with the Pins of both in view. If only due pins were members, twins whose
/// readings are planned for different moments would wait for each other for ever. Due pins come first, oldest first.
pub fn members(open: &[UnresolvedPin], context: &Context, now: Moment) -> Vec<PinId> {
    let is_due = |unresolved: &UnresolvedPin| unresolved.next_reconciliation(context) <= now;
    if !open.iter().any(is_due) {
        return Vec::new();
    }
    // Pins of the same content are resolved together, so they are members together.
    let mut groups: BTreeMap<String, Vec<&UnresolvedPin>> = BTreeMap::new();
    for unresolved in open.iter().filter(|unresolved| unresolved.quiesced_at(context) <= now) {
        groups.entry(content_hash(&unresolved.pin.request)).or_default().push(unresolved);
    }
    let mut groups: Vec<Vec<&UnresolvedPin>> = groups.into_values().collect();
    groups.sort_by_key(|group| {
        (
            !group.iter().any(|unresolved| is_due(unresolved)),
            group.iter().map(|unresolved| (unresolved.started_at(), unresolved.pin.key)).min(),
        )
    });
    let mut members: Vec<PinId> = Vec::new();
    for group in groups {
        if members.is_empty() || members.len() + group.len() <= MEMBERS_MAX {
            members.extend(group.iter().map(|unresolved| unresolved.pin.key.pin));
        }
    }
    members
}

/// Resolves the members of a reading that is whole.
///
/// # Errors
/// When a port is unavailable. What was resolved by then stays; another reading resolves the others.
pub async fn resolve(
    context: &Context,
    board: &BoardKey,
    members: Vec<UnresolvedPin>,
    reading: Reading,
) -> PortResult<()> {
    // Read after the scan: a Pin that one of our pins owned by then is not free.
    let twins = with_twins(context, board, &members, &reading.found).await?;
    let owned = owned_ids(&twins.pins);
    let free: Vec<BoardPin> = reading.found.iter().filter(|pin| !owned.contains(pin.id.as_str())).cloned().collect();
    let claimants: Vec<(&UnresolvedPin, Standing)> = twins
        .pins
        .iter()
        .filter_map(|unresolved| standing(context, unresolved, &reading).map(|standing| (unresolved, standing)))
        .collect();
    let mut claims: Vec<Claim<'_>> = claimants
        .iter()
        .map(|(unresolved, standing)| Claim {
            request: &unresolved.pin.request,
            window: unresolved.window(context),
            standing: *standing,
        })
        .collect();
    // Behind those of the claimants, and ruled on with them.
    let deadlines = &context.settings.deadlines;
    let left_behind = left_behind(&twins, board, &claims, &free, deadlines);
    claims.extend(left_behind.iter().map(|(left, request)| left_behind::claim(left, request, deadlines)));
    let ruled = assignment::rule(&claims, &free);
    for group in ruled.groups {
        // A pin that goes without a Pin while a twin is given one must be written too: a worker that still holds its
        // answer, frozen since the call, then loses its fence and can't claim the same Pin.
        let shares_out = group.iter().any(|index| matches!(ruled.rulings[*index], Ruling::Adopt(_)));
        // In a list that can't be trusted a Pin may be missing: the Pin that it shows for one twin may be the other's.
        let is_short = shares_out && !group.iter().all(|index| matches!(ruled.rulings[*index], Ruling::Adopt(_)));
        let is_withheld = is_short && reading.unclear.is_some();
        let mut writes = Vec::new();
        for index in group {
            // What was left behind is no claimant: nothing is written for it.
            let Some(&(unresolved, standing)) = claimants.get(index) else { continue };
            let ruling = if is_withheld { Ruling::Wait } else { ruled.rulings[index] };
            if standing == Standing::Due
                && let Ok(Some(next)) =
                    next_state(context, unresolved, ruling, &free, &reading, shares_out && !is_withheld)
            {
                keep_candidates(context, unresolved, &next, &free).await?;
                writes.push((unresolved.pin.clone(), next));
            }
        }
        for together in writes.chunks(SAVED_TOGETHER_MAX) {
            write(context, board, together).await?;
        }
    }
    Ok(())
}

/// Keeps the Pins that a person has to choose from, if the pin is left to one. They are written first: without them,
/// nobody could tell later which Pins were meant.
async fn keep_candidates(
    context: &Context,
    unresolved: &UnresolvedPin,
    next: &Attempt,
    free: &[BoardPin],
) -> PortResult<()> {
    if next.failure != Some(Failure::OutcomeAmbiguous) {
        return Ok(());
    }
    let candidates = matching::candidates(&unresolved.pin.request, free, unresolved.window(context));
    match Said::naming(next, candidates) {
        Some(said) => context.store.put_said(&unresolved.pin, &said).await,
        None => Ok(()),
    }
}

/// How a pin stands in the assignment; `None` when it has no claim.
///
/// Only the members' own Pins were looked for. A twin that isn't a member is unresolved all the same, and a pin that
/// shares a Pin with it waits until both are members of one reading.
fn standing(context: &Context, unresolved: &UnresolvedPin, reading: &Reading) -> Option<Standing> {
    let is_member = reading.members.contains(&unresolved.pin.key.pin);
    match unresolved.attempt.status {
        Status::Publishing if is_member && unresolved.quiesced_at(context) <= reading.began_at => Some(Standing::Due),
        Status::Publishing => Some(Standing::Open),
        // Those that were left to a person have the claims of what they left behind.
        _ => None,
    }
}

/// The attempts of these pins that were left to a person, with what they may have sent.
fn left_behind(
    twins: &Twins,
    board: &BoardKey,
    claims: &[Claim<'_>],
    found: &[BoardPin],
    deadlines: &Deadlines,
) -> Vec<(LeftBehind, PinRequest)> {
    let mut all = Vec::new();
    for UnresolvedPin { pin, attempt } in &twins.pins {
        let had = |shown: &BoardPin| {
            let hashes = content_hashes_of(&board.board_id, shown);
            twins.found_by.iter().any(|(hash, pins)| hashes.contains(hash) && pins.contains(&pin.key.pin))
        };
        for left in left_behind::attempts(attempt) {
            let request = left_behind::request(&left, &pin.request, claims, found, deadlines, had);
            all.extend(request.map(|request| (left, request)));
        }
    }
    all
}

/// Some pins, and by which content they were found.
struct Twins {
    pins: Vec<UnresolvedPin>,
    /// The pins that have, or once had, content of a hash.
    found_by: Vec<(String, Vec<PinId>)>,
}

/// The members as they are now, and our other pins that have their content or that of a Pin that was found.
async fn with_twins(
    context: &Context,
    board: &BoardKey,
    members: &[UnresolvedPin],
    found: &[BoardPin],
) -> PortResult<Twins> {
    let of_found = found.iter().flat_map(|pin| content_hashes_of(&board.board_id, pin));
    let of_members = members.iter().flat_map(|unresolved| content_hashes_to_read(&unresolved.pin.request));
    let hashes: BTreeSet<String> = of_members.chain(of_found).collect();
    let mut pins: BTreeSet<PinId> = members.iter().map(|unresolved| unresolved.pin.key.pin).collect();
    let reads = hashes.iter().map(|hash| context.store.siblings(board.account, hash)).collect::<Vec<_>>();
    let mut reads = stream::iter(reads).buffered(SIBLINGS_AT_ONCE);
    let mut siblings = Vec::with_capacity(hashes.len());
    while let Some(read) = reads.next().await {
        siblings.push(read?);
    }
    drop(reads);
    pins.extend(siblings.iter().flatten());
    let workspace = board.account.workspace;
    let keys: Vec<PinKey> = pins.into_iter().map(|pin| PinKey { workspace, pin }).collect();
    let read = context.store.pins(&keys).await?;
    let pins = read.into_iter().flatten().map(|(pin, attempt)| UnresolvedPin { pin, attempt }).collect();
    Ok(Twins { pins, found_by: hashes.into_iter().zip(siblings).collect() })
}

/// The Pins that the members' twins own by now.
///
/// # Errors
/// When the table is unavailable.
pub async fn owned(context: &Context, board: &BoardKey, members: &[UnresolvedPin]) -> PortResult<BTreeSet<String>> {
    let twins = with_twins(context, board, members, &[]).await?;
    Ok(owned_ids(&twins.pins).into_iter().map(str::to_owned).collect())
}

fn owned_ids(all: &[UnresolvedPin]) -> BTreeSet<&str> {
    all.iter()
        .flat_map(|unresolved| [&unresolved.attempt.pinterest_pin_id, &unresolved.attempt.orphan_pin_id])
        .filter_map(|id| id.as_deref())
        .collect()
}

type Next = Result<Option<Attempt>, IllegalTransition>;

fn next_state(
    context: &Context,
    unresolved: &UnresolvedPin,
    ruling: Ruling,
    free: &[BoardPin],
    reading: &Reading,
    shares_out: bool,
) -> Next {
    let now = context.system.now();
    let nothing = Upstream::default();
    // A reading that wasn't due for this pin may find its Pin, but never shows its absence.
    let is_due = unresolved.next_reconciliation(context) <= reading.began_at;
    Ok(match ruling {
        Ruling::Adopt(index) => {
            let BoardPin { id, created_at, .. } = &free[index];
            let adopted = unresolved.attempt.adopted(now, id.clone(), &nothing, &unresolved.pin, context.nonce())?;
            Some(adopted.created_on_pinterest(*created_at))
        }
        _ if !is_due && shares_out => {
            Some(again(context, unresolved, now.plus_ms(SECOND_SCAN_MS), TWIN_SETTLED, &nothing)?)
        }
        _ if !is_due => None,
        Ruling::Wait => {
            let wait_ms = TWIN_OPEN_MS << unresolved.reads_without_verdict(TWIN_OPEN).min(AGAIN_DOUBLINGS_MAX);
            Some(again(context, unresolved, now.plus_ms(wait_ms), TWIN_OPEN, &nothing)?)
        }
        Ruling::Absent if is_believed(context, unresolved, reading) => Some(absent(context, unresolved)?),
        Ruling::Absent => {
            let why = reading.unclear.map_or(NOT_SEEN, |unclear| unclear.name());
            let wait_ms = SECOND_SCAN_MS << unresolved.reads_without_verdict(why).min(AGAIN_DOUBLINGS_MAX);
            Some(again(context, unresolved, now.plus_ms(wait_ms), why, &nothing)?)
        }
        Ruling::Ambiguous if unresolved.reads_without_verdict(UNCLEAR_OWNER) > 0 => Some(unresolved.attempt.failed(
            now,
            Failure::OutcomeAmbiguous,
            &nothing,
            &unresolved.pin,
            context.nonce(),
        )?),
        Ruling::Ambiguous => Some(again(context, unresolved, now.plus_ms(SECOND_SCAN_MS), UNCLEAR_OWNER, &nothing)?),
    })
}

/// Whether this scan, with those before it, proves that the Pin doesn't exist.
fn is_believed(context: &Context, unresolved: &UnresolvedPin, reading: &Reading) -> bool {
    let before = unresolved.reads_without_verdict(reading.unclear.map_or(NOT_SEEN, |unclear| unclear.name()));
    let age_ms = context.system.now().since_ms(unresolved.started_at());
    context.settings.absence_proof.is_complete(before, reading.unclear, age_ms)
}

fn absent(context: &Context, unresolved: &UnresolvedPin) -> Result<Attempt, IllegalTransition> {
    let now = context.system.now();
    if unresolved.attempt.attempts_spent() >= ATTEMPT_LIMIT {
        // Certainly absent, and every allowed attempt ended like this.
        let nothing = Upstream::default();
        return unresolved.attempt.failed(now, Failure::AttemptsExhausted, &nothing, &unresolved.pin, context.nonce());
    }
    unresolved.attempt.absent(now, context.nonce())
}

/// Plans another reading at that time, unless readings were inconclusive for too long. `answer` is Pinterest's, if it
/// did not show the board.
fn again(
    context: &Context,
    unresolved: &UnresolvedPin,
    at: Moment,
    why: &str,
    answer: &Upstream,
) -> Result<Attempt, IllegalTransition> {
    let now = context.system.now();
    if now.since_ms(unresolved.started_at()) > GIVE_UP_AFTER_MS && !HOLDS_THE_DEADLINE.contains(&why) {
        let nothing = Upstream::default();
        return unresolved.attempt.failed(
            now,
            Failure::OutcomeUnverifiable,
            &nothing,
            &unresolved.pin,
            context.nonce(),
        );
    }
    unresolved.attempt.reconcile_again(now, at, why, answer, context.nonce())
}

/// Plans another reading for each pin after one without a clear view, ever more rarely.
///
/// # Errors
/// As [`reconcile_again`].
pub async fn reconcile_again_soon(context: &Context, members: Vec<UnresolvedPin>, why: &str) -> PortResult<()> {
    reconcile_again_after(context, members, 0, why, &Upstream::default()).await
}

/// The same, but not before `least_ms` milliseconds have passed. `answer` is Pinterest's, if it did not show the board.
///
/// # Errors
/// As [`reconcile_again`].
pub async fn reconcile_again_after(
    context: &Context,
    members: Vec<UnresolvedPin>,
    least_ms: i64,
    why: &str,
    answer: &Upstream,
) -> PortResult<()> {
    let draw = context.system.jitter();
    let now = context.system.now();
    for unresolved in members.into_iter().filter(|unresolved| unresolved.next_reconciliation(context) <= now) {
        let wait_ms = AGAIN_MS.0 + ((AGAIN_MS.1 - AGAIN_MS.0) as f64 * draw) as i64;
        let wait_ms = wait_ms << unresolved.reads_without_verdict(why).min(AGAIN_DOUBLINGS_MAX);
        let at = context.system.now().plus_ms(wait_ms.max(least_ms));
        reconcile_again(context, vec![unresolved], at, why, answer).await?;
    }
    Ok(())
}

/// Plans another reading for each of these pins at `at`, and records `why` in their timelines. A pin that another
/// worker has changed meanwhile is left alone.
///
/// # Errors
/// When a port is unavailable.
pub async fn reconcile_again(
    context: &Context,
    members: Vec<UnresolvedPin>,
    at: Moment,
    why: &str,
    answer: &Upstream,
) -> PortResult<()> {
    for unresolved in members {
        if let Ok(next) = again(context, &unresolved, at, why, answer) {
            // What Pinterest said instead of showing the board.
            if let Some(said) = Said::about_reading(&next, answer) {
                store_said(context, &unresolved.pin, &said).await;
            }
            write(context, &unresolved.pin.board_key(), &[(unresolved.pin, next)]).await?;
        }
    }
    Ok(())
}

/// Fails these pins with `failure`. A pin that another worker has changed meanwhile is left alone.
///
/// # Errors
/// When a port is unavailable.
pub async fn give_up(
    context: &Context,
    board: &BoardKey,
    members: Vec<UnresolvedPin>,
    failure: Failure,
    upstream: &Upstream,
) -> PortResult<()> {
    for unresolved in members {
        let (pin, now) = (&unresolved.pin, context.system.now());
        let next = unresolved.attempt.failed_by_reading(now, failure, upstream, pin, context.nonce());
        if let Ok(next) = next {
            write(context, board, &[(unresolved.pin, next)]).await?;
        }
    }
    Ok(())
}

/// Writes the next states, all or none, and hands over the pins that continue. If another writer came first nothing
/// happens: the next reading sees the current states.
async fn write(context: &Context, board: &BoardKey, writes: &[(Pin, Attempt)]) -> PortResult<()> {
    let (began, now) = (context.begin(), context.system.now());
    let goes_on = |attempt: &Attempt| attempt.status == Status::Queued;
    let again: Vec<&(Pin, Attempt)> = writes.iter().filter(|(_, attempt)| goes_on(attempt)).collect();
    // The next owner first.
    put_owners(context, &again).await?;
    if context.took_ms(began) > OWNED_WITHIN_MS {
        return Ok(());
    }
    let is_saved = match writes {
        [] => return Ok(()),
        [(pin, next)] => context.store.save_attempt(pin, next).await? == Write::Done,
        several => context.store.save_attempts(several).await?.is_done(),
    };
    if !is_saved {
        return Ok(());
    }
    if context.took_ms(began) > OWNED_WITHIN_MS {
        put_owners(context, &again).await?;
    }
    for (pin, attempt) in writes {
        report(pin, attempt, now);
        activity::audit_failure(context, pin, attempt).await;
        plan_duplicate_check::plan(context, pin.key, attempt).await;
    }
    let messages: Vec<(PublishMessage, i64)> = again
        .iter()
        .map(|(pin, attempt)| (PublishMessage::new(pin.key, pin.request.account, attempt.generation, None), 0))
        .collect();
    // What couldn't be sent now, the rescuer brings back by the marker.
    if !messages.is_empty()
        && let Err(error) = context.queue.send(&messages).await
    {
        tracing::warn!(%error, "messages of resolved pins not sent; the rescuer resends them");
    }
    let resolved: Vec<PinId> =
        writes.iter().filter(|(_, a)| a.status != Status::Publishing).map(|(pin, _)| pin.key.pin).collect();
    if !resolved.is_empty() {
        context.store.delete_unresolved(board, &resolved).await?;
    }
    Ok(())
}

/// Files the markers that own these pins from now on.
async fn put_owners(context: &Context, again: &[&(Pin, Attempt)]) -> PortResult<()> {
    for chunk in again.chunks(PINS_PER_MARKER) {
        let (pins, now) = (chunk.iter().map(|(pin, _)| pin.key).collect(), context.system.now());
        context.store.put_marker(&RecoveryMarker::new(pins, now, 0, context.system.nonce())).await?;
    }
    Ok(())
}

fn report(pin: &Pin, attempt: &Attempt, now: Moment) {
    let (workspace_id, pin_id, number) = (pin.key.workspace, pin.key.pin, attempt.attempt);
    match attempt.status {
        Status::Published => {
            telemetry::count(Metric::PinAdopted, 1, None, now);
            tracing::info!(
                %workspace_id, %pin_id, attempt = number, pinterest_pin_id = attempt.pinterest_pin_id, "pin adopted"
            );
        }
        Status::Failed => {
            let code = attempt.failure.map(Failure::code);
            telemetry::count(Metric::PinFailed, 1, code, now);
            tracing::info!(%workspace_id, %pin_id, attempt = number, error_code = code, "pin failed");
        }
        Status::Queued => tracing::info!(
            %workspace_id, %pin_id, attempt = number, "Pin absent on Pinterest; a new attempt follows"
        ),
        _ => {
            let reason = attempt.history.last().and_then(|event| event.note.as_deref());
            tracing::warn!(
                %workspace_id, %pin_id, reason, reconcile_at = attempt.reconcile_at.map(|at| at.rfc3339()),
                "reconciliation inconclusive"
            );
        }
    }
}
