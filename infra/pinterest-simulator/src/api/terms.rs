//! `terms/…`. The related terms are always the same.

use serde::Serialize;

use super::{Reply, Request};
use crate::errors::{self, ApiError};

/// The schema `RelatedTerms` (OpenAPI 5.23.0).
#[derive(Serialize)]
struct RelatedTermsView {
    id: String,
    related_term_count: usize,
    related_terms_list: Vec<TermView>,
}

#[derive(Serialize)]
struct TermView {
    term: String,
    related_terms: Vec<String>,
}

/// `terms` may be repeated (the parameter's schema) or contain commas (the answer's description).
pub fn related(request: &Request) -> Result<Reply, ApiError> {
    let values = request.query.iter().filter(|(name, _)| name == "terms").flat_map(|(_, value)| value.split(','));
    let terms: Vec<&str> = values.map(str::trim).filter(|term| !term.is_empty()).collect();
    let Some(first) = terms.first() else {
        return Err(errors::TERMS_RELATED_INVALID);
    };
    let list: Vec<TermView> = terms.iter().map(|term| view(term)).collect();
    let related_term_count = list.iter().map(|view| view.related_terms.len()).sum();
    let id = (*first).to_owned();
    Ok(Reply::with_json(200, &RelatedTermsView { id, related_term_count, related_terms_list: list }))
}

fn view(term: &str) -> TermView {
    let related_terms = ["ideas", "aesthetic", "for beginners"].map(|word| format!("{term} {word}")).into();
    TermView { term: term.to_owned(), related_terms }
}
