//! Pinterest in memory: answers as scripted, and lists the Pins that it has committed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use reqwest::header::HeaderMap;

use super::fake_oauth::FakeOAuth;
use super::gate::{Gate, around};
use crate::adapters::pinterest::creation::CreateAnswer;
use crate::domain::pin::PinRequest;
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::reconcile::matching::BoardPin;
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::{BoardPage, Creation, Pinterest, PinterestUser, PortError, ReadFailure, System};

/// The number of Pins on a page of Pinterest's lists.
const PAGE_SIZE: usize = 250;

/// The scripted answer to a create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Created,
    /// Created, and nothing is left of the rate limit for this many milliseconds.
    CreatedAsLast(i64),
    /// Certainly not created, with Pinterest's hint of how long to wait, in milliseconds.
    Refused(Failure, Option<i64>),
    /// As [`Refused`](Self::Refused), in Pinterest's words.
    Worded(Refusal),
    /// This status and body, which no Pin is created with.
    Http(u16, &'static str),
    /// The answer is lost; the Pin is created this many milliseconds later, or never.
    Lost {
        commits_after_ms: Option<i64>,
    },
}

/// A refusal as Pinterest puts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    pub retry_after_ms: Option<i64>,
    pub status: u16,
    pub code: i64,
    pub words: &'static str,
}

impl Answer {
    pub const LOST_WITH_COMMIT: Self = Self::Lost { commits_after_ms: Some(0) };
    pub const LOST_WITHOUT_COMMIT: Self = Self::Lost { commits_after_ms: None };
}

/// A create as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub at: Moment,
    pub request: PinRequest,
    pub token: Secret,
    pub answer: Answer,
}

#[derive(Default)]
struct State {
    by_title: BTreeMap<String, VecDeque<Answer>>,
    next: VecDeque<Answer>,
    list_failures: VecDeque<Failure>,
    deletion_failures: VecDeque<Failure>,
    deleted: Vec<String>,
    /// Hints of the coming lists that are answered 429.
    list_limits: VecDeque<i64>,
    missing_boards: BTreeSet<String>,
    /// Every create and list is refused for this.
    refuses: Option<Failure>,
    calls: Vec<Call>,
    list_reads: Vec<Moment>,
    /// Board and Pin, in the order of creation.
    pins: Vec<(String, BoardPin)>,
    rewrite: Option<fn(&mut BoardPin)>,
}

pub struct FakePinterest {
    system: Arc<dyn System>,
    gate: Arc<dyn Gate>,
    /// Decides which of its own access tokens are still valid; all other tokens are.
    oauth: Option<Arc<FakeOAuth>>,
    state: Mutex<State>,
}

impl FakePinterest {
    pub fn new(system: Arc<dyn System>, gate: Arc<dyn Gate>) -> Self {
        Self { system, gate, oauth: None, state: Mutex::default() }
    }

    /// Accepts an access token of that endpoint only while the endpoint does.
    #[must_use]
    pub fn with_oauth(self, oauth: Arc<FakeOAuth>) -> Self {
        Self { oauth: Some(oauth), ..self }
    }

    fn check(&self, token: &Secret) -> Result<(), ReadFailure> {
        match self.oauth.as_ref().and_then(|oauth| oauth.accepts(token)) {
            Some((_, false)) => Err(refused(Failure::TokenRevoked)),
            Some((_, true)) | None => Ok(()),
        }
    }

    /// Scripts the coming answers for Pins with this title. Creates without a scripted answer succeed.
    pub fn answer(&self, title: &str, answers: impl IntoIterator<Item = Answer>) {
        self.state().by_title.entry(title.to_owned()).or_default().extend(answers);
    }

    /// Scripts the coming answers for any title.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().next.extend(answers);
    }

    /// Forgets the answers that are scripted for any title and were not given yet.
    pub fn forget_answers(&self) {
        self.state().next.clear();
    }

    /// Refuses every create and list for that failure, whatever the token, until it is called with `None`. The scripted
    /// answers wait.
    pub fn refuse(&self, failure: Option<Failure>) {
        self.state().refuses = failure;
    }

    /// Makes the coming lists fail with these failures.
    pub fn fail_lists(&self, failures: impl IntoIterator<Item = Failure>) {
        self.state().list_failures.extend(failures);
    }

    /// Makes the next list answer 429 with that hint.
    pub fn limit_lists(&self, retry_after_ms: i64) {
        self.state().list_limits.push_back(retry_after_ms);
    }

    /// Makes the coming deletions fail with these failures.
    pub fn fail_deletions(&self, failures: impl IntoIterator<Item = Failure>) {
        self.state().deletion_failures.extend(failures);
    }

    /// Lists show Pins as this function leaves them.
    pub fn rewrite_lists(&self, rewrite: fn(&mut BoardPin)) {
        self.state().rewrite = Some(rewrite);
    }

    /// The ids of the Pins whose deletion was requested, in order.
    pub fn deletions(&self) -> Vec<String> {
        self.state().deleted.clone()
    }

    pub fn remove_board(&self, board_id: &str) {
        self.state().missing_boards.insert(board_id.to_owned());
    }

    /// Adds a Pin that a person created on Pinterest, unknown to pinbridge.
    pub fn add_stranger(&self, board_id: &str, title: &str) {
        let pin = BoardPin {
            id: format!("stranger-{title}"),
            created_at: Some(self.system.now()),
            title: Some(title.to_owned()),
            description: Some("Created by a person.".into()),
            link: None,
        };
        self.state().pins.push((board_id.to_owned(), pin));
    }

    /// Adds a Pin that a person created on Pinterest, with exactly the content of `request`.
    pub fn add_lookalike(&self, request: &PinRequest) {
        let now = self.system.now();
        self.state().commit(request, now);
    }

    /// Every create, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// When boards were listed.
    pub fn list_reads(&self) -> Vec<Moment> {
        self.state().list_reads.clone()
    }

    /// The Pins that exist now, without those of [`add_stranger`](Self::add_stranger).
    pub fn pins(&self) -> Vec<BoardPin> {
        let now = self.system.now();
        let state = self.state();
        let ours = state.pins.iter().filter(|(_, pin)| exists(pin, now) && !pin.id.starts_with("stranger"));
        ours.map(|(_, pin)| pin.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn exists(pin: &BoardPin, now: Moment) -> bool {
    pin.created_at.is_none_or(|at| at <= now)
}

impl State {
    fn next_answer(&mut self, title: &str) -> Answer {
        let scripted = self.by_title.get_mut(title).and_then(VecDeque::pop_front);
        scripted.or_else(|| self.next.pop_front()).unwrap_or(Answer::Created)
    }

    /// Creates the Pin; Pinterest's times are whole seconds.
    fn commit(&mut self, request: &PinRequest, at: Moment) -> String {
        let id = format!("{}", 900_000_000_000_000_000_u64 + self.pins.len() as u64 + self.deleted.len() as u64);
        let pin = BoardPin {
            id: id.clone(),
            created_at: Some(Moment(at.0.div_euclid(SECOND_MS) * SECOND_MS)),
            title: Some(request.title.clone()),
            description: request.description.clone(),
            link: request.link_url.clone(),
        };
        self.pins.push((request.board_id.clone(), pin));
        id
    }

    fn create(&mut self, token: &Secret, request: &PinRequest, now: Moment) -> Creation {
        let answer = match self.refuses {
            Some(failure) => Answer::Refused(failure, None),
            None => self.next_answer(&request.title),
        };
        self.calls.push(Call { at: now, request: request.clone(), token: token.clone(), answer: answer.clone() });
        let request_id = Some(format!("req-{}", self.calls.len()));
        let upstream = |status, message: Option<&str>| Upstream {
            status,
            code: None,
            request_id: request_id.clone(),
            message: message.map(str::to_owned),
            transport_error: None,
        };
        match answer {
            Answer::Created | Answer::CreatedAsLast(_) => {
                let pinterest_pin_id = self.commit(request, now);
                let nothing_left_for_ms = if let Answer::CreatedAsLast(ms) = answer { Some(ms) } else { None };
                Creation::Created { pinterest_pin_id, upstream: upstream(Some(201), None), nothing_left_for_ms }
            }
            Answer::Refused(failure, retry_after_ms) => {
                Creation::Refused { failure, upstream: upstream(Some(400), Some("refused")), retry_after_ms }
            }
            Answer::Worded(Refusal { failure, retry_after_ms, status, code, words }) => {
                let upstream = Upstream { code: Some(code), ..upstream(Some(status), Some(words)) };
                Creation::Refused { failure, upstream, retry_after_ms }
            }
            Answer::Http(status, body) => {
                let (headers, body) = (&HeaderMap::new(), Some(body.as_bytes()));
                CreateAnswer { status, headers, body, request, token, now }.read()
            }
            Answer::Lost { commits_after_ms } => {
                if let Some(ms) = commits_after_ms {
                    self.commit(request, now.plus_ms(ms));
                }
                Creation::lost(Upstream { transport_error: Some("timed out"), ..upstream(None, None) })
            }
        }
    }

    fn delete(&mut self, id: &str) -> Result<(), ReadFailure> {
        self.deleted.push(id.to_owned());
        match self.deletion_failures.pop_front() {
            Some(failure) => Err(refused(failure)),
            None => {
                self.pins.retain(|(_, pin)| pin.id != id);
                Ok(())
            }
        }
    }

    fn board_page(&mut self, board_id: &str, skip: usize, now: Moment) -> Result<BoardPage, ReadFailure> {
        self.list_reads.push(now);
        if let Some(retry_after_ms) = self.list_limits.pop_front() {
            return Err(ReadFailure { retry_after_ms: Some(retry_after_ms), ..refused(Failure::RateLimited) });
        }
        let missing = self.missing_boards.contains(board_id).then_some(Failure::BoardNotFound);
        if let Some(failure) = self.refuses.or_else(|| self.list_failures.pop_front()).or(missing) {
            return Err(refused(failure));
        }
        // A late commit appears in its place once it exists, so the list is sorted anew each time, newest first.
        let mut pins: Vec<BoardPin> = self
            .pins
            .iter()
            .filter(|(board, pin)| board == board_id && exists(pin, now))
            .map(|(_, p)| p.clone())
            .collect();
        pins.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        if let Some(rewrite) = self.rewrite {
            pins.iter_mut().for_each(rewrite);
        }
        let next = (pins.len() > skip + PAGE_SIZE).then(|| (skip + PAGE_SIZE).to_string());
        Ok(BoardPage { pins: pins.into_iter().skip(skip).take(PAGE_SIZE).collect(), next })
    }
}

fn refused(failure: Failure) -> ReadFailure {
    ReadFailure { failure, upstream: Upstream { status: Some(403), ..Upstream::default() }, retry_after_ms: None }
}

fn unreachable(_: PortError) -> ReadFailure {
    ReadFailure { failure: Failure::PinterestUnreachable, upstream: Upstream::default(), retry_after_ms: None }
}

#[async_trait]
impl Pinterest for FakePinterest {
    async fn create_pin(&self, token: &Secret, request: &PinRequest) -> Creation {
        let create = || {
            Ok(match self.check(token) {
                Ok(()) => self.state().create(token, request, self.system.now()),
                Err(read) => Creation::Refused { failure: read.failure, upstream: read.upstream, retry_after_ms: None },
            })
        };
        // A planned fault is an answer that was lost.
        let lost = || Creation::lost(Upstream::default());
        around(&*self.gate, "pinterest.create_pin", create).await.unwrap_or_else(|_| lost())
    }

    async fn board_pins(
        &self,
        token: &Secret,
        board_id: &str,
        bookmark: Option<&str>,
    ) -> Result<BoardPage, ReadFailure> {
        let skip = bookmark.and_then(|bookmark| bookmark.parse().ok()).unwrap_or(0);
        let list = || Ok(self.check(token).and_then(|()| self.state().board_page(board_id, skip, self.system.now())));
        around(&*self.gate, "pinterest.board_pins", list).await.map_err(unreachable)?
    }

    async fn delete_pin(&self, token: &Secret, pinterest_pin_id: &str) -> Result<(), ReadFailure> {
        let delete = || Ok(self.check(token).and_then(|()| self.state().delete(pinterest_pin_id)));
        around(&*self.gate, "pinterest.delete_pin", delete).await.map_err(unreachable)?
    }

    async fn user(&self, token: &Secret) -> Result<PinterestUser, ReadFailure> {
        let user = || {
            Ok(self.check(token).map(|()| {
                let owner = self.oauth.as_ref().and_then(|oauth| oauth.accepts(token)).map(|(user, _)| user);
                let id = owner.unwrap_or_else(|| "549755885175".into());
                PinterestUser { id, username: Some("paperfolder".into()), business_name: None }
            }))
        };
        around(&*self.gate, "pinterest.user", user).await.map_err(unreachable)?
    }
}
