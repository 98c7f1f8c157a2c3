//! Everything that was answered survives, no matter how the process ended.

use std::io::Write;

use pinterest_simulator::{Config, Simulator, seed};
use serde_json::json;
use tokio::net::TcpListener;

use crate::client::{Client, Folder};
use crate::media;

/// Runs `work` against a simulator on the folder, in a runtime that is dropped afterwards without a shutdown.
fn live<F: Future<Output = ()>>(folder: &Folder, work: impl FnOnce(Client) -> F) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let config = Config { data_dir: Some(folder.0.clone()), media_processing_ms: 2_000, ..Config::default() };
        let simulator = Simulator::open(config).expect("opened");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let client = Client::new(listener.local_addr().expect("an address"), 1);
        tokio::spawn(async move { simulator.serve(listener, std::future::pending()).await });
        work(client).await;
    });
}

#[test]
fn pins_deletes_and_boards_survive() {
    let folder = Folder::new("survive");
    let mut before = json!(null);
    live(&folder, async |client: Client| {
        client.create("kept").await;
        let id = client.create("deleted").await.json()["id"].as_str().expect("an id").to_owned();
        client.call("DELETE", &format!("/v5/pins/{id}"), None).await;
        client.call("POST", "/v5/boards", Some(json!({"name": "Attic"}))).await;
        before = json!([client.get("/_sim/pins").await.json(), client.get("/v5/boards").await.json()]);
    });
    live(&folder, async |client: Client| {
        let after = json!([client.get("/_sim/pins").await.json(), client.get("/v5/boards").await.json()]);
        assert_eq!(after, before);
        let ids = |json: &serde_json::Value| json[0]["id"].clone();
        assert_eq!(client.create("new").await.status, 201);
        assert_ne!(ids(&client.get("/v5/pins").await.json()["items"]), ids(&before[0]));
    });
}

#[test]
fn changed_and_deleted_boards_and_sections_survive() {
    let folder = Folder::new("boards");
    let mut before = json!(null);
    let mut kept = String::new();
    let state = async |client: &Client| {
        let sections = format!("/v5/boards/{}/sections", client.account.boards[0].id);
        json!([
            client.get("/_sim/pins").await.json(),
            client.get("/v5/boards").await.json(),
            client.get(&sections).await.json(),
            client.get("/v5/user_account").await.json(),
        ])
    };
    live(&folder, async |client: Client| {
        let [first, second] = [0, 1].map(|index: usize| format!("/v5/boards/{}", client.account.boards[index].id));
        client.call("PATCH", &first, Some(json!({"name": "Soups", "description": "Hot"}))).await;
        let sections = format!("{first}/sections");
        let mut ids = Vec::new();
        for name in ["Starters", "Mains"] {
            let section = client.call("POST", &sections, Some(json!({"name": name}))).await.json();
            let id = section["id"].as_str().expect("an id").to_owned();
            let mut pin = client.pin(name);
            pin["board_section_id"] = json!(id);
            assert_eq!(client.call("POST", "/v5/pins", Some(pin)).await.status, 201);
            ids.push(id);
        }
        kept = format!("{sections}/{}", ids[0]);
        client.call("PATCH", &kept, Some(json!({"name": "Snacks"}))).await;
        assert_eq!(client.call("DELETE", &format!("{sections}/{}", ids[1]), None).await.status, 204);
        let mut pin = client.pin("Chair");
        pin["board_id"] = json!(client.account.boards[1].id);
        assert_eq!(client.call("POST", "/v5/pins", Some(pin)).await.status, 201);
        assert_eq!(client.call("DELETE", &second, None).await.status, 204);
        before = state(&client).await;
    });
    live(&folder, async |client: Client| {
        assert_eq!(state(&client).await, before);
        let deleted: Vec<_> = (0..3).map(|index| before[0][index]["deleted"] == true).collect();
        assert_eq!(deleted, [false, true, true]);
        let within = client.get(&format!("{kept}/pins")).await.json();
        assert_eq!(within["items"][0]["title"], "Starters");
        let sections = kept.rsplit_once('/').map(|(sections, _)| sections).expect("a path");
        let new = client.call("POST", sections, Some(json!({"name": "New"}))).await.json();
        assert!(new["id"].is_string() && !kept.ends_with(new["id"].as_str().unwrap_or_default()));
    });
}

#[test]
fn uploads_and_their_pins_survive() {
    let folder = Folder::new("media");
    let mut uploads = Vec::new();
    let mut carousel = json!(null);
    live(&folder, async |client: Client| {
        for file in [None, Some(media::VIDEO), Some(b"no video, 16 bytes".as_slice())] {
            let registered = media::register(&client).await;
            if let Some(file) = file {
                assert_eq!(media::upload(&client, &registered, file).await.status, 204);
                assert_eq!(media::status(&client, &registered).await, "processing");
            }
            uploads.push(registered);
        }
        let item = |name: &str| json!({"url": format!("https://example.com/{name}.jpg"), "title": name});
        let mut pin = client.pin("Carousel");
        pin["media_source"] = json!({"source_type": "multiple_image_urls", "items": [item("a"), item("b")]});
        carousel = client.call("POST", "/v5/pins", Some(pin)).await.json();
        assert_eq!(carousel["media"]["items"][1]["title"], "b");
    });
    let waiting = std::time::Instant::now();
    let mut video = json!(null);
    live(&folder, async |client: Client| {
        let path = format!("/v5/pins/{}", carousel["id"].as_str().expect("an id"));
        assert_eq!(client.get(&path).await.json(), carousel);
        while media::status(&client, &uploads[2]).await == "processing" {
            assert!(waiting.elapsed() < std::time::Duration::from_secs(10));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let mut states = Vec::new();
        for upload in &uploads {
            states.push(media::status(&client, upload).await);
        }
        assert_eq!(states, ["registered", "succeeded", "failed"]);
        video = client.call("POST", "/v5/pins", Some(media::video_pin(&client, &uploads[1]))).await.json();
        assert_eq!(video["media"]["media_type"], "video");
        assert_eq!(media::register(&client).await["media_id"].as_str().map(str::len), Some(18));
    });
    live(&folder, async |client: Client| {
        let path = format!("/v5/pins/{}", video["id"].as_str().expect("an id"));
        assert_eq!(client.get(&path).await.json(), video);
        let host = format!("http://{}/pinterest-media-upload/", client.address);
        let mut registered = uploads[0].clone();
        // The port is another one after a restart; the parameters are the same.
        registered["upload_url"] = json!(host);
        assert_eq!(media::upload(&client, &registered, media::VIDEO).await.status, 204);
        let listed = client.get("/v5/media").await.json()["items"].as_array().map(Vec::len);
        assert_eq!(listed, Some(4));
    });
}

#[test]
fn token_rotations_and_revocations_survive() {
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", seed::APP_ID, seed::APP_SECRET));
    let basic = format!("Basic {basic}");
    let headers = [("authorization", basic.as_str())];
    let refresh = async |client: &Client, token: &str| {
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        client.try_send("POST", "/v5/oauth/token", &headers, &form).await.expect("an answer")
    };
    let folder = Folder::new("tokens");
    let mut next = String::new();
    live(&folder, async |client: Client| {
        client.set_faults(json!([{"fault": "revoke_token", "operation": "pins/create", "times": 1}])).await;
        client.create("Soup").await;
        let issued = refresh(&client, &client.account.refresh_token).await.json();
        next = issued["refresh_token"].as_str().expect("a refresh token").to_owned();
    });
    live(&folder, async |client: Client| {
        assert_eq!(client.get("/v5/boards").await.status, 401);
        assert_eq!(refresh(&client, &client.account.refresh_token).await.status, 401);
        assert_eq!(refresh(&client, &next).await.status, 200);
    });
}

#[test]
fn a_late_commit_survives() {
    let folder = Folder::new("late");
    live(&folder, async |client: Client| {
        client.set_faults(json!([{"fault": "late_commit", "commit_after_ms": 300, "hold_ms": 0}])).await;
        let silence = client.try_call("POST", "/v5/pins", Some(client.pin("Soup"))).await;
        assert!(silence.is_none());
        assert!(client.committed_titles().await.is_empty());
    });
    live(&folder, async |client: Client| client.wait_until_committed(1).await);
    live(&folder, async |client: Client| assert_eq!(client.committed_titles().await, ["Soup"]));
}

#[test]
fn an_incomplete_last_line_is_cut_off() {
    let folder = Folder::new("torn");
    live(&folder, async |client: Client| {
        client.create("Soup").await;
    });
    let path = folder.0.join("journal.jsonl");
    let mut journal = std::fs::OpenOptions::new().append(true).open(&path).expect("the journal");
    journal.write_all(br#"{"event":"pin_created","pin":{"id":"78"#).expect("written");
    drop(journal);
    live(&folder, async |client: Client| {
        assert_eq!(client.committed_titles().await, ["Soup"]);
        client.create("Stew").await;
    });
    live(&folder, async |client: Client| assert_eq!(client.committed_titles().await, ["Soup", "Stew"]));
}

#[test]
fn more_accounts_may_be_added_later() {
    let folder = Folder::new("more");
    let open = |accounts: usize| {
        let config = Config { data_dir: Some(folder.0.clone()), accounts, ..Config::default() };
        Simulator::open(config).expect("opened").seed_accounts().len()
    };
    assert_eq!((open(2), open(5), open(1)), (2, 5, 5));
}

#[test]
fn a_folder_can_be_used_by_one_simulator_at_a_time() {
    let folder = Folder::new("locked");
    let config = || Config { data_dir: Some(folder.0.clone()), ..Config::default() };
    let _first = Simulator::open(config()).expect("opened");
    let error = Simulator::open(config()).expect_err("must be refused");
    assert!(format!("{error:#}").contains("another simulator is using it"), "{error:#}");
}
