//! The simulated Pinterest: answers for simulated accounts where Pinterest and custody would, so that a sandbox touches neither.
//!
//! [`around`] wraps a world's ports. Whose a call is is told by the account's id, or by the token, which a simulated account has from
//! here; everything else goes through unchanged. No token of a simulated account is ever stored: it is composed from the row
//! that says what Pinterest would remember ([`SimulatedAccount`]). What came of a call isn't remembered at all, but derived from the
//! pin it was made for.

mod boards;
mod oauth;
mod pinterest;
mod secrets;

use std::sync::Arc;

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::sandbox::{SimulatedAccount, SimulatedToken};
use crate::domain::secret::Secret;
use crate::ports::{
    Boards, OAuth, Pinterest, PortError, PortResult, ReadFailure, Secrets, SimulatedAccounts, Store, System,
};

/// The row is written by few; somebody else wins this often at most.
const WRITES_MAX: usize = 5;

/// The ports of the real thing, behind those of the simulated one.
struct Sandbox {
    secrets: Arc<dyn Secrets>,
    pinterest: Arc<dyn Pinterest>,
    boards: Arc<dyn Boards>,
    oauth: Arc<dyn OAuth>,
    accounts: Arc<dyn SimulatedAccounts>,
    store: Arc<dyn Store>,
    system: Arc<dyn System>,
}

/// The world, with simulated accounts answered for by ourselves.
#[must_use]
pub fn around(context: Context, accounts: Arc<dyn SimulatedAccounts>) -> Context {
    let sandbox = Arc::new(Sandbox {
        secrets: Arc::clone(&context.secrets),
        pinterest: Arc::clone(&context.pinterest),
        boards: Arc::clone(&context.boards),
        oauth: Arc::clone(&context.oauth),
        accounts,
        store: Arc::clone(&context.store),
        system: Arc::clone(&context.system),
    });
    Context {
        secrets: Arc::clone(&sandbox) as Arc<dyn Secrets>,
        pinterest: Arc::clone(&sandbox) as Arc<dyn Pinterest>,
        boards: Arc::clone(&sandbox) as Arc<dyn Boards>,
        oauth: sandbox,
        ..context
    }
}

impl Sandbox {
    async fn account(&self, key: AccountKey) -> PortResult<SimulatedAccount> {
        self.accounts.simulated_account(key).await
    }

    /// Changes the account's row, whatever others write to it meanwhile. A change that answers an error writes nothing.
    async fn change<T, E>(
        &self,
        key: AccountKey,
        change: impl Fn(&mut SimulatedAccount) -> Result<T, E>,
    ) -> PortResult<Result<T, E>> {
        for _ in 0..WRITES_MAX {
            let mut next = self.account(key).await?.next(self.system.nonce());
            let answer = match change(&mut next) {
                Ok(answer) => answer,
                refused => return Ok(refused),
            };
            if self.accounts.save_simulated_account(&next).await? {
                return Ok(Ok(answer));
            }
        }
        Err(PortError::Unavailable { port: "table", reason: "a row changes all the time".into() })
    }

    /// The account that the token opens.
    async fn opened(&self, token: SimulatedToken) -> Result<SimulatedAccount, ReadFailure> {
        let account = self.account(token.account).await.map_err(unreachable)?;
        match account.refusal(token) {
            Some(failure) => Err(refused(failure)),
            None => Ok(account),
        }
    }
}

/// Whose the token is, if it is a simulated account's.
fn simulated(token: &Secret) -> Option<SimulatedToken> {
    SimulatedToken::parse(token)
}

/// What Pinterest answers with when it fails like that: the words that [`error_codes`](super::pinterest) reads as that failure.
fn upstream(failure: Failure) -> Upstream {
    use Failure as F;
    let (status, code, message) = match failure {
        F::PinterestUnreachable | F::OutcomeUnknown => return Upstream::default(),
        F::PinterestBusy => (409, 409, "Could not get exclusive access to the board"),
        F::RateLimited => (429, 8, "This request exceeded a rate limit."),
        F::SpamBlock => (403, 9, "Your account is blocked for behaviour that looks like spam"),
        F::TokenRevoked | F::TokenExpired => (401, 2, "Authentication failed."),
        F::ScopeMissing => (401, 3, "Authorization failed. Missing: ['pins:write']"),
        F::TrialAccess => (403, 29, "Apps with Trial access may not create Pins in production"),
        F::FeatureRestricted => (401, 3, "Your application consumer type is not supported"),
        F::BoardNotFound => (404, 40, "Board not found."),
        F::BoardSectionNotFound => (404, 2031, "Sorry! We couldn't find this board section."),
        F::BoardAccessDenied => (403, 29, "You are not permitted to access that resource."),
        F::InvalidUrl => (400, 1, "Whoops! It looks like you entered an invalid URL."),
        F::InvalidRequest => (400, 1, "'title' is not valid"),
        F::ImageTooSmall => (403, 233, "Your image is too small. Please choose a larger image and try again."),
        F::ImageBroken => (403, 235, "Sorry, this image is broken. Please pick a different image."),
        F::ImageUnreachable => (400, 235, "Unable to reach the URL. Please check the URL is correct."),
        F::ImageFormatUnsupported => (400, 12, "The format of the image is not supported"),
        F::LinkBlocked => (400, 1, "We blocked this link because it may lead to spam."),
        _ => (418, 7, "Something that nobody has seen"),
    };
    let request_id = Some("simulated".to_owned());
    Upstream { status: Some(status), code: Some(code), request_id, message: Some(message.to_owned()) }
}

fn refused(failure: Failure) -> ReadFailure {
    ReadFailure { failure, upstream: upstream(failure), retry_after_ms: None }
}

/// Our own table is what can't be reached; for the caller it is the same.
fn unreachable(error: PortError) -> ReadFailure {
    tracing::warn!(%error, "a simulated account could not be read");
    refused(Failure::PinterestUnreachable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::pinterest::error_codes;
    use crate::domain::sandbox::trigger::{self, Trigger};

    #[test]
    fn every_simulated_refusal_reads_as_its_failure_by_the_table_of_pinterests_answers() {
        for (name, asked) in trigger::all() {
            let (Trigger::Refused(failure)
            | Trigger::Passing(failure)
            | Trigger::Endless(failure)
            | Trigger::Once(failure)
            | Trigger::Until(failure)) = asked
            else {
                continue;
            };
            let answer = upstream(failure);
            if failure == Failure::PinterestUnreachable {
                assert_eq!(answer.status, None, "nothing was sent");
                continue;
            }
            let message = answer.message.unwrap_or_default();
            assert_eq!(error_codes::of_create(answer.status.unwrap_or(0), answer.code, &message), failure, "{name}");
        }
    }
}
