//! The health of a connection, as far as the stored state shows it.

use super::Account;
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pin::failure::Failure;
use crate::domain::time::Moment;

/// In order of precedence: the first one that applies is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Its owner or an operator disconnected it.
    Disconnected,
    /// Pinterest refuses all of the account's tokens, and the refusal is confirmed.
    GivenUp {
        /// The answer to an earlier refresh was lost: Pinterest may have issued tokens that we never received.
        answer_lost: bool,
    },
    /// Pinterest refuses the refresh token, and the access token has expired or is refused too. A second refusal is
    /// awaited before the account is given up.
    Refused {
        confirmed_at: Option<Moment>,
    },
    /// The access token has expired. `retried_at`: when it is renewed, if it can be renewed.
    TokenExpired {
        retried_at: Option<Moment>,
    },
    /// Pinterest refused the access token, and the pins wait for its renewal. Without one (`None`), the token was
    /// refused once, and a pin tries it again.
    Renewing {
        retried_at: Option<Moment>,
    },
    MissingScopes,
    /// Pinterest refused the connection or the app's access; the account's pins are held until a call succeeds.
    OnHold {
        /// What Pinterest refused it for, as far as the hold keeps it.
        failure: Option<Failure>,
    },
    /// Pinterest refuses the refresh token; the account publishes until its access token expires.
    NotRenewed {
        publishes_until: Option<Moment>,
    },
    /// The connection works, and Pinterest asked the account to wait. The pause ends by itself.
    Paused {
        until: Moment,
        /// The refusal that caused the pause, if one did.
        failure: Option<Failure>,
    },
    Healthy,
}

impl Health {
    /// The health of the account at `now`, from its row and its bucket.
    pub fn of(account: &Account, bucket: &Bucket, now: Moment) -> Self {
        let life = &account.life;
        let is_refreshing = bucket.is_paused(now) && bucket.awaits_refresh();
        let is_expired = life.has_expired(now);
        if account.revoked_at.is_some() {
            Self::Disconnected
        } else if let Some(death) = life.dead {
            Self::GivenUp { answer_lost: death.answer_lost }
        } else if life.refused.is_some() && (is_expired || bucket.awaits_refresh()) {
            Self::Refused { confirmed_at: life.refresh_at }
        } else if is_expired {
            Self::TokenExpired { retried_at: life.refresh_at }
        } else if is_refreshing {
            Self::Renewing { retried_at: life.refresh_at }
        } else if !account.missing_scopes().is_empty() {
            Self::MissingScopes
        } else if bucket.needs_person() {
            Self::OnHold { failure: bucket.hold_failure() }
        } else if life.refused.is_some() {
            Self::NotRenewed { publishes_until: life.access_expires_at }
        } else if let Some((until, failure)) = bucket.pause_of_pinterest(now) {
            Self::Paused { until, failure }
        } else {
            Self::Healthy
        }
    }

    /// The public API's `health_status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disconnected | Self::GivenUp { .. } => "token_revoked",
            Self::Refused { .. } | Self::TokenExpired { .. } | Self::Renewing { .. } => "token_expired",
            Self::MissingScopes => "scope_missing",
            Self::OnHold { .. } => "on_hold",
            Self::NotRenewed { .. } => "renewal_refused",
            Self::Paused { failure: Some(Failure::SpamBlock), .. } => "paused",
            // A pause for the rate is a part of publishing at Pinterest's pace.
            Self::Paused { .. } | Self::Healthy => "healthy",
        }
    }

    /// One or two sentences for the user.
    pub fn message(self) -> String {
        match self {
            Self::Disconnected => "The account was disconnected; its pins are held. Reconnect it to continue.".into(),
            Self::GivenUp { answer_lost: false } => {
                "Pinterest no longer accepts this connection: it was revoked, or it lapsed. Reconnect the account; its \
                 pins are held until then."
                    .into()
            }
            Self::GivenUp { answer_lost: true } => {
                "The connection was lost because no usable answer to a renewal came from Pinterest; it was not revoked. \
                 Reconnect the account; its pins are held until then."
                    .into()
            }
            Self::Refused { confirmed_at } => {
                let asked = confirmed_at.map(|at| format!(" and is asked once more at {}", at.rfc3339()));
                format!(
                    "Pinterest refuses the account's tokens{}. Reconnect the account; its pins are held until then, or \
                     until Pinterest accepts the tokens again.",
                    asked.unwrap_or_default()
                )
            }
            Self::TokenExpired { retried_at: Some(at) } => {
                format!("The access token has expired; its renewal is tried again after {}.", at.rfc3339())
            }
            Self::Renewing { retried_at: Some(at) } => format!(
                "Pinterest refused the access token before its end; its renewal is tried again after {}.",
                at.rfc3339()
            ),
            Self::Renewing { retried_at: None } => {
                "Pinterest refused the access token once; within two minutes a pin shows whether it still works.".into()
            }
            Self::TokenExpired { retried_at: None } => "The access token has expired; reconnect the account.".into(),
            Self::MissingScopes => "A scope that publishing needs was not granted; reconnect the account.".into(),
            Self::OnHold { failure: Some(failure) } if failure != Failure::TokenRevoked => {
                format!("{} {} The account's pins are held until then.", failure.message(), failure.remedy())
            }
            Self::OnHold { .. } => {
                "Pinterest refuses the account's connection; its pins are held. Reconnect the account.".into()
            }
            Self::NotRenewed { publishes_until: Some(at) } => format!(
                "Pinterest refuses to renew the connection. It publishes until {}; reconnect the account before then.",
                at.rfc3339()
            ),
            Self::NotRenewed { publishes_until: None } => {
                "Pinterest refuses to renew the connection. It publishes while its access token lasts; reconnect the \
                 account soon."
                    .into()
            }
            Self::Paused { until, failure: Some(failure @ Failure::SpamBlock) } => format!(
                "{} No pin of it starts before {}. {} The connection works: connecting it again changes nothing.",
                failure.message(),
                until.rfc3339(),
                failure.remedy()
            ),
            Self::Paused { until, .. } => format!(
                "The connection works. Pinterest asked this account to slow down: no pin of it starts before {}. \
                 Nothing to do.",
                until.rfc3339()
            ),
            Self::Healthy => "The connection works.".into(),
        }
    }

    /// Whether only a person can restore the connection.
    pub fn needs_reconnect(self) -> bool {
        match self {
            Self::Healthy
            | Self::Paused { .. }
            | Self::TokenExpired { retried_at: Some(_) }
            | Self::Renewing { .. } => false,
            // The app's access: no connection of this account mends it.
            Self::OnHold { failure: Some(Failure::TrialAccess | Failure::FeatureRestricted) } => false,
            _ => true,
        }
    }

    /// Whether the connection lets the account publish. A pause of Pinterest's only sets the time.
    pub fn publishes(self) -> bool {
        matches!(self, Self::Healthy | Self::Paused { .. } | Self::NotRenewed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::credentials::{Death, RefusedGrant, TokenLife};
    use crate::domain::pacing::bucket::Pause;
    use crate::domain::pacing::pace::Pace;
    use crate::domain::pin::WaitReason;
    use crate::domain::testdata;
    use crate::domain::time::HOUR_MS;

    const NOW: Moment = Moment(1_767_225_600_000);

    fn account(life: TokenLife) -> Account {
        Account { life, ..testdata::connected_account() }
    }

    fn of(account: &Account) -> Health {
        Health::of(account, &Bucket::default(), NOW)
    }

    #[test]
    fn a_lost_answer_has_another_message_than_a_revoked_grant() {
        let dead = |answer_lost| TokenLife { dead: Some(Death { at: NOW, answer_lost }), ..TokenLife::default() };
        let (revoked, lost) = (of(&account(dead(false))), of(&account(dead(true))));
        assert_eq!((revoked.name(), lost.name()), ("token_revoked", "token_revoked"));
        assert_ne!(revoked.message(), lost.message());
        assert!(revoked.needs_reconnect() && lost.needs_reconnect());
        let disconnected = Account { revoked_at: Some(NOW), ..account(dead(true)) };
        assert_eq!(of(&disconnected), Health::Disconnected);
    }

    #[test]
    fn a_refused_renewal_says_until_when_it_publishes() {
        let life = TokenLife {
            refused: Some(RefusedGrant { version: "v".into(), since: NOW }),
            access_expires_at: Some(NOW.plus_ms(1)),
            ..TokenLife::default()
        };
        let health = of(&account(life.clone()));
        assert_eq!((health.name(), health.needs_reconnect(), health.publishes()), ("renewal_refused", true, true));
        assert!(health.message().contains(&NOW.plus_ms(1).rfc3339()), "{}", health.message());
        let expired = TokenLife { access_expires_at: Some(NOW), ..life };
        assert_eq!(of(&account(expired)).name(), "token_expired");
    }

    #[test]
    fn when_both_tokens_are_refused_a_person_is_asked_for_before_it_is_certain() {
        let refused = Some(RefusedGrant { version: "v".into(), since: NOW });
        let at = NOW.plus_ms(300_000);
        let life = TokenLife { refused, refresh_at: Some(at), ..TokenLife::default() };
        let waits = Pause::new(&Pace::new(50, 1.0), NOW.plus_ms(1), WaitReason::TokenRefresh).apply(&Bucket::default());
        let expired = TokenLife { access_expires_at: Some(NOW), ..life.clone() };
        for (life, bucket, now) in [
            (life.clone(), &waits, NOW),
            // The pause is over; nothing has shown that a token works.
            (life, &waits, NOW.plus_ms(60_000)),
            (expired, &Bucket::default(), NOW),
        ] {
            let health = Health::of(&account(life), bucket, now);
            assert_eq!(health, Health::Refused { confirmed_at: Some(at) });
            assert!(health.needs_reconnect() && !health.publishes());
            assert!(health.message().contains("Reconnect") && health.message().contains(&at.rfc3339()));
        }
        assert_eq!(Health::of(&account(TokenLife::default()), &waits, NOW).name(), "token_expired");
    }

    #[test]
    fn an_expired_token_that_is_being_renewed_needs_no_person() {
        let life = TokenLife { access_expires_at: Some(NOW), refresh_at: Some(NOW), ..TokenLife::default() };
        assert!(!of(&account(life.clone())).needs_reconnect() && !of(&account(life.clone())).publishes());
        assert!(of(&account(TokenLife { refresh_at: None, ..life })).needs_reconnect());
        let renewed = account(TokenLife { refresh_at: Some(NOW), ..TokenLife::default() });
        let waits = Pause::new(&Pace::new(50, 1.0), NOW.plus_ms(1), WaitReason::TokenRefresh).apply(&Bucket::default());
        let health = Health::of(&renewed, &waits, NOW);
        assert_eq!(health, Health::Renewing { retried_at: Some(NOW) });
        assert!(!health.needs_reconnect() && !health.publishes() && !health.message().contains("expired"));
    }

    #[test]
    fn a_hold_says_what_it_comes_of_and_reconnect_only_where_that_helps() {
        let healthy = account(TokenLife::default());
        let held_for = |failure| {
            let pause = Pause::new(&Pace::new(50, 1.0), NOW.plus_ms(1), WaitReason::AccountOnHold).because(failure);
            Health::of(&healthy, &pause.apply(&Bucket::default()), NOW)
        };
        for failure in [Failure::TrialAccess, Failure::FeatureRestricted] {
            let health = held_for(failure);
            assert_eq!((health.name(), health.needs_reconnect(), health.publishes()), ("on_hold", false, false));
            let message = health.message();
            assert!(message.contains(failure.message()) && message.contains(failure.remedy()), "{message}");
            assert!(!message.to_lowercase().contains("reconnect"), "{message}");
        }
        for failure in [Failure::TokenRevoked, Failure::ScopeMissing] {
            assert!(held_for(failure).needs_reconnect() && held_for(failure).message().contains("Reconnect"));
        }
        let disconnected = Account { revoked_at: Some(NOW), ..healthy.clone() };
        let pause = Pause::new(&Pace::new(50, 1.0), NOW.plus_ms(1), WaitReason::AccountOnHold);
        let bucket = pause.because(Failure::AccountDisconnected).apply(&Bucket::default());
        let message = Health::of(&disconnected, &bucket, NOW).message();
        assert!(message.contains("disconnected") && !message.contains("Pinterest"), "{message}");
    }

    #[test]
    fn a_pause_of_pinterests_says_until_when_why_and_what_helps() {
        let connected = account(TokenLife::default());
        let until = NOW.plus_ms(4 * HOUR_MS);
        let pause = Pause::new(&Pace::new(50, 1.0), until, WaitReason::AccountPaused);
        for (failure, name) in
            [(Some(Failure::SpamBlock), "paused"), (Some(Failure::RateLimited), "healthy"), (None, "healthy")]
        {
            let bucket = Pause { failure, ..pause.clone() }.apply(&Bucket::default());
            let health = Health::of(&connected, &bucket, NOW);
            assert_eq!((health, health.name()), (Health::Paused { until, failure }, name));
            assert!(!health.needs_reconnect() && health.publishes(), "{failure:?}");
            let message = health.message();
            assert!(message.contains(&until.rfc3339()) && message.contains("The connection works"), "{message}");
            assert_eq!(message.contains(Failure::SpamBlock.remedy()), failure == Some(Failure::SpamBlock), "{message}");
            assert_eq!(Health::of(&connected, &bucket, until), Health::Healthy, "the pause is over");
            // What needs a person is said first.
            let narrow = Account { scopes: "boards:read,pins:read".into(), ..connected.clone() };
            assert_eq!(Health::of(&narrow, &bucket, NOW), Health::MissingScopes);
        }
    }

    #[test]
    fn missing_scopes_and_holds_are_reported() {
        let healthy = account(TokenLife::default());
        assert_eq!(of(&healthy), Health::Healthy);
        let narrow = Account { scopes: "boards:read,pins:read".into(), ..healthy.clone() };
        assert_eq!(of(&narrow).name(), "scope_missing");
        let held = Pause::new(&Pace::new(50, 1.0), NOW.plus_ms(1), WaitReason::AccountOnHold).apply(&Bucket::default());
        assert_eq!(Health::of(&healthy, &held, NOW).name(), "on_hold");
        let after = Health::of(&healthy, &held, NOW.plus_ms(1));
        assert_eq!(after.name(), "on_hold", "the pause is over, and no call has succeeded yet");
        let lifted = Bucket { hold: None, ..held };
        assert_eq!(Health::of(&healthy, &lifted, NOW.plus_ms(1)), Health::Healthy);
    }
}
