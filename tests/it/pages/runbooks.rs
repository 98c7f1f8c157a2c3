//! `infra/runbooks/README.md` names every alarm of the template, and every reason for which a pin waits; the alarms
//! hear what they must.

use pinbridge_shared::domain::pin::WaitReason;

const PAGE: &str = include_str!("../../../infra/runbooks/README.md");
const TEMPLATE: &str = include_str!("../../../template.yaml");
const METRICS: &str = include_str!("../../../shared/src/domain/metric.rs");

/// What somebody must hear of: a metric, and the resource that it is counted for.
const HEARD: [(&str, &str); 18] = [
    ("WorkFailed", "!Ref Environment"),
    ("PinFailed", "!Ref Environment"),
    ("ScheduleLate", "!Ref Environment"),
    ("RefreshFailed", "!Ref Environment"),
    ("RefreshTokensLost", "!Ref Environment"),
    ("OrphanPin", "!Ref Environment"),
    ("DuplicatePin", "!Ref Environment"),
    ("ImportStopped", "!Ref Environment"),
    ("WebhookDisabled", "!Ref Environment"),
    ("EventNotPut", "!Ref Environment"),
    ("EventUndeliverable", "!Ref Environment"),
    ("ApproximateNumberOfMessagesVisible", "!GetAtt NotifyDeadLetters.QueueName"),
    ("5xx", "!Ref Api"),
    ("SUM(Errors)", "${PublisherFunction}"),
    ("SUM(Throttles)", "${PublisherFunction}"),
    ("SUM(RecursiveInvocationsDropped)", "${ReconcilerFunction}"),
    ("ReadThrottleEvents", "!Ref Table"),
    ("WriteThrottleEvents", "!Ref Table"),
];

#[test]
fn every_alarm_has_a_runbook() {
    let names = TEMPLATE.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix("Alarm:"));
    let alarms: Vec<String> = names.map(|name| format!("`{name}Alarm`")).collect();
    assert!(!alarms.is_empty(), "template.yaml has alarms");
    for alarm in alarms {
        assert!(PAGE.contains(&alarm), "infra/runbooks/README.md lacks {alarm}");
    }
}

#[test]
fn every_reason_to_wait_is_in_the_table_of_waiting_pins() {
    for reason in WaitReason::ALL {
        assert!(
            PAGE.contains(&format!("| `{}` | ", reason.code())),
            "infra/runbooks/README.md lacks {}",
            reason.code()
        );
    }
}
fn alarms() -> impl Iterator<Item = &'static str> {
    TEMPLATE.split("\n\n").filter(|part| part.contains("Type: AWS::CloudWatch::Alarm"))
}

#[test]
fn what_must_be_heard_has_an_alarm() {
    for (metric, of) in HEARD {
        let is_heard = |alarm: &str| {
            let lines = alarm.lines().map(str::trim);
            let is_named = lines.clone().any(|line| line.contains(metric) && !line.starts_with('#'));
            is_named && alarm.contains(of)
        };
        assert!(alarms().any(is_heard), "no alarm hears {metric} of {of}");
    }
}

#[test]
fn an_alarm_on_every_function_names_every_function() {
    let functions: Vec<String> = TEMPLATE
        .split("\n\n")
        .filter(|part| part.contains("Type: AWS::Serverless::Function"))
        .filter_map(|part| part.split_once(":\n    Type: ")?.0.rsplit('\n').next().map(str::trim))
        .map(|name| format!("FunctionName = '${{{name}}}'"))
        .collect();
    assert_eq!(functions.len(), 8);
    for metric in ["SUM(Errors)", "SUM(Throttles)"] {
        let alarm = alarms().find(|alarm| alarm.contains(metric)).expect(metric);
        assert!(functions.iter().all(|name| alarm.contains(name)), "{metric}: {functions:?}");
    }
}

#[test]
fn an_alarm_on_a_metric_of_ours_is_on_one_that_is_counted() {
    let mut names = 0;
    for rest in alarms().flat_map(|alarm| alarm.split("Namespace: pinbridge").skip(1)) {
        let name = rest.split_once("MetricName: ").expect("a metric").1.lines().next().expect("a name").trim();
        assert!(METRICS.contains(&format!("\n    {name},\n")), "{name} is no metric");
        names += 1;
    }
    assert!(names > 8, "the template has alarms on our metrics");
}
