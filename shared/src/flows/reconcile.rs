//! Looking whether a call whose answer was lost has created its Pin.
//!
//! Runs only after `started_at + Tq`, when the call can no longer commit. Found and nobody else's → adopt; absent in two
//! scans → a new fenced attempt; undecidable → a person decides; no clear view → later.

use std::collections::BTreeSet;

use super::daily_budget::{self, Granted};
use super::publish_pin::Job;
use super::settle::{self, record};
use crate::domain::attempt::{Attempt, Status, Upstream};
use crate::domain::daily_budget::Request;
use crate::domain::failure::Failure;
use crate::domain::history::{Event, EventKind};
use crate::domain::idempotency::{content_hash, content_hash_of};
use crate::domain::ids::PinKey;
use crate::domain::lookup::{self, BoardPin, Likeness, Rival, Verdict, Window};
use crate::domain::message::Disposition;
use crate::domain::pin::{Pin, WaitReason};
use crate::domain::retry::ATTEMPT_LIMIT;
use crate::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{AccessToken, PortResult, ReadFailure, Saved, World};
use crate::telemetry::{self, Metric};

/// A look-up reads at most this many pages of 250; beyond, it can't say "absent".
const PAGES_MAX: usize = 40;
/// A scan stops early after this many whole pages of Pins that are too old, as long as pages descend strictly.
const OLDER_PAGES: usize = 2;
/// How soon a look-up without a clear view is repeated; drawn from the interval, which doubles each time in vain.
const AGAIN_MS: (i64, i64) = (45 * SECOND_MS, 90 * SECOND_MS);
const AGAIN_DOUBLINGS_MAX: u32 = 5;
/// Only two scans this far apart, both of which found nothing, are believed: lists may shuffle, be cut or come back empty.
const SECOND_SCAN_MS: i64 = 30 * SECOND_MS;
/// How soon a pin whose twin is settled first comes back.
const TWIN_FIRST_MS: i64 = 20 * SECOND_MS;
/// The pause before a look-up without a token is tried again.
const NO_TOKEN_MS: i64 = 15 * MINUTE_MS;
/// A look-up that was refused for a stale token is repeated this soon with the fresh one.
const FRESH_TOKEN_MS: i64 = 2 * SECOND_MS;
/// A doubt that no look-up could clear up for this long is handed to a person.
const GIVE_UP_AFTER_MS: i64 = 72 * HOUR_MS;

/// Candidates whose own content is looked up; with more of them, the verdict is for a person anyway.
const HASHES_MAX: usize = 16;
/// A scan stops when less than this is left of the invocation: a page may take seconds, and the verdict has to be written.
const SCAN_RESERVE_MS: i64 = 10 * SECOND_MS;
/// A board that lists nothing at all is believed only after this many looks in a row, and one more.
const EMPTY_LOOKS: u32 = 3;
const EMPTY_LIST: &str = "empty_list";
const TWIN_FIRST: &str = "twin_first";
const NOT_SEEN: &str = "not_seen_yet";

/// What a scan of the board saw.
enum Scan {
    /// Everything that could be ours.
    Seen(Vec<BoardPin>),
    Empty,
    TooLong,
    /// The app's daily budget allows no more until then.
    OutOfBudget(Moment),
}

/// Looks, and settles the pin if the view is clear.
pub async fn look(world: &World, job: &mut Job) -> PortResult<Option<Disposition>> {
    let Some(tokens) = world.secrets.tokens(job.account_key(), false).await? else {
        let at = world.system.now().plus_ms(NO_TOKEN_MS);
        return look_again(world, job, at, Failure::TokenRevoked.code()).await;
    };
    let started_at = job.attempt.started_at.unwrap_or(job.attempt.updated_at);
    let window = Window::of(started_at, &world.settings.deadlines);
    match scan(world, job, &tokens.access, window).await {
        Ok(Scan::Seen(candidates)) => settle_with(world, job, &candidates).await,
        Ok(Scan::Empty) if looks_in_vain(&job.attempt, EMPTY_LIST) >= EMPTY_LOOKS => absent(world, job).await,
        Ok(Scan::Empty) => {
            let at = world.system.now().plus_ms(SECOND_SCAN_MS);
            look_again(world, job, at, EMPTY_LIST).await
        }
        Ok(Scan::OutOfBudget(at)) => look_again(world, job, at, WaitReason::DailyBudget.code()).await,
        Ok(Scan::TooLong) => again_soon(world, job, "board_too_long").await,
        Err(failure) if failure.failure == Failure::BoardNotFound => {
            settle::give_up(world, job, Failure::BoardNotFound, &failure.upstream).await
        }
        // A connection that needs a person holds the clock: the board may be readable again any day.
        Err(failure) if failure.failure == Failure::TokenRevoked => {
            let is_stale = settle::token_changed(world, job, &tokens.access).await?;
            let wait_ms = if is_stale { FRESH_TOKEN_MS } else { NO_TOKEN_MS };
            look_again(world, job, world.system.now().plus_ms(wait_ms), failure.failure.code()).await
        }
        Err(failure) => again_soon(world, job, failure.failure.code()).await,
    }
}

async fn scan(world: &World, job: &Job, token: &AccessToken, window: Window) -> Result<Scan, ReadFailure> {
    let (mut candidates, mut older_pages) = (Vec::new(), 0);
    let (mut bookmark, mut oldest): (Option<String>, Option<Moment>) = (None, None);
    for page_index in 0..PAGES_MAX {
        if job.ends_at_ms - world.system.monotonic_ms() < SCAN_RESERVE_MS {
            return Ok(Scan::TooLong);
        }
        match daily_budget::ask(world, Request::LookUp).await {
            Ok(Granted::Yes) => {}
            Ok(Granted::NotBefore(at) | Granted::AskAgain(at)) => return Ok(Scan::OutOfBudget(at)),
            Err(_) => return Ok(Scan::OutOfBudget(world.system.now().plus_ms(AGAIN_MS.0))),
        }
        let page = world.pinterest.board_pins(token, &job.pin.request.board_id, bookmark.as_deref()).await?;
        if page_index == 0 && page.pins.is_empty() && page.next.is_none() {
            return Ok(Scan::Empty);
        }
        candidates.extend(page.pins.iter().filter(|pin| lookup::could_be(&job.pin.request, pin, window)).cloned());
        older_pages = if is_older_page(&page.pins, window, oldest) { older_pages + 1 } else { 0 };
        oldest = page.pins.iter().filter_map(|pin| pin.created_at).min().or(oldest);
        bookmark = page.next;
        if bookmark.is_none() || older_pages >= OLDER_PAGES {
            // A Pin that was added while paging pushes another onto the next page once more.
            candidates.sort_by(|a, b| a.id.cmp(&b.id));
            candidates.dedup_by(|a, b| a.id == b.id);
            return Ok(Scan::Seen(candidates));
        }
    }
    Ok(Scan::TooLong)
}

/// Whether every Pin of the page is dated, older than the window, and not newer than the page before.
fn is_older_page(pins: &[BoardPin], window: Window, oldest_before: Option<Moment>) -> bool {
    let older = |pin: &BoardPin| {
        pin.created_at.is_some_and(|at| at < window.from && oldest_before.is_none_or(|oldest| at <= oldest))
    };
    !pins.is_empty() && pins.iter().all(older)
}

/// How many looks in a row could not tell, for the same reason.
fn looks_in_vain(attempt: &Attempt, why: &str) -> u32 {
    let is_one = |event: &&Event| event.kind == EventKind::LookInconclusive && event.note.as_deref() == Some(why);
    u32::try_from(attempt.history.iter().rev().take_while(is_one).count()).unwrap_or(u32::MAX)
}

/// Settles the pin with the candidates that no other pin of ours owns.
async fn settle_with(world: &World, job: &mut Job, candidates: &[BoardPin]) -> PortResult<Option<Disposition>> {
    // Twins are read after the scan: whatever they owned by then is not free.
    let twins = twins(world, job, candidates).await?;
    if let Some(at) = wait_for_twin(world, job, &twins) {
        return look_again(world, job, at, TWIN_FIRST).await;
    }
    let owned: Vec<&str> = twins
        .iter()
        .flat_map(|(_, twin)| [&twin.pinterest_pin_id, &twin.orphan_pin_id])
        .filter_map(|id| id.as_deref())
        .collect();
    let free: Vec<&BoardPin> = candidates.iter().filter(|pin| !owned.contains(&pin.id.as_str())).collect();
    let (free, likeness) = lookup::best(&job.pin.request, &free);
    let rivals: Vec<Rival> = twins.iter().filter_map(|twin| rival(world, job, twin)).collect();
    let verdict = if likeness == Some(Likeness::More) { Verdict::Ambiguous } else { lookup::verdict(&free, &rivals) };
    match verdict {
        Verdict::Found(id) => adopt(world, job, id).await,
        Verdict::Absent if looks_in_vain(&job.attempt, NOT_SEEN) > 0 => absent(world, job).await,
        Verdict::Absent => {
            let at = world.system.now().plus_ms(SECOND_SCAN_MS);
            look_again(world, job, at, NOT_SEEN).await
        }
        Verdict::Ambiguous => settle::give_up(world, job, Failure::OutcomeAmbiguous, &Upstream::default()).await,
    }
}

type Twin = (Pin, Attempt);

/// A twin whose own doubt is open, or was left to a person, claims its share of the candidates.
fn rival(world: &World, job: &Job, (pin, attempt): &Twin) -> Option<Rival> {
    let is_open = attempt.status == Status::Publishing
        || matches!(attempt.failure, Some(Failure::OutcomeAmbiguous | Failure::OutcomeUnverifiable));
    let started_at = attempt.started_at.filter(|_| is_open)?;
    let same_media = pin.request.image_url == job.pin.request.image_url;
    Some(Rival { window: Window::of(started_at, &world.settings.deadlines), same_media })
}

/// The other pins of ours that have the same content, or the content of one of the candidates.
async fn twins(world: &World, job: &Job, candidates: &[BoardPin]) -> PortResult<Vec<Twin>> {
    let request = &job.pin.request;
    let of_candidates = candidates.iter().take(HASHES_MAX).map(|pin| content_hash_of(&request.board_id, pin));
    let hashes: BTreeSet<String> = of_candidates.chain([content_hash(request)]).collect();
    let mut siblings = BTreeSet::new();
    for hash in hashes {
        siblings.extend(world.store.siblings(job.account_key(), &hash).await?);
    }
    let workspace = job.pin.key.workspace;
    let keys: Vec<PinKey> =
        siblings.into_iter().map(|pin| PinKey { workspace, pin }).filter(|key| *key != job.pin.key).collect();
    Ok(world.store.pins(&keys).await?.into_iter().flatten().collect())
}

/// When to come back because a twin's own outcome is open: inside its quiet time it may still commit, and of several in
/// doubt the one that started first is settled first.
fn wait_for_twin(world: &World, job: &Job, twins: &[Twin]) -> Option<Moment> {
    let now = world.system.now();
    let order = |key: &PinKey, attempt: &Attempt| (attempt.started_at, key.pin);
    let ours = order(&job.pin.key, &job.attempt);
    twins
        .iter()
        .filter(|(_, twin)| twin.status == Status::Publishing)
        .filter_map(|(pin, twin)| {
            let quiet_at = twin.quiet_at(world.settings.deadlines.quiesce_ms);
            if now < quiet_at {
                Some(quiet_at)
            } else {
                (order(&pin.key, twin) < ours).then(|| now.plus_ms(TWIN_FIRST_MS))
            }
        })
        .max()
}

async fn adopt(world: &World, job: &mut Job, pinterest_pin_id: String) -> PortResult<Option<Disposition>> {
    let now = world.system.now();
    let nothing = Upstream::default();
    let next = job.attempt.adopted(now, pinterest_pin_id.clone(), &nothing, &job.pin, world.system.nonce());
    Ok(match record(world, job, next).await? {
        Saved::Yes => {
            telemetry::count(Metric::PinAdopted, 1, None, now);
            tracing::info!(pin_id = %job.pin.key.pin, attempt = job.attempt.attempt, pinterest_pin_id, "found on Pinterest");
            Some(Disposition::Done)
        }
        Saved::Lost(_) => None,
    })
}

async fn absent(world: &World, job: &mut Job) -> PortResult<Option<Disposition>> {
    if job.attempt.attempts_spent() >= ATTEMPT_LIMIT {
        // Surely not there, and every allowed attempt ended like this.
        return settle::give_up(world, job, Failure::AttemptsExhausted, &Upstream::default()).await;
    }
    let now = world.system.now();
    let next = job.attempt.absent(now, world.system.nonce());
    if record(world, job, next).await? == Saved::Yes {
        tracing::info!(pin_id = %job.pin.key.pin, attempt = job.attempt.attempt, "not on Pinterest; a new attempt follows");
    }
    // Queued again: the same message goes on with a new token.
    Ok(None)
}

async fn again_soon(world: &World, job: &mut Job, why: &str) -> PortResult<Option<Disposition>> {
    let started_at = job.attempt.started_at.unwrap_or(job.attempt.updated_at);
    if world.system.now().since_ms(started_at) > GIVE_UP_AFTER_MS {
        return settle::give_up(world, job, Failure::OutcomeUnverifiable, &Upstream::default()).await;
    }
    let wait_ms = AGAIN_MS.0 + ((AGAIN_MS.1 - AGAIN_MS.0) as f64 * world.system.jitter()) as i64;
    let wait_ms = wait_ms << looks_in_vain(&job.attempt, why).min(AGAIN_DOUBLINGS_MAX);
    let at = world.system.now().plus_ms(wait_ms);
    look_again(world, job, at, why).await
}

async fn look_again(world: &World, job: &mut Job, at: Moment, why: &str) -> PortResult<Option<Disposition>> {
    let next = job.attempt.look_again(world.system.now(), at, why, world.system.nonce());
    Ok(match record(world, job, next).await? {
        Saved::Yes => {
            tracing::warn!(pin_id = %job.pin.key.pin, why, look_at = at.rfc3339(), "look-up inconclusive");
            Some(Disposition::Resend { message: job.message.clone(), at })
        }
        Saved::Lost(_) => None,
    })
}
