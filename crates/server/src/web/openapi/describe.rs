//! What a handler takes and answers, read off its type.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::web::extract::{Form, IdempotencyKey, Json, Path, Query};

/// An operation of the API, as far as types tell it.
#[derive(Debug, Default)]
pub struct Operation {
    /// Schemas of the variable parts of the path, in order.
    pub path: Vec<Value>,
    /// Parameters in the query or in headers.
    pub parameters: Vec<Value>,
    pub body: Option<Body>,
    pub answer: Success,
}

#[derive(Debug)]
pub struct Body {
    pub mime: &'static str,
    pub schema: Value,
}

/// The answer when all went well.
#[derive(Debug)]
pub struct Success {
    pub status: &'static str,
    pub description: &'static str,
    pub body: Option<Body>,
}

impl Default for Success {
    fn default() -> Self {
        Self { status: "200", description: "It was done.", body: None }
    }
}

/// One argument of a handler.
pub trait Argument {
    fn add_to(operation: &mut Operation, generator: &mut SchemaGenerator);
}

/// What a handler returns.
pub trait Answer {
    fn describe(generator: &mut SchemaGenerator) -> Success;
}

/// A handler whose type tells everything. `T` is the tuple of its arguments, as axum counts them.
pub trait Describe<T> {
    fn describe(generator: &mut SchemaGenerator) -> Operation;
}

macro_rules! describe {
    ($($argument:ident)*) => {
        impl<F, Fut, R, M, $($argument),*> Describe<(M, $($argument,)*)> for F
        where
            F: FnOnce($($argument),*) -> Fut,
            Fut: Future<Output = R>,
            R: Answer,
            $($argument: Argument,)*
        {
            fn describe(generator: &mut SchemaGenerator) -> Operation {
                let mut operation = Operation::default();
                $($argument::add_to(&mut operation, generator);)*
                operation.answer = R::describe(generator);
                operation
            }
        }
    };
}
describe!(A);
describe!(A B);
describe!(A B C);
describe!(A B C D);
describe!(A B C D E);
describe!(A B C D E G);

impl<F, Fut, R> Describe<((),)> for F
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
    R: Answer,
{
    fn describe(generator: &mut SchemaGenerator) -> Operation {
        Operation { answer: R::describe(generator), ..Operation::default() }
    }
}

/// Says of arguments that clients do not send them: what the server knows anyway.
macro_rules! not_sent {
    ($($argument:ty),+ $(,)?) => {
        $(impl Argument for $argument {
            fn add_to(_: &mut Operation, _: &mut SchemaGenerator) {}
        })+
    };
}
not_sent!(State<App>, Caller, HeaderMap, crate::identity::http::Place);

impl<T: JsonSchema> Argument for Path<T> {
    fn add_to(operation: &mut Operation, generator: &mut SchemaGenerator) {
        let schema = generator.subschema_for::<T>().to_value();
        match schema.get("prefixItems").and_then(Value::as_array) {
            Some(parts) => operation.path.clone_from(parts),
            None => operation.path = vec![schema],
        }
    }
}

impl<T: JsonSchema> Argument for Query<T> {
    fn add_to(operation: &mut Operation, generator: &mut SchemaGenerator) {
        let schema = generator.root_schema_for::<T>().to_value();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            operation.parameters.push(json!({
                "name": name,
                "in": "query",
                "required": required.iter().any(|it| it == name.as_str()),
                "schema": property,
            }));
        }
    }
}

impl Argument for IdempotencyKey {
    fn add_to(operation: &mut Operation, _: &mut SchemaGenerator) {
        operation.parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "A token of your own: the same request sent again with it is carried out once.",
            "schema": { "type": "string", "maxLength": 200 },
        }));
    }
}

impl<T: JsonSchema> Argument for Json<T> {
    fn add_to(operation: &mut Operation, generator: &mut SchemaGenerator) {
        let schema = generator.subschema_for::<T>().to_value();
        operation.body = Some(Body { mime: "application/json", schema });
    }
}

impl<T: JsonSchema> Argument for Form<T> {
    fn add_to(operation: &mut Operation, generator: &mut SchemaGenerator) {
        let schema = generator.subschema_for::<T>().to_value();
        operation.body = Some(Body { mime: "application/x-www-form-urlencoded", schema });
    }
}

impl Argument for crate::ingest::Form {
    fn add_to(operation: &mut Operation, _: &mut SchemaGenerator) {
        let text = || json!({ "type": "string" });
        let schema = json!({
            "type": "object",
            "description": "Text fields first, then one part with a file name for each file.",
            "properties": {
                "batch": { "type": "string", "description": "Names the upload: the same one sent again changes nothing." },
                "type": { "type": "string", "description": "What the files are; left out, their content decides." },
                "run_name": text(),
                "branch": text(),
                "commit": text(),
                "build_label": text(),
                "build_url": text(),
                "session": { "type": "string", "description": "Uploads of one session join one run." },
                "tag": { "type": "array", "items": text() },
                "file": { "type": "array", "items": { "type": "string", "format": "binary" } },
            },
            "required": ["file"],
        });
        operation.body = Some(Body { mime: "multipart/form-data", schema });
    }
}

impl<T: Answer> Answer for Result<T> {
    fn describe(generator: &mut SchemaGenerator) -> Success {
        T::describe(generator)
    }
}

impl<T: JsonSchema> Answer for Json<T> {
    fn describe(generator: &mut SchemaGenerator) -> Success {
        let schema = generator.subschema_for::<T>().to_value();
        Success { body: Some(Body { mime: "application/json", schema }), ..Success::default() }
    }
}

/// By custom, only a creation says its status beside a body.
impl<T: Answer> Answer for (StatusCode, T) {
    fn describe(generator: &mut SchemaGenerator) -> Success {
        Success { status: "201", description: "It was made.", ..T::describe(generator) }
    }
}

/// By custom, a status alone is 204.
impl Answer for StatusCode {
    fn describe(_: &mut SchemaGenerator) -> Success {
        Success { status: "204", ..Success::default() }
    }
}

impl Answer for &'static str {
    fn describe(_: &mut SchemaGenerator) -> Success {
        let body = Body { mime: "text/plain", schema: json!({ "type": "string" }) };
        Success { body: Some(body), ..Success::default() }
    }
}

impl Answer for Response {
    fn describe(_: &mut SchemaGenerator) -> Success {
        let body = Body { mime: "application/octet-stream", schema: json!({}) };
        Success { body: Some(body), ..Success::default() }
    }
}
