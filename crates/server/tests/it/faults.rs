//! When the server itself is at fault.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use http_body_util::BodyExt as _;
use serde_json::Value;
use testward_server::web;
use tower::ServiceExt as _;

use crate::support::TestApp;

async fn bug() -> &'static str {
    panic!("a bug in a handler")
}

#[tokio::test]
async fn a_panic_costs_its_request_only_and_is_counted() {
    let app = TestApp::start().await;
    let service = web::dressed(&app.app, Router::new().route("/api/v1/bug", get(bug)).route("/bug", get(bug)));
    let ask = |path: &str, accept: &str| {
        let request = Request::get(path).header("accept", accept).body(Body::empty()).expect("a request");
        service.clone().oneshot(request)
    };
    let response = ask("/api/v1/bug", "*/*").await.expect("infallible");
    assert_eq!(response.status(), 500);
    let id = response.headers()["x-request-id"].to_str().expect("text").to_owned();
    let body: Value =
        serde_json::from_slice(&response.into_body().collect().await.expect("a body").to_bytes()).expect("JSON");
    assert_eq!((&body["code"], &body["request_id"]), (&Value::from("internal_error"), &Value::from(id)));
    assert!(!body.to_string().contains("a bug in a handler"), "what went wrong is for the log");
    let response = ask("/bug", "text/html").await.expect("infallible");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (500, &"text/html; charset=utf-8".parse().expect("a value"))
    );
    assert_eq!(app.app.panics.count(), 2);
    app.stranger().get("/healthz").await.ok();
}
