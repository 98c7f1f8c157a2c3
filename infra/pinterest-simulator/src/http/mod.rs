//! The HTTP shell, with real delays and connections that are closed without an answer.

mod authorize;
mod control;
pub mod routes;
pub mod server;
mod upload;
mod v5;
