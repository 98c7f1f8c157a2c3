//! Pinterest's limits: how many requests of a user pass in any minute, and with Trial access in a day.
//!
//! Two public sources give the figures. They are the simulator's own: a publishing system that is tested against it has
//! its pace from elsewhere.

use std::collections::VecDeque;

use crate::config::Access;
use crate::operations::Category;

/// The length of the windows, in milliseconds. They slide: any 60 s count.
pub const WINDOW_MS: i64 = 60_000;
/// Writes per minute, user and app.
pub const WRITES_PER_MINUTE: usize = 100;
/// Reads per minute, user and app.
pub const READS_PER_MINUTE: usize = 1_000;
/// Requests for analytics per minute, user and app.
pub const ANALYTICS_PER_MINUTE: usize = 60;
/// Requests of all users together, per UTC day, with Trial access.
pub const TRIAL_CALLS_PER_DAY: u32 = 1_000;
/// Writes of all users together, per UTC day, with Trial access.
pub const TRIAL_WRITES_PER_DAY: u32 = 300;
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Category {
    /// Requests of a user that pass in any minute.
    pub fn per_minute(self) -> usize {
        match self {
            Category::Write => WRITES_PER_MINUTE,
            Category::Read => READS_PER_MINUTE,
            Category::Analytics => ANALYTICS_PER_MINUTE,
        }
    }

    /// The name of its policy in `x-ratelimit-limit`.
    pub fn policy(self) -> &'static str {
        match self {
            Category::Write => "org_write_app_id_user_id",
            Category::Read => "org_read_app_id_user_id",
            Category::Analytics => "org_analytics_app_id_user_id",
        }
    }
}

/// The last arrivals of a user in one category: never more than its limit, because only those decide.
#[derive(Debug, Clone, Default)]
pub struct Window {
    arrivals: VecDeque<i64>,
}

impl Window {
    /// Counts an arrival, also one that is refused; returns whether it passes.
    pub fn arrive(&mut self, most: usize, now_ms: i64) -> bool {
        self.forget(now_ms);
        let passes = self.arrivals.len() < most;
        if !passes {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now_ms);
        passes
    }

    /// Requests that would pass now.
    pub fn left(&self, most: usize, now_ms: i64) -> usize {
        most.saturating_sub(self.arrivals.iter().filter(|at| **at > now_ms - WINDOW_MS).count())
    }

    /// Milliseconds until one more request would pass than now, if none arrives meanwhile.
    pub fn more_in_ms(&self, now_ms: i64) -> i64 {
        let oldest = self.arrivals.iter().find(|at| **at > now_ms - WINDOW_MS);
        oldest.map_or(0, |at| at + WINDOW_MS - now_ms)
    }

    fn forget(&mut self, now_ms: i64) {
        while self.arrivals.front().is_some_and(|at| *at <= now_ms - WINDOW_MS) {
            self.arrivals.pop_front();
        }
    }
}

/// The requests of all users in one UTC day.
#[derive(Debug, Clone, Copy, Default)]
pub struct Day {
    day: i64,
    calls: u32,
    writes: u32,
}

impl Day {
    /// Counts an arrival, also one that is refused; returns whether the access tier lets it pass.
    pub fn arrive(&mut self, access: Access, category: Category, now_ms: i64) -> bool {
        let day = now_ms.div_euclid(DAY_MS);
        if self.day != day {
            *self = Self { day, ..Self::default() };
        }
        self.calls = self.calls.saturating_add(1);
        self.writes = self.writes.saturating_add(u32::from(category == Category::Write));
        access == Access::Standard || (self.calls <= TRIAL_CALLS_PER_DAY && self.writes <= TRIAL_WRITES_PER_DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn passed(window: &mut Window, at_ms: impl Iterator<Item = i64>) -> Vec<i64> {
        at_ms.filter(|now_ms| window.arrive(WRITES_PER_MINUTE, *now_ms)).collect()
    }

    #[test]
    fn a_hundred_pass_in_a_minute_and_the_next_one_after_it() {
        let mut window = Window::default();
        assert_eq!(passed(&mut window, (0..100).map(|_| NOW_MS)).len(), 100);
        assert_eq!((window.left(WRITES_PER_MINUTE, NOW_MS), window.more_in_ms(NOW_MS + 1)), (0, 59_999));
        assert!(window.arrive(WRITES_PER_MINUTE, NOW_MS + WINDOW_MS));
        assert_eq!(window.left(WRITES_PER_MINUTE, NOW_MS + WINDOW_MS), 99);
    }

    #[test]
    fn a_refused_arrival_counts_like_any_other() {
        let mut window = Window::default();
        (0..100).for_each(|_| assert!(window.arrive(WRITES_PER_MINUTE, NOW_MS)));
        // Another every half a second: none ever passes, though a hundred a minute would.
        let stubborn = (1..1_000).map(|half| NOW_MS + half * 500);
        let refused = stubborn.filter(|at| !window.arrive(WRITES_PER_MINUTE, *at)).count();
        assert_eq!(refused, 999);
        assert!(window.arrive(WRITES_PER_MINUTE, NOW_MS + 1_000 * 500 + WINDOW_MS), "who waits is let in");
    }

    #[test]
    fn no_window_of_a_minute_passes_more_than_its_limit_wherever_it_begins() {
        let mut window = Window::default();
        let passed = passed(&mut window, (0..300_000).step_by(700).map(|ms| NOW_MS + ms));
        for (first, from) in passed.iter().enumerate() {
            let within = passed[first..].iter().take_while(|at| **at < from + WINDOW_MS).count();
            assert!(within <= WRITES_PER_MINUTE, "{within} from {from}");
        }
    }

    #[test]
    fn trial_access_lets_three_hundred_writes_and_a_thousand_calls_a_day_pass() {
        let mut day = Day::default();
        let writes = (0..400).filter(|_| day.arrive(Access::Trial, Category::Write, NOW_MS)).count();
        assert_eq!(writes, 300);
        let mut day = Day::default();
        let reads = (0..2_000).filter(|_| day.arrive(Access::Trial, Category::Read, NOW_MS)).count();
        assert_eq!(reads, 1_000);
        assert!(!day.arrive(Access::Trial, Category::Write, NOW_MS), "a write is a call too");
        assert!(day.arrive(Access::Trial, Category::Write, NOW_MS + DAY_MS), "the next day begins with nothing");
        assert!((0..5_000).all(|_| Day::default().arrive(Access::Standard, Category::Write, NOW_MS)));
    }
}
