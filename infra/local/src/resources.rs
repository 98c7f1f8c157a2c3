//! The table and the queues of template.yaml, created in the embedded AWS. A test compares them with the template.

use anyhow::Context;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};
use aws_sdk_sqs::types::QueueAttributeName;
use pinbridge_shared::config::QueueUrls;

pub const TABLE: &str = "pinbridge";
/// Index name, partition key, sort key.
pub const INDEXES: [(&str, &str, &str); 2] = [("listing", "lpk", "lsk"), ("waiting", "wpk", "wsk")];
pub const TTL_ATTRIBUTE: &str = "expires_at";
pub const PUBLISH_QUEUE: &str = "publish";
pub const PUBLISH_DEAD_LETTERS: &str = "publish-dead-letters";
pub const RECONCILIATION_QUEUE: &str = "reconciliation";
pub const RECONCILIATION_DEAD_LETTERS: &str = "reconciliation-dead-letters";
pub const IMPORT_QUEUE: &str = "import";
pub const IMPORT_DEAD_LETTERS: &str = "import-dead-letters";
pub const NOTIFY_QUEUE: &str = "notify";
pub const NOTIFY_DEAD_LETTERS: &str = "notify-dead-letters";
pub const REDRIVE_QUEUE: &str = "redrive";
/// The visibility timeout of the publish queue, unless `PINBRIDGE_VISIBILITY_TIMEOUT_MS` sets another.
pub const VISIBILITY_TIMEOUT_S: i64 = 150;
/// Six times the reconciler's timeout.
pub const RECONCILIATION_VISIBILITY_S: i64 = 270;
/// Six times the importer's timeout.
pub const IMPORT_VISIBILITY_S: i64 = 270;
/// Six times the notifier's timeout.
pub const NOTIFY_VISIBILITY_S: i64 = 270;
/// Six times the timeout of the function that reads them.
pub const DEAD_LETTERS_VISIBILITY_S: i64 = 180;
/// Of the queues that no function reads.
pub const UNREAD_VISIBILITY_S: i64 = 60;
pub const MAX_RECEIVE_COUNT: u32 = 20;
pub const RETENTION_S: u32 = 14 * 24 * 3600;

/// Creates the table unless it exists. What is left of a creation that ended in the middle is replaced: the embedded
/// DynamoDB creates a table in several steps, and a full disk or a kill may end it between them.
///
/// # Errors
/// When the embedded DynamoDB returns an error.
pub async fn create_table(client: &aws_sdk_dynamodb::Client) -> anyhow::Result<()> {
    let known = client.list_tables().send().await.context("the embedded DynamoDB did not answer")?;
    if known.table_names().iter().any(|name| name == TABLE) {
        if is_whole(client).await? {
            return Ok(());
        }
        client.delete_table().table_name(TABLE).send().await.context("half a table could not be removed")?;
    }
    let mut create = with_keys(client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest))?;
    for (name, partition, sort) in INDEXES {
        let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(partition, KeyType::Hash)?)
            .key_schema(key(sort, KeyType::Range)?)
            .projection(projection)
            .build()?;
        create = create
            .attribute_definitions(text_attribute(partition)?)
            .attribute_definitions(text_attribute(sort)?)
            .global_secondary_indexes(index);
    }
    create.send().await.context("the table could not be created")?;
    enable_expiry(client).await
}

/// Whether the table was created to its end. Nothing else was stored in one that was not.
async fn is_whole(client: &aws_sdk_dynamodb::Client) -> anyhow::Result<bool> {
    let told = client.describe_time_to_live().table_name(TABLE).send().await.context("the table can't be read")?;
    let status = told.time_to_live_description().and_then(|expiry| expiry.time_to_live_status());
    // The last step of a creation.
    if status == Some(&TimeToLiveStatus::Enabled) {
        return Ok(true);
    }
    match client.scan().table_name(TABLE).limit(1).send().await.map_err(|error| error.into_service_error()) {
        Ok(page) if page.items().is_empty() => Ok(false),
        // Earlier versions used a table whose expiry had not been enabled.
        Ok(_) => enable_expiry(client).await.map(|()| true),
        Err(error) if error.meta().message().is_some_and(|message| message.contains("no such table")) => Ok(false),
        Err(error) => Err(error).context("the table can't be read"),
    }
}

async fn enable_expiry(client: &aws_sdk_dynamodb::Client) -> anyhow::Result<()> {
    let ttl = TimeToLiveSpecification::builder().attribute_name(TTL_ATTRIBUTE).enabled(true).build()?;
    client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(ttl)
        .send()
        .await
        .context("the expiry of rows could not be enabled")?;
    Ok(())
}

fn with_keys(create: CreateTableFluentBuilder) -> anyhow::Result<CreateTableFluentBuilder> {
    Ok(create
        .attribute_definitions(text_attribute("pk")?)
        .attribute_definitions(text_attribute("sk")?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?))
}

fn key(name: &str, kind: KeyType) -> anyhow::Result<KeySchemaElement> {
    Ok(KeySchemaElement::builder().attribute_name(name).key_type(kind).build()?)
}

fn text_attribute(name: &str) -> anyhow::Result<AttributeDefinition> {
    Ok(AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()?)
}

/// Creates the queues and returns their URLs. The embedded SQS keeps queues and messages in memory only.
///
/// # Errors
/// When the embedded SQS returns an error.
pub async fn create_queues(client: &aws_sdk_sqs::Client, visibility_s: i64) -> anyhow::Result<QueueUrls> {
    let dead_letters = create_queue(client, PUBLISH_DEAD_LETTERS, DEAD_LETTERS_VISIBILITY_S, None).await?;
    let publish = create_queue(client, PUBLISH_QUEUE, visibility_s, Some(&dead_letters)).await?;
    let reconciliation_dead_letters =
        create_queue(client, RECONCILIATION_DEAD_LETTERS, UNREAD_VISIBILITY_S, None).await?;
    let reconciliation =
        create_queue(client, RECONCILIATION_QUEUE, RECONCILIATION_VISIBILITY_S, Some(&reconciliation_dead_letters))
            .await?;
    let redrive = create_queue(client, REDRIVE_QUEUE, UNREAD_VISIBILITY_S, None).await?;
    let import_dead_letters = create_queue(client, IMPORT_DEAD_LETTERS, DEAD_LETTERS_VISIBILITY_S, None).await?;
    let import = create_queue(client, IMPORT_QUEUE, IMPORT_VISIBILITY_S, Some(&import_dead_letters)).await?;
    let notify_dead_letters = create_queue(client, NOTIFY_DEAD_LETTERS, UNREAD_VISIBILITY_S, None).await?;
    let notify = create_queue(client, NOTIFY_QUEUE, NOTIFY_VISIBILITY_S, Some(&notify_dead_letters)).await?;
    Ok(QueueUrls {
        publish,
        reconciliation,
        dead_letters,
        redrive,
        import,
        import_dead_letters,
        notify,
        notify_dead_letters,
    })
}

/// Creates one queue and returns its URL. `dead_letters` is the URL of its dead-letter queue.
async fn create_queue(
    client: &aws_sdk_sqs::Client,
    name: &str,
    visibility_s: i64,
    dead_letters: Option<&str>,
) -> anyhow::Result<String> {
    use QueueAttributeName as Name;
    let mut create = client
        .create_queue()
        .queue_name(name)
        .attributes(Name::VisibilityTimeout, visibility_s.to_string())
        .attributes(Name::MessageRetentionPeriod, RETENTION_S.to_string());
    if let Some(dead_letters) = dead_letters {
        let asked = client.get_queue_attributes().queue_url(dead_letters).attribute_names(Name::QueueArn);
        let answer = asked.send().await.context("the attributes of a dead-letter queue could not be read")?;
        let arn = answer.attributes().and_then(|all| all.get(&Name::QueueArn)).context("a queue without an ARN")?;
        let redrive = serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVE_COUNT});
        create = create.attributes(Name::RedrivePolicy, redrive.to_string());
    }
    let created = create.send().await.with_context(|| format!("the queue {name} could not be created"))?;
    created.queue_url.context("a queue without a URL")
}
