//! Fault injection: rules that define which requests fail, and how.
//!
//! A new fault needs a variant of [`Fault`], a reader in `parse.rs` and an arm in `provider.rs`; the compiler requires
//! the last.

mod parse;

use serde_json::{Map, Value};

use crate::errors::ApiError;
use crate::operations::Operation;
use crate::rewrite::Way;

/// How a request fails.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Answers this refusal; nothing is committed.
    Status(Refusal),
    /// Handles the request after a delay, whether or not the client still waits, and then answers normally.
    Delay { delay_ms: u64 },
    /// Never answers; nothing is committed.
    TimeoutBeforeCommit { hold_ms: u64 },
    /// Commits, never answers.
    TimeoutAfterCommit { hold_ms: u64 },
    /// Closes the connection at once, without an answer.
    DropConnection { after_commit: bool },
    /// Lists the Pins as they were this long ago; see [`Fault::operations`].
    StaleList { lag_ms: u64 },
    /// Lists the Pins with their links and texts rewritten in these ways, one after another.
    RewriteList { ways: Vec<Way> },
    /// Commits, and answers this refusal.
    ErrorAfterCommit(Refusal),
    /// Never answers; commits later. `pins/create` only.
    LateCommit { commit_after_ms: u64, hold_ms: u64 },
    /// Revokes the account's access tokens, and answers 401 code 2.
    RevokeToken { refresh_too: bool },
}

impl Fault {
    /// The operations to which this fault applies; `None` stands for all.
    pub fn operations(&self) -> Option<&'static [Operation]> {
        match self {
            Fault::LateCommit { .. } => Some(&[Operation::PinsCreate]),
            Fault::StaleList { .. } | Fault::RewriteList { .. } => {
                Some(&[Operation::BoardsListPins, Operation::BoardSectionsListPins, Operation::PinsList])
            }
            _ => None,
        }
    }
}

/// The error answer of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub error: ApiError,
    /// Headers that are added to the usual ones, or replace them.
    pub headers: Vec<(String, String)>,
    /// A body in place of Pinterest's JSON: what an edge or a proxy answers.
    pub body: Option<String>,
}

/// One rule of `PUT /_sim/faults`.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `None` stands for all.
    operation: Option<Operation>,
    /// Username or id.
    account: Option<String>,
    title_contains: Option<String>,
    /// 0 to 1; `None` always fires.
    probability: Option<f64>,
    /// How often it may still fire; `None` is without limit.
    remaining: Option<u64>,
    /// For how long it may fire after it first did; `None` is forever.
    for_ms: Option<u64>,
    first_fired_ms: Option<i64>,
    fired: u64,
    fault: Fault,
    /// The rule's JSON, for [`FaultBook::view`].
    given: Map<String, Value>,
}

/// The properties of a request that rules match.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    pub operation: Operation,
    /// Username and id, if the account is known.
    pub account: Option<(&'a str, &'a str)>,
    pub title: Option<&'a str>,
    pub now_ms: i64,
}

impl Rule {
    fn matches(&self, visit: Visit<'_>) -> bool {
        self.remaining != Some(0)
            && !self.is_over(visit.now_ms)
            && self.operation.is_none_or(|operation| operation == visit.operation)
            && self.fits(visit)
            && self
                .account
                .as_deref()
                .is_none_or(|wanted| visit.account.is_some_and(|(username, id)| wanted == username || wanted == id))
            && self.title_contains.as_deref().is_none_or(|part| visit.title.is_some_and(|title| title.contains(part)))
    }

    /// Whether the fault applies to this request at all.
    fn fits(&self, visit: Visit<'_>) -> bool {
        let needs_account = matches!(self.fault, Fault::RevokeToken { .. });
        self.fault.operations().is_none_or(|operations| operations.contains(&visit.operation))
            && (!needs_account || visit.account.is_some())
    }

    fn is_over(&self, now_ms: i64) -> bool {
        let since_ms = self.first_fired_ms.map_or(0, |first_ms| now_ms.saturating_sub(first_ms));
        self.for_ms.is_some_and(|for_ms| since_ms >= i64::try_from(for_ms).unwrap_or(i64::MAX))
    }

    fn fire(&mut self, now_ms: i64) -> Fault {
        self.first_fired_ms.get_or_insert(now_ms);
        self.fired += 1;
        self.remaining = self.remaining.map(|left| left.saturating_sub(1));
        self.fault.clone()
    }

    fn view(&self) -> Value {
        let mut view = self.given.clone();
        view.insert("remaining".to_owned(), self.remaining.into());
        view.insert("fired".to_owned(), self.fired.into());
        Value::Object(view)
    }
}

/// The rules in force, and the random numbers for `probability`.
#[derive(Debug)]
pub struct FaultBook {
    rules: Vec<Rule>,
    dice: fastrand::Rng,
}

impl FaultBook {
    pub fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), dice: fastrand::Rng::with_seed(seed) }
    }

    /// Replaces all rules by those of a JSON list.
    ///
    /// # Errors
    /// The list is invalid; the error is its description. The rules are unchanged then.
    pub fn replace(&mut self, json: &[u8]) -> Result<(), String> {
        self.rules = parse::rules(json)?;
        Ok(())
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules as given, each with `remaining` (null: without limit) and `fired`.
    pub fn view(&self) -> Value {
        self.rules.iter().map(Rule::view).collect()
    }

    /// The fault of the first rule that matches the request and whose probability comes up.
    pub fn pick(&mut self, visit: Visit<'_>) -> Option<Fault> {
        let Self { rules, dice } = self;
        rules
            .iter_mut()
            .find(|rule| rule.matches(visit) && rule.probability.is_none_or(|p| dice.f64() < p))
            .map(|rule| rule.fire(visit.now_ms))
    }
}

#[cfg(test)]
mod tests;
