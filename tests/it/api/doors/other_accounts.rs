//! What a key with an allow-list learns of pins and imports of other accounts: nothing.

use super::*;

/// A second account of the workspace, and the text of a key that may not use the first one.
async fn second_account(api: &Api) -> (AccountId, String) {
    let first = testdata::connected_account();
    let id = AccountId(Uuid::from_u128(0xc));
    let second = Account { key: AccountKey { account: id, ..first.key }, ..first };
    assert!(api.world.context.store.save_account(&second).await.expect("saved").is_done());
    (id, api.new_key(json!({"name": "second", "pinterest_account_ids": [id]})).await.0)
}

#[tokio::test]
async fn a_key_with_an_allow_list_learns_no_id_of_another_accounts_pin() {
    for door in DOORS {
        let api = api().await;
        let (second, limited) = second_account(&api).await;
        // The first account's pin and schedule, one of each deleted.
        let mut ids = Vec::new();
        for (made, key) in [(Pins, "taken"), (Schedules, "taken"), (Pins, "gone"), (Schedules, "gone")] {
            let (status, _, answer) = Call::of(&api).send(&api, made, &pin(key)).await;
            assert_eq!(status, 201, "{answer}");
            let id = answer["id"].as_str().expect("an id").to_owned();
            let path = format!("{}/{id}", made.path());
            if key == "gone" {
                if made == Schedules {
                    api.call("POST", &format!("{path}/cancel"), As::Key(&api.key), Value::Null).await;
                }
                assert_eq!(api.call("DELETE", &path, As::Key(&api.key), Value::Null).await.0, 204);
            }
            ids.push(id);
        }
        for (key, codes) in [("taken", ["idempotency_key_reused"; 2]), ("gone", ["pin_deleted", "schedule_removed"])] {
            let asked = with(pin(key), "account_id", json!(second));
            let answer = Call { key: &limited, ..Call::of(&api) }.send(&api, door, &asked).await;
            let text = answer.2.to_string();
            assert!(codes.iter().any(|code| text.contains(code)), "{door:?}: {text}");
            for id in &ids {
                assert!(!text.contains(id), "{door:?} {key} names {id}: {text}");
            }
            if !door.has_items() || door == Batch {
                let seen = Call::of(&api).send(&api, door, &with(pin(key), "title", json!("Other"))).await;
                assert!(ids.iter().any(|id| seen.2.to_string().contains(id)), "{door:?} {key}: {}", seen.2);
            }
        }
    }
}

#[tokio::test]
async fn a_repeated_request_shows_no_pin_that_was_sent_to_another_account_since() {
    let api = api().await;
    let (second, _) = second_account(&api).await;
    let first = testdata::connected_account().key.account;
    let limited = api.new_key(json!({"name": "first", "pinterest_account_ids": [first]})).await.0;
    api.world.pinterest.answer_next([Answer::Refused(Failure::LinkBlocked, None)]);
    let (status, _, made) = Call { key: &limited, ..Call::of(&api) }.send(&api, Pins, &pin("moved")).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().expect("an id");
    api.world.run_for_ms(1_000).await;
    let key = PinKey { workspace: testdata::workspace(), pin: id.parse().expect("an id") };
    let edit = Edit { account: Some(second), ..Edit::default() };
    retry_pin_with(&api.world.context, key, false, &edit).await.expect("sent to the other account");
    for door in [Pins, Batch, JsonDry, CsvDry, Json, Csv] {
        let (_, _, again) = Call { key: &limited, ..Call::of(&api) }.send(&api, door, &pin("moved")).await;
        let text = again.to_string();
        assert!(text.contains("idempotency_key_reused") && !text.contains(id), "{door:?}: {text}");
        let seen = Call::of(&api).send(&api, door, &pin("moved")).await.2.to_string();
        assert!(seen.contains(id), "{door:?}: {seen}");
    }
}

#[tokio::test]
async fn a_key_with_an_allow_list_learns_nothing_of_another_accounts_import() {
    let api = api().await;
    let (second, limited) = second_account(&api).await;
    let headers = [("idempotency-key", "file")];
    let (status, _, import) = Call { headers: &headers, ..Call::of(&api) }.send(&api, Json, &pin("one")).await;
    assert_eq!(status, 202);
    let id = import["id"].as_str().expect("an id");
    let pin_id = import["results"][0]["pin_id"].as_str().expect("an id");
    let call = Call { key: &limited, headers: &headers, ..Call::of(&api) };
    // The very same file, and another one.
    for row in [pin("one"), with(pin("one"), "account_id", json!(second)), pin("two")] {
        let (status, _, answer) = call.send(&api, Json, &row).await;
        assert_eq!((status, &answer["code"]), (409, &json!("idempotency_key_reused")), "{answer}");
        assert!(!answer.to_string().contains(id) && !answer.to_string().contains(pin_id), "{answer}");
    }
    let (status, _, answer) = Call { headers: &headers, ..Call::of(&api) }.send(&api, Json, &pin("two")).await;
    assert!(status == 409 && answer.to_string().contains(id), "{answer}");
    // A file of both accounts, whose row of the first one can't be read or is refused.
    for (what, row) in refused_rows() {
        let api = super::api().await;
        let (second, limited) = second_account(&api).await;
        let body = format!("[{}, {row}]", with(pin("mine"), "account_id", json!(second)));
        let (status, _, import) =
            Call { headers: &headers, ..Call::of(&api) }.send_text(&api, Json, body.clone()).await;
        assert_eq!((status, &import["results"][1]["status"]), (202, &json!("failed")), "{what}: {import}");
        let id = import["id"].as_str().expect("an id");
        let call = Call { key: &limited, headers: &headers, ..Call::of(&api) };
        for door in [Json, JsonDry] {
            let (status, _, answer) = call.send_text(&api, door, body.clone()).await;
            assert_eq!((status, &answer["code"]), (409, &json!("idempotency_key_reused")), "{what}: {answer}");
            assert!(!answer.to_string().contains(id), "{what}: {answer}");
        }
        let who = As::Key(&limited);
        let path = format!("/v1/pins/imports/{id}");
        api.refused("GET", &path, who, Value::Null, 404, "not_found").await;
        api.refused("POST", &format!("{path}/resume"), who, Value::Null, 404, "not_found").await;
        for list in LISTS {
            let (status, answer) = api.call("GET", list, who, Value::Null).await;
            assert!(status == 200 && !answer.to_string().contains(id), "{what} {list}: {answer}");
        }
    }
}

/// What names imports. (A pin says which import it comes from; its own account sees that.)
const LISTS: [&str; 2] = ["/v1/pins/imports", "/v1/activity-logs?action=import.created"];

/// Rows of the first account that fail before they name it, or although they name it.
fn refused_rows() -> Vec<(&'static str, String)> {
    let row = || pin("theirs");
    let scheduled = with(pin("mine"), "run_at", json!(START.plus_ms(HOUR_MS).rfc3339()));
    vec![
        ("a control character", row().to_string().replace("Crane", "Cra\u{1}ne")),
        ("NaN", row().to_string().replace("\"Crane\"", "NaN")),
        ("too large", with(row(), "title", json!("x".repeat(70_000))).to_string()),
        ("a field twice", row().to_string().replacen('{', r#"{"title": "Another crane", "#, 1)),
        ("without an account", without(row(), "account_id").to_string()),
        ("no id of an account", with(row(), "account_id", json!("theirs")).to_string()),
        ("a schedule with the key of a pin", scheduled.to_string()),
    ]
}

#[tokio::test]
async fn a_key_with_an_allow_list_reads_its_own_imports_and_those_of_its_accounts_alone() {
    let api = api().await;
    let (second, limited) = second_account(&api).await;
    let (other, _) = api.new_key(json!({"name": "other", "pinterest_account_ids": [second]})).await;
    let mine = |key: &str| with(pin(key), "account_id", json!(second));
    let refused = refused_rows().into_iter().map(|(_, row)| row);
    // Of its own account, the refused row too.
    let known = without(mine("refused"), "title").to_string();
    let of_another = pin("of another account").to_string();
    for (number, row) in refused.chain([of_another, known.clone()]).enumerate() {
        let body = format!("[{}, {row}]", mine(&format!("row {number}")));
        let (_, _, import) = Call { key: &limited, ..Call::of(&api) }.send_text(&api, Json, body).await;
        assert_eq!(import["total_rows"], 2, "the call read its own import: {import}");
        let id = import["id"].as_str().expect("an id");
        let is_shared = row == known;
        let (status, _) = api.call("GET", &format!("/v1/pins/imports/{id}"), As::Key(&other), Value::Null).await;
        assert_eq!(status, if is_shared { 200 } else { 404 }, "{row}");
        for list in LISTS {
            for (key, is_seen) in [(&limited, true), (&other, is_shared)] {
                let (_, answer) = api.call("GET", list, As::Key(key), Value::Null).await;
                assert_eq!(answer.to_string().contains(id), is_seen, "{list}: {row}");
            }
        }
    }
}
