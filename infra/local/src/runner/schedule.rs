//! The schedules, and the recovery after a restart.

use std::time::Duration;

use anyhow::Context as _;
use pinbridge_dispatcher::ScheduledEvent;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::time::Moment;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{AGAIN_AFTER, DISPATCHER_TIMEOUT, REFRESHER_EVERY, REFRESHER_TIMEOUT, deadline};

const EVERY_MINUTE: Duration = Duration::from_secs(60);

/// Runs the dispatcher once.
///
/// # Errors
/// When it fails or times out.
pub async fn invoke_dispatcher(context: &Context, detail: Value) -> anyhow::Result<Value> {
    let event: ScheduledEvent =
        serde_json::from_value(event(context, "every-minute", detail)).context("not a scheduled event")?;
    let deadline = deadline(context, DISPATCHER_TIMEOUT);
    let answer = timeout(DISPATCHER_TIMEOUT, pinbridge_dispatcher::handle(context, event, deadline)).await;
    Ok(serde_json::to_value(answer.context("the dispatcher timed out")??)?)
}

/// Runs the refresher once.
///
/// # Errors
/// When it fails or times out.
pub async fn invoke_refresher(context: &Context) -> anyhow::Result<Value> {
    let event =
        serde_json::from_value(event(context, "every-five-minutes", json!({}))).context("not a scheduled event")?;
    let deadline = deadline(context, REFRESHER_TIMEOUT);
    let answer = timeout(REFRESHER_TIMEOUT, pinbridge_refresher::handle(context, event, deadline)).await;
    Ok(serde_json::to_value(answer.context("the refresher timed out")??)?)
}

/// The event that EventBridge sends for this rule.
fn event(context: &Context, rule: &str, detail: Value) -> Value {
    json!({
        "version": "0",
        "id": context.system.nonce(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": context.system.now().rfc3339(),
        "region": "us-east-1",
        "resources": [format!("arn:aws:events:us-east-1:000000000000:rule/{rule}")],
        "detail": detail,
    })
}

/// Resends every unfinished pin, newest first. One run of the dispatcher reads a limited number of minutes, so a start
/// after days of downtime takes several.
pub async fn recover(context: Context, accepted_before: Moment, stop: watch::Receiver<bool>) {
    let mut detail = json!({"recover": true, "accepted_before": accepted_before});
    while !*stop.borrow() {
        match invoke_dispatcher(&context, detail.clone()).await {
            Ok(done) if done["go_on_from"].is_null() => return,
            Ok(done) => detail["go_on_from"] = done["go_on_from"].clone(),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "recovery failed");
                sleep(AGAIN_AFTER).await;
            }
        }
    }
}

/// Invokes the dispatcher every minute until `stop` turns true.
pub async fn every_minute(context: Context, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(EVERY_MINUTE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = invoke_dispatcher(&context, json!({})).await {
            tracing::error!(error = format!("{error:#}"), "dispatcher failed");
        }
    }
}

/// Invokes the refresher every five minutes until `stop` turns true.
pub async fn every_five_minutes(context: Context, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(REFRESHER_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = invoke_refresher(&context).await {
            tracing::error!(error = format!("{error:#}"), "refresher failed");
        }
    }
}
