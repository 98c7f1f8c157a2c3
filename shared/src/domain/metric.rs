//! Every metric by name. [`telemetry`](crate::telemetry) writes them.

/// Every metric. The variant's name is the metric's name. Its unit is a count: of pins, of attempts or of what else the
/// name says. Another unit is part of the name, such as minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    PinAccepted,
    PinDeferred,
    PinPublished,
    PinAdopted,
    PinFailed,
    /// By cause: the first attempt of a pin with a time of its own started late.
    PinLate,
    AttemptRetried,
    PinRetried,
    OutcomeUnknown,
    AccountPaused,
    FenceLost,
    OrphanPin,
    /// A duplicate check found a second Pin.
    DuplicatePin,
    RescuerResent,
    /// Rolling up failed; the work is done again.
    RollupFailed,
    /// By how many minutes the rollup is behind, when that is much.
    RollupBehindMinutes,
    BacklogReleased,
    ScheduleCreated,
    ScheduleReleased,
    /// Released after its time.
    ScheduleLate,
    /// No pin could be created from the schedule.
    ScheduleFailed,
    PoisonMessage,
    /// By function and port: work that has to be done again. Lambda's `Errors` doesn't count it.
    WorkFailed,
    /// By the result of handling the message.
    DeadLetter,
    TokensRefreshed,
    /// By the reason of the failure.
    RefreshFailed,
    /// Issued by Pinterest and not stored.
    RefreshTokensLost,
    /// Given up, because Pinterest refuses both tokens.
    AccountNeedsReconnect,
    /// By the reason for which an import doesn't continue by itself.
    ImportStopped,
    /// By the kind of caller: the credit of one is used up.
    CreditSpent,
    /// By the kind of row: a machine whose clock was ahead had written it, and it was made an empty bucket.
    BadClockReset,
    /// An endpoint has an event.
    EventDelivered,
    /// By the error: a try to deliver an event failed.
    EventFailed,
    /// By the error: the last try to deliver an event failed, and none follows.
    EventExhausted,
    /// By why: the event of a delivery can't be read any more.
    EventUndeliverable,
    /// By the error: a destination of the stack did not take an event, which is put again.
    EventNotPut,
    /// By whom: an endpoint was disabled because of its answers.
    WebhookDisabled,
}

impl Metric {
    /// The name under which CloudWatch keeps it.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}
