//! Custody, the token endpoint and Pinterest as a mutant's process sees them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pinbridge_shared::altered_port;
use pinbridge_shared::domain::ids::{AccountKey, WorkspaceId};
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Upstream;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::stats::rollup::recent::RecentSamples;
use pinbridge_shared::domain::stats::rollup::{End, RollupPage, Sample, Sums};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{
    BegunGroup, BoardPage, Creation, Custody, GrantFailure, OAuth, Pinterest, PinterestUser, PortError, PortResult,
    ReadFailure, Removal, Rollups, Secrets, Stored, Tokens, Write,
};

use super::{CustodyInvariant, Invariant, Lacking};

pub struct MutantSecrets {
    lacking: CustodyInvariant,
    inner: Arc<dyn Secrets>,
    /// Versions that could not be stored once.
    failed: Mutex<BTreeSet<String>>,
}

impl MutantSecrets {
    pub fn new(lacking: CustodyInvariant, inner: Arc<dyn Secrets>) -> Self {
        Self { lacking, inner, failed: Mutex::default() }
    }

    /// Tokens that weren't stored at the first try never are.
    async fn stage_once(&self, account: AccountKey, staged: &Stored) -> PortResult<()> {
        let has_failed = |failed: &Mutex<BTreeSet<String>>| {
            failed.lock().unwrap_or_else(PoisonError::into_inner).contains(&staged.version)
        };
        if has_failed(&self.failed) {
            return Err(PortError::Unavailable { port: "secrets", reason: "a mutant tries once".into() });
        }
        let answer = self.inner.stage_tokens(account, staged).await;
        if answer.is_err() {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(staged.version.clone());
        }
        answer
    }
}

#[async_trait]
impl Secrets for MutantSecrets {
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>> {
        self.inner.tokens(account, fresh).await
    }

    async fn custody(&self, account: AccountKey) -> PortResult<Custody> {
        let custody = self.inner.custody(account).await?;
        Ok(match self.lacking {
            CustodyInvariant::AdoptPending => Custody { pending: None, ..custody },
            _ => custody,
        })
    }

    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()> {
        self.inner.store_tokens(account, version, tokens).await
    }

    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()> {
        match self.lacking {
            CustodyInvariant::KeepTrying => self.stage_once(account, staged).await,
            _ => self.inner.stage_tokens(account, staged).await,
        }
    }

    async fn promote_tokens(&self, account: AccountKey, version: &str, follows: &str) -> PortResult<Write<()>> {
        if self.lacking != CustodyInvariant::PromoteIfCurrent {
            return self.inner.promote_tokens(account, version, follows).await;
        }
        // Replaces whatever is current.
        let current = self.inner.custody(account).await?.current.map(|current| current.version);
        self.inner.promote_tokens(account, version, current.as_deref().unwrap_or(follows)).await
    }

    async fn remove_tokens(&self, account: AccountKey, removal: Removal) -> PortResult<()> {
        self.inner.remove_tokens(account, removal).await
    }
}

pub struct MutantOAuth {
    pub lacking: CustodyInvariant,
    pub inner: Arc<dyn OAuth>,
    pub pinterest: Arc<dyn Pinterest>,
    /// Set when Pinterest refuses a refresh token, cleared when it doesn't.
    pub grant_refused: Arc<AtomicBool>,
}

#[async_trait]
impl OAuth for MutantOAuth {
    fn is_configured(&self) -> bool {
        self.inner.is_configured()
    }

    fn callback_url(&self) -> Option<String> {
        self.inner.callback_url()
    }

    fn authorization_url(&self, state: &str) -> Option<String> {
        self.inner.authorization_url(state)
    }

    async fn exchange(&self, code: &Secret) -> Result<Tokens, GrantFailure> {
        self.inner.exchange(code).await
    }

    async fn refresh(&self, refresh: &Secret) -> Result<Tokens, GrantFailure> {
        let answer = self.inner.refresh(refresh).await;
        self.grant_refused.store(matches!(answer, Err(GrantFailure::Refused(_))), Ordering::Relaxed);
        match (self.lacking, answer) {
            // As if no tokens could have been issued.
            (CustodyInvariant::QuiesceAfterLoss, Err(GrantFailure::Unknown(upstream))) => {
                Err(GrantFailure::NotNow { upstream, retry_after_ms: None })
            }
            (CustodyInvariant::KeptBeforeUse, Ok(tokens)) => {
                let _ = self.pinterest.user(&tokens.access).await;
                Ok(tokens)
            }
            (_, answer) => answer,
        }
    }
}

/// Pinterest's answers to creates as a publisher without an invariant takes them.
pub struct MutantCreates {
    pub lacking: Lacking,
    pub inner: Arc<dyn Pinterest>,
}

altered_port! {
    Pinterest for MutantCreates {
        async fn create_pin(&self, token: &Secret, request: &PinRequest) -> Creation {
            let is_image = |failure| failure == Failure::ImageUnreachable;
            match (self.inner.create_pin(token, request).await, self.lacking) {
                (Creation::Unknown { upstream, .. }, Lacking::Publishing(Invariant::AnyLimit)) => {
                    Creation::lost(upstream)
                }
                (Creation::Refused { failure, upstream, .. }, Lacking::Publishing(Invariant::ImageRefused))
                    if is_image(failure) =>
                {
                    Creation::lost(upstream)
                }
                (
                    Creation::Refused { upstream, retry_after_ms, .. },
                    Lacking::Publishing(Invariant::ObjectRefusal),
                ) if upstream.status == Some(401) => {
                    Creation::Refused { failure: Failure::TokenRevoked, upstream, retry_after_ms }
                }
                (creation, _) => creation,
            }
        }
    }

    fn board_pins(token: &Secret, board_id: &str, bookmark: Option<&str>) -> Result<BoardPage, ReadFailure>;
    fn delete_pin(token: &Secret, pinterest_pin_id: &str) -> Result<(), ReadFailure>;
    fn user(token: &Secret) -> Result<PinterestUser, ReadFailure>;
}

pub struct MutantPinterest {
    pub lacking: CustodyInvariant,
    pub inner: Arc<dyn Pinterest>,
    /// Set when Pinterest refuses an access token, cleared when it doesn't.
    pub access_refused: Arc<AtomicBool>,
    /// Pinterest has just refused the refresh token.
    pub grant_refused: Arc<AtomicBool>,
}

altered_port! {
    Pinterest for MutantPinterest {
        async fn user(&self, token: &Secret) -> Result<PinterestUser, ReadFailure> {
            // Only custody's own question, which follows a refusal. Publishers and readers are answered.
            if self.lacking == CustodyInvariant::AccessAsked && self.grant_refused.swap(false, Ordering::Relaxed) {
                return Err(ReadFailure {
                    failure: Failure::TokenRevoked,
                    upstream: Upstream::default(),
                    retry_after_ms: None,
                });
            }
            let answer = self.inner.user(token).await;
            let is_refused = answer.as_ref().is_err_and(|read| read.failure == Failure::TokenRevoked);
            self.access_refused.store(is_refused, Ordering::Relaxed);
            answer
        }
    }

    fn create_pin(token: &Secret, request: &PinRequest) -> Creation;
    fn board_pins(token: &Secret, board_id: &str, bookmark: Option<&str>) -> Result<BoardPage, ReadFailure>;
    fn delete_pin(token: &Secret, pinterest_pin_id: &str) -> Result<(), ReadFailure>;
}

/// The rollup's rows as a mutant's process writes them.
pub struct MutantRollups {
    pub inner: Arc<dyn Rollups>,
}

altered_port! {
    Rollups for MutantRollups {
        async fn put_recent(&self, workspace: WorkspaceId, recent: &RecentSamples) -> PortResult<()> {
            let ended = recent.samples.iter().filter(|sample| sample.end != End::Open).copied().collect();
            self.inner.put_recent(workspace, &RecentSamples { samples: ended, ..recent.clone() }).await
        }
    }

    fn rolled_up() -> PortResult<Option<i64>>;
    fn set_rolled_up(minute: i64) -> PortResult<()>;
    fn begun_group() -> PortResult<Option<BegunGroup>>;
    fn set_begun_group(group: &BegunGroup) -> PortResult<()>;
    fn sums(workspace: WorkspaceId, first: i64, last: i64) -> PortResult<Vec<(i64, Sums)>>;
    fn first_rollup_page(workspace: WorkspaceId, hour: i64) -> PortResult<Option<RollupPage>>;
    fn other_rollup_pages(workspace: WorkspaceId, hour: i64) -> PortResult<Vec<RollupPage>>;
    fn save_rollup_page(workspace: WorkspaceId, hour: i64, next: &RollupPage) -> PortResult<Write<()>>;
    fn recent(workspace: WorkspaceId, since: Moment, rows_max: usize) -> PortResult<Vec<Sample>>;
}
