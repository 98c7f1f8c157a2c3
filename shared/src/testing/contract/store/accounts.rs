//! The rules of account rows.

use crate::domain::account::Account;
use crate::domain::account::credentials::{Announced, Death, Forced, Lease, RefusedGrant, TokenLife};
use crate::domain::ids::{AccountId, AccountKey, WorkspaceId};
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::Store;
use uuid::Uuid;

pub async fn the_table_answers(store: &dyn Store) {
    store.ping().await.expect("the table answers");
}

pub async fn an_account_round_trips_with_every_field(store: &dyn Store) {
    let bare = testdata::connected_account();
    assert!(store.save_account(&bare).await.expect("written").is_done());
    assert_eq!(store.account(bare.key).await.expect("read"), Some(bare.clone()), "without its optional fields");
    let full = Account {
        display_name: Some("Paper Folder".into()),
        updated_at: Moment(1_767_225_600_123),
        revoked_at: Some(Moment(1_769_817_600_789)),
        life: TokenLife {
            refresh_at: Some(Moment(1)),
            access_expires_at: Some(Moment(1_769_817_600_456)),
            refresh_expires_at: Some(Moment(3)),
            lease: Some(Lease { holder: "a".into(), until: Moment(4) }),
            announced: Some(Announced { version: "v".into(), calls: 5 }),
            failures: 6,
            refused: Some(RefusedGrant { version: "w".into(), since: Moment(7) }),
            forced: Some(Forced { version: "x".into(), at: Moment(10), is_held: true }),
            checked_at: Some(Moment(8)),
            dead: Some(Death { at: Moment(9), answer_lost: true }),
        },
        rev: 2,
        nonce: "second".into(),
        trail: bare.trail.behind(&bare.nonce),
        ..bare
    };
    assert!(store.save_account(&full).await.expect("written").is_done());
    assert_eq!(store.account(full.key).await.expect("read"), Some(full), "with all of them");
}

pub async fn an_account_is_written_on_the_revision_it_follows(store: &dyn Store) {
    let first = testdata::connected_account();
    let named = |rev: u64, nonce: &str, scopes: &str| Account {
        rev,
        nonce: nonce.into(),
        scopes: scopes.into(),
        ..testdata::connected_account()
    };
    assert!(
        !store.save_account(&named(2, "early", "x")).await.expect("answered").is_done(),
        "there is nothing to follow"
    );
    assert!(store.save_account(&first).await.expect("answered").is_done());
    assert!(store.save_account(&first).await.expect("answered").is_done(), "a repetition is recognised");
    assert!(!store.save_account(&named(1, "other", "x")).await.expect("answered").is_done(), "another first write");
    assert!(store.save_account(&named(2, "b", "second")).await.expect("answered").is_done());
    assert!(!store.save_account(&named(2, "c", "late")).await.expect("answered").is_done(), "the revision is taken");
    assert!(
        !store.save_account(&named(2, "", "late")).await.expect("answered").is_done(),
        "a write without a nonce is never recognised as a repetition"
    );
    let stored = store.account(first.key).await.expect("read").expect("there");
    assert_eq!((stored.rev, stored.scopes.as_str()), (2, "second"));
}

pub async fn due_accounts_are_the_most_overdue_that_are_not_given_up(store: &dyn Store) {
    let account = |id: u128, refresh_at: Option<i64>| {
        let life = TokenLife { refresh_at: refresh_at.map(Moment), ..TokenLife::default() };
        let key = AccountKey { account: AccountId(Uuid::from_u128(id)), ..testdata::connected_account().key };
        Account { key, life, ..testdata::connected_account() }
    };
    let dead = TokenLife {
        refresh_at: Some(Moment(1)),
        dead: Some(Death { at: Moment(1), answer_lost: false }),
        ..TokenLife::default()
    };
    let all = [
        account(1, Some(30_000)),
        account(2, Some(10_000)),
        account(3, Some(10_001)),
        account(4, None),
        // Its tokens are still to be removed.
        Account { revoked_at: Some(Moment(1)), ..account(5, Some(40_000)) },
        Account { revoked_at: Some(Moment(1)), ..account(8, None) },
        Account { life: dead, ..account(6, None) },
        account(7, Some(20_000)),
    ];
    for account in &all {
        assert!(store.save_account(account).await.expect("written").is_done());
    }
    let due = async |by: i64, limit: usize| {
        let keys = store.accounts_due(Moment(by), limit).await.expect("read");
        keys.iter().map(|key| key.account.0.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(due(9_999, 10).await, [0; 0]);
    assert_eq!(due(10_000, 10).await, [2]);
    assert_eq!(due(30_000, 10).await, [2, 3, 7, 1]);
    assert_eq!(due(30_000, 2).await, [2, 3]);
    assert_eq!(due(40_000, 10).await, [2, 3, 7, 1, 5]);
    let later = Account {
        life: TokenLife { refresh_at: Some(Moment(99_000)), ..TokenLife::default() },
        ..all[1].next(Moment(5), "later".into())
    };
    assert!(store.save_account(&later).await.expect("written").is_done());
    assert_eq!(due(30_000, 10).await, [3, 7, 1]);
}

pub async fn a_workspace_lists_its_own_accounts(store: &dyn Store) {
    let account = |workspace: u128, account: u128| Account {
        key: AccountKey {
            workspace: WorkspaceId(Uuid::from_u128(workspace)),
            account: AccountId(Uuid::from_u128(account)),
        },
        ..testdata::connected_account()
    };
    for mine in [account(1, 3), account(1, 4), account(2, 3)] {
        assert!(store.save_account(&mine).await.expect("written").is_done());
    }
    let mut mine = store.accounts(WorkspaceId(Uuid::from_u128(1))).await.expect("read");
    mine.sort_by_key(|account| account.key);
    assert_eq!(mine, [account(1, 3), account(1, 4)]);
    assert_eq!(store.account(account(2, 4).key).await.expect("read"), None, "the other workspace has no such account");
}
