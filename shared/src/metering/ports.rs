//! Decorators of the ports that call Pinterest: each call is counted, and passed on.

use std::sync::Arc;

use async_trait::async_trait;

use super::note_pinterest_call;
use crate::context::Context;
use crate::domain::account::analytics::{MetricSeries, Question};
use crate::domain::account::board::{Board, BoardChange, BoardDraft, BoardPages, RelatedTerms, Section};
use crate::domain::pin::PinRequest;
use crate::domain::secret::Secret;
use crate::ports::{
    Analytics, BoardPage, Boards, Creation, GrantFailure, OAuth, Pinterest, PinterestUser, ReadFailure, Tokens,
};

/// The context, in which every call to Pinterest is counted.
#[must_use]
pub fn counting(context: Context) -> Context {
    Context {
        pinterest: Arc::new(Counted(context.pinterest)),
        boards: Arc::new(Counted(context.boards)),
        analytics: Arc::new(Counted(context.analytics)),
        oauth: Arc::new(Counted(context.oauth)),
        ..context
    }
}

struct Counted<P: ?Sized>(Arc<P>);

/// The methods of a port that call Pinterest.
macro_rules! counted {
    ($port:ident { $($other:item)* } $(async fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $port for Counted<dyn $port> {
            $($other)*
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                note_pinterest_call();
                self.0.$name($($argument),*).await
            })*
        }
    };
}

counted! {
    Pinterest {}
    async fn create_pin(token: &Secret, request: &PinRequest) -> Creation;
    async fn board_pins(token: &Secret, board_id: &str, bookmark: Option<&str>) -> Result<BoardPage, ReadFailure>;
    async fn delete_pin(token: &Secret, pinterest_pin_id: &str) -> Result<(), ReadFailure>;
    async fn user(token: &Secret) -> Result<PinterestUser, ReadFailure>;
}

counted! {
    Boards {}
    async fn boards(token: &Secret) -> Result<BoardPages, ReadFailure>;
    async fn board(token: &Secret, board_id: &str) -> Result<Board, ReadFailure>;
    async fn create_board(token: &Secret, draft: &BoardDraft) -> Result<Board, ReadFailure>;
    async fn update_board(token: &Secret, board_id: &str, change: &BoardChange) -> Result<Board, ReadFailure>;
    async fn delete_board(token: &Secret, board_id: &str) -> Result<(), ReadFailure>;
    async fn sections(token: &Secret, board_id: &str) -> Result<Vec<Section>, ReadFailure>;
    async fn create_section(token: &Secret, board_id: &str, name: &str) -> Result<Section, ReadFailure>;
    async fn related_terms(token: &Secret, terms: &[String]) -> Result<RelatedTerms, ReadFailure>;
}

counted! {
    Analytics {}
    async fn pin_metrics(token: &Secret, pinterest_pin_id: &str, question: &Question)
        -> Result<Option<MetricSeries>, ReadFailure>;
    async fn account_metrics(token: &Secret, question: &Question) -> Result<MetricSeries, ReadFailure>;
}

counted! {
    OAuth {
        fn is_configured(&self) -> bool {
            self.0.is_configured()
        }

        fn callback_url(&self) -> Option<String> {
            self.0.callback_url()
        }

        fn authorization_url(&self, state: &str) -> Option<String> {
            self.0.authorization_url(state)
        }
    }
    async fn exchange(code: &Secret) -> Result<Tokens, GrantFailure>;
    async fn refresh(refresh: &Secret) -> Result<Tokens, GrantFailure>;
}
