//! Typed settings. Only this module reads the environment. [`table`] describes every variable.

mod destinations;
mod registration;
pub mod table;

use std::str::FromStr;

use thiserror::Error;

pub use self::destinations::{BusPort, EventFormat, EventQueue, TasksPort};
pub use self::registration::{MailPort, Registration};
use self::table::Setting;
use crate::domain::account::return_to::ReturnOrigins;
use crate::domain::credit::{Allowance, CREDITS_MAX, CREDITS_MIN, Limits};
use crate::domain::deadlines::{Deadlines, QuiesceTooShort, SEND_WITHIN_MS};
use crate::domain::pacing::budget::{DAILY_BUDGET_MOST, DailyBudget};
use crate::domain::pacing::pace::{DEFAULT_CAPACITY, DEFAULT_RATE_PER_S, Pace};
use crate::domain::reconcile::board_scan::AbsenceProof;
use crate::domain::reconcile::duplicate_check::{DUPLICATE_CHECK_AFTER_MS, DuplicateCheck};
use crate::domain::time::{DAY_MS, MINUTE_MS, SECOND_MS};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The publisher's Lambda timeout unless the environment sets another one.
pub const PUBLISHER_TIMEOUT_MS: i64 = 25_000;
/// What an invocation needs beyond a call and its record: reads, a wait for a slot within the second, the write-ahead.
const PUBLISHER_OVERHEAD_MS: i64 = 2 * SECOND_MS;

/// A queue's visibility timeout is at least this many times the timeout of the function that reads it, as Lambda
/// recommends: batches that Lambda could not run at once are then tried again.
pub const VISIBILITY_PER_TIMEOUT: i64 = 6;
/// The message of a dead process is delivered again within this time.
pub const PICKED_UP_WITHIN_MS: i64 = 5 * MINUTE_MS;
/// The longest timeout of a function that a queue invokes. With a longer one, the queue could not keep both
/// [`VISIBILITY_PER_TIMEOUT`] and [`PICKED_UP_WITHIN_MS`].
pub const QUEUE_FUNCTION_TIMEOUT_MAX_MS: i64 = 45 * SECOND_MS;
/// Deliveries of a message before it becomes a dead-letter message, as template.yaml sets it.
const DELIVERIES_MAX: u32 = 20;
/// With a quiesce period near [`PICKED_UP_WITHIN_MS`] or beyond it, a message may be hidden for this much longer than
/// the quiesce period.
const VISIBILITY_BEYOND_QUIESCE_MS: i64 = MINUTE_MS;

/// The settings that the flows need. Plain values, so that tests and the simulation create their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub deadlines: Deadlines,
    pub absence_proof: AbsenceProof,
    pub pace: Pace,
    /// The most requests to Pinterest in one UTC day, for the whole app.
    pub daily_budget: DailyBudget,
    pub duplicate_check: DuplicateCheck,
    /// How long after a publish its duplicate check is due.
    pub duplicate_check_after_ms: i64,
    /// How long rows are kept after a pin's longest life.
    pub retention_ms: i64,
    /// How long a disconnected account keeps its name.
    pub disconnected_kept_ms: i64,
    /// How long entries of the activity log are kept.
    pub activity_kept_ms: i64,
    /// How long a revoked key stays listed.
    pub revoked_keys_kept_ms: i64,
    /// What callers may spend.
    pub limits: Limits,
    /// How often a queue delivers a message before it becomes a dead letter.
    pub deliveries_max: u32,
    /// `production`, `staging`, `local`, …; the health routes show it.
    pub environment: String,
    /// Where a browser may be sent after a connection.
    pub return_origins: ReturnOrigins,
    pub registration: Registration,
    /// The API's own origin, for links in mails. Empty: unknown.
    pub api_url: String,
    pub webhooks: WebhookSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            absence_proof: AbsenceProof::default(),
            pace: Pace::new(DEFAULT_CAPACITY, DEFAULT_RATE_PER_S),
            daily_budget: DailyBudget::default(),
            duplicate_check: DuplicateCheck::Off,
            duplicate_check_after_ms: DUPLICATE_CHECK_AFTER_MS,
            retention_ms: 90 * DAY_MS,
            disconnected_kept_ms: 30 * DAY_MS,
            activity_kept_ms: 30 * DAY_MS,
            revoked_keys_kept_ms: 90 * DAY_MS,
            limits: Limits::default(),
            deliveries_max: DELIVERIES_MAX,
            environment: "local".into(),
            registration: Registration::default(),
            api_url: String::new(),
            return_origins: ReturnOrigins::default(),
            webhooks: WebhookSettings::default(),
        }
    }
}

/// How webhooks are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// How long deliveries are kept, in days.
    pub delivery_days: u32,
    /// Whether endpoints may be http on this machine. No variable sets it: only the local stack does.
    pub allow_loopback_http: bool,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { delivery_days: 30, allow_loopback_http: false }
    }
}

impl WebhookSettings {
    /// How long deliveries are kept, in milliseconds.
    pub fn deliveries_kept_ms(&self) -> i64 {
        i64::from(self.delivery_days) * DAY_MS
    }
}

/// The URLs of the queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrls {
    pub publish: String,
    /// Boards to read.
    pub reconciliation: String,
    /// Messages that the publish queue has delivered too often.
    pub dead_letters: String,
    /// Dead-letter messages that wait for an operator, after their pins have failed.
    pub redrive: String,
    /// Imports to process.
    pub import: String,
    /// Messages that the import queue has delivered too often.
    pub import_dead_letters: String,
    /// Events to deliver.
    pub notify: String,
    /// Messages that the notify queue has delivered too often.
    pub notify_dead_letters: String,
}

/// The names and addresses of the external resources.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    pub table: String,
    pub queues: QueueUrls,
    pub secret_prefix: String,
    pub token_custody: TokenCustody,
    /// An origin, without `/v5`.
    pub pinterest_url: String,
    /// The Pinterest app that accounts are connected with. Without one, only an operator can connect accounts.
    pub oauth_app: Option<OAuthApp>,
    /// Without one, nobody can prove an address.
    pub mail: Option<MailPort>,
    /// Where every workspace's events go besides webhooks.
    pub event_bus: Option<BusPort>,
    pub event_queue: Option<EventQueue>,
    /// Without it, no task of a state machine can wait for a pin.
    pub tasks: Option<TasksPort>,
}

/// How the accounts' tokens are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenCustody {
    /// One secret per account in Secrets Manager.
    #[default]
    Secrets,
    /// Encrypted in the table, with data keys that Secrets Manager stores.
    Envelope,
}

impl FromStr for TokenCustody {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "secrets" => Ok(Self::Secrets),
            "envelope" => Ok(Self::Envelope),
            _ => Err(()),
        }
    }
}

/// The Pinterest app without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthApp {
    pub app_id: String,
    /// Exactly as registered with Pinterest: the API's `/v1/pinterest/oauth/callback`.
    pub redirect_url: String,
    pub authorize_url: String,
    /// Separated by commas.
    pub scopes: String,
}

/// Why the environment gives no settings.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("{name} is not set")]
    Missing { name: &'static str },
    #[error("{name} is {value:?}, which is not {expected}")]
    Invalid { name: &'static str, value: String, expected: &'static str },
    #[error(transparent)]
    Quiesce(#[from] QuiesceTooShort),
    #[error(
        "the client timeout of {client_timeout_ms} ms leaves no time to record an outcome within the publisher's \
         {publisher_timeout_ms} ms: no pin would ever be sent"
    )]
    ClientTimeout { client_timeout_ms: i64, publisher_timeout_ms: i64 },
    #[error(
        "the queue's visibility timeout of {visibility_ms} ms is not longer than the quiesce period of {quiesce_ms} ms"
    )]
    Visibility { visibility_ms: i64, quiesce_ms: i64 },
    #[error(
        "the queue's visibility timeout of {visibility_ms} ms is below {VISIBILITY_PER_TIMEOUT} times the publisher's \
         timeout of {publisher_timeout_ms} ms, which Lambda asks for"
    )]
    VisibilityPerTimeout { visibility_ms: i64, publisher_timeout_ms: i64 },
    #[error(
        "the queue's visibility timeout of {visibility_ms} ms hides a dead publisher's messages for longer than \
         {visibility_max_ms} ms"
    )]
    VisibilityTooLong { visibility_ms: i64, visibility_max_ms: i64 },
    #[error(
        "PINBRIDGE_REGISTRATION is open, but no mail can be sent to prove addresses: set PINBRIDGE_MAIL_FROM, or use \
         invited or closed"
    )]
    OpenWithoutMail,
    #[error("PINBRIDGE_REGISTRATION is open, but PINBRIDGE_API_URL is not set: links in mails need it")]
    OpenWithoutUrl,
    #[error(
        "the publisher's timeout of {publisher_timeout_ms} ms is above {QUEUE_FUNCTION_TIMEOUT_MAX_MS} ms: its \
         messages would be hidden for more than five minutes"
    )]
    PublisherTimeout { publisher_timeout_ms: i64 },
}

/// Reads variables through a function, so that tests need no process environment.
pub struct Environment<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    /// The process environment.
    pub fn process() -> Environment<'static> {
        Environment(&|name| std::env::var(name).ok())
    }

    /// # Errors
    /// When a value is invalid, or values contradict each other.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let deadlines = self.deadlines()?;
        let capacity = self.parsed(&table::ACCOUNT_CAPACITY, |capacity: &u32| *capacity >= 1)?;
        let rate = self.parsed(&table::ACCOUNT_RATE_PER_S, |rate: &f64| *rate > 0.0 && *rate <= 1_000.0)?;
        Ok(Settings {
            deadlines,
            absence_proof: AbsenceProof::default(),
            pace: Pace::new(capacity, rate),
            daily_budget: self
                .parsed(&table::DAILY_BUDGET, |budget: &DailyBudget| budget.calls <= DAILY_BUDGET_MOST)?,
            duplicate_check: self.parsed(&table::DUPLICATE_CHECK, |_| true)?,
            duplicate_check_after_ms: DUPLICATE_CHECK_AFTER_MS,
            retention_ms: self.days(&table::RETENTION_DAYS)?,
            disconnected_kept_ms: self.days(&table::DISCONNECTED_DAYS)?,
            activity_kept_ms: self.days(&table::ACTIVITY_DAYS)?,
            revoked_keys_kept_ms: self.days(&table::REVOKED_KEYS_DAYS)?,
            limits: Limits {
                caller: self.credits(&table::CALLER_CREDITS)?,
                source: self.credits(&table::SOURCE_CREDITS)?,
            },
            deliveries_max: self.parsed(&table::MAX_RECEIVE_COUNT, |count: &u32| (1..=1_000).contains(count))?,
            environment: self.environment(),
            registration: self.parsed(&table::REGISTRATION, |_| true)?,
            api_url: self.filled(&table::API_URL).unwrap_or_default(),
            return_origins: self.parsed(&table::RETURN_ORIGINS, |_| true)?,
            webhooks: WebhookSettings {
                delivery_days: self.parsed(&table::WEBHOOK_DELIVERY_DAYS, |days: &u32| (1..=3650).contains(days))?,
                allow_loopback_http: false,
            },
        })
    }

    /// The time limits of publishing, checked against each other.
    fn deadlines(&self) -> Result<Deadlines, ConfigError> {
        let deadlines = Deadlines {
            send_within_ms: SEND_WITHIN_MS,
            client_timeout_ms: self.ms(&table::CLIENT_TIMEOUT_MS)?,
            commit_lateness_ms: self.ms(&table::COMMIT_LATENESS_MS)?,
            list_lag_ms: self.ms(&table::LIST_LAG_MS)?,
            clock_skew_ms: self.ms(&table::CLOCK_SKEW_MS)?,
            quiesce_ms: self.ms(&table::QUIESCE_MS)?,
        };
        deadlines.check()?;
        let publisher_timeout_ms = self.ms(&table::PUBLISHER_TIMEOUT_MS)?;
        let client_timeout_ms = deadlines.client_timeout_ms;
        if !deadlines.leaves_time_for_a_call(publisher_timeout_ms - PUBLISHER_OVERHEAD_MS) {
            return Err(ConfigError::ClientTimeout { client_timeout_ms, publisher_timeout_ms });
        }
        if publisher_timeout_ms > QUEUE_FUNCTION_TIMEOUT_MAX_MS {
            return Err(ConfigError::PublisherTimeout { publisher_timeout_ms });
        }
        let visibility_ms = self.parsed_if_set(&table::VISIBILITY_TIMEOUT_MS, |ms: &i64| *ms >= 0)?;
        if let Some(visibility_ms) = visibility_ms {
            check_visibility(visibility_ms, publisher_timeout_ms, deadlines.quiesce_ms)?;
        }
        Ok(deadlines)
    }

    /// # Errors
    /// When the table or a queue isn't set.
    pub fn resources(&self) -> Result<Resources, ConfigError> {
        Ok(Resources {
            table: self.required(&table::TABLE)?,
            queues: QueueUrls {
                publish: self.required(&table::PUBLISH_QUEUE_URL)?,
                reconciliation: self.required(&table::RECONCILIATION_QUEUE_URL)?,
                dead_letters: self.required(&table::DEAD_LETTER_QUEUE_URL)?,
                redrive: self.required(&table::REDRIVE_QUEUE_URL)?,
                import: self.required(&table::IMPORT_QUEUE_URL)?,
                import_dead_letters: self.required(&table::IMPORT_DEAD_LETTER_QUEUE_URL)?,
                notify: self.required(&table::NOTIFY_QUEUE_URL)?,
                notify_dead_letters: self.required(&table::NOTIFY_DEAD_LETTER_QUEUE_URL)?,
            },
            secret_prefix: self.text(&table::SECRET_PREFIX).unwrap_or_default(),
            token_custody: self.token_custody()?,
            pinterest_url: self.text(&table::PINTEREST_URL).unwrap_or_default(),
            oauth_app: self.oauth_app()?,
            mail: self.mail()?,
            event_bus: self.event_bus()?,
            event_queue: self.event_queue()?,
            tasks: self.tasks(),
        })
    }

    /// # Errors
    /// When it is neither `secrets` nor `envelope`.
    pub fn token_custody(&self) -> Result<TokenCustody, ConfigError> {
        self.parsed(&table::TOKEN_CUSTODY, |_| true)
    }

    /// # Errors
    /// When the app is set without its redirect URL.
    pub fn oauth_app(&self) -> Result<Option<OAuthApp>, ConfigError> {
        let Some(app_id) = self.filled(&table::PINTEREST_APP_ID) else {
            return Ok(None);
        };
        Ok(Some(OAuthApp {
            app_id,
            redirect_url: self.required(&table::OAUTH_REDIRECT_URL)?,
            authorize_url: self.required(&table::PINTEREST_AUTHORIZE_URL)?,
            scopes: self.required(&table::PINTEREST_SCOPES)?,
        }))
    }

    /// The deployment's name.
    pub fn environment(&self) -> String {
        self.text(&table::ENVIRONMENT).unwrap_or_default()
    }

    /// The log filter, in `tracing`'s syntax.
    pub fn log_filter(&self) -> String {
        self.filled(&table::LOG).unwrap_or_default()
    }

    /// The variable's text, else the default.
    fn text(&self, setting: &Setting) -> Option<String> {
        (self.0)(setting.variable).or_else(|| setting.default.map(str::to_owned))
    }

    /// As [`Self::text`]; an empty variable counts as not set.
    fn filled(&self, setting: &Setting) -> Option<String> {
        let set = (self.0)(setting.variable).filter(|value| !value.is_empty());
        set.or_else(|| setting.default.map(str::to_owned))
    }

    fn required(&self, setting: &Setting) -> Result<String, ConfigError> {
        self.filled(setting).ok_or(ConfigError::Missing { name: setting.variable })
    }

    fn ms(&self, setting: &Setting) -> Result<i64, ConfigError> {
        self.parsed(setting, |ms: &i64| *ms >= 0)
    }

    /// Days, in milliseconds.
    fn days(&self, setting: &Setting) -> Result<i64, ConfigError> {
        Ok(self.parsed(setting, |days: &i64| (1..=3650).contains(days))? * DAY_MS)
    }

    /// Credits a minute; 0 is no limit.
    fn credits(&self, setting: &Setting) -> Result<Option<Allowance>, ConfigError> {
        let is_allowed = |credits: &u32| *credits == 0 || (CREDITS_MIN..=CREDITS_MAX).contains(credits);
        let per_minute = self.parsed(setting, is_allowed)?;
        Ok((per_minute > 0).then_some(Allowance { per_minute }))
    }

    fn parsed<T: FromStr>(&self, setting: &Setting, allowed: impl Fn(&T) -> bool) -> Result<T, ConfigError> {
        self.parsed_if_set(setting, allowed)?.ok_or(ConfigError::Missing { name: setting.variable })
    }

    /// `None` where there is neither a variable nor a default.
    fn parsed_if_set<T: FromStr>(
        &self,
        setting: &Setting,
        allowed: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.text(setting) else { return Ok(None) };
        match value.parse::<T>() {
            Ok(parsed) if allowed(&parsed) => Ok(Some(parsed)),
            _ => Err(ConfigError::Invalid { name: setting.variable, value, expected: setting.expected }),
        }
    }
}

/// How long the publish queue may hide a message: longer than the quiesce period, so that a call whose publisher died
/// can no longer commit when the message returns; and for as long as Lambda asks for, within five minutes.
fn check_visibility(visibility_ms: i64, publisher_timeout_ms: i64, quiesce_ms: i64) -> Result<(), ConfigError> {
    let visibility_max_ms = PICKED_UP_WITHIN_MS.max(quiesce_ms + VISIBILITY_BEYOND_QUIESCE_MS);
    if visibility_ms <= quiesce_ms {
        return Err(ConfigError::Visibility { visibility_ms, quiesce_ms });
    }
    if visibility_ms < VISIBILITY_PER_TIMEOUT * publisher_timeout_ms {
        return Err(ConfigError::VisibilityPerTimeout { visibility_ms, publisher_timeout_ms });
    }
    if visibility_ms > visibility_max_ms {
        return Err(ConfigError::VisibilityTooLong { visibility_ms, visibility_max_ms });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::PUBLISHING_SCOPES;

    fn with(name: &'static str, value: &'static str) -> Result<Settings, ConfigError> {
        Environment(&|asked| (asked == name).then(|| value.to_owned())).settings()
    }

    #[test]
    fn an_empty_environment_has_the_defaults() {
        assert_eq!(with("", "").expect("defaults"), Settings::default());
    }

    #[test]
    fn the_defaults_of_the_table_equal_the_constants() {
        assert_eq!(table::PINTEREST_SCOPES.default, Some(PUBLISHING_SCOPES.join(",").as_str()));
        assert_eq!(table::PUBLISHER_TIMEOUT_MS.default, Some(PUBLISHER_TIMEOUT_MS.to_string().as_str()));
    }

    #[test]
    fn a_quiesce_period_below_the_sum_is_refused() {
        let error = with("PINBRIDGE_QUIESCE_MS", "119999").expect_err("too short");
        assert!(error.to_string().contains("119999 ms is below 120000 ms"), "{error}");
    }

    #[test]
    fn an_invalid_value_is_named_in_the_error() {
        for (name, value) in [
            ("PINBRIDGE_QUIESCE_MS", "soon"),
            ("PINBRIDGE_ACCOUNT_CAPACITY", "0"),
            ("PINBRIDGE_ACCOUNT_RATE_PER_S", "-1"),
            ("PINBRIDGE_RETENTION_DAYS", "0"),
            ("PINBRIDGE_DISCONNECTED_DAYS", "0"),
            ("PINBRIDGE_REVOKED_KEYS_DAYS", "3651"),
            ("PINBRIDGE_ACTIVITY_DAYS", "0"),
            ("PINBRIDGE_WEBHOOK_DELIVERY_DAYS", "0"),
            ("PINBRIDGE_DAILY_BUDGET", "5001"),
            ("PINBRIDGE_DUPLICATE_CHECK", "Remove"),
            ("PINBRIDGE_REGISTRATION", "yes"),
            ("PINBRIDGE_RETURN_ORIGINS", "https://*.example.com"),
            ("PINBRIDGE_CALLER_CREDITS", "199"),
            ("PINBRIDGE_CALLER_CREDITS", "10000001"),
            ("PINBRIDGE_SOURCE_CREDITS", "-1"),
        ] {
            let error = with(name, value).expect_err(name).to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn the_duplicate_check_has_three_settings() {
        for (text, wanted) in
            [("off", DuplicateCheck::Off), ("report", DuplicateCheck::Report), ("remove", DuplicateCheck::Remove)]
        {
            let environment = |asked: &str| (asked == "PINBRIDGE_DUPLICATE_CHECK").then(|| text.to_owned());
            assert_eq!(Environment(&environment).settings().expect("valid").duplicate_check, wanted);
        }
    }

    #[test]
    fn tokens_are_stored_in_one_of_two_ways() {
        let custody = |text: Option<&'static str>| {
            let read = move |asked: &str| text.filter(|_| asked == "PINBRIDGE_TOKEN_CUSTODY").map(str::to_owned);
            Environment(&read).token_custody()
        };
        assert_eq!(custody(None).expect("default"), TokenCustody::Secrets);
        assert_eq!(custody(Some("envelope")).expect("valid"), TokenCustody::Envelope);
        let error = custody(Some("enveloppe")).expect_err("a misspelt mode must not start").to_string();
        assert!(error.contains("PINBRIDGE_TOKEN_CUSTODY") && error.contains("secrets or envelope"), "{error}");
    }

    #[test]
    fn callers_are_limited_unless_the_limit_is_turned_off() {
        let limits = |name, value| with(name, value).expect("valid").limits;
        assert_eq!(limits("", ""), Limits::default());
        let off = limits("PINBRIDGE_CALLER_CREDITS", "0");
        assert_eq!((off.caller, off.source), (None, Limits::default().source));
        let lowest = limits("PINBRIDGE_SOURCE_CREDITS", "200");
        assert_eq!((lowest.caller, lowest.source), (Limits::default().caller, Some(Allowance { per_minute: 200 })));
    }

    #[test]
    fn a_visibility_timeout_within_the_quiesce_period_is_refused() {
        assert!(matches!(with("PINBRIDGE_VISIBILITY_TIMEOUT_MS", "120000"), Err(ConfigError::Visibility { .. })));
    }

    #[test]
    fn a_message_is_hidden_for_six_timeouts_and_for_five_minutes_at_most() {
        for (visibility_ms, publisher_timeout_ms, quiesce_ms, is_allowed) in [
            (150_000, 25_000, 120_000, true),
            (149_999, 25_000, 120_000, false),
            (180_000, 25_000, 120_000, true),
            (180_000, 30_001, 120_000, false),
            (300_000, 45_000, 120_000, true),
            (300_001, 45_000, 120_000, false),
            (43_200_000, 25_000, 120_000, false),
            // What the quiesce period needs comes first.
            (270_000, 45_000, 270_000, false),
            (600_001, 25_000, 600_000, true),
            (661_000, 25_000, 600_000, false),
        ] {
            let checked = check_visibility(visibility_ms, publisher_timeout_ms, quiesce_ms);
            assert_eq!(checked.is_ok(), is_allowed, "{visibility_ms} {publisher_timeout_ms} {quiesce_ms}: {checked:?}");
        }
        assert!(with("PINBRIDGE_VISIBILITY_TIMEOUT_MS", "150000").is_ok());
        assert!(with("PINBRIDGE_PUBLISHER_TIMEOUT_MS", "45000").is_ok());
        let too_long = with("PINBRIDGE_PUBLISHER_TIMEOUT_MS", "45001");
        assert!(matches!(too_long, Err(ConfigError::PublisherTimeout { .. })));
    }

    #[test]
    fn a_client_timeout_that_fills_the_invocation_is_refused() {
        let read = |asked: &str| match asked {
            "PINBRIDGE_CLIENT_TIMEOUT_MS" => Some("20001".to_owned()),
            "PINBRIDGE_QUIESCE_MS" => Some("126000".to_owned()),
            _ => None,
        };
        assert!(matches!(Environment(&read).settings(), Err(ConfigError::ClientTimeout { .. })));
        // The same contradiction from the other side.
        assert!(with("PINBRIDGE_PUBLISHER_TIMEOUT_MS", "20000").is_ok());
        assert!(matches!(with("PINBRIDGE_PUBLISHER_TIMEOUT_MS", "19999"), Err(ConfigError::ClientTimeout { .. })));
    }
}
