//! [`Passwords`] without the cost of hashing, and [`SessionKeys`] in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::secret::Secret;
use crate::domain::tenant::session::{Keyring, SigningKey};
use crate::ports::{Passwords, PortResult, SessionKeys};

/// The "hash" is the password backwards. Counts the verifications, each of which would be costly.
#[derive(Default)]
pub struct FakePasswords {
    verified: AtomicUsize,
}

impl FakePasswords {
    /// How many passwords were compared with a hash so far.
    pub fn verified(&self) -> usize {
        self.verified.load(Ordering::SeqCst)
    }
}

fn backwards(password: &Secret) -> Secret {
    Secret::new(format!("$fake${}", password.expose().chars().rev().collect::<String>()))
}

#[async_trait]
impl Passwords for FakePasswords {
    async fn hash(&self, password: &Secret) -> PortResult<Secret> {
        Ok(backwards(password))
    }

    async fn verify(&self, password: &Secret, hash: &Secret) -> PortResult<bool> {
        self.verified.fetch_add(1, Ordering::SeqCst);
        Ok(backwards(password) == *hash)
    }
}

pub struct FakeSessionKeys {
    gate: Arc<dyn Gate>,
    ring: Mutex<Option<Keyring>>,
}

impl FakeSessionKeys {
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate, ring: Mutex::default() }
    }
}

fn signing_key(generation: usize) -> SigningKey {
    SigningKey { id: format!("key-{generation}"), secret: Secret::new(format!("{generation:064}")) }
}

#[async_trait]
impl SessionKeys for FakeSessionKeys {
    async fn keyring(&self, _fresh: bool) -> PortResult<Keyring> {
        let read = || {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(ring.get_or_insert_with(|| Keyring { current: signing_key(1), previous: None }).clone())
        };
        around(&*self.gate, "session_keys.keyring", read).await
    }

    async fn rotate(&self) -> PortResult<Keyring> {
        let rotate = || {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            let before = ring.take().map_or_else(|| signing_key(1), |ring| ring.current);
            let generation = before.id.trim_start_matches("key-").parse::<usize>().unwrap_or(1) + 1;
            Ok(ring.insert(Keyring { current: signing_key(generation), previous: Some(before) }).clone())
        };
        around(&*self.gate, "session_keys.rotate", rotate).await
    }
}
