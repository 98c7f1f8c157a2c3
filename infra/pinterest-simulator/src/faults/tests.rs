use super::*;

fn book(json: &str) -> FaultBook {
    let mut book = FaultBook::new(7);
    book.replace(json.as_bytes()).expect("the rules are valid");
    book
}

fn refused(json: &str) -> String {
    let mut book = book(r#"[{"fault":"delay","delay_ms":1}]"#);
    let error = book.replace(json.as_bytes()).expect_err("the rules are invalid");
    assert_eq!(book.rules.len(), 1, "an invalid list changes nothing");
    error
}

const CREATE: Visit<'static> = Visit {
    operation: Operation::PinsCreate,
    account: Some(("sim_account_1", "780")),
    title: Some("Soup of the day"),
    now_ms: 0,
};

#[test]
fn a_rule_with_for_ms_fires_that_long_after_it_first_did() {
    let mut book = book(r#"[{"fault":"delay","delay_ms":5,"for_ms":100}]"#);
    let fires = |book: &mut FaultBook, now_ms| book.pick(Visit { now_ms, ..CREATE }).is_some();
    assert!([5_000, 5_050, 5_099].into_iter().all(|now_ms| fires(&mut book, now_ms)));
    assert!([5_100, 9_000].into_iter().all(|now_ms| !fires(&mut book, now_ms)));
}

#[test]
fn a_rule_fires_as_often_as_times_says() {
    let mut book = book(r#"[{"fault":"delay","delay_ms":5,"times":2}]"#);
    assert_eq!(book.pick(CREATE), Some(Fault::Delay { delay_ms: 5 }));
    assert!(book.pick(CREATE).is_some());
    assert_eq!(book.pick(CREATE), None);
    assert_eq!(book.view()[0]["remaining"], 0);
    assert_eq!(book.view()[0]["fired"], 2);
}

#[test]
fn a_rule_without_times_fires_without_limit() {
    let mut book = book(r#"[{"fault":"delay","delay_ms":5}]"#);
    assert!((0..1000).all(|_| book.pick(CREATE).is_some()));
    assert_eq!(book.view()[0]["remaining"], Value::Null);
}

#[test]
fn the_first_matching_rule_fires() {
    let mut book = book(
        r#"[{"fault":"delay","delay_ms":1,"operation":"pins/get"},
            {"fault":"delay","delay_ms":2,"account":"sim_account_2"},
            {"fault":"delay","delay_ms":3,"title_contains":"Stew"},
            {"fault":"delay","delay_ms":4,"title_contains":"Soup","account":"780"},
            {"fault":"delay","delay_ms":5}]"#,
    );
    assert_eq!(book.pick(CREATE), Some(Fault::Delay { delay_ms: 4 }));
    let stranger = Visit { account: None, title: None, ..CREATE };
    assert_eq!(book.pick(stranger), Some(Fault::Delay { delay_ms: 5 }));
}

#[test]
fn probability_is_approximately_kept_and_repeats_with_the_seed() {
    let fired = || {
        let mut book = book(r#"[{"fault":"delay","delay_ms":1,"probability":0.25}]"#);
        (0..4000).filter(|_| book.pick(CREATE).is_some()).count()
    };
    assert!((900..1100).contains(&fired()), "{}", fired());
    assert_eq!(fired(), fired());
}

#[test]
fn a_rule_whose_probability_does_not_come_up_leaves_the_request_to_the_next() {
    let mut book = book(
        r#"[{"fault":"delay","delay_ms":1,"probability":0},
            {"fault":"delay","delay_ms":2,"probability":1}]"#,
    );
    assert_eq!(book.pick(CREATE), Some(Fault::Delay { delay_ms: 2 }));
}

#[test]
fn a_late_commit_applies_to_creates_only() {
    let mut book = book(r#"[{"fault":"late_commit","commit_after_ms":5,"hold_ms":9}]"#);
    assert_eq!(book.pick(Visit { operation: Operation::PinsList, ..CREATE }), None);
    assert_eq!(book.pick(CREATE), Some(Fault::LateCommit { commit_after_ms: 5, hold_ms: 9 }));
}

#[test]
fn a_stale_list_applies_to_lists_of_pins_only() {
    let mut book = book(r#"[{"fault":"stale_list","lag_ms":5}]"#);
    for operation in [Operation::PinsCreate, Operation::PinsGet, Operation::BoardsList] {
        assert_eq!(book.pick(Visit { operation, ..CREATE }), None, "{operation:?}");
    }
    for operation in [Operation::PinsList, Operation::BoardsListPins, Operation::BoardSectionsListPins] {
        assert_eq!(book.pick(Visit { operation, ..CREATE }), Some(Fault::StaleList { lag_ms: 5 }), "{operation:?}");
    }
}

#[test]
fn a_connection_is_dropped_before_the_commit_unless_after_commit_is_set() {
    for (field, after_commit) in [("", false), (r#","after_commit":false"#, false), (r#","after_commit":true"#, true)] {
        let mut book = book(&format!(r#"[{{"fault":"drop_connection"{field}}}]"#));
        assert_eq!(book.pick(CREATE), Some(Fault::DropConnection { after_commit }));
    }
}

#[test]
fn a_status_has_its_usual_code_and_message() {
    let mut book = book(r#"[{"fault":"status","status":429,"headers":{"Retry-After":7}}]"#);
    let Some(Fault::Status(refusal)) = book.pick(CREATE) else { panic!("no status") };
    assert_eq!(refusal.error, crate::errors::RATE_LIMITED);
    assert_eq!(refusal.headers, vec![("retry-after".to_owned(), "7".to_owned())]);
}

#[test]
fn an_invalid_rule_is_refused_with_its_reason_and_changes_nothing() {
    for (json, reason) in [
        ("{", "not valid JSON"),
        (r#"{"fault":"delay"}"#, "must be a JSON list"),
        (r#"[7]"#, "rule 0: must be a JSON object"),
        (r#"[{"fault":"delay","delay_ms":1},{"fault":"sleep"}]"#, "rule 1: unknown fault 'sleep'"),
        (r#"[{"operation":"pins/create"}]"#, "'fault' is missing"),
        (r#"[{"fault":"delay"}]"#, "'delay_ms' is missing"),
        (r#"[{"fault":"delay","delay_ms":1,"status":500}]"#, "unknown field 'status'"),
        (r#"[{"fault":"delay","delay_ms":1,"tims":2}]"#, "unknown field 'tims'"),
        (r#"[{"fault":"delay","delay_ms":-1}]"#, "'delay_ms' must be a whole number"),
        (r#"[{"fault":"delay","delay_ms":1,"operation":"pins/paint"}]"#, "unknown operation 'pins/paint'"),
        (r#"[{"fault":"delay","delay_ms":1,"probability":2}]"#, "'probability' must be 0 to 1"),
        (r#"[{"fault":"status"}]"#, "'status' is missing"),
        (r#"[{"fault":"status","status":99}]"#, "'status' must be 200 to 599"),
        (r#"[{"fault":"status","status":500,"headers":{"a b":"c"}}]"#, "header 'a b' cannot be sent"),
        (
            r#"[{"fault":"late_commit","commit_after_ms":1,"operation":"pins/get"}]"#,
            "late_commit works for pins/create",
        ),
        (r#"[{"fault":"stale_list"}]"#, "'lag_ms' is missing"),
        (r#"[{"fault":"stale_list","lag_ms":1,"operation":"pins/get"}]"#, "stale_list works for boards/list_pins, "),
        (r#"[{"fault":"drop_connection","after_commit":1}]"#, "'after_commit' must be true or false"),
        (r#"[{"fault":"delay","delay_ms":1,"operation":"pins/get","title_contains":"x"}]"#, "'title_contains' works"),
    ] {
        let error = refused(json);
        assert!(error.contains(reason), "{json}: {error}");
    }
}

#[test]
fn a_list_is_rewritten_in_known_ways_only() {
    let mut rewritten = book(r#"[{"fault":"rewrite_list","ways":["percent_decoded","nfd"],"times":1}]"#);
    assert_eq!(rewritten.pick(CREATE), None, "lists only");
    let list = Visit { operation: Operation::BoardsListPins, title: None, ..CREATE };
    let ways = vec![crate::rewrite::Way::PercentDecoded, crate::rewrite::Way::Nfd];
    assert_eq!(rewritten.pick(list), Some(Fault::RewriteList { ways }));
    assert!(refused(r#"[{"fault":"rewrite_list"}]"#).contains("'ways' is missing"));
    assert!(refused(r#"[{"fault":"rewrite_list","ways":["upper"]}]"#).contains("unknown way"));
    assert!(refused(r#"[{"fault":"rewrite_list","ways":"nfd"}]"#).contains("must be a list"));
}
