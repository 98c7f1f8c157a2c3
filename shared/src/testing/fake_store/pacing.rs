//! The conditions of the bucket row and the day's.

use crate::domain::invariants::is_same_write;
use crate::domain::pacing::bucket::{Bucket, Pause, Resume, Take};
use crate::domain::pacing::budget::DaySpending;
use crate::domain::time::Moment;
use crate::ports::{Counted, Taken};

pub fn take(bucket: &mut Bucket, take: &Take) -> Taken {
    if bucket.nonce.as_deref().is_some_and(|stored| is_same_write(stored, &take.nonce)) {
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

pub fn pause(bucket: &mut Bucket, pause: &Pause) {
    *bucket = pause.apply(bucket);
}

pub fn lift_hold(bucket: &mut Bucket, seen: Moment) {
    if bucket.is_on_hold() && bucket.paused_until == Some(seen) {
        bucket.pause_reason = None;
    }
}

pub fn resume(bucket: &mut Bucket, resume: &Resume) -> bool {
    let after = resume.apply(bucket);
    let is_done = after.is_some();
    if let Some(after) = after {
        *bucket = after;
    }
    is_done
}

pub fn count(day: &mut DaySpending, next: &DaySpending) -> Counted {
    if day.rev + 1 == next.rev {
        *day = next.clone();
    }
    if day.nonce == next.nonce { Counted::Yes } else { Counted::Lost(day.clone()) }
}

pub fn mark_waiting(bucket: &mut Bucket, now: Moment) {
    bucket.waiting_at = bucket.waiting_at.max(Some(now));
}

pub fn clear_waiting(bucket: &mut Bucket, seen: Moment) {
    bucket.waiting_at.take_if(|at| *at == seen);
}
