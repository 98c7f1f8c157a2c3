//! Logs as JSON lines, and metrics in CloudWatch's embedded format. Neither ever holds a token, a key or a body.
//!
//! Field names are the same everywhere: `workspace_id`, `account_id`, `pin_id`, `attempt`, `error_code`, `request_id`.

use std::sync::OnceLock;

use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::domain::time::Moment;

/// The CloudWatch namespace of every metric.
pub const NAMESPACE: &str = "pinbridge";

/// Where logs and metrics go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output, which Lambda collects; metrics as lines of their own, which CloudWatch extracts.
    Lambda,
    /// Standard error, for programs whose standard output is for people; metrics as debug logs.
    Program,
}

/// The deployment's name, when metrics are lines of their own.
static METRIC_LINES: OnceLock<Option<String>> = OnceLock::new();

/// Starts logging. A second start (in tests) keeps the first.
pub fn init(filter: &str, environment: &str, output: Output) {
    let filter = quiet_about_events(EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info")));
    let logs = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(true).with_span_list(false);
    let _ = match output {
        Output::Lambda => logs.with_env_filter(filter).try_init(),
        Output::Program => logs.with_env_filter(filter).with_writer(std::io::stderr).try_init(),
    };
    let _ = METRIC_LINES.set((output == Output::Lambda).then(|| environment.to_owned()));
}

/// At `trace`, Lambda's runtime logs whole events and the HTTP libraries whole headers, keys included: never here.
fn quiet_about_events(filter: EnvFilter) -> EnvFilter {
    const TALKATIVE: [&str; 6] =
        ["lambda_runtime", "lambda_http", "hyper", "hyper_util", "reqwest", "aws_smithy_runtime"];
    TALKATIVE.iter().fold(filter, |filter, target| match format!("{target}=info").parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    })
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    PinAccepted,
    PinDeferred,
    PinPublished,
    PinAdopted,
    PinFailed,
    AttemptRetried,
    PinRetried,
    OutcomeUnknown,
    AccountPaused,
    FenceLost,
    OrphanPin,
    /// The late check found a second Pin.
    DuplicatePin,
    RescuerResent,
    /// The tally's fold failed; what it had to do is done again.
    RollupFailed,
    /// By how much the tally is behind, when that is much.
    RollupBehindMinutes,
    BacklogReleased,
    ScheduleCreated,
    ScheduleReleased,
    /// Released after its time.
    ScheduleLate,
    /// No pin could be made of it.
    ScheduleFailed,
    PoisonMessage,
    /// By what became of it.
    DeadLetter,
    TokensRefreshed,
    /// By what kept it.
    RefreshFailed,
    /// Issued by Pinterest and not stored.
    RefreshTokensLost,
    /// Given up: Pinterest refuses both tokens.
    AccountNeedsReconnect,
    /// By the reason: an import doesn't go on by itself.
    ImportStopped,
}

impl Metric {
    fn name(self) -> String {
        format!("{self:?}")
    }
}

/// Counts something, with the class of failure as a dimension where there is one.
pub fn count(metric: Metric, amount: u64, error_code: Option<&str>, now: Moment) {
    if amount == 0 {
        return;
    }
    if let Some(Some(environment)) = METRIC_LINES.get() {
        println!("{}", emf(metric, amount, error_code, environment, now));
    } else {
        tracing::debug!(target: "pinbridge::metric", name = metric.name(), amount, error_code, "metric");
    }
}

/// One metric as an embedded-metric-format document.
fn emf(metric: Metric, amount: u64, error_code: Option<&str>, environment: &str, now: Moment) -> String {
    let dimensions = match error_code {
        Some(_) => json!([["environment"], ["environment", "error_code"]]),
        None => json!([["environment"]]),
    };
    let mut document = json!({
        "_aws": {
            "Timestamp": now.0,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": dimensions,
                "Metrics": [{"Name": metric.name(), "Unit": "Count"}],
            }],
        },
    });
    document[metric.name()] = json!(amount);
    document["environment"] = json!(environment);
    if let Some(code) = error_code {
        document["error_code"] = json!(code);
    }
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_line_that_cloudwatch_reads() {
        let line = emf(Metric::PinFailed, 2, Some("image_broken"), "staging", Moment(5));
        assert!(!line.contains('\n'));
        let document: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(document["PinFailed"], 2);
        assert_eq!(document["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "PinFailed");
        assert_eq!((&document["error_code"], &document["environment"]), (&json!("image_broken"), &json!("staging")));
    }
}
