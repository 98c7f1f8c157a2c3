//! The demo pin: created through the API as by any client, its timeline printed while it grows.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::time::sleep;

const POLL_EVERY: Duration = Duration::from_millis(100);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the API.
pub struct Demo<'a> {
    pub base_url: &'a str,
    pub api_key: &'a str,
    /// How the printed text names Pinterest: "the simulated Pinterest", or an origin.
    pub provider: &'a str,
}

/// The state in which the demo leaves its pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Published,
    Failed,
    /// Not finished within the time that the caller gave.
    Waiting,
}

impl Demo<'_> {
    async fn call(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let response = request.header("x-api-key", self.api_key).send().await.context("the API did not answer")?;
        let status = response.status();
        let body: Value = response.json().await.context("the API's answer is not JSON")?;
        ensure!(status.is_success(), "the API answered {status}: {}", body["message"]);
        Ok(body)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(client()?.get(format!("{}{path}", self.base_url))).await
    }

    /// The id of the first connected account.
    ///
    /// # Errors
    /// When no account is connected.
    pub async fn first_account(&self) -> anyhow::Result<String> {
        let accounts = self.get("/v1/pinterest/accounts").await?;
        Ok(accounts[0]["id"].as_str().context("no account is connected")?.to_owned())
    }

    /// The id of the account's first board, read from Pinterest.
    ///
    /// # Errors
    /// When the account has no board, or Pinterest does not answer.
    pub async fn first_board(&self, account: &str) -> anyhow::Result<String> {
        let boards = self.get(&format!("/v1/pinterest/boards?account_id={account}")).await?;
        Ok(boards[0]["id"].as_str().context("the account has no board")?.to_owned())
    }

    /// Creates a pin and prints its timeline until the pin is finished, or until `patience` is over.
    ///
    /// # Errors
    /// When the API refuses the pin or stops answering.
    pub async fn publish(
        &self,
        account: &str,
        board: &str,
        key: &str,
        patience: Option<Duration>,
    ) -> anyhow::Result<Outcome> {
        let body = json!({
            "account_id": account,
            "board_id": board,
            "title": "Hello from pinbridge",
            "description": "The demo pin: accepted, queued, paced, published, recorded.",
            "link_url": "https://example.com/pinbridge",
            "image_url": "https://example.com/pinbridge.jpg",
            "idempotency_key": key,
        });
        let pin = self.call(client()?.post(format!("{}/v1/pins", self.base_url)).json(&body)).await?;
        let id = pin["id"].as_str().context("a pin without an id")?;
        println!("\nPublishing a demo pin to {}.\nTimeline of pin {id} (times in UTC):", self.provider);
        self.follow(id, patience).await
    }

    async fn follow(&self, id: &str, patience: Option<Duration>) -> anyhow::Result<Outcome> {
        let (begun, mut shown) = (Instant::now(), 0);
        loop {
            let timeline = self.get(&format!("/v1/pins/{id}/timeline")).await?;
            let events = timeline["events"].as_array().context("a timeline without events")?;
            for event in events.iter().skip(shown) {
                println!("  {}", line(event));
            }
            shown = events.len();
            let outcome = match timeline["status"].as_str().context("a timeline without a status")? {
                "published" => Outcome::Published,
                "failed" => Outcome::Failed,
                _ if patience.is_some_and(|patience| begun.elapsed() >= patience) => Outcome::Waiting,
                _ => {
                    sleep(POLL_EVERY).await;
                    continue;
                }
            };
            println!("{}", self.summary(outcome, &timeline));
            return Ok(outcome);
        }
    }

    fn summary(&self, outcome: Outcome, timeline: &Value) -> String {
        let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
        match outcome {
            Outcome::Published => {
                format!("Published on {} as Pin {}.", self.provider, text(&timeline["pinterest_pin_id"]))
            }
            Outcome::Failed => {
                format!("Failed: {} ({})", text(&timeline["error_message"]), text(&timeline["error_code"]))
            }
            Outcome::Waiting => {
                let next = &timeline["next"];
                format!("Not published yet: {} Next step at {}.", text(&next["reason"]), text(&next["at"]))
            }
        }
    }
}

fn client() -> anyhow::Result<Client> {
    // Each request has the key, which must not follow a redirect.
    Ok(Client::builder().redirect(Policy::none()).no_proxy().timeout(REQUEST_TIMEOUT).build()?)
}

/// One event as a line: its time of day, its name, and its details.
fn line(event: &Value) -> String {
    let text = |name: &str| event[name].as_str();
    let at = text("at").unwrap_or_default();
    let time = at.split_once('T').map_or(at, |(_, time)| time.trim_end_matches('Z'));
    let details = [
        event["attempt"].as_u64().map(|attempt| format!("attempt {attempt}")),
        event["upstream_status"].as_u64().map(|status| format!("HTTP {status}")),
        text("upstream_request_id").map(|id| format!("Pinterest's request id {id}")),
        text("note").map(explained),
        text("next_at").map(|next| format!("next at {next}")),
    ];
    let details = details.into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!("{time}  {:<16} {details}", text("event").unwrap_or_default()).trim_end().to_owned()
}

/// A note, with a word why for the one that a first start shows.
fn explained(note: &str) -> String {
    match note {
        // The bucket of a newly connected account is empty, and gets a token a second.
        "account_pacing" => format!("{note} (a new account's first pin waits a second)"),
        _ => note.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_timeline_labels_each_detail() {
        let event = json!({
            "at": "2026-11-28T19:11:50.445Z", "event": "published", "attempt": 1, "upstream_status": 201,
            "upstream_code": null, "upstream_request_id": "1000000000000004", "next_at": null, "note": null,
        });
        assert_eq!(
            line(&event),
            "19:11:50.445  published        attempt 1, HTTP 201, Pinterest's request id 1000000000000004"
        );
        assert_eq!(line(&json!({"at": "2026-11-28T19:11:50.400Z", "event": "accepted"})), "19:11:50.400  accepted");
        let deferred = json!({"at": "2026-11-28T19:11:50.4Z", "event": "deferred", "note": "account_pacing"});
        assert!(line(&deferred).ends_with("account_pacing (a new account's first pin waits a second)"));
    }
}
