//! The control plane: the committed Pins and the request counts, for tests to check against, and the fault rules. It
//! has no authentication, because the simulator listens on loopback only.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::api;
use crate::errors::ApiError;
use crate::provider::Provider;
use crate::simulator::Simulator;
use crate::world::World;
use crate::world::media::Media;
use crate::world::pin::Pin;
use crate::world::time::pinterest_time;

/// A committed Pin, deleted or not.
#[derive(Serialize)]
struct TruePin<'a> {
    id: &'a str,
    account: &'a str,
    account_id: &'a str,
    board_id: &'a str,
    board_section_id: Option<&'a str>,
    title: Option<&'a str>,
    description: Option<&'a str>,
    link: Option<&'a str>,
    alt_text: Option<&'a str>,
    media: &'a Media,
    created_at: String,
    created_at_ms: i64,
    deleted: bool,
}

impl<'a> TruePin<'a> {
    fn of(world: &'a World, pin: &'a Pin) -> Self {
        let account = world.account(pin.account);
        Self {
            id: &pin.id,
            account: account.map_or("", |account| &account.username),
            account_id: account.map_or("", |account| &account.id),
            board_id: &pin.draft.board_id,
            board_section_id: pin.draft.board_section_id.as_deref(),
            title: pin.draft.title.as_deref(),
            description: pin.draft.description.as_deref(),
            link: pin.draft.link.as_deref(),
            alt_text: pin.draft.alt_text.as_deref(),
            media: &pin.draft.media,
            created_at: pinterest_time(pin.created_at_ms),
            created_at_ms: pin.created_at_ms,
            deleted: pin.deleted_at_ms.is_some(),
        }
    }
}

/// Pins that are written while the lock is held. With more of them, other requests get the lock in between.
const PINS_AT_ONCE: usize = 1_000;

/// Every Pin ever committed, including deleted ones, in the order of the commits.
pub async fn pins(State(simulator): State<Simulator>) -> Response {
    let mut list = vec![b'['];
    let counted = simulator.with(|provider, now_ms| {
        provider.world.commit_due(now_ms);
        provider.world.every_pin().len()
    });
    let total = match counted {
        Ok(total) => total,
        Err(error) => return answer(Err(error)),
    };
    for first in (0..total).step_by(PINS_AT_ONCE) {
        let chunk = first..total.min(first + PINS_AT_ONCE);
        let written = simulator.with(|provider, _| write_pins(&provider.world, chunk, &mut list));
        if let Err(error) = written {
            return answer(Err(error));
        }
        tokio::task::yield_now().await;
    }
    list.push(b']');
    answer(Ok(list))
}

fn write_pins(world: &World, chunk: std::ops::Range<usize>, list: &mut Vec<u8>) {
    for pin in world.every_pin().get(chunk).into_iter().flatten() {
        if list.len() > 1 {
            list.push(b',');
        }
        list.extend(api::json(&TruePin::of(world, pin)));
    }
}

pub async fn requests(State(simulator): State<Simulator>) -> Response {
    show(&simulator, |provider| api::json(&provider.meter.report(&provider.world)))
}

pub async fn faults(State(simulator): State<Simulator>) -> Response {
    show(&simulator, |provider| api::json(&provider.faults.view()))
}

pub async fn replace_faults(State(simulator): State<Simulator>, body: Bytes) -> Response {
    change(&simulator, |provider| {
        provider.faults.replace(&body).map_err(|error| ApiError { status: 400, code: 400, message: error.into() })?;
        Ok(api::json(&provider.faults.view()))
    })
}

pub async fn clear_faults(State(simulator): State<Simulator>) -> Response {
    change(&simulator, |provider| {
        provider.faults.clear();
        Ok(api::json(&provider.faults.view()))
    })
}

fn show(simulator: &Simulator, view: impl FnOnce(&Provider) -> Vec<u8>) -> Response {
    change(simulator, |provider| Ok(view(provider)))
}

/// Commits due Pins first, so that `work` never gets a world in which a planned Pin is overdue.
fn change(simulator: &Simulator, work: impl FnOnce(&mut Provider) -> Result<Vec<u8>, ApiError>) -> Response {
    let outcome = simulator.with(|provider, now_ms| {
        provider.world.commit_due(now_ms);
        work(provider)
    });
    answer(outcome.flatten())
}

fn answer(outcome: Result<Vec<u8>, ApiError>) -> Response {
    let (status, body) = match outcome {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST), error.body()),
    };
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, body).into_response()
}
