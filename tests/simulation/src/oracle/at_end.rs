//! What must hold when a world has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;

use super::{Oracle, Outcome, Wrong, content, report, story, text_of, without_picture};
use crate::digest;
use crate::faults::Faults;
use crate::gate::Coverage;
use crate::provider::{Post, Provider, WRITES_PER_WINDOW, most_in_a_window};
use crate::refusals;
use crate::rollups;

/// Pins with the same content, including the picture. They can't be told apart, so it doesn't matter which Pin belongs
/// to which.
#[derive(Default)]
struct Group {
    pins: BTreeSet<String>,
    /// How many of them were committed later than `Tq` allows for.
    too_late: usize,
    /// Pins of twins with another picture that were committed too late and are recorded as theirs.
    borrowed: usize,
    posts: usize,
    published: usize,
    failed: usize,
    /// Left for an operator to decide.
    open: usize,
    members: Vec<String>,
}

impl Oracle {
    /// Checks the world at its end, and returns its outcome.
    pub fn close(mut self, provider: &Provider, is_finished: bool, coverage: Coverage, calls: u64) -> Outcome {
        let mut outcome = Outcome { coverage, calls, digest: self.gate.digest(), ..Outcome::default() };
        outcome.digest.add(&self.kernel.next_draw().to_le_bytes());
        for (board, made) in provider.pins() {
            outcome.digest.add(format!("{board} {} {} {}", made.id, made.owner, made.committed_at).as_bytes());
        }
        outcome.took_ms = self.kernel.now() - crate::world::START;
        outcome.events = self.events.counts();
        let posts = provider.posts();
        outcome.posts = posts.len() as u64;
        let violations = Arc::clone(&self.violations);
        let wrong = |wrong, text: String| report(&violations, wrong, text);
        let mut posts_of: BTreeMap<&String, u32> = BTreeMap::new();
        posts.iter().for_each(|post| *posts_of.entry(&post.owner).or_default() += 1);
        let mut groups = self.groups(provider, &posts);
        let last_sent: BTreeMap<&String, &String> = posts.iter().map(|post| (&post.owner, &post.content)).collect();
        let deleted = provider.deleted();
        outcome.removed = deleted.len() as u64;
        outcome.too_late =
            deleted.iter().chain(provider.pins().iter().map(|(_, made)| made)).filter(|made| made.is_too_late).count()
                as u64;
        let store = Arc::clone(&self.store);
        let mut claimed: BTreeMap<String, String> = BTreeMap::new();
        let texts = self.texts_by_pin(provider);
        let late: BTreeSet<String> =
            provider.pins().into_iter().filter(|(_, made)| made.is_too_late).map(|(_, made)| made.id).collect();
        store.each_pin(|pin, attempt| {
            outcome.accepted += 1;
            outcome.digest.add(&digest::of_pin(pin, attempt));
            let key = &pin.request.idempotency_key;
            let posted = posts_of.get(key).copied().unwrap_or(0);
            if posted > attempt.attempt {
                wrong(Wrong::Untrue, format!("{key}: {posted} creates in {} attempts", attempt.attempt));
            }
            if attempt.history.iter().any(|event| event.kind == EventKind::Adopted) {
                outcome.adopted += 1;
            }
            // A failed pin may have a Pin with the content that was last sent.
            let is_failed = attempt.status == Status::Failed;
            let sent = last_sent.get(key).filter(|_| is_failed).map(|sent| (*sent).clone());
            let group = groups.entry(sent.unwrap_or_else(|| content(&pin.request))).or_default();
            group.members.push(format!("{key} {}", story(attempt)));
            match attempt.status {
                Status::Published => {
                    outcome.published += 1;
                    group.published += 1;
                    let id = attempt.pinterest_pin_id.clone().unwrap_or_default();
                    if texts.get(&id).is_some_and(|of| *of == text_of(&pin.request)) {
                        let is_anothers = !group.pins.contains(&id);
                        outcome.mixed += u64::from(is_anothers);
                        group.borrowed += usize::from(is_anothers && late.contains(&id));
                    } else {
                        wrong(
                            Wrong::Lost,
                            format!("{key} is published as {id}, which isn't its Pin: {}", story(attempt)),
                        );
                    }
                    if let Some(other) = claimed.insert(id.clone(), key.clone()) {
                        wrong(Wrong::SharedPin, format!("{id} is claimed by {other} and {key}: {}", story(attempt)));
                    }
                }
                Status::Failed => {
                    refusals::check_failed(pin, attempt, &self.violations);
                    let failure = attempt.failure.unwrap_or(Failure::Unrecognised);
                    *outcome.failed.entry(failure.code()).or_default() += 1;
                    let may_exist = failure.is_left_to_a_person();
                    group.open += usize::from(may_exist);
                    group.failed += usize::from(!may_exist);
                }
                _ => wrong(Wrong::Stranded, format!("{key} is unfinished at the end: {}", story(attempt))),
            }
        });
        for group in groups.values() {
            let Group { published, failed, open, too_late, borrowed, .. } = *group;
            let made = group.pins.len();
            let text = || format!("{made} Pins of {}", group.members.join("; "));
            if made + borrowed < published || group.posts < published {
                wrong(Wrong::Lost, text());
            } else if made > published + open + failed + too_late || (made > published + open + too_late && failed == 0)
            {
                wrong(Wrong::Duplicate, text());
            } else if made > published + open + too_late {
                wrong(Wrong::FalseFailure, text());
            }
        }
        for wish in &self.acknowledged {
            if store.peek(self.plan.pin(*wish)).is_none() {
                wrong(Wrong::Unaccounted, format!("request {wish} was accepted and is not in the table"));
            }
        }
        self.schedules.close(&mut outcome);
        if !is_finished {
            wrong(Wrong::Stranded, "the world did not finish".into());
        } else if self.plan.aftermath_ms >= rollups::ROLLED_UP_AFTER_MS {
            for text in rollups::rollup_errors(&store, self.plan.workspace()) {
                wrong(Wrong::Miscounted, text);
            }
        }
        self.check_pace(&posts);
        refusals::check_posts(&posts, &self.violations);
        self.check_windows(provider);
        outcome.violations = std::mem::take(&mut *self.violations.lock().unwrap_or_else(PoisonError::into_inner));
        outcome.violations.sort_by_key(|violation| violation.wrong);
        outcome.list_pages = outcome
            .coverage
            .iter()
            .filter(|((_, call), _)| *call == "pinterest.board_pins")
            .map(|(_, count)| count.reached)
            .sum();
        outcome.trace = self.kernel.take_trace();
        if self.plan.faults == Faults::calm() {
            outcome.sent = posts;
        }
        outcome
    }

    /// The Pins on Pinterest and the creates that were sent, by content.
    fn groups(&self, provider: &Provider, posts: &[Post]) -> BTreeMap<String, Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (_, made) in provider.pins() {
            let group = groups.entry(made.content.clone()).or_default();
            group.pins.insert(made.id.clone());
            group.too_late += usize::from(made.is_too_late);
        }
        posts.iter().for_each(|post| groups.entry(post.content.clone()).or_default().posts += 1);
        groups
    }

    /// Each Pin's content without the picture, by the Pin's id.
    fn texts_by_pin(&self, provider: &Provider) -> BTreeMap<String, String> {
        provider.pins().into_iter().map(|(_, made)| (made.id, without_picture(&made.content))).collect()
    }

    /// The Pinterest user of each account.
    fn users(&self) -> BTreeMap<String, usize> {
        let user = |index| (self.plan.account(index).account.to_string(), self.plan.user(index));
        (0..self.plan.accounts).map(user).collect()
    }

    /// Checks that in any window of w seconds the accounts of a user send at most capacity + rate · w creates, by the
    /// time at which they were sent. Clock skew adds slack, because pacing can't prevent its effect.
    fn check_pace(&mut self, posts: &[Post]) {
        let pace = self.plan.pace;
        let slack_ms = 4 * self.plan.faults.skew_ms;
        let (users, mut by_user) = (self.users(), BTreeMap::<usize, Vec<i64>>::new());
        posts.iter().for_each(|post| by_user.entry(users[&post.account]).or_default().push(post.at));
        for (user, mut times) in by_user {
            times.sort_unstable();
            // The n-th call after any other comes no earlier than n + 1 - capacity intervals after it.
            let mut highest = i64::MIN;
            for (number, at) in times.iter().enumerate() {
                highest = highest.max(at - number as i64 * pace.interval_ms);
                let over_ms = highest - (at - (number as i64 + 1) * pace.interval_ms) - pace.burst_ms();
                if over_ms > slack_ms {
                    let text = format!("user {user}: call {number} is {over_ms} ms ahead of its pace");
                    report(&self.violations, Wrong::Noisy, text);
                    break;
                }
            }
        }
    }

    /// Checks that no window of a minute has more arrivals of a user than Pinterest lets pass, refused ones
    /// included. It knows nothing of the pace, but for the clocks that differ, which pacing can't prevent.
    fn check_windows(&mut self, provider: &Provider) {
        let slack = (4 * self.plan.faults.skew_ms / self.plan.pace.interval_ms) as usize;
        let (users, mut by_user) = (self.users(), BTreeMap::<usize, Vec<i64>>::new());
        for (account, arrivals) in provider.arrivals() {
            by_user.entry(users[&account]).or_default().extend(arrivals);
        }
        for (user, arrivals) in by_user {
            let most = most_in_a_window(arrivals);
            if most > WRITES_PER_WINDOW + slack {
                let text = format!("user {user}: {most} writes arrive within a minute");
                report(&self.violations, Wrong::Throttled, text);
            }
        }
    }
}
