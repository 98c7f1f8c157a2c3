//! A request of `/v5`: reads it, passes it to the [`Provider`](crate::provider::Provider) and carries out its plan.

use std::time::Duration;

use axum::RequestExt;
use axum::body::Body;
use axum::extract::{Query, RawPathParams, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{self, MethodRouter};

use super::server::Unanswered;
use crate::api::{self, Reply};
use crate::errors::{self, ApiError};
use crate::limits;
use crate::operations::Operation;
use crate::provider::{AdmittedRequest, Plan};
use crate::simulator::Simulator;
use crate::world::page::PRESENT;

pub fn get(operation: Operation) -> MethodRouter<Simulator> {
    routing::get(move |State(simulator): State<Simulator>, request: Request| answer(simulator, operation, request))
}

pub fn post(operation: Operation) -> MethodRouter<Simulator> {
    routing::post(move |State(simulator): State<Simulator>, request: Request| answer(simulator, operation, request))
}

pub fn patch(operation: Operation) -> MethodRouter<Simulator> {
    routing::patch(move |State(simulator): State<Simulator>, request: Request| answer(simulator, operation, request))
}

pub fn delete(operation: Operation) -> MethodRouter<Simulator> {
    routing::delete(move |State(simulator): State<Simulator>, request: Request| answer(simulator, operation, request))
}

pub async fn not_found(State(simulator): State<Simulator>) -> Response {
    refuse(&simulator, errors::ROUTE_NOT_FOUND)
}

pub async fn method_not_allowed(State(simulator): State<Simulator>) -> Response {
    refuse(&simulator, errors::METHOD_NOT_ALLOWED)
}

async fn answer(simulator: Simulator, operation: Operation, request: Request) -> Response {
    let request = match read(operation, request).await {
        Ok(request) => request,
        Err(error) => return refuse(&simulator, error),
    };
    match simulator.with(|provider, now_ms| provider.receive(now_ms, request)) {
        Err(error) => response(Reply::from(&error)),
        Ok(Plan::Answer(reply)) => response(reply),
        Ok(Plan::Resume { after_ms, admitted }) => resume(simulator, after_ms, admitted).await,
        Ok(Plan::Silence { hold_ms, operation }) => silence(simulator, hold_ms, operation).await,
    }
}

async fn read(operation: Operation, mut request: Request) -> Result<api::Request, ApiError> {
    let path = request.extract_parts::<RawPathParams>().await;
    let mut ids = path.iter().flatten().map(|(_, id)| id.to_owned());
    let (path_id, section_id) = (ids.next().unwrap_or_default(), ids.next().unwrap_or_default());
    drop(ids);
    let query = request
        .extract_parts::<Query<Vec<(String, String)>>>()
        .await
        .map_err(|_| ApiError::invalid("the query is not readable"))?;
    let authorization = text(&request, header::AUTHORIZATION);
    let host = text(&request, header::HOST).unwrap_or_default();
    let body =
        axum::body::to_bytes(request.into_body(), limits::MAX_BODY_BYTES).await.map_err(|_| errors::BODY_UNREADABLE)?;
    let (query, body) = (query.0, body.into());
    Ok(api::Request { operation, path_id, section_id, query, host, authorization, body, as_of_ms: PRESENT })
}

fn text(request: &Request, header: HeaderName) -> Option<String> {
    request.headers().get(header)?.to_str().ok().map(str::to_owned)
}

/// Handles the request in a task of its own, so that a client that disconnects cancels the wait but not the handling.
async fn resume(simulator: Simulator, after_ms: u64, admitted: AdmittedRequest) -> Response {
    let handling = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        simulator.with(|provider, now_ms| provider.resume(now_ms, admitted)).unwrap_or_else(|error| Reply::from(&error))
    });
    match handling.await {
        Ok(reply) => response(reply),
        Err(_) => Unanswered::response(),
    }
}

async fn silence(simulator: Simulator, hold_ms: u64, operation: Operation) -> Response {
    let _ending = Silence { simulator, operation };
    tokio::time::sleep(Duration::from_millis(hold_ms)).await;
    Unanswered::response()
}

/// Counts the end of a silence, whether the server or the client ends it.
struct Silence {
    simulator: Simulator,
    operation: Operation,
}

impl Drop for Silence {
    fn drop(&mut self) {
        let ended = self.simulator.with(|provider, _| provider.unanswered(self.operation));
        // Nothing was committed, so the journal can't have failed.
        debug_assert!(ended.is_ok());
    }
}

pub fn refuse(simulator: &Simulator, error: ApiError) -> Response {
    let reply = simulator.with(|provider, now_ms| provider.refuse(now_ms, error));
    response(reply.unwrap_or_else(|error| Reply::from(&error)))
}

fn response(reply: Reply) -> Response {
    let mut response = Response::new(reply.body.map_or_else(Body::empty, Body::from));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    if response.status() == StatusCode::NO_CONTENT {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    response
}
