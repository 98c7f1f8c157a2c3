//! Typed settings: the only reader of the environment.

use std::str::FromStr;

use thiserror::Error;

use crate::domain::account::PUBLISHING_SCOPES;
use crate::domain::deadlines::{Deadlines, QuiesceTooShort};
use crate::domain::pacing::budget::DAILY_BUDGET_MOST;
use crate::domain::pacing::pace::Pace;
use crate::domain::reconcile::duplicate_check::{DUPLICATE_CHECK_AFTER_MS, DuplicateCheck};
use crate::domain::time::{DAY_MS, SECOND_MS};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The publisher's Lambda timeout unless it is set otherwise.
pub const PUBLISHER_TIMEOUT_MS: i64 = 25_000;
/// What an invocation needs beyond a call and its record: reading, a wait for a slot within the second, the write-ahead.
const PUBLISHER_OVERHEAD_MS: i64 = 2 * SECOND_MS;

/// What the flows need to know. Plain values, so that tests and the simulation build their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub deadlines: Deadlines,
    pub pace: Pace,
    /// Requests to Pinterest a UTC day for the whole app; 0: no limit of ours.
    pub daily_budget: u32,
    pub duplicate_check: DuplicateCheck,
    /// How long after a publish its late check is due.
    pub duplicate_check_after_ms: i64,
    /// How long rows are kept after a pin's longest life.
    pub retention_ms: i64,
    /// How long a disconnected account keeps its name.
    pub disconnected_kept_ms: i64,
    /// How long the activity log remembers.
    pub activity_kept_ms: i64,
    /// How long a revoked key stays listed.
    pub revoked_keys_kept_ms: i64,
    /// `production`, `staging`, `local`, …: shown by the health routes.
    pub environment: String,
    /// Whether anybody may register, or only an operator creates people.
    pub registration_open: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            pace: Pace::new(50, 1.0),
            daily_budget: 0,
            duplicate_check: DuplicateCheck::Off,
            duplicate_check_after_ms: DUPLICATE_CHECK_AFTER_MS,
            retention_ms: 90 * DAY_MS,
            disconnected_kept_ms: 30 * DAY_MS,
            activity_kept_ms: 30 * DAY_MS,
            revoked_keys_kept_ms: 90 * DAY_MS,
            environment: "local".into(),
            registration_open: false,
        }
    }
}

/// Where the queues are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrls {
    pub publish: String,
    /// Boards to be looked at.
    pub reconciliation: String,
    /// Where the publish queue puts what was delivered too often.
    pub dead_letters: String,
    /// Where dead letters are kept for an operator, once their pins know of them.
    pub redrive: String,
    /// Imports to be worked on.
    pub import: String,
    /// Where the import queue puts what was delivered too often.
    pub import_dead_letters: String,
}

/// Where the outside things are.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    pub table: String,
    pub queues: QueueUrls,
    pub secret_prefix: String,
    pub token_custody: TokenCustody,
    /// An origin, without `/v5`.
    pub pinterest_url: String,
    /// The Pinterest app that accounts are connected with; without one, only an operator can connect accounts.
    pub oauth_app: Option<OAuthApp>,
}

/// How the accounts' tokens are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenCustody {
    /// One secret per account in Secrets Manager.
    #[default]
    Secrets,
    /// Sealed in the table, under data keys that Secrets Manager holds.
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

/// The Pinterest app, but for its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthApp {
    pub app_id: String,
    /// Exactly as registered with Pinterest: the API's `/v1/pinterest/oauth/callback`.
    pub redirect_url: String,
    pub authorize_url: String,
    /// Separated by commas.
    pub scopes: String,
}

pub const AUTHORIZE_URL: &str = "https://www.pinterest.com/oauth/";

pub const PINTEREST_URL: &str = "https://api.pinterest.com";

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
        "the queue's visibility timeout of {visibility_ms} ms is not longer than the quiesce time of {quiesce_ms} ms"
    )]
    Visibility { visibility_ms: i64, quiesce_ms: i64 },
}

/// Reads variables through a function, so that tests need no process environment.
pub struct Environment<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    /// The process environment.
    pub fn process() -> Environment<'static> {
        Environment(&|name| std::env::var(name).ok())
    }

    /// # Errors
    /// When a value is unreadable or the values contradict each other.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let defaults = Settings::default();
        let ms = |name, default| self.parsed::<i64>(name, default, |value| *value >= 0, "a number of milliseconds");
        let usual = defaults.deadlines;
        let deadlines = Deadlines {
            client_timeout_ms: ms("PINBRIDGE_CLIENT_TIMEOUT_MS", usual.client_timeout_ms)?,
            commit_lateness_ms: ms("PINBRIDGE_COMMIT_LATENESS_MS", usual.commit_lateness_ms)?,
            list_lag_ms: ms("PINBRIDGE_LIST_LAG_MS", usual.list_lag_ms)?,
            clock_skew_ms: ms("PINBRIDGE_CLOCK_SKEW_MS", usual.clock_skew_ms)?,
            quiesce_ms: ms("PINBRIDGE_QUIESCE_MS", usual.quiesce_ms)?,
        };
        deadlines.check()?;
        let publisher_timeout_ms = ms("PINBRIDGE_PUBLISHER_TIMEOUT_MS", PUBLISHER_TIMEOUT_MS)?;
        let client_timeout_ms = deadlines.client_timeout_ms;
        if !deadlines.leaves_time_for_a_call(publisher_timeout_ms - PUBLISHER_OVERHEAD_MS) {
            return Err(ConfigError::ClientTimeout { client_timeout_ms, publisher_timeout_ms });
        }
        let visibility_ms = ms("PINBRIDGE_VISIBILITY_TIMEOUT_MS", i64::MAX)?;
        if visibility_ms <= deadlines.quiesce_ms {
            return Err(ConfigError::Visibility { visibility_ms, quiesce_ms: deadlines.quiesce_ms });
        }
        let capacity =
            self.parsed("PINBRIDGE_ACCOUNT_CAPACITY", 50_u32, |value| *value >= 1, "a whole number from 1")?;
        let rate = self.parsed(
            "PINBRIDGE_ACCOUNT_RATE_PER_S",
            1.0_f64,
            |r| *r > 0.0 && *r <= 1_000.0,
            "a rate above 0, up to 1000",
        )?;
        let daily_budget = self.parsed(
            "PINBRIDGE_DAILY_BUDGET",
            0_u32,
            |requests| *requests <= DAILY_BUDGET_MOST,
            "a number of requests up to 5000, or 0 for no budget",
        )?;
        let duplicate_check =
            self.parsed("PINBRIDGE_DUPLICATE_CHECK", DuplicateCheck::Off, |_| true, "off, report or remove")?;
        let days = |name, default: i64| {
            self.parsed(name, default, |days| (1..=3650).contains(days), "a number of days from 1 to 3650")
        };
        Ok(Settings {
            deadlines,
            pace: Pace::new(capacity, rate),
            daily_budget,
            duplicate_check,
            duplicate_check_after_ms: defaults.duplicate_check_after_ms,
            retention_ms: days("PINBRIDGE_RETENTION_DAYS", 90)? * DAY_MS,
            disconnected_kept_ms: days("PINBRIDGE_DISCONNECTED_DAYS", 30)? * DAY_MS,
            activity_kept_ms: days("PINBRIDGE_ACTIVITY_DAYS", 30)? * DAY_MS,
            revoked_keys_kept_ms: days("PINBRIDGE_REVOKED_KEYS_DAYS", 90)? * DAY_MS,
            environment: self.environment(),
            registration_open: self.registration_open()?,
        })
    }

    /// # Errors
    /// When the table or the queue isn't named.
    pub fn resources(&self) -> Result<Resources, ConfigError> {
        let required = |name| (self.0)(name).filter(|value| !value.is_empty()).ok_or(ConfigError::Missing { name });
        Ok(Resources {
            table: required("PINBRIDGE_TABLE")?,
            queues: QueueUrls {
                publish: required("PINBRIDGE_PUBLISH_QUEUE_URL")?,
                reconciliation: required("PINBRIDGE_RECONCILIATION_QUEUE_URL")?,
                dead_letters: required("PINBRIDGE_DEAD_LETTER_QUEUE_URL")?,
                redrive: required("PINBRIDGE_REDRIVE_QUEUE_URL")?,
                import: required("PINBRIDGE_IMPORT_QUEUE_URL")?,
                import_dead_letters: required("PINBRIDGE_IMPORT_DEAD_LETTER_QUEUE_URL")?,
            },
            secret_prefix: (self.0)("PINBRIDGE_SECRET_PREFIX").unwrap_or_else(|| "pinbridge".into()),
            token_custody: self.token_custody()?,
            pinterest_url: (self.0)("PINBRIDGE_PINTEREST_URL").unwrap_or_else(|| PINTEREST_URL.into()),
            oauth_app: self.oauth_app()?,
        })
    }

    /// # Errors
    /// When it is neither `secrets` nor `envelope`.
    pub fn token_custody(&self) -> Result<TokenCustody, ConfigError> {
        self.parsed("PINBRIDGE_TOKEN_CUSTODY", TokenCustody::default(), |_| true, "secrets or envelope")
    }

    /// # Errors
    /// When the app is named without its redirect URL.
    pub fn oauth_app(&self) -> Result<Option<OAuthApp>, ConfigError> {
        let set = |name: &str| (self.0)(name).filter(|value| !value.is_empty());
        let Some(app_id) = set("PINBRIDGE_PINTEREST_APP_ID") else {
            return Ok(None);
        };
        let name = "PINBRIDGE_OAUTH_REDIRECT_URL";
        Ok(Some(OAuthApp {
            app_id,
            redirect_url: set(name).ok_or(ConfigError::Missing { name })?,
            authorize_url: set("PINBRIDGE_PINTEREST_AUTHORIZE_URL").unwrap_or_else(|| AUTHORIZE_URL.into()),
            scopes: set("PINBRIDGE_PINTEREST_SCOPES").unwrap_or_else(|| PUBLISHING_SCOPES.join(",")),
        }))
    }

    fn registration_open(&self) -> Result<bool, ConfigError> {
        let name = "PINBRIDGE_REGISTRATION";
        match (self.0)(name).as_deref() {
            None | Some("closed") => Ok(false),
            Some("open") => Ok(true),
            Some(value) => Err(ConfigError::Invalid { name, value: value.to_owned(), expected: "open or closed" }),
        }
    }

    /// The deployment's name.
    pub fn environment(&self) -> String {
        (self.0)("PINBRIDGE_ENVIRONMENT").unwrap_or_else(|| Settings::default().environment)
    }

    /// The log filter, in `tracing`'s syntax.
    pub fn log_filter(&self) -> String {
        (self.0)("PINBRIDGE_LOG").filter(|value| !value.is_empty()).unwrap_or_else(|| "info".into())
    }

    fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        default: T,
        allowed: impl Fn(&T) -> bool,
        expected: &'static str,
    ) -> Result<T, ConfigError> {
        match (self.0)(name) {
            None => Ok(default),
            Some(value) => match value.parse::<T>() {
                Ok(number) if allowed(&number) => Ok(number),
                _ => Err(ConfigError::Invalid { name, value, expected }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> Result<Settings, ConfigError> {
        Environment(&|asked| (asked == name).then(|| value.to_owned())).settings()
    }

    #[test]
    fn an_empty_environment_has_the_defaults() {
        assert_eq!(with("", "").expect("defaults"), Settings::default());
    }

    #[test]
    fn a_quiesce_time_below_the_sum_is_refused_at_start() {
        let error = with("PINBRIDGE_QUIESCE_MS", "119999").expect_err("too short");
        assert!(error.to_string().contains("119999 ms is below 120000 ms"), "{error}");
    }

    #[test]
    fn values_that_are_no_numbers_are_named() {
        for (name, value) in [
            ("PINBRIDGE_QUIESCE_MS", "soon"),
            ("PINBRIDGE_ACCOUNT_CAPACITY", "0"),
            ("PINBRIDGE_ACCOUNT_RATE_PER_S", "-1"),
            ("PINBRIDGE_RETENTION_DAYS", "0"),
            ("PINBRIDGE_DISCONNECTED_DAYS", "0"),
            ("PINBRIDGE_REVOKED_KEYS_DAYS", "3651"),
            ("PINBRIDGE_ACTIVITY_DAYS", "0"),
            ("PINBRIDGE_DAILY_BUDGET", "5001"),
            ("PINBRIDGE_DUPLICATE_CHECK", "Remove"),
            ("PINBRIDGE_REGISTRATION", "yes"),
        ] {
            let error = with(name, value).expect_err(name).to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn the_late_check_has_three_settings() {
        for (text, wanted) in
            [("off", DuplicateCheck::Off), ("report", DuplicateCheck::Report), ("remove", DuplicateCheck::Remove)]
        {
            let environment = |asked: &str| (asked == "PINBRIDGE_DUPLICATE_CHECK").then(|| text.to_owned());
            assert_eq!(Environment(&environment).settings().expect("valid").duplicate_check, wanted);
        }
    }

    #[test]
    fn tokens_are_kept_in_one_of_two_ways() {
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
    fn registration_is_closed_unless_it_is_opened() {
        assert!(!with("", "").expect("defaults").registration_open);
        assert!(!with("PINBRIDGE_REGISTRATION", "closed").expect("valid").registration_open);
        assert!(with("PINBRIDGE_REGISTRATION", "open").expect("valid").registration_open);
    }

    #[test]
    fn a_visibility_timeout_inside_the_quiesce_time_is_refused() {
        assert!(matches!(with("PINBRIDGE_VISIBILITY_TIMEOUT_MS", "120000"), Err(ConfigError::Visibility { .. })));
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
