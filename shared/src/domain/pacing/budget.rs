//! The app's requests to Pinterest in one UTC day, shared fairly between workspaces.
//!
//! **The rule.** A tenth of the budget is reserved for reconciliation; the rest is for creates. With Trial access,
//! Pinterest also limits the writes, and counts every request: what isn't for reconciliation or for writes is then for
//! the reads that callers wait for, by the same rule as creates.
//!
//! Every workspace that has made a create today, and the one that asks now, has an equal share of that rest. Below its
//! share, a workspace may always continue while anything is left. Above it, the workspace may use only what isn't kept
//! for the unused shares of the others. Reconciliation takes precedence: it resolves calls that were already made, and
//! may use all that is left of the day.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::domain::ids::WorkspaceId;
use crate::domain::time::{DAY_MS, Moment};

/// One in this many of the day's requests is reserved for reconciliation.
pub const RECONCILE_RESERVE_ONE_IN: u32 = 10;
/// The largest budget. The day's row holds a number for each workspace that made a request, and must stay small.
pub const DAILY_BUDGET_MOST: u32 = 5_000;
/// Requests of an app with Trial access that are counted here, of the 1,000 that Pinterest allows over all its users.
/// The rest is for connecting accounts and for refreshing their tokens, which are never refused here.
pub const TRIAL_CALLS: u32 = 950;
/// Writes of them, of Pinterest's 300. The rest is for what arrives after midnight, and for duplicates that are
/// removed.
pub const TRIAL_WRITES: u32 = 290;
/// How long the day's row is kept.
pub const DAY_KEPT_MS: i64 = 7 * DAY_MS;

/// The budget of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DailyBudget {
    /// All requests that are counted; 0 for no budget.
    pub calls: u32,
    /// Creates, and callers' own writes, of them; `None` for no limit of their own. Reads are then not counted.
    pub writes: Option<u32>,
}

impl DailyBudget {
    /// What Pinterest allows an app with Trial access.
    pub const TRIAL: Self = Self { calls: TRIAL_CALLS, writes: Some(TRIAL_WRITES) };

    /// Whether callers' own reads and writes count.
    pub fn counts_callers(&self) -> bool {
        self.writes.is_some()
    }

    fn for_reconciliation(&self) -> u32 {
        self.calls.div_ceil(RECONCILE_RESERVE_ONE_IN)
    }

    fn for_creates(&self) -> u32 {
        (self.calls - self.for_reconciliation()).min(self.writes.unwrap_or(u32::MAX))
    }

    fn for_reads(&self) -> u32 {
        self.calls - self.for_reconciliation() - self.for_creates()
    }
}

impl From<u32> for DailyBudget {
    fn from(calls: u32) -> Self {
        Self { calls, writes: None }
    }
}

impl FromStr for DailyBudget {
    type Err = ();

    /// `trial`, or a number of requests.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "trial" => Ok(Self::TRIAL),
            number => number.parse::<u32>().map(Self::from).map_err(|_| ()),
        }
    }
}

/// A kind of request to Pinterest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A create, or a write that a caller waits for.
    Create(WorkspaceId),
    /// A read that a caller waits for.
    Read(WorkspaceId),
    Reconcile,
}

/// The day's row. A missing row is the default: no requests yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaySpending {
    /// Days since the epoch, UTC.
    pub day: i64,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    pub reconciliations: u32,
    pub creates: BTreeMap<WorkspaceId, u32>,
    pub reads: BTreeMap<WorkspaceId, u32>,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

/// The UTC day of the moment, in days since the epoch.
pub fn day_of(now: Moment) -> i64 {
    now.0.div_euclid(DAY_MS)
}

/// The beginning of the next UTC day.
pub fn next_day(now: Moment) -> Moment {
    Moment((day_of(now) + 1) * DAY_MS)
}

impl DaySpending {
    /// A day on which nothing was requested yet.
    pub fn nothing(day: i64) -> Self {
        Self { day, ..Self::default() }
    }

    /// All requests of the day.
    pub fn spent(&self) -> u32 {
        self.reconciliations + self.created() + self.read()
    }

    fn read(&self) -> u32 {
        self.reads.values().sum()
    }

    fn created(&self) -> u32 {
        self.creates.values().sum()
    }

    /// How many requests of this kind are allowed now.
    pub fn allowance(&self, budget: impl Into<DailyBudget>, request: Request) -> u32 {
        let budget = budget.into();
        // What reconciliation takes beyond its reserve is missing in the reads first, and then in the creates.
        let beyond = self.reconciliations.saturating_sub(budget.for_reconciliation());
        match request {
            Request::Reconcile => budget.calls.saturating_sub(self.spent()),
            Request::Read(workspace) => {
                shared(&self.reads, workspace, budget.for_reads(), self.read().saturating_add(beyond))
            }
            Request::Create(workspace) => {
                let beyond = beyond.saturating_sub(budget.for_reads().saturating_sub(self.read()));
                shared(&self.creates, workspace, budget.for_creates(), self.created().saturating_add(beyond))
            }
        }
    }

    /// The row after one such request.
    pub fn with(&self, request: Request, nonce: String) -> Self {
        let mut next = Self { rev: self.rev + 1, nonce, ..self.clone() };
        match request {
            Request::Reconcile => next.reconciliations += 1,
            Request::Create(workspace) => *next.creates.entry(workspace).or_default() += 1,
            Request::Read(workspace) => *next.reads.entry(workspace).or_default() += 1,
        }
        next
    }

    /// When DynamoDB may delete the row.
    pub fn expires_at(&self) -> Moment {
        Moment(self.day * DAY_MS + DAY_KEPT_MS)
    }
}

/// What a workspace may still have of `total`, of which `gone` is spent: its unused share, or what isn't kept for the
/// unused shares of the others.
fn shared(spent: &BTreeMap<WorkspaceId, u32>, workspace: WorkspaceId, total: u32, gone: u32) -> u32 {
    let left = total.saturating_sub(gone);
    let used = |id: &WorkspaceId| spent.get(id).copied().unwrap_or(0);
    let newcomer = u32::from(!spent.contains_key(&workspace));
    let share = total / (u32::try_from(spent.len()).unwrap_or(u32::MAX) + newcomer).max(1);
    let others = spent.keys().filter(|id| **id != workspace);
    let kept: u32 = others.map(|id| share.saturating_sub(used(id))).sum();
    share.saturating_sub(used(&workspace)).max(left.saturating_sub(kept)).min(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const SEEDS: u64 = 500;

    fn workspace(id: usize) -> WorkspaceId {
        WorkspaceId(Uuid::from_u128(id as u128))
    }

    fn create(id: usize) -> Request {
        Request::Create(workspace(id))
    }

    /// Makes the request if it is allowed.
    fn ask(day: &mut DaySpending, budget: impl Into<DailyBudget>, request: Request) -> bool {
        let granted = day.allowance(budget, request) > 0;
        if granted {
            *day = day.with(request, String::new());
        }
        granted
    }

    #[test]
    fn a_single_workspace_has_all_but_the_reserve_and_reconciliation_has_the_rest() {
        let mut day = DaySpending::nothing(1);
        let made = (0..2_000).filter(|_| ask(&mut day, 1_000, create(1))).count();
        assert_eq!(made, 900);
        let reconciled = (0..2_000).filter(|_| ask(&mut day, 1_000, Request::Reconcile)).count();
        assert_eq!((reconciled, day.spent()), (100, 1_000));
    }

    #[test]
    fn a_greedy_workspace_leaves_the_others_their_shares() {
        let mut day = DaySpending::nothing(1);
        assert!(ask(&mut day, 100, create(1)) && ask(&mut day, 100, create(2)) && ask(&mut day, 100, create(3)));
        let greedy = (0..200).filter(|_| ask(&mut day, 100, create(1))).count();
        assert_eq!(greedy, 29, "a third of ninety, less the first");
        for other in [2, 3] {
            assert_eq!(day.allowance(100, create(other)), 29);
        }
        // A newcomer makes the shares smaller, because it has one too. Any workspace may use what no share needs.
        assert_eq!(day.allowance(100, create(4)), 22);
    }

    #[test]
    fn on_random_days_the_budget_holds_and_no_workspace_is_refused_within_its_share() {
        for seed in 0..SEEDS {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (budget, workspaces) = (rng.u32(1..400), rng.usize(1..8));
            let reserve = budget.div_ceil(RECONCILE_RESERVE_ONE_IN);
            let share = (budget - reserve) / workspaces as u32;
            let mut day = DaySpending::nothing(1);
            // Every workspace makes its first create; from then on, the shares are fixed.
            let present: Vec<usize> =
                (0..workspaces).filter(|id| share > 0 && ask(&mut day, budget, create(*id))).collect();
            let greed: Vec<u32> = (0..workspaces).map(|_| rng.u32(1..20)).collect();
            let mut asked = vec![1_u32; workspaces];
            for _ in 0..rng.usize(0..1_200) {
                if rng.u32(0..10) == 0 {
                    // Stays within the reserve: beyond it, reconciliation takes from the creates.
                    let (before, granted) = (day.reconciliations, ask(&mut day, budget, Request::Reconcile));
                    assert!(granted || day.spent() >= budget, "seed {seed}: a reconciliation was refused at {before}");
                    if day.reconciliations > reserve {
                        break;
                    }
                    continue;
                }
                let id = rng.usize(0..workspaces);
                for _ in 0..greed[id] {
                    asked[id] += 1;
                    let granted = ask(&mut day, budget, create(id));
                    let used = day.creates.get(&workspace(id)).copied().unwrap_or(0);
                    assert!(
                        granted || used >= share,
                        "seed {seed}: workspace {id} of {workspaces} refused at {used} of its {share} of {budget}"
                    );
                }
            }
            assert!(day.spent() <= budget, "seed {seed}");
            assert!(day.created() <= budget - reserve, "seed {seed}");
            for id in present {
                assert!(day.creates[&workspace(id)] >= asked[id].min(share), "seed {seed}: a share was not given");
            }
        }
    }

    #[test]
    fn reconciliation_beyond_its_reserve_reduces_what_is_left_for_creates() {
        let mut day = DaySpending::nothing(1);
        assert_eq!((0..40).filter(|_| ask(&mut day, 100, Request::Reconcile)).count(), 40);
        assert_eq!(day.allowance(100, create(1)), 60);
        assert_eq!((0..200).filter(|_| ask(&mut day, 100, create(1))).count(), 60);
        assert_eq!(day.allowance(100, Request::Reconcile), 0);
    }

    #[test]
    fn trial_access_limits_the_writes_and_counts_the_reads() {
        // Pinterest's own figures, of all requests and of writes.
        const CALLS: u32 = 1_000;
        const WRITES: u32 = 300;
        let budget = DailyBudget::TRIAL;
        let mut day = DaySpending::nothing(1);
        let created = (0..2_000).filter(|_| ask(&mut day, budget, create(1))).count() as u32;
        assert_eq!(created, TRIAL_WRITES);
        let read = (0..2_000).filter(|_| ask(&mut day, budget, Request::Read(workspace(1)))).count() as u32;
        assert_eq!(read, TRIAL_CALLS - TRIAL_WRITES - TRIAL_CALLS / RECONCILE_RESERVE_ONE_IN);
        let reconciled = (0..2_000).filter(|_| ask(&mut day, budget, Request::Reconcile)).count() as u32;
        assert_eq!(reconciled, TRIAL_CALLS / RECONCILE_RESERVE_ONE_IN, "nobody's reads take what it needs");
        assert!(created < WRITES && day.spent() == TRIAL_CALLS && day.spent() < CALLS);
    }

    #[test]
    fn with_trial_access_reads_take_nothing_from_creates_nor_a_workspace_from_another() {
        let budget = DailyBudget::TRIAL;
        let mut day = DaySpending::nothing(1);
        assert!(ask(&mut day, budget, Request::Read(workspace(2))));
        let greedy = (0..2_000).filter(|_| ask(&mut day, budget, Request::Read(workspace(1)))).count();
        assert_eq!(greedy, 283, "half of what is for reads");
        assert_eq!(day.allowance(budget, Request::Read(workspace(2))), 565 - 1 - 283);
        assert_eq!(day.allowance(budget, create(1)), TRIAL_WRITES);
        // Reconciliation beyond its reserve takes from the reads first.
        while ask(&mut day, budget, Request::Reconcile) && day.reconciliations < 300 {}
        assert_eq!(day.allowance(budget, create(1)), TRIAL_WRITES);
        assert_eq!(day.allowance(budget, Request::Read(workspace(2))), 565 - 284 - 205);
    }

    #[test]
    fn without_the_preset_reads_have_no_part() {
        let day = DaySpending::nothing(1);
        assert_eq!(day.allowance(1_000, Request::Read(workspace(1))), 0, "they aren't asked for");
        assert!(!DailyBudget::from(1_000).counts_callers() && DailyBudget::TRIAL.counts_callers());
        assert_eq!("trial".parse(), Ok(DailyBudget::TRIAL));
        assert_eq!(("40".parse(), "Trial".parse::<DailyBudget>()), (Ok(DailyBudget::from(40)), Err(())));
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let last = Moment(20_000 * DAY_MS - 1);
        assert_eq!((day_of(last), next_day(last)), (19_999, Moment(20_000 * DAY_MS)));
        assert_eq!(day_of(next_day(last)), 20_000);
    }
}
