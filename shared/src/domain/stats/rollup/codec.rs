//! The byte format of samples and sums. A row that is rewritten often is charged for every byte.
//!
//! Samples: the number of accounts, their ids, then 28 bytes a pin: id 16, time of acceptance within the hour 3 (ms),
//! account 1, kind 1, revision 3, time to the outcome 4 (ms, counted from ten minutes before the acceptance, because
//! clocks differ). Sums: numbers in LEB128; zero counts take no space.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{End, Ended, Of, QUARTERS_PER_HOUR, Sample, Sums};
use crate::domain::ids::{AccountId, PinId};
use crate::domain::time::{HOUR_MS, MINUTE_MS, Moment};

const SAMPLE_BYTES: usize = 28;
const ID_BYTES: usize = 16;
const VERSION: u8 = 1;
/// The most that an outcome can precede its acceptance, because clocks differ.
const BEFORE_MS: i64 = 10 * MINUTE_MS;
/// Set in the kind of a pin that a schedule started.
const SCHEDULED: u8 = 0x80;
const REV_MAX: u64 = 0xFF_FFFF;

/// The length of [`encode_samples`]'s result.
pub fn samples_bytes<'a>(samples: impl Iterator<Item = &'a Sample>) -> usize {
    let (mut count, mut accounts) = (0, Vec::new());
    for sample in samples {
        count += 1;
        if !accounts.contains(&sample.account) {
            accounts.push(sample.account);
        }
    }
    2 + accounts.len() * ID_BYTES + count * SAMPLE_BYTES
}

/// Encodes the samples of an hour's pins, of at most 255 accounts.
pub fn encode_samples(hour: i64, samples: &[Sample]) -> Vec<u8> {
    let mut accounts: Vec<AccountId> = Vec::new();
    let mut pins = Vec::with_capacity(samples.len() * SAMPLE_BYTES);
    for sample in samples {
        let account = accounts.iter().position(|known| *known == sample.account).unwrap_or_else(|| {
            accounts.push(sample.account);
            accounts.len() - 1
        });
        let (kind, ended_at) = match sample.end {
            End::Open => (0, None),
            End::Published(at) => (1, Some(at)),
            End::Failed(at) => (2, Some(at)),
            End::Deleted => (3, None),
        };
        let after =
            ended_at.map_or(0, |at| (at.since_ms(sample.created_at) + BEFORE_MS).clamp(0, u32::MAX.into()) as u32);
        let within = (sample.created_at.0 - hour * HOUR_MS).clamp(0, HOUR_MS - 1) as u32;
        pins.extend_from_slice(sample.pin.0.as_bytes());
        pins.extend_from_slice(&within.to_be_bytes()[1..]);
        pins.push(account as u8);
        pins.push(if sample.is_scheduled { kind | SCHEDULED } else { kind });
        pins.extend_from_slice(&(sample.rev.min(REV_MAX) as u32).to_be_bytes()[1..]);
        pins.extend_from_slice(&after.to_be_bytes());
    }
    let mut bytes = vec![VERSION, accounts.len() as u8];
    accounts.iter().for_each(|account| bytes.extend_from_slice(account.0.as_bytes()));
    bytes.extend(pins);
    bytes
}

/// `None` when the bytes aren't in the format of samples.
pub fn decode_samples(hour: i64, bytes: &[u8]) -> Option<Vec<Sample>> {
    let mut reader = Reader(bytes);
    if reader.byte()? != VERSION {
        return None;
    }
    let accounts: Vec<AccountId> =
        (0..reader.byte()?).map(|_| reader.id().map(AccountId)).collect::<Option<Vec<_>>>()?;
    let mut samples = Vec::with_capacity(reader.0.len() / SAMPLE_BYTES);
    while !reader.0.is_empty() {
        let pin = PinId(reader.id()?);
        let created_at = Moment(hour * HOUR_MS + i64::from(reader.number(3)?));
        let account = *accounts.get(usize::from(reader.byte()?))?;
        let kind = reader.byte()?;
        let rev = u64::from(reader.number(3)?);
        let ended_at = created_at.plus_ms(i64::from(reader.number(4)?) - BEFORE_MS);
        let end = match kind & !SCHEDULED {
            0 => End::Open,
            1 => End::Published(ended_at),
            2 => End::Failed(ended_at),
            3 => End::Deleted,
            _ => return None,
        };
        samples.push(Sample { pin, account, created_at, rev, end, is_scheduled: kind & SCHEDULED != 0 });
    }
    Some(samples)
}

/// Encodes samples of any hours: for each hour its number, the length of its part, and its samples.
pub fn encode_recent(samples: &[Sample]) -> Vec<u8> {
    let mut hours: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    samples.iter().for_each(|sample| hours.entry(sample.hour()).or_default().push(*sample));
    let mut bytes = vec![VERSION];
    for (hour, samples) in hours {
        let part = encode_samples(hour, &samples);
        put(&mut bytes, u64::try_from(hour).unwrap_or(0));
        put(&mut bytes, part.len() as u64);
        bytes.extend(part);
    }
    bytes
}

/// `None` when the bytes aren't in the format of recent samples.
pub fn decode_recent(bytes: &[u8]) -> Option<Vec<Sample>> {
    let mut reader = Reader(bytes);
    if reader.byte()? != VERSION {
        return None;
    }
    let mut samples = Vec::new();
    while !reader.0.is_empty() {
        let hour = i64::try_from(reader.varint()?).ok()?;
        let length = usize::try_from(reader.varint()?).ok()?;
        samples.extend(decode_samples(hour, reader.take(length)?)?);
    }
    Some(samples)
}

/// Encodes the sums of an hour.
pub fn encode_sums(hour: i64, sums: &Sums) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put(&mut bytes, sums.0.len() as u64);
    for (account, of) in &sums.0 {
        bytes.extend_from_slice(account.0.as_bytes());
        put_counts(&mut bytes, of.created.iter().chain(&of.open).copied());
        put(&mut bytes, of.ended.len() as u64);
        // Each quarter is relative to the one before it; the first one is relative to the hour's first quarter.
        let mut last = hour * QUARTERS_PER_HOUR;
        for (quarter, ended) in &of.ended {
            let step = quarter - last;
            put(&mut bytes, ((step << 1) ^ (step >> 63)) as u64);
            put_counts(&mut bytes, counts_of(ended).into_iter());
            last = *quarter;
        }
    }
    bytes
}

/// `None` when the bytes aren't in the format of sums.
pub fn decode_sums(hour: i64, bytes: &[u8]) -> Option<Sums> {
    let mut reader = Reader(bytes);
    if reader.byte()? != VERSION {
        return None;
    }
    let mut sums = Sums::default();
    for _ in 0..reader.varint()? {
        let account = AccountId(reader.id()?);
        let counts = reader.counts::<{ 2 * QUARTERS_PER_HOUR as usize }>()?;
        let (created, open) = counts.split_at(QUARTERS_PER_HOUR as usize);
        let mut of = Of { created: created.try_into().ok()?, open: open.try_into().ok()?, ended: BTreeMap::new() };
        let mut last = hour * QUARTERS_PER_HOUR;
        for _ in 0..reader.varint()? {
            let step = reader.varint()?;
            last = last.checked_add((step >> 1) as i64 ^ -((step & 1) as i64))?;
            let [published, failed, published_by_schedules, failed_by_schedules] = reader.counts()?;
            of.ended.insert(last, Ended { published, failed, published_by_schedules, failed_by_schedules });
        }
        sums.0.insert(account, of);
    }
    Some(sums)
}

fn counts_of(ended: &Ended) -> [u32; 4] {
    [ended.published, ended.failed, ended.published_by_schedules, ended.failed_by_schedules]
}

/// A byte that marks the counts above zero, then those counts.
fn put_counts(bytes: &mut Vec<u8>, counts: impl Iterator<Item = u32> + Clone) {
    let mask = counts.clone().enumerate().filter(|(_, count)| *count > 0).fold(0, |mask, (at, _)| mask | 1 << at);
    bytes.push(mask);
    counts.filter(|count| *count > 0).for_each(|count| put(bytes, count.into()));
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn id(&mut self) -> Option<Uuid> {
        Uuid::from_slice(self.take(ID_BYTES)?).ok()
    }

    /// Reads a big-endian number of at most four bytes.
    fn number(&mut self, bytes: usize) -> Option<u32> {
        Some(self.take(bytes)?.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn counts<const N: usize>(&mut self) -> Option<[u32; N]> {
        let mask = self.byte()?;
        let mut counts = [0; N];
        for (at, count) in counts.iter_mut().enumerate().filter(|(at, _)| mask & 1 << at != 0) {
            debug_assert!(at < 8, "a mask has eight bits");
            *count = u32::try_from(self.varint()?).ok()?;
        }
        Some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stats::rollup::recent::SAMPLES_PER_ROW;

    const HOUR: i64 = 490_896;

    fn sample(number: u128, end: impl FnOnce(Moment) -> End) -> Sample {
        let created_at = Moment(HOUR * HOUR_MS + number as i64 * 7_919 % HOUR_MS);
        let (pin, account) = (PinId(Uuid::from_u128(number << 90)), AccountId(Uuid::from_u128(number % 5)));
        Sample { pin, account, created_at, rev: number as u64 % 9, end: end(created_at), is_scheduled: number % 4 == 1 }
    }

    fn samples() -> Vec<Sample> {
        (0..300)
            .map(|number| match number % 4 {
                0 => sample(number, |_| End::Open),
                1 => sample(number, |at| End::Published(at.plus_ms(-90_000))),
                2 => sample(number, |_| End::Deleted),
                _ => sample(number, |at| End::Failed(at.plus_ms(33 * 24 * HOUR_MS + number as i64))),
            })
            .collect()
    }

    #[test]
    fn samples_are_read_back_and_take_28_bytes_each() {
        let samples = samples();
        let bytes = encode_samples(HOUR, &samples);
        assert_eq!(bytes.len(), samples_bytes(samples.iter()));
        assert_eq!(bytes.len(), 2 + 5 * 16 + 300 * 28);
        assert_eq!(decode_samples(HOUR, &bytes), Some(samples));
        assert_eq!(decode_samples(HOUR, &encode_samples(HOUR, &[])), Some(Vec::new()));
    }

    #[test]
    fn sums_are_read_back_and_take_no_more_than_their_bound() {
        let sums = Sums::of(&samples());
        let bytes = encode_sums(HOUR, &sums);
        assert!(bytes.len() <= sums.bytes_at_most(), "{} of {}", bytes.len(), sums.bytes_at_most());
        assert_eq!(decode_sums(HOUR, &bytes), Some(sums));
        assert_eq!(decode_sums(HOUR, &encode_sums(HOUR, &Sums::default())), Some(Sums::default()));
    }

    #[test]
    fn recent_samples_are_of_any_hours_and_a_row_of_them_is_one_write_unit() {
        let samples: Vec<Sample> = samples()
            .into_iter()
            .take(SAMPLES_PER_ROW)
            .enumerate()
            .map(|(index, sample)| Sample {
                created_at: sample.created_at.plus_ms(index as i64 * HOUR_MS),
                account: AccountId(Uuid::from_u128(index as u128)),
                end: End::Published(sample.created_at.plus_ms(index as i64 * HOUR_MS + 900)),
                ..sample
            })
            .collect();
        let bytes = encode_recent(&samples);
        assert!(bytes.len() < 860, "{} bytes, and the keys", bytes.len());
        assert_eq!(decode_recent(&bytes), Some(samples));
        assert_eq!(decode_recent(&encode_recent(&[])), Some(Vec::new()));
        for wrong in [&[][..], &[9], &[1, 3], &[1, 3, 200, 1], &[1, 3, 2, 9, 9]] {
            assert_eq!(decode_recent(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn bytes_in_another_format_are_refused() {
        for bytes in [&[][..], &[9], &[1], &[1, 1, 2], &[1, 0, 5]] {
            assert_eq!(decode_samples(HOUR, bytes), None, "{bytes:?}");
        }
        for bytes in [&[][..], &[9], &[1], &[1, 1, 2], &[1, 0x80]] {
            assert_eq!(decode_sums(HOUR, bytes), None, "{bytes:?}");
        }
    }
}
