//! [`Analytics`] on Pinterest's API.

use std::collections::BTreeMap;

use async_trait::async_trait;
use reqwest::RequestBuilder;
use serde::Deserialize;

use super::client::{PinterestClient, encode};
use crate::domain::account::analytics::{DailyMetrics, MetricSeries, Metrics, Question};
use crate::domain::pin::failure::Failure;
use crate::domain::secret::Secret;
use crate::ports::{Analytics, ReadFailure};

/// The answer: metrics by group. Without a split there is one group, named `all`.
type Groups = BTreeMap<String, Group>;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    daily_metrics: Vec<Day>,
    lifetime_metrics: BTreeMap<String, Option<f64>>,
    summary_metrics: BTreeMap<String, Option<f64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Day {
    data_status: Option<String>,
    date: Option<String>,
    metrics: BTreeMap<String, Option<f64>>,
}

/// Leaves out metrics without a value.
fn lower(metrics: BTreeMap<String, Option<f64>>) -> impl Iterator<Item = (String, f64)> {
    metrics.into_iter().filter_map(|(name, value)| Some((name.to_lowercase(), value?)))
}

fn metrics(mut groups: Groups) -> MetricSeries {
    let Some(group) = groups.remove("all").or_else(|| groups.pop_first().map(|(_, group)| group)) else {
        return MetricSeries::default();
    };
    let daily = group.daily_metrics.into_iter().filter_map(|day| {
        let date = day.date.as_deref()?.parse().ok()?;
        Some(DailyMetrics { day: date, data_status: day.data_status, metrics: lower(day.metrics).collect() })
    });
    let totals: Metrics = lower(group.summary_metrics).chain(lower(group.lifetime_metrics)).collect();
    let mut metrics = MetricSeries { daily: daily.collect(), totals };
    metrics.daily.sort_by_key(|day| day.day);
    metrics
}

impl PinterestClient {
    fn question(&self, path: &str, question: &Question) -> RequestBuilder {
        self.get(path).query(&[
            ("start_date", question.days.start.to_string()),
            ("end_date", question.days.end.to_string()),
            // One text with commas: Pinterest's description says that arrays here aren't repeated.
            ("metric_types", question.metrics.join(",")),
        ])
    }
}

#[async_trait]
impl Analytics for PinterestClient {
    async fn pin_metrics(
        &self,
        token: &Secret,
        pinterest_pin_id: &str,
        question: &Question,
    ) -> Result<Option<MetricSeries>, ReadFailure> {
        let path = format!("/pins/{}/analytics", encode(pinterest_pin_id));
        match self.read::<Groups>(self.question(&path, question), token, &[]).await {
            Ok(groups) => Ok(Some(metrics(groups))),
            Err(read) if is_gone(&read) => Ok(None),
            Err(read) => Err(refusal(read)),
        }
    }

    async fn account_metrics(&self, token: &Secret, question: &Question) -> Result<MetricSeries, ReadFailure> {
        let answer = self.read::<Groups>(self.question("/user_account/analytics", question), token, &[]).await;
        answer.map(metrics).map_err(|read| match read.failure {
            // The call is about no board, whatever the code is otherwise used for.
            Failure::BoardAccessDenied | Failure::BoardNotFound => {
                ReadFailure { failure: Failure::Unrecognised, ..read }
            }
            _ => refusal(read),
        })
    }
}

/// Whether Pinterest doesn't know the Pin. A 404 without a code of Pinterest's own comes from another server on the
/// way.
fn is_gone(read: &ReadFailure) -> bool {
    read.upstream.status == Some(404) && read.upstream.code.is_some()
}

/// Analytics repeat the HTTP status as the code of a wrong parameter.
fn refusal(read: ReadFailure) -> ReadFailure {
    let is_about_parameters = read.upstream.status == Some(400) && read.upstream.code.is_some();
    if is_about_parameters { ReadFailure { failure: Failure::InvalidRequest, ..read } } else { read }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> MetricSeries {
        metrics(serde_json::from_str(text).expect("readable"))
    }

    /// The examples of Pinterest's OpenAPI description 5.23.0, in the form that its schema gives them.
    #[test]
    fn a_pins_answer_is_read_as_described() {
        let metrics = read(
            r#"{"all": {
                "daily_metrics": [
                    {"data_status": "READY", "date": "2019-12-02", "metrics": {"IMPRESSION": 240, "SAVE_RATE": 0.18}},
                    {"data_status": "BEFORE_PIN_CREATED", "date": "2019-12-01", "metrics": {}}
                ],
                "lifetime_metrics": {"TOTAL_COMMENTS": 10, "TOTAL_REACTIONS": 12},
                "summary_metrics": {"IMPRESSION": 240, "OUTBOUND_CLICK": 20, "SAVE_RATE": 0.18}
            }}"#,
        );
        let totals: Vec<(&str, f64)> = metrics.totals.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let wanted = [
            ("impression", 240.0),
            ("outbound_click", 20.0),
            ("save_rate", 0.18),
            ("total_comments", 10.0),
            ("total_reactions", 12.0),
        ];
        assert_eq!(totals, wanted);
        let days: Vec<String> = metrics.daily.iter().map(|day| day.day.to_string()).collect();
        assert_eq!(days, ["2019-12-01", "2019-12-02"], "in order");
        assert_eq!(metrics.daily[1].metrics["save_rate"], 0.18);
    }

    #[test]
    fn what_is_missing_or_unknown_is_left_out() {
        assert_eq!(read("{}"), MetricSeries::default());
        let metrics = read(
            r#"{"WEB": {"daily_metrics": [{"date": "soon", "metrics": {"SAVE": 1}}, {"metrics": {}}],
                "summary_metrics": {"SAVE": null, "CLOSEUP": 1}, "more": []}}"#,
        );
        assert_eq!((metrics.daily.len(), metrics.totals), (0, Metrics::from([("closeup".to_owned(), 1.0)])));
    }
}
