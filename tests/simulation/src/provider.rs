//! A Pinterest with the worst behaviour that the deadlines allow. It records which request created which Pin.

mod boards;
mod fate;
mod lists;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use fastrand::Rng;
use http::{HeaderMap, HeaderValue};
use pinbridge_shared::adapters::pinterest::creation::CreateAnswer;
use pinbridge_shared::adapters::pinterest::error_codes;
use pinbridge_shared::adapters::pinterest::words::Words;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Upstream;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::reconcile::matching::BoardPin;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{BoardPage, Creation, Pinterest, PinterestUser, ReadFailure};
use serde_json::json;

use crate::endpoint::Endpoint;
use crate::faults::Faults;
use crate::gate::SimGate;
use crate::holds::TokenRefusals;
use crate::kernel::Kernel;
use crate::oracle;
pub use boards::CountedBoards;
pub use fate::ImageRefusals;
use fate::{Answer, Fate, TOO_LATE_MS};
use lists::{normalised, rewrite};

/// A Pin that exists from `committed_at` on.
#[derive(Clone, Debug)]
pub struct Made {
    pub id: String,
    /// The idempotency key of the request that created it, which the real Pinterest doesn't report.
    pub owner: String,
    /// The requested content, see [`oracle::content`].
    pub content: String,
    pub committed_at: i64,
    visible_at: i64,
    shown: BoardPin,
    /// The list writes its link or texts in another way than its request.
    is_rewritten: bool,
    /// Committed later than `Tq` allows for.
    pub is_too_late: bool,
}

/// A create that a worker sent.
#[derive(Clone, Debug)]
pub struct Post {
    pub owner: String,
    pub account: String,
    pub at: i64,
    /// When Pinterest counts it.
    pub arrives_at: i64,
    pub content: String,
    /// It arrived while every access token of its user was refused.
    pub is_refused_again: bool,
}

/// A time in which Pinterest refuses every access token of a user.
#[derive(Clone, Copy)]
struct Refusal {
    until: i64,
    /// Whether boards can't be read either.
    of_reads: bool,
}

/// Writes of a user and an app that Pinterest lets pass in any minute: its own figure, whatever the pace is.
pub const WRITES_PER_WINDOW: usize = 100;
pub const WINDOW_MS: i64 = 60_000;
/// A call arrives up to this long after it was sent.
const ARRIVES_WITHIN_MS: i64 = 10_000;
/// Most calls arrive within this time.
const ARRIVES_SOON_MS: i64 = 300;

/// How long the call with that number is under way. From generators of its own, so that it changes nothing else.
fn travels_ms(number: usize) -> i64 {
    let mut rng = Rng::with_seed(number as u64 ^ TRAVEL);
    if rng.bool() { rng.i64(0..=ARRIVES_WITHIN_MS) } else { rng.i64(0..=ARRIVES_SOON_MS) }
}

const TRAVEL: u64 = 0x7EA7_E150;

/// The most arrivals within any window of a minute, whether they pass or not.
pub fn most_in_a_window(mut arrivals: Vec<i64>) -> usize {
    arrivals.sort_unstable();
    let mut first = 0;
    let within = arrivals.iter().enumerate().map(|(number, at)| {
        while arrivals[first] <= at - WINDOW_MS {
            first += 1;
        }
        number - first + 1
    });
    within.max().unwrap_or(0)
}

#[derive(Default)]
struct State {
    faults: Faults,
    boards: BTreeMap<String, Vec<Made>>,
    posts: Vec<Post>,
    /// Writes other than creates: the account, and when they arrive.
    others: Vec<(String, i64)>,
    made: u64,
    /// Pins that were deleted through the API.
    deleted: Vec<Made>,
    /// Users who must connect again.
    revoked: Vec<usize>,
    refusals: BTreeMap<usize, Refusal>,
    /// Until when Pinterest can't fetch an image.
    images: BTreeMap<String, i64>,
    /// Pins that were sent, and what each is refused with, if it is poisoned.
    poisoned: BTreeMap<String, Option<usize>>,
}

/// A 429 asks for a pause of at most this.
const HINT_MOST_MS: i64 = 180_000;

/// Of the access tokens that are revoked at a call, the share whose grant is revoked too.
const GRANT_REVOKED: f64 = 0.25;

/// How long a refusal lasts that outlives a refresh, if the faults don't end before.
const REFUSED_MS: [std::ops::Range<i64>; 2] = [5_000..1_500_000, 5_000..7_200_000];

/// Called with each create when it is sent.
pub type Witness = Box<dyn Fn(&PinRequest, i64) + Send + Sync>;

pub struct Provider {
    kernel: Arc<Kernel>,
    endpoint: Arc<Endpoint>,
    gate: Arc<SimGate>,
    client_timeout_ms: i64,
    /// The offset of Pinterest's clock.
    skew_ms: i64,
    witness: Witness,
    images: Arc<Mutex<ImageRefusals>>,
    token_refusals: TokenRefusals,
    /// The account of a user's number.
    account_of: AccountOf,
    state: Mutex<State>,
}

pub type AccountOf = Box<dyn Fn(usize) -> String + Send + Sync>;

/// What the oracle is told.
pub struct Watched {
    pub witness: Witness,
    pub images: Arc<Mutex<ImageRefusals>>,
    pub token_refusals: TokenRefusals,
}

impl Provider {
    pub fn new(
        kernel: Arc<Kernel>,
        gate: Arc<SimGate>,
        endpoint: Arc<Endpoint>,
        faults: Faults,
        client_timeout_ms: i64,
        watched: Watched,
        account_of: AccountOf,
    ) -> Arc<Self> {
        let Watched { witness, images, token_refusals } = watched;
        let skew_ms = kernel.draw(|rng| rng.i64(-faults.skew_ms..=faults.skew_ms));
        let state = Mutex::new(State { faults, ..State::default() });
        Arc::new(Self {
            kernel,
            endpoint,
            gate,
            client_timeout_ms,
            skew_ms,
            witness,
            images,
            token_refusals,
            account_of,
            state,
        })
    }

    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state();
        state.refusals.clear();
        state.faults = faults;
    }

    /// Whether Pinterest refuses every access token of the token's user at this moment.
    fn is_refused(&self, token: &Secret, is_read: bool) -> bool {
        let Some((_, user)) = self.endpoint.of(token) else { return false };
        let now = self.kernel.now();
        let refusal = self.state().refusals.get(&user).copied().filter(|refusal| refusal.until > now);
        refusal.is_some_and(|refusal| refusal.of_reads || !is_read)
    }

    /// Sometimes begins to refuse every access token of the token's user.
    fn maybe_refuse(&self, token: &Secret, probability: f64) {
        let Some((_, user)) = self.endpoint.of(token).filter(|_| self.kernel.chance(probability)) else { return };
        let lasts_ms = self.kernel.draw(|rng| {
            let range = REFUSED_MS[rng.usize(0..2)].clone();
            rng.i64(range)
        });
        let until = self.kernel.now() + lasts_ms;
        let of_reads = self.kernel.draw(fastrand::Rng::bool);
        self.kernel.note(|| format!("every token of user {user} is refused until {until}, reads {of_reads}"));
        self.state().refusals.entry(user).or_insert(Refusal { until, of_reads });
    }

    /// What a 429 says about when to retry, if it says anything.
    fn hint_ms(&self) -> Option<i64> {
        self.kernel.draw(|rng| rng.bool().then(|| rng.i64(0..HINT_MOST_MS)))
    }

    /// Sometimes refuses a write that a caller waits for.
    fn limits_own_write(&self) -> Result<(), ReadFailure> {
        let own_429 = self.state().faults.own_429;
        if !self.kernel.chance(own_429) {
            return Ok(());
        }
        let upstream = Upstream { status: Some(429), ..Upstream::default() };
        Err(ReadFailure { failure: Failure::RateLimited, upstream, retry_after_ms: self.hint_ms() })
    }

    /// Users whose connection ended since the last call.
    pub fn take_revoked(&self) -> Vec<usize> {
        std::mem::take(&mut self.state().revoked)
    }

    /// Revokes the account's access token with this probability, and sometimes its grant too.
    fn maybe_revoke(&self, token: &Secret, probability: f64) {
        let Some((_, user)) = self.endpoint.of(token).filter(|_| self.kernel.chance(probability)) else { return };
        if self.kernel.chance(GRANT_REVOKED) {
            self.endpoint.revoke(user);
        } else {
            self.endpoint.forget_access(user);
        }
        if !self.endpoint.can_refresh(user) {
            self.state().revoked.push(user);
        }
    }

    pub fn pins(&self) -> Vec<(String, Made)> {
        let state = self.state();
        state.boards.iter().flat_map(|(board, pins)| pins.iter().map(|pin| (board.clone(), pin.clone()))).collect()
    }

    pub fn deleted(&self) -> Vec<Made> {
        self.state().deleted.clone()
    }

    fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    pub fn posts(&self) -> Vec<Post> {
        self.state().posts.clone()
    }

    /// When every write of each account arrives.
    pub fn arrivals(&self) -> BTreeMap<String, Vec<i64>> {
        let state = self.state();
        let mut arrivals: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        let creates = state.posts.iter().map(|post| (post.account.clone(), post.arrives_at));
        for (account, at) in creates.chain(state.others.iter().cloned()) {
            arrivals.entry(account).or_default().push(at);
        }
        arrivals
    }

    /// Counts a write other than a create when it is sent.
    fn sends(&self, account: String) {
        let mut state = self.state();
        // Other numbers than the creates have.
        let at = self.kernel.now() + travels_ms(usize::MAX - state.others.len());
        state.others.push((account, at));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn images(&self) -> MutexGuard<'_, ImageRefusals> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an access token of the token's user that was refused, or the end of such refusals: by the name of the
    /// account, or by the pin's key.
    fn count_refusal(&self, name: String, is_refused: bool) {
        let mut refusals = self.token_refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let count = refusals.entry(name).or_default();
        *count = if is_refused { *count + 1 } else { 0 };
    }

    fn account_name(&self, token: &Secret) -> Option<String> {
        self.endpoint.of(token).map(|(_, user)| (self.account_of)(user))
    }

    fn commit(&self, request: &PinRequest, at: i64) -> String {
        let mut state = self.state();
        state.made += 1;
        let id = format!("{}", 900_000_000_000_000_000 + state.made);
        let lag_ms = state.faults.list_lag_ms;
        let visible_at = at + self.kernel.draw(|rng| if lag_ms > 0 { rng.i64(0..lag_ms) } else { 0 });
        let mut shown = self.kernel.draw(|rng| normalised(request, &id, (at + self.skew_ms).div_euclid(1_000), rng));
        let as_before = shown.clone();
        if state.faults.rewritten > 0.0 && self.kernel.chance(state.faults.rewritten) {
            self.kernel.draw(|rng| rewrite(&mut shown, rng));
        }
        let is_rewritten = shown != as_before;
        let is_too_late = at - self.kernel.now() >= TOO_LATE_MS.start;
        let owner = request.idempotency_key.clone();
        let content = oracle::content(request);
        let made =
            Made { id: id.clone(), owner, content, committed_at: at, visible_at, shown, is_rewritten, is_too_late };
        self.kernel.note(|| format!("Pinterest makes {id} of {} at {at}", made.owner));
        state.boards.entry(request.board_id.clone()).or_default().push(made);
        id
    }

    fn creation(&self, request: &PinRequest, token: &Secret, fate: &Fate, id: Option<String>) -> Creation {
        let upstream = |status, code, message: &str| Upstream {
            status,
            code,
            request_id: None,
            message: Some(message.to_owned()),
            transport_error: None,
        };
        match &fate.answer {
            Answer::Created => Creation::Created {
                pinterest_pin_id: id.unwrap_or_else(|| panic!("{} has no Pin", request.idempotency_key)),
                upstream: upstream(Some(201), None, ""),
                nothing_left_for_ms: None,
            },
            Answer::Nothing => Creation::lost(upstream(None, None, "no answer")),
            Answer::Unsent => Creation::Refused {
                failure: Failure::PinterestUnreachable,
                upstream: upstream(None, None, "could not connect"),
                retry_after_ms: None,
            },
            Answer::Error { status, code, message, retry_after_s } => {
                let mut headers = HeaderMap::new();
                if let Some(seconds) = retry_after_s {
                    headers.insert("retry-after", HeaderValue::from(*seconds));
                }
                let body = match code {
                    Some(code) => json!({"code": code, "message": message}).to_string(),
                    None => "<html>edge</html>".to_owned(),
                };
                let (status, headers, body) = (*status, &headers, Some(body.as_bytes()));
                CreateAnswer { status, headers, body, request, token, now: Moment(self.kernel.now()) }.read()
            }
        }
    }

    fn delete(&self, id: &str) {
        self.kernel.note(|| format!("Pinterest deletes {id}"));
        let state = &mut *self.state();
        for pins in state.boards.values_mut() {
            if let Some(at) = pins.iter().position(|pin| pin.id == id) {
                state.deleted.push(pins.remove(at));
            }
        }
    }
}

#[async_trait]
impl Pinterest for Provider {
    async fn create_pin(&self, token: &Secret, request: &PinRequest) -> Creation {
        const CALL: &str = "pinterest.create_pin";
        self.gate.enter_provider(CALL).await;
        let now = self.kernel.now();
        (self.witness)(request, now);
        self.maybe_refuse(token, self.faults().outlives_refresh);
        let is_refused_again = self.is_refused(token, false);
        let faults = {
            let mut state = self.state();
            let account = request.account.to_string();
            let (owner, content) = (request.idempotency_key.clone(), oracle::content(request));
            let arrives_at = now + travels_ms(state.posts.len());
            state.posts.push(Post { owner, account, at: now, arrives_at, content, is_refused_again });
            state.faults.clone()
        };
        self.maybe_revoke(token, faults.revoked);
        let is_stray = self.kernel.chance(faults.stray_401);
        let is_honoured = !is_refused_again && !is_stray && self.endpoint.accepts(token);
        let fate = self.fate(&faults, request, is_honoured);
        // A request that Pinterest never got says nothing of the token.
        if !is_honoured || !matches!(fate.answer, Answer::Unsent) {
            self.count_refusal(request.idempotency_key.clone(), !is_honoured);
        }
        if let Some(account) = self.account_name(token)
            && (!is_honoured || matches!(fate.answer, Answer::Created))
        {
            self.count_refusal(account, !is_honoured);
        }
        self.kernel.note(|| format!("POST {} of {}", fate.answers_after_ms, request.idempotency_key));
        // The request has been sent, so it takes effect even if the caller dies.
        let id = fate.commits_after_ms.map(|after_ms| self.commit(request, now + after_ms));
        self.kernel.sleep(fate.answers_after_ms).await;
        self.gate.leave_provider(CALL).await;
        self.creation(request, token, &fate, id)
    }

    async fn board_pins(
        &self,
        token: &Secret,
        board_id: &str,
        bookmark: Option<&str>,
    ) -> Result<BoardPage, ReadFailure> {
        const CALL: &str = "pinterest.board_pins";
        self.gate.enter_provider(CALL).await;
        self.kernel.sleep(self.kernel.draw(|rng| rng.i64(50..800))).await;
        let faults = self.state().faults.clone();
        self.maybe_revoke(token, faults.revoked);
        let is_stray = self.kernel.chance(faults.stray_401);
        let is_honoured = !self.is_refused(token, true) && !is_stray && self.endpoint.accepts(token);
        if let Some(account) = self.account_name(token).filter(|_| !is_honoured) {
            self.count_refusal(account, true);
        }
        let refused = |status, code, message: &str| ReadFailure {
            failure: error_codes::of_read(status, code, &Words::of(message, &[])),
            upstream: Upstream { status: Some(status), message: Some(message.to_owned()), ..Upstream::default() },
            retry_after_ms: None,
        };
        let answer = if !is_honoured {
            Err(refused(401, Some(2), "Authentication failed."))
        } else if self.kernel.chance(faults.list_error) {
            let (status, code) = self.kernel.draw(|rng| if rng.bool() { (503, None) } else { (429, Some(8)) });
            let retry_after_ms = self.hint_ms().filter(|_| status == 429);
            Err(ReadFailure { retry_after_ms, ..refused(status, code, "slow down") })
        } else {
            Ok(self.page(board_id, bookmark.and_then(|mark| mark.parse().ok()).unwrap_or(0)))
        };
        self.gate.leave_provider(CALL).await;
        answer
    }

    async fn delete_pin(&self, token: &Secret, pinterest_pin_id: &str) -> Result<(), ReadFailure> {
        const CALL: &str = "pinterest.delete_pin";
        self.gate.enter_provider(CALL).await;
        self.kernel.sleep(self.kernel.draw(|rng| rng.i64(50..800))).await;
        let is_honoured = self.endpoint.accepts(token);
        if let Some(account) = self.account_name(token) {
            self.sends(account);
        }
        let list_error = self.state().faults.list_error;
        let refused = |failure| ReadFailure { failure, upstream: Upstream::default(), retry_after_ms: None };
        let answer = if !is_honoured {
            Err(refused(Failure::TokenRevoked))
        } else if self.kernel.chance(list_error) {
            Err(refused(Failure::PinterestUnreachable))
        } else {
            self.delete(pinterest_pin_id);
            Ok(())
        };
        self.gate.leave_provider(CALL).await;
        answer
    }

    async fn user(&self, token: &Secret) -> Result<PinterestUser, ReadFailure> {
        const CALL: &str = "pinterest.user";
        self.gate.enter_provider(CALL).await;
        self.kernel.sleep(self.kernel.draw(|rng| rng.i64(50..800))).await;
        let list_error = self.state().faults.list_error;
        let refused = |failure| ReadFailure { failure, upstream: Upstream::default(), retry_after_ms: None };
        let answer = match self.endpoint.of(token).filter(|_| self.endpoint.accepts(token)) {
            _ if self.kernel.chance(list_error) => Err(refused(Failure::PinterestUnreachable)),
            Some((_, user)) => Ok(PinterestUser { id: user.to_string(), username: None, business_name: None }),
            None => Err(refused(Failure::TokenRevoked)),
        };
        self.gate.leave_provider(CALL).await;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_half_open_and_begins_anywhere() {
        assert_eq!(most_in_a_window(vec![]), 0);
        assert_eq!(most_in_a_window(vec![60_000, 0, 59_999]), 2);
        assert_eq!(most_in_a_window(vec![0, 1, 60_000, 60_000, 60_000]), 4);
    }

    #[test]
    fn some_calls_are_under_way_for_nearly_ten_seconds() {
        let longest = (0..1_000).map(travels_ms).max().expect("some");
        assert!((9_900..=ARRIVES_WITHIN_MS).contains(&longest), "{longest}");
    }
}
