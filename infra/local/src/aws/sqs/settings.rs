//! Reads the settings of a queue from its attributes.

use super::queue::Settings;
use serde_json::Value;
use std::collections::HashMap;

/// The crate has checked the attributes, so a missing or unreadable one gets its default.
pub(super) fn parse(attributes: &HashMap<String, String>) -> Settings {
    let number = |name: &str, default: i64| attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    Settings {
        arn: attributes.get("QueueArn").cloned().unwrap_or_default(),
        visibility_ms: number("VisibilityTimeout", 30) * 1000,
        delay_ms: number("DelaySeconds", 0) * 1000,
        retention_ms: number("MessageRetentionPeriod", 345_600) * 1000,
        wait_ms: number("ReceiveMessageWaitTimeSeconds", 0) * 1000,
        max_bytes: usize::try_from(number("MaximumMessageSize", 262_144)).unwrap_or(262_144),
        redrive: attributes.get("RedrivePolicy").and_then(|policy| redrive(policy)),
    }
}

/// The count may be a number or a string, as on the real service.
fn redrive(policy: &str) -> Option<(String, u32)> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let count = &policy["maxReceiveCount"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    let arn = policy["deadLetterTargetArn"].as_str()?;
    Some((arn.to_owned(), u32::try_from(count).ok()?))
}
