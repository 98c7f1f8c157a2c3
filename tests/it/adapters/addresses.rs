//! Rows of addresses that commands of 0.2.0 leave behind, and the requests that write addresses, on the table.

use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::ids::UserId;
use pinbridge_shared::domain::tenant::Organization;
use pinbridge_shared::domain::tenant::user::User;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{Admission, Tenants};
use uuid::Uuid;

use crate::support::embedded_aws;

#[tokio::test]
async fn an_address_whose_person_is_gone_is_free_and_one_whose_person_is_there_is_not() {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let table = DynamoStore::new(client.clone(), resources::TABLE);
    let first = testdata::user("ada#1@example.com");
    let row = Organization::new(first.organization, "Paper", Moment(5), "organization".into());
    assert!(table.save_organization(&row).await.expect("saved").is_done());
    let admit = async |user: &User| {
        table.admit(Admission { user, founds: None, invitation: None }).await.expect("answered").is_done()
    };
    assert!(admit(&first).await);
    let second = User { id: UserId(Uuid::from_u128(77)), nonce: "second".into(), ..first.clone() };
    assert!(!admit(&second).await, "it is the first one's");
    // As a command of 0.2.0 deletes a person: without the row of the address, which it doesn't know.
    let delete = client.delete_item().table_name(resources::TABLE);
    let delete = delete.key("pk", text(format!("user#{}", first.id))).key("sk", text("user".into()));
    delete.send().await.expect("deleted");
    assert!(admit(&second).await, "nobody has it");
    assert_eq!(table.address(&first.email).await.expect("read").owner, Some(second.id));
    assert!(!admit(&User { nonce: "third".into(), ..first.clone() }).await, "now it is the second one's");
    assert_eq!(table.user(first.id).await.expect("read"), None);
}

fn text(text: String) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::S(text)
}
