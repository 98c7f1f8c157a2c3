//! Ids and tokens. They are functions of the ordinal (and the seed), so that a replayed journal gives the same ones.

const BOARD_ID_BASE: u64 = 782_000_000_000_000_000;
const PIN_ID_BASE: u64 = 783_000_000_000_000_000;
const SECTION_ID_BASE: u64 = 784_000_000_000_000_000;
const MEDIA_ID_BASE: u64 = 785_000_000_000_000_000;
/// Number of ids of one kind: 10^15. Coprime to [`STEP`], so that no two ordinals share an id.
const SPAN: u64 = 1_000_000_000_000_000;
/// Spreads successive ordinals, so that clients can't rely on the order of Pinterest's ids.
const STEP: u64 = 618_033_988_749_897;

pub fn board_id(ordinal: usize) -> String {
    (BOARD_ID_BASE + spread(ordinal)).to_string()
}

pub fn pin_id(ordinal: usize) -> String {
    (PIN_ID_BASE + spread(ordinal)).to_string()
}

pub fn section_id(ordinal: usize) -> String {
    (SECTION_ID_BASE + spread(ordinal)).to_string()
}

pub fn media_id(ordinal: usize) -> String {
    (MEDIA_ID_BASE + spread(ordinal)).to_string()
}

fn spread(ordinal: usize) -> u64 {
    ((ordinal as u128 + 1) * u128::from(STEP) % u128::from(SPAN)) as u64
}

/// A secret with Pinterest's prefix (`pina`, `pinr`): 40 characters that depend on the seed and the serial number.
pub fn token(prefix: &str, seed: u64, serial: u64) -> String {
    let mut dice = dice(seed, serial);
    let random: String = (0..40).map(|_| dice.alphanumeric()).collect();
    format!("{prefix}_{random}")
}

/// The simulated signature of an upload form: 64 hexadecimal digits.
pub fn signature(seed: u64, serial: u64) -> String {
    let mut dice = dice(seed, serial);
    (0..64).map(|_| dice.digit(16)).collect()
}

fn dice(seed: u64, serial: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed ^ serial.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_decimal_and_never_repeat() {
        let ids: HashSet<String> = (0..50_000).map(pin_id).collect();
        assert_eq!(ids.len(), 50_000);
        assert!(ids.iter().all(|id| id.len() == 18 && id.bytes().all(|byte| byte.is_ascii_digit())));
    }

    #[test]
    fn tokens_depend_on_seed_and_serial_only() {
        assert_eq!(token("pina", 1, 1), token("pina", 1, 1));
        assert_ne!(token("pina", 1, 1), token("pina", 1, 2));
        assert_ne!(token("pina", 1, 1), token("pina", 2, 1));
    }
}
