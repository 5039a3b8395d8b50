//! Versions of what is changed: `ETag` with the answer, `If-Match` with the change (RFC 9110, 8.8.3 and 13.1.1).

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schemars::SchemaGenerator;
use serde::Serialize;
use serde_json::json;

use super::openapi::describe::{Answer, Argument, Operation, Success};
use crate::error::{Error, Result};
use crate::web::extract::Json;

/// An answer in JSON that names its version.
pub struct Versioned<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, format!("\"{}\"", self.0))], Json(self.1)).into_response()
    }
}

impl<T: schemars::JsonSchema> Answer for Versioned<T> {
    fn describe(generator: &mut SchemaGenerator) -> Success {
        Json::<T>::describe(generator)
    }
}

/// The version that the client wants to change; without one, any will do.
pub struct IfMatch(Option<i64>);

impl IfMatch {
    /// Asks for exactly this version.
    pub const fn exactly(version: i64) -> Self {
        Self(Some(version))
    }

    /// Refuses to change what was changed since the client last read it.
    pub fn check(&self, actual: i64) -> Result<()> {
        if self.0.is_none_or(|expected| expected == actual) {
            return Ok(());
        }
        Err(Error::Stale { message: "it was changed meanwhile; read it again".to_owned() })
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Some(value) = parts.headers.get(header::IF_MATCH).filter(|value| *value != "*") else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or_default().trim();
        let version = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).and_then(|it| it.parse().ok());
        let message = "If-Match must be an ETag that was answered";
        version.map(|it| Self(Some(it))).ok_or_else(|| Error::bad_request("invalid_if_match", message))
    }
}

impl Argument for IfMatch {
    fn add_to(operation: &mut Operation, _: &mut SchemaGenerator) {
        operation.parameters.push(json!({
            "name": "If-Match",
            "in": "header",
            "required": false,
            "description": "The ETag of what is changed; if it is another meanwhile, the answer is 412.",
            "schema": { "type": "string" },
        }));
    }
}
