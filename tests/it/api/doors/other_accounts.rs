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
}
