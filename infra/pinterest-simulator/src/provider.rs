//! All of `/v5` behind two calls, still pure: `receive` decides what to do with a request, `resume` handles a delayed
//! one. The HTTP shell really waits, and a simulation moves its clock; both use the same [`Provider`].

use crate::api::{self, Reply, Request, oauth};
use crate::config::Config;
use crate::errors::ApiError;
use crate::faults::{Fault, FaultBook, Refusal, Visit};
use crate::meter::Meter;
use crate::operations::Operation;
use crate::world::World;
use crate::world::account::{AccountIndex, Caller};
use crate::world::scopes::Scopes;

/// What to do with a request that has arrived.
#[derive(Debug)]
pub enum Plan {
    /// Answer at once.
    Answer(Reply),
    /// Wait, then call [`Provider::resume`], even if the client has disconnected meanwhile: a server handles every
    /// request that it has read.
    Resume { after_ms: u64, admitted: AdmittedRequest },
    /// Keep the connection open without an answer, then close it and call [`Provider::unanswered`].
    Silence { hold_ms: u64, operation: Operation },
}

/// A request that passed authentication and the rate limit.
#[derive(Debug)]
pub struct AdmittedRequest {
    caller: Caller,
    request: Request,
}

/// Pinterest with its faults and its counts.
#[derive(Debug)]
pub struct Provider {
    pub world: World,
    pub faults: FaultBook,
    pub meter: Meter,
    /// Requests so far, for `x-pinterest-rid`.
    requests: u64,
}

/// `x-pinterest-rid` of the first request, with as many digits as Pinterest's.
const FIRST_REQUEST_ID: u64 = 1_000_000_000_000_000;

impl Provider {
    /// A simulated Pinterest without accounts; see [`World::new`].
    pub fn new(config: Config) -> Self {
        Self { faults: FaultBook::new(config.seed), world: World::new(config), meter: Meter::default(), requests: 0 }
    }

    /// Decides what to do with a request that has been read completely.
    pub fn receive(&mut self, now_ms: i64, request: Request) -> Plan {
        self.world.commit_due(now_ms);
        let operation = request.operation;
        let caller = self.identify(now_ms, &request);
        let account = caller.as_ref().ok().map(|caller| caller.account).filter(|account| *account != NO_ACCOUNT);
        self.meter.arrived(now_ms, operation, account);
        match caller.and_then(|caller| self.admit(now_ms, caller, operation)) {
            Err(error) => Plan::Answer(self.answer(account, operation, Err(error))),
            Ok(caller) => self.plan(now_ms, AdmittedRequest { caller, request }),
        }
    }

    /// Handles a request that [`Plan::Resume`] delayed.
    pub fn resume(&mut self, now_ms: i64, admitted: AdmittedRequest) -> Reply {
        self.world.commit_due(now_ms);
        self.handle(now_ms, &admitted)
    }

    /// Counts the end of a [`Plan::Silence`].
    pub fn unanswered(&mut self, operation: Operation) {
        self.meter.unanswered(operation);
    }

    /// Refuses a request that reached no operation.
    pub fn refuse(&mut self, now_ms: i64, error: ApiError) -> Reply {
        self.world.commit_due(now_ms);
        self.meter.arrived(now_ms, Operation::Unknown, None);
        self.answer(None, Operation::Unknown, Err(error))
    }

    /// The caller, by the access token or, for a grant, by the grant's account.
    fn identify(&self, now_ms: i64, request: &Request) -> Result<Caller, ApiError> {
        if request.operation == Operation::OauthToken {
            let account = oauth::account_of(&self.world, request).unwrap_or(NO_ACCOUNT);
            return Ok(Caller { account, scopes: Scopes::NONE });
        }
        self.world.authenticate(now_ms, request.bearer().unwrap_or_default())
    }

    fn admit(&mut self, now_ms: i64, caller: Caller, operation: Operation) -> Result<Caller, ApiError> {
        caller.require_for(operation)?;
        if caller.account != NO_ACCOUNT {
            self.world.admit(now_ms, caller.account, operation)?;
            self.meter.accepted(now_ms, operation, caller.account);
        }
        Ok(caller)
    }

    fn plan(&mut self, now_ms: i64, mut admitted: AdmittedRequest) -> Plan {
        let operation = admitted.request.operation;
        match self.pick_fault(now_ms, &admitted) {
            None => Plan::Answer(self.handle(now_ms, &admitted)),
            Some(Fault::Status(refusal)) => Plan::Answer(self.refuse_with(&admitted, refusal)),
            Some(Fault::Delay { delay_ms }) => Plan::Resume { after_ms: delay_ms, admitted },
            Some(Fault::TimeoutBeforeCommit { hold_ms }) => Plan::Silence { hold_ms, operation },
            Some(Fault::TimeoutAfterCommit { hold_ms }) => match self.dispatch(now_ms, &admitted) {
                Ok(_) => Plan::Silence { hold_ms, operation },
                own_refusal => Plan::Answer(self.answer_admitted(&admitted, own_refusal)),
            },
            Some(Fault::DropConnection { after_commit }) => {
                if after_commit {
                    // The result doesn't matter: the client never gets it.
                    let _ = self.dispatch(now_ms, &admitted);
                }
                Plan::Silence { hold_ms: 0, operation }
            }
            Some(Fault::StaleList { lag_ms }) => {
                admitted.request.as_of_ms = now_ms.saturating_sub_unsigned(lag_ms);
                Plan::Answer(self.handle(now_ms, &admitted))
            }
            Some(Fault::RewriteList { ways }) => {
                let mut reply = self.handle(now_ms, &admitted);
                reply.rewrite_pins(&ways);
                Plan::Answer(reply)
            }
            Some(Fault::ErrorAfterCommit(refusal)) => match self.dispatch(now_ms, &admitted) {
                Ok(_) => Plan::Answer(self.refuse_with(&admitted, refusal)),
                own_refusal => Plan::Answer(self.answer_admitted(&admitted, own_refusal)),
            },
            Some(Fault::LateCommit { commit_after_ms, hold_ms }) => {
                let at_ms = now_ms.saturating_add_unsigned(commit_after_ms);
                match api::pins::plan(&mut self.world, now_ms, at_ms, admitted.caller, &admitted.request) {
                    Ok(()) => Plan::Silence { hold_ms, operation },
                    Err(error) => Plan::Answer(self.answer_admitted(&admitted, Err(error))),
                }
            }
            Some(Fault::RevokeToken { refresh_too }) => {
                self.world.revoke_tokens(admitted.caller.account, refresh_too);
                let refusal = Err(crate::errors::AUTHENTICATION_FAILED);
                Plan::Answer(self.answer_admitted(&admitted, refusal))
            }
        }
    }

    fn pick_fault(&mut self, now_ms: i64, admitted: &AdmittedRequest) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let request = &admitted.request;
        let title = (request.operation == Operation::PinsCreate).then(|| api::pins::title_of(&request.body)).flatten();
        let account = self.world.account(admitted.caller.account);
        self.faults.pick(Visit {
            operation: request.operation,
            account: account.map(|account| (account.username.as_str(), account.id.as_str())),
            title: title.as_deref(),
            now_ms,
        })
    }

    fn handle(&mut self, now_ms: i64, admitted: &AdmittedRequest) -> Reply {
        let outcome = self.dispatch(now_ms, admitted);
        self.answer_admitted(admitted, outcome)
    }

    fn dispatch(&mut self, now_ms: i64, admitted: &AdmittedRequest) -> Result<Reply, ApiError> {
        api::dispatch(&mut self.world, now_ms, admitted.caller, &admitted.request)
    }

    fn refuse_with(&mut self, admitted: &AdmittedRequest, refusal: Refusal) -> Reply {
        let mut reply = self.answer_admitted(admitted, Err(refusal.error));
        for (name, value) in refusal.headers {
            reply.headers.retain(|(usual, _)| *usual != name);
            reply.headers.push((name, value));
        }
        if let Some(body) = refusal.body {
            reply.body = Some(body.into_bytes());
        }
        reply
    }

    fn answer_admitted(&mut self, admitted: &AdmittedRequest, outcome: Result<Reply, ApiError>) -> Reply {
        let account = Some(admitted.caller.account).filter(|account| *account != NO_ACCOUNT);
        self.answer(account, admitted.request.operation, outcome)
    }

    /// Adds the headers to an answer and counts it. Every answer passes here.
    fn answer(
        &mut self,
        account: Option<AccountIndex>,
        operation: Operation,
        outcome: Result<Reply, ApiError>,
    ) -> Reply {
        let mut reply = outcome.unwrap_or_else(|error| Reply::from(&error));
        let quota = self.world.quota(account, operation);
        let request_id = FIRST_REQUEST_ID + self.requests;
        self.requests += 1;
        self.meter.answered(operation, reply.status);
        reply.headers = [
            ("x-pinterest-rid", request_id.to_string()),
            ("x-ratelimit-limit", quota.limit),
            ("x-ratelimit-remaining", quota.remaining.to_string()),
            ("x-ratelimit-reset", quota.reset_s.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        reply
    }
}

/// Stands for the account of a grant that belongs to no account.
const NO_ACCOUNT: AccountIndex = AccountIndex::MAX;

#[cfg(test)]
mod tests;
