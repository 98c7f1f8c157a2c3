//! `GET /v1/pins`: every filter, order and bound, against a plain reading of the same pins; over the fakes and over the
//! real adapter on the embedded DynamoDB.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::credit::Limits;
use pinbridge_shared::domain::ids::{AccountId, AccountKey};
use pinbridge_shared::domain::pacing::bucket::Pause;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status, Upstream};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::filter::PinSort;
use pinbridge_shared::domain::pin::{Pin, PinRequest, Placement, WaitReason};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use pinbridge_shared::flows::pins::list_pins::{COUNTED, WINDOW};
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As};
use crate::support::embedded_aws;

const BOARDS: [&str; 3] = ["1000000000000000001", "1000000000000000002", "1000000000000000003"];

/// The number of the account that Pinterest has paused.
const PAUSED: usize = 1;

fn account(index: usize) -> AccountId {
    AccountId(Uuid::from_u128(0xb + index as u128))
}

/// One of many pins, unlike its neighbours; two share a moment.
fn pin(index: usize) -> Pin {
    let mut request = PinRequest {
        account: account(index % 4),
        board_id: BOARDS[index % 3].into(),
        title: format!("{} nr. {index:05}", ["Soup", "soup", "Crane", "Ärger"][index % 4]),
        description: (!index.is_multiple_of(5)).then(|| format!("Number {index} of many")),
        link_url: index.is_multiple_of(2).then(|| format!("https://example.com/Recipe-{index}")),
        ..testdata::request(&format!("pin-{index}"))
    };
    request.title.truncate(60);
    testdata::pin_of(request, Moment(START.0 + index as i64 / 2 * 1_000), Placement::Now)
}

/// What became of it: every status, with and without faults.
fn attempt(index: usize, pin: &Pin) -> Attempt {
    let (nothing, untouched) = (Upstream::default(), Attempt::untouched(pin));
    let at = |seconds: i64| Moment(START.0 + seconds * 1_000);
    let begun = || untouched.begin(at(90_000), "a".into()).expect("begins");
    let published =
        |at: Moment| begun().published(at, format!("9{index}"), &nothing, pin, "b".into()).expect("is published");
    match index % 7 {
        0 => untouched,
        1 => untouched.deferred(at(100), None, WaitReason::AccountPaused, None, "a".into()).expect("defers"),
        2 => begun(),
        // Published in another order than accepted.
        3 => published(at(100_000 + (index as i64 * 7_919) % 1_000)),
        4 => published(at(200_000)).removed(at(300_000), "c".into()).expect("is removed"),
        5 => begun().failed(at(100_001), Failure::ImageBroken, &nothing, pin, "b".into()).expect("fails"),
        _ => begun().failed(at(100_002), Failure::BoardNotFound, &nothing, pin, "b".into()).expect("fails"),
    }
}

async fn fill(api: &Api, indices: std::ops::Range<usize>) -> Vec<(Pin, Attempt)> {
    let paused = AccountKey { workspace: testdata::workspace(), account: account(PAUSED) };
    let pause = Pause::new(&api.world.context.settings.pace, START.plus_ms(DAY_MS), WaitReason::AccountPaused);
    api.world.context.store.pause(paused, &pause).await.expect("paused");
    let written = futures_util::stream::iter(indices).map(|index| async move {
        let pin = pin(index);
        let goal = attempt(index, &pin);
        let store = &api.world.context.store;
        store.put_pin(&pin).await.expect("written");
        // Only the last state is of interest here.
        let first = Attempt { rev: 1, ..goal };
        if first.updated_at > pin.created_at || first.status != Status::Queued {
            store.save_attempt(&pin, &first).await.expect("written");
        }
        store.pins(&[pin.key]).await.expect("read").remove(0).expect("there")
    });
    written.buffered(16).collect().await
}

async fn over_fakes() -> Api {
    unlimited(TestWorld::new(1).await).await
}

/// No time passes here between thousands of requests: no caller has limits.
async fn unlimited(mut world: TestWorld) -> Api {
    world.context.settings.limits = Limits { caller: None, source: None };
    Api::over(world).await
}

/// The same API over the real table.
async fn over_dynamodb() -> (Api, pinbridge_local::aws::LocalAws) {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let table = Arc::new(DynamoStore::new(client, resources::TABLE));
    (unlimited(TestWorld::on(table, 1).await).await, aws)
}

struct Page {
    ids: Vec<String>,
    total: usize,
    is_at_least: bool,
    next: Option<String>,
}

async fn get(api: &Api, key: &str, query: &str) -> Result<Page, Value> {
    let (status, headers, answer) = api.full("GET", &format!("/v1/pins?{query}"), As::Key(key), Value::Null).await;
    if status != 200 {
        assert_eq!(status, 422, "{query}: {answer}");
        return Err(answer);
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
    let ids = answer.as_array().expect("a list").iter().map(|pin| pin["id"].as_str().expect("an id").to_owned());
    Ok(Page {
        ids: ids.collect(),
        total: text("x-total-count").expect("a count").parse().expect("a number"),
        is_at_least: text("x-total-count-relation").is_some_and(|relation| relation == "gte"),
        next: text("x-next-cursor"),
    })
}

/// As a loop over the official client's pages: `offset + len(items) < total` says whether there is another.
async fn by_offset(api: &Api, query: &str, limit: usize) -> (Vec<String>, Option<Value>) {
    let (mut ids, mut offset) = (Vec::new(), 0);
    loop {
        let page = match get(api, &api.key, &format!("{query}&limit={limit}&offset={offset}")).await {
            Ok(page) => page,
            Err(refused) => return (ids, Some(refused)),
        };
        let has_more = offset + page.ids.len() < page.total;
        assert!(page.is_at_least || page.ids.len() == limit || !has_more, "only the last page is shorter");
        assert_eq!(
            has_more,
            page.next.is_some() && !page.ids.is_empty(),
            "both ways to go on agree: {query} at {offset}"
        );
        ids.extend(page.ids);
        if !has_more {
            return (ids, None);
        }
        offset += limit;
    }
}

async fn by_cursor(api: &Api, query: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(api, &api.key, &format!("{query}&limit={limit}{cursor}")).await.expect("a page");
        ids.extend(page.ids);
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

type Test = Box<dyn Fn(&Pin, &Attempt) -> bool>;

/// Queries and what they mean, told another way.
fn filters() -> Vec<(String, Test)> {
    let time = |index: usize| Moment(START.0 + index as i64 * 1_000);
    let mut filters: Vec<(String, Test)> = vec![(String::new(), Box::new(|_, _| true))];
    for status in Status::ALL {
        filters.push((format!("status={}", status.name()), Box::new(move |_, is| is.status == status)));
    }
    let q = |text: &str, test: fn(&Pin) -> bool| -> (String, Test) {
        (format!("q={text}"), Box::new(move |pin, _| test(pin)))
    };
    filters.extend([
        q("SOUP", |pin| pin.request.title.to_lowercase().starts_with("soup")),
        q("%C3%A4rger", |pin| pin.request.title.starts_with("Ärger")),
        q("recipe-1", |pin| pin.request.link_url.as_deref().is_some_and(|link| link.contains("Recipe-1"))),
        q("r+1+of+MANY", |pin| pin.request.description.as_deref() == Some("Number 1 of many")),
        q("nowhere", |_| false),
        q("+", |_| true),
    ]);
    filters.push((format!("account_id={}", account(1)), Box::new(|pin, _| pin.request.account == account(1))));
    filters.push((format!("account_id={}", account(9)), Box::new(|_, _| false)));
    filters.push((format!("board_id={}", BOARDS[2]), Box::new(|pin, _| pin.request.board_id == BOARDS[2])));
    filters.push(("error_code=image_broken".into(), Box::new(|_, is| is.failure == Some(Failure::ImageBroken))));
    // What a pin waits for comes of its account's present state, whatever its row says: one of the accounts is paused.
    let waits = |is: &Attempt| matches!(is.status, Status::Queued | Status::Deferred);
    filters.push((
        "error_code=account_paused".into(),
        Box::new(move |pin, is| waits(is) && pin.request.account == account(PAUSED)),
    ));
    filters.push((
        "error_code=account_pacing".into(),
        Box::new(|pin, is| is.wait.is_some() && pin.request.account != account(PAUSED)),
    ));
    filters.push(("error_code=quota_exceeded".into(), Box::new(|_, _| false)));
    filters.push(("removed=true".into(), Box::new(|_, is| is.removed_at.is_some())));
    filters.push(("removed=false".into(), Box::new(|_, is| is.removed_at.is_none())));
    let (since, until) = (time(5), time(15));
    let range = format!("since={}&until={}", since.rfc3339(), until.rfc3339());
    filters.push((range.clone(), Box::new(move |pin, _| pin.created_at >= since && pin.created_at < until)));
    filters.push((
        format!("{range}&status=failed&board_id={}&account_id={}&q=soup", BOARDS[0], account(0)),
        Box::new(move |pin, is| {
            let request = &pin.request;
            (since..until).contains(&pin.created_at)
                && is.status == Status::Failed
                && (request.board_id.as_str(), request.account) == (BOARDS[0], account(0))
        }),
    ));
    let nothing = format!("since={}&until={}", until.rfc3339(), until.rfc3339());
    filters.push((nothing, Box::new(|_, _| false)));
    filters
}

/// The order that a sort means, told another way.
fn in_order(mut pins: Vec<&(Pin, Attempt)>, sort: PinSort) -> Vec<String> {
    let published = |is: &Attempt| is.finished_at.filter(|_| is.status == Status::Published).map(|at| at.0);
    let newest_first =
        |a: &&(Pin, Attempt), b: &&(Pin, Attempt)| (b.0.created_at, b.0.key.pin).cmp(&(a.0.created_at, a.0.key.pin));
    pins.sort_by(newest_first);
    match sort {
        PinSort::CreatedDesc => {}
        PinSort::CreatedAsc => pins.reverse(),
        PinSort::PublishedDesc => pins.sort_by_key(|(_, is)| std::cmp::Reverse(published(is).unwrap_or(i64::MIN))),
        PinSort::PublishedAsc => {
            pins.reverse();
            pins.sort_by_key(|(_, is)| published(is).unwrap_or(i64::MAX));
        }
        PinSort::TitleAsc => pins.sort_by_key(|(pin, _)| pin.request.title.to_lowercase()),
        PinSort::TitleDesc => pins.sort_by_key(|(pin, _)| std::cmp::Reverse(pin.request.title.to_lowercase())),
        PinSort::StatusAsc => pins.sort_by_key(|(_, is)| is.status.name()),
        PinSort::StatusDesc => pins.sort_by_key(|(_, is)| std::cmp::Reverse(is.status.name())),
    }
    pins.into_iter().map(|(pin, _)| pin.key.pin.to_string()).collect()
}

async fn check_every_filter_in_every_order(api: &Api) {
    let pins = fill(api, 0..43).await;
    for (query, test) in filters() {
        let matching: Vec<&(Pin, Attempt)> = pins.iter().filter(|(pin, is)| test(pin, is)).collect();
        for sort in PinSort::ALL {
            let wanted = in_order(matching.clone(), sort);
            let query = format!("{query}&sort={}", sort.name());
            let page = get(api, &api.key, &query).await.expect("a page");
            assert_eq!((page.total, page.is_at_least, page.next), (wanted.len(), false, None), "{query}");
            assert_eq!(page.ids, wanted, "{query}");
            assert_eq!(by_offset(api, &query, 5).await, (wanted.clone(), None), "{query}");
            assert_eq!(by_cursor(api, &query, 4).await, wanted, "{query}");
        }
    }
}

#[tokio::test]
async fn every_filter_and_order_gives_what_it_says() {
    check_every_filter_in_every_order(&over_fakes().await).await;
}

#[tokio::test]
async fn every_filter_and_order_gives_what_it_says_from_dynamodb() {
    let (api, _aws) = over_dynamodb().await;
    check_every_filter_in_every_order(&api).await;
}

/// Pages of a workspace that is larger than what one call looks through: complete by cursor, and by offset either
/// complete or refused, never silently short.
async fn check_paging(api: &Api, pins: &[(Pin, Attempt)]) {
    let size = pins.len();
    let cases: [(&str, Test, bool); 6] = [
        ("", Box::new(|_, _| true), true),
        ("status=failed", Box::new(|_, is| is.status == Status::Failed), true),
        ("board_id=1000000000000000002", Box::new(|pin, _| pin.request.board_id == BOARDS[1]), true),
        ("status=published", Box::new(|_, is| is.status == Status::Published), false),
        ("q=crane", Box::new(|pin, _| pin.request.title.starts_with("Crane")), false),
        ("q=nr.+00001", Box::new(|pin, _| pin.request.title.ends_with("nr. 00001")), false),
    ];
    for (query, test, is_by_key) in cases {
        let matching: Vec<&(Pin, Attempt)> = pins.iter().filter(|(pin, is)| test(pin, is)).collect();
        for sort in [PinSort::CreatedDesc, PinSort::CreatedAsc, PinSort::TitleAsc] {
            let query = format!("{query}&sort={}", sort.name());
            let wanted = in_order(matching.clone(), sort);
            let candidates = if is_by_key { matching.len() } else { size };
            let reads_all = candidates <= WINDOW || (is_by_key && sort != PinSort::TitleAsc);
            let by_cursor = by_cursor(api, &query, 200).await;
            let (by_offset, refused) = by_offset(api, &query, 200).await;
            if reads_all || sort != PinSort::TitleAsc {
                assert_eq!(by_cursor, wanted, "{query} of {size}");
            } else {
                let all: BTreeSet<&String> = by_cursor.iter().collect();
                assert_eq!((all.len(), by_cursor.len()), (wanted.len(), wanted.len()), "each once: {query} of {size}");
            }
            if reads_all {
                assert_eq!((by_offset, refused), (wanted, None), "{query} of {size}");
            } else {
                assert!(by_offset.len() <= WINDOW && by_cursor.starts_with(&by_offset), "{query} of {size}");
                if let Some(refused) = &refused {
                    assert_eq!(refused["detail"][0]["type"], "offset_out_of_reach", "{refused}");
                    assert_eq!(refused["detail"][0]["loc"], json!(["query", "offset"]));
                }
                // A page without any says nothing more; one with some is never the last while there may be more.
                assert_eq!(refused.is_some(), !by_offset.is_empty(), "{query} of {size}");
            }
        }
    }
}

#[tokio::test]
async fn pages_have_no_holes_and_no_repeats_around_every_bound() {
    let api = over_fakes().await;
    let mut pins = Vec::new();
    for size in [1, 199, 200, 201, COUNTED, COUNTED + 1, WINDOW, WINDOW + 1, 2 * WINDOW + 300] {
        pins.extend(fill(&api, pins.len()..size).await);
        check_paging(&api, &pins).await;
    }
}

#[tokio::test]
async fn pages_have_no_holes_and_no_repeats_around_every_bound_in_dynamodb() {
    let (api, _aws) = over_dynamodb().await;
    let mut pins = Vec::new();
    for size in [COUNTED + 1, WINDOW + 1] {
        pins.extend(fill(&api, pins.len()..size).await);
        check_paging(&api, &pins).await;
    }
}

#[tokio::test]
async fn counts_are_exact_up_to_their_bound_and_say_where_they_are_not() {
    let (api, _aws) = over_dynamodb().await;
    fill(&api, 0..COUNTED).await;
    let page = get(&api, &api.key, "limit=1").await.expect("a page");
    assert_eq!((page.total, page.is_at_least), (COUNTED, false), "exact");
    fill(&api, COUNTED..2 * COUNTED).await;
    let page = get(&api, &api.key, "limit=1").await.expect("a page");
    assert!(page.is_at_least && (COUNTED..2 * COUNTED).contains(&page.total), "{}", page.total);
    let last = get(&api, &api.key, &format!("limit=200&offset={}", 2 * COUNTED - 100)).await.expect("a page");
    assert_eq!(
        (last.ids.len(), last.total, last.is_at_least),
        (100, 2 * COUNTED, false),
        "the end is known where it is reached"
    );
}

#[tokio::test]
async fn what_is_added_meanwhile_shifts_no_cursor() {
    for sort in [PinSort::CreatedDesc, PinSort::TitleAsc] {
        let api = over_fakes().await;
        let before = fill(&api, 0..30).await;
        let first = get(&api, &api.key, &format!("limit=7&sort={}", sort.name())).await.expect("a page");
        let (mut ids, mut next) = (first.ids, first.next);
        let mut added = before.len();
        while let Some(cursor) = next {
            fill(&api, added..added + 3).await;
            added += 3;
            let page =
                get(&api, &api.key, &format!("limit=7&sort={}&cursor={cursor}", sort.name())).await.expect("a page");
            ids.extend(page.ids);
            next = page.next;
        }
        let known: Vec<String> = in_order(before.iter().collect(), sort);
        let seen: Vec<String> = ids.into_iter().filter(|id| known.contains(id)).collect();
        assert_eq!(seen, known, "{sort:?}");
    }
}

#[tokio::test]
async fn a_limited_key_lists_only_its_accounts() {
    let api = over_fakes().await;
    let pins = fill(&api, 0..40).await;
    let mut other = testdata::connected_account();
    other.key.account = account(1);
    assert!(api.world.context.store.save_account(&other).await.expect("written").is_done());
    let (key, _) = api.new_key(json!({"name": "limited", "pinterest_account_ids": [account(1)]})).await;
    let mine: Vec<&(Pin, Attempt)> = pins.iter().filter(|(pin, _)| pin.request.account == account(1)).collect();
    for (query, test) in [("", None), ("status=failed", Some(Status::Failed)), ("sort=title_asc", None)] {
        let wanted = mine.iter().filter(|(_, is)| test.is_none_or(|status| is.status == status)).count();
        let page = get(&api, &key, query).await.expect("a page");
        assert_eq!((page.ids.len(), page.total), (wanted, wanted), "{query}");
        let ids: Vec<String> = mine.iter().map(|(pin, _)| pin.key.pin.to_string()).collect();
        assert!(page.ids.iter().all(|id| ids.contains(id)), "{query}");
    }
    let path = format!("/v1/pins?account_id={}", account(2));
    api.refused("GET", &path, As::Key(&key), Value::Null, 403, "account_not_permitted").await;
}

#[tokio::test]
async fn values_that_cant_be_are_refused_by_their_field() {
    let api = over_fakes().await;
    let long = "x".repeat(201);
    let both = format!("cursor=b_1_{}_0", Uuid::nil().simple());
    for (query, field) in [
        ("limit=0".to_owned(), "limit"),
        ("limit=201".into(), "limit"),
        ("offset=-1".into(), "offset"),
        ("offset=10001".into(), "offset"),
        ("account_id=me".into(), "account_id"),
        ("status=done".into(), "status"),
        ("status=".into(), "status"),
        ("since=2026-01-01T00:00:00".into(), "since"),
        ("until=tomorrow".into(), "until"),
        (format!("q={long}"), "q"),
        ("sort=id".into(), "sort"),
        ("removed=maybe".into(), "removed"),
        ("cursor=7".into(), "cursor"),
        (format!("{both}&offset=1"), "offset"),
    ] {
        let refused = get(&api, &api.key, &query).await.err().unwrap_or_else(|| panic!("{query} was taken"));
        assert_eq!(refused["detail"][0]["loc"], json!(["query", field]), "{query}: {refused}");
        assert_eq!(refused["code"], "validation_error");
    }
    for query in
        [both.as_str(), "since=2026-01-01T00:00:00+01:00", "since=2026-01-01T00:00:00%2B01:00", "q=", "removed=1"]
    {
        assert!(get(&api, &api.key, query).await.is_ok(), "{query}");
    }
}

#[tokio::test]
async fn unknown_parameters_change_nothing_and_are_named() {
    let api = over_fakes().await;
    fill(&api, 0..3).await;
    let path = "/v1/pins?acount_id=7&limit=2&Board=1";
    let (status, headers, answer) = api.full("GET", path, As::Key(&api.key), Value::Null).await;
    assert_eq!((status, answer.as_array().map(Vec::len)), (200, Some(2)));
    assert_eq!(headers["x-pinbridge-ignored-parameters"], "Board,acount_id");
    let (_, headers, _) = api.full("GET", "/v1/pins?limit=2", As::Key(&api.key), Value::Null).await;
    assert!(!headers.contains_key("x-pinbridge-ignored-parameters"));
}

#[tokio::test]
async fn a_removed_pin_says_when_and_stays_published() {
    let api = over_fakes().await;
    fill(&api, 0..7).await;
    let (_, answer) = api.call("GET", "/v1/pins?removed=true", As::Key(&api.key), Value::Null).await;
    let [pin] = answer.as_array().expect("a list").as_slice() else { panic!("{answer}") };
    assert_eq!(pin["status"], "published");
    assert_eq!(pin["removed_from_pinterest_at"], Moment(START.0 + 300_000_000).rfc3339());
    assert_eq!(pin["published_at"], Moment(START.0 + 200_000_000).rfc3339());
}

#[tokio::test]
async fn a_range_that_ends_before_it_begins_is_refused() {
    let api = Api::new().await;
    for list in ["/v1/pins", "/v1/schedules"] {
        for (since, until) in [
            ("2026-02-01T00:00:00Z", "2026-01-31T23:59:59Z"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00%2B00:01"),
            ("2026-01-02T00:00:00Z", "2025-01-02T00:00:00Z"),
        ] {
            let path = format!("{list}?since={since}&until={until}");
            let answer = api.refused("GET", &path, As::Key(&api.key), Value::Null, 422, "invalid_date_range").await;
            assert_eq!(answer["detail"][0]["loc"], json!(["query", "since"]), "{answer}");
            let path = format!("{list}?since={until}&until={since}");
            assert_eq!(api.call("GET", &path, As::Key(&api.key), Value::Null).await.0, 200);
        }
        let path = format!("{list}?since=2026-01-01T00:00:00Z&until=2026-01-01T00:00:00Z");
        assert_eq!(api.call("GET", &path, As::Key(&api.key), Value::Null).await, (200, json!([])));
    }
}
