//! Signing in and out.

use std::time::Duration;

use serde_json::json;

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn who_signs_out_is_out() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    anna.get("/api/v1/api-keys").await.ok();
    anna.delete("/api/v1/session").await.ok();
    anna.get("/api/v1/api-keys").await.refused(401, "session_ended");
}

#[tokio::test]
async fn a_session_that_is_not_used_ends() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    app.pass(Duration::from_hours(6 * 24)).await;
    anna.get("/api/v1/api-keys").await.ok();
    app.pass(Duration::from_hours(6 * 24)).await;
    anna.get("/api/v1/api-keys").await.ok();
    app.pass(Duration::from_hours(8 * 24)).await;
    anna.get("/api/v1/api-keys").await.refused(401, "session_ended");
}

#[tokio::test]
async fn guessing_a_password_gets_slow() {
    let app = TestApp::start().await;
    let guess = |password: &'static str| {
        let stranger = app.stranger();
        async move { stranger.post("/api/v1/session", json!({"email": "anna@example.com", "password": password})).await }
    };
    for _ in 0..10 {
        guess("wrong password").await.refused(401, "wrong_credentials");
    }
    let answer = guess(PASSWORD).await;
    answer.refused(429, "too_many_requests");
    assert_eq!(answer.headers["retry-after"], "301");
    app.pass(Duration::from_mins(6)).await;
    guess(PASSWORD).await.ok();
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let app = TestApp::start().await;
    for email in ["anna@example.com", "nobody@example.com"] {
        let answer =
            app.stranger().post("/api/v1/session", json!({"email": email, "password": "wrong password"})).await;
        answer.refused(401, "wrong_credentials");
    }
}
