//! `operator move-tokens`, `rotate-data-key` and `reseal-tokens`. See `infra/runbooks/token-custody.md`.

use std::collections::BTreeMap;

use anyhow::bail;
use clap::{Args, ValueEnum};
use pinbridge_shared::adapters::assemble::{self, Custodians};
use pinbridge_shared::adapters::envelope::Retired;
use pinbridge_shared::config::{Environment, TokenCustody};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accounts::move_tokens::{Moved, move_tokens, remove_copied};
use pinbridge_shared::ports::Secrets;
use serde_json::{Value, json};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Secrets,
    Envelope,
}

#[derive(Args)]
pub struct MoveArgs {
    /// The custody to copy the tokens to, from the other one
    #[arg(long, value_enum)]
    to: Mode,
    /// Also deletes the tokens from the old custody once the new one has them. Requires that PINBRIDGE_TOKEN_CUSTODY
    /// names the new custody
    #[arg(long)]
    remove_source: bool,
}

pub async fn move_all(environment: &Environment<'_>, arguments: &MoveArgs) -> anyhow::Result<Value> {
    let both = assemble::custodians(environment).await?;
    let (from, to, target): (&dyn Secrets, &dyn Secrets, _) = match arguments.to {
        Mode::Secrets => (&both.envelope, &both.secrets, TokenCustody::Secrets),
        Mode::Envelope => (&both.secrets, &both.envelope, TokenCustody::Envelope),
    };
    if arguments.remove_source && both.in_use != target {
        bail!(
            "--remove-source requires that PINBRIDGE_TOKEN_CUSTODY is the new custody, as in the functions' settings"
        );
    }
    let accounts = both.table.scan_accounts().await?;
    let (mut counts, mut undecided, mut removed) = (BTreeMap::<&str, u64>::new(), Vec::new(), 0_u64);
    for account in accounts {
        let moved = move_tokens(from, to, account).await?;
        *counts.entry(name(moved)).or_default() += 1;
        if moved == Moved::Undecided {
            undecided.push(format!("{}/{}", account.workspace, account.account));
        }
        if arguments.remove_source && remove_copied(from, to, account).await? {
            removed += 1;
        }
    }
    Ok(json!({"accounts": counts, "undecided": undecided, "removed": removed}))
}

fn name(moved: Moved) -> &'static str {
    match moved {
        Moved::Copied => "copied",
        Moved::Already => "already_copied",
        Moved::Newer => "newer_in_target",
        Moved::Undecided => "undecided",
        Moved::Nothing => "no_tokens",
    }
}

pub async fn rotate(environment: &Environment<'_>) -> anyhow::Result<Value> {
    let both = assemble::custodians(environment).await?;
    let seals_tokens = both.in_use == TokenCustody::Envelope || both.envelope.has_keys().await?;
    let current = if seals_tokens { Some(both.envelope.rotate().await?) } else { None };
    Ok(json!({"current": current, "current_of_webhooks": both.hook_keys.rotate().await?}))
}

pub async fn reseal(environment: &Environment<'_>) -> anyhow::Result<Value> {
    let Custodians { table, envelope, hook_keys, .. } = assemble::custodians(environment).await?;
    let accounts = table.scan_sealed().await?;
    let (mut resealed, mut unreadable) = (0_u64, Vec::new());
    for account in &accounts {
        match envelope.reseal(*account).await {
            Ok(was_old) => resealed += u64::from(was_old),
            // One unreadable row must not leave the others sealed under an old key.
            Err(error) => unreadable.push(format!("{}/{}: {error}", account.workspace, account.account)),
        }
    }
    let endpoints = table.scan_endpoints().await?;
    for endpoint in &endpoints {
        match hook_keys.reseal(*endpoint).await {
            Ok(was_old) => resealed += u64::from(was_old),
            Err(error) => unreadable.push(format!("{}/{}: {error}", endpoint.workspace, endpoint.endpoint)),
        }
    }
    let (mut dropped, mut not_before): (Vec<String>, Option<Moment>) = (Vec::new(), None);
    for retired in [envelope.retire(&accounts).await?, hook_keys.retire().await?] {
        match retired {
            Retired::Dropped(keys) => dropped.extend(keys),
            Retired::NotBefore(at) => not_before = not_before.max(Some(at)),
        }
    }
    Ok(json!({
        "rows": accounts.len() + endpoints.len(),
        "resealed": resealed,
        "unreadable": unreadable,
        "dropped_keys": dropped,
        "old_keys_stay_until": not_before.map(Moment::rfc3339),
    }))
}
