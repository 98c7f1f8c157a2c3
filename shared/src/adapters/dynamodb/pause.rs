//! Pausing an account, lifting its hold and ending it, on the bucket row.

use super::bucket::{Updated, read_bucket};
use super::item::{moment, text};
use super::{DynamoStore, PORT};
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, Pause, Resume};
use crate::domain::pin::WaitReason;
use crate::domain::time::Moment;
use crate::ports::{PortError, PortResult};

/// Each of a pause's three fields can be overtaken once.
const PAUSE_ATTEMPTS: usize = 5;

impl DynamoStore {
    /// Each field is set only where ours is the later. All of them only ever grow, so a refusal leaves fewer to set.
    pub(super) async fn pause_account(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
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
            if pauses {
                set.push("pause_reason = :reason".into());
                request = request.expression_attribute_values(":reason", text(&pause.reason));
            }
            let request = request
                .update_expression(format!("SET {}", set.join(", ")))
                .condition_expression(conditions.join(" AND "));
            match self.update(request).await? {
                Updated::Now(_) => return Ok(()),
                Updated::Refused(item) => seen = read_bucket(&item),
            }
        }
        Err(PortError::Unavailable { port: PORT, reason: "a pause lost every race".into() })
    }

    pub(super) async fn unhold_account(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let lift = self
            .bucket_update(account)
            .update_expression("REMOVE pause_reason")
            .condition_expression("paused_until = :seen AND pause_reason IN (:hold, :refresh)")
            .expression_attribute_values(":seen", moment(seen))
            .expression_attribute_values(":hold", text(WaitReason::AccountOnHold.code()))
            .expression_attribute_values(":refresh", text(WaitReason::TokenRefresh.code()));
        self.update(lift).await.map(|_| ())
    }

    pub(super) async fn resume_account(&self, account: AccountKey, resume: &Resume) -> PortResult<bool> {
        let end = self
            .bucket_update(account)
            .update_expression("SET paused_until = :until, tat = :tat REMOVE pause_reason")
            .condition_expression("paused_until = :seen AND tat = :seen_tat AND pause_reason IN (:hold, :refresh)")
            .expression_attribute_values(":until", moment(resume.paused_until))
            .expression_attribute_values(":tat", moment(resume.tat))
            .expression_attribute_values(":seen", moment(resume.seen_until))
            .expression_attribute_values(":seen_tat", moment(resume.seen_tat))
            .expression_attribute_values(":hold", text(WaitReason::AccountOnHold.code()))
            .expression_attribute_values(":refresh", text(WaitReason::TokenRefresh.code()));
        Ok(matches!(self.update(end).await?, Updated::Now(_)))
    }
}
