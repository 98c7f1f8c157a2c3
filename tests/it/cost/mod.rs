//! What the table and the queues charge, in units and calls, through the real adapters.

mod batch;
mod boards;
mod imports;
pub mod pin_lists;
mod pins;
pub mod schedule_lists;
mod schedules;
mod similar;
mod tokens;
mod webhooks;
