//! The code that all functions of pinbridge share. Dependencies point one way: functions → [`flows`] → [`ports`] →
//! [`domain`]. The [`adapters`] implement the ports, and only a function's `main.rs` (or `infra/local`) connects them.
//!
//! | Looking for… | go to |
//! |---|---|
//! | the rules: states, tokens, retries, what a worker does next | [`domain`] |
//! | the interfaces to everything outside | [`ports`] |
//! | the use cases | [`flows`] |
//! | the ports and settings that a flow is given | [`context`] |
//! | DynamoDB, SQS, Secrets Manager, Pinterest, the clock | [`adapters`] |
//! | every setting and its default | [`config`] |
//! | what a request costs | [`metering`] |
//! | fakes of the ports, contract suites for their implementations | `testing` (behind the feature `testing`) |

pub mod adapters;
pub mod config;
pub mod context;
pub mod domain;
pub mod flows;
pub mod metering;
pub mod ports;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
