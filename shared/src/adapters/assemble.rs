//! Puts the real adapters together from the environment: what every function's `main.rs` starts with.

use std::sync::Arc;

use aws_config::SdkConfig;

use super::{
    app_secret::AppSecret,
    aws,
    dynamodb::DynamoStore,
    envelope::Envelope,
    passwords::Argon2Passwords,
    pinterest::{PinterestClient, PinterestOAuth},
    sandbox, sdk,
    secrets::SecretsManager,
    session_keys::SecretsManagerKeys,
    sqs::SqsQueue,
    system::RealSystem,
};
use crate::config::{Environment, Places, Settings, TokenCustody};
use crate::domain::rules::Rules;
use crate::ports::{
    ActivityLog, Analytics, BoardChecks, Boards, Imports, OAuthStates, PinIndex, Pinterest, Purge, Schedules, Secrets,
    SimulatedAccounts, Store, System, Tally, World,
};

/// # Errors
/// When the settings are missing or contradict each other.
pub async fn world(environment: &Environment<'_>) -> anyhow::Result<World> {
    let (settings, places) = (environment.settings()?, environment.places()?);
    over(&aws::sdk_config().await, settings, places)
}

/// The same over an SDK configuration that is already there.
///
/// # Errors
/// When the Pinterest client can't be built.
pub fn over(config: &SdkConfig, settings: Settings, places: Places) -> anyhow::Result<World> {
    let system: Arc<dyn System> = Arc::new(RealSystem::default());
    let secrets = sdk::secretsmanager::Client::new(config);
    let table = Arc::new(DynamoStore::new(sdk::dynamodb::Client::new(config), places.table));
    let custody: Arc<dyn Secrets> = match places.token_custody {
        TokenCustody::Secrets => {
            Arc::new(SecretsManager::new(secrets.clone(), &places.secret_prefix, Arc::clone(&system)))
        }
        TokenCustody::Envelope => {
            Arc::new(Envelope::new(secrets.clone(), &places.secret_prefix, Arc::clone(&table), Arc::clone(&system)))
        }
    };
    let app_secret = AppSecret::new(secrets.clone(), &places.secret_prefix);
    let pinterest = Arc::new(PinterestClient::new(&places.pinterest_url, &settings.deadlines, Arc::clone(&system))?);
    let simulated = Arc::clone(&table) as Arc<dyn SimulatedAccounts>;
    let world = World {
        store: Arc::clone(&table) as Arc<dyn Store>,
        oauth_states: Arc::clone(&table) as Arc<dyn OAuthStates>,
        board_checks: Arc::clone(&table) as Arc<dyn BoardChecks>,
        imports: Arc::clone(&table) as Arc<dyn Imports>,
        activity: Arc::clone(&table) as Arc<dyn ActivityLog>,
        schedules: Arc::clone(&table) as Arc<dyn Schedules>,
        tally: Arc::clone(&table) as Arc<dyn Tally>,
        purge: Arc::clone(&table) as Arc<dyn Purge>,
        pin_index: Arc::clone(&table) as Arc<dyn PinIndex>,
        tenants: table,
        passwords: Arc::new(Argon2Passwords::new(Arc::clone(&system))),
        session_keys: Arc::new(SecretsManagerKeys::new(secrets, &places.secret_prefix, Arc::clone(&system))),
        queue: Arc::new(SqsQueue::new(sdk::sqs::Client::new(config), places.queues)),
        secrets: custody,
        boards: Arc::clone(&pinterest) as Arc<dyn Boards>,
        analytics: Arc::clone(&pinterest) as Arc<dyn Analytics>,
        pinterest: pinterest as Arc<dyn Pinterest>,
        oauth: Arc::new(PinterestOAuth::new(&places.pinterest_url, places.oauth_app, app_secret, Arc::clone(&system))?),
        system,
        settings,
        rules: Rules::default(),
    };
    Ok(sandbox::around(world, simulated))
}

/// Where the Pinterest app's secret is, for the operator who sets it.
///
/// # Errors
/// When the settings are missing.
pub async fn app_secret(environment: &Environment<'_>) -> anyhow::Result<AppSecret> {
    let places = environment.places()?;
    Ok(AppSecret::new(sdk::secretsmanager::Client::new(&aws::sdk_config().await), &places.secret_prefix))
}

/// The parked dead letters, as an operator sees them.
///
/// # Errors
/// When a queue isn't named.
pub async fn parked_letters(environment: &Environment<'_>) -> anyhow::Result<SqsQueue> {
    let queues = environment.places()?.queues;
    Ok(SqsQueue::new(sdk::sqs::Client::new(&aws::sdk_config().await), queues))
}

/// Both ways to keep tokens and the table they are about, whichever is in use: for an operator.
pub struct Custodians {
    pub table: Arc<DynamoStore>,
    pub secrets: SecretsManager,
    pub envelope: Envelope,
    pub in_use: TokenCustody,
}

/// # Errors
/// When a place isn't named.
pub async fn custodians(environment: &Environment<'_>) -> anyhow::Result<Custodians> {
    let (config, places) = (aws::sdk_config().await, environment.places()?);
    Ok(custodians_over(&config, &places))
}

/// The same over an SDK configuration that is already there.
pub fn custodians_over(config: &SdkConfig, places: &Places) -> Custodians {
    let system: Arc<dyn System> = Arc::new(RealSystem::default());
    let client = sdk::secretsmanager::Client::new(config);
    let table = Arc::new(DynamoStore::new(sdk::dynamodb::Client::new(config), &places.table));
    Custodians {
        secrets: SecretsManager::new(client.clone(), &places.secret_prefix, Arc::clone(&system)),
        envelope: Envelope::new(client, &places.secret_prefix, Arc::clone(&table), system),
        table,
        in_use: places.token_custody,
    }
}

/// One cheap read while Lambda's start-up is not billed to a request: it opens the TLS connection.
pub async fn warm_up(world: &World) {
    if let Err(error) = world.store.ping().await {
        tracing::warn!(%error, "the table did not answer during start-up");
    }
}
