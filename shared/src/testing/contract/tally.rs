//! What every tally keeps.

use uuid::Uuid;

use crate::domain::ids::{AccountId, PinId, WorkspaceId};
use crate::domain::tally::{End, Fact, Sheet, Sums};
use crate::domain::time::{HOUR_MS, Moment};
use crate::ports::Tally;

#[macro_export]
macro_rules! tally_contract {
    ($fresh:path) => {
        use $crate::testing::contract::tally;
        $crate::contract_cases! {
            $fresh;
            tally:
            the_mark_moves_forward_only,
            a_sheet_is_written_only_onto_the_one_that_was_read,
            an_hours_sheets_come_in_order_and_are_its_own,
            sums_are_read_by_range_earliest_first;
        }
    };
}

const HOUR: i64 = 490_896;

fn workspace(number: u128) -> WorkspaceId {
    WorkspaceId(Uuid::from_u128(number))
}

fn sheet(hour: i64, number: u32, rev: u64) -> Sheet {
    let created_at = Moment(hour * HOUR_MS + i64::from(number) * 1_000);
    let fact = Fact {
        pin: PinId(Uuid::from_u128(0xF0_0000 + u128::from(number))),
        account: AccountId(Uuid::from_u128(5)),
        created_at,
        rev,
        end: End::Published(created_at.plus_ms(777)),
        is_scheduled: number == 1,
    };
    let sums = (number == 0).then(|| Sums::of(&[fact]));
    Sheet { number, rev, facts: vec![fact], sums }
}

pub async fn the_mark_moves_forward_only(tally: &dyn Tally) {
    assert_eq!(tally.folded().await.expect("read"), None);
    for (minute, then) in [(7, 7), (6, 7), (9, 9)] {
        tally.set_folded(minute).await.expect("set");
        assert_eq!(tally.folded().await.expect("read"), Some(then));
    }
}

pub async fn a_sheet_is_written_only_onto_the_one_that_was_read(tally: &dyn Tally) {
    for number in [0, 3] {
        for (rev, is_saved) in [(2, false), (1, true), (1, false), (3, false), (2, true)] {
            let saved = tally.save_sheet(workspace(1), HOUR, &sheet(HOUR, number, rev)).await.expect("answered");
            assert_eq!(saved, is_saved, "sheet {number} revision {rev}");
        }
    }
    assert_eq!(tally.first_sheet(workspace(1), HOUR).await.expect("read"), Some(sheet(HOUR, 0, 2)));
    assert_eq!(tally.other_sheets(workspace(1), HOUR).await.expect("read"), [sheet(HOUR, 3, 2)]);
}

pub async fn an_hours_sheets_come_in_order_and_are_its_own(tally: &dyn Tally) {
    for (of, hour) in [(1, HOUR), (1, HOUR + 1), (2, HOUR)] {
        for number in [12, 0, 2, 1, 1_000] {
            assert!(tally.save_sheet(workspace(of), hour, &sheet(hour, number, 1)).await.expect("answered"));
        }
    }
    let others = tally.other_sheets(workspace(1), HOUR).await.expect("read");
    assert_eq!(others, [1, 2, 12, 1_000].map(|number| sheet(HOUR, number, 1)));
    assert_eq!(tally.first_sheet(workspace(3), HOUR).await.expect("read"), None);
    assert_eq!(tally.other_sheets(workspace(3), HOUR).await.expect("read"), []);
}

pub async fn sums_are_read_by_range_earliest_first(tally: &dyn Tally) {
    for hour in [HOUR + 2, HOUR, HOUR + 1, 99] {
        assert!(tally.save_sheet(workspace(1), hour, &sheet(hour, 0, 1)).await.expect("answered"));
    }
    assert!(tally.save_sheet(workspace(2), HOUR, &sheet(HOUR, 0, 1)).await.expect("answered"));
    // A row without sums, of a worker that died before it came to them.
    let without = Sheet { sums: None, ..sheet(HOUR + 3, 0, 1) };
    assert!(tally.save_sheet(workspace(1), HOUR + 3, &without).await.expect("answered"));
    for (first, last, expected) in [
        (HOUR, HOUR + 1, vec![HOUR, HOUR + 1]),
        (HOUR + 1, HOUR + 9, vec![HOUR + 1, HOUR + 2]),
        (-5, HOUR, vec![99, HOUR]),
        (HOUR + 1, HOUR, vec![]),
    ] {
        let read = tally.sums(workspace(1), first, last).await.expect("read");
        let expected: Vec<_> = expected.into_iter().map(|hour| (hour, Sums::of(&sheet(hour, 0, 1).facts))).collect();
        assert_eq!(read, expected, "{first} to {last}");
    }
}
