//! Registering with an address that is proven, and again after somebody else had the address.

use std::sync::Arc;

use http::{Method, Request};
use pinbridge_api::auth::Access;
use pinbridge_api::routes;
use pinbridge_shared::config::Registration;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::mail::Mail;
use pinbridge_shared::domain::tenant::claim::{MAIL_EVERY_MS, MAILS_MAX, MAILS_WINDOW_MS};
use pinbridge_shared::domain::tenant::login::SOURCE_FAILURES_MAX;
use pinbridge_shared::domain::tenant::proof::{CLAIM_MS, LINK_MS};
use pinbridge_shared::domain::tenant::user::{Email, Role};
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::ports::{Mailer, PortError, PortResult};
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::invitations::invite;
use crate::support::api::{Api, As, PASSWORD};

pub const ADA: &str = "ada@example.com";
pub const BOB: &str = "bob@example.com";
pub const EVE: &str = "eve@example.com";
pub const REGISTER: &str = "/v1/auth/register";
const RESEND: &str = "/v1/auth/email/verify/request";

/// The body of a registration.
pub fn registered(email: &str) -> Value {
    json!({"full_name": "Bob", "email": email, "password": PASSWORD, "workspace_name": "Bob's", "timezone": "UTC"})
}

pub fn invited(email: &str, token: &str) -> Value {
    let mut body = registered(email);
    body["invite_token"] = json!(token);
    body
}

pub fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

pub async fn register(api: &Api, email: &str) -> Value {
    let (status, answer) = api.call("POST", REGISTER, As::Nobody, registered(email)).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

pub fn token(answer: &Value) -> &str {
    answer["access_token"].as_str().expect("a token")
}

pub fn id<'a>(answer: &'a Value, of: &str) -> &'a str {
    answer.pointer(of).and_then(Value::as_str).unwrap_or_else(|| panic!("{of} in {answer}"))
}

pub fn workspace(answer: &Value) -> WorkspaceId {
    id(answer, "/active_project/id").parse().expect("an id")
}

/// Status and code of opening the link as a program does.
async fn open(api: &Api, link: &str) -> (u16, String) {
    let path = format!("/v1/auth/email/verify?token={link}");
    let request = Request::get(path).header("accept", "application/json").body(String::new().into());
    let (status, _, answer) = api.send(request.expect("a request")).await;
    (status, answer["code"].as_str().unwrap_or_default().to_owned())
}

/// Opens the link of the newest mail.
pub async fn prove(api: &Api, email: &str) {
    let link = api.world.mailer.token(email).expect("a mail with a link");
    assert_eq!(open(api, &link).await, (200, String::new()));
}

/// Registers and proves.
pub async fn join(api: &Api, email: &str) -> Value {
    let answer = register(api, email).await;
    prove(api, email).await;
    answer
}

pub async fn log_in(api: &Api, email: &str, password: &str) -> (u16, Value) {
    api.call("POST", "/v1/auth/login", As::Nobody, json!({"email": email, "password": password})).await
}

/// The answer without what differs from request to request.
pub fn comparable(answer: &Value, addresses: &[&str]) -> String {
    let mut text = answer.to_string();
    for address in addresses {
        text = text.replace(address, "ADDRESS");
    }
    let mut answer: Value = serde_json::from_str(&text).expect("JSON");
    mask(&mut answer);
    answer.to_string()
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let is_own = name == "id" || name == "access_token" || name == "request_id" || name.ends_with("_at");
                if is_own { *field = json!("MASKED") } else { mask(field) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

#[tokio::test]
async fn registration_is_closed_unless_it_is_opened() {
    let api = Api::new().await;
    let token = invite(&api, BOB).await;
    for body in [registered(BOB), json!({}), invited(BOB, &token)] {
        api.refused("POST", REGISTER, As::Nobody, body, 403, "registration_closed").await;
    }
    assert_eq!(log_in(&api, BOB, PASSWORD).await.0, 401);
    assert!(api.world.mailer.sent().is_empty());
}

#[tokio::test]
async fn whoever_proves_an_address_has_an_organisation_of_their_own() {
    let api = Api::open().await;
    let answer = register(&api, " Bob@Example.com").await;
    assert_eq!((&answer["active_project"]["name"], &answer["user"]["email"]), (&json!("Bob's"), &json!(BOB)));
    assert_eq!(answer["user"]["email_verified"], json!(false));
    let world = &api.world.context;
    assert_eq!(world.tenants.workspace(workspace(&answer)).await.expect("read"), None, "nothing is founded yet");
    let mail = api.world.mailer.sent().remove(0);
    assert_eq!(mail.to.as_str(), BOB);
    assert!(mail.text.expose().contains("https://api.example.com/v1/auth/email/verify?token="));

    let link = api.world.mailer.token(BOB).expect("a link");
    assert_eq!(open(&api, &link).await, (200, String::new()));
    assert_eq!(open(&api, &link).await, (400, "verification_invalid".into()), "a link works once");
    let who = As::Bearer(token(&answer));
    let (status, me) = api.call("GET", "/v1/auth/me", who, Value::Null).await;
    assert_eq!((status, &me["user"]["email_verified"]), (200, &json!(true)), "the session goes on");
    for of in ["/user/id", "/organization/id", "/active_project/id"] {
        assert_eq!(id(&me, of), id(&answer, of));
    }
    assert_eq!(api.call("GET", "/v1/pins", who, Value::Null).await, (200, json!([])));
    let (_, projects) = api.call("GET", "/v1/projects", who, Value::Null).await;
    assert_eq!(projects["projects"].as_array().map(Vec::len), Some(1), "{projects}");
    assert_eq!(api.call("POST", "/v1/api-keys", who, json!({"name": "k"})).await.0, 201);
    let (status, session) = log_in(&api, BOB, PASSWORD).await;
    assert_eq!((status, id(&session, "/user/id")), (200, id(&answer, "/user/id")));
    let (status, again) = api.call("POST", RESEND, who, Value::Null).await;
    assert_eq!((status, &again["message"]), (200, &json!("The email address is verified already.")));
    let (_, log) = api.call("GET", "/v1/activity-logs", who, Value::Null).await;
    let actions: Vec<&str> =
        log["items"].as_array().expect("entries").iter().filter_map(|e| e["action"].as_str()).collect();
    assert!(actions.contains(&"auth.email_verified"), "{actions:?}");
}

#[tokio::test]
async fn an_unproven_person_may_read_themselves_ask_for_a_mail_and_log_out() {
    let api = Api::open().await;
    let first = register(&api, BOB).await;
    let (status, second) = log_in(&api, BOB, PASSWORD).await;
    assert_eq!((status, &second["user"]["email_verified"]), (200, &json!(false)), "{second}");
    for session in [&first, &second] {
        let who = As::Bearer(token(session));
        let (status, me) = api.call("GET", "/v1/auth/me", who, Value::Null).await;
        assert_eq!((status, &me["user"]["email_verified"]), (200, &json!(false)));
        for route in routes::table() {
            if matches!(route.access, Access::Public | Access::AnySession) {
                continue;
            }
            let path = route.path.replace("{id}", &Uuid::new_v4().to_string());
            let body = if route.method == Method::GET { Value::Null } else { json!({}) };
            api.refused(route.method.as_str(), &path, who, body, 403, "email_not_verified").await;
        }
    }
    let open_to_all: Vec<&str> =
        routes::table().iter().filter(|route| route.access == Access::AnySession).map(|route| route.id).collect();
    assert_eq!(open_to_all, ["request_email_verification", "log_out", "get_me"]);
    api.world.system.advance_ms(MAIL_EVERY_MS);
    let (status, sent) = api.call("POST", RESEND, As::Bearer(token(&second)), Value::Null).await;
    assert_eq!((status, &sent["retry_after_seconds"]), (200, &json!(MAIL_EVERY_MS / SECOND_MS)), "{sent}");
    let who = As::Bearer(token(&first));
    assert_eq!(api.call("POST", "/v1/auth/logout", who, Value::Null).await.0, 204);
    api.refused("GET", "/v1/auth/me", who, Value::Null, 401, "invalid_session").await;
    prove(&api, BOB).await;
    assert_eq!(api.call("GET", "/v1/pins", As::Bearer(token(&second)), Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_link_shows_a_page_whose_button_verifies() {
    let api = Api::open().await;
    let who = register(&api, BOB).await;
    let link = format!("/v1/auth/email/verify?token={}", api.world.mailer.token(BOB).expect("a link"));
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let send = async |method: &str, accept: Option<&str>| {
        let request = Request::builder().method(method).uri(&link);
        let request = accept.into_iter().fold(request, |request, accept| request.header("accept", accept));
        let request = request.body(axum::body::Body::empty()).expect("a request");
        let (status, headers, text) = crate::support::api::answer(&api.world.context, request).await;
        (status, headers["content-type"].to_str().expect("text").to_owned(), text)
    };
    for accept in [Some(browser), Some("*/*"), None] {
        let (status, kind, page) = send("GET", accept).await;
        assert_eq!((status, kind.starts_with("text/html")), (200, true), "{accept:?}");
        assert!(page.contains("<form method=\"post\">") && page.contains("<button>"), "{page}");
        assert!(!page.contains(BOB), "who opens a link need not be who registered");
    }
    let (_, me) = api.call("GET", "/v1/auth/me", As::Bearer(token(&who)), Value::Null).await;
    assert_eq!(me["user"]["email_verified"], json!(false), "opening it verifies nothing");
    let (status, kind, page) = send("POST", Some(browser)).await;
    assert!(status == 200 && kind.starts_with("text/html") && page.contains("confirmed"), "{page}");
    let (_, me) = api.call("GET", "/v1/auth/me", As::Bearer(token(&who)), Value::Null).await;
    assert_eq!(me["user"]["email_verified"], json!(true));
    let (status, _, page) = send("POST", Some(browser)).await;
    assert!(status == 400 && page.contains("Not confirmed"), "{page}");
    assert_eq!(send("POST", None).await.0, 400);
}

/// The page of a link, and the request's status.
async fn page(api: &Api, method: &str, link: &str, accept: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(format!("/v1/auth/email/verify?token={link}"));
    let request = request.header("accept", accept).body(axum::body::Body::empty()).expect("a request");
    let (status, _, text) = crate::support::api::answer(&api.world.context, request).await;
    (status, text)
}

/// A registration of Mallory's with an address that isn't hers.
fn mallorys(email: &str) -> Value {
    json!({"full_name": "Mallory", "email": email, "password": "mallory's own password",
           "workspace_name": "Evil & Co.", "timezone": "UTC"})
}

fn newest_mail(api: &Api) -> Mail {
    api.world.mailer.sent().pop().expect("a mail")
}

#[tokio::test]
async fn the_mail_and_the_page_name_the_registration_and_who_gets_what() {
    let api = Api::open().await;
    let (status, mallory) = api.call("POST", REGISTER, As::Nobody, mallorys(BOB)).await;
    assert_eq!(status, 201, "{mallory}");
    let at = api.world.now().rfc3339();
    let at = format!("{} {} UTC", &at[..10], &at[11..16]);
    let of_mallory = api.world.mailer.token(BOB).expect("a link");
    let named = [at.as_str(), id(&mallory, "/user/id")];
    let mail = newest_mail(&api);
    for part in named.iter().chain(&["\"Mallory\"", "\"Evil & Co.\"", "whoever made this registration"]) {
        assert!(mail.text.expose().contains(part), "{part} in {}", mail.text.expose());
    }
    let (status, text) = page(&api, "GET", &of_mallory, "text/html").await;
    assert_eq!(status, 200, "{text}");
    for part in named.iter().chain(&["Mallory", "Evil &amp; Co.", "whoever made this registration"]) {
        assert!(text.contains(part), "{part} in {text}");
    }
    // Another mail names the same registration, and when it was made.
    api.world.system.advance_ms(MAIL_EVERY_MS);
    assert_eq!(api.call("POST", RESEND, As::Bearer(token(&mallory)), Value::Null).await.0, 200);
    let again = newest_mail(&api);
    for part in named {
        assert!(again.text.expose().contains(part), "{part} in {}", again.text.expose());
    }
    // The page of a link that is not good names nobody.
    for bad in [of_mallory.as_str(), "x", ""] {
        let (status, text) = page(&api, "GET", bad, "text/html").await;
        assert!([400, 422].contains(&status) && text.contains("Not confirmed"), "{status}: {text}");
        assert!(!text.contains("Mallory") && !text.contains("<button>"), "{text}");
    }
}

#[tokio::test]
async fn only_the_link_in_the_newest_mail_to_an_address_works_whoever_registered() {
    let api = Api::open().await;
    let (_, mallory) = api.call("POST", REGISTER, As::Nobody, mallorys(BOB)).await;
    let of_mallory = api.world.mailer.token(BOB).expect("a link");
    api.world.system.advance_ms(MAIL_EVERY_MS + SECOND_MS);
    let bob = register(&api, BOB).await;
    let of_bob = api.world.mailer.token(BOB).expect("a link");
    assert_eq!(open(&api, &of_mallory).await, (400, "verification_invalid".into()));
    assert_eq!(page(&api, "GET", &of_mallory, "text/html").await.0, 400);
    assert_eq!(page(&api, "POST", &of_mallory, "text/html").await.0, 400);
    // Mallory has another mail sent, and so Bob's link ends. Bob's session has the next one sent.
    api.world.system.advance_ms(MAIL_EVERY_MS);
    assert_eq!(api.call("POST", RESEND, As::Bearer(token(&mallory)), Value::Null).await.0, 200);
    assert!(newest_mail(&api).text.expose().contains("\"Mallory\""));
    assert_eq!(open(&api, &of_bob).await, (400, "verification_invalid".into()));
    api.world.system.advance_ms(MAIL_EVERY_MS);
    assert_eq!(api.call("POST", RESEND, As::Bearer(token(&bob)), Value::Null).await.0, 200);
    assert!(newest_mail(&api).text.expose().contains("\"Bob\""));
    prove(&api, BOB).await;
    let (_, me) = api.call("GET", "/v1/auth/me", As::Bearer(token(&bob)), Value::Null).await;
    assert_eq!(me["user"]["email_verified"], json!(true));
    api.refused("GET", "/v1/pins", As::Bearer(token(&mallory)), Value::Null, 403, "email_not_verified").await;
}

#[tokio::test]
async fn who_is_refused_is_not_sent_to_the_link_of_another() {
    let api = Api::open().await;
    api.call("POST", REGISTER, As::Nobody, mallorys(BOB)).await;
    let refused = api.refused("POST", REGISTER, As::Nobody, registered(BOB), 429, "rate_limited").await;
    let remedy = refused["error"]["remediation"].as_str().expect("a text");
    assert!(!remedy.to_lowercase().contains("open the link"), "{remedy}");
    assert!(remedy.contains("Do not open a link that you did not ask for"), "{remedy}");
}

#[tokio::test]
async fn a_name_changes_nothing_in_what_the_mail_and_the_page_say() {
    let frame =
        |text: &str, names: [&str; 2]| names.iter().fold(text.to_owned(), |text, name| text.replace(name, "NAME"));
    let mut seen = Vec::new();
    for (name, in_mail, on_page) in [
        ("Bob", "Bob", "Bob"),
        ("<b>Bob</b>", "<b>Bob</b>", "&lt;b&gt;Bob&lt;/b&gt;"),
        ("Bob Subject: x\u{a0}\u{3000}y", "Bob Subject: x y", "Bob Subject: x y"),
        ("boB\u{200b}\u{feff}\u{e0041}", "boB", "boB"),
        ("Bob\" of \u{201c}Paper\u{201d}", "Bob' of 'Paper'", "Bob&#39; of &#39;Paper&#39;"),
        ("https://evil.example/x?a.b", "https: //evil. example/x?a. b", "https://evil.example/x?a.b"),
        ("\u{200b}\u{e000}", "?", "?"),
    ] {
        let api = Api::open().await;
        let mut body = registered(BOB);
        (body["full_name"], body["workspace_name"]) = (json!(name), json!(name));
        let (status, answer) = api.call("POST", REGISTER, As::Nobody, body).await;
        assert_eq!(status, 201, "{name:?}: {answer}");
        let (mail, link) = (newest_mail(&api), api.world.mailer.token(BOB).expect("a link"));
        let (_, text) = page(&api, "GET", &link, "text/html").await;
        let quoted = format!("\"{in_mail}\"");
        assert_eq!(mail.text.expose().matches(&quoted).count(), 2, "{name:?}: {}", mail.text.expose());
        let isolated = format!("<bdi>{on_page}</bdi>");
        assert_eq!(text.matches(&isolated).count(), 2, "{name:?}: {text}");
        let id = id(&answer, "/user/id");
        let mail_frame = frame(mail.text.expose(), [&quoted, &link]).replace(id, "ID");
        seen.push((mail.subject, mail.to, mail_frame, frame(&text, [&isolated, id])));
    }
    for one in &seen {
        assert_eq!(one, &seen[0], "nothing else differs");
    }
    // Texts that end a line or turn it around, or that nobody sees, are refused at once.
    let api = Api::open().await;
    for name in ["Bob\r\nBcc: eve@example.com", "Bob\u{2028}Subject: x", "\u{202e}boB\u{2066}", "\u{200b}"] {
        let mut body = registered(BOB);
        body["full_name"] = json!(name);
        api.refused("POST", REGISTER, As::Nobody, body, 422, "validation_error").await;
    }
}

#[tokio::test]
async fn who_asks_for_the_head_of_a_link_verifies_nothing() {
    let api = Api::open().await;
    let who = register(&api, BOB).await;
    let link = api.world.mailer.token(BOB).expect("a link");
    for accept in ["application/json", "text/html", "*/*"] {
        assert_eq!(page(&api, "HEAD", &link, accept).await, (200, String::new()), "{accept}");
        let (_, me) = api.call("GET", "/v1/auth/me", As::Bearer(token(&who)), Value::Null).await;
        assert_eq!(me["user"]["email_verified"], json!(false), "{accept}");
    }
    prove(&api, BOB).await;
}

#[tokio::test]
async fn links_that_are_not_good_look_the_same() {
    let api = Api::open().await;
    let bob = register(&api, BOB).await;
    let replaced = api.world.mailer.token(BOB).expect("a link");
    api.world.system.advance_ms(MAIL_EVERY_MS);
    assert_eq!(api.call("POST", RESEND, As::Bearer(token(&bob)), Value::Null).await.0, 200);
    let newest = api.world.mailer.token(BOB).expect("a link");
    let eve = register(&api, EVE).await;
    let of_eve = api.world.mailer.token(EVE).expect("a link");
    // Eve's name with Bob's secret, and a person who isn't there.
    let mixed = format!("{}{}", &of_eve[..32], &newest[32..]);
    let nobodys = format!("{}{}", Uuid::new_v4().simple(), &newest[32..]);
    let invitation = invite(&api, BOB).await;
    let api_key = token(&eve).to_owned();
    for bad in [&replaced, &mixed, &nobodys, &invitation, &api_key, "", "x", &newest[1..]] {
        let (status, code) = open(&api, bad).await;
        let missing = if bad.is_empty() { (422, "validation_error") } else { (400, "verification_invalid") };
        assert_eq!((status, code.as_str()), missing, "{bad}");
    }
    api.world.system.advance_ms(LINK_MS - 1);
    assert_eq!(open(&api, &newest).await.0, 200, "a day, to the millisecond");
    api.world.system.advance_ms(1);
    assert_eq!(open(&api, &of_eve).await, (400, "verification_invalid".into()), "a millisecond too late");
}

#[tokio::test]
async fn whether_an_address_has_an_account_shows_in_the_mail_to_it_and_nowhere_else() {
    let api = Api::open().await;
    api.person(ADA, Role::Owner).await;
    let chosen = "a password of my own";
    let mut seen = Vec::new();
    for address in [ADA, "nobody@example.com"] {
        let mut body = registered(address);
        body["password"] = json!(chosen);
        let (verified, sent) = (api.world.passwords.verified(), api.world.mailer.sent().len());
        let (status, answer) = api.call("POST", REGISTER, As::Nobody, body.clone()).await;
        let (again, refused) = api.call("POST", REGISTER, As::Nobody, body).await;
        let (logged_in, session) = log_in(&api, address, chosen).await;
        let who = As::Bearer(token(&answer));
        let (me, person) = api.call("GET", "/v1/auth/me", who, Value::Null).await;
        let (pins, no_pins) = api.call("GET", "/v1/pins", who, Value::Null).await;
        let (resent, too_soon) = api.call("POST", RESEND, who, Value::Null).await;
        let (wrong, unknown) = log_in(&api, address, "a wrong password").await;
        seen.push((
            [status, again, logged_in, me, pins, resent, wrong],
            [answer, refused, session, person, no_pins, too_soon, unknown].map(|a| comparable(&a, &[address])),
            api.world.passwords.verified() - verified,
            api.world.mailer.sent().len() - sent,
        ));
    }
    assert_eq!(seen[0].0, [201, 429, 200, 200, 403, 429, 401]);
    assert_eq!(seen[0], seen[1]);
    let subjects = |address: &str| -> Vec<&str> {
        let sent = api.world.mailer.sent();
        sent.iter().filter(|mail| mail.to.as_str() == address).map(|mail| mail.subject).collect()
    };
    assert_eq!(subjects(ADA), ["You have an account already"]);
    assert_eq!(subjects("nobody@example.com"), ["Confirm your email address"]);
    assert_eq!(api.world.mailer.token(ADA), None, "there is no link to an address that is somebody's");
    // The owner is not disturbed: their password is theirs, and the other one's registration comes to nothing.
    api.log_in(ADA).await;
}

#[tokio::test]
async fn whoever_claims_an_address_keeps_nobody_out() {
    let api = Api::open().await;
    let squatter = register(&api, BOB).await;
    let of_squatter = api.world.mailer.token(BOB).expect("a link");
    api.world.system.advance_ms(MAIL_EVERY_MS);
    let mut body = registered(BOB);
    body["password"] = json!("bob's own password");
    let (status, bob) = api.call("POST", REGISTER, As::Nobody, body).await;
    assert_eq!(status, 201, "{bob}");
    for of in ["/user/id", "/organization/id", "/active_project/id"] {
        assert_ne!(id(&bob, of), id(&squatter, of));
    }
    prove(&api, BOB).await;
    assert_eq!(open(&api, &of_squatter).await, (400, "verification_invalid".into()));
    let who = As::Bearer(token(&squatter));
    api.refused("GET", "/v1/pins", who, Value::Null, 403, "email_not_verified").await;
    assert_eq!(log_in(&api, BOB, PASSWORD).await.0, 401);
    let (status, session) = log_in(&api, BOB, "bob's own password").await;
    assert_eq!((status, id(&session, "/user/id")), (200, id(&bob, "/user/id")));
    // Nor can the squatter's session have a link sent.
    api.world.system.advance_ms(MAIL_EVERY_MS);
    assert_eq!(api.call("POST", RESEND, who, Value::Null).await.0, 200);
    assert_eq!(api.world.mailer.sent().last().map(|mail| mail.subject), Some("You have an account already"));
}

#[tokio::test]
async fn an_address_gets_few_mails_whoever_asks() {
    let api = Api::open().await;
    let answer = register(&api, BOB).await;
    let refused = api.refused("POST", REGISTER, As::Nobody, registered("BOB@example.com"), 429, "rate_limited").await;
    assert_eq!(refused["error"]["retry_after_seconds"], json!(MAIL_EVERY_MS / SECOND_MS));
    let told = refused["message"].as_str().unwrap_or_default();
    assert!(told.contains("A mail was sent to this address a moment ago") && told.contains("60 seconds"), "{told}");
    let who = As::Bearer(token(&answer));
    api.refused("POST", RESEND, who, Value::Null, 429, "rate_limited").await;
    for nth in 1..MAILS_MAX {
        api.world.system.advance_ms(MAIL_EVERY_MS);
        let status = match nth % 2 {
            0 => api.call("POST", RESEND, who, Value::Null).await.0,
            _ => api.call("POST", REGISTER, As::Nobody, registered(BOB)).await.0,
        };
        assert!([200, 201].contains(&status), "mail {nth}: {status}");
    }
    api.world.system.advance_ms(MAIL_EVERY_MS);
    api.refused("POST", REGISTER, As::Nobody, registered(BOB), 429, "rate_limited").await;
    api.refused("POST", RESEND, who, Value::Null, 429, "rate_limited").await;
    assert_eq!(api.world.mailer.sent().len(), MAILS_MAX as usize);
    register(&api, EVE).await;
    api.world.system.advance_ms(MAILS_WINDOW_MS);
    register(&api, BOB).await;
}

#[tokio::test]
async fn registrations_count_as_attempts_of_their_network() {
    let api = Api::open().await;
    for n in 0..SOURCE_FAILURES_MAX {
        register(&api, &format!("a{n}@example.com")).await;
    }
    let hashed = api.world.passwords.verified();
    api.refused("POST", REGISTER, As::Nobody, registered("more@example.com"), 429, "rate_limited").await;
    let elsewhere = registered("more@example.com");
    let (status, ..) = api.call_from("203.0.113.7", "POST", REGISTER, As::Nobody, elsewhere).await;
    assert_eq!((status, api.world.passwords.verified()), (201, hashed));
}

#[tokio::test]
async fn two_who_register_one_address_at_once_cause_one_mail() {
    let api = Api::open().await;
    let one = || api.call("POST", REGISTER, As::Nobody, registered(BOB));
    let answers = futures_util::future::join_all((0..4).map(|_| one())).await;
    let mut statuses: Vec<u16> = answers.into_iter().map(|(status, _)| status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 429, 429, 429]);
    assert_eq!(api.world.mailer.sent().len(), 1);
    prove(&api, BOB).await;
    assert_eq!(log_in(&api, BOB, PASSWORD).await.0, 200);
}

#[tokio::test]
async fn an_unproven_registration_ends_after_three_days() {
    let api = Api::open().await;
    register(&api, BOB).await;
    let last = CLAIM_MS - 1;
    api.world.system.advance_ms(last);
    let (status, session) = log_in(&api, BOB, PASSWORD).await;
    assert_eq!(status, 200);
    assert_eq!(api.call("POST", RESEND, As::Bearer(token(&session)), Value::Null).await.0, 200);
    let link = api.world.mailer.token(BOB).expect("a link");
    api.world.system.advance_ms(1);
    api.refused("GET", "/v1/auth/me", As::Bearer(token(&session)), Value::Null, 401, "invalid_session").await;
    assert_eq!(log_in(&api, BOB, PASSWORD).await.0, 401);
    assert_eq!(open(&api, &link).await, (400, "verification_invalid".into()), "a link doesn't outlast it");
    api.world.system.advance_ms(MAIL_EVERY_MS);
    join(&api, BOB).await;
}

#[tokio::test]
async fn closing_registration_voids_what_is_unproven() {
    let mut api = Api::open().await;
    let answer = register(&api, BOB).await;
    let link = api.world.mailer.token(BOB).expect("a link");
    for registration in [Registration::Closed, Registration::Invited] {
        api.world.context.settings.registration = registration;
        assert_eq!(open(&api, &link).await, (403, "registration_closed".into()));
    }
    api.refused("GET", "/v1/pins", As::Bearer(token(&answer)), Value::Null, 403, "email_not_verified").await;
    api.world.context.mailer = None;
    let who = As::Bearer(token(&answer));
    api.refused("POST", RESEND, who, Value::Null, 501, "not_available_self_hosted").await;
}

#[tokio::test]
async fn a_mail_that_can_not_be_sent_is_an_outage_and_the_address_stays_free() {
    let api = Api::open().await;
    api.world.faults.plan("mailer.send", 1, Fault::FailBefore);
    api.refused("POST", REGISTER, As::Nobody, registered(BOB), 503, "unavailable").await;
    api.world.system.advance_ms(MAIL_EVERY_MS);
    join(&api, BOB).await;
}

/// What SES is where it refuses the address.
struct Refusing;

#[async_trait::async_trait]
impl Mailer for Refusing {
    async fn send(&self, _: &Mail) -> PortResult<()> {
        Err(PortError::Broken { port: "mail", reason: "MessageRejected (HTTP 400)".into() })
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_is_told_as_such() {
    let mut api = Api::open().await;
    let answer = register(&api, BOB).await;
    api.world.system.advance_ms(MAIL_EVERY_MS);
    api.world.context.mailer = Some(Arc::new(Refusing));
    let refused = [
        api.refused("POST", REGISTER, As::Nobody, registered(EVE), 503, "unavailable").await,
        api.refused("POST", RESEND, As::Bearer(token(&answer)), Value::Null, 503, "unavailable").await,
    ];
    for answer in refused {
        let told = answer["message"].as_str().unwrap_or_default();
        assert!(told.contains("mail") && !told.contains("MessageRejected"), "{answer}");
        assert_eq!(answer["error"]["retry_after_seconds"], json!(MAIL_EVERY_MS / SECOND_MS));
    }
}

#[tokio::test]
async fn an_unknown_field_of_a_login_is_named_and_refused_if_that_is_preferred() {
    let api = Api::open().await;
    register(&api, BOB).await;
    prove(&api, BOB).await;
    let path = "/v1/auth/login";
    for field in ["invit_token", "timezon", "workspacename"] {
        let mut body = json!({"email": BOB, "password": PASSWORD});
        body[field] = json!("x");
        let send = async |prefer: &str| {
            let request = Request::post(path).header("content-type", "application/json").header("prefer", prefer);
            api.send(request.body(body.to_string().into()).expect("a request")).await
        };
        let (status, _, answer) = send("handling=strict").await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", field])), "{answer}");
        let (status, headers, answer) = send("handling=lenient").await;
        assert!(status < 300, "{answer}");
        assert_eq!(headers["x-pinbridge-warning"], format!("unknown_field; field={field}"));
    }
}

/// A misspelt `invite_token` would found an organisation of its own.
#[tokio::test]
async fn a_registration_a_password_and_a_profile_refuse_what_they_do_not_know() {
    let api = Api::open().await;
    join(&api, BOB).await;
    let (_, session) = log_in(&api, BOB, PASSWORD).await;
    let who = As::Bearer(token(&session));
    let change = json!({"current_password": PASSWORD, "new_password": "another horse entirely"});
    let sent = api.world.mailer.sent().len();
    for (method, path, who, body, names) in [
        ("POST", REGISTER, As::Nobody, registered(EVE), ["inviteToken", "invite_tokn", "organization_id", "role"]),
        ("POST", "/v1/auth/change-password", who, change, ["newpassword", "email", "New_Password", "x"]),
        ("PUT", "/v1/auth/profile", who, json!({"full_name": "B"}), ["email", "fullname", "timezone", "role"]),
    ] {
        for name in names {
            let mut wrong = body.clone();
            wrong[name] = json!("x");
            let answer = api.refused(method, path, who, wrong, 422, "validation_error").await;
            assert_eq!(answer["detail"][0]["loc"], json!(["body", name]), "{path}: {answer}");
            let with_query = format!("{path}?{name}=x");
            let answer = api.refused(method, &with_query, who, body.clone(), 422, "validation_error").await;
            assert_eq!(answer["detail"][0]["loc"], json!(["query", name]), "{path}: {answer}");
        }
    }
    assert_eq!(api.world.mailer.sent().len(), sent, "nobody was registered");
    assert_eq!(log_in(&api, BOB, PASSWORD).await.0, 200, "and no password changed");
    // The rest of the official client's model.
    let mut clients = registered(EVE);
    clients["marketing_attribution"] = json!({"utm_source": "x"});
    clients["next_path"] = json!("/welcome");
    let (status, answer) = api.call("POST", REGISTER, As::Nobody, clients).await;
    assert_eq!(status, 201, "{answer}");
}

#[tokio::test]
async fn an_address_that_mail_would_read_otherwise_is_refused() {
    let api = Api::open().await;
    for address in
        ["eve<bob@example.com>", "eve,bob@example.com", "\"eve\"@example.com", "eve@exämple.com", "é@example.com"]
    {
        let answer = api.refused("POST", REGISTER, As::Nobody, registered(address), 422, "validation_error").await;
        assert_eq!(answer["error"]["errors"][0]["loc"], json!(["body", "email"]), "{address}");
    }
    for wrong in [json!({}), json!({"full_name": "E", "email": EVE, "password": "short"})] {
        api.refused("POST", REGISTER, As::Nobody, wrong, 422, "validation_error").await;
    }
    assert!(api.world.mailer.sent().is_empty());
}
