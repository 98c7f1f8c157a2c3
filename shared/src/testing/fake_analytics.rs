//! Analytics in memory: scripted answers for every valid token.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::fake_boards::refused;
use super::fake_oauth::FakeOAuth;
use super::gate::{Gate, around};
use crate::domain::account::analytics::{MetricSeries, Question};
use crate::domain::pin::failure::Failure;
use crate::domain::secret::Secret;
use crate::ports::{Analytics, ReadFailure};

/// A request as it arrived. Without a Pin's id, it is for the account's metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub pinterest_pin_id: Option<String>,
    pub question: Question,
}

#[derive(Default)]
struct State {
    answers: VecDeque<Result<Option<MetricSeries>, ReadFailure>>,
    asked: Vec<Asked>,
}

pub struct FakeAnalytics {
    gate: Arc<dyn Gate>,
    oauth: Arc<FakeOAuth>,
    state: Mutex<State>,
}

impl FakeAnalytics {
    pub fn new(gate: Arc<dyn Gate>, oauth: Arc<FakeOAuth>) -> Self {
        Self { gate, oauth, state: Mutex::default() }
    }

    /// Scripts the coming answers (`None`: there is no such Pin). Requests without a scripted answer get an empty
    /// series.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Result<Option<MetricSeries>, ReadFailure>>) {
        self.state().answers.extend(answers);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    async fn call(
        &self,
        name: &'static str,
        token: &Secret,
        pinterest_pin_id: Option<&str>,
        question: &Question,
    ) -> Result<Option<MetricSeries>, ReadFailure> {
        let answer = || {
            if let Some((_, false)) = self.oauth.accepts(token) {
                return Ok(Err(refused(Failure::TokenRevoked)));
            }
            let mut state = self.state();
            let pinterest_pin_id = pinterest_pin_id.map(str::to_owned);
            state.asked.push(Asked { pinterest_pin_id, question: question.clone() });
            Ok(state.answers.pop_front().unwrap_or_else(|| Ok(Some(MetricSeries::default()))))
        };
        around(&*self.gate, name, answer).await.map_err(|_| refused(Failure::PinterestUnreachable))?
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Analytics for FakeAnalytics {
    async fn pin_metrics(
        &self,
        token: &Secret,
        pinterest_pin_id: &str,
        question: &Question,
    ) -> Result<Option<MetricSeries>, ReadFailure> {
        self.call("analytics.pin_metrics", token, Some(pinterest_pin_id), question).await
    }

    async fn account_metrics(&self, token: &Secret, question: &Question) -> Result<MetricSeries, ReadFailure> {
        Ok(self.call("analytics.account_metrics", token, None, question).await?.unwrap_or_default())
    }
}
