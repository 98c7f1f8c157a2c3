//! An hour's facts, on sheets of one write unit each: a pin that changes late costs one sheet, not the hour.
//!
//! A pin is on one sheet and stays there. New ones go onto the last sheet, then onto a further one. That two workers at once
//! never put a pin onto two sheets rests on two things: every sheet is written only if it is as it was read, and a further
//! sheet is written after the one before it.

use std::collections::HashMap;

use super::{Fact, Sums, codec};

/// What the facts of a sheet may take, in bytes: with the row's keys it stays below one write unit.
pub const FACTS_MAX_BYTES: usize = 880;
/// The first sheet is shared with the hour's sums.
pub const FIRST_FACTS_MAX_BYTES: usize = 440;

/// One row. The first has the sums of the whole hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// From 0, in the order in which they were begun.
    pub number: u32,
    /// Counts the row's writes; 0: it isn't there yet.
    pub rev: u64,
    pub facts: Vec<Fact>,
    /// Of the hour, on sheet 0 only.
    pub sums: Option<Sums>,
}

impl Sheet {
    fn has_room_for(&self, fact: &Fact) -> bool {
        let max = if self.number == 0 { FIRST_FACTS_MAX_BYTES } else { FACTS_MAX_BYTES };
        codec::facts_bytes(self.facts.iter().chain([fact])) <= max
    }

    fn next(&self) -> Self {
        Self { rev: self.rev + 1, ..self.clone() }
    }
}

/// The writes that add `facts` to an hour's sheets, in the order in which they are to be made; none when nothing is new.
/// `sheets` are all there are, by number, as
/// they were at one moment.
pub fn merge(sheets: Vec<Sheet>, facts: &[Fact]) -> Vec<Sheet> {
    let mut sheets = sheets;
    if sheets.first().is_none_or(|sheet| sheet.number != 0) {
        sheets.insert(0, Sheet::default());
    }
    let seen = sheets.clone();
    let mut places = HashMap::new();
    for (row, sheet) in sheets.iter().enumerate() {
        places.extend(sheet.facts.iter().enumerate().map(|(at, fact)| (fact.pin, (row, at))));
    }
    for fact in facts {
        if let Some((row, at)) = places.get(&fact.pin).copied() {
            let known = &mut sheets[row].facts[at];
            if fact.rev > known.rev {
                *known = *fact;
            }
            continue;
        }
        let mut last = sheets.len() - 1;
        if !sheets[last].has_room_for(fact) {
            last += 1;
            sheets.push(Sheet { number: sheets[last - 1].number + 1, ..Sheet::default() });
        }
        places.insert(fact.pin, (last, sheets[last].facts.len()));
        sheets[last].facts.push(*fact);
    }
    let sums = Sums::of(sheets.iter().flat_map(|sheet| &sheet.facts));
    let mut writes: Vec<Sheet> = Vec::new();
    for (row, sheet) in sheets.iter().enumerate() {
        if seen.get(row).is_none_or(|before| before.facts != sheet.facts) {
            writes.push(sheet.next());
        }
    }
    // The sums are told last: until then they are those of before.
    let is_only_the_first = matches!(writes.as_slice(), [only] if only.number == 0);
    if is_only_the_first {
        writes[0].sums = Some(sums);
    } else if seen[0].sums.as_ref() != Some(&sums) {
        let first = writes.first().filter(|sheet| sheet.number == 0).unwrap_or(&sheets[0]);
        let last = Sheet { sums: Some(sums), ..first.next() };
        writes.push(last);
    }
    writes
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::End;
    use super::*;
    use crate::domain::ids::{AccountId, PinId};
    use crate::domain::time::{HOUR_MS, Moment};

    const HOUR: i64 = 490_896;

    fn fact(pin: u128, rev: u64, end: End) -> Fact {
        let created_at = Moment(HOUR * HOUR_MS + pin as i64);
        Fact {
            pin: PinId(Uuid::from_u128(pin)),
            account: AccountId(Uuid::from_u128(7)),
            created_at,
            rev,
            end,
            is_scheduled: false,
        }
    }

    fn facts(pins: std::ops::Range<u128>) -> Vec<Fact> {
        pins.map(|pin| fact(pin, 0, End::Open)).collect()
    }

    /// Writes as the table would: only onto the revision that was read.
    fn apply(sheets: &mut Vec<Sheet>, writes: &[Sheet]) -> bool {
        for write in writes {
            let stored = sheets.iter_mut().find(|sheet| sheet.number == write.number);
            match stored {
                Some(stored) if stored.rev + 1 == write.rev => *stored = write.clone(),
                None if write.rev == 1 => sheets.push(write.clone()),
                _ => return false,
            }
        }
        true
    }

    fn pins(sheets: &[Sheet]) -> Vec<PinId> {
        sheets.iter().flat_map(|sheet| sheet.facts.iter().map(|fact| fact.pin)).collect()
    }

    #[test]
    fn facts_fill_one_sheet_after_another_and_each_is_there_once() {
        let mut sheets = Vec::new();
        for _ in 0..2 {
            for chunk in facts(0..300).chunks(70) {
                let writes = merge(sheets.clone(), chunk);
                assert!(apply(&mut sheets, &writes));
            }
        }
        let mut found = pins(&sheets);
        found.sort_unstable();
        assert_eq!(found, facts(0..300).iter().map(|fact| fact.pin).collect::<Vec<_>>());
        assert!(sheets.len() > 9 && sheets.len() < 13, "{} sheets", sheets.len());
        assert_eq!(sheets[0].sums, Some(Sums::of(&facts(0..300))));
        assert_eq!(merge(sheets.clone(), &facts(0..300)), [], "again is nothing new");
    }

    #[test]
    fn a_few_pins_cost_one_write() {
        let writes = merge(Vec::new(), &facts(0..10));
        assert_eq!(writes.len(), 1);
        assert_eq!((writes[0].number, writes[0].rev), (0, 1));
        assert_eq!(writes[0].sums, Some(Sums::of(&facts(0..10))));
    }

    #[test]
    fn of_two_facts_the_later_revision_counts_whenever_it_comes() {
        let done = fact(1, 3, End::Published(Moment(HOUR * HOUR_MS + 500)));
        let failed = fact(1, 2, End::Failed(Moment(HOUR * HOUR_MS + 400)));
        for order in [[failed, done], [done, failed]] {
            let mut sheets = Vec::new();
            for fact in order {
                let writes = merge(sheets.clone(), &[fact]);
                assert!(apply(&mut sheets, &writes));
            }
            assert_eq!(sheets[0].facts, [done]);
            assert_eq!(sheets[0].sums, Some(Sums::of(&[done])));
        }
    }

    #[test]
    fn a_late_change_rewrites_one_sheet_and_the_sums() {
        let mut sheets = Vec::new();
        assert!(apply(&mut sheets, &merge(Vec::new(), &facts(0..300))));
        let writes = merge(sheets.clone(), &[fact(200, 4, End::Failed(Moment(HOUR * HOUR_MS)))]);
        assert_eq!(writes.iter().map(|sheet| sheet.number).collect::<Vec<_>>(), [7, 0]);
    }

    /// Two workers, one of which has read before the other wrote, and every place where either may stop.
    #[test]
    fn two_workers_never_put_a_pin_onto_two_sheets() {
        for before in [0, 10, 14, 15, 40, 45] {
            for (first, second) in [(20, 3), (3, 20), (60, 60)] {
                let mut sheets = Vec::new();
                assert!(apply(&mut sheets, &merge(Vec::new(), &facts(0..before))));
                let ours = merge(sheets.clone(), &facts(100..100 + first));
                let theirs = merge(sheets.clone(), &facts(100..100 + second));
                for stop in 0..=ours.len() {
                    let mut table = sheets.clone();
                    // One goes some way, the other goes as far as it can, the one goes on; then both begin anew.
                    let went = apply(&mut table, &ours[..stop]);
                    let _ = apply(&mut table, &theirs);
                    let _ = went && apply(&mut table, &ours[stop..]);
                    for facts in [facts(100..100 + first), facts(100..100 + second)] {
                        let writes = merge(table.clone(), &facts);
                        assert!(apply(&mut table, &writes));
                    }
                    let (mut found, all) = (pins(&table), pins(&table).len());
                    found.sort_unstable();
                    found.dedup();
                    assert_eq!(found.len(), all, "{before} {first} {second} {stop}: none twice");
                    assert_eq!(all, (before + first.max(second)) as usize);
                    let expected = Sums::of(table.iter().flat_map(|sheet| &sheet.facts));
                    assert_eq!(table[0].sums, Some(expected), "{before} {first} {second} {stop}");
                }
            }
        }
    }
}
