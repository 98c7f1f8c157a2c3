//! Plans the next reading of a board: one message is under way for the board, not one for each unresolved pin.

use crate::context::Context;
use crate::domain::ids::BoardKey;
use crate::domain::message::ReconcileMessage;
use crate::domain::time::Moment;
use crate::ports::OptimisticWrites;
use crate::ports::{MAX_DELAY_MS, PortResult};

/// Writes of a row with several writers are tried this often.
pub(crate) const ROW_ATTEMPTS: usize = 4;

/// Plans a reading of the board for `at`, unless one is planned that is no later.
///
/// The message is sent before the plan is recorded: a plan without a message would keep others from sending theirs.
/// `spent` is the plan whose message is being worked on.
///
/// # Errors
/// When the table or the queue is unavailable, or other writers of the row came first every time.
pub async fn plan_reconciliation(
    context: &Context,
    board: &BoardKey,
    at: Moment,
    spent: Option<Moment>,
) -> PortResult<()> {
    let now = context.system.now();
    // A message can't be delayed for longer; a reading that comes too early plans the next.
    let at = at.min(now.plus_ms(MAX_DELAY_MS));
    let mut is_sent = false;
    let mut writes = OptimisticWrites::of("board scan", ROW_ATTEMPTS);
    loop {
        writes.begin()?;
        let mut scan = context.store.board_scan(board).await?;
        if scan.planned_for != spent && scan.has_plan(now, at) {
            return Ok(());
        }
        if !is_sent {
            context.queue.send_reconcile(&ReconcileMessage::new(board, at), at.since_ms(now).max(0)).await?;
            is_sent = true;
        }
        scan.rev += 1;
        scan.nonce = context.nonce();
        scan.planned_for = Some(at);
        if context.store.save_board_scan(board, &scan).await?.is_done() {
            return Ok(());
        }
    }
}
