//! The rules of pending authorizations, board checks and simulated accounts.

use uuid::Uuid;

use crate::domain::account::board::{Board, BoardDraft};
use crate::domain::account::board_check::{BoardCheck, BoardVerdict};
use crate::domain::account::board_list::{BoardList, KnownBoard};
use crate::domain::account::oauth::{PendingAuthorization, PresentedState};
use crate::domain::ids::{AccountId, AccountKey, BoardKey, WorkspaceId};
use crate::domain::pin::failure::Failure;
use crate::domain::sandbox::SimulatedAccount;
use crate::domain::time::Moment;
use crate::ports::{BoardChecks, ListingClaim, OAuthStates, SimulatedAccounts, Write};

/// Runs every rule of pending authorizations; the async function returns `(Arc<dyn OAuthStates>, guard)`.
#[macro_export]
macro_rules! oauth_states_contract {
    ($fresh:path) => {
        use $crate::testing::contract::connections;
        $crate::contract_cases!($fresh;
            connections:
            a_state_is_taken_once,
            a_state_is_read_as_often_as_wanted_until_it_is_taken,
            of_concurrent_takers_one_gets_the_state,
            each_workspace_has_its_own_states;
        );
    };
}

/// Runs every rule of board checks; the async function returns `(Arc<dyn BoardChecks>, guard)`.
#[macro_export]
macro_rules! board_checks_contract {
    ($fresh:path) => {
        use $crate::testing::contract::connections;
        $crate::contract_cases!($fresh;
            connections:
            a_board_check_round_trips_with_every_verdict,
            each_account_has_its_own_board_checks,
            a_board_list_round_trips_and_is_written_by_revision,
            of_concurrent_claims_one_lists_the_boards;
        );
    };
}

/// Runs every rule of simulated accounts; the async function returns `(Arc<dyn SimulatedAccounts>, guard)`.
#[macro_export]
macro_rules! simulated_accounts_contract {
    ($fresh:path) => {
        use $crate::testing::contract::connections;
        $crate::contract_cases!($fresh;
            connections:
            a_simulated_account_round_trips_and_is_written_by_revision;
        );
    };
}

pub async fn a_simulated_account_round_trips_and_is_written_by_revision(accounts: &dyn SimulatedAccounts) {
    let key = |workspace| AccountKey::simulated(WorkspaceId(Uuid::from_u128(workspace)), 1);
    let fresh = SimulatedAccount::new(key(1));
    assert_eq!(accounts.simulated_account(key(1)).await.expect("read"), fresh);
    let mut first = fresh.next("n1".into());
    first.connect();
    assert!(accounts.save_simulated_account(&first).await.expect("saved").is_done());
    assert!(accounts.save_simulated_account(&first).await.expect("saved").is_done(), "the same write again");
    assert!(!accounts.save_simulated_account(&fresh.next("other".into())).await.expect("answered").is_done());
    let mut second = first.next("n2".into());
    let draft = BoardDraft { name: "Soups".into(), description: Some("Hot".into()), privacy: None };
    let board = second.add_board(&draft).expect("added");
    second.add_section(&board.id, "Clear").expect("added");
    second.refuses = Some(Failure::ScopeMissing);
    assert!(accounts.save_simulated_account(&second).await.expect("saved").is_done());
    assert_eq!(accounts.simulated_account(key(1)).await.expect("read"), second);
    assert_eq!(accounts.simulated_account(key(2)).await.expect("read"), SimulatedAccount::new(key(2)));
}

fn state(workspace: u128, secret: u8) -> PresentedState {
    PresentedState::compose(WorkspaceId(Uuid::from_u128(workspace)), [secret; 32]).0
}

fn pending(by: &str) -> PendingAuthorization {
    PendingAuthorization::new(by, Moment(4_102_444_800_123))
}

pub async fn a_state_is_taken_once(states: &dyn OAuthStates) {
    assert_eq!(states.take_state(&state(1, 1)).await.expect("answered"), None, "no authorization is pending");
    states.put_state(&state(1, 1), &pending("key 1")).await.expect("written");
    states.put_state(&state(1, 2), &pending("key 2")).await.expect("written");
    assert_eq!(states.take_state(&state(1, 1)).await.expect("answered"), Some(pending("key 1")));
    assert_eq!(states.take_state(&state(1, 1)).await.expect("answered"), None, "it was taken before");
    assert_eq!(states.take_state(&state(1, 2)).await.expect("answered"), Some(pending("key 2")));
}

pub async fn a_state_is_read_as_often_as_wanted_until_it_is_taken(states: &dyn OAuthStates) {
    assert_eq!(states.state(&state(1, 1)).await.expect("answered"), None, "no authorization is pending");
    let returning = PendingAuthorization {
        return_to: Some("https://app.example.com/done?customer=7".into()),
        client_state: Some("customer 7 \u{1f600}".into()),
        ..pending("key 1")
    };
    states.put_state(&state(1, 1), &returning).await.expect("written");
    for _ in 0..2 {
        assert_eq!(states.state(&state(1, 1)).await.expect("answered"), Some(returning.clone()));
    }
    assert_eq!(states.state(&state(2, 1)).await.expect("answered"), None, "another workspace's");
    assert_eq!(states.take_state(&state(1, 1)).await.expect("answered"), Some(returning));
    assert_eq!(states.state(&state(1, 1)).await.expect("answered"), None, "it was taken");
}

pub async fn of_concurrent_takers_one_gets_the_state(states: &dyn OAuthStates) {
    states.put_state(&state(1, 1), &pending("key")).await.expect("written");
    let presented = state(1, 1);
    let takes = (0..8).map(|_| states.take_state(&presented));
    let taken = futures_util::future::join_all(takes).await;
    assert_eq!(taken.into_iter().filter_map(|answer| answer.expect("answered")).count(), 1);
}

pub async fn each_workspace_has_its_own_states(states: &dyn OAuthStates) {
    states.put_state(&state(1, 1), &pending("key")).await.expect("written");
    assert_eq!(states.take_state(&state(2, 1)).await.expect("answered"), None);
    assert_eq!(
        states.take_state(&state(1, 1)).await.expect("answered"),
        Some(pending("key")),
        "the other workspace's take changes nothing"
    );
}

fn board_key(workspace: u128, account: u128, board: &str) -> BoardKey {
    let account =
        AccountKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), account: AccountId(Uuid::from_u128(account)) };
    BoardKey { account, board_id: board.into() }
}

fn check(verdict: BoardVerdict, at: i64) -> BoardCheck {
    BoardCheck { verdict, checked_at: Moment(at) }
}

pub async fn a_board_check_round_trips_with_every_verdict(checks: &dyn BoardChecks) {
    let key = board_key(1, 1, "700");
    assert_eq!(checks.board_check(&key).await.expect("read"), None);
    let whole = Board {
        id: "700".into(),
        name: "Paper ✂".into(),
        description: Some("Folded".into()),
        privacy: Some("SECRET".into()),
    };
    let bare = Board { description: None, privacy: None, ..whole.clone() };
    let verdicts = [
        BoardVerdict::Reachable(whole),
        BoardVerdict::Reachable(bare),
        BoardVerdict::NotFound,
        BoardVerdict::Deleted,
        BoardVerdict::Denied,
    ];
    for (verdict, at) in verdicts.into_iter().zip([9, 8, 7, 6, 5]) {
        let next = check(verdict, 1_767_225_600_000 + at);
        checks.save_board_check(&key, &next).await.expect("written");
        assert_eq!(checks.board_check(&key).await.expect("read"), Some(next), "the last write stays");
    }
}

pub async fn a_board_list_round_trips_and_is_written_by_revision(lists: &dyn BoardChecks) {
    let account = board_key(1, 1, "700").account;
    assert_eq!(lists.board_list(account, true).await.expect("read"), None);
    let board = |id: &str, name: Option<&str>, is_secret| KnownBoard {
        id: id.into(),
        name: name.map(str::to_owned),
        is_secret,
    };
    let boards = vec![board("700", Some("Paper & Co. \u{1f4d0}"), false), board("701", Some("Mine"), true)];
    let first = BoardList { boards, listed_at: Moment(1_767_225_600_123), is_whole: true, rev: 1, nonce: "a".into() };
    assert!(lists.save_board_list(account, &first).await.expect("saved").is_done());
    assert!(lists.save_board_list(account, &first).await.expect("saved").is_done(), "the same write again");
    assert_eq!(lists.board_list(account, true).await.expect("read"), Some(first.clone()));
    let other = BoardList { nonce: "b".into(), ..first.clone() };
    assert!(!lists.save_board_list(account, &other).await.expect("answered").is_done());
    let cut = BoardList { boards: vec![board("702", None, false)], is_whole: false, rev: 2, ..other };
    assert!(lists.save_board_list(account, &cut).await.expect("saved").is_done());
    assert_eq!(lists.board_list(account, true).await.expect("read"), Some(cut.clone()));
    assert!(
        !lists
            .save_board_list(account, &BoardList { rev: 2, nonce: "c".into(), ..cut })
            .await
            .expect("answered")
            .is_done()
    );
    assert_eq!(lists.board_list(board_key(2, 1, "700").account, true).await.expect("read"), None);
}

pub async fn of_concurrent_claims_one_lists_the_boards(lists: &dyn BoardChecks) {
    let account = board_key(1, 1, "700").account;
    let claim =
        |at: i64, nonce: &str| ListingClaim { at: Moment(at), unless_after: Moment(at - 60_000), nonce: nonce.into() };
    let claims: Vec<ListingClaim> = (0..8).map(|n| claim(1_000_000 + n, &format!("n{n}"))).collect();
    let claimed = futures_util::future::join_all(claims.iter().map(|claim| lists.claim_board_listing(account, claim)));
    let claimed: Vec<_> = claimed.await.into_iter().map(|answer| answer.expect("answered")).collect();
    let winners: Vec<&ListingClaim> =
        claims.iter().zip(&claimed).filter(|(_, answer)| answer.is_done()).map(|(claim, _)| claim).collect();
    let [winner] = winners.as_slice() else { panic!("one lists: {claimed:?}") };
    let told = |answer: &&Write<Option<Moment>>| **answer == Write::Conflict(Some(winner.at));
    assert_eq!(claimed.iter().filter(told).count(), 7, "the others learn when: {claimed:?}");
    assert!(lists.claim_board_listing(account, winner).await.expect("answered").is_done(), "the same write again");
    let again = claim(winner.at.0 + 60_001, "later");
    assert!(lists.claim_board_listing(account, &again).await.expect("answered").is_done(), "the claim is old by then");
    let other = board_key(1, 2, "700").account;
    assert!(lists.claim_board_listing(other, &claim(1_000_000, "x")).await.expect("answered").is_done());
}

pub async fn each_account_has_its_own_board_checks(checks: &dyn BoardChecks) {
    let keys = [board_key(1, 1, "700"), board_key(1, 1, "701"), board_key(1, 2, "700"), board_key(2, 1, "700")];
    for (key, at) in keys.iter().zip(1..) {
        checks.save_board_check(key, &check(BoardVerdict::Denied, at)).await.expect("written");
    }
    for (key, at) in keys.iter().zip(1..) {
        assert_eq!(checks.board_check(key).await.expect("read"), Some(check(BoardVerdict::Denied, at)));
    }
    assert_eq!(checks.board_check(&board_key(2, 2, "700")).await.expect("read"), None);
}
