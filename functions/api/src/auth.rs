//! Authenticates the caller and checks their access, once, before any handler runs.
//!
//! An API key comes in `X-API-Key` or as a bearer token, the token of a session as a bearer token. If a request has
//! both headers, `X-API-Key` counts; on an endpoint for people, which takes no key, the session counts. A header with
//! several credentials is refused. [`enforce`] is a layer over every route of the table, so a new route can't forget
//! it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, UserId, WorkspaceId};
use pinbridge_shared::domain::pin::origin::{Origin, RequestId};
use pinbridge_shared::domain::tenant::WorkspaceState;
use pinbridge_shared::domain::tenant::api_key::{Maker, is_key};
use pinbridge_shared::domain::tenant::scope::{Scope, Scopes};
use pinbridge_shared::domain::tenant::session::Session;
use pinbridge_shared::domain::tenant::user::Email;
use pinbridge_shared::flows::tenants::authenticate::{self, Grant, Refused};
use url::form_urlencoded;
use uuid::Uuid;

pub use pinbridge_shared::flows::tenants::authenticate::Who;

use crate::error::{ApiError, codes};
use crate::{flag, request_id};

/// Stands for a credential that isn't ASCII. No key is called so.
const UNREADABLE: &str = "?";

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody. The handler knows no caller.
    Public,
    /// Keys and people with the scope.
    Scope(Scope),
    /// Keys and people with the scope `read` or `write`: for dry runs, which change nothing, and which are made before
    /// a write.
    ReadOrWrite,
    /// [`Self::ReadOrWrite`] with the query parameter `dry_run=true`, otherwise the scope `write`.
    WriteOrDryRun,
    /// People only.
    Session,
    /// People only, also those whose address isn't proven yet.
    AnySession,
    /// An owner, or a key with every scope and no allow-list.
    Administer,
}

impl Access {
    /// The value of `x-access` in the OpenAPI document.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Scope(scope) => scope.name(),
            Self::ReadOrWrite => "read_or_write",
            Self::WriteOrDryRun => "write_or_dry_run",
            Self::Session | Self::AnySession => "session",
            Self::Administer => "administer",
        }
    }

    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Session | Self::AnySession)
    }

    /// The access that a request to this address needs: a dry run may need less.
    fn of(self, uri: &Uri) -> Self {
        if self != Self::WriteOrDryRun {
            return self;
        }
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        // Of a repeated parameter, the last counts.
        let dry_run = query.filter(|(name, _)| name == "dry_run").last().and_then(|(_, value)| flag::read(&value));
        if dry_run == Some(true) { Self::ReadOrWrite } else { Self::Scope(Scope::Write) }
    }

    /// # Errors
    /// When the caller may not call the endpoint.
    pub fn admits(self, caller: &Caller) -> Result<(), ApiError> {
        if !caller.is_proven && !matches!(self, Self::Public | Self::AnySession) {
            return Err(codes::EMAIL_NOT_VERIFIED.into());
        }
        match self {
            Self::Public => Ok(()),
            Self::Scope(scope) => caller.require(scope),
            Self::ReadOrWrite if caller.scopes.has(Scope::Read) => Ok(()),
            Self::ReadOrWrite | Self::WriteOrDryRun => caller.require(Scope::Write),
            Self::Session | Self::AnySession if matches!(caller.who, Who::User(_)) => Ok(()),
            Self::Session | Self::AnySession => Err(codes::SESSION_REQUIRED.into()),
            Self::Administer => {
                Scope::ALL.into_iter().try_for_each(|scope| caller.require(scope))?;
                if caller.allowed.is_some() { Err(codes::KEY_IS_LIMITED.into()) } else { Ok(()) }
            }
        }
    }
}

/// The accounts for which a request passed the check of the allow-list.
#[derive(Clone, Debug, Default)]
pub struct Touched(Arc<Mutex<Vec<AccountId>>>);

impl Touched {
    pub fn add(&self, account: AccountId) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Readers only need to know whether there was exactly one.
        if accounts.len() < 2 && !accounts.contains(&account) {
            accounts.push(account);
        }
    }

    /// Part of the request may be for any account. Its entry in the activity log then names no account, so that no key
    /// that is limited to one reads it.
    pub fn add_unknown(&self) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.resize(2, AccountId(Uuid::nil()));
    }

    /// The account, if the request used exactly one.
    pub fn only(&self) -> Option<AccountId> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() == 1 { accounts.first().copied() } else { None }
    }
}

/// The caller of a request, and the one workspace that they may use.
#[derive(Clone, Debug)]
pub struct Caller {
    pub workspace: WorkspaceId,
    pub who: Who,
    pub scopes: Scopes,
    /// The name of the key, or the email address of the person.
    pub label: Arc<str>,
    /// For the activity log.
    pub touched: Touched,
    /// False for a person whose address isn't proven: they may call nearly nothing.
    is_proven: bool,
    /// Who made the first key of the chain that the key comes from.
    root: Option<Who>,
    session: Option<Session>,
    /// The id of this request, as the pins that it submits keep it.
    request: Option<RequestId>,
    /// The accounts that the key may use. `None`: all accounts of the workspace.
    allowed: Option<Arc<[AccountId]>>,
}

impl Caller {
    /// The person who calls.
    ///
    /// # Errors
    /// When the caller is a key.
    pub fn user(&self) -> Result<UserId, ApiError> {
        match self.who {
            Who::User(id) => Ok(id),
            Who::Key(_) => Err(codes::SESSION_REQUIRED.into()),
        }
    }

    /// The session of the person who calls.
    ///
    /// # Errors
    /// When the caller is a key.
    pub fn session(&self) -> Result<&Session, ApiError> {
        self.session.as_ref().ok_or_else(|| codes::SESSION_REQUIRED.into())
    }

    /// The origin of a pin that this request submits.
    pub fn submits(&self) -> Origin {
        Origin { request: self.request, ..Origin::by(self.who) }
    }

    /// The origin of a schedule that the caller creates.
    pub fn plants(&self) -> Origin {
        Origin { root: self.root, ..Origin::by(self.who) }
    }

    /// The caller as the creator of a key.
    pub fn maker(&self) -> Maker {
        Maker { who: self.who, workspace: self.workspace, session: self.session }
    }

    /// The address of the person who calls; `None` of a key.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn email(&self, context: &Context) -> Result<Option<Email>, ApiError> {
        match self.who {
            Who::User(id) => Ok(context.tenants.user(id).await?.map(|user| user.email)),
            Who::Key(_) => Ok(None),
        }
    }

    /// # Errors
    /// When the caller lacks the scope.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.has(scope) { Ok(()) } else { Err(ApiError::insufficient_scope(scope)) }
    }

    /// Whether the caller may use the account. Lists leave out the others.
    pub fn sees(&self, account: AccountId) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&account))
    }

    /// # Errors
    /// When the key's allow-list leaves the account out.
    pub fn may_use(&self, account: AccountId) -> Result<(), ApiError> {
        if !self.sees(account) {
            return Err(codes::ACCOUNT_NOT_PERMITTED.into());
        }
        self.touched.add(account);
        Ok(())
    }

    /// Refuses what belongs to an account that the caller may not use, such as a pin that the path names: for the
    /// caller it doesn't exist. With another answer, a key would learn which ids there are.
    ///
    /// # Errors
    /// When the key's allow-list leaves the account out.
    pub fn may_see(&self, account: AccountId, resource: &str) -> Result<(), ApiError> {
        self.may_use(account).map_err(|_| ApiError::not_found(resource))
    }

    /// The key of the account in the caller's workspace. The account may not exist.
    ///
    /// # Errors
    /// When the key's allow-list leaves the account out.
    pub fn account(&self, account: AccountId) -> Result<AccountKey, ApiError> {
        self.may_use(account).map(|()| AccountKey { workspace: self.workspace, account })
    }

    /// The allow-list of the caller, if there is one.
    pub fn limited_to(&self) -> Option<&[AccountId]> {
        self.allowed.as_deref()
    }
}

impl From<Refused> for ApiError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::Key => codes::INVALID_API_KEY.into(),
            Refused::Session => codes::INVALID_SESSION.into(),
            Refused::Port(error) => error.into(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    /// The caller that [`enforce`] authenticated. A handler of a public endpoint must not extract one.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::no_caller)
    }
}

/// The layer over one route.
pub async fn enforce(State((context, access)): State<(Context, Access)>, mut request: Request, next: Next) -> Response {
    // A cache must not store what one caller may read, or the answer to credentials.
    let is_private = access != Access::Public || request.method() != Method::GET;
    let admitted = match access {
        Access::Public => Ok(()),
        _ => admit(&context, access.of(request.uri()), &mut request).await,
    };
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(response) => response,
    };
    if is_private {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Marks the response to a caller who was authenticated, and may not call the endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Denied(pub Who);

/// Adds the caller to the request.
///
/// # Errors
/// The response to a caller who isn't known, or may not call the endpoint.
async fn admit(context: &Context, access: Access, request: &mut Request) -> Result<(), Response> {
    let (caller, is_resetting) =
        authenticated(context, access, request.headers()).await.map_err(IntoResponse::into_response)?;
    let request_id = request.extensions().get::<request_id::RequestId>().and_then(|id| RequestId::parse(&id.0));
    let caller = Caller { request: request_id, ..caller };
    // A person can still read about the workspace and switch to another one.
    let may_call = if is_resetting && !access.is_for_people() {
        Err(codes::WORKSPACE_RESETTING.into())
    } else {
        access.admits(&caller)
    };
    may_call.map_err(|error| {
        let mut response = error.into_response();
        response.extensions_mut().insert(Denied(caller.who));
        response
    })?;
    request.extensions_mut().insert(caller);
    Ok(())
}

/// The caller, and whether their workspace is being reset.
async fn authenticated(context: &Context, access: Access, headers: &HeaderMap) -> Result<(Caller, bool), ApiError> {
    let Grant { who, label, workspace, scopes, allowed, session, is_proven, root } =
        match presented(headers, access)?.ok_or(codes::MISSING_API_KEY)? {
            Presented::Key(text) => authenticate::by_key(context, text).await?,
            Presented::Session(token) => authenticate::by_session(context, token).await?,
        };
    let (label, allowed) = (Arc::from(label), allowed.map(Arc::from));
    let touched = Touched::default();
    let caller = Caller {
        workspace: workspace.id,
        who,
        scopes,
        label,
        touched,
        is_proven,
        root,
        session,
        request: None,
        allowed,
    };
    Ok((caller, workspace.state == WorkspaceState::Resetting))
}

#[derive(PartialEq, Eq)]
enum Presented<'a> {
    Key(&'a str),
    Session(&'a str),
}

/// The API key of the request, if it has one and no session counts before it.
pub fn presented_key(headers: &HeaderMap, access: Access) -> Option<&str> {
    match presented(headers, access).ok()?? {
        Presented::Key(text) => Some(text),
        Presented::Session(_) => None,
    }
}

/// The credential that counts for such an endpoint.
///
/// # Errors
/// When a header field has several.
fn presented(headers: &HeaderMap, access: Access) -> Result<Option<Presented<'_>>, ApiError> {
    let key = single(headers, "x-api-key", |key| Some(Presented::Key(key)).filter(|_| !key.is_empty()))?;
    let bearer = single(headers, AUTHORIZATION.as_str(), bearer)?;
    Ok(match (key, bearer) {
        // The official client sends its key on, also after a login.
        (Some(_), Some(session @ Presented::Session(_))) if access.is_for_people() => Some(session),
        (key, bearer) => key.or(bearer),
    })
}

/// The one credential of the header field. API Gateway joins several fields with commas, which no key and no token has.
///
/// # Errors
/// When there are several: nobody could say which of them counts.
fn single<'a>(
    headers: &'a HeaderMap,
    name: &str,
    read: impl Fn(&'a str) -> Option<Presented<'a>>,
) -> Result<Option<Presented<'a>>, ApiError> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or(UNREADABLE));
    let mut credentials = values.flat_map(|value| value.split(',')).map(str::trim).filter_map(read);
    let first = credentials.next();
    if credentials.any(|other| Some(&other) != first.as_ref()) {
        return Err(codes::SEVERAL_CREDENTIALS.into());
    }
    Ok(first)
}

fn bearer(header: &str) -> Option<Presented<'_>> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())?;
    Some(if is_key(token) { Presented::Key(token) } else { Presented::Session(token) })
}

#[cfg(test)]
mod tests {
    use pinbridge_shared::domain::ids::KeyId;

    use super::*;

    fn account(id: u128) -> AccountId {
        AccountId(Uuid::from_u128(id))
    }

    fn caller(who: Who, scopes: &[Scope], allowed: Option<&[AccountId]>) -> Caller {
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let (scopes, allowed) = (scopes.iter().copied().collect(), allowed.map(Arc::from));
        let (label, touched) = ("caller".into(), Touched::default());
        let (is_proven, root, session, request) = (true, None, None, None);
        Caller { workspace, who, scopes, label, touched, is_proven, root, session, request, allowed }
    }

    #[test]
    fn an_allow_list_leaves_every_other_account_out() {
        let key = Who::Key(KeyId(Uuid::from_u128(2)));
        let free = caller(key, &Scope::ALL, None);
        assert!(free.may_use(account(7)).is_ok() && free.limited_to().is_none());
        let limited = caller(key, &Scope::ALL, Some(&[account(7)]));
        assert!(limited.sees(account(7)) && !limited.sees(account(8)));
        assert!(limited.account(account(7)).is_ok() && limited.account(account(8)).is_err());
        let unseen = limited.may_see(account(8), "pin").expect_err("of another account");
        assert_eq!((unseen.status().as_u16(), unseen.code()), (404, "not_found"));
        let of_none = caller(key, &Scope::ALL, Some(&[]));
        assert!(!of_none.sees(account(7)), "an empty list opens nothing");
    }

    #[test]
    fn each_access_admits_whom_it_is_for() {
        let (key, user) = (Who::Key(KeyId(Uuid::from_u128(2))), Who::User(UserId(Uuid::from_u128(3))));
        let reads = caller(key, &[Scope::Read], None);
        let all = caller(key, &Scope::ALL, None);
        let limited = caller(key, &Scope::ALL, Some(&[account(7)]));
        let person = caller(user, &Scope::ALL, None);
        let admitted = |access: Access| [&reads, &all, &limited, &person].map(|caller| access.admits(caller).is_ok());
        assert_eq!(admitted(Access::Scope(Scope::Read)), [true; 4]);
        assert_eq!(admitted(Access::Scope(Scope::Write)), [false, true, true, true]);
        assert_eq!(admitted(Access::Scope(Scope::Destructive)), [false, true, true, true]);
        assert_eq!(admitted(Access::ReadOrWrite), [true; 4]);
        assert_eq!(admitted(Access::WriteOrDryRun), [false, true, true, true]);
        assert_eq!(admitted(Access::Session), [false, false, false, true]);
        assert_eq!(admitted(Access::AnySession), [false, false, false, true]);
        assert_eq!(admitted(Access::Administer), [false, true, false, true]);
    }

    #[test]
    fn a_dry_run_by_its_parameter_needs_one_of_two_scopes() {
        let of = |uri: &str| Access::WriteOrDryRun.of(&uri.parse().expect("an address"));
        for uri in ["/a?dry_run=true", "/a?priority=bulk&dry_run=1", "/a?dry_run=false&dry_run=true"] {
            assert_eq!(of(uri), Access::ReadOrWrite, "{uri}");
        }
        for uri in
            ["/a", "/a?dry_run", "/a?dry_run=false", "/a?dry_run=yes", "/a?dryrun=true", "/a?dry_run=true&dry_run=0"]
        {
            assert_eq!(of(uri), Access::Scope(Scope::Write), "{uri}");
        }
        assert_eq!(Access::Administer.of(&"/a?dry_run=true".parse().expect("an address")), Access::Administer);
    }

    #[test]
    fn an_unproven_person_is_admitted_where_the_endpoint_says_so() {
        let owner = caller(Who::User(UserId(Uuid::from_u128(3))), &Scope::ALL, None);
        let unproven = Caller { is_proven: false, ..owner };
        let all = [Access::Scope(Scope::Read), Access::Session, Access::Administer];
        for access in all {
            let refused = access.admits(&unproven).expect_err("unproven");
            assert_eq!((refused.status().as_u16(), refused.code()), (403, "email_not_verified"), "{access:?}");
        }
        assert!(Access::AnySession.admits(&unproven).is_ok());
    }
}
