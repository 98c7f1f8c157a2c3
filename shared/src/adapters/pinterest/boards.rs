//! [`Boards`] on Pinterest's API.

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::client::{Answer, PinterestClient, Refusal, describe, encode, lost};
use super::error_codes;
use super::wire::{BoardSummary, BoardWrite, Page, SectionSummary, TermsAnswer};
use crate::domain::account::board::{Board, BoardChange, BoardDraft, BoardPages, RelatedTerms, Section};
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::secret::Secret;
use crate::ports::{Boards, ReadFailure};

/// The largest page that Pinterest serves.
const PAGE_SIZE: &str = "250";
/// Boards, and a board's sections, are listed up to this many pages.
const PAGES_MAX: usize = 20;

impl PinterestClient {
    /// Reads every page of a list, up to [`PAGES_MAX`]; returns whether there are no more.
    async fn list<T: DeserializeOwned>(&self, token: &Secret, path: &str) -> Result<(Vec<T>, bool), ReadFailure> {
        let mut items = Vec::new();
        let mut bookmark: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut request = self.get(path).query(&[("page_size", PAGE_SIZE)]);
            if let Some(mark) = &bookmark {
                request = request.query(&[("bookmark", mark)]);
            }
            let page: Page<T> = self.read(request, token, &[]).await?;
            items.extend(page.items);
            bookmark = page.bookmark.filter(|mark| !mark.is_empty());
            if bookmark.is_none() {
                break;
            }
        }
        Ok((items, bookmark.is_none()))
    }

    /// Makes a write. `own` are the texts of it that Pinterest may repeat. A write that was sent and got no readable
    /// answer may have taken effect.
    async fn write(&self, request: RequestBuilder, token: &Secret, own: &[&str]) -> Result<Vec<u8>, ReadFailure> {
        let response = request.bearer_auth(token.expose()).send().await.map_err(|error| {
            let failure = lost(describe(&error));
            if error.is_connect() { failure } else { ReadFailure { failure: Failure::OutcomeUnknown, ..failure } }
        })?;
        let mut answer = Answer::read(response).await;
        let Some(body) = answer.body.take() else {
            let upstream = answer.upstream(None, None, Some("Pinterest's answer was cut off"));
            return Err(ReadFailure { failure: Failure::OutcomeUnknown, upstream, retry_after_ms: None });
        };
        if answer.is_success() {
            return Ok(body);
        }
        let refusal = Refusal::read(&body, token, own);
        let failure = error_codes::of_board_write(answer.status, refusal.code, &refusal.said);
        Err(self.refused_as(failure, &answer, refusal))
    }

    async fn write_json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        token: &Secret,
        own: &[&str],
    ) -> Result<T, ReadFailure> {
        let body = self.write(request, token, own).await?;
        serde_json::from_slice(&body).map_err(|_| ReadFailure {
            failure: Failure::OutcomeUnknown,
            upstream: Upstream {
                transport_error: Some("Pinterest's answer names no board or section"),
                ..Upstream::default()
            },
            retry_after_ms: None,
        })
    }

    fn board_request(&self, method: Method, board_id: &str, rest: &str) -> RequestBuilder {
        self.reads.request(method, format!("{}/boards/{}{rest}", self.base, encode(board_id)))
    }
}

fn own_texts<'a>(name: Option<&'a str>, description: Option<&'a str>) -> Vec<&'a str> {
    name.into_iter().chain(description).collect()
}

/// An answer with an id is a success, also if it doesn't repeat the name.
fn named(name: &mut String, asked: &str) {
    if name.is_empty() {
        asked.clone_into(name);
    }
}

#[async_trait]
impl Boards for PinterestClient {
    async fn boards(&self, token: &Secret) -> Result<BoardPages, ReadFailure> {
        let (boards, is_whole) = self.list::<BoardSummary>(token, "/boards").await?;
        Ok(BoardPages { boards: boards.into_iter().map(Board::from).collect(), is_whole })
    }

    async fn board(&self, token: &Secret, board_id: &str) -> Result<Board, ReadFailure> {
        let board: BoardSummary = self.read(self.board_request(Method::GET, board_id, ""), token, &[board_id]).await?;
        Ok(board.into())
    }

    async fn create_board(&self, token: &Secret, draft: &BoardDraft) -> Result<Board, ReadFailure> {
        let request = self.reads.post(format!("{}/boards", self.base)).json(&BoardWrite::creating(draft));
        let own = own_texts(Some(&draft.name), draft.description.as_deref());
        let mut board: BoardSummary = self.write_json(request, token, &own).await?;
        named(&mut board.name, &draft.name);
        Ok(board.into())
    }

    async fn update_board(&self, token: &Secret, board_id: &str, change: &BoardChange) -> Result<Board, ReadFailure> {
        let request = self.board_request(Method::PATCH, board_id, "").json(&BoardWrite::changing(change));
        let own = own_texts(change.name.as_deref(), change.description.as_deref());
        let board: BoardSummary = self.write_json(request, token, &own).await?;
        Ok(board.into())
    }

    async fn delete_board(&self, token: &Secret, board_id: &str) -> Result<(), ReadFailure> {
        self.write(self.board_request(Method::DELETE, board_id, ""), token, &[board_id]).await.map(|_| ())
    }

    async fn sections(&self, token: &Secret, board_id: &str) -> Result<Vec<Section>, ReadFailure> {
        let path = format!("/boards/{}/sections", encode(board_id));
        let (sections, _) = self.list::<SectionSummary>(token, &path).await?;
        Ok(sections.into_iter().map(Section::from).collect())
    }

    async fn create_section(&self, token: &Secret, board_id: &str, name: &str) -> Result<Section, ReadFailure> {
        let body = serde_json::json!({ "name": name });
        let request = self.board_request(Method::POST, board_id, "/sections").json(&body);
        let mut section: SectionSummary = self.write_json(request, token, &[name]).await?;
        named(&mut section.name, name);
        Ok(section.into())
    }

    /// The parameter is repeated, as Pinterest's description says about arrays (its example has commas: unverified).
    async fn related_terms(&self, token: &Secret, terms: &[String]) -> Result<RelatedTerms, ReadFailure> {
        let pairs: Vec<(&str, &str)> = terms.iter().map(|term| ("terms", term.as_str())).collect();
        let own: Vec<&str> = terms.iter().map(String::as_str).collect();
        let answer: TermsAnswer = self.read(self.get("/terms/related").query(&pairs), token, &own).await?;
        Ok(answer.into())
    }
}
