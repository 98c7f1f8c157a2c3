//! [`Passwords`] with Argon2id.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use async_trait::async_trait;

use crate::domain::secret::Secret;
use crate::ports::{Passwords, PortError, PortResult, System};

const PORT: &str = "passwords";
/// Memory per hash, in KiB. This and the two constants below are OWASP's first choice for Argon2id (Password Storage
/// Cheat Sheet).
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
pub const PASSES: u32 = 2;
/// Lanes of memory that are filled in parallel.
pub const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// Password hashes with Argon2id, at the cost of the constants above.
pub struct Argon2Passwords {
    system: Arc<dyn System>,
}

impl Argon2Passwords {
    pub fn new(system: Arc<dyn System>) -> Self {
        Self { system }
    }
}

fn argon2() -> PortResult<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| broken("the parameters are out of range"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn broken(reason: &str) -> PortError {
    PortError::Broken { port: PORT, reason: reason.into() }
}

/// Runs the work on a blocking thread: a hash keeps a processor busy for tens of milliseconds, and other tasks must not
/// wait for it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> PortResult<T> + Send + 'static) -> PortResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| broken("hashing was aborted"))?
}

#[async_trait]
impl Passwords for Argon2Passwords {
    async fn hash(&self, password: &Secret) -> PortResult<Secret> {
        let (password, random) = (password.clone(), self.system.random());
        aside(move || {
            let hash = argon2()?.hash_password_with_salt(password.expose().as_bytes(), &random[..SALT_BYTES]);
            hash.map(|hash| Secret::new(hash.to_string())).map_err(|_| broken("a password could not be hashed"))
        })
        .await
    }

    async fn verify(&self, password: &Secret, hash: &Secret) -> PortResult<bool> {
        let (password, hash) = (password.clone(), hash.clone());
        aside(move || {
            // The cost parameters come with the hash, so that older hashes stay valid when the constants change.
            let hash = PasswordHash::new(hash.expose()).map_err(|_| broken("a stored hash is unreadable"))?;
            match argon2()?.verify_password(password.expose().as_bytes(), &hash) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(_) => Err(broken("a password could not be verified")),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tenant::user::NOBODYS_PASSWORD;

    #[test]
    fn the_placeholder_hash_costs_as_much_as_a_persons() {
        let placeholder = PasswordHash::new(NOBODYS_PASSWORD).expect("a PHC string");
        let params = Params::try_from(&placeholder).expect("parameters");
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert_eq!(placeholder.algorithm.as_str(), "argon2id");
        assert_eq!(placeholder.hash.expect("a hash").len(), Params::DEFAULT_OUTPUT_LEN);
        assert_eq!(placeholder.salt.expect("a salt").len(), SALT_BYTES);
    }
}
