//! The data keys as one secret holds them: several, one of which seals.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::zeroize::{Zeroize, Zeroizing};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::broken;
use crate::domain::secret::Secret;
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// The 256 bits of a data key, wiped from memory when dropped.
pub type KeyBytes = Zeroizing<[u8; 32]>;

/// One of the data keys.
pub struct DataKey {
    pub created_at: Moment,
    bytes: KeyBytes,
}

/// All data keys. They are wiped from memory when dropped.
pub struct Keyring {
    /// The secret's version that it was read from.
    pub version: String,
    current: String,
    keys: BTreeMap<String, DataKey>,
}

/// The secret's JSON.
#[derive(Serialize, Deserialize)]
struct KeyringText {
    current: String,
    keys: BTreeMap<String, KeyText>,
}

#[derive(Serialize, Deserialize)]
struct KeyText {
    /// 32 bytes in Base64.
    key: String,
    /// Unix milliseconds.
    created_at: i64,
}

impl Drop for KeyText {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Keyring {
    /// A keyring with one fresh key.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn generate(now: Moment) -> PortResult<Self> {
        let mut keyring = Self { version: String::new(), current: String::new(), keys: BTreeMap::new() };
        keyring.add(now)?;
        Ok(keyring)
    }

    /// Adds a fresh key, which seals from now on; returns its id.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn add(&mut self, now: Moment) -> PortResult<String> {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut bytes[..]).map_err(|_| broken("the system has no random numbers"))?;
        let id = Uuid::new_v4().simple().to_string();
        self.keys.insert(id.clone(), DataKey { created_at: now, bytes });
        self.current.clone_from(&id);
        Ok(id)
    }

    /// Drops every key but the current one and those in `named`; returns the dropped ones.
    pub fn keep_only(&mut self, named: &[String]) -> Vec<String> {
        let is_kept = |id: &String| *id == self.current || named.contains(id);
        let dropped = self.keys.keys().filter(|id| !is_kept(id)).cloned().collect();
        self.keys.retain(|id, _| *id == self.current || named.contains(id));
        dropped
    }

    /// The id of the key that seals.
    pub fn current_id(&self) -> &str {
        &self.current
    }

    /// The key that seals. (It exists: both constructors of a keyring see to that.)
    pub fn current(&self) -> (&str, &KeyBytes) {
        (&self.current, &self.keys[&self.current].bytes)
    }

    /// When the key that seals was created.
    pub fn current_since(&self) -> Moment {
        self.keys[&self.current].created_at
    }

    /// The key with this id.
    pub fn key(&self, id: &str) -> Option<&KeyBytes> {
        self.keys.get(id).map(|key| &key.bytes)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keyring as text, which is wiped from memory when dropped.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn text(&self) -> PortResult<Secret> {
        let text_of = |key: &DataKey| KeyText { key: BASE64.encode(&key.bytes[..]), created_at: key.created_at.0 };
        let keys = self.keys.iter().map(|(id, key)| (id.clone(), text_of(key))).collect();
        let text = serde_json::to_string(&KeyringText { current: self.current.clone(), keys });
        text.map(Secret::new).map_err(|_| broken("the data keys could not be written"))
    }

    /// Parses the secret's text. Neither the text nor a parser's error about it may reach a log.
    ///
    /// # Errors
    /// When the text is no keyring, or lacks its current key.
    pub fn parse(version: &str, text: &str) -> PortResult<Self> {
        let unreadable = || broken("the secret of the data keys is unreadable");
        let stored: KeyringText = serde_json::from_str(text).map_err(|_| unreadable())?;
        let mut keys = BTreeMap::new();
        for (id, key) in stored.keys {
            let mut bytes = Zeroizing::new([0; 32]);
            let decoded = Zeroizing::new(BASE64.decode(key.key.as_bytes()).map_err(|_| unreadable())?);
            if decoded.len() != bytes.len() {
                return Err(unreadable());
            }
            bytes.copy_from_slice(&decoded);
            keys.insert(id, DataKey { created_at: Moment(key.created_at), bytes });
        }
        if !keys.contains_key(&stored.current) {
            return Err(unreadable());
        }
        Ok(Self { version: version.to_owned(), current: stored.current, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_767_225_600_000);

    #[test]
    fn a_keyring_is_read_back_as_it_was_written() {
        let mut keyring = Keyring::generate(NOW).expect("generated");
        let first = keyring.current_id().to_owned();
        let second = keyring.add(NOW.plus_ms(1)).expect("added");
        let again = Keyring::parse("v", keyring.text().expect("text").expose()).expect("parsed");
        assert_eq!((again.current_id(), again.current_since(), again.len()), (second.as_str(), NOW.plus_ms(1), 2));
        for id in [&first, &second] {
            assert_eq!(again.key(id), keyring.key(id));
        }
        assert_ne!(again.key(&first), again.key(&second));
    }

    #[test]
    fn dropping_keys_never_drops_the_current_one() {
        let mut keyring = Keyring::generate(NOW).expect("generated");
        let first = keyring.current_id().to_owned();
        let second = keyring.add(NOW).expect("added");
        let third = keyring.add(NOW).expect("added");
        assert_eq!(keyring.keep_only(std::slice::from_ref(&second)), [first]);
        assert_eq!(keyring.keep_only(&[]), [second]);
        assert!(keyring.key(&third).is_some() && keyring.len() == 1);
    }

    #[test]
    fn an_unreadable_keyring_is_an_error_without_its_text() {
        let key = |length: usize| BASE64.encode(vec![7; length]);
        let ring = |current: &str, key: String| {
            format!(r#"{{"current":"{current}","keys":{{"a":{{"key":"{key}","created_at":1}}}}}}"#)
        };
        assert!(Keyring::parse("v", &ring("a", key(32))).is_ok());
        for text in [ring("b", key(32)), ring("a", key(31)), ring("a", "=".into()), String::new(), "{}".into()] {
            let error = Keyring::parse("v", &text).err().expect("refused").to_string();
            assert_eq!(error, "secrets failed: the secret of the data keys is unreadable");
        }
    }
}
