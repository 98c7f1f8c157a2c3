//! Accounts and what is kept beside them.

use std::collections::BTreeSet;

use pinbridge_shared::adapters::dynamodb::{DynamoStore, SealedRow, SealedTokens};
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::board::Board;
use pinbridge_shared::domain::account::board_check::{BoardCheck, BoardVerdict};
use pinbridge_shared::domain::account::board_list::{BoardList, KnownBoard};
use pinbridge_shared::domain::account::credentials::{Announced, Death, Lease, RefusedGrant, TokenLife};
use pinbridge_shared::domain::account::oauth::{PendingAuthorization, PresentedState};
use pinbridge_shared::domain::ids::{AccountKey, PinId};
use pinbridge_shared::domain::pacing::bucket::{Bucket, Hold, Link, Pause, Paused, Take, TakeFrom};
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::pacing::pacer::Pacer;
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::repeated_write::Trail;
use pinbridge_shared::domain::sandbox::{OwnBoard, SimulatedAccount};
use pinbridge_shared::ports::{
    Accounts, BoardChecks, ListingClaim, OAuthStates, Pacing, Purge, SimulatedAccounts, Taken,
};
use uuid::Uuid;

use super::fixed::{T0, account, at, board, workspace};

fn minimal(number: u128) -> Account {
    Account {
        key: account(number),
        pinterest_user_id: format!("54975588517{number}"),
        username: None,
        display_name: None,
        scopes: "pins:read,pins:write".into(),
        created_at: at(0),
        updated_at: at(1),
        revoked_at: None,
        life: TokenLife::default(),
        rev: 1,
        nonce: "account".into(),
        trail: Trail::default(),
    }
}

fn full() -> Account {
    let life = TokenLife {
        refresh_at: Some(at(5_000)),
        access_expires_at: Some(at(6_000)),
        refresh_expires_at: Some(at(7_000)),
        lease: Some(Lease { holder: "refresher".into(), until: at(8_000) }),
        announced: Some(Announced { version: "version-1".into(), calls: 2 }),
        failures: 3,
        refused: Some(RefusedGrant { version: "version-0".into(), since: at(9_000) }),
        forced: None,
        checked_at: Some(at(10_000)),
        dead: None,
    };
    let (username, display_name) = (Some("paperfolder".into()), Some("Ada 折り鶴".into()));
    Account { username, display_name, life, ..minimal(0) }
}

fn accounts() -> Vec<Account> {
    let ended = |number, answer_lost| Account {
        life: TokenLife { dead: Some(Death { at: at(11_000), answer_lost }), ..TokenLife::default() },
        ..minimal(number)
    };
    let disconnected = Account { revoked_at: Some(at(12_000)), ..minimal(4) };
    let forgotten = Account { revoked_at: Some(at(12_000)), pinterest_user_id: String::new(), ..minimal(5) };
    vec![full(), minimal(1), ended(2, false), ended(3, true), disconnected, forgotten]
}

/// The buckets of three accounts: every field, one take, pins waiting.
fn buckets() -> [Bucket; 3] {
    [
        Bucket {
            tat: at(650_000),
            burst_from: Some(T0),
            rel: 1,
            waiting_at: Some(at(1_000)),
            pause: Some(Paused { until: at(600_000), failure: None }),
            slow_until: Some(at(1_200_000)),
            nonce: Some("take".into()),
            ..Bucket::default()
        },
        Bucket { tat: at(2_500), burst_from: Some(T0), nonce: Some("take".into()), ..Bucket::default() },
        Bucket { waiting_at: Some(at(1_000)), ..Bucket::default() },
    ]
}

/// What 0.2.0 wrote otherwise or not at all: a hold, and an account that shares its user's bucket.
fn newer_buckets() -> [(AccountKey, Bucket); 2] {
    let hold = Hold {
        until: at(900_000),
        failure: Some(Failure::TokenRevoked),
        awaits_refresh: true,
        by: Some(PinId(Uuid::from_u128(7))),
    };
    let shared = Bucket {
        tat: at(51_000),
        crowded_until: Some(at(100_000)),
        nonce: Some("shared".into()),
        pacer: Some(pacer()),
        ..Bucket::default()
    };
    [(account(3), Bucket { hold: Some(hold), ..Bucket::default() }), (account(4), shared)]
}

fn pacer() -> Pacer {
    Pacer::stored("00112233445566778899aabbccddeeff".into())
}

async fn write_newer_buckets(table: &DynamoStore) {
    let [(held, _), (sharing, bucket)] = newer_buckets();
    let pace = Pace { interval_ms: 1_000, lead_ms: 49_000 };
    let hold = Pause::new(&pace, at(900_000), WaitReason::TokenRefresh).because(Failure::TokenRevoked);
    let hold = hold.by(PinId(Uuid::from_u128(7)));
    table.pause(held, &hold).await.expect("written");
    table.link(sharing, &Link { pacer: pacer(), now: T0, configured: pace }).await.expect("written");
    let seen = table.bucket(sharing).await.expect("read");
    let take = Take::plan(&seen, &pace, at(1_500), 1, 90_000, "shared".into());
    let take = Take { crowds_until: bucket.crowded_until, ..take };
    assert!(matches!(table.take(sharing, &take).await.expect("written"), Taken::Tokens(_)));
}

async fn write_buckets(table: &DynamoStore) {
    let take = |from| Take {
        count: 1,
        now: T0,
        from,
        pace: Pace { interval_ms: 1_000, lead_ms: 49_000 },
        latest_slot: at(60_000),
        pacer: None,
        crowds_until: None,
        nonce: "take".into(),
    };
    for account in [account(0), account(1)] {
        assert!(matches!(table.take(account, &take(TakeFrom::Settled)).await.expect("written"), Taken::Tokens(_)));
    }
    assert!(table.claim_release(account(0), 0).await.expect("written").is_done());
    let [full, ..] = buckets();
    let pause = Pause {
        until: full.pause.expect("paused").until,
        tat: full.tat,
        reason: WaitReason::AccountPaused,
        failure: None,
        slow_until: full.slow_until,
        by: None,
    };
    table.pause(account(0), &pause).await.expect("written");
    for account in [account(0), account(2)] {
        table.mark_waiting(account, at(1_000)).await.expect("written");
    }
}

fn checks() -> Vec<BoardCheck> {
    let described = Board {
        id: board(0).board_id,
        name: "Paper".into(),
        description: Some("Folded".into()),
        privacy: Some("SECRET".into()),
    };
    let bare = Board { id: board(1).board_id, name: "Paper".into(), description: None, privacy: None };
    let verdicts = [
        BoardVerdict::Reachable(described),
        BoardVerdict::Reachable(bare),
        BoardVerdict::NotFound,
        BoardVerdict::Deleted,
        BoardVerdict::Denied,
    ];
    verdicts.into_iter().map(|verdict| BoardCheck { verdict, checked_at: at(2_000) }).collect()
}

fn simulated() -> [SimulatedAccount; 2] {
    let own = |id: &str, description, privacy| OwnBoard { id: id.into(), name: "Own".into(), description, privacy };
    let bare = SimulatedAccount {
        key: AccountKey::simulated(workspace(), 2),
        grant: 1,
        serial: 0,
        is_disconnected: true,
        refuses: None,
        boards: Vec::new(),
        sections: Vec::new(),
        ids: 0,
        rev: 1,
        nonce: "simulated".into(),
    };
    let full = SimulatedAccount {
        key: AccountKey::simulated(workspace(), 1),
        grant: 3,
        serial: 2,
        is_disconnected: false,
        refuses: Some(Failure::TokenRevoked),
        boards: vec![own("800000000000001001", Some("Mine".into()), Some("PUBLIC".into())), own("2", None, None)],
        sections: vec![("800000000000001001".into(), "3".into(), "Section".into())],
        ids: 3,
        ..bare.clone()
    };
    [full, bare]
}

fn sealed() -> [SealedRow; 2] {
    let tokens = |version: &str, sealed| SealedTokens { version: version.into(), key_id: "key".into(), sealed };
    let row = |pending| SealedRow { current: tokens("v1", vec![0, 128, 255]), pending, nonce: "sealed".into() };
    [row(Some(tokens("v2", vec![1, 2, 3]))), row(None)]
}

fn state() -> (PresentedState, PendingAuthorization) {
    let (state, _) = PresentedState::compose(workspace(), [7; 32]);
    (state, PendingAuthorization::new("key 42", at(600_000)))
}

/// Lists of boards; 0.2.0 had none.
fn lists() -> [BoardList; 2] {
    let board = |id: &str, name: Option<&str>, is_secret| KnownBoard {
        id: id.into(),
        name: name.map(str::to_owned),
        is_secret,
    };
    let boards =
        vec![board("700", Some("Paper & Co."), false), board("701", Some("Mine"), true), board("702", None, false)];
    let list = |boards, is_whole| BoardList { boards, listed_at: at(9_000), is_whole, rev: 1, nonce: "list".into() };
    [list(boards, true), list(Vec::new(), false)]
}

fn claim() -> ListingClaim {
    ListingClaim { at: at(9_000), unless_after: at(0), nonce: "claim".into() }
}

pub async fn write(table: &DynamoStore) {
    for account in accounts() {
        assert!(table.save_account(&account).await.expect("written").is_done());
    }
    write_buckets(table).await;
    write_newer_buckets(table).await;
    for (number, check) in (0..).zip(checks()) {
        table.save_board_check(&board(number), &check).await.expect("written");
    }
    for (number, list) in (0..).zip(lists()) {
        assert!(table.save_board_list(account(number), &list).await.expect("written").is_done());
    }
    assert!(table.claim_board_listing(account(0), &claim()).await.expect("written").is_done());
    for account in simulated() {
        assert!(table.save_simulated_account(&account).await.expect("written").is_done());
    }
    for (number, row) in (0..).zip(sealed()) {
        assert!(table.write_sealed_row(account(number), &row, None).await.expect("written"));
    }
    let (state, pending) = state();
    table.put_state(&state, &pending).await.expect("written");
}

pub async fn read(table: &DynamoStore) {
    for account in accounts() {
        assert_eq!(table.account(account.key).await.expect("read"), Some(account));
    }
    assert_eq!(table.accounts(workspace()).await.expect("read"), accounts());
    assert_eq!(table.accounts_due(at(5_000), 9).await.expect("read"), [account(0)]);
    assert_eq!(table.disconnected(at(12_000), 9).await.expect("read"), [account(4)]);
    for (number, bucket) in (0..).zip(buckets()) {
        assert_eq!(table.bucket(account(number)).await.expect("read"), bucket);
    }
    for (account, bucket) in newer_buckets() {
        let read = table.bucket(account).await.expect("read");
        assert!(read == bucket || read == Bucket::default(), "{read:?}");
    }
    let waiting: BTreeSet<AccountKey> = table.waiting_accounts().await.expect("read").into_iter().collect();
    assert_eq!(waiting, BTreeSet::from([account(0), account(2)]));
    for (number, check) in (0..).zip(checks()) {
        assert_eq!(table.board_check(&board(number)).await.expect("read"), Some(check));
    }
    for (number, list) in (0..).zip(lists()) {
        let read = table.board_list(account(number), true).await.expect("read");
        assert!(read.is_none() || read == Some(list), "{read:?}");
    }
    for account in simulated() {
        assert_eq!(table.simulated_account(account.key).await.expect("read"), account);
    }
    for (number, row) in (0..).zip(sealed()) {
        assert_eq!(table.sealed_row(account(number)).await.expect("read"), Some(row));
    }
    let (state, pending) = state();
    assert_eq!(table.take_state(&state).await.expect("read"), Some(pending));
}
