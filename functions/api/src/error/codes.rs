//! Every error of the HTTP API: status, code, message and remediation, once. The API's answers and the errors of the
//! OpenAPI document are made of these rows. A code is public API: codes are added, never renamed.
//!
//! `{name}` in a message stands for what the error fills in. Of rows with the same code and status, the document shows
//! the first.

use http::StatusCode;
use pinbridge_shared::domain::pin::failure::Failure;

/// How long a client waits when a part of the system did not answer, in seconds.
pub const RETRY_AFTER_S: u64 = 2;

#[derive(Clone, Copy, Debug)]
pub struct Code {
    status: u16,
    texts: Texts,
    /// The default of `Retry-After`; `None`: the error has no such header unless its cause says when.
    pub retry_after_s: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Texts {
    Own {
        code: &'static str,
        message: &'static str,
        remediation: &'static str,
    },
    /// Those of a pin that failed for the same reason.
    OfFailure(Failure),
}

impl Code {
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub fn code(&self) -> &'static str {
        match self.texts {
            Texts::Own { code, .. } => code,
            Texts::OfFailure(failure) => failure.code(),
        }
    }

    pub fn message(&self) -> &'static str {
        match self.texts {
            Texts::Own { message, .. } => message,
            Texts::OfFailure(failure) => failure.message(),
        }
    }

    pub fn remediation(&self) -> &'static str {
        match self.texts {
            Texts::Own { remediation, .. } => remediation,
            Texts::OfFailure(failure) => failure.remedy(),
        }
    }

    const fn retried(self, after_s: u64) -> Self {
        Self { retry_after_s: Some(after_s), ..self }
    }
}

const fn own(status: u16, code: &'static str, message: &'static str, remediation: &'static str) -> Code {
    Code { status, texts: Texts::Own { code, message, remediation }, retry_after_s: None }
}

const fn of(status: u16, failure: Failure) -> Code {
    Code { status, texts: Texts::OfFailure(failure), retry_after_s: None }
}

macro_rules! table {
    ($($name:ident = $row:expr;)*) => {
        $(pub const $name: Code = $row;)*
        pub const TABLE: &[Code] = &[$($name),*];
    };
}

const LOG_IN: &str = "Log in at POST /v1/auth/login and send the token as Authorization: Bearer.";
const NEW_KEY: &str = "Use a new key for a new pin.";
const NOTHING_LEFT: &str = "Nothing is left to do.";
const RECONNECT: &str = "Reconnect the account.";
const BEGIN_AGAIN: &str = "Begin again at GET /v1/pinterest/oauth/start.";
const SEND_AGAIN: &str = "Send the same request again.";

#[rustfmt::skip] // Code, message and remediation read as the table they are.
table! {
    // Any request.
    ROUTE_NOT_FOUND = own(404, "route_not_found",
        "There is no such route.",
        "Check the path; GET /docs lists the routes.");
    METHOD_NOT_ALLOWED = own(405, "method_not_allowed",
        "This route has no such method.",
        "Use one of the methods that the Allow header names.");
    BAD_REQUEST = own(400, "bad_request",
        "The request could not be read.",
        "Check the path and the query.");
    MALFORMED_JSON = own(400, "malformed_json",
        "The body is not valid JSON: {reason}.",
        "Send a JSON object in UTF-8.");
    BODY_UNREADABLE = own(400, "body_unreadable",
        "The body broke off.",
        SEND_AGAIN);
    PAYLOAD_TOO_LARGE = own(413, "payload_too_large",
        "The body is larger than {bytes} bytes.",
        "Send a smaller body.");
    VALIDATION_ERROR = own(422, "validation_error",
        "The request is not valid.",
        "Correct the fields named in errors.");
    NOT_SUPPORTED = own(422, "not_supported",
        "{field} is not supported in this version.",
        "Leave it out.");
    NOT_FOUND = own(404, "not_found",
        "There is no such {resource} in this workspace.",
        "Check the id and the key's workspace.");
    INTERNAL_ERROR = own(500, "internal_error",
        "The system made a mistake.",
        "Report the request id to the operator.");
    UNAVAILABLE = own(503, "unavailable",
        "A part of the system did not answer; nothing was lost.",
        "Send the same request again, with the same idempotency key.").retried(RETRY_AFTER_S);
    NOT_AVAILABLE_SELF_HOSTED = own(501, "not_available_self_hosted",
        "No mail is sent.",
        "Ask the operator.");

    // Credentials and permissions.
    MISSING_API_KEY = own(401, "missing_api_key",
        "The request carries no API key.",
        "Send your key in X-API-Key, or as a bearer token in Authorization.");
    INVALID_API_KEY = own(401, "invalid_api_key",
        "The API key is not valid.",
        "Check the key, or create a new one.");
    INVALID_SESSION = own(401, "invalid_session",
        "The session is not valid, or has expired.",
        "Log in again at POST /v1/auth/login. (An API key starts with pb_live_.)");
    INSUFFICIENT_SCOPE = own(403, "insufficient_scope",
        "This needs the scope {scope}, which the caller doesn't hold.",
        "Use a key that has the scope, or widen this one with PATCH /v1/api-keys/{id}.");
    ACCOUNT_NOT_PERMITTED = own(403, "account_not_permitted",
        "The key's allow-list leaves this Pinterest account out.",
        "Use an account of the key's allow-list, or a key that may use this one.");
    KEY_IS_LIMITED = own(403, "account_not_permitted",
        "A key with an allow-list can't manage the workspace.",
        "Use a key without an allow-list, or log in.");
    SESSION_REQUIRED = own(403, "session_required",
        "This needs a person's session: an API key can't do it.",
        LOG_IN);
    WORKSPACE_RESETTING = own(409, "workspace_resetting",
        "The workspace is being reset.",
        "Wait until the sandbox's contents are removed; then it opens again.");

    // People, keys and projects.
    INVALID_CREDENTIALS = own(401, "invalid_credentials",
        "The email address or the password is wrong.",
        "Check both. The operator can set a new password: operator set-password.");
    LOGIN_RATE_LIMITED = own(429, "rate_limited",
        "There were too many attempts to log in with this email address.",
        "Wait for retry_after_seconds, then log in with the right password.").retried(60);
    NO_WORKSPACE = own(409, "no_workspace",
        "Your organisation has no workspace any more.",
        "The operator creates one: operator create-workspace.");
    EMAIL_TAKEN = own(409, "email_taken",
        "The email address is taken.",
        "Log in, or use another address.");
    REGISTRATION_CLOSED = own(403, "registration_closed",
        "Registration is closed.",
        "Ask the operator for an account (operator create-user), or to open registration \
         (PINBRIDGE_REGISTRATION=open).");
    KEY_REVOKED = own(409, "key_revoked",
        "The key is revoked.",
        "Create a new one.");
    TOO_MANY_KEYS = own(409, "too_many_keys",
        "The workspace has as many keys as it may have.",
        "Revoke keys that nobody uses (see last_used_at).");
    SANDBOX_NOT_FOUND = own(404, "not_found",
        "The organisation has no sandbox.",
        "Create one with POST /v1/projects/sandbox.");
    WORKSPACE_DELETED = own(409, "workspace_deleted",
        "The sandbox was deleted.",
        "Ask the operator whether its removal has finished.");

    // Connections.
    TOKEN_EXPIRED = own(409, "token_expired",
        "The account's access token has expired and could not be renewed.",
        RECONNECT);
    TOKEN_REVOKED = of(409, Failure::TokenRevoked);
    ACCOUNT_DISCONNECTED = of(409, Failure::AccountDisconnected);
    SCOPE_MISSING = own(409, "scope_missing",
        "The connection lacks {scopes}.",
        "Reconnect the account and grant every scope. A scope that Pinterest doesn't ask for is added by the operator \
         (PINBRIDGE_PINTEREST_SCOPES).");
    PINTEREST_APP_MISSING = own(409, "pinterest_app_missing",
        "No Pinterest app is configured, so nobody can agree to a connection.",
        "The operator sets PINBRIDGE_PINTEREST_APP_ID and PINBRIDGE_OAUTH_REDIRECT_URL and stores the app's secret.");
    SANDBOX_ACCOUNT_LIMIT = own(403, "sandbox_account_limit",
        "A sandbox has at most {limit} simulated accounts, and all of them work.",
        "Use one of those at GET /v1/pinterest/accounts, or reset the sandbox.");
    OAUTH_STATE_INVALID = own(400, "oauth_state_invalid",
        "This connection attempt is unknown, has been used already, or is older than ten minutes.",
        BEGIN_AGAIN);
    OAUTH_DENIED = own(400, "oauth_denied",
        "Access was not granted on Pinterest; nothing was connected.",
        "Begin again and agree on Pinterest's page, if that was a mistake.");
    OAUTH_CODE_MISSING = own(400, "oauth_code_missing",
        "Pinterest sent no code.",
        BEGIN_AGAIN);
    OAUTH_CODE_REFUSED = own(400, "oauth_code_refused",
        "Pinterest refused the code; nothing was connected.",
        BEGIN_AGAIN);
    OAUTH_TOKENS_REFUSED = own(502, "oauth_code_refused",
        "Pinterest refuses the tokens that it has just issued; nothing was connected.",
        BEGIN_AGAIN);
    PINTEREST_APP_REFUSED = own(502, "pinterest_app_refused",
        "Pinterest refused this installation's app; nothing was connected.",
        "The operator checks the app's id, secret and redirect URL.");

    // Boards, and every call that goes through to Pinterest.
    BOARD_NOT_FOUND = of(404, Failure::BoardNotFound);
    BOARD_SECTION_NOT_FOUND = of(404, Failure::BoardSectionNotFound);
    BOARD_ACCESS_DENIED = own(422, "board_access_denied",
        "Pinterest doesn't let this account do that to the board.",
        "Choose a board that the account owns or collaborates on.");
    PREFLIGHT_BOARD_NOT_FOUND = own(422, "board_not_found",
        "The board does not exist, or isn't shown to this account.",
        "Choose another board.");
    PREFLIGHT_BOARD_DELETED = own(422, "board_deleted",
        "The board was deleted.",
        "Choose another board.");
    PREFLIGHT_BOARD_ACCESS_DENIED = of(422, Failure::BoardAccessDenied);
    SANDBOX_BOARD_LIMIT = own(403, "sandbox_board_limit",
        "A simulated account can have {limit} boards of its own, and has them.",
        "Delete one of them, or reset the sandbox.");
    SANDBOX_BOARD_FIXED = own(403, "sandbox_board_fixed",
        "The boards that a sandbox begins with can't be changed or deleted.",
        "Create a board, and change that.");
    PINTEREST_RATE_LIMITED = own(429, "rate_limited",
        "Pinterest asks this account to slow down.",
        "Send the same request again after retry_after_seconds.");
    ACCOUNT_PACING = own(429, "account_pacing",
        "The account makes as many writes as its pace allows; nothing was sent to Pinterest.",
        "Send the same request again after retry_after_seconds. GET /v1/rate-meter shows the account's pace.");
    DAILY_BUDGET = own(429, "daily_budget",
        "The app's requests of this UTC day are spent; nothing was sent to Pinterest.",
        "Send the same request again after retry_after_seconds. The operator sets the budget (DailyBudget).");
    PINTEREST_VALIDATION_ERROR = own(422, "validation_error",
        "Pinterest refused the request.",
        "Correct what Pinterest names and send it again.");
    TRIAL_ACCESS = of(409, Failure::TrialAccess);
    FEATURE_RESTRICTED = of(409, Failure::FeatureRestricted);
    PINTEREST_BUSY = own(503, "pinterest_busy",
        "Pinterest was changing the board at that moment.",
        SEND_AGAIN).retried(RETRY_AFTER_S);
    PINTEREST_UNREACHABLE = own(502, "pinterest_unreachable",
        "Pinterest could not be reached.",
        SEND_AGAIN).retried(RETRY_AFTER_S);
    OAUTH_PINTEREST_UNREACHABLE = own(502, "pinterest_unreachable",
        "Pinterest could not be reached; nothing was connected.",
        "Try again: begin again at GET /v1/pinterest/oauth/start.").retried(RETRY_AFTER_S);
    OUTCOME_UNKNOWN = own(502, "outcome_unknown",
        "Pinterest's answer was lost; what was asked for may or may not have happened.",
        "Read the boards before you send it again.");
    PINTEREST_REJECTED = own(502, "pinterest_rejected",
        "Pinterest refused the request for a reason this version doesn't know.",
        "Read Pinterest's message.");
    ANALYTICS_NOT_STORED = own(422, "analytics_not_stored",
        "This installation keeps no history of analytics.",
        "Ask with source=auto or live, which reach 90 days back.");

    // Pins.
    ASSETS_NOT_ENABLED = own(422, "assets_not_enabled",
        "Uploaded assets are not available in this version.",
        "Send image_url instead of asset_id.");
    IDEMPOTENCY_KEY_REUSED = own(409, "idempotency_key_reused",
        "The idempotency key already stands for pin {existing}, which has another payload.",
        NEW_KEY);
    PIN_DELETED = own(409, "pin_deleted",
        "The idempotency key stands for pin {existing}, which was deleted.",
        NEW_KEY);
    PIN_DELETED_BEFORE = own(409, "pin_deleted",
        "The pin was deleted before.",
        NOTHING_LEFT);
    DUPLICATE_CONTENT = own(409, "duplicate_content",
        "Pin {existing} of the last 24 hours has the same account, board, title, link and image.",
        "Read that pin. If a second one is what you want, send this without on_duplicate=refuse.");
    DUPLICATE_IN_CALL = own(409, "duplicate_content",
        "Another pin of this call has the same account, board, title, link and image.",
        "Leave it out. If a second one is what you want, send it without on_duplicate=refuse.");
    PIN_ALREADY_PUBLISHED = own(409, "pin_already_published",
        "The pin is published; Pinterest doesn't let us change it any more.",
        "Delete it and publish a corrected one under a new key.");
    PIN_PUBLISHING = own(409, "pin_publishing",
        "The pin is being published at this moment.",
        "Read the pin until it is published or failed, then decide again.");
    PIN_JUST_PUBLISHED = own(409, "pin_publishing",
        "The pin was published at this moment.",
        SEND_AGAIN);
    PIN_NOT_FAILED = own(409, "conflict",
        "Only a failed pin can be retried; this one is {status}.",
        "Read the pin: it is under way, or done.");
    PIN_NOT_PUBLISHED = own(409, "conflict",
        "Only a published pin has analytics; this one is {status}.",
        "Ask again when the pin is published.");
    PIN_SUPERSEDED = own(409, "pin_superseded",
        "The pin's schedule was retried with another pin.",
        "Read the schedule; if it failed again, retry it.");
    RETRY_MAY_DUPLICATE = own(409, "retry_may_duplicate",
        "A Pin of it may exist already; publishing it again could make a second one.",
        "Look at the board. If the Pin isn't there, or a second one is no harm, retry with accept_duplicate: true in \
         the body or the header X-Pinbridge-Accept-Duplicate: true.");
    EXPIRED_UNPUBLISHED = own(409, "expired_unpublished",
        "The pin is older than 30 days.",
        "Publish it again under a new key.");

    // Imports.
    IMPORT_KEY_REUSED = own(409, "idempotency_key_reused",
        "The idempotency key already stands for import {existing}, which has other rows.",
        "Use a new key for other rows.");
    IMPORT_NOT_STOPPED = own(409, "conflict",
        "Only a failed import can be resumed; this one is {status}.",
        "Read the import: it goes on by itself, or is done.");

    // Schedules.
    SCHEDULE_KEY_REUSED = own(409, "idempotency_key_reused",
        "The idempotency key already stands for schedule {existing}, whose request differs.",
        "Use a new key for a new schedule, or PATCH that one.");
    SCHEDULE_REMOVED = own(409, "schedule_removed",
        "The idempotency key stands for schedule {existing}, which was removed.",
        "Use a new key for a new schedule.");
    SCHEDULE_REMOVED_BEFORE = own(409, "schedule_removed",
        "The schedule was removed before.",
        NOTHING_LEFT);
    SCHEDULE_NOT_EDITABLE = own(409, "schedule_not_editable",
        "Only a waiting schedule can be edited; this one is {status}.",
        "Read the schedule. While its pin waits, PATCH the pin; otherwise make another schedule.");
    SCHEDULE_WRONG_STATUS = own(400, "bad_request",
        "That isn't possible for a schedule that is {status}.",
        "Read the schedule. Cancel a waiting one, retry a failed one, and delete one that is over.");
}

/// What every call that goes through to Pinterest with an account's token can fail with.
pub const PINTEREST: &[Code] = &[
    NOT_FOUND,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    SCOPE_MISSING,
    TRIAL_ACCESS,
    FEATURE_RESTRICTED,
    PINTEREST_RATE_LIMITED,
    ACCOUNT_PACING,
    DAILY_BUDGET,
    PINTEREST_VALIDATION_ERROR,
    PINTEREST_BUSY,
    PINTEREST_UNREACHABLE,
    OUTCOME_UNKNOWN,
    PINTEREST_REJECTED,
];

/// What checking an account's way to a board before its pin is accepted can fail with.
pub const PREFLIGHT: &[Code] = &[
    PREFLIGHT_BOARD_NOT_FOUND,
    PREFLIGHT_BOARD_DELETED,
    PREFLIGHT_BOARD_ACCESS_DENIED,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    SCOPE_MISSING,
];
