//! [`Tasks`] that keeps how tasks were ended, and answers as the test says.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Entry, Exit, Gate};
use crate::domain::secret::Secret;
use crate::domain::task::{TaskAnswer, TaskEnd};
use crate::ports::{PortError, PortResult, Tasks};

const CALL: &str = "tasks.end_task";

struct State {
    /// `None`: it is unavailable.
    answer: Option<TaskAnswer>,
    /// The tokens that it doesn't take.
    refused: BTreeSet<String>,
    ended: Vec<(String, TaskEnd)>,
}

pub struct FakeTasks {
    gate: Arc<dyn Gate>,
    state: Mutex<State>,
}

impl FakeTasks {
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        let state = State { answer: Some(TaskAnswer::Ended), refused: BTreeSet::new(), ended: Vec::new() };
        Self { gate, state: Mutex::new(state) }
    }

    /// Answers so from now on; `None`: not at all.
    pub fn answer(&self, answer: Option<TaskAnswer>) {
        self.state().answer = answer;
    }

    /// Doesn't take this token, such as that of a state machine that it may not end tasks of.
    pub fn refuse(&self, token: &str) {
        self.state().refused.insert(token.to_owned());
    }

    /// The tokens whose tasks it was asked to end, and how, the oldest first.
    pub fn ended(&self) -> Vec<(String, TaskEnd)> {
        self.state().ended.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, token: &Secret, end: &TaskEnd) -> PortResult<TaskAnswer> {
        let mut state = self.state();
        let answer = state.answer.filter(|_| !state.refused.contains(token.expose())).ok_or_else(unavailable)?;
        state.ended.push((token.expose().to_owned(), end.clone()));
        Ok(answer)
    }
}

fn unavailable() -> PortError {
    PortError::Unavailable { port: "state machine", reason: "planned".into() }
}

#[async_trait]
impl Tasks for FakeTasks {
    async fn end_task(&self, token: &Secret, end: &TaskEnd) -> PortResult<TaskAnswer> {
        match self.gate.enter(CALL).await {
            Entry::Refused | Entry::Contended => Err(unavailable()),
            Entry::Through | Entry::Twice => {
                let answer = self.take(token, end)?;
                match self.gate.leave(CALL).await {
                    Exit::Answered => Ok(answer),
                    Exit::Lost => Err(unavailable()),
                }
            }
        }
    }
}
