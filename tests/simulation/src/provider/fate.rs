//! What happens to a create, and what its answer is.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use pinbridge_shared::domain::pin::PinRequest;

use super::Provider;
use crate::faults::Faults;

/// When a create commits, and what its answer is.
pub(super) struct Fate {
    pub commits_after_ms: Option<i64>,
    pub answer: Answer,
    pub answers_after_ms: i64,
}

pub(super) enum Answer {
    Created,
    Nothing,
    Unsent,
    Error { status: u16, code: Option<i64>, message: String, retry_after_s: Option<i64> },
}

/// Of the 429s without Pinterest's JSON, the share that creates the Pin all the same.
const BARE_429_COMMITS: f64 = 0.1;
/// How long Pinterest can't fetch an image that comes back, and how long one that doesn't.
const IMAGE_DOWN_MS: std::ops::Range<i64> = 30_000..40 * 60_000;
const IMAGE_GONE_MS: i64 = 1_000 * 3_600_000;
/// Of the images that can't be fetched, the share that never can.
const IMAGE_GONE: f64 = 0.3;
/// Refusals of an account, which Pinterest gives to a single pin: their status and code.
const POISON: [(u16, i64, &str); 3] = [
    (403, 29, "Your app has Trial access. Use the API Sandbox instead."),
    (403, 3, "Your application consumer type is not supported"),
    (401, 3, "Authorization failed. Missing: ['boards:write']"),
];
/// Refusals of one pin as Pinterest words them, with their codes; each comes under any of these statuses.
const REFUSED_UNDER: [u16; 7] = [400, 401, 403, 404, 409, 422, 429];
const WORDS: [(i64, &str); 6] = [
    (9, "Sorry! We blocked this link because it may lead to spam."),
    (9, "Sorry, we've blocked this description because it contains a link…"),
    (1, "Sorry! This site doesn't allow you to save Pins."),
    (1, "Parameter 'link' with the value 'https://example.com/a b' is not a valid URL format."),
    (7, "You don't have permission to edit that board."),
    (2787, "Sorry! Something went wrong on our end."),
];

/// How long after its create a Pin that is too late is committed: mostly after two scans have missed it.
pub(super) const TOO_LATE_MS: std::ops::Range<i64> = 150_000..300_000;

/// How often each pin was refused because its image could not be fetched, as far as its row says so.
#[derive(Default)]
pub struct ImageRefusals {
    /// Refused, and not in the row yet.
    pending: BTreeSet<String>,
    recorded: BTreeMap<String, u32>,
}

impl ImageRefusals {
    fn refused(&mut self, owner: &str) {
        self.pending.insert(owner.to_owned());
    }

    /// An attempt begins: what an earlier one's process didn't record isn't known to any other.
    pub fn begins(&mut self, owner: &str) {
        self.pending.remove(owner);
    }

    /// Whether the pin was refused so, and its row doesn't say it yet.
    pub fn is_pending(&self, owner: &str) -> bool {
        self.pending.contains(owner)
    }

    /// The row has the answer; returns how many such refusals it has had.
    pub fn answered(&mut self, owner: &str) -> u32 {
        let count = self.recorded.entry(owner.to_owned()).or_default();
        *count += u32::from(self.pending.remove(owner));
        *count
    }

    /// A client retried or changed the pin.
    pub fn reset(&mut self, owner: &str) {
        self.recorded.remove(owner);
    }
}

fn choice<'a, T>(rng: &mut Rng, of: &'a [T]) -> &'a T {
    &of[rng.usize(0..of.len())]
}

impl Provider {
    /// Whether Pinterest can't fetch the pin's image now. That is decided when the image is first asked for.
    fn is_image_down(&self, faults: &Faults, request: &PinRequest) -> bool {
        if faults.image_down == 0.0 {
            return false;
        }
        let now = self.kernel.now();
        let known = self.state().images.get(&request.image_url).copied();
        let until = known.unwrap_or_else(|| {
            let until = match (self.kernel.chance(faults.image_down), self.kernel.chance(IMAGE_GONE)) {
                (false, _) => 0,
                (true, true) => now + IMAGE_GONE_MS,
                (true, false) => now + self.kernel.draw(|rng| rng.i64(IMAGE_DOWN_MS)),
            };
            self.state().images.insert(request.image_url.clone(), until);
            until
        });
        now < until
    }

    /// What the pin is refused with, if it is poisoned. That is decided when it is first sent.
    fn poison(&self, faults: &Faults, request: &PinRequest) -> Option<(u16, i64, &'static str)> {
        if faults.poisoned == 0.0 {
            return None;
        }
        let known = self.state().poisoned.get(&request.idempotency_key).copied();
        let chosen = known.unwrap_or_else(|| {
            let is_poisoned = self.kernel.chance(faults.poisoned);
            let chosen = is_poisoned.then(|| self.kernel.draw(|rng| rng.usize(0..POISON.len())));
            self.state().poisoned.insert(request.idempotency_key.clone(), chosen);
            chosen
        });
        chosen.map(|index| POISON[index])
    }

    pub(super) fn fate(&self, faults: &Faults, request: &PinRequest, is_honoured: bool) -> Fate {
        let quick = self.kernel.draw(|rng| rng.i64(80..900));
        let error = |status, code, message: &str| Fate {
            commits_after_ms: None,
            answer: Answer::Error { status, code, message: String::from(message), retry_after_s: None },
            answers_after_ms: quick,
        };
        if !is_honoured {
            return error(401, Some(2), "Authentication failed.");
        }
        if let Some((status, code, words)) = self.poison(faults, request) {
            return error(status, Some(code), words);
        }
        // At most as late as the deadlines allow, counted from when the client gives up.
        let late = |rng: &mut Rng| {
            let latest = self.client_timeout_ms + faults.commit_lateness_ms;
            if faults.commits_evenly || rng.bool() { rng.i64(0..latest.max(1)) } else { latest - 1 }
        };
        let lost = |commits_after_ms| Fate {
            commits_after_ms,
            answer: Answer::Nothing,
            answers_after_ms: self
                .kernel
                .draw(|rng| if rng.bool() { self.client_timeout_ms } else { rng.i64(10..5_000) }),
        };
        let commits = Some(quick / 2);
        let hit = |probability| self.kernel.chance(probability);
        if hit(faults.unreachable) {
            return Fate { commits_after_ms: None, answer: Answer::Unsent, answers_after_ms: quick };
        }
        if hit(faults.lost_before_commit) {
            return lost(None);
        }
        if hit(faults.lost_after_commit) {
            return lost(commits);
        }
        if hit(faults.too_late_commit) {
            return lost(Some(self.kernel.draw(|rng| rng.i64(TOO_LATE_MS))));
        }
        if hit(faults.late_commit) {
            return lost(Some(self.kernel.draw(late)));
        }
        if hit(faults.server_error_after_commit) {
            return Fate { commits_after_ms: commits, ..error(500, Some(500), "Internal error") };
        }
        if hit(faults.server_error) {
            return error(503, None, "");
        }
        if hit(faults.code_2787) {
            let commits_after_ms = commits.filter(|_| self.kernel.draw(Rng::bool));
            return Fate { commits_after_ms, ..error(400, Some(2787), "Something went wrong on our end.") };
        }
        if hit(faults.rate_limited) {
            let retry_after_s = self.kernel.draw(|rng| rng.bool().then(|| rng.i64(5..90)));
            let message = "This request exceeded a rate limit.".into();
            let answer = Answer::Error { status: 429, code: Some(8), message, retry_after_s };
            return Fate { commits_after_ms: None, answer, answers_after_ms: quick };
        }
        if hit(faults.bare_429) {
            let retry_after_s = self.kernel.draw(|rng| rng.bool().then(|| rng.i64(5..90)));
            let answer = Answer::Error { status: 429, code: None, message: String::new(), retry_after_s };
            let commits_after_ms = commits.filter(|_| self.kernel.chance(BARE_429_COMMITS));
            return Fate { commits_after_ms, answer, answers_after_ms: quick };
        }
        if self.is_image_down(faults, request) {
            self.images().refused(&request.idempotency_key);
            let (status, code) = self.kernel.draw(|rng| (*choice(rng, &[400, 403, 422]), *choice(rng, &[1, 235])));
            return error(status, Some(code), "Sorry we could not fetch the image.");
        }
        if hit(faults.worded_refusal) {
            let (status, (code, words)) = self.kernel.draw(|rng| (*choice(rng, &REFUSED_UNDER), *choice(rng, &WORDS)));
            return error(status, Some(code), &format!("{words} ('{}')", request.title));
        }
        if hit(faults.spam_block) {
            return error(403, Some(9), "Your account is blocked for behaviour that looks like spam");
        }
        if hit(faults.busy) {
            return error(409, Some(409), "Could not get exclusive access to the board");
        }
        if hit(faults.refused_pin) {
            return error(403, Some(235), "Sorry, this image is broken. Please pick a different image.");
        }
        Fate { commits_after_ms: commits, answer: Answer::Created, answers_after_ms: quick }
    }
}
