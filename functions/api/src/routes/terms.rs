//! Keyword ideas.

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::flows::boards;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::page;
use crate::views::connections as views;

/// Terms of one request, and the characters of each: what fits into an address.
const TERMS_MAX: usize = 20;
const TERM_MAX: usize = 100;

pub async fn related(
    State(context): State<Context>,
    caller: Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let terms = terms(&pairs)?;
    let query: page::Query = pairs.into_iter().collect();
    let exact = page::flag(&query, "exact_match")?;
    let account = caller.account(page::account_id(&query)?)?;
    let related = boards::related_terms(&context, account, &terms, exact).await?;
    Ok(Json(views::related_terms(&related, &terms, exact)))
}

/// The parameter may be repeated (the SDK does), have commas in it (the n8n node sends one text), or both.
fn terms(pairs: &[(String, String)]) -> Result<Vec<String>, ApiError> {
    let mut terms: Vec<String> = Vec::new();
    for text in pairs.iter().filter(|(name, _)| name == "terms").flat_map(|(_, value)| value.split(',')) {
        let term = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !term.is_empty() && !terms.contains(&term) {
            terms.push(term);
        }
    }
    if terms.is_empty() {
        return Err(page::invalid("terms", "Field required", "missing"));
    }
    if terms.len() > TERMS_MAX || terms.iter().any(|term| term.chars().count() > TERM_MAX) {
        let msg = format!("List should have at most {TERMS_MAX} terms of at most {TERM_MAX} characters");
        return Err(page::invalid("terms", msg, "too_long"));
    }
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<Vec<String>> {
        let pairs: Vec<(String, String)> = values.iter().map(|value| ("terms".into(), (*value).into())).collect();
        terms(&pairs).ok()
    }

    #[test]
    fn terms_are_repeated_or_have_commas() {
        let wanted: Option<Vec<String>> = Some(vec!["paper".into(), "fold it".into(), "crane".into()]);
        assert_eq!(read(&["paper", "fold it", "crane"]), wanted);
        assert_eq!(read(&["paper, fold  it ,,crane,paper"]), wanted);
        assert_eq!(read(&["paper,fold it", "crane"]), wanted);
    }

    #[test]
    fn none_and_too_many_are_refused() {
        assert!(read(&[]).is_none() && read(&[" , "]).is_none());
        assert!(read(&[&"x".repeat(101)]).is_none() && read(&[&"x".repeat(100)]).is_some());
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        assert!(read(&[&many.join(",")]).is_none() && read(&[&many[..20].join(",")]).is_some());
    }
}
