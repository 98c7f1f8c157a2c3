//! What lists show of a board's Pins.

use fastrand::Rng;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::reconcile::board_scan::PAGE_SIZE;
use pinbridge_shared::domain::reconcile::matching::BoardPin;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::BoardPage;
use pinterest_simulator::rewrite::Way;

use super::{Made, Provider};

impl Provider {
    pub(super) fn page(&self, board_id: &str, skip: usize) -> BoardPage {
        let now = self.kernel.now();
        let state = self.state();
        let faults = &state.faults;
        let is_dark = faults.list_dark_ms > 0 && (now / faults.list_dark_ms + board_id.len() as i64) % 4 == 3;
        if is_dark || self.kernel.chance(faults.list_empty) {
            return BoardPage::default();
        }
        let old = (0..faults.strangers).map(|number| stranger(number, board_id));
        let old: Vec<Made> = old.collect();
        let visible = |pin: &&Made| pin.visible_at <= now && pin.committed_at <= now;
        let mut pins: Vec<&Made> =
            state.boards.get(board_id).into_iter().flatten().chain(&old).filter(visible).collect();
        pins.sort_by_key(|pin| (std::cmp::Reverse(pin.shown.created_at), std::cmp::Reverse(&pin.id)));
        if self.kernel.chance(faults.list_shuffled) {
            self.kernel.draw(|rng| rng.shuffle(&mut pins));
        }
        let has_more = pins.len() > skip + PAGE_SIZE && !self.kernel.chance(faults.list_cut);
        self.kernel.note(|| format!("lists {} of board {board_id} from {skip}", pins.len()));
        let is_foreign = |pin: &Made| pin.is_rewritten && faults.rewritten_is_foreign;
        let shown = |pin: &Made| if is_foreign(pin) { foreign(&pin.shown) } else { pin.shown.clone() };
        let page = pins.into_iter().skip(skip).take(PAGE_SIZE).map(shown).collect();
        BoardPage { pins: page, next: has_more.then(|| (skip + PAGE_SIZE).to_string()) }
    }
}

/// A Pin that a user created by hand: one a minute, long before the world's first Pin.
fn stranger(number: usize, board_id: &str) -> Made {
    let at = crate::world::START - 3_600_000 - number as i64 * 60_000;
    let shown = BoardPin {
        id: format!("8{number:07}"),
        created_at: Some(Moment(at)),
        title: (!number.is_multiple_of(3)).then(|| format!("Crane & paper number {}", number % 50)),
        description: None,
        link: (!number.is_multiple_of(2)).then(|| format!("https://example.org/{board_id}")),
    };
    Made {
        id: shown.id.clone(),
        owner: String::new(),
        content: String::new(),
        committed_at: at,
        visible_at: at,
        shown,
        is_rewritten: false,
        is_too_late: false,
    }
}

/// The Pin as lists show it: Pinterest may change the case of letters, cut texts and append to links.
pub(super) fn normalised(request: &PinRequest, id: &str, created_at_s: i64, rng: &mut Rng) -> BoardPin {
    let mut shown = BoardPin {
        id: id.to_owned(),
        created_at: Some(Moment(created_at_s * 1_000)),
        title: Some(request.title.clone()),
        description: request.description.clone(),
        link: request.link_url.clone(),
    };
    match rng.u8(0..8) {
        0 => shown.title = Some(format!(" {}", request.title.to_uppercase())),
        1 => shown.title = Some(request.title.replace('&', "&amp;")),
        2 => shown.link = request.link_url.as_ref().map(|link| format!("{link}/?utm_source=pinterest")),
        3 => shown.description = request.description.as_ref().map(|text| text.chars().take(40).collect()),
        _ => {}
    }
    shown
}

/// Writes the link and the texts in other ways.
pub(super) fn rewrite(shown: &mut BoardPin, rng: &mut Rng) {
    let drawn = Way::STAGES.map(|ways| rng.bool().then(|| ways[rng.usize(0..ways.len())]));
    let ways: Vec<Way> = drawn.into_iter().flatten().collect();
    let written = |value: Option<String>, write: fn(Way, &str) -> String| {
        value.map(|value| ways.iter().fold(value, |value, way| write(*way, &value)))
    };
    shown.link = written(shown.link.take(), Way::link);
    shown.title = written(shown.title.take(), Way::text);
    shown.description = written(shown.description.take(), Way::text).map(|text| edited(text, rng));
}

/// A description as Pinterest may edit it: it appends, drops words, and marks lines.
fn edited(text: String, rng: &mut Rng) -> String {
    let last = text.rsplit(' ').next().unwrap_or_default().to_owned();
    match rng.u8(0..10) {
        0 => format!("{text} #ad"),
        1 => format!("Shop now: {text}"),
        2 => text.split_once(' ').map_or(text.clone(), |(_, rest)| rest.to_owned()),
        3 => text.replacen(' ', "<br>", 1),
        4 => text.replacen(&last, &format!("<a href=\"https://example.com\">{last}</a>"), 1),
        5 => format!("{}... more", text.chars().take(20).collect::<String>()),
        _ => text,
    }
}

/// The Pin as it looks to a reader who recognises nothing that is written in another way.
fn foreign(shown: &BoardPin) -> BoardPin {
    BoardPin { title: Some("Nobody's".into()), description: None, link: None, ..shown.clone() }
}
