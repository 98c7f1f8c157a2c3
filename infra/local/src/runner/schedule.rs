//! The schedules, and the recovery after a restart.

use std::time::Duration;

use anyhow::Context;
use pinbridge_dispatcher::ScheduledEvent;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::World;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{AGAIN_AFTER, DISPATCHER_TIMEOUT, REFRESHER_EVERY, REFRESHER_TIMEOUT, deadline};

const EVERY_MINUTE: Duration = Duration::from_secs(60);

/// Runs the dispatcher once.
///
/// # Errors
/// When it fails or times out.
pub async fn invoke_dispatcher(world: &World, detail: Value) -> anyhow::Result<Value> {
    let event: ScheduledEvent =
        serde_json::from_value(event(world, "every-minute", detail)).context("not a scheduled event")?;
    let deadline = deadline(world, DISPATCHER_TIMEOUT);
    let answer = timeout(DISPATCHER_TIMEOUT, pinbridge_dispatcher::handle(world, event, deadline)).await;
    Ok(serde_json::to_value(answer.context("the dispatcher timed out")??)?)
}

/// Runs the refresher once.
///
/// # Errors
/// When it fails or times out.
pub async fn invoke_refresher(world: &World) -> anyhow::Result<Value> {
    let event =
        serde_json::from_value(event(world, "every-five-minutes", json!({}))).context("not a scheduled event")?;
    let deadline = deadline(world, REFRESHER_TIMEOUT);
    let answer = timeout(REFRESHER_TIMEOUT, pinbridge_refresher::handle(world, event, deadline)).await;
    Ok(serde_json::to_value(answer.context("the refresher timed out")??)?)
}

/// EventBridge's event.
fn event(world: &World, rule: &str, detail: Value) -> Value {
    json!({
        "version": "0",
        "id": world.system.nonce(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": world.system.now().rfc3339(),
        "region": "us-east-1",
        "resources": [format!("arn:aws:events:us-east-1:000000000000:rule/{rule}")],
        "detail": detail,
    })
}

/// Brings back every unfinished pin, the newest first, in as many runs as it takes: after days off there are many
/// minutes to read.
pub async fn recover(world: World, accepted_before: Moment, stop: watch::Receiver<bool>) {
    let mut detail = json!({"recover": true, "accepted_before": accepted_before});
    while !*stop.borrow() {
        match invoke_dispatcher(&world, detail.clone()).await {
            Ok(done) if done["go_on_from"].is_null() => return,
            Ok(done) => detail["go_on_from"] = done["go_on_from"].clone(),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the recovery failed; trying again");
                sleep(AGAIN_AFTER).await;
            }
        }
    }
}

/// The minute's schedule.
pub async fn every_minute(world: World, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(EVERY_MINUTE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = invoke_dispatcher(&world, json!({})).await {
            tracing::error!(error = format!("{error:#}"), "the dispatcher failed; the next minute goes on");
        }
    }
}

/// The refresher's schedule.
pub async fn every_five_minutes(world: World, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(REFRESHER_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = invoke_refresher(&world).await {
            tracing::error!(error = format!("{error:#}"), "the refresher failed; the next run goes on");
        }
    }
}
