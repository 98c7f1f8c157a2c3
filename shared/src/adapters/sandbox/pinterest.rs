//! [`Pinterest`]: creates nothing and stores nothing. The result of a call, and what the board lists afterwards, follow
//! from the pin's own row: its request says which [`trigger`] it asks for, its attempt how often it was tried.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Sandbox, refused, simulated, unreachable, upstream};
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey};
use crate::domain::pin::attempt::{Attempt, Status, Upstream};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::EventKind;
use crate::domain::pin::idempotency;
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::reconcile::matching::BoardPin;
use crate::domain::sandbox::trigger::{self, Board, Trigger};
use crate::domain::sandbox::{SimulatedAccount, SimulatedToken};
use crate::domain::secret::Secret;
use crate::domain::time::{DAY_MS, Moment, SECOND_MS};
use crate::ports::{BoardPage, Creation, Pinterest, PinterestUser, PortResult, ReadFailure};

/// Unresolved pins that a board lists at once: as many as reconciliation considers.
const UNRESOLVED_MAX: usize = 2_000;
/// In place of a lost answer, as of a call to Pinterest. With it, the timeline has what was sent.
const LOST: &str = "the connection to Pinterest broke";
/// The Pins that a person chooses from are listed for this long after the acceptance of their pin.
const CHOSEN_WITHIN_MS: i64 = DAY_MS;
/// Of the pins that were accepted within that time, so many are looked at for it, the oldest first.
const LEFT_MAX: usize = 100;
/// Pins that every board has had for long: an empty list is believed only after hours.
const OLD_PINS: [(&str, &str, i64); 2] = [
    ("810000000000000002", "An old Pin of the sandbox", 1_577_923_200_000),
    ("810000000000000001", "An older one", 1_577_836_800_000),
];

fn not_created(failure: Failure, retry_after_ms: Option<i64>) -> Creation {
    Creation::Refused { failure, upstream: upstream(failure), retry_after_ms }
}

/// The id of the `nth` Pin that the attempt may have created. It is always the same.
fn id_of(pin: PinId, attempt: u32, nth: u32) -> String {
    const DIGITS_17: u128 = 100_000_000_000_000_000;
    let name = format!("simulated Pin\0{attempt}\0{nth}");
    format!("9{:017}", Uuid::new_v5(&pin.0, name.as_bytes()).as_u128() % DIGITS_17)
}

/// Whether Pinterest has answered the pin before: a trigger that happens once has happened then.
fn was_answered(attempt: &Attempt) -> bool {
    let kinds = [EventKind::Deferred, EventKind::RetryPlanned];
    attempt.history.iter().any(|event| kinds.contains(&event.kind) && event.status.is_some())
}

/// What the board lists for an attempt of unknown outcome. A worker may also have died during it.
fn shown(pin: &Pin, attempt: &Attempt) -> Board {
    match trigger::of(&pin.request) {
        Some(Trigger::Lost(board)) if attempt.attempts_spent() <= 1 => board,
        Some(Trigger::Lost(_) | Trigger::Slow | Trigger::LimitUsedUp) | None => Board::Shows,
        Some(_) => Board::Lacks,
    }
}

impl Sandbox {
    async fn create(&self, token: SimulatedToken, request: &PinRequest) -> PortResult<Creation> {
        let account = self.account(token.account).await?;
        if let Some(failure) = account.refusal(token) {
            return Ok(not_created(failure, None));
        }
        let workspace = token.account.workspace;
        let key = PinKey { workspace, pin: idempotency::pin_id(workspace, &request.idempotency_key) };
        let found = self.store.pins(&[key]).await?.pop().flatten();
        let Some((pin, attempt)) = found.filter(|_| account.board(&request.board_id).is_some()) else {
            return Ok(not_created(Failure::BoardNotFound, None));
        };
        let created = |nothing_left_for_ms| Creation::Created {
            pinterest_pin_id: id_of(pin.key.pin, attempt.attempt, 1),
            upstream: Upstream { status: Some(201), request_id: Some("simulated".into()), ..Upstream::default() },
            nothing_left_for_ms,
        };
        Ok(match trigger::of(request) {
            Some(Trigger::Refused(failure) | Trigger::Endless(failure)) => not_created(failure, None),
            Some(Trigger::Passing(failure)) if attempt.attempts_made() <= trigger::PASSING_FAILURES => {
                not_created(failure, None)
            }
            Some(Trigger::Once(failure)) if !was_answered(&attempt) => {
                not_created(failure, (failure == Failure::RateLimited).then_some(trigger::RATE_LIMIT_MS))
            }
            Some(Trigger::Until(failure)) if !was_answered(&attempt) => {
                let refuse = |account: &mut SimulatedAccount| {
                    account.refuses = Some(failure);
                    Ok::<(), ()>(())
                };
                let _ = self.change(token.account, refuse).await?;
                not_created(failure, None)
            }
            Some(Trigger::Lost(_)) if attempt.attempts_spent() <= 1 => {
                Creation::lost(Upstream { transport_error: Some(LOST), ..Upstream::default() })
            }
            Some(Trigger::Slow) => {
                self.system.sleep_ms(trigger::SLOW_MS).await;
                created(None)
            }
            Some(Trigger::LimitUsedUp) => created(Some(trigger::LIMIT_RESET_MS)),
            Some(Trigger::Unknown) => {
                let mut answer = upstream(Failure::InvalidRequest);
                answer.message = Some("There is no sandbox trigger of that name.".into());
                Creation::Refused { failure: Failure::InvalidRequest, upstream: answer, retry_after_ms: None }
            }
            _ => created(None),
        })
    }

    /// What the board lists: Pins of calls without an answer, those that a person is to choose from, and some old ones.
    /// (Nothing looks for published Pins.)
    async fn list(&self, account: AccountKey, board_id: &str) -> Result<BoardPage, ReadFailure> {
        let board = BoardKey { account, board_id: board_id.to_owned() };
        let unresolved = self.store.unresolved(&board, UNRESOLVED_MAX).await.map_err(unreachable)?;
        let keys: Vec<PinKey> =
            unresolved.into_iter().map(|pin| PinKey { workspace: account.workspace, pin }).collect();
        let found = self.store.pins(&keys).await.map_err(unreachable)?;
        let mut pins = Vec::new();
        for (pin, attempt) in found.into_iter().flatten().filter(|(_, at)| at.status == Status::Publishing) {
            let copies = match shown(&pin, &attempt) {
                Board::Unreadable => return Err(refused(Failure::PinterestUnreachable)),
                Board::Lacks => 0,
                Board::Shows => 1,
                Board::ShowsTwo => 2,
            };
            pins.extend((1..=copies).map(|nth| board_pin(&pin, &attempt, nth)));
        }
        for (pin, attempt) in self.left_to_a_person(&board).await.map_err(unreachable)? {
            pins.extend((1..=2).map(|nth| board_pin(&pin, &attempt, nth)));
        }
        pins.sort_by_key(|pin: &BoardPin| std::cmp::Reverse(pin.created_at));
        pins.extend(OLD_PINS.map(|(id, title, at)| BoardPin {
            id: id.into(),
            created_at: Some(Moment(at)),
            title: Some(title.into()),
            description: None,
            link: None,
        }));
        Ok(BoardPage { pins, next: None })
    }
}

impl Sandbox {
    /// The failed pins of which this board shows two Pins.
    async fn left_to_a_person(&self, board: &BoardKey) -> PortResult<Vec<(Pin, Attempt)>> {
        let (workspace, now) = (board.account.workspace, self.system.now());
        let since = (now.plus_ms(-CHOSEN_WITHIN_MS), PinId(Uuid::nil()));
        let listed = self.store.listing_after(workspace, Some(since), now, LEFT_MAX).await?;
        let keys: Vec<PinKey> = listed.into_iter().map(|(_, pin)| PinKey { workspace, pin }).collect();
        let is_left = |(pin, attempt): &(Pin, Attempt)| {
            attempt.status == Status::Failed
                && matches!(attempt.failure, Some(Failure::OutcomeAmbiguous | Failure::ConfirmedAbsent))
                && pin.board_key() == *board
                && shown(pin, attempt) == Board::ShowsTwo
        };
        Ok(self.store.pins(&keys).await?.into_iter().flatten().filter(is_left).collect())
    }
}

/// Pinterest prints whole seconds.
fn board_pin(pin: &Pin, attempt: &Attempt, nth: u32) -> BoardPin {
    let created_at = attempt.started_at.unwrap_or(attempt.updated_at);
    BoardPin {
        id: id_of(pin.key.pin, attempt.attempt, nth),
        created_at: Some(Moment(created_at.0.div_euclid(SECOND_MS) * SECOND_MS)),
        title: Some(pin.request.title.clone()),
        description: pin.request.description.clone(),
        link: pin.request.link_url.clone(),
    }
}

#[async_trait]
impl Pinterest for Sandbox {
    async fn create_pin(&self, token: &Secret, request: &PinRequest) -> Creation {
        let Some(simulated) = simulated(token) else {
            return self.pinterest.create_pin(token, request).await;
        };
        self.create(simulated, request).await.unwrap_or_else(|error| {
            let ReadFailure { failure, upstream, retry_after_ms } = unreachable(error);
            Creation::Refused { failure, upstream, retry_after_ms }
        })
    }

    async fn board_pins(
        &self,
        token: &Secret,
        board_id: &str,
        bookmark: Option<&str>,
    ) -> Result<BoardPage, ReadFailure> {
        let Some(simulated) = simulated(token) else {
            return self.pinterest.board_pins(token, board_id, bookmark).await;
        };
        let account = self.opened(simulated).await?;
        if account.board(board_id).is_none() {
            return Err(refused(Failure::BoardNotFound));
        }
        self.list(simulated.account, board_id).await
    }

    async fn delete_pin(&self, token: &Secret, pinterest_pin_id: &str) -> Result<(), ReadFailure> {
        match simulated(token) {
            None => self.pinterest.delete_pin(token, pinterest_pin_id).await,
            Some(simulated) => self.opened(simulated).await.map(|_| ()),
        }
    }

    async fn user(&self, token: &Secret) -> Result<PinterestUser, ReadFailure> {
        let Some(simulated) = simulated(token) else {
            return self.pinterest.user(token).await;
        };
        let account = self.opened(simulated).await?;
        Ok(PinterestUser { id: account.key.account.to_string(), username: None, business_name: None })
    }
}
