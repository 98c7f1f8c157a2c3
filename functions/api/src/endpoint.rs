//! An endpoint is one expression in the file of its noun: route, access, audit entry, prose, types, errors and handler.
//! The router, the OpenAPI document, `/docs` and the activity log read the table of these expressions,
//! [`routes::table`](crate::routes::table), and so do the layers that know an endpoint's options and parameters.
//! Nothing describes an endpoint twice.

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
use crate::content_type::{JSON, JSON_LINES};
use crate::error::codes::{Code, NOT_FOUND, VALIDATION_ERROR};
use crate::openapi::schema::Text;

/// One operation of the API. The methods of the builder below set the fields, and explain them.
pub struct Endpoint {
    pub method: Method,
    /// The path as axum writes it, such as `/v1/pins/{id}`.
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
    /// Error codes in addition to those that every endpoint with the same access and parameters has.
    pub errors: Vec<&'static str>,
    /// Whether a browser receives an error as a page.
    pub errors_as_page: bool,
    /// The least that a call costs, in credits, where it isn't the usual.
    pub declared_credits: Option<u32>,
    /// Whether it was declared to refuse what it doesn't know.
    declared_exact: bool,
}

pub const PUBLIC: Access = Access::Public;
pub const READ: Access = Access::Scope(Scope::Read);
pub const WRITE: Access = Access::Scope(Scope::Write);
pub const READ_OR_WRITE: Access = Access::ReadOrWrite;
pub const WRITE_OR_DRY_RUN: Access = Access::WriteOrDryRun;
pub const DESTRUCTIVE: Access = Access::Scope(Scope::Destructive);
pub const SESSION: Access = Access::Session;
pub const ANY_SESSION: Access = Access::AnySession;
pub const ADMINISTER: Access = Access::Administer;

/// Makes the schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

pub fn schema_of<T: JsonSchema>() -> SchemaOf {
    |generator| generator.subschema_for::<T>()
}

/// Makes an example.
pub type ExampleOf = fn() -> Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// A request sends one of them.
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
    /// Whether every answer with this status has the header.
    pub required: bool,
    pub schema: SchemaOf,
}

/// A successful answer. Its examples are in `openapi/examples.json`.
pub struct Answer {
    pub status: u16,
    pub description: &'static str,
    pub contents: Vec<AnswerContent>,
    pub headers: Vec<Header>,
}

pub struct AnswerContent {
    pub kind: &'static str,
    pub schema: SchemaOf,
    /// For JSON lines: the schema of one line. (OpenAPI 3.1 has no field for it.)
    pub line: Option<SchemaOf>,
}

/// The endpoints of one noun, under its heading at `/docs`.
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
            declared_credits: None,
            declared_exact: false,
        }
    }

    /// The operation id and the summary: a verb and an object.
    pub fn operation(self, id: &'static str, summary: &'static str) -> Self {
        Self { id, summary, ..self }
    }

    /// The description: what the summary leaves out.
    pub fn about(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// A call leaves an entry in the activity log. The entry repeats the fields `details` of the answer: plain values,
    /// none of them secret.
    pub fn audited(self, action: &'static str, resource: Resource, details: &'static [&'static str]) -> Self {
        self.stated(Audit::Audited(Audited { action, resource, details }))
    }

    /// A call leaves no entry, although the endpoint isn't a read, for this reason.
    pub fn unaudited(self, reason: &'static str) -> Self {
        self.stated(Audit::Unaudited { reason })
    }

    /// A second statement doesn't replace the first: the table's test refuses an endpoint with two.
    fn stated(self, audit: Audit) -> Self {
        let audit = if self.audit == Audit::Unstated { audit } else { Audit::StatedTwice };
        Self { audit, ..self }
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

    /// The `{id}` of the path names a resource. It may not exist, or not for the caller.
    pub fn of_one(self, description: &'static str, example: &'static str) -> Self {
        self.path::<Uuid>("id", description, example).fails(&[NOT_FOUND, VALIDATION_ERROR])
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

    /// An optional JSON body.
    pub fn may_take<T: JsonSchema>(self, example: ExampleOf) -> Self {
        self.takes_content::<T>(JSON, false, example)
    }

    /// A body of any content type. A request sends one of the content types.
    pub fn takes_content<T: JsonSchema>(mut self, kind: &'static str, required: bool, example: ExampleOf) -> Self {
        let body = self.body.get_or_insert(Body { required, contents: Vec::new() });
        body.contents.push(BodyContent { kind, schema: schema_of::<T>(), example });
        self
    }

    pub fn answers<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.answers_content::<T>(status, description, JSON)
    }

    /// An answer of any content type. An answer has one of the content types of its status.
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

    /// JSON lines; each line has the type.
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

    /// 303, to an address of the client's own.
    pub fn redirects(mut self, description: &'static str) -> Self {
        self.answers.push(Answer { status: 303, description, contents: Vec::new(), headers: Vec::new() });
        self.with_header::<Text>("Location", true, "The address, with the result in its query.")
    }

    /// A header of the answer before it in the expression.
    pub fn with_header<T: JsonSchema>(mut self, name: &'static str, required: bool, description: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.push(Header { name, description, required, schema: schema_of::<T>() });
        }
        self
    }

    /// Errors in addition to those that every endpoint with the same access and parameters has.
    pub fn fails(mut self, codes: &[Code]) -> Self {
        self.errors.extend(codes.iter().map(Code::code));
        self
    }

    /// A call costs at least so many credits: what it reads of an ordinary workspace, or other expensive work.
    pub fn costs(self, credits: u32) -> Self {
        Self { declared_credits: Some(credits), ..self }
    }

    /// An unknown field or parameter is always an error: if it were ignored, the call would reach further than its
    /// caller meant.
    pub fn exact(self) -> Self {
        Self { declared_exact: true, ..self }
    }

    /// Whether an unknown field or parameter is always an error: of changes, deletions, and whatever administers.
    pub fn is_exact(&self) -> bool {
        let is_change = matches!(self.method, Method::PATCH | Method::DELETE);
        let is_far = self.method != Method::GET && matches!(self.access, ADMINISTER | DESTRUCTIVE);
        self.declared_exact || is_change || is_far
    }

    /// Whether a call changes nothing. The start of a connection is a `GET` too, and leaves an entry in the activity
    /// log.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET && !matches!(self.audit, Audit::Audited(_))
    }

    /// A browser receives an error as a page.
    pub fn fails_as_page(self) -> Self {
        Self { errors_as_page: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn handler() {}

    #[test]
    fn a_get_that_leaves_an_entry_is_no_read() {
        assert!(get("/", PUBLIC, handler).is_read() && get("/", PUBLIC, handler).unaudited("why").is_read());
        assert!(!get("/", PUBLIC, handler).audited("pin.updated", Resource::Path, &[]).is_read());
        assert!(!post("/", PUBLIC, handler).is_read());
    }

    #[test]
    fn a_second_statement_about_the_log_is_kept_as_a_contradiction() {
        let reads = || get("/", PUBLIC, handler);
        assert_eq!(reads().audit, Audit::Unstated);
        assert_eq!(reads().unaudited("why").audit, Audit::Unaudited { reason: "why" });
        let contradictions = [
            reads().audited("pin.updated", Resource::Path, &[]).unaudited("why"),
            reads().unaudited("why").audited("pin.updated", Resource::Path, &[]),
            reads().unaudited("why").unaudited("why"),
            reads().unaudited("why").audited("pin.updated", Resource::Path, &[]).unaudited("why"),
        ];
        assert!(contradictions.iter().all(|endpoint| endpoint.audit == Audit::StatedTwice));
    }
}
