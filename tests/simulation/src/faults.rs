//! The fault profile of a world: which faults happen, and how often. It is drawn for each world, so that some worlds
//! are calm where others are harsh.

use fastrand::Rng;

/// Probabilities per call, unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    // Processes.
    /// The process dies before the call takes effect, after the effect and before the answer, or after the answer.
    pub crash: f64,
    /// The process stalls for 6 s to 10 min, even beyond its time-out, and continues.
    pub freeze: f64,
    // Table, queues and secrets.
    /// The call fails without an effect.
    pub refused: f64,
    /// The call takes effect, and an error is returned.
    pub lost: f64,
    /// The SDK repeats a call that has succeeded.
    pub repeated: f64,
    /// The call takes up to 6 s.
    pub slow: f64,
    /// The write meets another transaction on its row, and has no effect. Only for rows that transactions write.
    pub contended: f64,
    // Queues, per message.
    pub duplicate: f64,
    /// The acknowledgement is lost, so the message is delivered again.
    pub unacknowledged: f64,
    /// Per batch: the delivery is delayed by up to 40 s.
    pub late_batch: f64,
    // Pinterest, per create.
    pub lost_before_commit: f64,
    pub lost_after_commit: f64,
    pub late_commit: f64,
    /// Commits later than `Tq` allows for. Only in worlds in which the duplicate check cleans up.
    pub too_late_commit: f64,
    pub server_error_after_commit: f64,
    pub server_error: f64,
    /// 400 with code 2787, half of them with the Pin created.
    pub code_2787: f64,
    pub rate_limited: f64,
    /// 429 without Pinterest's JSON, a tenth of them with the Pin created.
    pub bare_429: f64,
    /// 429 to a write that a caller waits for.
    pub own_429: f64,
    /// Per image: Pinterest can't fetch it, for a while or ever.
    pub image_down: f64,
    /// A refusal in words that Pinterest is quoted with, under any 4xx.
    pub worded_refusal: f64,
    pub spam_block: f64,
    pub busy: f64,
    pub unreachable: f64,
    /// A permanent refusal.
    pub refused_pin: f64,
    /// The account's access token, and sometimes its grant, is revoked at this call or at this page of a list.
    pub revoked: f64,
    /// A single refusal of an access token that is good, at a create or at a page of a list.
    pub stray_401: f64,
    /// Per pin: Pinterest refuses it in words that are about its account.
    pub poisoned: f64,
    /// From this create on, Pinterest refuses every access token of the user for a while, also those of a refresh,
    /// which works.
    pub outlives_refresh: f64,
    // Pinterest, per page of a list.
    pub list_error: f64,
    pub list_empty: f64,
    pub list_shuffled: f64,
    pub list_cut: f64,
    /// In one of four windows of this length a board's list is empty; 0 for never.
    pub list_dark_ms: i64,
    /// Number of other people's Pins that were on each board before.
    pub strangers: usize,
    /// Per created Pin: lists show its link and texts written in other ways.
    pub rewritten: f64,
    /// For the mutant that compares exactly: a rewritten Pin looks like another's.
    pub rewritten_is_foreign: bool,
    // Clients, per request.
    pub answer_lost: f64,
    /// The client repeats a request that was answered.
    pub impatient: f64,
    /// The client changes its schedule.
    pub capricious: f64,
    /// The client sends another payload with the same key.
    pub confused: f64,
    /// Ticks of the dispatcher, per minute: missed, or run twice at once.
    pub tick_missed: f64,
    pub tick_doubled: f64,
    // Per world.
    /// Wall clocks are up to this far ahead or behind.
    pub skew_ms: i64,
    /// How long a created Pin may be missing from lists.
    pub list_lag_ms: i64,
    /// How long after the client gave up a create may still commit.
    pub commit_lateness_ms: i64,
    /// Late commits are evenly distributed over that time, instead of half of them at its end.
    pub commits_evenly: bool,
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

impl Faults {
    /// The full mix of faults. Lateness, lag and skew reach the limits that the deadlines assume.
    pub fn harsh(rng: &mut Rng) -> Self {
        Self {
            crash: draw(rng, 0.02),
            freeze: draw(rng, 0.003),
            refused: draw(rng, 0.05),
            lost: draw(rng, 0.05),
            repeated: draw(rng, 0.05),
            slow: draw(rng, 0.02),
            contended: draw(rng, 0.05),
            duplicate: draw(rng, 0.2),
            unacknowledged: draw(rng, 0.1),
            late_batch: draw(rng, 0.2),
            lost_before_commit: draw(rng, 0.1),
            lost_after_commit: draw(rng, 0.15),
            late_commit: draw(rng, 0.1),
            too_late_commit: 0.0,
            server_error_after_commit: draw(rng, 0.1),
            server_error: draw(rng, 0.1),
            code_2787: draw(rng, 0.1),
            rate_limited: draw(rng, 0.02),
            // Drawn apart, see `Plan::drawn`.
            bare_429: 0.0,
            own_429: 0.0,
            image_down: 0.0,
            worded_refusal: 0.0,
            spam_block: if rng.u8(0..12) == 0 { 0.003 } else { 0.0 },
            busy: draw(rng, 0.05),
            unreachable: draw(rng, 0.1),
            refused_pin: draw(rng, 0.03),
            revoked: if rng.u8(0..4) == 0 { 0.02 } else { 0.0 },
            stray_401: 0.0,
            poisoned: 0.0,
            outlives_refresh: 0.0,
            list_error: draw(rng, 0.2),
            list_empty: draw(rng, 0.01),
            list_shuffled: draw(rng, 0.3),
            list_cut: draw(rng, 0.05),
            list_dark_ms: if rng.u8(0..6) == 0 { rng.i64(1..30) * 60_000 } else { 0 },
            strangers: match rng.u8(0..40) {
                0 => 2_300,
                1..4 => rng.usize(240..600),
                4..20 => rng.usize(1..20),
                _ => 0,
            },
            rewritten: 0.0,
            rewritten_is_foreign: false,
            answer_lost: draw(rng, 0.1),
            impatient: draw(rng, 0.1),
            capricious: 0.0,
            confused: draw(rng, 0.02),
            tick_missed: draw(rng, 0.1),
            tick_doubled: draw(rng, 0.1),
            skew_ms: if rng.bool() { 0 } else { 5_000 },
            list_lag_ms: if rng.bool() { 0 } else { 20_000 },
            commit_lateness_ms: 60_000,
            commits_evenly: false,
        }
    }

    /// No faults.
    pub fn calm() -> Self {
        Self::default()
    }

    /// What Pinterest says in worlds that hear it: drawn apart from the other faults.
    pub fn with_words(mut self, rng: &mut Rng) -> Self {
        self.bare_429 = draw(rng, 0.02);
        self.image_down = draw(rng, 0.05);
        self.worded_refusal = draw(rng, 0.03);
        self.own_429 = draw(rng, 0.1);
        self.stray_401 = draw(rng, 0.02);
        self
    }

    /// The same faults, but functions, table, queues and secrets work.
    pub fn with_working_functions(self) -> Self {
        Self {
            crash: 0.0,
            freeze: 0.0,
            refused: 0.0,
            lost: 0.0,
            repeated: 0.0,
            slow: 0.0,
            contended: 0.0,
            unacknowledged: 0.0,
            late_batch: 0.0,
            ..self
        }
    }

    /// The same world after its faults have ended. What can't be repaired, such as clock skew, stays.
    pub fn healed(&self) -> Self {
        Self {
            skew_ms: self.skew_ms,
            list_lag_ms: self.list_lag_ms,
            commit_lateness_ms: self.commit_lateness_ms,
            strangers: self.strangers,
            rewritten: self.rewritten,
            rewritten_is_foreign: self.rewritten_is_foreign,
            image_down: self.image_down,
            ..Self::calm()
        }
    }
}
