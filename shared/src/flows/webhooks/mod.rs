//! Webhooks: the endpoints of a workspace ([`endpoints`], [`deliveries`]), what is sent again ([`replay`],
//! [`run_replay`]), what timelines show of them ([`of_pin`], [`of_import`]), and how events are sent to them.
//!
//! 1. The write of a pin's row records its events. [`announce`](crate::adapters::announce) wraps the store: after the
//!    write it sends a message to the notify queue, if an endpoint hears one of the events.
//! 2. [`notify`] takes the message. It sends each event to each endpoint that hears it, once, at once. What fails is
//!    written as a waiting delivery.
//! 3. An endpoint with waiting deliveries has a *turn*: a time at which [`take_turn`] sends those that are due.
//!    [`plan_turn`] plans it, and files a recovery marker for the endpoint, so that a lost message costs minutes only.
//! 4. The rescuer reads every pin once more by its recovery marker. [`resend_missing`] then sends the message again for
//!    events that have no delivery; [`rescue_endpoint`] handles the markers of endpoints.
//! 5. Events of schedules, imports and accounts, and that an endpoint was disabled, are in no row. Each has a recovery
//!    marker of its own, filed before the write that brings it; [`rescue_event`] reads whether the write was made. An
//!    endpoint that asks for events of what began earlier, such as the end of a pause, has one too (`catch_up.rs`).
//!
//! A pin's history drops entries, and a retry changes its request. So the message of an event has a copy of what its
//! body says ([`told`](crate::domain::event::told)), and so has each delivery's row.
//!
//! The stack's [destinations](crate::domain::webhook::destination) are endpoints of every workspace.
//! [`Context::subscribers`](crate::context::Context::subscribers) adds them to the workspace's own, and `put_event.rs`
//! takes the place of the request. For a task of Step Functions that waits for a pin or an import, [`wait_for_end`]
//! stores its token, and `end_task.rs` ends it.
//!
//! Every request to a webhook waits for its slot (`keep_pace.rs`). A delivery is made at least once. Every repeat has
//! the same id.

mod catch_up;
pub mod deliver_one;
pub mod deliveries;
pub mod disable_endpoint;
mod end_task;
pub mod endpoints;
mod keep_pace;
pub mod notify;
pub mod of_import;
pub mod of_pin;
pub mod plan_turn;
mod put_event;
pub mod replay;
pub mod rescue_endpoint;
pub mod rescue_event;
pub mod resend_missing;
pub mod run_replay;
mod settle;
pub mod take_turn;
pub mod wait_for_end;
