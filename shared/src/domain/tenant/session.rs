//! People's sessions: short-lived signed tokens (JWT, HS256). Nothing is stored of a session while it lasts.
//!
//! A token names the user, the workspace, its session and its expiry. On every request, the user's row decides whether
//! the session is still valid (`epoch`, and the sessions that were logged out). A session begins with a password; a
//! switch to another workspace continues it with a further token, up to [`SESSION_MAX_S`]. The token contains nothing
//! secret, and grants no more than the row does.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::domain::ids::{OrganizationId, UserId, WorkspaceId};
use crate::domain::secret::Secret;
use crate::domain::time::Moment;

/// How long a token lasts, in seconds.
pub const SESSION_S: i64 = 3_600;
/// How long a session lasts from its password on, whatever continues it, in seconds: a working day.
pub const SESSION_MAX_S: i64 = 12 * 3_600;
/// The longest token that is parsed. A valid token has about 500 bytes.
const TOKEN_MAX: usize = 2_048;
const ALGORITHM: Algorithm = Algorithm::HS256;

/// A session, from a password to a logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub Uuid);

/// The user of a session, and the workspace of one of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub user: UserId,
    pub organization: OrganizationId,
    pub workspace: WorkspaceId,
    pub epoch: i64,
    /// `None` for tokens of 0.2.0, which last an hour and can't be logged out one by one.
    pub id: Option<SessionId>,
    /// When the password was given, in Unix seconds.
    pub began_at_s: i64,
}

impl Session {
    /// When a token that is issued now expires, in Unix seconds.
    fn expires_at_s(&self, now: Moment) -> i64 {
        (now.unix_seconds() + SESSION_S).min(self.ends_at_s())
    }

    /// How long a token that is issued now lasts, in seconds.
    pub fn lasts_s(&self, now: Moment) -> i64 {
        (self.expires_at_s(now) - now.unix_seconds()).max(0)
    }

    /// When the last token of the session expires, in Unix seconds.
    pub fn ends_at_s(&self) -> i64 {
        self.began_at_s + SESSION_MAX_S
    }
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
    /// The key with this id.
    pub fn key(&self, id: &str) -> Option<&SigningKey> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == id)
    }
}

/// Why a token is refused.
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
    /// 0.2.0 issued tokens without these two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
}

/// Issues a token that is valid for [`SESSION_S`], and no longer than its session.
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
        exp: session.expires_at_s(now),
        sid: session.id,
        auth_time: Some(session.began_at_s),
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
    let Claims { sub, org, wsp, epo, iat, exp, sid, auth_time } = read.claims;
    let began_at_s = auth_time.unwrap_or(iat);
    let session = Session { user: sub, organization: org, workspace: wsp, epoch: epo, id: sid, began_at_s };
    if now.unix_seconds() >= exp.min(session.ends_at_s()) || exp - iat > SESSION_S {
        return Err(NotASession::Invalid);
    }
    Ok(session)
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
        Session {
            user: UserId(id(1)),
            organization: OrganizationId(id(2)),
            workspace: WorkspaceId(id(3)),
            epoch: 9,
            id: Some(SessionId(id(4))),
            began_at_s: NOW.unix_seconds(),
        }
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
    fn tokens_that_continue_a_session_end_with_it() {
        let ends = NOW.plus_ms(SESSION_MAX_S * SECOND_MS);
        for (before_s, lasts_s) in [(SESSION_MAX_S, SESSION_S), (SESSION_S, SESSION_S), (600, 600), (1, 1)] {
            let now = ends.plus_ms(-before_s * SECOND_MS);
            assert_eq!(session().lasts_s(now), lasts_s);
            let token = issue(&session(), &key("new"), now).expect("signed");
            let last = now.plus_ms(lasts_s * SECOND_MS - 1);
            assert_eq!(read(token.expose(), &ring(), last), Ok(session()));
            assert_eq!(read(token.expose(), &ring(), last.plus_ms(1)), Err(NotASession::Invalid));
        }
        assert_eq!(session().lasts_s(ends), 0);
    }

    #[test]
    fn a_token_of_an_older_build_began_when_it_was_issued() {
        let claims = json!({"sub": session().user, "org": session().organization, "wsp": session().workspace, "epo": 9,
            "iat": NOW.unix_seconds(), "exp": NOW.unix_seconds() + SESSION_S});
        let header = Header { kid: Some("new".into()), ..Header::new(ALGORITHM) };
        let signing = EncodingKey::from_secret(key("new").secret.expose().as_bytes());
        let token = jsonwebtoken::encode(&header, &claims, &signing).expect("signed");
        assert_eq!(read(&token, &ring(), NOW), Ok(Session { id: None, ..session() }));
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
