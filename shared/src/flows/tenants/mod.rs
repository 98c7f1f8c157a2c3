//! Organisations, workspaces, people and keys: who may call the API, and the export and removal of what a workspace
//! holds.
//!
//! Read [`authenticate`] first, then [`projects`].

pub mod api_keys;
pub mod authenticate;
pub mod by_address;
pub mod export;
pub mod invitations;
pub mod leavers;
pub mod log_in;
pub mod people;
pub mod projects;
pub mod prove_address;
pub mod purge;
pub mod register;
pub mod spend_credit;

/// Another writer of a row comes first this often at most; the rows of tenants have few writers.
const WRITES_MAX: usize = 5;
