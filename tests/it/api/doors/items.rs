//! An item that can't be read: its error is its own, and spoils no other item.

use super::*;

const HALF: &str = r#""half an emoji \ud83d""#;

#[tokio::test]
async fn bytes_that_are_no_text_are_an_error_of_their_own_item() {
    for door in [Batch, Json, JsonDry] {
        for bad in [&b"caf\xe9"[..], b"a\x01b", b"a\nb\x00", b"\xf0\x9f\x98"] {
            let api = api().await;
            let items =
                format!("[{}, {}]", with(pin("bad"), "title", json!("BAD")), with(pin("good"), "title", json!("B")));
            let body = if door == Batch { format!(r#"{{"pins": {items}}}"#) } else { items };
            let (before, after) = body.split_once("BAD").expect("there");
            let body = [before.as_bytes(), bad, after.as_bytes()].concat();
            let query = if door == JsonDry { "?dry_run=true" } else { "" };
            let request = Request::post(format!("{}{query}", door.path())).header("x-api-key", &api.key);
            let (status, _, answer) = api.send(request.body(Body::from(body)).expect("a request")).await;
            while door == Json && api.world.run_importer_once().await {}
            let answer = match door {
                Json => {
                    let path = format!("/v1/pins/imports/{}", answer["id"].as_str().expect("an id"));
                    api.call("GET", &path, As::Key(&api.key), Value::Null).await.1
                }
                _ => answer,
            };
            assert!(status < 300, "{door:?}: {answer}");
            assert_eq!(outcome(door, &(status, HeaderMap::new(), answer.clone())), "validation_error", "{answer}");
            assert!(answer["results"][0].to_string().contains("title"), "{door:?}: {answer}");
            assert_eq!(answer["results"][1]["status"], "created", "{door:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn an_item_that_is_no_object_is_invalid_at_every_door_alike() {
    for door in [Batch, Json, JsonDry] {
        for item in ["null", "1", "[]", "\"a\"", "true"] {
            let api = api().await;
            let body = beside_a_good_one(door, item);
            let answer = Call::of(&api).send_text(&api, door, body).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?} {item}: {}", answer.2);
            assert_eq!(answer.2["results"][1]["status"], "created", "{door:?} {item}: {}", answer.2);
        }
    }
}

#[tokio::test]
async fn half_an_emoji_is_an_error_of_its_own_field_and_item() {
    let bad = |key: &str| {
        [
            pin(key).to_string().replace("\"Crane\"", HALF),
            pin(key).to_string().replace("\"Crane\"", r#""\udc00 low""#),
            with(pin(key), "related_terms", json!(["HALF"])).to_string().replace("\"HALF\"", r#""\ud83d\u0020""#),
        ]
    };
    for door in [Pins, Validate, Batch, Schedules, ValidateSchedule, Json, JsonDry] {
        let api = api().await;
        for (number, bad) in bad("bad").into_iter().enumerate() {
            let good = with(pin("good"), "title", json!("A whole one \u{1f600}"))
                .to_string()
                .replace('\u{1f600}', r"\ud83d\ude00");
            let body = match door {
                Batch => format!(r#"{{"pins": [{bad}, {good}]}}"#),
                Json | JsonDry => format!("[{bad}, {good}]"),
                Schedules | ValidateSchedule => {
                    let run_at = START.plus_ms(HOUR_MS).rfc3339();
                    bad.replacen('{', &format!(r#"{{"run_at": "{run_at}","#), 1)
                }
                _ => bad,
            };
            let answer = Call::of(&api).send_text(&api, door, body).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
            let field = if number == 2 { "related_terms" } else { "title" };
            assert!(answer.2.to_string().contains(field), "{door:?}: {}", answer.2);
            if door.has_items() {
                let other = answer.2["results"][1]["status"].as_str().expect("a status");
                assert!(matches!(other, "created" | "existing"), "{door:?}: {}", answer.2);
                assert_eq!(answer.2["results"][0]["idempotency_key"], "bad", "{door:?}: {}", answer.2);
            }
        }
    }
}

#[tokio::test]
async fn an_item_that_cant_be_read_at_all_spoils_no_other() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for door in [Batch, Json, JsonDry] {
        for bad in [deep.as_str(), r#"{"title": 1e999}"#, r#"{"title": -1e999, "idempotency_key": "k"}"#] {
            let api = api().await;
            let body = beside_a_good_one(door, bad);
            let answer = Call::of(&api).send_text(&api, door, body).await;
            assert_eq!(outcome(door, &answer), "malformed_json", "{door:?}: {}", answer.2);
            assert_eq!(answer.2["results"][1]["status"], "created", "{door:?}: {}", answer.2);
        }
        let api = api().await;
        let (status, _, answer) = Call::of(&api).send_text(&api, door, "[{\"pins\": ".into()).await;
        assert_eq!((status, &answer["code"]), (400, &json!("malformed_json")), "{answer}");
    }
}

#[tokio::test]
async fn a_token_that_json_does_not_have_is_an_error_of_its_own_item() {
    for door in [Batch, Json, JsonDry] {
        for bad in [
            r#"{"title": NaN}"#,
            r#"{"title": undefined, "idempotency_key": "k"}"#,
            r#"{"title": "a", "related_terms": [-Infinity]}"#,
            r#"{"title": "a\x"}"#,
            r#"{"title": "a\u12"}"#,
            "{\"title\": \"a\\\nb\"}",
            r#"{"title": "a",}"#,
            r#"{"title": }"#,
            "{title: 1}",
            "None",
        ] {
            let api = api().await;
            let answer = Call::of(&api).send_text(&api, door, beside_a_good_one(door, bad)).await;
            assert_eq!(outcome(door, &answer), "malformed_json", "{door:?} {bad}: {}", answer.2);
            let result = &answer.2["results"][0];
            let message = [&result["error"]["message"], &result["error_message"]].into_iter().find_map(Value::as_str);
            let item = if door == Batch { "pins[0]: " } else { "Row 1: " };
            let message = message.expect("a message");
            assert!(message.starts_with(item) && !message.contains("request body"), "{door:?} {bad}: {message}");
            assert_eq!(answer.2["results"][1]["status"], "created", "{door:?} {bad}: {}", answer.2);
        }
        // Where the item ends isn't certain: the whole is refused, with the place.
        for unclear in [r#"{"title": "a"b"}"#, r#"{"title": "a}"#, r#"{"title": [1}"#, r#"{"title": {{title}}}"#] {
            let api = api().await;
            let (status, _, answer) = Call::of(&api).send_text(&api, door, beside_a_good_one(door, unclear)).await;
            assert_eq!((status, &answer["code"]), (400, &json!("malformed_json")), "{door:?} {unclear}: {answer}");
            let message = answer["message"].as_str().expect("a message");
            assert!(message.contains("at line 1, column"), "{door:?} {unclear}: {message}");
        }
    }
    // Beside the list it is an error of no item.
    let api = api().await;
    let beside = format!(r#"{{"on_duplicate": NaN, "pins": [{}]}}"#, pin("good"));
    let (status, _, answer) = Call::of(&api).send_text(&api, Batch, beside).await;
    assert_eq!((status, &answer["code"]), (400, &json!("malformed_json")), "{answer}");
}

#[tokio::test]
async fn a_key_has_no_blank_around_it_and_nothing_invisible() {
    for door in DOORS {
        let api = api().await;
        for key in [
            " a",
            "a ",
            "a\u{a0}b",
            "a\u{200b}b",
            "\u{feff}a",
            "a\tb",
            "a\nb",
            "a\u{202e}b",
            "a\u{ad}b",
            "\u{3000}",
            "a\u{1d173}b",
            "a\u{600}b",
            "a\u{13430}b",
            "a\u{1bca0}b",
            "a\u{e0041}b",
            "a\u{110bd}",
        ] {
            let answer = Call::of(&api).send(&api, door, &pin(key)).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?} {key:?}: {}", answer.2);
            assert!(answer.2.to_string().contains("idempotency_key"), "{door:?} {key:?}: {}", answer.2);
        }
        let fine = Call::of(&api).send(&api, door, &pin("Spring sale, no. 7/ü")).await;
        assert_eq!(outcome(door, &fine), "created", "{door:?}: {}", fine.2);
        for name in ["idempotency-key", "x-pinbridge-idempotency-key"] {
            let request = Request::post(door.path()).header(name, &b"caf\xe9"[..]).header("x-api-key", &api.key);
            let request = request.header("content-type", "multipart/form-data; boundary=xyz");
            let body = if matches!(door, Csv | CsvDry) { csv(&pin("b")) } else { json!([]).to_string() };
            let (status, _, answer) = api.send(request.body(Body::from(body)).expect("a request")).await;
            let told = answer["message"].as_str().unwrap_or_default();
            assert!(status == 422 && told.contains("UTF-8"), "{door:?}: {answer}");
        }
        if matches!(door, Pins | Schedules | Json | Csv) {
            let headers = [("idempotency-key", "a\tb")];
            let body = without(pin(""), "idempotency_key");
            let body = if door.has_items() { pin("b") } else { body };
            let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, door, &body).await;
            assert_eq!(answer.0, 422, "{door:?}: {}", answer.2);
        }
    }
}

#[tokio::test]
async fn no_text_has_control_characters() {
    for door in DOORS {
        let api = api().await;
        for (field, value) in [
            ("title", json!("a\u{0}b")),
            ("description", json!("a\u{1b}[31mb")),
            ("alt_text", json!("a\u{7f}")),
            ("related_terms", json!("paper,cr\u{7}ane")),
            ("board_id", json!("7000\u{0}1")),
        ] {
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), field, value)).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?} {field}: {}", answer.2);
        }
    }
}
