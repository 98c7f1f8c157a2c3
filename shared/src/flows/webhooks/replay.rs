//! Delivers the events of a time again, page by page. A caller asks for each page, or starts a replay that asks for
//! them (`run_replay.rs`).
//!
//! The delivery log has the events that have failed or were delivered. Events without a row there are found through the
//! pins, except those of deleted pins.

use std::fmt;
use std::str::FromStr;

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use uuid::Uuid;

use super::deliveries::{DeliveryError, Standing, parsed, read_endpoint, request_again, with_payload, written};
use crate::context::Context;
use crate::domain::event::pin_events::{self, PinEvent};
use crate::domain::event::{EventId, EventType, told};
use crate::domain::ids::{PinId, PinKey};
use crate::domain::message::NotifyMessage;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};
use crate::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey};
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey};
pub use crate::domain::webhook::replay::Only;
use crate::domain::webhook::replay::WHOLE;
use crate::ports::{Listed, PortResult};

/// The longest time that one replay covers.
pub const RANGE_MAX_MS: i64 = 7 * DAY_MS;
/// An event is found if its pin was accepted at most so long before the beginning of the time.
pub const ACCEPTED_BEFORE_MS: i64 = 7 * DAY_MS;
/// Pins that one call reads.
pub const PINS_PER_CALL: usize = 500;
/// Deliveries that one call reads.
pub const DELIVERIES_PER_CALL: usize = 500;
/// A younger event may be on its way: it isn't missing yet.
pub const MISSING_AFTER_MS: i64 = MINUTE_MS;
/// Pins that are read together.
const READ_TOGETHER: usize = 100;
/// Messages that are sent at once.
const SENDS_AT_ONCE: usize = 10;

/// What is to be replayed.
#[derive(Clone, Debug)]
pub struct Replay {
    pub only: Only,
    /// The events of this time, from `since` to before `until`.
    pub since: Moment,
    pub until: Moment,
    /// Of these types; `None`: of every type.
    pub events: Option<Vec<EventType>>,
    /// Only counts.
    pub is_dry_run: bool,
}

impl Replay {
    fn takes(&self, event: EventType, at: Moment) -> bool {
        let is_of_type = match &self.events {
            Some(events) => events.contains(&event),
            None => event != EventType::WebhookTest,
        };
        is_of_type && at >= self.since && at < self.until
    }

    /// The part of the work that is done when it continues at this place, of [`WHOLE`].
    pub(super) fn progress(&self, next: Cursor) -> u32 {
        let part = |done_ms: i64, all_ms: i64| done_ms.clamp(0, all_ms.max(1)) * i64::from(WHOLE) / all_ms.max(1);
        let first_pin = self.since.plus_ms(-ACCEPTED_BEFORE_MS);
        let is_of_two = self.only == Only::All;
        let done = match next {
            Cursor::Deliveries(None) => 0,
            Cursor::Pins(None) if is_of_two => i64::from(WHOLE) / 2,
            Cursor::Pins(None) => 0,
            Cursor::Deliveries(Some((at, _))) => {
                let done = part(self.until.since_ms(at), self.until.since_ms(self.since));
                if is_of_two { done / 2 } else { done }
            }
            Cursor::Pins(Some((at, _))) => {
                let done = part(at.since_ms(first_pin), self.until.since_ms(first_pin));
                if is_of_two { (i64::from(WHOLE) + done) / 2 } else { done }
            }
        };
        u32::try_from(done).unwrap_or(WHOLE)
    }
}

/// Where a replay of these events begins.
fn begins(only: Only) -> Cursor {
    match only {
        Only::Missing => Cursor::Pins(None),
        Only::Failed | Only::All => Cursor::Deliveries(None),
    }
}

/// Where a replay continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Behind this delivery, the newest event first.
    Deliveries(Option<(Moment, DeliveryId)>),
    /// Behind this pin, in the order of acceptance.
    Pins(Option<(Moment, PinId)>),
}

impl Cursor {
    /// Whether a replay of these events comes to this place.
    pub fn is_of(self, only: Only) -> bool {
        match self {
            Self::Deliveries(_) => matches!(only, Only::Failed | Only::All),
            Self::Pins(_) => matches!(only, Only::Missing | Only::All),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Deliveries(None) => f.write_str("d"),
            Self::Deliveries(Some((at, DeliveryId(id)))) => write!(f, "d_{}", written(at, id)),
            Self::Pins(None) => f.write_str("p"),
            Self::Pins(Some((at, PinId(id)))) => write!(f, "p_{}", written(at, id)),
        }
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, behind) = match text.split_once('_') {
            Some((kind, behind)) => (kind, Some(parsed(behind).ok_or(())?)),
            None => (text, None),
        };
        match kind {
            "d" => Ok(Self::Deliveries(behind.map(|(at, id)| (at, DeliveryId(id))))),
            "p" => Ok(Self::Pins(behind.map(|(at, id)| (at, PinId(id))))),
            _ => Err(()),
        }
    }
}

/// What one call has found, and unless it was a dry run, requested again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    pub missing: usize,
    pub failed: usize,
    pub delivered: usize,
    /// Delivered ones that can't be sent again, because their pins or their events are gone.
    pub gone: usize,
    /// How many pins, and how many deliveries, were looked at.
    pub pins: usize,
    pub deliveries: usize,
    /// `None`: the replay is complete.
    pub next: Option<Cursor>,
}

/// Replays one page. Repeating it delivers no event twice that is still waiting.
///
/// # Errors
/// When there is no such endpoint, it is disabled (a dry run counts all the same), or a port is unavailable.
pub async fn replay(
    context: &Context,
    key: EndpointKey,
    replay: &Replay,
    cursor: Option<Cursor>,
) -> Result<Replayed, DeliveryError> {
    let endpoint = read_endpoint(context, key).await?;
    if endpoint.disabled.is_some() && !replay.is_dry_run {
        return Err(DeliveryError::Disabled);
    }
    let replayed = match cursor.unwrap_or(begins(replay.only)) {
        Cursor::Deliveries(behind) => ended(context, key, replay, behind).await?,
        Cursor::Pins(behind) => missing(context, &endpoint, replay, behind).await?,
    };
    Ok(replayed)
}

/// Requests deliveries again that have ended.
async fn ended(
    context: &Context,
    endpoint: EndpointKey,
    replay: &Replay,
    behind: Option<(Moment, DeliveryId)>,
) -> PortResult<Replayed> {
    // The newest event comes first: the list begins behind the first id at the end of the time.
    let (event_at, id) = behind.unwrap_or((replay.until, DeliveryId(Uuid::nil())));
    let after = DeliveryKey { endpoint, event_at, id };
    let read = context.webhooks.deliveries(endpoint, Listed::Ended, Some(after), DELIVERIES_PER_CALL).await?;
    let last = read.last().map(|last| (last.key.event_at, last.key.id));
    let goes_on = read.len() >= DELIVERIES_PER_CALL && last.is_some_and(|(at, _)| at >= replay.since);
    let mut replayed = Replayed { deliveries: read.len(), ..Replayed::default() };
    let is_meant =
        |delivery: &Delivery| replay.only.takes(delivery) && replay.takes(delivery.event, delivery.key.event_at);
    let meant: Vec<Delivery> = read.into_iter().filter(is_meant).collect();
    let (meant, gone) = with_payload(context, meant).await?;
    replayed.gone = gone;
    replayed.failed = meant.iter().filter(|one| Standing::of(one.state) == Standing::Failed).count();
    replayed.delivered = meant.len() - replayed.failed;
    replayed.next = if goes_on {
        last.map(|last| Cursor::Deliveries(Some(last)))
    } else {
        (replay.only == Only::All).then_some(Cursor::Pins(None))
    };
    if !replay.is_dry_run && !meant.is_empty() {
        request_again(context, endpoint, meant).await?;
    }
    Ok(replayed)
}

/// Sends for events of pins that have no delivery.
async fn missing(
    context: &Context,
    endpoint: &Endpoint,
    replay: &Replay,
    behind: Option<(Moment, PinId)>,
) -> PortResult<Replayed> {
    let workspace = endpoint.key.workspace;
    let until = replay.until.min(context.system.now().plus_ms(-MISSING_AFTER_MS));
    let replay = Replay { until, ..replay.clone() };
    let behind = behind.unwrap_or((replay.since.plus_ms(-ACCEPTED_BEFORE_MS - 1), PinId(Uuid::max())));
    let by = until.plus_ms(-1);
    if by < behind.0 {
        return Ok(Replayed::default());
    }
    let listed = context.store.listing_after(workspace, Some(behind), by, PINS_PER_CALL).await?;
    let keys: Vec<PinKey> = listed.iter().map(|(_, pin)| PinKey { workspace, pin: *pin }).collect();
    let reads = keys.chunks(READ_TOGETHER).map(|part| context.store.pins(part));
    let pins: Vec<(Pin, Attempt)> = try_join_all(reads).await?.into_iter().flatten().flatten().collect();
    let heard: Vec<Heard> = pins.iter().flat_map(|(pin, attempt)| heard(endpoint, &replay, pin, attempt)).collect();
    let deliveries: Vec<DeliveryKey> = heard.iter().map(|one| one.delivery).collect();
    let exist = if deliveries.is_empty() { Vec::new() } else { context.webhooks.deliveries_exist(&deliveries).await? };
    let missing: Vec<Heard> =
        heard.into_iter().zip(exist).filter(|(_, exists)| !exists).map(|(heard, _)| heard).collect();
    if !replay.is_dry_run {
        let messages = messages(&missing, &pins);
        let sends = messages.into_iter().map(|one| async move { context.queue.send_notify(&one, 0).await });
        stream::iter(sends).buffered(SENDS_AT_ONCE).try_collect::<Vec<()>>().await?;
    }
    let next = listed.last().filter(|_| listed.len() >= PINS_PER_CALL).map(|last| Cursor::Pins(Some(*last)));
    Ok(Replayed { missing: missing.len(), pins: listed.len(), next, ..Replayed::default() })
}

/// An event of a pin that the endpoint hears, and its delivery's name.
#[derive(Clone, Copy, Debug)]
struct Heard {
    pin: PinKey,
    sequence: u32,
    delivery: DeliveryKey,
}

/// The events of the pin that the endpoint hears and the replay takes.
fn heard(endpoint: &Endpoint, replay: &Replay, pin: &Pin, attempt: &Attempt) -> Vec<Heard> {
    let is_meant = |event: &PinEvent| endpoint.hears(event.event, event.at) && replay.takes(event.event, event.at);
    let heard = |event: PinEvent| {
        let id = DeliveryId::of(endpoint.key, EventId::of_pin(pin.key, event.sequence));
        let delivery = DeliveryKey { endpoint: endpoint.key, event_at: event.at, id };
        Heard { pin: pin.key, sequence: event.sequence, delivery }
    };
    pin_events::of(pin, attempt).into_iter().filter(is_meant).map(heard).collect()
}

/// One message for each run of events that follow each other, with copies of those that the rows show.
fn messages(missing: &[Heard], rows: &[(Pin, Attempt)]) -> Vec<NotifyMessage> {
    let mut runs: Vec<(PinKey, u32, u32)> = Vec::new();
    for one in missing {
        match runs.last_mut() {
            Some((pin, _, to)) if *pin == one.pin && *to + 1 == one.sequence => *to = one.sequence,
            _ => runs.push((one.pin, one.sequence, one.sequence)),
        }
    }
    let message = |(key, from, to): (PinKey, u32, u32)| {
        let shown = rows.iter().find(|(pin, _)| pin.key == key);
        let copies = shown.map(|(pin, attempt)| told::copies(pin, attempt, from..=to));
        NotifyMessage::of_copies(key, from, to, copies.unwrap_or_default())
    };
    runs.into_iter().map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{EndpointId, WorkspaceId};
    use crate::domain::message::NotifyWork;

    #[test]
    fn a_cursor_is_read_back_and_is_of_the_replays_that_come_there() {
        let (at, id) = (Moment(1_767_225_600_000), Uuid::from_u128(7));
        for (cursor, is_of) in [
            (Cursor::Deliveries(None), [false, true, true]),
            (Cursor::Deliveries(Some((at, DeliveryId(id)))), [false, true, true]),
            (Cursor::Pins(None), [true, false, true]),
            (Cursor::Pins(Some((at, PinId(id)))), [true, false, true]),
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
            assert_eq!(Only::ALL.map(|only| cursor.is_of(only)), is_of, "{cursor}");
        }
        for text in ["", "x", "d_", "p_1", &format!("x_1_{}", id.simple())] {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
        }
        for only in Only::ALL {
            assert!(begins(only).is_of(only));
        }
    }

    #[test]
    fn the_part_that_is_done_follows_the_time() {
        let (since, until) = (Moment(ACCEPTED_BEFORE_MS * 2), Moment(ACCEPTED_BEFORE_MS * 3));
        let replay = |only| Replay { only, since, until, events: None, is_dry_run: false };
        let middle = Moment(ACCEPTED_BEFORE_MS * 5 / 2);
        let logged = Cursor::Deliveries(Some((middle, DeliveryId(Uuid::nil()))));
        let listed = Cursor::Pins(Some((since, PinId(Uuid::nil()))));
        assert_eq!(replay(Only::Failed).progress(logged), WHOLE / 2);
        assert_eq!(replay(Only::Missing).progress(listed), WHOLE / 2, "the pins of the week before come first");
        let all = [logged, Cursor::Pins(None), listed].map(|next| replay(Only::All).progress(next));
        assert_eq!(all, [WHOLE / 4, WHOLE / 2, WHOLE * 3 / 4]);
        let nothing = Replay { until: since, ..replay(Only::Failed) };
        assert!(nothing.progress(logged) <= WHOLE, "an empty time");
    }

    #[test]
    fn events_that_follow_each_other_are_one_message() {
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let endpoint = EndpointKey { workspace, endpoint: EndpointId(Uuid::from_u128(2)) };
        let one = |pin: u128, sequence: u32| Heard {
            pin: PinKey { workspace, pin: PinId(Uuid::from_u128(pin)) },
            sequence,
            delivery: DeliveryKey { endpoint, event_at: Moment(0), id: DeliveryId(Uuid::nil()) },
        };
        let missing = [one(1, 2), one(1, 3), one(1, 5), one(2, 6), one(2, 7)];
        let sent: Vec<NotifyWork> = messages(&missing, &[]).into_iter().map(|message| message.work).collect();
        let run = |pin: u128, from, to| {
            NotifyMessage::of_pin(PinKey { workspace, pin: PinId(Uuid::from_u128(pin)) }, from, to).work
        };
        assert_eq!(sent, [run(1, 2, 3), run(1, 5, 5), run(2, 6, 7)]);
    }
}
