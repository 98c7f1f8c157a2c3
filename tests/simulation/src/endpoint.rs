//! Pinterest's token endpoint at its worst, which knows every token it ever issued and which requests are under way.

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
/// As the adapter's client waits.
const CLIENT_TIMEOUT_MS: i64 = 6 * SECOND_MS;
/// How late after the client gave up a refresh may still take effect: what the deadlines assume.
const LATENESS_MS: i64 = 60 * SECOND_MS;
/// So long after it arrived, a request can't take effect any more.
pub const IN_FLIGHT_MAX_MS: i64 = CLIENT_TIMEOUT_MS + LATENESS_MS;

/// What becomes of the old refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// It dies at once.
    #[default]
    Kills,
    /// It and the access tokens of before die at once.
    KillsAll,
    /// It works on to its end.
    Spares,
    /// There is no new one.
    Keeps,
}

/// Hours in which the endpoint answers everybody alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spell {
    AppRefused,
    RateLimited,
    Down,
    /// Good refresh tokens are called bad.
    Mistaken,
}

/// What goes wrong at the endpoint, per request unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GrantWeather {
    pub unsent: f64,
    pub lost_before_commit: f64,
    pub lost_after_commit: f64,
    pub late_commit: f64,
    pub server_error: f64,
    pub server_error_after_commit: f64,
    pub rate_limited: f64,
    pub mistaken: f64,
    pub rotation: Rotation,
    /// A new grant ends the older ones of its user.
    pub one_grant_each: bool,
    /// From, to and what.
    pub spells: Vec<(i64, i64, Spell)>,
}

/// How harsh one kind of trouble is in a world: often absent, sometimes severe.
fn draw(rng: &mut Rng, severe: f64) -> f64 {
    match rng.u8(0..10) {
        0..4 => 0.0,
        4..7 => severe / 10.0,
        7..9 => severe / 3.0,
        _ => severe,
    }
}

impl GrantWeather {
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

    /// The same endpoint when everything is mended.
    pub fn healed(&self) -> Self {
        Self { rotation: self.rotation, one_grant_each: self.one_grant_each, ..Self::default() }
    }
}

/// What a person has agreed to.
#[derive(Debug)]
pub struct Grant {
    pub user: usize,
    pub is_revoked: bool,
    /// Its access tokens and their ends.
    access: BTreeMap<String, i64>,
    /// The refresh tokens that still work, and their ends.
    refresh: BTreeMap<String, i64>,
    /// The request that brought the newest refresh token; `None`: the person did.
    brought_by: Option<usize>,
    /// A good refresh token was called bad since tokens were issued last.
    was_wronged: bool,
}

/// A refresh as it arrived.
#[derive(Debug)]
pub struct Asked {
    pub user: usize,
    pub pid: Option<Pid>,
    grant: usize,
    refresh: String,
    /// Until when it may still take effect.
    until: i64,
    answer: Option<Result<Tokens, ()>>,
    /// The tokens reached their process.
    pub is_delivered: bool,
}

/// How requests ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub asked: u64,
    pub granted: u64,
    /// Issued, and the answer never came.
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
    weather: GrantWeather,
    grants: Vec<Grant>,
    /// The grant of every token there ever was.
    of_token: BTreeMap<String, usize>,
    newest: BTreeMap<usize, usize>,
    asked: Vec<Asked>,
    /// By user: requests that may still take effect.
    open: BTreeMap<usize, Vec<usize>>,
    /// Users for whom tokens were issued since this was last asked.
    issued: BTreeSet<usize>,
    serial: u64,
    tally: Tally,
    /// Requests as they arrived: whose, by which process, and when.
    arrived: Vec<(usize, Option<Pid>, i64)>,
    /// Requests that arrived while another one of the same account could still take effect.
    concurrent: Vec<String>,
}

pub struct Endpoint {
    kernel: Arc<Kernel>,
    gate: Arc<SimGate>,
    state: Mutex<State>,
}

/// What the client hears of a request that may have been granted.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    Silence,
    NotNow(Option<i64>),
    AppRefused,
    Mistaken,
}

impl Endpoint {
    pub fn new(kernel: Arc<Kernel>, gate: Arc<SimGate>, weather: GrantWeather) -> Arc<Self> {
        Arc::new(Self { kernel, gate, state: Mutex::new(State { weather, ..State::default() }) })
    }

    pub fn set_weather(&self, weather: GrantWeather) {
        self.state().weather = weather;
    }

    /// The user agrees: tokens of a new grant.
    pub fn grant(&self, user: usize) -> Tokens {
        let now = self.kernel.now();
        let state = &mut *self.state();
        if state.weather.one_grant_each
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
            was_wronged: false,
        });
        state.issue(number, now, Rotation::Kills, None)
    }

    /// The user agrees, and there is no refresh token.
    pub fn grant_without_refresh(&self, user: usize) -> Tokens {
        let tokens = Tokens { refresh: None, refresh_expires_at: None, ..self.grant(user) };
        let state = &mut *self.state();
        if let Some(newest) = state.newest.get(&user) {
            state.grants[*newest].refresh.clear();
        }
        tokens
    }

    /// Whether the tokens of the user's newest grant could be renewed.
    pub fn can_refresh(&self, user: usize) -> bool {
        let now = self.kernel.now();
        let state = self.state();
        state.newest.get(&user).is_some_and(|newest| state.grants[*newest].is_alive(now))
    }

    /// The user takes it back at Pinterest.
    pub fn revoke(&self, user: usize) {
        let state = &mut *self.state();
        if let Some(newest) = state.newest.get(&user) {
            state.grants[*newest].is_revoked = true;
        }
    }

    /// Pinterest forgets the access tokens of the user's newest grant, and of nothing else.
    pub fn forget_access(&self, user: usize) {
        let state = &mut *self.state();
        if let Some(newest) = state.newest.get(&user) {
            state.grants[*newest].access.values_mut().for_each(|end| *end = 0);
        }
    }

    /// Whether the access token works.
    pub fn accepts(&self, access: &Secret) -> bool {
        let now = self.kernel.now();
        let state = self.state();
        let grant = state.of_token.get(access.expose()).and_then(|number| state.grants.get(*number));
        grant.is_some_and(|grant| grant.accepts(access.expose(), now))
    }

    /// The grant that a token belongs to, and whose.
    pub fn of(&self, token: &Secret) -> Option<(usize, usize)> {
        let state = self.state();
        let number = *state.of_token.get(token.expose())?;
        Some((number, state.grants[number].user))
    }

    pub fn look<T>(&self, number: usize, look: impl FnOnce(&Grant) -> T) -> T {
        look(&self.state().grants[number])
    }

    pub fn newest(&self, user: usize) -> Option<usize> {
        self.state().newest.get(&user).copied()
    }

    pub fn asked<T>(&self, number: usize, look: impl FnOnce(&Asked) -> T) -> T {
        look(&self.state().asked[number])
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

    pub fn tally(&self) -> Tally {
        self.state().tally
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request arrives: when it takes effect, what the client hears, and when.
    fn fate(&self, weather: &GrantWeather, may_be_mistaken: bool) -> (Option<i64>, Fate, i64) {
        let now = self.kernel.now();
        let quick = self.kernel.draw(|rng| rng.i64(80..1_500));
        let hit = |probability| self.kernel.chance(probability);
        let silent_ms = || self.kernel.draw(|rng| if rng.bool() { CLIENT_TIMEOUT_MS } else { rng.i64(1_500..5_000) });
        let hint = || self.kernel.draw(|rng| rng.bool().then(|| rng.i64(5_000..HOUR_MS)));
        let spell = weather.spells.iter().find(|(from, to, _)| (*from..*to).contains(&now)).map(|spell| spell.2);
        match spell {
            Some(Spell::AppRefused) => return (None, Fate::AppRefused, quick),
            Some(Spell::RateLimited) => return (None, Fate::NotNow(hint()), quick),
            Some(Spell::Down) => return (hit(0.02).then_some(quick / 2), Fate::Silence, quick),
            Some(Spell::Mistaken) if may_be_mistaken => return (None, Fate::Mistaken, quick),
            _ => {}
        }
        if hit(weather.lost_before_commit) {
            return (None, Fate::Silence, silent_ms());
        }
        if hit(weather.lost_after_commit) {
            return (Some(quick / 2), Fate::Silence, silent_ms());
        }
        if hit(weather.late_commit) {
            let latest = IN_FLIGHT_MAX_MS;
            let late = self.kernel.draw(|rng| if rng.bool() { rng.i64(0..latest) } else { latest - 1 });
            return (Some(late), Fate::Silence, CLIENT_TIMEOUT_MS);
        }
        if hit(weather.server_error_after_commit) {
            return (Some(quick / 2), Fate::Silence, quick);
        }
        if hit(weather.server_error) {
            return (None, Fate::Silence, quick);
        }
        if hit(weather.rate_limited) {
            return (None, Fate::NotNow(hint()), quick);
        }
        if may_be_mistaken && hit(weather.mistaken) {
            return (None, Fate::Mistaken, quick);
        }
        (Some(quick / 2), Fate::Answered, quick)
    }

    /// Notes a request; answers its number, what the client hears of it and when.
    fn arrive(&self, refresh: &Secret) -> (usize, Fate, i64) {
        let now = self.kernel.now();
        let (weather, grant, may_be_mistaken) = {
            let state = self.state();
            let grant = state.of_token.get(refresh.expose()).copied();
            let grant = grant.unwrap_or_else(|| panic!("a refresh token that was never issued"));
            // Pinterest doesn't err twice of somebody whose access token it refuses too: nobody could tell that from a
            // grant that was taken back.
            // (An access token that a refresh brought may be lost on its way, so only the grant's first ones count.)
            let known = &state.grants[grant];
            let is_issued = |asked: &Asked| asked.grant == grant && matches!(asked.answer, Some(Ok(_)));
            let is_harmless = !known.was_wronged || (known.works(now) && !state.asked.iter().any(is_issued));
            (state.weather.clone(), grant, is_harmless)
        };
        let (commits_after_ms, fate, answers_after_ms) = self.fate(&weather, may_be_mistaken);
        let state = &mut *self.state();
        let number = state.asked.len();
        let user = state.grants[grant].user;
        state.grants[grant].was_wronged |= matches!(fate, Fate::Mistaken);
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
        state.tally.asked += 1;
        state.arrived.push((user, self.kernel.running(), now));
        match (fate, commits_after_ms) {
            (Fate::Silence, Some(after_ms)) if after_ms > answers_after_ms => state.tally.late += 1,
            (Fate::Silence, Some(_)) => state.tally.lost += 1,
            (Fate::Silence, None) => state.tally.unanswered += 1,
            (Fate::NotNow(_), _) => state.tally.not_now += 1,
            (Fate::AppRefused, _) => state.tally.app_refused += 1,
            (Fate::Mistaken, _) => state.tally.mistaken += 1,
            (Fate::Answered, _) => {}
        }
        if let Some(after_ms) = commits_after_ms {
            self.kernel.schedule(now + after_ms, Action::Issue(number));
        }
        self.kernel.note(|| format!("refresh {number} of account {user}, grant {grant}"));
        (number, fate, answers_after_ms)
    }

    /// The request takes effect, if its refresh token still works.
    pub fn issue(&self, number: usize) {
        let now = self.kernel.now();
        let state = &mut *self.state();
        let asked = &state.asked[number];
        let (grant, user) = (asked.grant, asked.user);
        if !state.grants[grant].honours(&asked.refresh, now) {
            state.asked[number].answer = Some(Err(()));
            self.kernel.note(|| format!("refresh {number} finds its token dead"));
            return;
        }
        let tokens = state.issue(grant, now, state.weather.rotation, Some(number));
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
                    state.tally.granted += 1;
                    Ok(tokens)
                }
                _ => {
                    state.tally.refused += 1;
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

    /// Whether all its access tokens that have not come to their end by themselves still work.
    fn works(&self, now: i64) -> bool {
        !self.is_revoked && self.access.values().any(|end| now < *end)
    }

    /// Whether anybody could still refresh it.
    pub fn is_alive(&self, now: i64) -> bool {
        !self.is_revoked && self.refresh.values().any(|end| now < *end)
    }

    /// The request that brought its newest tokens.
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
        let unsent = self.state().weather.unsent;
        if self.kernel.chance(unsent) {
            self.kernel.sleep(self.kernel.draw(|rng| rng.i64(10..3_000))).await;
            self.gate.leave_provider(CALL).await;
            self.state().tally.not_now += 1;
            return Err(GrantFailure::NotNow { upstream: Upstream::default(), retry_after_ms: None });
        }
        let (number, fate, answers_after_ms) = self.arrive(refresh);
        self.kernel.sleep(answers_after_ms).await;
        self.gate.leave_provider(CALL).await;
        self.answer(number, fate)
    }
}

/// Whether the running process is a person's, who tries a token before it is stored.
pub fn is_person(kernel: &Kernel) -> bool {
    kernel.process().is_none_or(|process| process.kind == Kind::Person)
}
