//! What many schemas are made of.

use schemars::json_schema;

use crate::page::{LIMIT_MAX, OFFSET_MAX};

/// A text with something in it that isn't blank.
pub const FILLED: &str = r"\S";

/// A schema that is written where it is used, from what the code says.
macro_rules! inline_schema {
    ($(#[$doc:meta])* $name:ident = $schema:expr) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name;

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(super) use inline_schema;

/// One of the names that the code knows; a schema of its own, because it is used in several places.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $description:literal, $names:expr) => {
        $(#[$doc])*
        pub struct $name;

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let names: Vec<&str> = $names.into_iter().collect();
                schemars::json_schema!({"type": "string", "description": $description, "enum": names})
            }
        }
    };
}
pub(super) use names;

inline_schema!(
    /// A time, to the millisecond, in UTC.
    Time = json_schema!({"type": "string", "format": "date-time"})
);
inline_schema!(
    /// A time, or nothing: forms send what is not filled in as an empty text.
    TimeOrEmpty = json_schema!({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "maxLength": 0}]})
);
inline_schema!(
    /// A page's length.
    Limit = json_schema!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": crate::page::LIMIT_DEFAULT})
);
inline_schema!(
    /// How much of a list is left out before a page.
    Offset = json_schema!({"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0})
);
inline_schema!(
    /// `true` or `false`; `1` and `0` are understood too.
    Flag = json_schema!({"type": "boolean", "default": false})
);
inline_schema!(
    /// Any text.
    Text = json_schema!({"type": "string"})
);
inline_schema!(
    /// A board's id: a decimal number, at Pinterest and here a string.
    BoardId = json_schema!({"type": "string", "pattern": r"^[0-9]+$", "maxLength": pinbridge_shared::domain::account::board::BOARD_ID_MAX})
);
inline_schema!(
    /// An absolute `http` or `https` URL.
    HttpUrl = json_schema!({"type": "string", "format": "uri", "maxLength": pinbridge_shared::domain::pin::URL_MAX})
);
