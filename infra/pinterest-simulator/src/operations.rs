//! The simulated operations of `/v5`, named by Pinterest's `operationId`.

use serde::Serialize;

use crate::world::scopes::{self, Scopes};

/// What Pinterest counts an operation as, in its limits per minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    Read,
    Write,
    Analytics,
}

/// One operation. A new one needs a row in [`Operation::ALL`], a name, scopes, a route and a function in `api`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    OauthToken,
    UserAccountGet,
    BoardsCreate,
    BoardsGet,
    BoardsList,
    BoardsUpdate,
    BoardsDelete,
    BoardsListPins,
    BoardSectionsCreate,
    BoardSectionsList,
    BoardSectionsUpdate,
    BoardSectionsDelete,
    BoardSectionsListPins,
    MediaCreate,
    MediaGet,
    MediaList,
    PinsCreate,
    PinsGet,
    PinsList,
    PinsDelete,
    PinsAnalytics,
    UserAccountAnalytics,
    TermsRelatedList,
    /// A path or method that is not simulated: counted, never handled.
    Unknown,
}

impl Operation {
    /// Every operation that a fault rule can name.
    pub const ALL: [Operation; 23] = [
        Operation::OauthToken,
        Operation::UserAccountGet,
        Operation::BoardsCreate,
        Operation::BoardsGet,
        Operation::BoardsList,
        Operation::BoardsUpdate,
        Operation::BoardsDelete,
        Operation::BoardsListPins,
        Operation::BoardSectionsCreate,
        Operation::BoardSectionsList,
        Operation::BoardSectionsUpdate,
        Operation::BoardSectionsDelete,
        Operation::BoardSectionsListPins,
        Operation::MediaCreate,
        Operation::MediaGet,
        Operation::MediaList,
        Operation::PinsCreate,
        Operation::PinsGet,
        Operation::PinsList,
        Operation::PinsDelete,
        Operation::PinsAnalytics,
        Operation::UserAccountAnalytics,
        Operation::TermsRelatedList,
    ];

    /// Pinterest's `operationId`.
    pub fn name(self) -> &'static str {
        match self {
            Operation::OauthToken => "oauth/token",
            Operation::UserAccountGet => "user_account/get",
            Operation::BoardsCreate => "boards/create",
            Operation::BoardsGet => "boards/get",
            Operation::BoardsList => "boards/list",
            Operation::BoardsUpdate => "boards/update",
            Operation::BoardsDelete => "boards/delete",
            Operation::BoardsListPins => "boards/list_pins",
            Operation::BoardSectionsCreate => "board_sections/create",
            Operation::BoardSectionsList => "board_sections/list",
            Operation::BoardSectionsUpdate => "board_sections/update",
            Operation::BoardSectionsDelete => "board_sections/delete",
            Operation::BoardSectionsListPins => "board_sections/list_pins",
            Operation::MediaCreate => "media/create",
            Operation::MediaGet => "media/get",
            Operation::MediaList => "media/list",
            Operation::PinsCreate => "pins/create",
            Operation::PinsGet => "pins/get",
            Operation::PinsList => "pins/list",
            Operation::PinsDelete => "pins/delete",
            Operation::PinsAnalytics => "pins/analytics",
            Operation::UserAccountAnalytics => "user_account/analytics",
            Operation::TermsRelatedList => "terms_related/list",
            Operation::Unknown => "unknown",
        }
    }

    /// The operation of that name, if it is simulated.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// What the limits count it as. A request for a token is a read (OpenAPI 5.23.0, `x-ratelimit-category`).
    pub fn category(self) -> Category {
        match self {
            Operation::BoardsCreate
            | Operation::BoardsUpdate
            | Operation::BoardsDelete
            | Operation::BoardSectionsCreate
            | Operation::BoardSectionsUpdate
            | Operation::BoardSectionsDelete
            | Operation::MediaCreate
            | Operation::PinsCreate
            | Operation::PinsDelete => Category::Write,
            Operation::PinsAnalytics | Operation::UserAccountAnalytics => Category::Analytics,
            Operation::OauthToken
            | Operation::UserAccountGet
            | Operation::BoardsGet
            | Operation::BoardsList
            | Operation::BoardsListPins
            | Operation::BoardSectionsList
            | Operation::BoardSectionsListPins
            | Operation::MediaGet
            | Operation::MediaList
            | Operation::PinsGet
            | Operation::PinsList
            | Operation::TermsRelatedList
            | Operation::Unknown => Category::Read,
        }
    }

    /// Scopes that the access token must have (OpenAPI 5.23.0, `security`).
    pub fn scopes(self) -> Scopes {
        use scopes::{ADS_READ, BOARDS_READ, BOARDS_WRITE, PINS_READ, PINS_WRITE, USER_ACCOUNTS_READ};
        match self {
            Operation::OauthToken | Operation::Unknown => Scopes::NONE,
            Operation::TermsRelatedList => Scopes::of(&[ADS_READ]),
            Operation::UserAccountGet | Operation::UserAccountAnalytics => Scopes::of(&[USER_ACCOUNTS_READ]),
            Operation::BoardsGet | Operation::BoardsList | Operation::BoardSectionsList => Scopes::of(&[BOARDS_READ]),
            Operation::BoardsCreate
            | Operation::BoardsUpdate
            | Operation::BoardsDelete
            | Operation::BoardSectionsCreate
            | Operation::BoardSectionsUpdate
            | Operation::BoardSectionsDelete => Scopes::of(&[BOARDS_READ, BOARDS_WRITE]),
            Operation::BoardsListPins
            | Operation::BoardSectionsListPins
            | Operation::PinsGet
            | Operation::PinsList
            | Operation::PinsAnalytics => Scopes::of(&[BOARDS_READ, PINS_READ]),
            Operation::MediaCreate => Scopes::of(&[PINS_READ, PINS_WRITE]),
            Operation::MediaGet | Operation::MediaList => Scopes::of(&[PINS_READ]),
            Operation::PinsCreate | Operation::PinsDelete => {
                Scopes::of(&[BOARDS_READ, BOARDS_WRITE, PINS_READ, PINS_WRITE])
            }
        }
    }
}

impl Serialize for Operation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_name() {
        for operation in Operation::ALL {
            assert_eq!(Operation::parse(operation.name()), Some(operation));
        }
        assert_eq!(Operation::parse("pins/paint"), None);
        assert_eq!(Operation::parse("unknown"), None);
    }
}
