//! The documented accounts. They are the same in every process, so that a test can connect them by constants.

use serde::Serialize;

/// Client id of the one registered app.
pub const APP_ID: &str = "1480000";
/// Client secret of the one registered app.
pub const APP_SECRET: &str = "sim_app_secret";
/// Number of boards that every account starts with.
pub const BOARDS_PER_ACCOUNT: usize = 2;

const ACCOUNT_ID_BASE: u64 = 780_000_000_000_000_000;
const BOARD_ID_BASE: u64 = 781_000_000_000_000_000;
const BOARD_NAMES: [&str; BOARDS_PER_ACCOUNT] = ["Recipes", "Interiors"];

/// An account that exists from the start, with everything that a client needs to act for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedAccount {
    /// Pinterest's user id.
    pub id: String,
    /// `sim_account_1`, `sim_account_2`, …: the `account` of the control plane.
    pub username: String,
    /// Has every scope.
    pub access_token: String,
    /// Has `boards:read`, `pins:read` and `user_accounts:read` only: a write is refused with 401 code 3.
    pub read_only_access_token: String,
    /// Can be used once; every refresh issues the next one.
    pub refresh_token: String,
    pub boards: Vec<SeedBoard>,
}

/// A board that exists from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedBoard {
    pub id: String,
    pub name: String,
}

/// The first `count` accounts. Numbers start at 1.
pub fn seed_accounts(count: usize) -> Vec<SeedAccount> {
    (1..=count).map(seed_account).collect()
}

fn seed_account(number: usize) -> SeedAccount {
    SeedAccount {
        id: (ACCOUNT_ID_BASE + number as u64).to_string(),
        username: format!("sim_account_{number}"),
        access_token: format!("pina_sim_{number}_access"),
        read_only_access_token: format!("pina_sim_{number}_read_only"),
        refresh_token: format!("pinr_sim_{number}_refresh"),
        boards: BOARD_NAMES
            .iter()
            .enumerate()
            .map(|(index, name)| SeedBoard {
                id: (BOARD_ID_BASE + (number * 10 + index + 1) as u64).to_string(),
                name: (*name).to_owned(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_does_not_depend_on_the_count() {
        let few = seed_accounts(3);
        let many = seed_accounts(300);
        assert_eq!(few, many[..3]);
    }

    #[test]
    fn no_two_accounts_share_an_id_or_a_token() {
        let accounts = seed_accounts(300);
        let mut seen = std::collections::HashSet::new();
        for account in &accounts {
            for text in [&account.id, &account.username, &account.access_token, &account.refresh_token] {
                assert!(seen.insert(text.clone()), "{text} twice");
            }
            for board in &account.boards {
                assert!(seen.insert(board.id.clone()), "{} twice", board.id);
            }
        }
    }
}
