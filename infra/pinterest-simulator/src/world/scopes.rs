//! OAuth scopes, as a bit set.

use serde::{Deserialize, Serialize};

pub const ADS_READ: &str = "ads:read";
pub const BOARDS_READ: &str = "boards:read";
pub const BOARDS_WRITE: &str = "boards:write";
pub const PINS_READ: &str = "pins:read";
pub const PINS_WRITE: &str = "pins:write";
pub const USER_ACCOUNTS_READ: &str = "user_accounts:read";
pub const BOARDS_READ_SECRET: &str = "boards:read_secret";
pub const BOARDS_WRITE_SECRET: &str = "boards:write_secret";
pub const PINS_READ_SECRET: &str = "pins:read_secret";
pub const PINS_WRITE_SECRET: &str = "pins:write_secret";

/// Every scope that can be granted, in the order in which Pinterest names missing ones.
pub const ALL: [&str; 10] = [
    ADS_READ,
    BOARDS_READ,
    BOARDS_READ_SECRET,
    BOARDS_WRITE,
    BOARDS_WRITE_SECRET,
    PINS_READ,
    PINS_READ_SECRET,
    PINS_WRITE,
    PINS_WRITE_SECRET,
    USER_ACCOUNTS_READ,
];

/// A set of scopes; bit n stands for `ALL[n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes(u16);

impl Scopes {
    pub const NONE: Scopes = Scopes(0);
    /// Everything that can be granted.
    pub const EVERY: Scopes = Scopes((1 << ALL.len()) - 1);

    /// The set of the given names; unknown names are ignored.
    pub fn of(names: &[&str]) -> Self {
        Self(names.iter().filter_map(|name| bit(name)).fold(0, |set, bit| set | bit))
    }

    /// Reads a list separated by commas or spaces. The error is the first unknown name.
    pub fn parse(list: &str) -> Result<Self, String> {
        list.split([',', ' '])
            .filter(|name| !name.is_empty())
            .try_fold(Self::NONE, |set, name| bit(name).map(|bit| Self(set.0 | bit)).ok_or_else(|| name.to_owned()))
    }

    /// The names of the scopes of `self` that `granted` lacks.
    pub fn missing_in(self, granted: Scopes) -> Vec<&'static str> {
        Self(self.0 & !granted.0).names()
    }

    pub fn contains(self, name: &str) -> bool {
        bit(name).is_some_and(|bit| self.0 & bit != 0)
    }

    fn names(self) -> Vec<&'static str> {
        ALL.into_iter().filter(|name| self.contains(name)).collect()
    }
}

fn bit(name: &str) -> Option<u16> {
    ALL.iter().position(|known| *known == name).map(|index| 1 << index)
}

/// Separated by spaces, as in the answer of `oauth/token`.
impl std::fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.names().join(" "))
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

impl From<String> for Scopes {
    /// Ignores unknown names on purpose: the journal of a newer simulator may have scopes that this one doesn't know.
    fn from(list: String) -> Self {
        Self::of(&list.split(' ').collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_spaces_both_separate_scopes() {
        let expected = Scopes::of(&[BOARDS_READ, PINS_WRITE]);
        assert_eq!(Scopes::parse("boards:read,pins:write"), Ok(expected));
        assert_eq!(Scopes::parse("pins:write boards:read"), Ok(expected));
        assert_eq!(Scopes::parse("boards:read,fish:read"), Err("fish:read".to_owned()));
        assert_eq!(expected.to_string(), "boards:read pins:write");
    }

    #[test]
    fn missing_in_names_the_scopes_that_the_grant_lacks() {
        let needed = Scopes::of(&[BOARDS_READ, BOARDS_WRITE]);
        assert_eq!(needed.missing_in(Scopes::of(&[BOARDS_READ])), vec![BOARDS_WRITE]);
        assert!(needed.missing_in(Scopes::EVERY).is_empty());
    }
}
