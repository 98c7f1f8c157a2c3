//! The operator command: sets up workspaces, users, keys and accounts, and redrives dead-letter messages, with the
//! operator's own AWS credentials.
//!
//! It reads the deployed functions' settings (`PINBRIDGE_TABLE`, …) and the usual AWS variables; see the README,
//! "Deploying". It reads secrets from the environment or the command line, and prints a new secret once, on standard
//! output.

mod custody;
mod import;
mod people;
mod receipts;
mod redrive;
mod workspaces;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use pinbridge_shared::adapters::{assemble, system};
use pinbridge_shared::config::Environment;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::flows::accounts::connect;
use pinbridge_shared::flows::tenants::projects;
use pinbridge_shared::ports::Tokens;
use pinbridge_shared::telemetry::{self, Output};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Parser)]
#[command(
    name = "operator",
    version,
    about = "Sets up workspaces, users, keys and accounts, and redrives dead-letter messages"
)]
struct Arguments {
    #[command(subcommand)]
    command: AnyCommand,
}

#[derive(Subcommand)]
enum AnyCommand {
    #[command(flatten)]
    Deployment(Command),
    /// Imports the pins of a CSV file of any size through the API, with the key in the variable PINBRIDGE_API_KEY. Run
    /// it again to continue an interrupted import: no row is imported twice. The exit code is 1 if any row failed, of a
    /// dry run too; the totals are printed all the same
    Import(import::ImportArgs),
    /// Verifies a receipt of a pin with the published keys, offline. Prints what a valid receipt says as JSON. If it
    /// isn't valid, prints why; the exit code is 1
    VerifyReceipt(receipts::VerifyArgs),
}

#[derive(Subcommand)]
enum Command {
    /// Creates a workspace with its first API key and connects a Pinterest account. Prints their IDs and the key as
    /// JSON; the key is not shown again
    Bootstrap {
        #[arg(long)]
        workspace_name: String,
        /// Also creates the workspace's first owner, with this address (see create-user)
        #[arg(long)]
        email: Option<String>,
        #[command(flatten)]
        tokens: TokenArgs,
    },
    /// Connects a Pinterest account to a workspace, or replaces the tokens of a connected one
    Connect {
        #[arg(long)]
        workspace_id: WorkspaceId,
        #[command(flatten)]
        tokens: TokenArgs,
    },
    #[command(flatten)]
    People(people::PeopleCommand),
    /// Counts the messages of the redrive queue by class of error. With --run, retries their pins. Prints a summary as
    /// JSON
    Redrive(redrive::RedriveArgs),
    /// Copies the accounts' tokens from one custody to the other. Repeat it until it copies no more tokens
    MoveTokens(custody::MoveArgs),
    /// Deletes a workspace and all its data: tokens and keys at once, the rest within an hour
    DeleteWorkspace(workspaces::DeleteArgs),
    /// Writes a workspace's accounts and its pins with their timelines to a file, as JSON lines
    Export(workspaces::ExportArgs),
    /// Stores the Pinterest app's secret, read from the variable PINBRIDGE_PINTEREST_APP_SECRET
    SetAppSecret,
    /// Makes a new key for signing receipts. The earlier keys stay published, so earlier receipts stay valid
    RotateReceiptKey,
    /// Adds a data key to each secret of data keys and makes it the current one, which seals new webhook secrets and
    /// (in envelope mode) new tokens
    RotateDataKey,
    /// Seals all webhook secrets and (in envelope mode) all tokens under the current data keys, and deletes the old
    /// keys a day after they were replaced
    ResealTokens,
}

/// The account's tokens. Variables keep them out of the shell's history.
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
    let command = Arguments::parse().command;
    let is_import = matches!(command, AnyCommand::Import(_));
    let result = match command {
        AnyCommand::Deployment(command) => run(command).await,
        // It uses the API only, so it needs neither settings nor AWS credentials.
        AnyCommand::Import(arguments) => import::run(arguments).await,
        AnyCommand::VerifyReceipt(arguments) => receipts::verify(&arguments),
    };
    match result {
        Ok(answer) => {
            if let Err(error) = print(&mut io::stdout().lock(), &answer) {
                eprintln!("operator: standard output can't be written: {error}");
                return ExitCode::FAILURE;
            }
            // A script sees the rows that failed.
            let has_failed_rows = is_import && answer["failed"].as_u64() > Some(0);
            if has_failed_rows { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the answer. That its reader has enough of it, such as `head`, is no failure.
fn print(output: &mut impl Write, answer: &Value) -> io::Result<()> {
    match writeln!(output, "{answer:#}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

async fn run(command: Command) -> anyhow::Result<Value> {
    let environment = Environment::process();
    telemetry::init("warn", &environment.environment(), Output::Program);
    let context = assemble::context(&environment).await?;
    match command {
        Command::MoveTokens(arguments) => custody::move_all(&environment, &arguments).await,
        Command::DeleteWorkspace(arguments) => workspaces::delete(&context, &arguments).await,
        Command::Export(arguments) => workspaces::export(&context, &arguments).await,
        Command::SetAppSecret => {
            let name = "PINBRIDGE_PINTEREST_APP_SECRET";
            let secret = std::env::var(name).ok().filter(|secret| !secret.trim().is_empty());
            let secret = Secret::new(secret.with_context(|| format!("no app secret ({name})"))?);
            assemble::app_secret(&environment).await?.write(&secret).await?;
            Ok(json!({"stored": true}))
        }
        Command::RotateReceiptKey => receipts::rotate(&context).await,
        Command::RotateDataKey => custody::rotate(&environment).await,
        Command::ResealTokens => custody::reseal(&environment).await,
        Command::Bootstrap { workspace_name, email, tokens } => {
            let tokens = tokens.tokens()?;
            let email = email.map(|text| people::parse_email(&text)).transpose()?;
            // The token is tried first, so that a token that Pinterest refuses leaves no rows behind.
            connect::try_token(&context, &tokens).await?;
            let workspace = WorkspaceId(Uuid::new_v4());
            let api_key = projects::create_workspace(&context, workspace, &workspace_name, system::secret()).await?;
            let mut answer = connect(&context, workspace, &tokens).await?;
            answer["api_key"] = json!(api_key);
            if let Some(email) = email {
                let owner = people::NewUserArgs::owner(email.as_str().to_owned(), workspace);
                answer["user"] = people::create_user(&context, owner).await?;
            }
            Ok(answer)
        }
        Command::Connect { workspace_id, tokens } => {
            let tokens = tokens.tokens()?;
            people::known(&context, workspace_id).await?;
            connect(&context, workspace_id, &tokens).await
        }
        Command::Redrive(arguments) => {
            let messages = assemble::redrive_queue(&environment).await?;
            redrive::run(&context, &messages, arguments).await
        }
        Command::People(command) => people::run(&context, command).await,
    }
}

async fn connect(context: &Context, workspace: WorkspaceId, tokens: &Tokens) -> anyhow::Result<Value> {
    let account = connect::connect_account(context, workspace, tokens).await?;
    let boards = context.boards.boards(&tokens.access).await?;
    Ok(json!({
        "workspace_id": workspace,
        "account_id": account.key.account,
        "pinterest_user_id": account.pinterest_user_id,
        "username": account.username,
        "board_id": boards.boards.first().map(|board| board.id.as_str()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that fails.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_enough_is_no_failure_and_a_full_disk_is_one() {
        let answer = json!({"status": "published"});
        assert!(print(&mut Failing(ErrorKind::BrokenPipe), &answer).is_ok());
        let full = print(&mut Failing(ErrorKind::StorageFull), &answer).expect_err("nothing was written");
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        let mut written: Vec<u8> = Vec::new();
        print(&mut written, &answer).expect("written");
        assert_eq!(written, b"{\n  \"status\": \"published\"\n}\n");
    }
}
