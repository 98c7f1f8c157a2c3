//! Throttling of logins: failed attempts are counted by the network that they come from, and there by address, whether
//! or not the address has a user.
//!
//! - A network that guesses one address is refused for that address only: nobody shuts the owner out of their own
//!   network by guessing elsewhere.
//! - A network that tries many addresses (spraying) is refused for all of them.
//! - An address that many networks guess is never closed. Networks from which its owner never logged in have one
//!   attempt each instead of [`FAILURES_MAX`], so a right password still opens it from anywhere.
//!
//! An attempt is counted before its password is checked, so that simultaneous guesses can't pass together. Unknown
//! addresses are counted in the same rows as known ones: the number of rows depends on networks, not on addresses.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest, Sha256};

use super::user::Email;
use crate::domain::ids::UserId;
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment, SECOND_MS};

/// The most wrong passwords for one address from one network within the window; the owner's right password resets the
/// count. That of an unproven registration is one more attempt.
pub const FAILURES_MAX: u32 = 5;
/// The most wrong passwords from one network within the window, over all addresses: six addresses' worth, so that an
/// office behind one address is not shut out by a few people's mistakes.
pub const SOURCE_FAILURES_MAX: u32 = 30;
/// The wrong passwords for one address within the window, over all networks, after which networks from which its owner
/// never logged in have [`FRESH_FAILURES_MAX`] attempts each: ten times what one network reaches.
pub const ADDRESS_FAILURES_MAX: u32 = 50;
/// One, so that the right password is accepted at the first attempt, from anywhere.
pub const FRESH_FAILURES_MAX: u32 = 1;
/// The length of every window, from the first wrong password, in milliseconds.
pub const WINDOW_MS: i64 = 15 * MINUTE_MS;
/// How long a network is known after a person's last login from it.
pub const KNOWN_SOURCE_MS: i64 = 90 * DAY_MS;
/// The number of rows in which addresses are counted. Each row counts a few addresses together, which at worst gives
/// fresh networks one attempt instead of five; in return, invented addresses can't fill the table.
const BUCKETS: u32 = 1 << 16;
/// The parts of an IPv6 address that a network is free to choose: counting addresses one by one would limit nothing.
const IPV6_NETWORK: u128 = !0 << 64;
/// Separate these digests from every other use of the hash.
const SOURCE_DOMAIN: &[u8] = b"pinbridge login source\0";
const ADDRESS_DOMAIN: &[u8] = b"pinbridge login address\0";
const KNOWN_DOMAIN: &[u8] = b"pinbridge known source\0";

/// The network that a request comes from: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

impl Source {
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(ip.to_string()),
            IpAddr::V6(ip) => Self(format!("{}/64", Ipv6Addr::from_bits(ip.to_bits() & IPV6_NETWORK))),
        }
    }

    /// Accepts an IP address, or a network as this type prints it.
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().trim_end_matches("/64").parse().ok().map(Self::of)
    }

    /// The source of requests that came through no API Gateway, as on the local stack.
    pub fn direct() -> Self {
        Self("direct".into())
    }

    /// Names the network's row. The table doesn't store the network itself.
    pub fn digest(&self) -> String {
        hex(&[SOURCE_DOMAIN, self.0.as_bytes()])
    }

    /// Names the row that says that the person logged in from here.
    pub fn known_to(&self, user: UserId) -> String {
        hex(&[KNOWN_DOMAIN, user.0.as_bytes(), self.0.as_bytes()])
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 16 bytes of the parts' SHA-256, in hex.
fn hex(parts: &[&[u8]]) -> String {
    let digest = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// An email address as the counts know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressId(pub String);

/// The row that counts an address's failures over all networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(pub u32);

impl AddressId {
    pub fn of(email: &Email) -> Self {
        Self(hex(&[ADDRESS_DOMAIN, email.as_str().as_bytes()]))
    }

    /// The row that counts the failures for this address over all networks.
    pub fn bucket(&self) -> Bucket {
        // The id is in hex; its first digits are as evenly spread as any.
        Bucket(u32::from_str_radix(self.0.get(..8).unwrap_or_default(), 16).unwrap_or_default() % BUCKETS)
    }
}

/// There were too many attempts; when the next one is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    pub until: Moment,
}

impl TooMany {
    /// In whole seconds, at least one.
    pub fn retry_after_s(self, now: Moment) -> u64 {
        u64::try_from((self.until.since_ms(now) + SECOND_MS - 1).div_euclid(SECOND_MS)).unwrap_or(0).max(1)
    }
}

/// The attempts for one address from one network since the last right password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    pub since: Moment,
    pub count: u32,
}

impl Failures {
    fn ends_at(self) -> Moment {
        self.since.plus_ms(WINDOW_MS)
    }
}

/// The attempts from one network, by address. At most [`SOURCE_FAILURES_MAX`] addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAttempts {
    /// [`Source::digest`].
    pub source: String,
    pub failures: BTreeMap<AddressId, Failures>,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

impl SourceAttempts {
    /// The state before any attempt.
    pub fn none(source: &Source) -> Self {
        Self { source: source.digest(), failures: BTreeMap::new(), rev: 0, nonce: String::new() }
    }

    /// The state with one more attempt for the address, of which `about` is what all networks did.
    ///
    /// # Errors
    /// When there were too many attempts in the window: `failures_max` for the address, or the network's own limit.
    pub fn next(
        &self,
        address: &AddressId,
        failures_max: u32,
        about: &AddressAttempts,
        now: Moment,
        nonce: String,
    ) -> Result<Self, TooMany> {
        let mut failures = self.failures.clone();
        failures.retain(|_, failures| failures.count > 0 && now < failures.ends_at());
        if about
            .lifted_at
            .is_some_and(|lifted| lifted <= now && failures.get(address).is_some_and(|one| one.since < lifted))
        {
            failures.remove(address);
        }
        // What was lifted doesn't count for the network either.
        let total: u32 = failures.values().map(|failures| failures.count).sum();
        let own = failures.get(address).copied().unwrap_or(Failures { since: now, count: 0 });
        if own.count >= failures_max {
            return Err(TooMany { until: own.ends_at() });
        }
        if total >= SOURCE_FAILURES_MAX {
            let until = failures.values().map(|one| one.ends_at()).min();
            return Err(TooMany { until: until.unwrap_or(now) });
        }
        failures.insert(address.clone(), Failures { count: own.count + 1, ..own });
        Ok(Self { source: self.source.clone(), failures, rev: self.rev + 1, nonce })
    }

    /// The state after the owner's right password: the address's attempts are forgotten, the others' stay.
    #[must_use]
    pub fn forgiven(&self, address: &AddressId, nonce: String) -> Self {
        let mut failures = self.failures.clone();
        // An empty entry stays until the next attempt, so that the row keeps a time at which it expires.
        failures.entry(address.clone()).and_modify(|one| one.count = 0);
        Self { source: self.source.clone(), failures, rev: self.rev + 1, nonce }
    }

    /// The attempts for all addresses together.
    pub fn total(&self) -> u32 {
        self.failures.values().map(|failures| failures.count).sum()
    }

    /// When nothing in the row counts any more.
    pub fn expires_at(&self) -> Moment {
        self.failures.values().map(|failures| failures.ends_at()).max().unwrap_or_default()
    }
}

/// The wrong passwords for the addresses of one bucket, over all networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressAttempts {
    pub bucket: Bucket,
    pub since: Moment,
    pub count: u32,
    /// Attempts of windows that began before then don't count any more: an operator lifted the limit, or set a new
    /// password.
    pub lifted_at: Option<Moment>,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

impl AddressAttempts {
    /// The state before any attempt.
    pub fn none(bucket: Bucket) -> Self {
        Self { bucket, since: Moment(0), count: 0, lifted_at: None, rev: 0, nonce: String::new() }
    }

    /// Whether there were so many wrong passwords that fresh networks are limited ([`ADDRESS_FAILURES_MAX`]).
    pub fn is_guessed(&self, now: Moment) -> bool {
        self.count >= ADDRESS_FAILURES_MAX && now < self.since.plus_ms(WINDOW_MS)
    }

    /// The state after a wrong password.
    #[must_use]
    pub fn next(&self, now: Moment, nonce: String) -> Self {
        let is_fresh = self.count == 0 || now >= self.since.plus_ms(WINDOW_MS);
        let (since, count) = if is_fresh { (now, 1) } else { (self.since, self.count.saturating_add(1)) };
        Self { since, count, rev: self.rev + 1, nonce, ..self.clone() }
    }

    /// The state after the limit was lifted: what was counted before counts nowhere.
    #[must_use]
    pub fn lifted(&self, now: Moment, nonce: String) -> Self {
        Self { since: now, count: 0, lifted_at: Some(now), rev: self.rev + 1, nonce, ..self.clone() }
    }

    /// When nothing in the row counts any more.
    pub fn expires_at(&self) -> Moment {
        self.since.max(self.lifted_at.unwrap_or_default()).plus_ms(WINDOW_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment(1_000_000);

    fn source(text: &str) -> Source {
        Source::parse(text).expect("a source")
    }

    fn address(text: &str) -> AddressId {
        AddressId::of(&Email::parse(text).expect("an address"))
    }

    fn nothing() -> AddressAttempts {
        AddressAttempts::none(Bucket(0))
    }

    fn count(attempts: &SourceAttempts, of: &AddressId, now: Moment) -> Result<SourceAttempts, TooMany> {
        attempts.next(of, FAILURES_MAX, &nothing(), now, "n".into())
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_the_64_of_an_ipv6_address() {
        assert_eq!(source("203.0.113.7"), source("::ffff:203.0.113.7"), "one network, however it is written");
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_eq!(source("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(source("2001:db8:1:2::/64"), source("2001:db8:1:2::5"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("203.0.113.7").digest(), source("203.0.113.8").digest());
        for bad in ["", "direct", "203.0.113", "203.0.113.7:443", "example.com", "1.2.3.4, 5.6.7.8"] {
            assert_eq!(Source::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn after_five_failures_the_sixth_waits_for_the_window() {
        let ada = address("ada@example.com");
        let mut attempts = SourceAttempts::none(&Source::direct());
        for n in 0..i64::from(FAILURES_MAX) {
            attempts = count(&attempts, &ada, START.plus_ms(n)).expect("accepted");
        }
        let now = START.plus_ms(10);
        let refused = count(&attempts, &ada, now).expect_err("too many");
        assert_eq!((refused.until, refused.retry_after_s(now)), (START.plus_ms(WINDOW_MS), 900));
        assert_eq!(refused.retry_after_s(refused.until.plus_ms(-1)), 1);
        assert!(count(&attempts, &address("bob@example.com"), now).is_ok(), "another address is another count");
        let again = count(&attempts, &ada, refused.until).expect("accepted again");
        assert_eq!(again.failures[&ada], Failures { since: refused.until, count: 1 });
        let forgiven = attempts.forgiven(&ada, "m".into());
        assert_eq!((forgiven.total(), forgiven.rev), (0, attempts.rev + 1));
    }

    #[test]
    fn spraying_ends_at_the_sources_own_limit_and_a_success_of_ones_own_lifts_nothing_else() {
        let mut attempts = SourceAttempts::none(&Source::direct());
        for n in 0..SOURCE_FAILURES_MAX {
            let now = START.plus_ms(i64::from(n));
            attempts = count(&attempts, &address(&format!("a{n}@example.com")), now).expect("accepted");
        }
        let now = START.plus_ms(1_000);
        let last = address("last@example.com");
        assert_eq!(count(&attempts, &last, now), Err(TooMany { until: START.plus_ms(WINDOW_MS) }));
        let mine = attempts.forgiven(&address("a7@example.com"), "m".into());
        let next = count(&mine, &last, now).expect("one is free");
        assert_eq!(next.total(), SOURCE_FAILURES_MAX);
        assert!(count(&next, &address("more@example.com"), now).is_err(), "and only one");
        assert_eq!(next.failures.len(), SOURCE_FAILURES_MAX as usize, "the row is bounded");
        assert_eq!(mine.expires_at(), attempts.expires_at(), "a row without attempts expires too");
        let later = count(&attempts, &last, START.plus_ms(WINDOW_MS)).expect("the oldest has expired");
        assert_eq!((later.total(), later.expires_at()), (SOURCE_FAILURES_MAX, START.plus_ms(2 * WINDOW_MS)));
    }

    #[test]
    fn an_address_that_many_guess_limits_fresh_networks_for_a_window() {
        let ada = address("ada@example.com");
        let mut about = AddressAttempts::none(ada.bucket());
        for n in 0..ADDRESS_FAILURES_MAX {
            assert!(!about.is_guessed(START), "after {n}");
            about = about.next(START, "n".into());
        }
        assert!(about.is_guessed(START) && !about.is_guessed(START.plus_ms(WINDOW_MS)));
        assert_eq!(about.next(START.plus_ms(WINDOW_MS), "n".into()).count, 1);
        assert!(!about.lifted(START, "m".into()).is_guessed(START));
        let fresh = SourceAttempts::none(&source("203.0.113.7"));
        let once = fresh.next(&ada, FRESH_FAILURES_MAX, &about, START, "n".into()).expect("the first is compared");
        assert!(once.next(&ada, FRESH_FAILURES_MAX, &about, START, "n".into()).is_err());
    }

    #[test]
    fn a_lifted_address_leaves_the_count_of_its_network() {
        let ada = address("ada@example.com");
        let mut attempts = SourceAttempts::none(&Source::direct());
        let people = SOURCE_FAILURES_MAX / FAILURES_MAX;
        let others = (1..people).map(|n| address(&format!("a{n}@example.com")));
        for address in others.chain([ada.clone()]).collect::<Vec<_>>() {
            for _ in 0..FAILURES_MAX {
                attempts = count(&attempts, &address, START).expect("accepted");
            }
        }
        let now = START.plus_ms(6);
        assert!(count(&attempts, &ada, now).is_err() && count(&attempts, &address("b@example.com"), now).is_err());
        let lifted = nothing().lifted(START.plus_ms(5), "l".into());
        let next = attempts.next(&ada, FAILURES_MAX, &lifted, now, "n".into()).expect("the network has room again");
        assert_eq!(next.total(), SOURCE_FAILURES_MAX - FAILURES_MAX + 1);
        let before = nothing().lifted(START.plus_ms(-1), "l".into());
        assert!(attempts.next(&ada, FAILURES_MAX, &before, now, "n".into()).is_err());
    }

    #[test]
    fn a_lifted_limit_forgets_what_every_network_counted_before() {
        let ada = address("ada@example.com");
        let mut attempts = SourceAttempts::none(&Source::direct());
        for _ in 0..FAILURES_MAX {
            attempts = count(&attempts, &ada, START).expect("accepted");
        }
        let lifted = nothing().lifted(START.plus_ms(5), "l".into());
        let now = START.plus_ms(6);
        let next = attempts.next(&ada, FAILURES_MAX, &lifted, now, "n".into()).expect("lifted");
        assert_eq!(next.failures[&ada], Failures { since: now, count: 1 });
        let earlier = nothing().lifted(START.plus_ms(-1), "l".into());
        assert!(attempts.next(&ada, FAILURES_MAX, &earlier, now, "n".into()).is_err(), "later guesses count");
        assert_eq!(lifted.expires_at(), START.plus_ms(5 + WINDOW_MS), "as long as anything that it lifts");
    }
}
