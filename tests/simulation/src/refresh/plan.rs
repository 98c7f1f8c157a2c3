//! What a world of token custody consists of: accounts, what people and Pinterest do to them in months, and the weather.

use std::collections::BTreeMap;

use fastrand::Rng;
use pinbridge_shared::domain::invariants::Rules;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};

use crate::endpoint::{GrantWeather, Spell};
use crate::gate::{Crash, Target};
use crate::weather::Weather;

/// What happens to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// A person connects it, with a new grant.
    Connect(usize),
    /// A person disconnects it.
    Disconnect(usize),
    /// A person takes the grant back at Pinterest.
    Revoke(usize),
    /// Pinterest forgets the access tokens, and nothing else.
    ForgetAccess(usize),
    /// So many publishers and readers use it at once.
    Use(usize, usize),
    /// The refresher's schedule.
    Tick,
    /// The grant `.1` of the account was revoked and its access token refused a while ago: is it given up?
    Judge(usize, usize),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub accounts: usize,
    /// Milliseconds from the start.
    pub happenings: Vec<(i64, Happening)>,
    pub weather: Weather,
    pub grants: GrantWeather,
    /// When everything is mended, from the start.
    pub heals_after_ms: i64,
    /// How often somebody comes between a refresh and its end, for each kind of somebody; 0 for never.
    pub meetings: f64,
    /// Who is given up is connected again by its owner, mostly.
    pub owners_return: bool,
    pub rules: Rules,
    /// Deaths at these calls, whatever the weather.
    pub crashes: BTreeMap<u64, Crash>,
    pub target: Option<Target>,
    pub is_traced: bool,
}

/// Spells of the token endpoint in a world, and their length.
const SPELLS_MAX: usize = 10;
const SPELL_MS: std::ops::Range<i64> = 10 * MINUTE_MS..4 * HOUR_MS;
/// An account is used about so often.
const USED_EVERY_MS: i64 = 3 * DAY_MS;
/// Per account and 90 days.
const REVOKED: f64 = 0.15;
const DISCONNECTED: f64 = 0.1;
const RECONNECTED: f64 = 0.2;
const FORGOTTEN: f64 = 1.0;
const MEETINGS: f64 = 0.03;
const RATES_PER_MS: f64 = 1.0 / (90 * DAY_MS) as f64;

impl Plan {
    /// The world of that number under a run's seed.
    pub fn drawn(run_seed: u64, number: u64, accounts: usize, days: i64) -> Self {
        let seed = run_seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03) ^ 0x70CE;
        let mut rng = Rng::with_seed(seed);
        let ends_ms = days * DAY_MS;
        let mut grants = GrantWeather::harsh(&mut rng);
        let weather =
            Weather { crash: 0.01 * rng.f64(), freeze: 0.005 * rng.f64(), skew_ms: 5_000, ..Weather::harsh(&mut rng) };
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
            let mut often = |share: f64, what: Happening| {
                if rng.f64() < share * RATES_PER_MS * left_ms as f64 {
                    happenings.push((begins + rng.i64(HOUR_MS..left_ms), what));
                }
            };
            often(REVOKED, Happening::Revoke(account));
            often(DISCONNECTED, Happening::Disconnect(account));
            often(RECONNECTED, Happening::Connect(account));
            often(FORGOTTEN, Happening::ForgetAccess(account));
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
            weather,
            grants,
            heals_after_ms: ends_ms,
            meetings: MEETINGS,
            owners_return: true,
            rules: Rules::default(),
            crashes: BTreeMap::new(),
            target: None,
            is_traced: false,
        }
    }
}
