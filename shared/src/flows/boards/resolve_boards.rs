//! Finds the boards of requests, before anything is accepted: the board of an id, which must exist, or of a name.
//!
//! In the order of their costs: the board's stored check, the account's stored list, and Pinterest. A refusal needs
//! Pinterest's own word, minutes old at most: that the board isn't in the account's whole list, or that there is no
//! such board. Whatever keeps Pinterest from answering refuses nothing: the board is accepted unchecked.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::board_access::{AccessError, Obstacle, board_access};
use super::board_list::{Refreshed, refresh};
use crate::context::Context;
use crate::domain::account::board::{Board, is_board_id};
use crate::domain::account::board_check::{BoardCheck, BoardVerdict};
use crate::domain::account::board_list::{
    BoardList, Fit, KnownBoard, LISTED_EVERY_MS, LISTED_FOR_NAMES_EVERY_MS, Named, SMALL_MAX, TRUSTED_MS,
};
use crate::domain::account::board_name::Address;
use crate::domain::account::{Account, PINS_WRITE_SECRET};
use crate::domain::ids::{AccountKey, BoardKey};
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::PortResult;

/// Boards of one call that Pinterest is asked about one by one.
pub const ASKED_ONE_BY_ONE_MAX: usize = 5;
/// A list that was asked for this shortly before a call began is as good as one that the call asked for itself: nobody
/// makes a board and uses it sooner.
const JUST_BEFORE_MS: i64 = 2 * SECOND_MS;

/// A board that a pin may be accepted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    /// Its name, if the request had that (or anything else that isn't an id).
    pub name: Option<String>,
    /// Why it could not be checked.
    pub unchecked: Option<Obstacle>,
}

impl Found {
    fn by_id(id: &str) -> Self {
        Self { id: id.to_owned(), name: None, unchecked: None }
    }

    fn unchecked(id: &str, why: Option<Obstacle>) -> Self {
        Self { unchecked: why, ..Self::by_id(id) }
    }
}

/// Why no pin can be accepted for a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Pinterest knows no such board of the account. These come near.
    Missing { text: String, near: Vec<Fit> },
    /// Several boards have the name.
    Ambiguous { text: String, fits: Vec<Fit> },
    /// The board was deleted, or the account can't publish to it.
    Closed(Obstacle),
    /// The boards can't be listed at this moment, so that the name means nothing. The request may be repeated.
    NameUnknown { text: String, why: Obstacle },
}

impl Unfit {
    /// The public code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => Obstacle::NotFound.code(),
            Self::Ambiguous { .. } => "board_ambiguous",
            Self::Closed(obstacle) | Self::NameUnknown { why: obstacle, .. } => obstacle.code(),
        }
    }

    /// The boards that the caller may have meant.
    pub fn fits(&self) -> &[Fit] {
        match self {
            Self::Missing { near: fits, .. } | Self::Ambiguous { fits, .. } => fits,
            Self::Closed(_) | Self::NameUnknown { .. } => &[],
        }
    }

    /// One sentence or two for a person.
    pub fn message(&self) -> String {
        let named = |fits: &[Fit]| {
            fits.iter().map(|fit| format!("{} (\"{}\")", fit.id, fit.name)).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Missing { text, near } if near.is_empty() => {
                format!("The account has no board \"{text}\", or isn't shown it.")
            }
            Self::Missing { text, near } => {
                format!("The account has no board \"{text}\", or isn't shown it. Near it: {}.", named(near))
            }
            Self::Ambiguous { text, fits } => format!("Several boards are called \"{text}\": {}.", named(fits)),
            Self::Closed(obstacle) => obstacle.message(),
            Self::NameUnknown { text, why } => {
                format!(
                    "\"{text}\" is no id of a board, and the account's boards could not be listed: {}",
                    why.message()
                )
            }
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "Send the id of a board of GET /v1/pinterest/boards.",
            Self::Ambiguous { .. } => "Send the id of the board that you mean.",
            Self::Closed(obstacle) => obstacle.remedy(),
            Self::NameUnknown { .. } => "Send the id of the board, or the same request later.",
        }
    }
}

/// The board that a text means, or why it means none.
pub type Resolved = Result<Found, Unfit>;

/// The boards of one call: each is looked for once, and each account's boards are listed once at most.
pub struct Boards<'a> {
    context: &'a Context,
    began_at: Moment,
    found: BTreeMap<(AccountKey, String), Resolved>,
    checks: BTreeMap<BoardKey, Option<BoardCheck>>,
    accounts: BTreeMap<AccountKey, Known>,
    asked_one_by_one: usize,
}

/// What a call knows of an account so far.
#[derive(Clone, Debug, Default)]
struct Known {
    /// `Some(None)`: there is no such account.
    account: Option<Option<Account>>,
    /// `Some(None)`: no list is stored.
    stored: Option<Option<BoardList>>,
    refreshed: Option<Refreshed>,
}

impl<'a> Boards<'a> {
    /// The empty memory of a call.
    pub fn new(context: &'a Context) -> Self {
        Self {
            context,
            began_at: context.system.now(),
            found: BTreeMap::new(),
            checks: BTreeMap::new(),
            accounts: BTreeMap::new(),
            asked_one_by_one: 0,
        }
    }

    /// Reads what is stored of these boards at once.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn prepare(&mut self, boards: impl IntoIterator<Item = (AccountKey, &str)>) -> PortResult<()> {
        let key = |(account, text): (AccountKey, &str)| BoardKey { account, board_id: text.trim().to_owned() };
        let mut keys: Vec<BoardKey> =
            boards.into_iter().map(key).filter(|board| is_board_id(&board.board_id)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| !self.checks.contains_key(key));
        let checks = try_join_all(keys.iter().map(|key| self.context.board_checks.board_check(key))).await?;
        self.checks.extend(keys.into_iter().zip(checks));
        Ok(())
    }

    /// The account's board that the text means.
    ///
    /// # Errors
    /// When the table is unavailable; never because of Pinterest.
    pub async fn find(&mut self, account: AccountKey, text: &str) -> PortResult<Resolved> {
        let text = text.trim();
        let asked = (account, text.to_owned());
        if let Some(known) = self.found.get(&asked) {
            return Ok(known.clone());
        }
        let found =
            if is_board_id(text) { self.by_id(account, text).await? } else { self.by_name(account, text).await? };
        self.found.insert(asked, found.clone());
        Ok(found)
    }

    async fn by_id(&mut self, account: AccountKey, id: &str) -> PortResult<Resolved> {
        let (context, now) = (self.context, self.context.system.now());
        let key = BoardKey { account, board_id: id.to_owned() };
        self.prepare([(account, id)]).await?;
        let check = self.checks.get(&key).cloned().flatten();
        match check.as_ref() {
            Some(BoardCheck { verdict: BoardVerdict::Reachable(board), checked_at })
                if now.since_ms(*checked_at) < TRUSTED_MS =>
            {
                let board = KnownBoard::from(board);
                return self.reachable(account, &board).await;
            }
            Some(check) if check.is_fresh(now) => {
                if let Some(unfit) = closed(&check.verdict, id) {
                    return Ok(Err(unfit));
                }
            }
            _ => {}
        }
        if let Some(list) = self.stored(account).await?.filter(|list| list.is_trusted(now))
            && let Some(board) = list.board(id).cloned()
        {
            if list.boards.len() > SMALL_MAX {
                // The next pin needn't read a long list.
                self.remember(&key, BoardVerdict::Reachable(board_of(&board))).await;
            }
            return self.reachable(account, &board).await;
        }
        let Some(row) = self.account(account).await?.filter(Account::is_connected) else {
            // The acceptance has its own error for such an account.
            return Ok(Ok(Found::unchecked(id, None)));
        };
        let list = match self.refreshed(&row, LISTED_EVERY_MS).await? {
            Refreshed::Unknown(why) => return Ok(Ok(Found::unchecked(id, Some(why)))),
            Refreshed::Listed(list) | Refreshed::Recent(list) => list,
        };
        if let Some(board) = list.board(id).cloned() {
            // A check of the same board at this moment needn't ask again.
            self.remember(&key, BoardVerdict::Reachable(board_of(&board))).await;
            return self.reachable(account, &board).await;
        }
        // A name may be a number, too.
        if let Named::One(board) = list.named(id, None) {
            return Ok(Ok(Found { id: board.id, name: board.name, unchecked: None }));
        }
        let near = || match list.named(id, None) {
            Named::None(near) | Named::Several(near) => near,
            Named::One(_) => Vec::new(),
        };
        let is_complete = list.covers(&row);
        if list.is_whole && !is_complete {
            // It may be a secret board.
            return Ok(Ok(Found::unchecked(id, Some(Obstacle::Unlisted))));
        }
        let is_new_enough = self.began_at.since_ms(list.listed_at) < JUST_BEFORE_MS;
        if is_complete && (is_new_enough || self.asked_one_by_one >= ASKED_ONE_BY_ONE_MAX) {
            let verdict = BoardCheck::missing(check.as_ref(), now).verdict;
            self.remember(&key, verdict.clone()).await;
            let missing = || Unfit::Missing { text: id.to_owned(), near: near() };
            return Ok(Err(closed(&verdict, id).filter(|_| verdict == BoardVerdict::Deleted).unwrap_or_else(missing)));
        }
        if self.asked_one_by_one >= ASKED_ONE_BY_ONE_MAX {
            return Ok(Ok(Found::unchecked(id, Some(Obstacle::Unlisted))));
        }
        // Made on Pinterest since, or one of more boards than are listed.
        self.asked_one_by_one += 1;
        let obstacle = match board_access(context, &key, false).await {
            Ok(access) => access.obstacle,
            Err(AccessError::AccountNotFound) => None,
            Err(AccessError::Port(error)) => return Err(error),
        };
        Ok(match obstacle {
            None => Ok(Found::by_id(id)),
            Some(Obstacle::NotFound) => Err(Unfit::Missing { text: id.to_owned(), near: near() }),
            Some(closed) if closed.is_about_board() => Err(Unfit::Closed(closed)),
            Some(why) => Ok(Found::unchecked(id, Some(why))),
        })
    }

    async fn by_name(&mut self, account: AccountKey, text: &str) -> PortResult<Resolved> {
        let now = self.context.system.now();
        // An address is only good if it is of the account's own user.
        let user = match Address::parse(text) {
            Some(_) => self.account(account).await?.and_then(|row| row.username),
            None => None,
        };
        let user = user.as_deref();
        let stored = self.stored(account).await?;
        if let Some(found) = stored.as_ref().filter(|list| list.is_trusted(now)).and_then(|list| fit(list, text, user))
        {
            return self.named(account, found).await;
        }
        let Some(row) = self.account(account).await?.filter(Account::is_connected) else {
            return Ok(Ok(Found::unchecked(text, None)));
        };
        let (list, why) = match self.refreshed(&row, LISTED_FOR_NAMES_EVERY_MS).await? {
            Refreshed::Listed(list) | Refreshed::Recent(list) => (Some(list), None),
            // An older list is better than none.
            Refreshed::Unknown(why) => (stored, Some(why)),
        };
        if let Some(found) = list.as_ref().and_then(|list| fit(list, text, user)) {
            return self.named(account, found).await;
        }
        let text = text.to_owned();
        Ok(Err(match (why, list) {
            (Some(why), _) => Unfit::NameUnknown { text, why },
            (None, list) => {
                let near = list.map_or_else(Vec::new, |list| match list.named(&text, user) {
                    Named::None(near) => near,
                    Named::One(_) | Named::Several(_) => Vec::new(),
                });
                Unfit::Missing { text, near }
            }
        }))
    }

    async fn named(&mut self, account: AccountKey, found: Result<KnownBoard, Unfit>) -> PortResult<Resolved> {
        let board = match found {
            Ok(board) => board,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let resolved = self.reachable(account, &board).await?;
        Ok(resolved.map(|found| Found { name: Some(board.name.unwrap_or_default()), ..found }))
    }

    /// A board that exists. A secret one needs a scope of its own.
    async fn reachable(&mut self, account: AccountKey, board: &KnownBoard) -> PortResult<Resolved> {
        if board.is_secret
            && let Some(row) = self.account(account).await?
        {
            let missing = row.missing_of(&[PINS_WRITE_SECRET]);
            if !missing.is_empty() {
                return Ok(Err(Unfit::Closed(Obstacle::ScopeMissing(missing))));
            }
        }
        Ok(Ok(Found::by_id(&board.id)))
    }

    async fn account(&mut self, key: AccountKey) -> PortResult<Option<Account>> {
        let context = self.context;
        let known = self.accounts.entry(key).or_default();
        if known.account.is_none() {
            known.account = Some(context.store.account(key).await?);
        }
        Ok(known.account.clone().flatten())
    }

    async fn stored(&mut self, key: AccountKey) -> PortResult<Option<BoardList>> {
        let context = self.context;
        let known = self.accounts.entry(key).or_default();
        if let Some(Refreshed::Listed(list) | Refreshed::Recent(list)) = &known.refreshed {
            return Ok(Some(list.clone()));
        }
        if known.stored.is_none() {
            known.stored = Some(context.board_checks.board_list(key, false).await?);
        }
        Ok(known.stored.clone().flatten())
    }

    /// The account's boards as listed for this call, or as listed by a call at about the same time.
    async fn refreshed(&mut self, account: &Account, every_ms: i64) -> PortResult<Refreshed> {
        let context = self.context;
        let known = self.accounts.entry(account.key).or_default();
        if let Some(refreshed) = &known.refreshed {
            return Ok(refreshed.clone());
        }
        let refreshed = refresh(context, account, every_ms).await?;
        known.refreshed = Some(refreshed.clone());
        Ok(refreshed)
    }

    /// Stores what a check would find now. The row is a cache, so a failure is only logged.
    async fn remember(&self, key: &BoardKey, verdict: BoardVerdict) {
        let check = BoardCheck { verdict, checked_at: self.context.system.now() };
        super::store(self.context, key, &check).await;
    }
}

/// The refusal for a verdict, unless the board is reachable.
fn closed(verdict: &BoardVerdict, id: &str) -> Option<Unfit> {
    match verdict {
        BoardVerdict::Reachable(_) => None,
        BoardVerdict::NotFound => Some(Unfit::Missing { text: id.to_owned(), near: Vec::new() }),
        BoardVerdict::Deleted => Some(Unfit::Closed(Obstacle::Deleted)),
        BoardVerdict::Denied => Some(Unfit::Closed(Obstacle::Denied)),
    }
}

/// The one board that the text means, or the several.
fn fit(list: &BoardList, text: &str, username: Option<&str>) -> Option<Result<KnownBoard, Unfit>> {
    match list.named(text, username) {
        Named::One(board) => Some(Ok(board)),
        Named::Several(fits) => Some(Err(Unfit::Ambiguous { text: text.to_owned(), fits })),
        Named::None(_) => None,
    }
}

fn board_of(board: &KnownBoard) -> Board {
    use crate::domain::account::board::Privacy;
    let privacy = board.is_secret.then(|| Privacy::Secret.name().to_owned());
    Board { id: board.id.clone(), name: board.name.clone().unwrap_or_default(), description: None, privacy }
}
