//! Reading a board: one reading of its list, page by page, serves every pin whose outcome is unresolved there.
//!
//! The row stores how far the reading has come, so that another worker continues after one that runs out of time or
//! dies. It also stores which reading is planned next, so that a board with many unresolved pins has one reading in
//! progress and not many.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::matching::{BoardPin, Window};
use crate::domain::ids::PinId;
use crate::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};

/// The most pages of 250 that one reading covers. Beyond them, it can't conclude that a Pin is absent.
pub const PAGES_MAX: u32 = 40;
/// A reading stops early after this many whole pages of Pins that are too old, as long as the order strictly descends.
pub const OLDER_PAGES: u32 = 2;
/// An interrupted reading is continued for this long. After that, the list has changed too much, and the reading
/// restarts.
pub const GOES_ON_FOR_MS: i64 = 10 * MINUTE_MS;
/// The most pins that one reading serves.
///
/// Pins with the same content stay together even if there are more.
pub const MEMBERS_MAX: usize = 200;
/// The most Pins on the board that could belong to a member. With more, their owners couldn't be determined.
pub const FOUND_MAX: usize = 400;
/// The same limit in bytes of text: the row that stores them may have 400 kB in all.
pub const FOUND_BYTES_MAX: usize = 250_000;
/// The most Pins of a list of several pages that are kept count of; each takes 11 bytes of the row.
pub const LISTED_MAX: usize = 4_000;
/// A reading that was planned this long ago and hasn't started is planned again.
pub const PLAN_LOST_AFTER_MS: i64 = MINUTE_MS;
/// How long after an outcome becomes due the board is read: the others of the same burst join meanwhile.
pub const GATHER_MS: i64 = 2 * SECOND_MS;
/// The note of a reading that was whole and clear, and that didn't show the Pin.
pub const NOT_SEEN: &str = "not_seen_yet";

/// The row of a board. A missing row is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardScan {
    /// Counts the row's writes.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
    /// The planned reading whose message is in the queue.
    pub planned_for: Option<Moment>,
    pub reading: Option<Reading>,
}

impl BoardScan {
    /// Whether a message for a reading no later than `at` is in the queue.
    pub fn has_plan(&self, now: Moment, at: Moment) -> bool {
        self.planned_for.is_some_and(|planned| planned > now && planned <= at)
    }

    /// Whether another message has replaced the one for `planned_for`.
    pub fn is_superseded(&self, planned_for: Moment, now: Moment) -> bool {
        self.planned_for.is_some_and(|plan| plan != planned_for && now.since_ms(plan) < PLAN_LOST_AFTER_MS)
    }
}

/// A reading of the board's list that isn't finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub began_at: Moment,
    /// The pins that the reading serves.
    pub members: Vec<PinId>,
    /// Pinterest's bookmark of the next page.
    pub bookmark: Option<String>,
    pub pages: u32,
    pub older_pages: u32,
    /// The creation time of the oldest Pin so far.
    pub oldest: Option<Moment>,
    pub unclear: Option<Unclear>,
    /// The Pins of the pages so far, each as a number made of its id. Only for a list of several pages.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub listed: BTreeSet<u32>,
    /// A Pin was listed twice, or there are too many to tell: while it moved from one page to another, a third Pin may
    /// have moved past the reading.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_torn: bool,
    /// The Pins that could belong to a member.
    pub found: Vec<BoardPin>,
}

/// Why a list isn't trusted when it lacks a Pin. The board is read more often before the absence is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unclear {
    /// The list is empty.
    EmptyList,
    /// The last page was full: there may be more Pins.
    FullLastPage,
    /// Several pages that aren't in descending order: a Pin may have moved from one page to another between two
    /// requests.
    Shuffled,
    /// The same, and a Pin was listed twice. So another one was not: such a reading is no evidence of absence at all.
    Torn,
}

impl Unclear {
    pub fn name(self) -> &'static str {
        match self {
            Self::EmptyList => "empty_list",
            Self::FullLastPage => "list_cut_off",
            Self::Shuffled => "list_not_in_order",
            Self::Torn => "list_changed_its_order",
        }
    }
}

/// The evidence that proves that a Pin isn't on its board. Lists may be shuffled, cut off or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsenceProof {
    /// The number of scans in a row that don't list the Pin.
    pub scans: u32,
    /// The same for a list that can't be trusted, each time for the same reason.
    pub unclear_scans: u32,
    /// A board that lists nothing proves nothing until this long after the call: an outage of lists looks the same.
    pub empty_after_ms: i64,
}

impl Default for AbsenceProof {
    fn default() -> Self {
        Self { scans: 2, unclear_scans: 4, empty_after_ms: 6 * HOUR_MS }
    }
}

impl AbsenceProof {
    /// Whether a scan completes the proof. It follows `before` scans in a row with the same result, and comes `age_ms`
    /// after the call.
    pub fn is_complete(&self, before: u32, unclear: Option<Unclear>, age_ms: i64) -> bool {
        let scans = before.saturating_add(1);
        match unclear {
            None => scans >= self.scans,
            Some(Unclear::EmptyList) if age_ms < self.empty_after_ms => false,
            Some(Unclear::Torn) => false,
            Some(_) => scans >= self.unclear_scans,
        }
    }
}

/// The number of Pins on a full page.
pub const PAGE_SIZE: usize = 250;

impl Reading {
    pub fn new(began_at: Moment, members: Vec<PinId>) -> Self {
        Self {
            began_at,
            members,
            bookmark: None,
            pages: 0,
            older_pages: 0,
            oldest: None,
            unclear: None,
            listed: BTreeSet::new(),
            is_torn: false,
            found: Vec::new(),
        }
    }

    /// Notices a Pin that the list has on two of its pages.
    fn note_listed(&mut self, page: &[BoardPin], is_last: bool) {
        if is_last && self.pages == 1 {
            return;
        }
        for pin in page {
            // Too many to keep count of: nobody can tell whether it is whole.
            self.is_torn |= self.listed.len() >= LISTED_MAX || !self.listed.insert(number_of(&pin.id, self.began_at));
        }
    }

    /// Whether more Pins could belong to members than can be stored.
    pub fn is_crowded(&self) -> bool {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let bytes = |pin: &BoardPin| pin.id.len() + text(&pin.title) + text(&pin.description) + text(&pin.link);
        self.found.len() > FOUND_MAX || self.found.iter().map(bytes).sum::<usize>() > FOUND_BYTES_MAX
    }

    /// Adds a page to the reading; returns whether the reading is complete.
    ///
    /// `earliest` is the beginning of the earliest member's window.
    pub fn take_in(
        &mut self,
        page: &[BoardPin],
        next: Option<String>,
        earliest: Moment,
        could_be: impl Fn(&BoardPin) -> bool,
    ) -> bool {
        self.pages += 1;
        self.note_listed(page, next.is_none());
        for pin in page.iter().filter(|pin| could_be(pin)) {
            // A Pin added during the reading moves another Pin to the next page, where it appears again.
            if !self.found.iter().any(|found| found.id == pin.id) && self.found.len() <= FOUND_MAX {
                self.found.push(pin.clone());
            }
        }
        if !descends(page, self.oldest) {
            self.unclear = self.unclear.or(Some(Unclear::Shuffled));
        }
        let is_older = !page.is_empty()
            && self.unclear.is_none()
            && page.iter().all(|pin| pin.created_at.is_some_and(|at| at < earliest));
        self.older_pages = if is_older { self.older_pages + 1 } else { 0 };
        self.oldest = page.iter().filter_map(|pin| pin.created_at).min().or(self.oldest);
        self.bookmark = next;
        if self.bookmark.is_some() {
            return self.older_pages >= OLDER_PAGES;
        }
        match () {
            () if self.pages == 1 && page.is_empty() => self.unclear = Some(Unclear::EmptyList),
            // The order of a list that was read in one page doesn't matter.
            () if self.pages == 1 && page.len() < PAGE_SIZE => self.unclear = None,
            () if self.unclear == Some(Unclear::Shuffled) && self.is_torn => self.unclear = Some(Unclear::Torn),
            () if page.len() >= PAGE_SIZE => self.unclear = self.unclear.or(Some(Unclear::FullLastPage)),
            () => {}
        }
        true
    }
}

/// Two Pins rarely have the same number, and not in the next reading too.
fn number_of(id: &str, began_at: Moment) -> u32 {
    // FNV-1a, which is the same in every build: the row outlives the process.
    let bytes = began_at.0.to_le_bytes().into_iter().chain(id.bytes());
    bytes.fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Whether every Pin of the page has a date and none is newer than the one before it.
fn descends(page: &[BoardPin], before: Option<Moment>) -> bool {
    let mut last = before;
    page.iter().all(|pin| {
        let fits = pin.created_at.is_some_and(|at| last.is_none_or(|last| at <= last));
        last = pin.created_at;
        fits
    })
}

/// The beginning of the earliest window.
pub fn earliest<'a>(windows: impl Iterator<Item = &'a Window>) -> Moment {
    windows.map(|window| window.from).min().unwrap_or(Moment(i64::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(id: usize, at: i64) -> BoardPin {
        BoardPin {
            id: id.to_string(),
            created_at: Some(Moment(at)),
            title: Some("t".into()),
            description: None,
            link: None,
        }
    }

    fn page(from: i64, count: usize) -> Vec<BoardPin> {
        (0..count).map(|index| pin(from as usize + index, from - index as i64)).collect()
    }

    fn reading() -> Reading {
        Reading::new(Moment(0), Vec::new())
    }

    #[test]
    fn a_list_that_changes_its_order_between_two_pages_proves_nothing() {
        let all: Vec<BoardPin> = (0..300).map(|id| pin(id, id as i64)).collect();
        for seed in 0..50 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut shuffled = || {
                let mut pins = all.clone();
                rng.shuffle(&mut pins);
                pins
            };
            let (first, second) = (shuffled(), shuffled());
            let mut reading = reading();
            assert!(!reading.take_in(&first[..PAGE_SIZE], Some("2".into()), Moment(0), |_| true));
            assert!(reading.take_in(&second[PAGE_SIZE..], None, Moment(0), |_| true));
            let is_complete = (0..300).all(|id| reading.found.iter().any(|pin| pin.id == id.to_string()));
            assert!(is_complete || reading.unclear == Some(Unclear::Torn), "seed {seed}");
            // Each in its own order, and one whole list all the same.
            let mut steady = Reading::new(Moment(0), Vec::new());
            steady.take_in(&first[..PAGE_SIZE], Some("2".into()), Moment(0), |_| true);
            steady.take_in(&first[PAGE_SIZE..], None, Moment(0), |_| true);
            assert_eq!(steady.unclear, Some(Unclear::Shuffled), "seed {seed}");
            assert_eq!(steady.found.len(), 300);
        }
        let proof = AbsenceProof::default();
        assert!(!proof.is_complete(99, Some(Unclear::Torn), HOUR_MS), "however often it is read");
    }

    #[test]
    fn absence_is_believed_after_a_second_scan_and_of_unclear_lists_much_later() {
        let proof = AbsenceProof::default();
        let needed = |unclear, age_ms| (0..10).find(|before| proof.is_complete(*before, unclear, age_ms));
        assert_eq!(needed(None, 0), Some(1), "one scan before");
        assert_eq!(needed(Some(Unclear::Shuffled), 0), Some(3));
        assert_eq!(needed(Some(Unclear::FullLastPage), 0), Some(3));
        assert_eq!(needed(Some(Unclear::EmptyList), 6 * HOUR_MS - 1), None);
        assert_eq!(needed(Some(Unclear::EmptyList), 6 * HOUR_MS), Some(3));
    }

    #[test]
    fn a_short_page_ends_a_reading_whatever_its_order() {
        let mut reading = reading();
        assert!(reading.take_in(&[pin(1, 5), pin(2, 9)], None, Moment(0), |_| true));
        assert_eq!((reading.unclear, reading.found.len()), (None, 2));
    }

    #[test]
    fn an_empty_a_full_last_and_a_shuffled_list_are_unclear() {
        let mut empty = reading();
        assert!(empty.take_in(&[], None, Moment(0), |_| true));
        assert_eq!(empty.unclear, Some(Unclear::EmptyList));
        let mut full = reading();
        assert!(full.take_in(&page(10_000, PAGE_SIZE), None, Moment(0), |_| false));
        assert_eq!(full.unclear, Some(Unclear::FullLastPage));
        let mut shuffled = reading();
        assert!(!shuffled.take_in(&page(10_000, PAGE_SIZE), Some("b".into()), Moment(0), |_| false));
        assert!(shuffled.take_in(&page(20_000, 3), None, Moment(0), |_| false));
        assert_eq!(shuffled.unclear, Some(Unclear::Shuffled));
    }

    #[test]
    fn two_whole_pages_of_older_pins_end_a_reading_early_only_while_the_order_descends() {
        let mut descending = reading();
        let ends: Vec<bool> = [10_000, 9_000, 8_000]
            .map(|from| descending.take_in(&page(from, PAGE_SIZE), Some("b".into()), Moment(9_500), |_| false))
            .into();
        assert_eq!(ends, [false, false, true]);
        let mut jumping = reading();
        for from in [8_000, 9_000, 7_000, 6_000, 5_000] {
            assert!(!jumping.take_in(&page(from, PAGE_SIZE), Some("b".into()), Moment(9_500), |_| false), "{from}");
        }
    }

    #[test]
    fn the_found_pins_fit_into_the_row() {
        let long = |id| BoardPin { description: Some("x".repeat(3_200)), ..pin(id, 5) };
        let mut reading = reading();
        reading.take_in(&(0..70).map(long).collect::<Vec<_>>(), Some("b".into()), Moment(0), |_| true);
        assert!(!reading.is_crowded());
        reading.take_in(&(70..140).map(long).collect::<Vec<_>>(), Some("b".into()), Moment(0), |_| true);
        assert!(reading.is_crowded(), "{} Pins", reading.found.len());
        assert!(serde_json::to_string(&reading).expect("plain data").len() < 500_000);
    }

    #[test]
    fn a_plan_holds_until_it_is_replaced_or_lost() {
        let scan = BoardScan { planned_for: Some(Moment(5_000)), ..BoardScan::default() };
        assert!(scan.has_plan(Moment(4_000), Moment(6_000)) && !scan.has_plan(Moment(5_000), Moment(6_000)));
        assert!(scan.is_superseded(Moment(4_000), Moment(6_000)));
        assert!(!scan.is_superseded(Moment(5_000), Moment(6_000)));
        assert!(!scan.is_superseded(Moment(4_000), Moment(5_000 + PLAN_LOST_AFTER_MS)), "its message was lost");
    }
}
