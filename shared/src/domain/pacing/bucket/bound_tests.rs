//! Tests the bound on random histories: whatever is taken, released, paused and slowed down, and however late each
//! token is used, any window of w seconds has at most capacity + rate · w uses.

use super::*;
use crate::domain::pin::retry::HOLD_PAUSE_MS;

const T0: Moment = Moment(1_000_000_000);
const SEEDS: u64 = 1_000;
const OPS: usize = 120;

/// When the workers use their tokens, within the tokens' validity.
#[derive(Clone, Copy, Debug)]
enum Lateness {
    AtOnce,
    AtTheEnd,
    /// Each token at a random moment.
    Any,
    /// Workers return at the multiples of a period: all tokens that are due by then, or still valid, are used together.
    Together {
        period_ms: i64,
    },
}

impl Lateness {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        match rng.u32(0..4) {
            0 => Self::AtOnce,
            1 => Self::AtTheEnd,
            2 => Self::Any,
            _ => Self::Together { period_ms: rng.i64(200..40_000) },
        }
    }

    fn use_of(self, token: Token, rng: &mut fastrand::Rng) -> Moment {
        match self {
            Self::AtOnce => token.slot,
            Self::AtTheEnd => token.valid_until,
            Self::Any => Moment(rng.i64(token.slot.0..=token.valid_until.0)),
            Self::Together { period_ms } => {
                let next = Moment((token.slot.0 + period_ms - 1).div_euclid(period_ms) * period_ms);
                next.min(token.valid_until)
            }
        }
    }
}

struct History {
    configured: Pace,
    pace: Pace,
    rng: fastrand::Rng,
    bucket: Bucket,
    now: Moment,
    uses: Vec<Moment>,
    lateness: Lateness,
    /// Holds that were ended before their time.
    resumed: usize,
}

impl History {
    fn take(&mut self, count: u32, horizon_ms: i64, is_dispatcher: bool) {
        // The dispatcher releases tokens in advance for the end of a pause.
        let from = if is_dispatcher { self.bucket.opens_at(self.now) } else { self.now };
        let take = Take::plan(&self.bucket, &self.pace, from, count, horizon_ms, "n".into());
        let Some(after) = take.apply(&self.bucket) else { return };
        for token in take.tokens(&after) {
            assert!(token.slot >= from, "a slot is neither before the take nor in a pause");
            assert!(token.valid_until.since_ms(token.slot) >= TOKEN_VALID_AT_LEAST_MS, "{token:?}");
            self.uses.push(self.lateness.use_of(token, &mut self.rng));
        }
        self.bucket = after;
    }

    fn step(&mut self) {
        let capacity = self.pace.capacity();
        match self.rng.u32(0..22) {
            0..9 => {
                for _ in 0..self.rng.u32(1..=capacity + 5) {
                    self.take(1, ACCEPT_HORIZON_MS, false);
                }
            }
            9..12 => {
                let count = self.rng.u32(1..=2 * capacity);
                self.take(count, ACCEPT_HORIZON_MS, false);
            }
            12..15 => {
                let until = self.now.plus_ms(DISPATCH_HORIZON_MS);
                let from = self.bucket.opens_at(self.now);
                if from > until {
                    return;
                }
                let count = self.bucket.tokens_until(&self.pace, from, until).min(self.rng.u32(1..=4 * capacity));
                self.take(count, DISPATCH_HORIZON_MS, true);
            }
            15 => {
                let until = self.now.plus_ms(self.rng.i64(1..20_000));
                self.bucket = Pause::new(&self.configured, until, WaitReason::AccountPaused).apply(&self.bucket);
            }
            20 => {
                let hold = Pause::new(&self.configured, self.now.plus_ms(HOLD_PAUSE_MS), WaitReason::AccountOnHold);
                self.bucket = hold.apply(&self.bucket);
            }
            21 => {
                // A person reconnects the account, at once or later.
                self.now = self.now.plus_ms(self.rng.i64(0..20_000) * i64::from(self.rng.u32(0..10)));
                self.resumed += usize::from(self.bucket.hold.take().is_some());
            }
            18 => {
                // The account's own bucket, which has given out tokens too, becomes the user's.
                let link = Link { pacer: Pacer::stored("user".into()), now: self.now, configured: self.configured };
                let idle = Bucket { tat: self.now.plus_ms(self.rng.i64(-9_000..9_000)), ..Bucket::default() };
                self.bucket = link.apply(&idle, Some(&self.bucket));
            }
            16..18 => {
                // After a 429, or while the slowdown decays.
                let doublings = self.rng.u32(0..=SLOWED_MOST);
                self.pace = self.configured.slowed(doublings);
            }
            _ => self.lateness = Lateness::draw(&mut self.rng),
        }
        let burst_ms = self.pace.burst_ms();
        self.now = self.now.plus_ms(match self.rng.u32(0..8) {
            0 => 0,
            1..4 => self.rng.i64(0..2_000),
            4..6 => self.rng.i64(0..2 * self.pace.interval_ms),
            6 => self.rng.i64(0..burst_ms),
            // Just settled, or nearly settled.
            _ => (self.bucket.tat.since_ms(self.now) + self.rng.i64(-1_600..1_600)).max(0),
        });
    }
}

/// The bound as configured, regardless of how [`Pace`] adjusts it.
fn assert_bounded(uses: &mut [Moment], capacity: u32, rate_per_s: f64, seed: u64) {
    uses.sort();
    let interval_ms = 1_000.0 / rate_per_s;
    for (first, from) in uses.iter().enumerate() {
        for (last, to) in uses.iter().enumerate().skip(first) {
            let (count, window_ms) = ((last - first + 1) as f64, to.since_ms(*from) as f64);
            assert!(
                (count - f64::from(capacity)) * interval_ms <= window_ms + 1e-6,
                "seed {seed}: {count} uses within {window_ms} ms, of {capacity} and {rate_per_s} a second"
            );
        }
    }
}

#[test]
fn in_any_window_there_are_at_most_capacity_plus_rate_times_window_uses() {
    let (mut used, mut resumed) = (0, 0);
    for seed in 0..SEEDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (capacity, rate_per_s) = match rng.u32(0..4) {
            0 => (50, 1.0),
            1 => (rng.u32(1..5), 0.2 + rng.f64() * 4.0),
            2 => (rng.u32(1..60), 0.05 + rng.f64() * 2.0),
            _ => (rng.u32(1..60), 1.0 + rng.f64() * 60.0),
        };
        let (pace, lateness) = (Pace::new(capacity, rate_per_s), Lateness::draw(&mut rng));
        let mut history = History {
            configured: pace,
            pace,
            rng,
            bucket: Bucket::default(),
            now: T0,
            uses: Vec::new(),
            lateness,
            resumed: 0,
        };
        for _ in 0..OPS {
            if history.uses.len() > 400 {
                break;
            }
            history.step();
        }
        used += history.uses.len();
        resumed += history.resumed;
        assert_bounded(&mut history.uses, capacity, rate_per_s, seed);
    }
    assert!(used as u64 > 100 * SEEDS && resumed as u64 > SEEDS, "too little tested: {used} uses, {resumed} ends");
}

#[test]
fn two_hundred_at_once_cost_one_and_a_half_seconds_more_than_the_floor() {
    let pace = Pace::new(50, 1.0);
    let take = Take::plan(&Bucket::default(), &pace, T0, 200, 200 * SECOND_MS, "n".into());
    let tokens = take.tokens(&take.apply(&Bucket::default()).expect("fits"));
    assert_eq!(tokens[199].slot.since_ms(T0), 150 * SECOND_MS + TOKEN_VALID_AT_LEAST_MS);
}
