//! The operator's command for workspaces, people and keys: the real binary on the embedded AWS, and the API on the same
//! table.

use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::passwords::Argon2Passwords;
use pinbridge_shared::adapters::receipt_keys::SecretsManagerReceiptKeys;
use pinbridge_shared::adapters::session_keys::SecretsManagerKeys;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::config::Registration;
use pinbridge_shared::ports::System;
use pinbridge_shared::testing::TestWorld;
use serde_json::{Value, json};

use crate::local::process::binary;
use crate::support::api::{Api, As};
use crate::support::embedded_aws;

struct Operator {
    aws: LocalAws,
}

impl Operator {
    async fn new() -> Self {
        let aws = embedded_aws::start().await;
        resources::create_table(&embedded_aws::dynamodb(&aws)).await.expect("the table is created");
        Self { aws }
    }

    fn command(&self, arguments: &[&str], password: Option<&str>) -> Command {
        let mut command = Command::new(binary("operator"));
        command.args(arguments).env_clear().envs([
            ("AWS_ENDPOINT_URL", self.aws.endpoint_url().as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKLOCAL"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("PINBRIDGE_TABLE", resources::TABLE),
            ("PINBRIDGE_PUBLISH_QUEUE_URL", "http://127.0.0.1:9/p"),
            ("PINBRIDGE_RECONCILIATION_QUEUE_URL", "http://127.0.0.1:9/l"),
            ("PINBRIDGE_DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:9/d"),
            ("PINBRIDGE_REDRIVE_QUEUE_URL", "http://127.0.0.1:9/k"),
            ("PINBRIDGE_IMPORT_QUEUE_URL", "http://127.0.0.1:9/i"),
            ("PINBRIDGE_IMPORT_DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:9/j"),
            ("PINBRIDGE_NOTIFY_QUEUE_URL", "http://127.0.0.1:9/n"),
            ("PINBRIDGE_NOTIFY_DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:9/m"),
        ]);
        command.envs(password.map(|password| ("PINBRIDGE_USER_PASSWORD", password)));
        command
    }

    async fn output(&self, arguments: &[&str], password: Option<&str>) -> (bool, String, String) {
        let mut command = self.command(arguments, password);
        let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ran");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    async fn run(&self, arguments: &[&str]) -> Value {
        let (worked, out, error) = self.output(arguments, None).await;
        assert!(worked, "operator {arguments:?}: {error}");
        serde_json::from_str(&out).expect("JSON")
    }

    async fn refused(&self, arguments: &[&str], password: Option<&str>, why: &str) {
        let (worked, out, error) = self.output(arguments, password).await;
        assert!(!worked && error.contains(why), "operator {arguments:?}: {out}{error}");
    }

    /// The keys that sign receipts, of a process that hasn't read them yet.
    fn receipt_keys(&self) -> Arc<SecretsManagerReceiptKeys> {
        let secrets = embedded_aws::secrets_manager(&self.aws);
        Arc::new(SecretsManagerReceiptKeys::new(secrets, "pinbridge", Arc::new(RealSystem::default())))
    }

    /// The API on the same table and secrets.
    async fn api(&self) -> Api {
        let table = Arc::new(DynamoStore::new(embedded_aws::dynamodb(&self.aws), resources::TABLE));
        let mut world = TestWorld::on(table, 1).await;
        let secrets = embedded_aws::secrets_manager(&self.aws);
        world.context.receipt_keys = self.receipt_keys();
        world.context.passwords = Arc::new(Argon2Passwords::new(Arc::new(RealSystem::default())));
        world.context.session_keys =
            Arc::new(SecretsManagerKeys::new(secrets, "pinbridge", Arc::new(RealSystem::default())));
        Api { world, key: String::new() }
    }
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("{name} is missing: {answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_its_person_and_its_keys_are_an_operators_commands() {
    let operator = Operator::new().await;
    let made = operator.run(&["create-workspace", "--name", "Paper"]).await;
    let workspace = text(&made, "workspace_id");
    let second = operator
        .run(&["create-workspace", "--name", "Two", "--organization-id", &text(&made, "organization_id")])
        .await;
    assert_eq!(second["organization_id"], made["organization_id"]);

    let user = operator.run(&["create-user", "--email", "Ada@Example.com", "--workspace-id", &workspace]).await;
    assert_eq!((&user["email"], &user["role"]), (&json!("ada@example.com"), &json!("owner")));
    let api = operator.api().await;
    // The command goes by the real clock.
    api.world.system.advance_to(RealSystem::default().now());
    let log_in = async |password: &str| {
        let body = json!({"email": "ada@example.com", "password": password});
        api.call("POST", "/v1/auth/login", As::Nobody, body).await
    };
    let (status, session) = log_in(&text(&user, "password")).await;
    assert_eq!((status, session["projects"].as_array().map(Vec::len)), (200, Some(2)), "{session}");
    let reset = operator.run(&["set-password", "--email", "ada@example.com"]).await;
    assert_eq!((log_in(&text(&user, "password")).await.0, log_in(&text(&reset, "password")).await.0), (401, 200));
    // The new password lifted what was counted before it.
    api.world.system.advance_to(RealSystem::default().now());
    for _ in 0..6 {
        assert_ne!(log_in("a wrong password").await.0, 200);
    }
    assert_eq!(log_in(&text(&reset, "password")).await.0, 429);
    let unlocked = operator.run(&["unlock-login", "--email", "Ada@example.com"]).await;
    assert_eq!((&unlocked["email"], &unlocked["unlocked"]), (&json!("ada@example.com"), &json!(true)));
    api.world.system.advance_to(RealSystem::default().now());
    assert_eq!(log_in(&text(&reset, "password")).await.0, 200);
    // The log names it so where requests come through no API Gateway, as on the local stack.
    let unlocked = operator.run(&["unlock-login", "--source", "direct"]).await;
    assert_eq!((&unlocked["source"], &unlocked["source_had_attempts"]), (&json!("direct"), &json!(true)));
    let unlocked = operator.run(&["unlock-login", "--source", "2001:db8:1:2::7"]).await;
    assert_eq!((&unlocked["source"], &unlocked["source_had_attempts"]), (&json!("2001:db8:1:2::/64"), &json!(false)));
    let token = text(&session, "access_token");
    assert_eq!(api.call("GET", "/v1/auth/me", As::Bearer(&token), Value::Null).await.0, 401, "its sessions are over");

    let create = ["create-key", "--workspace-id", &workspace, "--name", "n8n", "--scopes", "read,write"];
    let key = operator.run(&create).await;
    let secret = text(&key, "api_key");
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&secret), Value::Null).await.0, 200);
    let delete = "/v1/pinterest/accounts/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    api.refused("DELETE", delete, As::Key(&secret), Value::Null, 403, "insufficient_scope").await;
    let listed = operator.run(&["list-keys", "--workspace-id", &workspace]).await;
    assert_eq!((&listed[0]["name"], &listed[0]["scopes"]), (&json!("n8n"), &json!(["read", "write"])));
    assert!(listed[0]["last_used_at"].is_string() && !listed.to_string().contains("pb_live_"));
    let made = json!({"name": "made by n8n's"});
    let (_, made) = api.call("POST", "/v1/api-keys", As::Key(&secret), made).await;
    assert_eq!(made["code"], "insufficient_scope");
    let revoke = ["revoke-key", "--workspace-id", &workspace, "--key-id", &text(&key, "key_id")];
    let revoked = operator.run(&revoke).await;
    assert_eq!(revoked["left"], json!({"keys": [], "schedules": [], "revoked": false}));
    let (_, session) = log_in(&text(&reset, "password")).await;
    let session = text(&session, "access_token");
    let (_, adas) = api.call("POST", "/v1/api-keys", As::Bearer(&session), json!({"name": "Ada's"})).await;
    let reset = operator.run(&["set-password", "--email", "ada@example.com"]).await;
    assert_eq!((&reset["left"]["keys"][0]["name"], &reset["left"]["revoked"]), (&json!("Ada's"), &json!(false)));
    let adas = text(&adas, "api_key");
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&adas), Value::Null).await.0, 200, "it is only listed");
    let deleted = operator.run(&["delete-user", "--email", "ada@example.com", "--revoke"]).await;
    assert_eq!((&deleted["left"]["keys"][0]["name"], &deleted["left"]["revoked"]), (&json!("Ada's"), &json!(true)));
    api.refused("GET", "/v1/pins", As::Key(&adas), Value::Null, 401, "invalid_api_key").await;
    api.refused("GET", "/v1/pins", As::Key(&secret), Value::Null, 401, "invalid_api_key").await;

    let rotated = operator.run(&["rotate-session-key"]).await;
    assert_ne!(rotated["current"], rotated["previous"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_mistypes_is_refused_by_name() {
    let operator = Operator::new().await;
    let workspace = text(&operator.run(&["create-workspace", "--name", "Paper"]).await, "workspace_id");
    let nobodys = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    let create = |email: &'static str, role: &'static str| {
        vec!["create-user", "--email", email, "--role", role, "--workspace-id"]
    };
    let of = |mut arguments: Vec<&'static str>, workspace: &str| -> Vec<String> {
        let mut all: Vec<String> = arguments.drain(..).map(str::to_owned).collect();
        all.push(workspace.to_owned());
        all
    };
    for (arguments, password, why) in [
        (of(create("ada", "owner"), &workspace), None, "is not an email address"),
        (of(create("ada@example.com", "king"), &workspace), None, "none of owner, editor, viewer"),
        (of(create("ada@example.com", "owner"), nobodys), None, "there is no workspace"),
        (of(create("ada@example.com", "owner"), &workspace), Some("short"), "has not 8 to 255 characters"),
        (of(vec!["create-workspace", "--name"], " "), None, "a name has 1 to 255 characters"),
        (
            of(vec!["create-key", "--scopes", "reed", "--workspace-id"], &workspace),
            None,
            "none of read, write, destructive",
        ),
        (of(vec!["create-key", "--account-id", nobodys, "--workspace-id"], &workspace), None, "is not connected"),
        (of(vec!["set-password", "--email"], "ada@example.com"), None, "there is no such person"),
        (of(vec!["unlock-login", "--email"], "ada"), None, "is not an email address"),
        (of(vec!["unlock-login", "--source"], "example.com"), None, "is not an IP address"),
        (of(vec![], "unlock-login"), None, "required"),
        (of(vec!["revoke-key", "--key-id", nobodys, "--workspace-id"], &workspace), None, "no such key"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        operator.refused(&arguments, password, why).await;
    }
    let create: Vec<String> = of(create("ada@example.com", "owner"), &workspace);
    let create: Vec<&str> = create.iter().map(String::as_str).collect();
    let given = operator.output(&create, Some("correct horse")).await;
    assert!(given.0 && given.1.contains("\"password\": null"), "a password that was given isn't printed: {given:?}");
    operator.refused(&create, None, "the address is taken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_made_listed_and_revoked_by_commands() {
    let operator = Operator::new().await;
    let workspace = text(&operator.run(&["create-workspace", "--name", "Paper"]).await, "workspace_id");
    let invite = ["invite", "--email", "Ada@Example.com", "--workspace-id", &workspace, "--role", "editor"];
    let before = operator.run(&["invite", "--email", "ada@example.com"]).await;
    assert_eq!(before["replaced"], json!([]));
    let of_ada = operator.run(&invite).await;
    assert_eq!(of_ada["replaced"][0]["invitation_id"], before["invitation_id"], "the newer one replaces the older");
    assert_eq!((&of_ada["email"], &of_ada["role"]), (&json!("ada@example.com"), &json!("editor")));
    let of_bob = operator.run(&["invite", "--email", "bob@example.com"]).await;
    let listed = operator.run(&["list-invitations"]).await;
    let ids = |answer: &Value| answer["invitation_id"].clone();
    assert_eq!([ids(&listed[0]), ids(&listed[1])], [ids(&of_ada), ids(&of_bob)]);
    let tokens = [text(&of_ada, "invite_token"), text(&of_bob, "invite_token")];
    assert!(tokens.iter().all(|token| !listed.to_string().contains(&token[32..])), "a token is shown once");
    let revoke = ["revoke-invitation", "--invitation-id", &text(&of_bob, "invitation_id")];
    operator.run(&revoke).await;
    operator.refused(&revoke, None, "there is no open invitation").await;

    let mut api = operator.api().await;
    api.world.context.settings.registration = Registration::Invited;
    api.world.system.advance_to(RealSystem::default().now());
    let register = async |email: &str, token: &str| {
        let body = json!({"full_name": "A", "email": email, "password": "correct horse", "invite_token": token});
        api.call("POST", "/v1/auth/register", As::Nobody, body).await
    };
    assert_eq!(register("bob@example.com", &tokens[1]).await.0, 403);
    let (status, ada) = register("ada@example.com", &tokens[0]).await;
    assert_eq!(
        (status, &ada["active_project"]["id"], &ada["organization_role"]),
        (201, &json!(workspace), &json!("editor"))
    );
    assert_eq!(operator.run(&["list-invitations"]).await, json!([]));
    operator.refused(&invite, None, "has an account already").await;
    let nobodys = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    operator.refused(&["invite", "--email", "e@example.com", "--workspace-id", nobodys], None, "no workspace").await;
    operator.refused(&["invite", "--email", "e@example.com", "--role", "owner"], None, "--workspace-id").await;
    operator.refused(&["invite", "--email", "nonsense"], None, "is not an email address").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_registration_without_mail_does_not_start() {
    let operator = Operator::new().await;
    for (from, url, why) in [
        (None, None, "set PINBRIDGE_MAIL_FROM"),
        (Some(""), Some("https://api.example.com"), "set PINBRIDGE_MAIL_FROM"),
        (Some("pins@example.com"), None, "PINBRIDGE_API_URL is not set"),
        (Some("pins"), Some("https://api.example.com"), "PINBRIDGE_MAIL_FROM is \"pins\""),
    ] {
        let mut command = operator.command(&["list-invitations"], None);
        command.env("PINBRIDGE_REGISTRATION", "open");
        command.envs(from.map(|from| ("PINBRIDGE_MAIL_FROM", from)));
        command.envs(url.map(|url| ("PINBRIDGE_API_URL", url)));
        let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ran");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(why), "{from:?} {url:?}: {error}");
    }
    let mut command = operator.command(&["list-invitations"], None);
    command.env("PINBRIDGE_REGISTRATION", "open");
    command.env("PINBRIDGE_MAIL_FROM", "pins@example.com").env("PINBRIDGE_API_URL", "https://api.example.com");
    let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ran");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_secret_comes_from_a_variable_and_is_shown_nowhere() {
    let operator = Operator::new().await;
    operator.refused(&["set-app-secret"], None, "PINBRIDGE_PINTEREST_APP_SECRET").await;
    for secret in ["first-app-secret", "second-app-secret"] {
        let mut command = operator.command(&["set-app-secret"], None);
        command.env("PINBRIDGE_PINTEREST_APP_SECRET", secret);
        let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ran");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && !said.contains(secret), "{said}");
        let client = embedded_aws::secrets_manager(&operator.aws);
        let stored = client.get_secret_value().secret_id("pinbridge/pinterest-app-secret").send().await.expect("there");
        assert_eq!(stored.secret_string(), Some(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_organisations_are_removed_for_good() {
    let operator = Operator::new().await;
    let made = operator.run(&["create-workspace", "--name", "Paper"]).await;
    let (workspace, organization) = (text(&made, "workspace_id"), text(&made, "organization_id"));
    for email in ["ada@example.com", "bob@example.com"] {
        operator.run(&["create-user", "--email", email, "--workspace-id", &workspace]).await;
    }
    operator.run(&["delete-user", "--email", "bob@example.com"]).await;
    operator.refused(&["delete-user", "--email", "bob@example.com"], None, "").await;
    let remove = ["delete-organization", "--organization-id", &organization];
    operator.refused(&remove, None, "still has workspaces").await;
    operator.run(&["delete-workspace", "--workspace-id", &workspace, "--name", "Paper"]).await;
    let api = operator.api().await;
    // The command goes by the real clock.
    api.world.system.advance_to(RealSystem::default().now());
    for _ in 0..4 {
        let world = &api.world.context;
        let ends_at_ms = world.system.monotonic_ms() + 240_000;
        pinbridge_shared::flows::tenants::purge::continue_all(world, ends_at_ms).await.expect("runs");
        api.world.system.advance_ms(5 * pinbridge_shared::domain::time::MINUTE_MS);
    }
    operator.run(&remove).await;
    let left = embedded_aws::dynamodb(&operator.aws).scan().table_name(resources::TABLE).send().await.expect("scanned");
    let named: Vec<String> = left
        .items()
        .iter()
        .map(|item| format!("{item:?}"))
        .filter(|row| row.contains("example.com") || row.contains(&organization))
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_verified_offline_also_after_its_key_was_rotated() {
    let operator = Operator::new().await;
    let mut api = Api::over(operator.api().await.world).await;
    let pin = api.world.accept("key").await;
    let path = format!("/v1/pins/{}/receipt", pin.pin);
    let (status, answer) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let rotated = operator.run(&["rotate-receipt-key"]).await;
    assert_eq!(rotated["published"], json!([rotated["current"], answer["kid"]]));
    api.world.context.receipt_keys = operator.receipt_keys();
    let (_, keys) = api.call("GET", "/.well-known/pinbridge-receipt-keys.json", As::Nobody, Value::Null).await;
    assert_eq!((&keys["keys"][0]["kid"], &keys["keys"][1]["kid"]), (&rotated["current"], &answer["kid"]));

    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("a path").to_owned()
    };
    let receipt = text(&answer, "receipt");
    let parts: Vec<&str> = receipt.split('.').collect();
    let keys_file = file("keys.json", &keys.to_string());
    for receipt in [file("receipt", &format!("{receipt}\n")), file("answer.json", &answer.to_string())] {
        assert_eq!(operator.run(&["verify-receipt", "--keys", &keys_file, &receipt]).await, answer["claims"]);
    }
    let only_new = json!({"keys": [keys["keys"][0]]}).to_string();
    let mut other = answer.clone();
    other["claims"]["status"] = json!("failed");
    let changed = URL_SAFE_NO_PAD.encode(other["claims"].to_string());
    for (keys, receipt, why) in [
        (&keys_file, format!("{}.{changed}.{}", parts[0], parts[2]), "its signature doesn't fit"),
        (&keys_file, format!("eyJhbGciOiJub25lIn0.{}.", parts[1]), "its algorithm is \"none\""),
        (&keys_file, other.to_string(), "not the ones that were signed"),
        (&file("new.json", &only_new), receipt.clone(), "the key set has no key"),
        (&file("none.json", "{}"), receipt.clone(), "it is no JWK set"),
    ] {
        let receipt = file("refused", &receipt);
        operator.refused(&["verify-receipt", "--keys", keys, &receipt], None, why).await;
    }
}

/// `operator import` has every option of the doors for pins, as the page shows.
#[tokio::test(flavor = "multi_thread")]
async fn the_imports_options_are_those_of_the_page() {
    let operator = Operator::new().await;
    let (worked, help, error) = operator.output(&["import", "--help"], None).await;
    assert!(worked, "{error}");
    let row = crate::api::doors::row_of_page("operator import");
    let shown: Vec<&str> = row.iter().flat_map(|cell| cell.split('`')).filter(|text| text.starts_with("--")).collect();
    assert_eq!(shown, ["--on-duplicate", "--priority", "--dry-run", "--strict"]);
    for option in shown {
        assert!(help.contains(option), "{option} isn't in {help}");
    }
}
