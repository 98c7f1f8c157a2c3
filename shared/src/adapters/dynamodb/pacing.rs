//! The pacing rows: one conditional update per take, pause or hold.
//!
//! An account's row has all of its bucket. With a pacer, the row has only what is the account's own, and the pacer's
//! row has the rest.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Builder, Item, Reader, moment, number, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, Hold, Link, OwnWrite, Pause, Paused, Take, TakeFrom};
use crate::domain::pacing::pacer::Pacer;
use crate::domain::pin::WaitReason;
use crate::domain::pin::failure::Failure;
use crate::domain::time::{DAY_MS, Moment};
use crate::ports::{OptimisticWrites, Pacing, PortResult, Taken, Write};

/// What the optimistic writes of this file write, in an error.
const ROW: &str = "pacing row";
/// Each of a pause's fields can be overtaken once, and the account be linked.
const PAUSE_ATTEMPTS: usize = 6;
/// A link is begun again when the account's row has changed meanwhile.
const LINK_ATTEMPTS: usize = 8;
/// How long a pacer's row stays after its last write. It is settled long before: a slowdown lasts less than an hour,
/// and Pinterest's longest pause a day.
const PACER_KEPT_MS: i64 = 30 * DAY_MS;

/// The result of a conditional update.
pub(super) enum Updated {
    Now(Item),
    Refused(Item),
}

/// The row that has the part of a bucket which belongs to the user.
#[derive(Clone, Copy)]
enum Row<'a> {
    /// The account's: it has no pacer.
    Account(AccountKey),
    Pacer(&'a Pacer),
}

impl<'a> Row<'a> {
    fn of(account: AccountKey, pacer: Option<&'a Pacer>) -> Self {
        pacer.map_or(Self::Account(account), Self::Pacer)
    }

    /// What must hold for a write of the row: an account isn't linked meanwhile, and a pacer's row isn't missing.
    fn is_in_use(self) -> &'static str {
        match self {
            Self::Account(_) => "attribute_not_exists(pacer)",
            Self::Pacer(_) => "attribute_exists(tat)",
        }
    }

    /// A part of the update expression: a pacer's row belongs to no workspace, and expires when it isn't used.
    fn kept(self, request: UpdateItemFluentBuilder, now: Moment) -> (UpdateItemFluentBuilder, &'static str) {
        match self {
            Self::Account(_) => (request, ""),
            Self::Pacer(_) => {
                let until = now.plus_ms(PACER_KEPT_MS).unix_seconds();
                (request.expression_attribute_values(":expires", number(until)), ", expires_at = :expires")
            }
        }
    }
}

pub(super) fn read_bucket(item: &Item) -> Bucket {
    let row = Reader(item);
    let failure = |name| row.maybe_text(name).and_then(|code| Failure::parse(&code));
    let reason = |name| row.maybe_text(name).and_then(|code| WaitReason::parse(&code));
    let paused = row.maybe_moment("paused_until").map(|until| Paused { until, failure: failure("pause_failure") });
    let hold = row.maybe_moment("hold_until").map(|until| Hold {
        until,
        failure: failure("hold_failure"),
        awaits_refresh: reason("hold_reason") == Some(WaitReason::TokenRefresh),
        by: row.maybe_text("hold_by").and_then(|pin| pin.parse().ok()),
    });
    let earlier_hold = || held_by_earlier_build(item).map(|(hold, _)| hold);
    Bucket {
        tat: row.maybe_moment("tat").unwrap_or_default(),
        burst_from: row.maybe_moment("burst_from"),
        pause: paused.filter(|_| held_by_earlier_build(item).is_none()),
        slow_until: row.maybe_moment("slow_until"),
        reserved_tat: row.maybe_moment("reserved_tat"),
        crowded_until: row.maybe_moment("crowded_until"),
        nonce: row.maybe_text("nonce"),
        owed_tat: row.maybe_moment("owed_tat"),
        reset_at: row.maybe_moment("reset_at"),
        hold: hold.or_else(earlier_hold),
        held_until: row.maybe_moment("held_until"),
        rel: row.maybe_number("rel").unwrap_or_default(),
        waiting_at: row.maybe_moment("waiting_at"),
        pacer: row.maybe_text("pacer").map(Pacer::stored),
    }
}

/// Builds up to 0.2.0 wrote a hold as a pause with a hold's reason.
fn held_by_earlier_build(item: &Item) -> Option<(Hold, WaitReason)> {
    let row = Reader(item);
    let reason = row.maybe_text("pause_reason").and_then(|code| WaitReason::parse(&code))?;
    let failure = row.maybe_text("pause_failure").and_then(|code| Failure::parse(&code));
    let until = row.maybe_moment("paused_until")?;
    reason
        .is_hold()
        .then_some((Hold { until, failure, awaits_refresh: reason == WaitReason::TokenRefresh, by: None }, reason))
}

#[async_trait]
impl Pacing for DynamoStore {
    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket> {
        let item = self.get(keys::account(account), keys::BUCKET, true).await?;
        self.with_pacer(read_bucket(&item.unwrap_or_default())).await
    }

    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken> {
        let sets_tat = matches!(take.from, TakeFrom::Settled | TakeFrom::Near);
        if sets_tat && take.least_tat_before() > take.latest_tat_before() {
            return Ok(Taken::Refused(self.bucket(account).await?));
        }
        let row = Row::of(account, take.pacer.as_ref());
        let item = match self.update(take_request(self.row_update(row), row, take)).await? {
            Updated::Now(item) => return Ok(Taken::Tokens(take.tokens(&read_bucket(&item)))),
            Updated::Refused(item) => item,
        };
        let bucket = read_bucket(&item);
        // The SDK repeated a take whose answer it lost: it has already happened.
        if bucket.nonce.as_deref() == Some(take.nonce.as_str()) {
            return Ok(Taken::Tokens(take.tokens(&bucket)));
        }
        self.make_if_missing(row, &item, Bucket::tat_when_empty_at(&take.pace, take.now), take.now).await?;
        let is_whole = matches!(row, Row::Account(_)) && bucket.pacer.is_none();
        Ok(Taken::Refused(if is_whole { bucket } else { self.bucket(account).await? }))
    }

    async fn take_own_write(&self, account: AccountKey, write: &OwnWrite) -> PortResult<Write<()>> {
        let row = Row::of(account, write.pacer.as_ref());
        let unchanged = match write.seen {
            Some(_) => "reserved_tat = :seen",
            None => "attribute_not_exists(reserved_tat)",
        };
        let (request, kept) = row.kept(self.row_update(row), write.now);
        let mut take = request
            .update_expression(format!("SET reserved_tat = :next, nonce = :nonce{kept}"))
            .condition_expression(format!("{unchanged} AND {AWAKE} AND {}", row.is_in_use()))
            .expression_attribute_values(":next", moment(write.next))
            .expression_attribute_values(":nonce", text(&write.nonce))
            .expression_attribute_values(":now", moment(write.now))
            .expression_attribute_values(":hold", text(WaitReason::AccountOnHold.code()))
            .expression_attribute_values(":refresh", text(WaitReason::TokenRefresh.code()));
        if let Some(seen) = write.seen {
            take = take.expression_attribute_values(":seen", moment(seen));
        }
        let item = match self.update(take).await? {
            Updated::Now(_) => return Ok(Write::Done),
            Updated::Refused(item) => item,
        };
        // The reserve of a new row has all of its writes.
        self.make_if_missing(row, &item, write.empty_tat, write.now).await?;
        // The SDK repeated a write whose answer it lost: it has already happened.
        Ok(Write::done_if(read_bucket(&item).nonce.as_deref() == Some(write.nonce.as_str())))
    }

    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
        if pause.reason.is_hold() {
            return self.hold(account, pause).await;
        }
        let mut pacer = self.pacer(account).await?;
        let mut writes = OptimisticWrites::of(ROW, PAUSE_ATTEMPTS);
        loop {
            writes.begin()?;
            match self.pause_row(Row::of(account, pacer.as_ref()), pause).await? {
                None => return Ok(()),
                linked => pacer = linked,
            }
        }
    }

    async fn lift_hold(&self, account: AccountKey, seen: Moment, now: Moment) -> PortResult<Write<()>> {
        let lift = self
            .account_update(account)
            .update_expression("SET held_until = :now REMOVE hold_until, hold_reason, hold_failure, hold_by")
            .condition_expression("hold_until = :seen")
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":seen", moment(seen));
        let (is_lifted, item) = match self.update(lift).await? {
            Updated::Now(item) => (true, item),
            Updated::Refused(item) => (false, item),
        };
        let earlier = held_by_earlier_build(&item).filter(|(hold, _)| is_lifted || hold.until == seen);
        let Some((hold, reason)) = earlier else { return Ok(Write::done_if(is_lifted)) };
        let lift = self
            .account_update(account)
            .update_expression("SET held_until = :now REMOVE paused_until, pause_reason, pause_failure")
            .condition_expression("paused_until = :seen AND pause_reason = :reason")
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":seen", moment(hold.until))
            .expression_attribute_values(":reason", text(reason.code()));
        Ok(Write::done_if(matches!(self.update(lift).await?, Updated::Now(_)) || is_lifted))
    }

    async fn claim_release(&self, account: AccountKey, seen: u64) -> PortResult<Write<()>> {
        let claim = self.account_update(account).update_expression("SET rel = :next");
        let claim = claim.expression_attribute_values(":next", number(seen + 1));
        let claim = if seen == 0 {
            claim.condition_expression("attribute_not_exists(rel)")
        } else {
            claim.condition_expression("rel = :seen").expression_attribute_values(":seen", number(seen))
        };
        Ok(Write::done_if(matches!(self.update(claim).await?, Updated::Now(_))))
    }

    async fn crowd(&self, pacer: &Pacer, until: Moment) -> PortResult<()> {
        let crowd = self
            .row_update(Row::Pacer(pacer))
            .update_expression("SET crowded_until = :until")
            .condition_expression(
                "attribute_exists(tat) AND (attribute_not_exists(crowded_until) OR crowded_until < :until)",
            )
            .expression_attribute_values(":until", moment(until));
        self.update(crowd).await.map(|_| ())
    }

    async fn link(&self, account: AccountKey, link: &Link) -> PortResult<()> {
        let mut paid_ms = 0;
        let mut writes = OptimisticWrites::of(ROW, LINK_ATTEMPTS);
        loop {
            writes.begin()?;
            let item = self.get(keys::account(account), keys::BUCKET, true).await?.unwrap_or_default();
            let own = read_bucket(&item);
            if own.pacer.as_ref() == Some(&link.pacer) {
                return Ok(());
            }
            // The user owes first what the account owes; then the account's tokens are the user's.
            self.make_empty(&link.pacer, link.first().tat, link.now).await?;
            let owed_ms = link.owed_ms(&own);
            self.owe(link, (owed_ms - paid_ms).max(0)).await?;
            paid_ms = owed_ms.max(paid_ms);
            if let Some(pause) = link.pause_of(&own) {
                self.pause_row(Row::Pacer(&link.pacer), &pause).await?;
            }
            if let Updated::Now(_) = self.update(self.link_request(account, link, &item)).await? {
                return Ok(());
            }
        }
    }

    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()> {
        let mark = self
            .account_update(account)
            .update_expression("SET waiting_at = :now, wpk = :wpk, wsk = :wsk")
            .condition_expression("attribute_not_exists(waiting_at) OR waiting_at < :now")
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":wpk", text(keys::waiting(keys::waiting_shard(account))))
            .expression_attribute_values(":wsk", text(keys::waiting_sort(account)));
        self.update(mark).await.map(|_| ())
    }

    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let clear = self
            .account_update(account)
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

/// No pause requested by Pinterest is in force. Earlier builds stored holds in `paused_until`.
const AWAKE: &str = "(attribute_not_exists(paused_until) OR paused_until <= :now OR pause_reason IN (:hold, :refresh))";

/// Or `paused_until` is that of a hold. Earlier builds stored holds in `paused_until`.
const OR_HOLD: &str = " OR pause_reason IN (:hold, :refresh)";

impl DynamoStore {
    async fn with_pacer(&self, bucket: Bucket) -> PortResult<Bucket> {
        let Some(pacer) = &bucket.pacer else { return Ok(bucket) };
        let shared = self.get(keys::pacer(pacer), keys::PACE, true).await?;
        Ok(bucket.sharing(&read_bucket(&shared.unwrap_or_default())))
    }

    async fn pacer(&self, account: AccountKey) -> PortResult<Option<Pacer>> {
        let item = self.get(keys::account(account), keys::BUCKET, true).await?;
        Ok(read_bucket(&item.unwrap_or_default()).pacer)
    }

    /// Makes the row of a pacer that lacks one. `found`: what a refused write found there.
    async fn make_if_missing(&self, row: Row<'_>, found: &Item, tat: Moment, now: Moment) -> PortResult<()> {
        match row {
            Row::Pacer(pacer) if !found.contains_key("tat") => self.make_empty(pacer, tat, now).await,
            _ => Ok(()),
        }
    }

    /// Makes the pacer's row, unless it exists.
    async fn make_empty(&self, pacer: &Pacer, tat: Moment, now: Moment) -> PortResult<()> {
        let row = Row::Pacer(pacer);
        let (request, kept) = row.kept(self.row_update(row), now);
        let make = request
            .update_expression(format!("SET tat = :tat{kept}"))
            .condition_expression("attribute_not_exists(tat)")
            .expression_attribute_values(":tat", moment(tat));
        self.update(make).await.map(|_| ())
    }

    /// Adds what an account owes to the pacer's row, as [`Link::apply`] does.
    async fn owe(&self, link: &Link, owed_ms: i64) -> PortResult<()> {
        if owed_ms == 0 {
            return Ok(());
        }
        let add = |condition: &str, set: &str, name: &str, value| {
            self.row_update(Row::Pacer(&link.pacer))
                .update_expression(set)
                .condition_expression(condition)
                .expression_attribute_values(":now", moment(link.now))
                .expression_attribute_values(name, value)
        };
        let mut writes = OptimisticWrites::of(ROW, LINK_ATTEMPTS);
        loop {
            writes.begin()?;
            let ahead = add("tat >= :now", "SET owed_tat = tat + :owed, tat = tat + :owed", ":owed", number(owed_ms));
            let settled =
                add("tat < :now", "SET owed_tat = :tat, tat = :tat", ":tat", moment(link.now.plus_ms(owed_ms)));
            for request in [ahead, settled] {
                if let Updated::Now(_) = self.update(request).await? {
                    return Ok(());
                }
            }
        }
    }

    /// Gives the account its pacer, if its own tokens and pauses are still those that were read.
    fn link_request(&self, account: AccountKey, link: &Link, seen: &Item) -> UpdateItemFluentBuilder {
        let mut request = self.account_update(account).expression_attribute_values(":pacer", text(link.pacer.name()));
        let mut conditions = Vec::new();
        for (name, placeholder) in
            [("tat", ":tat"), ("paused_until", ":paused"), ("slow_until", ":slow"), ("pacer", ":old")]
        {
            match seen.get(name) {
                Some(value) => {
                    request = request.expression_attribute_values(placeholder, value.clone());
                    conditions.push(format!("{name} = {placeholder}"));
                }
                None => conditions.push(format!("attribute_not_exists({name})")),
            }
        }
        let mut set = "SET pacer = :pacer".to_owned();
        if let Some((hold, reason)) = held_by_earlier_build(seen).filter(|_| !seen.contains_key("hold_until")) {
            set.push_str(", hold_until = :held, hold_reason = :reason");
            request = request
                .expression_attribute_values(":held", moment(hold.until))
                .expression_attribute_values(":reason", text(reason.code()));
            if let Some(failure) = hold.failure {
                set.push_str(", hold_failure = :failure");
                request = request.expression_attribute_values(":failure", text(failure.code()));
            }
        }
        let shared = "tat, burst_from, slow_until, reserved_tat, crowded_until, nonce, owed_tat, reset_at";
        request
            .update_expression(format!("{set} REMOVE {shared}, paused_until, pause_reason, pause_failure"))
            .condition_expression(conditions.join(" AND "))
    }

    /// Holds the account, unless it is held as long already.
    async fn hold(&self, account: AccountKey, hold: &Pause) -> PortResult<()> {
        let mut set = "SET hold_until = :until, hold_reason = :reason".to_owned();
        let mut request = self
            .account_update(account)
            .condition_expression("attribute_not_exists(hold_until) OR hold_until < :until")
            .expression_attribute_values(":until", moment(hold.until))
            .expression_attribute_values(":reason", text(hold.reason.code()));
        // A hold that comes of a reading leaves the turn where it was.
        if let Some(pin) = hold.by {
            set.push_str(", hold_by = :by");
            request = request.expression_attribute_values(":by", text(pin.to_string()));
        }
        if let Some(failure) = hold.failure {
            set.push_str(", hold_failure = :failure");
            request = request.expression_attribute_values(":failure", text(failure.code()));
        } else {
            set.push_str(" REMOVE hold_failure");
        }
        self.update(request.update_expression(set)).await.map(|_| ())
    }

    /// Writes the hold of an earlier build, which stands among the pauses, where holds stand now.
    async fn keep_hold(&self, account: AccountKey, hold: &Hold, reason: WaitReason) -> PortResult<()> {
        let pause =
            Pause { until: hold.until, tat: hold.until, reason, failure: hold.failure, slow_until: None, by: None };
        self.hold(account, &pause).await
    }

    /// Writes a pause that Pinterest asked for. Returns the account's pacer, if it was linked meanwhile: the pause is
    /// to be written there.
    async fn pause_row(&self, row: Row<'_>, pause: &Pause) -> PortResult<Option<Pacer>> {
        let (mut seen, mut has_moved_hold) = (Bucket::default(), false);
        let mut writes = OptimisticWrites::of(ROW, PAUSE_ATTEMPTS);
        loop {
            writes.begin()?;
            let beyond = pause.beyond(&seen);
            let fields = [
                (beyond.pauses, "paused_until", ":until", Some(pause.until)),
                (beyond.empties, "tat", ":tat", Some(pause.tat)),
                (beyond.slows, "slow_until", ":slow", pause.slow_until),
            ];
            let (mut set, mut conditions) = (Vec::new(), Vec::new());
            let (mut request, kept) = row.kept(self.row_update(row), pause.until);
            if let Row::Account(_) = row {
                conditions.push(row.is_in_use().to_owned());
            }
            for (is_set, name, placeholder, value) in fields {
                let (true, Some(value)) = (is_set, value) else { continue };
                set.push(format!("{name} = {placeholder}"));
                let or_hold = if name == "paused_until" && has_moved_hold { OR_HOLD } else { "" };
                conditions.push(format!("(attribute_not_exists({name}) OR {name} < {placeholder}{or_hold})"));
                request = request.expression_attribute_values(placeholder, moment(value));
            }
            if set.is_empty() {
                return Ok(None);
            }
            let set_hold_names = has_moved_hold && beyond.pauses;
            let mut remove = "";
            if beyond.pauses {
                set.push("pause_reason = :reason".into());
                request = request.expression_attribute_values(":reason", text(pause.reason.code()));
                match pause.failure {
                    Some(failure) => {
                        set.push("pause_failure = :failure".into());
                        request = request.expression_attribute_values(":failure", text(failure.code()));
                    }
                    None => remove = " REMOVE pause_failure",
                }
            }
            let request = request
                .update_expression(format!("SET {}{kept}{remove}", set.join(", ")))
                .condition_expression(conditions.join(" AND "));
            let request = if set_hold_names {
                request
                    .expression_attribute_values(":hold", text(WaitReason::AccountOnHold.code()))
                    .expression_attribute_values(":refresh", text(WaitReason::TokenRefresh.code()))
            } else {
                request
            };
            match self.update(request).await? {
                Updated::Now(_) => return Ok(None),
                Updated::Refused(item) => {
                    seen = read_bucket(&item);
                    if let (Row::Account(account), Some((hold, reason))) = (row, held_by_earlier_build(&item)) {
                        self.keep_hold(account, &hold, reason).await?;
                        has_moved_hold = true;
                    }
                }
            }
            if seen.pacer.is_some() {
                return Ok(seen.pacer);
            }
        }
    }

    fn row_update(&self, row: Row<'_>) -> UpdateItemFluentBuilder {
        match row {
            Row::Account(account) => self.account_update(account),
            Row::Pacer(pacer) => self.keyed_update(keys::pacer(pacer), keys::PACE),
        }
    }

    fn account_update(&self, account: AccountKey) -> UpdateItemFluentBuilder {
        self.keyed_update(keys::account(account), keys::BUCKET)
    }

    fn keyed_update(&self, pk: String, sk: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(pk, sk).build()))
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
fn take_request(request: UpdateItemFluentBuilder, row: Row<'_>, take: &Take) -> UpdateItemFluentBuilder {
    let not_ours = "(attribute_not_exists(nonce) OR nonce <> :nonce)";
    let mut conditions = vec![not_ours, AWAKE, row.is_in_use()];
    let (request, kept) = row.kept(request, take.now);
    let request = request
        .expression_attribute_values(":nonce", text(&take.nonce))
        .expression_attribute_values(":now", moment(take.now))
        .expression_attribute_values(":hold", text(WaitReason::AccountOnHold.code()))
        .expression_attribute_values(":refresh", text(WaitReason::TokenRefresh.code()));
    let tat_from = |before: Moment| moment(before.max(take.least_tat_before()).plus_ms(take.advance_ms()));
    let (mut request, mut set) = match take.from {
        TakeFrom::Settled => {
            conditions.push("(attribute_not_exists(tat) OR tat <= :now)");
            let request = request.expression_attribute_values(":tat", tat_from(take.now));
            (request, "tat = :tat, burst_from = :now".to_owned())
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
        TakeFrom::BadClock { seen } => {
            conditions.push("tat = :seen");
            let request = request
                .expression_attribute_values(":seen", moment(seen))
                .expression_attribute_values(":tat", moment(take.reset_tat()));
            (request, "tat = :tat, reset_at = :now".to_owned())
        }
    };
    if let Some(until) = take.crowds_until {
        set.push_str(", crowded_until = :crowded");
        request = request.expression_attribute_values(":crowded", moment(until));
    }
    request.update_expression(format!("SET {set}, nonce = :nonce{kept}")).condition_expression(conditions.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_of_an_earlier_build_is_read_as_one() {
        let row = |reason: &str| {
            let row = Builder::default().maybe_moment("paused_until", Some(Moment(9))).text("pause_reason", reason);
            read_bucket(&row.text("pause_failure", "token_revoked").build())
        };
        let hold = |awaits_refresh| {
            Some(Hold { until: Moment(9), failure: Some(Failure::TokenRevoked), awaits_refresh, by: None })
        };
        for (reason, hold) in [("account_on_hold", hold(false)), ("token_refresh", hold(true))] {
            assert_eq!(row(reason), Bucket { hold, ..Bucket::default() }, "{reason}");
        }
        let pause = Some(Paused { until: Moment(9), failure: Some(Failure::TokenRevoked) });
        assert_eq!(row("account_paused"), Bucket { pause, ..Bucket::default() });
    }
}
