//! Every error of the HTTP API with its status, code, message and remediation. The answers and the OpenAPI document are
//! made of these rows. A code is public API: codes are added, never renamed.
//!
//! An error replaces `{name}` in its message with a value. The document shows the first row of each code and status.

use http::StatusCode;
use pinbridge_shared::domain::pin::failure::Failure;

/// How long a client waits after a failure of the infrastructure, in seconds.
pub const RETRY_AFTER_S: u64 = 2;

#[derive(Clone, Copy, Debug)]
pub struct Code {
    status: u16,
    texts: Texts,
    /// The default of `Retry-After`, in seconds. `None`: the error has the header only if its cause names a time.
    pub retry_after_s: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Texts {
    Own {
        code: &'static str,
        message: &'static str,
        remediation: &'static str,
    },
    /// The texts of a pin that fails for the same reason.
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
const NEW_KEY: &str = "Use a new idempotency key for a new pin.";
const NOTHING_LEFT: &str = "No action is needed.";
const RECONNECT: &str = "Reconnect the account.";
const CONNECT_AGAIN: &str = "Start a new connection with GET /v1/pinterest/oauth/start.";
const SEND_AGAIN: &str = "Send the same request again.";

#[rustfmt::skip] // Code, message and remediation read as the table they are.
table! {
    // Any request.
    ROUTE_NOT_FOUND = own(404, "route_not_found",
        "The API has no such path.",
        "Check the path. GET /docs lists every operation.");
    METHOD_NOT_ALLOWED = own(405, "method_not_allowed",
        "The path does not accept this method.",
        "Use a method that the Allow header names.");
    BAD_REQUEST = own(400, "bad_request",
        "The request could not be read.",
        "Check the path and the query.");
    MALFORMED_JSON = own(400, "malformed_json",
        "The request body is not valid JSON: {reason}.",
        "Send valid JSON in UTF-8.");
    MALFORMED_ITEM = own(400, "malformed_json",
        "{item}, which is not valid JSON.",
        "Correct the item. NaN, Infinity and undefined are no JSON: send null, or leave the field out.");
    UNSUPPORTED_MEDIA_TYPE = own(415, "unsupported_media_type",
        "The request body is not declared as JSON.",
        "Send the header Content-Type: application/json.");
    BODY_UNREADABLE = own(400, "body_unreadable",
        "The request body ended early.",
        SEND_AGAIN);
    PAYLOAD_TOO_LARGE = own(413, "payload_too_large",
        "The request body is larger than {bytes} bytes.",
        "Send a smaller body.");
    BODY_TOO_RICH = own(413, "payload_too_large",
        "The request body has more than {limit} values.",
        "Send fewer items, without fields that the operation does not know.");
    ITEM_TOO_LARGE = own(422, "item_too_large",
        "The item is larger than {limit}.",
        "Send only fields that the operation knows. A pin with every field at its limit is below 64 KiB.");
    VALIDATION_ERROR = own(422, "validation_error",
        "The request is not valid.",
        "Correct the fields named in errors.");
    FIELD_NOT_ACCEPTED = own(422, "validation_error",
        "The request has fields that this operation does not accept.",
        "Remove the fields named in errors.");
    NOT_SUPPORTED = own(422, "not_supported",
        "{field} is not supported in this version.",
        "Remove the field from the request.");
    NOT_FOUND = own(404, "not_found",
        "The {resource} does not exist in this workspace.",
        "Check the id, and use a key of the workspace that owns it.");
    INTERNAL_ERROR = own(500, "internal_error",
        "An internal error occurred.",
        "Send the request id to the operator.");
    UNAVAILABLE = own(503, "unavailable",
        "A service that the API depends on did not answer.",
        "Send the same request again, with the same idempotency key.").retried(RETRY_AFTER_S);
    NOT_AVAILABLE_SELF_HOSTED = own(501, "not_available_self_hosted",
        "This self-hosted system does not offer this operation.",
        "Ask the operator.");

    // Credentials and permissions.
    MISSING_API_KEY = own(401, "missing_api_key",
        "The request has no credentials.",
        "Send an API key in X-API-Key, or a key or session token as a bearer token in Authorization.");
    INVALID_API_KEY = own(401, "invalid_api_key",
        "The API key does not exist or is revoked.",
        "Check the key, or create a new one.");
    SEVERAL_CREDENTIALS = own(401, "invalid_api_key",
        "The header X-API-Key or Authorization has more than one credential.",
        "Send one API key or one session token, once.");
    INVALID_SESSION = own(401, "invalid_session",
        "The session is not valid or has expired.",
        "Log in again at POST /v1/auth/login. (An API key starts with pb_live_ or pb_test_.)");
    INSUFFICIENT_SCOPE = own(403, "insufficient_scope",
        "The operation needs the scope {scope}. The caller does not have it.",
        "Use a key with the scope, or add the scope to this key with PATCH /v1/api-keys/{id}.");
    ACCOUNT_NOT_PERMITTED = own(403, "account_not_permitted",
        "The allow-list of the API key does not contain this Pinterest account.",
        "Use an account on the allow-list, or another key.");
    KEY_IS_LIMITED = own(403, "account_not_permitted",
        "An API key with an allow-list can't do this.",
        "Use a key without an allow-list, or log in.");
    SESSION_REQUIRED = own(403, "session_required",
        "The operation needs the session of a person. An API key can't call it.",
        LOG_IN);
    EMAIL_NOT_VERIFIED = own(403, "email_not_verified",
        "The email address of this person is not verified.",
        "Open the link in the mail to that address, or ask for another mail with POST /v1/auth/email/verify/request.");
    WORKSPACE_RESETTING = own(409, "workspace_resetting",
        "The workspace is being reset.",
        "Send the request again when the content of the sandbox is removed.");

    CALLER_LIMIT = own(429, "caller_limit",
        "The caller has spent its credits of this minute.",
        "Send the same request again after retry_after_seconds. Poll less often, read longer pages, and keep board \
         lists. The operator sets the limit (CallerCredits, SourceCredits).").retried(1);

    // People, keys and projects.
    INVALID_CREDENTIALS = own(401, "invalid_credentials",
        "The email address or the password is wrong.",
        "Check both. The operator can set a new password with operator set-password.");
    LOGIN_RATE_LIMITED = own(429, "rate_limited",
        "Too many attempts to log in failed.",
        "Wait for retry_after_seconds, then log in with the correct password. The operator can lift the limit with \
         operator unlock-login.").retried(60);
    NO_WORKSPACE = own(409, "no_workspace",
        "The organisation has no workspace.",
        "Ask the operator to create one with operator create-workspace.");
    EMAIL_TAKEN = own(409, "email_taken",
        "Another person has this email address.",
        "Log in with it, or use another address.");
    REGISTRATION_CLOSED = own(403, "registration_closed",
        "Registration is closed.",
        "Ask the operator to create an account (operator create-user) or to open registration \
         (PINBRIDGE_REGISTRATION=open).");
    INVITATION_INVALID = own(403, "invitation_invalid",
        "There is no open invitation with this invite_token for this email address.",
        "Check both. An invitation is for one address and one registration, and expires after a week. Ask the operator \
         for a new one (operator invite).");
    VERIFICATION_INVALID = own(400, "verification_invalid",
        "The verification link is unknown, was used or replaced, or has expired.",
        "With the session of your registration, ask for another mail with POST /v1/auth/email/verify/request. Only the \
         newest mail's link works. Open it only if that mail names your registration.");
    VERIFICATION_RATE_LIMITED = own(429, "rate_limited",
        "The email address had too many mails.",
        "Wait for retry_after_seconds, then send the same request again.").retried(60);
    KEY_REVOKED = own(409, "key_revoked",
        "The API key is revoked.",
        "Create a new key.");
    TOO_MANY_KEYS = own(409, "too_many_keys",
        "The workspace has the maximum number of API keys.",
        "Revoke unused keys. last_used_at shows when a key was last used.");
    TOO_MANY_WEBHOOKS = own(409, "too_many_webhooks",
        "The workspace has the maximum of {limit} webhooks.",
        "Change one of them, or delete one that is not used any more.");
    WEBHOOK_DISABLED = own(409, "webhook_disabled",
        "The webhook is disabled.",
        "Enable it with PATCH /v1/webhooks/{id} and is_enabled: true, then send the same request again.");
    EVENT_GONE = own(409, "event_gone",
        "The event was delivered, and can't be sent again: its pin, or its entry in the pin's history, is gone.",
        "Read the delivery: it says when your endpoint took the event.");
    REPLAY_RUNNING = own(409, "replay_running",
        "Another replay of the webhook runs.",
        "Wait until it is done, or stop it with POST /v1/webhooks/{id}/replays/{replay_id}/stop.");
    SANDBOX_NOT_FOUND = own(404, "not_found",
        "The organisation has no sandbox.",
        "Create one with POST /v1/projects/sandbox.");
    WORKSPACE_DELETED = own(409, "workspace_deleted",
        "The sandbox was deleted.",
        "Ask the operator whether the removal is complete.");

    // Connections.
    TOKEN_EXPIRED = own(409, "token_expired",
        "The account's access token has expired and could not be renewed.",
        RECONNECT);
    TOKEN_REVOKED = of(409, Failure::TokenRevoked);
    ACCOUNT_DISCONNECTED = of(409, Failure::AccountDisconnected);
    SCOPE_MISSING = own(409, "scope_missing",
        "The connection lacks {scopes}.",
        "Reconnect the account and grant every scope. If Pinterest does not offer the scope, ask the operator to add \
         it to PINBRIDGE_PINTEREST_SCOPES.");
    PINTEREST_APP_MISSING = own(409, "pinterest_app_missing",
        "No Pinterest app is configured.",
        "Ask the operator to set PINBRIDGE_PINTEREST_APP_ID and PINBRIDGE_OAUTH_REDIRECT_URL, and to store the app's \
         secret.");
    SANDBOX_ACCOUNT_LIMIT = own(403, "sandbox_account_limit",
        "The sandbox has the maximum of {limit} simulated accounts, and all of them are connected.",
        "Use an account of GET /v1/pinterest/accounts, or reset the sandbox.");
    RETURN_TO_NOT_ALLOWED = own(422, "return_to_not_allowed",
        "return_to may not lead to {origin}.",
        "Use an address of an origin that the operator has allowed, or ask the operator to add this one to \
         PINBRIDGE_RETURN_ORIGINS.");
    OAUTH_STATE_INVALID = own(400, "oauth_state_invalid",
        "The state of this connection is unknown, was used before, or is older than ten minutes.",
        CONNECT_AGAIN);
    OAUTH_DENIED = own(400, "oauth_denied",
        "Access was not granted. No account was connected.",
        "To connect the account, start a new connection, and grant access on Pinterest's page and ours.");
    OAUTH_CODE_MISSING = own(400, "oauth_code_missing",
        "Pinterest sent no authorization code. No account was connected.",
        CONNECT_AGAIN);
    OAUTH_CODE_REFUSED = own(400, "oauth_code_refused",
        "Pinterest refused the authorization code. No account was connected.",
        CONNECT_AGAIN);
    OAUTH_TOKENS_REFUSED = own(502, "oauth_code_refused",
        "Pinterest refused the tokens that it had just issued. No account was connected.",
        CONNECT_AGAIN);
    PINTEREST_APP_REFUSED = own(502, "pinterest_app_refused",
        "Pinterest refused the app of this installation. No account was connected.",
        "Ask the operator to check the app's id, secret and redirect URL.");

    // Boards, and every call that goes through to Pinterest.
    BOARD_NOT_FOUND = of(404, Failure::BoardNotFound);
    BOARD_SECTION_NOT_FOUND = of(404, Failure::BoardSectionNotFound);
    BOARD_ACCESS_DENIED = own(422, "board_access_denied",
        "Pinterest does not allow this account to access or change the board.",
        "Choose a board that the account owns or collaborates on.");
    PREFLIGHT_BOARD_NOT_FOUND = own(422, "board_not_found",
        "The board does not exist, or the account can't see it.",
        "Choose another board.");
    BOARD_AMBIGUOUS = own(422, "board_ambiguous",
        "Several boards of the account have this name.",
        "Send the id of the board that you mean. error.boards has the ids.");
    PREFLIGHT_BOARD_DELETED = own(422, "board_deleted",
        "The board was deleted.",
        "Choose another board.");
    PREFLIGHT_BOARD_ACCESS_DENIED = of(422, Failure::BoardAccessDenied);
    SANDBOX_BOARD_LIMIT = own(403, "sandbox_board_limit",
        "The simulated account has the maximum of {limit} created boards.",
        "Delete one of them, or reset the sandbox.");
    SANDBOX_BOARD_FIXED = own(403, "sandbox_board_fixed",
        "The predefined boards of a sandbox can't be changed or deleted.",
        "Create a board, and change or delete that one.");
    PINTEREST_RATE_LIMITED = own(429, "rate_limited",
        "Pinterest limits the rate of this account's requests.",
        "Send the same request again after retry_after_seconds.");
    ACCOUNT_PACING = own(429, "account_pacing",
        "The account makes as many writes as its pace allows; nothing was sent to Pinterest.",
        "Send the same request again after retry_after_seconds. GET /v1/rate-meter shows the account's pace.");
    DAILY_BUDGET = own(429, "daily_budget",
        "The app's requests of this UTC day are spent; nothing was sent to Pinterest.",
        "Send the same request again after retry_after_seconds. The operator sets the budget (DailyBudget).");
    PINTEREST_VALIDATION_ERROR = own(422, "validation_error",
        "Pinterest refused the request.",
        "Correct the request as Pinterest's message says, then send it again.");
    TRIAL_ACCESS = of(409, Failure::TrialAccess);
    FEATURE_RESTRICTED = of(409, Failure::FeatureRestricted);
    PINTEREST_BUSY = own(503, "pinterest_busy",
        "Pinterest was changing the board.",
        SEND_AGAIN).retried(RETRY_AFTER_S);
    PINTEREST_UNREACHABLE = own(502, "pinterest_unreachable",
        "Pinterest could not be reached.",
        SEND_AGAIN).retried(RETRY_AFTER_S);
    OAUTH_PINTEREST_UNREACHABLE = own(502, "pinterest_unreachable",
        "Pinterest could not be reached. No account was connected.",
        CONNECT_AGAIN).retried(RETRY_AFTER_S);
    OUTCOME_UNKNOWN = own(502, "outcome_unknown",
        "No answer came from Pinterest, or its answer left open whether the change took effect.",
        "Read the resource from Pinterest before you send the request again.");
    PINTEREST_REJECTED = own(502, "pinterest_rejected",
        "Pinterest refused the request for an unknown reason.",
        "Read Pinterest's message. If it does not help, send the request id to the operator.");
    // Reports.
    INVALID_DATE_RANGE = own(422, "invalid_date_range",
        "The range of the report is not valid.",
        "Correct start and end: the start comes first, and the range is within the limits of the report.");
    INVALID_TIMEZONE = own(422, "invalid_timezone",
        "The time zone is unknown.",
        "Use an IANA name, such as Europe/Paris.");
    ANALYTICS_NOT_STORED = own(422, "analytics_not_stored",
        "This installation does not store analytics.",
        "Use source=auto or source=live. Both reach 90 days back.");

    // Pins.
    ASSETS_NOT_ENABLED = own(422, "assets_not_enabled",
        "Uploaded assets are not available in this version.",
        "Send image_url instead of asset_id, and cover_image_url instead of cover_image_asset_id.");
    VIDEO_NOT_ENABLED = own(422, "assets_not_enabled",
        "Video pins are not available in this version.",
        "Send an image in image_url, and remove video_url and media_type.");
    IDEMPOTENCY_KEY_REUSED = own(409, "idempotency_key_reused",
        "The idempotency key belongs to {existing}, which has other content.",
        NEW_KEY);
    PIN_DELETED = own(409, "pin_deleted",
        "The idempotency key belongs to {existing}, which was deleted.",
        NEW_KEY);
    PIN_GONE = own(404, "pin_deleted",
        "The pin was deleted.",
        "Use another pin. error.deleted_pin has the outcome of this one.");
    PIN_DELETED_BEFORE = own(409, "pin_deleted",
        "The pin is already deleted.",
        NOTHING_LEFT);
    DUPLICATE_CONTENT = own(409, "duplicate_content",
        "Pin {existing} of the last 24 hours has the same account, board, title, link and image.",
        "Read that pin. To publish a second one, send the request without on_duplicate=refuse.");
    DUPLICATE_IN_CALL = own(409, "duplicate_content",
        "Another pin of this request has the same account, board, title, link and image.",
        "Remove one of the pins. To publish both, send the request without on_duplicate=refuse.");
    PIN_ALREADY_PUBLISHED = own(409, "pin_already_published",
        "The pin is published and can't be changed.",
        "Delete the pin and create a corrected one with a new idempotency key.");
    PIN_PUBLISHING = own(409, "pin_publishing",
        "The pin is being published.",
        "Read the pin until its status is published or failed, then send the request again.");
    PIN_JUST_PUBLISHED = own(409, "pin_publishing",
        "The pin was published while the request was handled.",
        SEND_AGAIN);
    PIN_NOT_FAILED = own(409, "conflict",
        "Only a failed pin can be retried. The status of this pin is {status}.",
        "Read the pin. It is published, or will be without a retry.");
    PIN_NOT_PUBLISHED = own(409, "pin_not_published",
        "Only a published pin has analytics. The status of this pin is {status}.",
        "Send the request again when the pin is published.");
    PIN_SUPERSEDED = own(409, "pin_superseded",
        "The pin's schedule was retried with another pin.",
        "Read the schedule, and change or retry the pin that its pin_id names.");
    RETRY_MAY_DUPLICATE = own(409, "retry_may_duplicate",
        "The Pin may exist on Pinterest already. A retry could create a second Pin.",
        "Look at the board, and record what you find with POST /v1/pins/{id}/resolve. If a second Pin is acceptable, \
         retry with accept_duplicate: true in the body or the header X-Pinbridge-Accept-Duplicate: true.");
    OUTCOME_NOT_OPEN = own(409, "outcome_not_open",
        "Only a pin that failed with an unknown outcome needs a decision. The status of this pin is {status}.",
        "Read the pin. Its outcome is known, or the system finds it out.");
    EDITED_SINCE_ATTEMPT = own(409, "edited_since_attempt",
        "The pin was edited after its last attempt, so no Pin of that attempt has the pin's content.",
        "If its Pin is on the board, delete that on Pinterest, or keep it and delete this pin. If there is none, \
         record none: true, then retry the pin to publish what it says now.");
    PINTEREST_PIN_TAKEN = own(409, "pinterest_pin_taken",
        "The Pin on Pinterest belongs to pin {existing}.",
        "Read that pin. Decide on another Pin, or on none.");
    PINTEREST_PIN_NOT_FOUND = own(422, "pinterest_pin_not_found",
        "The Pin is not among the newest Pins of the pin's board.",
        "Check the id, and that the Pin is still on the board of the pin.");
    PINTEREST_PIN_TOO_OLD = own(422, "pinterest_pin_too_old",
        "The Pin was created before the pin was first sent as it is now, so it is not the pin's.",
        "Decide on another Pin, or on none.");
    PINTEREST_PIN_DIFFERS = own(422, "pinterest_pin_differs",
        "The Pin shows another title or link than the pin, so it is not the pin's.",
        "Compare the Pin with the pin. Decide on another Pin, or on none.");
    TOO_MANY_UNDECIDED_PINS = own(409, "too_many_undecided_pins",
        "{pins} other pins of the same content could take the Pin, too many to decide about one of them.",
        "Retry or delete those that need no Pin, then send the request again.");
    TOO_LATE = own(409, "too_late",
        "The publish_before of the pin has passed.",
        "Send the retry with a later publish_before, or with null to publish it at any time.");
    SCHEDULE_TOO_LATE = own(409, "too_late",
        "The publish_before of the schedule has passed.",
        "Send the retry with a later publish_before, or with null to publish it at any time.");
    EXPIRED_UNPUBLISHED = own(409, "expired_unpublished",
        "The pin is older than 30 days.",
        "Create the pin again with a new idempotency key.");

    // Imports.
    IMPORT_KEY_REUSED = own(409, "idempotency_key_reused",
        "The idempotency key belongs to {existing}, which has other rows.",
        "Use a new idempotency key for other rows.");
    IMPORT_NOT_STOPPED = own(409, "conflict",
        "Only a failed import can be resumed. The status of this import is {status}.",
        "Read the import. It is completed, or continues without a resume.");

    // Schedules.
    SCHEDULE_KEY_REUSED = own(409, "idempotency_key_reused",
        "The idempotency key belongs to {existing}, which has other content.",
        "Use a new idempotency key for a new schedule, or edit that schedule with PATCH /v1/schedules/{id}.");
    SCHEDULE_REMOVED = own(409, "schedule_removed",
        "The idempotency key belongs to {existing}, which was deleted.",
        "Use a new idempotency key for a new schedule.");
    SCHEDULE_REMOVED_BEFORE = own(409, "schedule_removed",
        "The schedule is already deleted.",
        NOTHING_LEFT);
    SCHEDULE_NOT_EDITABLE = own(409, "schedule_not_editable",
        "Only a schedule whose pin has not begun can be edited. The status of this one is {status}.",
        "Read the schedule. If its pin waits for another attempt, edit the pin with PATCH /v1/pins/{id}. Otherwise \
         create a new schedule.");
    SCHEDULE_TIME_SETTLED = own(409, "schedule_not_editable",
        "run_at and priority can't be changed any more: the pin was handed over, three minutes before run_at.",
        "Change only the content, or cancel the schedule and create a new one.");
    SCHEDULE_WRONG_STATUS = own(400, "bad_request",
        "The operation is not possible while the status of the schedule is {status}.",
        "Read the schedule. A schedule whose pin has not started can be canceled, a failed one retried, and one that \
         is done, failed or canceled deleted.");
}

/// The errors of every operation that calls Pinterest with the token of an account.
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

/// The errors of the check of a board before a pin is accepted for it.
pub const PREFLIGHT: &[Code] = &[
    PREFLIGHT_BOARD_NOT_FOUND,
    PREFLIGHT_BOARD_DELETED,
    PREFLIGHT_BOARD_ACCESS_DENIED,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    SCOPE_MISSING,
];

/// The errors of finding the board of a pin.
pub const RESOLVING: &[Code] = &[
    PREFLIGHT_BOARD_NOT_FOUND,
    PREFLIGHT_BOARD_DELETED,
    PREFLIGHT_BOARD_ACCESS_DENIED,
    BOARD_AMBIGUOUS,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    SCOPE_MISSING,
    PINTEREST_RATE_LIMITED,
    PINTEREST_UNREACHABLE,
];
