//! What the local stack repeats of template.yaml by hand is the same there.

use pinbridge_local::{resources, runner};
use pinbridge_shared::config::{Environment, PUBLISHER_TIMEOUT_MS, Settings};

const TEMPLATE: &str = include_str!("../../template.yaml");

/// The `Default` of a parameter.
fn default_of(parameter: &str) -> &'static str {
    let (_, rest) = TEMPLATE.split_once(&format!("\n  {parameter}:\n")).expect(parameter);
    let (_, rest) = rest.split_once("Default: ").expect("a default");
    rest.lines().next().expect("a value").trim()
}

/// A resource, up to the next one.
fn resource(name: &str) -> &'static str {
    let (_, rest) = TEMPLATE.split_once(&format!("\n  {name}:\n")).expect(name);
    let next = rest.find("\n\n").unwrap_or(rest.len());
    &rest[..next]
}

#[test]
fn the_local_table_and_queues_are_the_templates() {
    let table = resource("Table");
    for (index, partition, sort) in resources::INDEXES {
        let (_, index) = table.split_once(&format!("IndexName: {index}")).expect(index);
        let keys =
            [format!("AttributeName: {partition}, KeyType: HASH"), format!("AttributeName: {sort}, KeyType: RANGE")];
        assert!(keys.iter().all(|key| index.contains(key)), "{keys:?}");
    }
    assert_eq!(table.matches("IndexName:").count(), resources::INDEXES.len());
    assert_eq!(table.matches("ProjectionType: KEYS_ONLY").count(), resources::INDEXES.len());
    assert!(table.contains(&format!("AttributeName: {}, Enabled: true", resources::TTL_ATTRIBUTE)));
    assert_eq!(default_of("VisibilityTimeoutSeconds"), resources::VISIBILITY_TIMEOUT_S.to_string());
    assert_eq!(default_of("MaxReceiveCount"), resources::MAX_RECEIVE_COUNT.to_string());
    assert!(resource("PublishQueue").contains(&format!("MessageRetentionPeriod: {}", resources::RETENTION_S)));
}

#[test]
fn the_local_runner_polls_as_the_mapping_does() {
    assert!(resource("PublishEvents").contains(&format!("BatchSize: {}", runner::BATCH_SIZE)));
    assert_eq!(default_of("MaximumConcurrency"), runner::MAXIMUM_CONCURRENCY.to_string());
    assert_eq!(default_of("PublisherTimeoutSeconds"), runner::PUBLISHER_TIMEOUT.as_secs().to_string());
    assert_eq!(i128::from(PUBLISHER_TIMEOUT_MS), i128::try_from(runner::PUBLISHER_TIMEOUT.as_millis()).expect("fits"));
    assert!(resource("DispatcherFunction").contains(&format!("Timeout: {}", runner::DISPATCHER_TIMEOUT.as_secs())));
}

#[test]
fn the_templates_parameters_are_the_codes_defaults() {
    let read = |name: &str| {
        let parameter = match name {
            "PINBRIDGE_CLIENT_TIMEOUT_MS" => "ClientTimeoutMs",
            "PINBRIDGE_COMMIT_LATENESS_MS" => "CommitLatenessMs",
            "PINBRIDGE_LIST_LAG_MS" => "ListLagMs",
            "PINBRIDGE_CLOCK_SKEW_MS" => "ClockSkewMs",
            "PINBRIDGE_QUIESCE_MS" => "QuiesceMs",
            "PINBRIDGE_ACCOUNT_CAPACITY" => "AccountCapacity",
            "PINBRIDGE_ACCOUNT_RATE_PER_S" => "AccountRatePerSecond",
            "PINBRIDGE_DAILY_BUDGET" => "DailyBudget",
            "PINBRIDGE_RETENTION_DAYS" => "RetentionDays",
            _ => return None,
        };
        Some(default_of(parameter).to_owned())
    };
    assert_eq!(Environment(&read).settings().expect("valid"), Settings::default());
}
