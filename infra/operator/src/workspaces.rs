//! `operator delete-workspace` and `operator export`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use pinbridge_api::routes;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::flows::tenants::export;
use pinbridge_shared::flows::tenants::purge::{self, Progress};
use serde_json::{Value, json};

/// How long one run deletes rows before it reports its progress.
const RUNS_FOR_MS: i64 = 10 * MINUTE_MS;
const ENTRIES_A_PAGE: usize = 200;

#[derive(Args)]
pub struct DeleteArgs {
    #[arg(long)]
    workspace_id: WorkspaceId,
    /// The workspace's name, as a confirmation: the deletion can't be undone
    #[arg(long)]
    name: String,
}

#[derive(Args)]
pub struct ExportArgs {
    #[arg(long)]
    workspace_id: WorkspaceId,
    /// The file to write. It must not exist
    #[arg(long)]
    out: PathBuf,
}

/// Marks the workspace as deleted and removes the rows that can be removed now. The refresher removes the rest.
pub async fn delete(context: &Context, arguments: &DeleteArgs) -> anyhow::Result<Value> {
    let id = arguments.workspace_id;
    let workspace = context.tenants.workspace(id).await?.with_context(|| format!("there is no workspace {id}"))?;
    if workspace.name != arguments.name {
        bail!("--name is not the workspace's name");
    }
    purge::delete_workspace(context, id).await?;
    let ends_at_ms = context.system.monotonic_ms() + RUNS_FOR_MS;
    let not_before = match purge::continue_one(context, id, ends_at_ms).await? {
        Progress::Done => return Ok(json!({"workspace_id": id, "deleted": true, "more": false})),
        Progress::More => context.system.now(),
        Progress::NotBefore(at) => at,
    };
    Ok(json!({
        "workspace_id": id,
        "deleted": true,
        "more": true,
        "continues_at": not_before.rfc3339(),
    }))
}

/// Writes accounts and pins as JSON lines to a file that only its owner can read.
pub async fn export(context: &Context, arguments: &ExportArgs) -> anyhow::Result<Value> {
    let id = arguments.workspace_id;
    context.tenants.workspace(id).await?.with_context(|| format!("there is no workspace {id}"))?;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&arguments.out);
    let mut file = file.with_context(|| format!("{} can't be created", arguments.out.display()))?;
    let (mut from, mut count) = (None, 0);
    loop {
        let page = export::page(context, id, from, ENTRIES_A_PAGE, |_| true).await?;
        let (lines, next) = routes::export::lines(&page, context.system.now());
        file.write_all(lines.as_bytes())?;
        count += lines.lines().count();
        match next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    file.sync_all()?;
    Ok(json!({"workspace_id": id, "lines": count, "out": arguments.out}))
}
