//! The shell: HTTP, real waiting, connections that end without an answer.

mod authorize;
mod control;
pub mod routes;
pub mod server;
mod upload;
mod v5;
