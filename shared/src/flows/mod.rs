//! The use cases: each a verb, each over the [ports](crate::ports) only.

pub mod accept_pin;
pub mod backlog;
pub mod board_access;
mod board_reading;
pub mod boards;
pub mod budget_left;
pub mod connect;
pub mod daily_budget;
pub mod dead_letter;
pub mod disconnect;
pub mod dispatch;
pub mod doubt;
mod late_check;
pub mod look_at_board;
pub mod oauth;
mod planned_late_check;
mod planned_look;
pub mod publish_pin;
pub mod rate_meter;
pub mod read_pins;
pub mod redrive;
pub mod release_backlog;
pub mod retry_pin;
mod settle;
mod settle_doubts;
pub mod watchdog;
pub mod with_token;
