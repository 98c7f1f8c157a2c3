//! Assembles the real adapters from the environment: every function's `main.rs` starts with it.

use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;

use super::app_secret::AppSecret;
use super::dynamodb::DynamoStore;
use super::envelope::{Envelope, HookKeys};
use super::event_bridge::EventBridge;
use super::event_queue::SqsEventQueue;
use super::pacing_key::PacingKey;
use super::passwords::Argon2Passwords;
use super::pinterest::{PinterestClient, PinterestOAuth};
use super::printed_events::PrintedEvents;
use super::printed_mail::PrintedMail;
use super::printed_tasks::PrintedTasks;
use super::receipt_keys::SecretsManagerReceiptKeys;
use super::secrets::SecretsManager;
use super::ses::Ses;
use super::session_keys::SecretsManagerKeys;
use super::sqs::SqsQueue;
use super::step_functions::StepFunctions;
use super::system::RealSystem;
use super::task_token_store::TaskTokenStore;
use super::webhook_sender::HttpsSender;
use super::webhook_store::WebhookStore;
use super::{announce, aws, recent_outcomes, sandbox, sdk};
use crate::config::{BusPort, Environment, EventQueue, MailPort, Resources, Settings, TasksPort, TokenCustody};
use crate::context::{Context, Destinations};
use crate::domain::credit::purse::Purses;
use crate::domain::stats::rollup::recent::SAMPLES_PER_ROW;
use crate::domain::webhook::address::AddressRules;
use crate::domain::webhook::destination::Destination;
use crate::metering::ReadUnits;
use crate::ports::{
    ActivityLog, Analytics, BoardChecks, Boards, Credits, EventBus, Imports, Mailer, OAuthStates, PinIndex, Pinterest,
    Purge, Rollups, Schedules, Secrets, SimulatedAccounts, Store, System, TaskTokens, WebhookSender, Webhooks,
};

/// # Errors
/// When the settings are missing or contradict each other.
pub async fn context(environment: &Environment<'_>) -> anyhow::Result<Context> {
    let (settings, resources) = (environment.settings()?, environment.resources()?);
    over(&aws::sdk_config().await, settings, resources)
}

/// Like [`context`], with an SDK configuration that exists already.
///
/// # Errors
/// When the Pinterest client or the mail port can't be built, or registration is open and no mail can be sent.
pub fn over(config: &SdkConfig, settings: Settings, resources: Resources) -> anyhow::Result<Context> {
    settings.check_mail(resources.mail.as_ref())?;
    let system: Arc<dyn System> = Arc::new(RealSystem::default());
    let mailer: Option<Arc<dyn Mailer>> = match resources.mail {
        Some(MailPort::Ses { from }) => Some(Arc::new(Ses::new(config, from, Arc::clone(&system))?)),
        Some(MailPort::Printed) => Some(Arc::new(PrintedMail)),
        None => None,
    };
    let named = (resources.event_bus, resources.event_queue, resources.tasks);
    let destinations = destinations(config, named, &settings.environment, &system)?;
    let secrets = sdk::secretsmanager::Client::new(config);
    let dynamodb = sdk::dynamodb::Client::new(config).config().to_builder().interceptor(ReadUnits).build();
    let table = Arc::new(DynamoStore::new(sdk::dynamodb::Client::from_conf(dynamodb), resources.table));
    let custody: Arc<dyn Secrets> = match resources.token_custody {
        TokenCustody::Secrets => {
            Arc::new(SecretsManager::new(secrets.clone(), &resources.secret_prefix, Arc::clone(&system)))
        }
        TokenCustody::Envelope => {
            Arc::new(Envelope::new(secrets.clone(), &resources.secret_prefix, Arc::clone(&table), Arc::clone(&system)))
        }
    };
    let app_secret = AppSecret::new(secrets.clone(), &resources.secret_prefix);
    let pinterest = Arc::new(PinterestClient::new(&resources.pinterest_url, &settings.deadlines, Arc::clone(&system))?);
    let simulated = Arc::clone(&table) as Arc<dyn SimulatedAccounts>;
    let webhooks =
        WebhookStore::new(secrets.clone(), &resources.secret_prefix, Arc::clone(&table), Arc::clone(&system));
    let task_tokens =
        TaskTokenStore::new(secrets.clone(), &resources.secret_prefix, Arc::clone(&table), Arc::clone(&system));
    let address_rules = AddressRules { allow_loopback_http: settings.webhooks.allow_loopback_http };
    let webhook_sender = HttpsSender::new(address_rules);
    let context = Context {
        store: Arc::clone(&table) as Arc<dyn Store>,
        oauth_states: Arc::clone(&table) as Arc<dyn OAuthStates>,
        board_checks: Arc::clone(&table) as Arc<dyn BoardChecks>,
        imports: Arc::clone(&table) as Arc<dyn Imports>,
        activity: Arc::clone(&table) as Arc<dyn ActivityLog>,
        schedules: Arc::clone(&table) as Arc<dyn Schedules>,
        rollups: Arc::clone(&table) as Arc<dyn Rollups>,
        purge: Arc::clone(&table) as Arc<dyn Purge>,
        pin_index: Arc::clone(&table) as Arc<dyn PinIndex>,
        credits: Arc::clone(&table) as Arc<dyn Credits>,
        webhooks: Arc::new(webhooks) as Arc<dyn Webhooks>,
        webhook_sender: Arc::new(webhook_sender) as Arc<dyn WebhookSender>,
        destinations,
        task_tokens: Arc::new(task_tokens) as Arc<dyn TaskTokens>,
        lanes: Arc::default(),
        purses: Arc::new(Mutex::new(Purses::default())),
        tenants: table,
        passwords: Arc::new(Argon2Passwords::new(Arc::clone(&system))),
        pacers: Arc::new(PacingKey::new(secrets.clone(), &resources.secret_prefix, Arc::clone(&system))),
        receipt_keys: Arc::new(SecretsManagerReceiptKeys::new(
            secrets.clone(),
            &resources.secret_prefix,
            Arc::clone(&system),
        )),
        session_keys: Arc::new(SecretsManagerKeys::new(secrets, &resources.secret_prefix, Arc::clone(&system))),
        queue: Arc::new(SqsQueue::new(sdk::sqs::Client::new(config), resources.queues)),
        secrets: custody,
        boards: Arc::clone(&pinterest) as Arc<dyn Boards>,
        analytics: Arc::clone(&pinterest) as Arc<dyn Analytics>,
        pinterest: pinterest as Arc<dyn Pinterest>,
        oauth: Arc::new(PinterestOAuth::new(
            &resources.pinterest_url,
            resources.oauth_app,
            app_secret,
            Arc::clone(&system),
        )?),
        mailer,
        system,
        settings,
    };
    // The outermost: an event is announced after whatever its write takes with it.
    Ok(announce::around(recent_outcomes::around(sandbox::around(context, simulated), SAMPLES_PER_ROW)))
}

/// Where events go besides webhooks.
fn destinations(
    config: &SdkConfig,
    (bus, queue, tasks): (Option<BusPort>, Option<EventQueue>, Option<TasksPort>),
    environment: &str,
    system: &Arc<dyn System>,
) -> anyhow::Result<Destinations> {
    let mut destinations = Destinations::default();
    if let Some(bus) = bus {
        let bus: Arc<dyn EventBus> = match bus {
            BusPort::EventBridge { name, format } => {
                let bus = EventBridge::new(config, name, Arc::clone(system))?;
                Arc::new(bus.with_format(format, environment.to_owned()))
            }
            BusPort::Printed => Arc::new(PrintedEvents),
        };
        destinations = destinations.with(Destination::EventBus, bus);
    }
    if let Some(queue) = queue {
        let queue = SqsEventQueue::new(sdk::sqs::Client::new(config), queue, environment.to_owned());
        destinations = destinations.with(Destination::EventQueue, Arc::new(queue));
    }
    Ok(match tasks {
        Some(TasksPort::StepFunctions) => {
            destinations.with_tasks(Arc::new(StepFunctions::new(config, Arc::clone(system))?))
        }
        Some(TasksPort::Printed) => destinations.with_tasks(Arc::new(PrintedTasks)),
        None => destinations,
    })
}

/// The access to the Pinterest app's secret, for the operator who sets it.
///
/// # Errors
/// When the settings are missing.
pub async fn app_secret(environment: &Environment<'_>) -> anyhow::Result<AppSecret> {
    let resources = environment.resources()?;
    Ok(AppSecret::new(sdk::secretsmanager::Client::new(&aws::sdk_config().await), &resources.secret_prefix))
}

/// The redrive queue of dead-letter messages, for an operator.
///
/// # Errors
/// When a queue isn't named.
pub async fn redrive_queue(environment: &Environment<'_>) -> anyhow::Result<SqsQueue> {
    let queues = environment.resources()?.queues;
    Ok(SqsQueue::new(sdk::sqs::Client::new(&aws::sdk_config().await), queues))
}

/// Both token custodies and the table that they belong to, whichever custody is in use: for an operator.
pub struct Custodians {
    pub table: Arc<DynamoStore>,
    pub secrets: SecretsManager,
    pub envelope: Envelope,
    pub hook_keys: HookKeys,
    pub in_use: TokenCustody,
}

/// # Errors
/// When a resource isn't named.
pub async fn custodians(environment: &Environment<'_>) -> anyhow::Result<Custodians> {
    let (config, resources) = (aws::sdk_config().await, environment.resources()?);
    Ok(custodians_over(&config, &resources))
}

/// Like [`custodians`], with an SDK configuration that exists already.
pub fn custodians_over(config: &SdkConfig, resources: &Resources) -> Custodians {
    let system: Arc<dyn System> = Arc::new(RealSystem::default());
    let client = sdk::secretsmanager::Client::new(config);
    let table = Arc::new(DynamoStore::new(sdk::dynamodb::Client::new(config), &resources.table));
    Custodians {
        secrets: SecretsManager::new(client.clone(), &resources.secret_prefix, Arc::clone(&system)),
        envelope: Envelope::new(client.clone(), &resources.secret_prefix, Arc::clone(&table), Arc::clone(&system)),
        hook_keys: HookKeys::new(client, &resources.secret_prefix, Arc::clone(&table), system),
        table,
        in_use: resources.token_custody,
    }
}

/// Makes one cheap read while Lambda's start-up is not billed to a request: it opens the TLS connection.
pub async fn warm_up(context: &Context) {
    if let Err(error) = context.store.ping().await {
        tracing::warn!(%error, "table unavailable during start-up");
    }
}
