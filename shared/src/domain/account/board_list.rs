//! The boards of an account as Pinterest last listed them: which ids exist, and which board a name means.

use strsim::generic_levenshtein;

use super::board::{Board, BoardPages, is_board_id};
use super::board_name::{Address, folded};
use super::{Account, BOARDS_READ_SECRET, PINS_WRITE_SECRET};
use crate::domain::reconcile::equivalence::reduced;
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment, SECOND_MS};

/// A list that is older than this proves nothing: Pinterest is asked again.
pub const TRUSTED_MS: i64 = DAY_MS;
/// An account's boards are listed at most this often for the sake of an id that isn't among them.
pub const LISTED_EVERY_MS: i64 = 2 * MINUTE_MS;
/// The same for a name. A board that was just made can be asked for by its id, but a name is only found in a list.
pub const LISTED_FOR_NAMES_EVERY_MS: i64 = 15 * SECOND_MS;
/// How long the boards that were listed are kept.
pub const KEPT_MS: i64 = 30 * DAY_MS;
/// Up to this many boards, reading the list costs no more than reading one board's check.
pub const SMALL_MAX: usize = 60;
/// The most bytes of names in a row. DynamoDB's limit for an item is 400 KiB, and the ids of 5,000 boards take 105.
pub const NAMES_BYTES_MAX: usize = 250 * 1024;
/// Boards that a refusal names.
pub const FITS_MAX: usize = 5;
/// The most edits (of characters) by which a name still comes near.
const NEAR_EDITS_MAX: usize = 2;
/// There may be one such edit in this many characters of the name.
const NEAR_SHARE: usize = 3;

/// A board in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBoard {
    pub id: String,
    /// `None`: the names of so many boards don't fit into the row.
    pub name: Option<String>,
    pub is_secret: bool,
}

/// An account's boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardList {
    pub boards: Vec<KnownBoard>,
    /// When Pinterest was asked.
    pub listed_at: Moment,
    /// Whether Pinterest's list was read to its end.
    pub is_whole: bool,
    /// Counts the row's writes; each write is conditional on the `rev` before it. 0 means that there is no row.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

/// A board that a refusal names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    pub id: String,
    pub name: String,
}

/// The boards that a name may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    One(KnownBoard),
    /// Several have it.
    Several(Vec<Fit>),
    /// None has it; these come near.
    None(Vec<Fit>),
}

impl BoardList {
    /// A list without a row.
    pub fn of(pages: &BoardPages, listed_at: Moment) -> Self {
        let boards = pages.boards.iter().filter(|board| is_board_id(&board.id)).map(KnownBoard::from).collect();
        Self { boards, listed_at, is_whole: pages.is_whole, rev: 0, nonce: String::new() }
    }

    /// The row's next version.
    #[must_use]
    pub fn next(&self, before: Option<&Self>, nonce: String) -> Self {
        Self { rev: before.map_or(0, |before| before.rev) + 1, nonce, ..self.clone() }
    }

    /// Whether the list is young enough to be believed ([`TRUSTED_MS`]).
    pub fn is_trusted(&self, now: Moment) -> bool {
        now.since_ms(self.listed_at) < TRUSTED_MS
    }

    /// Whether a board that isn't in the list can't be published to. Without the scope for it, Pinterest lists no
    /// secret boards, which matters only to an account that may publish to them.
    pub fn covers(&self, account: &Account) -> bool {
        let sees_secret = account.missing_of(&[BOARDS_READ_SECRET]).is_empty();
        self.is_whole && (sees_secret || !account.missing_of(&[PINS_WRITE_SECRET]).is_empty())
    }

    /// When DynamoDB may delete the row.
    pub fn expires_at(&self) -> Moment {
        self.listed_at.plus_ms(KEPT_MS)
    }

    /// The board with this id.
    pub fn board(&self, id: &str) -> Option<&KnownBoard> {
        self.boards.iter().find(|board| board.id == id)
    }

    /// The board that the text means: the name itself, or else the name in any case, spelling of blanks and ordinary
    /// punctuation, and Unicode form; also as it stands in the address of a board of this Pinterest user. An address of
    /// another user's board, or of a user who isn't known, means none.
    pub fn named(&self, text: &str, username: Option<&str>) -> Named {
        let text = text.trim();
        let exact: Vec<&KnownBoard> =
            self.boards.iter().filter(|board| board.name.as_deref().is_some_and(|name| name.trim() == text)).collect();
        if let [one] = exact.as_slice() {
            return Named::One((*one).clone());
        }
        let address = Address::parse(text);
        let name = address.as_ref().is_none_or(|address| address.may_be_name).then_some(text);
        let own = address.as_ref().filter(|address| address.is_of(username)).map(|address| address.board.as_str());
        let wanted: Vec<String> = name.into_iter().chain(own).map(folded).filter(|wanted| !wanted.is_empty()).collect();
        let alike = |board: &&KnownBoard| board.name.as_deref().is_some_and(|name| wanted.contains(&folded(name)));
        let found: Vec<&KnownBoard> = if exact.is_empty() { self.boards.iter().filter(alike).collect() } else { exact };
        match found.as_slice() {
            [] => Named::None(self.near(&reduced(address.as_ref().map_or(text, |address| address.board.as_str())))),
            [one] => Named::One((*one).clone()),
            several => Named::Several(fits(several.iter().copied())),
        }
    }

    /// The boards whose name or id comes near, the nearest first.
    fn near(&self, wanted: &str) -> Vec<Fit> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let distance = |board: &KnownBoard| {
            let name = board.reduced().and_then(|name| distance(wanted, &name));
            name.into_iter().chain(distance(wanted, &board.id)).min()
        };
        let mut near: Vec<(usize, &KnownBoard)> =
            self.boards.iter().filter_map(|board| Some((distance(board)?, board))).collect();
        near.sort_by(|(a, x), (b, y)| (a, &x.name, &x.id).cmp(&(b, &y.name, &y.id)));
        fits(near.into_iter().map(|(_, board)| board))
    }
}

impl KnownBoard {
    fn reduced(&self) -> Option<String> {
        self.name.as_deref().map(reduced).filter(|name| !name.is_empty())
    }
}

impl From<&Board> for KnownBoard {
    fn from(board: &Board) -> Self {
        Self { id: board.id.clone(), name: Some(board.name.clone()), is_secret: board.is_secret() }
    }
}

fn fits<'a>(boards: impl Iterator<Item = &'a KnownBoard>) -> Vec<Fit> {
    let fit = |board: &KnownBoard| Fit { id: board.id.clone(), name: board.name.clone().unwrap_or_default() };
    boards.take(FITS_MAX).map(fit).collect()
}

/// How far apart two texts are, if they are near: one contains the other, or a few edits lead to it.
fn distance(wanted: &str, other: &str) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (wanted.chars().collect(), other.chars().collect());
    let allowed = NEAR_EDITS_MAX.min(a.len().max(b.len()) / NEAR_SHARE);
    if a.len().abs_diff(b.len()) <= allowed {
        let edits = generic_levenshtein(&a, &b);
        if edits <= allowed {
            return Some(edits);
        }
    }
    let contains = a.len().min(b.len()) >= NEAR_SHARE && (other.contains(wanted) || wanted.contains(other));
    contains.then(|| NEAR_EDITS_MAX + a.len().abs_diff(b.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;

    fn list(names: &[&str]) -> BoardList {
        let board = |(index, name): (usize, &&str)| KnownBoard {
            id: (700_000_000_000_000_000 + index as u64).to_string(),
            name: Some((*name).to_owned()),
            is_secret: false,
        };
        let boards = names.iter().enumerate().map(board).collect();
        BoardList { boards, listed_at: Moment(1), is_whole: true, rev: 1, nonce: "n".into() }
    }

    fn one(list: &BoardList, text: &str) -> Option<String> {
        match list.named(text, Some("ada")) {
            Named::One(board) => board.name,
            Named::Several(_) | Named::None(_) => None,
        }
    }

    #[test]
    fn a_name_means_its_board_however_it_is_written() {
        let list = list(&["Paper Cranes", "Crème brûlée", "Home & Garden", "2024", "🍰"]);
        for text in [
            "Paper Cranes",
            "paper cranes",
            " PAPER   cranes ",
            "paper-cranes",
            "ada/paper-cranes",
            "https://www.pinterest.com/ada/paper-cranes/",
            "https://pinterest.de/ada/Paper-Cranes?x=1",
        ] {
            assert_eq!(one(&list, text).as_deref(), Some("Paper Cranes"), "{text}");
        }
        assert_eq!(one(&list, "cre\u{300}me bru\u{302}le\u{301}e").as_deref(), Some("Crème brûlée"));
        assert_eq!(one(&list, "home and garden"), None, "another name");
        assert_eq!(one(&list, "2024").as_deref(), Some("2024"));
        assert_eq!(one(&list, "🍰").as_deref(), Some("🍰"), "a sign is a part of the name");
        assert_eq!(one(&list, "🍕"), None);
    }

    #[test]
    fn an_address_means_a_board_of_the_accounts_own_user_only() {
        let list = list(&["Interiors", "C++", "AC/DC", "dc"]);
        let refused = |text: &str, username: Option<&str>| match list.named(text, username) {
            Named::None(fits) => fits.into_iter().map(|fit| fit.name).collect::<Vec<_>>(),
            other => panic!("{text}: {other:?}"),
        };
        for text in [
            "https://www.pinterest.com/eve/interiors/",
            "https://www.pinterest.com/pin/interiors",
            "https://www.pinterest.com/search/interiors/",
            "https://www.pinterest.com/interiors/",
            "https://www.pinterest.com/ada/rooms/interiors/",
            "eve/interiors",
        ] {
            assert_eq!(refused(text, Some("ada")), ["Interiors"], "{text}");
        }
        assert_eq!(refused("https://www.pinterest.com/ada/interiors/", None), ["Interiors"], "nobody knows whose");
        assert_eq!(refused("https://www.pinterest.com/ada/c/", Some("ada")), ["C++"], "C is another board");
        for text in ["C#", "C", "C--", "+", "#"] {
            assert!(matches!(list.named(text, Some("ada")), Named::None(_)), "{text}");
        }
        assert_eq!(one(&list, "https://www.pinterest.com/ADA/interiors/").as_deref(), Some("Interiors"));
        // A name with a slash, and an address, may be two boards.
        assert_eq!(one(&list, "ac/dc").as_deref(), Some("AC/DC"));
        let Named::Several(fits) = list.named("ac/dc", Some("ac")) else { panic!("it may mean both") };
        assert_eq!(fits.len(), 2);
    }

    #[test]
    fn the_name_itself_comes_before_one_that_is_like_it() {
        let list = list(&["Recipes", "recipes", "RECIPES!"]);
        assert_eq!(one(&list, "recipes").as_deref(), Some("recipes"));
        let Named::Several(fits) = list.named("rEcipes", None) else { panic!("three are like it") };
        assert_eq!(fits.len(), 3);
        let twice = self::list(&["Soups", "Soups"]);
        assert!(
            matches!(twice.named("Soups", None), Named::Several(fits) if fits.len() == 2),
            "and none means one of two"
        );
    }

    #[test]
    fn a_refusal_names_what_comes_near_and_no_more_than_a_few() {
        let names = |named: Named| match named {
            Named::None(fits) => fits.into_iter().map(|fit| fit.name).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let list = list(&["Recipes", "Recipes for winter", "Travel", "Home"]);
        assert_eq!(names(list.named("Recipies", None)), ["Recipes"]);
        assert_eq!(names(list.named("winter", None)), ["Recipes for winter"]);
        assert_eq!(names(list.named("Gardening", None)), [""; 0]);
        assert_eq!(names(list.named("", None)), [""; 0]);
        let Named::None(fits) = list.named("700000000000000012", None) else { panic!("no such board") };
        assert!(fits.iter().any(|fit| fit.id == "700000000000000002"), "one digit is wrong: {fits:?}");
        let many = self::list(&["Soup 1", "Soup 2", "Soup 3", "Soup 4", "Soup 5", "Soup 6"]);
        assert_eq!(names(many.named("Soup", None)).len(), FITS_MAX);
    }

    #[test]
    fn a_list_covers_what_the_account_can_publish_to() {
        let whole = list(&["A"]);
        let account = |scopes: &[&str]| {
            let mut account = testdata::connected_account();
            account.scopes = [account.scopes.as_str(), &scopes.join(",")].join(",");
            account
        };
        assert!(whole.covers(&account(&[])), "it can't publish to secret boards anyway");
        assert!(whole.covers(&account(&[BOARDS_READ_SECRET, PINS_WRITE_SECRET])));
        assert!(!whole.covers(&account(&[PINS_WRITE_SECRET])), "a secret board would be missing in the list");
        assert!(!BoardList { is_whole: false, ..whole }.covers(&account(&[])));
    }

    #[test]
    fn edits_are_counted() {
        let of = |a: &str, b: &str| strsim::levenshtein(a, b);
        assert_eq!([of("", "abc"), of("kitten", "sitting"), of("abc", "abc"), of("ab", "ba")], [3, 3, 0, 2]);
        assert_eq!(distance("ab", "xyabxy"), None, "too short to be a part");
    }
}
