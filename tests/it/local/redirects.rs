//! No client of ours follows a redirect with a key or a token: who can answer a request must not choose who gets them.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header::LOCATION};
use axum::response::IntoResponse;
use pinbridge_local::demo::Demo;
use pinbridge_shared::adapters::app_secret::AppSecret;
use pinbridge_shared::adapters::pinterest::{PinterestClient, PinterestOAuth};
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::config::OAuthApp;
use pinbridge_shared::domain::deadlines::Deadlines;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::ports::{Creation, OAuth, Pinterest};
use tokio::net::TcpListener;

use super::process::binary;
use crate::support::embedded_aws;

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
const KEY: &str = "pb_live_5e3d";

/// A server that answers every request with this redirect, and the one to which it leads, with what that one got.
struct Trap {
    url: String,
    caught: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    async fn set(status: u16) -> Self {
        let caught: Arc<Mutex<Vec<String>>> = Arc::default();
        let catch = Arc::clone(&caught);
        let thief = serve(Router::new().fallback(move |request: Request| {
            catch.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{:?}", request.headers()));
            async { (StatusCode::OK, "{}") }
        }));
        let thief = thief.await;
        let url = serve(Router::new().fallback(move |request: Request| {
            let to = format!("{thief}{}", request.uri());
            async move { (StatusCode::from_u16(status).expect("a status"), [(LOCATION, to)]).into_response() }
        }));
        Self { url: url.await, caught }
    }

    fn assert_nothing_was_caught(&self, what: &str) {
        let caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(caught.is_empty(), "{what}: {caught:?}");
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_import_stops_at_a_redirect_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pins.csv");
    std::fs::write(&file, "account_id,board_id,title,idempotency_key,image_url\na,1,T,k,https://example.com/a.jpg\n")
        .expect("written");
    for status in STATUSES {
        let trap = Trap::set(status).await;
        let mut command = Command::new(binary("operator"));
        command.arg("import").arg(&file).args(["--api-url", &trap.url]).env("PINBRIDGE_API_KEY", KEY);
        command.env("NO_PROXY", "127.0.0.1");
        let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ran");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        trap.assert_nothing_was_caught(&format!("{status}"));
        assert!(!output.status.success() && told.contains("redirects to http"), "{status}: {told}");
        assert!(told.contains("--api-url") && !told.contains(KEY), "{status}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_follows_no_redirect_with_its_key() {
    for status in STATUSES {
        let trap = Trap::set(status).await;
        let demo = Demo { base_url: &trap.url, api_key: KEY, provider: "nobody" };
        assert!(demo.first_account().await.is_err());
        assert!(demo.publish("account", "1", "key", None).await.is_err());
        trap.assert_nothing_was_caught(&format!("{status}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_and_no_secret_follows_a_redirect_of_pinterests() {
    let aws = embedded_aws::start().await;
    let secrets = embedded_aws::secrets_manager(&aws);
    AppSecret::new(secrets.clone(), "pinbridge").write(&Secret::new("app-secret")).await.expect("written");
    for status in STATUSES {
        let trap = Trap::set(status).await;
        let system = Arc::new(RealSystem::default());
        let token = Secret::new("pina_token");
        let client = PinterestClient::new(&trap.url, &Deadlines::default(), system.clone()).expect("a client");
        let created = client.create_pin(&token, &testdata::request("key")).await;
        assert!(!matches!(created, Creation::Created { .. }), "{created:?}");
        assert!(client.board_pins(&token, "1", None).await.is_err());
        assert!(client.user(&token).await.is_err());
        assert!(client.delete_pin(&token, "1").await.is_err());
        let app = OAuthApp {
            app_id: "1".into(),
            redirect_url: "https://example.com/".into(),
            authorize_url: "https://example.com/".into(),
            scopes: "pins:read".into(),
        };
        let app_secret = AppSecret::new(secrets.clone(), "pinbridge");
        let oauth = PinterestOAuth::new(&trap.url, Some(app), app_secret, system).expect("a client");
        assert!(oauth.exchange(&Secret::new("code")).await.is_err());
        assert!(oauth.refresh(&Secret::new("pinr_token")).await.is_err());
        trap.assert_nothing_was_caught(&format!("{status}"));
    }
}
