//! What every pinbridge function shares. Arrows run one way: functions → [`flows`] → [`domain`] and [`ports`];
//! [`adapters`] implement the ports, and only a function's `main.rs` (or `infra/local`) puts them together.
//!
//! | Looking for… | go to |
//! |---|---|
//! | the rules: states, tokens, retries, what a worker does next | [`domain`] |
//! | what the flows need of the world | [`ports`] |
//! | the use cases | [`flows`] |
//! | DynamoDB, SQS, Secrets Manager, Pinterest, the clock | [`adapters`] |
//! | every setting and its default | [`config`] |
//! | fakes of the ports and the rules every implementation must keep | `testing` (behind the feature of that name) |

pub mod adapters;
pub mod config;
pub mod context;
pub mod domain;
pub mod flows;
pub mod ports;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
