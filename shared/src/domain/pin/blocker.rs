//! The reason why a pin isn't published: a failure or a wait. Its code is the public `error_code`.

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

    /// Whether the text is a code that a pin can have.
    pub fn is_code(text: &str) -> bool {
        Failure::parse(text).is_some() || WaitReason::parse(text).is_some()
    }
}
