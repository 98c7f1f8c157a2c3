//! The entries of a timeline as sentences that a reply to a customer can repeat. No sentence says more than its row.
//!
//! [`summary`] does the same for the whole pin.

pub mod summary;

use super::WaitReason;
use super::candidate::Candidate;
use super::failure::Failure;
use super::history::EventKind;
use super::timeline::{By, DeliveryStanding, Entry, TimelineEvent};
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, LastTry};
use crate::domain::webhook::verdict::HTTP_STATUS;

/// The length of a whole id; an actor's that is shorter is only its beginning.
const ID_LENGTH: usize = 36;

/// A sentence names this many of the Pins that could be a pin's.
const CANDIDATES_NAMED: usize = 3;

/// Why a reading of a board did not decide, by the note of its event. Notes that aren't here are error codes.
const LOOK_UP_REASONS: [(&str, &str); 11] = [
    ("not_seen_yet", "the board did not show the Pin, and because Pinterest's lists lag, a second reading decides"),
    ("empty_list", "the board listed no Pin at all, which proves nothing at first"),
    ("list_cut_off", "the list of the board ended with a full page, so more Pins may follow"),
    ("list_not_in_order", "the list of the board was not in order, so it may lack a Pin"),
    ("list_changed_its_order", "the list of the board was in another order on each page, so it lacked some Pins"),
    ("owner_unclear", "the board showed a Pin that could belong to more than one pin"),
    ("twin_open", "the outcome of another pin with the same content was unknown too"),
    ("twin_settled", "it resolved another pin with the same content first"),
    ("too_many_alike", "the board showed more similar Pins than one reading can compare"),
    ("board_too_long", "the board had more Pins since the attempt than one reading can process"),
    ("daily_budget", "the app's requests to Pinterest of that day (UTC) were spent"),
];

/// Why a reading with this note did not decide; `None` for a note that is the code of a failure.
pub fn look_up_reason(note: &str) -> Option<&'static str> {
    LOOK_UP_REASONS.iter().find(|(known, _)| *known == note).map(|(_, reason)| *reason)
}

/// One entry as one sentence or a few.
pub fn event(event: &TimelineEvent) -> String {
    use EventKind as K;
    let kind = match event.entry {
        Entry::Of(kind) => kind,
        Entry::Accepted => return accepted(event),
        Entry::Webhook(standing) => return delivery(event, standing) + &repeated(event),
    };
    let (at, attempt, note) = (event.at.in_words(), attempt(event), event.note.as_deref());
    let (by, answer) = (by(event.by.as_ref()), answer(event));
    match kind {
        K::AttemptStarted => {
            let idle = idle_deliveries(note);
            let before =
                idle.map(|idle| format!(" Before it, {idle} of the pin's queue message ended without an attempt."));
            format!("On {at}, {attempt} began, just before the call to Pinterest.{}", before.unwrap_or_default())
        }
        K::NotSent => format!("On {at}, {attempt} was not sent, because it would have been too late. Another follows."),
        K::Published => {
            let pin = pin_named(event.pinterest_pin_id.as_deref());
            format!("Published on {at}: Pinterest created the Pin{pin} in answer to {attempt}{answer}.")
        }
        K::Adopted => {
            let pin = pin_named(event.pinterest_pin_id.as_deref());
            let created = created(event.created_on_pinterest_at);
            format!(
                "On {at}, the Pin of {attempt}{pin} was found on the board: as far as the board showed them, its title, \
                 its link and the time of its creation are those of the attempt.{created}"
            )
        }
        K::AnswerUnknown => unknown(event, &at, &attempt, &answer),
        K::NotOnPinterest => {
            format!("On {at}, it was certain that {attempt} had created no Pin. The pin is sent again.")
        }
        K::ReconcileInconclusive => inconclusive(event, &at, &attempt),
        K::RetryPlanned => format!(
            "On {at}, {attempt} failed for a temporary reason{answer}{}.{}{}{}",
            because(note),
            about(event),
            said(event),
            planned(event, "The next attempt was planned for")
        ),
        K::Deferred => deferred(event, &at),
        K::Failed => {
            let candidates = candidates(&event.candidates);
            format!("The pin failed on {at}{answer}{}.{}{}{candidates}", because(note), about(event), said(event))
        }
        K::Retried => {
            let failed =
                note.and_then(Failure::parse).map(|failure| format!(" It had failed: {}", failure.what_happened()));
            let next = planned(event, "Its start was planned for");
            format!("On {at}, the pin was retried{by}.{}{next}", failed.unwrap_or_default())
        }
        K::ResolvedByPerson => {
            let created = created(event.created_on_pinterest_at);
            format!("On {at}, it was decided{by} that the Pin{} is the one of {attempt}.{created}", pin_named(note))
        }
        K::NoneByPerson => {
            format!("On {at}, it was decided{by} that {attempt} had created no Pin. The pin can be retried.")
        }
        K::DuplicateFound => format!("On {at}, a check found a second Pin with the same content{}.", pin_named(note)),
        K::DuplicateRemoved => format!("On {at}, the second Pin{} was deleted from Pinterest.", pin_named(note)),
        K::Edited => {
            let what = listed(event.changed_fields.as_deref().unwrap_or_default());
            let what = if what.is_empty() { what } else { format!(": {what}") };
            format!("On {at}, the pin's content was changed{by}{what}.")
        }
        K::Deleted => format!("On {at}, the pin was deleted{by}."),
        K::RemovedFromPinterest => format!("On {at}, the published Pin was found to be missing on Pinterest."),
        K::Superseded => {
            format!("On {at}, the pin's schedule continued with another pin. This one can't be retried any more.")
        }
        K::Undeliverable => {
            let idle = idle_deliveries(note).map(|idle| format!("; {idle} ended without an attempt"));
            let idle = idle.unwrap_or_default();
            format!("By {at}, the pin's queue message had been delivered as often as the queue allows{idle}.")
        }
        K::Omitted => match event.omitted_count {
            Some(1) => "1 event at this place is not shown.".to_owned(),
            count => format!("{} events at this place are not shown.", count.unwrap_or_default()),
        },
    }
}

fn accepted(event: &TimelineEvent) -> String {
    let origin = event.origin.unwrap_or_default();
    let by = by(event.by.as_ref());
    let schedule = origin.schedule.map(|(id, run)| match run {
        0 => format!(" It comes from the schedule {id}."),
        run => format!(" It comes from the schedule {id}, which was retried (run {run})."),
    });
    let import = origin.import.map(|(id, row)| format!(" It comes from row {row} of the import {id}."));
    let request = origin.request.map(|id| format!(" The id of that request is {}.", id.as_str()));
    let twin = origin.twin.map(|pin| {
        format!(
            " It was accepted with a warning: pin {pin} of the 24 hours before had the same account, board, title, link \
             and image."
        )
    });
    let from = [schedule, import, request, twin].into_iter().flatten().collect::<String>();
    format!("The pin was accepted on {}{}.{from}", event.at.in_words(), by.replacen(" by ", " from ", 1))
}

/// A delivery to a webhook.
fn delivery(event: &TimelineEvent, standing: DeliveryStanding) -> String {
    use DeliveryStanding as D;
    let at = event.at.in_words();
    // Every such entry has its delivery.
    let Some(delivery) = event.delivery.as_deref() else { return format!("On {at}, an event was sent to a webhook.") };
    let Delivery { event: name, key, tries, last, .. } = delivery;
    let (webhook, answer) = (key.endpoint.endpoint, last.as_ref().map(answer_of_webhook).unwrap_or_default());
    let tries = if *tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
    let next = match event.next_at {
        Some(at) => format!(" The next try is planned for {}.", at.in_words()),
        // Its webhook is disabled, or has its turn later: it fails, is slow, or has asked to wait.
        None => format!(
            " It is sent in its webhook's next turn; while that is disabled, when it is enabled. next_attempt_at of GET \
             /v1/webhooks/{webhook}/deliveries/{} has the time.",
            key.id.0
        ),
    };
    match standing {
        D::Delivered => format!("On {at}, {name} was delivered to the webhook {webhook} after {tries}{answer}."),
        D::Failing => {
            format!("By {at}, {name} had not been delivered to the webhook {webhook} after {tries}{answer}.{next}")
        }
        D::GaveUp => format!(
            "On {at}, the delivery of {name} to the webhook {webhook} was given up after {tries}{answer}. POST \
             /v1/webhooks/{webhook}/deliveries/{}/redeliver sends it again.",
            key.id.0
        ),
        D::Waiting => format!("Since {at}, {name} waits to be sent to the webhook {webhook}.{next}"),
    }
}

/// That the delivery is a repeat, and when the event was first delivered.
fn repeated(event: &TimelineEvent) -> String {
    let Some(delivery) = event.delivery.as_deref().filter(|delivery| delivery.is_replayed) else {
        return String::new();
    };
    let first = delivery.delivered_before.map(|at| format!("; the event was first delivered on {}", at.in_words()));
    format!(" This is a repeat that was asked for{}.", first.unwrap_or_default())
}

/// What identifies the answer of a webhook's receiver, in brackets. A status that is a failure by itself says why.
fn answer_of_webhook(last: &LastTry) -> String {
    match (last.status, &last.error) {
        (Some(status), Some(error)) if error != HTTP_STATUS => format!(" (HTTP {status}, {error})"),
        (Some(status), _) => format!(" (HTTP {status})"),
        (None, Some(error)) => format!(" ({error})"),
        (None, None) => String::new(),
    }
}

fn unknown(event: &TimelineEvent, at: &str, attempt: &str, answer: &str) -> String {
    let next = planned(event, "Before the pin is sent again, the board is read; that was planned for");
    match (event.upstream_status, &event.transport_error) {
        (Some(_), _) => {
            let said = said(event);
            format!(
                "On {at}, Pinterest's answer to {attempt} left open whether the Pin was created{answer}.{said}{next}"
            )
        }
        (None, error) => {
            let after = event.latency_ms.map(|ms| format!("after {}", latency(ms)));
            let why: Vec<String> = error.iter().cloned().chain(after).collect();
            let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
            let since = since(event);
            format!("On {at}, {attempt} was left without an answer from Pinterest{why}.{since}{next}")
        }
    }
}

fn inconclusive(event: &TimelineEvent, at: &str, attempt: &str) -> String {
    let why = event.note.as_deref().map(|note| match (look_up_reason(note), Failure::parse(note)) {
        (Some(reason), _) => format!(": {reason}"),
        (None, Some(failure)) => format!(": Pinterest did not show it ({})", bare(failure.what_happened())),
        (None, None) => format!(" ({note})"),
    });
    format!(
        "On {at}, a reading of the board did not decide whether {attempt} had created a Pin{}.{}{}",
        why.unwrap_or_default(),
        said(event),
        planned(event, "The next reading was planned for")
    )
}

fn deferred(event: &TimelineEvent, at: &str) -> String {
    let note = event.note.as_deref();
    let reason = note.and_then(WaitReason::parse);
    if let Some(failure) = note.and_then(Failure::parse) {
        let next = match failure {
            Failure::TokenRevoked | Failure::ScopeMissing | Failure::AccountDisconnected => {
                let tried = planned(event, "No try was planned before");
                format!(" That ends when the account is reconnected.{tried}")
            }
            Failure::TrialAccess | Failure::FeatureRestricted => {
                let tried = planned(event, "No try was planned before");
                format!(" That ends when the Pinterest app is allowed to publish.{tried}")
            }
            _ => planned(event, "No start was planned before"),
        };
        let call =
            event.upstream_status.map(|_| format!(" That was the answer to {}{}.", attempt(event), answer(event)));
        let (call, said) = (call.unwrap_or_default(), said(event));
        return format!("On {at}, the pin was made to wait: {}{call}{said}{next}", failure.what_happened());
    }
    let next = match reason {
        Some(WaitReason::AccountPacing | WaitReason::Scheduled) => planned(event, "Its start was planned for"),
        Some(WaitReason::AccountOnHold) => {
            let tried = planned(event, "No try was planned before");
            format!(" That ends when the connection is mended.{tried}")
        }
        _ => planned(event, "No start was planned before"),
    };
    let why = reason.map(|reason| format!(" {}", waited(reason)));
    format!("From {at} on, the pin waited{}.{next}", why.unwrap_or_default())
}

/// Why a pin waited at that time, behind "waited".
fn waited(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::AccountPacing => "for its turn at the account's pace",
        WaitReason::AccountPaused => "because Pinterest had asked the account to wait, or had blocked it",
        WaitReason::AccountOnHold => "because the account's connection needed attention",
        WaitReason::TokenRefresh => "because the account's access token was being renewed, or tried again",
        WaitReason::DailyBudget => {
            "because the app's requests to Pinterest of that day (UTC) were spent, or kept for other workspaces"
        }
        WaitReason::Scheduled => "for its time",
    }
}

fn attempt(event: &TimelineEvent) -> String {
    event.attempt.map_or_else(|| "the attempt".to_owned(), |number| format!("attempt {number}"))
}

/// What identifies Pinterest's answer, in brackets.
fn answer(event: &TimelineEvent) -> String {
    let parts = [
        event.upstream_status.map(|status| format!("HTTP {status}")),
        event.upstream_code.map(|code| format!("Pinterest's code {code}")),
        event.upstream_request_id.as_ref().map(|id| format!("Pinterest's request {id}")),
        event.upstream_status.and(event.latency_ms).map(|ms| format!("after {}", latency(ms))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// `95 ms` or `9.5 s`.
fn latency(ms: u32) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{:.1} s", f64::from(ms) / 1_000.0) }
}

/// `title, link_url and image_url`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// What of the content the failure is about.
fn about(event: &TimelineEvent) -> String {
    event.subject.as_ref().map(|subject| format!(" {subject}")).unwrap_or_default()
}

/// Which fields have other values than were sent.
fn since(event: &TimelineEvent) -> String {
    let fields = listed(event.changed_since.as_deref().unwrap_or_default());
    if fields.is_empty() { fields } else { format!(" Since that call, these fields were changed: {fields}.") }
}

/// What happened by the failure that the note names, behind a colon.
fn because(note: Option<&str>) -> String {
    let failure = note.and_then(Failure::parse);
    failure.map(|failure| format!(": {}", bare(failure.what_happened()))).unwrap_or_default()
}

/// When Pinterest created the Pin, if that is known.
fn created(at: Option<Moment>) -> String {
    at.map(|at| format!(" Pinterest created it on {}.", at.in_words())).unwrap_or_default()
}

/// The Pins that a person has to choose from.
fn candidates(candidates: &[Candidate]) -> String {
    let named = |candidate: &Candidate| {
        let created = candidate.created_at.map(|at| format!(" (created on {})", at.in_words()));
        format!("{}{}", candidate.pinterest_pin_id, created.unwrap_or_default())
    };
    let shown: Vec<String> = candidates.iter().take(CANDIDATES_NAMED).map(named).collect();
    let more = match candidates.len().saturating_sub(CANDIDATES_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match shown.as_slice() {
        [] => String::new(),
        [one] => format!(" The Pin that could be it: {one}."),
        several => format!(" The Pins that could be it: {}{more}.", several.join(", ")),
    }
}

/// What was said about the attempt or the reading, and how what was sent differs from the present content.
fn said(event: &TimelineEvent) -> String {
    let said = match (&event.upstream_message, &event.transport_error) {
        (Some(message), _) => quoted(message),
        (None, Some(error)) => format!(" In place of an answer: {error}."),
        (None, None) => String::new(),
    };
    format!("{said}{}", since(event))
}

/// Pinterest's words as a sentence of their own.
fn quoted(message: &str) -> String {
    let end = if message.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!(" Pinterest said: \"{message}\"{end}")
}

fn planned(event: &TimelineEvent, what: &str) -> String {
    event.next_at.map(|at| format!(" {what} {}.", at.in_words())).unwrap_or_default()
}

/// Who acted, behind a verb; empty if nobody is known.
pub fn by(by: Option<&By>) -> String {
    let Some(by) = by else { return String::new() };
    let (noun, id) = (if by.is_key() { "the API key" } else { "the person" }, by.id());
    match &by.name {
        Some(name) if by.is_key() => format!(" by {noun} \"{name}\""),
        Some(name) => format!(" by {name}"),
        None if id.len() < ID_LENGTH => format!(" by {noun} whose id begins with {id}"),
        None => format!(" by {noun} {id}"),
    }
}

fn pin_named(note: Option<&str>) -> String {
    note.map(|id| format!(" ({id})")).unwrap_or_default()
}

/// The number of deliveries that did nothing, as [`after_deliveries`](super::attempt::Attempt::after_deliveries) notes
/// it.
fn idle_deliveries(note: Option<&str>) -> Option<String> {
    let count: u32 = note?.strip_suffix(" deliveries did nothing")?.parse().ok()?;
    Some(if count == 1 { "1 delivery".to_owned() } else { format!("{count} deliveries") })
}

/// A message without its full stop.
fn bare(message: &str) -> &str {
    message.trim_end_matches('.')
}

/// The text with its times of RFC 3339 as sentences have them.
fn with_times(text: &str) -> String {
    let word = |word: &str| {
        let time = word.trim_end_matches(['.', ',', ':', ';']);
        match Moment::parse_rfc3339(time) {
            Some(at) => format!("{}{}", at.in_words(), &word[time.len()..]),
            None => word.to_owned(),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
