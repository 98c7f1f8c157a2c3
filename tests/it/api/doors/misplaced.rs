//! What is sent twice, without a value, or where it does not belong: nothing of it is dropped silently.

use super::*;

/// Sends the request with a body of this text; the status and the answer.
async fn send(api: &Api, method: &http::Method, uri: &str, body: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(uri).header("x-api-key", &api.key);
    let (status, _, answer) = api.send(request.body(Body::from(body.to_owned())).expect("a request")).await;
    (status, answer)
}

#[tokio::test]
async fn an_option_without_a_value_is_refused_where_only_others_have_it() {
    let api = api().await;
    let mut refused = 0;
    for (endpoint, path) in calls().into_iter().filter(|(endpoint, _)| endpoint.method != http::Method::GET) {
        let has = endpoint.parameters.iter().any(|one| one.name == "dry_run");
        for query in ["dry_run", "dry_run=", "dry_run=yes", "dry_run=TRUE"] {
            let (status, answer) = send(&api, &endpoint.method, &format!("{path}?{query}"), "").await;
            // Operations for people refuse the key before.
            if status != 403 {
                assert_eq!(status, if has { answer["status"].as_u64().map_or(status, |_| 422) } else { 422 });
                assert!(answer.to_string().contains("dry_run") || has, "{} {query}: {answer}", endpoint.id);
                refused += 1;
            }
        }
    }
    assert!(refused > 60, "{refused}");
    let deleted = Call::of(&api).send(&api, Pins, &pin("a")).await.2["id"].clone();
    for query in ["delete_from_pinterest", "delete_from_pinterest="] {
        let (status, _) = send(&api, &http::Method::POST, &format!("/v1/pins?{query}"), &pin("b").to_string()).await;
        assert_eq!(status, 422, "{query}");
        let uri = format!("/v1/pins/{}?{query}", deleted.as_str().expect("an id"));
        assert_eq!(send(&api, &http::Method::DELETE, &uri, "").await.0, 422, "{query}");
    }
}

#[tokio::test]
async fn a_body_at_an_operation_without_one_drops_no_option() {
    let api = api().await;
    let without = calls().into_iter().filter(|(endpoint, _)| endpoint.method != http::Method::GET);
    let without: Vec<_> = without.filter(|(endpoint, _)| endpoint.body.is_none()).collect();
    assert!(without.len() > 10, "{}", without.len());
    for (endpoint, path) in &without {
        for body in [r#"{"dry_run": true}"#, r#"{"delete_from_pinterest": true}"#, "dry_run=true", "[1]", "{"] {
            let (status, answer) = send(&api, &endpoint.method, path, body).await;
            assert!(matches!(status, 401 | 403 | 422), "{} {body}: {status} {answer}", endpoint.id);
        }
    }
    for (number, harmless) in ["", " ", "{}", "null", "[]", "\"\""].into_iter().enumerate() {
        let id = Call::of(&api).send(&api, Pins, &pin(&format!("key {number}"))).await.2["id"].clone();
        let uri = format!("/v1/pins/{}", id.as_str().expect("an id"));
        assert_eq!(send(&api, &http::Method::DELETE, &uri, harmless).await.0, 204, "{harmless}");
    }
    let (key, id) = api.new_key(json!({"name": "kept"})).await;
    let uri = format!("/v1/api-keys/{id}");
    assert_eq!(send(&api, &http::Method::DELETE, &uri, r#"{"dry_run": true}"#).await.0, 422);
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&key), Value::Null).await.0, 200, "the key lives");
}

#[tokio::test]
async fn a_field_that_is_there_twice_is_an_error_of_its_item_at_every_door() {
    for door in DOORS.into_iter().filter(|door| !matches!(door, Csv | CsvDry)) {
        let api = api().await;
        let twice = with(pin("a"), "run_at", json!(START.plus_ms(HOUR_MS).rfc3339())).to_string();
        let twice = match door {
            Schedules | ValidateSchedule => twice,
            _ => pin("a").to_string(),
        };
        let twice = twice.replacen('{', r#"{"title": "Another crane", "#, 1);
        let body = if door.has_items() { beside_a_good_one(door, &twice) } else { twice };
        let (status, headers, answer) = Call::of(&api).send_text(&api, door, body).await;
        if door.has_items() {
            let errors = answer["results"].as_array().expect("results");
            let is_error = |result: &&Value| result.to_string().contains("more than once");
            assert_eq!((status / 100, errors.iter().filter(is_error).count()), (2, 1), "{door:?}: {answer}");
        } else {
            let got = outcome(door, &(status, headers, answer.clone()));
            assert_eq!(got, "validation_error", "{door:?}: {answer}");
        }
    }
    let api = api().await;
    let lists = format!(r#"{{"pins": [{}], "pins": [{}]}}"#, pin("a"), pin("b"));
    let (status, answer) = send(&api, &http::Method::POST, "/v1/pins/batch", &lists).await;
    assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", "pins"])), "{answer}");
}

#[tokio::test]
async fn a_parameter_that_is_there_twice_changes_nothing() {
    let api = api().await;
    let body = json!([pin("a")]).to_string();
    for query in ["dry_run=true&dry_run=false", "dry_run=false&dry_run=true"] {
        let uri = format!("/v1/pins/imports/json?{query}");
        let (status, answer) = send(&api, &http::Method::POST, &uri, &body).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["query", "dry_run"])), "{answer}");
    }
    let headers = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let body = without(pin(""), "idempotency_key");
    let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, Pins, &body).await;
    assert_eq!((answer.0, &answer.2["detail"][0]["loc"]), (422, &json!(["header", "idempotency-key"])), "{}", answer.2);
    let headers = [("idempotency-key", "a"), ("idempotency-key", "a")];
    let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, Pins, &body).await;
    assert_eq!(answer.0, 201, "the same twice: {}", answer.2);
}

/// A pin that is meant for later is never published now.
#[tokio::test]
async fn a_time_to_publish_beside_the_fields_is_refused_at_every_door() {
    let at = START.plus_ms(HOUR_MS).rfc3339();
    for door in DOORS {
        let api = api().await;
        for name in ["run_at", "Run_At", "run-at"] {
            let query = format!("{name}={at}");
            let answer = Call { query: &query, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
            let loc = &answer.2["detail"][0]["loc"];
            assert_eq!((answer.0, loc), (422, &json!(["query", name])), "{door:?}: {}", answer.2);
        }
        let headers = [("x-pinbridge-run-at", at.as_str())];
        let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
        let loc = &answer.2["detail"][0]["loc"];
        assert_eq!((answer.0, loc), (422, &json!(["header", "x-pinbridge-run-at"])), "{door:?}: {}", answer.2);
        if matches!(door, Pins | Validate | Batch) {
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), "run_at", json!(at))).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
        }
        for list in ["/v1/pins", "/v1/schedules"] {
            let (_, listed) = api.call("GET", list, As::Key(&api.key), Value::Null).await;
            assert_eq!(listed, json!([]), "{door:?} {list}");
        }
    }
}

#[tokio::test]
async fn an_option_in_a_header_of_another_name_is_refused_at_every_door() {
    let at = START.plus_ms(HOUR_MS).rfc3339();
    for door in DOORS {
        let api = api().await;
        for (name, value) in [
            ("on-duplicate", "refuse"),
            ("On_Duplicate", "refuse"),
            ("x-on-duplicate", "refuse"),
            ("publish-before", at.as_str()),
            ("priority", "urgent"),
            ("priority", "\"Bulk\""),
            ("x-priority", "urgent"),
            ("x-idempotency-key", "k"),
            ("accept-duplicate", "true"),
            ("dry-run", "true"),
            ("dryrun", "true"),
            ("x-dry-run", "1"),
            ("run-at", at.as_str()),
            ("delete-from-pinterest", "true"),
            ("OnDuplicate", "refuse"),
            ("X-OnDuplicate", "refuse"),
            ("Pinbridge-On-Duplicate", "refuse"),
            ("X-Pinbridge-OnDuplicate", "refuse"),
            ("PublishBefore", at.as_str()),
            ("Pinbridge-Priority", "urgent"),
            ("IdempotencyKey", "k"),
            ("Idempotency_Key", "k"),
            ("Pinbridge-Idempotency-Key", "k"),
            ("Pinbridge-Dry-Run", "true"),
            ("X-Pinbridge-RunAt", at.as_str()),
        ] {
            let headers = [(name, value)];
            let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
            let loc = json!(["header", name.to_ascii_lowercase()]);
            assert_eq!((answer.0, &answer.2["detail"][0]["loc"]), (422, &loc), "{door:?} {name}: {}", answer.2);
            assert_eq!(answer.2["detail"][0]["type"], "extra_forbidden", "{door:?} {name}: {}", answer.2);
            if name.to_ascii_lowercase().ends_with("duplicate") && value == "refuse" {
                let message = answer.2["message"].as_str().expect("a message");
                assert!(message.contains("x-pinbridge-on-duplicate"), "{door:?} {name}: {message}");
            }
        }
        let (_, listed) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
        assert_eq!(listed, json!([]), "{door:?}");
        // What clients and proxies send for themselves.
        for (name, value) in [
            ("priority", "u=1, i"),
            ("priority", "u=0"),
            ("priority", "i"),
            ("priority", ""),
            ("x-priority", "3"),
            ("pinbridge-priority", "u=1"),
            ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("dnt", "1"),
            ("x-request-id", "a"),
            ("x-pinbridge-source", "mcp"),
        ] {
            let headers = [(name, value)];
            let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
            assert!(
                ["created", "existing"].contains(&outcome(door, &answer).as_str()),
                "{door:?} {name}: {}",
                answer.2
            );
        }
    }
    // Every other operation that isn't a read refuses them alike, and a read has no use for them.
    let api = api().await;
    let headers = [("on-duplicate", "refuse"), ("dry-run", "true"), ("priority", "bulk")];
    for (endpoint, path) in calls() {
        let request = Request::builder().method(&endpoint.method).uri(path).header("x-api-key", &api.key);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (status, _, answer) = api.send(request.body(Body::empty()).expect("a request")).await;
        let is_refused = answer["detail"][0]["loc"] == json!(["header", "dry-run"]);
        let is_change = endpoint.method != http::Method::GET;
        assert!(is_refused == is_change || matches!(status, 401 | 403), "{}: {status} {answer}", endpoint.id);
    }
}

#[tokio::test]
async fn keys_that_look_the_same_are_the_same_at_every_door() {
    for door in [Pins, Batch, Schedules] {
        let api = api().await;
        let first = Call::of(&api).send(&api, door, &pin("caf\u{e9}")).await;
        let second = Call::of(&api).send(&api, door, &pin("cafe\u{301}")).await;
        assert_eq!(outcome(door, &first), "created", "{door:?}: {}", first.2);
        assert!(["existing", "created"].contains(&outcome(door, &second).as_str()), "{door:?}: {}", second.2);
        let list = if door == Schedules { "/v1/schedules" } else { "/v1/pins" };
        let (_, listed) = api.call("GET", list, As::Key(&api.key), Value::Null).await;
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{door:?}: {listed}");
    }
}

#[tokio::test]
async fn a_name_that_is_not_seen_is_blank_and_none_turns_the_text_around() {
    let api = api().await;
    for name in ["\u{200b}", "\u{2800}", "\u{3164}", "\u{feff}", " \u{ad} ", "\u{1d159}"] {
        api.refused("POST", "/v1/api-keys", As::Key(&api.key), json!({"name": name}), 422, "validation_error").await;
        let answer = Call::of(&api).send(&api, Pins, &with(pin("a"), "title", json!(name))).await;
        assert_eq!(answer.0, 422, "{name:?}: {}", answer.2);
    }
    for name in ["safe\u{202e}gpj", "\u{2066}a\u{2069}", "a\u{2028}b"] {
        api.refused("POST", "/v1/api-keys", As::Key(&api.key), json!({"name": name}), 422, "validation_error").await;
    }
    for name in ["\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "\u{1f469}\u{200d}\u{1f4bb}", "\u{2764}\u{fe0f}"] {
        let (status, answer) = api.call("POST", "/v1/api-keys", As::Key(&api.key), json!({"name": name})).await;
        assert_eq!(status, 201, "{name:?}: {answer}");
    }
}
