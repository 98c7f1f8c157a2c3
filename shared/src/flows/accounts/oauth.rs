//! Connects an account by OAuth: started here, authorized by a person on Pinterest, finished by the callback.

use thiserror::Error;

use super::connect::{self, ConnectError};
use super::connect_simulated;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::account::oauth::{PendingAuthorization, PresentedState, STATE_LIFE_MS};
use crate::domain::ids::WorkspaceId;
use crate::domain::sandbox;
use crate::domain::secret::Secret;
use crate::domain::tenant::{Workspace, WorkspaceEnvironment, WorkspaceState};
use crate::ports::{GrantFailure, PortError, ReadFailure};

#[derive(Debug, Error)]
pub enum StartError {
    #[error("no Pinterest app is configured")]
    AppMissing,
    #[error("the sandbox has as many accounts as it can have, and all of them work")]
    SandboxAccountLimit,
    #[error("the workspace is being removed")]
    Closed,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The parameters that Pinterest sends the browser back with.
#[derive(Clone, Debug, Default)]
pub struct Callback {
    pub state: Option<Secret>,
    pub code: Option<Secret>,
    /// OAuth's `error`, such as `access_denied`.
    pub error: Option<String>,
}

#[derive(Debug, Error)]
pub enum FinishError {
    /// Unknown, used or expired. The caller doesn't learn which.
    #[error("the state is invalid")]
    StateInvalid,
    #[error("the person refused")]
    Denied,
    /// Neither a code nor a refusal.
    #[error("Pinterest sent no code")]
    NoCode,
    #[error("Pinterest refused the code")]
    CodeRefused,
    /// An operator has to correct the app's credentials.
    #[error("Pinterest refused the app")]
    AppRefused,
    /// Nothing was connected; starting again may work.
    #[error("Pinterest could not be asked")]
    Unreachable { retry_after_ms: Option<i64> },
    /// Pinterest issued tokens, and refuses to say whose they are.
    #[error("{0}")]
    Pinterest(ReadFailure),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A finished connection.
#[derive(Clone, Debug)]
pub struct Connected {
    pub account: Account,
    pub workspace_name: String,
    /// The key or the person that started it, as passed to [`start`].
    pub by: String,
}

/// Returns the URL at which the person authorizes the connection. `by` names the key or the person that starts it, for
/// the log. In a sandbox no authorization is needed: the URL is the callback's, which is `callback_url` when none is
/// configured.
///
/// # Errors
/// When no app is configured, the sandbox is full, or the table is unavailable.
pub async fn start(
    context: &Context,
    workspace: WorkspaceId,
    by: &str,
    callback_url: &str,
) -> Result<String, StartError> {
    let (state, text) = PresentedState::compose(workspace, context.system.random());
    let url = match context.tenants.workspace(workspace).await? {
        Some(found) if found.state != WorkspaceState::Active => return Err(StartError::Closed),
        Some(found) if found.environment == WorkspaceEnvironment::Sandbox => {
            let number =
                connect_simulated::next_account(context, workspace).await?.ok_or(StartError::SandboxAccountLimit)?;
            let callback = context.oauth.callback_url().unwrap_or_else(|| callback_url.to_owned());
            format!("{callback}?state={}&code={}", text.expose(), sandbox::code(number))
        }
        // A workspace that was created this second may not be readable yet: the callback checks again.
        _ => context.oauth.authorization_url(text.expose()).ok_or(StartError::AppMissing)?,
    };
    let pending = PendingAuthorization { by: by.to_owned(), expires_at: context.system.now().plus_ms(STATE_LIFE_MS) };
    context.oauth_states.put_state(&state, &pending).await?;
    Ok(url)
}

/// Finishes the connection. Takes the state first, so that it works only once. A crash leaves no account, or a working
/// one, or tokens that the next connection replaces.
///
/// # Errors
/// When the connection wasn't made. An existing connection is unchanged then, unless the port that failed is the
/// table's.
pub async fn finish(context: &Context, callback: Callback) -> Result<Connected, FinishError> {
    let state = callback.state.ok_or(FinishError::StateInvalid)?;
    let state = PresentedState::parse(state.expose()).map_err(|_| FinishError::StateInvalid)?;
    let pending = context.oauth_states.take_state(&state).await?.ok_or(FinishError::StateInvalid)?;
    if pending.expires_at <= context.system.now() {
        return Err(FinishError::StateInvalid);
    }
    let workspace = context.tenants.workspace(state.workspace).await?;
    let workspace = workspace.filter(may_connect).ok_or(FinishError::StateInvalid)?;
    if let Some(error) = callback.error {
        tracing::info!(
            workspace_id = %workspace.id, by = pending.by, denied = error == "access_denied",
            "authorization not granted"
        );
        return Err(FinishError::Denied);
    }
    let code = callback.code.filter(|code| !code.is_empty()).ok_or(FinishError::NoCode)?;
    if workspace.environment == WorkspaceEnvironment::Sandbox {
        let number = sandbox::parse_code(code.expose()).ok_or(FinishError::CodeRefused)?;
        let account = connect_simulated::connect_simulated(context, workspace.id, number).await?;
        return Ok(Connected { account, workspace_name: workspace.name, by: pending.by });
    }
    let tokens = context.oauth.exchange(&code).await.map_err(|failure| {
        tracing::warn!(workspace_id = %workspace.id, ?failure, "authorization code not exchanged");
        FinishError::of_grant(failure)
    })?;
    let account = connect::connect_account(context, workspace.id, &tokens).await?;
    tracing::info!(
        workspace_id = %workspace.id, account_id = %account.key.account, by = pending.by,
        "account connected"
    );
    Ok(Connected { account, workspace_name: workspace.name, by: pending.by })
}

/// A workspace that is being removed accepts no connection.
fn may_connect(workspace: &Workspace) -> bool {
    workspace.state == WorkspaceState::Active
}

impl FinishError {
    fn of_grant(failure: GrantFailure) -> Self {
        match failure {
            GrantFailure::Refused(_) => Self::CodeRefused,
            GrantFailure::AppRefused(_) => Self::AppRefused,
            GrantFailure::NotNow { retry_after_ms, .. } => Self::Unreachable { retry_after_ms },
            GrantFailure::Unknown(_) => Self::Unreachable { retry_after_ms: None },
        }
    }
}

impl From<ConnectError> for FinishError {
    fn from(error: ConnectError) -> Self {
        use crate::domain::pin::failure::Failure;
        match error {
            ConnectError::Pinterest(read)
                if matches!(read.failure, Failure::PinterestUnreachable | Failure::RateLimited) =>
            {
                Self::Unreachable { retry_after_ms: read.retry_after_ms }
            }
            ConnectError::Pinterest(read) => Self::Pinterest(read),
            // Decided before: this path is for production workspaces.
            ConnectError::Sandbox => Self::CodeRefused,
            ConnectError::Port(error) => Self::Port(error),
        }
    }
}
