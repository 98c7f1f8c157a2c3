//! `operator redrive`.

use anyhow::bail;
use clap::Args;
use pinbridge_shared::context::Context;
use pinbridge_shared::flows::dead_letters::redrive::{Redrive, Summary, redrive};
use pinbridge_shared::ports::RedriveQueue;
use serde_json::{Value, json};

#[derive(Args)]
pub struct RedriveArgs {
    /// Only count, by the pin's present error code, or unreadable, gone, finished, waiting (the default)
    #[arg(long, conflicts_with = "run")]
    preview: bool,
    /// Retry the pins, and delete each letter whose pin was retried or needs nobody any more
    #[arg(long)]
    run: bool,
    /// Only letters of this class, such as dead_lettered
    #[arg(long)]
    error_code: Option<String>,
    /// At most so many pins a second
    #[arg(long)]
    rate: Option<f64>,
    /// Stop when more than this percentage of the last 20 retried pins failed again; each 20 are waited for, up to a minute
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=100))]
    stop_when_failing: Option<u32>,
    /// Send unreadable letters back to the publish queue as they are, for a build that reads them
    #[arg(long, requires = "run")]
    send_unreadable: bool,
}

pub async fn run(context: &Context, messages: &dyn RedriveQueue, arguments: RedriveArgs) -> anyhow::Result<Value> {
    if arguments.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        bail!("--rate must be above 0");
    }
    let asked = Redrive {
        run: arguments.run,
        error_code: arguments.error_code,
        rate_per_s: arguments.rate,
        stop_when_failing_percent: arguments.stop_when_failing,
        send_unreadable: arguments.send_unreadable,
    };
    let summary = redrive(context, messages, &asked).await?;
    Ok(shown(&asked, &summary))
}

fn shown(asked: &Redrive, summary: &Summary) -> Value {
    json!({
        "mode": if asked.run { "run" } else { "preview" },
        "letters": summary.messages,
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
