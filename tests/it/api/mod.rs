//! The HTTP API over its router, over fakes.

mod activity;
mod analytics;
mod api_keys;
mod auth;
mod connections;
mod dashboard;
pub mod doors;
mod export;
mod imports;
pub mod isolation;
mod leavers;
mod links;
mod openapi;
mod own_writes;
mod people;
mod pin_list;
mod pins;
mod projects;
mod retry;
mod sandbox;
mod schedules;
mod waiting_lists;
mod waits;
