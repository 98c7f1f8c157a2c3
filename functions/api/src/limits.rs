//! Limits per caller: two layers over every route of the table. A new route can't forget them.
//!
//! [`charge`] is the outermost one: it counts what the request costs and charges it when the request has ended.
//! [`admit`] lies inside of [`auth::enforce`](crate::auth::enforce), where the caller is known, and refuses callers
//! whose credit is used up. Calls without valid credentials spend the credit of the network that they come from:
//! invalid keys have no rows. A valid key is never refused for what its network did.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers-11.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::credit::{Holder, PINTEREST_CALL_CREDITS, Spent};
use pinbridge_shared::domain::tenant::api_key::PresentedKey;
use pinbridge_shared::flows::tenants::spend_credit::{self, NotAdmitted};
use pinbridge_shared::metering::{self, Metered};

use crate::auth::{self, Access, Caller, Denied};
use crate::endpoint::Endpoint;
use crate::error::{ApiError, codes};
use crate::rate_limit_headers::{POLICY, STANDING};
use crate::source;

/// The least that a call of a public route costs, unless its endpoint says otherwise, in credits.
pub const PUBLIC_CREDITS: u32 = 1;
/// The least that any other call costs, unless its endpoint says otherwise: the rows that authentication reads, and
/// what the call itself reads.
pub const CALL_CREDITS: u32 = 5;
/// What a call with invalid credentials costs the network that it comes from.
pub const INVALID_CREDENTIALS_CREDITS: u32 = 10;

/// The state of the layers of one endpoint.
#[derive(Clone)]
pub struct Limited {
    context: Context,
    access: Access,
    /// The least that a call costs, in credits.
    credits: u32,
    publishes: bool,
}

impl Limited {
    pub fn of(context: &Context, endpoint: &Endpoint) -> Self {
        let (access, credits) = (endpoint.access, endpoint.credits());
        Self { context: context.clone(), access, credits, publishes: publishes(endpoint) }
    }

    /// What the call has cost: at least what its endpoint declares, as far as that is about the table.
    fn cost(&self, metered: Metered) -> u32 {
        let table = metered.read_units.max(self.credits.into());
        u32::try_from(table + metered.pinterest_calls * PINTEREST_CALL_CREDITS).unwrap_or(u32::MAX)
    }
}

/// Calls that create, retry or change pins and schedules. They pass while the row of the credit can't be reached.
fn publishes(endpoint: &Endpoint) -> bool {
    let is_of_pins = ["/v1/pins", "/v1/schedules"].iter().any(|prefix| endpoint.path.starts_with(prefix));
    is_of_pins && endpoint.method != Method::GET
}

/// Whose credit the request spends, once that is known.
#[derive(Clone, Default)]
struct Payer(Arc<Mutex<Option<Holder>>>);

impl Payer {
    fn is(&self, holder: Holder) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(holder);
    }

    fn take(&self) -> Option<Holder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The outermost layer: charges what the call has cost, and adds the headers with what is left.
pub async fn charge(State(limited): State<Limited>, mut request: Request, next: Next) -> Response {
    let context = &limited.context;
    let source = Holder::of_source(&source::of(request.extensions()));
    // A refused caller who goes on costs no reads. (That the key is valid isn't known: the answer is the same.)
    if let Some((holder, spent)) = known_refusal(&limited, request.headers()) {
        return told(context, &holder, refusal(context, spent).into_response(), Some(spent));
    }
    let payer = Payer::default();
    request.extensions_mut().insert(payer.clone());
    let (response, metered) = metering::metered(next.run(request)).await;
    let refused = response.extensions().get::<Refused>().map(|refused| refused.0);
    let holder = match payer.take() {
        Some(holder) if refused.is_some() => return told(context, &holder, response, refused.flatten()),
        Some(holder) => {
            spend_credit::charge(context, &holder, limited.cost(metered)).await;
            holder
        }
        None => return of_refused(&limited, source, response, metered).await,
    };
    told(context, &holder, response, None)
}

/// The answer to a call that authentication refused. (Every other call has a payer.) A caller with valid credentials
/// who may not make it pays it; otherwise the network does.
async fn of_refused(limited: &Limited, source: Holder, response: Response, metered: Metered) -> Response {
    let context = &limited.context;
    let (holder, least) = match response.extensions().get::<Denied>() {
        Some(denied) => (Holder::of_caller(denied.0), 0),
        None => (source, INVALID_CREDENTIALS_CREDITS),
    };
    let is_invalid = response.status().is_client_error();
    if is_invalid && let Err(NotAdmitted::Spent(spent)) = spend_credit::admit(context, &holder, false).await {
        return told(context, &holder, refusal(context, spent).into_response(), Some(spent));
    }
    let cost = if is_invalid { limited.cost(metered).max(least) } else { limited.cost(metered) };
    spend_credit::charge(context, &holder, cost).await;
    told(context, &holder, response, None)
}

/// Marks the response to a call that was not admitted.
#[derive(Clone, Copy)]
struct Refused(Option<Spent>);

/// The layer inside of authentication: refuses callers whose credit is used up.
pub async fn admit(State(limited): State<Limited>, request: Request, next: Next) -> Response {
    let context = &limited.context;
    let extensions = request.extensions();
    let holder = match extensions.get::<Caller>() {
        Some(caller) => Holder::of_caller(caller.who),
        None => Holder::of_source(&source::of(extensions)),
    };
    if let Some(payer) = extensions.get::<Payer>() {
        payer.is(holder.clone());
    }
    let (error, spent) = match spend_credit::admit(context, &holder, limited.publishes).await {
        Ok(()) => return next.run(request).await,
        Err(NotAdmitted::Spent(spent)) => (refusal(context, spent), Some(spent)),
        Err(NotAdmitted::RowUnreachable) => (codes::UNAVAILABLE.into(), None),
    };
    let mut response = error.into_response();
    response.extensions_mut().insert(Refused(spent));
    response
}

fn refusal(context: &Context, spent: Spent) -> ApiError {
    ApiError::from(codes::CALLER_LIMIT).retried(Some(spent.retry_after_s(context.system.now())))
}

/// Whether this instance knows already that the presented key's credit is used up.
fn known_refusal(limited: &Limited, headers: &HeaderMap) -> Option<(Holder, Spent)> {
    let key = PresentedKey::parse(auth::presented_key(headers, limited.access)?).ok()?;
    let holder = Holder::Key(key.id());
    let spent = spend_credit::known_refusal(&limited.context, &holder)?;
    Some((holder, spent))
}

/// The response with the headers that say what the holder may spend, and what is left.
fn told(context: &Context, holder: &Holder, mut response: Response, refused: Option<Spent>) -> Response {
    let Some(standing) = spend_credit::standing(context, holder) else { return response };
    let kind = holder.kind();
    let policy = format!("\"{kind}\";q={};w=60;pinbridge-unit=\"credits\"", standing.allowance.per_minute);
    let left = match refused {
        Some(spent) => format!("\"{kind}\";r=0;t={}", spent.retry_after_s(context.system.now())),
        None => format!("\"{kind}\";r={}", standing.left),
    };
    for (name, value) in [(POLICY, policy), (STANDING, left)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

impl Endpoint {
    /// The least that a call costs, in credits.
    pub fn credits(&self) -> u32 {
        let usual = if self.access == Access::Public { PUBLIC_CREDITS } else { CALL_CREDITS };
        self.declared_credits.unwrap_or(usual)
    }
}
