//! What a world consists of: drawn from its seed.

use fastrand::Rng;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, PinKey, ScheduleKey, WorkspaceId};
use pinbridge_shared::domain::invariants::Rules;
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::reconcile::duplicate_check::DuplicateCheck;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::testing::fake_queue::MAX_RECEIVES;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::endpoint::GrantWeather;
use crate::gate::{Crash, Target};
use crate::weather::Weather;
use crate::world::START;

/// A request as its client means it.
#[derive(Clone, Debug)]
pub struct Wish {
    pub key: String,
    pub account: usize,
    pub board: usize,
    pub title: String,
    pub image: u32,
    pub priority: &'static str,
    /// When it is sent first, in milliseconds from the start.
    pub at_ms: i64,
    /// It is a schedule for then, also from the start.
    pub run_at_ms: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub accounts: usize,
    pub wishes: Vec<Wish>,
    pub pace: Pace,
    pub weather: Weather,
    /// Pinterest's token endpoint.
    pub grants: GrantWeather,
    /// When everything is mended, from the start.
    pub heals_after_ms: i64,
    pub rules: Rules,
    /// Deaths at these calls, whatever the weather.
    pub crashes: BTreeMap<u64, Crash>,
    /// A death at the first call of that kind.
    pub target: Option<Target>,
    /// Of three runs of the dispatcher one or two in a row die somewhere.
    pub dispatcher_dies: bool,
    /// Publishers at once.
    pub publishers: usize,
    /// Overrides the deadlines' `Tq` without telling the deadlines' other parts; for the curve.
    pub quiesce_ms: Option<i64>,
    /// Stops there, finished or not, and judges nothing.
    pub stops_after_ms: Option<i64>,
    /// How long what is left over when all is finished may still do harm.
    pub aftermath_ms: i64,
    /// Deliveries before a message becomes a dead letter.
    pub max_receives: u32,
    /// Requests a day to Pinterest, all together; 0 for no limit.
    pub daily_budget: u32,
    pub duplicate_check: DuplicateCheck,
    pub is_traced: bool,
}

/// Pins that share their content with another of their account: the share of all, in percent.
const TWINS_PERCENT: u8 = 8;
/// Of the twins, those that have the same picture too, in percent.
const SAME_PICTURE_PERCENT: u8 = 75;
/// One world in so many counts its requests against a daily budget.
const BUDGET_EVERY: u8 = 12;
/// One world in so many has a Pinterest that breaks the assumption on which `Tq` rests, and the late check to find what comes of
/// it.
const LATE_CHECK_EVERY: u8 = 10;
/// How often it does so there, per create.
const TOO_LATE: f64 = 0.03;
/// One account in so many has an access token only.
const BARE_EVERY: usize = 5;
/// Of all requests, those that are schedules, in percent; and how far ahead they are at most.
const SCHEDULED_PERCENT: u8 = 15;
const SCHEDULED_AHEAD_MS: i64 = 600_000;
/// How likely a client changes its schedule afterwards.
const CAPRICIOUS: f64 = 0.5;
const SCHEDULES: u64 = 0x5C_4ED0;
/// Boards of an account.
pub const BOARDS_MAX: usize = 3;
const AFTERMATH_MS: i64 = 20 * 60_000;
/// In one world of so many every row of the clock is read before the end.
const LONG_EVERY: u64 = 8;
const LONG_AFTERMATH_MS: i64 = 100 * 60_000;
/// One world in so many is large.
const LARGE_EVERY: u64 = 64;

impl Plan {
    /// The world of that number under a run's seed.
    pub fn drawn(run_seed: u64, number: u64) -> Self {
        let seed = run_seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03);
        let mut rng = Rng::with_seed(seed);
        let is_large = number % LARGE_EVERY == LARGE_EVERY - 1;
        let (pins, accounts) =
            if is_large { (rng.usize(2_000..4_000), rng.usize(8..16)) } else { (rng.usize(80..320), rng.usize(1..5)) };
        let arrival_ms = rng.i64(1..8) * 60_000;
        let pace = if rng.u8(0..4) == 0 { Pace::new(5, 2.0) } else { Pace::new(50, 1.0) };
        let mut plan = Self {
            seed,
            accounts,
            wishes: wishes(&mut rng, pins, accounts, arrival_ms),
            pace,
            weather: Weather::harsh(&mut rng),
            heals_after_ms: arrival_ms + rng.i64(5..15) * 60_000,
            rules: Rules::default(),
            crashes: BTreeMap::new(),
            target: None,
            dispatcher_dies: false,
            publishers: 10,
            quiesce_ms: None,
            stops_after_ms: None,
            aftermath_ms: if number % LONG_EVERY == 1 { LONG_AFTERMATH_MS } else { AFTERMATH_MS },
            max_receives: if rng.u8(0..8) == 0 { 3 } else { MAX_RECEIVES },
            daily_budget: if rng.u8(0..BUDGET_EVERY) == 0 { 5_000 } else { 0 },
            duplicate_check: DuplicateCheck::Off,
            is_traced: false,
            grants: GrantWeather::harsh(&mut rng),
        };
        // Dice of their own: the worlds stay what they are otherwise.
        let mut times = Rng::with_seed(seed ^ SCHEDULES);
        plan.weather.capricious = CAPRICIOUS;
        for wish in &mut plan.wishes {
            if times.u8(0..100) < SCHEDULED_PERCENT {
                wish.run_at_ms = Some(wish.at_ms + times.i64(30_000..SCHEDULED_AHEAD_MS));
            }
        }
        if rng.u8(0..LATE_CHECK_EVERY) == 0 {
            plan.duplicate_check = DuplicateCheck::Remove;
            plan.weather.too_late_commit = TOO_LATE;
        }
        plan
    }

    pub fn workspace(&self) -> WorkspaceId {
        WorkspaceId(uuid(0xA000, 1))
    }

    pub fn account(&self, index: usize) -> AccountKey {
        AccountKey { workspace: self.workspace(), account: AccountId(uuid(0xB000, index as u64)) }
    }

    /// Most accounts have a refresh token.
    pub fn has_refresh_token(&self, account: usize) -> bool {
        !(self.seed as usize).wrapping_add(account).is_multiple_of(BARE_EVERY)
    }

    /// The schedule that a wish is for, if it is one.
    pub fn schedule(&self, wish: usize) -> Option<ScheduleKey> {
        let (workspace, wish) = (self.workspace(), &self.wishes[wish]);
        wish.run_at_ms.map(|_| ScheduleKey { workspace, schedule: idempotency::schedule_id(workspace, &wish.key) })
    }

    pub fn board_id(&self, account: usize, board: usize) -> String {
        format!("{}", 1_000_000_000 + account * 100 + board)
    }

    pub fn pin(&self, wish: usize) -> PinKey {
        let workspace = self.workspace();
        PinKey { workspace, pin: idempotency::pin_id(workspace, &self.wishes[wish].key) }
    }

    /// The request's body.
    pub fn body(&self, wish: usize, is_altered: bool) -> Value {
        let wish = &self.wishes[wish];
        let board = self.board_id(wish.account, wish.board);
        let mut body = json!({
            "account_id": self.account(wish.account).account,
            "board_id": board,
            "title": if is_altered { format!("{} (altered)", wish.title) } else { wish.title.clone() },
            "description": "Patience, paper and a steady hand; then some more patience & paper.",
            "link_url": format!("https://example.com/{}", wish.title.replace(' ', "-")),
            "image_url": format!("https://images.example.com/{}.jpg", wish.image),
            "idempotency_key": wish.key,
            "priority": wish.priority,
        });
        if let Some(run_at_ms) = wish.run_at_ms {
            body["run_at"] = json!(Moment(START + run_at_ms).rfc3339());
        }
        body
    }
}

fn uuid(space: u16, number: u64) -> uuid::Uuid {
    uuid::Uuid::from_u128(u128::from(space) << 64 | u128::from(number))
}

fn wishes(rng: &mut Rng, count: usize, accounts: usize, arrival_ms: i64) -> Vec<Wish> {
    let boards = rng.usize(1..=BOARDS_MAX);
    let is_burst = rng.bool();
    let mut wishes: Vec<Wish> = Vec::with_capacity(count);
    for number in 0..count {
        let is_twin = number > 0 && rng.u8(0..100) < TWINS_PERCENT;
        let at_ms = if is_burst && rng.bool() { rng.i64(0..3_000) } else { rng.i64(0..arrival_ms) };
        let mut wish = Wish {
            key: format!("key-{number}"),
            account: rng.usize(0..accounts),
            board: rng.usize(0..boards),
            title: format!("Crane & paper number {number}"),
            image: number as u32,
            priority: ["urgent", "normal", "normal", "bulk"][rng.usize(0..4)],
            at_ms,
            run_at_ms: None,
        };
        if is_twin {
            let twin = &wishes[rng.usize(0..number)];
            wish = Wish { account: twin.account, board: twin.board, title: twin.title.clone(), ..wish };
            if rng.u8(0..100) < SAME_PICTURE_PERCENT {
                wish.image = twin.image;
            }
            if rng.bool() {
                wish.at_ms = (twin.at_ms + rng.i64(0..20_000)).min(arrival_ms);
            }
        }
        wishes.push(wish);
    }
    wishes
}
