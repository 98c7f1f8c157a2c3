//! Related terms.

use super::*;

#[test]
fn terms_may_be_repeated_or_separated_by_commas() {
    let mut desk = Desk::open();
    let mut related = |query: &str| desk.call(Operation::TermsRelatedList, "", query, Value::Null).map(|r| r.json());
    let two = related("terms=soup&terms=stew").expect("answered");
    assert_eq!(related("terms=soup,%20stew,"), Ok(two.clone()));
    assert_eq!((&two["id"], &two["related_term_count"]), (&json!("soup"), &json!(6)));
    assert_eq!(two["related_terms_list"][1]["term"], "stew");
    for nothing in ["", "terms=", "terms=,"] {
        assert_eq!(related(nothing), Err(errors::TERMS_RELATED_INVALID), "{nothing}");
    }
}
