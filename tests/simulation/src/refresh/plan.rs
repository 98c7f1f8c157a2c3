//! The plan of a world of token custody: its accounts, what users and Pinterest do to them over months, and the faults.

use std::collections::BTreeMap;

use fastrand::Rng;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};

use crate::endpoint::{GrantFaults, Spell};
use crate::faults::Faults;
use crate::gate::{Crash, Target};
use crate::invariants::CustodyInvariant;

/// An event of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// A user connects the account, with a new grant.
    Connect(usize),
    /// A user disconnects the account.
    Disconnect(usize),
    /// A user revokes the grant at Pinterest.
    Revoke(usize),
    /// Pinterest invalidates the access tokens, and nothing else.
    ForgetAccess(usize),
    /// This many publishers and readers use the account at once.
    Use(usize, usize),
    /// The refresher's schedule.
    Tick,
    /// Checks that the account is given up: its grant `.1` was revoked, and its access token was refused a while ago.
    Judge(usize, usize),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub accounts: usize,
    /// Milliseconds from the start.
    pub happenings: Vec<(i64, Happening)>,
    pub faults: Faults,
    pub grants: GrantFaults,
    /// When the faults end, from the start.
    pub heals_after_ms: i64,
    /// The probability that another event hits an account during a refresh, for each kind of event; 0 for never.
    pub meetings: f64,
    /// Whether users reconnect most accounts that were given up.
    pub owners_return: bool,
    /// The invariant that the world lacks.
    pub lacking: Option<CustodyInvariant>,
    /// Planned crashes, by the number of the call.
    pub crashes: BTreeMap<u64, Crash>,
    pub target: Option<Target>,
    pub is_traced: bool,
}

/// Maximum number of spells of the token endpoint in a world, and their length.
const SPELLS_MAX: usize = 10;
const SPELL_MS: std::ops::Range<i64> = 10 * MINUTE_MS..4 * HOUR_MS;
/// The average time between two uses of an account.
const USED_EVERY_MS: i64 = 3 * DAY_MS;
/// Expected events per account in 90 days.
const REVOKED: f64 = 0.15;
const DISCONNECTED: f64 = 0.1;
const RECONNECTED: f64 = 0.2;
const FORGOTTEN: f64 = 1.0;
const MEETINGS: f64 = 0.03;
const RATES_PER_MS: f64 = 1.0 / (90 * DAY_MS) as f64;

impl Plan {
    /// The world with that number, for the seed of a run.
    pub fn drawn(run_seed: u64, number: u64, accounts: usize, days: i64) -> Self {
        let seed = run_seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03) ^ 0x70CE;
        let mut rng = Rng::with_seed(seed);
        let ends_ms = days * DAY_MS;
        let mut grants = GrantFaults::harsh(&mut rng);
        let faults =
            Faults { crash: 0.01 * rng.f64(), freeze: 0.005 * rng.f64(), skew_ms: 5_000, ..Faults::harsh(&mut rng) };
        for _ in 0..rng.usize(0..=SPELLS_MAX) {
            let from = crate::world::START + rng.i64(0..ends_ms);
            let spell = [Spell::AppRefused, Spell::RateLimited, Spell::Down, Spell::Mistaken][rng.usize(0..4)];
            grants.spells.push((from, from + rng.i64(SPELL_MS), spell));
        }
        // Connected all at once, or over weeks.
        let arrive_ms = [MINUTE_MS, HOUR_MS, 20 * DAY_MS][rng.usize(0..3)].min(ends_ms / 2);
        let mut happenings = Vec::new();
        for account in 0..accounts {
            let begins = rng.i64(0..arrive_ms);
            happenings.push((begins, Happening::Connect(account)));
            let left_ms = ends_ms - begins;
            let mut maybe = |rate: f64, happening: Happening| {
                if rng.f64() < rate * RATES_PER_MS * left_ms as f64 {
                    happenings.push((begins + rng.i64(HOUR_MS..left_ms), happening));
                }
            };
            maybe(REVOKED, Happening::Revoke(account));
            maybe(DISCONNECTED, Happening::Disconnect(account));
            maybe(RECONNECTED, Happening::Connect(account));
            maybe(FORGOTTEN, Happening::ForgetAccess(account));
            let mut at = begins + rng.i64(0..2 * USED_EVERY_MS);
            while at < ends_ms {
                happenings.push((at, Happening::Use(account, [1, 1, 1, 2, 4][rng.usize(0..5)])));
                at += rng.i64(HOUR_MS..2 * USED_EVERY_MS);
            }
        }
        Self {
            seed,
            accounts,
            happenings,
            faults,
            grants,
            heals_after_ms: ends_ms,
            meetings: MEETINGS,
            owners_return: true,
            lacking: None,
            crashes: BTreeMap::new(),
            target: None,
            is_traced: false,
        }
    }
}
