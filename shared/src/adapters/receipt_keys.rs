//! [`ReceiptKeys`] on Secrets Manager: one secret, `<prefix>/receipt-key`, with a list of keys. The first one signs. Of
//! the others only the public part is kept: it verifies what they have signed.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use secrecy::zeroize::{Zeroize, Zeroizing};
use serde::{Deserialize, Serialize};

use super::stack_key::{CURRENT, StackKey};
use crate::domain::receipt_key::{PublicKey, ReceiptKey, ReceiptKeyring, SEED_BYTES};
use crate::domain::secret::Secret;
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{OptimisticWrites, PortResult, ReceiptKeys, System};

/// How long the key that signs is served from memory, in milliseconds.
pub const SIGNS_FOR_MS: i64 = 5 * MINUTE_MS;
/// How long the published keys are served from memory, in milliseconds. Another instance may sign with a newer key.
pub const PUBLISHED_FOR_MS: i64 = 10 * SECOND_MS;
/// Other rotations come first this often at most.
const WRITES_MAX: usize = 5;

/// The keys that sign receipts, kept in memory for minutes.
pub struct SecretsManagerReceiptKeys {
    key: StackKey,
    system: Arc<dyn System>,
    cache: Mutex<Option<(Moment, Arc<ReceiptKeyring>)>>,
}

/// The secret's JSON. The first key has a seed.
#[derive(Serialize, Deserialize)]
struct KeyringText {
    keys: Vec<KeyText>,
}

#[derive(Serialize, Deserialize)]
struct KeyText {
    /// For whoever reads the secret: it follows from `x`.
    kid: String,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<String>,
}

impl Drop for KeyText {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl KeyText {
    fn of(key: &PublicKey, seed: Option<&Secret>) -> Self {
        Self { kid: key.kid.clone(), x: key.x.clone(), seed: seed.map(|seed| seed.expose().to_owned()) }
    }
}

impl SecretsManagerReceiptKeys {
    pub fn new(client: Client, prefix: &str, system: Arc<dyn System>) -> Self {
        let (name, purpose) = (format!("{prefix}/receipt-key"), "Signs receipts of pins, kept by pinbridge");
        let key = StackKey::new(client, name, purpose, "receipt keys", Arc::clone(&system));
        Self { key, system, cache: Mutex::default() }
    }

    fn cached(&self, good_for_ms: i64) -> Option<Arc<ReceiptKeyring>> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, ring) = cache.as_ref()?;
        (self.system.now().since_ms(*read_at) < good_for_ms).then(|| Arc::clone(ring))
    }

    fn remember(&self, ring: &Arc<ReceiptKeyring>) {
        let read_at = self.system.now();
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Some((read_at, Arc::clone(ring)));
    }

    /// The keys with the version that they were read from; `None` before the first use.
    async fn read(&self) -> PortResult<Option<(String, Arc<ReceiptKeyring>)>> {
        let Some(version) = self.key.version(CURRENT).await? else {
            return Ok(None);
        };
        let ring = Arc::new(self.parse(version.secret.expose())?);
        self.remember(&ring);
        Ok(Some((version.id, ring)))
    }

    async fn ring(&self, good_for_ms: i64) -> PortResult<Arc<ReceiptKeyring>> {
        if let Some(ring) = self.cached(good_for_ms) {
            return Ok(ring);
        }
        if let Some((_, ring)) = self.read().await? {
            return Ok(ring);
        }
        let first = ReceiptKeyring::of(self.generate()?);
        self.key.create_with(&self.text(&first)?).await?;
        // Created here or, a moment before, by another process: what is stored counts.
        self.read().await?.map(|(_, ring)| ring).ok_or_else(|| self.key.missing())
    }

    fn generate(&self) -> PortResult<ReceiptKey> {
        let mut seed = Zeroizing::new([0_u8; SEED_BYTES]);
        aws_lc_rs::rand::fill(&mut seed[..]).map_err(|_| self.key.broken("the system has no random numbers"))?;
        ReceiptKey::of_seed(&seed).map_err(|_| self.key.broken("a key could not be made"))
    }

    fn text(&self, ring: &ReceiptKeyring) -> PortResult<Secret> {
        let signing = KeyText::of(&ring.signing.public, Some(ring.signing.seed()));
        let retired = ring.retired.iter().map(|key| KeyText::of(key, None));
        let keys = std::iter::once(signing).chain(retired).collect();
        let text = serde_json::to_string(&KeyringText { keys });
        text.map(Secret::new).map_err(|_| self.key.broken("the keys could not be written"))
    }

    /// Neither the text nor a parser's error about it may reach a log.
    fn parse(&self, text: &str) -> PortResult<ReceiptKeyring> {
        let unreadable = || self.key.broken("the secret of the receipt keys is unreadable");
        let stored: KeyringText = serde_json::from_str(text).map_err(|_| unreadable())?;
        let (first, others) = stored.keys.split_first().ok_or_else(unreadable)?;
        let signing = ReceiptKey::parse(first.seed.as_deref().unwrap_or_default()).map_err(|_| unreadable())?;
        let retired = others.iter().map(|key| PublicKey::parse(&key.x).map_err(|_| unreadable()));
        Ok(ReceiptKeyring { signing, retired: retired.collect::<PortResult<_>>()? })
    }
}

#[async_trait]
impl ReceiptKeys for SecretsManagerReceiptKeys {
    async fn signing(&self) -> PortResult<ReceiptKey> {
        self.ring(SIGNS_FOR_MS).await.map(|ring| ring.signing.clone())
    }

    async fn public(&self) -> PortResult<Vec<PublicKey>> {
        self.ring(PUBLISHED_FOR_MS).await.map(|ring| ring.public())
    }

    async fn rotate(&self) -> PortResult<Vec<PublicKey>> {
        self.ring(SIGNS_FOR_MS).await?;
        let mut writes = OptimisticWrites::of("receipt keys", WRITES_MAX);
        loop {
            writes.begin()?;
            let (seen, ring) = self.read().await?.ok_or_else(|| self.key.broken("the receipt keys are gone"))?;
            let next = Arc::new(ring.rotated(self.generate()?));
            if self.key.replace(&seen, &self.text(&next)?).await? {
                self.remember(&next);
                return Ok(next.public());
            }
        }
    }
}
