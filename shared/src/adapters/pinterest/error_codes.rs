//! The provider's error table: maps an answer to a failure.
//!
//! To add one: a row in `rows.rs` and a recorded answer in the tests. Rows are tried in order, the most
//! specific first. A row names Pinterest's words or its `code`, or both, because Pinterest overloads its codes (1, 2,
//! 3, 7 and 29 mean several things) and sends the same words under several statuses. Only where words and code say
//! nothing, or nothing certain, the status decides. Sources: Pinterest's OpenAPI description 5.17.0 (the last that
//! listed codes) and answers quoted in public issue trackers.

use super::rows::{CERTAIN, Row, UNCERTAIN};
use super::words::Words;
use crate::domain::pin::failure::Failure;

use Failure as F;

/// Maps a refusal (an answer outside 2xx) of a create.
///
/// Within 400 to 499, Pinterest's code and words decide, not which of these statuses it is. Without a provider code the
/// answer is not that of Pinterest's own validation, so the outcome is unknown. The same applies to 408 and every 5xx.
pub fn of_create(status: u16, code: Option<i64>, said: &Words) -> Failure {
    match (status, code) {
        (408, _) | (_, None) => F::OutcomeUnknown,
        (400..500, Some(_)) => lookup(status, code, said),
        _ => F::OutcomeUnknown,
    }
}

/// What an answer asks of the whole account, whatever it says about the pin: any 429 asks to slow down, and a block is
/// one under every status.
pub fn limit_of(status: u16, code: Option<i64>, said: &Words) -> Option<Failure> {
    // Without a code it may be another server that blocks: only what Pinterest alone says counts.
    let failure = if code.is_some() { Some(lookup(status, code, said)) } else { find(CERTAIN, status, code, said) };
    match failure {
        limit @ Some(F::SpamBlock | F::RateLimited) => limit,
        _ => (status == 429).then_some(F::RateLimited),
    }
}

/// Maps a refusal of a read. A read creates nothing, so its outcome is never unknown; and a 429 is always about the
/// rate, or a block.
pub fn of_read(status: u16, code: Option<i64>, said: &Words) -> Failure {
    match status {
        429 => limit_of(status, code, said).unwrap_or(F::RateLimited),
        408 | 500.. => F::PinterestUnreachable,
        _ => match lookup(status, code, said) {
            F::OutcomeUnknown => F::PinterestUnreachable,
            failure => failure,
        },
    }
}

/// Maps a refusal of a board's write. As with a create, a write that Pinterest's own validation hasn't refused may have
/// taken effect; one that was refused for its rate surely hasn't.
pub fn of_board_write(status: u16, code: Option<i64>, said: &Words) -> Failure {
    match status {
        429 => of_read(status, code, said),
        _ => of_create(status, code, said),
    }
}

fn lookup(status: u16, code: Option<i64>, said: &Words) -> Failure {
    let found = find(CERTAIN, status, code, said).or_else(|| find(UNCERTAIN, status, code, said));
    found.unwrap_or(F::Unrecognised)
}

fn find(rows: &[Row], status: u16, code: Option<i64>, said: &Words) -> Option<Failure> {
    let fits = |row: &&Row| {
        row.status.is_none_or(|expected| expected == status)
            && row.code.is_none_or(|expected| code == Some(expected))
            && row.says.iter().all(|any| said.say_any(any))
            && !row.unless.iter().any(|any| said.say_any(any))
    };
    rows.iter().find(fits).map(|row| row.failure)
}

#[cfg(test)]
mod kinds;
#[cfg(test)]
mod tests;
