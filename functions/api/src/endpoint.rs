//! An endpoint is one expression in the file of its noun: route, access, audit entry, prose, types, errors and handler.
//! The router, the OpenAPI document, `/docs` and the audit log read [`table`]; nothing describes an endpoint twice.

use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use http::Method;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::tenant::scope::Scope;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;
use uuid::Uuid;

use crate::activity::{Audit, Audited, Resource};
use crate::auth::Access;
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, Code, NOT_FOUND, VALIDATION_ERROR};
use crate::openapi::schema::Text;
use crate::routes;

/// Every endpoint of the API, in the order of the page at `/docs`.
pub fn table() -> Vec<Endpoint> {
    routes::endpoints()
}

pub struct Endpoint {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub audit: Audit,
    pub handler: MethodRouter<Context>,
    /// Unique, for generated clients.
    pub id: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub answers: Vec<Answer>,
    /// Codes of errors beyond those that every endpoint of its kind has.
    pub errors: Vec<&'static str>,
    /// Whether a browser gets an error as a page.
    pub errors_as_page: bool,
}

pub const PUBLIC: Access = Access::Public;
pub const READ: Access = Access::Scope(Scope::Read);
pub const WRITE: Access = Access::Scope(Scope::Write);
pub const DESTRUCTIVE: Access = Access::Scope(Scope::Destructive);
pub const SESSION: Access = Access::Session;
pub const ADMINISTER: Access = Access::Administer;

/// How a type becomes a schema, wherever it is needed.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

pub fn schema_of<T: JsonSchema>() -> SchemaOf {
    |generator| generator.subschema_for::<T>()
}

/// Makes an example when the document needs it.
pub type ExampleOf = fn() -> Value;

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
    pub example: Option<&'static str>,
}

/// A request's body.
pub struct Body {
    pub required: bool,
    /// One of them is sent.
    pub contents: Vec<BodyContent>,
}

pub struct BodyContent {
    pub kind: &'static str,
    pub schema: SchemaOf,
    pub example: ExampleOf,
}

pub struct Header {
    pub name: &'static str,
    pub description: &'static str,
    /// Whether every answer of that status has it.
    pub required: bool,
    pub schema: SchemaOf,
}

/// An answer that is no error. Its examples are in `openapi/examples.json`.
pub struct Answer {
    pub status: u16,
    pub description: &'static str,
    pub contents: Vec<AnswerContent>,
    pub headers: Vec<Header>,
}

pub struct AnswerContent {
    pub kind: &'static str,
    pub schema: SchemaOf,
    /// Of JSON lines: the schema of a line. (OpenAPI 3.1 has no word for it.)
    pub line: Option<SchemaOf>,
}

pub const JSON: &str = "application/json";
pub const JSON_LINES: &str = "application/x-ndjson";

/// The endpoints of a noun, under its heading.
pub fn tagged(tag: &'static str, endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    endpoints.into_iter().map(|endpoint| Endpoint { tag, ..endpoint }).collect()
}

macro_rules! constructors {
    ($($name:ident $method:ident),*) => {
        $(pub fn $name<H: Handler<T, Context>, T: 'static>(path: &'static str, access: Access, handler: H) -> Endpoint {
            Endpoint::new(Method::$method, path, access, routing::$name(handler))
        })*
    };
}

constructors!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

impl Endpoint {
    fn new(method: Method, path: &'static str, access: Access, handler: MethodRouter<Context>) -> Self {
        Self {
            method,
            path,
            access,
            audit: Audit::Unstated,
            handler,
            id: "",
            tag: "",
            summary: "",
            description: "",
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            errors: Vec::new(),
            errors_as_page: false,
        }
    }

    /// The operation id, and what the endpoint does: a verb and an object.
    pub fn operation(self, id: &'static str, summary: &'static str) -> Self {
        Self { id, summary, ..self }
    }

    /// More than the summary: what happens, and what is special.
    pub fn about(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// A call leaves an entry in the activity log. `details` are fields of the answer that the entry repeats: plain
    /// values, none of them secret.
    pub fn audited(self, action: &'static str, resource: Resource, details: &'static [&'static str]) -> Self {
        Self { audit: Audit::Audited(Audited { action, resource, details }), ..self }
    }

    /// A call leaves no entry, although the endpoint isn't a read; and why.
    pub fn unaudited(self, reason: &'static str) -> Self {
        Self { audit: Audit::Unaudited { reason }, ..self }
    }

    fn parameter<T: JsonSchema>(
        mut self,
        place: Place,
        name: &'static str,
        description: &'static str,
        example: Option<&'static str>,
    ) -> Self {
        let required = example.is_some();
        self.parameters.push(Parameter { place, name, description, required, schema: schema_of::<T>(), example });
        self
    }

    /// A segment of the path.
    pub fn path<T: JsonSchema>(self, name: &'static str, description: &'static str, example: &'static str) -> Self {
        self.parameter::<T>(Place::Path, name, description, Some(example))
    }

    /// The path's `{id}` is that of a thing which may not be there, or not be open to the caller.
    pub fn of_one(self, description: &'static str, example: &'static str) -> Self {
        self.path::<Uuid>("id", description, example).fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED])
    }

    pub fn query<T: JsonSchema>(self, name: &'static str, description: &'static str) -> Self {
        self.parameter::<T>(Place::Query, name, description, None)
    }

    pub fn required_query<T: JsonSchema>(
        self,
        name: &'static str,
        description: &'static str,
        example: &'static str,
    ) -> Self {
        self.parameter::<T>(Place::Query, name, description, Some(example))
    }

    pub fn header<T: JsonSchema>(self, name: &'static str, description: &'static str) -> Self {
        self.parameter::<T>(Place::Header, name, description, None)
    }

    /// A JSON body.
    pub fn takes<T: JsonSchema>(self, example: ExampleOf) -> Self {
        self.takes_content::<T>(JSON, true, example)
    }

    /// A JSON body that may be left out.
    pub fn may_take<T: JsonSchema>(self, example: ExampleOf) -> Self {
        self.takes_content::<T>(JSON, false, example)
    }

    /// A body of any content type. Of two, either may be sent.
    pub fn takes_content<T: JsonSchema>(mut self, kind: &'static str, required: bool, example: ExampleOf) -> Self {
        let body = self.body.get_or_insert(Body { required, contents: Vec::new() });
        body.contents.push(BodyContent { kind, schema: schema_of::<T>(), example });
        self
    }

    pub fn answers<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.answers_content::<T>(status, description, JSON)
    }

    /// An answer of any content type. Of two with one status, either may be sent.
    pub fn answers_content<T: JsonSchema>(
        mut self,
        status: u16,
        description: &'static str,
        kind: &'static str,
    ) -> Self {
        let content = AnswerContent { kind, schema: schema_of::<T>(), line: None };
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.contents.push(content),
            None => self.answers.push(Answer { status, description, contents: vec![content], headers: Vec::new() }),
        }
        self
    }

    /// JSON lines, each of the type.
    pub fn answers_lines<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        let mut endpoint = self.answers_content::<Text>(status, description, JSON_LINES);
        if let Some(content) = endpoint.answers.last_mut().and_then(|answer| answer.contents.last_mut()) {
            content.line = Some(schema_of::<T>());
        }
        endpoint
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

    /// Errors beyond those that every endpoint of its kind has.
    pub fn fails(mut self, codes: &[Code]) -> Self {
        self.errors.extend(codes.iter().map(Code::code));
        self
    }

    /// A browser gets an error as a page.
    pub fn fails_as_page(self) -> Self {
        Self { errors_as_page: true, ..self }
    }
}
