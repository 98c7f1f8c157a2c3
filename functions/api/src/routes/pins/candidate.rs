//! The Pins on Pinterest that could be a pin's, for a person to choose from.

use pinbridge_shared::domain::pin::{PinRequest, candidate};
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi::schema::Time;

/// A Pin on Pinterest that could be the pin's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Candidate {
    pub pinterest_pin_id: String,
    /// The address of the Pin. `null` in a sandbox, whose Pins don't exist.
    pub pinterest_url: Option<String>,
    /// When Pinterest created it, to the second, if the board showed that.
    pub created_at: Option<Time>,
}

impl Candidate {
    /// A candidate of that request's pin.
    pub fn of(request: &PinRequest, candidate: candidate::Candidate) -> Self {
        let is_real = !request.account.is_simulated();
        let url = format!("https://www.pinterest.com/pin/{}/", candidate.pinterest_pin_id);
        Self {
            pinterest_url: is_real.then_some(url),
            pinterest_pin_id: candidate.pinterest_pin_id,
            created_at: candidate.created_at.map(Time),
        }
    }

    /// The candidates of that request's pin; `None` if there are none.
    pub fn all(request: &PinRequest, candidates: Vec<candidate::Candidate>) -> Option<Vec<Self>> {
        let all: Vec<Self> = candidates.into_iter().map(|candidate| Self::of(request, candidate)).collect();
        (!all.is_empty()).then_some(all)
    }
}
