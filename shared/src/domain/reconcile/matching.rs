//! Matching Pins on a board with requests. Pins carry no mark of this system, so content, board and creation time
//! identify them.

use serde::{Deserialize, Serialize};

use crate::domain::deadlines::Deadlines;
use crate::domain::pin::PinRequest;
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
/// short. Titles and links are within Pinterest's limits and aren't cut: "Part 1" is not the beginning of "Part 12".
pub fn could_be(request: &PinRequest, candidate: &BoardPin, window: Window) -> bool {
    // The cheapest comparison comes first: lists are long, and most Pins aren't ours.
    window.may_contain(candidate.created_at)
        && agree(&title(request, candidate))
        && agree(&link(request, candidate))
        && is_cut(&description(request, candidate))
}

/// How well a Pin on the board matches the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Every field is the same after normalisation.
    Same,
    /// The description is cut short or left out, as Pinterest may do.
    Less,
    /// It shows a field that was not sent, or lacks a title or link that was: the request can't be identified from it.
    Vague,
}

/// Compares a Pin that could match (see [`could_be`]) with the request.
pub fn likeness(request: &PinRequest, candidate: &BoardPin) -> Likeness {
    let exact = |(ours, theirs): Pair| if ours == theirs { Likeness::Same } else { Likeness::Vague };
    let description = match description(request, candidate) {
        (ours, theirs) if ours == theirs => Likeness::Same,
        (None, Some(_)) => Likeness::Vague,
        _ => Likeness::Less,
    };
    exact(title(request, candidate)).max(exact(link(request, candidate))).max(description)
}

/// Our value and theirs, normalised; `None` when there is nothing to compare.
type Pair = (Option<String>, Option<String>);

fn pair(fold: fn(&str) -> String, ours: Option<&str>, theirs: Option<&str>) -> Pair {
    let folded = |text: Option<&str>| text.map(fold).filter(|text| !text.is_empty());
    (folded(ours), folded(theirs))
}

fn title(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(fold, Some(&request.title), candidate.title.as_deref())
}

fn description(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(fold, request.description.as_deref(), candidate.description.as_deref())
}

fn link(request: &PinRequest, candidate: &BoardPin) -> Pair {
    pair(fold_link, request.link_url.as_deref(), candidate.link.as_deref())
}

fn agree((ours, theirs): &Pair) -> bool {
    ours == theirs || ours.is_none() || theirs.is_none()
}

/// A cut text matches the whole text if it has at least this many normalised bytes.
const TRUNCATION_MIN: usize = 16;

fn is_cut((ours, theirs): &Pair) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours == theirs || (theirs.len() >= TRUNCATION_MIN && ours.starts_with(theirs)),
        _ => true,
    }
}

/// Removes what Pinterest may normalise: case, spaces, punctuation, HTML entities.
pub fn fold(text: &str) -> String {
    let text = unescape(text);
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Normalises a link: scheme, `www.`, query, fragment and a trailing slash don't distinguish two links.
pub fn fold_link(link: &str) -> String {
    let link = link.trim();
    let link = link.split_once("://").map_or(link, |(_, rest)| rest);
    let link = link.split(['?', '#']).next().unwrap_or(link);
    let link = link.trim_end_matches('/').to_lowercase();
    link.strip_prefix("www.").map(str::to_owned).unwrap_or(link)
}

fn unescape(text: &str) -> String {
    const ENTITIES: [(&str, &str); 6] =
        [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];
    let mut text = text.to_owned();
    for (entity, plain) in ENTITIES {
        if text.contains(entity) {
            text = text.replace(entity, plain);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;

    const START: Moment = Moment(10_000_000);

    fn candidate() -> BoardPin {
        let request = testdata::pin().request;
        BoardPin {
            id: "1".into(),
            created_at: Some(START.plus_ms(2_000)),
            title: Some(request.title),
            description: request.description,
            link: request.link_url,
        }
    }

    fn fits(candidate: &BoardPin) -> bool {
        could_be(&testdata::pin().request, candidate, Window::of(START, &Deadlines::default()))
    }

    #[test]
    fn the_pin_itself_fits_and_so_does_its_normalised_form() {
        assert!(fits(&candidate()));
        let request = testdata::pin().request;
        let normalised = BoardPin {
            title: Some(format!("  {} ", request.title.to_uppercase())),
            link: request.link_url.map(|link| format!("{}/?utm_source=pinterest", link.replace("https", "http"))),
            description: request.description.map(|text| text.chars().take(20).collect()),
            ..candidate()
        };
        assert!(fits(&normalised));
        assert_eq!(likeness(&testdata::pin().request, &normalised), Likeness::Less);
        let bare = BoardPin { created_at: None, title: None, description: None, ..candidate() };
        assert!(fits(&bare));
        assert_eq!(likeness(&testdata::pin().request, &bare), Likeness::Vague);
    }

    #[test]
    fn another_title_link_or_time_does_not_fit() {
        assert!(!fits(&BoardPin { title: Some("Something else".into()), ..candidate() }));
        assert!(!fits(&BoardPin { title: Some("Ten ways to fold a paper".into()), ..candidate() }), "a shorter title");
        assert!(!fits(&BoardPin { link: Some("https://example.com/other".into()), ..candidate() }));
        assert!(!fits(&BoardPin { created_at: Some(START.plus_ms(-60_000)), ..candidate() }));
        assert!(!fits(&BoardPin { created_at: Some(START.plus_ms(131_000)), ..candidate() }));
    }

    #[test]
    fn whole_second_times_of_an_immediate_commit_fit() {
        let deadlines = Deadlines { clock_skew_ms: 0, ..Deadlines::default() };
        let window = Window::of(Moment(10_000_900), &deadlines);
        assert!(window.may_contain(Some(Moment(10_000_000))));
    }
}
