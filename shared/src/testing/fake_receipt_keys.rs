//! The keys that sign receipts, in memory: the first key has the seed of ones, the second that of twos, and so on.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::receipt_key::{PublicKey, ReceiptKey, ReceiptKeyring, SEED_BYTES};
use crate::ports::{PortResult, ReceiptKeys};

pub struct FakeReceiptKeys {
    gate: Arc<dyn Gate>,
    ring: Mutex<Option<ReceiptKeyring>>,
}

impl FakeReceiptKeys {
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate, ring: Mutex::default() }
    }

    fn ring(&self) -> ReceiptKeyring {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.get_or_insert_with(|| ReceiptKeyring::of(key(1))).clone()
    }
}

fn key(generation: u8) -> ReceiptKey {
    ReceiptKey::of_seed(&[generation; SEED_BYTES]).expect("a key")
}

#[async_trait]
impl ReceiptKeys for FakeReceiptKeys {
    async fn signing(&self) -> PortResult<ReceiptKey> {
        around(&*self.gate, "receipt_keys.signing", || Ok(self.ring().signing)).await
    }

    async fn public(&self) -> PortResult<Vec<PublicKey>> {
        around(&*self.gate, "receipt_keys.public", || Ok(self.ring().public())).await
    }

    async fn rotate(&self) -> PortResult<Vec<PublicKey>> {
        let rotate = || {
            let before = self.ring();
            let generation = u8::try_from(before.public().len() + 1).expect("few keys");
            let next = before.rotated(key(generation));
            *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = Some(next.clone());
            Ok(next.public())
        };
        around(&*self.gate, "receipt_keys.rotate", rotate).await
    }
}
