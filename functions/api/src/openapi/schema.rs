//! The basic types of schemas.

use std::borrow::Cow;

use pinbridge_shared::domain::time::Moment;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The length of a page, in entries, if a request names none.
pub const LIMIT_DEFAULT: usize = 50;
/// The longest page, in entries.
pub const LIMIT_MAX: usize = 200;
/// The largest offset, in entries. A cursor reaches the entries behind it.
pub const OFFSET_MAX: usize = 10_000;

/// The pattern of a text that isn't blank.
pub const FILLED: &str = r"\S";

/// A type with an inline schema.
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
pub(crate) use inline_schema;

/// A type whose values are names. Its schema has a name of its own, because several schemas use it.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $description:literal, $names:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub &'static str);

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
pub(crate) use names;

/// A time in UTC as RFC 3339, with milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Time(pub Moment);

impl From<Moment> for Time {
    fn from(moment: Moment) -> Self {
        Self(moment)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339())
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

inline_schema!(
    /// A time or an empty text, which forms send for an empty field.
    TimeOrEmpty = json_schema!({
        "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "maxLength": 0}]
    })
);
inline_schema!(
    /// The maximum length of a page.
    Limit = json_schema!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT})
);
inline_schema!(
    /// The number of entries to skip.
    Offset = json_schema!({"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0})
);
inline_schema!(
    /// `true`, `false`, `1` or `0`.
    Flag = json_schema!({"type": "boolean", "default": false})
);
inline_schema!(
    /// Any text.
    Text = json_schema!({"type": "string"})
);
