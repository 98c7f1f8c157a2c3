//! The simulated Pinterest: answers for simulated accounts in the place of Pinterest and custody, so that a sandbox
//! calls neither.
//!
//! [`around`] wraps a context's ports. The account's id, or the token, shows whether a call is for a simulated account;
//! such tokens come from here. Every other call goes through unchanged. No token of a simulated account is ever stored:
//! it is composed from the row that has what Pinterest would remember ([`SimulatedAccount`]). The result of a call
//! isn't stored either, but derived from the pin that the call was made for.

mod boards;
mod oauth;
mod pinterest;
mod secrets;

use std::sync::Arc;

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::sandbox::{OWN_BOARDS_MAX, SECTIONS_MAX, SimulatedAccount, SimulatedToken};
use crate::domain::secret::Secret;
use crate::ports::OptimisticWrites;
use crate::ports::{
    Boards, OAuth, Pinterest, PortError, PortResult, ReadFailure, Secrets, SimulatedAccounts, Store, System, Write,
};

/// Rounds of a write. Callers that fill an account at once make each other lose no more often than it has places for
/// boards and sections; the others are a refresh, a reconnection, or changes of boards.
const WRITES_MAX: usize = OWN_BOARDS_MAX + SECTIONS_MAX + 5;

/// The real ports, behind the simulated ones.
struct Sandbox {
    secrets: Arc<dyn Secrets>,
    pinterest: Arc<dyn Pinterest>,
    boards: Arc<dyn Boards>,
    oauth: Arc<dyn OAuth>,
    accounts: Arc<dyn SimulatedAccounts>,
    store: Arc<dyn Store>,
    system: Arc<dyn System>,
}

/// The context, in which calls for simulated accounts are answered here.
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

    /// Changes the account's row, also when other writers come first. A change that returns an error writes nothing.
    async fn change<T, E>(
        &self,
        key: AccountKey,
        change: impl Fn(&mut SimulatedAccount) -> Result<T, E>,
    ) -> PortResult<Result<T, E>> {
        let mut writes = OptimisticWrites::of("row", WRITES_MAX);
        loop {
            writes.begin()?;
            let mut next = self.account(key).await?.next(self.system.nonce());
            let answer = match change(&mut next) {
                Ok(answer) => answer,
                refused => return Ok(refused),
            };
            match self.accounts.save_simulated_account(&next).await {
                Ok(Write::Done) => return Ok(Ok(answer)),
                // A row in another writer's transaction is a lost round too.
                Ok(Write::Conflict(())) | Err(PortError::Contended { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The account that the token belongs to, if the token is accepted.
    async fn opened(&self, token: SimulatedToken) -> Result<SimulatedAccount, ReadFailure> {
        let account = self.account(token.account).await.map_err(unreachable)?;
        match account.refusal(token) {
            Some(failure) => Err(refused(failure)),
            None => Ok(account),
        }
    }
}

/// The simulated token, if it is one.
fn simulated(token: &Secret) -> Option<SimulatedToken> {
    SimulatedToken::parse(token)
}

/// Pinterest's answer for a failure: the words that [`error_codes`](super::pinterest::error_codes) maps to that
/// failure.
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
        F::DescriptionBlocked => (400, 9, "Sorry, we've blocked this description because it contains a link."),
        F::LinkBlocked => (400, 1, "We blocked this link because it may lead to spam."),
        // The verdicts of this system are no answers of Pinterest.
        F::Unrecognised
        | F::AttemptsExhausted
        | F::OutcomeAmbiguous
        | F::OutcomeUnverifiable
        | F::ConfirmedAbsent
        | F::ExpiredUnpublished
        | F::AccountDisconnected
        | F::DeadLettered
        | F::PinDeleted
        | F::ScheduleCanceled
        | F::KeyTaken
        | F::TooLate => (418, 77, "Something that nobody has seen"),
    };
    let request_id = Some("simulated".to_owned());
    Upstream {
        status: Some(status),
        code: Some(code),
        request_id,
        message: Some(message.to_owned()),
        transport_error: None,
    }
}

fn refused(failure: Failure) -> ReadFailure {
    ReadFailure { failure, upstream: upstream(failure), retry_after_ms: None }
}

/// Our own table is unavailable: the caller sees Pinterest's outage. Contention is no outage: the caller sees what
/// Pinterest answers while it changes a board for others.
fn unreachable(error: PortError) -> ReadFailure {
    tracing::warn!(%error, "simulated account unavailable");
    match error {
        PortError::Contended { .. } => refused(Failure::PinterestBusy),
        PortError::Unavailable { .. } | PortError::Broken { .. } => refused(Failure::PinterestUnreachable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::pinterest::error_codes;
    use crate::adapters::pinterest::words::Words;
    use crate::domain::sandbox::trigger::{self, Trigger};

    #[test]
    fn the_error_table_maps_every_simulated_refusal_to_its_failure() {
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
            let said = Words::of(&answer.message.unwrap_or_default(), &[]);
            assert_eq!(error_codes::of_create(answer.status.unwrap_or(0), answer.code, &said), failure, "{name}");
        }
    }
}
