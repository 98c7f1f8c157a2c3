//! The reason why a pin isn't published: a failure or a wait. Its code is the public `error_code`.
//!
//! [`waits`](super::waits) decides which one a pin has now.

use super::WaitReason;
use super::failure::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker {
    Failure(Failure),
    Wait(WaitReason),
}

impl Blocker {
    pub fn code(self) -> &'static str {
        match self {
            Self::Failure(failure) => failure.code(),
            Self::Wait(wait) => wait.code(),
        }
    }

    /// One sentence for the user.
    pub fn message(self) -> &'static str {
        match self {
            Self::Failure(failure) => failure.message(),
            Self::Wait(wait) => wait.message(),
        }
    }

    /// What the user can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Failure(failure) => failure.remedy(),
            Self::Wait(wait) => wait.remedy(),
        }
    }

    /// Whether the text is a code that a pin can have.
    pub fn is_code(text: &str) -> bool {
        Failure::parse(text).is_some() || WaitReason::parse(text).is_some()
    }
}
