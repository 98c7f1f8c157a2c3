//! What the local stack repeats of template.yaml by hand is the same there.

use pinbridge_local::{resources, runner};
use pinbridge_shared::adapters::dynamodb::keys::{self, LISTING_SHARDS};
use pinbridge_shared::config::{
    Environment, PICKED_UP_WITHIN_MS, PUBLISHER_TIMEOUT_MS, QUEUE_FUNCTION_TIMEOUT_MAX_MS, Settings,
    VISIBILITY_PER_TIMEOUT,
};
use pinbridge_shared::domain::ids::{AccountId, AccountKey, EndpointId, PinId, PinKey, WorkspaceId};
use pinbridge_shared::domain::recovery::MARKER_SHARDS;
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use uuid::Uuid;

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The `Default` of a parameter.
fn default_of(parameter: &str) -> &'static str {
    let (_, rest) = TEMPLATE.split_once(&format!("\n  {parameter}:\n")).expect(parameter);
    let (_, rest) = rest.split_once("Default: ").expect("a default");
    rest.lines().next().expect("a value").trim().trim_matches('"')
}

/// A resource, up to the next one.
fn resource(name: &str) -> &'static str {
    let (_, rest) = TEMPLATE.split_once(&format!("\n  {name}:\n")).expect(name);
    let next = rest.find("\n\n").unwrap_or(rest.len());
    &rest[..next]
}

#[test]
fn the_local_table_and_queues_are_the_templates() {
    let table = resource("Table");
    for (index, partition, sort) in resources::INDEXES {
        let (_, index) = table.split_once(&format!("IndexName: {index}")).expect(index);
        let keys =
            [format!("AttributeName: {partition}, KeyType: HASH"), format!("AttributeName: {sort}, KeyType: RANGE")];
        assert!(keys.iter().all(|key| index.contains(key)), "{keys:?}");
    }
    assert_eq!(table.matches("IndexName:").count(), resources::INDEXES.len());
    assert_eq!(table.matches("ProjectionType: KEYS_ONLY").count(), resources::INDEXES.len());
    assert!(table.contains(&format!("AttributeName: {}, Enabled: true", resources::TTL_ATTRIBUTE)));
    assert_eq!(default_of("VisibilityTimeoutSeconds"), resources::VISIBILITY_TIMEOUT_S.to_string());
    assert_eq!(default_of("MaxReceiveCount"), resources::MAX_RECEIVE_COUNT.to_string());
    let hidden = [
        ("ReconciliationQueue", resources::RECONCILIATION_VISIBILITY_S),
        ("PublishDeadLetters", resources::DEAD_LETTERS_VISIBILITY_S),
        ("ReconciliationDeadLetters", resources::UNREAD_VISIBILITY_S),
        ("ImportQueue", resources::IMPORT_VISIBILITY_S),
        ("ImportDeadLetters", resources::DEAD_LETTERS_VISIBILITY_S),
        ("NotifyQueue", resources::NOTIFY_VISIBILITY_S),
        ("NotifyDeadLetters", resources::UNREAD_VISIBILITY_S),
        ("RedriveQueue", resources::UNREAD_VISIBILITY_S),
    ];
    for (queue, seconds) in hidden {
        assert!(resource(queue).contains(&format!("VisibilityTimeout: {seconds}")), "{queue}");
    }
    for (queue, _) in hidden.iter().chain([&("PublishQueue", 0)]) {
        assert!(resource(queue).contains(&format!("MessageRetentionPeriod: {}", resources::RETENTION_S)), "{queue}");
    }
    for (queue, dead_letters) in [
        ("PublishQueue", "PublishDeadLetters"),
        ("ReconciliationQueue", "ReconciliationDeadLetters"),
        ("ImportQueue", "ImportDeadLetters"),
        ("NotifyQueue", "NotifyDeadLetters"),
    ] {
        assert!(resource(queue).contains(&format!("deadLetterTargetArn: !GetAtt {dead_letters}.Arn")), "{queue}");
        assert!(resource(queue).contains("maxReceiveCount: !Ref MaxReceiveCount"), "{queue}");
    }
}

/// The number after `name: ` in a resource's text; of a parameter, its default.
fn seconds(resource: &'static str, name: &str) -> i64 {
    let (_, rest) = resource.split_once(&format!("\n      {name}: ")).expect(name);
    let text = rest.split_whitespace().next().expect("a value");
    let text = if text == "!Ref" { default_of(rest.split_whitespace().nth(1).expect("a parameter")) } else { text };
    text.parse().expect("seconds")
}

#[test]
fn every_queue_hides_messages_for_six_timeouts_of_its_function_and_for_five_minutes_at_most() {
    let mut queues = 0;
    for mapping in TEMPLATE.split("\n\n").filter(|part| part.contains("Type: AWS::Lambda::EventSourceMapping")) {
        let named = |name: &str| {
            let (_, rest) = mapping.split_once(&format!("{name}: !GetAtt ")).expect(name);
            rest.split_once(".Arn").expect("an ARN").0
        };
        let timeout_s = seconds(resource(named("FunctionName")), "Timeout");
        let hidden_s = seconds(resource(named("EventSourceArn")), "VisibilityTimeout");
        assert_eq!(hidden_s, VISIBILITY_PER_TIMEOUT * timeout_s, "{}", named("EventSourceArn"));
        assert!(hidden_s * 1_000 <= PICKED_UP_WITHIN_MS, "{}", named("EventSourceArn"));
        assert!(timeout_s * 1_000 <= QUEUE_FUNCTION_TIMEOUT_MAX_MS, "{}", named("FunctionName"));
        queues += 1;
    }
    assert_eq!(queues, 6);
    let (_, timeout) = TEMPLATE.split_once("\n  PublisherTimeoutSeconds:\n").expect("a parameter");
    let (_, most) = timeout.split_once("MaxValue: ").expect("a limit");
    let most: i64 = most.lines().next().expect("a value").parse().expect("seconds");
    assert_eq!(most * 1_000, QUEUE_FUNCTION_TIMEOUT_MAX_MS);
}

#[test]
fn the_local_runner_polls_as_the_mapping_does() {
    for (mapping, queue) in [
        ("PublishEvents", "PublishQueue"),
        ("ReconciliationEvents", "ReconciliationQueue"),
        ("DeadLettersEvents", "PublishDeadLetters"),
        ("ImportEvents", "ImportQueue"),
        ("ImportDeadLettersEvents", "ImportDeadLetters"),
        ("NotifyEvents", "NotifyQueue"),
    ] {
        assert!(resource(mapping).contains(&format!("EventSourceArn: !GetAtt {queue}.Arn")), "{mapping}");
        assert!(resource(mapping).contains(&format!("BatchSize: {}", runner::BATCH_SIZE)), "{mapping}");
        assert!(resource(mapping).contains("FunctionResponseTypes: [ReportBatchItemFailures]"), "{mapping}");
    }
    let concurrency = |mapping, count| resource(mapping).contains(&format!("MaximumConcurrency: {count} }}"));
    assert!(concurrency("ReconciliationEvents", runner::RECONCILERS));
    assert!(concurrency("DeadLettersEvents", runner::DEAD_LETTER_WORKERS));
    assert!(concurrency("ImportDeadLettersEvents", runner::DEAD_LETTER_WORKERS));
    assert!(concurrency("ImportEvents", runner::IMPORTERS));
    assert!(concurrency("NotifyEvents", runner::NOTIFIERS));
    assert_eq!(default_of("MaximumConcurrency"), runner::MAXIMUM_CONCURRENCY.to_string());
    assert_eq!(default_of("PublisherTimeoutSeconds"), runner::PUBLISHER_TIMEOUT.as_secs().to_string());
    assert_eq!(i128::from(PUBLISHER_TIMEOUT_MS), i128::try_from(runner::PUBLISHER_TIMEOUT.as_millis()).expect("fits"));
    let timeouts = [
        ("DispatcherFunction", runner::DISPATCHER_TIMEOUT),
        ("ReconcilerFunction", runner::RECONCILER_TIMEOUT),
        ("DeadLettersFunction", runner::DEAD_LETTERS_TIMEOUT),
        ("RefresherFunction", runner::REFRESHER_TIMEOUT),
        ("ImporterFunction", runner::IMPORTER_TIMEOUT),
        ("NotifierFunction", runner::NOTIFIER_TIMEOUT),
    ];
    let minutes = runner::REFRESHER_EVERY.as_secs() / 60;
    assert!(resource("EveryFiveMinutes").contains(&format!("rate({minutes} minutes)")));
    for (function, timeout) in timeouts {
        assert!(resource(function).contains(&format!("Timeout: {}", timeout.as_secs())), "{function}");
    }
}

#[test]
fn the_templates_parameters_are_the_codes_defaults() {
    let read = |name: &str| {
        let parameter = match name {
            "PINBRIDGE_CLIENT_TIMEOUT_MS" => "ClientTimeoutMs",
            "PINBRIDGE_COMMIT_LATENESS_MS" => "CommitLatenessMs",
            "PINBRIDGE_LIST_LAG_MS" => "ListLagMs",
            "PINBRIDGE_CLOCK_SKEW_MS" => "ClockSkewMs",
            "PINBRIDGE_QUIESCE_MS" => "QuiesceMs",
            "PINBRIDGE_ACCOUNT_CAPACITY" => "AccountCapacity",
            "PINBRIDGE_ACCOUNT_RATE_PER_S" => "AccountRatePerSecond",
            "PINBRIDGE_DAILY_BUDGET" => "DailyBudget",
            "PINBRIDGE_DUPLICATE_CHECK" => "DuplicateCheck",
            "PINBRIDGE_REGISTRATION" => "Registration",
            "PINBRIDGE_RETURN_ORIGINS" => "ReturnOrigins",
            "PINBRIDGE_RETENTION_DAYS" => "RetentionDays",
            "PINBRIDGE_DISCONNECTED_DAYS" => "DisconnectedDays",
            "PINBRIDGE_ACTIVITY_DAYS" => "ActivityDays",
            "PINBRIDGE_WEBHOOK_DELIVERY_DAYS" => "WebhookDeliveryDays",
            "PINBRIDGE_REVOKED_KEYS_DAYS" => "RevokedKeysDays",
            _ => return None,
        };
        Some(default_of(parameter).to_owned())
    };
    assert_eq!(Environment(&read).settings().expect("valid"), Settings::default());
}

/// A statement of a role's policy.
struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
}

/// The statements of a role, read from the template. `${SecretPrefix}` is `pinbridge`.
fn statements(role: &str) -> Vec<Statement> {
    let parts = resource(role).split("- Sid: ").skip(1);
    parts
        .map(|part| {
            let (_, rest) = part.split_once("Action:").expect("actions");
            let (actions, resources) = rest.split_once("Resource:").expect("resources");
            let words = |text: &str| -> Vec<String> {
                let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default());
                let words = lines.flat_map(|line| line.split([' ', '[', ']', ',', '"']));
                words.filter(|word| word.contains(':')).map(str::to_owned).collect()
            };
            let resources = words(resources).into_iter().filter_map(|resource| {
                let (_, name) = resource.split_once(":secret:")?;
                Some(name.replace("${SecretPrefix}", "pinbridge"))
            });
            Statement { actions: words(actions), resources: resources.collect() }
        })
        .collect()
}

/// IAM's wildcards: `*` is any characters, slashes too; `?` is one character.
fn matches(pattern: &str, text: &str) -> bool {
    fits(pattern.as_bytes(), text.as_bytes())
}

fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), of_text) => fits(rest, text) || of_text.is_some_and(|(_, more)| fits(pattern, more)),
        (Some((b'?', rest)), Some((_, more))) => fits(rest, more),
        (Some((one, rest)), Some((byte, more))) => one == byte && fits(rest, more),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn may(role: &[Statement], action: &str, secret: &str) -> bool {
    let action = format!("secretsmanager:{action}");
    let is_of = |pattern: &String| matches(pattern, secret);
    role.iter()
        .any(|one| one.actions.iter().any(|pattern| matches(pattern, &action)) && one.resources.iter().any(is_of))
}

const SECRETS: [(&str, &str); 9] = [
    ("tokens", "pinbridge/8f14e45f/00000000"),
    ("app secret", "pinbridge/pinterest-app-secret"),
    ("session key", "pinbridge/session-key"),
    ("pacing key", "pinbridge/pacing-key"),
    ("receipt key", "pinbridge/receipt-key"),
    ("data keys", "pinbridge/data-keys"),
    ("hook keys", "pinbridge/hook-keys"),
    ("one with a longer name", "pinbridge/pacing-key-of-others"),
    ("another's", "other/secret"),
];
/// Secrets Manager appends a hyphen and six characters to a secret's name. A call that names a secret which isn't there
/// is authorized for the bare name: a role without it is told that it may not, instead of that there is none, and the
/// secret is never made.
const SUFFIXES: [&str; 2] = ["-AbCdEf", ""];

static ACTIONS: [&str; 9] = [
    "GetSecretValue",
    "PutSecretValue",
    "UpdateSecretVersionStage",
    "CreateSecret",
    "TagResource",
    "RestoreSecret",
    "DeleteSecret",
    "ListSecrets",
    "UpdateSecret",
];

/// What a role needs, and no more: who takes over a function must not replace the app's secret or a key of the stack.
#[test]
fn each_role_reaches_the_secrets_that_it_needs_and_no_other() {
    const READ: &[&str] = &["GetSecretValue"];
    const MAKE: &[&str] = &["GetSecretValue", "CreateSecret"];
    const REFRESH: &[&str] = &["GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"];
    type Grants<'a> = &'a [(&'a str, &'a [&'a str])];
    let worker: Grants<'_> = &[("tokens", REFRESH), ("app secret", READ), ("data keys", READ)];
    let roles: [(&str, Grants<'_>); 8] = [
        (
            "ApiRole",
            &[
                ("tokens", &ACTIONS[..7]),
                ("app secret", READ),
                ("session key", MAKE),
                ("pacing key", MAKE),
                ("receipt key", MAKE),
                ("data keys", MAKE),
                ("hook keys", MAKE),
            ],
        ),
        ("PublisherRole", worker),
        ("ReconcilerRole", worker),
        ("ImporterRole", worker),
        (
            "RefresherRole",
            &[
                ("tokens", &["GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "DeleteSecret"]),
                ("app secret", READ),
                ("data keys", READ),
                ("pacing key", MAKE),
            ],
        ),
        ("NotifierRole", &[("hook keys", READ)]),
        ("DispatcherRole", &[]),
        ("DeadLettersRole", &[]),
    ];
    for (role, granted) in roles {
        let statements = statements(role);
        assert!(statements.len() > 2, "{role} was not read");
        for (name, secret) in SECRETS {
            let wanted = granted.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, actions)| actions);
            for (action, suffix) in ACTIONS.into_iter().flat_map(|action| SUFFIXES.map(|suffix| (action, suffix))) {
                let is_allowed = may(&statements, action, &format!("{secret}{suffix}"));
                assert_eq!(is_allowed, wanted.contains(&action), "{role}: {action} of the {name}, {suffix:?}");
            }
        }
    }
}

/// The partitions that a statement of a role is limited to, as patterns of IAM.
fn partitions(role: &str, sid: &str) -> Vec<String> {
    let statement = resource(role).split("- Sid: ").find(|part| part.starts_with(sid)).expect(sid);
    let (_, keys) = statement.split_once("dynamodb:LeadingKeys:").expect("it is limited");
    let lines = keys.lines().map(|line| line.split(" # ").next().unwrap_or_default());
    let words = lines.flat_map(|line| line.split([' ', '[', ']', '"']));
    words.filter(|word| word.contains('#')).map(str::to_owned).collect()
}

/// Whoever takes over the notifier, which calls addresses of strangers, reaches the rows of webhooks and tasks, and can
/// read pins.
#[test]
fn the_notifier_reaches_its_own_rows_and_no_account() {
    let (workspace, id) = (WorkspaceId(Uuid::from_u128(1)), Uuid::from_u128(2));
    let account = AccountKey { workspace, account: AccountId(id) };
    let endpoint = EndpointKey { workspace, endpoint: EndpointId(id) };
    // The partition, and whether it may be read, written, and read as one of the index of pins.
    let wanted = [
        (keys::pin(PinKey { workspace, pin: PinId(id) }), [true, false, false]),
        (keys::endpoints(workspace), [true, true, false]),
        (keys::deliveries(endpoint), [true, true, false]),
        (keys::task_tokens(workspace), [true, true, false]),
        (keys::activity(workspace), [false, true, false]),
        // A minute of the years 1989 to 2160.
        (keys::markers(29_000_000, MARKER_SHARDS - 1), [false, true, false]),
        (keys::listing(workspace, LISTING_SHARDS - 1), [false, false, true]),
        (keys::account(account), [false, false, false]),
        (keys::accounts(workspace), [false, false, false]),
        (keys::api_keys(workspace), [false, false, false]),
        (keys::workspace(workspace), [false, false, false]),
        (keys::backlog(account), [false, false, false]),
        (keys::hidden_listing(workspace, 0), [false, false, false]),
        (keys::failed(workspace, 0), [false, false, false]),
        (keys::WATERMARK.to_owned(), [false, false, false]),
        (keys::LEASE.to_owned(), [false, false, false]),
        (keys::ROLLED_UP.to_owned(), [false, false, false]),
    ];
    let allowed = ["ReadRows", "WriteRows", "Listing"].map(|sid| partitions("NotifierRole", sid));
    for (partition, wanted) in wanted {
        for (patterns, is_wanted) in allowed.iter().zip(wanted) {
            let is_allowed = patterns.iter().any(|pattern| matches(pattern, &partition));
            assert_eq!(is_allowed, is_wanted, "{partition}, by {patterns:?}");
        }
    }
    let actions = resource("NotifierRole").matches("dynamodb:").count();
    assert_eq!(actions, 7 + 3, "seven actions, and the condition of each of three statements");
}

#[test]
fn only_the_notifier_reaches_the_stacks_destinations() {
    let policies = [
        ("EventBusPolicy", "events:PutEvents"),
        ("EventQueuePolicy", "sqs:SendMessage"),
        ("TasksPolicy", "states:SendTaskSuccess, states:SendTaskFailure"),
    ];
    for (policy, action) in policies {
        let text = resource(policy);
        assert!(text.contains("Roles: [!Ref NotifierRole]") && text.contains(action), "{policy}");
        assert!(text.contains("\n    Condition: "), "{policy} exists only if it is asked for");
        assert!(!text.contains("Resource: \"*\""), "{policy}");
    }
    for action in ["events:", "states:"] {
        let named = TEMPLATE
            .lines()
            .filter(|line| line.contains(&format!("Action: {action}")) || line.contains(&format!("[{action}")));
        assert_eq!(named.count(), 1, "{action}");
    }
}
