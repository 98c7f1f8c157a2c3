//! Organisations, workspaces, people and keys.

pub mod api_keys;
pub mod authenticate;
pub mod export;
pub mod log_in;
pub mod people;
pub mod projects;
pub mod purge;
