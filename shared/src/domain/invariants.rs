//! The invariants of publishing and of token custody by name, so that the tests can remove one and show that it is
//! missed.
//!
//! In production every rule holds, and the compiler removes the check. With the feature `testing`, a context may lack
//! one: a mutant.

/// The rules that keep a pin from being published twice, lost or stranded. Each is checked at the one place that
/// enforces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A call is announced in the table before it is made.
    WriteAhead,
    /// Only one worker's announcement counts.
    Fence,
    /// Messages of an older generation are void.
    Generation,
    /// A repeated write is recognised as our own.
    Nonce,
    /// No call is sent long after it was announced.
    SendWithin,
    /// A call without an answer is left alone until it can't commit any more.
    Quiesce,
    /// Absence is believed only after a second scan.
    SecondScan,
    /// No call is repeated before its board was read.
    Reconcile,
    /// A Pin that belongs to another of our pins isn't adopted.
    Ownership,
    /// Every call spends a token of its own.
    TokenPerCall,
    /// A pin without an owner is found again.
    Rescuer,
    /// No attempt of a deleted pin begins.
    Hidden,
    /// A recovery marker stays for the rollup when the pins that still need rescuing are filed again.
    RetiredMarkers,
}

impl Rule {
    pub const ALL: [Self; 13] = [
        Self::WriteAhead,
        Self::Fence,
        Self::Generation,
        Self::Nonce,
        Self::SendWithin,
        Self::Quiesce,
        Self::SecondScan,
        Self::Reconcile,
        Self::Ownership,
        Self::TokenPerCall,
        Self::Rescuer,
        Self::Hidden,
        Self::RetiredMarkers,
    ];
}

/// The rules that keep an account's tokens from being lost, and its connection from being given up without cause. They
/// are checked like a [`Rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CustodyRule {
    /// One refresher at a time.
    RefreshLease,
    /// No refresh is sent long after it was announced.
    AskWithin,
    /// After a lost answer the lease lasts until the request can't take effect any more.
    QuiesceAfterLoss,
    /// Storing issued tokens is tried until the invocation ends.
    KeepTrying,
    /// No tokens are used that aren't stored.
    KeptBeforeUse,
    /// Tokens that were staged and not promoted are adopted by the next refresher.
    AdoptPending,
    /// Refreshed tokens replace only those that they were issued for.
    PromoteIfCurrent,
    /// A refusal counts only when it is repeated minutes later.
    RefusalConfirmed,
    /// A connection isn't given up while Pinterest accepts the access token.
    AccessAsked,
    /// The result of a refresh is recorded only while the row is that refresher's.
    RowFence,
}

impl CustodyRule {
    pub const ALL: [Self; 10] = [
        Self::RefreshLease,
        Self::AskWithin,
        Self::QuiesceAfterLoss,
        Self::KeepTrying,
        Self::KeptBeforeUse,
        Self::AdoptPending,
        Self::PromoteIfCurrent,
        Self::RefusalConfirmed,
        Self::AccessAsked,
        Self::RowFence,
    ];
}

/// Which rules hold: all of them, outside tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    #[cfg(any(test, feature = "testing"))]
    lacking: Option<Rule>,
    #[cfg(any(test, feature = "testing"))]
    lacking_of_custody: Option<CustodyRule>,
}

impl Rules {
    #[cfg(any(test, feature = "testing"))]
    pub fn without(rule: Rule) -> Self {
        Self { lacking: Some(rule), ..Self::default() }
    }

    #[cfg(any(test, feature = "testing"))]
    pub fn without_custody(rule: CustodyRule) -> Self {
        Self { lacking_of_custody: Some(rule), ..Self::default() }
    }

    #[cfg(any(test, feature = "testing"))]
    pub fn hold(self, rule: Rule) -> bool {
        self.lacking != Some(rule)
    }

    #[cfg(not(any(test, feature = "testing")))]
    #[inline(always)]
    pub fn hold(self, _: Rule) -> bool {
        true
    }

    #[cfg(any(test, feature = "testing"))]
    pub fn keep(self, rule: CustodyRule) -> bool {
        self.lacking_of_custody != Some(rule)
    }

    #[cfg(not(any(test, feature = "testing")))]
    #[inline(always)]
    pub fn keep(self, _: CustodyRule) -> bool {
        true
    }
}

/// Whether the row that a write conflicts with was written by an earlier try of this very write: an SDK repeats a call
/// whose answer it lost. An empty nonce matches nothing.
pub fn is_same_write(stored: &str, nonce: &str) -> bool {
    !nonce.is_empty() && stored == nonce
}
