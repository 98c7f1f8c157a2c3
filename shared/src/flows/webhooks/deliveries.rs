//! The delivery log of an endpoint, the request for a delivery again, and the request for a test.
//!
//! A delivery's row is found by the time of its event. Who knows only the id has it searched for among the newest rows.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use thiserror::Error;
use uuid::Uuid;

use super::deliver_one::payload_with;
use super::plan_turn::plan_turn;
use crate::context::Context;
use crate::domain::event::{EventId, EventType, payload};
use crate::domain::ids::{PinId, PinKey};
use crate::domain::message::{MESSAGE_VERSION, NotifyMessage, NotifyWork};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};
use crate::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey, Source, State};
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey};
use crate::domain::webhook::health::Health;
use crate::ports::{Listed, PortError, PortResult};

/// Deliveries that are read at once.
const READ_AT_ONCE: usize = 100;
/// Pins that are read at once.
const PINS_READ_AT_ONCE: usize = 100;
/// Deliveries that are written at once.
const WRITES_AT_ONCE: usize = 10;
/// Before a change that makes deliveries wait for a turn, a turn is planned for so long after it.
pub(super) const SPARE_TURN_MS: i64 = MINUTE_MS;
/// Deliveries that one call for a page looks through.
pub const EXAMINED_MAX: usize = 1_000;
/// Deliveries that are searched for an id: so many that wait, the oldest first, and so many others, the newest first.
pub const SEARCHED_MAX: usize = 2_000;

/// Why a delivery was not read or requested.
#[derive(Debug, Error)]
pub enum DeliveryError {
    #[error("no such webhook in this workspace")]
    NoEndpoint,
    #[error("no such delivery of this webhook")]
    NotFound,
    /// It isn't among the rows that were searched, and there are more.
    #[error("not among the {SEARCHED_MAX} deliveries that were searched")]
    OutOfReach,
    /// Nothing is sent to a disabled endpoint.
    #[error("the webhook is disabled")]
    Disabled,
    /// It was delivered, and what it was about is gone: requested again, it would end as a failure.
    #[error("the event was delivered and can't be made again")]
    Gone,
    #[error("another replay of the webhook runs")]
    ReplayRuns,
    #[error("no such replay of this webhook, or a newer one was started")]
    NoReplay,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// How a delivery stands, as a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    Delivered,
    Failed,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => State::Waiting { next_at: None }.name(),
            Self::Delivered => State::Delivered.name(),
            Self::Failed => State::Failed.name(),
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.name() == name)
    }

    pub fn of(state: State) -> Self {
        match state {
            State::Waiting { .. } => Self::Waiting,
            State::Delivered => Self::Delivered,
            State::Failed => Self::Failed,
        }
    }
}

/// Which deliveries a list shows; `None` shows all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    pub standing: Option<Standing>,
    pub event: Option<EventType>,
    /// Events at or after this time.
    pub since: Option<Moment>,
}

impl DeliveryFilter {
    fn accepts(&self, delivery: &Delivery) -> bool {
        self.standing.is_none_or(|standing| standing == Standing::of(delivery.state))
            && self.event.is_none_or(|event| event == delivery.event)
            && self.since.is_none_or(|since| delivery.key.event_at >= since)
    }

    /// The list that comes first.
    fn first(&self) -> Listed {
        match self.standing {
            None | Some(Standing::Waiting) => Listed::Waiting,
            Some(Standing::Delivered | Standing::Failed) => Listed::Ended,
        }
    }

    /// The list that follows, if both are shown.
    fn follows(&self, listed: Listed) -> Option<Listed> {
        (listed == Listed::Waiting && self.standing.is_none()).then_some(Listed::Ended)
    }
}

/// Where a page continues: in which list, and behind which delivery of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub listed: Listed,
    pub behind: Option<(Moment, DeliveryId)>,
}

impl Cursor {
    fn behind(delivery: &Delivery) -> Self {
        let listed = match delivery.state {
            State::Waiting { .. } => Listed::Waiting,
            State::Delivered | State::Failed => Listed::Ended,
        };
        Self { listed, behind: Some((delivery.key.event_at, delivery.key.id)) }
    }
}

/// Moments in rows have at most thirteen digits.
const MOMENTS: std::ops::Range<i64> = 0..10_000_000_000_000;

/// A place among deliveries as it stands in a cursor: the time of the event, and the id.
pub(super) fn written(at: Moment, id: Uuid) -> String {
    format!("{}_{}", at.0, id.simple())
}

/// Reads what [`written`] wrote.
pub(super) fn parsed(text: &str) -> Option<(Moment, Uuid)> {
    let (at, id) = text.split_once('_')?;
    let at = at.parse().ok().filter(|at| MOMENTS.contains(at)).map(Moment)?;
    Some((at, Uuid::try_parse(id).ok()?))
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.listed {
            Listed::Waiting => "w",
            Listed::Ended => "e",
        })?;
        match self.behind {
            Some((at, DeliveryId(id))) => write!(f, "_{}", written(at, id)),
            None => Ok(()),
        }
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, behind) = match text.split_once('_') {
            Some((kind, behind)) => {
                let (at, id) = parsed(behind).ok_or(())?;
                (kind, Some((at, DeliveryId(id))))
            }
            None => (text, None),
        };
        match kind {
            "w" => Ok(Self { listed: Listed::Waiting, behind }),
            "e" => Ok(Self { listed: Listed::Ended, behind }),
            _ => Err(()),
        }
    }
}

/// A delivery, the payload that its next request has, and when that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryView {
    pub delivery: Delivery,
    /// JSON. `None`: its pin is gone, or the row keeps nothing of the event and the pin no longer shows it.
    pub payload: Option<String>,
    /// Of a delivery that waits. `None`: its endpoint is disabled.
    pub next_at: Option<Moment>,
}

/// A page of a list of deliveries.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub deliveries: Vec<DeliveryView>,
    /// `None`: this is the last page.
    pub next: Option<Cursor>,
}

/// Lists deliveries of an endpoint: those that wait, the oldest event first, then those that ended, the newest event
/// first.
///
/// # Errors
/// When there is no such endpoint, or the table is unavailable.
pub async fn list(
    context: &Context,
    endpoint: EndpointKey,
    filter: &DeliveryFilter,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<Page, DeliveryError> {
    let stored = read_endpoint(context, endpoint).await?;
    let mut at = cursor.unwrap_or(Cursor { listed: filter.first(), behind: None });
    let (mut found, mut examined) = (Vec::new(), 0);
    let mut next = loop {
        let after = start(endpoint, filter, at);
        let rows = context.webhooks.deliveries(endpoint, at.listed, after, READ_AT_ONCE).await?;
        examined += rows.len();
        let is_over = rows.len() < READ_AT_ONCE || rows.last().is_some_and(|last| is_past(filter, at.listed, last));
        at.behind = rows.last().map(|last| (last.key.event_at, last.key.id)).or(at.behind);
        found.extend(rows.into_iter().filter(|delivery| filter.accepts(delivery)));
        if found.len() > limit {
            break None;
        }
        if is_over {
            match filter.follows(at.listed) {
                Some(listed) => at = Cursor { listed, behind: None },
                None => break None,
            }
        }
        if examined >= EXAMINED_MAX {
            break Some(at);
        }
    };
    if found.len() > limit {
        found.truncate(limit);
        next = found.last().map(Cursor::behind);
    }
    Ok(Page { deliveries: views(context, &stored, found).await?, next })
}

/// The key behind which the list is read.
fn start(endpoint: EndpointKey, filter: &DeliveryFilter, at: Cursor) -> Option<DeliveryKey> {
    // Those that wait come in the order of their events: the list begins with the first one in time.
    let before_since = || {
        let since = filter.since.filter(|_| at.listed == Listed::Waiting)?;
        Some((since.plus_ms(-1), DeliveryId(Uuid::max())))
    };
    let (event_at, id) = at.behind.or_else(before_since)?;
    Some(DeliveryKey { endpoint, event_at, id })
}

/// Whether nothing behind this delivery is in the filter's time.
fn is_past(filter: &DeliveryFilter, listed: Listed, last: &Delivery) -> bool {
    listed == Listed::Ended && filter.since.is_some_and(|since| last.key.event_at < since)
}

/// Reads a delivery by its id; with the time of its event, in one read.
///
/// # Errors
/// When there is no such endpoint or delivery, it was not reached, or the table is unavailable.
pub async fn read(
    context: &Context,
    endpoint: EndpointKey,
    id: DeliveryId,
    occurred_at: Option<Moment>,
) -> Result<DeliveryView, DeliveryError> {
    let stored = read_endpoint(context, endpoint).await?;
    let delivery = find(context, endpoint, id, occurred_at).await?;
    view(context, &stored, delivery).await
}

async fn find(
    context: &Context,
    endpoint: EndpointKey,
    id: DeliveryId,
    occurred_at: Option<Moment>,
) -> Result<Delivery, DeliveryError> {
    if let Some(event_at) = occurred_at {
        let key = DeliveryKey { endpoint, event_at, id };
        return context.webhooks.delivery(key).await?.ok_or(DeliveryError::NotFound);
    }
    let mut is_all = true;
    for listed in [Listed::Waiting, Listed::Ended] {
        let (mut after, mut searched) = (None, 0);
        loop {
            let rows = context.webhooks.deliveries(endpoint, listed, after, READ_AT_ONCE).await?;
            searched += rows.len();
            let is_last = rows.len() < READ_AT_ONCE;
            after = rows.last().map(|last| last.key);
            if let Some(found) = rows.into_iter().find(|delivery| delivery.key.id == id) {
                return Ok(found);
            }
            if is_last {
                break;
            }
            if searched >= SEARCHED_MAX {
                is_all = false;
                break;
            }
        }
    }
    Err(if is_all { DeliveryError::NotFound } else { DeliveryError::OutOfReach })
}

/// Requests a delivery again, whether it was delivered, has failed or waits. It keeps its id, and its tries begin anew.
///
/// # Errors
/// When there is no such endpoint or delivery, it was not reached, its event is gone, the endpoint is disabled, or a
/// port is unavailable.
pub async fn redeliver(
    context: &Context,
    endpoint: EndpointKey,
    id: DeliveryId,
    occurred_at: Option<Moment>,
) -> Result<DeliveryView, DeliveryError> {
    let stored = read_endpoint(context, endpoint).await?;
    let delivery = find(context, endpoint, id, occurred_at).await?;
    if stored.disabled.is_some() {
        return Err(DeliveryError::Disabled);
    }
    let (there, _) = with_payload(context, vec![delivery]).await?;
    if there.is_empty() {
        return Err(DeliveryError::Gone);
    }
    let again = request_again(context, endpoint, there).await?.pop().ok_or(DeliveryError::NotFound)?;
    view(context, &stored, again).await
}

/// The delivered ones among these whose payload can be made again, and how many can't be: their pins, or the events of
/// their pins, are gone. Requested again, they would end as failures, although they were delivered.
pub(super) async fn with_payload(context: &Context, deliveries: Vec<Delivery>) -> PortResult<(Vec<Delivery>, usize)> {
    let pin_of = |delivery: &Delivery| match (&delivery.source, delivery.state) {
        (Source::Pin { pin, .. }, State::Delivered) => {
            Some(PinKey { workspace: delivery.key.endpoint.workspace, pin: *pin })
        }
        _ => None,
    };
    let mut keys: Vec<PinKey> = deliveries.iter().filter_map(pin_of).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut pins = Pins::new();
    for some in keys.chunks(PINS_READ_AT_ONCE) {
        let read = context.store.pins(some).await?;
        pins.extend(read.into_iter().flatten().map(|(pin, attempt)| (pin.key.pin, (pin, attempt))));
    }
    let all = deliveries.len();
    let is_there = |delivery: &Delivery| pin_of(delivery).is_none() || payload_of(delivery, &pins).is_some();
    let there: Vec<Delivery> = deliveries.into_iter().filter(is_there).collect();
    let gone = all - there.len();
    Ok((there, gone))
}

/// Writes the deliveries as they wait for their first try, and plans the turn that sends them. A later turn is planned
/// first: whoever dies before the end leaves none that waits for nothing.
pub(super) async fn request_again(
    context: &Context,
    endpoint: EndpointKey,
    deliveries: Vec<Delivery>,
) -> PortResult<Vec<Delivery>> {
    let now = context.system.now();
    let kept_ms = i64::from(context.settings.webhooks.delivery_days) * DAY_MS;
    let again = |delivery: Delivery| Delivery {
        state: State::Waiting { next_at: Some(now) },
        tries: 0,
        is_replayed: true,
        delivered_before: delivery.first_delivered_at(),
        // The clock of whoever wrote the row may be ahead. A request that is older than the row counts for nothing.
        updated_at: now.max(delivery.updated_at.plus_ms(1)),
        expires_at: now.plus_ms(kept_ms),
        ..delivery
    };
    let again: Vec<Delivery> = deliveries.into_iter().map(again).collect();
    plan_turn(context, endpoint, now.plus_ms(SPARE_TURN_MS)).await?;
    let writes = again.clone().into_iter().map(|one| async move { context.webhooks.put_delivery(&one).await });
    stream::iter(writes).buffered(WRITES_AT_ONCE).try_collect::<Vec<()>>().await?;
    plan_turn(context, endpoint, now).await?;
    Ok(again)
}

/// A test that was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedTest {
    pub delivery: DeliveryKey,
    pub event_id: EventId,
    /// When it is sent: at once, or not before this time if the endpoint is slow.
    pub next_at: Moment,
}

/// Sends a test event to one endpoint, whatever events it asks for, also while the endpoint is held because it fails.
///
/// # Errors
/// When there is no such endpoint, it is disabled, or a port is unavailable.
pub async fn send_test(context: &Context, key: EndpointKey) -> Result<RequestedTest, DeliveryError> {
    if read_endpoint(context, key).await?.disabled.is_some() {
        return Err(DeliveryError::Disabled);
    }
    let health = context.webhooks.endpoint_health(key).await?;
    let now = context.system.now();
    let next_at = health.held_until.filter(|_| health.is_slow).map_or(now, |until| until.max(now));
    let event_id = payload::test_id(key.workspace, key.endpoint, now);
    let message = NotifyMessage {
        version: MESSAGE_VERSION,
        workspace: key.workspace,
        work: NotifyWork::Stored {
            event_id,
            event: EventType::WebhookTest,
            at: now,
            payload: payload::of_test(key.workspace, key.endpoint, now),
            to: Some(key.endpoint),
        },
    };
    context.queue.send_notify(&message, 0).await?;
    let delivery = DeliveryKey { endpoint: key, event_at: now, id: DeliveryId::of(key, event_id) };
    Ok(RequestedTest { delivery, event_id, next_at })
}

pub(super) async fn read_endpoint(context: &Context, key: EndpointKey) -> Result<Endpoint, DeliveryError> {
    context.webhooks.endpoint(key).await?.ok_or(DeliveryError::NoEndpoint)
}

async fn view(context: &Context, endpoint: &Endpoint, delivery: Delivery) -> Result<DeliveryView, DeliveryError> {
    views(context, endpoint, vec![delivery]).await?.pop().ok_or(DeliveryError::NotFound)
}

/// Adds the payloads, and the times of the next tries.
async fn views(context: &Context, endpoint: &Endpoint, deliveries: Vec<Delivery>) -> PortResult<Vec<DeliveryView>> {
    let pin_of = |delivery: &Delivery| match delivery.source {
        Source::Pin { pin, .. } => Some(PinKey { workspace: delivery.key.endpoint.workspace, pin }),
        Source::Stored { .. } => None,
    };
    let mut keys: Vec<PinKey> = deliveries.iter().filter_map(pin_of).collect();
    keys.sort_unstable();
    keys.dedup();
    let read = if keys.is_empty() { Vec::new() } else { context.store.pins(&keys).await? };
    let pins: Pins = read.into_iter().flatten().map(|(pin, attempt)| (pin.key.pin, (pin, attempt))).collect();
    let waits = |delivery: &Delivery| matches!(delivery.state, State::Waiting { .. });
    let health = if endpoint.disabled.is_none() && deliveries.iter().any(waits) {
        Some(context.webhooks.endpoint_health(endpoint.key).await?)
    } else {
        None
    };
    let view_of = |delivery: Delivery| DeliveryView {
        payload: payload_of(&delivery, &pins),
        next_at: health.as_ref().and_then(|health| next_at(&delivery, endpoint, health)),
        delivery,
    };
    Ok(deliveries.into_iter().map(view_of).collect())
}

/// When a delivery is sent next: at its own time or by its endpoint's turn, and not before its endpoint may be sent to.
fn next_at(delivery: &Delivery, endpoint: &Endpoint, health: &Health) -> Option<Moment> {
    let State::Waiting { next_at } = delivery.state else { return None };
    let at = delivery.due_at(endpoint.updated_at).or(health.turn_at).or(next_at)?;
    Some(health.held_until.map_or(at, |until| until.max(at)))
}

type Pins = HashMap<PinId, (Pin, Attempt)>;

fn payload_of(delivery: &Delivery, pins: &Pins) -> Option<String> {
    match &delivery.source {
        Source::Stored { payload } => Some(payload.clone()),
        Source::Pin { pin, .. } => pins.get(pin).and_then(|(pin, attempt)| payload_with(delivery, pin, attempt)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let behind = Some((Moment(1_767_225_600_000), DeliveryId(Uuid::from_u128(7))));
        for listed in [Listed::Waiting, Listed::Ended] {
            for behind in [behind, None] {
                let cursor = Cursor { listed, behind };
                assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
        let id = Uuid::from_u128(7).simple();
        for text in ["", "x", "w_", "w_1", &format!("x_1_{id}"), &format!("w_-1_{id}"), &format!("e_1_{id}_")] {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
        }
        assert_eq!(format!("e_10000000000000_{id}").parse::<Cursor>(), Err(()));
    }

    #[test]
    fn every_state_has_its_filter() {
        for standing in Standing::ALL {
            assert_eq!(Standing::parse(standing.name()), Some(standing));
        }
        assert_eq!(Standing::parse("queued"), None);
    }
}
