//! The gate that every call of a fake passes: when it begins and, after it took effect, when it returns.
//!
//! [`Faults`](super::faults::Faults) is a gate with planned faults. The simulation has one with virtual time and
//! randomness.

use async_trait::async_trait;

use crate::ports::{PortError, PortResult};

/// How a call begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It takes effect once.
    Through,
    /// It takes effect twice and the second answer counts, as when an SDK repeats a call whose answer it lost.
    Twice,
    /// Returns an error; the call has no effect.
    Refused,
    /// A conditional write meets another writer's transaction on its row; the call has no effect.
    Contended,
}

/// How a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Answered,
    /// Returns an error, although the call took effect.
    Lost,
}

/// Both functions may take (virtual) time. They never return when the process dies there.
#[async_trait]
pub trait Gate: Send + Sync {
    async fn enter(&self, call: &'static str) -> Entry;
    async fn leave(&self, call: &'static str) -> Exit;
}

/// Makes one call of a fake through the gate. `call` is `port.method`.
pub async fn around<T>(
    gate: &dyn Gate,
    call: &'static str,
    mut effect: impl FnMut() -> PortResult<T> + Send,
) -> PortResult<T>
where
    T: Send,
{
    let answer = match gate.enter(call).await {
        Entry::Refused => return Err(unavailable(call)),
        Entry::Contended => return Err(PortError::Contended { row: call, writes: 2 }),
        Entry::Through => effect(),
        Entry::Twice => {
            let _ = effect();
            effect()
        }
    };
    match gate.leave(call).await {
        Exit::Answered => answer,
        Exit::Lost => answer.and_then(|_| Err(unavailable(call))),
    }
}

fn unavailable(call: &'static str) -> PortError {
    let port = call.split_once('.').map_or(call, |(port, _)| port);
    PortError::Unavailable { port, reason: "a planned fault".into() }
}
