//! The rules of custody.

use uuid::Uuid;

use crate::domain::ids::{AccountId, AccountKey, WorkspaceId};
use crate::ports::{AccessToken, Secrets, Tokens};

/// Runs every rule of custody; the async function answers `(Arc<dyn Secrets>, guard)`.
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
            tokens_are_each_accounts_own;
        );
    };
}

fn account(workspace: u128, account: u128) -> AccountKey {
    AccountKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), account: AccountId(Uuid::from_u128(account)) }
}

fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens { access: AccessToken(access.into()), refresh: refresh.map(|token| AccessToken(token.into())) }
}

/// As read from memory and afresh; both must agree once something has been stored.
async fn read(secrets: &dyn Secrets, account: AccountKey) -> Option<Tokens> {
    let cached = secrets.tokens(account, false).await.expect("read");
    let fresh = secrets.tokens(account, true).await.expect("read afresh");
    assert_eq!(cached.as_ref().map(|t| &t.access.0), fresh.as_ref().map(|t| &t.access.0), "memory and custody agree");
    fresh
}

pub async fn an_unknown_account_has_no_tokens(secrets: &dyn Secrets) {
    assert_eq!(read(secrets, account(1, 1)).await, None);
}

pub async fn stored_tokens_are_read_back(secrets: &dyn Secrets) {
    for (id, pair) in [(1, tokens("pina_1\"✂", Some("pinr_1"))), (2, tokens("pina_2", None))] {
        secrets.store_tokens(account(1, id), &pair).await.expect("stored");
        assert_eq!(read(secrets, account(1, id)).await, Some(pair));
    }
}

pub async fn a_later_pair_replaces_the_first(secrets: &dyn Secrets) {
    secrets.store_tokens(account(1, 1), &tokens("old", Some("old-refresh"))).await.expect("stored");
    assert_eq!(read(secrets, account(1, 1)).await, Some(tokens("old", Some("old-refresh"))));
    secrets.store_tokens(account(1, 1), &tokens("new", None)).await.expect("stored");
    assert_eq!(
        read(secrets, account(1, 1)).await,
        Some(tokens("new", None)),
        "as a pair, nothing of the old one stays"
    );
}

pub async fn an_empty_token_is_refused_and_overwrites_nothing(secrets: &dyn Secrets) {
    secrets.store_tokens(account(1, 1), &tokens("", None)).await.expect_err("refused for a new account");
    assert_eq!(read(secrets, account(1, 1)).await, None);
    secrets.store_tokens(account(1, 1), &tokens("good", Some("refresh"))).await.expect("stored");
    secrets.store_tokens(account(1, 1), &tokens("", Some("refresh"))).await.expect_err("refused for a known one");
    assert_eq!(read(secrets, account(1, 1)).await, Some(tokens("good", Some("refresh"))));
}

pub async fn tokens_are_each_accounts_own(secrets: &dyn Secrets) {
    for (workspace, id) in [(1, 1), (1, 2), (2, 1)] {
        let pair = tokens(&format!("token-{workspace}-{id}"), None);
        secrets.store_tokens(account(workspace, id), &pair).await.expect("stored");
    }
    for (workspace, id) in [(1, 1), (1, 2), (2, 1)] {
        let wanted = Some(tokens(&format!("token-{workspace}-{id}"), None));
        assert_eq!(read(secrets, account(workspace, id)).await, wanted);
    }
    assert_eq!(read(secrets, account(2, 2)).await, None);
}
