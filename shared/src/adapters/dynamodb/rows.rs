//! Converts pin and attempt rows to items, and back.

use super::item::{Builder, Item, Reader, moment, text, unreadable};
use super::keys;
use super::request_fields::{read_request, with_request};
use crate::domain::event::recorded;
use crate::domain::ids::PinKey;
use crate::domain::pin::attempt::{Attempt, OUTLIVES_PIN_MS, Status};
use crate::domain::pin::candidate::Candidate;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::fields::Sent;
use crate::domain::pin::history::Event;
use crate::domain::pin::idempotency::PayloadHash;
use crate::domain::pin::lateness::LateCause;
use crate::domain::pin::origin::Origin;
use crate::domain::pin::said::Said;
use crate::domain::pin::{Pin, Placement, WaitReason};
use crate::domain::time::Moment;
use crate::ports::PortResult;

use aws_sdk_dynamodb::types::AttributeValue;

pub fn pin_item(pin: &Pin) -> Item {
    let row = Builder::keyed(keys::pin(pin.key), keys::REQUEST)
        .text("lpk", listing(pin))
        .text("lsk", keys::listing_sort(pin))
        .value("hash", super::item::bytes(pin.payload_hash.0.clone()))
        .value("at", moment(pin.created_at))
        .text("n", &pin.nonce)
        .number("expires_at", pin.expires_at.unix_seconds());
    let row = with_request(row, &pin.request);
    let row = if pin.origin.is_empty() { row } else { row.value("o", super::item::bytes(pin.origin.to_bytes())) };
    let row = if pin.edit == 0 { row } else { row.number("ed", pin.edit) }.maybe_moment("hid", pin.hidden_at);
    let row = row.maybe_moment("run", pin.due_at.filter(|at| pin.placement != Placement::Due(*at)));
    match pin.placement {
        Placement::Now => row,
        Placement::Slot(slot) => row.value("slot", moment(slot)),
        Placement::Backlog(reason) => row.text("wait", reason.code()),
        Placement::Due(at) => row.value("due", moment(at)),
    }
    .build()
}

/// The index partition that lists the pin.
pub fn listing(pin: &Pin) -> String {
    let shard = keys::listing_shard(pin.key.pin);
    match pin.hidden_at {
        None => keys::listing(pin.key.workspace, shard),
        Some(_) => keys::hidden_listing(pin.key.workspace, shard),
    }
}

pub fn read_pin(key: PinKey, item: &Item) -> PortResult<Pin> {
    let row = Reader(item);
    let placement = match (row.maybe_moment("due"), row.maybe_moment("slot"), row.maybe_text("wait")) {
        (Some(at), ..) => Placement::Due(at),
        (None, Some(slot), _) => Placement::Slot(slot),
        (None, None, Some(code)) => Placement::Backlog(WaitReason::parse(&code).unwrap_or(WaitReason::AccountPacing)),
        (None, None, None) => Placement::Now,
    };
    Ok(Pin {
        key,
        request: read_request(&row)?,
        payload_hash: PayloadHash(row.bytes("hash")?),
        created_at: row.moment("at")?,
        due_at: row.maybe_moment("run").or(row.maybe_moment("due")),
        placement,
        origin: row.bytes("o").map(|bytes| Origin::from_bytes(&bytes)).unwrap_or_default(),
        edit: row.maybe_number("ed").unwrap_or_default(),
        hidden_at: row.maybe_moment("hid"),
        expires_at: row.maybe_expiry("expires_at").ok_or_else(|| unreadable("expires_at"))?,
        nonce: row.text("n")?,
    })
}

pub fn attempt_item(pin: &Pin, attempt: &Attempt) -> Item {
    let history = attempt.history.iter().map(|event| text(event.encode(pin.created_at))).collect();
    let row = Builder::keyed(keys::pin(pin.key), keys::ATTEMPT)
        .number("rev", attempt.rev)
        .text("n", &attempt.nonce)
        .text("pn", &pin.nonce)
        .number("gen", attempt.generation)
        .text("st", attempt.status.name())
        .number("att", attempt.attempt)
        .number("base", attempt.attempt_base)
        .maybe_moment("start", attempt.started_at)
        .maybe_moment("nb", attempt.not_before)
        .maybe_moment("look", attempt.reconcile_at)
        .maybe_text("wait", attempt.wait.map(WaitReason::code))
        .maybe_text("fail", attempt.failure.map(Failure::code))
        .maybe_text("det", attempt.detail.as_deref())
        .maybe_text("ppid", attempt.pinterest_pin_id.as_deref())
        .maybe_text("orph", attempt.orphan_pin_id.as_deref())
        .maybe_text("dup", attempt.duplicate_pin_id.as_deref())
        .maybe_moment("fin", attempt.finished_at)
        .maybe_moment("rem", attempt.removed_at)
        .value("upd", moment(attempt.updated_at))
        .value("h", AttributeValue::L(history));
    let row = if attempt.edit == 0 { row } else { row.number("ed", attempt.edit) };
    let row = row.maybe_text("late", attempt.late_cause.map(LateCause::letter));
    let row = if attempt.events > 0 { row.number("ev", attempt.events) } else { row };
    let row = if attempt.image_tries == 0 { row } else { row.number("img", attempt.image_tries) };
    let row = if attempt.is_superseded { row.number("sup", 1) } else { row };
    let row = match attempt.status {
        // Failed pins are listed once more, so that they are found among any number of others.
        Status::Failed if pin.hidden_at.is_none() => {
            let shard = keys::listing_shard(pin.key.pin);
            row.text("lpk", keys::failed(pin.key.workspace, shard)).text("lsk", keys::listing_sort(pin))
        }
        _ => row,
    };
    match attempt.expires_at {
        Some(at) => row.number("expires_at", at.unix_seconds()),
        None => row,
    }
    .build()
}

/// Whether the row belongs to this pin, and not to an earlier one of the same key whose rows are expiring.
pub fn is_of(pin: &Pin, item: &Item) -> bool {
    Reader(item).maybe_text("pn").as_deref() == Some(pin.nonce.as_str())
}

pub fn read_attempt(pin: &Pin, item: &Item) -> PortResult<Attempt> {
    let row = Reader(item);
    let history: Vec<Event> = row.texts("h").iter().map(|event| Event::decode(event, pin.created_at)).collect();
    let failure = row.maybe_text("fail").and_then(|code| Failure::parse(&code));
    Ok(Attempt {
        rev: row.number("rev")?,
        nonce: row.text("n")?,
        generation: row.number("gen")?,
        edit: row.maybe_number("ed").unwrap_or_default(),
        status: Status::parse(&row.text("st")?).ok_or_else(|| unreadable("st"))?,
        attempt: row.number("att")?,
        attempt_base: row.number("base")?,
        image_tries: row.maybe_number("img").unwrap_or_default(),
        started_at: row.maybe_moment("start"),
        not_before: row.maybe_moment("nb"),
        reconcile_at: row.maybe_moment("look"),
        wait: row.maybe_text("wait").and_then(|code| WaitReason::parse(&code)),
        failure,
        detail: row.maybe_text("det"),
        pinterest_pin_id: row.maybe_text("ppid"),
        orphan_pin_id: row.maybe_text("orph"),
        duplicate_pin_id: row.maybe_text("dup"),
        finished_at: row.maybe_moment("fin"),
        updated_at: row.moment("upd")?,
        // A row of an earlier build has no count.
        events: row.maybe_number("ev").unwrap_or_else(|| recorded::counted(&history, failure)),
        history,
        expires_at: row.maybe_expiry("expires_at"),
        removed_at: row.maybe_moment("rem"),
        is_superseded: row.maybe_number::<u32>("sup").is_some(),
        late_cause: row.maybe_text("late").and_then(|letter| LateCause::of_letter(&letter)),
    })
}

/// Lives as long as the attempt row can.
pub fn said_item(pin: &Pin, said: &Said) -> Item {
    let row = Builder::keyed(keys::pin(pin.key), keys::said(said.attempt, said.part()))
        .text("pn", &pin.nonce)
        .number("att", said.attempt)
        .maybe_moment("look", said.read_at)
        .maybe_text("msg", said.message.as_deref())
        .maybe_text("tro", said.transport_error.as_deref())
        .number("expires_at", pin.expires_at.plus_ms(OUTLIVES_PIN_MS).unix_seconds());
    let row = match &said.sent {
        Some(Sent(sent)) => row.value("sent", super::item::bytes(sent.clone())),
        None => row,
    };
    let row = match said.latency_ms {
        Some(ms) => row.number("ms", ms),
        None => row,
    };
    if said.candidates.is_empty() {
        return row.build();
    }
    let candidates = said.candidates.iter().map(|candidate| text(candidate_text(candidate))).collect();
    row.value("cand", AttributeValue::L(candidates)).build()
}

/// `id`, or `id,milliseconds`.
fn candidate_text(candidate: &Candidate) -> String {
    let id = &candidate.pinterest_pin_id;
    candidate.created_at.map_or_else(|| id.clone(), |at| format!("{id},{}", at.0))
}

fn read_candidate(text: &str) -> Candidate {
    let (id, at) = text.split_once(',').unwrap_or((text, ""));
    Candidate { pinterest_pin_id: id.to_owned(), created_at: at.parse().ok().map(Moment) }
}

pub fn read_said(item: &Item) -> PortResult<Said> {
    let row = Reader(item);
    let (message, transport_error) = (row.maybe_text("msg"), row.maybe_text("tro"));
    let candidates = row.texts("cand").iter().map(|text| read_candidate(text)).collect();
    Ok(Said {
        attempt: row.number("att")?,
        read_at: row.maybe_moment("look"),
        message,
        transport_error,
        sent: row.bytes("sent").ok().map(Sent),
        latency_ms: row.maybe_number("ms"),
        candidates,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{ImportId, KeyId, ScheduleId};
    use crate::domain::pin::attempt::{DETAIL_MAX, REPORTED_MAX, Upstream};
    use crate::domain::pin::candidate::CANDIDATES_MAX;
    use crate::domain::pin::history::{EventKind, KEEP_FIRST, KEEP_LAST, NOTE_MAX, REQUEST_ID_MAX};
    use crate::domain::pin::origin::{Actor, RequestId};
    use crate::domain::pin::said::MESSAGE_MAX;
    use crate::domain::testdata;
    use crate::domain::time::DAY_MS;

    /// A write unit's kilobyte.
    const UNIT: usize = 1_024;

    /// An item's size by DynamoDB's rules: names and values in bytes; a list takes 3 bytes, and one per element.
    fn size(item: &Item) -> usize {
        item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
    }

    fn value_size(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::B(blob) => blob.as_ref().len(),
            AttributeValue::L(items) => 3 + items.iter().map(|item| 1 + value_size(item)).sum::<usize>(),
            other => panic!("{other:?} is not in a row"),
        }
    }

    #[test]
    fn a_pin_of_ordinary_size_is_one_unit() {
        let mut pin = testdata::pin();
        pin.created_at = Moment(1_795_394_096_000);
        pin.request.idempotency_key = "0f8fad5b-d9cb-469f-a165-70867728950e".into();
        let id = uuid::Uuid::from_u128;
        pin.origin = Origin {
            by: Some(Actor::Key(KeyId(id(1)))),
            schedule: Some((ScheduleId(id(2)), 1)),
            import: Some((ImportId(id(3)), 1)),
            ..Origin::default()
        };
        pin.placement = Placement::Due(pin.created_at);
        pin.edit = 10;
        let bytes = size(&pin_item(&pin));
        println!("a pin row has {bytes} bytes (title 60, description 300, link 120, image URL 73 characters)");
        assert!(bytes <= UNIT, "{bytes}");
        // A pin that was submitted by itself also has the id of that request, as API Gateway gives it or longer.
        for request in ["JKJaXmPLvHcESHA=", "3f0c1f5e-6d1b-4f8a-9c57-2a3b4c5d6e7f"] {
            pin.origin = Origin { request: RequestId::parse(request), ..Origin::by(Actor::Key(KeyId(id(1)))) };
            let bytes = size(&pin_item(&pin));
            println!("a pin row with the id of its request has {bytes} bytes");
            assert!(bytes <= UNIT, "{bytes}");
            assert_eq!(read_pin(pin.key, &pin_item(&pin)).expect("readable").origin, pin.origin);
        }
    }

    #[test]
    fn the_longest_words_about_an_attempt_are_one_unit() {
        let pin = testdata::pin();
        let said = Said {
            attempt: 50,
            read_at: Some(Moment(1)),
            message: Some("m".repeat(MESSAGE_MAX)),
            transport_error: Some("t".repeat(80)),
            sent: Some(Sent::of(&pin.request)),
            latency_ms: Some(120_000),
            candidates: Vec::new(),
        };
        let bytes = size(&said_item(&pin, &said));
        println!("the longest words about an attempt have {bytes} bytes");
        assert!(bytes <= UNIT, "{bytes}");
    }

    #[test]
    fn the_candidates_of_an_attempt_are_one_unit_and_are_read_back() {
        let pin = testdata::pin();
        let candidate = |at| Candidate { pinterest_pin_id: "9".repeat(19), created_at: at };
        let mut candidates = vec![candidate(Some(Moment(1_795_394_096_000))); CANDIDATES_MAX];
        candidates[0] = candidate(None);
        let said = Said { attempt: 50, candidates, ..Said::default() };
        let item = said_item(&pin, &said);
        let bytes = size(&item);
        println!("the most candidates of an attempt have {bytes} bytes");
        assert!(bytes <= UNIT, "{bytes}");
        assert_eq!(read_said(&item).expect("readable"), said);
    }

    #[test]
    fn the_longest_attempt_row_is_one_unit() {
        let mut pin = testdata::pin();
        pin.created_at = Moment(1_795_394_096_000);
        let late = pin.created_at.plus_ms(29 * DAY_MS);
        let mut attempt = Attempt { edit: 10, image_tries: 5, ..Attempt::untouched(&pin) };
        let longest = Event {
            status: Some(403),
            provider_code: Some(2787),
            request_id: Some("9".repeat(REQUEST_ID_MAX)),
            next_at: Some(late),
            note: Some("x".repeat(NOTE_MAX)),
            ..Event::new(EventKind::RetryPlanned, late, 99)
        };
        attempt.history = vec![longest; KEEP_FIRST + KEEP_LAST];
        let upstream = Upstream { message: Some("m".repeat(DETAIL_MAX)), ..Upstream::default() };
        attempt = attempt.begin(late, "0123456789abcdef".into()).expect("begins");
        attempt.history.pop();
        attempt.pinterest_pin_id = Some("9".repeat(19));
        attempt.orphan_pin_id = Some("9".repeat(19));
        let failed = attempt.failed(late, Failure::ImageFormatUnsupported, &upstream, &pin, "0123456789abcdef".into());
        let bytes = size(&attempt_item(&pin, &failed.expect("fails")));
        println!("the longest attempt row has {bytes} bytes");
        assert!(bytes <= UNIT, "{bytes}");
        // Only a published pin has a duplicate.
        let published = attempt.published(late, "9".repeat(19), &upstream, &pin, "0123456789abcdef".into());
        let ids = vec!["9".repeat(19); REPORTED_MAX];
        let reported = published.and_then(|published| published.with_duplicates(late, &ids, "0123456789abcdef".into()));
        let bytes = size(&attempt_item(&pin, &reported.expect("reports")));
        println!("the longest with duplicates has {bytes} bytes");
        assert!(bytes <= UNIT, "{bytes}");
    }
}
