//! What clients do: they request, read, retry, edit and delete pins, and change their schedules.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use pinbridge_shared::domain::time::{Moment, SECOND_MS};
use tower::ServiceExt;

use super::SimWorld;
use crate::kernel::{Action, Kind};

/// As in template.yaml.
pub(super) const API_TIMEOUT_MS: i64 = 20 * SECOND_MS;
/// How likely a client that has changed its schedule changes it once more.
const CHANGES: f64 = 0.3;
pub const CLIENT_TRIES_MAX: u32 = 40;

/// The codes of permanent conflicts.
const PERMANENT_CONFLICTS: [&[u8]; 3] = [b"idempotency_key_reused", b"pin_deleted", b"schedule_removed"];

impl SimWorld {
    pub(super) fn request(&mut self, wish: usize) {
        self.tries[wish] = self.tries[wish].wrapping_add(1).max(1);
        let (pid, api) = (self.fork(Kind::Api, API_TIMEOUT_MS), self.api.clone());
        let faults = self.faults();
        let is_altered = self.kernel.chance(faults.confused);
        let body = self.plan.body(wish, is_altered).to_string();
        let path = if self.plan.wishes[wish].run_at_ms.is_some() { "/v1/schedules" } else { "/v1/pins" };
        let request = Request::post(path)
            .header("content-type", "application/json")
            .header("x-api-key", &self.api_key)
            .body(Body::from(body))
            .expect("a request");
        let (kernel, gate, answers) = (self.kernel.clone(), self.gate.clone(), Arc::clone(&self.answers));
        let loses_answer = self.kernel.chance(faults.answer_lost);
        self.kernel.note(|| format!("request {wish}"));
        self.machine.start(pid, async move {
            let answer = api.oneshot(request).await;
            if kernel.of(pid).is_some_and(|process| process.is_dying) {
                gate.die().await;
            }
            let Ok(answer) = answer;
            let mut status = answer.status();
            // The other conflicts are about the account and are temporary.
            if status == StatusCode::CONFLICT && !is_permanent(answer).await {
                status = StatusCode::SERVICE_UNAVAILABLE;
            }
            kernel.note(|| format!("answered {wish} {status}"));
            let known = (!loses_answer && !is_altered).then_some(status);
            answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((wish, known));
        });
        // A client without an answer tries again, until it gets one.
        let timeout_ms = self.kernel.draw(|rng| rng.i64(21_000..40_000));
        self.kernel.schedule(self.kernel.now() + timeout_ms, Action::AskAgain(wish));
    }

    /// A client reads. No fault may cause a server error other than 503.
    pub(super) fn read(&mut self, wish: usize) {
        let (pid, api) = (self.fork(Kind::Api, API_TIMEOUT_MS), self.api.clone());
        let pin = self.plan.pin(wish).pin;
        let schedule = self.plan.schedule(wish);
        let path = match self.kernel.draw(|rng| rng.u8(0..6)) {
            0 | 1 if schedule.is_some() => "/v1/schedules?limit=5".to_owned(),
            2..5 if schedule.is_some() => "/v1/schedules?limit=5&status=done".to_owned(),
            5 => "/v1/dashboard/summary".to_owned(),
            0 => format!("/v1/pins/{pin}"),
            1 => format!("/v1/jobs/{pin}"),
            2 => "/v1/pins?limit=5".to_owned(),
            3 => format!("/v1/pins?limit=2&account_id={}", self.plan.account(self.plan.wishes[wish].account).account),
            _ => format!("/v1/pins/{pin}/timeline"),
        };
        let request = Request::get(path).header("x-api-key", &self.api_key).body(Body::empty()).expect("a request");
        let check = self.oracle.response_check(self.plan.pin(wish));
        self.machine.start(pid, async move {
            let Ok(answer) = api.oneshot(request).await;
            check(answer.status());
        });
    }

    /// A client retries a failed pin.
    pub(super) fn retry(&mut self, wish: usize) {
        let (pid, api) = (self.fork(Kind::Api, API_TIMEOUT_MS), self.api.clone());
        let path = format!("/v1/pins/{}/retry", self.plan.pin(wish).pin);
        let request = Request::post(path).header("x-api-key", &self.api_key).body(Body::empty()).expect("a request");
        self.kernel.note(|| format!("retry {wish}"));
        self.machine.start(pid, async move {
            let _ = api.oneshot(request).await;
        });
    }

    /// A client changes the title, whatever the pin's status is.
    pub(super) fn edit(&mut self, wish: usize) {
        let (pid, api) = (self.fork(Kind::Api, API_TIMEOUT_MS), self.api.clone());
        let path = format!("/v1/pins/{}", self.plan.pin(wish).pin);
        let number = self.kernel.draw(|rng| rng.u8(0..4));
        let body = serde_json::json!({"title": format!("{} better {number}", self.plan.wishes[wish].title)});
        let request = Request::patch(path).header("x-api-key", &self.api_key).body(Body::from(body.to_string()));
        let request = request.expect("a request");
        self.kernel.note(|| format!("edit {wish}"));
        self.machine.start(pid, async move {
            let _ = api.oneshot(request).await;
        });
    }

    /// A client deletes its pin. Once that is answered, no attempt may begin.
    pub(super) fn delete(&mut self, wish: usize) {
        let (pid, api) = (self.fork(Kind::Api, API_TIMEOUT_MS), self.api.clone());
        let key = self.plan.pin(wish);
        let path = format!("/v1/pins/{}", key.pin);
        let request = Request::delete(path).header("x-api-key", &self.api_key).body(Body::empty()).expect("a request");
        let deleted = self.oracle.deleted();
        self.kernel.note(|| format!("delete {wish}"));
        self.machine.start(pid, async move {
            let Ok(answer) = api.oneshot(request).await;
            if answer.status() == StatusCode::NO_CONTENT {
                deleted(key);
            }
        });
    }

    /// A client creates a section, and does not care what is answered. A 429 of Pinterest's pauses the account.
    pub(super) fn own_write(&mut self, account: usize) {
        let (pid, api) = (self.fork(Kind::Api, API_TIMEOUT_MS), self.api.clone());
        let path = format!("/v1/pinterest/boards/{}/sections", self.plan.board_id(account, 0));
        let body = serde_json::json!({"account_id": self.plan.account(account).account, "name": "Small ones"});
        let request = Request::post(path)
            .header("content-type", "application/json")
            .header("x-api-key", &self.api_key)
            .body(Body::from(body.to_string()))
            .expect("a request");
        self.kernel.note(|| format!("section of {account}"));
        let (limited, key, asked_at) = (self.oracle.own_write_limited(), self.plan.account(account), self.kernel.now());
        self.machine.start(pid, async move {
            let Ok(answer) = api.oneshot(request).await;
            if answer.status() != StatusCode::TOO_MANY_REQUESTS {
                return;
            }
            let body = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            if String::from_utf8_lossy(&body).contains("\"rate_limited\"") {
                limited(key, Moment(asked_at));
            }
        });
    }

    /// A client moves, edits, cancels or removes its schedule.
    pub(super) fn change(&mut self, wish: usize) {
        let Some(schedule) = self.plan.schedule(wish) else { return };
        let path = format!("/v1/schedules/{}", schedule.schedule);
        let (now, roll) = (self.kernel.now(), self.kernel.draw(|rng| rng.u8(0..10)));
        let times = self.times.entry(wish).or_default();
        // Sometimes the schedule moves back to an earlier choice.
        let to = match times.iter().copied().filter(|at| *at > now).collect::<Vec<_>>().as_slice() {
            [] => now + self.kernel.draw(|rng| rng.i64(1_000..500_000)),
            known => match self.kernel.draw(|rng| rng.usize(0..2 * known.len())) {
                index if index < known.len() => known[index],
                _ => now + self.kernel.draw(|rng| rng.i64(1_000..500_000)),
            },
        };
        times.push(to);
        let to = Moment(to).rfc3339();
        let (method, path, body) = match roll {
            0..4 => ("PATCH", path, serde_json::json!({"run_at": to}).to_string()),
            4..6 => ("PATCH", path, serde_json::json!({"alt_text": to}).to_string()),
            6..8 => ("POST", format!("{path}/cancel"), String::new()),
            _ => ("DELETE", path, String::new()),
        };
        if method == "DELETE" {
            self.oracle.schedules().may_be_removed(wish);
        }
        self.send_change(wish, method, path, body);
        if self.kernel.chance(CHANGES) {
            let at = now + self.kernel.draw(|rng| rng.i64(0..200_000));
            self.kernel.schedule(at, Action::Change(wish));
        }
    }

    /// A client retries a failed schedule.
    pub(super) fn retry_schedule(&mut self, wish: usize) {
        if let Some(schedule) = self.plan.schedule(wish) {
            let path = format!("/v1/schedules/{}/retry", schedule.schedule);
            self.send_change(wish, "POST", path, String::new());
        }
    }

    fn send_change(&mut self, wish: usize, method: &'static str, path: String, body: String) {
        let (pid, api) = (self.fork(Kind::Api, API_TIMEOUT_MS), self.api.clone());
        self.kernel.note(|| format!("{method} {path} {body} ({wish})"));
        let is_cancel = path.ends_with("/cancel");
        let request = Request::builder().method(method).uri(path).header("x-api-key", &self.api_key);
        let request = request.body(Body::from(body)).expect("a request");
        let check = self.oracle.schedules().response_check(wish, is_cancel);
        let kernel = self.kernel.clone();
        self.machine.start(pid, async move {
            let Ok(answer) = api.oneshot(request).await;
            // The answer of a dying process doesn't arrive.
            if kernel.of(pid).is_some_and(|process| !process.is_dying) {
                check(answer.status());
            }
        });
    }

    /// The client's timeout: it repeats its request if it has no answer yet.
    pub(super) fn ask_again(&mut self, wish: usize) {
        if self.tries[wish] != u32::MAX && self.tries[wish] < CLIENT_TRIES_MAX {
            self.request(wish);
        }
    }
}

async fn is_permanent(answer: http::Response<Body>) -> bool {
    let body = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    PERMANENT_CONFLICTS.iter().any(|code| body.windows(code.len()).any(|part| part == *code))
}
