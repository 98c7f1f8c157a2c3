//! The text on standard output: what starts, the pages to open, what each value is for, and two requests to try.

use std::fmt;
use std::path::Path;

use crate::args::{Args, is_loopback};
use crate::identity::{Identity, Login};

/// The official client that the Python example needs; tests/sdk runs the example with it.
const PYTHON_CLIENT: &str = "pinbridge-sdk==1.10.1";

/// Printed before anything starts.
pub struct Starting<'a> {
    pub args: &'a Args,
    /// Whether the data directory was used before.
    pub is_restart: bool,
}

impl fmt::Display for Starting<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.args.data_dir.display();
        match self.args.pinterest_url.as_deref() {
            None => writeln!(
                out,
                "Starting the API, its workers, an embedded AWS and a simulated Pinterest: nothing leaves this machine."
            )?,
            Some(url) if is_loopback(url) => writeln!(
                out,
                "Starting the API, its workers and an embedded AWS. Pinterest is the simulator at {url}: nothing leaves this \
                 machine."
            )?,
            Some(url) => writeln!(
                out,
                "Starting the API, its workers and an embedded AWS. Pinterest is {url}: it is not simulated."
            )?,
        }
        match self.is_restart {
            true => writeln!(out, "Data directory: {folder} (kept from an earlier start)"),
            false => writeln!(out, "Data directory: {folder} (new)"),
        }
    }
}

/// Printed once requests can be sent.
pub struct Ready<'a> {
    pub base_url: &'a str,
    pub pinterest_url: &'a str,
    pub data_dir: &'a Path,
    pub identity: &'a Identity,
    /// None without the stack's own receiver.
    pub receiver_url: Option<&'a str>,
    pub account_id: &'a str,
    /// None while the account's boards are unknown.
    pub board_id: Option<&'a str>,
}

impl fmt::Display for Ready<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pages(out)?;
        self.values(out)?;
        self.curl_example(out)?;
        self.python_example(out)
    }
}

impl Ready<'_> {
    fn pages(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base_url;
        writeln!(out, "Pages to open in a browser:")?;
        line(out, "API reference", &format!("{base}/docs"))?;
        line(out, "OpenAPI file", &format!("{base}/openapi.json"))
    }

    fn values(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, board) = (self.account_id, self.board_id);
        writeln!(out, "\nValues for requests:")?;
        line(out, "Base URL", self.base_url)?;
        line(out, "API key", &self.identity.api_key)?;
        line(out, "", "(in the header X-API-Key)")?;
        line(out, "Account id", &format!("{account} (the first connected Pinterest account)"))?;
        match board {
            Some(board) => line(out, "Board id", &format!("{board} (the first board of this account)"))?,
            None => line(out, "Board id", "unknown: Pinterest did not list the boards of this account")?,
        }
        if let Some(Login { email, password }) = &self.identity.login {
            line(out, "Sign-in", &format!("{email}, password {password}"))?;
            line(out, "", "(for POST /v1/auth/login; requests with the API key need no sign-in)")?;
        }
        match is_loopback(self.pinterest_url) {
            true => line(out, "Pinterest", &format!("{} (simulated; /_sim/pins lists its pins)", self.pinterest_url))?,
            false => line(out, "Pinterest", &format!("{} (not simulated: pins appear there)", self.pinterest_url))?,
        }
        if let Some(url) = self.receiver_url {
            line(out, "Webhook", &format!("{url} (a receiver of this stack; prints a line for each delivery)"))?;
        }
        let folder = self.data_dir.display();
        line(out, "Data", &format!("{folder} (the next start has the same API key, sign-in and pins)"))
    }

    fn curl_example(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\nList the newest pins with curl:\n")?;
        writeln!(out, "curl -H 'X-API-Key: {}' '{}/v1/pins?limit=5'", self.identity.api_key, self.base_url)
    }

    /// A shell command, so that it can be pasted as it stands.
    fn python_example(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, key, account) = (self.base_url, &self.identity.api_key, self.account_id);
        let board = self.board_id.unwrap_or("BOARD_ID");
        writeln!(out, "\nPublish a pin with the official Python client and print the pin's timeline:\n")?;
        writeln!(out, "pip install {PYTHON_CLIENT}\npython3 - <<'END'")?;
        write!(
            out,
            r#"import time
from pinbridge_sdk import PinbridgeClient

client = PinbridgeClient(
    base_url="{base}",
    api_key="{key}",
)
pin = client.pins.create({{
    "account_id": "{account}",
    "board_id": "{board}",
    "title": "Hello",
    "image_url": "https://example.com/a.jpg",
    "idempotency_key": "hello-1",
}})
while client.jobs.get(pin.id).status not in ("published", "failed"):
    time.sleep(0.2)
path = "/v1/pins/{{pin_id}}/timeline"
timeline = client.request("GET", path, path_params={{"pin_id": pin.id}}).json()
for event in timeline["events"]:
    print(event["at"], event["text"])
print(timeline["status"], timeline["pinterest_pin_id"] or timeline["error_message"])
"#
        )?;
        writeln!(out, "END")
    }
}

fn line(out: &mut fmt::Formatter<'_>, label: &str, value: &str) -> fmt::Result {
    writeln!(out, "  {label:<15}{value}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn starting(arguments: &[&str]) -> String {
        let args = Args::parse_from(["pinbridge-local"].iter().chain(arguments));
        Starting { args: &args, is_restart: false }.to_string()
    }

    #[test]
    fn a_start_says_whether_pinterest_is_simulated() {
        assert!(starting(&[]).contains("a simulated Pinterest: nothing leaves this machine."));
        let other = starting(&["--pinterest-url", "http://127.0.0.1:4010"]);
        assert!(other.contains("the simulator at http://127.0.0.1:4010: nothing leaves this machine."), "{other}");
        let real = starting(&["--pinterest-url", "https://api.pinterest.com"]);
        assert!(real.contains("https://api.pinterest.com: it is not simulated."), "{real}");
        assert!(!real.contains("nothing leaves"), "{real}");
    }
}
