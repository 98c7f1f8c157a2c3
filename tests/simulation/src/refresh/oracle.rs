//! Checks the invariants of token custody against the stored tokens, the accounts' rows and the endpoint, which records
//! what it issued.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::AccountKey;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment};
use pinbridge_shared::ports::Custody;
use pinbridge_shared::testing::fake_secrets::FakeSecrets;
use pinbridge_shared::testing::fake_store::FakeStore;

use crate::endpoint::{Endpoint, IN_FLIGHT_MAX_MS, is_person};
use crate::kernel::{Kernel, Pid};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// Two refreshes of an account could take effect at the same time.
    Concurrent,
    /// A refresh was not announced, or was announced so long before that its lease doesn't cover it.
    Unannounced,
    /// The account was given up although its grant is valid and the tokens are in custody or were dropped by a process
    /// that did not crash.
    GivenUp,
    /// A process that did not crash received new tokens, and they are not in custody.
    Lost,
    /// An access token was used at Pinterest that had never been in custody.
    Unstored,
    /// An older grant's tokens replaced a newer one's.
    Overwritten,
    /// A disconnected account's tokens are still in custody.
    LeftBehind,
    /// Long after the faults ended, the account is not refreshed or not due for a refresh.
    Stranded,
    /// The grant was revoked, and the account is not given up.
    NotGivenUp,
}

#[derive(Clone, Debug)]
pub struct Violation {
    pub wrong: Wrong,
    pub account: usize,
    pub text: String,
}

/// Counts of accounts that were given up and of lost tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Given up because the grant had ended.
    pub rightly: u64,
    /// Given up in the window: tokens were issued and never stored.
    pub in_window: u64,
    /// Refresh tokens that were lost in the window, whether or not the account was given up because of that.
    pub lost_in_window: u64,
    /// Accounts that were given up and whose tokens were stored later, by a process that had been frozen.
    pub stored_too_late: u64,
    /// The longest time from the first refusal of a revoked grant's access token to giving up.
    pub longest_to_give_up_ms: i64,
}

struct State {
    violations: Vec<Violation>,
    ends: Ends,
    /// Access tokens that have ever been current, by their text.
    stored: BTreeSet<String>,
    /// The grant of the last connection that succeeded, by account.
    established: BTreeMap<usize, usize>,
    /// Accounts that a user is connecting or disconnecting.
    unresolved: BTreeSet<usize>,
    /// Processes that crashed, timed out or were frozen.
    disrupted: BTreeSet<Pid>,
    /// Requests whose issued tokens were counted as lost.
    lost: BTreeSet<usize>,
    /// Access tokens that Pinterest has refused.
    refused: BTreeSet<String>,
    /// When a revoked grant's access token was first refused.
    refused_at: BTreeMap<(usize, usize), i64>,
    /// The end of the lease under which each process announced a refresh of each account.
    leases: BTreeMap<(Pid, usize), i64>,
    /// Accounts that were given up since the last [`Oracle::take_given_up`].
    given_up: Vec<usize>,
}

/// Clones share the state; the watchers of custody and table each have one.
#[derive(Clone)]
pub struct Oracle {
    kernel: Arc<Kernel>,
    endpoint: Arc<Endpoint>,
    secrets: Arc<FakeSecrets>,
    users: Arc<BTreeMap<AccountKey, usize>>,
    state: Arc<Mutex<State>>,
}

impl Oracle {
    pub fn watch(
        kernel: &Arc<Kernel>,
        endpoint: &Arc<Endpoint>,
        secrets: &Arc<FakeSecrets>,
        store: &FakeStore,
        users: BTreeMap<AccountKey, usize>,
    ) -> Self {
        let state = State {
            violations: Vec::new(),
            ends: Ends::default(),
            stored: BTreeSet::new(),
            established: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            disrupted: BTreeSet::new(),
            lost: BTreeSet::new(),
            refused: BTreeSet::new(),
            refused_at: BTreeMap::new(),
            leases: BTreeMap::new(),
            given_up: Vec::new(),
        };
        let this = Self {
            kernel: Arc::clone(kernel),
            endpoint: Arc::clone(endpoint),
            secrets: Arc::clone(secrets),
            users: Arc::new(users),
            state: Arc::new(Mutex::new(state)),
        };
        let of_custody = this.clone();
        secrets.watch(Box::new(move |key, before, after| of_custody.custody_changed(key, before, after)));
        let of_rows = this.clone();
        store.watch_accounts(Box::new(move |before, after| of_rows.row_changed(before, after)));
        this
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, wrong: Wrong, account: usize, text: String) {
        self.kernel.note(|| format!("{wrong:?}: account {account}: {text}"));
        self.state().violations.push(Violation { wrong, account, text });
    }

    /// The grant of the current tokens.
    fn grant_of(&self, custody: &Custody) -> Option<usize> {
        Some(self.endpoint.of(&custody.current.as_ref()?.tokens.access)?.0)
    }

    fn custody_changed(&self, key: AccountKey, before: &Custody, after: &Custody) {
        let account = self.users[&key];
        self.kernel.note(|| {
            let show = |stored: &Option<pinbridge_shared::ports::Stored>| {
                stored.as_ref().map_or("-".to_owned(), |stored| stored.tokens.access.expose().to_owned())
            };
            format!("custody of {account}: {} pending {}", show(&after.current), show(&after.pending))
        });
        if let Some(current) = &after.current {
            self.state().stored.insert(current.tokens.access.expose().to_owned());
        }
        if let (Some(old), Some(new)) = (self.grant_of(before), self.grant_of(after))
            && new < old
        {
            self.report(Wrong::Overwritten, account, format!("grant {new}'s tokens replaced grant {old}'s"));
        }
    }

    fn row_changed(&self, before: Option<&Account>, after: &Account) {
        let account = self.users[&after.key];
        self.kernel.note(|| format!("row of {account}: {:?} revoked {:?}", after.life, after.revoked_at));
        if let (Some(pid), Some(lease)) = (self.kernel.running(), &after.life.lease)
            && before.is_none_or(|before| before.life.lease.as_ref() != Some(lease))
        {
            self.state().leases.insert((pid, account), lease.until.0);
        }
        if after.life.dead.is_none() || before.is_some_and(|before| before.life.dead.is_some()) {
            return;
        }
        let now = self.kernel.now();
        let (established, is_unresolved) = {
            let mut state = self.state();
            state.given_up.push(account);
            (state.established.get(&account).copied(), state.unresolved.contains(&account))
        };
        let Some(grant) = established.filter(|_| !is_unresolved) else { return };
        if !self.endpoint.with_grant(grant, |grant| grant.is_alive(now)) {
            let mut state = self.state();
            state.ends.rightly += 1;
            if let Some(since) = state.refused_at.get(&(account, grant)) {
                state.ends.longest_to_give_up_ms = state.ends.longest_to_give_up_ms.max(now - since);
            }
        } else if self.has_refresh_token(after.key, grant, now) {
            self.report(Wrong::GivenUp, account, format!("given up, and grant {grant} is valid"));
        } else if self.excuse(account, grant).is_none() {
            self.report(Wrong::GivenUp, account, format!("given up: the tokens issued for grant {grant} were dropped"));
        } else {
            self.state().ends.in_window += 1;
        }
    }

    /// Whether a valid refresh token is in custody.
    fn has_refresh_token(&self, key: AccountKey, grant: usize, now: i64) -> bool {
        let custody = self.secrets.look(key);
        let stored = [custody.current, custody.pending];
        let tokens = stored.iter().flatten().filter_map(|stored| stored.tokens.refresh.as_ref());
        self.endpoint.with_grant(grant, |grant| tokens.into_iter().any(|token| grant.honours(token.expose(), now)))
    }

    /// The request that issued the grant's newest tokens, if these never reached a process that could store them.
    fn excuse(&self, account: usize, grant: usize) -> Option<usize> {
        let number = self.endpoint.with_grant(grant, crate::endpoint::Grant::brought_by)?;
        let (pid, is_delivered) = self.endpoint.with_request(number, |asked| (asked.pid, asked.is_delivered));
        let is_frozen = pid.and_then(|pid| self.kernel.of(pid)).is_some_and(|process| process.frozen_until > 0);
        let is_excused = !is_delivered || is_frozen || pid.is_some_and(|pid| self.state().disrupted.contains(&pid));
        if is_excused && self.state().lost.insert(number) {
            self.kernel.note(|| format!("lost in the window: account {account}, request {number}"));
            self.state().ends.lost_in_window += 1;
        }
        is_excused.then_some(number)
    }

    /// Checks the requests that arrived at the endpoint: their leases must last until they take effect, even if that is
    /// late. `slack_ms` is the maximum difference between two clocks.
    pub fn arrived(&self, slack_ms: i64) {
        for (account, pid, at) in self.endpoint.take_arrived() {
            let until = pid.and_then(|pid| self.state().leases.get(&(pid, account)).copied());
            if until.is_none_or(|until| at + IN_FLIGHT_MAX_MS > until + slack_ms) {
                self.report(Wrong::Unannounced, account, format!("a request at {at} under a lease until {until:?}"));
            }
        }
    }

    pub fn take_given_up(&self) -> Vec<usize> {
        std::mem::take(&mut self.state().given_up)
    }

    /// Records that a process ended.
    pub fn ended(&self, pid: Pid, is_faultless: bool) {
        if !is_faultless {
            self.state().disrupted.insert(pid);
        }
    }

    /// Records that a user begins to connect or disconnect the account.
    pub fn begins(&self, account: usize) {
        self.state().unresolved.insert(account);
    }

    /// Records that the user has finished: the account is connected by that grant, or disconnected.
    pub fn resolved(&self, account: usize, grant: Option<usize>) {
        let mut state = self.state();
        state.unresolved.remove(&account);
        match grant {
            Some(grant) => state.established.insert(account, grant),
            None => state.established.remove(&account),
        };
    }

    pub fn established(&self, account: usize) -> Option<usize> {
        let state = self.state();
        state.established.get(&account).copied().filter(|_| !state.unresolved.contains(&account))
    }

    /// Checks an access token that is used at Pinterest. Returns the account and its revoked grant if this is the first
    /// time that the grant's token is refused.
    pub fn arrives(&self, access: &Secret, is_accepted: bool) -> Option<(usize, usize)> {
        let (grant, account) = self.endpoint.of(access)?;
        if !is_person(&self.kernel) && !self.state().stored.contains(access.expose()) {
            self.report(Wrong::Unstored, account, "an access token was used that isn't stored".into());
        }
        let is_revoked = !is_accepted
            && self.established(account) == Some(grant)
            && self.endpoint.with_grant(grant, |grant| grant.is_revoked);
        let (now, mut state) = (self.kernel.now(), self.state());
        if !is_accepted {
            state.refused.insert(access.expose().to_owned());
        }
        (is_revoked && !state.refused_at.contains_key(&(account, grant))).then(|| {
            state.refused_at.insert((account, grant), now);
            (account, grant)
        })
    }

    /// Checks accounts of which no request can take effect any more: their valid refresh token must be in custody.
    pub fn quiet(&self, accounts: impl IntoIterator<Item = usize>, key: impl Fn(usize) -> AccountKey) {
        let now = self.kernel.now();
        for account in accounts {
            let Some(grant) = self.established(account) else { continue };
            if self.endpoint.with_grant(grant, |grant| grant.is_alive(now))
                && !self.has_refresh_token(key(account), grant, now)
                && self.excuse(account, grant).is_none()
            {
                self.report(Wrong::Lost, account, format!("grant {grant}'s refresh token is not in custody"));
            }
        }
    }

    /// Checks, a while after a revoked grant's access token was refused, that the account is given up.
    pub fn judge(&self, account: usize, grant: usize, row: Option<Account>) {
        let current = row.as_ref().and_then(|row| self.secrets.look(row.key).current);
        let mut state = self.state();
        if current.is_none_or(|current| !state.refused.contains(current.tokens.access.expose())) {
            // Newer tokens have been stored meanwhile, and no process has used them yet.
            state.refused_at.remove(&(account, grant));
            return;
        }
        drop(state);
        if self.established(account) == Some(grant) && row.is_some_and(|row| row.is_connected()) {
            self.report(
                Wrong::NotGivenUp,
                account,
                format!("grant {grant} was revoked, and the account is still connected"),
            );
        }
    }

    /// Checks an account at the end, a while after the faults ended.
    pub fn last(&self, account: usize, key: AccountKey, row: Option<Account>) {
        let now = self.kernel.now();
        let Some(row) = row else { return self.report(Wrong::Stranded, account, "it has no row".into()) };
        let custody = self.secrets.look(key);
        if row.revoked_at.is_some() {
            if custody.current.is_some() || custody.pending.is_some() {
                self.report(Wrong::LeftBehind, account, "disconnected, and its tokens are in custody".into());
            }
            return;
        }
        let Some(grant) = self.established(account) else {
            return self.report(Wrong::Stranded, account, "a connection or disconnection did not finish".into());
        };
        let is_alive = self.endpoint.with_grant(grant, |grant| grant.is_alive(now));
        if row.life.dead.is_some() && is_alive && self.has_refresh_token(key, grant, now) {
            self.state().ends.stored_too_late += 1;
        }
        if row.life.dead.is_some() || !is_alive {
            return;
        }
        let Some(refresh_at) = row.life.refresh_at.filter(|at| *at > Moment(now - OVERDUE_MAX_MS)) else {
            return self.report(Wrong::Stranded, account, format!("it is not refreshed: {:?}", row.life));
        };
        if !self.has_refresh_token(key, grant, now) {
            // It can publish until its access token expires; its refresh token was counted as lost.
            return;
        }
        let tokens = custody.current.map(|stored| stored.tokens);
        let works = tokens.as_ref().is_some_and(|tokens| {
            let refresh = tokens.refresh.as_ref();
            self.endpoint.with_grant(grant, |grant| {
                grant.accepts(tokens.access.expose(), now)
                    && refresh.is_some_and(|refresh| grant.honours(refresh.expose(), now))
            })
        });
        let life = &row.life;
        let is_resolved =
            life.lease.is_none() && life.announced.is_none() && life.refused.is_none() && life.failures == 0;
        if !works || !is_resolved {
            self.report(Wrong::Stranded, account, format!("works {works}, due at {refresh_at:?}: {life:?}"));
        }
    }

    /// Returns the violations and the counts.
    pub fn close(&self) -> (Vec<Violation>, Ends) {
        for text in self.endpoint.take_concurrent() {
            let account = text.split([' ', ':']).nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
            self.report(Wrong::Concurrent, account, text);
        }
        let mut state = self.state();
        let mut violations = std::mem::take(&mut state.violations);
        violations.sort_by_key(|violation| violation.wrong);
        (violations, state.ends)
    }
}

/// How long a refresh may be overdue. The refresher runs every five minutes.
const OVERDUE_MAX_MS: i64 = 15 * MINUTE_MS;
