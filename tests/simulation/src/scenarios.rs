//! Measurements in worlds without faults: pacing, fairness and priority.

use std::collections::BTreeMap;

use pinbridge_shared::config::Settings;
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};

use crate::endpoint::GrantFaults;
use crate::faults::Faults;
use crate::plan::{Plan, Wish};
use crate::provider::{Post, WRITES_PER_WINDOW, most_in_a_window};
use crate::report::in_parallel;
use crate::world::{self, START};

/// The slowest account may take this factor longer than the minimum that the rate limit allows.
const FLOOR_FACTOR: f64 = 1.03;
/// Maximum delay that one busy account may add to the others, at the 99th percentile.
const ADDED_P99_MAX_MS: i64 = SECOND_MS;
/// Two ticks of the dispatcher.
const URGENT_WITHIN_MS: i64 = 2 * MINUTE_MS;

/// The pace of a deployment that sets none.
fn pace() -> Pace {
    Settings::default().pace
}

pub fn calm(accounts: usize, wishes: Vec<Wish>) -> Plan {
    Plan {
        accounts,
        wishes,
        pace: pace(),
        faults: Faults::calm(),
        grants: GrantFaults::default(),
        heals_after_ms: 0,
        publishers: 100,
        max_receives: 20,
        daily_budget: 0,
        own_writes: Vec::new(),
        bad_clocks: Vec::new(),
        lost_rows: Vec::new(),
        subscribers: Vec::new(),
        ..Plan::drawn(0, 0)
    }
}

pub fn wish(number: usize, account: usize, at_ms: i64, priority: &'static str) -> Wish {
    Wish {
        key: format!("key-{number}"),
        account,
        board: 0,
        title: format!("Crane number {number}"),
        image: number as u32,
        priority,
        at_ms,
        run_at_ms: None,
        publish_before_ms: None,
    }
}

/// Runs a plan that must publish every pin without a violation; returns the creates.
pub fn posts(name: &str, plan: Plan) -> Option<Vec<Post>> {
    let expected = plan.wishes.len() as u64;
    let outcome = world::run(plan);
    for violation in outcome.violations.iter().take(5) {
        println!("{name}: {:?} {}", violation.wrong, violation.text);
    }
    if outcome.published != expected {
        println!("{name}: {} of {expected} published", outcome.published);
    }
    (outcome.violations.is_empty() && outcome.published == expected).then_some(outcome.sent)
}

/// Publishes many pins of several accounts, all requested at once. Compares the time until each account's last pin with
/// the minimum that the pace allows, and counts the calls that a limit of exactly the capacity and rate would refuse,
/// and the arrivals in Pinterest's windows of a minute.
pub fn pacing(pins: usize, accounts: usize, publishers: usize) -> bool {
    let wishes = (0..pins).map(|number| wish(number, number % accounts, 0, "normal")).collect();
    let Some(posts) = posts("pacing", Plan { publishers, ..calm(accounts, wishes) }) else { return false };
    let mut of: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut arrivals: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for post in &posts {
        of.entry(&post.account).or_default().push(post.at);
        arrivals.entry(&post.account).or_default().push(post.arrives_at);
    }
    let most = arrivals.into_values().map(most_in_a_window).max().unwrap_or(0);
    let floor_ms = ((pins / accounts) as i64 - i64::from(pace().capacity())) as f64 * pace().interval_ms as f64;
    let (mut longest_ms, mut refused) = (0, 0);
    for times in of.values_mut() {
        times.sort_unstable();
        longest_ms = longest_ms.max(times.last().unwrap_or(&0) - times.first().unwrap_or(&0));
        refused += refused_by_limit(times);
    }
    let ratio = longest_ms as f64 / floor_ms;
    println!(
        "pacing: {pins} pins over {accounts} accounts at once, {publishers} publishers: {refused} creates over the \
         limit; the slowest account took {:.1} s, the minimum is {:.1} s ({ratio:.3}); at most {most} writes of a user \
         arrive at Pinterest within 60 s, up to 10 s after they were sent (it lets {WRITES_PER_WINDOW} pass)",
        longest_ms as f64 / 1e3,
        floor_ms / 1e3
    );
    refused == 0 && ratio <= FLOOR_FACTOR && most <= WRITES_PER_WINDOW
}

/// The number of calls that a token bucket of exactly the capacity and rate refuses.
fn refused_by_limit(times: &[i64]) -> usize {
    let (interval_ms, capacity) = (pace().interval_ms as f64, f64::from(pace().capacity()));
    let (mut tokens, mut last, mut refused) = (capacity, i64::MIN, 0);
    for at in times {
        if last != i64::MIN {
            tokens = (tokens + (at - last) as f64 / interval_ms).min(capacity);
        }
        last = *at;
        if tokens < 1.0 - 1e-9 {
            refused += 1;
        } else {
            tokens -= 1.0;
        }
    }
    refused
}

/// Measures how much later the pins of other accounts start because one account has very many waiting pins.
pub fn fairness(waiting: usize, others: usize, each: usize) -> bool {
    let quiet: Vec<Wish> = (0..others * each)
        .map(|number| {
            let at_ms = 5 * MINUTE_MS + (number / others) as i64 * 7 * SECOND_MS + (number % others) as i64 * 61;
            wish(number, 1 + number % others, at_ms, "normal")
        })
        .collect();
    let noisy = (0..waiting).map(|number| wish(quiet.len() + number, 0, number as i64 * 2, "bulk"));
    let with_noise = calm(others + 1, quiet.iter().cloned().chain(noisy).collect());
    // The world stops before that account is finished: at one pin a second it takes more than a day.
    let with_noise =
        Plan { stops_after_ms: Some(5 * MINUTE_MS + each as i64 * 7 * SECOND_MS + 3 * MINUTE_MS), ..with_noise };
    let Some(alone) = posts("fairness, alone", calm(others + 1, quiet.clone())) else { return false };
    let beside = world::run(with_noise).sent;
    let (alone, beside) = (delays(&quiet, &alone), delays(&quiet, &beside));
    let mut added: Vec<i64> =
        quiet.iter().filter_map(|wish| Some(beside.get(&wish.key)? - alone.get(&wish.key)?)).collect();
    added.sort_unstable();
    let of = |share: f64| added.get((added.len() as f64 * share) as usize).copied().unwrap_or(i64::MAX);
    println!(
        "fairness: {} pins of {others} accounts beside one with {waiting} waiting: start later by {} ms at the median, \
         {} ms at p99, {} ms at most",
        added.len(),
        of(0.5),
        of(0.99),
        added.last().copied().unwrap_or(i64::MAX)
    );
    added.len() == quiet.len() && of(0.99) < ADDED_P99_MAX_MS
}

/// A pin of an account that waits for less than its share starts within a tick, and the window that is given out by
/// then, and its turns.
const SHARED_WITHIN_MS: i64 = 3 * MINUTE_MS;
/// Accounts that all wait get the same, within so much of their share, once the window is over that was given out
/// before they all waited. (Whoever comes first has the tokens of that window.)
const SHARES_DIFFER: f64 = 0.05;

/// Measures what accounts of one Pinterest user get beside one that floods: one that sends less than its share, and one
/// that floods too.
pub fn shared(waiting: usize, each: usize) -> bool {
    let at_ms = |number: usize| 5 * MINUTE_MS + number as i64 * 7 * SECOND_MS;
    let quiet: Vec<Wish> = (0..each).map(|number| wish(number, 1, at_ms(number), "normal")).collect();
    let flood = |account| (0..waiting).map(move |number| wish(each + account * waiting + number, account, 0, "normal"));
    let stops_after_ms = Some(at_ms(each) + SHARED_WITHIN_MS);
    let of_one_user = |wishes| Plan { accounts_per_user: 3, stops_after_ms, ..calm(3, wishes) };
    let beside_one = world::run(of_one_user(quiet.iter().cloned().chain(flood(0)).collect())).sent;
    let beside_two = world::run(of_one_user(flood(0).chain(flood(2)).collect())).sent;
    let delays = delays(&quiet, &beside_one);
    let longest_ms = delays.values().copied().max().unwrap_or(i64::MAX);
    let of = |account: usize| {
        let account = Plan::drawn(0, 0).account(account).account.to_string();
        let is_shared = |post: &&Post| post.account == account && post.at - START >= SHARED_WITHIN_MS;
        beside_two.iter().filter(is_shared).count() as f64
    };
    let (first, second) = (of(0), of(2));
    println!(
        "shared: beside an account of the same user with {waiting} waiting, {} pins of another start after at most {:.1} s; \
         of two that flood, the one gets {first} and the other {second} calls from minute {} on",
        delays.len(),
        longest_ms as f64 / 1e3,
        SHARED_WITHIN_MS / MINUTE_MS
    );
    let is_even = (first - second).abs() <= SHARES_DIFFER * first.max(second);
    delays.len() == quiet.len() && longest_ms <= SHARED_WITHIN_MS && is_even && first > 0.0
}

/// The time from each request to its create, in milliseconds.
fn delays(wishes: &[Wish], posts: &[Post]) -> BTreeMap<String, i64> {
    let sent: BTreeMap<&str, i64> = posts.iter().rev().map(|post| (post.owner.as_str(), post.at)).collect();
    wishes
        .iter()
        .filter_map(|wish| Some((wish.key.clone(), sent.get(wish.key.as_str())? - START - wish.at_ms)))
        .collect()
}

/// Measures the delay of an urgent pin behind very many bulk pins of its own account, requested at several points of a
/// minute.
pub fn urgent(bulk: usize) -> bool {
    const OFFSETS_S: [i64; 4] = [1, 20, 40, 59];
    let started_after_ms = |offset_s: i64| {
        let at_ms = 10 * MINUTE_MS + offset_s * SECOND_MS;
        let wishes: Vec<Wish> = (0..bulk)
            .map(|number| wish(number, 0, number as i64 / 100, "bulk"))
            .chain([wish(bulk, 0, at_ms, "urgent")])
            .collect();
        let plan = Plan { stops_after_ms: Some(at_ms + 5 * MINUTE_MS), ..calm(1, wishes) };
        let sent = world::run(plan).sent;
        sent.iter().find(|post| post.owner == format!("key-{bulk}")).map(|post| post.at - START - at_ms)
    };
    let started = in_parallel(0..OFFSETS_S.len() as u64, |index| started_after_ms(OFFSETS_S[index as usize]));
    let longest_ms = started.into_values().map(|ms| ms.unwrap_or(i64::MAX)).max().unwrap_or(i64::MAX);
    println!(
        "urgent: behind {bulk} bulk pins of its own account it starts after at most {:.1} s",
        longest_ms as f64 / 1e3
    );
    longest_ms <= URGENT_WITHIN_MS
}
