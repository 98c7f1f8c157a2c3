//! The type of a field is its only description: [`Field`] reads the field, `JsonSchema` describes it, and the type has
//! the limits. [`request!`] makes a body of such fields. One error names all invalid fields of a body.

use std::borrow::Cow;

use pinbridge_shared::domain::characters::{changes_direction, is_unseen};
use pinbridge_shared::domain::link::{self, NoLink};
use pinbridge_shared::domain::pin::URL_MAX;
use pinbridge_shared::domain::time::Moment;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::json::{HALF, RAW_CONTROL};
use crate::error::{ApiError, FieldError};
use crate::openapi::schema::{FILLED, Time};

/// The longest text of a time, in characters.
const TIME_MAX: usize = 64;

/// The error of a value: a sentence, and the stable name of the kind of error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub msg: Cow<'static, str>,
    pub kind: &'static str,
}

impl Wrong {
    pub fn new(msg: impl Into<Cow<'static, str>>, kind: &'static str) -> Self {
        Self { msg: msg.into(), kind }
    }

    pub fn missing() -> Self {
        Self::new("Field required", "missing")
    }

    /// The value is not one of the names.
    pub fn not_one_of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        Self::new(format!("Input should be {}", names.join(" or ")), "enum")
    }

    pub fn too_long(items_max: usize) -> Self {
        Self::new(format!("List should have at most {items_max} items"), "too_long")
    }
}

/// The type of a field in the JSON object of a request.
pub trait Field: Sized {
    /// Reads a value that isn't null.
    fn parse(value: &Value) -> Result<Self, Wrong>;

    /// The value of an absent field.
    fn absent() -> Result<Self, Wrong> {
        Err(Wrong::missing())
    }

    /// The value of a field that is null. `None`: the same as an absent field.
    fn null() -> Result<Option<Self>, Wrong> {
        Ok(None)
    }
}

impl<T: Field> Field for Option<T> {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        T::parse(value).map(Some)
    }

    fn absent() -> Result<Self, Wrong> {
        Ok(None)
    }

    fn null() -> Result<Option<Self>, Wrong> {
        T::null().map(Some)
    }
}

/// A field that null clears. `Option<Nullable<T>>` distinguishes an absent field from one that is null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nullable<T>(pub Option<T>);

impl<T: Field> Field for Nullable<T> {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        T::parse(value).map(|value| Self(Some(value)))
    }

    fn null() -> Result<Option<Self>, Wrong> {
        Ok(Some(Self(None)))
    }
}

impl<T: JsonSchema> JsonSchema for Nullable<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

/// A field that may be omitted, but not null: where an absent field means "everything", `null` is a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotNull<T>(pub T);

impl<T: Field> Field for NotNull<T> {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        T::parse(value).map(Self)
    }

    fn null() -> Result<Option<Self>, Wrong> {
        Err(Wrong::new("Input should not be null. Omit the field instead", "value_error"))
    }
}

impl<T: JsonSchema> JsonSchema for NotNull<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A field type whose schema is written where it is used.
macro_rules! field_schema {
    (const $limit:ident, $name:ty = |$generator:tt| $schema:expr) => {
        field_schema!(@ [<const $limit: usize>] $name, $generator, $schema);
    };
    (@ [$($limit:tt)*] $name:ty, $generator:tt, $schema:expr) => {
        impl $($limit)* schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
    ($name:ty = |$generator:tt| $schema:expr) => {
        $crate::request::field::field_schema!(@ [] $name, $generator, $schema);
    };
}
pub(crate) use field_schema;

/// A text of at most `MAX` characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MAX: usize>(pub String);

field_schema!(const MAX, Text<MAX> = |_| json_schema!({"type": "string", "maxLength": MAX}));

impl<const MAX: usize> Field for Text<MAX> {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        text(value, MAX).map(Self)
    }
}

pub fn text(value: &Value, max: usize) -> Result<String, Wrong> {
    let text = value.as_str().ok_or(Wrong::new("Input should be a valid string", "string_type"))?;
    if text.chars().count() > max {
        return Err(Wrong::new(format!("String should have at most {max} characters"), "string_too_long"));
    }
    readable(text)?;
    Ok(text.to_owned())
}

/// A text without line breaks and tabs.
pub fn line(value: &Value, max: usize) -> Result<String, Wrong> {
    let text = text(value, max)?;
    if text.contains(char::is_control) {
        return Err(Wrong::new("String should have no control characters", "string_pattern_mismatch"));
    }
    Ok(text)
}

/// What is wrong with a text that has half a surrogate pair.
pub fn half() -> Wrong {
    let msg = "String should have whole characters in UTF-8. One is cut, such as an emoji, or in another encoding";
    Wrong::new(msg, "string_unicode")
}

/// # Errors
/// When the text has control characters, or half of one.
pub fn readable(text: &str) -> Result<(), Wrong> {
    if text.contains(HALF) {
        return Err(half());
    }
    if text.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || c == RAW_CONTROL) {
        return Err(Wrong::new("String should have no control characters", "string_pattern_mismatch"));
    }
    Ok(())
}

/// A list of at least one item.
pub fn list(value: &Value, items_max: usize) -> Result<&[Value], Wrong> {
    match value.as_array().ok_or(Wrong::new("Input should be a valid list", "list_type"))? {
        items if items.is_empty() => Err(Wrong::new("List should have at least 1 item", "too_short")),
        items if items.len() > items_max => Err(Wrong::too_long(items_max)),
        items => Ok(items),
    }
}

/// An item of a list of ids. The error names its place, from 0.
pub fn uuid_at(index: usize, item: &Value) -> Result<Uuid, Wrong> {
    let wrong = || Wrong::new(format!("Item {index} (from 0) should be a valid UUID"), "uuid_parsing");
    item.as_str().and_then(|text| Uuid::parse_str(text).ok()).ok_or_else(wrong)
}

/// A text of at most `MAX` characters that isn't blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled<const MAX: usize>(pub String);

field_schema!(const MAX, Filled<MAX> = |_| json_schema!({
    "type": "string", "minLength": 1, "maxLength": MAX, "pattern": FILLED
}));

impl<const MAX: usize> Filled<MAX> {
    pub fn trimmed(&self) -> String {
        self.0.trim().to_owned()
    }
}

impl<const MAX: usize> Field for Filled<MAX> {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Text(text) = Text::<MAX>::parse(value)?;
        if text.chars().all(is_unseen) {
            return Err(Wrong::new("String should have at least 1 character that can be seen", "string_too_short"));
        }
        Ok(Self(text))
    }
}

/// A text in one line that isn't blank, such as a name: no line breaks or tabs either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<const MAX: usize>(pub String);

field_schema!(const MAX, Line<MAX> = |generator| Filled::<MAX>::json_schema(generator));

impl<const MAX: usize> Line<MAX> {
    pub fn trimmed(&self) -> String {
        self.0.trim().to_owned()
    }
}

impl<const MAX: usize> Field for Line<MAX> {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Filled(text) = Filled::<MAX>::parse(value)?;
        if text.contains(changes_direction) {
            let msg = "String should have no characters that end a line or change the direction of the text";
            return Err(Wrong::new(msg, "string_pattern_mismatch"));
        }
        line(&text.into(), MAX).map(Self)
    }
}

impl Field for bool {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        value.as_bool().ok_or(Wrong::new("Input should be a valid boolean", "bool_type"))
    }
}

impl Field for Uuid {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Text(text) = Text::<64>::parse(value)?;
        Self::parse_str(&text).map_err(|_| Wrong::new("Input should be a valid UUID", "uuid_parsing"))
    }
}

/// A name or a password in a link would be published with it.
const CREDENTIALS: &str = "Input should be a URL without a user name and a password: they would be published";

/// An absolute `http` or `https` URL, read into its normal form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HttpUrl(pub String);

field_schema!(HttpUrl = |_| json_schema!({"type": "string", "format": "uri", "maxLength": URL_MAX}));

impl Field for HttpUrl {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Text(text) = Text::<URL_MAX>::parse(value)?;
        link::parse(&text).map(Self).map_err(|reason| match reason {
            NoLink::Unreadable => Wrong::new("Input should be a valid http or https URL", "url_parsing"),
            NoLink::Credentials => Wrong::new(CREDENTIALS, "url_parsing"),
            NoLink::TooLong => Wrong::new(format!("URL should have at most {URL_MAX} characters"), "url_too_long"),
        })
    }
}

/// A moment with its offset, as RFC 3339.
impl Field for Time {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Text(text) = Text::<TIME_MAX>::parse(value)?;
        Moment::parse_rfc3339(text.trim()).map(Self).ok_or_else(|| no_time(&text))
    }
}

/// What is wrong with a text that is no time.
pub fn no_time(text: &str) -> Wrong {
    let time = text.trim().split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
    if time.contains(['Z', 'z', '+', '-']) {
        let msg = "Input should be a date and a time that exist, with an offset below 24 hours (for example \
                   2026-03-06T10:00:00Z)";
        return Wrong::new(msg, "datetime_parsing");
    }
    Wrong::new("Input should be a time with an offset (for example 2026-03-06T10:00:00Z)", "timezone_aware")
}

/// Reads fields and collects their errors. `null` is the same as absent.
pub struct Fields<'a> {
    pub(super) object: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    pub fn of(object: &'a Map<String, Value>) -> Self {
        Self { object, errors: Vec::new() }
    }

    pub fn reject(&mut self, name: &str, msg: impl Into<String>, kind: &'static str) {
        self.errors.push(FieldError::new("body", name, msg, kind));
    }

    /// Refuses the body as a whole: no field of it is wrong.
    pub fn reject_whole(&mut self, msg: impl Into<String>, kind: &'static str) {
        self.errors.push(FieldError { loc: vec!["body".into()], msg: msg.into(), kind });
    }

    /// Refuses every unknown field.
    pub fn only(&mut self, is_known: impl Fn(&str) -> bool, msg: &str) {
        let object = self.object;
        object.keys().filter(|name| !is_known(name)).for_each(|name| self.reject(name, msg, "extra_forbidden"));
    }

    /// Refuses every field that the type doesn't have.
    pub fn only_of<T: FromFields>(&mut self, msg: &str) {
        self.only(|name| T::NAMES.contains(&name), msg);
    }

    /// Like [`Self::only_of`]; the error names the fields of the type.
    pub fn only_known<T: FromFields>(&mut self) {
        self.only_of::<T>(&format!("Unknown field. The fields are: {}", T::NAMES.join(", ")));
    }

    /// # Errors
    /// All collected errors. `body` is what could be read.
    pub fn finish_with<T>(self, body: Option<T>) -> Result<T, ApiError> {
        body.filter(|_| self.errors.is_empty()).ok_or_else(|| ApiError::validation(self.errors))
    }

    /// Reads a field by its type. `None`: the field is invalid.
    pub fn read<T: Field>(&mut self, name: &str) -> Option<T> {
        let read = match self.object.get(name) {
            None => T::absent(),
            Some(Value::Null) => T::null().and_then(|null| null.map_or_else(T::absent, Ok)),
            Some(value) => T::parse(value),
        };
        self.kept(name, read)
    }

    fn kept<T>(&mut self, name: &str, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|Wrong { msg, kind }| self.reject(name, msg, kind)).ok()
    }

    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A text in one line of at most `max` characters, for limits that a type can't have.
    pub fn text(&mut self, name: &str, max: usize) -> Option<String> {
        let value = self.value(name)?;
        self.kept(name, line(value, max))
    }
}

/// A body of fields, read in their order.
pub trait FromFields: Sized {
    /// The fields' names.
    const NAMES: &'static [&'static str];

    /// `None`: a field is invalid. The errors are in `fields`.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// A request's body: the struct, its schema and its reader.
macro_rules! request {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $kind:ty,)* }) => {
        #[derive(Debug, schemars::JsonSchema)]
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
        }

        impl $crate::request::field::FromFields for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

            fn from_fields(fields: &mut $crate::request::Fields<'_>) -> Option<Self> {
                // Reads every field before the first invalid one ends the function.
                $(let $field = fields.read::<$kind>(stringify!($field));)*
                Some(Self { $($field: $field?,)* })
            }
        }
    };
}
pub(crate) use request;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ApiError;

    request! {
        /// A body.
        pub struct Sample {
            pub name: Filled<5>,
            pub note: Option<Text<3>>,
            pub link: Option<Nullable<Text<3>>>,
        }
    }

    fn read(body: &Value) -> Result<Sample, ApiError> {
        let object = body.as_object().expect("an object");
        let mut fields = Fields::of(object);
        let sample = Sample::from_fields(&mut fields);
        fields.finish_with(sample)
    }

    #[test]
    fn every_wrong_field_is_reported_in_order() {
        let error = read(&json!({"name": " ", "note": "long", "link": 7})).expect_err("three errors");
        let names: Vec<&str> = error.errors().iter().map(|error| error.loc[1].as_str()).collect();
        assert_eq!(names, ["name", "note", "link"]);
        let error = read(&json!({"name": null})).expect_err("null is absent");
        assert_eq!(error.errors()[0].kind, "missing");
    }

    #[test]
    fn a_name_has_no_control_characters_and_a_text_has_line_breaks_only() {
        for code in (0..0x20).chain(0x7f..0xa0) {
            let text = json!(format!("a{}b", char::from(code)));
            assert!(Line::<9>::parse(&text).is_err(), "{code:x} in a name");
            let is_layout = [b'\t', b'\n', b'\r'].contains(&code);
            assert_eq!(Text::<9>::parse(&text).is_ok(), is_layout, "{code:x} in a text");
        }
        assert!(Line::<9>::parse(&json!("\tname\n")).is_err(), "nor around it");
        assert_eq!(Line::<9>::parse(&json!(" name ")).map(|name| name.trimmed()), Ok("name".into()));
    }

    #[test]
    fn what_is_no_time_is_told_by_what_it_lacks() {
        for (text, kind) in [
            ("2026-03-06T10:00:00", "timezone_aware"),
            ("2026-03-06 10:00", "timezone_aware"),
            ("2026-03-06", "timezone_aware"),
            ("tomorrow", "timezone_aware"),
            ("", "timezone_aware"),
            ("2026-02-30T10:00:00Z", "datetime_parsing"),
            ("2026-13-06T10:00:00+01:00", "datetime_parsing"),
            ("2026-03-06T25:00:00z", "datetime_parsing"),
            ("2026-03-06T10:00:00+25:00", "datetime_parsing"),
        ] {
            let wrong = Time::parse(&json!(text)).expect_err(text);
            assert_eq!(wrong.kind, kind, "{text}");
            assert_eq!(wrong.msg.contains("that exist"), kind == "datetime_parsing", "{text}: {}", wrong.msg);
        }
    }

    #[test]
    fn a_nullable_field_tells_null_from_absent() {
        let link = |body: Value| read(&body).expect("read").link;
        assert_eq!(link(json!({"name": "n"})), None);
        assert_eq!(link(json!({"name": "n", "link": null})), Some(Nullable(None)));
        assert_eq!(link(json!({"name": "n", "link": "a"})), Some(Nullable(Some(Text("a".into())))));
        let read = read(&json!({"name": "n", "note": null})).expect("read");
        assert_eq!((read.name.0.as_str(), read.note), ("n", None));
    }
}
