//! What made a pin late.

/// What made a pin late. The names are public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LateCause {
    /// Nothing that the pin waited for: this system was late.
    Outage,
    /// The account's tokens were spent.
    Pace,
    /// Pinterest had paused the account.
    Pause,
    /// The account's connection did not work.
    Hold,
    /// Other pins of the account came first.
    Backlog,
    /// The app's requests of the day were spent.
    DailyBudget,
    /// Its earlier attempts failed for a temporary reason.
    Retries,
}

use LateCause as L;

impl LateCause {
    pub const ALL: [Self; 7] = [L::Outage, L::Pace, L::Pause, L::Hold, L::Backlog, L::DailyBudget, L::Retries];

    pub fn name(self) -> &'static str {
        match self {
            L::Outage => "outage",
            L::Pace => "pace",
            L::Pause => "pause",
            L::Hold => "hold",
            L::Backlog => "backlog",
            L::DailyBudget => "daily_budget",
            L::Retries => "retries",
        }
    }

    /// One sentence for the user.
    pub fn message(self) -> &'static str {
        match self {
            L::Outage => "This system was late to work on it.",
            L::Pace => "It waited for its turn at its account's pace.",
            L::Pause => "It waited for the end of a pause that Pinterest asked for.",
            L::Hold => "It waited for its account's connection.",
            L::Backlog => "It waited behind other pins of its account.",
            L::DailyBudget => "It waited for the app's requests of the next day.",
            L::Retries => "Its earlier attempts failed for a temporary reason.",
        }
    }

    /// What the row stores: a letter keeps it small.
    pub fn letter(self) -> &'static str {
        match self {
            L::Outage => "o",
            L::Pace => "p",
            L::Pause => "u",
            L::Hold => "h",
            L::Backlog => "b",
            L::DailyBudget => "d",
            L::Retries => "r",
        }
    }

    /// The cause that a row stores as this letter.
    pub fn of_letter(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.letter() == letter)
    }
}
