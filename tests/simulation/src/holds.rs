//! What the answers to single pins may do to their account: the holds that they bring.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::AccountKey;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::{Event, EventKind};
use pinbridge_shared::domain::pin::{Pin, WaitReason};
use pinbridge_shared::domain::time::{Moment, SECOND_MS};
use pinbridge_shared::testing::fake_store::FakeStore;

use crate::kernel::Process;
use crate::oracle::{Violations, Wrong, report};

/// A pin's own refusals hold its account this often while other pins are published: twice, and the next one fails. Some
/// more, because a row keeps only the last events: a pin that waited for others' holds in between has forgotten some.
const HOLDS_MAX: usize = 5;
/// The same pin may try a held account so often in a row, while others wait: ticks are late and missed, and pins come
/// and go.
const TRIES_IN_A_ROW_MAX: usize = 3;
/// A refused access token holds its account when it is refused again.
const REFUSALS_LEAST: u32 = 2;

/// A pin goes on within this time with tokens that have been renewed.
const FRESH_TOKEN_WITHIN_MS: i64 = SECOND_MS;

/// How often in a row the access token of an account was refused, by the account's id, without a Pin that was created;
/// and that of a pin's creates, by its idempotency key.
pub type TokenRefusals = Arc<Mutex<BTreeMap<String, u32>>>;

enum What {
    /// A call was answered with a Pin. Its process, and so its reading of the account's holds, began no earlier than at
    /// this true time.
    Published(i64),
    /// A client retried or changed this pin.
    Anew,
    /// The refusal of this pin has held the account.
    Held(Failure),
    /// This pin's token was refused for the first time, and the pin tries it again soon.
    Slip,
    /// This pin waits because the account is on hold already.
    Waits,
}

struct Entry {
    /// By the clock of who wrote the row.
    at: Moment,
    /// The true time of the write.
    recorded_at: i64,
    owner: String,
    what: What,
    /// As Pinterest knows it.
    refusals_in_a_row: u32,
    /// The pin goes on at once: its account has other tokens by now.
    is_renewed: bool,
    is_new: bool,
}

/// What the rows of pins record of their accounts' holds.
#[derive(Default)]
pub struct Holds {
    of_accounts: BTreeMap<AccountKey, Vec<Entry>>,
}

/// Records a write of a pin's row, by this process.
pub fn watch(
    holds: &Mutex<Holds>,
    refusals: &TokenRefusals,
    pin: &Pin,
    after: &Attempt,
    (writer, now): (Option<Process>, i64),
) {
    let Some(event) = after.history.last() else { return };
    let held_for = event.note.as_deref().and_then(Failure::parse).filter(|failure| is_of_account(*failure));
    let what = match (event.kind, held_for) {
        (EventKind::Published, _) => {
            // A process that stood still since before the hold doesn't know of it, and doesn't end it.
            What::Published(writer.map_or(now, |process| process.began))
        }
        (EventKind::Retried | EventKind::Edited, _) => What::Anew,
        (EventKind::Deferred, Some(failure)) if event.status.is_some() => What::Held(failure),
        (EventKind::Deferred, None) if event.note.as_deref() == Some(WaitReason::AccountOnHold.code()) => What::Waits,
        (EventKind::RetryPlanned, _) if is_slip(event) => What::Slip,
        _ => return,
    };
    let account = pin.account_key();
    let owner = pin.request.idempotency_key.clone();
    let refusals_in_a_row = {
        let refusals = lock(refusals);
        let of = |name: &String| refusals.get(name).copied().unwrap_or(0);
        of(&account.account.to_string()).max(of(&owner))
    };
    let is_renewed = event.next_at.is_some_and(|at| at.since_ms(event.at) <= FRESH_TOKEN_WITHIN_MS);
    let entry = Entry { at: event.at, recorded_at: now, owner, what, refusals_in_a_row, is_renewed, is_new: true };
    lock(holds).of_accounts.entry(account).or_default().push(entry);
}

fn is_slip(event: &Event) -> bool {
    event.status.is_some() && event.note.as_deref().and_then(Failure::parse) == Some(Failure::TokenExpired)
}

/// Checks what has been recorded since the last check. `skew_ms`: by how much two clocks may differ; `is_bare`: whether
/// the account has no refresh token.
pub fn check(
    holds: &Mutex<Holds>,
    store: &FakeStore,
    skew_ms: i64,
    is_bare: impl Fn(AccountKey) -> bool,
    violations: &Violations,
) {
    let mut holds = lock(holds);
    for (key, entries) in &mut holds.of_accounts {
        let Some(account) = store.peek_account(*key) else { continue };
        // A person, or a refresh, has changed the connection: everything counts from then.
        entries.retain(|entry| entry.at > account.updated_at.plus_ms(skew_ms));
        for index in 0..entries.len() {
            if !std::mem::take(&mut entries[index].is_new) {
                continue;
            }
            let (before, entry) = (&entries[..index], &entries[index]);
            let is_stray = matches!(entry.what, What::Slip) && !entry.is_renewed;
            if is_stray && is_bare(*key) && goes_on(entry, *key, skew_ms, store) {
                let text = format!("account {} goes on although the token of {} was refused", key.account, entry.owner);
                report(violations, Wrong::Unheld, text);
            }
            let What::Held(failure) = entry.what else { continue };
            let found = [
                (Wrong::Hasty, hasty(before, entry, failure, &account, store, skew_ms)),
                (Wrong::Convoy, alone(before, entry, failure)),
                (Wrong::Convoy, first_in_line(before, entry, *key, store)),
            ];
            for (wrong, why) in found {
                if let Some(why) = why {
                    report(violations, wrong, format!("account {} is held by {}: {why}", key.account, entry.owner));
                }
            }
        }
    }
}

/// An account that wasn't held for the time until its refused token is tried again. A hold that was there has ended
/// since then, or is there still.
fn goes_on(entry: &Entry, key: AccountKey, skew_ms: i64, store: &FakeStore) -> bool {
    let bucket = store.peek_bucket(key);
    bucket.hold.is_none() && bucket.held_until.is_none_or(|at| at < entry.at.plus_ms(-skew_ms))
}

/// A hold for a token that Pinterest has refused once, or not at all.
fn hasty(
    before: &[Entry],
    entry: &Entry,
    failure: Failure,
    account: &Account,
    store: &FakeStore,
    skew_ms: i64,
) -> Option<String> {
    let life = &account.life;
    let is_known_bad = life.dead.is_some() || life.refused.is_some() || account.revoked_at.is_some();
    // The call that tries a held account, or a refused token, holds the account again, unless a call of a process that
    // began after that was answered with a Pin. Pinterest counts from the Pins whose answers were lost, too; nobody
    // else can.
    // The row says when a hold was ended for the last time, which may be after this one began.
    let lifted_at = store.peek_bucket(account.key).held_until;
    let lifted_at = lifted_at.filter(|lifted| lifted.plus_ms(2 * skew_ms) < entry.at);
    let is_over = |earlier: &Entry| {
        let has_worked = |other: &Entry| matches!(other.what, What::Published(began) if began > earlier.recorded_at);
        before.iter().any(has_worked) || lifted_at.is_some_and(|lifted| lifted >= earlier.at)
    };
    let is_hold = |earlier: &&Entry| matches!(earlier.what, What::Held(_) | What::Slip | What::Waits);
    let was_held = before.iter().filter(is_hold).any(|earlier| !is_over(earlier));
    let is_first = entry.refusals_in_a_row < REFUSALS_LEAST;
    (failure == Failure::TokenRevoked && is_first && !is_known_bad && !was_held)
        .then(|| format!("its token was refused {} times", entry.refusals_in_a_row))
}

/// A pin that holds its account again and again, although others are published in between.
fn alone(before: &[Entry], entry: &Entry, failure: Failure) -> Option<String> {
    if failure == Failure::TokenRevoked {
        return None;
    }
    let (mut holds, mut is_published) = (1, false);
    for earlier in before.iter().rev() {
        match earlier.what {
            What::Published(_) => is_published = true,
            What::Held(_) if earlier.owner == entry.owner => {
                holds += usize::from(is_published);
                is_published = false;
            }
            What::Anew if earlier.owner == entry.owner => break,
            What::Held(_) | What::Anew | What::Slip | What::Waits => {}
        }
    }
    (holds > HOLDS_MAX).then(|| format!("it has held it {holds} times, and others were published in between"))
}

/// A pin that tries a held account each time, although others wait.
fn first_in_line(before: &[Entry], entry: &Entry, key: AccountKey, store: &FakeStore) -> Option<String> {
    let is_hold = |earlier: &&Entry| !matches!(earlier.what, What::Anew | What::Slip | What::Waits);
    let is_same = |earlier: &&Entry| matches!(earlier.what, What::Held(_)) && earlier.owner == entry.owner;
    let in_a_row: Vec<&Entry> = before.iter().rev().filter(is_hold).take_while(is_same).collect();
    let first = in_a_row.get(TRIES_IN_A_ROW_MAX.checked_sub(1)?)?;
    let mut others = 0;
    store.each_pin(|pin, attempt| {
        let waits = attempt.status == Status::Deferred && attempt.updated_at < first.at && pin.hidden_at.is_none();
        others += usize::from(waits && pin.account_key() == key && pin.request.idempotency_key != entry.owner);
    });
    (others > 0).then(|| format!("it has tried it {} times in a row, while {others} wait", in_a_row.len() + 1))
}

/// Whether the failure of a pin holds its account until a person acts.
fn is_of_account(failure: Failure) -> bool {
    matches!(failure, Failure::TokenRevoked | Failure::ScopeMissing | Failure::TrialAccess | Failure::FeatureRestricted)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
