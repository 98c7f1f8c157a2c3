//! Starts and stops the local stack.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use pinbridge_loopback::{BODY_TIMEOUT, HEAD_TIMEOUT, Limits};
use pinbridge_shared::adapters::app_secret::AppSecret;
use pinbridge_shared::adapters::{assemble, aws as sdk_settings};
use pinbridge_shared::config::{BusPort, Environment, MailPort, OAuthApp, Resources, Settings, TasksPort};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::flows::accounts::connect;
use pinbridge_shared::ports::Tokens;
use pinterest_simulator::world::scopes;
use pinterest_simulator::{APP_ID, APP_SECRET, Config, Simulator, seed_accounts};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::args::{Args, is_loopback};
use crate::aws::{Durability, LocalAws, Options};
use crate::data_files;
use crate::files::unwritten;
use crate::identity::Identity;
use crate::receiver::{self, Receiver};
use crate::resources::{self, TABLE};
use crate::{room, runner};

/// The access token for a `--pinterest-url` that is not the simulator.
const TOKEN_VARIABLE: &str = "PINBRIDGE_PINTEREST_ACCESS_TOKEN";
const REGION: &str = "us-east-1";
const TTL_SWEEP_EVERY: Duration = Duration::from_secs(600);
/// How long a shutdown waits for work in progress: the publisher's timeout and a margin.
const DRAIN_LIMIT: Duration = Duration::from_secs(27);
/// A start retries an unreachable Pinterest, which may still be starting.
const PINTEREST_TRIES: u32 = 20;
const PINTEREST_PAUSE: Duration = Duration::from_millis(250);

/// A running local stack.
pub struct Stack {
    pub base_url: String,
    pub pinterest_url: String,
    pub identity: Identity,
    pub context: Context,
    pub sqs: aws_sdk_sqs::Client,
    /// None with `--no-receiver`.
    pub receiver: Option<Receiver>,
    aws: Arc<LocalAws>,
    stop: watch::Sender<bool>,
    /// Stops what the workers call: the simulator and the receiver.
    stop_called: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    simulator: Option<JoinHandle<()>>,
}

impl Stack {
    /// Starts every part and resumes the work that an earlier process left unfinished.
    ///
    /// # Errors
    /// When the port is taken, the folder can't be used, a setting is wrong, or Pinterest refuses the tokens.
    pub async fn start(args: &Args, environment: &Environment<'_>) -> anyhow::Result<Self> {
        let mut settings = environment.settings()?;
        let listener = bind(args.port).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        settings.api_url.clone_from(&base_url);
        // Receivers on this machine have no certificates.
        settings.webhooks.allow_loopback_http = true;
        if let Some(path) = &args.ready_file {
            data_files::check_ready_file(&args.data_dir, path)?;
        }
        make_folder(&args.data_dir)?;
        let pinterest = match &args.pinterest_url {
            Some(origin) if !is_loopback(origin) => origin.as_str(),
            _ => "simulator",
        };
        Identity::check(&args.data_dir, pinterest)?;
        if let Some(known) = Identity::load(&args.data_dir)? {
            data_files::check(&args.data_dir, &known, args.pinterest_url.is_none())?;
        }
        room::check(&args.data_dir)?;
        let started = Self::start_parts(args, environment, settings, listener, base_url, pinterest).await;
        started.map_err(|error| room::explain(&args.data_dir, error))
    }

    async fn start_parts(
        args: &Args,
        environment: &Environment<'_>,
        settings: Settings,
        listener: TcpListener,
        base_url: String,
        pinterest: &str,
    ) -> anyhow::Result<Self> {
        let (stop, stopping) = watch::channel(false);
        let (stop_called, called_stopping) = watch::channel(false);
        let mut tasks = Vec::new();

        let access_key_id = uuid::Uuid::new_v4().simple().to_string();
        let options = Options {
            data_dir: Some(args.data_dir.join("aws")),
            durability: Durability::Normal,
            region: REGION.into(),
            access_key_id: Some(access_key_id.clone()),
        };
        let aws = Arc::new(LocalAws::start(options).await?);
        let config = sdk_config(&aws.endpoint_url(), access_key_id).await;
        resources::create_table(&aws_sdk_dynamodb::Client::new(&config)).await?;
        let sqs = polling_client(&config);
        let queues = resources::create_queues(&sqs, visibility_s(environment)?).await?;

        let mut simulator = None;
        let pinterest_url = match &args.pinterest_url {
            Some(url) => url.clone(),
            None => {
                let (url, task) = start_simulator(args, called_stopping.clone()).await?;
                simulator = Some(task);
                url
            }
        };
        let resources = Resources {
            table: TABLE.into(),
            queues: queues.clone(),
            secret_prefix: "pinbridge".into(),
            token_custody: environment.token_custody()?,
            pinterest_url: pinterest_url.clone(),
            oauth_app: oauth_app(environment, simulator.is_some(), &pinterest_url, &base_url)?,
            mail: Some(MailPort::Printed),
            event_bus: args.show_events.then_some(BusPort::Printed),
            event_queue: None,
            tasks: args.show_events.then_some(TasksPort::Printed),
        };
        let app_secret = AppSecret::new(aws_sdk_secretsmanager::Client::new(&config), &resources.secret_prefix);
        let context = assemble::over(&config, settings, resources)?;
        Identity::check_rows(&context, &args.data_dir).await?;
        if simulator.is_some() {
            app_secret.write(&Secret::new(APP_SECRET)).await?;
        }
        let mut identity = Identity::load_or_create(&context, &args.data_dir, pinterest).await?;
        connect_accounts(&context, &identity, args).await?;
        let receiver = match args.no_receiver {
            true => receiver::remove(&context, &identity).await.map(|()| None)?,
            false => Receiver::start(&context, &mut identity, &args.data_dir, called_stopping).await?,
        };
        let files = data_files::present(&args.data_dir);
        if identity.files != files {
            identity.files = files;
            identity.save(&args.data_dir)?;
        }

        // The queues start empty. The recovery markers in the table name the unfinished pins.
        let started_at = context.system.now();
        tasks.push(tokio::spawn(runner::recover(context.clone(), started_at, stopping.clone())));
        for source in runner::sources(&queues) {
            for _ in 0..source.concurrency {
                let poller = runner::poll(context.clone(), sqs.clone(), source.clone(), stopping.clone());
                tasks.push(tokio::spawn(poller));
            }
        }
        tasks.push(tokio::spawn(runner::every_minute(context.clone(), stopping.clone())));
        tasks.push(tokio::spawn(runner::every_five_minutes(context.clone(), stopping.clone())));
        tasks.push(tokio::spawn(sweep(Arc::clone(&aws), context.clone(), stopping.clone())));
        let api = pinbridge_api::router(context.clone());
        let limits = Limits { head: HEAD_TIMEOUT, body: BODY_TIMEOUT, hosts: args.allow_host.clone() };
        tasks.push(tokio::spawn(pinbridge_loopback::serve(listener, api, limits, stopping, DRAIN_LIMIT)));
        Ok(Self { base_url, pinterest_url, identity, context, sqs, receiver, aws, stop, stop_called, tasks, simulator })
    }

    /// Finishes the work in progress, then closes the files.
    ///
    /// # Errors
    /// When the files can't be closed.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        let stopping = Instant::now();
        for mut task in self.tasks {
            // The limit matters for a client that never finishes its request.
            if timeout(DRAIN_LIMIT.saturating_sub(stopping.elapsed()), &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        }
        // Last, because the work in progress calls them.
        self.stop_called.send_replace(true);
        for task in self.simulator.into_iter().chain(self.receiver.map(Receiver::into_task)) {
            let _ = task.await;
        }
        drop((self.context, self.sqs));
        let aws = Arc::into_inner(self.aws).context("the local AWS is still in use")?;
        aws.shutdown().await
    }
}

async fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .await
        .with_context(|| format!("port {port} on 127.0.0.1 can't be used (--port takes another)"))
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if path.exists() && !path.is_dir() {
        bail!("--data-dir {} is a file, and not a folder; choose another", path.display());
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| unwritten(path, error))
        .with_context(|| format!("the folder {} can't be used (--data-dir takes another)", path.display()))
}

async fn sdk_config(endpoint_url: &str, access_key_id: String) -> SdkConfig {
    let credentials = Credentials::new(access_key_id, "local", None, None, "local");
    let loader = sdk_settings::loader().endpoint_url(endpoint_url).region(Region::new(REGION));
    loader.credentials_provider(credentials).load().await
}

/// The SQS client of the pollers. A long poll takes longer than the timeout of the functions' own calls allows, and the
/// messages of an aborted poll stay hidden until their visibility timeout ends.
fn polling_client(config: &SdkConfig) -> aws_sdk_sqs::Client {
    let (all, each) = (runner::POLL_TIMEOUT, runner::POLL_TIMEOUT);
    let timeouts = TimeoutConfig::builder().operation_timeout(all).operation_attempt_timeout(each).build();
    let config = aws_sdk_sqs::config::Builder::from(config).timeout_config(timeouts).build();
    aws_sdk_sqs::Client::from_conf(config)
}

fn visibility_s(environment: &Environment<'_>) -> anyhow::Result<i64> {
    match (environment.0)("PINBRIDGE_VISIBILITY_TIMEOUT_MS") {
        None => Ok(resources::VISIBILITY_TIMEOUT_S),
        Some(ms) => {
            Ok(ms.parse::<i64>().context("PINBRIDGE_VISIBILITY_TIMEOUT_MS is not a number")?.div_euclid(1_000).max(1))
        }
    }
}

/// The OAuth app: the simulator's, or the one that the environment names.
fn oauth_app(
    environment: &Environment<'_>,
    is_simulated: bool,
    pinterest_url: &str,
    base_url: &str,
) -> anyhow::Result<Option<OAuthApp>> {
    if !is_simulated {
        return Ok(environment.oauth_app()?);
    }
    Ok(Some(OAuthApp {
        app_id: APP_ID.into(),
        redirect_url: format!("{base_url}/v1/pinterest/oauth/callback"),
        authorize_url: format!("{pinterest_url}/oauth/"),
        // Every scope, so that every feature works locally.
        scopes: (environment.0)("PINBRIDGE_PINTEREST_SCOPES")
            .filter(|scopes| !scopes.is_empty())
            .unwrap_or_else(|| scopes::ALL.join(",")),
    }))
}

async fn start_simulator(args: &Args, mut stop: watch::Receiver<bool>) -> anyhow::Result<(String, JoinHandle<()>)> {
    let config = Config {
        data_dir: Some(args.data_dir.join("pinterest")),
        accounts: usize::from(args.accounts),
        allow_hosts: args.allow_host.clone(),
        ..Config::default()
    };
    let simulator =
        Simulator::open(config).context("the Pinterest simulator could not start (--data-dir takes another folder)")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let task = tokio::spawn(async move {
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        if let Err(error) = simulator.serve(listener, stopped).await {
            tracing::error!(%error, "Pinterest simulator failed");
        }
    });
    Ok((url, task))
}

/// Connects the accounts that are not connected yet. The others keep their stored tokens, which may have been rotated.
async fn connect_accounts(context: &Context, identity: &Identity, args: &Args) -> anyhow::Result<()> {
    let workspace = identity.workspace_id;
    if let Some(token) = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()) {
        let tokens = Tokens::bare(token, None);
        connect::connect_account(context, workspace, &tokens).await?;
        return Ok(());
    }
    let connected = context.store.accounts(workspace).await?;
    for seed in seed_accounts(usize::from(args.accounts)) {
        if connected.iter().any(|account| account.pinterest_user_id == seed.id) {
            continue;
        }
        let tokens = Tokens {
            // The scopes of the documented tokens.
            scopes: Some(scopes::ALL.join(",")),
            ..Tokens::bare(seed.access_token, Some(seed.refresh_token))
        };
        connect_patiently(context, identity, &tokens).await?;
    }
    Ok(())
}

async fn connect_patiently(context: &Context, identity: &Identity, tokens: &Tokens) -> anyhow::Result<()> {
    use pinbridge_shared::domain::pin::failure::Failure;
    use pinbridge_shared::flows::accounts::connect::ConnectError;
    for _ in 0..PINTEREST_TRIES {
        match connect::connect_account(context, identity.workspace_id, tokens).await {
            Ok(_) => return Ok(()),
            Err(ConnectError::Pinterest(read)) if read.failure == Failure::PinterestUnreachable => {
                tokio::time::sleep(PINTEREST_PAUSE).await;
            }
            Err(error @ ConnectError::Pinterest(_)) => {
                bail!("{error} (another Pinterest than the simulator needs a token in {TOKEN_VARIABLE})")
            }
            Err(error) => return Err(error.into()),
        }
    }
    bail!("Pinterest does not answer (--pinterest-url)")
}

async fn sweep(aws: Arc<LocalAws>, context: Context, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TTL_SWEEP_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = aws.sweep_ttl(context.system.now().unix_seconds()).await {
            tracing::warn!(%error, "TTL sweep failed");
        }
    }
}
