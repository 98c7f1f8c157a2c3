//! The options of every door: they work alike wherever they are sent, and the page says where.

use super::*;

const PAGE: &str = include_str!("../../../../infra/docs/api.md");
const OPTIONS: [(&str, &str, &str); 3] = [
    ("on_duplicate", "X-Pinbridge-On-Duplicate", "warn"),
    ("priority", "X-Pinbridge-Priority", "bulk"),
    ("publish_before", "X-Pinbridge-Publish-Before", "2030-01-01T00:00:00Z"),
];

/// The cells of the page's row about the door, without the numbers of notes.
pub fn row_of_page(door: &str) -> Vec<String> {
    let start = format!("| `{door}` |");
    let line = PAGE.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("the page lacks {door}"));
    let cells = line.trim_matches('|').split('|').skip(1);
    cells.map(|cell| cell.split(" (").next().unwrap_or_default().trim().to_owned()).collect()
}

/// Where the door takes the option: what it says itself, and what of a body it doesn't refuse as unknown.
#[tokio::test]
async fn the_page_shows_which_door_takes_which_option_where() {
    let table = pinbridge_api::routes::table();
    let doors: Vec<_> = table
        .iter()
        .filter(|one| one.parameters.iter().any(|parameter| parameter.name == "on_duplicate"))
        .map(|one| (one.path, &one.parameters))
        .collect();
    let known: Vec<&str> = doors.iter().map(|(path, _)| *path).collect();
    for door in DOORS {
        assert!(known.contains(&door.path()), "{door:?} has no options");
    }
    for (path, parameters) in doors {
        let door = DOORS.into_iter().find(|door| door.path() == path).unwrap_or_else(|| panic!("{path} has no tests"));
        let has = |place: &str, name: &str| {
            parameters.iter().any(|parameter| parameter.place.name() == place && parameter.name == name)
        };
        let api = api().await;
        let strict = [("prefer", "handling=strict")];
        let call = Call { headers: &strict, ..Call::of(&api) };
        let mut row = Vec::new();
        for (number, (name, header, value)) in OPTIONS.into_iter().enumerate() {
            let answer = call.send(&api, door, &with(pin(&format!("k-{number}")), name, json!(value))).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?} {name}: {}", answer.2);
            let mut places = vec![if door.has_items() { "item" } else { "body" }];
            if door == Batch {
                let mut body = json!({"pins": [pin("b")]});
                body[name] = json!(value);
                places.extend((call.send_text(&api, door, body.to_string()).await.0 == 200).then_some("body"));
            }
            places.extend(has("query", name).then_some("query"));
            places.extend(has("header", header).then_some("header"));
            row.push(places.join(", "));
        }
        assert!(has("header", "Idempotency-Key") && has("header", "X-Pinbridge-Idempotency-Key"), "{door:?}");
        row.push(if door.has_items() { "item, header".into() } else { "body, header".into() });
        let is_validation = path.ends_with("/validate");
        row.push(
            if has("query", "dry_run") {
                "query"
            } else if is_validation {
                "always"
            } else {
                "no"
            }
            .into(),
        );
        row.push("header".into());
        let board =
            async |board: &str| outcome(door, &call.send(&api, door, &with(pin("m"), "board_id", json!(board))).await);
        assert_eq!(board("Nowhere").await, "board_not_found", "{door:?}");
        row.push(if board("Cranes").await == "created" { "id, name".into() } else { "id".into() });
        assert_eq!(row, row_of_page(&format!("POST {path}")), "infra/docs/api.md, {path}");
    }
}

#[tokio::test]
async fn duplicates_are_refused_at_every_door_however_that_is_asked_for() {
    for door in DOORS {
        let api = api().await;
        let call = Call::of(&api);
        let (status, _, first) = call.send(&api, Pins, &pin("first")).await;
        assert_eq!(status, 201);
        let refusing = with(pin("second"), "on_duplicate", json!("refuse"));
        let in_body = call.send(&api, door, &refusing).await;
        let in_query = Call { query: "on_duplicate=refuse", ..Call::of(&api) }.send(&api, door, &pin("second")).await;
        let header = [("x-pinbridge-on-duplicate", "refuse")];
        let in_header = Call { headers: &header, ..Call::of(&api) }.send(&api, door, &pin("second")).await;
        for (place, answer) in [("body", in_body), ("query", in_query), ("header", in_header)] {
            assert_eq!(outcome(door, &answer), "duplicate_content", "{door:?}, {place}: {}", answer.2);
        }
        // The pin's own word counts, and what is only warned about names the other pin.
        let warned = with(pin("second"), "on_duplicate", json!("warn"));
        let answer = Call { headers: &header, ..Call::of(&api) }.send(&api, door, &warned).await;
        assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
        assert!(answer.2.to_string().contains(first["id"].as_str().expect("an id")), "{door:?}: {}", answer.2);
        // What exists already is answered again.
        let answer = call.send(&api, door, &refusing).await;
        let wanted = match door {
            Validate | ValidateSchedule | JsonDry | CsvDry => "duplicate_content",
            _ => "existing",
        };
        assert_eq!(outcome(door, &answer), wanted, "{door:?}: {}", answer.2);
        for (query, headers) in [("on_duplicate=perhaps", &[][..]), ("", &[("x-pinbridge-on-duplicate", "perhaps")])] {
            let answer = Call { key: &api.key, query, headers }.send(&api, door, &pin("third")).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
        }
    }
}

#[tokio::test]
async fn twins_of_one_import_are_refused_as_those_of_a_batch_are() {
    let api = api().await;
    let call = Call { query: "on_duplicate=refuse", ..Call::of(&api) };
    let rows = json!([pin("a"), pin("b"), with(pin("c"), "on_duplicate", json!("warn")), pin("a")]);
    for (door, body) in [(JsonDry, rows.clone()), (Json, rows.clone())] {
        let (_, _, answer) = call.send_text(&api, door, body.to_string()).await;
        let told: Vec<(&str, Option<&str>)> = answer["results"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| (row["status"].as_str().expect("a text"), row["error_code"].as_str()))
            .collect();
        let wanted = [("created", None), ("failed", Some("duplicate_content")), ("created", None), ("existing", None)];
        assert_eq!(told, wanted, "{door:?}: {answer}");
        assert_eq!(answer["results"][2]["same_content_as_pin"], answer["results"][0]["pin_id"], "{answer}");
    }
    let (_, _, answer) = call.send_text(&api, Batch, json!({"pins": rows}).to_string()).await;
    let statuses: Vec<&str> =
        answer["results"].as_array().expect("a list").iter().filter_map(|row| row["status"].as_str()).collect();
    assert_eq!(statuses, ["existing", "failed", "existing", "existing"], "{answer}");
}

#[tokio::test]
async fn a_priority_and_a_key_of_the_headers_count_at_every_door() {
    for door in [Pins, Validate, Batch, Schedules, ValidateSchedule] {
        for name in ["idempotency-key", "x-pinbridge-idempotency-key"] {
            let api = api().await;
            let headers = [(name, "from-the-header"), ("x-pinbridge-priority", "urgent")];
            let call = Call { headers: &headers, ..Call::of(&api) };
            let answer = call.send(&api, door, &without(pin(""), "idempotency_key")).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
            let shown = match door {
                Pins => (&answer.2["idempotency_key"], &answer.2["priority"]),
                Schedules => (&answer.2["idempotency_key"], &answer.2["payload"]["priority"]),
                Batch => {
                    (&answer.2["results"][0]["pin"]["idempotency_key"], &answer.2["results"][0]["pin"]["priority"])
                }
                _ => (&answer.2["resolved"]["idempotency_key"], &answer.2["resolved"]["priority"]),
            };
            let key = if door == Batch { "from-the-header:0" } else { "from-the-header" };
            assert_eq!(shown, (&json!(key), &json!("urgent")), "{door:?}: {}", answer.2);
            if !door.is_dry() {
                let again = call.send(&api, door, &without(pin(""), "idempotency_key")).await;
                assert_eq!(outcome(door, &again), "existing", "{door:?}: {}", again.2);
            }
            let own = call.send(&api, door, &pin("own")).await;
            assert!(own.2.to_string().contains("\"own\""), "the pin's own key counts: {door:?}: {}", own.2);
        }
    }
}

#[tokio::test]
async fn an_option_of_another_operation_is_refused_and_nothing_is_made() {
    let api = api().await;
    for (door, query) in [
        (Pins, "dry_run=true"),
        (Batch, "dry_run=true"),
        (Schedules, "dry_run=1"),
        (Pins, "accept_duplicate=true"),
        (Json, "idempotency_key=k"),
        (Schedules, "delete_from_pinterest=true"),
    ] {
        let answer = Call { query, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
        assert_eq!((answer.0, outcome(door, &answer).as_str()), (422, "validation_error"), "{door:?} {query}");
    }
    for door in [Pins, Batch, Schedules, Json, Csv] {
        let answer = Call::of(&api).send(&api, door, &with(pin("a"), "dry_run", json!("true"))).await;
        assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
    }
    let headers = [("x-pinbridge-accept-duplicate", "true")];
    let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, Pins, &pin("a")).await;
    assert_eq!(answer.0, 422, "{}", answer.2);
    let request = Request::post("/v1/pinterest/boards").header("x-api-key", &api.key).header("idempotency-key", "k");
    let board = json!({"account_id": testdata::account(), "name": "New"});
    let (status, _, answer) = api.send(request.body(Body::from(board.to_string())).expect("a request")).await;
    assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{answer}");
    let (_, pins) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
    let (_, schedules) = api.call("GET", "/v1/schedules", As::Key(&api.key), Value::Null).await;
    assert_eq!((pins, schedules), (json!([]), json!([])));
}

#[tokio::test]
async fn a_dry_run_may_be_made_by_whoever_may_read_or_write() {
    let api = api().await;
    for (scope, imports) in [("read", 403), ("write", 202), ("destructive", 403)] {
        let (key, _) = api.new_key(json!({"name": scope, "scopes": [scope]})).await;
        for door in [Validate, ValidateSchedule, JsonDry, CsvDry] {
            let (status, _, answer) = Call { key: &key, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
            let wanted = if scope == "destructive" { 403 } else { 200 };
            assert_eq!(status, wanted, "{scope} {door:?}: {answer}");
        }
        for path in ["/v1/pins/imports/json", "/v1/pins/imports/json?dry_run=false"] {
            let (status, answer) = api.call("POST", path, As::Key(&key), json!([pin(scope)])).await;
            assert_eq!(status, imports, "{scope} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_publish_before_that_leaves_no_second_is_refused_at_every_door() {
    for door in DOORS {
        let api = api().await;
        let is_schedule = matches!(door, Schedules | ValidateSchedule);
        let start = if is_schedule { START.plus_ms(HOUR_MS) } else { START };
        for (ms, wanted) in [
            (-1, "validation_error"),
            (0, "validation_error"),
            (1, "validation_error"),
            (999, "validation_error"),
            (60_000, "created"),
        ] {
            let body = with(pin("a"), "publish_before", json!(start.plus_ms(ms).rfc3339()));
            let answer = Call::of(&api).send(&api, door, &body).await;
            assert_eq!(outcome(door, &answer), wanted, "{door:?} {ms}: {}", answer.2);
        }
        let odd = with(pin("b"), "publish_before", json!("2030-01-01T00:00:00+25:00"));
        let answer = Call::of(&api).send(&api, door, &odd).await;
        assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
    }
}

#[tokio::test]
async fn a_publish_before_counts_at_every_door_however_it_is_sent() {
    for door in DOORS {
        let api = api().await;
        let (past, soon) = (START.rfc3339(), START.plus_ms(2 * HOUR_MS).rfc3339());
        for (time, wanted) in
            [(past.as_str(), "validation_error"), ("tomorrow", "validation_error"), (&soon, "created")]
        {
            let places = [
                ("body", Call::of(&api), with(pin(&format!("body-{time}")), "publish_before", json!(time))),
                (
                    "query",
                    Call { query: &format!("publish_before={time}"), ..Call::of(&api) },
                    pin(&format!("query-{time}")),
                ),
                (
                    "header",
                    Call { headers: &[("x-pinbridge-publish-before", time)], ..Call::of(&api) },
                    pin(&format!("header-{time}")),
                ),
            ];
            for (place, call, pin) in places {
                let answer = call.send(&api, door, &pin).await;
                assert_eq!(outcome(door, &answer), wanted, "{door:?}, {place}, {time}: {}", answer.2);
                if time == past && matches!(door, JsonDry | CsvDry) {
                    let told = answer.2["results"][0]["error_message"].as_str().expect("a message");
                    assert!(told.contains("has passed") && !told.contains("worked on"), "{door:?}, {place}: {told}");
                }
            }
        }
    }
}
