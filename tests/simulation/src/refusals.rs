//! Refusals that outlive a refresh: what must hold while Pinterest refuses each new access token.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinbridge_shared::domain::account::credentials::FORCED_AGAIN_AFTER_MS;
use pinbridge_shared::domain::ids::AccountKey;
use pinbridge_shared::domain::pin::Pin;
use pinbridge_shared::domain::pin::attempt::Attempt;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS};
use pinbridge_shared::testing::fake_secrets::FakeSecrets;
use pinbridge_shared::testing::fake_store::FakeStore;

use crate::kernel::Kernel;
use crate::oracle::{Violations, Wrong, report};
use crate::provider::Post;

/// Refreshed tokens are refreshed again no sooner than this. A world lasts hours, so that no refresh is due by the
/// tokens' age: each one is forced by a refusal. A refresh may take effect an hour after its announcement.
const ROTATED_APART_MS: i64 = FORCED_AGAIN_AFTER_MS - HOUR_MS;
/// A pin is refused with the old token, with the new one, and once more where a worker died before it could record a
/// refusal. Then its account is on hold.
const REFUSED_MAX: usize = 4;
const REFUSED_WITHIN_MS: i64 = 10 * MINUTE_MS;
/// The status of a refused access token.
const UNAUTHORISED: u16 = 401;
/// A pin whose last answers were so many refusals of its token wasn't dead-lettered for another cause.
const REFUSALS_IN_A_ROW: usize = 4;

/// Checks every change of an account's tokens. A person's connection begins anew.
pub fn watch(kernel: &Arc<Kernel>, secrets: &FakeSecrets, violations: &Violations) {
    let (kernel, violations) = (Arc::clone(kernel), Arc::clone(violations));
    let mut rotated: BTreeMap<AccountKey, i64> = BTreeMap::new();
    secrets.watch(Box::new(move |key, before, after| {
        let version =
            |custody: &pinbridge_shared::ports::Custody| custody.current.as_ref().map(|stored| stored.version.clone());
        if version(before) == version(after) {
            return;
        }
        let follows = after.current.as_ref().and_then(|current| current.follows.clone());
        if follows.is_none() || follows != version(before) {
            rotated.remove(&key);
            return;
        }
        let now = kernel.now();
        kernel.note(|| format!("tokens of {} rotated", key.account));
        if let Some(last) = rotated.insert(key, now).filter(|last| now - last < ROTATED_APART_MS) {
            let text = format!("account {}: tokens refreshed {} ms after a refresh", key.account, now - last);
            report(&violations, Wrong::Rotated, text);
        }
    }));
}

/// A hold says what it comes of.
pub fn check_holds(store: &FakeStore, violations: &Violations) {
    store.each_bucket(|key, bucket| {
        if bucket.is_on_hold() && bucket.pause_failure().is_none() {
            report(violations, Wrong::Unexplained, format!("account {} is held without a failure", key.account));
        }
    });
}

/// No pin is sent over and over while its account's tokens are refused.
pub fn check_posts(posts: &[Post], violations: &Violations) {
    let mut refused: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    posts.iter().filter(|post| post.is_refused_again).for_each(|post| {
        refused.entry(&post.owner).or_default().push(post.at);
    });
    for (owner, mut times) in refused {
        times.sort_unstable();
        if let Some(window) = times.windows(REFUSED_MAX + 1).find(|at| at[REFUSED_MAX] - at[0] < REFUSED_WITHIN_MS) {
            let text = format!("{owner} was sent {} times from {} on with refused tokens", window.len(), window[0]);
            report(violations, Wrong::Hammered, text);
        }
    }
}

/// A refused token is no reason for a dead letter.
pub fn check_failed(pin: &Pin, attempt: &Attempt, violations: &Violations) {
    let mut answers = attempt.history.iter().rev().filter_map(|event| event.status);
    let is_refused = (0..REFUSALS_IN_A_ROW).all(|_| answers.next() == Some(UNAUTHORISED));
    if attempt.failure == Some(Failure::DeadLettered) && is_refused {
        let text = format!("{} is dead-lettered by refused tokens", pin.request.idempotency_key);
        report(violations, Wrong::Hammered, text);
    }
}
