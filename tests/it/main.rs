//! The tests that cross crates, in one binary.

mod activity;
mod adapters;
mod api_analytics;
mod api_auth;
mod api_connections;
mod api_dashboard;
mod api_export;
mod api_imports;
mod api_keys;
mod api_people;
mod api_pin_list;
mod api_pins;
mod api_projects;
mod api_retry;
mod api_schedules;
mod cost;
mod errors_page;
mod flows;
mod isolation;
mod limits_page;
mod local;
mod openapi;
mod sandbox;
mod support;
