//! What goes wrong, and how often. Drawn anew for each world, so that some are calm where others are harsh.

use fastrand::Rng;

/// Probabilities per call, unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weather {
    // Processes.
    /// Each: before the call takes effect, after it did and before its answer, after its answer.
    pub crash: f64,
    /// Stalls for 30 s to 10 min, beyond any time-out, and goes on.
    pub freeze: f64,
    // Table, queues and secrets.
    /// An error, and nothing happened.
    pub refused: f64,
    /// An error, and it happened.
    pub lost: f64,
    /// The SDK repeats a call that had succeeded.
    pub repeated: f64,
    /// Takes up to 6 s.
    pub slow: f64,
    // Queues, per message.
    pub duplicate: f64,
    /// An acknowledgement that gets lost: the message comes again.
    pub unacknowledged: f64,
    /// Per batch: left lying for up to 40 s.
    pub late_batch: f64,
    // Pinterest, per create.
    pub lost_before_commit: f64,
    pub lost_after_commit: f64,
    pub late_commit: f64,
    /// Commits later than `Tq` allows for: only where the late check cleans up.
    pub too_late_commit: f64,
    pub server_error_after_commit: f64,
    pub server_error: f64,
    /// 400 with code 2787, half of them with the Pin created.
    pub code_2787: f64,
    pub rate_limited: f64,
    pub spam_block: f64,
    pub busy: f64,
    pub unreachable: f64,
    /// A refusal for good.
    pub refused_pin: f64,
    /// The account's access token dies with this call, or with this page of a list; its grant sometimes dies with it.
    pub revoked: f64,
    // Pinterest, per page of a list.
    pub list_error: f64,
    pub list_empty: f64,
    pub list_shuffled: f64,
    pub list_cut: f64,
    /// In one window of four of this length a board lists nothing at all; 0 for never.
    pub list_dark_ms: i64,
    /// Pins that were on each board before.
    pub strangers: usize,
    // Clients, per request.
    pub answer_lost: f64,
    /// Sends the same request once more although it was answered.
    pub impatient: f64,
    /// Has another wish about its schedule.
    pub capricious: f64,
    /// Sends another payload under the same key.
    pub confused: f64,
    /// Dispatcher's ticks, per minute: missed, or run twice at once.
    pub tick_missed: f64,
    pub tick_doubled: f64,
    // Per world.
    /// Wall clocks are up to this far off, either way.
    pub skew_ms: i64,
    /// A created Pin may be missing from lists this long.
    pub list_lag_ms: i64,
    /// How late after the client gave up a create may still commit.
    pub commit_lateness_ms: i64,
    /// Late commits come evenly over that time, and not half of them at its end.
    pub commits_evenly: bool,
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

impl Weather {
    /// The full mix. The deadlines' own assumptions (lateness, lag, skew) are used up to their limits.
    pub fn harsh(rng: &mut Rng) -> Self {
        Self {
            crash: draw(rng, 0.02),
            freeze: draw(rng, 0.003),
            refused: draw(rng, 0.05),
            lost: draw(rng, 0.05),
            repeated: draw(rng, 0.05),
            slow: draw(rng, 0.02),
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
            spam_block: if rng.u8(0..12) == 0 { 0.003 } else { 0.0 },
            busy: draw(rng, 0.05),
            unreachable: draw(rng, 0.1),
            refused_pin: draw(rng, 0.03),
            revoked: if rng.u8(0..4) == 0 { 0.02 } else { 0.0 },
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

    /// Nothing goes wrong.
    pub fn calm() -> Self {
        Self::default()
    }

    /// The same world when everything is mended: what can't be mended, such as its clocks, stays.
    pub fn healed(&self) -> Self {
        Self {
            skew_ms: self.skew_ms,
            list_lag_ms: self.list_lag_ms,
            commit_lateness_ms: self.commit_lateness_ms,
            strangers: self.strangers,
            ..Self::calm()
        }
    }
}
