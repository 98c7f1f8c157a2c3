//! The index of a workspace's pins in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::WorkspaceId;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Status;
use crate::domain::pin::listing::{Entry, Partition, Position, Span, Stretch, Tags};
use crate::ports::{PinIndex, PortResult};

impl Tables {
    fn stretch(&self, workspace: WorkspaceId, span: &Span, limit: usize) -> Stretch {
        let is_there = |pin: &&Pin| match span.partition {
            _ if pin.hidden_at.is_some() => false,
            Partition::Every => true,
            Partition::Failed => self.attempts.get(&pin.key).is_some_and(|attempt| attempt.status == Status::Failed),
        };
        let mine = self.pins.values().filter(|pin| pin.key.workspace == workspace).filter(is_there);
        let entry = |pin: &Pin| Entry {
            position: Position { at: pin.created_at, pin: pin.key.pin },
            tags: Tags::of(&pin.request),
        };
        let mut entries: Vec<Entry> = mine.map(entry).filter(|entry| span.contains(&entry.position)).collect();
        entries.sort_unstable_by(|a, b| span.order.compare(&a.position, &b.position));
        let is_cut = entries.len() > limit.max(1);
        entries.truncate(limit.max(1));
        let end = entries.last().filter(|_| is_cut).map(|entry| entry.position);
        Stretch { entries, end }
    }
}

#[async_trait]
impl PinIndex for FakeStore {
    async fn stretch(&self, workspace: WorkspaceId, span: &Span, limit: usize) -> PortResult<Stretch> {
        self.call("pin_index.stretch", |t| t.stretch(workspace, span, limit)).await
    }
}
