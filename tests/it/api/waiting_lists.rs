//! What waits is found through what owns it: one stuck pin among thousands that are done is on the first page, whatever
//! the filter and the order, before the rollup has them and after.

use std::collections::BTreeMap;

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::{AccountId, AccountKey};
use pinbridge_shared::domain::pacing::backlog::BacklogRow;
use pinbridge_shared::domain::pacing::bucket::Pause;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status, Upstream};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::{Pin, PinRequest, Placement, WaitReason};
use pinbridge_shared::domain::schedule::Schedule;
use pinbridge_shared::domain::stats::rollup::{Sample, merge};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::ports::Write;
use pinbridge_shared::testing::START;
use serde_json::Value;
use uuid::Uuid;

use crate::support::api::{Api, As};

const BOARDS: [&str; 2] = ["1000000000000000001", "1000000000000000002"];
const DONE: usize = 3_000;
/// The end of the burst.
const NOW: Moment = Moment(START.0 + DAY_MS);

fn account(index: usize) -> AccountId {
    AccountId(Uuid::from_u128(0xb + index as u128))
}

/// Pins a tenth of a second apart, the last one at [`NOW`]; every tenth of the other account, every seventh for the
/// other board.
fn pin(index: usize) -> Pin {
    let request = PinRequest {
        account: account(usize::from(index.is_multiple_of(10))),
        board_id: BOARDS[usize::from(index.is_multiple_of(7))].into(),
        title: format!("Crane {index}"),
        ..testdata::request(&format!("pin-{index}"))
    };
    testdata::pin_of(request, NOW.plus_ms((index as i64 - DONE as i64) * 100), Placement::Now)
}

fn published(pin: &Pin) -> Attempt {
    let at = pin.created_at.plus_ms(900);
    let begun = Attempt::untouched(pin).begin(at, "a".into()).expect("begins");
    begun.published(at, "9".into(), &Upstream::default(), pin, "b".into()).expect("is published")
}

fn stuck(pin: &Pin) -> Attempt {
    let at = pin.created_at.plus_ms(900);
    let begun = Attempt::untouched(pin).begin(at, "a".into()).expect("begins");
    begun.unresolved_outcome(at, NOW.plus_ms(HOUR_MS), &Upstream::default(), "b".into()).expect("is unresolved")
}

fn retried_later(pin: &Pin) -> Attempt {
    let at = pin.created_at.plus_ms(900);
    let begun = Attempt::untouched(pin).begin(at, "a".into()).expect("begins");
    let nothing = Upstream::default();
    begun.retry_at(at, NOW.plus_ms(HOUR_MS), Failure::PinterestBusy, &nothing, "b".into()).expect("is retried later")
}

fn deferred(pin: &Pin) -> Attempt {
    let at = pin.created_at.plus_ms(900);
    Attempt::untouched(pin).deferred(at, None, WaitReason::AccountPaused, None, "a".into()).expect("defers")
}

/// Writes the pins with these states, as a worker does that dies before it has noted the last few.
async fn write(api: &Api, pins: &[(Pin, Attempt)]) {
    for (pin, goal) in pins {
        let store = &api.world.context.store;
        store.put_pin(pin).await.expect("written");
        if goal.rev > 0 {
            let saved = store.save_attempt(pin, &Attempt { rev: 1, ..goal.clone() }).await.expect("written");
            assert_eq!(saved, Write::Done);
        }
    }
}

/// Lets the rollup have them, some time later.
async fn roll_up(api: &Api, pins: &[(Pin, Attempt)], later_ms: i64) {
    let mut hours: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    for (pin, attempt) in pins {
        let sample = Sample::of(pin, &Attempt { rev: attempt.rev.min(1), ..attempt.clone() });
        hours.entry(sample.hour()).or_default().push(sample);
    }
    let rollups = &api.world.context.rollups;
    for (hour, samples) in hours {
        for page in merge(Vec::new(), &samples) {
            let saved = rollups.save_rollup_page(testdata::workspace(), hour, &page).await.expect("written");
            assert!(saved.is_done());
        }
    }
    api.world.system.advance_to(NOW.plus_ms(later_ms));
    rollups.set_rolled_up(api.world.now().minute() - 9).await.expect("set");
}

struct Page {
    ids: Vec<String>,
    total: u64,
    goes_on: bool,
}

async fn get(api: &Api, path: &str) -> Page {
    let (status, headers, answer) = api.full("GET", path, As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "{path}: {answer}");
    let ids = answer.as_array().expect("a list").iter().map(|of| of["id"].as_str().expect("an id").to_owned());
    let total = headers["x-total-count"].to_str().expect("text").parse().expect("a number");
    let goes_on = headers.contains_key("x-next-cursor") || headers.contains_key("x-total-count-relation");
    Page { ids: ids.collect(), total, goes_on }
}

async fn at_noon() -> Api {
    let api = Api::new().await;
    api.world.system.advance_to(NOW);
    let paused = AccountKey { workspace: testdata::workspace(), account: account(1) };
    let connected = Account { key: paused, ..testdata::connected_account() };
    assert!(api.world.context.store.save_account(&connected).await.expect("written").is_done());
    let pause = Pause::new(&api.world.context.settings.pace, NOW.plus_ms(300 * DAY_MS), WaitReason::AccountPaused);
    api.world.context.store.pause(paused, &pause).await.expect("paused");
    api
}

#[tokio::test]
async fn the_one_pin_that_waits_is_on_the_first_page_among_thousands_that_are_done() {
    type State = fn(&Pin) -> Attempt;
    // The oldest pins, one in the middle, and the newest.
    let states: [(usize, State, &str); 5] = [
        (10, stuck, "status=publishing"),
        (10, stuck, "error_code=outcome_unknown"),
        (1_500, retried_later, "status=queued"),
        (20, deferred, "status=deferred"),
        (DONE, deferred, "error_code=account_paused"),
    ];
    for later_ms in [None, Some(20 * MINUTE_MS), Some(20 * DAY_MS)] {
        for (of, state, query) in &states {
            let api = at_noon().await;
            let pins: Vec<(Pin, Attempt)> = (1..=DONE)
                .map(pin)
                .enumerate()
                .map(|(index, pin)| {
                    let attempt = if index + 1 == *of { state(&pin) } else { published(&pin) };
                    (pin, attempt)
                })
                .collect();
            write(&api, &pins).await;
            if let Some(later_ms) = later_ms {
                roll_up(&api, &pins, later_ms).await;
            }
            let (wanted, request) = (&pins[of - 1].0, &pins[of - 1].0.request);
            let at = wanted.created_at;
            let same = [
                String::new(),
                "&sort=created_at_asc".into(),
                "&sort=title_asc".into(),
                "&limit=1".into(),
                format!("&account_id={}", request.account),
                format!("&board_id={}", request.board_id),
                format!("&since={}", at.rfc3339()),
                format!("&until={}&sort=created_at_asc", at.plus_ms(1).rfc3339()),
                format!("&board_id={}&account_id={}&since={}", request.board_id, request.account, at.rfc3339()),
            ];
            let other = [
                format!("&until={}", at.rfc3339()),
                format!("&account_id={}", account(usize::from(request.account == account(0)))),
                format!("&board_id={}", BOARDS[usize::from(request.board_id == BOARDS[0])]),
            ];
            api.world.faults.take_calls();
            for (more, found) in same.iter().map(|more| (more, 1)).chain(other.iter().map(|more| (more, 0))) {
                let page = get(&api, &format!("/v1/pins?{query}{more}")).await;
                assert_eq!((page.ids.len(), page.total, page.goes_on), (found, found as u64, false), "{query}{more}");
                assert!(page.ids.iter().all(|id| *id == wanted.key.pin.to_string()), "{query}{more}");
            }
            let reads = api.world.faults.take_calls().into_iter().filter(|call| *call == "store.pins").count();
            assert!(reads <= 6 * 12, "{query} {later_ms:?}: the done ones aren't read: {reads} reads");
        }
    }
}

#[tokio::test]
async fn a_pin_that_left_the_backlog_is_found_among_thousands_in_it() {
    for later_ms in [None, Some(20 * MINUTE_MS)] {
        let api = at_noon().await;
        let waits = |index: usize| {
            let pin = Pin { placement: Placement::Backlog(WaitReason::AccountPacing), ..pin(index) };
            let attempt = Attempt::untouched(&pin);
            (pin, attempt)
        };
        let mut pins: Vec<(Pin, Attempt)> = (1..=DONE).map(waits).collect();
        pins[10].1 = stuck(&pins[10].0);
        pins[1_200].1 = retried_later(&pins[1_200].0);
        write(&api, &pins).await;
        for (pin, _) in pins.iter().filter(|(_, attempt)| attempt.status == Status::Deferred) {
            let row = BacklogRow::of(pin, 0);
            api.world.context.store.mark_waiting(pin.account_key(), NOW).await.expect("marked");
            api.world.context.store.put_backlog(pin.account_key(), &row).await.expect("written");
        }
        if let Some(later_ms) = later_ms {
            roll_up(&api, &pins, later_ms).await;
        }
        for (query, of) in [("status=publishing", 10), ("status=queued", 1_200)] {
            for sort in ["created_at_desc", "created_at_asc"] {
                api.world.faults.take_calls();
                let page = get(&api, &format!("/v1/pins?{query}&sort={sort}")).await;
                assert_eq!((page.ids, page.goes_on), (vec![pins[of].0.key.pin.to_string()], false), "{query}");
                let calls = api.world.faults.take_calls();
                assert!(calls.iter().filter(|call| **call == "store.pins").count() <= 9, "{query}: {calls:?}");
            }
        }
        let page = get(&api, "/v1/pins?status=deferred&limit=200").await;
        assert!(page.ids.len() == 200 && page.goes_on && page.total > 200);
    }
}

#[tokio::test]
async fn pages_of_what_waits_are_full_until_the_last_one() {
    for later_ms in [None, Some(20 * MINUTE_MS)] {
        let api = at_noon().await;
        let state = |index: usize, pin: &Pin| if index.is_multiple_of(5) { deferred(pin) } else { published(pin) };
        let pins: Vec<(Pin, Attempt)> = (1..=DONE).map(|index| (pin(index), state(index, &pin(index)))).collect();
        write(&api, &pins).await;
        if let Some(later_ms) = later_ms {
            roll_up(&api, &pins, later_ms).await;
        }
        let wanted: Vec<String> = pins
            .iter()
            .rev()
            .filter(|(_, is)| is.status == Status::Deferred)
            .map(|(pin, _)| pin.key.pin.to_string())
            .collect();
        for sort in ["created_at_desc", "created_at_asc"] {
            let (mut ids, mut cursor, mut sizes) = (Vec::new(), String::new(), Vec::new());
            loop {
                let path = format!("/v1/pins?status=deferred&limit=170&sort={sort}{cursor}");
                let (_, headers, answer) = api.full("GET", &path, As::Key(&api.key), Value::Null).await;
                let page = answer.as_array().expect("a list");
                sizes.push(page.len());
                ids.extend(page.iter().map(|of| of["id"].as_str().expect("an id").to_owned()));
                match headers.get("x-next-cursor") {
                    Some(next) => cursor = format!("&cursor={}", next.to_str().expect("text")),
                    None => break,
                }
            }
            assert_eq!(sizes, [170, 170, 170, 90], "{sort}");
            if sort == "created_at_asc" {
                ids.reverse();
            }
            assert_eq!(ids, wanted, "{sort}");
        }
    }
}

/// A schedule that was missed, one whose pin is stuck since hours, and one to come, behind more than a thousand that
/// are done.
#[tokio::test]
async fn schedules_that_are_not_over_are_found_among_thousands_that_are() {
    let api = at_noon().await;
    let (context, workspace) = (&api.world.context, testdata::workspace());
    let released = |number: u128, run_at: Moment| {
        let schedule: Schedule = testdata::schedule(number, START, run_at);
        let next = schedule.released(run_at, DAY_MS, "r".into()).expect("may be released");
        let origin = Origin { schedule: Some((schedule.key.schedule, 0)), ..Origin::default() };
        let pin = Pin { origin, ..testdata::pin_of(next.pin_request(), run_at, Placement::Due(run_at)) };
        (schedule, next, pin)
    };
    let mut pins = Vec::new();
    let old = NOW.plus_ms(-10 * HOUR_MS);
    for number in 1..=1_500_u128 {
        let (schedule, next, pin) = released(number, old.plus_ms(number as i64 * SECOND_MS));
        assert_eq!(context.schedules.put_schedule(&schedule).await.expect("written"), Write::Done);
        assert_eq!(context.schedules.save_schedule(&next).await.expect("written"), Write::Done);
        let attempt = if number == 7 { stuck(&pin) } else { published(&pin) };
        pins.push((pin, attempt));
    }
    write(&api, &pins).await;
    roll_up(&api, &pins, 0).await;
    let mark = NOW.minute() - 1;
    context.schedules.set_release_watermark(mark).await.expect("set");
    // Missed, and to be handed over again: their release rows are of this minute.
    let missed = Schedule { not_before: NOW, ..testdata::schedule(5_001, START, old.plus_ms(-HOUR_MS)) };
    let to_come = testdata::schedule(5_002, START, NOW.plus_ms(30 * DAY_MS));
    for schedule in [&missed, &to_come] {
        assert_eq!(context.schedules.put_schedule(schedule).await.expect("written"), Write::Done);
        context.schedules.put_release_row(&schedule.release_row()).await.expect("written");
    }
    let id = |schedule: &Schedule| schedule.key.schedule.to_string();
    let stuck = released(7, old).0;
    for (query, wanted) in [
        ("status=running", vec![id(&stuck)]),
        ("status=running&sort=run_at_asc", vec![id(&stuck)]),
        ("status=running&sort=created_at_desc", vec![id(&stuck)]),
        ("status=queued", vec![]),
        ("status=deferred", vec![]),
        ("status=scheduled", vec![id(&to_come), id(&missed)]),
        ("status=scheduled&sort=run_at_asc", vec![id(&missed), id(&to_come)]),
        ("status=scheduled&sort=run_at_asc&limit=1", vec![id(&missed)]),
    ] {
        let page = get(&api, &format!("/v1/schedules?{query}")).await;
        assert_eq!(page.ids, wanted, "{query}");
        assert_eq!(page.goes_on, query.contains("limit"), "{query}");
    }
    let account = format!("status=running&account_id={}", stuck.request.account);
    assert_eq!(get(&api, &format!("/v1/schedules?{account}")).await.ids, [id(&stuck)]);
    let until = format!("status=running&until={}", old.rfc3339());
    assert!(get(&api, &format!("/v1/schedules?{until}")).await.ids.is_empty());
    assert_eq!(workspace, stuck.key.workspace);
}
