//! The fields that pins, schedules and rows of imports share: how each is read and described.

use pinbridge_shared::domain::pin::idempotency::{is_readable_key, one_form};
use pinbridge_shared::domain::pin::{ALT_TEXT_MAX, DESCRIPTION_MAX, IDEMPOTENCY_KEY_MAX, TITLE_MAX, request};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::task::TASK_TOKEN_MAX;
use schemars::json_schema;
use serde_json::Value;

use crate::openapi::schema::names;
use crate::request::field::{Field, Filled, Text, Wrong, field_schema, readable};

pub type Title = Filled<TITLE_MAX>;
pub type Description = Text<DESCRIPTION_MAX>;
pub type AltText = Text<ALT_TEXT_MAX>;

/// The maximum number of related terms. They are stored with the pin, and DynamoDB charges its row by the kilobyte.
pub const TERMS_MAX: usize = 50;
pub const TERM_MAX: usize = 100;
/// The longest text of a board, in characters: a name has at most 180, and an address somewhat more.
const BOARD_TEXT_MAX: usize = 300;
/// The longest text of a priority, in characters. Longer than every valid name.
const PRIORITY_NAME_MAX: usize = 16;
/// The longest text of `on_duplicate`, in characters. Longer than every valid name.
const ON_DUPLICATE_NAME_MAX: usize = 16;
/// The longest text of a color, in characters, including surrounding blanks.
const COLOR_TEXT_MAX: usize = 32;

/// The identifier that a client chooses, in the form in which identifiers are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

field_schema!(IdempotencyKey = |generator| Filled::<IDEMPOTENCY_KEY_MAX>::json_schema(generator));

impl Field for IdempotencyKey {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Filled(key) = Filled::<IDEMPOTENCY_KEY_MAX>::parse(value)?;
        if is_readable_key(&key) {
            Ok(Self(one_form(&key)))
        } else {
            let msg = "Key should have no blank before or behind it, and no character that can't be seen";
            Err(Wrong::new(msg, "string_pattern_mismatch"))
        }
    }
}

/// A board: its id, which has only digits, or its name or address, which the account's boards must have. Nothing but
/// the id of a known board becomes a segment of Pinterest's paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardId(pub String);

field_schema!(BoardId = |generator| Filled::<BOARD_TEXT_MAX>::json_schema(generator));

impl Field for BoardId {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Filled(text) = Filled::<BOARD_TEXT_MAX>::parse(value)?;
        Ok(Self(text.trim().to_owned()))
    }
}

/// Six hexadecimal digits with or without `#`, stored in upper case with `#`. A blank text is the same as none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Color(pub Option<String>);

field_schema!(Color = |_| json_schema!({"type": "string", "pattern": r"^\s*(#?[0-9A-Fa-f]{6})?\s*$"}));

impl Field for Color {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Text(text) = Text::<COLOR_TEXT_MAX>::parse(value)?;
        let digits = text.trim();
        let digits = digits.strip_prefix('#').unwrap_or(digits);
        if digits.is_empty() {
            return Ok(Self(None));
        }
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let msg = "Input should be a 6-digit hex color (for example #6E7874)";
            return Err(Wrong::new(msg, "value_error"));
        }
        Ok(Self(Some(format!("#{}", digits.to_uppercase()))))
    }
}

/// A list of texts, or one text with commas, which the n8n node sends. An empty list is the same as none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms(pub Option<Vec<String>>);

field_schema!(
    Terms = |_| json_schema!({"anyOf": [
        {"type": "array", "maxItems": TERMS_MAX, "items": {"type": "string", "maxLength": TERM_MAX}},
        {"type": "string"},
        {"type": "null"},
    ]})
);

impl Field for Terms {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let parts: Vec<&str> = match value {
            Value::String(text) => text.split(',').collect(),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect()
            }
            _ => return Err(Wrong::new("Input should be a list of strings", "list_type")),
        };
        parts.iter().try_for_each(|term| readable(term))?;
        if parts.iter().any(|term| term.trim().contains(char::is_control)) {
            return Err(Wrong::new("String should have no control characters", "string_pattern_mismatch"));
        }
        if parts.len() > TERMS_MAX || parts.iter().any(|term| term.chars().count() > TERM_MAX) {
            let msg = format!("List should have at most {TERMS_MAX} terms of at most {TERM_MAX} characters");
            return Err(Wrong::new(msg, "too_long"));
        }
        let terms: Vec<String> =
            parts.iter().map(|term| term.trim().to_owned()).filter(|term| !term.is_empty()).collect();
        Ok(Self((!terms.is_empty()).then_some(terms)))
    }
}

names!(
    Priority,
    "The priority of a pin among the waiting pins of its account.",
    request::Priority::ALL.map(request::Priority::name)
);

impl From<request::Priority> for Priority {
    fn from(priority: request::Priority) -> Self {
        Self(priority.name())
    }
}

impl From<Priority> for request::Priority {
    fn from(Priority(name): Priority) -> Self {
        Self::parse(name).unwrap_or_default()
    }
}

impl Field for Priority {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Text(name) = Text::<PRIORITY_NAME_MAX>::parse(value)?;
        let unknown = || Wrong::new("Input should be 'urgent', 'normal' or 'bulk'", "enum");
        request::Priority::parse(&name).map(Self::from).ok_or_else(unknown)
    }
}

/// The token of a task of Step Functions that waits for the pin or the import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskToken(pub Secret);

field_schema!(
    TaskToken =
        |_| json_schema!({"type": "string", "minLength": 1, "maxLength": TASK_TOKEN_MAX, "pattern": "^[!-~]+$"})
);

impl Field for TaskToken {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Filled(token) = Filled::<TASK_TOKEN_MAX>::parse(value)?;
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let msg = "Token should have only letters, digits and signs of ASCII, without blanks";
            return Err(Wrong::new(msg, "string_pattern_mismatch"));
        }
        Ok(Self(Secret::new(token)))
    }
}

names!(OnDuplicate, "What happens to a pin with the same content as another pin.", ["warn", "refuse"]);

impl OnDuplicate {
    /// The value of that name.
    pub fn named(name: &str) -> Result<Self, Wrong> {
        let known = ["warn", "refuse"];
        known.into_iter().find(|one| *one == name).map(Self).ok_or_else(|| Wrong::not_one_of(&known))
    }

    pub fn refuses(self) -> bool {
        self.0 == "refuse"
    }
}

impl Field for OnDuplicate {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Text(name) = Text::<ON_DUPLICATE_NAME_MAX>::parse(value)?;
        Self::named(&name)
    }
}
