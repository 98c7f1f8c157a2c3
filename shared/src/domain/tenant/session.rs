//! People's sessions: short-lived signed tokens (JWT, HS256). Nothing is stored per session.
//!
//! A token names the user, the workspace and its expiry. On every request, the user's row decides whether the session
//! is still valid (`epoch`). The token contains nothing secret, and grants no more than the row does.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::ids::{OrganizationId, UserId, WorkspaceId};
use crate::domain::secret::Secret;
use crate::domain::time::Moment;

/// How long a session lasts, in seconds.
pub const SESSION_S: i64 = 3_600;
/// The longest token that is parsed. A valid token has about 400 bytes.
const TOKEN_MAX: usize = 2_048;
const ALGORITHM: Algorithm = Algorithm::HS256;

/// The user of a session, and the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub user: UserId,
    pub organization: OrganizationId,
    pub workspace: WorkspaceId,
    pub epoch: i64,
}

/// A key that signs sessions, and its public id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    pub id: String,
    pub secret: Secret,
}

/// The keys that sign and verify sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    pub current: SigningKey,
    /// The key before the last rotation: its sessions stay valid until they expire.
    pub previous: Option<SigningKey>,
}

impl Keyring {
    pub fn key(&self, id: &str) -> Option<&SigningKey> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == id)
    }
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NotASession {
    #[error("not a session of this system")]
    Invalid,
    /// Signed with a key that isn't on the ring: a newer one, or one that was rotated out.
    #[error("an unknown key")]
    UnknownKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    org: OrganizationId,
    wsp: WorkspaceId,
    epo: i64,
    /// Unix seconds.
    iat: i64,
    exp: i64,
}

/// Issues a token that is valid for [`SESSION_S`].
///
/// # Errors
/// When the token can't be signed.
pub fn issue(session: &Session, key: &SigningKey, now: Moment) -> Result<Secret, NotASession> {
    let iat = now.unix_seconds();
    let claims = Claims {
        sub: session.user,
        org: session.organization,
        wsp: session.workspace,
        epo: session.epoch,
        iat,
        exp: iat + SESSION_S,
    };
    let header = Header { kid: Some(key.id.clone()), ..Header::new(ALGORITHM) };
    let signing = EncodingKey::from_secret(key.secret.expose().as_bytes());
    jsonwebtoken::encode(&header, &claims, &signing).map(Secret::new).map_err(|_| NotASession::Invalid)
}

/// Verifies a token: one of the ring's keys has signed it, and it hasn't expired.
///
/// # Errors
/// When it isn't a valid session. The caller learns no more than that.
pub fn read(token: &str, ring: &Keyring, now: Moment) -> Result<Session, NotASession> {
    if token.len() > TOKEN_MAX {
        return Err(NotASession::Invalid);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| NotASession::Invalid)?;
    let id = header.kid.filter(|_| header.alg == ALGORITHM).ok_or(NotASession::Invalid)?;
    let key = ring.key(&id).ok_or(NotASession::UnknownKey)?;
    let mut rules = Validation::new(ALGORITHM);
    // Checked below, against the `now` that was passed in, to the second.
    rules.validate_exp = false;
    let verifying = DecodingKey::from_secret(key.secret.expose().as_bytes());
    let read = jsonwebtoken::decode::<Claims>(token, &verifying, &rules).map_err(|_| NotASession::Invalid)?;
    let Claims { sub, org, wsp, epo, iat, exp } = read.claims;
    if now.unix_seconds() >= exp || exp - iat > SESSION_S {
        return Err(NotASession::Invalid);
    }
    Ok(Session { user: sub, organization: org, workspace: wsp, epoch: epo })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::time::SECOND_MS;

    const NOW: Moment = Moment(1_767_225_600_000);

    fn key(id: &str) -> SigningKey {
        SigningKey { id: id.into(), secret: Secret::new(format!("the secret of {id}, 32 bytes or more")) }
    }

    fn ring() -> Keyring {
        Keyring { current: key("new"), previous: Some(key("old")) }
    }

    fn session() -> Session {
        let id = Uuid::from_u128;
        Session { user: UserId(id(1)), organization: OrganizationId(id(2)), workspace: WorkspaceId(id(3)), epoch: 9 }
    }

    fn refused(token: &str) -> Option<NotASession> {
        read(token, &ring(), NOW).err()
    }

    #[test]
    fn a_token_is_good_for_an_hour_under_either_key() {
        for id in ["new", "old"] {
            let token = issue(&session(), &key(id), NOW).expect("signed");
            assert_eq!(read(token.expose(), &ring(), NOW), Ok(session()));
            let last = NOW.plus_ms(SESSION_S * SECOND_MS - 1);
            assert_eq!(read(token.expose(), &ring(), last), Ok(session()));
            assert_eq!(read(token.expose(), &ring(), last.plus_ms(1)), Err(NotASession::Invalid));
        }
    }

    #[test]
    fn another_secret_under_a_known_key_id_is_refused() {
        let forged = SigningKey { id: "new".into(), secret: Secret::new("another secret") };
        assert_eq!(refused(issue(&session(), &forged, NOW).expect("signed").expose()), Some(NotASession::Invalid));
        let unknown = issue(&session(), &key("older"), NOW).expect("signed");
        assert_eq!(refused(unknown.expose()), Some(NotASession::UnknownKey));
    }

    #[test]
    fn an_altered_token_is_refused() {
        let token = issue(&session(), &key("new"), NOW).expect("signed");
        let parts: Vec<&str> = token.expose().split('.').collect();
        let other = issue(&Session { epoch: 10, ..session() }, &key("new"), NOW).expect("signed");
        let other: Vec<&str> = other.expose().split('.').collect();
        let mixed = [parts[0], other[1], parts[2]].join(".");
        let unsigned = [parts[0], parts[1], ""].join(".");
        for bad in ["", "x", "a.b.c", &mixed, &unsigned, &"a".repeat(TOKEN_MAX + 1)] {
            assert_eq!(refused(bad), Some(NotASession::Invalid), "{bad}");
        }
    }

    #[test]
    fn a_token_that_names_another_algorithm_is_refused() {
        let claims = json!({"sub": session().user, "org": session().organization, "wsp": session().workspace, "epo": 9,
            "iat": NOW.unix_seconds(), "exp": NOW.unix_seconds() + 60});
        let signing = EncodingKey::from_secret(key("new").secret.expose().as_bytes());
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let header = Header { kid: Some("new".into()), ..Header::new(algorithm) };
            let token = jsonwebtoken::encode(&header, &claims, &signing).expect("signed");
            assert_eq!(refused(&token), Some(NotASession::Invalid));
        }
        // {"alg":"none","kid":"new","typ":"JWT"}
        let none = "eyJhbGciOiJub25lIiwia2lkIjoibmV3IiwidHlwIjoiSldUIn0";
        let token = issue(&session(), &key("new"), NOW).expect("signed");
        let body = token.expose().split('.').nth(1).expect("claims");
        assert_eq!(refused(&format!("{none}.{body}.")), Some(NotASession::Invalid));
    }

    #[test]
    fn a_token_with_a_longer_life_than_an_hour_is_refused() {
        let claims = json!({"sub": session().user, "org": session().organization, "wsp": session().workspace, "epo": 9,
            "iat": NOW.unix_seconds(), "exp": NOW.unix_seconds() + SESSION_S + 1});
        let header = Header { kid: Some("new".into()), ..Header::new(ALGORITHM) };
        let signing = EncodingKey::from_secret(key("new").secret.expose().as_bytes());
        let token = jsonwebtoken::encode(&header, &claims, &signing).expect("signed");
        assert_eq!(refused(&token), Some(NotASession::Invalid));
    }
}
