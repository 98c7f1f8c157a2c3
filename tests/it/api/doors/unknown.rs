//! Fields and parameters that no operation knows, or another one: they are named, and never let a call reach further.

use super::*;

#[tokio::test]
async fn an_unknown_field_is_named_and_refused_if_that_is_preferred() {
    for door in DOORS {
        let api = api().await;
        for (field, key) in [("linkurl", "a"), ("Title", "b"), ("boardId", "c")] {
            let typo = with(with(pin(key), "title", json!(format!("Crane {key}"))), field, json!("x"));
            let strict = [("prefer", "return=minimal, handling=strict")];
            let refused = Call { headers: &strict, ..Call::of(&api) }.send(&api, door, &typo).await;
            // The columns of a file are known by their names in any case.
            if (door == CsvDry || door == Csv) && field == "Title" {
                continue;
            }
            assert_eq!(outcome(door, &refused), "validation_error", "{door:?} {field}: {}", refused.2);
            assert!(refused.2.to_string().contains(field), "{door:?} {field}: {}", refused.2);
            let lenient = [("prefer", "handling=lenient")];
            let taken = Call { headers: &lenient, ..Call::of(&api) }.send(&api, door, &typo).await;
            assert_eq!(outcome(door, &taken), "created", "{door:?} {field}: {}", taken.2);
            let told = match door {
                Pins | Schedules => taken.2["warnings"].clone(),
                Batch => taken.2["results"][0]["warnings"].clone(),
                Validate | ValidateSchedule => taken.2["checks"][0].clone(),
                _ => taken.2["unknown_columns"].clone(),
            };
            assert!(told.to_string().contains(field), "{door:?} {field}: {}", taken.2);
            if matches!(door, Pins | Schedules | Batch) {
                assert!(told.to_string().contains("unknown_field"), "{told}");
                let header = taken.1["x-pinbridge-warning"].to_str().expect("a text");
                assert_eq!(header, format!("unknown_field; field={field}"));
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_field_is_named_in_every_other_body_too() {
    let api = api().await;
    let send = async |method: &str, path: &str, body: Value, prefer: Option<&str>| {
        let request = Request::builder().method(method).uri(path).header("x-api-key", &api.key);
        let request = prefer.into_iter().fold(request, |request, value| request.header("prefer", value));
        api.send(request.body(Body::from(body.to_string())).expect("a request")).await
    };
    let account = testdata::account();
    for (method, path, body) in [(
        "POST",
        "/v1/pinterest/boards/700000000000000002/sections",
        json!({"account_id": account, "name": "C", "secret": 1}),
    )] {
        let (status, _, answer) = send(method, path, body.clone(), Some("handling=strict")).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", "secret"])), "{path}: {answer}");
        let (status, headers, answer) = send(method, path, body, None).await;
        assert!(status < 300, "{path}: {answer}");
        assert_eq!(headers["x-pinbridge-warning"], "unknown_field; field=secret", "{path}");
    }
    // A retry publishes: an unknown field is always refused.
    for path in [
        "/v1/pins/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6/retry",
        "/v1/schedules/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6/retry",
    ] {
        for body in [json!({"acceptduplicate": true}), json!({"on_duplicate": "refuse"}), json!({"dry_run": true})] {
            let (status, _, answer) = send("POST", path, body, None).await;
            assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{path}: {answer}");
        }
    }
    let (status, _, answer) =
        send("POST", "/v1/schedules/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6/retry", json!({"board_id": BOARD}), None)
            .await;
    assert_eq!(status, 422, "a schedule's retry moves nothing: {answer}");
}

/// Every endpoint that refuses what it doesn't know, from the table.
const EXACT: [&str; 32] = [
    "bulk_cancel_schedules",
    "bulk_delete_schedules",
    "bulk_retry_schedules",
    "cancel_schedule",
    "change_password",
    "create_api_key",
    "create_board",
    "create_sandbox",
    "delete_board",
    "delete_pin",
    "delete_pins",
    "delete_schedule",
    "delete_webhook",
    "disconnect_account",
    "redeliver_webhook_delivery",
    "register",
    "replay_webhook",
    "reset_sandbox",
    "resolve_pin",
    "resume_import",
    "retry_pin",
    "retry_pins",
    "retry_schedule",
    "revoke_api_key",
    "start_webhook_replay",
    "stop_webhook_replay",
    "update_api_key",
    "update_board",
    "update_pin",
    "update_profile",
    "update_schedule",
    "update_webhook",
];

#[tokio::test]
async fn grants_deletions_and_changes_in_mass_refuse_every_parameter_they_do_not_know() {
    let api = api().await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    let mut exact = Vec::new();
    for (endpoint, path) in calls().into_iter().filter(|(endpoint, _)| endpoint.is_exact()) {
        for (query, header) in
            [("scopez=read", None), ("delete_from_pintrest=false", None), ("", Some("x-pinbridge-priorty"))]
        {
            let request = Request::builder().method(&endpoint.method).uri(format!("{path}?{query}"));
            let request = header.into_iter().fold(request, |request, name| request.header(name, "bulk"));
            let request = request.header("authorization", format!("Bearer {token}"));
            let (status, _, answer) = api.send(request.body(Body::empty()).expect("a request")).await;
            let name = header.unwrap_or_else(|| query.split('=').next().unwrap_or_default());
            let place = if header.is_some() { "header" } else { "query" };
            assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!([place, name])), "{} {answer}", endpoint.id);
        }
        exact.push(endpoint.id);
    }
    exact.sort_unstable();
    assert_eq!(exact, EXACT);
}

#[tokio::test]
async fn a_misspelt_parameter_is_named_by_every_other_endpoint_and_refused_if_that_is_preferred() {
    let api = api().await;
    api.person("ada@example.com", Role::Owner).await;
    for (endpoint, path) in calls().into_iter().filter(|(endpoint, _)| !endpoint.is_exact()) {
        let required = endpoint.parameters.iter().filter(|one| one.required && one.place == Place::Query);
        let query: Vec<String> =
            required.map(|one| format!("{}={}", one.name, one.example.unwrap_or_default())).collect();
        let send = async |prefer: &str| {
            let token = api.log_in("ada@example.com").await;
            let uri = format!("{path}?{}&acount_id=7&z%C3%BC=1", query.join("&"));
            let request = Request::builder().method(&endpoint.method).uri(uri).header("prefer", prefer);
            let request = request.header("authorization", format!("Bearer {token}"));
            let request = request.header("x-pinbridge-acount", "7").header("x-pinbridge-source", "mcp");
            api.send(request.body(Body::empty()).expect("a request")).await
        };
        let (status, _, answer) = send("handling=strict").await;
        let names: Vec<&Value> = answer["detail"].as_array().into_iter().flatten().map(|error| &error["loc"]).collect();
        let wanted = [json!(["query", "acount_id"]), json!(["query", "zü"]), json!(["header", "x-pinbridge-acount"])];
        assert_eq!((status, names), (422, wanted.iter().collect()), "{} {answer}", endpoint.id);
        let (status, headers, _) = send("handling=lenient").await;
        let told: Vec<&str> =
            headers.get_all("x-pinbridge-warning").iter().filter_map(|value| value.to_str().ok()).collect();
        let wanted = ["acount_id", "x-pinbridge-acount", "z%C3%BC"].map(|name| format!("unknown_field; field={name}"));
        if (200..300).contains(&status) {
            assert_eq!(told, wanted, "{}", endpoint.id);
        }
    }
}

#[tokio::test]
async fn a_misspelt_parameter_of_a_door_is_told_in_its_answer() {
    for door in DOORS {
        let api = api().await;
        let headers = [("x-pinbridge-priorty", "bulk")];
        let call = Call { query: "on_duplicat=refuse", headers: &headers, ..Call::of(&api) };
        let answer = call.send(&api, door, &pin("a")).await;
        assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
        let told = match door {
            Pins | Schedules | Batch => answer.2["warnings"].to_string(),
            Validate | ValidateSchedule => answer.2["checks"][0].to_string(),
            _ => continue,
        };
        assert!(told.contains("on_duplicat") && told.contains("x-pinbridge-priorty"), "{door:?}: {}", answer.2);
        let strict = [("prefer", "handling=strict")];
        let refused = Call { headers: &strict, ..call }.send(&api, door, &pin("b")).await;
        assert_eq!((refused.0, &refused.2["code"]), (422, &json!("validation_error")), "{door:?}: {}", refused.2);
    }
}

#[tokio::test]
async fn what_is_nearly_dry_run_makes_nothing_at_any_door() {
    for door in [Pins, Batch, Schedules, Json, Csv] {
        let api = api().await;
        for query in
            ["dryrun=true", "dry-run=true", "Dry_Run=1", "dry_rn=true", "dryRun=false", "is_dry_run=yes", "dry=1"]
        {
            let answer = Call { query, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
            assert_eq!((answer.0, outcome(door, &answer).as_str()), (422, "validation_error"), "{door:?} {query}");
        }
        let headers = [("x-pinbridge-dry-run", "true")];
        let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
        assert_eq!(answer.0, 422, "{door:?}: {}", answer.2);
        for field in ["dryrun", "dryRun", "dry-run"] {
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), field, json!("true"))).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?} {field}: {}", answer.2);
        }
        let (_, pins) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
        let (_, schedules) = api.call("GET", "/v1/schedules", As::Key(&api.key), Value::Null).await;
        assert_eq!((pins, schedules), (json!([]), json!([])), "{door:?}");
    }
}

#[tokio::test]
async fn a_column_called_dry_is_like_any_unknown_one() {
    for door in [Batch, Json, JsonDry, Csv, CsvDry] {
        let api = api().await;
        for name in ["dry", "Dry"] {
            let answer = Call::of(&api).send(&api, door, &with(pin(name), name, json!("yes"))).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?} {name}: {}", answer.2);
            let told = match door {
                Batch => &answer.2["results"][0]["warnings"],
                _ => &answer.2["unknown_columns"],
            };
            assert!(told.to_string().contains(name), "{door:?} {name}: {}", answer.2);
        }
    }
    // A pin of its own has no columns.
    for door in [Pins, Schedules] {
        let api = api().await;
        let answer = Call::of(&api).send(&api, door, &with(pin("a"), "dry", json!(true))).await;
        assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
    }
}

#[tokio::test]
async fn a_board_never_becomes_public_by_a_typo() {
    let api = api().await;
    let account = testdata::account();
    let who = As::Key(&api.key);
    for typo in [json!({"privcy": "SECRET"}), json!({"secret": true}), json!({"Privacy": "SECRET"})] {
        let mut body = typo.clone();
        body["account_id"] = json!(account);
        body["name"] = json!("Mine");
        for (method, path) in [("POST", "/v1/pinterest/boards"), ("PATCH", "/v1/pinterest/boards/700000000000000002")] {
            let answer = api.refused(method, path, who, body.clone(), 422, "validation_error").await;
            let name = typo.as_object().and_then(|typo| typo.keys().next()).expect("a name");
            assert_eq!(answer["detail"][0]["loc"], json!(["body", name]), "{answer}");
        }
    }
    let twice = r#"{"account_id": "A", "name": "Mine", "privacy": "SECRET", "privacy": "PUBLIC"}"#;
    let request = Request::post("/v1/pinterest/boards").header("x-api-key", &api.key);
    let body = Body::from(twice.replace("\"A\"", &json!(account).to_string()));
    let (status, _, answer) = api.send(request.body(body).expect("a request")).await;
    assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", "privacy"])), "{answer}");
}

#[tokio::test]
async fn an_unknown_field_with_any_name_is_in_the_header() {
    let api = api().await;
    for (name, shown) in
        [("böard", "b%C3%B6ard".to_owned()), ("a b", "a%20b".into()), (&"x".repeat(99), "x".repeat(64) + "...")]
    {
        let body = with(with(pin(name), "title", json!(name)), name, json!(1));
        let answer = Call::of(&api).send(&api, Pins, &body).await;
        assert_eq!(answer.1["x-pinbridge-warning"], format!("unknown_field; field={shown}"), "{}", answer.2);
    }
}
