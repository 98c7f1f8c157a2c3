//! The whole of `/v5` behind two calls, still pure: `receive` says what to do with a request, `resume` does what was
//! put off. A shell waits for real, a simulation moves its clock; both see the same Pinterest.

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
    /// Wait, then call [`Provider::resume`], even if the client has gone meanwhile: a server that has read a
    /// request handles it.
    Resume { after_ms: u64, visitor: Visitor },
    /// Keep the connection without a word, then close it and call [`Provider::unanswered`].
    Silence { hold_ms: u64, operation: Operation },
}

/// A request that was let in.
#[derive(Debug)]
pub struct Visitor {
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

/// `x-pinterest-rid` of the first request, in the size of live ones.
const FIRST_REQUEST_ID: u64 = 1_000_000_000_000_000;

impl Provider {
    /// A Pinterest without accounts; see [`World::new`].
    pub fn new(config: Config) -> Self {
        Self { faults: FaultBook::new(config.seed), world: World::new(config), meter: Meter::default(), requests: 0 }
    }

    /// A request has been read to its end.
    pub fn receive(&mut self, now_ms: i64, request: Request) -> Plan {
        self.world.settle(now_ms);
        let operation = request.operation;
        let caller = self.identify(now_ms, &request);
        let account = caller.as_ref().ok().map(|caller| caller.account).filter(|account| *account != NOBODY);
        self.meter.arrived(now_ms, operation, account);
        match caller.and_then(|caller| self.let_in(now_ms, caller, operation)) {
            Err(error) => Plan::Answer(self.answer(account, operation, Err(error))),
            Ok(caller) => self.plan(now_ms, Visitor { caller, request }),
        }
    }

    /// Does what [`Plan::Resume`] put off.
    pub fn resume(&mut self, now_ms: i64, visitor: Visitor) -> Reply {
        self.world.settle(now_ms);
        self.handle(now_ms, &visitor)
    }

    /// A [`Plan::Silence`] has ended.
    pub fn unanswered(&mut self, operation: Operation) {
        self.meter.unanswered(operation);
    }

    /// Answers a request that reached no operation.
    pub fn refuse(&mut self, now_ms: i64, error: ApiError) -> Reply {
        self.world.settle(now_ms);
        self.meter.arrived(now_ms, Operation::Unknown, None);
        self.answer(None, Operation::Unknown, Err(error))
    }

    /// Who is calling: by access token or, for a grant, by the account that the grant is about.
    fn identify(&self, now_ms: i64, request: &Request) -> Result<Caller, ApiError> {
        if request.operation == Operation::OauthToken {
            let account = oauth::account_of(&self.world, request).unwrap_or(NOBODY);
            return Ok(Caller { account, scopes: Scopes::NONE });
        }
        self.world.authenticate(now_ms, request.bearer().unwrap_or_default())
    }

    fn let_in(&mut self, now_ms: i64, caller: Caller, operation: Operation) -> Result<Caller, ApiError> {
        caller.require_for(operation)?;
        if caller.account != NOBODY {
            self.world.admit(now_ms, caller.account, operation)?;
            self.meter.accepted(now_ms, operation, caller.account);
        }
        Ok(caller)
    }

    fn plan(&mut self, now_ms: i64, mut visitor: Visitor) -> Plan {
        let operation = visitor.request.operation;
        match self.pick_fault(&visitor) {
            None => Plan::Answer(self.handle(now_ms, &visitor)),
            Some(Fault::Status(refusal)) => Plan::Answer(self.refuse_with(&visitor, refusal)),
            Some(Fault::Delay { delay_ms }) => Plan::Resume { after_ms: delay_ms, visitor },
            Some(Fault::TimeoutBeforeCommit { hold_ms }) => Plan::Silence { hold_ms, operation },
            Some(Fault::TimeoutAfterCommit { hold_ms }) => match self.dispatch(now_ms, &visitor) {
                Ok(_) => Plan::Silence { hold_ms, operation },
                own_refusal => Plan::Answer(self.answer_visitor(&visitor, own_refusal)),
            },
            Some(Fault::DropConnection { after_commit }) => {
                if after_commit {
                    // Handled, right or wrong: nobody will ever hear which.
                    let _ = self.dispatch(now_ms, &visitor);
                }
                Plan::Silence { hold_ms: 0, operation }
            }
            Some(Fault::StaleList { lag_ms }) => {
                visitor.request.as_of_ms = now_ms.saturating_sub_unsigned(lag_ms);
                Plan::Answer(self.handle(now_ms, &visitor))
            }
            Some(Fault::ErrorAfterCommit(refusal)) => match self.dispatch(now_ms, &visitor) {
                Ok(_) => Plan::Answer(self.refuse_with(&visitor, refusal)),
                own_refusal => Plan::Answer(self.answer_visitor(&visitor, own_refusal)),
            },
            Some(Fault::LateCommit { commit_after_ms, hold_ms }) => {
                let at_ms = now_ms.saturating_add_unsigned(commit_after_ms);
                match api::pins::plan(&mut self.world, now_ms, at_ms, visitor.caller, &visitor.request) {
                    Ok(()) => Plan::Silence { hold_ms, operation },
                    Err(error) => Plan::Answer(self.answer_visitor(&visitor, Err(error))),
                }
            }
            Some(Fault::RevokeToken { refresh_too }) => {
                self.world.revoke_tokens(visitor.caller.account, refresh_too);
                let refusal = Err(crate::errors::AUTHENTICATION_FAILED);
                Plan::Answer(self.answer_visitor(&visitor, refusal))
            }
        }
    }

    fn pick_fault(&mut self, visitor: &Visitor) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let request = &visitor.request;
        let title = (request.operation == Operation::PinsCreate).then(|| api::pins::title_of(&request.body)).flatten();
        let account = self.world.account(visitor.caller.account);
        self.faults.pick(Visit {
            operation: request.operation,
            account: account.map(|account| (account.username.as_str(), account.id.as_str())),
            title: title.as_deref(),
        })
    }

    fn handle(&mut self, now_ms: i64, visitor: &Visitor) -> Reply {
        let outcome = self.dispatch(now_ms, visitor);
        self.answer_visitor(visitor, outcome)
    }

    fn dispatch(&mut self, now_ms: i64, visitor: &Visitor) -> Result<Reply, ApiError> {
        api::dispatch(&mut self.world, now_ms, visitor.caller, &visitor.request)
    }

    fn refuse_with(&mut self, visitor: &Visitor, refusal: Refusal) -> Reply {
        let mut reply = self.answer_visitor(visitor, Err(refusal.error));
        for (name, value) in refusal.headers {
            reply.headers.retain(|(usual, _)| *usual != name);
            reply.headers.push((name, value));
        }
        reply
    }

    fn answer_visitor(&mut self, visitor: &Visitor, outcome: Result<Reply, ApiError>) -> Reply {
        let account = Some(visitor.caller.account).filter(|account| *account != NOBODY);
        self.answer(account, visitor.request.operation, outcome)
    }

    /// The one place where an answer gets its headers and is counted.
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

/// Stands for the account of a grant that belongs to nobody.
const NOBODY: AccountIndex = AccountIndex::MAX;

#[cfg(test)]
mod tests;
