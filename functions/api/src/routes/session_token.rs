//! The token of a session, as logging in and switching to another project answer it.

use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::session::SESSION_S;
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi::schema::names;

names!(TokenType, "Send the token as `Authorization: Bearer`.", ["bearer"]);

/// The token of a session.
#[derive(Serialize, JsonSchema)]
pub struct Token {
    pub access_token: String,
    pub token_type: TokenType,
    /// The lifetime of the session, in seconds.
    #[schemars(with = "u64")]
    pub expires_in: i64,
}

impl Token {
    pub fn of(token: &Secret) -> Self {
        Self { access_token: token.expose().to_owned(), token_type: TokenType("bearer"), expires_in: SESSION_S }
    }
}
