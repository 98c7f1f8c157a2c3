//! Proves that mail to an address reaches the person who registered with it. Before that, a registration is a claim
//! ([`proof`](crate::domain::tenant::proof)): whether the address has an account shows in a mail to it, and nowhere
//! else.

use thiserror::Error;

use super::WRITES_MAX;
use super::by_address::by_address;
use super::log_in::Presence;
use super::people::PeopleError;
use super::projects::Projects;
use crate::config::Registration;
use crate::context::Context;
use crate::domain::ids::UserId;
use crate::domain::mail::{self, Mail};
use crate::domain::secret::Secret;
use crate::domain::tenant::claim::{Claim, MAIL_EVERY_MS};
use crate::domain::tenant::login::TooMany;
use crate::domain::tenant::one_time::{self, PresentedToken};
use crate::domain::tenant::proof::{Awaited, LINK_MS, Proof, Prospect};
use crate::domain::tenant::user::User;
use crate::domain::time::SECOND_MS;
use crate::ports::{Admission, OptimisticWrites, PortError, PortResult};

/// Why an address was not verified, or no link was sent.
#[derive(Debug, Error)]
pub enum ProofError {
    /// The link is unknown, was used or replaced, or has expired, or somebody else has proven or claimed the address.
    /// The caller isn't told which.
    #[error("no such link, or not any more")]
    Link,
    #[error("registration is closed")]
    Closed,
    #[error("too many mails to the address")]
    TooMany { retry_after_s: u64 },
    #[error("the deployment sends no mail")]
    NoMail,
    /// The mail was refused, or not taken in time.
    #[error("the mail could not be sent")]
    Unsent(#[source] PortError),
    #[error(transparent)]
    Person(#[from] PeopleError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The result of a request for another mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// The next one can be asked for after so many seconds.
    Sent {
        next_after_s: i64,
    },
    AlreadyProven,
}

/// Sends another mail, whose link replaces the one before.
///
/// # Errors
/// When the address had too many mails, no mail can be sent, or a port is unavailable.
pub async fn request(context: &Context, id: UserId) -> Result<Requested, ProofError> {
    let user = context.tenants.user(id).await?.ok_or(PeopleError::NotFound)?;
    let Proof::Awaited(awaited) = &user.proof else { return Ok(Requested::AlreadyProven) };
    if context.mailer.is_none() {
        return Err(ProofError::NoMail);
    }
    let now = context.system.now();
    let retry = |refused: TooMany| ProofError::TooMany { retry_after_s: refused.retry_after_s(now) };
    let (token, link) = one_time::issue(user.id.0, context.system.random());
    let proof = Proof::Awaited(Awaited { link, link_until: now.plus_ms(LINK_MS), ..awaited.clone() });
    let next = User { proof, ..user.next(context.nonce()) };
    let rows = context.tenants.address(&user.email).await?;
    let claimed = (user.id, awaited.until);
    let claim = Claim::mailed(rows.claim.as_ref(), &user.email, claimed, now, context.nonce()).map_err(retry)?;
    if !context.tenants.save_claim(&next, &claim).await?.is_done() {
        return Err(retry(TooMany { until: now.plus_ms(MAIL_EVERY_MS) }));
    }
    let mail = mail(context, &next, &token).await?;
    send(context, &mail).await.map_err(ProofError::Unsent)?;
    Ok(Requested::Sent { next_after_s: MAIL_EVERY_MS / SECOND_MS })
}

/// The mail to the person. An owner learns that somebody registers with their address. Both mails are sent at the same
/// cost.
pub(super) async fn mail(context: &Context, user: &User, token: &Secret) -> PortResult<Mail> {
    let (to, url) = (user.email.clone(), context.settings.api_url.as_str());
    let is_taken = by_address(context, &user.email).await?.owner.is_some();
    Ok(match user.registration().filter(|_| !is_taken) {
        Some(registration) => mail::verification(to, url, &registration, token),
        None => mail::already_registered(to, url),
    })
}

/// # Errors
/// When the mail is refused, or not taken in time.
pub(super) async fn send(context: &Context, mail: &Mail) -> PortResult<()> {
    let mailer = context.mailer.as_ref().ok_or_else(|| broken("the deployment sends no mail"))?;
    mailer.send(mail).await
}

/// Proves the address that the link was sent to: it is the person's from then on, and what they found is there.
///
/// # Errors
/// When the link is not good, registration was closed in the meantime, or a port is unavailable.
pub async fn prove(context: &Context, token: &str) -> Result<Presence, ProofError> {
    let token = PresentedToken::parse(token).ok_or(ProofError::Link)?;
    let mut writes = OptimisticWrites::of("person", WRITES_MAX);
    loop {
        writes.begin()?;
        let user = registered(context, &token).await?;
        let now = context.system.now();
        let (organization, workspace) = user.prospect(&context.nonce()).ok_or(ProofError::Link)?;
        let user = User { proof: Proof::Proven(now), ..user.next(context.nonce()) };
        let founds = Some((&organization, &workspace));
        if context.tenants.admit(Admission { user: &user, founds, invitation: None }).await?.is_done() {
            let projects = Projects { organization, workspaces: vec![workspace.clone()] };
            return Ok(Presence { user, active: workspace, projects });
        }
    }
}

/// The registration that the link proves, for the question whether to prove it. Changes nothing.
///
/// # Errors
/// As [`prove`].
pub async fn ask(context: &Context, token: &str) -> Result<Prospect, ProofError> {
    let token = PresentedToken::parse(token).ok_or(ProofError::Link)?;
    registered(context, &token).await?.registration().ok_or(ProofError::Link)
}

/// The person whose address the link proves. Only the link in the newest mail to an address does, whoever registered:
/// otherwise the link of a stranger's registration would go on working beside that of the address's owner.
async fn registered(context: &Context, token: &PresentedToken) -> Result<User, ProofError> {
    let user = context.tenants.user(UserId(token.id)).await?.ok_or(ProofError::Link)?;
    let now = context.system.now();
    let is_good = user.proof.awaited().is_some_and(|awaited| awaited.is_proven_by(token, now));
    if !is_good {
        return Err(ProofError::Link);
    }
    if context.settings.registration != Registration::Open {
        return Err(ProofError::Closed);
    }
    let known = by_address(context, &user.email).await?;
    let is_newest = known.claimant.is_some_and(|claimant| claimant.id == user.id);
    if known.owner.is_none() && is_newest { Ok(user) } else { Err(ProofError::Link) }
}

fn broken(reason: &str) -> PortError {
    PortError::Broken { port: "mail", reason: reason.to_owned() }
}
