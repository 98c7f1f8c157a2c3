//! Pinterest's token endpoint with faults. It records every token that it issued and which requests may still take
//! effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use fastrand::Rng;
use pinbridge_shared::domain::account::PUBLISHING_SCOPES;
use pinbridge_shared::domain::pin::attempt::Upstream;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, Moment, SECOND_MS};
use pinbridge_shared::ports::{GrantFailure, OAuth, Tokens};

use crate::gate::SimGate;
use crate::kernel::{Action, Kernel, Kind, Pid};

pub const ACCESS_LIFE_MS: i64 = 30 * DAY_MS;
const REFRESH_LIFE_MS: i64 = 60 * DAY_MS;
/// As in the adapter.
const CLIENT_TIMEOUT_MS: i64 = 6 * SECOND_MS;
/// How long after the client gave up a refresh may still take effect, as the deadlines assume.
const LATENESS_MS: i64 = 60 * SECOND_MS;
/// How long after its arrival a request may take effect, at most.
pub const IN_FLIGHT_MAX_MS: i64 = CLIENT_TIMEOUT_MS + LATENESS_MS;

/// What a refresh does to the old tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Revokes the old refresh token at once.
    #[default]
    Kills,
    /// Revokes the old refresh token and the old access tokens at once.
    KillsAll,
    /// The old refresh token stays valid until it expires.
    Spares,
    /// There is no new refresh token.
    Keeps,
}

/// A fault that affects every request for some minutes or hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spell {
    AppRefused,
    RateLimited,
    Down,
    /// Valid refresh tokens are refused.
    Mistaken,
}

/// The fault profile of the endpoint: probabilities per request unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GrantFaults {
    pub unsent: f64,
    pub lost_before_commit: f64,
    pub lost_after_commit: f64,
    pub late_commit: f64,
    pub server_error: f64,
    pub server_error_after_commit: f64,
    pub rate_limited: f64,
    pub mistaken: f64,
    pub rotation: Rotation,
    /// A new grant revokes the older ones of its user.
    pub one_grant_each: bool,
    /// Start, end and kind.
    pub spells: Vec<(i64, i64, Spell)>,
}

/// The probability of one kind of fault in a world: often zero, sometimes `severe`.
fn draw(rng: &mut Rng, severe: f64) -> f64 {
    match rng.u8(0..10) {
        0..4 => 0.0,
        4..7 => severe / 10.0,
        7..9 => severe / 3.0,
        _ => severe,
    }
}

impl GrantFaults {
    pub fn harsh(rng: &mut Rng) -> Self {
        Self {
            unsent: draw(rng, 0.1),
            lost_before_commit: draw(rng, 0.1),
            lost_after_commit: draw(rng, 0.05),
            late_commit: draw(rng, 0.1),
            server_error: draw(rng, 0.2),
            server_error_after_commit: draw(rng, 0.05),
            rate_limited: draw(rng, 0.1),
            mistaken: draw(rng, 0.05),
            rotation: [Rotation::Kills, Rotation::Kills, Rotation::KillsAll, Rotation::Spares, Rotation::Keeps]
                [rng.usize(0..5)],
            one_grant_each: rng.u8(0..4) > 0,
            spells: Vec::new(),
        }
    }

    /// The same endpoint after its faults have ended.
    pub fn healed(&self) -> Self {
        Self { rotation: self.rotation, one_grant_each: self.one_grant_each, ..Self::default() }
    }
}

/// An authorization by a user.
#[derive(Debug)]
pub struct Grant {
    pub user: usize,
    pub is_revoked: bool,
    /// Its access tokens and when they expire.
    access: BTreeMap<String, i64>,
    /// The valid refresh tokens and when they expire.
    refresh: BTreeMap<String, i64>,
    /// The request that issued the newest refresh token; `None`: it was issued by the authorization itself.
    brought_by: Option<usize>,
    /// A valid refresh token was refused by mistake.
    was_refused_by_mistake: bool,
}

/// A refresh request that arrived.
#[derive(Debug)]
pub struct Asked {
    pub user: usize,
    pub pid: Option<Pid>,
    grant: usize,
    refresh: String,
    /// When it takes effect at the latest.
    until: i64,
    answer: Option<Result<Tokens, ()>>,
    /// The tokens reached the process.
    pub is_delivered: bool,
}

/// Counts of requests by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub asked: u64,
    pub granted: u64,
    /// Tokens were issued and the answer was lost.
    pub lost: u64,
    pub late: u64,
    pub unanswered: u64,
    pub not_now: u64,
    pub app_refused: u64,
    pub refused: u64,
    pub mistaken: u64,
}

#[derive(Default)]
struct State {
    faults: GrantFaults,
    grants: Vec<Grant>,
    /// The grant of every token that was ever issued.
    of_token: BTreeMap<String, usize>,
    newest: BTreeMap<usize, usize>,
    asked: Vec<Asked>,
    /// Requests that may still take effect, by user.
    open: BTreeMap<usize, Vec<usize>>,
    /// Users for whom tokens were issued since the last [`Endpoint::take_issued`].
    issued: BTreeSet<usize>,
    serial: u64,
    counts: Counts,
    /// Arrived requests: the user, the process and the time.
    arrived: Vec<(usize, Option<Pid>, i64)>,
    /// Requests that arrived while another one of the same account could still take effect.
    concurrent: Vec<String>,
}

pub struct Endpoint {
    kernel: Arc<Kernel>,
    gate: Arc<SimGate>,
    state: Mutex<State>,
}

/// The answer to a request, whether or not tokens were issued.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    Silence,
    NotNow(Option<i64>),
    AppRefused,
    Mistaken,
}

impl Endpoint {
    pub fn new(kernel: Arc<Kernel>, gate: Arc<SimGate>, faults: GrantFaults) -> Arc<Self> {
        Arc::new(Self { kernel, gate, state: Mutex::new(State { faults, ..State::default() }) })
    }

    pub fn set_faults(&self, faults: GrantFaults) {
        self.state().faults = faults;
    }

    /// The user authorizes the app: returns the tokens of a new grant.
    pub fn grant(&self, user: usize) -> Tokens {
        let now = self.kernel.now();
        let state = &mut *self.state();
        if state.faults.one_grant_each
            && let Some(old) = state.newest.get(&user)
        {
            state.grants[*old].is_revoked = true;
        }
        let number = state.grants.len();
        state.newest.insert(user, number);
        state.grants.push(Grant {
            user,
            is_revoked: false,
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            brought_by: None,
            was_refused_by_mistake: false,
        });
        state.issue(number, now, Rotation::Kills, None)
    }

    /// The user authorizes the app, without a refresh token.
    pub fn grant_without_refresh(&self, user: usize) -> Tokens {
        let tokens = Tokens { refresh: None, refresh_expires_at: None, ..self.grant(user) };
        let state = &mut *self.state();
        if let Some(newest) = state.newest.get(&user) {
            state.grants[*newest].refresh.clear();
        }
        tokens
    }

    /// Whether the tokens of the user's newest grant can be refreshed.
    pub fn can_refresh(&self, user: usize) -> bool {
        let now = self.kernel.now();
        let state = self.state();
        state.newest.get(&user).is_some_and(|newest| state.grants[*newest].is_alive(now))
    }

    /// The user revokes the grant at Pinterest.
    pub fn revoke(&self, user: usize) {
        let state = &mut *self.state();
        if let Some(newest) = state.newest.get(&user) {
            state.grants[*newest].is_revoked = true;
        }
    }

    /// Pinterest invalidates the access tokens of the user's newest grant, and nothing else.
    pub fn forget_access(&self, user: usize) {
        let state = &mut *self.state();
        if let Some(newest) = state.newest.get(&user) {
            state.grants[*newest].access.values_mut().for_each(|end| *end = 0);
        }
    }

    /// Whether the access token is valid.
    pub fn accepts(&self, access: &Secret) -> bool {
        let now = self.kernel.now();
        let state = self.state();
        let grant = state.of_token.get(access.expose()).and_then(|number| state.grants.get(*number));
        grant.is_some_and(|grant| grant.accepts(access.expose(), now))
    }

    /// The grant of a token, and its user.
    pub fn of(&self, token: &Secret) -> Option<(usize, usize)> {
        let state = self.state();
        let number = *state.of_token.get(token.expose())?;
        Some((number, state.grants[number].user))
    }

    pub fn with_grant<T>(&self, number: usize, read: impl FnOnce(&Grant) -> T) -> T {
        read(&self.state().grants[number])
    }

    pub fn newest(&self, user: usize) -> Option<usize> {
        self.state().newest.get(&user).copied()
    }

    pub fn with_request<T>(&self, number: usize, read: impl FnOnce(&Asked) -> T) -> T {
        read(&self.state().asked[number])
    }

    /// Whether a request for that user may still take effect.
    pub fn is_asked(&self, user: usize) -> bool {
        let now = self.kernel.now();
        let state = self.state();
        state.open.get(&user).is_some_and(|open| open.iter().any(|number| state.asked[*number].until > now))
    }

    pub fn take_issued(&self) -> BTreeSet<usize> {
        std::mem::take(&mut self.state().issued)
    }

    pub fn take_arrived(&self) -> Vec<(usize, Option<Pid>, i64)> {
        std::mem::take(&mut self.state().arrived)
    }

    pub fn take_concurrent(&self) -> Vec<String> {
        std::mem::take(&mut self.state().concurrent)
    }

    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides when an arriving request takes effect, what its answer is, and when the answer arrives.
    fn fate(&self, faults: &GrantFaults, may_be_mistaken: bool) -> (Option<i64>, Fate, i64) {
        let now = self.kernel.now();
        let quick = self.kernel.draw(|rng| rng.i64(80..1_500));
        let hit = |probability| self.kernel.chance(probability);
        let silent_ms = || self.kernel.draw(|rng| if rng.bool() { CLIENT_TIMEOUT_MS } else { rng.i64(1_500..5_000) });
        let hint = || self.kernel.draw(|rng| rng.bool().then(|| rng.i64(5_000..HOUR_MS)));
        let spell = faults.spells.iter().find(|(from, to, _)| (*from..*to).contains(&now)).map(|spell| spell.2);
        match spell {
            Some(Spell::AppRefused) => return (None, Fate::AppRefused, quick),
            Some(Spell::RateLimited) => return (None, Fate::NotNow(hint()), quick),
            Some(Spell::Down) => return (hit(0.02).then_some(quick / 2), Fate::Silence, quick),
            Some(Spell::Mistaken) if may_be_mistaken => return (None, Fate::Mistaken, quick),
            _ => {}
        }
        if hit(faults.lost_before_commit) {
            return (None, Fate::Silence, silent_ms());
        }
        if hit(faults.lost_after_commit) {
            return (Some(quick / 2), Fate::Silence, silent_ms());
        }
        if hit(faults.late_commit) {
            let latest = IN_FLIGHT_MAX_MS;
            let late = self.kernel.draw(|rng| if rng.bool() { rng.i64(0..latest) } else { latest - 1 });
            return (Some(late), Fate::Silence, CLIENT_TIMEOUT_MS);
        }
        if hit(faults.server_error_after_commit) {
            return (Some(quick / 2), Fate::Silence, quick);
        }
        if hit(faults.server_error) {
            return (None, Fate::Silence, quick);
        }
        if hit(faults.rate_limited) {
            return (None, Fate::NotNow(hint()), quick);
        }
        if may_be_mistaken && hit(faults.mistaken) {
            return (None, Fate::Mistaken, quick);
        }
        (Some(quick / 2), Fate::Answered, quick)
    }

    /// Records a request; returns its number, its answer and when the answer arrives.
    fn arrive(&self, refresh: &Secret) -> (usize, Fate, i64) {
        let now = self.kernel.now();
        let (faults, grant, may_be_mistaken) = {
            let state = self.state();
            let grant = state.of_token.get(refresh.expose()).copied();
            let grant = grant.unwrap_or_else(|| panic!("the refresh token was never issued"));
            // Pinterest never refuses a valid refresh token twice if it also refuses the access token: that could not
            // be told apart from a revoked grant. (An access token that a refresh issued may be lost on its way, so
            // only the grant's first access tokens count.)
            let known = &state.grants[grant];
            let is_issued = |asked: &Asked| asked.grant == grant && matches!(asked.answer, Some(Ok(_)));
            let is_distinguishable =
                !known.was_refused_by_mistake || (known.works(now) && !state.asked.iter().any(is_issued));
            (state.faults.clone(), grant, is_distinguishable)
        };
        let (commits_after_ms, fate, answers_after_ms) = self.fate(&faults, may_be_mistaken);
        let state = &mut *self.state();
        let number = state.asked.len();
        let user = state.grants[grant].user;
        state.grants[grant].was_refused_by_mistake |= matches!(fate, Fate::Mistaken);
        let until = now + commits_after_ms.unwrap_or(answers_after_ms / 2);
        let open = state.open.entry(user).or_default();
        let asked = &state.asked;
        open.retain(|other| asked[*other].until > now);
        if let Some(other) = open.first() {
            let other = &state.asked[*other];
            state.concurrent.push(format!(
                "account {user}: asked by {:?} while {:?}'s may take effect until {}",
                self.kernel.running(),
                other.pid,
                other.until
            ));
        }
        open.push(number);
        state.asked.push(Asked {
            user,
            pid: self.kernel.running(),
            grant,
            refresh: refresh.expose().to_owned(),
            until,
            answer: None,
            is_delivered: false,
        });
        state.counts.asked += 1;
        state.arrived.push((user, self.kernel.running(), now));
        match (fate, commits_after_ms) {
            (Fate::Silence, Some(after_ms)) if after_ms > answers_after_ms => state.counts.late += 1,
            (Fate::Silence, Some(_)) => state.counts.lost += 1,
            (Fate::Silence, None) => state.counts.unanswered += 1,
            (Fate::NotNow(_), _) => state.counts.not_now += 1,
            (Fate::AppRefused, _) => state.counts.app_refused += 1,
            (Fate::Mistaken, _) => state.counts.mistaken += 1,
            (Fate::Answered, _) => {}
        }
        if let Some(after_ms) = commits_after_ms {
            self.kernel.schedule(now + after_ms, Action::Issue(number));
        }
        self.kernel.note(|| format!("refresh {number} of account {user}, grant {grant}"));
        (number, fate, answers_after_ms)
    }

    /// The request takes effect, if its refresh token is still valid.
    pub fn issue(&self, number: usize) {
        let now = self.kernel.now();
        let state = &mut *self.state();
        let asked = &state.asked[number];
        let (grant, user) = (asked.grant, asked.user);
        if !state.grants[grant].honours(&asked.refresh, now) {
            state.asked[number].answer = Some(Err(()));
            self.kernel.note(|| format!("refresh {number}: its token is not valid any more"));
            return;
        }
        let tokens = state.issue(grant, now, state.faults.rotation, Some(number));
        self.kernel.note(|| format!("refresh {number} issues {}", tokens.access.expose()));
        state.issued.insert(user);
        state.asked[number].answer = Some(Ok(tokens));
    }

    fn answer(&self, number: usize, fate: Fate) -> Result<Tokens, GrantFailure> {
        let nothing = Upstream::default;
        let state = &mut *self.state();
        match fate {
            Fate::Silence => Err(GrantFailure::Unknown(nothing())),
            Fate::NotNow(retry_after_ms) => Err(GrantFailure::NotNow { upstream: nothing(), retry_after_ms }),
            Fate::AppRefused => Err(GrantFailure::AppRefused(nothing())),
            Fate::Mistaken => Err(GrantFailure::Refused(nothing())),
            Fate::Answered => match state.asked[number].answer.clone() {
                Some(Ok(tokens)) => {
                    state.asked[number].is_delivered = true;
                    state.counts.granted += 1;
                    Ok(tokens)
                }
                _ => {
                    state.counts.refused += 1;
                    Err(GrantFailure::Refused(nothing()))
                }
            },
        }
    }
}

impl State {
    fn issue(&mut self, number: usize, now: i64, rotation: Rotation, brought_by: Option<usize>) -> Tokens {
        self.serial += 1;
        let grant = &mut self.grants[number];
        let name = format!("{}_{number}_{}", grant.user, self.serial);
        let access = format!("pina_{name}");
        let kept = grant.refresh.keys().next_back().cloned().filter(|_| rotation == Rotation::Keeps);
        let refresh = kept.unwrap_or_else(|| format!("pinr_{name}"));
        match rotation {
            Rotation::Kills => grant.refresh.clear(),
            Rotation::KillsAll => {
                grant.refresh.clear();
                grant.access.values_mut().for_each(|end| *end = now);
            }
            Rotation::Spares | Rotation::Keeps => {}
        }
        grant.access.insert(access.clone(), now + ACCESS_LIFE_MS);
        grant.refresh.insert(refresh.clone(), now + REFRESH_LIFE_MS);
        grant.brought_by = brought_by;
        self.of_token.insert(access.clone(), number);
        self.of_token.insert(refresh.clone(), number);
        Tokens {
            access_expires_at: Some(Moment(now + ACCESS_LIFE_MS)),
            refresh_expires_at: Some(Moment(now + REFRESH_LIFE_MS)),
            scopes: Some(PUBLISHING_SCOPES.join(",")),
            ..Tokens::bare(access, Some(refresh))
        }
    }
}

impl Grant {
    pub fn accepts(&self, access: &str, now: i64) -> bool {
        !self.is_revoked && self.access.get(access).is_some_and(|end| now < *end)
    }

    pub fn honours(&self, refresh: &str, now: i64) -> bool {
        !self.is_revoked && self.refresh.get(refresh).is_some_and(|end| now < *end)
    }

    /// Whether it has a valid access token.
    fn works(&self, now: i64) -> bool {
        !self.is_revoked && self.access.values().any(|end| now < *end)
    }

    /// Whether it has a valid refresh token.
    pub fn is_alive(&self, now: i64) -> bool {
        !self.is_revoked && self.refresh.values().any(|end| now < *end)
    }

    /// The request that issued its newest tokens.
    pub fn brought_by(&self) -> Option<usize> {
        self.brought_by
    }
}

#[async_trait]
impl OAuth for Endpoint {
    fn is_configured(&self) -> bool {
        true
    }

    fn authorization_url(&self, _: &str) -> Option<String> {
        None
    }

    async fn exchange(&self, _: &Secret) -> Result<Tokens, GrantFailure> {
        Err(GrantFailure::Refused(Upstream::default()))
    }

    async fn refresh(&self, refresh: &Secret) -> Result<Tokens, GrantFailure> {
        const CALL: &str = "oauth.refresh";
        self.gate.enter_provider(CALL).await;
        let unsent = self.state().faults.unsent;
        if self.kernel.chance(unsent) {
            self.kernel.sleep(self.kernel.draw(|rng| rng.i64(10..3_000))).await;
            self.gate.leave_provider(CALL).await;
            self.state().counts.not_now += 1;
            return Err(GrantFailure::NotNow { upstream: Upstream::default(), retry_after_ms: None });
        }
        let (number, fate, answers_after_ms) = self.arrive(refresh);
        self.kernel.sleep(answers_after_ms).await;
        self.gate.leave_provider(CALL).await;
        self.answer(number, fate)
    }
}

/// Whether the running process connects or disconnects an account. Connecting uses a token before it is stored.
pub fn is_person(kernel: &Kernel) -> bool {
    kernel.process().is_none_or(|process| process.kind == Kind::Person)
}
