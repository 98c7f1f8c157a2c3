//! The reason why a pin isn't published: a failure or a wait. Its code is the public `error_code`.
//!
//! [`waits`](super::waits) decides which one a pin has now.

use super::WaitReason;
use super::attempt::Status;
use super::failure::Failure;

/// Why a pin is not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker {
    Failure(Failure),
    Wait(WaitReason),
    /// The outcome is unknown, and the board can't be read until a person has mended this.
    Unreadable(Failure),
}

impl Blocker {
    /// The public `error_code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Failure(failure) => failure.code(),
            Self::Unreadable(_) => Failure::OutcomeUnknown.code(),
            Self::Wait(wait) => wait.code(),
        }
    }

    /// One sentence for the user.
    pub fn message(self) -> &'static str {
        match self {
            Self::Failure(failure) => failure.message(),
            Self::Unreadable(_) => Failure::OutcomeUnknown.message(),
            Self::Wait(wait) => wait.message(),
        }
    }

    /// What the user can do about it, for a pin of this status.
    pub fn remedy(self, status: Status) -> &'static str {
        match self {
            Self::Failure(failure) if !status.is_terminal() => failure.remedy_of_waiting(),
            Self::Failure(failure) | Self::Unreadable(failure) => failure.remedy(),
            Self::Wait(wait) => wait.remedy(),
        }
    }

    /// Whether the text is a code that a pin can have.
    pub fn is_code(text: &str) -> bool {
        Failure::parse(text).is_some() || WaitReason::parse(text).is_some()
    }
}
