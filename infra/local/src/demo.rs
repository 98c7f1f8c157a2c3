//! The demo pin: published through the API as any client would, its timeline printed live.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

const POLL_EVERY: Duration = Duration::from_millis(100);

/// A client of the API.
pub struct Demo<'a> {
    pub base_url: &'a str,
    pub api_key: &'a str,
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

    /// The first account.
    ///
    /// # Errors
    /// When there is none.
    pub async fn first_account(&self) -> anyhow::Result<String> {
        let accounts = self.get("/v1/pinterest/accounts").await?;
        Ok(accounts[0]["id"].as_str().context("no account is connected")?.to_owned())
    }

    /// The account's first board, which Pinterest is asked for.
    ///
    /// # Errors
    /// When there is none, or Pinterest doesn't say.
    pub async fn first_board(&self, account: &str) -> anyhow::Result<String> {
        let boards = self.get(&format!("/v1/pinterest/boards?account_id={account}")).await?;
        Ok(boards[0]["id"].as_str().context("the account has no board")?.to_owned())
    }

    /// Publishes a pin and prints its timeline as it grows; answers whether it was published.
    ///
    /// # Errors
    /// When the API refuses or stops answering.
    pub async fn publish(&self, account: &str, board: &str, key: &str) -> anyhow::Result<bool> {
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
        println!("demo pin {id}");
        let mut shown = 0;
        loop {
            let timeline = self.get(&format!("/v1/pins/{id}/timeline")).await?;
            let events = timeline["events"].as_array().context("a timeline without events")?;
            for event in events.iter().skip(shown) {
                println!("  {}", line(event));
            }
            shown = events.len();
            match timeline["status"].as_str() {
                Some("published") => {
                    println!("  published on Pinterest as {}", timeline["pinterest_pin_id"].as_str().unwrap_or("?"));
                    return Ok(true);
                }
                Some("failed") => {
                    println!("  failed: {} ({})", timeline["error_message"], timeline["error_code"]);
                    return Ok(false);
                }
                Some(_) => sleep(POLL_EVERY).await,
                None => bail!("a timeline without a status"),
            }
        }
    }
}

fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?)
}

/// One event as a line: when, what, and what the provider said.
fn line(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or("").to_owned();
    let mut line = format!("{}  {}", text("at"), text("event"));
    if let Some(attempt) = event["attempt"].as_u64() {
        line += &format!("  attempt {attempt}");
    }
    if let Some(status) = event["upstream_status"].as_u64() {
        line += &format!("  HTTP {status}");
    }
    for name in ["upstream_request_id", "note"] {
        if let Some(value) = event[name].as_str() {
            line += &format!("  {value}");
        }
    }
    if let Some(next) = event["next_at"].as_str() {
        line += &format!("  next at {next}");
    }
    line
}
