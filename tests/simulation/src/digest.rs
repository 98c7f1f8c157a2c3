//! A digest of everything that happened in a world: equal before and after a change that only moves or renames code.
//!
//! It covers the time, process and function of each port call (not the call's name), the final row of every pin, every
//! Pin on Pinterest, and the final state of the random number generator.

use pinbridge_shared::domain::pin::Pin;
use pinbridge_shared::domain::pin::attempt::Attempt;

use crate::plan::Plan;
use crate::report::in_parallel;
use crate::world;

/// FNV-1a over 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// The values of a pin's row, without the names of its fields.
pub fn of_pin(pin: &Pin, attempt: &Attempt) -> Vec<u8> {
    let row = (
        &pin.request.idempotency_key,
        attempt.status as u8,
        attempt.generation,
        attempt.attempt,
        attempt.rev,
        &attempt.nonce,
        &attempt.pinterest_pin_id,
        attempt.failure.map(|failure| failure.code()),
        attempt.started_at.map(|at| at.0),
        attempt.not_before.map(|at| at.0),
        attempt.history.iter().map(|event| event.at.0).collect::<Vec<_>>(),
    );
    format!("{row:?}").into_bytes()
}

/// Prints one digest over the worlds of each seed.
pub fn print(seeds: u64, worlds: u64) -> bool {
    for seed in 1..=seeds {
        let mut sum = Digest::default();
        let outcomes = in_parallel(0..worlds, |number| world::run(Plan::drawn(seed, number)).digest);
        outcomes.values().for_each(|digest| sum.add(&digest.0.to_le_bytes()));
        println!("seed {seed}: {worlds} worlds, digest {:016x}", sum.0);
    }
    true
}
