//! The local stack as a user meets it: its binary, its files, its HTTP API, real time, real kills.

mod cli;
mod data_files;
mod full_disk;
mod http;
mod imports;
mod kill;
mod operator;
mod pacing;
pub mod process;
mod recursion;
mod redirects;
mod schedules;
mod slow_clients;
mod template;
mod webhooks;
