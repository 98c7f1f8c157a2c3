//! The TTL sweep. The sweep of `dynoxide` reads the system clock when it works on a file; this one takes the time as a
//! value and uses the public operations.

use super::super::options::SWEEP_PAGE;
use super::Dynamo;
use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

/// As on AWS, an item whose TTL lies more than five years in the past is kept.
const FLOOR_S: i64 = 5 * 365 * 24 * 60 * 60;

impl Dynamo {
    /// See [`LocalAws::sweep_ttl`](super::super::LocalAws::sweep_ttl).
    pub(crate) async fn sweep_ttl(&self, now: i64) -> anyhow::Result<usize> {
        let mut deleted = 0;
        let mut after = Value::Null;
        loop {
            let page = self.ask("ListTables", json!({ "ExclusiveStartTableName": after })).await?;
            for table in page["TableNames"].as_array().into_iter().flatten() {
                let shown = self.ask("DescribeTimeToLive", json!({ "TableName": table })).await?;
                let setting = &shown["TimeToLiveDescription"];
                if setting["TimeToLiveStatus"] == "ENABLED" {
                    deleted += self.sweep_table(table, &setting["AttributeName"], now).await?;
                }
            }
            after = page["LastEvaluatedTableName"].clone();
            if after.is_null() {
                return Ok(deleted);
            }
        }
    }

    async fn sweep_table(&self, table: &Value, attribute: &Value, now: i64) -> anyhow::Result<usize> {
        let described = self.ask("DescribeTable", json!({ "TableName": table })).await?;
        let keys: Vec<&str> = described["Table"]["KeySchema"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|key| key["AttributeName"].as_str())
            .collect();
        let mut request = json!({
            "TableName": table,
            "Limit": SWEEP_PAGE,
            "FilterExpression": "attribute_type(#ttl, :number) AND #ttl < :now AND #ttl > :floor",
            "ExpressionAttributeNames": { "#ttl": attribute },
            "ExpressionAttributeValues": {
                ":number": { "S": "N" },
                ":now": { "N": now.to_string() },
                ":floor": { "N": (now - FLOOR_S).to_string() },
            },
        });
        let mut deleted = 0;
        loop {
            let page = self.ask("Scan", request.clone()).await?;
            for item in page["Items"].as_array().into_iter().flatten() {
                deleted += self.expire(table, attribute, &keys, item).await?;
            }
            match page.get("LastEvaluatedKey") {
                Some(key) if !key.is_null() => request["ExclusiveStartKey"] = key.clone(),
                _ => return Ok(deleted),
            }
        }
    }

    /// Deletes one item unless its TTL has changed since it was read. Returns the number of deleted items.
    async fn expire(&self, table: &Value, attribute: &Value, keys: &[&str], item: &Value) -> anyhow::Result<usize> {
        let key: Map<String, Value> = keys.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect();
        let seen = attribute.as_str().map_or(&Value::Null, |name| &item[name]);
        let request = json!({
            "TableName": table,
            "Key": key,
            "ConditionExpression": "#ttl = :seen",
            "ExpressionAttributeNames": { "#ttl": attribute },
            "ExpressionAttributeValues": { ":seen": seen },
        });
        let reply = self.call("DeleteItem", request.to_string().into()).await;
        if reply.is_success() {
            return Ok(1);
        }
        let error = reply.value();
        match error["__type"].as_str() {
            Some(kind) if kind.ends_with("ConditionalCheckFailedException") => Ok(0),
            _ => bail!("the TTL sweep could not delete an item: {}", error["message"]),
        }
    }

    async fn ask(&self, operation: &str, mut request: Value) -> anyhow::Result<Value> {
        if let Some(fields) = request.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        let reply = self.call(operation, request.to_string().into()).await;
        if !reply.is_success() {
            bail!("the TTL sweep's {operation} failed: {}", reply.value()["message"]);
        }
        serde_json::from_slice(&reply.body).context("the response of the local DynamoDB is not JSON")
    }
}
