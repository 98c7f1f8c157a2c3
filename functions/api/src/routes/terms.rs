//! Keyword ideas: terms that Pinterest relates to other terms.

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::board;
use pinbridge_shared::flows::boards;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use uuid::Uuid;

use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::openapi::schema::{Flag, inline_schema};
use crate::request::query;
use crate::routes::examples::ACCOUNT;

/// The maximum number of terms of a request. The query of an address limits it.
const TERMS_MAX: usize = 20;
/// The longest term, in characters.
const TERM_MAX: usize = 100;

pub fn endpoints() -> Vec<Endpoint> {
    let related = get("/v1/pinterest/terms/related", READ, related)
        .operation("list_related_terms", "List related terms")
        .about(
            "Lists the terms that Pinterest relates to the terms of the request. The connection needs Pinterest's \
             scope `ads:read`.",
        )
        .required_query::<Uuid>("account_id", "The id of the account.", ACCOUNT)
        .required_query::<Terms>("terms", "The terms, separated by commas or as a repeated parameter.", "paper,crane")
        .query::<Flag>("exact_match", "Extension: only the results whose term equals a term of the request.")
        .answers::<RelatedTerms>(200, "The related terms.");
    tagged("Boards", vec![super::boards::fails(related)])
}

inline_schema!(
    /// A text. Commas separate terms.
    Terms = json_schema!({"type": "string", "minLength": 1})
);

/// The terms that Pinterest relates to the terms of the request.
#[derive(Serialize, JsonSchema)]
pub struct RelatedTerms {
    pub id: String,
    pub related_term_count: u64,
    pub related_terms_list: Vec<RelatedTo>,
    pub exact_match: bool,
}

/// A term and its related terms.
#[derive(Serialize, JsonSchema)]
pub struct RelatedTo {
    pub term: String,
    pub related_terms: Vec<String>,
}

impl RelatedTerms {
    fn of(found: board::RelatedTerms, asked: &[String], exact_match: bool) -> Self {
        let groups = found.groups.into_iter();
        let groups: Vec<_> = groups.map(|group| RelatedTo { term: group.term, related_terms: group.related }).collect();
        Self {
            id: found.id.or_else(|| asked.first().cloned()).unwrap_or_default(),
            related_term_count: groups.iter().map(|group| group.related_terms.len() as u64).sum(),
            related_terms_list: groups,
            exact_match,
        }
    }
}

async fn related(
    State(context): State<Context>,
    caller: Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<RelatedTerms>, ApiError> {
    let terms = terms(&pairs)?;
    let query: query::Query = pairs.into_iter().collect();
    let exact = query::flag(&query, "exact_match")?;
    let account = caller.account(query::account_id(&query)?)?;
    let related = boards::related_terms(&context, account, &terms, exact).await?;
    Ok(Json(RelatedTerms::of(related, &terms, exact)))
}

/// Reads the parameter, which may be repeated (as in the SDK), have commas (as in the n8n node), or both.
fn terms(pairs: &[(String, String)]) -> Result<Vec<String>, ApiError> {
    let mut terms: Vec<String> = Vec::new();
    for text in pairs.iter().filter(|(name, _)| name == "terms").flat_map(|(_, value)| value.split(',')) {
        let term = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !term.is_empty() && !terms.contains(&term) {
            terms.push(term);
        }
    }
    if terms.is_empty() {
        return Err(query::invalid("terms", "Field required", "missing"));
    }
    if terms.len() > TERMS_MAX || terms.iter().any(|term| term.chars().count() > TERM_MAX) {
        let msg = format!("List should have at most {TERMS_MAX} terms of at most {TERM_MAX} characters");
        return Err(query::invalid("terms", msg, "too_long"));
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
