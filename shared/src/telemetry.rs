//! Logs as JSON lines, and metrics in CloudWatch's embedded metric format. Neither contains a token, a key or a body.
//!
//! Field names are the same everywhere: `workspace_id`, `account_id`, `pin_id`, `attempt`, `error_code`, `request_id`.

use std::sync::OnceLock;

use serde_json::json;
use tracing_subscriber::EnvFilter;

pub use crate::domain::metric::Metric;
use crate::domain::time::Moment;

/// The CloudWatch namespace of every metric.
pub const NAMESPACE: &str = "pinbridge";

/// The destination of logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output, which Lambda collects. Metrics are separate lines, which CloudWatch extracts.
    Lambda,
    /// Standard error, for programs whose standard output is for people. Metrics are debug logs.
    Program,
}

/// The deployment's name, when metrics are separate lines.
static METRIC_LINES: OnceLock<Option<String>> = OnceLock::new();

/// Starts logging. A second start (in tests) keeps the first one's settings.
pub fn init(filter: &str, environment: &str, output: Output) {
    let filter = quiet_about_events(EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info")));
    let logs = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(true).with_span_list(false);
    let _ = match output {
        Output::Lambda => logs.with_env_filter(filter).try_init(),
        Output::Program => logs.with_env_filter(filter).with_writer(std::io::stderr).try_init(),
    };
    let _ = METRIC_LINES.set((output == Output::Lambda).then(|| environment.to_owned()));
}

/// At `trace`, Lambda's runtime logs whole events, and the HTTP libraries log whole headers with keys. This prevents
/// it.
fn quiet_about_events(filter: EnvFilter) -> EnvFilter {
    const VERBOSE: [&str; 6] =
        ["lambda_runtime", "lambda_http", "hyper", "hyper_util", "reqwest", "aws_smithy_runtime"];
    VERBOSE.iter().fold(filter, |filter, target| match format!("{target}=info").parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    })
}

/// Counts a metric, with the class of failure as a dimension where there is one.
pub fn count(metric: Metric, amount: u64, error_code: Option<&str>, now: Moment) {
    let class = error_code.map(|code| ("error_code", code));
    count_by(metric, amount, class.as_slice(), now);
}

/// Counts work of a function that has to be done again because a port failed, or because the worker panicked.
pub fn count_failed_work(function: &str, port: &str, now: Moment) {
    count_by(Metric::WorkFailed, 1, &[("function", function), ("port", port)], now);
}

fn count_by(metric: Metric, amount: u64, classes: &[(&str, &str)], now: Moment) {
    if amount == 0 {
        return;
    }
    if let Some(Some(environment)) = METRIC_LINES.get() {
        println!("{}", emf(metric, amount, classes, environment, now));
    } else {
        let classes = classes.iter().map(|(name, class)| format!("{name}={class}")).collect::<Vec<_>>().join(" ");
        tracing::debug!(target: "pinbridge::metric", name = metric.name(), amount, classes, "metric");
    }
}

/// One metric as a document in the embedded metric format: the sum of the deployment, and the sum of each class.
fn emf(metric: Metric, amount: u64, classes: &[(&str, &str)], environment: &str, now: Moment) -> String {
    let mut dimensions = vec![vec!["environment"]];
    if !classes.is_empty() {
        dimensions.push(["environment"].into_iter().chain(classes.iter().map(|(name, _)| *name)).collect());
    }
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
    for (name, class) in classes {
        document[*name] = json!(class);
    }
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_line_in_cloudwatchs_format() {
        let line = emf(Metric::PinFailed, 2, &[("error_code", "image_broken")], "staging", Moment(5));
        assert!(!line.contains('\n'));
        let document: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(document["PinFailed"], 2);
        assert_eq!(document["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "PinFailed");
        assert_eq!((&document["error_code"], &document["environment"]), (&json!("image_broken"), &json!("staging")));
    }

    #[test]
    fn failed_work_is_summed_for_the_deployment_and_by_function_and_port() {
        let line = emf(Metric::WorkFailed, 1, &[("function", "publisher"), ("port", "table")], "staging", Moment(5));
        let document: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let dimensions = &document["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(*dimensions, json!([["environment"], ["environment", "function", "port"]]));
        assert_eq!((&document["function"], &document["port"]), (&json!("publisher"), &json!("table")));
    }
}
