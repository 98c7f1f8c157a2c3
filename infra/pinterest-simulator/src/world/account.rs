//! Accounts and callers.

use super::World;
use super::scopes::Scopes;
use crate::errors::{self, ApiError};
use crate::operations::Operation;

/// Position of an account in the world: account number minus one.
pub type AccountIndex = usize;

/// A connected Pinterest user.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    pub username: String,
    /// Ordinals of its boards, Pins and media uploads, oldest first.
    pub(super) boards: Vec<usize>,
    pub(super) pins: Vec<usize>,
    pub(super) uploads: Vec<usize>,
    /// Pins that are not deleted.
    pub pin_count: usize,
}

/// The account of an access token, and the token's scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub account: AccountIndex,
    pub scopes: Scopes,
}

impl Caller {
    /// 401 code 3 unless every scope of `operation` was granted.
    pub fn require_for(&self, operation: Operation) -> Result<(), ApiError> {
        self.require(operation.scopes())
    }

    /// 401 code 3 unless every scope of `needed` was granted.
    pub fn require(&self, needed: Scopes) -> Result<(), ApiError> {
        match needed.missing_in(self.scopes).as_slice() {
            [] => Ok(()),
            missing => Err(ApiError::missing_scopes(missing)),
        }
    }
}

impl World {
    /// The caller with an access token; 401 code 2 when the token is unknown, expired or revoked.
    pub fn authenticate(&self, now_ms: i64, access_token: &str) -> Result<Caller, ApiError> {
        self.access_tokens
            .get(access_token)
            .filter(|token| !token.revoked && now_ms < token.expires_at_ms)
            .map(|token| Caller { account: token.account, scopes: token.scopes })
            .ok_or(errors::AUTHENTICATION_FAILED)
    }

    pub fn account(&self, index: AccountIndex) -> Option<&Account> {
        self.accounts.get(index)
    }

    /// An account by username or by id.
    pub fn find_account(&self, name: &str) -> Option<AccountIndex> {
        self.accounts.iter().position(|account| account.username == name || account.id == name)
    }

    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}
