//! The DynamoDB behaviour an application leans on, by the real SDK.

use crate::common::{Item, dynamodb, memory, n, s, table};
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, PutRequest, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TimeToLiveSpecification, TransactWriteItem, Update, WriteRequest,
};

fn item(pk: &str, sk: &str) -> Item {
    Item::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))])
}

#[tokio::test]
async fn a_failed_condition_carries_the_item() {
    let aws = memory().await;
    let db = dynamodb(&aws);
    table(&db).await;
    let put = || {
        db.put_item()
            .table_name("items")
            .set_item(Some(item("a", "1")))
            .item("v", n(7))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    put().send().await.expect("the first put");
    let error = put().send().await.expect_err("the second put").into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) = error else {
        panic!("{error:?}");
    };
    assert_eq!(failed.item().expect("the old item")["v"], n(7));
}

#[tokio::test]
async fn an_update_returns_all_new_and_fails_on_its_condition() {
    let aws = memory().await;
    let db = dynamodb(&aws);
    table(&db).await;
    let update = |from: i64| {
        db.update_item()
            .table_name("items")
            .set_key(Some(item("a", "1")))
            .update_expression("SET v = :to ADD seen :one")
            .condition_expression("attribute_not_exists(v) OR v = :from")
            .expression_attribute_values(":to", n(from + 1))
            .expression_attribute_values(":from", n(from))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew)
            .send()
    };
    let made = update(0).await.expect("made").attributes.expect("attributes");
    assert_eq!((made["v"].clone(), made["seen"].clone()), (n(1), n(1)));
    let again = update(1).await.expect("changed").attributes.expect("attributes");
    assert_eq!((again["v"].clone(), again["seen"].clone()), (n(2), n(2)));
    let error = update(1).await.expect_err("stale").into_service_error();
    assert!(error.is_conditional_check_failed_exception());
}

#[tokio::test]
async fn a_query_pages_backwards_and_a_sparse_index_holds_only_its_items() {
    let aws = memory().await;
    let db = dynamodb(&aws);
    table(&db).await;
    for number in 0..5 {
        let put = db.put_item().table_name("items").set_item(Some(item("a", &number.to_string())));
        let put = put.item("kind", s("job")).item("large", s("x"));
        let put = match number % 2 {
            0 => put.item("state", s("open")).item("due", n(number)),
            _ => put,
        };
        put.send().await.expect("put");
    }
    let mut seen = Vec::new();
    let mut from = None;
    loop {
        let page = db
            .query()
            .table_name("items")
            .key_condition_expression("pk = :a")
            .expression_attribute_values(":a", s("a"))
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(2)
            .set_exclusive_start_key(from)
            .send()
            .await
            .expect("a page");
        seen.extend(page.items().iter().map(|item| item["sk"].clone()));
        from = page.last_evaluated_key;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"].map(s));

    let query = |index: &str, field: &str, value: AttributeValue| {
        db.query()
            .table_name("items")
            .index_name(index)
            .key_condition_expression("#k = :v")
            .expression_attribute_names("#k", field)
            .expression_attribute_values(":v", value)
            .send()
    };
    let sparse = query("by_due", "state", s("open")).await.expect("sparse");
    assert_eq!(sparse.count, 3);
    let keys = query("by_kind", "kind", s("job")).await.expect("keys only");
    assert_eq!(keys.count, 5);
    assert!(keys.items().iter().all(|item| item.len() == 3), "keys only: {:?}", keys.items()[0]);
}

#[tokio::test]
async fn capacity_is_counted_per_index() {
    let aws = memory().await;
    let db = dynamodb(&aws);
    table(&db).await;
    let units = |capacity: Option<aws_sdk_dynamodb::types::ConsumedCapacity>| {
        let capacity = capacity.expect("capacity");
        let of = |name: &str| {
            let indexes = capacity.global_secondary_indexes();
            indexes.and_then(|all| all.get(name)).and_then(|index| index.capacity_units)
        };
        (capacity.capacity_units.unwrap_or_default(), of("by_kind"), of("by_due"))
    };
    let put = |sk: &str, large: usize| {
        db.put_item()
            .table_name("items")
            .set_item(Some(item("a", sk)))
            .item("kind", s("job"))
            .item("large", s(&"x".repeat(large)))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
    };
    // A small item: one unit for the table and one for the one index it is in.
    assert_eq!(units(put("1", 10).await.unwrap().consumed_capacity), (2.0, Some(1.0), None));
    // 2.x KB: three units for the table, one for the keys-only index.
    assert_eq!(units(put("2", 2100).await.unwrap().consumed_capacity), (4.0, Some(1.0), None));
    // An update that moves an item into the sparse index writes that one only.
    let update = db
        .update_item()
        .table_name("items")
        .set_key(Some(item("a", "1")))
        .update_expression("SET #s = :open, due = :due")
        .expression_attribute_names("#s", "state")
        .expression_attribute_values(":open", s("open"))
        .expression_attribute_values(":due", n(1))
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .send()
        .await
        .unwrap();
    assert_eq!(units(update.consumed_capacity), (2.0, None, Some(1.0)));
    // A strongly consistent read of a small item is one unit.
    let get = db
        .get_item()
        .table_name("items")
        .set_key(Some(item("a", "1")))
        .consistent_read(true)
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .unwrap();
    assert_eq!(units(get.consumed_capacity), (1.0, None, None));
    // In a transaction every write costs twice.
    let one = Put::builder().table_name("items").set_item(Some(item("b", "1"))).build().unwrap();
    let transaction = db
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(one).build())
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .unwrap();
    assert_eq!(transaction.consumed_capacity()[0].capacity_units, Some(2.0));
}

#[tokio::test]
async fn a_cancelled_transaction_says_which_item_and_changes_nothing() {
    let aws = memory().await;
    let db = dynamodb(&aws);
    table(&db).await;
    let there = db.put_item().table_name("items").set_item(Some(item("a", "1"))).item("v", n(1));
    there.send().await.expect("put");
    let put = Put::builder()
        .table_name("items")
        .set_item(Some(item("a", "1")))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let update = Update::builder()
        .table_name("items")
        .set_key(Some(item("a", "2")))
        .update_expression("SET v = :v")
        .expression_attribute_values(":v", n(1));
    let error = db
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().update(update.build().unwrap()).build())
        .transact_items(TransactWriteItem::builder().put(put.build().unwrap()).build())
        .send()
        .await
        .expect_err("cancelled")
        .into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(error) =
        error
    else {
        panic!("{error:?}");
    };
    let reasons = error.cancellation_reasons();
    assert_eq!(reasons[0].code(), Some("None"));
    assert_eq!(reasons[1].code(), Some("ConditionalCheckFailed"));
    assert_eq!(reasons[1].item().expect("the item")["v"], n(1));
    let other = db.get_item().table_name("items").set_key(Some(item("a", "2"))).send().await.unwrap();
    assert_eq!(other.item, None);
}

#[tokio::test]
async fn a_batch_of_25_is_written_and_a_bad_value_is_a_validation_error() {
    let aws = memory().await;
    let db = dynamodb(&aws);
    table(&db).await;
    let requests: Vec<WriteRequest> = (0..25)
        .map(|number| {
            let put = PutRequest::builder().set_item(Some(item("a", &number.to_string())));
            WriteRequest::builder().put_request(put.build().unwrap()).build()
        })
        .collect();
    let done = db.batch_write_item().request_items("items", requests).send().await.expect("batch");
    assert!(done.unprocessed_items().is_none_or(|left| left.is_empty()));
    let all = db.scan().table_name("items").send().await.expect("scan");
    assert_eq!(all.count, 25);
    for bad in [AttributeValue::N("x1".to_owned()), AttributeValue::Ss(vec![])] {
        let put = db.put_item().table_name("items").set_item(Some(item("a", "1"))).item("v", bad);
        let error = put.send().await.expect_err("refused").into_service_error();
        assert_eq!(error.meta().code(), Some("ValidationException"), "{error:?}");
    }
}

#[tokio::test]
async fn expired_items_go_at_the_sweep_and_only_they() {
    let aws = memory().await;
    let db = dynamodb(&aws);
    table(&db).await;
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("ends");
    db.update_time_to_live()
        .table_name("items")
        .time_to_live_specification(ttl.build().unwrap())
        .send()
        .await
        .expect("ttl on");
    let now = 1_800_000_000;
    let ends = [("old", n(now - 1)), ("now", n(now)), ("text", s("1")), ("ancient", n(1))];
    for (sk, ends) in ends {
        let put = db.put_item().table_name("items").set_item(Some(item("a", sk))).item("ends", ends);
        put.send().await.expect("put");
    }
    for number in 0..450 {
        let put = db.put_item().table_name("items").set_item(Some(item("b", &number.to_string())));
        put.item("ends", n(now - 60)).send().await.expect("put");
    }
    assert_eq!(aws.sweep_ttl(now).await.expect("sweeps"), 451);
    assert_eq!(aws.sweep_ttl(now).await.expect("sweeps"), 0);
    let left = db.scan().table_name("items").send().await.expect("scan");
    let mut left: Vec<_> = left.items().iter().map(|item| item["sk"].as_s().unwrap().as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["ancient", "now", "text"]);
}
