//! Every way in which a publish can fail, with a stable public code, a message and a remedy.
//!
//! `retry.rs` decides what a worker does about each failure. The table in `adapters/pinterest/rows.rs` maps Pinterest's
//! answers to failures.

/// Makes the enum, the list of its variants and their texts from one row for each failure, so that none of them can
/// lack one: a failure that isn't in `ALL` would be read back as none.
macro_rules! failures {
    ($(#[$meta:meta])* $($name:ident = ($code:literal, $message:literal, $remedy:literal);)*) => {
        $(#[$meta])*
        pub enum Failure {
            $($name,)*
        }

        impl Failure {
            /// Every failure.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            /// Code, message and remedy.
            fn texts(self) -> (&'static str, &'static str, &'static str) {
                match self {
                    $(Self::$name => ($code, $message, $remedy),)*
                }
            }
        }
    };
}

failures! {
    /// The closed set of failures. [`Failure::code`] is public API: codes are added, never renamed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    // Certainly not created; temporary.
    PinterestUnreachable = ("pinterest_unreachable", "Pinterest could not be reached; nothing was sent.", "Nothing to do: the pin is tried again.");
    PinterestBusy = ("pinterest_busy", "Pinterest was changing the board at that moment.", "Nothing to do: the pin is tried again.");
    // Possibly created.
    OutcomeUnknown = ("outcome_unknown", "Pinterest's answer was lost, or leaves open whether the Pin exists.", "Nothing to do: the board is read before the pin is sent again.");
    // Not created; the account has to wait.
    RateLimited = ("pinterest_rate_limited", "Pinterest asked this account to slow down.", "Nothing to do: the pin waits for the end of the pause.");
    SpamBlock = ("pinterest_spam_block", "Pinterest blocks this account for behaviour that looks like spam.", "Check the account on Pinterest; publishing resumes by itself after the pause.");
    TokenExpired = ("token_expired", "Pinterest refused the account's access token; it is being renewed, or tried once more.", "Nothing to do: the pin is tried again.");
    // Not created; a person has to act before any pin of this account can continue.
    TokenRevoked = ("token_revoked", "Pinterest no longer accepts this account's connection.", "Reconnect the account (GET /v1/pinterest/oauth/start answers the page to open); its pins are held until then.");
    ScopeMissing = ("scope_missing", "The connection lacks a scope that publishing needs.", "Reconnect the account (GET /v1/pinterest/oauth/start answers the page to open) and grant every scope.");
    TrialAccess = ("trial_access", "The Pinterest app has Trial access, which may not publish in production.", "Ask Pinterest to upgrade the app to Standard access.");
    FeatureRestricted = ("feature_restricted", "The Pinterest app is not allowed to use this feature.", "Check the app's access with Pinterest.");
    // Not created, and never will be with this request.
    BoardNotFound = ("board_not_found", "The board does not exist.", "Choose another board: a failed pin moves to it with POST /v1/pins/{id}/retry and the board's board_id.");
    BoardSectionNotFound = ("board_section_not_found", "The board section does not exist.", "Restore the section on Pinterest, then retry a failed pin with POST /v1/pins/{id}/retry; with a board_id, the retry moves it to another board.");
    BoardAccessDenied = ("board_access_denied", "This account may not publish to the board.", "Choose a board that the account owns or collaborates on: a failed pin moves to it with POST /v1/pins/{id}/retry and the board's board_id.");
    InvalidUrl = ("invalid_url", "Pinterest refused a URL of the pin as invalid.", "Change the pin's link_url or image_url with PATCH /v1/pins/{id}, then retry the pin with POST /v1/pins/{id}/retry.");
    InvalidRequest = ("invalid_request", "Pinterest refused the pin, or a field of it.", "Correct what the message names (a field or the image with PATCH /v1/pins/{id}, or a limit that is reached), then retry the pin with POST /v1/pins/{id}/retry.");
    ImageTooSmall = ("image_too_small", "The image is too small for Pinterest.", "Change the pin's image_url to a larger image with PATCH /v1/pins/{id}, then retry the pin with POST /v1/pins/{id}/retry.");
    ImageBroken = ("image_broken", "Pinterest could not read the image.", "Change the pin's image_url to another image file with PATCH /v1/pins/{id}, then retry the pin with POST /v1/pins/{id}/retry.");
    ImageUnreachable = ("image_unreachable", "Pinterest could not fetch the image.", "Check that image_url opens without a login, a cookie or a redirect to a page, answers within seconds, and lets Pinterest's crawler in (robots.txt, firewall, hotlink protection), or change it with PATCH /v1/pins/{id}; then retry the pin with POST /v1/pins/{id}/retry.");
    ImageFormatUnsupported = ("image_format_unsupported", "Pinterest does not support this image format.", "Change the pin's image_url to a JPEG or PNG image with PATCH /v1/pins/{id}, then retry the pin with POST /v1/pins/{id}/retry.");
    LinkBlocked = ("link_blocked", "Pinterest blocks the pin's link.", "Change the pin's link_url with PATCH /v1/pins/{id}, then retry the pin with POST /v1/pins/{id}/retry.");
    DescriptionBlocked = ("description_blocked", "Pinterest blocks the pin's description.", "Remove links from the description with PATCH /v1/pins/{id}, then retry the pin with POST /v1/pins/{id}/retry.");
    Unrecognised = ("pinterest_rejected", "Pinterest refused the pin for a reason this version does not know.", "Read Pinterest's message in the timeline (GET /v1/pins/{id}/timeline); nothing was created. Change what it names with PATCH /v1/pins/{id}, or ask Pinterest, then retry the pin with POST /v1/pins/{id}/retry.");
    // Verdicts of this system, not of Pinterest.
    AttemptsExhausted = ("attempts_exhausted", "No allowed attempt published the pin: each failed for a temporary reason, or its board showed that it had created no Pin.", "Retry the pin with POST /v1/pins/{id}/retry when Pinterest works again.");
    OutcomeAmbiguous = ("outcome_ambiguous", "Several Pins on the board could be this one.", "Compare the candidates of the timeline (GET /v1/pins/{id}/timeline) with the pin, then record with POST /v1/pins/{id}/resolve which Pin is this one, or that none is. Then the pin is published, or can be retried.");
    OutcomeUnverifiable = ("outcome_unverifiable", "The board could not be read for three days, so the Pin may or may not exist.", "Check the board on Pinterest, then record with POST /v1/pins/{id}/resolve which Pin is this one, or that none is. Then the pin is published, or can be retried.");
    ConfirmedAbsent = ("confirmed_absent", "It was confirmed that the Pin is not on Pinterest.", "Retry the pin with POST /v1/pins/{id}/retry.");
    ExpiredUnpublished = ("expired_unpublished", "The pin could not be published within 30 days.", "Read the account's health (GET /v1/pinterest/accounts), reconnect the account if that asks for it (GET /v1/pinterest/oauth/start), then send the pin again (POST /v1/pins) with another idempotency_key.");
    AccountDisconnected = ("account_disconnected", "The account is no longer connected.", "Reconnect the account (GET /v1/pinterest/oauth/start answers the page to open); held pins are then published, and failed ones can be retried with POST /v1/pins/{id}/retry.");
    DeadLettered = ("dead_lettered", "This system could not work on the pin: its queue message was delivered as often as the queue allows; no call to Pinterest is open.", "The cause is in this system, and an operator finds it in the logs under the pin's id. Once it is mended, retry the pin with POST /v1/pins/{id}/retry; an operator can retry many at once.");
    PinDeleted = ("pin_deleted", "The pin was deleted before it was published.", "Send the pin again (POST /v1/pins) with another idempotency_key.");
    ScheduleCanceled = ("schedule_canceled", "The pin's schedule was canceled before it was published.", "Create a new schedule (POST /v1/schedules) to publish it.");
    KeyTaken = ("idempotency_key_reused", "Another pin already uses the key of this schedule's pin.", "Retry the schedule with POST /v1/schedules/{id}/retry: its next pin gets another key.");
    TooLate = ("too_late", "The pin was not started before its publish_before, so it was not published.", "Retry the pin (POST /v1/pins/{id}/retry) or its schedule (POST /v1/schedules/{id}/retry) with a later publish_before, or with null.");
}

impl Failure {
    /// The stable public `error_code`.
    pub fn code(self) -> &'static str {
        self.texts().0
    }

    /// One sentence for the user.
    pub fn message(self) -> &'static str {
        self.texts().1
    }

    /// What the user can do about it.
    pub fn remedy(self) -> &'static str {
        self.texts().2
    }

    /// The message without what it says of the moment, or of the pin's call: for what is past, and for a reading of a
    /// board.
    pub fn what_happened(self) -> &'static str {
        match self {
            Self::PinterestUnreachable => "Pinterest could not be reached.",
            Self::TokenExpired => "Pinterest refused the account's access token.",
            Self::DeadLettered => {
                "This system could not work on the pin: its queue message was delivered as often as the queue allows."
            }
            other => other.message(),
        }
    }

    /// The remedy of a pin that waits: it is tried again, or fails, by itself, and can't be retried.
    pub fn remedy_of_waiting(self) -> &'static str {
        match self {
            Self::ImageUnreachable => {
                "The pin is tried again for about an hour. Check meanwhile that image_url opens without a login, a \
                 cookie or a redirect to a page, answers within seconds, and lets Pinterest's crawler in (robots.txt, \
                 firewall, hotlink protection), or change it with PATCH /v1/pins/{id}."
            }
            Self::TooLate => {
                "Nothing to do yet: the pin fails within two minutes. The failed pin, or its schedule, can be retried \
                 with a later publish_before, or with null."
            }
            other => other.remedy(),
        }
    }

    /// Whether a call may have created a Pin that no reading of the board could find or rule out: a person decides.
    pub fn is_left_to_a_person(self) -> bool {
        matches!(self, Self::OutcomeAmbiguous | Self::OutcomeUnverifiable)
    }

    /// The failure with this public code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_parse_back() {
        let codes: HashSet<&str> = Failure::ALL.iter().map(|failure| failure.code()).collect();
        assert_eq!(codes.len(), Failure::ALL.len());
        for failure in Failure::ALL {
            assert_eq!(Failure::parse(failure.code()), Some(failure));
            assert!(failure.message().ends_with('.') && failure.remedy().ends_with('.'));
            assert!(failure.what_happened().ends_with('.') && failure.remedy_of_waiting().ends_with('.'));
        }
    }

    #[test]
    fn no_pin_that_waits_is_to_be_retried_by_a_caller() {
        use crate::domain::pin::retry::{Failed, Remedy, remedy};
        use crate::domain::time::Moment;
        for failure in Failure::ALL {
            let now = Moment(1_000_000);
            let failed = Failed { failure, attempts_spent: 1, image_tries: 0, retry_after_ms: None, now, jitter: 0.5 };
            let waits = !matches!(remedy(&failed), Remedy::Fail(_)) || failure == Failure::TooLate;
            assert!(!waits || !failure.remedy_of_waiting().contains("/retry"), "{failure:?}");
        }
    }

    #[test]
    fn what_happened_says_nothing_of_the_moment_and_of_the_call() {
        for failure in Failure::ALL {
            let text = failure.what_happened();
            assert!(!text.contains(" being ") && !text.contains(';'), "{failure:?}: {text}");
        }
    }
}
