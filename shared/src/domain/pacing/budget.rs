//! The app's requests to Pinterest in one UTC day, shared fairly between workspaces. (With Trial access Pinterest
//! allows an app 1,000 requests a day over all its users.)
//!
//! **The rule.** A tenth of the budget is reserved for reconciliation; the rest is for creates. Every workspace that
//! has made a create today, and the one that requests, has an equal share of that rest. Below its share, a workspace
//! may always continue while anything is left. Above it, the workspace may use only what isn't kept for the unused
//! shares of the others. Reconciliation takes precedence: it resolves calls that were already made, and may use all
//! that is left of the day.

use std::collections::BTreeMap;

use crate::domain::ids::WorkspaceId;
use crate::domain::time::{DAY_MS, Moment};

/// One in this many of the day's requests is reserved for reconciliation.
pub const RECONCILE_RESERVE_ONE_IN: u32 = 10;
/// The largest budget. The day's row holds a number for each workspace that made a request, and must stay small.
pub const DAILY_BUDGET_MOST: u32 = 5_000;
/// How long the day's row is kept.
pub const DAY_KEPT_MS: i64 = 7 * DAY_MS;

/// A kind of request to Pinterest that publishing makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Create(WorkspaceId),
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
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

pub fn day_of(now: Moment) -> i64 {
    now.0.div_euclid(DAY_MS)
}

/// The beginning of the next UTC day.
pub fn next_day(now: Moment) -> Moment {
    Moment((day_of(now) + 1) * DAY_MS)
}

impl DaySpending {
    pub fn nothing(day: i64) -> Self {
        Self { day, ..Self::default() }
    }

    pub fn spent(&self) -> u32 {
        self.reconciliations + self.created()
    }

    fn created(&self) -> u32 {
        self.creates.values().sum()
    }

    /// How many requests of this kind are allowed now.
    pub fn allowance(&self, budget: u32, request: Request) -> u32 {
        let Request::Create(workspace) = request else {
            return budget.saturating_sub(self.spent());
        };
        let reserve = budget.div_ceil(RECONCILE_RESERVE_ONE_IN);
        let for_creates = budget - reserve;
        let left = for_creates.saturating_sub(self.created() + self.reconciliations.saturating_sub(reserve));
        let used = |id: &WorkspaceId| self.creates.get(id).copied().unwrap_or(0);
        let newcomer = u32::from(!self.creates.contains_key(&workspace));
        let share = for_creates / (u32::try_from(self.creates.len()).unwrap_or(u32::MAX) + newcomer).max(1);
        let others = self.creates.keys().filter(|id| **id != workspace);
        let kept: u32 = others.map(|id| share.saturating_sub(used(id))).sum();
        share.saturating_sub(used(&workspace)).max(left.saturating_sub(kept)).min(left)
    }

    /// The row after one such request.
    pub fn with(&self, request: Request, nonce: String) -> Self {
        let mut next = Self { rev: self.rev + 1, nonce, ..self.clone() };
        match request {
            Request::Reconcile => next.reconciliations += 1,
            Request::Create(workspace) => *next.creates.entry(workspace).or_default() += 1,
        }
        next
    }

    pub fn expires_at(&self) -> Moment {
        Moment(self.day * DAY_MS + DAY_KEPT_MS)
    }
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
    fn ask(day: &mut DaySpending, budget: u32, request: Request) -> bool {
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
    fn a_day_ends_at_midnight_utc() {
        let last = Moment(20_000 * DAY_MS - 1);
        assert_eq!((day_of(last), next_day(last)), (19_999, Moment(20_000 * DAY_MS)));
        assert_eq!(day_of(next_day(last)), 20_000);
    }
}
