//! Finds people by their address.

use crate::context::Context;
use crate::domain::tenant::user::{Email, User};
use crate::ports::PortResult;

/// Who may log in with an address.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub owner: Option<User>,
    /// The newest unproven registration, unless it is void or the owner's own.
    pub claimant: Option<User>,
}

/// Who may log in with the address. Every address costs the same reads, but for a claim.
///
/// # Errors
/// When the table is unavailable.
pub async fn by_address(context: &Context, email: &Email) -> PortResult<Known> {
    let rows = context.tenants.address(email).await?;
    // 0.2.0 derived a person's id from the address, and wrote no row of it.
    let id = rows.owner.unwrap_or_else(|| email.derived_user());
    let owner = context.tenants.user(id).await?.filter(|user| user.email == *email && user.is_proven());
    let claimant = match rows.claim {
        Some(claim) if Some(claim.user) != owner.as_ref().map(|user| user.id) => {
            context.tenants.user(claim.user).await?
        }
        _ => None,
    };
    let now = context.system.now();
    let claimant = claimant.filter(|user| user.email == *email && !user.is_proven() && !user.is_void(now));
    Ok(Known { owner, claimant })
}
