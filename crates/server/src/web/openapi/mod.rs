//! The description of our JSON API (OpenAPI 3.1). It is read off the route table and the types of the handlers, so it
//! says what the server does; `docs/openapi.json` is its committed form, which a test compares.

pub mod describe;
mod page;

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

pub use page::show;

use self::describe::{Body, Operation};
use super::routes::{Described, Route};
use crate::gate::Access;

/// The committed document, which the binary hands out.
const DOCUMENT: &str = include_str!("../../../../../docs/openapi.json");

pub async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT)
}

/// Writes the document of a route table.
pub fn write(table: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|it| it.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let error = generator.subschema_for::<testward_wire::ErrorBody>();
    let mut paths = Map::new();
    for route in table {
        if let Some(described) = &route.described {
            let operation = (described.operation)(&mut generator);
            let path = paths.entry(route.path).or_insert_with(|| json!({}));
            path[route.method.as_str().to_lowercase()] = write_operation(route, described, operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Testward",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Errors have one shape everywhere: a stable `code`, a `message` that says what to do, and the \
                            `request_id` that the server's log knows. Lists answer `items` and, when there is more, `next`: \
                            the `cursor` of the following page. Instants are RFC 3339 in UTC.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        // Relative to this document, so that it holds wherever the server is reached.
        "servers": [{ "url": "../.." }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": {
                "Problem": {
                    "description": "It was refused, or failed; the code says why.",
                    "content": { "application/json": { "schema": error } },
                },
            },
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "An API key." },
                "key_as_password": { "type": "http", "scheme": "basic", "description": "An API key as the password." },
                "key_header": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
                "session": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "`Session <token>`, with the token that `POST /api/v1/session` answered; a browser's cookie does as well.",
                },
            },
        },
    })
}

fn write_operation(route: &Route, described: &Described, operation: Operation) -> Value {
    let (tag, id) = names(route.handler);
    let mut written = json!({
        "operationId": id,
        "tags": [tag],
        "summary": described.summary,
        "description": rule(route.access),
        "security": security(route.access),
        "responses": { "default": { "$ref": "#/components/responses/Problem" } },
    });
    let parameters = path_parameters(route.path, operation.path).chain(operation.parameters).collect::<Vec<_>>();
    if !parameters.is_empty() {
        written["parameters"] = parameters.into();
    }
    if let Some(body) = operation.body {
        written["requestBody"] = json!({ "required": true, "content": content(body) });
    }
    let mut answer = json!({ "description": operation.answer.description });
    if let Some(body) = operation.answer.body {
        answer["content"] = content(body);
    }
    written["responses"][operation.answer.status] = answer;
    written
}

fn content(body: Body) -> Value {
    json!({ body.mime: { "schema": body.schema } })
}

fn path_parameters(path: &str, types: Vec<Value>) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let names: Vec<_> = names.map(|name| name.trim_start_matches('*').to_owned()).collect();
    assert_eq!(names.len(), types.len(), "{path} and its handler name as many parts");
    let parameter = |(name, schema)| json!({ "name": name, "in": "path", "required": true, "schema": schema });
    names.into_iter().zip(types).map(parameter)
}

/// Returns the tag and the id of an operation: `testward_server::keys::http::list` is `keys_list` of `keys`.
fn names(handler: &str) -> (String, String) {
    let parts: Vec<_> = handler.split("::").skip(1).filter(|part| *part != "http").collect();
    (parts[0].to_owned(), parts.join("_"))
}

fn rule(access: Access) -> String {
    match access {
        Access::Public => "Anybody.".to_owned(),
        Access::Session => "A signed-in person; API keys are refused.".to_owned(),
        Access::Key => "Any live API key.".to_owned(),
        Access::Known => "A signed-in person or any live API key.".to_owned(),
        Access::Scope(scope) => format!("A signed-in person, or an API key with the scope `{}`.", scope.name()),
        Access::Role(role) => format!("A signed-in person who is {} of an organization.", role.name()),
    }
}

fn security(access: Access) -> Value {
    const KEY: [&str; 3] = ["key", "key_as_password", "key_header"];
    let schemes: &[&str] = match access {
        Access::Public => &[],
        Access::Session | Access::Role(_) => &["session"],
        Access::Key => &KEY,
        Access::Known | Access::Scope(_) => &["key", "key_as_password", "key_header", "session"],
    };
    schemes.iter().map(|scheme| json!({ *scheme: [] })).collect()
}
