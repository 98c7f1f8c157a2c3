//! The bucket row's conditions.

use crate::domain::time::Moment;
use crate::domain::token_bucket::{Bucket, Take};
use crate::ports::Taken;

pub fn take(bucket: &mut Bucket, take: &Take) -> Taken {
    if bucket.nonce.as_deref() == Some(take.nonce.as_str()) {
        return Taken::Tokens(take.tokens(bucket));
    }
    match take.apply(bucket) {
        Some(after) => {
            *bucket = after;
            Taken::Tokens(take.tokens(bucket))
        }
        None => Taken::Refused(bucket.clone()),
    }
}

/// The later pause stays, with its reason. The bucket is empty when it ends; one that is emptier still stays so.
pub fn pause(bucket: &mut Bucket, until: Moment, tat: Moment, reason: &str) {
    if bucket.paused_until.is_some_and(|paused| paused >= until) {
        return;
    }
    bucket.paused_until = Some(until);
    bucket.pause_reason = Some(reason.to_owned());
    bucket.tat = bucket.tat.max(tat);
}

pub fn mark_waiting(bucket: &mut Bucket, now: Moment) {
    bucket.waiting_at = bucket.waiting_at.max(Some(now));
}

pub fn clear_waiting(bucket: &mut Bucket, seen: Moment) {
    bucket.waiting_at.take_if(|at| *at == seen);
}
