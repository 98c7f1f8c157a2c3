//! The pacing row of an account: one conditional update per take, pause or hold.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Builder, Item, Reader, moment, number, text, unreadable};
use super::{DynamoStore, PORT, failed, keys};
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, OwnWrite, Pause, Resume, Take, TakeFrom};
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::time::Moment;
use crate::ports::{Pacing, PortError, PortResult, Taken};

/// Each of a pause's three fields can be overtaken once.
const PAUSE_ATTEMPTS: usize = 5;

/// The result of a conditional update.
pub(super) enum Updated {
    Now(Item),
    Refused(Item),
}

pub(super) fn read_bucket(item: &Item) -> Bucket {
    let row = Reader(item);
    Bucket {
        tat: row.maybe_moment("tat").unwrap_or_default(),
        burst_from: row.maybe_moment("burst_from"),
        rel: row.maybe_number("rel").unwrap_or_default(),
        waiting_at: row.maybe_moment("waiting_at"),
        paused_until: row.maybe_moment("paused_until"),
        pause_reason: row.maybe_text("pause_reason"),
        pause_failure: row.maybe_text("pause_failure").and_then(|code| Failure::parse(&code)),
        slow_until: row.maybe_moment("slow_until"),
        reserved_tat: row.maybe_moment("reserved_tat"),
        nonce: row.maybe_text("nonce"),
    }
}

#[async_trait]
impl Pacing for DynamoStore {
    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket> {
        let item = self.get(keys::account(account), keys::BUCKET, true).await?;
        Ok(read_bucket(&item.unwrap_or_default()))
    }

    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken> {
        let sets_tat = matches!(take.from, TakeFrom::Settled | TakeFrom::Near);
        if sets_tat && take.least_tat_before() > take.latest_tat_before() {
            return Ok(Taken::Refused(self.bucket(account).await?));
        }
        match self.update(take_request(self.bucket_update(account), take)).await? {
            Updated::Now(item) => Ok(Taken::Tokens(take.tokens(&read_bucket(&item)))),
            Updated::Refused(item) => {
                let bucket = read_bucket(&item);
                // The SDK repeated a take whose answer it lost: it has already happened.
                let ours = bucket.nonce.as_deref() == Some(take.nonce.as_str());
                Ok(if ours { Taken::Tokens(take.tokens(&bucket)) } else { Taken::Refused(bucket) })
            }
        }
    }

    async fn take_own_write(&self, account: AccountKey, write: &OwnWrite) -> PortResult<bool> {
        let unchanged = match write.seen {
            Some(_) => "reserved_tat = :seen",
            None => "attribute_not_exists(reserved_tat)",
        };
        let awake = "(attribute_not_exists(paused_until) OR paused_until <= :now OR pause_reason IN (:hold, :refresh))";
        let mut take = self
            .bucket_update(account)
            .update_expression("SET reserved_tat = :next, nonce = :nonce")
            .condition_expression(format!("{unchanged} AND {awake}"))
            .expression_attribute_values(":next", moment(write.next))
            .expression_attribute_values(":nonce", text(&write.nonce))
            .expression_attribute_values(":now", moment(write.now))
            .expression_attribute_values(":hold", text(WaitReason::AccountOnHold.code()))
            .expression_attribute_values(":refresh", text(WaitReason::TokenRefresh.code()));
        if let Some(seen) = write.seen {
            take = take.expression_attribute_values(":seen", moment(seen));
        }
        Ok(match self.update(take).await? {
            Updated::Now(_) => true,
            // The SDK repeated a write whose answer it lost: it has already happened.
            Updated::Refused(item) => read_bucket(&item).nonce.as_deref() == Some(write.nonce.as_str()),
        })
    }

    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
        let mut seen = Bucket::default();
        for _ in 0..PAUSE_ATTEMPTS {
            let (pauses, empties, slows) = pause.beyond(&seen);
            let fields = [
                (pauses, "paused_until", ":until", Some(pause.until)),
                (empties, "tat", ":tat", Some(pause.tat)),
                (slows, "slow_until", ":slow", pause.slow_until),
            ];
            let (mut set, mut conditions) = (Vec::new(), Vec::new());
            let mut request = self.bucket_update(account);
            for (is_set, name, placeholder, value) in fields {
                let (true, Some(value)) = (is_set, value) else { continue };
                set.push(format!("{name} = {placeholder}"));
                conditions.push(format!("(attribute_not_exists({name}) OR {name} < {placeholder})"));
                request = request.expression_attribute_values(placeholder, moment(value));
            }
            if set.is_empty() {
                return Ok(());
            }
            let mut remove = "";
            if pauses {
                set.push("pause_reason = :reason".into());
                request = request.expression_attribute_values(":reason", text(&pause.reason));
                match pause.failure {
                    Some(failure) => {
                        set.push("pause_failure = :failure".into());
                        request = request.expression_attribute_values(":failure", text(failure.code()));
                    }
                    None => remove = " REMOVE pause_failure",
                }
            }
            let request = request
                .update_expression(format!("SET {}{remove}", set.join(", ")))
                .condition_expression(conditions.join(" AND "));
            match self.update(request).await? {
                Updated::Now(_) => return Ok(()),
                Updated::Refused(item) => seen = read_bucket(&item),
            }
        }
        Err(PortError::Unavailable { port: PORT, reason: "a pause lost every race".into() })
    }

    async fn lift_hold(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let lift = self
            .bucket_update(account)
            .update_expression("REMOVE pause_reason, pause_failure")
            .condition_expression("paused_until = :seen AND pause_reason IN (:hold, :refresh)")
            .expression_attribute_values(":seen", moment(seen))
            .expression_attribute_values(":hold", text(WaitReason::AccountOnHold.code()))
            .expression_attribute_values(":refresh", text(WaitReason::TokenRefresh.code()));
        self.update(lift).await.map(|_| ())
    }

    async fn resume(&self, account: AccountKey, resume: &Resume) -> PortResult<bool> {
        let end = self
            .bucket_update(account)
            .update_expression("SET paused_until = :until, tat = :tat REMOVE pause_reason, pause_failure")
            .condition_expression("paused_until = :seen AND tat = :seen_tat AND pause_reason IN (:hold, :refresh)")
            .expression_attribute_values(":until", moment(resume.paused_until))
            .expression_attribute_values(":tat", moment(resume.tat))
            .expression_attribute_values(":seen", moment(resume.seen_until))
            .expression_attribute_values(":seen_tat", moment(resume.seen_tat))
            .expression_attribute_values(":hold", text(WaitReason::AccountOnHold.code()))
            .expression_attribute_values(":refresh", text(WaitReason::TokenRefresh.code()));
        Ok(matches!(self.update(end).await?, Updated::Now(_)))
    }

    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()> {
        let mark = self
            .bucket_update(account)
            .update_expression("SET waiting_at = :now, wpk = :wpk, wsk = :wsk")
            .condition_expression("attribute_not_exists(waiting_at) OR waiting_at < :now")
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":wpk", text(keys::waiting(keys::waiting_shard(account))))
            .expression_attribute_values(":wsk", text(keys::waiting_sort(account)));
        self.update(mark).await.map(|_| ())
    }

    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let clear = self
            .bucket_update(account)
            .update_expression("REMOVE waiting_at, wpk, wsk")
            .condition_expression("waiting_at = :seen")
            .expression_attribute_values(":seen", moment(seen));
        self.update(clear).await.map(|_| ())
    }

    async fn waiting_accounts(&self) -> PortResult<Vec<AccountKey>> {
        let mut accounts = Vec::new();
        for shard in 0..keys::WAITING_SHARDS {
            let mut pages = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(keys::WAITING_INDEX)
                .key_condition_expression("wpk = :wpk")
                .expression_attribute_values(":wpk", text(keys::waiting(shard)))
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(failed)?;
                for item in page.items() {
                    let wsk = Reader(item).text("wsk")?;
                    accounts.push(keys::parse_waiting_sort(&wsk).ok_or_else(|| unreadable("wsk"))?);
                }
            }
        }
        Ok(accounts)
    }
}

impl DynamoStore {
    pub(super) fn bucket_update(&self, account: AccountKey) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::account(account), keys::BUCKET).build()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    pub(super) async fn update(&self, request: UpdateItemFluentBuilder) -> PortResult<Updated> {
        match request.send().await {
            Ok(output) => Ok(Updated::Now(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    Ok(Updated::Refused(refusal.item().cloned().unwrap_or_default()))
                }
                _ => Err(failed(error)),
            },
        }
    }
}

/// The conditional write of [`Take::apply`], as a DynamoDB request.
fn take_request(request: UpdateItemFluentBuilder, take: &Take) -> UpdateItemFluentBuilder {
    let not_ours = "(attribute_not_exists(nonce) OR nonce <> :nonce)";
    let awake = "(attribute_not_exists(paused_until) OR paused_until <= :now)";
    let mut conditions = vec![not_ours, awake];
    if !take.behind_waiting {
        conditions.push("attribute_not_exists(waiting_at)");
    }
    let request = request
        .expression_attribute_values(":nonce", text(&take.nonce))
        .expression_attribute_values(":now", moment(take.now));
    let tat_from = |before: Moment| moment(before.max(take.least_tat_before()).plus_ms(take.advance_ms()));
    let (mut request, mut set) = match take.from {
        TakeFrom::Settled => {
            conditions.push("(attribute_not_exists(tat) OR tat <= :now)");
            (request.expression_attribute_values(":tat", tat_from(take.now)), "tat = :tat".to_owned())
        }
        TakeFrom::Near => {
            conditions.push("tat > :now AND tat < :least");
            let request = request
                .expression_attribute_values(":least", moment(take.least_tat_before()))
                .expression_attribute_values(":tat", tat_from(take.now));
            (request, "tat = :tat".to_owned())
        }
        TakeFrom::Used => {
            conditions.push("tat >= :least AND tat <= :latest");
            let request = request
                .expression_attribute_values(":least", moment(take.least_tat_before()))
                .expression_attribute_values(":latest", moment(take.latest_tat_before()))
                .expression_attribute_values(":advance", number(take.advance_ms()));
            (request, "tat = tat + :advance".to_owned())
        }
        TakeFrom::Seen { tat, rel } => {
            let untouched = tat == Moment::default();
            conditions.push(if untouched { "attribute_not_exists(tat)" } else { "tat = :seen" });
            conditions.push(if rel == 0 { "attribute_not_exists(rel)" } else { "rel = :rel" });
            let mut request = request
                .expression_attribute_values(":tat", tat_from(tat))
                .expression_attribute_values(":next", number(rel + 1));
            if !untouched {
                request = request.expression_attribute_values(":seen", moment(tat));
            }
            if rel != 0 {
                request = request.expression_attribute_values(":rel", number(rel));
            }
            (request, "tat = :tat, rel = :next".to_owned())
        }
    };
    if take.begins_burst() {
        set.push_str(", burst_from = :now");
        request = request.expression_attribute_values(":now", moment(take.now));
    }
    request.update_expression(format!("SET {set}, nonce = :nonce")).condition_expression(conditions.join(" AND "))
}
