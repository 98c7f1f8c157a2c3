//! [`EventBus`] that keeps what it was given, and is down or refuses events as the test says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Entry, Exit, Gate};
use crate::domain::event::bus_event::BusEvent;
use crate::domain::webhook::destination::Destination;
use crate::ports::{EventBus, PortError, PortResult};

/// What the bus does with events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Takes,
    Refuses,
    IsDown,
}

#[derive(Default)]
struct State {
    mood: Mood,
    taken: Vec<BusEvent>,
    /// How often it was called.
    calls: usize,
}

pub struct FakeEventBus {
    call: &'static str,
    gate: Arc<dyn Gate>,
    state: Mutex<State>,
}

impl FakeEventBus {
    pub fn new(destination: Destination, gate: Arc<dyn Gate>) -> Self {
        let call = match destination {
            Destination::EventBus => "event_bus.put",
            Destination::EventQueue | Destination::TaskTokens => "event_queue.put",
        };
        Self { call, gate, state: Mutex::default() }
    }

    pub fn become_so(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// What it has taken, the oldest first.
    pub fn taken(&self) -> Vec<BusEvent> {
        self.state().taken.clone()
    }

    pub fn calls(&self) -> usize {
        self.state().calls
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, events: &[BusEvent]) -> PortResult<Vec<usize>> {
        let mut state = self.state();
        state.calls += 1;
        match state.mood {
            Mood::Takes => {
                state.taken.extend_from_slice(events);
                Ok(Vec::new())
            }
            Mood::Refuses => Ok((0..events.len()).collect()),
            Mood::IsDown => Err(unavailable()),
        }
    }
}

fn unavailable() -> PortError {
    PortError::Unavailable { port: "event bus", reason: "planned".into() }
}

#[async_trait]
impl EventBus for FakeEventBus {
    async fn put(&self, events: &[BusEvent]) -> PortResult<Vec<usize>> {
        match self.gate.enter(self.call).await {
            Entry::Refused | Entry::Contended => Err(unavailable()),
            Entry::Through | Entry::Twice => {
                let taken = self.take(events)?;
                match self.gate.leave(self.call).await {
                    Exit::Answered => Ok(taken),
                    Exit::Lost => Err(unavailable()),
                }
            }
        }
    }
}
