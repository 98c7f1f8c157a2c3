//! Lets an account take the tokens of its Pinterest user, whom other workspaces may have connected too.

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::pacing::bucket::Link;
use crate::ports::PortResult;

/// Links the account to its user's pacing row. Pinterest's own accounts only: a simulated account has no user, and
/// paces itself. A failure is only logged: the account keeps its bucket, and is linked when its tokens are next
/// refreshed.
pub async fn share_tokens(context: &Context, account: &Account) {
    if account.pinterest_user_id.is_empty() {
        return;
    }
    if let Err(error) = link(context, account).await {
        tracing::warn!(
            workspace_id = %account.key.workspace, account_id = %account.key.account, port = error.port(), %error,
            "account not linked to its Pinterest user's pace"
        );
    }
}

async fn link(context: &Context, account: &Account) -> PortResult<()> {
    let pacer = context.pacers.pacer(&account.pinterest_user_id).await?;
    let link = Link { pacer, now: context.system.now(), configured: context.settings.pace };
    context.store.link(account.key, &link).await
}
