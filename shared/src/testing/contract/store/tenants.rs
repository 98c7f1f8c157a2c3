//! Workspaces, keys and accounts.

use crate::domain::account::Account;
use crate::domain::api_key::{PresentedKey, Workspace, compose};
use crate::domain::ids::{AccountId, AccountKey, WorkspaceId};
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::Store;
use uuid::Uuid;

pub async fn the_table_answers(store: &dyn Store) {
    store.ping().await.expect("the table answers");
}

pub async fn a_workspace_is_read_back(store: &dyn Store) {
    let workspace = Workspace { id: testdata::workspace(), name: "Paper & Co.".into() };
    assert_eq!(store.workspace(workspace.id).await.expect("read"), None, "an empty table knows no workspace");
    store.put_workspace(&workspace).await.expect("written");
    store.put_workspace(&workspace).await.expect("writing it again is harmless");
    assert_eq!(store.workspace(workspace.id).await.expect("read"), Some(workspace));
}

pub async fn an_api_key_is_known_by_its_whole_text_only(store: &dyn Store) {
    let key = |workspace: u128, secret: u8| {
        PresentedKey::parse(&compose(WorkspaceId(Uuid::from_u128(workspace)), [secret; 32])).expect("a key")
    };
    store.put_api_key(&key(1, 7), "first key", Moment(1)).await.expect("written");
    assert!(store.api_key_exists(&key(1, 7)).await.expect("read"), "the stored key is known");
    assert!(!store.api_key_exists(&key(1, 8)).await.expect("read"), "another secret is unknown");
    assert!(!store.api_key_exists(&key(2, 7)).await.expect("read"), "another workspace's is unknown");
}

pub async fn an_account_round_trips_with_every_field(store: &dyn Store) {
    let bare = testdata::connected_account();
    store.put_account(&bare).await.expect("written");
    assert_eq!(store.account(bare.key).await.expect("read"), Some(bare.clone()), "without its optional fields");
    let full = Account {
        display_name: Some("Paper Folder".into()),
        updated_at: Moment(1_767_225_600_123),
        token_expires_at: Some(Moment(1_769_817_600_456)),
        revoked_at: Some(Moment(1_769_817_600_789)),
        ..bare
    };
    store.put_account(&full).await.expect("overwritten");
    assert_eq!(store.account(full.key).await.expect("read"), Some(full), "with all of them");
}

pub async fn accounts_are_those_of_the_workspace(store: &dyn Store) {
    let account = |workspace: u128, account: u128| Account {
        key: AccountKey {
            workspace: WorkspaceId(Uuid::from_u128(workspace)),
            account: AccountId(Uuid::from_u128(account)),
        },
        ..testdata::connected_account()
    };
    for mine in [account(1, 3), account(1, 4), account(2, 3)] {
        store.put_account(&mine).await.expect("written");
    }
    let mut mine = store.accounts(WorkspaceId(Uuid::from_u128(1))).await.expect("read");
    mine.sort_by_key(|account| account.key);
    assert_eq!(mine, [account(1, 3), account(1, 4)]);
    assert_eq!(store.account(account(2, 4).key).await.expect("read"), None, "the other workspace has no such account");
}
