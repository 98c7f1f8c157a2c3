//! The rules of imports.

use uuid::Uuid;

use crate::domain::ids::{AccountId, ImportId, KeyId, PinId, ScheduleId, UserId, WorkspaceId};
use crate::domain::import::{
    Ask, ChunkResult, Import, ImportKey, Made, Outcome, Row, RowError, RowOptions, RowResult, Source, Stop, StopReason,
    Totals,
};
use crate::domain::pin::image_url::ImageProblem;
use crate::domain::pin::origin::Actor;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::{Imports, Write};

/// Runs every rule; the async function returns `(Arc<dyn Imports>, guard)`.
#[macro_export]
macro_rules! imports_contract {
    ($fresh:path) => {
        use $crate::testing::contract::imports;
        $crate::contract_cases!($fresh;
            imports:
            an_import_round_trips_and_its_id_is_taken_once,
            a_repeated_write_of_an_import_is_recognised,
            each_submission_has_its_own_chunks,
            more_chunks_than_one_call_takes_are_all_written,
            the_first_results_of_a_chunk_stay,
            results_come_in_the_order_of_their_chunks,
            an_import_stops_continues_and_finishes,
            a_missing_import_is_neither_finished_nor_stopped,
            the_newest_imports_of_the_workspace_come_first,
            wiping_deletes_every_import_of_one_workspace;
        );
    };
}

const AT: Moment = Moment(1_767_225_600_123);

fn import(workspace: u128, id: u128, created_at: Moment) -> Import {
    let key = ImportKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), import: ImportId(Uuid::from_u128(id)) };
    Import {
        key,
        source: Source::Csv,
        filename: Some("pins ✂.csv".into()),
        rows: 3,
        chunks: 2,
        content_hash: vec![0, 1, 255],
        unknown_columns: vec!["colour".into(), "größe".into()],
        options: Some(RowOptions::from([("priority".into(), "urgent".into())])),
        accounts: vec![testdata::account(), AccountId(Uuid::from_u128(9))],
        has_unknown_accounts: true,
        by: Some(Actor::Key(KeyId(Uuid::from_u128(4)))),
        created_at,
        expires_at: Moment(1_775_001_600_000),
        nonce: format!("submission-{id}"),
        stopped: None,
        finished: None,
    }
}

fn rows() -> Vec<Vec<Row>> {
    let request = Box::new(testdata::request("key-1"));
    let refused = RowError::new("validation_error", "board_id: Field required", &["board_id"]);
    vec![
        vec![
            Row { refuses_duplicates: true, ..Row::new(1, Some("key-1".into()), Ask::Pin(request.clone())) },
            Row::new(2, Some("key-1".into()), Ask::Schedule(request, AT)),
        ],
        vec![Row::new(3, None, Ask::Refused(refused))],
    ]
}

fn result(chunk: u32, pin: u128) -> ChunkResult {
    let made = |number, outcome| RowResult {
        number,
        key: Some(format!("key-{number}")),
        outcome,
        same_content_as_pin: (number == 1).then_some(PinId(Uuid::from_u128(9))),
        board: None,
        image: (number == 1).then_some(ImageProblem::PrivateHost),
    };
    ChunkResult {
        chunk,
        began_at: AT,
        done_at: AT.plus_ms(i64::from(chunk) + 1),
        rows: vec![
            made(1, Outcome::Created(Made::Pin(PinId(Uuid::from_u128(pin))))),
            made(2, Outcome::Existing(Made::Schedule(ScheduleId(Uuid::from_u128(pin))))),
            made(3, Outcome::Failed(RowError::new("c", "m", &["f"]))),
        ],
    }
}

async fn put(imports: &dyn Imports, import: &Import) {
    imports.put_import_chunks(import, &rows()).await.expect("written");
    assert_eq!(imports.put_import(import).await.expect("written"), Write::Done, "new");
}

pub async fn an_import_round_trips_and_its_id_is_taken_once(imports: &dyn Imports) {
    let full = import(1, 1, AT);
    assert_eq!(imports.import(full.key).await.expect("read"), None);
    put(imports, &full).await;
    assert_eq!(imports.import(full.key).await.expect("read"), Some(full.clone()));
    let other = Import { nonce: "another".into(), rows: 1, ..full.clone() };
    assert_eq!(
        imports.put_import(&other).await.expect("answered"),
        Write::Conflict(Box::new(full.clone())),
        "the first import stays"
    );
    let bare = Import {
        filename: None,
        unknown_columns: Vec::new(),
        options: None,
        accounts: Vec::new(),
        has_unknown_accounts: false,
        by: None,
        source: Source::Json,
        ..import(1, 2, AT)
    };
    put(imports, &bare).await;
    assert_eq!(imports.import(bare.key).await.expect("read"), Some(bare));
    let by_person = Some(Actor::User(UserId(Uuid::from_u128(5))));
    let persons = Import { by: by_person, options: Some(RowOptions::new()), ..import(1, 3, AT) };
    put(imports, &persons).await;
    assert_eq!(imports.import(persons.key).await.expect("read"), Some(persons));
}

pub async fn a_repeated_write_of_an_import_is_recognised(imports: &dyn Imports) {
    let import = import(1, 1, AT);
    put(imports, &import).await;
    assert_eq!(imports.put_import(&import).await.expect("written"), Write::Done, "the SDK repeated it");
}

pub async fn each_submission_has_its_own_chunks(imports: &dyn Imports) {
    let (first, second) = (import(1, 1, AT), Import { nonce: "second".into(), ..import(1, 1, AT) });
    imports.put_import_chunks(&first, &rows()).await.expect("written");
    imports.put_import_chunks(&second, &rows()[1..]).await.expect("written");
    for (chunk, wanted) in (0..).zip(rows()) {
        assert_eq!(imports.import_chunk(&first, chunk).await.expect("read"), Some(wanted));
    }
    assert_eq!(imports.import_chunk(&first, 2).await.expect("read"), None);
    imports.drop_import_chunks(first.key, &first.nonce).await.expect("dropped");
    assert_eq!(imports.import_chunk(&first, 0).await.expect("read"), None);
    assert_eq!(
        imports.import_chunk(&second, 0).await.expect("read"),
        Some(rows().remove(1)),
        "the other submission's chunks stay"
    );
    imports.drop_import_chunks(first.key, &first.nonce).await.expect("again is harmless");
}

pub async fn more_chunks_than_one_call_takes_are_all_written(imports: &dyn Imports) {
    let import = import(1, 1, AT);
    let chunks: Vec<Vec<Row>> = (1..=60).map(|number| vec![Row::new(number, None, rows()[0][0].ask.clone())]).collect();
    imports.put_import_chunks(&import, &chunks).await.expect("written");
    for (chunk, wanted) in (0..).zip(chunks) {
        assert_eq!(imports.import_chunk(&import, chunk).await.expect("read"), Some(wanted));
    }
}

pub async fn the_first_results_of_a_chunk_stay(imports: &dyn Imports) {
    let import = import(1, 1, AT);
    put(imports, &import).await;
    imports.put_import_result(&import, &result(0, 1)).await.expect("written");
    imports.put_import_result(&import, &result(0, 2)).await.expect("no error");
    assert_eq!(imports.import_results(import.key).await.expect("read"), [result(0, 1)]);
}

pub async fn results_come_in_the_order_of_their_chunks(imports: &dyn Imports) {
    let import = import(1, 1, AT);
    put(imports, &import).await;
    let mut wanted = Vec::new();
    for chunk in [11, 2, 0, 10, 1] {
        imports.put_import_result(&import, &result(chunk, 1)).await.expect("written");
        wanted.push(result(chunk, 1));
    }
    wanted.sort_by_key(|result| result.chunk);
    assert_eq!(imports.import_results(import.key).await.expect("read"), wanted);
}

pub async fn an_import_stops_continues_and_finishes(imports: &dyn Imports) {
    let import = import(1, 1, AT);
    put(imports, &import).await;
    let read = async || imports.import(import.key).await.expect("read").expect("there");
    for reason in StopReason::ALL {
        let stop = Stop { reason, at: AT };
        imports.stop_import(import.key, Some(&stop)).await.expect("written");
        assert_eq!(read().await.stopped, Some(stop));
    }
    imports.stop_import(import.key, None).await.expect("written");
    assert_eq!(read().await, import, "nothing of the stop is left");
    let totals = Totals { created: 1, existing: 2, failed: 3, began_at: Some(AT), done_at: Some(AT.plus_ms(7)) };
    imports.finish_import(import.key, &totals).await.expect("written");
    imports.stop_import(import.key, Some(&Stop { reason: StopReason::DeadLettered, at: AT })).await.expect("no error");
    let finished = Import { finished: Some(totals), ..import.clone() };
    assert_eq!(read().await, finished, "a finished import doesn't stop");
}

pub async fn a_missing_import_is_neither_finished_nor_stopped(imports: &dyn Imports) {
    let key = import(1, 1, AT).key;
    imports.finish_import(key, &Totals::default()).await.expect("no error");
    imports.stop_import(key, Some(&Stop { reason: StopReason::DeadLettered, at: AT })).await.expect("no error");
    assert_eq!(imports.import(key).await.expect("read"), None);
}

async fn listed(imports: &dyn Imports, workspace: u128, limit: usize) -> Vec<u128> {
    let workspace = WorkspaceId(Uuid::from_u128(workspace));
    let list = imports.imports(workspace, limit).await.expect("read");
    list.into_iter().map(|import| import.key.import.0.as_u128()).collect()
}

pub async fn the_newest_imports_of_the_workspace_come_first(imports: &dyn Imports) {
    for (workspace, id, at) in [(1, 1, 3), (1, 2, 1), (2, 3, 5), (1, 4, 2)] {
        put(imports, &import(workspace, id, AT.plus_ms(at))).await;
    }
    assert_eq!(listed(imports, 1, 10).await, [1, 4, 2]);
    assert_eq!(listed(imports, 1, 2).await, [1, 4]);
    assert_eq!(listed(imports, 2, 10).await, [3]);
    assert_eq!(listed(imports, 3, 10).await, [0_u128; 0]);
}

pub async fn wiping_deletes_every_import_of_one_workspace(imports: &dyn Imports) {
    for id in 1..=12 {
        put(imports, &import(1, id, AT)).await;
    }
    let (mine, theirs) = (import(1, 1, AT), import(2, 1, AT));
    put(imports, &theirs).await;
    for import in [&mine, &theirs] {
        imports.put_import_result(import, &result(0, 1)).await.expect("written");
    }
    let mut rounds = 0;
    while !imports.wipe_imports(mine.key.workspace).await.expect("wiped") {
        rounds += 1;
        assert!(rounds < 10, "it ends");
    }
    assert_eq!(listed(imports, 1, 10).await, [0_u128; 0]);
    assert_eq!(imports.import_chunk(&mine, 0).await.expect("read"), None);
    assert_eq!(imports.import_results(mine.key).await.expect("read"), []);
    assert_eq!(imports.import(theirs.key).await.expect("read"), Some(theirs.clone()));
    assert_eq!(imports.import_results(theirs.key).await.expect("read"), [result(0, 1)]);
}
