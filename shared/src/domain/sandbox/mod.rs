//! Simulated accounts: what a sandbox publishes with in place of Pinterest accounts.
//!
//! To the flows, a simulated account looks like any other: it is connected, has tokens, boards and a bucket, and its
//! pins go through the ordinary pipeline. Only the far end differs: [`adapters::sandbox`](crate::adapters::sandbox)
//! answers in place of Pinterest, and [`trigger`] defines how a pin requests a failure. One row stores what Pinterest
//! would store of the account.

pub mod trigger;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::board::{Board, BoardChange, BoardDraft, Privacy, Section};
use super::account::{ADS_READ, BOARDS_READ_SECRET, BOARDS_WRITE_SECRET, PINS_WRITE_SECRET, PUBLISHING_SCOPES};
use super::ids::{AccountId, AccountKey, WorkspaceId};
use super::pin::failure::Failure;
use super::secret::Secret;

/// The most accounts in one sandbox.
pub const ACCOUNTS_MAX: u32 = 5;
/// The most boards that the user of a simulated account can add, beside the fixed ones.
pub const OWN_BOARDS_MAX: usize = 10;
/// The most sections on all those boards together.
pub const SECTIONS_MAX: usize = 50;
/// The boards that every simulated account has from the beginning and keeps: id and name.
pub const FIXED_BOARDS: [(&str, &str); 3] = [
    ("800000000000000001", "Sandbox: Recipes"),
    ("800000000000000002", "Sandbox: Home"),
    ("800000000000000003", "Sandbox: Travel"),
];
/// The ids of boards and sections that an account adds count up from here.
const OWN_IDS_FROM: u64 = 800_000_000_000_001_000;
/// The prefix of the code that connects a simulated account.
const CODE_PREFIX: &str = "simulated-";
/// The prefix of the tokens of simulated accounts. These tokens are valid nowhere else.
const TOKEN_PREFIX: &str = "pinbridge_simulated";

/// All scopes that pinbridge requests: a sandbox behaves the same for every scope.
pub fn scopes() -> String {
    let more = [BOARDS_READ_SECRET, BOARDS_WRITE_SECRET, PINS_WRITE_SECRET, ADS_READ];
    PUBLISHING_SCOPES.into_iter().chain(more).collect::<Vec<_>>().join(",")
}

/// The code that connects the account of this number.
pub fn code(number: u32) -> String {
    format!("{CODE_PREFIX}{number}")
}

/// The number of the account that a code connects.
pub fn parse_code(code: &str) -> Option<u32> {
    let number: u32 = code.strip_prefix(CODE_PREFIX)?.parse().ok()?;
    (1..=ACCOUNTS_MAX).contains(&number).then_some(number)
}

/// Whether the board is a fixed one, which can't be changed.
pub fn is_fixed_board(board_id: &str) -> bool {
    FIXED_BOARDS.iter().any(|(id, _)| *id == board_id)
}

/// The account and the grant of a simulated token. The access and refresh token of a grant carry the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedToken {
    pub account: AccountKey,
    pub grant: u32,
    /// Counts the refreshes of the grant.
    pub serial: u32,
}

impl SimulatedToken {
    /// The token as text; `kind` is `access` or `refresh`.
    pub fn text(&self, kind: &str) -> Secret {
        let Self { account, grant, serial } = self;
        Secret::new(format!("{TOKEN_PREFIX}.{kind}.{}.{}.{grant}.{serial}", account.workspace, account.account))
    }

    /// `None`: not a simulated token, so Pinterest's.
    pub fn parse(token: &Secret) -> Option<Self> {
        let mut parts = token.expose().split('.');
        if parts.next() != Some(TOKEN_PREFIX) {
            return None;
        }
        parts.next()?;
        let workspace = WorkspaceId(Uuid::try_parse(parts.next()?).ok()?);
        let account = AccountId(Uuid::try_parse(parts.next()?).ok()?);
        let (grant, serial) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let account = AccountKey { workspace, account };
        account.account.is_simulated().then_some(Self { account, grant, serial })
    }
}

/// A board that the user added to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnBoard {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub privacy: Option<String>,
}

impl OwnBoard {
    pub fn board(&self) -> Board {
        let Self { id, name, description, privacy } = self.clone();
        Board { id, name, description, privacy }
    }
}

/// The state that Pinterest would store of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAccount {
    pub key: AccountKey,
    /// Counts how often it was connected; tokens of an older grant are refused. 0 means never.
    pub grant: u32,
    /// Counts the refreshes of the grant.
    pub serial: u32,
    /// Whether its tokens were removed.
    pub is_disconnected: bool,
    /// Why every call is refused until the account is connected again.
    pub refuses: Option<Failure>,
    pub boards: Vec<OwnBoard>,
    /// Board id, section id and name.
    pub sections: Vec<(String, String, String)>,
    /// How many ids were assigned.
    pub ids: u64,
    /// Counts the row's writes; each write is conditional on the `rev` before it. 0 means that there is no row.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

impl SimulatedAccount {
    /// An account without a row.
    pub fn new(key: AccountKey) -> Self {
        Self {
            key,
            grant: 0,
            serial: 0,
            is_disconnected: true,
            refuses: None,
            boards: Vec::new(),
            sections: Vec::new(),
            ids: 0,
            rev: 0,
            nonce: String::new(),
        }
    }

    /// The row's next version.
    #[must_use]
    pub fn next(&self, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, ..self.clone() }
    }

    /// Connects the account (again): its tokens are new, and its refusal ends.
    pub fn connect(&mut self) {
        self.grant += 1;
        self.serial = 0;
        self.is_disconnected = false;
        self.refuses = None;
    }

    /// The token in use.
    pub fn token(&self) -> SimulatedToken {
        SimulatedToken { account: self.key, grant: self.grant, serial: self.serial }
    }

    /// Why a call with this token is refused, if it is refused.
    pub fn refusal(&self, token: SimulatedToken) -> Option<Failure> {
        if self.is_disconnected || token.grant != self.grant || token.serial > self.serial {
            return Some(Failure::TokenRevoked);
        }
        self.refuses
    }

    /// All boards, the fixed ones first.
    pub fn all_boards(&self) -> Vec<Board> {
        let fixed = FIXED_BOARDS.iter().map(|(id, name)| Board {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            description: Some("Simulated: nothing on it is on Pinterest.".into()),
            privacy: Some(Privacy::Public.name().to_owned()),
        });
        fixed.chain(self.boards.iter().map(OwnBoard::board)).collect()
    }

    /// The board with this id.
    pub fn board(&self, id: &str) -> Option<Board> {
        self.all_boards().into_iter().find(|board| board.id == id)
    }

    /// # Errors
    /// Pinterest's message, when there are too many boards or the name is taken.
    pub fn add_board(&mut self, draft: &BoardDraft) -> Result<Board, &'static str> {
        // The limit first: a caller beyond it gets the same answer whatever the name.
        if self.boards.len() >= OWN_BOARDS_MAX {
            return Err("The simulated account has all the boards that it can have.");
        }
        if self.all_boards().iter().any(|board| board.name == draft.name) {
            return Err("The board name is invalid or duplicated.");
        }
        let board = OwnBoard {
            id: self.next_id(),
            name: draft.name.clone(),
            description: draft.description.clone(),
            privacy: Some(draft.privacy.unwrap_or(Privacy::Public).name().to_owned()),
        };
        self.boards.push(board.clone());
        Ok(board.board())
    }

    /// `None`: there is no such board, or it is fixed.
    pub fn change_board(&mut self, id: &str, change: &BoardChange) -> Option<Board> {
        let board = self.boards.iter_mut().find(|board| board.id == id)?;
        if let Some(name) = &change.name {
            board.name.clone_from(name);
        }
        if let Some(description) = &change.description {
            board.description = Some(description.clone());
        }
        if let Some(privacy) = change.privacy {
            board.privacy = Some(privacy.name().to_owned());
        }
        Some(board.board())
    }

    /// Removes a board; returns whether there was one that can be removed.
    pub fn remove_board(&mut self, id: &str) -> bool {
        let before = self.boards.len();
        self.boards.retain(|board| board.id != id);
        self.sections.retain(|(board, ..)| board != id);
        self.boards.len() < before
    }

    /// The sections of the board.
    pub fn sections_of(&self, board_id: &str) -> Vec<Section> {
        let of_board = self.sections.iter().filter(|(board, ..)| board == board_id);
        of_board.map(|(_, id, name)| Section { id: id.clone(), name: name.clone() }).collect()
    }

    /// # Errors
    /// Pinterest's message, when there are too many sections or the name is taken.
    pub fn add_section(&mut self, board_id: &str, name: &str) -> Result<Section, &'static str> {
        if self.sections.len() >= SECTIONS_MAX {
            return Err("The simulated account has all the sections that it can have.");
        }
        if self.sections_of(board_id).iter().any(|section| section.name == name) {
            return Err("Invalid board section parameters.");
        }
        let section = Section { id: self.next_id(), name: name.to_owned() };
        self.sections.push((board_id.to_owned(), section.id.clone(), section.name.clone()));
        Ok(section)
    }

    fn next_id(&mut self) -> String {
        self.ids += 1;
        (OWN_IDS_FROM + self.ids).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> SimulatedAccount {
        let mut account = SimulatedAccount::new(AccountKey::simulated(WorkspaceId(Uuid::from_u128(1)), 1));
        account.connect();
        account
    }

    #[test]
    fn a_token_is_parsed_back_and_a_real_accounts_token_is_not_simulated() {
        let token = SimulatedToken { serial: 3, ..account().token() };
        assert_eq!(SimulatedToken::parse(&token.text("access")), Some(token));
        assert_eq!(SimulatedToken::parse(&Secret::new("pina_ABC")), None);
        let real = AccountKey::of_pinterest_user(token.account.workspace, "549755885175");
        let forged = SimulatedToken { account: real, ..token };
        assert_eq!(SimulatedToken::parse(&forged.text("access")), None, "a real account is never simulated");
    }

    #[test]
    fn tokens_work_until_the_account_is_reconnected_or_disconnected() {
        let mut account = account();
        let first = account.token();
        assert_eq!(account.refusal(first), None);
        account.serial += 1;
        assert_eq!(
            (account.refusal(first), account.refusal(account.token())),
            (None, None),
            "an older token of the grant stays valid"
        );
        account.refuses = Some(Failure::ScopeMissing);
        assert_eq!(account.refusal(account.token()), Some(Failure::ScopeMissing));
        account.connect();
        assert_eq!((account.refusal(first), account.refusal(account.token())), (Some(Failure::TokenRevoked), None));
        account.is_disconnected = true;
        assert_eq!(account.refusal(account.token()), Some(Failure::TokenRevoked));
    }

    #[test]
    fn a_code_names_an_account_within_the_limit() {
        assert_eq!(parse_code(&code(1)), Some(1));
        for wrong in ["", "simulated-0", "simulated-6", "simulated-x", "code-1"] {
            assert_eq!(parse_code(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn boards_are_added_up_to_a_limit_and_the_fixed_ones_stay() {
        let mut account = account();
        let draft = |name: String| BoardDraft { name, description: None, privacy: None };
        for n in 0..OWN_BOARDS_MAX {
            account.add_board(&draft(format!("Board {n}"))).expect("added");
        }
        assert!(account.add_board(&draft("One more".into())).is_err());
        assert_eq!(account.all_boards().len(), FIXED_BOARDS.len() + OWN_BOARDS_MAX);
        let own = account.boards[0].id.clone();
        assert!(account.add_section(&own, "Soups").is_ok() && account.add_section(&own, "Soups").is_err());
        assert!(account.remove_board(&own) && !account.remove_board(&own) && !account.remove_board(FIXED_BOARDS[0].0));
        assert!(account.sections_of(&own).is_empty());
        assert!(account.add_board(&draft("Board 1".into())).is_err(), "a name is used once");
        let next = account.add_board(&draft("One more".into())).expect("added");
        assert!(!is_fixed_board(&next.id) && next.id != own, "no id is used twice");
    }
}
