//! The operator's command: sets up a workspace with its first key and account, and redrives dead letters, with the
//! operator's own AWS credentials.
//!
//! It reads the deployed functions' settings (`PINBRIDGE_TABLE`, …) and the usual AWS variables; see the README,
//! "Deploying". Secrets come in through the environment or the command line and go out once, on standard output.

mod custody;
mod redrive;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use pinbridge_shared::adapters::{assemble, system};
use pinbridge_shared::config::Environment;
use pinbridge_shared::domain::api_key::Workspace;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::flows::connect;
use pinbridge_shared::ports::{Tokens, World};
use pinbridge_shared::telemetry::{self, Output};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Parser)]
#[command(name = "operator", version, about = "Sets up workspaces, keys and accounts, and redrives dead letters")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Creates a workspace with its first API key and connects a Pinterest account; prints them as JSON, the key once
    Bootstrap {
        #[arg(long)]
        workspace_name: String,
        #[command(flatten)]
        tokens: TokenArgs,
    },
    /// Connects another Pinterest account to a workspace, or the same one again with new tokens
    Connect {
        #[arg(long)]
        workspace_id: WorkspaceId,
        #[command(flatten)]
        tokens: TokenArgs,
    },
    /// Creates another API key for a workspace; prints it once
    CreateKey {
        #[arg(long)]
        workspace_id: WorkspaceId,
    },
    /// Shows what dead letters are parked, by class of error; with --run, retries their pins. Prints a summary as JSON
    Redrive(redrive::RedriveArgs),
    /// Copies the accounts' tokens from one custody to the other; repeat it until nothing is copied any more
    MoveTokens(custody::MoveArgs),
    /// Adds a data key that seals from now on (envelope mode)
    RotateDataKey,
    /// Seals all tokens under the current data key, and drops the old keys a day after they were replaced (envelope mode)
    ResealTokens,
}

/// The account's tokens. The variables keep them out of the shell's history.
#[derive(Args)]
struct TokenArgs {
    /// Default: the variable PINBRIDGE_PINTEREST_ACCESS_TOKEN
    #[arg(long)]
    access_token: Option<String>,
    /// Default: the variable PINBRIDGE_PINTEREST_REFRESH_TOKEN
    #[arg(long)]
    refresh_token: Option<String>,
}

impl TokenArgs {
    fn tokens(self) -> anyhow::Result<Tokens> {
        let from = |given: Option<String>, name: &str| {
            given.or_else(|| std::env::var(name).ok()).filter(|token| !token.is_empty())
        };
        let access = from(self.access_token, "PINBRIDGE_PINTEREST_ACCESS_TOKEN")
            .context("no access token (PINBRIDGE_PINTEREST_ACCESS_TOKEN or --access-token)")?;
        let refresh = from(self.refresh_token, "PINBRIDGE_PINTEREST_REFRESH_TOKEN");
        Ok(Tokens::bare(access, refresh))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(answer) => {
            println!("{answer:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<Value> {
    let environment = Environment::process();
    telemetry::init("warn", &environment.environment(), Output::Program);
    let world = assemble::world(&environment).await?;
    match command {
        Command::MoveTokens(arguments) => custody::move_all(&environment, &arguments).await,
        Command::RotateDataKey => custody::rotate(&environment).await,
        Command::ResealTokens => custody::reseal(&environment).await,
        Command::Bootstrap { workspace_name, tokens } => {
            let tokens = tokens.tokens()?;
            // A token that Pinterest refuses leaves nothing behind.
            connect::try_token(&world, &tokens).await?;
            let workspace = Workspace { id: WorkspaceId(Uuid::new_v4()), name: workspace_name };
            let api_key = connect::create_workspace(&world, &workspace, system::secret()).await?;
            let mut answer = connect(&world, workspace.id, &tokens).await?;
            answer["api_key"] = json!(api_key);
            Ok(answer)
        }
        Command::Connect { workspace_id, tokens } => {
            let tokens = tokens.tokens()?;
            known(&world, workspace_id).await?;
            connect(&world, workspace_id, &tokens).await
        }
        Command::Redrive(arguments) => {
            let letters = assemble::parked_letters(&environment).await?;
            redrive::run(&world, &letters, arguments).await
        }
        Command::CreateKey { workspace_id } => {
            let workspace = known(&world, workspace_id).await?;
            let api_key = connect::create_workspace(&world, &workspace, system::secret()).await?;
            Ok(json!({"workspace_id": workspace_id, "api_key": api_key}))
        }
    }
}

async fn known(world: &World, id: WorkspaceId) -> anyhow::Result<Workspace> {
    world.tenants.workspace(id).await?.with_context(|| format!("there is no workspace {id}"))
}

async fn connect(world: &World, workspace: WorkspaceId, tokens: &Tokens) -> anyhow::Result<Value> {
    let account = connect::connect_account(world, workspace, tokens).await?;
    let boards = world.boards.boards(&tokens.access).await?;
    Ok(json!({
        "workspace_id": workspace,
        "account_id": account.key.account,
        "pinterest_user_id": account.pinterest_user_id,
        "username": account.username,
        "board_id": boards.first().map(|board| board.id.as_str()),
    }))
}
