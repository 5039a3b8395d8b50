//! What the official clients need, rule by rule: tokens, who one is, and searches.

mod reports;
mod strict;

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use strict::strict;

use crate::support::{Answer, Client, PASSWORD, TestApp};

/// Makes a key of Anna's and returns its text.
async fn key_text(app: &TestApp, new: Value) -> String {
    let created = app.anna().await.post("/api/v1/api-keys", new).await.ok().json();
    created["key"].as_str().expect("a key").to_owned()
}

async fn token(client: &Client, words: &str, fields: &[(&str, &str)]) -> Answer {
    let basic = format!("Basic {}", BASE64.encode(words));
    client.clone().with("authorization", &basic).submit("/oauth/token", fields).await
}

fn bearer(app: &TestApp, answer: &Answer) -> Client {
    let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
    app.stranger().with("authorization", &format!("Bearer {token}"))
}

#[tokio::test]
async fn anybody_may_ask_for_the_profiles() {
    let app = TestApp::start().await;
    assert_eq!(app.stranger().get("/info").await.ok().json(), json!({"profiles": {"active": ["default"]}}));
}

#[tokio::test]
async fn official_clients_get_a_token_for_a_key() {
    let app = TestApp::start().await;
    let key = key_text(&app, json!({"name": "ci", "scopes": ["results:write"]})).await;
    for client in ["kit:kit", "kit_uploader:kit_uploader"] {
        for user in ["", "anna@example.com"] {
            let fields = [("username", user), ("password", &key), ("grant_type", "password")];
            let answer = token(&app.stranger(), client, &fields).await.ok();
            let facts = answer.json();
            assert_eq!((&facts["token_type"], &facts["expires_in"]), (&json!("bearer"), &json!(86400)));
            assert_eq!(facts["scope"], "results:write");
            bearer(&app, &answer).get("/api/v1/ping").await.ok();
        }
    }
}

#[tokio::test]
async fn official_clients_get_a_token_for_the_account_password() {
    let app = TestApp::start().await;
    let fields = [("username", "Anna@example.com"), ("password", PASSWORD), ("grant_type", "password")];
    let answer = token(&app.stranger(), "kit_uploader:kit_uploader", &fields).await.ok();
    assert_eq!(answer.json()["expires_in"], 86400);
    let uploader = bearer(&app, &answer);
    assert_eq!(uploader.get("/api/v1/users/me").await.ok().json()["email"], "anna@example.com");
    uploader.get(&format!("/api/v1/files/upload-url?projectId={}", app.project)).await.ok();
    uploader.post("/api/v1/api-keys", json!({"name": "more"})).await.refused(403, "confirm_password");
    let listed = app.anna().await.page("/api/v1/api-keys?status=all").await.ok().json();
    assert_eq!(listed["items"], json!([]), "no key was made for it");
}

#[tokio::test]
async fn a_token_for_a_password_ends() {
    let app = TestApp::start().await;
    let fields = [("username", "anna@example.com"), ("password", PASSWORD), ("grant_type", "password")];
    let answer = token(&app.stranger(), "kit:kit", &fields).await.ok();
    let refresh = answer.json()["refresh_token"].as_str().expect("a token").to_owned();
    app.pass(Duration::from_hours(23)).await;
    let again = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    assert_eq!(token(&app.stranger(), "kit:kit", &again).await.ok().json()["expires_in"], 3600);
    bearer(&app, &answer).get("/api/v1/users/me").await.ok();
    app.pass(Duration::from_hours(1)).await;
    bearer(&app, &answer).get("/api/v1/users/me").await.refused(401, "session_ended");
    token(&app.stranger(), "kit:kit", &again).await.refused(401, "session_ended");
}

#[tokio::test]
async fn guessing_passwords_for_tokens_gets_as_slow_as_signing_in() {
    let app = TestApp::start().await;
    let fields = [("username", "anna@example.com"), ("password", "wrong"), ("grant_type", "password")];
    for _ in 0..10 {
        token(&app.stranger(), "kit:kit", &fields).await.refused(401, "wrong_credentials");
    }
    token(&app.stranger(), "kit:kit", &fields).await.refused(429, "too_many_requests");
    let mistyped = [("username", "ben@example.com"), ("password", "twp_oops"), ("grant_type", "password")];
    token(&app.stranger().from([198, 51, 100, 7]), "kit:kit", &mistyped).await.refused(401, "invalid_api_key");
}

#[tokio::test]
async fn a_token_says_when_its_key_ends() {
    let app = TestApp::start().await;
    let key = key_text(&app, json!({"name": "ci", "expires": "1d"})).await;
    app.pass(Duration::from_hours(23)).await;
    let fields = [("password", key.as_str()), ("grant_type", "password")];
    assert_eq!(token(&app.stranger(), "kit:kit", &fields).await.ok().json()["expires_in"], 3600);
}

#[tokio::test]
async fn a_token_can_be_had_for_a_token() {
    let app = TestApp::start().await;
    let key = key_text(&app, json!({"name": "ci"})).await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", key.as_str())];
    let answer = token(&app.stranger(), &format!(":{key}"), &fields).await.ok();
    bearer(&app, &answer).get("/api/v1/ping").await.ok();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "nonsense")];
    token(&app.stranger(), "kit:kit", &fields).await.refused(401, "invalid_api_key");
}

#[tokio::test]
async fn a_wrong_key_gets_no_token_and_an_answer_every_client_can_read() {
    let app = TestApp::start().await;
    let fields = [("username", ""), ("password", "wrong"), ("grant_type", "password")];
    let answer = token(&app.stranger(), "kit:kit", &fields).await;
    answer.refused(401, "invalid_api_key");
    let body = answer.json();
    assert!(["error", "error_description", "message"].iter().all(|field| body[field].is_string()), "{body}");
    assert!(body.get("access_token").is_none());
    let key = key_text(&app, json!({"name": "ci"})).await;
    let fields = [("password", key.as_str()), ("grant_type", "password")];
    token(&app.stranger(), "who:what", &fields).await.refused(401, "invalid_client");
    token(&app.stranger(), "kit:kit", &[("grant_type", "implicit")]).await.refused(400, "unsupported_grant_type");
    let answer = app.stranger().send(Method::POST, "/oauth/token", "", Body::empty()).await;
    answer.refused(400, "invalid_form");
}

#[tokio::test]
async fn guessing_keys_for_tokens_gets_slow() {
    let app = TestApp::start().await;
    let fields = [("password", "wrong"), ("grant_type", "password")];
    for _ in 0..300 {
        token(&app.stranger(), "kit:kit", &fields).await.refused(401, "invalid_api_key");
    }
    token(&app.stranger(), "kit:kit", &fields).await.refused(429, "too_many_requests");
}

#[tokio::test]
async fn the_token_of_a_deleted_key_is_dead_at_once() {
    let app = TestApp::start().await;
    let key = key_text(&app, json!({"name": "ci"})).await;
    let fields = [("password", key.as_str()), ("grant_type", "password")];
    let bearer = bearer(&app, &token(&app.stranger(), "kit:kit", &fields).await);
    bearer.get("/api/v1/users/me").await.ok();
    app.anna().await.delete("/api/v1/api-keys/1").await.ok();
    bearer.get("/api/v1/users/me").await.refused(401, "key_revoked");
    token(&app.stranger(), "kit:kit", &fields).await.refused(401, "key_revoked");
}

#[tokio::test]
async fn a_key_shows_who_one_is_and_what_one_reaches() {
    let app = TestApp::start().await;
    let me = app.key(&["results:write", "projects:read"]).await.get("/api/v1/users/me").await.ok().json();
    strict("User", &me);
    assert_eq!((&me["firstName"], &me["lastName"]), (&json!("Anna"), &json!("Ant")));
    assert_eq!(me["projects"][0]["name"], "Shop");
    assert_eq!(me["teams"][0]["organization"]["role"], "OWNER");
    assert_eq!(me["organizations"][0], json!({"id": 1, "name": "Acme", "role": "OWNER"}));
    let ben = app.ben().await.get("/api/v1/users/me").await.ok().json();
    assert_eq!(ben["organizations"][0]["role"], "USER");
}

#[tokio::test]
async fn a_key_bound_to_a_project_knows_of_no_other() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let second = app.second_project("Docs").await;
    let key = app.with_key(&key_text(&app, json!({"name": "ci", "projects": [app.project]})).await);
    let names = |page: Value| -> Vec<Value> {
        page["content"].as_array().expect("content").iter().map(|it| it["name"].clone()).collect()
    };
    assert_eq!(names(anna.get("/api/v1/projects").await.json()), ["Docs", "Shop"]);
    assert_eq!(names(key.get("/api/v1/projects").await.json()), ["Shop"]);
    assert_eq!(key.get("/api/v1/users/me").await.json()["projects"].as_array().map(Vec::len), Some(1));
    key.get(&format!("/api/v1/projects/{second}")).await.refused(404, "not_found");
}

#[tokio::test]
async fn projects_come_in_pages() {
    let app = TestApp::start().await;
    app.second_project("Docs").await;
    let key = app.key(&["results:write", "projects:read"]).await;
    let page = key.get("/api/v1/projects?page=1&size=1&sort=name,asc").await.ok().json();
    strict("PageBase", &page);
    strict("Project", &page["content"][0]);
    assert_eq!((&page["content"][0]["name"], &page["totalElements"]), (&json!("Shop"), &json!(2)));
    assert_eq!((&page["number"], &page["first"], &page["last"]), (&json!(1), &json!(false), &json!(true)));
    let none = key.get("/api/v1/projects?teamId=999").await.ok().json();
    assert_eq!((&none["content"], &none["empty"]), (&json!([]), &json!(true)));
    assert_eq!(key.get("/api/v1/projects/first").await.ok().json()[0]["name"], "Docs");
    let project = key.get(&format!("/api/v1/projects/{}", app.project)).await.ok().json();
    assert_eq!((&project["teamId"], &project["status"]), (&json!(app.team), &json!("ACTIVE")));
}

#[tokio::test]
async fn what_belongs_to_others_is_not_there() {
    let app = TestApp::start().await;
    let eve = app.eve().await;
    eve.get(&format!("/api/v1/projects/{}", app.project)).await.refused(404, "not_found");
    eve.get(&format!("/api/v1/files/upload-url?projectId={}", app.project)).await.refused(404, "not_found");
    eve.get(&format!("/api/v1/executions?projectId={}", app.project)).await.refused(404, "not_found");
    eve.get("/api/v1/organizations/1").await.refused(404, "not_found");
    strict("Organization", &eve.get("/api/v1/organizations/2").await.ok().json());
    let found = eve.post("/api/v1/search", json!({"type": "Project", "conditions": []})).await.ok().json();
    assert_eq!(found["content"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["content"][0]["name"], "Secret");
}

#[tokio::test]
async fn a_search_is_read_however_it_is_spelled() {
    let app = TestApp::start().await;
    app.second_project("Docs").await;
    let key = app.key(&["results:write", "projects:read"]).await;
    let condition = json!({"key": "Project.id", "operator": "=", "value": app.project.to_string()});
    for sorts in [json!(null), json!("name,desc"), json!(["name,desc"])] {
        let pagination = json!({"page": 0, "size": 30, "sorts": sorts});
        for search in [
            json!({"type": "Project", "conditions": [condition], "functions": [], "pagination": pagination}),
            json!({"type": "Project", "searchRequestConditions": [condition], "searchRequestPagination": pagination}),
        ] {
            let page = key.post("/api/v1/search", search.clone()).await.ok().json();
            strict("PageBase", &page);
            assert_eq!((&page["totalElements"], &page["content"][0]["name"]), (&json!(1), &json!("Shop")));
            let q = serde_urlencoded::to_string([("q", search.to_string())]).expect("a query");
            assert_eq!(key.get(&format!("/api/v1/search?{q}")).await.ok().json(), page);
        }
    }
}

#[tokio::test]
async fn a_search_sorts_and_keeps_its_pages_small() {
    let app = TestApp::start().await;
    app.second_project("Docs").await;
    let key = app.key(&["results:write", "projects:read"]).await;
    let search = json!({"type": "Project", "pagination": {"page": 0, "size": 100_000, "sorts": "id,desc"}});
    let page = key.post("/api/v1/search", search).await.ok().json();
    assert_eq!((&page["content"][0]["name"], &page["size"]), (&json!("Docs"), &json!(1000)));
    assert_eq!(page["sort"], json!({"sorted": true, "unsorted": false, "empty": false}));
}

#[tokio::test]
async fn a_search_for_what_is_not_here_finds_nothing_and_nonsense_is_refused() {
    let app = TestApp::start().await;
    let key = app.key(&["results:write", "projects:read"]).await;
    for kind in ["RunConfiguration", "Job", "Release", "TestProject", "Machine"] {
        let page = key.post("/api/v1/search", json!({"type": kind, "conditions": [], "pagination": {}})).await;
        assert_eq!(page.ok().json()["content"], json!([]), "{kind}");
    }
    key.post("/api/v1/search", json!({"type": "Teapot"})).await.refused(400, "unknown_search_type");
    let search = json!({"type": "Project", "conditions": [{"key": "id", "operator": "resembles", "value": 1}]});
    key.post("/api/v1/search", search).await.refused(400, "invalid_request");
    key.get("/api/v1/search?q=nonsense").await.refused(400, "invalid_json");
}

#[tokio::test]
async fn a_search_shows_a_key_no_more_than_it_may_see() {
    let app = TestApp::start().await;
    let uploader = app.key(&["results:write", "projects:read"]).await;
    uploader.post("/api/v1/search", json!({"type": "ApiKey"})).await.refused(403, "insufficient_scope");
    uploader.post("/api/v1/search", json!({"type": "Execution"})).await.refused(403, "insufficient_scope");
    let all = app.key(&["everything"]).await;
    let page = all.post("/api/v1/search", json!({"type": "ApiKey"})).await.ok().json();
    assert_eq!(page["totalElements"], 2);
    strict("ApiKey", &page["content"][0]);
    for kind in ["Team", "Organization"] {
        strict(kind, &uploader.post("/api/v1/search", json!({"type": kind})).await.ok().json()["content"][0]);
    }
}

#[tokio::test]
async fn licences_are_not_issued() {
    let app = TestApp::start().await;
    let key = app.key(&["everything"]).await;
    for path in ["/api/v1/license-keys/available", "/api/v1/machine", "/api/v1/subscription/trial"] {
        key.get(path).await.refused(404, "not_found");
    }
}
