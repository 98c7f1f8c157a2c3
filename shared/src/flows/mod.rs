//! The use cases. Each flow is a verb; it works with the [ports](crate::ports) of its
//! [`Context`](crate::context::Context) only, and the [domain](crate::domain) makes its decisions.
//!
//! A pin's way leads through [`accept`] and [`publish`], and where its outcome is unknown through [`reconcile`].
//! [`dispatch`] runs each minute, and [`webhooks`] tells others what happened. Each folder's `mod.rs` says which file
//! to read first.

pub mod accept;
pub mod accounts;
pub mod activity;
pub mod boards;
pub mod dead_letters;
pub mod dispatch;
pub mod imports;
pub mod pacing;
pub mod pins;
pub mod publish;
pub mod reconcile;
pub mod schedules;
pub mod stats;
pub mod tenants;
pub mod webhooks;
