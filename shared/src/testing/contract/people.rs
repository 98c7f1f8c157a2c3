//! The rules of passwords and of the keys that sign sessions.

use crate::domain::secret::Secret;
use crate::ports::{Passwords, SessionKeys};

/// Runs every rule; the async function returns `(Arc<dyn Passwords>, guard)`.
#[macro_export]
macro_rules! passwords_contract {
    ($fresh:path) => {
        use $crate::testing::contract::people;
        $crate::contract_cases!($fresh;
            people:
            a_password_is_verified_by_its_hash_only;
        );
    };
}

/// Runs every rule; the async function returns `(Arc<dyn SessionKeys>, guard)`.
#[macro_export]
macro_rules! session_keys_contract {
    ($fresh:path) => {
        use $crate::testing::contract::people;
        $crate::contract_cases!($fresh;
            people:
            the_first_key_is_created_once,
            a_rotation_keeps_the_key_before;
        );
    };
}

pub async fn a_password_is_verified_by_its_hash_only(passwords: &dyn Passwords) {
    let (right, wrong) = (Secret::new("correct horse"), Secret::new("correct house"));
    let hash = passwords.hash(&right).await.expect("hashed");
    assert!(!hash.expose().contains(right.expose()) && hash.expose().starts_with('$'));
    assert!(passwords.verify(&right, &hash).await.expect("verified"));
    assert!(!passwords.verify(&wrong, &hash).await.expect("verified"));
    let other = passwords.hash(&wrong).await.expect("hashed");
    assert!(!passwords.verify(&right, &other).await.expect("verified"));
}

pub async fn the_first_key_is_created_once(keys: &dyn SessionKeys) {
    let (first, second) = futures_util::future::join(keys.keyring(false), keys.keyring(false)).await;
    let first = first.expect("a ring");
    assert_eq!(first, second.expect("a ring"), "concurrent callers get the same key");
    assert_eq!(keys.keyring(true).await.expect("a ring"), first);
    assert!(!first.current.id.is_empty() && first.current.secret.expose().len() >= 64 && first.previous.is_none());
}

pub async fn a_rotation_keeps_the_key_before(keys: &dyn SessionKeys) {
    let first = keys.keyring(false).await.expect("a ring").current;
    let second = keys.rotate().await.expect("rotated");
    assert_eq!(second.previous.as_ref(), Some(&first));
    assert!(second.current.id != first.id && second.current.secret != first.secret);
    assert_eq!(keys.keyring(true).await.expect("a ring"), second);
    let third = keys.rotate().await.expect("rotated");
    assert_eq!(third.previous, Some(second.current), "the first key is no longer valid");
    assert_eq!(third.key(&first.id), None);
}
