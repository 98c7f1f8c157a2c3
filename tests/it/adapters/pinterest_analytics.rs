//! The adapter of analytics against the simulator: what it reads, and what it takes refusals for.

use std::sync::Arc;

use pinbridge_shared::adapters::pinterest::PinterestClient;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::domain::account::analytics::{ACCOUNT_METRICS, Days, PIN_METRICS, Question};
use pinbridge_shared::domain::deadlines::Deadlines;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::ports::{Analytics, Creation, Pinterest, System};
use pinterest_simulator::{Config, SeedAccount, Simulator, seed_accounts};
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct Rig {
    url: String,
    client: PinterestClient,
    account: SeedAccount,
}

impl Rig {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let simulator = Simulator::open(Config::default()).expect("opens");
        tokio::spawn(async move { simulator.serve(listener, std::future::pending()).await });
        let system = Arc::new(RealSystem::default());
        let client = PinterestClient::new(&url, &Deadlines::default(), system).expect("a client");
        Self { url, client, account: seed_accounts(1).remove(0) }
    }

    fn token(&self) -> Secret {
        Secret::new(self.account.access_token.clone())
    }

    async fn create(&self) -> String {
        let mut request = testdata::request("key");
        request.board_id = self.account.boards[0].id.clone();
        match self.client.create_pin(&self.token(), &request).await {
            Creation::Created { pinterest_pin_id, .. } => pinterest_pin_id,
            other => panic!("{other:?}"),
        }
    }

    async fn set_fault(&self, rule: Value) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let put = http.put(format!("{}/_sim/faults", self.url)).json(&json!([rule]));
        assert!(put.send().await.expect("answers").status().is_success());
    }
}

fn question(metrics: &[&str]) -> Question {
    let days = Days::new(None, None, RealSystem::default().now()).expect("days");
    Question { days, metrics: metrics.iter().map(|name| (*name).to_owned()).collect() }
}

#[tokio::test]
async fn a_pins_figures_are_read() {
    let rig = Rig::start().await;
    let id = rig.create().await;
    let question = question(&PIN_METRICS);
    let metrics = rig.client.pin_metrics(&rig.token(), &id, &question).await.expect("answered").expect("there");
    let wanted: Vec<String> = PIN_METRICS.iter().map(|name| name.to_lowercase()).collect();
    assert!(wanted.iter().all(|name| metrics.totals.contains_key(name)), "{metrics:?}");
    assert_eq!(metrics.daily.len(), 30);
    let sum: f64 = metrics.daily.iter().filter_map(|day| day.metrics.get("impression")).sum();
    assert_eq!(Some(&sum), metrics.totals.get("impression"));
    assert!(!metrics.daily[0].metrics.contains_key("impression"), "before the Pin there is nothing");
}

#[tokio::test]
async fn an_accounts_figures_are_read() {
    let rig = Rig::start().await;
    let metrics = rig.client.account_metrics(&rig.token(), &question(&ACCOUNT_METRICS)).await.expect("answered");
    assert_eq!((metrics.totals.len(), metrics.daily.len()), (9, 30));
    let some = rig.client.account_metrics(&rig.token(), &question(&["SAVE"])).await.expect("answered");
    assert_eq!(some.totals, [("save".to_owned(), metrics.totals["save"])].into());
}

#[tokio::test]
async fn a_pin_that_is_gone_is_told_from_an_answer_that_isnt_pinterests() {
    let rig = Rig::start().await;
    let id = rig.create().await;
    let question = question(&["SAVE"]);
    rig.set_fault(json!({"operation": "pins/analytics", "fault": "status", "status": 404, "times": 1})).await;
    assert_eq!(rig.client.pin_metrics(&rig.token(), &id, &question).await, Ok(None), "as documented");
    rig.client.delete_pin(&rig.token(), &id).await.expect("deleted");
    assert_eq!(rig.client.pin_metrics(&rig.token(), &id, &question).await, Ok(None));
    // Nobody there has heard of such a path.
    let client = PinterestClient::new(
        &format!("{}/_sim/pins#", rig.url),
        &Deadlines::default(),
        Arc::new(RealSystem::default()),
    );
    let lost = client.expect("a client").pin_metrics(&rig.token(), &id, &question).await;
    assert_eq!(lost.map_err(|read| read.failure), Err(Failure::PinterestUnreachable));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let rig = Rig::start().await;
    let id = rig.create().await;
    let ask =
        async || rig.client.pin_metrics(&rig.token(), &id, &question(&["SAVE"])).await.expect_err("refused").failure;
    let ask_account =
        async || rig.client.account_metrics(&rig.token(), &question(&["SAVE"])).await.expect_err("refused").failure;
    for (status, pin, account) in [
        (400, Failure::InvalidRequest, Failure::InvalidRequest),
        (403, Failure::BoardAccessDenied, Failure::Unrecognised),
        (429, Failure::RateLimited, Failure::RateLimited),
        (503, Failure::PinterestUnreachable, Failure::PinterestUnreachable),
    ] {
        let code = if status == 429 { 8 } else { status };
        rig.set_fault(json!({"fault": "status", "status": status, "code": code, "message": "No."})).await;
        assert_eq!((ask().await, ask_account().await), (pin, account), "{status}");
    }
    let read_only = Secret::new("nobodys");
    rig.set_fault(json!({"operation": "oauth/token", "fault": "status", "status": 500})).await;
    let refused = rig.client.account_metrics(&read_only, &question(&["SAVE"])).await.expect_err("refused");
    assert_eq!(refused.failure, Failure::TokenRevoked);
}
