//! Imports: accepting, listing and resuming them. Read this file first. [`import_rows`] works on an import's rows.
//!
//! The order of the writes: first an owner (a recovery marker), then the rows, then the import itself, then the
//! message. If the process dies in between, there is either no import, and the rescuer deletes what was written of it,
//! or one that the rescuer brings back by its marker.

pub mod dry_run;
pub mod import_rows;
pub mod rescue_imports;

use thiserror::Error;

use crate::context::Context;
use crate::domain::ids::{AccountId, ImportId, WorkspaceId};
use crate::domain::import::{
    ChunkResult, Import, ImportKey, ImportStatus, Row, RowOptions, Source, Totals, accounts_of, chunked,
};
use crate::domain::message::ImportMessage;
use crate::domain::pin::origin::Actor;
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::{PortError, PortResult, Write};

/// A list examines the newest imports, up to this many.
pub const IMPORTS_LISTED_MAX: usize = 1_000;
/// A list of imports that aren't finished, or have stopped, goes back further: one may wait for a person for weeks.
pub const UNFINISHED_LISTED_MAX: usize = 5_000;

/// A submitted import: rows that were read and checked one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    pub source: Source,
    pub filename: Option<String>,
    pub rows: Vec<Row>,
    pub unknown_columns: Vec<String>,
    pub options: RowOptions,
    /// The hash of the rows as they were submitted.
    pub content_hash: Vec<u8>,
    pub by: Option<Actor>,
    /// The same key with the same content means the same import.
    pub idempotency_key: Option<String>,
}

/// An import and its results so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportView {
    pub import: Import,
    pub totals: Totals,
    /// Empty in lists.
    pub results: Vec<ChunkResult>,
}

impl ImportView {
    fn of(import: Import, results: Vec<ChunkResult>) -> Self {
        let totals = import.finished.unwrap_or_else(|| Totals::of(&results));
        Self { import, totals, results }
    }

    /// The status that callers see: it follows from the results and from whether the import has stopped.
    pub fn status(&self) -> ImportStatus {
        self.import.status(&self.totals)
    }
}

/// The answer to a submission: its import.
#[derive(Debug)]
pub enum Submitted {
    New(ImportView),
    /// The same key and rows as before.
    Replay(ImportView),
}

/// Why an import was not submitted.
#[derive(Debug, Error)]
pub enum SubmitError {
    #[error("the idempotency key was used with other rows")]
    KeyReused { existing: Box<Import> },
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The key of a submission's import: that of its idempotency key, or else a new one.
pub fn key_of(context: &Context, workspace: WorkspaceId, idempotency_key: Option<&str>) -> ImportKey {
    match idempotency_key {
        Some(text) => ImportKey::of(workspace, text),
        None => ImportKey { workspace, import: ImportId(context.uuid()) },
    }
}

/// Accepts the rows; they are worked on later.
///
/// # Errors
/// When the key belongs to other rows, or a port is unavailable; then nothing was promised.
pub async fn submit(
    context: &Context,
    workspace: WorkspaceId,
    submission: Submission,
) -> Result<Submitted, SubmitError> {
    let key = key_of(context, workspace, submission.idempotency_key.as_deref());
    submit_as(context, key, submission).await
}

/// The same as [`submit`], for a caller who has the submission's key from [`key_of`].
///
/// # Errors
/// As [`submit`].
pub async fn submit_as(context: &Context, key: ImportKey, submission: Submission) -> Result<Submitted, SubmitError> {
    let began = context.begin();
    if submission.idempotency_key.is_some()
        && let Some(existing) = context.imports.import(key).await?
    {
        return replay(context, existing, &submission.content_hash).await;
    }
    let now = context.system.now();
    let (accounts, has_unknown_accounts) = accounts_of(&submission.rows);
    let rows = u32::try_from(submission.rows.len()).unwrap_or(u32::MAX);
    let chunks = chunked(submission.rows);
    let import = Import {
        key,
        source: submission.source,
        filename: submission.filename,
        rows,
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        content_hash: submission.content_hash,
        unknown_columns: submission.unknown_columns,
        options: Some(submission.options),
        accounts: accounts.into_iter().collect(),
        has_unknown_accounts,
        by: submission.by,
        created_at: now,
        expires_at: Moment((now.unix_seconds() + context.settings.retention_ms / SECOND_MS) * SECOND_MS),
        nonce: context.system.nonce(),
        stopped: None,
        finished: None,
    };
    context.store.put_marker(&RecoveryMarker::import(key, now, 0, import.nonce.clone())).await?;
    context.imports.put_import_chunks(&import, &chunks).await?;
    if context.took_ms(began) > OWNED_WITHIN_MS {
        return Err(
            PortError::Unavailable { port: "table", reason: "accepting the import took too long".into() }.into()
        );
    }
    if let Write::Conflict(existing) = context.imports.put_import(&import).await? {
        return replay(context, *existing, &import.content_hash).await;
    }
    send(context, key).await;
    tracing::info!(workspace_id = %key.workspace, import_id = %key.import, rows, "import accepted");
    Ok(Submitted::New(ImportView::of(import, Vec::new())))
}

/// The import that the key stands for, without submitting anything.
///
/// # Errors
/// When the key belongs to other rows, or a port is unavailable.
pub async fn submitted(
    context: &Context,
    workspace: WorkspaceId,
    idempotency_key: &str,
    content_hash: &[u8],
) -> Result<Option<ImportView>, SubmitError> {
    let Some(existing) = context.imports.import(ImportKey::of(workspace, idempotency_key)).await? else {
        return Ok(None);
    };
    match replay(context, existing, content_hash).await? {
        Submitted::New(view) | Submitted::Replay(view) => Ok(Some(view)),
    }
}

async fn replay(context: &Context, existing: Import, content_hash: &[u8]) -> Result<Submitted, SubmitError> {
    if existing.content_hash != content_hash {
        return Err(SubmitError::KeyReused { existing: Box::new(existing) });
    }
    let results = context.imports.import_results(existing.key).await?;
    Ok(Submitted::Replay(ImportView::of(existing, results)))
}

/// Sends the import's message. If that fails, the import is accepted all the same: the rescuer brings it back by its
/// marker.
async fn send(context: &Context, key: ImportKey) {
    if let Err(error) = context.queue.send_import(&ImportMessage::new(key)).await {
        tracing::warn!(
            workspace_id = %key.workspace, import_id = %key.import, %error,
            "import message not sent; the rescuer resends it"
        );
    }
}

/// # Errors
/// When the table is unavailable.
pub async fn read(context: &Context, key: ImportKey) -> PortResult<Option<ImportView>> {
    let Some(import) = context.imports.import(key).await? else { return Ok(None) };
    let results = context.imports.import_results(key).await?;
    Ok(Some(ImportView::of(import, results)))
}

/// Which imports a list contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportFilter {
    pub status: Option<ImportStatus>,
    pub source: Option<Source>,
    /// The accounts that the caller is limited to, if it is limited.
    pub accounts: Option<Vec<AccountId>>,
    /// The caller.
    pub who: Option<Actor>,
}

/// A page of imports, newest first, without their results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportPage {
    pub imports: Vec<ImportView>,
    pub total: usize,
    /// Older imports were not examined.
    pub total_is_at_least: bool,
}

/// # Errors
/// When the table is unavailable.
pub async fn page(
    context: &Context,
    workspace: WorkspaceId,
    filter: &ImportFilter,
    offset: usize,
    limit: usize,
) -> PortResult<ImportPage> {
    let listed_max = match filter.status {
        Some(ImportStatus::Queued | ImportStatus::Processing | ImportStatus::Failed) => UNFINISHED_LISTED_MAX,
        _ => IMPORTS_LISTED_MAX,
    };
    let newest = context.imports.imports(workspace, listed_max).await?;
    let total_is_at_least = newest.len() >= listed_max;
    let is_asked_for = |import: &Import| {
        let may_be_unfinished = import.finished.is_none() || listed_max == IMPORTS_LISTED_MAX;
        may_be_unfinished
            && filter.source.is_none_or(|source| source == import.source)
            && filter.accounts.as_deref().is_none_or(|allowed| import.is_for(filter.who, allowed))
    };
    let mut found = Vec::new();
    for import in newest.into_iter().filter(is_asked_for) {
        // A finished import has its totals; only of the others the results are read.
        let is_shown = found.len() >= offset && found.len() < offset + limit;
        let is_open = import.finished.is_none() && (is_shown || filter.status.is_some());
        let results = if is_open { context.imports.import_results(import.key).await? } else { Vec::new() };
        let view = ImportView { results: Vec::new(), ..ImportView::of(import, results) };
        if filter.status.is_none_or(|status| status == view.status()) {
            found.push(view);
        }
    }
    let total = found.len();
    let imports = found.into_iter().skip(offset).take(limit).collect();
    Ok(ImportPage { imports, total, total_is_at_least })
}

/// Why an import was not resumed.
#[derive(Debug, Error)]
pub enum ResumeError {
    #[error("no such import in this workspace")]
    NotFound,
    #[error("the import hasn't stopped")]
    NotStopped(ImportStatus),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Resumes an import that has stopped.
///
/// # Errors
/// When it hasn't stopped, or a port is unavailable; repeating it is harmless.
pub async fn resume(context: &Context, key: ImportKey) -> Result<ImportView, ResumeError> {
    let view = read(context, key).await?.ok_or(ResumeError::NotFound)?;
    if view.status() != ImportStatus::Failed {
        return Err(ResumeError::NotStopped(view.status()));
    }
    let began = context.begin();
    let owner = || RecoveryMarker::import(key, context.system.now(), 0, context.system.nonce());
    context.store.put_marker(&owner()).await?;
    if context.took_ms(began) > OWNED_WITHIN_MS {
        let reason = "resuming the import took too long".into();
        return Err(PortError::Unavailable { port: "table", reason }.into());
    }
    context.imports.stop_import(key, None).await?;
    if context.took_ms(began) > OWNED_WITHIN_MS {
        // The rescuer may have read the marker, and dropped it as one of a stopped import.
        context.store.put_marker(&owner()).await?;
    }
    send(context, key).await;
    let import = Import { stopped: None, ..view.import };
    Ok(ImportView { import, ..view })
}
