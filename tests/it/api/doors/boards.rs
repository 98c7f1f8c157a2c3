//! The board of a pin at every door: an unknown one fails at once, a name is resolved, and whatever keeps Pinterest
//! from answering is no reason to refuse.

use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::testing::fake_boards::refused;

use super::*;

/// What the answer says of the pin's board.
fn resolved(door: Door, answer: &Value) -> Value {
    match door {
        Pins | Schedules => answer["resolved"]["board"].clone(),
        Validate | ValidateSchedule => answer["resolved"]["board"].clone(),
        _ => answer["results"][0]["resolved"]["board"].clone(),
    }
}

/// The boards that a refusal names.
fn boards(door: Door, answer: &Value) -> Vec<String> {
    let list = match door {
        Pins | Schedules => answer["error"]["boards"].clone(),
        Batch => answer["results"][0]["error"]["boards"].clone(),
        Validate | ValidateSchedule => {
            let checks = answer["checks"].as_array().expect("a list");
            checks.iter().find(|check| check["name"] == "board").expect("there")["details"]["boards"].clone()
        }
        // A row has its text only.
        _ => Value::Null,
    };
    list.as_array().into_iter().flatten().filter_map(|board| board["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_unknown_board_fails_at_once_at_every_door_and_leaves_nothing() {
    for door in DOORS {
        for unknown in ["700000000000000099", "1", "Gardening", "ada/gardening", "../me", "12 34"] {
            let api = api().await;
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), "board_id", json!(unknown))).await;
            assert_eq!(outcome(door, &answer), "board_not_found", "{door:?} {unknown}: {}", answer.2);
            if matches!(door, Pins | Schedules) {
                assert_eq!(answer.0, 422, "as the hosted API answers: {}", answer.2);
            }
            let (_, pins) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
            assert_eq!(pins, json!([]), "{door:?} {unknown}");
            // The key is still free.
            let fine = Call::of(&api).send(&api, door, &pin("a")).await;
            assert_eq!(outcome(door, &fine), "created", "{door:?} {unknown}: {}", fine.2);
        }
    }
}

#[tokio::test]
async fn a_boards_name_is_resolved_at_every_door_and_told_back() {
    for door in DOORS {
        for name in
            ["Cranes", " cranes ", "CRANES!", "paperfolder/cranes", "https://www.pinterest.com/PaperFolder/cranes/"]
        {
            let api = api().await;
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), "board_id", json!(name))).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?} {name}: {}", answer.2);
            let wanted = json!({"id": BOARD, "name": "Cranes"});
            assert_eq!(resolved(door, &answer.2), wanted, "{door:?} {name}: {}", answer.2);
            if !door.is_dry() && door != Schedules {
                let (_, pins) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
                assert_eq!(pins[0]["board_id"], BOARD, "{door:?} {name}: {pins}");
                // The id and the name are one content, and a repetition is one pin.
                let again = Call::of(&api).send(&api, door, &pin("a")).await;
                assert_eq!(outcome(door, &again), "existing", "{door:?} {name}: {}", again.2);
            }
            if matches!(door, Validate | ValidateSchedule) {
                assert_eq!(answer.2["resolved"]["board_id"], BOARD, "{}", answer.2);
            }
            if door == Schedules {
                assert_eq!(answer.2["payload"]["board_id"], BOARD, "{}", answer.2);
            }
        }
        // An id is told back as nothing: there was nothing to resolve.
        let api = api().await;
        let answer = Call::of(&api).send(&api, door, &pin("a")).await;
        assert_eq!(resolved(door, &answer.2), Value::Null, "{door:?}: {}", answer.2);
    }
}

#[tokio::test]
async fn a_name_that_fits_several_boards_or_nearly_one_is_refused_with_their_ids() {
    for door in DOORS {
        let api = api().await;
        let [first, second] = [api.world.boards.add("Soups"), api.world.boards.add("soups!")];
        let answer = Call::of(&api).send(&api, door, &with(pin("a"), "board_id", json!("SOUPS"))).await;
        assert_eq!(outcome(door, &answer), "board_ambiguous", "{door:?}: {}", answer.2);
        let text = answer.2.to_string();
        assert!(text.contains(&first) && text.contains(&second), "{door:?}: {text}");
        if !matches!(door, Json | JsonDry | Csv | CsvDry) {
            assert_eq!(boards(door, &answer.2), [first.clone(), second], "{door:?}: {text}");
        }
        // The name itself counts before one that is like it.
        let exact = Call::of(&api).send(&api, door, &with(pin("b"), "board_id", json!("Soups"))).await;
        assert_eq!(outcome(door, &exact), "created", "{door:?}: {}", exact.2);
        let near = Call::of(&api).send(&api, door, &with(pin("c"), "board_id", json!("Crames"))).await;
        assert_eq!(outcome(door, &near), "board_not_found", "{door:?}: {}", near.2);
        assert!(near.2.to_string().contains(BOARD), "the board that comes near is named: {door:?}: {}", near.2);
    }
}

#[tokio::test]
async fn an_address_means_a_board_of_the_accounts_own_user_and_no_other() {
    let foreign = [
        "https://www.pinterest.com/otheruser/cranes/",
        "https://www.pinterest.com/pin/cranes",
        "https://www.pinterest.com/search/cranes",
        "https://www.pinterest.com/ideas/cranes/",
        "https://www.pinterest.com/cranes/",
        "https://www.pinterest.com/paperfolder/other/cranes/",
        "https://www.pinterest.com/paperfolder/cranes/folds/",
        "https://example.com/paperfolder/cranes/",
        "otheruser/cranes",
    ];
    for door in DOORS {
        let api = api().await;
        for text in foreign {
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), "board_id", json!(text))).await;
            assert_eq!(outcome(door, &answer), "board_not_found", "{door:?} {text}: {}", answer.2);
        }
        let answer = Call::of(&api).send(&api, door, &with(pin("a"), "board_id", json!(foreign[0]))).await;
        assert!(answer.2.to_string().contains(BOARD), "the board that fits is named: {door:?}: {}", answer.2);
    }
    // Pinterest hasn't said who the account's user is.
    let api = api().await;
    let row = api.world.context.store.account(testdata::connected_account().key).await.expect("read").expect("there");
    let account = Account { username: None, ..row.next(api.world.now(), "n".into()) };
    assert!(api.world.context.store.save_account(&account).await.expect("saved").is_done());
    for text in ["https://www.pinterest.com/paperfolder/cranes/", "paperfolder/cranes"] {
        let answer = Call::of(&api).send(&api, Pins, &with(pin("a"), "board_id", json!(text))).await;
        assert_eq!(outcome(Pins, &answer), "board_not_found", "{text}: {}", answer.2);
        assert_eq!(boards(Pins, &answer.2), [BOARD], "{text}");
    }
}

#[tokio::test]
async fn a_sign_that_carries_meaning_is_a_part_of_a_boards_name_at_every_door() {
    for door in DOORS {
        let api = api().await;
        let plus = api.world.boards.add("C++");
        for text in ["C#", "C", "C--", "C*", "https://www.pinterest.com/paperfolder/c/"] {
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), "board_id", json!(text))).await;
            assert_eq!(outcome(door, &answer), "board_not_found", "{door:?} {text}: {}", answer.2);
            assert!(answer.2.to_string().contains(&plus), "{door:?} {text}: {}", answer.2);
        }
        let answer = Call::of(&api).send(&api, door, &with(pin("a"), "board_id", json!("c++"))).await;
        assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
        assert_eq!(resolved(door, &answer.2), json!({"id": plus, "name": "C++"}), "{door:?}");
    }
}

#[tokio::test]
async fn an_unreachable_pinterest_is_no_reason_to_refuse_an_id_and_a_name_is_asked_for_later() {
    for failure in [Failure::PinterestUnreachable, Failure::RateLimited, Failure::TrialAccess, Failure::ScopeMissing] {
        for door in [Pins, Batch, Schedules, Json] {
            let api = api().await;
            api.world.boards.fail_next(vec![refused(failure); 20]);
            let answer =
                Call::of(&api).send(&api, door, &with(pin("a"), "board_id", json!("700000000000000099"))).await;
            // A schedule is refused for what the account lacks, as before.
            if door == Schedules && failure == Failure::ScopeMissing {
                assert_eq!(outcome(door, &answer), "scope_missing", "{}", answer.2);
                continue;
            }
            assert_eq!(outcome(door, &answer), "created", "{door:?} {failure:?}: {}", answer.2);
            let warnings = if door == Batch { &answer.2["results"][0]["warnings"] } else { &answer.2["warnings"] };
            if door != Json {
                assert_eq!(warnings[0]["code"], "board_not_checked", "{door:?} {failure:?}: {}", answer.2);
            }
            if matches!(door, Pins | Schedules) {
                let header = answer.1["x-pinbridge-warning"].to_str().expect("a text");
                assert!(header.starts_with("board_not_checked; reason="), "{header}");
            }
            let named = Call::of(&api).send(&api, door, &with(pin("b"), "board_id", json!("Cranes"))).await;
            assert!(outcome(door, &named) != "created", "nobody knows what it means: {}", named.2);
            assert_ne!(outcome(door, &named), "board_not_found", "it may exist: {}", named.2);
        }
    }
}

#[tokio::test]
async fn a_known_board_costs_no_call_and_many_unknown_ones_cost_one() {
    let api = api().await;
    let call = Call::of(&api);
    assert_eq!(call.send(&api, Pins, &pin("first")).await.0, 201);
    assert_eq!(api.world.boards.tokens().len(), 1, "the account's boards were listed");
    for number in 0..5 {
        for door in [Pins, Batch, Json, Csv] {
            let row = pin(&format!("k{number}-{door:?}"));
            assert_eq!(
                outcome(door, &call.send(&api, door, &with(row.clone(), "title", json!(format!("{door:?}")))).await),
                "created"
            );
        }
    }
    assert_eq!(api.world.boards.tokens().len(), 1, "and never again");
    // Two hours later, a hundred different boards that don't exist.
    api.world.system.advance_ms(120 * MINUTE_MS);
    let items: Vec<Value> =
        (0..100).map(|n| with(pin(&format!("u{n}")), "board_id", json!((800 + n).to_string()))).collect();
    let (_, _, answer) = call.send_text(&api, Batch, json!({"pins": items}).to_string()).await;
    assert_eq!(answer["failed_count"], 100, "{answer}");
    assert_eq!(api.world.boards.tokens().len(), 2, "one list for all of them");
    // The list is young: a few are asked for one by one, since they may have been made on Pinterest a moment ago.
    api.world.system.advance_ms(MINUTE_MS);
    let items: Vec<Value> =
        (0..100).map(|n| with(pin(&format!("v{n}")), "board_id", json!((1_800 + n).to_string()))).collect();
    let (_, _, answer) = call.send_text(&api, Batch, json!({"pins": items}).to_string()).await;
    assert_eq!((answer["failed_count"].as_u64(), api.world.boards.tokens().len()), (Some(100), 7), "{answer}");
}

#[tokio::test]
async fn a_board_that_was_just_made_on_pinterest_or_here_is_never_refused() {
    for door in DOORS {
        let api = api().await;
        let call = Call::of(&api);
        call.send(&api, door, &with(pin("u"), "board_id", json!("1234"))).await;
        // Half a minute after the boards were listed.
        api.world.system.advance_ms(30_000);
        let made = api.world.boards.add("Made on Pinterest");
        let answer = call.send(&api, door, &with(pin("a"), "board_id", json!(made))).await;
        assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
        let answer = call.send(&api, door, &with(pin("b"), "board_id", json!("made on pinterest"))).await;
        assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
        let body = json!({"account_id": testdata::account(), "name": "Made here"});
        let (status, board) = api.call("POST", "/v1/pinterest/boards", As::Key(&api.key), body).await;
        assert_eq!(status, 201, "{board}");
        for board in [board["id"].clone(), json!("Made here")] {
            let answer = call.send(&api, door, &with(pin(&format!("c{board}")), "board_id", board.clone())).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?} {board}: {}", answer.2);
        }
    }
}

#[tokio::test]
async fn a_board_that_is_gone_is_refused_and_a_repeated_request_still_gets_its_pin() {
    let api = api().await;
    let call = Call::of(&api);
    let doomed = api.world.boards.add("Doomed");
    let rows = [with(pin("by-id"), "board_id", json!(doomed)), with(pin("by-name"), "board_id", json!("Doomed"))];
    for row in &rows {
        assert_eq!(call.send(&api, Pins, row).await.0, 201);
        assert_eq!(call.send(&api, Schedules, row).await.0, 201);
    }
    let path = format!("/v1/pinterest/boards/{doomed}?account_id={}", testdata::account());
    assert_eq!(api.call("DELETE", &path, As::Key(&api.key), Value::Null).await.0, 204);
    for (number, row) in rows.iter().enumerate() {
        for door in [Pins, Batch, Json, Csv, JsonDry, CsvDry, Schedules] {
            let again = call.send(&api, door, row).await;
            assert_eq!(outcome(door, &again), "existing", "{door:?}: {}", again.2);
            let new = with(row.clone(), "idempotency_key", json!(format!("new-{number}-{door:?}")));
            let code = if number == 0 { "board_deleted" } else { "board_not_found" };
            let answer = call.send(&api, door, &new).await;
            assert_eq!(outcome(door, &answer), code, "{door:?}: {}", answer.2);
        }
    }
    // Deleted on Pinterest, which we learn within a day.
    let other = api.world.boards.add("Deleted elsewhere");
    // The list was read a moment ago; a board that is used within seconds of it is older than that.
    api.world.system.advance_ms(3 * SECOND_MS);
    assert_eq!(call.send(&api, Pins, &with(pin("x"), "board_id", json!(other))).await.0, 201);
    api.world.boards.remove(&other);
    api.world.system.advance_ms(DAY_MS);
    let answer = call.send(&api, Pins, &with(pin("y"), "board_id", json!(other))).await;
    assert!(["board_deleted", "board_not_found"].contains(&outcome(Pins, &answer).as_str()), "{}", answer.2);
}

#[tokio::test]
async fn a_list_that_isnt_whole_refuses_nobody() {
    // Secret boards aren't listed without their scope.
    let api = api().await;
    let mut account = testdata::connected_account();
    let row = api.world.context.store.account(account.key).await.expect("read").expect("there");
    account = Account { scopes: format!("{},pins:write_secret", row.scopes), ..row.next(api.world.now(), "n".into()) };
    assert!(api.world.context.store.save_account(&account).await.expect("saved").is_done());
    for door in [Pins, Batch, Json] {
        let answer = Call::of(&api).send(&api, door, &with(pin("s"), "board_id", json!("700000000000000099"))).await;
        let outcome = outcome(door, &answer);
        assert!(["created", "existing"].contains(&outcome.as_str()), "{door:?}: {}", answer.2);
    }
    // Beyond the pages that are read, Pinterest is asked about the board itself.
    let api = self::api().await;
    api.world.boards.cut_lists();
    for (board, wanted) in [("700000000000000099", "board_not_found"), (BOARD, "created")] {
        let answer = Call::of(&api).send(&api, Pins, &with(pin("l"), "board_id", json!(board))).await;
        assert_eq!(outcome(Pins, &answer), wanted, "{}", answer.2);
    }
}

#[tokio::test]
async fn a_change_or_a_retry_may_name_a_board_too() {
    let api = api().await;
    let other = api.world.boards.add("Other cranes");
    api.world.pinterest.answer_next([Answer::Refused(Failure::LinkBlocked, None)]);
    let (_, _, made) = Call::of(&api).send(&api, Pins, &pin("a")).await;
    let path = format!("/v1/pins/{}", made["id"].as_str().expect("an id"));
    api.world.run_for_ms(1_000).await;
    let key = As::Key(&api.key);
    let answer = api.refused("PATCH", &path, key, json!({"board_id": "Crane"}), 422, "board_not_found").await;
    assert!(answer["error"]["boards"].as_array().is_some_and(|boards| boards.len() == 2), "{answer}");
    let (status, changed) = api.call("PATCH", &path, key, json!({"board_id": "other cranes"})).await;
    assert_eq!((status, &changed["board_id"]), (200, &json!(other)), "{changed}");
    let told = json!({"board": {"id": other, "name": "Other cranes"}});
    assert_eq!(changed["resolved"], told, "{changed}");
    let (_, unchanged) = api.call("PATCH", &path, key, json!({"board_id": other})).await;
    assert_eq!(unchanged["resolved"], Value::Null, "an id says itself what it means: {unchanged}");
    let (status, retried) = api.call("POST", &format!("{path}/retry"), key, json!({"board_id": "Cranes"})).await;
    assert_eq!((status, &retried["board_id"]), (200, &json!(BOARD)), "{retried}");
    let (_, _, schedule) = Call::of(&api).send(&api, Schedules, &pin("s")).await;
    let path = format!("/v1/schedules/{}", schedule["id"].as_str().expect("an id"));
    let (status, changed) = api.call("PATCH", &path, key, json!({"board_id": "OTHER CRANES"})).await;
    assert_eq!((status, &changed["payload"]["board_id"]), (200, &json!(other)), "{changed}");
    assert_eq!(changed["resolved"], told, "{changed}");
}

#[tokio::test]
async fn a_twin_is_a_pin_that_was_accepted_and_a_repetition_is_none() {
    let api = api().await;
    let call = Call { query: "on_duplicate=refuse", ..Call::of(&api) };
    let told = |answer: &Value| -> Vec<String> {
        let rows = answer["results"].as_array().expect("a list");
        rows.iter().map(|row| row["status"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(Call::of(&api).send(&api, Pins, &with(pin("taken"), "title", json!("Other"))).await.0, 201);
    for door in [JsonDry, Batch, Json] {
        let body = |rows: Value| if door == Batch { json!({"pins": rows}).to_string() } else { rows.to_string() };
        let of =
            |key: &str, title: &str| with(pin(&format!("{key}-{door:?}")), "title", json!(format!("{title} {door:?}")));
        // The key of the first one stands for other content, so the second one has no twin; the third one has.
        let rows = json!([with(of("x", "One"), "idempotency_key", json!("taken")), of("b", "One"), of("c", "One")]);
        let (_, _, answer) = call.send_text(&api, door, body(rows)).await;
        assert_eq!(told(&answer), ["failed", "created", "failed"], "{door:?}: {answer}");
        // A board that doesn't exist, and an account that doesn't.
        let elsewhere = with(of("d", "Two"), "account_id", json!(Uuid::from_u128(404)));
        let rows = json!([elsewhere, of("e", "Two"), of("e", "Two"), of("f", "Two")]);
        let (_, _, answer) = call.send_text(&api, door, body(rows)).await;
        assert_eq!(told(&answer), ["failed", "created", "existing", "failed"], "{door:?}: {answer}");
    }
    // Both exist, since they were accepted with a warning: neither repetition is refused.
    let rows = json!([with(pin("g"), "title", json!("Three")), with(pin("h"), "title", json!("Three"))]);
    let (_, _, answer) = Call::of(&api).send_text(&api, Batch, json!({"pins": rows}).to_string()).await;
    assert_eq!(told(&answer), ["created", "created"], "{answer}");
    for door in [JsonDry, Batch, Json] {
        let body = if door == Batch { json!({"pins": rows}).to_string() } else { rows.to_string() };
        let (_, _, answer) = call.send_text(&api, door, body).await;
        assert_eq!(told(&answer), ["existing", "existing"], "{door:?}: {answer}");
    }
}
