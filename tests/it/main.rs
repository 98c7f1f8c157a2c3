//! The tests that cross crates, in one binary.

mod api_auth;
mod api_connections;
mod api_export;
mod api_keys;
mod api_people;
mod api_projects;
mod api_retry;
mod canary;
mod contract;
mod cost;
mod envelope;
mod errors_page;
mod flows;
mod flows_budget;
mod flows_connect;
mod flows_crashes;
mod flows_dead_letters;
mod flows_doubt;
mod flows_fairness;
mod flows_late_check;
mod flows_pacing;
mod flows_purge;
mod flows_redrive;
mod flows_refresh;
mod flows_retry;
mod isolation;
mod limits_page;
mod local;
mod operator;
mod pinterest_boards;
mod pinterest_client;

mod sqs_batch;
mod support;
mod template;
mod token_costs;
