//! The adapter of boards against the simulator: what it reads, what it takes for refused and for unknown.

use std::sync::Arc;

use pinbridge_shared::adapters::pinterest::PinterestClient;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::domain::account::board::{BoardChange, BoardDraft, Privacy};
use pinbridge_shared::domain::deadlines::Deadlines;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::ports::Boards;
use pinterest_simulator::{Config, SeedAccount, Simulator, seed_accounts};
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct Rig {
    url: String,
    client: PinterestClient,
    token: Secret,
    account: SeedAccount,
}

impl Rig {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let simulator = Simulator::open(Config::default()).expect("opens");
        tokio::spawn(async move { simulator.serve(listener, std::future::pending()).await });
        let account = seed_accounts(1).remove(0);
        Self { client: client(&url), url, token: Secret::new(account.access_token.clone()), account }
    }

    async fn set_fault(&self, rule: Value) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let put = http.put(format!("{}/_sim/faults", self.url)).json(&json!([rule]));
        assert!(put.send().await.expect("answers").status().is_success());
    }

    async fn create(&self, name: &str) -> Result<String, Failure> {
        let draft = BoardDraft { name: name.into(), description: None, privacy: None };
        self.client.create_board(&self.token, &draft).await.map(|board| board.id).map_err(|read| read.failure)
    }
}

fn client(url: &str) -> PinterestClient {
    PinterestClient::new(url, &Deadlines::default(), Arc::new(RealSystem::default())).expect("a client")
}

#[tokio::test]
async fn boards_and_sections_come_and_go() {
    let rig = Rig::start().await;
    let (client, token) = (&rig.client, &rig.token);
    let draft =
        BoardDraft { name: "Paper ✂".into(), description: Some("Folded".into()), privacy: Some(Privacy::Secret) };
    let board = client.create_board(token, &draft).await.expect("created");
    assert_eq!((board.name.as_str(), board.privacy.as_deref()), ("Paper ✂", Some("SECRET")));
    let change = BoardChange { name: Some("Cranes".into()), ..BoardChange::default() };
    let changed = client.update_board(token, &board.id, &change).await.expect("changed");
    assert_eq!((changed.name.as_str(), changed.description.as_deref()), ("Cranes", Some("Folded")));
    assert_eq!(client.board(token, &board.id).await.expect("read"), changed);
    let listed = client.boards(token).await.expect("listed");
    assert_eq!((listed.boards.len(), listed.is_whole), (3, true));
    let section = client.create_section(token, &board.id, "Small").await.expect("created");
    assert_eq!(client.sections(token, &board.id).await.expect("listed"), [section]);
    client.delete_board(token, &board.id).await.expect("deleted");
    for failure in [
        client.delete_board(token, &board.id).await.expect_err("gone"),
        client.board(token, &board.id).await.expect_err("gone"),
        client.update_board(token, &board.id, &change).await.expect_err("gone"),
        client.sections(token, &board.id).await.expect_err("gone"),
    ] {
        assert_eq!(failure.failure, Failure::BoardNotFound, "{failure:?}");
    }
}

#[tokio::test]
async fn related_terms_are_read() {
    let rig = Rig::start().await;
    let related = rig.client.related_terms(&rig.token, &["soup".into(), "fold it & more".into()]).await.expect("read");
    assert_eq!(related.id.as_deref(), Some("soup"));
    let terms: Vec<&str> = related.groups.iter().map(|group| group.term.as_str()).collect();
    assert_eq!(terms, ["soup", "fold it & more"]);
    assert!(related.groups.iter().all(|group| group.related.len() == 3));
}

#[tokio::test]
async fn what_pinterest_refuses_is_classified() {
    let rig = Rig::start().await;
    let reader = Secret::new(rig.account.read_only_access_token.clone());
    let draft = BoardDraft { name: "Paper".into(), description: None, privacy: None };
    let narrow = rig.client.create_board(&reader, &draft).await.expect_err("refused");
    assert_eq!(narrow.failure, Failure::ScopeMissing);
    assert!(narrow.upstream.message.is_some_and(|message| message.contains("boards:write")));
    let terms = rig.client.related_terms(&reader, &["soup".into()]).await.expect_err("refused");
    assert_eq!(terms.failure, Failure::ScopeMissing);
    let wrong = rig.client.create_board(&Secret::new("pina_wrong"), &draft).await.expect_err("refused");
    assert_eq!(wrong.failure, Failure::TokenRevoked);
    let taken = rig.account.boards[0].name.as_str();
    assert_eq!(rig.create(taken).await, Err(Failure::InvalidRequest));
    let foreign = seed_accounts(2)[1].boards[0].id.clone();
    let change = BoardChange { name: Some("Mine".into()), ..BoardChange::default() };
    let refused = rig.client.update_board(&rig.token, &foreign, &change).await.expect_err("not its own");
    assert_eq!(refused.failure, Failure::BoardAccessDenied);
}

#[tokio::test]
async fn a_boards_own_name_does_not_choose_its_failure() {
    for name in ["Rate limit tips", "Too many requests", "Trial access", "Blocked links", "Combat spam"] {
        let rig = Rig::start().await;
        for message in [
            format!("You already have a board named {name}"),
            format!("You already have a board named \"{name}\"."),
            format!("Board {name}: a board with this name already exists"),
        ] {
            let body = json!({"code": 58, "message": message}).to_string();
            let rule =
                json!({"operation": "boards/create", "fault": "status", "status": 400, "body": body, "times": 1});
            rig.set_fault(rule).await;
            assert_eq!(rig.create(name).await, Err(Failure::InvalidRequest), "{message}");
        }
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_may_have_happened() {
    for (fault, is_there) in [("drop_connection", false), ("error_after_commit", true)] {
        let rig = Rig::start().await;
        rig.set_fault(json!({"operation": "boards/create", "fault": fault, "times": 1})).await;
        assert_eq!(rig.create("Lost").await, Err(Failure::OutcomeUnknown), "{fault}");
        let boards = rig.client.boards(&rig.token).await.expect("listed").boards;
        assert_eq!(boards.iter().any(|board| board.name == "Lost"), is_there, "{fault}");
    }
    let rig = Rig::start().await;
    rig.set_fault(json!({"operation": "boards/create", "fault": "status", "status": 429, "times": 1})).await;
    assert_eq!(rig.create("Later").await, Err(Failure::RateLimited));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let nobody = client(&format!("http://{}", listener.local_addr().expect("an address")));
    drop(listener);
    let draft = BoardDraft { name: "Unsent".into(), description: None, privacy: None };
    let unsent = nobody.create_board(&rig.token, &draft).await.expect_err("nobody is there");
    assert_eq!(unsent.failure, Failure::PinterestUnreachable, "surely not sent");
}
