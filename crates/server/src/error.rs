//! The one error type. A variant exists because a caller acts differently on it, not because a cause differs.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use testward_wire::error::FieldProblem;
use testward_wire::results::Receipt;

use crate::rate::Spent;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug)]
pub enum Error {
    /// Nobody we know. Pages redirect to sign-in.
    Unauthenticated {
        code: &'static str,
        message: String,
    },
    /// Known, and not allowed.
    Forbidden {
        code: &'static str,
        message: String,
    },
    /// Absent, or not for these eyes.
    NotFound(&'static str),
    /// The address is there, but not for that method.
    MethodNotAllowed,
    /// The request itself is wrong as a whole.
    BadRequest {
        code: &'static str,
        message: String,
    },
    /// Fields of the request are wrong, each with what it must be.
    Invalid(Vec<FieldProblem>),
    /// It contradicts what is there.
    Conflict {
        code: &'static str,
        message: String,
    },
    /// It was changed since the client last read it (RFC 9110, 13.1.1).
    Stale {
        message: String,
    },
    /// Was here and has ended for good.
    Gone {
        code: &'static str,
        message: String,
    },
    TooLarge {
        message: String,
    },
    TooMany(Limit),
    /// Stored, and nothing in it could be read.
    ReportRefused(Box<Receipt>),
    /// Not now; the same request may succeed later.
    Unavailable {
        message: String,
    },
    /// Our fault, or the machine's. The chain goes to the log, never to the client.
    Internal(anyhow::Error),
}

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Failed attempts from one address or at one account.
    Failures { retry_after_secs: u64 },
    /// Requests with one key.
    Key(Spent),
}

impl Limit {
    /// Returns the seconds after which another attempt may succeed.
    pub const fn retry_after_secs(self) -> u64 {
        match self {
            Self::Failures { retry_after_secs } => retry_after_secs,
            Self::Key(spent) => spent.reset_secs as u64,
        }
    }

    fn message(self) -> String {
        let seconds = self.retry_after_secs();
        match self {
            Self::Failures { .. } => format!("too many failed attempts; try again in {seconds} seconds"),
            Self::Key(Spent { per_minute, .. }) => format!(
                "this API key may make {per_minute} requests a minute, as its owner decided; try again in {seconds} seconds"
            ),
        }
    }
}

impl Error {
    /// Says that one field must be something else.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem { field: field.to_owned(), message: message.into() }])
    }

    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::BadRequest { code, message: message.into() }
    }

    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::Forbidden { code, message: message.into() }
    }

    pub fn unauthenticated(code: &'static str, message: impl Into<String>) -> Self {
        Self::Unauthenticated { code, message: message.into() }
    }

    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into() }
    }

    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest { .. } | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Self::Gone { .. } => StatusCode::GONE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ReportRefused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the stable machine-readable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated { code, .. }
            | Self::Forbidden { code, .. }
            | Self::BadRequest { code, .. }
            | Self::Conflict { code, .. }
            | Self::Gone { code, .. } => code,
            Self::Stale { .. } => "changed_meanwhile",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Invalid(_) => "invalid_request",
            Self::TooLarge { .. } => "too_large",
            Self::TooMany(Limit::Failures { .. }) => "too_many_requests",
            Self::TooMany(Limit::Key(_)) => "key_rate_limited",
            Self::ReportRefused(_) => "report_refused",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal(_) => "internal_error",
        }
    }

    /// Returns what to tell a person.
    pub fn message(&self) -> String {
        match self {
            Self::Unauthenticated { message, .. }
            | Self::Forbidden { message, .. }
            | Self::BadRequest { message, .. }
            | Self::Conflict { message, .. }
            | Self::Gone { message, .. }
            | Self::Stale { message }
            | Self::TooLarge { message }
            | Self::Unavailable { message } => message.clone(),
            Self::NotFound(what) => format!("there is no such {what}, or you may not see it"),
            Self::MethodNotAllowed => "this address does not take that method".to_owned(),
            Self::Invalid(problems) => {
                let each = problems.iter().map(|it| format!("{} {}", it.field, it.message));
                each.collect::<Vec<_>>().join("; ")
            }
            Self::TooMany(limit) => limit.message(),
            Self::ReportRefused(_) => {
                "none of the files could be read as a test report; see the receipt for why".to_owned()
            }
            Self::Internal(_) => "something went wrong on the server; its log names this request".to_owned(),
        }
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(anyhow::Error::new(error).context("asking the database"))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Self::Internal(anyhow::Error::new(error).context("writing a page"))
    }
}

/// Carries the error to `web::face`, which knows whether a program or a person asked and writes the body.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}
