//! The secrets of the data keys in Secrets Manager, cached for minutes: `<prefix>/data-keys`, under which tokens of
//! accounts are sealed, and `<prefix>/hook-keys` for secrets of webhooks and tokens of tasks.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use uuid::Uuid;

use super::WRITES_MAX;
use super::error::{PORT, broken};
use super::keyring::Keyring;
use super::reseal::OLD_KEYS_KEPT_MS;
use super::sealer::Sealer;
use super::sealing::{self, Binding};
use crate::adapters::aws::port_error;
use crate::adapters::token_cache::CACHED_MS;
use crate::domain::secret::Secret;
use crate::domain::time::Moment;
use crate::ports::OptimisticWrites;
use crate::ports::{PortResult, System};

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

const OF_TOKENS: &str = "The data keys that pinbridge seals Pinterest tokens under; without them none can be read";
const OF_HOOKS: &str =
    "The data keys that pinbridge seals secrets of webhooks and tokens of tasks under; without them none can be read";

/// Keys that are about to change: as they were read, and a copy.
pub struct Rotation {
    seen: Arc<Keyring>,
    next: Keyring,
}

impl Rotation {
    /// When old keys may be dropped, if that is still to come.
    pub fn not_before(&self, now: Moment) -> Option<Moment> {
        let from = self.seen.current_since().plus_ms(OLD_KEYS_KEPT_MS);
        (now < from).then_some(from)
    }
}

/// The data keys as Secrets Manager and this process's memory hold them.
pub struct DataKeys {
    client: Client,
    name: String,
    /// The secret's description.
    about: &'static str,
    system: Arc<dyn System>,
    cached: Mutex<Option<(Moment, Arc<Keyring>)>>,
}

impl DataKeys {
    pub fn new(client: Client, prefix: &str, system: Arc<dyn System>) -> Self {
        Self { client, name: format!("{prefix}/data-keys"), about: OF_TOKENS, system, cached: Mutex::default() }
    }

    /// Those of webhooks and tasks.
    pub fn of_hooks(client: Client, prefix: &str, system: Arc<dyn System>) -> Self {
        Self { client, name: format!("{prefix}/hook-keys"), about: OF_HOOKS, system, cached: Mutex::default() }
    }

    pub fn now(&self) -> Moment {
        self.system.now()
    }

    /// Adds a key, under which everything is sealed from now on; returns its id.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable, or other rotations came first every time.
    pub async fn rotate(&self) -> PortResult<String> {
        self.ensured().await?;
        let mut writes = OptimisticWrites::of("data keys", WRITES_MAX);
        loop {
            writes.begin()?;
            let Some(Rotation { seen, mut next }) = self.rotation().await? else {
                return Err(broken("there are no data keys"));
            };
            let id = next.add(self.system.now())?;
            if self.replace(&seen, &next).await? {
                return Ok(id);
            }
        }
    }

    /// The keys as they are, to change them; `None` before the first use.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn rotation(&self) -> PortResult<Option<Rotation>> {
        let Some(seen) = self.read(true).await? else { return Ok(None) };
        let next = Keyring::parse(&seen.version, seen.text()?.expose())?;
        Ok(Some(Rotation { seen, next }))
    }

    /// Drops the keys that aren't named; returns their ids. None is dropped if another writer came first.
    ///
    /// # Errors
    /// As [`Self::replace`].
    pub async fn keep_only(&self, rotation: Rotation, named: &[String]) -> PortResult<Vec<String>> {
        let Rotation { seen, mut next } = rotation;
        let dropped = next.keep_only(named);
        if dropped.is_empty() || self.replace(&seen, &next).await? { Ok(dropped) } else { Ok(Vec::new()) }
    }

    /// Reads the keys; `None` before the first use. Never from memory if `fresh`.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable, or the secret is unreadable or marked for deletion.
    pub async fn read(&self, fresh: bool) -> PortResult<Option<Arc<Keyring>>> {
        if !fresh && let Some(keyring) = self.remembered() {
            return Ok(Some(keyring));
        }
        match self.client.get_secret_value().secret_id(&self.name).send().await {
            Ok(answer) => {
                let version = answer.version_id().unwrap_or_default();
                let keyring = Arc::new(Keyring::parse(version, answer.secret_string().unwrap_or(""))?);
                self.remember(Some(Arc::clone(&keyring)));
                Ok(Some(keyring))
            }
            Err(error) => match error.as_service_error() {
                Some(e) if e.is_resource_not_found_exception() => {
                    self.remember(None);
                    Ok(None)
                }
                // This is not a missing secret: new keys would replace those that rows are sealed under.
                Some(e) if e.is_invalid_request_exception() => {
                    Err(broken("the secret of the data keys is marked for deletion: restore it"))
                }
                _ => Err(port_error(PORT, &error)),
            },
        }
    }

    /// Returns the keys, which are created at the first use. Of several concurrent creations one wins, because a
    /// secret's name is taken once.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn ensured(&self) -> PortResult<Arc<Keyring>> {
        if let Some(keyring) = self.read(false).await? {
            return Ok(keyring);
        }
        let keyring = Keyring::generate(self.system.now())?;
        let create = self
            .client
            .create_secret()
            .name(&self.name)
            .client_request_token(Uuid::new_v4().to_string())
            .secret_string(keyring.text()?.expose())
            .description(self.about);
        match create.send().await {
            Err(error) if !error.as_service_error().is_some_and(|e| e.is_resource_exists_exception()) => {
                return Err(port_error(PORT, &error));
            }
            // Created here or, a moment before, by another process: what is stored counts.
            _ => {}
        }
        self.read(true).await?.ok_or_else(|| broken("the secret of the data keys disappeared"))
    }

    /// Writes `next` in the place of what was read as `seen`; returns `false` if another writer came first.
    ///
    /// # Errors
    /// When Secrets Manager is unavailable. The keys may have been replaced.
    pub async fn replace(&self, seen: &Keyring, next: &Keyring) -> PortResult<bool> {
        let version = Uuid::new_v4().to_string();
        self.client
            .put_secret_value()
            .secret_id(&self.name)
            .client_request_token(&version)
            .secret_string(next.text()?.expose())
            .version_stages(PENDING)
            .send()
            .await
            .map_err(|error| port_error(PORT, &error))?;
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(&self.name)
            .version_stage(CURRENT)
            .move_to_version_id(&version)
            .remove_from_version_id(&seen.version)
            .send()
            .await;
        self.remember(None);
        match moved {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_invalid_parameter_exception()) => {
                let now_current = self.read(true).await?;
                Ok(now_current.is_some_and(|keyring| keyring.version == version))
            }
            Err(error) => Err(port_error(PORT, &error)),
        }
    }

    fn remembered(&self) -> Option<Arc<Keyring>> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, keyring) = cached.as_ref()?;
        (self.system.now().since_ms(*read_at) < CACHED_MS).then(|| Arc::clone(keyring))
    }

    fn remember(&self, keyring: Option<Arc<Keyring>>) {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        *cached = keyring.map(|keyring| (self.system.now(), keyring));
    }
}

#[async_trait]
impl Sealer for DataKeys {
    async fn seal(&self, binding: &Binding, text: &Secret) -> PortResult<(String, Vec<u8>)> {
        let keyring = self.ensured().await?;
        let (key_id, key) = keyring.current();
        Ok((key_id.to_owned(), sealing::seal(key, binding, text)?))
    }

    async fn open(&self, binding: &Binding, key_id: &str, sealed: &[u8]) -> PortResult<Secret> {
        let mut keyring = self.read(false).await?;
        if keyring.as_ref().is_none_or(|keyring| keyring.key(key_id).is_none()) {
            // The key may be newer than the cached keyring.
            keyring = self.read(true).await?;
        }
        let key = keyring.as_ref().and_then(|keyring| keyring.key(key_id));
        let missing = || broken(&format!("{} are sealed under a data key that isn't there", binding.text()));
        sealing::open(key.ok_or_else(missing)?, binding, sealed)
    }
}
