//! The token of a session, as logging in and switching to another project answer it.

use pinbridge_shared::flows::tenants::log_in::Issued;
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi::schema::names;

names!(TokenType, "Send the token as `Authorization: Bearer`.", ["bearer"]);

/// The token of a session.
#[derive(Serialize, JsonSchema)]
pub struct Token {
    pub access_token: String,
    pub token_type: TokenType,
    /// The lifetime of the token, in seconds.
    #[schemars(with = "u64")]
    pub expires_in: i64,
}

impl Token {
    pub fn of(issued: &Issued) -> Self {
        let access_token = issued.token.expose().to_owned();
        Self { access_token, token_type: TokenType("bearer"), expires_in: issued.lasts_s }
    }
}
