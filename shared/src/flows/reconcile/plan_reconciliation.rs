//! Planning the next look at a board: one message is under way for it, not one for each pin in doubt.

use crate::context::Context;
use crate::domain::ids::BoardKey;
use crate::domain::message::ReconcileMessage;
use crate::domain::time::Moment;
use crate::ports::{MAX_DELAY_MS, PortError, PortResult};

/// A row that is written by several at once is tried this often.
pub(crate) const ROW_ATTEMPTS: usize = 4;

/// Plans a look at the board for `at`, unless one is planned that is no later.
///
/// The message is sent before the plan is noted: a plan without a message would keep others from sending theirs.
/// `spent` is the plan whose message is just being worked on.
pub async fn plan_reconciliation(
    context: &Context,
    board: &BoardKey,
    at: Moment,
    spent: Option<Moment>,
) -> PortResult<()> {
    let now = context.system.now();
    // A message can't be delayed for longer; the look that comes too early plans the next.
    let at = at.min(now.plus_ms(MAX_DELAY_MS));
    let mut is_sent = false;
    for _ in 0..ROW_ATTEMPTS {
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
        if context.store.save_board_scan(board, &scan).await? {
            return Ok(());
        }
    }
    Err(PortError::Unavailable { port: "table", reason: "a board's row changes all the time".into() })
}
