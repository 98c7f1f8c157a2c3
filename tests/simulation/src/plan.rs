//! The plan of a world, drawn from its seed.

use fastrand::Rng;
use pinbridge_shared::config::Settings;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, EndpointId, PinKey, ScheduleKey, WorkspaceId};
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::pin::idempotency;
use pinbridge_shared::domain::reconcile::duplicate_check::DuplicateCheck;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::testing::fake_queue::MAX_RECEIVES;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::endpoint::GrantFaults;
use crate::faults::Faults;
use crate::gate::{Crash, Target};
use crate::invariants::Invariant;
use crate::subscribers::{self, Subscriber};
use crate::world::START;

/// A bucket that a machine with a bad clock writes.
#[derive(Clone, Copy, Debug)]
pub struct BadClock {
    pub account: usize,
    /// In milliseconds from the start.
    pub at_ms: i64,
    pub ahead_ms: i64,
}

/// A request that a client wants to make.
#[derive(Clone, Debug)]
pub struct Wish {
    pub key: String,
    pub account: usize,
    pub board: usize,
    pub title: String,
    pub image: u32,
    pub priority: &'static str,
    /// When it is first sent, in milliseconds from the start.
    pub at_ms: i64,
    /// The `run_at` of a schedule, in milliseconds from the start.
    pub run_at_ms: Option<i64>,
    /// Its `publish_before`, in milliseconds from the start.
    pub publish_before_ms: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub accounts: usize,
    pub wishes: Vec<Wish>,
    pub pace: Pace,
    pub faults: Faults,
    /// Pinterest's token endpoint.
    pub grants: GrantFaults,
    /// When the faults end, from the start.
    pub heals_after_ms: i64,
    /// The invariant that the world lacks.
    pub lacking: Option<Invariant>,
    /// Planned crashes, by the number of the call.
    pub crashes: BTreeMap<u64, Crash>,
    /// A planned crash at the first call of a kind.
    pub target: Option<Target>,
    /// Of three runs of the dispatcher, the first or the first two crash.
    pub dispatcher_dies: bool,
    /// Publishers at once.
    pub publishers: usize,
    /// Overrides the deadlines' `Tq` without the other deadlines that it depends on; for the curve.
    pub quiesce_ms: Option<i64>,
    /// The world stops then, finished or not; its violations are ignored.
    pub stops_after_ms: Option<i64>,
    /// How long the world continues after everything is finished, because leftover messages may still do harm.
    pub aftermath_ms: i64,
    /// Deliveries before a message becomes a dead-letter message.
    pub max_receives: u32,
    /// Requests to Pinterest per day, for all accounts together; 0 for no limit.
    pub daily_budget: u32,
    pub duplicate_check: DuplicateCheck,
    /// Accounts that are connections of the same Pinterest user, in workspaces that know nothing of each other. With
    /// one, every account has a bucket of its own.
    pub accounts_per_user: usize,
    /// Sections that clients create: the account, and when, in milliseconds from the start.
    pub own_writes: Vec<(usize, i64)>,
    /// Buckets that a machine with a bad clock writes: the account, when, and how far that clock is ahead, in
    /// milliseconds.
    pub bad_clocks: Vec<BadClock>,
    /// Pacing rows of users that are lost: an account of the user, and when, in milliseconds from the start.
    pub lost_rows: Vec<(usize, i64)>,
    /// The webhooks of the workspace.
    pub subscribers: Vec<Subscriber>,
    pub is_traced: bool,
}

/// Pins with the same content as another of their account (twins), in percent of all.
const TWINS_PERCENT: u8 = 8;
/// Twins that have the same picture too, in percent of all twins.
const SAME_PICTURE_PERCENT: u8 = 75;
/// One world in this many has a daily budget.
const BUDGET_EVERY: u8 = 12;
/// One world in this many has a Pinterest that commits later than `Tq` allows for, and a duplicate check that finds the
/// duplicates.
const DUPLICATE_CHECK_EVERY: u8 = 10;
/// The probability of that, per create.
const TOO_LATE: f64 = 0.03;
/// One account in this many has no refresh token.
const BARE_EVERY: usize = 5;
/// Schedules, in percent of all requests, and how far ahead they are at most.
const SCHEDULED_PERCENT: u8 = 15;
const SCHEDULED_AHEAD_MS: i64 = 600_000;
/// How likely a client changes its schedule.
const CAPRICIOUS: f64 = 0.5;
const SCHEDULES: u64 = 0x5C_4ED0;
/// One world in this many has a Pinterest that writes links and texts in other ways, and requests with what can be
/// written in several.
const REWRITTEN_EVERY: u8 = 4;
/// How likely it does, per created Pin.
const REWRITTEN: f64 = 0.6;
const REWRITES: u64 = 0x12_E417;
/// In one world of so many, refusals of tokens outlive their refresh; and the probability that one begins, per create.
const REFUSALS_EVERY: u8 = 4;
const OUTLIVES_REFRESH: f64 = 0.01;
/// The faults of such a world last up to so much longer: holds are tried meanwhile.
const HELD_FOR_MS: i64 = 40 * 60_000;
const REFUSALS: u64 = 0x2EF_05ED;
/// In one world of so many, Pinterest refuses some pins in words that are about their account, and how likely it does,
/// per pin. Its requests come over hours, so that others wait behind such a pin, again and again.
const POISONED_EVERY: u8 = 8;
const POISONED: f64 = 0.04;
const POISONED_FOR_MS: i64 = 150 * 60_000;
const POISON: u64 = 0x0007_0801;
/// How often the pacing row of a user is lost, in a world with users who have several accounts.
const LOST_ROWS_MAX: usize = 6;
/// Half of them while the first burst is spent, before pins have slots ahead.
const LOST_EARLY_MS: i64 = 60_000;
const LOST_ROWS: u64 = 0x1057_2085;
/// In one world of so many of them, an account gets nearly as many requests as its burst allows, twice within seconds,
/// and the row is lost in between. They come when the bucket of the new account has filled.
const TWO_BURSTS_EVERY: u8 = 4;
const BURST: usize = 32;
const BURSTS_AT_MS: [i64; 2] = [60_000, 72_000];
const BURST_TAKES_MS: i64 = 1_500;
const LOST_BETWEEN_MS: std::ops::Range<i64> = 65_000..69_000;
/// The other requests come after this.
const AFTER_BURSTS_MS: i64 = 120_000;
const TWO_BURSTS: u64 = 0x2B_0257;
const WORDS: u64 = 0x303D5;
/// One world in this many has clients that write to boards.
const OWN_WRITES_EVERY: u8 = 3;
/// One world in this many has Pinterest users with several accounts.
const USERS_EVERY: u8 = 3;
const USERS: u64 = 0x0005_EED5;
const OWN_WRITES: u64 = 0x0B0A_4D50;
/// One world in this many has requests that become too late, and how many of its requests, in percent. Some do so
/// while they are on their way, others only while their account is held.
const TOO_LATE_EVERY: u8 = 4;
const PERISHABLE_PERCENT: u8 = 25;
const PERISHES_AFTER_MS: std::ops::Range<i64> = 2_000..900_000;
const PERISHABLE: u64 = 0x70_01A7E;
/// One world in this many has machines with bad clocks.
const BAD_CLOCKS_EVERY: u8 = 5;
/// How far such a clock is ahead, in hours.
const BAD_CLOCK_HOURS: std::ops::Range<i64> = 1..9_000;
const BAD_CLOCKS: u64 = 0xBAD_C10C;
/// One world in this many has webhooks; large ones have none, because that takes long. In one of so many of these,
/// functions and queues work, and events must arrive in time although other receivers are slow.
const SUBSCRIBED_EVERY: u8 = 4;
const IN_TIME_EVERY: u8 = 3;
const EVENTS: u64 = 0xE7E2_0C3A;
/// The only world known to show what a mutant does wrong: with webhooks, it would be another one.
const WITHOUT_WEBHOOKS: [u64; 1] = [3228];
/// Maximum number of boards of an account.
pub const BOARDS_MAX: usize = 3;
const AFTERMATH_MS: i64 = 20 * 60_000;
/// One world in this many lasts until every recovery marker has been read.
const LONG_EVERY: u64 = 8;
const LONG_AFTERMATH_MS: i64 = 100 * 60_000;
/// One world in this many is large.
const LARGE_EVERY: u64 = 64;

impl Plan {
    /// The world with that number, for the seed of a run.
    pub fn drawn(run_seed: u64, number: u64) -> Self {
        let seed = run_seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03);
        let mut rng = Rng::with_seed(seed);
        let is_large = number % LARGE_EVERY == LARGE_EVERY - 1;
        let (pins, accounts) =
            if is_large { (rng.usize(2_000..4_000), rng.usize(8..16)) } else { (rng.usize(80..320), rng.usize(1..5)) };
        let arrival_ms = rng.i64(1..8) * 60_000;
        // Both fit into Pinterest's window of a minute.
        let pace = if rng.u8(0..4) == 0 { Pace::new(5, 1.25) } else { Settings::default().pace };
        let mut plan = Self {
            seed,
            accounts,
            wishes: wishes(&mut rng, pins, accounts, arrival_ms),
            pace,
            faults: Faults::harsh(&mut rng),
            heals_after_ms: arrival_ms + rng.i64(5..15) * 60_000,
            lacking: None,
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
            accounts_per_user: accounts_per_user(seed),
            own_writes: own_writes(seed, accounts, arrival_ms),
            bad_clocks: bad_clocks(seed, accounts, arrival_ms),
            lost_rows: lost_rows(seed, accounts, arrival_ms),
            subscribers: Vec::new(),
            is_traced: false,
            grants: GrantFaults::harsh(&mut rng),
        };
        if !is_large && Rng::with_seed(seed ^ POISON).u8(0..POISONED_EVERY) == 0 {
            plan.faults.poisoned = POISONED;
            plan.wishes.iter_mut().for_each(|wish| wish.at_ms = wish.at_ms * POISONED_FOR_MS / arrival_ms);
            plan.heals_after_ms += POISONED_FOR_MS;
        }
        plan.add_two_bursts();
        // A random number generator of their own, so that schedules don't change the rest of the world.
        let mut times = Rng::with_seed(seed ^ SCHEDULES);
        plan.faults = plan.faults.with_words(&mut Rng::with_seed(seed ^ WORDS));
        plan.faults.capricious = CAPRICIOUS;
        for wish in &mut plan.wishes {
            if times.u8(0..100) < SCHEDULED_PERCENT {
                wish.run_at_ms = Some(wish.at_ms + times.i64(30_000..SCHEDULED_AHEAD_MS));
            }
        }
        let mut ends = Rng::with_seed(seed ^ PERISHABLE);
        if ends.u8(0..TOO_LATE_EVERY) == 0 {
            for wish in &mut plan.wishes {
                if ends.u8(0..100) < PERISHABLE_PERCENT {
                    let starts_at = wish.run_at_ms.unwrap_or(wish.at_ms);
                    wish.publish_before_ms = Some(starts_at + ends.i64(PERISHES_AFTER_MS));
                }
            }
        }
        if Rng::with_seed(seed ^ REWRITES).u8(0..REWRITTEN_EVERY) == 0 {
            plan.faults.rewritten = REWRITTEN;
            plan.wishes.iter_mut().for_each(|wish| wish.title = diverse(&wish.title));
        }
        let mut refusals = Rng::with_seed(seed ^ REFUSALS);
        if refusals.u8(0..REFUSALS_EVERY) == 0 {
            plan.faults.outlives_refresh = OUTLIVES_REFRESH;
            plan.heals_after_ms += refusals.i64(0..HELD_FOR_MS);
        }
        if rng.u8(0..DUPLICATE_CHECK_EVERY) == 0 {
            plan.duplicate_check = DuplicateCheck::Remove;
            plan.faults.too_late_commit = TOO_LATE;
        }
        if !is_large && !WITHOUT_WEBHOOKS.contains(&number) {
            plan.add_subscribers(arrival_ms);
        }
        plan
    }

    /// In some worlds.
    fn add_subscribers(&mut self, arrival_ms: i64) {
        // A random number generator of their own, so that webhooks don't change the other worlds.
        let mut rng = Rng::with_seed(self.seed ^ EVENTS);
        if rng.u8(0..SUBSCRIBED_EVERY) != 0 {
            return;
        }
        if rng.u8(0..IN_TIME_EVERY) == 0 {
            self.faults = self.faults.clone().with_working_functions();
            self.subscribers = subscribers::beside_slow_ones();
        } else {
            self.subscribers = subscribers::drawn(&mut rng, arrival_ms);
        }
    }

    /// Whether functions and queues work, so that events must arrive in time.
    pub fn is_in_time(&self) -> bool {
        let has_deaths = self.dispatcher_dies || self.target.is_some() || !self.crashes.is_empty();
        !has_deaths && self.faults == self.faults.clone().with_working_functions()
    }

    /// In some worlds with users who have several accounts.
    fn add_two_bursts(&mut self) {
        let mut rng = Rng::with_seed(self.seed ^ TWO_BURSTS);
        if self.accounts_per_user == 1 || rng.u8(0..TWO_BURSTS_EVERY) != 0 {
            return;
        }
        self.pace = Settings::default().pace;
        for (number, wish) in self.wishes.iter_mut().enumerate() {
            if let Some(from) = BURSTS_AT_MS.get(number / BURST) {
                (wish.account, wish.at_ms) = (0, from + rng.i64(0..BURST_TAKES_MS));
            } else {
                wish.at_ms += AFTER_BURSTS_MS;
            }
        }
        self.heals_after_ms += AFTER_BURSTS_MS;
        self.lost_rows = vec![(0, rng.i64(LOST_BETWEEN_MS))];
    }

    pub fn workspace(&self) -> WorkspaceId {
        WorkspaceId(uuid(0xA000, 1))
    }

    pub fn account(&self, index: usize) -> AccountKey {
        AccountKey { workspace: self.workspace(), account: AccountId(uuid(0xB000, index as u64)) }
    }

    /// The Pinterest user of an account.
    pub fn user(&self, account: usize) -> usize {
        account / self.accounts_per_user
    }

    /// Whether the account has a refresh token. Most have one.
    pub fn has_refresh_token(&self, account: usize) -> bool {
        !(self.seed as usize).wrapping_add(account).is_multiple_of(BARE_EVERY)
    }

    /// The schedule of a wish, if it is for a schedule.
    pub fn schedule(&self, wish: usize) -> Option<ScheduleKey> {
        let (workspace, wish) = (self.workspace(), &self.wishes[wish]);
        wish.run_at_ms.map(|_| ScheduleKey { workspace, schedule: idempotency::schedule_id(workspace, &wish.key) })
    }

    pub fn webhook(&self, number: usize) -> EndpointKey {
        EndpointKey { workspace: self.workspace(), endpoint: EndpointId(uuid(0xC000, number as u64)) }
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
        let path = wish.title.replace(' ', "-");
        let (description, link_url) = if self.faults.rewritten > 0.0 {
            (
                "Crème & “papier” café: ♥ patience, paper™ and a steady hand, don't hurry; then ¼ more ﬁne pa\u{ad}per.",
                // In another form than the one in which it is stored.
                format!(" HTTPS:www.BÜCHERSTRAßE.example:443/{path}/paper+and%20caf%E9\u{200b} it’s?from=pins&n=1#top"),
            )
        } else {
            let description = "Patience, paper and a steady hand; then some more patience & paper.";
            (description, format!("https://example.com/{path}"))
        };
        let mut body = json!({
            "account_id": self.account(wish.account).account,
            "board_id": board,
            "title": if is_altered { format!("{} (altered)", wish.title) } else { wish.title.clone() },
            "description": description,
            "link_url": link_url,
            "image_url": format!("https://images.example.com/{}.jpg", wish.image),
            "idempotency_key": wish.key,
            "priority": wish.priority,
        });
        if let Some(run_at_ms) = wish.run_at_ms {
            body["run_at"] = json!(Moment(START + run_at_ms).rfc3339());
        }
        if let Some(before_ms) = wish.publish_before_ms {
            body["publish_before"] = json!(Moment(START + before_ms).rfc3339());
        }
        body
    }
}

/// A title that can be written in several ways. The same title is the same again, so that twins stay twins.
fn diverse(title: &str) -> String {
    format!("{} – Café ♥ ﬁne ½ 折り鶴™ (don't)", title.replace("number", "№"))
}

fn uuid(space: u16, number: u64) -> uuid::Uuid {
    uuid::Uuid::from_u128(u128::from(space) << 64 | u128::from(number))
}

/// In some worlds, a Pinterest user is connected several times.
fn accounts_per_user(seed: u64) -> usize {
    let mut rng = Rng::with_seed(seed ^ USERS);
    if rng.u8(0..USERS_EVERY) == 0 { rng.usize(2..5) } else { 1 }
}

/// In worlds with users who have several accounts, their pacing rows are lost now and then.
fn lost_rows(seed: u64, accounts: usize, arrival_ms: i64) -> Vec<(usize, i64)> {
    if accounts_per_user(seed) == 1 {
        return Vec::new();
    }
    let mut rng = Rng::with_seed(seed ^ LOST_ROWS);
    let mut at_ms = || if rng.bool() { rng.i64(0..LOST_EARLY_MS) } else { rng.i64(0..arrival_ms) };
    let times: Vec<i64> = (0..LOST_ROWS_MAX).map(|_| at_ms()).collect();
    times.into_iter().map(|at_ms| (rng.usize(0..accounts), at_ms)).collect()
}

/// In some worlds, clients create very many sections within a minute.
fn own_writes(seed: u64, accounts: usize, arrival_ms: i64) -> Vec<(usize, i64)> {
    let mut rng = Rng::with_seed(seed ^ OWN_WRITES);
    if rng.u8(0..OWN_WRITES_EVERY) != 0 {
        return Vec::new();
    }
    let (account, from) = (rng.usize(0..accounts), rng.i64(0..arrival_ms));
    (0..rng.usize(20..120)).map(|_| (account, from + rng.i64(0..60_000))).collect()
}

/// In some worlds, a few buckets are written by machines whose clocks are hours or months ahead.
fn bad_clocks(seed: u64, accounts: usize, arrival_ms: i64) -> Vec<BadClock> {
    let mut rng = Rng::with_seed(seed ^ BAD_CLOCKS);
    if rng.u8(0..BAD_CLOCKS_EVERY) != 0 {
        return Vec::new();
    }
    let one = |_| BadClock {
        account: rng.usize(0..accounts),
        at_ms: rng.i64(0..arrival_ms),
        ahead_ms: rng.i64(BAD_CLOCK_HOURS) * 60 * 60_000,
    };
    (0..4).map(one).collect()
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
            publish_before_ms: None,
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
