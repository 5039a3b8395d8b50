//! Mends addresses before they are routed: official clients write `//api` for a base URL that ends in a slash, and keep
//! a path prefix of the base URL that a proxy may not have taken off.

use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use tower::Service;

/// Passes requests on with their addresses mended.
#[derive(Debug, Clone)]
pub struct Normalised<S> {
    inner: S,
    /// Path of the base URL: empty, or with a leading and without a trailing slash.
    prefix: String,
}

impl<S> Normalised<S> {
    pub fn new(inner: S, base_url: &str) -> Self {
        let after_scheme = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
        let prefix = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
        Self { inner, prefix: prefix.trim_end_matches('/').to_owned() }
    }
}

impl<S: Service<Request>> Service<Request> for Normalised<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> S::Future {
        if let Some(uri) = mended(request.uri(), &self.prefix) {
            *request.uri_mut() = uri;
        }
        self.inner.call(request)
    }
}

/// Returns the mended address, if there is something to mend.
fn mended(uri: &Uri, prefix: &str) -> Option<Uri> {
    let path = uri.path();
    let has_prefix = !prefix.is_empty() && path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    if !path.contains("//") && !has_prefix {
        return None;
    }
    let path = collapsed(path);
    let path = if has_prefix { path.strip_prefix(prefix).unwrap_or(&path) } else { &path };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

fn collapsed(path: &str) -> String {
    let mut collapsed = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !collapsed.ends_with('/') {
            collapsed.push(letter);
        }
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mend(path: &str, prefix: &str) -> String {
        let uri: Uri = path.parse().expect("uri");
        mended(&uri, prefix).unwrap_or(uri).to_string()
    }

    #[test]
    fn doubled_slashes_and_the_prefix_go() {
        assert_eq!(mend("//api/v1//x?a=//b", ""), "/api/v1/x?a=//b");
        assert_eq!(mend("/testward/api/v1/x", "/testward"), "/api/v1/x");
        assert_eq!(mend("/testwardapi", "/testward"), "/testwardapi");
        assert_eq!(mend("/api/v1/x", "/testward"), "/api/v1/x");
    }
}
