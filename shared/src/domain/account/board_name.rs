//! What a text means that stands in place of a board's id: a name, or the address of a board.

use percent_encoding::percent_decode_str;

use crate::domain::characters::is_invisible;
use crate::domain::reconcile::equivalence::in_one_case;

/// Punctuation that two ways to write a name may differ in: quotes, dashes, slashes, dots, commas, brackets and the
/// like. Any other sign carries meaning (`C++` and `C#`, `A*` and `A`).
const ORDINARY: &str = "\"'`\u{b4}\u{2bc}\u{2018}\u{2019}\u{201a}\u{201b}\u{201c}\u{201d}\u{201e}\u{201f}\u{2032}\u{2033}\
                        \u{2039}\u{203a}\u{ab}\u{bb}\u{300c}\u{300d}\u{300e}\u{300f}\
                        -\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}_/\\|\u{b7}\u{2022}\u{30fb}\
                        .,:;!?\u{2026}\u{a1}\u{bf}\u{3001}\u{3002}&()[]{}";
/// Stands between two digits that something separates: `1.5` is not `15`.
const BETWEEN_DIGITS: char = '-';
/// First parts of addresses at Pinterest that name no user.
const NO_USERS: [&str; 13] = [
    "pin",
    "pins",
    "search",
    "ideas",
    "explore",
    "categories",
    "topics",
    "today",
    "shopping",
    "business",
    "settings",
    "videos",
    "source",
];

/// A board's address: of the form `/{user}/{board}/` at Pinterest, or `user/board`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `None`: the address is no board's. What would be one is kept for the boards that a refusal names.
    pub user: Option<String>,
    pub board: String,
    /// Whether the text may be a name as well, as `AC/DC` may.
    pub may_be_name: bool,
}

impl Address {
    /// `None`: the text is a name.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (path, may_be_name) = match at_pinterest(text) {
            Some(path) => (path, false),
            None if text.split('/').count() == 2 && !text.contains(char::is_whitespace) => (text, true),
            None => return None,
        };
        let path = path.split(['?', '#']).next().unwrap_or(path).trim_matches('/');
        let parts: Vec<String> =
            path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
        let last = parts.last().cloned().unwrap_or_default();
        Some(match parts.as_slice() {
            [user, board] if is_user(user) && !board.is_empty() && !board.starts_with('_') => {
                Self { user: Some(user.clone()), board: board.clone(), may_be_name }
            }
            _ => Self { user: None, board: last, may_be_name },
        })
    }

    /// Whether it is a board of the user's.
    pub fn is_of(&self, username: Option<&str>) -> bool {
        let same = |user: &String| username.is_some_and(|name| in_one_case(user) == in_one_case(name));
        self.user.as_ref().is_some_and(same)
    }
}

fn is_user(text: &str) -> bool {
    !text.is_empty() && !NO_USERS.iter().any(|name| text.eq_ignore_ascii_case(name))
}

/// The path of an address at Pinterest, with or without `https://`.
fn at_pinterest(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, path) = rest.split_once('/')?;
    // `pinterest.com`, `www.pinterest.co.uk`, `de.pinterest.com`.
    let labels: Vec<&str> = host.split('.').collect();
    let at = labels.iter().position(|label| label.eq_ignore_ascii_case("pinterest"))?;
    (at <= 1 && (1..=2).contains(&(labels.len() - at - 1))).then_some(path)
}

/// A name without what two ways to write it may differ in: case, blanks, ordinary punctuation, Unicode form. Empty, if
/// nothing else is in it.
pub fn folded(name: &str) -> String {
    let is_ordinary = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || ORDINARY.contains(c);
    // Some of them are letters and signs in their normal form: those go first.
    let spaced: String = name.chars().map(|c| if is_ordinary(c) { ' ' } else { c }).collect();
    let mut folded = String::with_capacity(name.len());
    let mut is_apart = false;
    for c in in_one_case(&spaced).chars() {
        if is_ordinary(c) {
            is_apart = true;
            continue;
        }
        if is_apart && c.is_numeric() && folded.ends_with(char::is_numeric) {
            folded.push(BETWEEN_DIGITS);
        }
        is_apart = false;
        folded.push(c);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: Option<&str>, board: &str, may_be_name: bool) -> Option<Address> {
        Some(Address { user: user.map(str::to_owned), board: board.into(), may_be_name })
    }

    #[test]
    fn only_a_users_board_has_an_address() {
        for text in [
            "https://www.pinterest.com/ada/paper-cranes/",
            "http://pinterest.de/ada/paper-cranes?x=1#y",
            "www.pinterest.co.uk/ada/paper-cranes",
            "HTTPS://DE.PINTEREST.COM/ada/paper-cranes",
        ] {
            assert_eq!(Address::parse(text), of(Some("ada"), "paper-cranes", false), "{text}");
        }
        assert_eq!(Address::parse("https://pinterest.com/ada/cr%C3%A8me/"), of(Some("ada"), "crème", false));
        assert_eq!(Address::parse("ada/cranes"), of(Some("ada"), "cranes", true));
        for text in ["pin/cranes", "search/cranes", "ideas/cranes/", "PIN/cranes", "cranes", "a/b/cranes", "/cranes"] {
            let address = Address::parse(&format!("https://www.pinterest.com/{text}"));
            assert_eq!(address, of(None, "cranes", false), "{text}");
        }
        assert_eq!(Address::parse("https://pinterest.com/ada/_created/"), of(None, "_created", false));
        assert_eq!(Address::parse("../me").map(|address| address.may_be_name), Some(true));
        for name in ["Paper Cranes", "C++", "home / garden", "https://example.com/ada/cranes", "pinterest.com"] {
            assert_eq!(Address::parse(name), None, "{name}");
        }
        for host in ["pinterest.evil.example.com", "evil.example.pinterest.com", "notpinterest.com"] {
            assert_eq!(Address::parse(&format!("https://{host}/ada/cranes")), None, "{host}");
        }
    }

    #[test]
    fn an_address_is_its_users_in_any_case() {
        let address = Address::parse("https://pinterest.com/Ada/cranes").expect("an address");
        assert!(address.is_of(Some("ada")) && address.is_of(Some("ADA")));
        assert!(!address.is_of(Some("adam")) && !address.is_of(None));
    }

    #[test]
    fn names_fold_what_is_ordinary_and_nothing_that_carries_meaning() {
        for (one, other) in [
            ("Paper Cranes", " PAPER-cranes!"),
            ("Home & Garden", "home, garden"),
            ("O\u{2019}Brien\u{b4}s", "obriens"),
            ("Crème brûlée", "cre\u{300}me bru\u{302}le\u{301}e"),
            ("Straße", "STRASSE"),
            ("Ｃ＋＋", "c++"),
            ("❤\u{fe0f} Cakes", "❤ cakes"),
            ("2024-25", "2024/25"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        let distinct = [
            "C", "C++", "C+", "C#", "C*", "C@", "C$", "C%", "C=", "C~", "C^", "C<", "C🍰", "C🍕", "1.5", "15",
            "q\u{303}", "q",
        ];
        for (index, one) in distinct.iter().enumerate() {
            for other in &distinct[index + 1..] {
                assert_ne!(folded(one), folded(other), "{one} {other}");
            }
        }
        assert_eq!(folded(" -\u{200b}! "), "");
    }
}
