//! What keeps a pin from being published, as its public `error_code` says it.

use super::WaitReason;
use super::attempt::{Attempt, Status};
use super::failure::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker {
    Failure(Failure),
    Wait(WaitReason),
}

impl Blocker {
    pub fn of(attempt: &Attempt) -> Option<Self> {
        if attempt.status == Status::Published {
            return None;
        }
        attempt.failure.map(Self::Failure).or(attempt.wait.map(Self::Wait))
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Failure(failure) => failure.code(),
            Self::Wait(wait) => wait.code(),
        }
    }

    /// Whether any pin can have this code.
    pub fn is_code(text: &str) -> bool {
        Failure::parse(text).is_some() || WaitReason::parse(text).is_some()
    }
}
