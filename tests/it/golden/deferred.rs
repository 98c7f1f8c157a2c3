//! Schedules, imports, and the hourly counts of pins.

use std::collections::BTreeMap;

use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::ids::{AccountId, ImportId, KeyId, PinId, ScheduleId, ScheduleKey, UserId};
use pinbridge_shared::domain::import::{
    Ask, ChunkResult, Import, ImportKey, Made, Outcome, Row, RowError, RowOptions, RowResult, Source, Stop, StopReason,
    Totals,
};
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::idempotency::PayloadHash;
use pinbridge_shared::domain::pin::origin::{Actor, Origin};
use pinbridge_shared::domain::repeated_write::Trail;
use pinbridge_shared::domain::schedule::edits::Change;
use pinbridge_shared::domain::schedule::{ReleaseRow, Schedule, Stage};
use pinbridge_shared::domain::stats::rollup::recent::RecentSamples;
use pinbridge_shared::domain::stats::rollup::{End, Ended, Of, RollupPage, Sample, Sums};
use pinbridge_shared::domain::time::{HOUR_MS, Moment};
use pinbridge_shared::ports::{ByTime, Imports, Rollups, Schedules, Write};

use super::fixed::{EXPIRES, account, at, full_request, minimal_request, uuid, workspace};
use super::fixture::VERSION;

const MINUTE: i64 = 33_333_334;
const HOUR: i64 = 555_555;

fn schedule(number: u128, request: PinRequest, stage: Stage) -> Schedule {
    Schedule {
        key: ScheduleKey { workspace: workspace(), schedule: ScheduleId(uuid(0x2000 + number)) },
        request,
        run_at: at(60_000 + number as i64),
        not_before: at(120_000 + number as i64),
        stage,
        run: 0,
        moves: 0,
        version: 1,
        payload_hash: PayloadHash(vec![1, 0, 255]),
        origin: Origin::default(),
        created_at: at(0),
        updated_at: at(1),
        released_at: None,
        changes: Vec::new(),
        canceled_by: None,
        removed_at: None,
        expires_at: EXPIRES,
        nonce: "schedule".into(),
        trail: Trail::default(),
    }
}

/// `version`: as that version kept them.
fn schedules(version: &str) -> Vec<Schedule> {
    let full = Schedule {
        run: 2,
        moves: 3,
        version: 4,
        origin: Origin { import: Some((ImportId(uuid(0x13)), 7)), ..Origin::by(Actor::Key(KeyId(uuid(0x11)))) },
        released_at: Some(at(2_000)),
        ..schedule(1, full_request("key-1"), Stage::Released)
    };
    // 0.2.0 did not keep who canceled a schedule.
    let canceled_by = (version != "0.2.0").then_some(Actor::User(UserId(uuid(0x14))));
    // Nor what callers changed of it.
    let change = Change { at: at(500), fields: "tw".into(), by: canceled_by };
    let changes = canceled_by.map(|_| change).into_iter().collect();
    let removed = Schedule { removed_at: Some(at(3_000)), ..schedule(4, minimal_request(""), Stage::Canceled) };
    vec![
        // Without a key of its client's.
        schedule(0, minimal_request(""), Stage::Scheduled),
        full,
        Schedule { canceled_by, changes, ..schedule(2, minimal_request("key-2"), Stage::Canceled) },
        schedule(3, minimal_request("key-3"), Stage::Failed(Failure::KeyTaken)),
        removed,
    ]
}

fn release_row() -> ReleaseRow {
    let [_, full, ..] = &schedules(VERSION)[..] else { panic!("five schedules") };
    ReleaseRow { not_before: full.not_before, key: full.key, moves: full.moves }
}

fn import(number: u128) -> Import {
    Import {
        key: ImportKey { workspace: workspace(), import: ImportId(uuid(0x3000 + number)) },
        source: Source::Json,
        filename: None,
        rows: 4,
        chunks: 2,
        content_hash: vec![0, 255, number as u8],
        unknown_columns: Vec::new(),
        options: None,
        accounts: Vec::new(),
        has_unknown_accounts: false,
        by: None,
        created_at: at(number as i64),
        expires_at: EXPIRES,
        nonce: format!("import-{number}"),
        stopped: None,
        finished: None,
    }
}

/// The newest first.
fn imports() -> Vec<Import> {
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = RowOptions::from([option("on_duplicate", "refuse"), option("prefer", "handling=strict")]);
    let full = Import {
        source: Source::Csv,
        filename: Some("cranes, 折り鶴.csv".into()),
        unknown_columns: vec!["colour".into(), "size, cm".into()],
        options: Some(options),
        accounts: vec![account(0).account, AccountId(uuid(0xaf))],
        has_unknown_accounts: true,
        by: Some(Actor::User(UserId(uuid(0x14)))),
        ..import(1)
    };
    let totals = Totals { created: 3, existing: 2, failed: 1, began_at: Some(at(1_000)), done_at: Some(at(2_000)) };
    let by_key = Some(Actor::Key(KeyId(uuid(0x11))));
    let lost = Stop { reason: StopReason::RowsMissing, at: at(3_000) };
    vec![
        Import { stopped: Some(lost), ..import(3) },
        Import { by: by_key, stopped: Some(Stop { reason: StopReason::DeadLettered, at: at(3_000) }), ..import(2) },
        Import { finished: Some(totals), ..full },
        import(0),
    ]
}

fn chunks() -> Vec<Vec<Row>> {
    let refused = RowError::new("validation_error", "board_id: Field required", &["board_id"]);
    let row = |number, key: Option<&str>, ask| Row::new(number, key.map(str::to_owned), ask);
    vec![
        vec![
            row(1, Some("key-1"), Ask::Pin(Box::new(full_request("key-1")))),
            row(2, None, Ask::Pin(Box::new(minimal_request("import:1:2")))),
            row(3, Some("key-3"), Ask::Schedule(Box::new(minimal_request("key-3")), at(60_000))),
        ],
        vec![row(4, None, Ask::Refused(refused)), row(5, None, Ask::Refused(RowError::new("code", "Text", &[])))],
    ]
}

fn results() -> Vec<ChunkResult> {
    let result = |number, key: Option<&str>, outcome| RowResult {
        number,
        key: key.map(str::to_owned),
        outcome,
        same_content_as_pin: None,
        board: None,
        image: None,
    };
    let (pin, schedule) = (Made::Pin(PinId(uuid(0x1001))), Made::Schedule(ScheduleId(uuid(0x2001))));
    let refused = RowError::new("validation_error", "board_id: Field required", &["board_id"]);
    let chunk = |chunk, rows| ChunkResult { chunk, began_at: at(1_000), done_at: at(2_000), rows };
    vec![
        chunk(0, vec![result(1, Some("key-1"), Outcome::Created(pin)), result(2, None, Outcome::Existing(pin))]),
        chunk(
            12,
            vec![
                result(3, Some("key-3"), Outcome::Created(schedule)),
                result(4, None, Outcome::Existing(schedule)),
                result(5, None, Outcome::Failed(refused)),
                result(6, None, Outcome::Failed(RowError::new("code", "Text", &[]))),
            ],
        ),
    ]
}

fn samples() -> Vec<Sample> {
    let fact = |number: u128, end, is_scheduled| Sample {
        pin: PinId(uuid(0x1000 + number)),
        account: account(number % 2).account,
        created_at: Moment(HOUR * HOUR_MS).plus_ms(number as i64 * 1_000_003),
        rev: number as u64 * 70_000,
        end,
        is_scheduled,
    };
    let ended = Moment(HOUR * HOUR_MS);
    vec![
        fact(0, End::Open, false),
        fact(1, End::Published(ended.plus_ms(1_090_000)), false),
        fact(2, End::Failed(ended.plus_ms(30 * HOUR_MS)), true),
        fact(3, End::Deleted, true),
    ]
}

fn sums() -> Sums {
    let quarter = HOUR * 4;
    let ended = |published, failed, published_by_schedules, failed_by_schedules| Ended {
        published,
        failed,
        published_by_schedules,
        failed_by_schedules,
    };
    let many = Of {
        created: [1, 0, 300, 70_000],
        open: [0, 1, 0, 200],
        ended: BTreeMap::from([(quarter - 1, ended(1, 0, 0, 0)), (quarter + 9_000, ended(300, 4, 200, 3))]),
    };
    Sums(BTreeMap::from([(account(0).account, many), (account(1).account, Of::default())]))
}

/// Hours with their sheets.
fn counts() -> Vec<(i64, RollupPage)> {
    vec![
        (HOUR, RollupPage { number: 0, rev: 1, samples: samples(), sums: Some(sums()) }),
        (HOUR, RollupPage { number: 1, rev: 1, samples: samples(), sums: None }),
        (HOUR + 1, RollupPage { number: 0, rev: 1, samples: Vec::new(), sums: None }),
    ]
}

/// Of two hours.
fn recent() -> RecentSamples {
    let later = Sample { created_at: Moment((HOUR + 1) * HOUR_MS + 5), ..samples()[0] };
    let samples = samples().into_iter().chain([later]).collect();
    RecentSamples { at: Moment((HOUR + 1) * HOUR_MS + 77), id: "0123456789abcdef".into(), samples }
}

pub async fn write(table: &DynamoStore) {
    for schedule in schedules(VERSION) {
        assert_eq!(table.put_schedule(&schedule).await.expect("written"), Write::Done);
    }
    table.put_release_row(&release_row()).await.expect("written");
    table.set_release_watermark(MINUTE).await.expect("written");
    for import in imports() {
        let bare = Import { stopped: None, finished: None, ..import.clone() };
        assert_eq!(table.put_import(&bare).await.expect("written"), Write::Done);
        if import.stopped.is_some() {
            table.stop_import(import.key, import.stopped.as_ref()).await.expect("written");
        }
        if let Some(totals) = &import.finished {
            table.finish_import(import.key, totals).await.expect("written");
        }
    }
    table.put_import_chunks(&import(0), &chunks()).await.expect("written");
    for result in results() {
        table.put_import_result(&import(0), &result).await.expect("written");
    }
    for (hour, rollup_page) in counts() {
        assert!(table.save_rollup_page(workspace(), hour, &rollup_page).await.expect("written").is_done());
    }
    table.put_recent(workspace(), &recent()).await.expect("written");
    table.set_rolled_up(MINUTE).await.expect("written");
}

pub async fn read(table: &DynamoStore, version: &str) {
    let all = schedules(version);
    let keys: Vec<ScheduleKey> = all.iter().map(|schedule| schedule.key).collect();
    assert_eq!(table.schedules(&keys).await.expect("read"), all.iter().cloned().map(Some).collect::<Vec<_>>());
    let shown = all.iter().filter(|schedule| schedule.removed_at.is_none());
    let listed: Vec<_> = shown.map(|schedule| (schedule.run_at, schedule.key.schedule)).collect();
    assert_eq!(table.schedules_by_time(workspace(), &ByTime::default(), 9).await.expect("read"), listed);
    let row = release_row();
    assert_eq!(table.release_rows(row.minute(), row.shard()).await.expect("read"), [row]);
    assert_eq!(table.release_watermark().await.expect("read"), Some(MINUTE));

    // 0.2.0 counted no accounts of refused rows, and kept no options.
    let known = |import: Import| match version {
        "0.2.0" => Import { has_unknown_accounts: false, options: None, ..import },
        _ => import,
    };
    let imports: Vec<Import> = imports().into_iter().map(known).collect();
    assert_eq!(Imports::imports(table, workspace(), 9).await.expect("read"), imports);
    for import in imports {
        assert_eq!(table.import(import.key).await.expect("read"), Some(import));
    }
    for (number, rows) in (0..).zip(chunks()) {
        assert_eq!(table.import_chunk(&import(0), number).await.expect("read"), Some(rows));
    }
    assert_eq!(table.import_results(import(0).key).await.expect("read"), results());

    let [(hour, first), (_, second), (next, empty)] = &counts()[..] else { panic!("three sheets") };
    assert_eq!(table.first_rollup_page(workspace(), *hour).await.expect("read").as_ref(), Some(first));
    assert_eq!(table.other_rollup_pages(workspace(), *hour).await.expect("read"), std::slice::from_ref(second));
    assert_eq!(table.first_rollup_page(workspace(), *next).await.expect("read").as_ref(), Some(empty));
    assert_eq!(table.sums(workspace(), *hour, *next).await.expect("read"), [(*hour, sums())]);
    // 0.2.0 had no such rows.
    let read = table.recent(workspace(), recent().at, 9).await.expect("read");
    assert!(read.is_empty() || read == recent().samples, "{read:?}");
    assert_eq!(table.rolled_up().await.expect("read"), Some(MINUTE));
}
