//! Analytics.

use super::*;

/// The day of [`NOW_MS`] is 2022-10-13.
const RANGE: &str = "start_date=2022-10-11&end_date=2022-10-13";

#[test]
fn a_pin_has_daily_summary_and_lifetime_metrics() {
    let mut desk = Desk::open();
    let id = desk.create(json!({})).expect("created").json()["id"].as_str().expect("an id").to_owned();
    let query = format!("{RANGE}&metric_types=IMPRESSION,SAVE_RATE,TOTAL_COMMENTS");
    let answer = desk.call(Operation::PinsAnalytics, &id, &query, Value::Null).expect("answered").json();
    let all = &answer["all"];
    let days = all["daily_metrics"].as_array().expect("days");
    let statuses: Vec<&Value> = days.iter().map(|day| &day["data_status"]).collect();
    assert_eq!(statuses, ["BEFORE_PIN_CREATED", "BEFORE_PIN_CREATED", "ESTIMATE"]);
    assert_eq!((&days[0]["metrics"], &days[2]["date"]), (&json!({}), &json!("2022-10-13")));
    assert_eq!(all["summary_metrics"], days[2]["metrics"], "the summary of one day is that day");
    assert!(days[2]["metrics"]["IMPRESSION"].is_u64() && days[2]["metrics"]["SAVE_RATE"].is_f64(), "{answer}");
    assert!(all["lifetime_metrics"]["TOTAL_COMMENTS"].is_u64(), "{answer}");
    let again = desk.call(Operation::PinsAnalytics, &id, &query, Value::Null).expect("answered").json();
    assert_eq!(again, answer, "the same every time");
}

#[test]
fn an_account_has_all_metrics_unless_some_are_named() {
    let mut desk = Desk::open();
    let answer = desk.call(Operation::UserAccountAnalytics, "", RANGE, Value::Null).expect("answered").json();
    assert_eq!(answer["all"]["summary_metrics"].as_object().map(|metrics| metrics.len()), Some(9));
    let days = answer["all"]["daily_metrics"].as_array().expect("days");
    let sum: u64 = days.iter().filter_map(|day| day["metrics"]["SAVE"].as_u64()).sum();
    assert_eq!((days.len(), &answer["all"]["summary_metrics"]["SAVE"]), (3, &json!(sum)));
    let some = format!("{RANGE}&metric_types=SAVE");
    let answer = desk.call(Operation::UserAccountAnalytics, "", &some, Value::Null).expect("answered").json();
    assert_eq!(answer["all"]["summary_metrics"], json!({"SAVE": sum}));
    assert!(answer["all"].get("lifetime_metrics").is_none());
}

#[test]
fn wrong_parameters_are_refused_as_documented() {
    let mut desk = Desk::open();
    let id = desk.create(json!({})).expect("created").json()["id"].as_str().expect("an id").to_owned();
    for query in [
        "",
        "start_date=2022-10-11&metric_types=SAVE",
        RANGE,
        "start_date=2022-10-13&end_date=2022-10-12&metric_types=SAVE",
        "start_date=2022-07-14&end_date=2022-10-12&metric_types=SAVE",
        "start_date=2022-10-11&end_date=2023-01-10&metric_types=SAVE",
        "start_date=2022-10-11&end_date=2022-10-13&metric_types=SAVE,FISH",
        "start_date=2022-10-11&end_date=2022-10-13&metric_types=SAVE&split_field=APP_TYPE",
    ] {
        let answer = desk.call(Operation::PinsAnalytics, &id, query, Value::Null);
        assert_eq!(answer, Err(errors::PIN_ANALYTICS_INVALID), "{query}");
    }
    let furthest = "start_date=2022-07-15&end_date=2022-10-13&metric_types=SAVE";
    assert!(desk.call(Operation::PinsAnalytics, &id, furthest, Value::Null).is_ok());
    let answer = desk.call(Operation::UserAccountAnalytics, "", "start_date=2022-10-11", Value::Null);
    assert_eq!(answer, Err(errors::ACCOUNT_ANALYTICS_INVALID));
    desk.call(Operation::PinsDelete, &id, "", Value::Null).expect("deleted");
    let gone = desk.call(Operation::PinsAnalytics, &id, furthest, Value::Null);
    assert_eq!(gone, Err(errors::PIN_ANALYTICS_NOT_FOUND));
}
