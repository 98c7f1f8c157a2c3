//! The rules of publishing and of token custody by name, so that the tests can take one away and show that it is missed.
//!
//! In production every rule holds and the compiler removes the question. Under the feature `testing` a world may lack
//! one: a mutant.

/// What keeps a pin from being published twice, lost or stranded. Each is asked for at the one place that keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A call is announced in the table before it is made.
    WriteAhead,
    /// Only one worker's announcement counts.
    Fence,
    /// Messages of an older generation are void.
    Generation,
    /// A write that is repeated under our feet is recognised as our own.
    Nonce,
    /// Nothing is sent long after it was announced.
    SendWithin,
    /// A lost answer is left alone until it can't commit any more.
    Quiesce,
    /// Absence is believed only after a second scan.
    SecondScan,
    /// Nothing is sent again without having looked.
    Reconcile,
    /// A Pin that belongs to another pin of ours isn't taken.
    Ownership,
    /// Every call spends a token of its own.
    TokenPerCall,
    /// What nobody owns is found again.
    Rescuer,
    /// No attempt begins of a pin that was deleted.
    Hidden,
    /// A row of the clock stays for the tally when the pins that still had to be watched are filed anew.
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

/// What keeps an account's tokens from being lost, and its connection from being given up for nothing. Asked for like a [`Rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CustodyRule {
    /// One refresher at a time.
    RefreshLease,
    /// Nothing is asked long after it was announced.
    AskWithin,
    /// After a lost answer the lease lasts until the request can't take effect any more.
    QuiesceAfterLoss,
    /// Storing what was issued is tried to the end of the invocation.
    KeepTrying,
    /// Nobody uses tokens that aren't stored.
    KeptBeforeUse,
    /// Tokens that were stored and not made current are adopted by whoever comes next.
    AdoptPending,
    /// Refreshed tokens take the place only of those they were got with.
    PromoteIfCurrent,
    /// A refusal counts when it is repeated minutes later.
    RefusalConfirmed,
    /// A connection isn't given up while Pinterest accepts the access token.
    AccessAsked,
    /// What came of a refresh is recorded only while the row is that refresher's.
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

/// Whether the row that is in the way of a write is there because an earlier try of this very write put it there: an SDK
/// repeats a call whose answer it lost. An empty name names nothing.
pub fn is_same_write(stored: &str, nonce: &str) -> bool {
    !nonce.is_empty() && stored == nonce
}
