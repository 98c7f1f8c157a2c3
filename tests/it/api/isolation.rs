//! Tenants are separate: every route of the table, with another workspace's credentials and its real ids.
//!
//! What is asked for by an id of somebody else's is answered exactly as what never existed, nothing of theirs is in any
//! answer, and no row of theirs changes. A route without a case here fails.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use pinbridge_shared::domain::tenant::user::Email;
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use pinbridge_shared::flows::tenants::{log_in, people, purge};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::real::{Real, pin};

const PASSWORD: &str = "correct horse battery";

/// The names of one tenant's things.
#[derive(Clone, Debug)]
struct Ids {
    workspace: String,
    account: String,
    board: String,
    pin: String,
    failed_pin: String,
    import: String,
    schedule: String,
    key: String,
    state: String,
    email: String,
    webhook: String,
}

impl Ids {
    /// As good as these, and nobody's.
    fn unknown(&self) -> Self {
        let uuid = || Uuid::new_v4().to_string();
        Self {
            workspace: uuid(),
            account: uuid(),
            board: "781999999999999999".into(),
            pin: uuid(),
            failed_pin: uuid(),
            import: uuid(),
            schedule: uuid(),
            key: uuid(),
            // Of a workspace that isn't there either.
            state: format!("{}{}", Uuid::new_v4().simple(), "0".repeat(64)),
            email: "nobody@example.com".into(),
            webhook: uuid(),
        }
    }

    fn all(&self) -> [&str; 11] {
        let Self { workspace, account, board, pin, failed_pin, import, schedule, key, state, email, webhook } = self;
        [workspace, account, board, pin, failed_pin, import, schedule, key, state, email, webhook]
    }
}

/// A tenant with everything that can be somebody's.
struct Tenant {
    ids: Ids,
    api_key: String,
    session: String,
}

impl Tenant {
    async fn create(real: &Real, name: &str, user: &str) -> Self {
        Self::with_address(real, name, &format!("{name}@example.com"), user).await
    }

    async fn with_address(real: &Real, name: &str, email: &str, user: &str) -> Self {
        let register = json!({"full_name": format!("Full name of {name}"), "email": email, "password": PASSWORD,
                              "workspace_name": format!("Workspace of {name}")});
        let answer = real.join(&register).await;
        let session = answer["access_token"].as_str().expect("a token").to_owned();
        let bearer = format!("Bearer {session}");
        let body = json!({"name": format!("Key of {name}")}).to_string();
        let (status, _, made) = real.call("POST", "/v1/api-keys", &[("authorization", &bearer)], &body).await;
        assert_eq!(status, 201, "{made}");
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let api_key = made["api_key"].as_str().expect("a key").to_owned();
        let account = real.connect(&api_key, user).await;
        let boards =
            real.must("GET", &format!("/v1/pinterest/boards?account_id={account}"), &api_key, Value::Null).await;
        let board = boards[0]["id"].as_str().expect("a board").to_owned();
        let accepted = real.must("POST", "/v1/pins", &api_key, pin(&account, &board, &format!("{name}-waits"))).await;
        let failed = fail(real, &api_key, pin(&account, &board, &format!("{name}-failed"))).await;
        let rows = json!([pin(&account, &board, &format!("{name}-imported"))]);
        let import = real.must("POST", "/v1/pins/imports/json", &api_key, rows).await;
        let scheduled = schedule(&account, &board, &format!("{name}-schedule"));
        let scheduled = real.must("POST", "/v1/schedules", &api_key, scheduled).await;
        let webhook = real.must("POST", "/v1/webhooks", &api_key, webhook()).await;
        let start = real.must("GET", "/v1/pinterest/oauth/start", &api_key, Value::Null).await;
        let url = start["authorization_url"].as_str().expect("a URL");
        let state = url.split_once("state=").expect("a state").1.to_owned();
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let ids = Ids {
            workspace: text(&answer["active_project"]["id"]),
            account,
            board,
            pin: text(&accepted["id"]),
            failed_pin: failed,
            import: text(&import["id"]),
            schedule: text(&scheduled["id"]),
            key: text(&made["id"]),
            state,
            email: email.to_owned(),
            webhook: text(&webhook["id"]),
        };
        Self { ids, api_key, session }
    }
}

fn webhook() -> Value {
    json!({"url": "https://example.com/hook", "secret": "a secret of a tenant"})
}

/// A delivery that nobody has.
const DELIVERY: &str = "1f2e3d4c-5b6a-8798-8a7b-6c5d4e3f2a1b";

/// Next year's.
fn schedule(account: &str, board: &str, key: &str) -> Value {
    let mut body = pin(account, board, key);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    // The same in every answer of a run.
    body["run_at"] = json!(Moment(now / DAY_MS * DAY_MS).plus_ms(365 * DAY_MS).rfc3339());
    body
}

/// A pin of the tenant's that has failed.
pub async fn fail(real: &Real, api_key: &str, request: Value) -> String {
    use pinbridge_shared::domain::ids::PinKey;
    use pinbridge_shared::domain::pin::failure::Failure;
    let accepted = real.must("POST", "/v1/pins", api_key, request).await;
    let key = PinKey {
        workspace: accepted["workspace_id"].as_str().expect("an id").parse().expect("an id"),
        pin: accepted["id"].as_str().expect("an id").parse().expect("an id"),
    };
    let (pin, attempt) = real.world.store.pins(&[key]).await.expect("read").remove(0).expect("there");
    let (now, nothing) = (real.world.system.now(), Default::default());
    let failed = attempt.failed(now, Failure::ImageBroken, &nothing, &pin, real.world.nonce()).expect("may fail");
    real.world.store.save_attempt(&pin, &failed).await.expect("written");
    key.pin.to_string()
}

/// How a route is isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    /// It is asked for something by its id: as if there were no such thing.
    NotFound,
    /// The same, but what isn't there is no error: the same answer as for an id that nobody has.
    Same,
    /// It names nothing: the caller's own, and nothing else.
    OwnOnly,
    /// Nothing of any tenant's is in it.
    Nobodys,
}

type Request = (String, Value);
type Case = (&'static str, &'static str, Must, fn(&Ids) -> Request);

fn bare(path: impl Into<String>) -> Request {
    (path.into(), Value::Null)
}

/// A request to every route, naming the other's things wherever it can name anything.
#[rustfmt::skip]
const CASES: &[Case] = &[
    ("GET", "/", Must::Nobodys, |_| bare("/")),
    ("GET", "/docs", Must::Nobodys, |_| bare("/docs")),
    ("GET", "/openapi.json", Must::Nobodys, |_| bare("/openapi.json")),
    ("GET", "/healthz", Must::Nobodys, |_| bare("/healthz")),
    ("GET", "/readyz", Must::Nobodys, |_| bare("/readyz")),
    ("GET", "/.well-known/pinbridge-receipt-keys.json", Must::Nobodys, |_| bare("/.well-known/pinbridge-receipt-keys.json")),
    // The same answer for an address that is taken and a wrong password as for one that nobody has.
    ("POST", "/v1/auth/login", Must::Same, |ids| ("/v1/auth/login".into(), json!({"email": ids.email, "password": "a wrong password"}))),
    ("POST", "/v1/auth/forgot-password", Must::Same, |ids| ("/v1/auth/forgot-password".into(), json!({"email": ids.email}))),
    ("POST", "/v1/auth/register", Must::Nobodys, |_| ("/v1/auth/register".into(), json!({"email": "not an address"}))),
    ("POST", "/v1/auth/reset-password", Must::Nobodys, |_| ("/v1/auth/reset-password".into(), json!({"token": "t".repeat(20), "password": PASSWORD}))),
    ("POST", "/v1/auth/change-password", Must::OwnOnly, |_| ("/v1/auth/change-password".into(), json!({"current_password": "a wrong password", "new_password": PASSWORD}))),
    ("POST", "/v1/auth/email/verify/request", Must::OwnOnly, |_| bare("/v1/auth/email/verify/request")),
    ("POST", "/v1/auth/email/verify", Must::Nobodys, |_| bare("/v1/auth/email/verify?token=tttttttttttttttttttt")),
    ("GET", "/v1/auth/email/verify", Must::Nobodys, |_| bare("/v1/auth/email/verify?token=tttttttttttttttttttt")),
    ("POST", "/v1/auth/email/change/request", Must::OwnOnly, |_| ("/v1/auth/email/change/request".into(), json!({"new_email": "new@example.com"}))),
    ("GET", "/v1/auth/email/change/confirm", Must::Nobodys, |_| bare("/v1/auth/email/change/confirm?token=tttttttttttttttttttt")),
    ("GET", "/v1/activity-logs", Must::OwnOnly, |_| bare("/v1/activity-logs?limit=200")),
    ("POST", "/v1/webhooks", Must::OwnOnly, |_| ("/v1/webhooks".into(), webhook())),
    ("GET", "/v1/webhooks", Must::OwnOnly, |_| bare("/v1/webhooks")),
    ("GET", "/v1/webhooks/{id}", Must::NotFound, |ids| bare(format!("/v1/webhooks/{}", ids.webhook))),
    ("PATCH", "/v1/webhooks/{id}", Must::NotFound, |ids| (format!("/v1/webhooks/{}", ids.webhook), json!({"url": "https://example.org/mine", "is_enabled": true}))),
    ("POST", "/v1/webhooks/{id}/test", Must::NotFound, |ids| bare(format!("/v1/webhooks/{}/test", ids.webhook))),
    ("GET", "/v1/webhooks/{id}/deliveries", Must::NotFound, |ids| bare(format!("/v1/webhooks/{}/deliveries", ids.webhook))),
    ("GET", "/v1/webhooks/{id}/deliveries/{delivery_id}", Must::NotFound, |ids| bare(format!("/v1/webhooks/{}/deliveries/{DELIVERY}", ids.webhook))),
    ("POST", "/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver", Must::NotFound, |ids| bare(format!("/v1/webhooks/{}/deliveries/{DELIVERY}/redeliver", ids.webhook))),
    ("POST", "/v1/webhooks/{id}/replay", Must::NotFound, |ids| (format!("/v1/webhooks/{}/replay", ids.webhook), json!({"since": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z", "only": "all"}))),
    ("POST", "/v1/webhooks/{id}/replays", Must::NotFound, |ids| (format!("/v1/webhooks/{}/replays", ids.webhook), json!({"since": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z", "only": "all"}))),
    ("GET", "/v1/webhooks/{id}/replays/{replay_id}", Must::NotFound, |ids| bare(format!("/v1/webhooks/{}/replays/{DELIVERY}", ids.webhook))),
    ("POST", "/v1/webhooks/{id}/replays/{replay_id}/stop", Must::NotFound, |ids| bare(format!("/v1/webhooks/{}/replays/{DELIVERY}/stop", ids.webhook))),
    ("DELETE", "/v1/webhooks/{id}", Must::NotFound, |ids| bare(format!("/v1/webhooks/{}", ids.webhook))),
    ("GET", "/v1/auth/me", Must::OwnOnly, |_| bare("/v1/auth/me")),
    ("GET", "/v1/auth/profile", Must::OwnOnly, |_| bare("/v1/auth/profile")),
    ("PUT", "/v1/auth/profile", Must::OwnOnly, |_| ("/v1/auth/profile".into(), json!({"company_name": "Mine"}))),
    ("GET", "/v1/projects", Must::OwnOnly, |_| bare("/v1/projects")),
    ("POST", "/v1/projects/sandbox", Must::OwnOnly, |_| bare("/v1/projects/sandbox")),
    ("POST", "/v1/projects/switch", Must::NotFound, |ids| ("/v1/projects/switch".into(), json!({"project_id": ids.workspace}))),
    // A field that names an unknown account is a wrong field.
    ("POST", "/v1/api-keys", Must::Same, |ids| ("/v1/api-keys".into(), json!({"name": "k", "pinterest_account_ids": [ids.account]}))),
    ("GET", "/v1/api-keys", Must::OwnOnly, |_| bare("/v1/api-keys")),
    ("PATCH", "/v1/api-keys/{id}", Must::NotFound, |ids| (format!("/v1/api-keys/{}", ids.key), json!({"name": "taken over"}))),
    ("DELETE", "/v1/api-keys/{id}", Must::NotFound, |ids| bare(format!("/v1/api-keys/{}", ids.key))),
    ("GET", "/v1/pinterest/oauth/start", Must::OwnOnly, |_| bare("/v1/pinterest/oauth/start")),
    // Whoever has a state may use it, but it connects to the workspace that it was made for. Without the right code it
    // does nothing.
    ("GET", "/v1/pinterest/oauth/callback", Must::Nobodys, |_| bare("/v1/pinterest/oauth/callback?code=c&state=s")),
    ("POST", "/v1/pinterest/oauth/callback", Must::Nobodys, |_| bare("/v1/pinterest/oauth/callback")),
    ("GET", "/v1/pinterest/accounts", Must::OwnOnly, |_| bare("/v1/pinterest/accounts")),
    ("DELETE", "/v1/pinterest/accounts/{id}", Must::NotFound, |ids| bare(format!("/v1/pinterest/accounts/{}", ids.account))),
    ("GET", "/v1/pinterest/accounts/{id}/analytics", Must::NotFound, |ids| bare(format!("/v1/pinterest/accounts/{}/analytics", ids.account))),
    ("GET", "/v1/pinterest/boards", Must::NotFound, |ids| bare(format!("/v1/pinterest/boards?account_id={}", ids.account))),
    ("POST", "/v1/pinterest/boards", Must::NotFound, |ids| ("/v1/pinterest/boards".into(), json!({"account_id": ids.account, "name": "Theirs"}))),
    ("PATCH", "/v1/pinterest/boards/{id}", Must::NotFound, |ids| (format!("/v1/pinterest/boards/{}", ids.board), json!({"account_id": ids.account, "name": "Taken over"}))),
    ("DELETE", "/v1/pinterest/boards/{id}", Must::NotFound, |ids| bare(format!("/v1/pinterest/boards/{}?account_id={}", ids.board, ids.account))),
    ("GET", "/v1/pinterest/boards/{id}/access", Must::NotFound, |ids| bare(format!("/v1/pinterest/boards/{}/access?account_id={}", ids.board, ids.account))),
    ("GET", "/v1/pinterest/boards/{id}/sections", Must::NotFound, |ids| bare(format!("/v1/pinterest/boards/{}/sections?account_id={}", ids.board, ids.account))),
    ("POST", "/v1/pinterest/boards/{id}/sections", Must::NotFound, |ids| (format!("/v1/pinterest/boards/{}/sections", ids.board), json!({"account_id": ids.account, "name": "Theirs"}))),
    ("GET", "/v1/pinterest/terms/related", Must::NotFound, |ids| bare(format!("/v1/pinterest/terms/related?account_id={}&terms=a", ids.account))),
    // A row for somebody else's account fails as one for nobody's.
    ("POST", "/v1/pins/imports/json", Must::Same, |ids| ("/v1/pins/imports/json?dry_run=true".into(), json!([pin(&ids.account, &ids.board, "somebody-elses")]))),
    ("POST", "/v1/pins/imports/csv", Must::Same, |ids| ("/v1/pins/imports/csv".into(), json!({"file": ids.account}))),
    ("GET", "/v1/pins/imports", Must::OwnOnly, |_| bare("/v1/pins/imports")),
    ("GET", "/v1/pins/imports/{id}", Must::NotFound, |ids| bare(format!("/v1/pins/imports/{}", ids.import))),
    ("GET", "/v1/pins/imports/{id}/timeline", Must::NotFound, |ids| bare(format!("/v1/pins/imports/{}/timeline", ids.import))),
    ("POST", "/v1/pins/imports/{id}/resume", Must::NotFound, |ids| bare(format!("/v1/pins/imports/{}/resume", ids.import))),
    ("POST", "/v1/pins", Must::NotFound, |ids| ("/v1/pins".into(), pin(&ids.account, &ids.board, "somebody-elses"))),
    ("GET", "/v1/pins", Must::Same, |ids| bare(format!("/v1/pins?account_id={}", ids.account))),
    ("GET", "/v1/pins", Must::Same, |ids| bare(format!("/v1/pins?board_id={}&sort=title_asc&q=victim", ids.board))),
    ("GET", "/v1/pins", Must::Same, |ids| bare(format!("/v1/pins?cursor=a_1767225600000_{}_0&sort=created_at_asc&q=victim", ids.pin))),
    ("GET", "/v1/pins", Must::OwnOnly, |_| bare("/v1/pins")),
    ("POST", "/v1/pins/validate", Must::Same, |ids| ("/v1/pins/validate".into(), pin(&ids.account, &ids.board, "somebody-elses"))),
    ("POST", "/v1/pins/batch", Must::Same, |ids| ("/v1/pins/batch".into(), json!({"pins": [pin(&ids.account, &ids.board, "somebody-elses")]}))),
    ("POST", "/v1/pins/bulk-delete", Must::Same, |ids| ("/v1/pins/bulk-delete".into(), json!({"ids": [ids.pin, ids.failed_pin]}))),
    ("POST", "/v1/pins/bulk-retry", Must::Same, |ids| ("/v1/pins/bulk-retry".into(), json!({"ids": [ids.failed_pin], "accept_duplicate": true}))),
    ("PATCH", "/v1/pins/{id}", Must::NotFound, |ids| (format!("/v1/pins/{}", ids.pin), json!({"title": "Taken over"}))),
    ("DELETE", "/v1/pins/{id}", Must::NotFound, |ids| bare(format!("/v1/pins/{}", ids.pin))),
    ("GET", "/v1/pins/{id}", Must::NotFound, |ids| bare(format!("/v1/pins/{}", ids.pin))),
    ("GET", "/v1/pins/{id}/analytics", Must::NotFound, |ids| bare(format!("/v1/pins/{}/analytics", ids.pin))),
    ("GET", "/v1/pins/{id}/timeline", Must::NotFound, |ids| bare(format!("/v1/pins/{}/timeline", ids.pin))),
    ("GET", "/v1/pins/{id}/receipt", Must::NotFound, |ids| bare(format!("/v1/pins/{}/receipt", ids.pin))),
    ("POST", "/v1/pins/{id}/retry", Must::NotFound, |ids| (format!("/v1/pins/{}/retry", ids.failed_pin), json!({"accept_duplicate": true}))),
    ("POST", "/v1/pins/{id}/resolve", Must::NotFound, |ids| (format!("/v1/pins/{}/resolve", ids.failed_pin), json!({"none": true}))),
    ("GET", "/v1/jobs/{id}", Must::NotFound, |ids| bare(format!("/v1/jobs/{}", ids.pin))),
    ("POST", "/v1/schedules", Must::NotFound, |ids| ("/v1/schedules".into(), schedule(&ids.account, &ids.board, "somebody-elses"))),
    ("POST", "/v1/schedules/validate", Must::Same, |ids| ("/v1/schedules/validate".into(), schedule(&ids.account, &ids.board, "somebody-elses"))),
    ("GET", "/v1/schedules", Must::Same, |ids| bare(format!("/v1/schedules?account_id={}", ids.account))),
    ("GET", "/v1/schedules", Must::OwnOnly, |_| bare("/v1/schedules")),
    ("GET", "/v1/schedules/{id}", Must::NotFound, |ids| bare(format!("/v1/schedules/{}", ids.schedule))),
    ("GET", "/v1/schedules/{id}/timeline", Must::NotFound, |ids| bare(format!("/v1/schedules/{}/timeline", ids.schedule))),
    ("PATCH", "/v1/schedules/{id}", Must::NotFound, |ids| (format!("/v1/schedules/{}", ids.schedule), json!({"title": "Taken over"}))),
    ("POST", "/v1/schedules/{id}/cancel", Must::NotFound, |ids| bare(format!("/v1/schedules/{}/cancel", ids.schedule))),
    ("POST", "/v1/schedules/{id}/retry", Must::NotFound, |ids| bare(format!("/v1/schedules/{}/retry", ids.schedule))),
    ("DELETE", "/v1/schedules/{id}", Must::NotFound, |ids| bare(format!("/v1/schedules/{}", ids.schedule))),
    ("POST", "/v1/schedules/bulk-cancel", Must::Same, |ids| ("/v1/schedules/bulk-cancel".into(), json!({"ids": [ids.schedule]}))),
    ("POST", "/v1/schedules/bulk-retry", Must::Same, |ids| ("/v1/schedules/bulk-retry".into(), json!({"ids": [ids.schedule]}))),
    ("POST", "/v1/schedules/bulk-delete", Must::Same, |ids| ("/v1/schedules/bulk-delete".into(), json!({"ids": [ids.schedule]}))),
    ("GET", "/v1/rate-meter", Must::NotFound, |ids| bare(format!("/v1/rate-meter?account_id={}", ids.account))),
    ("GET", "/v1/dashboard/summary", Must::OwnOnly, |_| bare("/v1/dashboard/summary")),
    ("GET", "/v1/dashboard/summary", Must::NotFound, |ids| bare(format!("/v1/dashboard/summary?account_id={}", ids.account))),
    ("GET", "/v1/export", Must::OwnOnly, |_| bare("/v1/export")),
    ("GET", "/v1/billing/status", Must::OwnOnly, |_| bare("/v1/billing/status")),
    ("GET", "/v1/billing/pricing", Must::Nobodys, |_| bare("/v1/billing/pricing")),
    ("POST", "/v1/billing/checkout", Must::OwnOnly, |_| ("/v1/billing/checkout".into(), json!({"plan": "pro"}))),
    ("POST", "/v1/billing/portal", Must::OwnOnly, |_| bare("/v1/billing/portal")),
    ("POST", "/v1/stripe/webhook", Must::Nobodys, |_| bare("/v1/stripe/webhook")),
    ("GET", "/v1/mcp/quota", Must::OwnOnly, |_| bare("/v1/mcp/quota")),
    ("POST", "/v1/mcp/track", Must::OwnOnly, |_| bare("/v1/mcp/track")),
    ("GET", "/v1/team/members", Must::OwnOnly, |_| bare("/v1/team/members")),
    ("PATCH", "/v1/team/members/{id}", Must::OwnOnly, |ids| (format!("/v1/team/members/{}", ids.key), json!({"role": "owner"}))),
    ("DELETE", "/v1/team/members/{id}", Must::OwnOnly, |ids| bare(format!("/v1/team/members/{}", ids.key))),
    ("GET", "/v1/team/invitations", Must::OwnOnly, |_| bare("/v1/team/invitations")),
    ("POST", "/v1/team/invitations", Must::OwnOnly, |ids| ("/v1/team/invitations".into(), json!({"email": ids.email, "role": "member"}))),
    ("GET", "/v1/team/invitations/preview", Must::Nobodys, |_| bare("/v1/team/invitations/preview?token=tttttttttttttttttttt")),
    ("POST", "/v1/team/invitations/accept", Must::Nobodys, |_| ("/v1/team/invitations/accept".into(), json!({"token": "t".repeat(20)}))),
    ("DELETE", "/v1/team/invitations/{id}", Must::OwnOnly, |ids| bare(format!("/v1/team/invitations/{}", ids.key))),
    ("POST", "/v1/team/invitations/{id}/resend", Must::OwnOnly, |ids| bare(format!("/v1/team/invitations/{}/resend", ids.key))),
    ("GET", "/v1/email/preferences", Must::OwnOnly, |_| bare("/v1/email/preferences")),
    ("PATCH", "/v1/email/preferences", Must::OwnOnly, |_| ("/v1/email/preferences".into(), json!({"alerts_enabled": true}))),
    ("GET", "/v1/email/unsubscribe", Must::Nobodys, |_| bare("/v1/email/unsubscribe?token=t")),
    // Last: they wipe the caller's sandbox and end the caller's session.
    ("POST", "/v1/projects/sandbox/reset", Must::OwnOnly, |_| bare("/v1/projects/sandbox/reset")),
    ("POST", "/v1/auth/logout", Must::OwnOnly, |_| bare("/v1/auth/logout")),
];

#[test]
fn every_route_has_a_case_and_every_case_a_route() {
    let routes: BTreeSet<(String, &str)> =
        pinbridge_api::routes::table().iter().map(|one| (one.method.to_string(), one.path)).collect();
    let cases: BTreeSet<(String, &str)> =
        CASES.iter().map(|(method, path, ..)| ((*method).to_owned(), *path)).collect();
    assert_eq!(
        routes.difference(&cases).collect::<Vec<_>>(),
        [(); 0].map(|()| unreachable!()).iter().collect::<Vec<_>>()
    );
    assert!(cases.is_subset(&routes), "{:?}", cases.difference(&routes).collect::<Vec<_>>());
}

/// The answer without what differs from request to request.
fn comparable(text: &str, ids: &Ids) -> String {
    let mut text = text.to_owned();
    for id in ids.all() {
        text = text.replace(id, "ID");
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(mut answer) => {
            if let Some(error) = answer.get_mut("error") {
                error["request_id"] = Value::Null;
            }
            answer.to_string()
        }
        Err(_) => text,
    }
}

#[tokio::test]
async fn with_anothers_credentials_nothing_is_read_changed_or_learned() {
    let real = Real::start(2).await;
    let mine = Tenant::create(&real, "intruder", "sim_account_1").await;
    let theirs = Tenant::create(&real, "victim", "sim_account_2").await;
    // What names them, but for what everybody has.
    let names = ["Workspace of victim", "Full name of victim", "Key of victim", "sim_account_2"];
    let names = names.iter().chain(&["victim-waits", "victim-failed", "victim-schedule"]);
    let marks: Vec<String> = theirs.ids.all().into_iter().chain(names.copied()).map(str::to_owned).collect();
    let is_theirs = |row: &str| marks[..3].iter().any(|mark| row.contains(mark)) || row.contains("victim");
    assert_separate(&real, &mine, &theirs, &marks, &is_theirs).await;
    let tokens = real
        .must("GET", &format!("/v1/pinterest/boards?account_id={}", theirs.ids.account), &theirs.api_key, Value::Null)
        .await;
    assert!(tokens[0]["id"].is_string(), "their connection still works");
}

/// The address is all that two people have in common: who left, and who registers next, while the rest of the first
/// one's is still there and while it is being removed.
#[tokio::test]
async fn whoever_has_the_address_of_a_person_who_left_is_another_tenant() {
    let real = Real::start(2).await;
    let theirs = Tenant::create(&real, "victim", "sim_account_2").await;
    let email = Email::parse(&theirs.ids.email).expect("an address");
    let leaver = people::find(&real.world, &email).await.expect("there");
    people::remove(&real.world, leaver.id).await.expect("removed");
    // The next mail to the address could go in a minute.
    real.forget_claim(&email).await;
    let mine = Tenant::with_address(&real, "heir", &theirs.ids.email, "sim_account_1").await;
    assert_ne!((&mine.ids.workspace, &mine.ids.key), (&theirs.ids.workspace, &theirs.ids.key));
    let names = ["Workspace of victim", "Full name of victim", "Key of victim", "sim_account_2"];
    let names = names.iter().chain(&["victim-waits", "victim-failed", "victim-schedule"]);
    let ids = theirs.ids.all().into_iter().filter(|id| *id != theirs.ids.email);
    let marks: Vec<String> = ids.chain(names.copied()).map(str::to_owned).collect();
    let organization = leaver.organization.to_string();
    let is_theirs = |row: &str| [&theirs.ids.workspace, &organization].iter().any(|mark| row.contains(*mark));
    assert_separate(&real, &mine, &theirs, &marks, &is_theirs).await;
    // Their session ended with them, their organisation's key goes on, and a removal takes nothing of the heir's.
    let bearer = format!("Bearer {}", theirs.session);
    let (status, ..) = real.call("GET", "/v1/auth/me", &[("authorization", &bearer)], "").await;
    assert_eq!(status, 401);
    real.must("GET", "/v1/pins", &theirs.api_key, Value::Null).await;
    let of_mine = |row: &str| row.contains(&mine.ids.workspace) || row.contains(&theirs.ids.email);
    let before: Vec<String> = real.rows().await.into_iter().filter(|row| of_mine(row)).collect();
    let id = theirs.ids.workspace.parse().expect("an id");
    purge::delete_workspace(&real.world, id).await.expect("marked");
    let ends_at_ms = real.world.system.monotonic_ms() + 60_000;
    purge::continue_one(&real.world, id, ends_at_ms).await.expect("begun");
    real.world.tenants.remove_user(&leaver).await.expect("repeated");
    real.world.tenants.remove_organization(leaver.organization).await.expect("removed");
    let after: Vec<String> = real.rows().await.into_iter().filter(|row| of_mine(row)).collect();
    assert_eq!(after, before);
    // What was asked above counted as wrong passwords.
    log_in::unlock_address(&real.world, &email).await.expect("lifted");
    let login = json!({"email": mine.ids.email, "password": PASSWORD}).to_string();
    let (status, _, session) = real.call("POST", "/v1/auth/login", &[], &login).await;
    assert!(status == 200 && session.contains(&mine.ids.workspace), "{session}");
}

/// Everything that one tenant can ask about another: nothing of theirs, which `marks` name, is in an answer, and no row
/// that `is_theirs` changes.
async fn assert_separate(
    real: &Real,
    mine: &Tenant,
    theirs: &Tenant,
    marks: &[String],
    is_theirs: &dyn Fn(&str) -> bool,
) {
    let before: Vec<String> = real.rows().await.into_iter().filter(|row| is_theirs(row)).collect();
    assert!(before.len() > 10, "there is something to protect");
    let bearer = format!("Bearer {}", mine.session);
    for credentials in [("x-api-key", mine.api_key.as_str()), ("authorization", bearer.as_str())] {
        for (method, path, must, request) in CASES {
            let ask = async |ids: &Ids| {
                let (uri, body) = request(ids);
                let body = if body.is_null() { String::new() } else { body.to_string() };
                real.call(method, &uri, &[credentials], &body).await
            };
            let unknown = theirs.ids.unknown();
            let (status, _, answer) = ask(&theirs.ids).await;
            let (status_of_nothing, _, answer_of_nothing) = ask(&unknown).await;
            let what = format!("{method} {path} with {}: {status} {answer}", credentials.0);
            assert!(status < 500 || status == 501, "{what}");
            let asked = request(&theirs.ids);
            let echoed = |mark: &str| asked.0.contains(mark) || asked.1.to_string().contains(mark);
            let learned: Vec<&String> =
                marks.iter().filter(|mark| answer.contains(mark.as_str()) && !echoed(mark)).collect();
            assert!(learned.is_empty(), "{learned:?} in {what}");
            match must {
                // A key can't switch; a person finds no such project.
                Must::NotFound if status == 403 && credentials.0 == "x-api-key" => {}
                Must::NotFound => assert_eq!(status, 404, "{what}"),
                Must::Same | Must::OwnOnly | Must::Nobodys => {}
            }
            if matches!(must, Must::NotFound | Must::Same) {
                assert_eq!(
                    (status, comparable(&answer, &theirs.ids)),
                    (status_of_nothing, comparable(&answer_of_nothing, &unknown)),
                    "another's is told from nobody's: {what}"
                );
            }
            let after: Vec<String> = real.rows().await.into_iter().filter(|row| is_theirs(row)).collect();
            // Wrong passwords for an address are counted, whoever sends them, and noted for whom it belongs to.
            let is_count = |row: &&String| {
                let is_noted =
                    row.contains("#activity\")") && row.contains("\"auth.login\"") && row.contains("\"failed\"");
                row.contains("\"login") || is_noted
            };
            let changed: Vec<&String> = after.iter().filter(|row| !before.contains(row) && !is_count(row)).collect();
            assert!(changed.is_empty(), "{changed:#?} after {what}");
            let gone: Vec<&String> = before.iter().filter(|row| !after.contains(row) && !is_count(row)).collect();
            assert!(gone.is_empty(), "{gone:#?} after {what}");
        }
    }
}
