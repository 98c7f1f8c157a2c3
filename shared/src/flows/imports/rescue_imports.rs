//! Rescues imports whose message was lost, and handles their dead-letter messages.

use super::import_rows::stop;
use crate::context::Context;
use crate::domain::import::{Import, ImportKey, StopReason, Totals};
use crate::domain::message::{Disposition, ImportMessage};
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::{MINUTE_MS, Moment};
use crate::ports::PortResult;

/// An import that has progressed within this time has a worker.
const HAS_WORKER_MS: i64 = MINUTE_MS;
/// A dead-letter message of an import that has progressed within this time is a copy.
const ALIVE_MS: i64 = 10 * MINUTE_MS;

/// Handles an import's marker; returns how many messages were sent. In a recovery no import has a worker, because the
/// queue was lost, and a marker whose minute is still to come stays.
///
/// # Errors
/// When a port is unavailable; the marker stays.
pub async fn rescue_import(context: &Context, row: &RecoveryMarker, is_recovery: bool) -> PortResult<usize> {
    let Some(key) = row.import_key() else { return Ok(0) };
    let import = context.imports.import(key).await?;
    let now = context.system.now();
    let stays = is_recovery && row.minute >= now.minute();
    // Rows of a submission whose import was never written: the submission died, or another one has the key.
    if row.rounds == 0 && !stays && import.as_ref().is_none_or(|import| import.nonce != row.id) {
        context.imports.drop_import_chunks(key, &row.id).await?;
    }
    let Some(import) = import.filter(|import| import.finished.is_none() && import.stopped.is_none()) else {
        // Nothing to rescue. The marker expires by itself.
        return Ok(0);
    };
    let has_worker =
        !is_recovery && last_progress(context, &import).await?.is_some_and(|at| now.since_ms(at) < HAS_WORKER_MS);
    if !has_worker {
        context.queue.send_import(&ImportMessage::new(key)).await?;
    }
    if !stays {
        let next = RecoveryMarker::import_again(key, now, row.rounds, row.id.clone());
        context.store.put_marker(&next).await?;
        context.store.delete_marker(row).await?;
    }
    Ok(usize::from(!has_worker))
}

async fn last_progress(context: &Context, import: &Import) -> PortResult<Option<Moment>> {
    Ok(Totals::of(&context.imports.import_results(import.key).await?).done_at)
}

/// A message of the import was delivered too often: the import stops, visibly, and continues when a person resumes it.
///
/// # Errors
/// When a port is unavailable; the message is redelivered.
pub async fn import_dead_letter(context: &Context, key: ImportKey) -> PortResult<Disposition> {
    let Some(import) = context.imports.import(key).await? else {
        return Ok(Disposition::Done);
    };
    let now = context.system.now();
    let is_alive = last_progress(context, &import).await?.is_some_and(|at| now.since_ms(at) < ALIVE_MS);
    if import.finished.is_none() && import.stopped.is_none() && !is_alive {
        stop(context, &import, StopReason::DeadLettered).await?;
    }
    Ok(Disposition::Done)
}
