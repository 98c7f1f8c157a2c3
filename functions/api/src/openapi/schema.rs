//! What many schemas are made of.

use std::borrow::Cow;

use pinbridge_shared::domain::time::Moment;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::request::query::{LIMIT_MAX, OFFSET_MAX};

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
pub(crate) use inline_schema;

/// One of the names that the code knows; a schema of its own, because it is used in several places.
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

/// A moment as RFC 3339 in UTC, to the millisecond.
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
    /// A time, or nothing: forms send what is not filled in as an empty text.
    TimeOrEmpty = json_schema!({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "maxLength": 0}]})
);
inline_schema!(
    /// A page's length.
    Limit = json_schema!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": crate::request::query::LIMIT_DEFAULT})
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
