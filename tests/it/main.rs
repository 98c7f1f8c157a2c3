//! The tests that cross crates, in one binary.

mod contract;
mod cost;
mod flows;
mod flows_budget;
mod flows_crashes;
mod flows_doubt;
mod flows_fairness;
mod flows_pacing;
mod local;
mod pinterest_client;
mod publisher_batch;
mod support;
mod template;
