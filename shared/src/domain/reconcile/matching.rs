//! Matching Pins on a board with requests. Pins carry no mark of this system, so content, board and creation time
//! identify them.

use serde::{Deserialize, Serialize};

use super::equivalence::{self, Keys};
use crate::domain::deadlines::Deadlines;
use crate::domain::pin::PinRequest;
use crate::domain::pin::candidate::Candidate;
use crate::domain::time::Moment;

/// A Pin as a board's list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardPin {
    pub id: String,
    pub created_at: Option<Moment>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub link: Option<String>,
}

/// The period in which a call that was announced at `started_at` may have created its Pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Moment,
    pub until: Moment,
}

impl Window {
    pub fn of(started_at: Moment, deadlines: &Deadlines) -> Self {
        // Pinterest's times are whole seconds, so the window begins a second earlier.
        Self {
            from: started_at.plus_ms(-deadlines.clock_skew_ms - 1_000),
            until: started_at.plus_ms(deadlines.quiesce_ms + deadlines.clock_skew_ms),
        }
    }

    /// A Pin without a readable creation time may be ours.
    pub fn may_contain(&self, created_at: Option<Moment>) -> bool {
        created_at.is_none_or(|at| self.from <= at && at <= self.until)
    }
}

/// Whether a Pin on the board could be the requested one.
///
/// Lenient on purpose: mistaking another's Pin for ours ends in a question to a person, but missing ours ends in a
/// duplicate. A field that either side lacks doesn't distinguish them, and neither does a description that was cut
/// short. Titles and links are within Pinterest's limits and aren't cut: "Part 1" is not the beginning of "Part 12". (A
/// long title that ends with a mark of a cut may be ours, for a person to decide.)
///
/// Titles and links may be written in another way ([`equivalence`](super::equivalence)). A description is Pinterest's
/// to change: it drops links, hashtags and markup, and appends. So it can't rule out a Pin that shows our title.
pub fn could_be(request: &PinRequest, candidate: &BoardPin, window: Window) -> bool {
    // The cheapest comparison comes first: lists are long, and most Pins aren't ours.
    if !window.may_contain(candidate.created_at) {
        return false;
    }
    if !agree(&link(request, candidate)) && !is_led_to(request, candidate) {
        return false;
    }
    let title = title(request, candidate);
    is_shown(&title)
        || is_left_of_title(request, candidate)
        || (agree(&title) && is_whole_or_cut(request.description.as_deref(), candidate.description.as_deref()))
}

/// Whether the candidate's title may be what is left of ours: without accents, markup or emoji, or damaged.
fn is_left_of_title(request: &PinRequest, candidate: &BoardPin) -> bool {
    candidate.title.as_deref().is_some_and(|theirs| equivalence::may_be_left(&request.title, theirs))
}

/// Whether the candidate's link leads to ours by way of another address.
fn is_led_to(request: &PinRequest, candidate: &BoardPin) -> bool {
    let (Some(ours), Some(theirs)) = (request.link_url.as_deref(), candidate.link.as_deref()) else { return false };
    let ours = Keys::of_link(ours);
    equivalence::within(theirs).iter().any(|within| Keys::of_link(within).meets(&ours))
}

/// How well a Pin on the board matches the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Every field is the same, perhaps written in another way.
    Same,
    /// The description is cut short, edited or left out, as Pinterest may do.
    Less,
    /// It shows a field that was not sent, or lacks a title or link that was: the request can't be identified from it.
    /// Or only what is left of the title is the same, or its link leads to ours by way of another address, or its
    /// description is another one and no link says whose it is.
    Vague,
}

/// Compares a Pin that could match (see [`could_be`]) with the request.
pub fn likeness(request: &PinRequest, candidate: &BoardPin) -> Likeness {
    let exact = |pair: &Pair| if is_same(pair) { Likeness::Same } else { Likeness::Vague };
    let (title, link) = (title(request, candidate), link(request, candidate));
    let description = match description(request, candidate) {
        pair if is_same(&pair) => Likeness::Same,
        (ours, _) if ours.may_be_empty() => Likeness::Vague,
        // Both the title and the link are ours: whatever the description says, nobody else sent this.
        _ if is_shown(&link) => Likeness::Less,
        _ if is_whole_or_cut(request.description.as_deref(), candidate.description.as_deref()) => Likeness::Less,
        _ => Likeness::Vague,
    };
    exact(&title).max(exact(&link)).max(description)
}

/// The Pins that could be the requested one, the most alike first, then the oldest.
pub fn candidates(request: &PinRequest, pins: &[BoardPin], window: Window) -> Vec<Candidate> {
    let mut fits: Vec<&BoardPin> = pins.iter().filter(|pin| could_be(request, pin, window)).collect();
    fits.sort_by_cached_key(|pin| (likeness(request, pin), pin.created_at, pin.id.clone()));
    fits.into_iter().map(|pin| Candidate { pinterest_pin_id: pin.id.clone(), created_at: pin.created_at }).collect()
}

/// Whether the Pin's link shows the query that was asked for. It may only rank Pins that could be the requested one:
/// Pinterest appends to queries, and drops them.
pub fn is_query_shown(request: &PinRequest, candidate: &BoardPin) -> bool {
    let query = |link: Option<&str>| link.and_then(equivalence::query);
    query(request.link_url.as_deref()).is_some_and(|ours| query(candidate.link.as_deref()) == Some(ours))
}

/// What our value and theirs are compared by; no keys when there is nothing to compare.
type Pair = (Keys, Keys);

fn pair(keys: fn(&str) -> Keys, ours: Option<&str>, theirs: Option<&str>) -> Pair {
    (ours.map(keys).unwrap_or_default(), theirs.map(keys).unwrap_or_default())
}

fn title(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(Keys::of_text, Some(&request.title), candidate.title.as_deref())
}

fn description(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(Keys::of_text, request.description.as_deref(), candidate.description.as_deref())
}

fn link(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(Keys::of_link, request.link_url.as_deref(), candidate.link.as_deref())
}

fn agree((ours, theirs): &Pair) -> bool {
    ours.may_be_empty() || theirs.may_be_empty() || ours.meets(theirs)
}

/// Whether both sides have it, and it is the same.
fn is_shown((ours, theirs): &Pair) -> bool {
    !ours.may_be_empty() && !theirs.may_be_empty() && ours.meets(theirs)
}

fn is_same((ours, theirs): &Pair) -> bool {
    (ours.may_be_empty() && theirs.may_be_empty()) || ours.meets(theirs)
}

fn is_whole_or_cut(ours: Option<&str>, theirs: Option<&str>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => equivalence::may_be_cut(ours, theirs),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
