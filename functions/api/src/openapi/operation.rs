//! What is said of one route. The builder's methods are what a noun's file needs.

use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::types::Text;

/// A type with an example of its JSON.
pub trait Example: JsonSchema {
    fn example() -> Value;
}

impl<T: Example> Example for Vec<T> {
    fn example() -> Value {
        Value::Array(vec![T::example()])
    }
}

/// How a type becomes a schema, wherever it is needed.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

pub fn schema_of<T: JsonSchema>() -> SchemaOf {
    |generator| generator.subschema_for::<T>()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    pub fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

pub struct Parameter {
    pub place: Place,
    pub name: &'static str,
    pub description: &'static str,
    pub required: bool,
    pub schema: SchemaOf,
    pub example: Option<Value>,
}

/// A body of one content type.
pub struct Content {
    pub kind: &'static str,
    pub schema: SchemaOf,
    /// Of JSON lines: what each of them is. (OpenAPI 3.1 has no word for it.)
    pub line: Option<SchemaOf>,
    pub example: Option<Value>,
}

pub struct Body {
    pub required: bool,
    pub contents: Vec<Content>,
}

pub struct Header {
    pub name: &'static str,
    pub description: &'static str,
    /// Whether it is always there.
    pub required: bool,
    pub schema: SchemaOf,
}

/// An answer that is no refusal.
pub struct Answer {
    pub status: u16,
    pub description: &'static str,
    pub contents: Vec<Content>,
    pub headers: Vec<Header>,
}

pub const JSON: &str = "application/json";

pub struct Operation {
    pub method: Method,
    pub path: &'static str,
    /// Unique, for generated clients.
    pub id: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub description: String,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub answers: Vec<Answer>,
    /// Codes of errors; their statuses and texts are the samples'.
    pub refusals: Vec<&'static str>,
    /// Whether a browser gets a page that says the same.
    pub refuses_as_page: bool,
}

fn operation(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation {
        method,
        path,
        id,
        tag: "",
        summary,
        description: String::new(),
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        refusals: Vec::new(),
        refuses_as_page: false,
    }
}

pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::GET, path, id, summary)
}

pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::POST, path, id, summary)
}

pub fn put(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::PUT, path, id, summary)
}

pub fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::PATCH, path, id, summary)
}

pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Method::DELETE, path, id, summary)
}

/// The operations of a noun, which share its tag.
pub fn tagged(tag: &'static str, operations: Vec<Operation>) -> Vec<Operation> {
    operations.into_iter().map(|operation| Operation { tag, ..operation }).collect()
}

impl Operation {
    /// More than the summary says: what happens, what is special.
    pub fn about(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    fn parameter<T: JsonSchema>(
        mut self,
        place: Place,
        required: bool,
        name: &'static str,
        description: &'static str,
        example: Option<Value>,
    ) -> Self {
        self.parameters.push(Parameter { place, name, description, required, schema: schema_of::<T>(), example });
        self
    }

    /// A segment of the path.
    pub fn path<T: JsonSchema>(self, name: &'static str, description: &'static str, example: &str) -> Self {
        self.parameter::<T>(Place::Path, true, name, description, Some(example.into()))
    }

    pub fn query<T: JsonSchema>(self, name: &'static str, description: &'static str) -> Self {
        self.parameter::<T>(Place::Query, false, name, description, None)
    }

    pub fn required_query<T: JsonSchema>(self, name: &'static str, description: &'static str, example: &str) -> Self {
        self.parameter::<T>(Place::Query, true, name, description, Some(example.into()))
    }

    pub fn header<T: JsonSchema>(self, name: &'static str, description: &'static str) -> Self {
        self.parameter::<T>(Place::Header, false, name, description, None)
    }

    /// A JSON body.
    pub fn takes<T: Example>(self) -> Self {
        self.takes_content::<T>(JSON, T::example(), true)
    }

    /// A JSON body that may be left out.
    pub fn may_take<T: Example>(self) -> Self {
        self.takes_content::<T>(JSON, T::example(), false)
    }

    /// A body of any content type. Said twice, either may be sent.
    pub fn takes_content<T: JsonSchema>(mut self, kind: &'static str, example: Value, required: bool) -> Self {
        let body = self.body.get_or_insert(Body { required, contents: Vec::new() });
        body.contents.push(Content { kind, schema: schema_of::<T>(), line: None, example: Some(example) });
        self
    }

    pub fn answers<T: Example>(self, status: u16, description: &'static str) -> Self {
        self.answers_content::<T>(status, description, JSON, T::example())
    }

    /// An answer of any content type. Said twice of a status, it may be either.
    pub fn answers_content<T: JsonSchema>(
        mut self,
        status: u16,
        description: &'static str,
        kind: &'static str,
        example: Value,
    ) -> Self {
        let content = Content { kind, schema: schema_of::<T>(), line: None, example: Some(example) };
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.contents.push(content),
            None => self.answers.push(Answer { status, description, contents: vec![content], headers: Vec::new() }),
        }
        self
    }

    /// JSON lines.
    pub fn answers_lines<T: Example>(self, status: u16, description: &'static str) -> Self {
        let line = format!("{}\n", T::example()).into();
        let mut described = self.answers_content::<Text>(status, description, "application/x-ndjson", line);
        if let Some(content) = described.answers.last_mut().and_then(|answer| answer.contents.last_mut()) {
            content.line = Some(schema_of::<T>());
        }
        described
    }

    /// 204.
    pub fn answers_nothing(mut self, description: &'static str) -> Self {
        self.answers.push(Answer { status: 204, description, contents: Vec::new(), headers: Vec::new() });
        self
    }

    /// A header of the answer that was named last.
    pub fn with_header<T: JsonSchema>(mut self, name: &'static str, required: bool, description: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.push(Header { name, description, required, schema: schema_of::<T>() });
        }
        self
    }

    /// Codes of errors beyond those that every route of its kind has: see [`super::refusals::common`].
    pub fn refuses(mut self, codes: &[&'static str]) -> Self {
        self.refusals.extend(codes);
        self
    }

    /// Errors are pages for a browser.
    pub fn refuses_as_page(self) -> Self {
        Self { refuses_as_page: true, ..self }
    }
}
