//! Long polling. The crate polls every 100 ms; here a waiting call sleeps until a message is sent, a message becomes
//! visible, the wait time ends, or the endpoint stops.

use super::super::reply::Reply;
use super::{Sqs, queue_name};
use pinbridge_loopback::stopped;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

impl Sqs {
    pub(super) async fn receive(&self, request: &Value) -> Reply {
        let name = queue_name(request);
        let wait = match request["WaitTimeSeconds"].as_i64() {
            Some(seconds) => seconds * 1000,
            None => self.store.settings(name).map_or(0, |settings| settings.wait_ms),
        };
        let mut once = request.clone();
        once["WaitTimeSeconds"] = json!(0);
        let deadline = Instant::now() + millis(wait);
        let mut stop = self.stop.clone();
        loop {
            // Taken before the receive, so that a message sent in between is not missed.
            let bell = self.store.bell(name);
            let rung = bell.as_ref().map(|(bell, _)| bell.notified());
            let reply = self.single("ReceiveMessage", &once).await;
            let empty = reply.is_success() && reply.value()["Messages"].is_null();
            let (Some(rung), true) = (rung, empty && Instant::now() < deadline) else {
                return reply;
            };
            let due = self.store.bell(name).and_then(|(_, due)| due);
            let next = due.map_or(deadline, |at| {
                // Plus one, because the time is rounded down to a millisecond.
                deadline.min(Instant::now() + millis(at - self.store.now() + 1))
            });
            tokio::select! {
                () = rung => {}
                () = sleep_until(next) => {}
                () = stopped(&mut stop) => return reply,
            }
        }
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
