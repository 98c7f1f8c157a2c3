//! The rules of the keys that sign receipts.

use crate::ports::ReceiptKeys;

/// Runs every rule; the async function returns `(Arc<dyn ReceiptKeys>, guard)`.
#[macro_export]
macro_rules! receipt_keys_contract {
    ($fresh:path) => {
        use $crate::testing::contract::receipt_keys;
        $crate::contract_cases!($fresh;
            receipt_keys:
            the_first_key_is_made_once,
            a_new_key_signs_and_the_old_ones_stay_published,
            what_was_signed_before_a_rotation_is_verified_after_it;
        );
    };
}

pub async fn the_first_key_is_made_once(keys: &dyn ReceiptKeys) {
    let (first, published) = futures_util::future::join(keys.signing(), keys.public()).await;
    let first = first.expect("a key");
    assert_eq!(published.expect("keys"), std::slice::from_ref(&first.public), "concurrent callers get the same key");
    assert_eq!(keys.signing().await.expect("a key"), first);
}

pub async fn a_new_key_signs_and_the_old_ones_stay_published(keys: &dyn ReceiptKeys) {
    let first = keys.signing().await.expect("a key");
    let rotated = keys.rotate().await.expect("rotated");
    let second = keys.signing().await.expect("a key");
    assert!(second != first && second.public.kid != first.public.kid);
    assert_eq!(rotated, [second.public.clone(), first.public.clone()]);
    let rotated = keys.rotate().await.expect("rotated");
    let third = keys.signing().await.expect("a key");
    assert_eq!(rotated, [third.public, second.public, first.public]);
    assert_eq!(keys.public().await.expect("keys"), rotated);
}

pub async fn what_was_signed_before_a_rotation_is_verified_after_it(keys: &dyn ReceiptKeys) {
    let signature = keys.signing().await.expect("a key").sign(b"message").expect("signed");
    keys.rotate().await.expect("rotated");
    let published = keys.public().await.expect("keys");
    let signers: Vec<bool> = published.iter().map(|key| key.has_signed(b"message", &signature)).collect();
    assert_eq!(signers, [false, true]);
}
