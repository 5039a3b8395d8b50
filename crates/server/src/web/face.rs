//! Gives answers their last shape: request id, security headers, and errors as JSON for programs or a page for people.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use testward_wire::ErrorBody;
use testward_wire::error::FieldProblem;
use testward_wire::results::Receipt;

use super::forwarded::{self, ClientAddress};
use super::pages::problem_page;
use crate::app::App;
use crate::error::{Error, Limit};
use crate::rate::Spent;

/// Nothing is loaded from elsewhere, nothing inline is run.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub async fn dress(State((app, counter)): State<(App, Arc<AtomicU64>)>, mut request: Request, next: Next) -> Response {
    let id = format!("{}-{}", app.instance, counter.fetch_add(1, Ordering::Relaxed));
    let asked = Asked::of(&request);
    let client = forwarded::client(request.extensions(), request.headers(), &app.config.trusted_proxies);
    request.extensions_mut().insert(ClientAddress(client));
    let mut response = app.panics.catch(next.run(request)).await.unwrap_or_else(IntoResponse::into_response);
    let allow = response.headers().get(header::ALLOW).cloned();
    let error = response.extensions_mut().remove::<Arc<Error>>();
    if let Some(error) = error.or_else(|| routing_error(&response)) {
        response = tell(&asked, &id, &error);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    asked.log(&id, response.status());
    add_headers(&mut response, &id);
    response
}

/// What the error's shape depends on.
struct Asked {
    method: Method,
    path: String,
    query: String,
    /// Pattern of the route.
    route: String,
    is_program: bool,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let accepts_html = request
            .headers()
            .get(header::ACCEPT)
            .and_then(|it| it.to_str().ok())
            .is_some_and(|it| it.contains("text/html"));
        let is_api = ["/api/", "/oauth/", "/storage/"].iter().any(|prefix| path.starts_with(prefix));
        Self {
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned(),
            path: path.to_owned(),
            query: request.uri().query().map(|it| format!("?{it}")).unwrap_or_default(),
            is_program: is_api || !accepts_html,
        }
    }
}

impl Asked {
    /// Writes a line about a request. The address is the route's pattern: the real one may hold what opens something.
    fn log(&self, id: &str, status: StatusCode) {
        let (method, route, status) = (&self.method, self.route.as_str(), status.as_u16());
        if status < 400 {
            tracing::debug!("request {id}: {method} {route} answered {status}");
        } else {
            tracing::info!("request {id}: {method} {route} answered {status}");
        }
    }
}

/// The router itself answers unknown addresses, without a body.
fn routing_error(response: &Response) -> Option<Arc<Error>> {
    let is_empty = !response.headers().contains_key(header::CONTENT_TYPE);
    match response.status() {
        StatusCode::NOT_FOUND if is_empty => Some(Arc::new(Error::NotFound("page"))),
        StatusCode::METHOD_NOT_ALLOWED => Some(Arc::new(Error::MethodNotAllowed)),
        _ => None,
    }
}

fn tell(asked: &Asked, id: &str, error: &Error) -> Response {
    if let Error::Internal(cause) = error {
        tracing::error!(request = id, method = %asked.method, route = asked.route, "request failed: {cause:#}");
    }
    let mut response = if asked.is_program {
        (error.status(), Json(body(id, error))).into_response()
    } else if matches!(error, Error::Unauthenticated { .. }) {
        to_sign_in(asked).into_response()
    } else {
        (error.status(), problem_page(id, error)).into_response()
    };
    if let Error::TooMany(limit) = error {
        response.headers_mut().insert(header::RETRY_AFTER, limit.retry_after_secs().into());
        if let Limit::Key(spent) = limit {
            tell_rate(response.headers_mut(), *spent);
        }
    }
    response
}

/// Says where a key stands with its limit (draft-ietf-httpapi-ratelimit-headers).
pub fn tell_rate(headers: &mut HeaderMap, spent: Spent) {
    let Spent { per_minute, remaining, reset_secs } = spent;
    let policy = format!("\"key\";q={per_minute};w=60");
    let rate = format!("\"key\";r={remaining};t={reset_secs}");
    headers.insert("ratelimit-policy", HeaderValue::try_from(policy).expect("digits"));
    headers.insert("ratelimit", HeaderValue::try_from(rate).expect("digits"));
}

fn to_sign_in(asked: &Asked) -> Redirect {
    // After signing in, a form cannot be sent again; its page can be shown again.
    let next = if asked.method == Method::GET { format!("{}{}", asked.path, asked.query) } else { "/".to_owned() };
    Redirect::to(&format!("/signin?next={}", utf8_percent_encode(&next, NON_ALPHANUMERIC)))
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    error: ErrorBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
}

fn body<'a>(id: &str, error: &'a Error) -> Body<'a> {
    let (code, message) = (error.code().to_owned(), error.message());
    let problems: Vec<FieldProblem> = if let Error::Invalid(problems) = error { problems.clone() } else { Vec::new() };
    let receipt = if let Error::ReportRefused(receipt) = error { Some(&**receipt) } else { None };
    let error = ErrorBody {
        error: code.clone(),
        error_description: message.clone(),
        code,
        message,
        request_id: id.to_owned(),
        problems,
    };
    Body { error, receipt }
}

fn add_headers(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID.clone(), HeaderValue::try_from(id).expect("base62 and digits"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
