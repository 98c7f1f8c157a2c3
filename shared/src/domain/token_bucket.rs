//! Pacing per account: a token bucket in its GCRA form, on one number.
//!
//! `tat` ("theoretical arrival time") is the moment at which the bucket would be full again. Taking `n` tokens moves it
//! by `n` intervals; the slot of a token is the `tat` it leads to, less the whole bucket. Because a take only adds to
//! `tat`, it is one conditional write that needs no exact read before it.

use super::pin::WaitReason;
use super::time::{Moment, SECOND_MS};

/// Acceptance hands out slots this far ahead; what is further goes to the backlog, where it can be seen and reordered.
pub const ACCEPT_HORIZON_MS: i64 = 90 * SECOND_MS;
/// The dispatcher releases this far ahead: its own period twice, so that the queue never runs dry between two ticks.
pub const DISPATCH_HORIZON_MS: i64 = 120 * SECOND_MS;
/// A token may be used at least and at most this long after its slot; later a new one is taken, so that an outage ends
/// without a burst. Between both, it is valid until the bucket it was taken from would have been full: used later, it
/// would come on top of what has been saved up at the provider since.
pub const TOKEN_VALID_AT_LEAST_MS: i64 = 3 * SECOND_MS / 2;
pub const TOKEN_VALID_AT_MOST_MS: i64 = 30 * SECOND_MS;
/// `waiting_at` younger than this need not be written again. The dispatcher clears the mark only after an empty query
/// that began at least [`WAITING_CLEARS_AFTER_MS`] after it; the distance covers the slowest acceptance.
pub const WAITING_FRESH_MS: i64 = 20 * SECOND_MS;
pub const WAITING_CLEARS_AFTER_MS: i64 = 60 * SECOND_MS;

/// The right to make one call from its slot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub slot: Moment,
    pub valid_until: Moment,
}

/// The envelope of an account: at most `capacity` at once and `rate` a second in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    pub capacity: u32,
    /// The distance between two tokens. Whole milliseconds, rounded up: never faster than the configured rate.
    pub interval_ms: i64,
}

impl Pace {
    /// `rate_per_s` must be positive; configuration checks it.
    pub fn new(capacity: u32, rate_per_s: f64) -> Self {
        let interval_ms = (SECOND_MS as f64 / rate_per_s).ceil().max(1.0) as i64;
        Self { capacity: capacity.max(1), interval_ms }
    }

    pub fn rate_per_s(&self) -> f64 {
        SECOND_MS as f64 / self.interval_ms as f64
    }

    /// The length of a whole bucket in milliseconds.
    pub fn burst_ms(&self) -> i64 {
        i64::from(self.capacity) * self.interval_ms
    }

    /// When a bucket emptied at `resume` is full again: after a pause the account starts with nothing saved up.
    pub fn tat_when_empty_at(&self, resume: Moment) -> Moment {
        resume.plus_ms(self.burst_ms())
    }
}

/// The bucket row. A missing row is the default: full, nobody waiting, not paused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    pub tat: Moment,
    /// Counts the dispatcher's releases, so that two dispatchers can't release the same backlog twice.
    pub rel: u64,
    /// Set before a pin joins the backlog; while it is set, nobody overtakes.
    pub waiting_at: Option<Moment>,
    pub paused_until: Option<Moment>,
    /// The public code of the pause's reason.
    pub pause_reason: Option<String>,
    /// Names the last take, so that a write the SDK repeated is recognised as our own.
    pub nonce: Option<String>,
}

impl Bucket {
    /// Whole and fractional tokens free at `now`.
    pub fn tokens_available(&self, pace: &Pace, now: Moment) -> f64 {
        if self.is_paused(now) {
            return 0.0;
        }
        let missing = self.tat.since_ms(now).max(0) as f64 / pace.interval_ms as f64;
        (f64::from(pace.capacity) - missing).max(0.0)
    }

    pub fn is_paused(&self, now: Moment) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    /// Why the account is paused, for those who wait for its end.
    pub fn wait_reason(&self) -> WaitReason {
        self.pause_reason.as_deref().and_then(WaitReason::parse).unwrap_or(WaitReason::AccountPaused)
    }

    /// The slot that the next token has.
    pub fn next_slot(&self, pace: &Pace, now: Moment) -> Moment {
        let tat = self.tat.max(now).plus_ms(pace.interval_ms);
        tat.plus_ms(-pace.burst_ms()).max(now)
    }

    /// How many tokens have their slot at or before `until`.
    pub fn tokens_until(&self, pace: &Pace, now: Moment, until: Moment) -> u32 {
        let room_ms = until.plus_ms(pace.burst_ms()).since_ms(self.tat.max(now));
        u32::try_from(room_ms.max(0) / pace.interval_ms).unwrap_or(u32::MAX)
    }
}

/// What `tat` was found to be relative to `now`; it decides which of two conditional writes fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeFrom {
    /// `tat <= now`: the bucket is full; the write sets `tat`.
    Full,
    /// `tat > now`: the write adds to `tat`, whatever others added meanwhile.
    Used,
    /// The dispatcher's take: exactly the state it has seen, and counted.
    Seen { tat: Moment, rel: u64 },
}

/// One conditional write that takes `count` tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    pub count: u32,
    pub now: Moment,
    pub from: TakeFrom,
    pub pace_interval_ms: i64,
    pub pace_burst_ms: i64,
    /// The write is refused if the last slot would be later than this.
    pub latest_slot: Moment,
    /// Whether it is refused while others wait in the backlog.
    pub behind_waiting: bool,
    pub nonce: String,
}

impl Take {
    /// Plans a take against a bucket as last seen.
    pub fn plan(bucket: &Bucket, pace: &Pace, now: Moment, count: u32, horizon_ms: i64, nonce: String) -> Self {
        Self {
            count,
            now,
            from: if bucket.tat <= now { TakeFrom::Full } else { TakeFrom::Used },
            pace_interval_ms: pace.interval_ms,
            pace_burst_ms: pace.burst_ms(),
            latest_slot: now.plus_ms(horizon_ms),
            behind_waiting: false,
            nonce,
        }
    }

    /// The distance by which the write moves `tat`, in milliseconds.
    pub fn advance_ms(&self) -> i64 {
        i64::from(self.count) * self.pace_interval_ms
    }

    /// The latest `tat` before the write that still leaves the last slot within the horizon.
    pub fn latest_tat_before(&self) -> Moment {
        self.latest_slot.plus_ms(self.pace_burst_ms - self.advance_ms())
    }

    /// The tokens, in order, given the `tat` that the write left behind.
    pub fn tokens(&self, tat_after: Moment) -> Vec<Token> {
        let first_before = tat_after.plus_ms(-self.advance_ms());
        let token = |index: i64| {
            let tat_before = first_before.plus_ms(index * self.pace_interval_ms);
            let slot = tat_before.plus_ms(self.pace_interval_ms - self.pace_burst_ms).max(self.now);
            let (least, most) = (slot.plus_ms(TOKEN_VALID_AT_LEAST_MS), slot.plus_ms(TOKEN_VALID_AT_MOST_MS));
            Token { slot, valid_until: tat_before.clamp(least, most) }
        };
        (0..i64::from(self.count)).map(token).collect()
    }

    /// What the write does to a bucket; `None` when its condition fails. The reference that adapters must match.
    pub fn apply(&self, bucket: &Bucket) -> Option<Bucket> {
        let allowed = !bucket.is_paused(self.now)
            && (self.behind_waiting || bucket.waiting_at.is_none())
            && match self.from {
                TakeFrom::Full => bucket.tat <= self.now && self.now <= self.latest_tat_before(),
                TakeFrom::Used => bucket.tat > self.now && bucket.tat <= self.latest_tat_before(),
                TakeFrom::Seen { tat, rel } => bucket.tat == tat && bucket.rel == rel,
            };
        allowed.then(|| {
            let mut after = bucket.clone();
            after.tat = bucket.tat.max(self.now).plus_ms(self.advance_ms());
            if let TakeFrom::Seen { rel, .. } = self.from {
                after.rel = rel + 1;
            }
            after.nonce = Some(self.nonce.clone());
            after
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Moment = Moment(1_000_000_000);

    fn pace() -> Pace {
        Pace::new(50, 1.0)
    }

    fn take_one(bucket: &mut Bucket, now: Moment) -> Option<Moment> {
        let take = Take::plan(bucket, &pace(), now, 1, ACCEPT_HORIZON_MS, "n".into());
        let after = take.apply(bucket)?;
        let slot = take.tokens(after.tat)[0].slot;
        *bucket = after;
        Some(slot)
    }

    #[test]
    fn fifty_go_at_once_then_one_a_second_up_to_the_horizon() {
        let mut bucket = Bucket::default();
        let slots: Vec<Option<Moment>> = (0..200).map(|_| take_one(&mut bucket, T0)).collect();
        assert!(slots[..50].iter().all(|slot| *slot == Some(T0)));
        for (index, slot) in slots[50..140].iter().enumerate() {
            assert_eq!(*slot, Some(T0.plus_ms((index as i64 + 1) * SECOND_MS)));
        }
        assert!(slots[140..].iter().all(Option::is_none), "beyond 90 s it is the backlog's turn");
    }

    #[test]
    fn an_hour_later_the_bucket_is_full_and_not_fuller() {
        let mut bucket = Bucket::default();
        for _ in 0..140 {
            take_one(&mut bucket, T0);
        }
        let later = T0.plus_ms(3600 * SECOND_MS);
        assert_eq!(bucket.tokens_available(&pace(), later), 50.0);
        let at_once = (0..60).filter(|_| take_one(&mut bucket, later) == Some(later)).count();
        assert_eq!(at_once, 50);
    }

    #[test]
    fn in_any_window_there_are_at_most_capacity_plus_rate_times_window() {
        let mut bucket = Bucket::default();
        let mut slots = Vec::new();
        for step in 0..2_000 {
            // Bursts with pauses between them, some long enough to refill.
            let now = T0.plus_ms(step * 170 + (step / 300) * 45_000);
            slots.extend(take_one(&mut bucket, now));
        }
        slots.sort();
        for (first, start) in slots.iter().enumerate() {
            for (last, end) in slots.iter().enumerate().skip(first) {
                let window_s = end.since_ms(*start) as f64 / 1000.0;
                assert!((last - first + 1) as f64 <= 50.0 + window_s + 1e-9);
            }
        }
    }

    #[test]
    fn however_long_a_stall_no_more_go_out_at_its_end_than_a_full_bucket_and_the_slack() {
        let take = Take::plan(&Bucket::default(), &pace(), T0, 140, ACCEPT_HORIZON_MS, "n".into());
        let tokens = take.tokens(take.apply(&Bucket::default()).expect("fits").tat);
        for stall_ms in (0..120_000).step_by(250) {
            let end = T0.plus_ms(stall_ms);
            let at_once = tokens.iter().filter(|token| token.slot <= end && end <= token.valid_until).count();
            // 3% of the capacity, as the validity's least allows.
            assert!(at_once as f64 <= 51.5, "{at_once} after {stall_ms} ms");
        }
        assert!(tokens.iter().all(|token| token.valid_until >= token.slot.plus_ms(TOKEN_VALID_AT_LEAST_MS)));
    }

    #[test]
    fn the_dispatcher_takes_what_fits_its_window_in_one_write() {
        let mut bucket = Bucket { tat: T0.plus_ms(140 * SECOND_MS), rel: 3, ..Bucket::default() };
        bucket.waiting_at = Some(T0);
        let now = T0.plus_ms(30 * SECOND_MS);
        let count = bucket.tokens_until(&pace(), now, now.plus_ms(DISPATCH_HORIZON_MS));
        assert_eq!(count, 60);
        let mut take = Take::plan(&bucket, &pace(), now, count, DISPATCH_HORIZON_MS, "n".into());
        take.from = TakeFrom::Seen { tat: bucket.tat, rel: bucket.rel };
        take.behind_waiting = true;
        let after = take.apply(&bucket).expect("nothing moved");
        let tokens = take.tokens(after.tat);
        assert_eq!(tokens[0].slot, T0.plus_ms(91 * SECOND_MS));
        assert_eq!(tokens[59].slot, T0.plus_ms(150 * SECOND_MS));
        assert_eq!(after.rel, 4);
        assert_eq!(take.apply(&after), None, "a second dispatcher with the same reading is refused");
    }

    #[test]
    fn nobody_overtakes_those_who_wait_and_a_pause_stops_everyone() {
        let mut bucket = Bucket { waiting_at: Some(T0), ..Bucket::default() };
        assert_eq!(take_one(&mut bucket, T0), None);
        bucket.waiting_at = None;
        bucket.paused_until = Some(T0.plus_ms(1));
        assert_eq!(take_one(&mut bucket, T0), None);
        assert_eq!(bucket.tokens_available(&pace(), T0), 0.0);
        assert_eq!(take_one(&mut bucket, T0.plus_ms(1)), Some(T0.plus_ms(1)));
    }

    #[test]
    fn after_a_pause_the_account_starts_with_an_empty_bucket() {
        let resume = T0.plus_ms(60 * SECOND_MS);
        let mut bucket = Bucket { tat: pace().tat_when_empty_at(resume), ..Bucket::default() };
        assert_eq!(take_one(&mut bucket, resume), Some(resume.plus_ms(SECOND_MS)));
        assert_eq!(take_one(&mut bucket, resume), Some(resume.plus_ms(2 * SECOND_MS)));
    }

    #[test]
    fn a_batch_takes_its_tokens_in_one_write_with_the_same_slots() {
        let mut one_by_one = Bucket::default();
        let singles: Vec<Moment> = (0..100).filter_map(|_| take_one(&mut one_by_one, T0)).collect();
        let take = Take::plan(&Bucket::default(), &pace(), T0, 100, ACCEPT_HORIZON_MS, "n".into());
        let after = take.apply(&Bucket::default()).expect("fits");
        let slots: Vec<Moment> = take.tokens(after.tat).iter().map(|token| token.slot).collect();
        assert_eq!(slots, singles);
        assert_eq!(after.tat, one_by_one.tat);
    }
}
