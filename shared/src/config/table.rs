//! Every setting, described once: the parser reads its variable and default here, and `infra/docs/settings.md` is
//! generated from it (`tests/it/pages/settings.rs`). A constant's [`meaning`](Setting::meaning) is its documentation;
//! the unit is part of the variable's name.

/// A variable that a process reads.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of the environment variable.
    pub variable: &'static str,
    /// The parameter of `template.yaml` that sets it. `None`: the stack itself decides the value.
    pub parameter: Option<&'static str>,
    /// The value of a process without the variable. `None`: there is none.
    pub default: Option<&'static str>,
    /// What a value has to be, as the error message says it.
    pub expected: &'static str,
    /// What the setting does, for the page.
    pub meaning: &'static str,
}

/// Settings that belong together on the page.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub title: &'static str,
    pub settings: &'static [Setting],
}

pub const GROUPS: [Group; 9] = [
    Group { title: "Deployment", settings: &[ENVIRONMENT, REGISTRATION, MAIL_FROM, API_URL, LOG] },
    Group {
        title: "Pinterest and tokens",
        settings: &[
            PINTEREST_URL,
            PINTEREST_APP_ID,
            OAUTH_REDIRECT_URL,
            PINTEREST_AUTHORIZE_URL,
            PINTEREST_SCOPES,
            RETURN_ORIGINS,
            SECRET_PREFIX,
            TOKEN_CUSTODY,
        ],
    },
    Group {
        title: "Time limits of publishing",
        settings: &[
            CLIENT_TIMEOUT_MS,
            COMMIT_LATENESS_MS,
            LIST_LAG_MS,
            CLOCK_SKEW_MS,
            QUIESCE_MS,
            VISIBILITY_TIMEOUT_MS,
            PUBLISHER_TIMEOUT_MS,
            MAX_RECEIVE_COUNT,
        ],
    },
    Group { title: "Pacing", settings: &[ACCOUNT_CAPACITY, ACCOUNT_RATE_PER_S, DAILY_BUDGET] },
    Group { title: "Limits of callers", settings: &[CALLER_CREDITS, SOURCE_CREDITS] },
    Group { title: "Duplicate check", settings: &[DUPLICATE_CHECK] },
    Group {
        title: "Retention",
        settings: &[RETENTION_DAYS, DISCONNECTED_DAYS, ACTIVITY_DAYS, WEBHOOK_DELIVERY_DAYS, REVOKED_KEYS_DAYS],
    },
    Group { title: "Events", settings: &[EVENT_BUS, EVENT_BUS_FORMAT, EVENT_QUEUE_URL, EVENT_FORMAT, STATE_MACHINES] },
    Group {
        title: "Table and queues",
        settings: &[
            TABLE,
            PUBLISH_QUEUE_URL,
            RECONCILIATION_QUEUE_URL,
            DEAD_LETTER_QUEUE_URL,
            REDRIVE_QUEUE_URL,
            IMPORT_QUEUE_URL,
            IMPORT_DEAD_LETTER_QUEUE_URL,
            NOTIFY_QUEUE_URL,
            NOTIFY_DEAD_LETTER_QUEUE_URL,
        ],
    },
];

const MILLISECONDS: &str = "a number of milliseconds";
const DAYS: &str = "a number of days from 1 to 3650";

pub const ENVIRONMENT: Setting = Setting {
    variable: "PINBRIDGE_ENVIRONMENT",
    parameter: Some("Environment"),
    default: Some("local"),
    expected: "a name",
    meaning: "Name of the deployment. The health routes show it, and every metric has it as a dimension.",
};

pub const REGISTRATION: Setting = Setting {
    variable: "PINBRIDGE_REGISTRATION",
    parameter: Some("Registration"),
    default: Some("closed"),
    expected: "closed, invited or open",
    meaning: "Who may register. `closed`: nobody, the operator creates workspaces and people. `invited`: whoever has an \
              invitation of `operator invite`. `open`: everyone who reaches the API, with an email address that is \
              proven by a link. A process with `open` does not start without `MailFrom`.",
};

pub const MAIL_FROM: Setting = Setting {
    variable: "PINBRIDGE_MAIL_FROM",
    parameter: Some("MailFrom"),
    default: None,
    expected: "an email address",
    meaning: "Sender of the mails that prove addresses. The address or its domain is a verified identity of Amazon SES \
              in the stack's region. Without it, no mail is sent. `cargo run` prints mails and needs no sender.",
};

pub const API_URL: Setting = Setting {
    variable: "PINBRIDGE_API_URL",
    parameter: Some("ApiUrl"),
    default: None,
    expected: "an origin without a path",
    meaning: "The API's own origin, for the links in mails. The template's default is the URL of API Gateway; a custom \
              domain needs it. `cargo run` uses its own address.",
};

pub const LOG: Setting = Setting {
    variable: "PINBRIDGE_LOG",
    parameter: Some("LogLevel"),
    default: Some("info"),
    expected: "a filter of `tracing`",
    meaning: "Log filter in the syntax of `tracing`, such as `info,pinbridge_shared=debug`. `cargo run` uses `warn` \
              unless the variable is set.",
};

pub const PINTEREST_URL: Setting = Setting {
    variable: "PINBRIDGE_PINTEREST_URL",
    parameter: Some("PinterestUrl"),
    default: Some("https://api.pinterest.com"),
    expected: "an origin without a path",
    meaning: "Origin of the Pinterest API, without `/v5`.",
};

pub const PINTEREST_APP_ID: Setting = Setting {
    variable: "PINBRIDGE_PINTEREST_APP_ID",
    parameter: Some("PinterestAppId"),
    default: None,
    expected: "the app's number",
    meaning: "The Pinterest app that accounts are connected with. Its secret is `<SecretPrefix>/pinterest-app-secret` \
              (`operator set-app-secret`). Without an app, only `operator connect` connects accounts, and tokens are \
              not refreshed.",
};

pub const OAUTH_REDIRECT_URL: Setting = Setting {
    variable: "PINBRIDGE_OAUTH_REDIRECT_URL",
    parameter: Some("OAuthRedirectUrl"),
    default: None,
    expected: "a URL",
    meaning: "The redirect URL exactly as it is registered with Pinterest. The template's default is this API's own \
              `/v1/pinterest/oauth/callback`. Required where the app is set.",
};

pub const PINTEREST_AUTHORIZE_URL: Setting = Setting {
    variable: "PINBRIDGE_PINTEREST_AUTHORIZE_URL",
    parameter: Some("PinterestAuthorizeUrl"),
    default: Some("https://www.pinterest.com/oauth/"),
    expected: "a URL",
    meaning: "Pinterest's page on which people agree to connect their account.",
};

pub const PINTEREST_SCOPES: Setting = Setting {
    variable: "PINBRIDGE_PINTEREST_SCOPES",
    parameter: Some("PinterestScopes"),
    default: Some("boards:read,boards:write,pins:read,pins:write,user_accounts:read"),
    expected: "scopes separated by commas",
    meaning: "Scopes that people are asked for, separated by commas. The default is what publishing needs. Secret \
              boards also need `boards:read_secret`, `boards:write_secret`, `pins:read_secret` and \
              `pins:write_secret`; related terms need `ads:read`. `cargo run` asks for all of them.",
};

pub const RETURN_ORIGINS: Setting = Setting {
    variable: "PINBRIDGE_RETURN_ORIGINS",
    parameter: Some("ReturnOrigins"),
    default: Some(""),
    expected: "origins separated by commas, such as https://app.example.com (http on this machine only)",
    meaning: "Origins to which `return_to` of `GET /v1/pinterest/oauth/start` may send a person's browser after the \
              connection, separated by commas: scheme, host and port, without a path or a wildcard. None: the browser \
              stays on this API's page.",
};

pub const SECRET_PREFIX: Setting = Setting {
    variable: "PINBRIDGE_SECRET_PREFIX",
    parameter: Some("SecretPrefix"),
    default: Some("pinbridge"),
    expected: "a name of Secrets Manager",
    meaning: "Secrets are named `<prefix>/<workspace>/<account>`. Two deployments in one AWS account need two \
              prefixes, or each can read the other's tokens.",
};

pub const TOKEN_CUSTODY: Setting = Setting {
    variable: "PINBRIDGE_TOKEN_CUSTODY",
    parameter: Some("TokenCustody"),
    default: Some("secrets"),
    expected: "secrets or envelope",
    meaning: "`secrets`: one secret per account. `envelope`: tokens sealed in the table under data keys that one \
              secret holds. Read `infra/runbooks/token-custody.md` for costs, and before changing it.",
};

pub const CLIENT_TIMEOUT_MS: Setting = Setting {
    variable: "PINBRIDGE_CLIENT_TIMEOUT_MS",
    parameter: Some("ClientTimeoutMs"),
    default: Some("15000"),
    expected: MILLISECONDS,
    meaning: "How long a call waits for Pinterest's answer. At least 5 s less than the publisher's timeout.",
};

pub const COMMIT_LATENESS_MS: Setting = Setting {
    variable: "PINBRIDGE_COMMIT_LATENESS_MS",
    parameter: Some("CommitLatenessMs"),
    default: Some("60000"),
    expected: MILLISECONDS,
    meaning: "How long after the client gave up Pinterest may still create the Pin. Pinterest publishes no such \
              bound: this is an assumption.",
};

pub const LIST_LAG_MS: Setting = Setting {
    variable: "PINBRIDGE_LIST_LAG_MS",
    parameter: Some("ListLagMs"),
    default: Some("20000"),
    expected: MILLISECONDS,
    meaning: "How long a created Pin may be missing from its board's list. Also an assumption.",
};

pub const CLOCK_SKEW_MS: Setting = Setting {
    variable: "PINBRIDGE_CLOCK_SKEW_MS",
    parameter: Some("ClockSkewMs"),
    default: Some("10000"),
    expected: MILLISECONDS,
    meaning: "How far the clocks of two machines may be apart.",
};

pub const QUIESCE_MS: Setting = Setting {
    variable: "PINBRIDGE_QUIESCE_MS",
    parameter: Some("QuiesceMs"),
    default: Some("120000"),
    expected: MILLISECONDS,
    meaning: "The quiesce period `Tq`: how long after an unanswered call its board is read for the Pin. At least \
              5 s + client timeout + commit lateness + list lag + 2 × clock skew.",
};

pub const VISIBILITY_TIMEOUT_MS: Setting = Setting {
    variable: "PINBRIDGE_VISIBILITY_TIMEOUT_MS",
    parameter: Some("VisibilityTimeoutSeconds"),
    default: None,
    expected: MILLISECONDS,
    meaning: "How long a received message of the publish queue stays hidden. Longer than the quiesce period, at least \
              6 × the publisher's timeout, and at most 5 minutes (or a minute more than the quiesce period). The \
              parameter is in seconds. A process without the variable does not check it.",
};

pub const MAX_RECEIVE_COUNT: Setting = Setting {
    variable: "PINBRIDGE_MAX_RECEIVE_COUNT",
    parameter: Some("MaxReceiveCount"),
    default: Some("20"),
    expected: "a number from 1 to 1000",
    meaning: "Deliveries of a message before SQS moves it to its dead-letter queue. High on purpose: a dead-letter \
              message means a bug or an outage, never a refusal by Pinterest. The timeline of its pin shows the number.",
};

pub const PUBLISHER_TIMEOUT_MS: Setting = Setting {
    variable: "PINBRIDGE_PUBLISHER_TIMEOUT_MS",
    parameter: Some("PublisherTimeoutSeconds"),
    default: Some("25000"),
    expected: MILLISECONDS,
    meaning: "How long one invocation of the publisher may take. At least the client timeout + 5 s, at most 45 s. The \
              parameter is in seconds.",
};

pub const ACCOUNT_CAPACITY: Setting = Setting {
    variable: "PINBRIDGE_ACCOUNT_CAPACITY",
    parameter: Some("AccountCapacity"),
    default: Some("25"),
    expected: "a whole number from 1",
    meaning: "Pins that an account may publish at once. Pinterest lets pass 100 writes of a user in any 60 s, refused \
              ones included: more than the default together with the default rate gets calls refused with 429 \
              (decision 0020).",
};

pub const ACCOUNT_RATE_PER_S: Setting = Setting {
    variable: "PINBRIDGE_ACCOUNT_RATE_PER_S",
    parameter: Some("AccountRatePerSecond"),
    default: Some("1"),
    expected: "a rate above 0, up to 1000",
    meaning: "Pins a second that an account may publish after its burst. The strict bound carries at most \
              (capacity − 1) / 1.5; with a capacity of 1, one per interval + 1.5 s.",
};

pub const DAILY_BUDGET: Setting = Setting {
    variable: "PINBRIDGE_DAILY_BUDGET",
    parameter: Some("DailyBudget"),
    default: Some("0"),
    expected: "trial, a number of requests up to 5000, or 0 for no budget",
    meaning: "Requests to Pinterest that publishing may make in a UTC day (creates and pages of board lists), for all \
              workspaces together. 0 turns the budget off. `trial` is what Pinterest's Trial access allows: 950 \
              requests, callers' own reads and writes among them, and at most 290 writes.",
};

pub const CALLER_CREDITS: Setting = Setting {
    variable: "PINBRIDGE_CALLER_CREDITS",
    parameter: Some("CallerCredits"),
    default: Some("30000"),
    expected: "0 or a number of credits from 200 to 10000000",
    meaning: "Credits that each API key and each person may spend in a minute, and at once after a pause. A credit is \
              one read unit of the table; a call to Pinterest costs 150. Calls beyond it are answered 429 \
              `caller_limit`. 0 turns the limit off (decision 0025).",
};

pub const SOURCE_CREDITS: Setting = Setting {
    variable: "PINBRIDGE_SOURCE_CREDITS",
    parameter: Some("SourceCredits"),
    default: Some("6000"),
    expected: "0 or a number of credits from 200 to 10000000",
    meaning: "The same for calls without valid credentials, for each network that they come from (an IPv4 address, or \
              the /64 of an IPv6 address): public routes, and invalid keys. 0 turns the limit off.",
};

pub const DUPLICATE_CHECK: Setting = Setting {
    variable: "PINBRIDGE_DUPLICATE_CHECK",
    parameter: Some("DuplicateCheck"),
    default: Some("off"),
    expected: "off, report or remove",
    meaning: "Reads the board again 24 h after a publish that took several attempts, one of them unresolved. `report` \
              names a second Pin, `remove` also deletes it. `remove` can't tell a duplicate from a Pin that a person \
              made with the same text: see `infra/docs/architecture.md`.",
};

pub const RETENTION_DAYS: Setting = Setting {
    variable: "PINBRIDGE_RETENTION_DAYS",
    parameter: Some("RetentionDays"),
    default: Some("90"),
    expected: DAYS,
    meaning: "Days that rows are kept after a pin's longest life of 30 days. Then the pin's idempotency key is free \
              again.",
};

pub const DISCONNECTED_DAYS: Setting = Setting {
    variable: "PINBRIDGE_DISCONNECTED_DAYS",
    parameter: Some("DisconnectedDays"),
    default: Some("30"),
    expected: DAYS,
    meaning: "Days after which the name of a disconnected account is deleted, unless it was connected again.",
};

pub const ACTIVITY_DAYS: Setting = Setting {
    variable: "PINBRIDGE_ACTIVITY_DAYS",
    parameter: Some("ActivityDays"),
    default: Some("30"),
    expected: DAYS,
    meaning: "Days that entries of the activity log are kept.",
};

pub const REVOKED_KEYS_DAYS: Setting = Setting {
    variable: "PINBRIDGE_REVOKED_KEYS_DAYS",
    parameter: Some("RevokedKeysDays"),
    default: Some("90"),
    expected: DAYS,
    meaning: "Days that a revoked API key stays listed.",
};

pub const WEBHOOK_DELIVERY_DAYS: Setting = Setting {
    variable: "PINBRIDGE_WEBHOOK_DELIVERY_DAYS",
    parameter: Some("WebhookDeliveryDays"),
    default: Some("30"),
    expected: DAYS,
    meaning: "Days that the deliveries of webhooks stay listed. An event that has not been delivered by then is lost.",
};

pub const EVENT_BUS: Setting = Setting {
    variable: "PINBRIDGE_EVENT_BUS",
    parameter: Some("EventBus"),
    default: Some("none"),
    expected: "none or the name of a bus",
    meaning: "The EventBridge bus that every workspace's events are put on, besides webhooks \
              (`infra/docs/webhooks.md`). The parameter is `none`, `create` for a bus of the stack's own, or the name \
              of a bus of this AWS account and region.",
};

pub const EVENT_BUS_FORMAT: Setting = Setting {
    variable: "PINBRIDGE_EVENT_BUS_FORMAT",
    parameter: Some("EventBusFormat"),
    default: Some("envelope"),
    expected: "envelope or cloudevents",
    meaning: "What the `detail` of an event on that bus is. `envelope`: the body that webhooks get. `cloudevents`: \
              CloudEvents 1.0 in JSON, with that body as its data.",
};

pub const EVENT_QUEUE_URL: Setting = Setting {
    variable: "PINBRIDGE_EVENT_QUEUE_URL",
    parameter: Some("EventQueueUrl"),
    default: None,
    expected: "the URL of a standard SQS queue",
    meaning: "A standard SQS queue of yours, in the stack's region, that every workspace's events are sent to.",
};

pub const EVENT_FORMAT: Setting = Setting {
    variable: "PINBRIDGE_EVENT_FORMAT",
    parameter: Some("EventFormat"),
    default: Some("envelope"),
    expected: "envelope or cloudevents",
    meaning: "What a message of that queue is. `envelope`: the body that webhooks get. `cloudevents`: CloudEvents 1.0 \
              in JSON, with that body as its data.",
};

pub const STATE_MACHINES: Setting = Setting {
    variable: "PINBRIDGE_STATE_MACHINES",
    parameter: Some("StateMachineArns"),
    default: None,
    expected: "ARNs separated by commas",
    meaning: "State machines of Step Functions whose tasks may wait for pins and imports with a `task_token`. The \
              notifier may end tasks of these only. None: a `task_token` is refused.",
};

pub const TABLE: Setting = resource("PINBRIDGE_TABLE", "Name of the DynamoDB table.");

pub const PUBLISH_QUEUE_URL: Setting =
    resource("PINBRIDGE_PUBLISH_QUEUE_URL", "The publish queue: one message for a pin that is to be published.");

pub const RECONCILIATION_QUEUE_URL: Setting = resource(
    "PINBRIDGE_RECONCILIATION_QUEUE_URL",
    "The reconciliation queue: boards to be read for Pins of unresolved outcome.",
);

pub const DEAD_LETTER_QUEUE_URL: Setting = resource(
    "PINBRIDGE_DEAD_LETTER_QUEUE_URL",
    "The publish queue's dead-letter queue, which the function `dead_letters` empties.",
);

pub const REDRIVE_QUEUE_URL: Setting = resource(
    "PINBRIDGE_REDRIVE_QUEUE_URL",
    "The redrive queue: dead-letter messages that wait for `operator redrive`.",
);

pub const IMPORT_QUEUE_URL: Setting =
    resource("PINBRIDGE_IMPORT_QUEUE_URL", "The import queue: one message for an import that has rows left.");

pub const IMPORT_DEAD_LETTER_QUEUE_URL: Setting =
    resource("PINBRIDGE_IMPORT_DEAD_LETTER_QUEUE_URL", "The import queue's dead-letter queue.");

pub const NOTIFY_QUEUE_URL: Setting =
    resource("PINBRIDGE_NOTIFY_QUEUE_URL", "The notify queue: events to deliver to webhooks.");

pub const NOTIFY_DEAD_LETTER_QUEUE_URL: Setting = resource(
    "PINBRIDGE_NOTIFY_DEAD_LETTER_QUEUE_URL",
    "The notify queue's dead-letter queue, which no function reads.",
);

/// A resource of the stack, which names it to the functions; `cargo run` has its own.
const fn resource(variable: &'static str, meaning: &'static str) -> Setting {
    Setting { variable, parameter: None, default: None, expected: "a name or URL", meaning }
}
