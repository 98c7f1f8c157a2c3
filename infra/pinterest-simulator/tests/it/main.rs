//! Tests of the simulator over real HTTP, one file per subject.

mod binary;
mod client;
mod faults;
mod http;
mod media;
mod oauth;
mod persistence;
mod throughput;
