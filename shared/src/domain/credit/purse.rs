//! What an instance knows of its holders' credit.

use std::collections::HashMap;

use super::{Allowance, Holder, Spent};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};

/// A purse is idle when nothing was spent of it for this long. Idle purses are forgotten first.
const IDLE_MS: i64 = 10 * MINUTE_MS;
/// The most purses in memory, at about 150 bytes each. Beyond it, those that were used least recently are forgotten:
/// at most, their holders get their grace once more.
pub const PURSES_MAX: usize = 10_000;
/// How long the row isn't asked again after it could not be reached.
pub const UNREACHABLE_MS: i64 = SECOND_MS;
/// How long the row isn't asked again while it is asked: longer than an operation of the table takes. (A call that is
/// dropped meanwhile never says how it ended.)
const ASKED_MS: i64 = 5 * SECOND_MS;

/// The credit of one holder in this instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purse {
    /// What may still be spent.
    credit: u32,
    /// What was given or spent, and not taken from the row.
    owed: u32,
    leased_at: Moment,
    /// How much the last lease took, and how much the next one takes.
    block: u32,
    next_block: u32,
    used_at: Moment,
    /// The row held too little for a block.
    spent: Option<Spent>,
    /// The row could not be reached, or another call asks it right now; when it is asked again.
    asks_again_at: Moment,
    /// The row's number, as last seen.
    pub seen_us: i64,
    /// Whether the last lease found that other instances spend of the bucket, too.
    pub is_shared: bool,
}

/// What the row is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    pub owed: u32,
    /// A block, or less of one where an instance spends slowly.
    pub block: u32,
}

/// Whether a call may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Granted,
    /// The row has to be asked: a lease that also pays `owed`.
    Lease(Ask),
    /// The row could not be reached a moment ago, or another call asks it right now.
    NotAsked,
    Refused(Spent),
}

impl Purse {
    fn new(allowance: Allowance, now: Moment) -> Self {
        let grace = allowance.grace();
        Self {
            credit: grace,
            owed: grace,
            leased_at: now,
            block: allowance.block(),
            next_block: allowance.block(),
            used_at: now,
            spent: None,
            asks_again_at: Moment(0),
            seen_us: 0,
            is_shared: false,
        }
    }

    /// Whether the next call may begin.
    pub fn admission(&mut self, allowance: Allowance, now: Moment) -> Admission {
        self.used_at = now;
        // The bucket has filled up since: a block from before would come on top of a minute's credit. The next lease
        // takes what this instance spends in two such times, or many instances would lease what they don't spend.
        if now.since_ms(self.leased_at) >= MINUTE_MS && self.credit > allowance.grace() {
            let used = self.block.saturating_sub(self.credit);
            self.next_block = (2 * used).clamp(allowance.grace(), allowance.block());
            self.credit = allowance.grace();
        }
        if self.credit > 0 {
            return Admission::Granted;
        }
        match self.spent {
            Some(spent) if spent.until > now => Admission::Refused(spent),
            _ if self.asks_again_at > now => Admission::NotAsked,
            _ => Admission::Lease(self.ask(now)),
        }
    }

    /// The row is asked now.
    fn ask(&mut self, now: Moment) -> Ask {
        self.asks_again_at = now.plus_ms(ASKED_MS);
        Ask { owed: self.owed, block: self.next_block }
    }

    /// Whether a call of which nothing is known yet is refused.
    pub fn refusal(&self, now: Moment) -> Option<Spent> {
        self.spent.filter(|spent| self.credit == 0 && spent.until > now)
    }

    /// A call has ended. If a block should be leased now, returns what to ask for: what is owed would be lost with the
    /// instance.
    pub fn charge(&mut self, allowance: Allowance, cost: u32, now: Moment) -> Option<Ask> {
        let beyond = cost.saturating_sub(self.credit);
        self.credit = self.credit.saturating_sub(cost);
        self.owed = self.owed.saturating_add(beyond).min(allowance.owed_max());
        let is_due = self.credit == 0 && self.asks_again_at <= now && self.refusal(now).is_none();
        is_due.then(|| self.ask(now))
    }

    /// The row's number as it may be now: others who spent of the bucket a while ago spend of it still. A wrong guess
    /// costs a write.
    pub fn guessed_us(&self, now: Moment) -> i64 {
        if self.is_shared { self.seen_us.max(now.0.saturating_mul(1_000) + 1) } else { self.seen_us }
    }

    /// The row gave what it was asked for.
    pub fn leased(&mut self, allowance: Allowance, ask: Ask, paid_us: i64, now: Moment) {
        self.owed = self.owed.saturating_sub(ask.owed);
        // What was lent while the row was asked.
        let lent = self.owed.min(ask.block);
        (self.credit, self.owed) = (ask.block - lent, self.owed - lent);
        // One that is spent within a minute is followed by a larger one.
        (self.block, self.next_block) = (ask.block, ask.block.saturating_mul(2).min(allowance.block()));
        (self.leased_at, self.seen_us, self.spent, self.asks_again_at) = (now, paid_us, None, now);
    }

    /// The bucket holds too little.
    pub fn refused(&mut self, spent: Spent, paid_us: i64) {
        (self.spent, self.seen_us, self.asks_again_at) = (Some(spent), paid_us, spent.until);
    }

    /// The row could not be reached.
    pub fn unreachable(&mut self, now: Moment) {
        self.asks_again_at = now.plus_ms(UNREACHABLE_MS);
    }

    /// Whether any call may begin without an answer of the row: the instance lends one block.
    pub fn may_lend(&self, allowance: Allowance) -> bool {
        self.owed < allowance.block()
    }

    /// What may still be spent, in credits.
    pub fn credit(&self) -> u32 {
        self.credit
    }
}

/// The purses of an instance.
#[derive(Debug, Default)]
pub struct Purses(HashMap<Holder, Purse>);

impl Purses {
    /// The purse of the holder; a new one has the grace.
    pub fn of(&mut self, holder: &Holder, allowance: Allowance, now: Moment) -> &mut Purse {
        if self.0.len() >= PURSES_MAX && !self.0.contains_key(holder) {
            self.forget_some(now);
        }
        self.0.entry(holder.clone()).or_insert_with(|| Purse::new(allowance, now))
    }

    /// The purse of the holder, if it has one.
    pub fn known(&self, holder: &Holder) -> Option<&Purse> {
        self.0.get(holder)
    }

    fn forget_some(&mut self, now: Moment) {
        self.0.retain(|_, purse| now.since_ms(purse.used_at) < IDLE_MS);
        if self.0.len() < PURSES_MAX {
            return;
        }
        let mut used: Vec<Moment> = self.0.values().map(|purse| purse.used_at).collect();
        let (_, median, _) = used.select_nth_unstable(PURSES_MAX / 2);
        let median = *median;
        self.0.retain(|_, purse| purse.used_at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_000_000_000);
    /// A block of 1,500 and a grace of 150.
    const ALLOWANCE: Allowance = Allowance { per_minute: 30_000 };

    fn ask(owed: u32) -> Option<Ask> {
        Some(Ask { owed, block: 1_500 })
    }

    fn leased() -> Purse {
        let mut purse = Purse::new(ALLOWANCE, NOW);
        assert_eq!(purse.charge(ALLOWANCE, 150, NOW), ask(150));
        purse.leased(ALLOWANCE, Ask { owed: 150, block: 1_500 }, 0, NOW);
        purse
    }

    #[test]
    fn the_grace_needs_no_row_and_the_first_block_pays_for_it() {
        let mut purse = Purse::new(ALLOWANCE, NOW);
        for _ in 0..29 {
            assert_eq!(purse.admission(ALLOWANCE, NOW), Admission::Granted);
            assert_eq!(purse.charge(ALLOWANCE, 5, NOW), None);
        }
        assert_eq!(purse.charge(ALLOWANCE, 7, NOW), ask(152), "two more than there were");
        assert_eq!(purse.admission(ALLOWANCE, NOW), Admission::NotAsked, "one call asks");
        assert_eq!(purse.charge(ALLOWANCE, 7, NOW), None);
        purse.leased(ALLOWANCE, Ask { owed: 152, block: 1_500 }, 9, NOW);
        assert_eq!((purse.admission(ALLOWANCE, NOW), purse.credit(), purse.owed), (Admission::Granted, 1_493, 0));
    }

    #[test]
    fn a_call_is_paid_for_when_it_has_ended_however_much_it_cost() {
        let mut purse = leased();
        assert_eq!(purse.charge(ALLOWANCE, 9_000, NOW), ask(7_500));
        let later = NOW.plus_ms(ASKED_MS);
        assert_eq!(purse.charge(ALLOWANCE, u32::MAX, later), ask(28_500), "a bucket holds the debt and a block");
        assert_eq!(
            purse.admission(ALLOWANCE, later.plus_ms(ASKED_MS)),
            Admission::Lease(Ask { owed: 28_500, block: 1_500 })
        );
    }

    #[test]
    fn a_block_of_a_minute_ago_is_cut_down_to_the_grace() {
        let mut purse = leased();
        assert_eq!(
            (purse.admission(ALLOWANCE, NOW.plus_ms(MINUTE_MS - 1)), purse.credit()),
            (Admission::Granted, 1_500)
        );
        assert_eq!((purse.admission(ALLOWANCE, NOW.plus_ms(MINUTE_MS)), purse.credit()), (Admission::Granted, 150));
    }

    #[test]
    fn an_instance_that_spends_slowly_leases_what_it_spends_in_two_minutes() {
        for (spent, next) in [(0, 150), (60, 150), (300, 600), (600, 1_200), (1_000, 1_500)] {
            let mut purse = leased();
            assert_eq!(purse.charge(ALLOWANCE, spent, NOW), None);
            let later = NOW.plus_ms(MINUTE_MS);
            assert_eq!(purse.admission(ALLOWANCE, later), Admission::Granted);
            let asked = purse.charge(ALLOWANCE, 150, later).expect("the grace is spent");
            assert_eq!(asked, Ask { owed: 0, block: next }, "{spent}");
            purse.leased(ALLOWANCE, asked, 0, later);
            let asked = purse.charge(ALLOWANCE, next, later).expect("it is spent at once");
            assert_eq!(asked.block, (2 * next).min(1_500), "{spent}");
        }
    }

    #[test]
    fn a_refusal_lasts_and_is_known_without_the_row() {
        let mut purse = leased();
        assert_eq!(purse.charge(ALLOWANCE, 1_500, NOW), ask(0));
        let spent = Spent { until: NOW.plus_ms(3_000) };
        purse.refused(spent, 7);
        assert_eq!(purse.admission(ALLOWANCE, NOW), Admission::Refused(spent));
        assert_eq!((purse.refusal(NOW), purse.refusal(spent.until)), (Some(spent), None));
        assert_eq!(purse.admission(ALLOWANCE, spent.until), Admission::Lease(Ask { owed: 0, block: 1_500 }));
    }

    #[test]
    fn an_unreachable_row_is_asked_once_a_second_and_a_block_is_lent() {
        let mut purse = leased();
        assert_eq!(purse.charge(ALLOWANCE, 1_500, NOW), ask(0));
        purse.unreachable(NOW);
        assert_eq!(purse.admission(ALLOWANCE, NOW.plus_ms(UNREACHABLE_MS - 1)), Admission::NotAsked);
        assert!(purse.may_lend(ALLOWANCE));
        assert_eq!(purse.charge(ALLOWANCE, 1_500, NOW), None);
        assert!(!purse.may_lend(ALLOWANCE));
        assert_eq!(
            purse.admission(ALLOWANCE, NOW.plus_ms(UNREACHABLE_MS)),
            Admission::Lease(Ask { owed: 1_500, block: 1_500 })
        );
    }

    #[test]
    fn strangers_fill_no_memory_and_the_latest_are_remembered() {
        let mut purses = Purses::default();
        let holder = |n: usize| Holder::Source(n.to_string());
        for n in 0..3 * PURSES_MAX {
            let now = NOW.plus_ms(n as i64);
            purses.of(&holder(n), ALLOWANCE, now).charge(ALLOWANCE, 1, now);
            assert!(purses.0.len() <= PURSES_MAX, "{n}");
        }
        assert!(purses.known(&holder(3 * PURSES_MAX - 1)).is_some_and(|purse| purse.credit() == 149));
        assert!(purses.known(&holder(0)).is_none());
    }
}
