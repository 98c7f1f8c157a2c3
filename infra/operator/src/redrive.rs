//! `operator redrive`.

use anyhow::bail;
use clap::Args;
use pinbridge_shared::context::Context;
use pinbridge_shared::flows::dead_letters::redrive::{Redrive, Summary, redrive};
use pinbridge_shared::ports::RedriveQueue;
use serde_json::{Value, json};

#[derive(Args)]
pub struct RedriveArgs {
    /// Only counts the messages, by the current error code of their pins, or as unreadable, gone, finished or waiting
    /// (the default)
    #[arg(long, conflicts_with = "run")]
    preview: bool,
    /// Retries the pins, and deletes each message whose pin was retried or needs no retry any more
    #[arg(long)]
    run: bool,
    /// Only messages of this class, such as dead_lettered
    #[arg(long)]
    error_code: Option<String>,
    /// Maximum number of pins retried per second
    #[arg(long)]
    rate: Option<f64>,
    /// Stops when more than this percentage of the last 20 retried pins failed again. After every 20 pins the command
    /// waits for their outcomes, up to a minute
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=100))]
    stop_when_failing: Option<u32>,
    /// Sends unreadable messages back to the publish queue unchanged, for a build that can read them
    #[arg(long, requires = "run")]
    send_unreadable: bool,
}

pub async fn run(context: &Context, messages: &dyn RedriveQueue, arguments: RedriveArgs) -> anyhow::Result<Value> {
    if arguments.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        bail!("--rate must be above 0");
    }
    let options = Redrive {
        run: arguments.run,
        error_code: arguments.error_code,
        rate_per_s: arguments.rate,
        stop_when_failing_percent: arguments.stop_when_failing,
        send_unreadable: arguments.send_unreadable,
    };
    let summary = redrive(context, messages, &options).await?;
    Ok(summary_json(&options, &summary))
}

fn summary_json(options: &Redrive, summary: &Summary) -> Value {
    json!({
        "mode": if options.run { "run" } else { "preview" },
        "messages": summary.messages,
        "by_class": summary.by_class,
        "retried": summary.retried,
        "failed_again": summary.failed_again,
        "dropped": summary.dropped,
        "sent_unreadable": summary.sent_unreadable,
        "refused": summary.refused,
        "stopped": summary.stopped,
        "more": summary.more,
    })
}
