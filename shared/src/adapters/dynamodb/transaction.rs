//! Several rows in one transaction: all are written, or none. And what transactions do to other writes of their rows.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsFluentBuilder;
use aws_sdk_dynamodb::types::Put;

use super::item::{number, text};
use super::rows::attempt_item;
use super::{DynamoStore, PORT, failed, keys, pause_before};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::repeated_write::is_same_write;
use crate::ports::{PortError, PortResult, Write};

/// A write that met another transaction is tried this often, the first time included: such a transaction lasts for
/// milliseconds. Then the caller is told.
pub(super) const WRITE_TRIES_MAX: usize = 2;
/// What a single write is refused with while a transaction on its row is under way. The SDK doesn't repeat it.
pub(super) const CONFLICT: &str = "TransactionConflictException";

/// Why a transaction was cancelled: nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancelled {
    /// A row is not as its condition wants it.
    Condition,
    /// Another transaction or write on one of the rows was under way: nothing is decided.
    Conflict,
    /// The table or a partition has no capacity left for the moment.
    Throttled,
    /// One of the writes is wrong: repeating it doesn't help.
    Refused,
}

/// The reason of the whole, from the reason of each row. A failed condition decides, whatever the other rows met. What
/// never passes decides next.
fn why_cancelled<'a>(reasons: impl IntoIterator<Item = &'a str>) -> Cancelled {
    let reason = |code| match code {
        "None" => None,
        "ConditionalCheckFailed" => Some(Cancelled::Condition),
        "TransactionConflict" => Some(Cancelled::Conflict),
        "ThrottlingError" | "ProvisionedThroughputExceeded" | "RequestLimitExceeded" | "InternalServerError" => {
            Some(Cancelled::Throttled)
        }
        _ => Some(Cancelled::Refused),
    };
    let found: Vec<Cancelled> = reasons.into_iter().filter_map(reason).collect();
    let order = [Cancelled::Condition, Cancelled::Refused, Cancelled::Conflict];
    // Without any reason it is unknown what was wrong; the same call may work later.
    order.into_iter().find(|wanted| found.contains(wanted)).unwrap_or(Cancelled::Throttled)
}

/// Makes a write of a row that transactions write too, and once more if one was under way.
pub(super) async fn beside_transactions<O, E, Sent>(send: impl Fn() -> Sent) -> Result<O, SdkError<E>>
where
    E: ProvideErrorMetadata,
    Sent: Future<Output = Result<O, SdkError<E>>>,
{
    repeated(send, |error| error.code() == Some(CONFLICT)).await
}

/// Makes a write, and again, [`WRITE_TRIES_MAX`] times in all, while it meets what passes in milliseconds.
async fn repeated<O, E, Sent>(
    send: impl Fn() -> Sent,
    is_passing: impl Fn(&SdkError<E>) -> bool,
) -> Result<O, SdkError<E>>
where
    Sent: Future<Output = Result<O, SdkError<E>>>,
{
    for tries in 1..WRITE_TRIES_MAX {
        match send().await {
            Err(error) if is_passing(&error) => {
                tracing::info!(tries, "write conflicted; retried");
                pause_before(1).await;
            }
            answer => return answer,
        }
    }
    send().await
}

/// The reasons of a cancelled transaction; none for any other error.
fn reasons_of(error: &SdkError<TransactWriteItemsError>) -> Option<Vec<&str>> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(cancelled.cancellation_reasons().iter().filter_map(|why| why.code()).collect())
        }
        _ => None,
    }
}

impl DynamoStore {
    pub(super) async fn commit(
        &self,
        call: TransactWriteItemsFluentBuilder,
        writes: &[(Pin, Attempt)],
    ) -> PortResult<Write<()>> {
        match self.transact(call, "pin").await? {
            Write::Done => Ok(Write::Done),
            Write::Conflict(()) => self.are_saved(writes).await.map(Write::done_if),
        }
    }

    /// Makes the transaction; a conflict when one of its conditions failed, which an earlier try of the same call may
    /// have caused. `row` names the rows in an error.
    pub(super) async fn transact(
        &self,
        call: TransactWriteItemsFluentBuilder,
        row: &'static str,
    ) -> PortResult<Write<()>> {
        let is_passing = |error: &SdkError<TransactWriteItemsError>| {
            let why = reasons_of(error).map(why_cancelled);
            matches!(why, Some(Cancelled::Conflict | Cancelled::Throttled))
        };
        let Err(error) = repeated(|| call.clone().send(), is_passing).await else { return Ok(Write::Done) };
        let Some(reasons) = reasons_of(&error) else { return Err(failed(error)) };
        let reason = format!("transaction cancelled: {}", reasons.join(", "));
        match why_cancelled(reasons) {
            Cancelled::Condition => Ok(Write::Conflict(())),
            Cancelled::Conflict => Err(PortError::Contended { row, writes: WRITE_TRIES_MAX }),
            Cancelled::Throttled => Err(PortError::Unavailable { port: PORT, reason }),
            Cancelled::Refused => Err(PortError::Broken { port: PORT, reason }),
        }
    }

    pub(super) fn conditional(&self, pin: &Pin, next: &Attempt) -> PortResult<Put> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(attempt_item(pin, next)))
            .expression_attribute_values(":pn", text(&pin.nonce));
        let put = match next.rev {
            0 | 1 => put.condition_expression("attribute_not_exists(pk) OR pn <> :pn"),
            rev => put
                .condition_expression("rev = :seen AND pn = :pn")
                .expression_attribute_values(":seen", number(rev - 1)),
        };
        put.build().map_err(|error| PortError::Broken { port: PORT, reason: error.to_string() })
    }

    /// Whether every row is the one that was to be written: an earlier try of the same call may have succeeded.
    async fn are_saved(&self, writes: &[(Pin, Attempt)]) -> PortResult<bool> {
        for (pin, next) in writes {
            let stored = self.get(keys::pin(pin.key), keys::ATTEMPT, true).await?;
            let is_ours = stored.as_ref().map(super::item::Reader).is_some_and(|row| {
                row.maybe_number("rev") == Some(next.rev)
                    && row.maybe_text("n").is_some_and(|stored| is_same_write(&stored, &next.nonce))
            });
            if !is_ours {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_transaction_is_read_by_the_reasons_of_its_rows() {
        for (reasons, expected) in [
            (&["None", "ConditionalCheckFailed"][..], Cancelled::Condition),
            (&["TransactionConflict", "ConditionalCheckFailed"], Cancelled::Condition),
            (&["TransactionConflict", "None"], Cancelled::Conflict),
            (&["ThrottlingError", "TransactionConflict"], Cancelled::Conflict),
            (&["None", "ThrottlingError"], Cancelled::Throttled),
            (&["ProvisionedThroughputExceeded"], Cancelled::Throttled),
            (&["TransactionConflict", "ValidationError"], Cancelled::Refused),
            (&["ItemCollectionSizeLimitExceeded"], Cancelled::Refused),
            (&["AccessDenied"], Cancelled::Refused),
            (&[], Cancelled::Throttled),
        ] {
            assert_eq!(why_cancelled(reasons.iter().copied()), expected, "{reasons:?}");
        }
    }
}
