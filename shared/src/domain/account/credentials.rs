//! The life of an account's tokens: when they are refreshed, which refresher does it, and when they are given up.
//!
//! Pinterest issues an access token for 30 days and a refresh token for 60. Each refresh brings a new refresh token,
//! and the old one may stop working at once. So the refresher writes an announcement to the account's row before it
//! sends the request (a lease, so that only one refresher works at a time), and stores the new tokens before it uses
//! them. A temporary failure never ends a connection. Only a confirmed refusal does: Pinterest refuses the refresh
//! token *and* the access token, and refuses both again five minutes later.

use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, SECOND_MS};

/// The share of the access token's life after which it is refreshed. With the spread, this is after 18 to 21 of 30
/// days: accounts that were connected together are not refreshed together, and at least nine days remain for failures.
const REFRESH_AFTER: f64 = 0.6;
const REFRESH_SPREAD: f64 = 0.1;
/// The assumed life of an access token whose expiry Pinterest didn't return: the 30 days of its documentation.
pub const ACCESS_LIFE_MS: i64 = 30 * DAY_MS;
/// The wait after the first failed refresh; it doubles with each further failure, up to [`RETRY_MOST_MS`].
const RETRY_FIRST_MS: i64 = MINUTE_MS;
const RETRY_MOST_MS: i64 = HOUR_MS;
/// A refusal is confirmed when it is repeated at least this long after the first one.
pub const CONFIRM_AFTER_MS: i64 = 5 * MINUTE_MS;
/// How often a refused refresh token is tried again while the access token still works.
const REFUSED_RETRY_MS: i64 = 6 * HOUR_MS;
/// The wait after Pinterest refused the app's own credentials. This affects every account, and an operator has to fix
/// it.
const APP_RETRY_MS: i64 = 15 * MINUTE_MS;
/// Tokens that a refused access token forced a refresh for are not refreshed for a refusal again before this time: a
/// refusal that outlives a refresh doesn't end by another one. It is tried again in case Pinterest has invalidated the
/// new tokens too.
pub const FORCED_AGAIN_AFTER_MS: i64 = 3 * HOUR_MS;
/// An access token that was refused, and that can't be renewed, is tried once more this soon: a single refusal may be
/// an error of Pinterest's. Only the second one holds the account.
pub const STRAY_REFUSAL_RETRY_MS: i64 = 5 * SECOND_MS;

/// The exclusive right to refresh an account's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub holder: String,
    pub until: Moment,
}

/// The refreshes that were announced with one version's refresh token and whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    pub version: String,
    pub calls: u32,
}

/// Pinterest refuses the refresh token of this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedGrant {
    pub version: String,
    pub since: Moment,
}

/// Tokens of this version were refreshed because Pinterest refused their access token.
///
/// It is written with the announcement of that refresh. The tokens that the refresh brought name the version that they
/// follow, so they are recognised also when the worker died before it recorded the refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    pub version: String,
    pub at: Moment,
    /// A reader was refused with the new tokens as well, and the account was held for it.
    pub is_held: bool,
}

/// The tokens are given up: a person has to reconnect the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    pub at: Moment,
    /// The answer to an earlier refresh was lost: Pinterest may have issued tokens that we never received.
    pub answer_lost: bool,
}

/// What the account's row knows about its tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenLife {
    /// When to refresh. `None` means never: there is no refresh token, or the tokens are given up.
    pub refresh_at: Option<Moment>,
    pub access_expires_at: Option<Moment>,
    pub refresh_expires_at: Option<Moment>,
    pub lease: Option<Lease>,
    pub announced: Option<Announced>,
    /// The number of refreshes in a row that failed for temporary reasons.
    pub failures: u32,
    pub refused: Option<RefusedGrant>,
    /// The last refresh that a refused access token forced.
    pub forced: Option<Forced>,
    /// When Pinterest last accepted one of the tokens: at the connection, at a refresh, or at a check.
    pub checked_at: Option<Moment>,
    pub dead: Option<Death>,
}

/// Whether Pinterest accepts the access token after it refused the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessCheck {
    Works,
    Refused,
    /// The check got no answer.
    Unsure,
}

/// When to refresh tokens that were issued and expire at these times. `jitter` is a uniform draw from `[0, 1)`.
pub fn refresh_at(issued_at: Moment, expires_at: Option<Moment>, jitter: f64) -> Moment {
    let life_ms = expires_at.map_or(ACCESS_LIFE_MS, |at| at.since_ms(issued_at).max(0));
    issued_at.plus_ms((life_ms as f64 * (REFRESH_AFTER + REFRESH_SPREAD * jitter)) as i64)
}

impl TokenLife {
    /// The state of newly issued tokens; nothing of the earlier tokens' state is kept.
    pub fn issued(
        now: Moment,
        access_expires_at: Option<Moment>,
        refresh_expires_at: Option<Moment>,
        can_refresh: bool,
        jitter: f64,
    ) -> Self {
        Self {
            refresh_at: can_refresh.then(|| refresh_at(now, access_expires_at, jitter)),
            access_expires_at,
            refresh_expires_at,
            checked_at: Some(now),
            ..Self::default()
        }
    }

    /// The state of tokens that are to be deleted: from `at` on, the refresher removes them from storage.
    pub fn to_be_removed(at: Moment) -> Self {
        Self { refresh_at: Some(at), ..Self::default() }
    }

    /// Whether the tokens are to be refreshed now.
    pub fn is_due(&self, now: Moment) -> bool {
        self.dead.is_none() && self.refresh_at.is_some_and(|at| at <= now)
    }

    /// Until when another refresher holds the lease, if one does.
    pub fn busy_until(&self, holder: &str, now: Moment) -> Option<Moment> {
        self.lease.as_ref().filter(|lease| lease.until > now && lease.holder != holder).map(|lease| lease.until)
    }

    /// Announces a refresh. The lease outlasts the call: it ends when an unanswered request can't take effect any more.
    #[must_use]
    pub fn announced(&self, holder: &str, version: &str, until: Moment) -> Self {
        let calls = self.announced.as_ref().filter(|known| known.version == version).map_or(0, |known| known.calls);
        Self {
            lease: Some(Lease { holder: holder.to_owned(), until }),
            announced: Some(Announced { version: version.to_owned(), calls: calls + 1 }),
            // If this process dies now, another refresher continues when the lease ends.
            refresh_at: Some(until),
            ..self.clone()
        }
    }

    /// Records that the announced refresh is forced: Pinterest refused the access token of this version.
    #[must_use]
    pub fn forced(self, version: &str, at: Moment) -> Self {
        Self { forced: Some(Forced { version: version.to_owned(), at, is_held: false }), ..self }
    }

    /// Whether the access token's own time is over.
    pub fn has_expired(&self, now: Moment) -> bool {
        self.access_expires_at.is_some_and(|at| at <= now)
    }

    /// Whether a refresh was forced because Pinterest refused the access token of this version.
    pub fn is_forced(&self, version: &str) -> bool {
        self.forced.as_ref().is_some_and(|forced| forced.version == version)
    }

    /// Whether a refresh of the tokens of this version has brought no tokens: `refresh_at` is the time of the next try.
    /// (A refusal of the app's credentials counts as no failure of the account.)
    pub fn is_tried_again(&self, version: &str) -> bool {
        self.failures > 0 || self.refused.is_some() || self.is_forced(version)
    }

    /// This state of new tokens, which follow `version`, with the forced refresh that brought them, if one did.
    /// `before` is the state of the tokens that they replace.
    #[must_use]
    pub fn following(self, version: Option<&str>, before: &Self) -> Self {
        let forced = before.forced.clone().filter(|forced| Some(forced.version.as_str()) == version);
        Self { forced, ..self }
    }

    /// Whether the tokens in use, which follow that version, are those of a forced refresh of a while ago: Pinterest's
    /// refusal of them is no reason for another one.
    pub fn was_forced_lately(&self, follows: Option<&str>, now: Moment) -> bool {
        self.forced.as_ref().is_some_and(|forced| {
            Some(forced.version.as_str()) == follows && now.since_ms(forced.at) < FORCED_AGAIN_AFTER_MS
        })
    }

    /// Records that the account is held because Pinterest refuses the tokens of a forced refresh too; `None` if it is
    /// recorded already, or if no refresh was forced.
    pub fn held_for_refusal(&self) -> Option<Self> {
        let forced = self.forced.clone().filter(|forced| !forced.is_held)?;
        Some(Self { forced: Some(Forced { is_held: true, ..forced }), ..self.clone() })
    }

    /// Takes back the last announcement, because Pinterest certainly issued nothing.
    fn withdrawn(&self) -> Self {
        let mut life = Self { lease: None, ..self.clone() };
        life.announced = life.announced.and_then(|known| match known.calls {
            0 | 1 => None,
            calls => Some(Announced { calls: calls - 1, ..known }),
        });
        life
    }

    /// Pinterest issued nothing, for a temporary reason.
    #[must_use]
    pub fn not_now(&self, now: Moment, retry_after_ms: Option<i64>, jitter: f64) -> Self {
        let mut life = self.withdrawn();
        life.failures = self.failures.saturating_add(1);
        let wait_ms = retry_ms(life.failures, jitter).max(retry_after_ms.unwrap_or(0).clamp(0, DAY_MS));
        life.refresh_at = Some(now.plus_ms(wait_ms));
        life
    }

    /// Pinterest refused the app's credentials. The account's failures are not counted.
    #[must_use]
    pub fn app_refused(&self, now: Moment) -> Self {
        Self { refresh_at: Some(now.plus_ms(APP_RETRY_MS)), ..self.withdrawn() }
    }

    /// The answer was lost. The lease stays until its end, and then the old refresh token is tried again.
    #[must_use]
    pub fn unanswered(&self, now: Moment, jitter: f64) -> Self {
        let failures = self.failures.saturating_add(1);
        let quiesced_until = self.lease.as_ref().map_or(now, |lease| lease.until);
        let refresh_at = Some(quiesced_until.max(now.plus_ms(retry_ms(failures, jitter))));
        Self { failures, refresh_at, ..self.clone() }
    }

    /// Pinterest refused the refresh token of this version.
    #[must_use]
    pub fn refused(&self, now: Moment, version: &str, access: AccessCheck) -> Self {
        let mut life = self.withdrawn();
        let known = self.refused.as_ref().filter(|refused| refused.version == version);
        // Both tokens must be refused both times: if one has worked since the first refusal, the confirmation starts
        // anew.
        let has_worked = |since: Moment| self.checked_at.is_some_and(|at| at >= since);
        let known = known.filter(|refused| access != AccessCheck::Refused || !has_worked(refused.since));
        let since = known.map_or(now, |refused| refused.since);
        let is_confirmed = known.is_some() && now.since_ms(since) >= CONFIRM_AFTER_MS;
        life.refused = Some(RefusedGrant { version: version.to_owned(), since });
        match access {
            AccessCheck::Works => {
                let wait_ms = if is_confirmed { REFUSED_RETRY_MS } else { CONFIRM_AFTER_MS };
                life.refresh_at = Some(now.plus_ms(wait_ms));
                life.checked_at = Some(now);
            }
            AccessCheck::Refused if is_confirmed => {
                life.refresh_at = None;
                life.dead = Some(Death { at: now, answer_lost: life.announced.is_some() });
            }
            AccessCheck::Refused | AccessCheck::Unsure => life.refresh_at = Some(now.plus_ms(CONFIRM_AFTER_MS)),
        }
        life
    }

    /// Whether Pinterest has refused the refresh token twice, [`CONFIRM_AFTER_MS`] apart or more, and then accepted the
    /// access token: the account publishes until that expires.
    pub fn is_renewal_refused(&self) -> bool {
        let is_confirmed = |since: Moment| self.checked_at.is_some_and(|at| at.since_ms(since) >= CONFIRM_AFTER_MS);
        self.refused.as_ref().is_some_and(|refused| is_confirmed(refused.since))
    }

    /// No request was sent, because of a failure in our own system.
    #[must_use]
    pub fn postponed(&self, now: Moment, jitter: f64) -> Self {
        let failures = self.failures.saturating_add(1);
        Self { failures, refresh_at: Some(now.plus_ms(retry_ms(failures, jitter))), ..self.clone() }
    }
}

fn retry_ms(failures: u32, jitter: f64) -> i64 {
    let full = RETRY_FIRST_MS.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(RETRY_MOST_MS);
    (full as f64 * (0.5 + 0.5 * jitter)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_767_225_600_000);

    fn life() -> TokenLife {
        TokenLife::issued(NOW, Some(NOW.plus_ms(30 * DAY_MS)), Some(NOW.plus_ms(60 * DAY_MS)), true, 0.5)
    }

    fn asked(life: &TokenLife) -> TokenLife {
        life.announced("me", "v1", NOW.plus_ms(120_000))
    }

    #[test]
    fn tokens_are_refreshed_well_ahead_and_not_all_at_once() {
        let due = |jitter| refresh_at(NOW, Some(NOW.plus_ms(30 * DAY_MS)), jitter).since_ms(NOW);
        assert_eq!((due(0.0), due(1.0)), (18 * DAY_MS, 21 * DAY_MS));
        assert!(!life().is_due(NOW.plus_ms(18 * DAY_MS)) && life().is_due(NOW.plus_ms(21 * DAY_MS)));
        assert_eq!(TokenLife::issued(NOW, None, None, false, 0.5).refresh_at, None, "nothing to refresh with");
    }

    #[test]
    fn one_refresher_at_a_time() {
        let taken = asked(&life());
        assert_eq!(taken.busy_until("other", NOW), Some(NOW.plus_ms(120_000)));
        assert_eq!(taken.busy_until("me", NOW), None);
        assert_eq!(taken.busy_until("other", NOW.plus_ms(120_000)), None);
        assert!(taken.is_due(NOW.plus_ms(120_000)), "another refresher continues after one that died");
    }

    #[test]
    fn a_temporary_failure_never_ends_a_connection() {
        let mut failing = life();
        let mut now = NOW;
        for _ in 0..500 {
            failing = failing.announced("me", "v1", now.plus_ms(120_000)).not_now(now, None, 0.9);
            assert!(failing.dead.is_none() && failing.lease.is_none() && failing.announced.is_none());
            let due = failing.refresh_at.expect("tried again");
            assert!(due > now && due.since_ms(now) <= RETRY_MOST_MS);
            now = due;
        }
    }

    #[test]
    fn an_unanswered_refresh_keeps_its_lease() {
        let unsure = asked(&life()).unanswered(NOW, 0.0);
        assert_eq!(unsure.busy_until("other", NOW.plus_ms(119_999)), Some(NOW.plus_ms(120_000)));
        assert_eq!(unsure.refresh_at, Some(NOW.plus_ms(120_000)));
        assert_eq!(unsure.announced.map(|known| known.calls), Some(1));
    }

    #[test]
    fn a_refusal_ends_the_connection_only_when_repeated_and_the_access_token_is_refused_too() {
        // Some time after the tokens were issued.
        let first = NOW.plus_ms(DAY_MS);
        let once = asked(&life()).refused(first, "v1", AccessCheck::Refused);
        assert_eq!((once.dead, once.refresh_at), (None, Some(first.plus_ms(CONFIRM_AFTER_MS))));
        let soon = asked(&once).refused(first.plus_ms(CONFIRM_AFTER_MS - 1), "v1", AccessCheck::Refused);
        assert_eq!(soon.dead, None, "too soon to count");
        let later = first.plus_ms(CONFIRM_AFTER_MS);
        assert_eq!(asked(&once).refused(later, "v2", AccessCheck::Refused).dead, None, "another refresh token");
        assert_eq!(asked(&once).refused(later, "v1", AccessCheck::Works).dead, None, "it still publishes");
        assert_eq!(asked(&once).refused(later, "v1", AccessCheck::Unsure).dead, None);
        let dead = asked(&once).refused(later, "v1", AccessCheck::Refused);
        assert_eq!((dead.dead, dead.refresh_at), (Some(Death { at: later, answer_lost: false }), None));
    }

    #[test]
    fn an_access_token_that_has_worked_between_two_refusals_starts_the_confirmation_anew() {
        let at = |times: i64| NOW.plus_ms(times * CONFIRM_AFTER_MS);
        let works = asked(&life()).refused(at(1), "v1", AccessCheck::Works);
        let first = asked(&works).refused(at(3), "v1", AccessCheck::Refused);
        assert_eq!((first.dead, first.refresh_at), (None, Some(at(4))), "both were refused only once");
        assert_eq!(asked(&first).refused(at(4), "v1", AccessCheck::Refused).dead.map(|death| death.at), Some(at(4)));
    }

    #[test]
    fn a_renewal_is_refused_when_that_is_repeated_and_until_new_tokens_come() {
        let first = NOW.plus_ms(DAY_MS);
        let again = |life: &TokenLife, after_ms: i64, access| {
            asked(life).refused(first.plus_ms(after_ms), "v1", access).is_renewal_refused()
        };
        let once = asked(&life()).refused(first, "v1", AccessCheck::Works);
        assert!(!life().is_renewal_refused() && !once.is_renewal_refused() && !asked(&once).is_renewal_refused());
        assert!(!again(&once, CONFIRM_AFTER_MS - 1, AccessCheck::Works), "too soon to count");
        assert!(!again(&once, CONFIRM_AFTER_MS, AccessCheck::Unsure) && !again(&once, DAY_MS, AccessCheck::Refused));
        let later = first.plus_ms(CONFIRM_AFTER_MS);
        let twice = asked(&once).refused(later, "v1", AccessCheck::Works);
        assert!(twice.is_renewal_refused());
        assert!(asked(&twice).not_now(later, None, 0.5).is_renewal_refused(), "nothing has changed");
        assert!(!life().following(Some("v1"), &twice).is_renewal_refused());
    }

    #[test]
    fn a_refusal_after_a_lost_answer_reports_the_lost_answer() {
        let unsure = asked(&life()).unanswered(NOW, 0.0);
        let once = asked(&unsure).refused(NOW.plus_ms(DAY_MS), "v1", AccessCheck::Refused);
        let dead = asked(&once).refused(NOW.plus_ms(2 * DAY_MS), "v1", AccessCheck::Refused);
        assert!(dead.dead.is_some_and(|death| death.answer_lost));
    }

    #[test]
    fn the_tokens_of_a_forced_refresh_are_not_refreshed_by_force_again_for_a_while() {
        let forced = asked(&life()).forced("v1", NOW);
        assert!(!forced.was_forced_lately(None, NOW), "the refused tokens themselves: their refresh may be repeated");
        assert!(!forced.was_forced_lately(Some("v0"), NOW));
        assert!(forced.was_forced_lately(Some("v1"), NOW.plus_ms(FORCED_AGAIN_AFTER_MS - 1)));
        assert!(!forced.was_forced_lately(Some("v1"), NOW.plus_ms(FORCED_AGAIN_AFTER_MS)));
        assert!(!life().was_forced_lately(Some("v1"), NOW));
    }

    #[test]
    fn a_forced_refresh_is_remembered_with_its_tokens_and_with_no_others() {
        let forced = asked(&life()).forced("v1", NOW);
        assert_eq!(life().following(Some("v1"), &forced).forced, forced.forced);
        for version in [None, Some("v2")] {
            assert_eq!(life().following(version, &forced).forced, None, "{version:?}");
        }
        assert_eq!(forced.not_now(NOW, None, 0.5).forced, forced.forced, "a refresh that failed for now stays forced");
        assert_eq!(forced.unanswered(NOW, 0.5).forced, forced.forced);
    }

    #[test]
    fn an_account_is_held_once_for_each_forced_refresh() {
        assert_eq!(life().held_for_refusal(), None, "nothing was forced");
        let held = life().forced("v1", NOW).held_for_refusal().expect("the first time");
        assert_eq!(held.held_for_refusal(), None);
        assert!(held.clone().forced("v2", NOW).held_for_refusal().is_some());
        assert!(held.was_forced_lately(Some("v1"), NOW));
    }

    #[test]
    fn a_refusal_of_the_app_does_not_count_against_the_account() {
        let life = asked(&life()).app_refused(NOW);
        assert_eq!((life.refused.clone(), life.dead, life.failures, life.announced), (None, None, 0, None));
    }
}
