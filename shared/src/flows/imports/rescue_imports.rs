//! Looking after imports: those whose message was lost, and those whose message died.

use super::import_rows::stop;
use crate::context::Context;
use crate::domain::import::{Import, ImportKey, StopReason, Totals};
use crate::domain::message::{Disposition, ImportMessage};
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::{MINUTE_MS, Moment};
use crate::ports::PortResult;

/// An import that got on within this time is in somebody's hands.
const IN_HANDS_MS: i64 = MINUTE_MS;
/// A dead letter of an import that got on within this time is a copy's.
const ALIVE_MS: i64 = 10 * MINUTE_MS;

/// What a clock row of an import asks for. In a recovery nobody has the import in hands, for the queue was lost, and a row
/// whose minute is still to come stays. Answers how many messages were sent.
///
/// # Errors
/// When a port is unavailable; the row stays.
pub async fn rescue_import(context: &Context, row: &RecoveryMarker, is_recovery: bool) -> PortResult<usize> {
    let Some(key) = row.import_key() else { return Ok(0) };
    let import = context.imports.import(key).await?;
    let now = context.system.now();
    let stays = is_recovery && row.minute >= now.minute();
    // Rows whose submission came to nothing: it died, or another one has the key.
    if row.rounds == 0 && !stays && import.as_ref().is_none_or(|import| import.nonce != row.id) {
        context.imports.drop_import_chunks(key, &row.id).await?;
    }
    let Some(import) = import.filter(|import| import.finished.is_none() && import.stopped.is_none()) else {
        // Nothing to look after. The row goes by itself.
        return Ok(0);
    };
    let is_in_hands =
        !is_recovery && last_progress(context, &import).await?.is_some_and(|at| now.since_ms(at) < IN_HANDS_MS);
    if !is_in_hands {
        context.queue.send_import(&ImportMessage::new(key)).await?;
    }
    if !stays {
        let next = RecoveryMarker::import_again(key, now, row.rounds, row.id.clone());
        context.store.put_marker(&next).await?;
        context.store.delete_marker(row).await?;
    }
    Ok(usize::from(!is_in_hands))
}

async fn last_progress(context: &Context, import: &Import) -> PortResult<Option<Moment>> {
    Ok(Totals::of(&context.imports.import_results(import.key).await?).done_at)
}

/// A message of the import was delivered too often: it stops, visibly, and goes on when somebody resumes it.
///
/// # Errors
/// When a port is unavailable; the letter comes back.
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
