//! A token endpoint in memory. Every refresh issues a new refresh token and invalidates the old one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::pin::attempt::Upstream;
use crate::domain::secret::Secret;
use crate::domain::time::{DAY_MS, Moment};
use crate::ports::{GrantFailure, OAuth, System, Tokens};

pub const ACCESS_LIFE_MS: i64 = 30 * DAY_MS;
pub const REFRESH_LIFE_MS: i64 = 60 * DAY_MS;

/// The scripted answer to a request. Requests without a scripted answer depend on the grant's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantAnswer {
    Granted,
    LostWithCommit,
    LostWithoutCommit,
    NotNow,
    AppRefused,
    /// Refused although the grant is valid: a mistake of Pinterest's.
    Refused,
}

/// One user's grant.
#[derive(Clone, Debug)]
struct Grant {
    /// Every access token of the grant, with its expiry.
    access: BTreeMap<String, Moment>,
    refresh: String,
    refresh_expires_at: Moment,
    scopes: String,
    revoked: bool,
}

#[derive(Default)]
struct State {
    /// By user.
    grants: BTreeMap<String, Grant>,
    codes: BTreeMap<String, String>,
    answers: VecDeque<GrantAnswer>,
    asked: Vec<Secret>,
    serial: u64,
    /// Whether no app is configured.
    is_appless: bool,
}

pub struct FakeOAuth {
    system: Arc<dyn System>,
    gate: Arc<dyn Gate>,
    state: Mutex<State>,
}

impl FakeOAuth {
    pub fn new(system: Arc<dyn System>, gate: Arc<dyn Gate>) -> Self {
        Self { system, gate, state: Mutex::default() }
    }

    /// Scripts the coming answers.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = GrantAnswer>) {
        self.state().answers.extend(answers);
    }

    /// The user grants access: the tokens of a new grant, which replaces an older one.
    pub fn grant(&self, user: &str, scopes: &str) -> Tokens {
        let now = self.system.now();
        self.state().grant(user, scopes, now)
    }

    /// The user grants access: a code that can be exchanged once. The new grant begins with the exchange.
    pub fn code(&self, user: &str) -> Secret {
        let mut state = self.state();
        state.serial += 1;
        let code = format!("code-{}", state.serial);
        state.codes.insert(code.clone(), user.to_owned());
        Secret::new(code)
    }

    /// Removes the configuration of the app.
    pub fn remove_app(&self) {
        self.state().is_appless = true;
    }

    /// The user revokes the grant.
    pub fn revoke(&self, user: &str) {
        if let Some(grant) = self.state().grants.get_mut(user) {
            grant.revoked = true;
        }
    }

    /// The user of an access token, and whether Pinterest still accepts it; `None`: this endpoint didn't issue it.
    pub fn accepts(&self, access: &Secret) -> Option<(String, bool)> {
        let now = self.system.now();
        let state = self.state();
        let owner = state.grants.iter().find(|(_, grant)| grant.access.contains_key(access.expose()));
        owner.map(|(user, grant)| {
            let is_good = !grant.revoked && grant.access.get(access.expose()).is_some_and(|end| now < *end);
            (user.clone(), is_good)
        })
    }

    /// Whether a refresh with this token would be granted.
    pub fn honours(&self, refresh: &Secret) -> bool {
        let now = self.system.now();
        self.state().grants.values().any(|grant| grant.is_good(refresh.expose(), now))
    }

    /// The refresh tokens in the order in which they were sent.
    pub fn asked(&self) -> Vec<Secret> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grant {
    fn is_good(&self, refresh: &str, now: Moment) -> bool {
        !self.revoked && self.refresh == refresh && now < self.refresh_expires_at
    }
}

impl State {
    fn grant(&mut self, user: &str, scopes: &str, now: Moment) -> Tokens {
        let empty = Grant {
            access: BTreeMap::new(),
            refresh: String::new(),
            refresh_expires_at: now,
            scopes: scopes.to_owned(),
            revoked: false,
        };
        self.grants.insert(user.to_owned(), empty);
        self.issue(user, now)
    }

    fn issue(&mut self, user: &str, now: Moment) -> Tokens {
        self.serial += 1;
        let (access, refresh) = (format!("pina_{user}_{}", self.serial), format!("pinr_{user}_{}", self.serial));
        let (access_end, refresh_end) = (now.plus_ms(ACCESS_LIFE_MS), now.plus_ms(REFRESH_LIFE_MS));
        let mut scopes = None;
        if let Some(grant) = self.grants.get_mut(user) {
            grant.access.insert(access.clone(), access_end);
            grant.refresh.clone_from(&refresh);
            grant.refresh_expires_at = refresh_end;
            scopes = Some(grant.scopes.clone());
        }
        Tokens {
            access_expires_at: Some(access_end),
            refresh_expires_at: Some(refresh_end),
            scopes,
            ..Tokens::bare(access, Some(refresh))
        }
    }

    fn answer(&mut self, commit: impl Fn(&mut Self) -> Option<Tokens>) -> Result<Tokens, GrantFailure> {
        let nothing = Upstream::default;
        match self.answers.pop_front().unwrap_or(GrantAnswer::Granted) {
            GrantAnswer::Granted => commit(self).ok_or_else(|| GrantFailure::Refused(nothing())),
            GrantAnswer::LostWithCommit => {
                commit(self);
                Err(GrantFailure::Unknown(nothing()))
            }
            GrantAnswer::LostWithoutCommit => Err(GrantFailure::Unknown(nothing())),
            GrantAnswer::NotNow => Err(GrantFailure::NotNow { upstream: nothing(), retry_after_ms: None }),
            GrantAnswer::AppRefused => Err(GrantFailure::AppRefused(nothing())),
            GrantAnswer::Refused => Err(GrantFailure::Refused(nothing())),
        }
    }
}

#[async_trait]
impl OAuth for FakeOAuth {
    fn is_configured(&self) -> bool {
        true
    }

    fn authorization_url(&self, state: &str) -> Option<String> {
        (!self.state().is_appless).then(|| format!("https://pinterest.test/oauth/?state={state}"))
    }

    async fn exchange(&self, code: &Secret) -> Result<Tokens, GrantFailure> {
        let exchange = || {
            let now = self.system.now();
            Ok(self.state().answer(|state| {
                let user = state.codes.remove(code.expose())?;
                Some(state.grant(&user, &crate::domain::account::PUBLISHING_SCOPES.join(","), now))
            }))
        };
        let lost = |_| GrantFailure::Unknown(Upstream::default());
        around(&*self.gate, "oauth.exchange", exchange).await.map_err(lost)?
    }

    async fn refresh(&self, refresh: &Secret) -> Result<Tokens, GrantFailure> {
        let exchange = || {
            let now = self.system.now();
            let mut state = self.state();
            state.asked.push(refresh.clone());
            Ok(state.answer(|state| {
                let user = state.grants.iter().find(|(_, grant)| grant.is_good(refresh.expose(), now))?.0.clone();
                Some(state.issue(&user, now))
            }))
        };
        // A planned fault is an answer that was lost.
        let lost = |_| GrantFailure::Unknown(Upstream::default());
        around(&*self.gate, "oauth.refresh", exchange).await.map_err(lost)?
    }
}
