//! What every page has in common, and the pages that belong to no domain.

use axum::response::{Html, IntoResponse, Response};

use crate::app::App;
use crate::error::Error;

pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The page that tells a person what went wrong.
pub fn problem_page(_app: &App, id: &str, error: &Error) -> Response {
    Html(format!("{} {id}", error.message())).into_response()
}
