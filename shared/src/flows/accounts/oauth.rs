//! Connects an account by OAuth: started here, authorized by a person on Pinterest, and finished by the callback; in a
//! browser after the person has confirmed the workspace (decision 0026).

use thiserror::Error;

use super::connect::{self, ConnectError};
use super::connect_simulated;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::account::oauth::{PendingAuthorization, PresentedState, STATE_LIFE_MS};
use crate::domain::account::return_to::ReturnTo;
use crate::domain::ids::WorkspaceId;
use crate::domain::sandbox;
use crate::domain::secret::Secret;
use crate::domain::tenant::{Workspace, WorkspaceEnvironment, WorkspaceState};
use crate::ports::{GrantFailure, PortError, ReadFailure};

/// Why an authorization was not started.
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

/// Why an authorization ended without a connection.
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

/// The connection to start.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The key or the person that starts it, for the log.
    pub by: &'a str,
    /// The callback of a sandbox's connections, when none is configured.
    pub callback_url: &'a str,
    /// Where the browser goes afterwards.
    pub return_to: Option<&'a ReturnTo>,
    pub client_state: Option<String>,
}

/// A finished connection.
#[derive(Clone, Debug)]
pub struct Connected {
    pub account: Account,
    pub workspace_name: String,
    /// The key or the person that started it, as passed to [`start`].
    pub by: String,
}

/// How an authorization ended.
#[derive(Debug)]
pub struct Finished {
    pub result: Result<Connected, FinishError>,
    /// The authorization that ended; `None`: the state was invalid.
    pub pending: Option<PendingAuthorization>,
}

/// What a person is asked before their account is connected.
#[derive(Clone, Debug)]
pub struct Question {
    pub workspace_name: String,
    pub organization_name: Option<String>,
    pub pending: PendingAuthorization,
}

/// Returns the URL at which the person authorizes the connection. In a sandbox no authorization is needed: the URL is
/// the callback's.
///
/// # Errors
/// When no app is configured, the sandbox is full, or the table is unavailable.
pub async fn start(context: &Context, workspace: WorkspaceId, wanted: Start<'_>) -> Result<String, StartError> {
    let (state, text) = PresentedState::compose(workspace, context.system.random());
    let url = match context.tenants.workspace(workspace).await? {
        Some(found) if found.state != WorkspaceState::Active => return Err(StartError::Closed),
        Some(found) if found.environment == WorkspaceEnvironment::Sandbox => {
            let number =
                connect_simulated::next_account(context, workspace).await?.ok_or(StartError::SandboxAccountLimit)?;
            let callback = context.oauth.callback_url().unwrap_or_else(|| wanted.callback_url.to_owned());
            format!("{callback}?state={}&code={}", text.expose(), sandbox::code(number))
        }
        // A workspace that was created this second may not be readable yet: the callback checks again.
        _ => context.oauth.authorization_url(text.expose()).ok_or(StartError::AppMissing)?,
    };
    let pending = PendingAuthorization {
        return_to: wanted.return_to.map(|to| to.as_str().to_owned()),
        client_state: wanted.client_state,
        ..PendingAuthorization::new(wanted.by, context.system.now().plus_ms(STATE_LIFE_MS))
    };
    context.oauth_states.put_state(&state, &pending).await?;
    Ok(url)
}

/// What the person in front of the browser has to know: into which workspace the account will be connected. Leaves the
/// authorization as it is.
///
/// # Errors
/// When the state is invalid, or the table is unavailable.
pub async fn ask(context: &Context, state: Option<&Secret>) -> Result<Question, FinishError> {
    let state = state.and_then(|state| PresentedState::parse(state.expose()).ok()).ok_or(FinishError::StateInvalid)?;
    let pending = context.oauth_states.state(&state).await?.ok_or(FinishError::StateInvalid)?;
    let workspace = open_workspace(context, &state, &pending).await?;
    let organization = context.tenants.organization(workspace.organization).await?;
    let organization_name = organization.map(|known| known.name).filter(|name| *name != workspace.name);
    Ok(Question { workspace_name: workspace.name, organization_name, pending })
}

/// Finishes the connection. Takes the state first, so that it works only once. A crash leaves no account, or a working
/// one, or tokens that the next connection replaces. Without a connection, an existing one is unchanged, unless the
/// port that failed is the table's.
pub async fn finish(context: &Context, callback: Callback) -> Finished {
    let state = callback.state.as_ref().and_then(|state| PresentedState::parse(state.expose()).ok());
    let Some(state) = state else {
        return Finished { result: Err(FinishError::StateInvalid), pending: None };
    };
    let pending = match context.oauth_states.take_state(&state).await {
        Ok(Some(pending)) => pending,
        Ok(None) => return Finished { result: Err(FinishError::StateInvalid), pending: None },
        Err(error) => return Finished { result: Err(error.into()), pending: None },
    };
    let result = finish_taken(context, &state, &pending, callback).await;
    Finished { result, pending: Some(pending) }
}

async fn finish_taken(
    context: &Context,
    state: &PresentedState,
    pending: &PendingAuthorization,
    callback: Callback,
) -> Result<Connected, FinishError> {
    let workspace = open_workspace(context, state, pending).await?;
    let by = pending.by.clone();
    if let Some(error) = callback.error {
        tracing::info!(
            workspace_id = %workspace.id, by, denied = error == "access_denied", "authorization not granted"
        );
        return Err(FinishError::Denied);
    }
    let code = callback.code.filter(|code| !code.is_empty()).ok_or(FinishError::NoCode)?;
    if workspace.environment == WorkspaceEnvironment::Sandbox {
        let number = sandbox::parse_code(code.expose()).ok_or(FinishError::CodeRefused)?;
        let account = connect_simulated::connect_simulated(context, workspace.id, number).await?;
        return Ok(Connected { account, workspace_name: workspace.name, by });
    }
    let tokens = context.oauth.exchange(&code).await.map_err(|failure| {
        tracing::warn!(workspace_id = %workspace.id, ?failure, "authorization code not exchanged");
        FinishError::of_grant(failure)
    })?;
    let account = connect::connect_account(context, workspace.id, &tokens).await?;
    tracing::info!(workspace_id = %workspace.id, account_id = %account.key.account, by, "account connected");
    Ok(Connected { account, workspace_name: workspace.name, by })
}

/// The workspace of an authorization that isn't over.
async fn open_workspace(
    context: &Context,
    state: &PresentedState,
    pending: &PendingAuthorization,
) -> Result<Workspace, FinishError> {
    if pending.expires_at <= context.system.now() {
        return Err(FinishError::StateInvalid);
    }
    let workspace = context.tenants.workspace(state.workspace).await?;
    workspace.filter(may_connect).ok_or(FinishError::StateInvalid)
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
                Self::Unreachable { retry_after_ms: read.repeat_after_ms() }
            }
            ConnectError::Pinterest(read) => Self::Pinterest(read),
            // Decided before: this path is for production workspaces.
            ConnectError::Sandbox => Self::CodeRefused,
            ConnectError::Port(error) => Self::Port(error),
        }
    }
}
