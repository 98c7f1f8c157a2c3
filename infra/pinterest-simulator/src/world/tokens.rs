//! OAuth: authorization codes, the two grants, rotation and revocation.

use serde::{Deserialize, Serialize};

use super::account::AccountIndex;
use super::event::Event;
use super::scopes::Scopes;
use super::{World, ids};
use crate::errors::{self, ApiError};
use crate::limits;
use crate::seed;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessToken {
    pub token: String,
    pub account: AccountIndex,
    pub scopes: Scopes,
    pub expires_at_ms: i64,
    pub revoked: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefreshToken {
    pub token: String,
    pub account: AccountIndex,
    pub scopes: Scopes,
    pub expires_at_ms: i64,
    /// Used by a refresh, or revoked.
    pub revoked: bool,
}

/// A code that was issued and not exchanged yet. In memory only.
#[derive(Debug, Clone)]
pub(super) struct AuthorizationCode {
    account: AccountIndex,
    scopes: Scopes,
    redirect_uri: String,
    expires_at_ms: i64,
}

/// The tokens that a grant issues.
#[derive(Debug, Clone)]
pub struct Issued {
    pub access: AccessToken,
    pub refresh: Option<RefreshToken>,
}

impl World {
    /// 401 code 2 unless this is the one registered app.
    pub fn check_client(&self, app_id: &str, app_secret: &str) -> Result<(), ApiError> {
        if app_id == seed::APP_ID && app_secret == seed::APP_SECRET {
            Ok(())
        } else {
            Err(errors::AUTHENTICATION_FAILED)
        }
    }

    /// Issues a code for the account. It can be exchanged once, with the same redirect URI.
    pub fn authorize(&mut self, now_ms: i64, account: AccountIndex, scopes: Scopes, redirect_uri: &str) -> String {
        self.codes.retain(|_, code| now_ms < code.expires_at_ms);
        let code = ids::token("code", self.settings.seed, self.next_serial());
        let grant = AuthorizationCode {
            account,
            scopes,
            redirect_uri: redirect_uri.to_owned(),
            expires_at_ms: now_ms + limits::CODE_LIFETIME_S * 1000,
        };
        self.codes.insert(code.clone(), grant);
        code
    }

    /// Grant `authorization_code`. An attempt uses the code up, whether or not it succeeds.
    pub fn exchange_code(&mut self, now_ms: i64, code: &str, redirect_uri: &str) -> Result<Issued, ApiError> {
        let grant = self
            .codes
            .remove(code)
            .filter(|grant| grant.redirect_uri == redirect_uri && now_ms < grant.expires_at_ms)
            .ok_or(errors::CODE_INVALID)?;
        Ok(self.issue(now_ms, grant.account, grant.scopes, Renewal::First))
    }

    /// Grant `refresh_token`. With `continuous`, the given token is revoked at once and a new one replaces it. Without
    /// it (apps created before 2025-09-25), the token stays valid and only the access token is new.
    pub fn refresh(
        &mut self,
        now_ms: i64,
        refresh_token: &str,
        narrowed: Option<Scopes>,
        continuous: bool,
    ) -> Result<Issued, ApiError> {
        let grant = self
            .refresh_tokens
            .get(refresh_token)
            .filter(|grant| !grant.revoked && now_ms < grant.expires_at_ms)
            .ok_or(errors::REFRESH_TOKEN_INVALID)?;
        let (account, granted) = (grant.account, grant.scopes);
        let scopes = narrowed.unwrap_or(granted);
        if let [missing, ..] = scopes.missing_in(granted).as_slice() {
            return Err(ApiError::invalid(format!("scope '{missing}' was not granted")));
        }
        let renewal = if continuous { Renewal::Replaces(refresh_token) } else { Renewal::Keeps };
        Ok(self.issue(now_ms, account, scopes, renewal))
    }

    /// Revokes every access token of the account and, with `refresh_too`, its refresh tokens.
    pub fn revoke_tokens(&mut self, account: AccountIndex, refresh_too: bool) {
        self.commit(Event::TokensRevoked { account, refresh_too });
    }

    /// The account of a grant, even if the grant is used up. For counting and for fault rules.
    pub fn account_of_grant(&self, code: Option<&str>, refresh_token: Option<&str>) -> Option<AccountIndex> {
        let by_code = code.and_then(|code| self.codes.get(code)).map(|grant| grant.account);
        by_code.or_else(|| refresh_token.and_then(|token| self.refresh_tokens.get(token)).map(|grant| grant.account))
    }

    fn issue(&mut self, now_ms: i64, account: AccountIndex, scopes: Scopes, renewal: Renewal<'_>) -> Issued {
        let access = AccessToken {
            token: ids::token("pina", self.settings.seed, self.next_serial()),
            account,
            scopes,
            expires_at_ms: now_ms + self.settings.access_token_lifetime_s * 1000,
            revoked: false,
        };
        let refresh = (!matches!(renewal, Renewal::Keeps)).then(|| RefreshToken {
            token: ids::token("pinr", self.settings.seed, self.next_serial()),
            account,
            scopes,
            expires_at_ms: now_ms + self.settings.refresh_token_lifetime_s * 1000,
            revoked: false,
        });
        let retired_refresh_token = match renewal {
            Renewal::Replaces(old) => Some(old.to_owned()),
            Renewal::First | Renewal::Keeps => None,
        };
        let issued = Issued { access, refresh };
        self.commit(Event::TokensIssued {
            access: issued.access.clone(),
            refresh: issued.refresh.clone(),
            retired_refresh_token,
        });
        issued
    }

    /// Skips serials whose token exists: after a restart the count starts again, but the journalled tokens remain.
    fn next_serial(&mut self) -> u64 {
        loop {
            self.serial += 1;
            let taken = self.access_tokens.contains_key(&ids::token("pina", self.settings.seed, self.serial))
                || self.refresh_tokens.contains_key(&ids::token("pinr", self.settings.seed, self.serial));
            if !taken {
                return self.serial;
            }
        }
    }

    pub(super) fn add_tokens(
        &mut self,
        access: AccessToken,
        refresh: Option<RefreshToken>,
        retired_refresh_token: Option<&str>,
    ) {
        if let Some(old) = retired_refresh_token.and_then(|token| self.refresh_tokens.get_mut(token)) {
            old.revoked = true;
        }
        self.access_tokens.insert(access.token.clone(), access);
        if let Some(refresh) = refresh {
            self.refresh_tokens.insert(refresh.token.clone(), refresh);
        }
    }

    pub(super) fn mark_revoked(&mut self, account: AccountIndex, refresh_too: bool) {
        for token in self.access_tokens.values_mut().filter(|token| token.account == account) {
            token.revoked = true;
        }
        if refresh_too {
            for token in self.refresh_tokens.values_mut().filter(|token| token.account == account) {
                token.revoked = true;
            }
        }
    }
}

/// What a grant does with the refresh token.
enum Renewal<'a> {
    /// Issues the first one, for a code.
    First,
    /// Revokes the old one and issues a new one.
    Replaces(&'a str),
    /// Keeps the old one.
    Keeps,
}
