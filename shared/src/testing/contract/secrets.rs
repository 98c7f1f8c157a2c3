//! The rules of token storage.

use uuid::Uuid;

use crate::domain::ids::{AccountId, AccountKey, WorkspaceId};
use crate::domain::time::Moment;
use crate::ports::{Custody, Removal, Secrets, Stored, Tokens};

/// Runs every rule; the async function returns `(Arc<dyn Secrets>, guard)`.
#[macro_export]
macro_rules! secrets_contract {
    ($fresh:path) => {
        use $crate::testing::contract::secrets;
        $crate::contract_cases!($fresh;
            secrets:
            an_unknown_account_has_no_tokens,
            stored_tokens_are_read_back,
            a_later_pair_replaces_the_first,
            an_empty_token_is_refused_and_overwrites_nothing,
            staged_tokens_are_stored_beside_the_current_ones,
            staged_tokens_become_current_once,
            a_reconnected_account_is_not_overwritten_by_an_older_grants_refresh,
            removed_tokens_are_gone_at_once_and_can_be_replaced,
            each_account_has_its_own_tokens;
        );
    };
}

fn account(workspace: u128, account: u128) -> AccountKey {
    AccountKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), account: AccountId(Uuid::from_u128(account)) }
}

fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens::bare(access, refresh.map(str::to_owned))
}

/// The ids of versions have 32 to 64 characters.
fn version(number: u32) -> String {
    format!("{number:032}")
}

async fn store(secrets: &dyn Secrets, account: AccountKey, number: u32, tokens: &Tokens) {
    secrets.store_tokens(account, &version(number), tokens).await.expect("stored");
}

fn staged(number: u32, follows: u32, tokens: Tokens) -> Stored {
    Stored { version: version(number), follows: Some(version(follows)), tokens }
}

/// The tokens as read from memory and from storage; both must agree.
async fn read(secrets: &dyn Secrets, account: AccountKey) -> Option<Tokens> {
    let cached = secrets.tokens(account, false).await.expect("read");
    let fresh = secrets.tokens(account, true).await.expect("read afresh");
    assert!(cached == fresh, "memory and storage agree");
    let custody = secrets.custody(account).await.expect("read whole");
    assert!(custody.current.map(|stored| stored.tokens) == fresh, "the whole custody agrees");
    fresh
}

pub async fn an_unknown_account_has_no_tokens(secrets: &dyn Secrets) {
    assert_eq!(read(secrets, account(1, 1)).await, None);
    assert_eq!(secrets.custody(account(1, 1)).await.expect("read"), Custody::default());
}

pub async fn stored_tokens_are_read_back(secrets: &dyn Secrets) {
    let whole = Tokens {
        access_expires_at: Some(Moment(1_769_817_600_123)),
        refresh_expires_at: Some(Moment(1_772_409_600_456)),
        scopes: Some("boards:read,pins:read".into()),
        ..tokens("pina_1\"✂", Some("pinr_1"))
    };
    for (id, pair) in [(1, whole), (2, tokens("pina_2", None))] {
        store(secrets, account(1, id), 1, &pair).await;
        assert_eq!(read(secrets, account(1, id)).await, Some(pair));
        let current = secrets.custody(account(1, id)).await.expect("read").current.expect("there");
        assert_eq!((current.version, current.follows), (version(1), None));
    }
}

pub async fn a_later_pair_replaces_the_first(secrets: &dyn Secrets) {
    store(secrets, account(1, 1), 1, &tokens("old", Some("old-refresh"))).await;
    assert_eq!(read(secrets, account(1, 1)).await, Some(tokens("old", Some("old-refresh"))));
    store(secrets, account(1, 1), 2, &tokens("new", None)).await;
    assert_eq!(read(secrets, account(1, 1)).await, Some(tokens("new", None)), "nothing of the old pair stays");
}

pub async fn an_empty_token_is_refused_and_overwrites_nothing(secrets: &dyn Secrets) {
    let empty = [tokens("", None), tokens("", Some("refresh")), tokens("access", Some(""))];
    for pair in &empty {
        secrets.store_tokens(account(1, 1), &version(9), pair).await.expect_err("refused for a new account");
        assert_eq!(read(secrets, account(1, 1)).await, None);
    }
    store(secrets, account(1, 1), 1, &tokens("good", Some("refresh"))).await;
    for pair in empty {
        secrets.store_tokens(account(1, 1), &version(8), &pair).await.expect_err("refused for a known one");
        secrets.stage_tokens(account(1, 1), &staged(7, 1, pair)).await.expect_err("nor is it staged");
    }
    assert_eq!(read(secrets, account(1, 1)).await, Some(tokens("good", Some("refresh"))));
    assert_eq!(secrets.custody(account(1, 1)).await.expect("read").successor(), None);
}

pub async fn staged_tokens_are_stored_beside_the_current_ones(secrets: &dyn Secrets) {
    let key = account(1, 1);
    store(secrets, key, 1, &tokens("old", Some("old-refresh"))).await;
    let next = staged(2, 1, tokens("new", Some("new-refresh")));
    for _ in 0..2 {
        secrets.stage_tokens(key, &next).await.expect("staged, also again");
    }
    assert_eq!(read(secrets, key).await, Some(tokens("old", Some("old-refresh"))), "not in use yet");
    assert_eq!(secrets.custody(key).await.expect("read").successor(), Some(&next));
}

pub async fn staged_tokens_become_current_once(secrets: &dyn Secrets) {
    let key = account(1, 1);
    store(secrets, key, 1, &tokens("old", Some("old-refresh"))).await;
    secrets.stage_tokens(key, &staged(2, 1, tokens("new", Some("new-refresh")))).await.expect("staged");
    for _ in 0..2 {
        assert!(
            secrets.promote_tokens(key, &version(2), &version(1)).await.expect("answered").is_done(),
            "also when repeated"
        );
        assert_eq!(read(secrets, key).await, Some(tokens("new", Some("new-refresh"))));
    }
    assert_eq!(secrets.custody(key).await.expect("read").successor(), None, "nothing is staged any more");
    secrets.stage_tokens(key, &staged(3, 2, tokens("third", Some("third-refresh")))).await.expect("staged");
    assert!(secrets.promote_tokens(key, &version(3), &version(2)).await.expect("answered").is_done());
    assert_eq!(read(secrets, key).await, Some(tokens("third", Some("third-refresh"))));
}

pub async fn a_reconnected_account_is_not_overwritten_by_an_older_grants_refresh(secrets: &dyn Secrets) {
    let key = account(1, 1);
    store(secrets, key, 1, &tokens("old", Some("old-refresh"))).await;
    secrets.stage_tokens(key, &staged(2, 1, tokens("refreshed", Some("refreshed-refresh")))).await.expect("staged");
    store(secrets, key, 3, &tokens("reconnected", Some("reconnected-refresh"))).await;
    assert_eq!(secrets.custody(key).await.expect("read").successor(), None, "the tokens that it follows are replaced");
    assert!(!secrets.promote_tokens(key, &version(2), &version(1)).await.expect("answered").is_done());
    assert_eq!(read(secrets, key).await, Some(tokens("reconnected", Some("reconnected-refresh"))));
    secrets.stage_tokens(key, &staged(4, 1, tokens("late", Some("late-refresh")))).await.expect("staged");
    assert_eq!(secrets.custody(key).await.expect("read").successor(), None);
    assert!(!secrets.promote_tokens(key, &version(4), &version(1)).await.expect("answered").is_done());
    assert_eq!(read(secrets, key).await, Some(tokens("reconnected", Some("reconnected-refresh"))));
}

pub async fn removed_tokens_are_gone_at_once_and_can_be_replaced(secrets: &dyn Secrets) {
    let key = account(1, 1);
    for (number, removal) in [(1, Removal::Recoverable), (3, Removal::Final)] {
        store(secrets, key, number, &tokens("old", Some("old-refresh"))).await;
        for _ in 0..2 {
            secrets.remove_tokens(key, removal).await.expect("removed, also again");
            assert_eq!(read(secrets, key).await, None);
        }
        assert!(
            !secrets.promote_tokens(key, &version(number + 1), &version(number)).await.expect("answered").is_done()
        );
        store(secrets, key, number + 1, &tokens("new", Some("new-refresh"))).await;
        assert_eq!(read(secrets, key).await, Some(tokens("new", Some("new-refresh"))));
    }
    secrets.remove_tokens(account(1, 2), Removal::Recoverable).await.expect("removing nothing is harmless");
}

pub async fn each_account_has_its_own_tokens(secrets: &dyn Secrets) {
    for (workspace, id) in [(1, 1), (1, 2), (2, 1)] {
        store(secrets, account(workspace, id), 1, &tokens(&format!("token-{workspace}-{id}"), None)).await;
    }
    for (workspace, id) in [(1, 1), (1, 2), (2, 1)] {
        let wanted = Some(tokens(&format!("token-{workspace}-{id}"), None));
        assert_eq!(read(secrets, account(workspace, id)).await, wanted);
    }
    assert_eq!(read(secrets, account(2, 2)).await, None);
}
