//! Boards, their sections, and Pinterest's related terms.

/// Who can see a board. The names are Pinterest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    Public,
    Protected,
    Secret,
}

impl Privacy {
    /// Pinterest's name, in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC",
            Self::Protected => "PROTECTED",
            Self::Secret => "SECRET",
        }
    }

    /// Ignores case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Public, Self::Protected, Self::Secret].into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }
}

/// A board as Pinterest shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    /// Pinterest's name of the privacy setting, which may be one that [`Privacy`] doesn't know.
    pub privacy: Option<String>,
}

impl Board {
    /// Whether only the owner and collaborators see the board.
    pub fn is_secret(&self) -> bool {
        self.privacy.as_deref().and_then(Privacy::parse) == Some(Privacy::Secret)
    }
}

/// An account's boards as Pinterest lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardPages {
    pub boards: Vec<Board>,
    /// `false`: there are more boards than are listed.
    pub is_whole: bool,
}

/// A board to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardDraft {
    pub name: String,
    pub description: Option<String>,
    pub privacy: Option<Privacy>,
}

/// Changes to a board; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub privacy: Option<Privacy>,
}

/// A section of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub id: String,
    pub name: String,
}

/// A term and the terms that Pinterest relates to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedTo {
    pub term: String,
    pub related: Vec<String>,
}

/// The answer to a request for related terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelatedTerms {
    /// The first of the requested terms, as Pinterest repeats it.
    pub id: Option<String>,
    pub groups: Vec<RelatedTo>,
}

/// Whether the text can be a board id. Board ids consist of decimal digits only.
pub fn is_board_id(text: &str) -> bool {
    (1..=BOARD_ID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The most digits that a board id may have; Pinterest's have 18.
pub const BOARD_ID_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privacy_has_pinterests_names_in_any_case() {
        assert_eq!(Privacy::parse("secret"), Some(Privacy::Secret));
        assert_eq!(Privacy::parse("PROTECTED").map(Privacy::name), Some("PROTECTED"));
        assert_eq!(Privacy::parse("open"), None);
    }

    #[test]
    fn a_board_id_consists_of_digits() {
        assert!(is_board_id("549755885175"));
        for wrong in ["", "12a", "../user", "１２", &"1".repeat(33)] {
            assert!(!is_board_id(wrong), "{wrong}");
        }
    }
}
