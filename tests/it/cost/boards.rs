//! What finding a pin's board costs: at most a read unit, however many boards its account has, and no call.

use std::sync::Arc;

use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::flows::boards::resolve_boards::Boards;
use pinbridge_shared::testing::TestWorld;

use crate::support::embedded_aws;
use crate::support::meter;

/// Read units of a pin's board.
const BOARD_MAX: f64 = 1.0;
/// Read units of a name, by kilobyte of the list: an eventually consistent read takes 8 KB.
const NAME_KB: f64 = 8.0;

#[tokio::test]
async fn finding_a_board_costs_at_most_a_read_unit_and_no_call() {
    for count in [3, 50, 2_000] {
        let aws = embedded_aws::start().await;
        let client = embedded_aws::dynamodb(&aws);
        resources::create_table(&client).await.expect("the table is created");
        let (client, ledger) = meter::metered(&client);
        let world = TestWorld::on(Arc::new(DynamoStore::new(client, resources::TABLE)), 1).await;
        let ids: Vec<String> = (0..count).map(|n| world.boards.add(&format!("A board of number {n}"))).collect();
        let account = testdata::connected_account().key;
        let find = async |text: &str| {
            let before = (ledger.read_units(), ledger.write_units());
            let found = Boards::new(&world.context).find(account, text).await.expect("read").expect("found");
            (found, ledger.read_units() - before.0, ledger.write_units() - before.1)
        };
        // The first one lists the boards.
        let (_, read, written) = find(&ids[0]).await;
        println!("{count} boards: the first pin reads {read:.1} and writes {written:.1} units");
        assert_eq!(world.boards.tokens().len(), 1);
        // Of many boards, each is remembered by itself when it is first used.
        let (_, first, _) = find(&ids[1]).await;
        let (_, again, written) = find(&ids[1]).await;
        println!("{count} boards: a board costs {first:.1} read units at first, then {again:.1}");
        assert!(again <= BOARD_MAX && written == 0.0, "{count} boards: {again} read units, {written} write units");
        assert!(count > 60 || first <= BOARD_MAX, "{count} boards: {first} read units");
        let (found, read, written) = find("a board of number 1").await;
        assert_eq!((&found.id, written), (&ids[1], 0.0));
        println!("{count} boards: a name costs {read:.1} read units");
        assert!(read <= 1.0 + count as f64 * 0.06 / NAME_KB, "{count} boards: a name costs {read} read units");
        assert_eq!(world.boards.tokens().len(), 1, "nobody called Pinterest again");
    }
}
