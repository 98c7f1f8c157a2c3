//! The samples are what Step Functions takes: every state is reached and leads somewhere, and the tasks wait as the API
//! expects it.

use std::collections::BTreeSet;

use pinbridge_api::routes;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::task::TOKEN_KEPT_MS;
use pinbridge_shared::domain::time::SECOND_MS;
use serde_json::Value;

const SAMPLE: &str = include_str!("../../../infra/samples/publish-and-wait.asl.json");

fn sample() -> Value {
    serde_json::from_str(SAMPLE).expect("JSON")
}

/// The states that follow a state.
fn followers(state: &Value) -> Vec<&str> {
    let caught = state["Catch"].as_array().into_iter().flatten();
    caught.filter_map(|one| one["Next"].as_str()).chain(state["Next"].as_str()).collect()
}

#[test]
fn every_state_of_the_sample_is_reached_and_leads_to_an_end() {
    let sample = sample();
    let states = sample["States"].as_object().expect("states");
    let (mut seen, mut open) = (BTreeSet::new(), vec![sample["StartAt"].as_str().expect("a start")]);
    while let Some(name) = open.pop() {
        let state = states.get(name).unwrap_or_else(|| panic!("no state {name}"));
        let next = followers(state);
        let is_end = state["End"] == true || ["Succeed", "Fail"].iter().any(|kind| state["Type"] == *kind);
        assert_eq!(next.is_empty(), is_end, "{name}");
        if seen.insert(name) {
            open.extend(next);
        }
    }
    let all: BTreeSet<&str> = states.keys().map(String::as_str).collect();
    assert_eq!(seen, all, "states that nothing leads to");
}

#[test]
fn the_sample_waits_for_the_pin_with_its_token() {
    let sample = sample();
    let publish = &sample["States"]["Publish"];
    assert_eq!(publish["Resource"], "arn:aws:states:::apigateway:invoke.waitForTaskToken");
    let call = &publish["Parameters"];
    let table = routes::table();
    let endpoint = table
        .iter()
        .find(|one| Some(one.path) == call["Path"].as_str() && Some(one.method.as_str()) == call["Method"].as_str())
        .expect("an operation");
    let headers = call["Headers"].as_object().expect("headers");
    let token = headers.iter().find(|(_, value)| *value == "States.Array($$.Task.Token)").expect("the token").0;
    let token = token.trim_end_matches(".$");
    assert!(endpoint.parameters.iter().any(|one| one.name == token), "{} takes no {token}", endpoint.path);
    assert_eq!(publish["TimeoutSeconds"].as_i64(), Some(TOKEN_KEPT_MS / SECOND_MS), "as long as the token is kept");
    let caught = publish["Catch"][0]["ErrorEquals"][0].as_str().expect("an error");
    assert_eq!(caught, Failure::PinDeleted.code());
}
