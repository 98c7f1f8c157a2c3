//! Events on the local stack: their lines are printed, because nothing leaves the machine.

use async_trait::async_trait;

use crate::domain::event::bus_event::BusEvent;
use crate::ports::{EventBus, PortResult};

/// Prints a line for every event on standard output, without its body.
pub struct PrintedEvents;

#[async_trait]
impl EventBus for PrintedEvents {
    async fn put(&self, events: &[BusEvent]) -> PortResult<Vec<usize>> {
        for BusEvent { id, event, workspace, pin, at, .. } in events {
            let about = pin.map(|pin| format!(" of pin {pin}")).unwrap_or_default();
            println!("Event {event}{about} in workspace {workspace} at {}: {id}", at.rfc3339());
        }
        Ok(Vec::new())
    }
}
