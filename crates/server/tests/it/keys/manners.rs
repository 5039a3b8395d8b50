//! Manners of the API: repeated creations, versions, explained rights, keys of an older system.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, person};

const IMPORT: &str = "/api/v1/organizations/1/keys/import";
const UUID: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

#[tokio::test]
async fn a_repeated_creation_is_the_same_creation_for_a_day() {
    let app = TestApp::start().await;
    let anna = app.anna().await.with("idempotency-key", "build-42");
    let new = json!({"name": "ci", "expires": "30d"});
    let first = anna.post("/api/v1/api-keys", new.clone()).await.ok().json();
    let again = anna.post("/api/v1/api-keys", new.clone()).await.ok().json();
    assert_eq!((&again["key"], &again["id"]), (&first["key"], &first["id"]));
    let other = json!({"name": "other"});
    anna.post("/api/v1/api-keys", other).await.refused(409, "idempotency_key_reused");
    // Another person's token is another token.
    let bens = app.ben().await.with("idempotency-key", "build-42").post("/api/v1/api-keys", new.clone()).await.ok();
    assert_ne!(bens.json()["id"], first["id"]);
    app.pass(Duration::from_hours(25)).await;
    let later = app.anna().await.with("idempotency-key", "build-42").post("/api/v1/api-keys", new).await.ok().json();
    assert_ne!(later["id"], first["id"]);
}

#[tokio::test]
async fn a_repeated_creation_does_not_show_again_what_was_shown_once() {
    let app = TestApp::start().await;
    let anna = app.anna().await.with("idempotency-key", "t");
    let new = json!({"name": "ci", "custody": "once"});
    anna.post("/api/v1/api-keys", new.clone()).await.ok();
    anna.post("/api/v1/api-keys", new).await.refused(409, "already_created");
}

async fn patch(client: &Client, etag: &str, name: &str) -> Answer {
    client.clone().with("if-match", etag).patch("/api/v1/api-keys/1", json!({"name": name})).await
}

#[tokio::test]
async fn a_key_that_was_changed_meanwhile_is_not_overwritten() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    anna.post("/api/v1/api-keys", json!({"name": "ci"})).await.ok();
    let read = anna.get("/api/v1/api-keys/1").await.ok();
    let etag = read.headers["etag"].to_str().expect("text").to_owned();
    let changed = patch(&anna, &etag, "one").await.ok();
    patch(&anna, &etag, "two").await.refused(412, "changed_meanwhile");
    let etag = changed.headers["etag"].to_str().expect("text");
    let stale = anna.clone().with("if-match", "\"1\"");
    for order in ["disable", "enable"] {
        stale.post(&format!("/api/v1/api-keys/1/{order}"), json!({})).await.refused(412, "changed_meanwhile");
    }
    stale.delete("/api/v1/api-keys/1").await.refused(412, "changed_meanwhile");
    patch(&anna, etag, "three").await.ok();
    assert_eq!(anna.get("/api/v1/api-keys/1").await.json()["name"], "three");
}

#[tokio::test]
async fn a_key_explains_what_it_may_do_and_why_not_more() {
    let app = TestApp::start().await;
    let new = json!({"name": "ci", "scopes": ["admin:read", "results:write", "results:read"], "expires": "90d"});
    let created = app.ben().await.post("/api/v1/api-keys", new).await.ok().json();
    let policy = json!({"allows_never": true, "custody": "recall", "allows_personal": true, "max_lifetime_days": 30,
        "scopes": ["results:write", "admin:read"]});
    let put = app.anna().await;
    let path = "/api/v1/organizations/1/key-policy";
    put.send(Method::PUT, path, "application/json", Body::from(policy.to_string())).await.ok();
    let me = app.with_key(created["key"].as_str().expect("a key")).get("/api/v1/api-keys/self").await.ok().json();
    let expected = json!([{
        "organization": 1,
        "role": "member",
        "scopes": ["results:write"],
        "withheld_by_role": ["admin:read"],
        "withheld_by_policy": ["results:read"],
        "ends_at": "2026-12-23T09:00:00Z",
    }]);
    assert_eq!(me["rights"], expected);
}

async fn import(app: &TestApp, fields: Value) -> Answer {
    let ben = person(&app.app, "ben@example.com").await.id;
    let mut body = json!({"keys": [UUID], "name": "old Jenkins", "owner": ben});
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    app.anna().await.post(IMPORT, body).await
}

#[tokio::test]
async fn a_key_of_an_older_system_works_wherever_ours_do() {
    let app = TestApp::start().await;
    let answer = import(&app, json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(!answer.text().contains(UUID), "{}", answer.text());
    let old = app.with_key(UUID);
    assert_eq!(old.get("/api/v1/api-keys/self").await.ok().json()["owner"]["email"], "ben@example.com");
    app.with_key(&UUID.to_uppercase()).get("/api/v1/ping").await.ok();
    app.stranger().with("x-api-key", UUID).get("/api/v1/ping").await.ok();
    let unknown = app.with_key("7c9e6679-7425-40de-944b-e07fc1f90ae8");
    unknown.get("/api/v1/ping").await.refused(401, "invalid_api_key");
    let app = app.restarted().await;
    app.with_key(UUID).get("/api/v1/ping").await.ok();
    app.ben().await.post("/api/v1/api-keys/1/reveal", json!({})).await.refused(410, "no_copy");
    app.ben().await.delete("/api/v1/api-keys/1").await.ok();
    app.with_key(UUID).get("/api/v1/ping").await.refused(401, "key_revoked");
}

#[tokio::test]
async fn an_imported_key_ends_within_a_year() {
    let app = TestApp::start().await;
    for expires in ["never", "400d"] {
        import(&app, json!({"expires": expires})).await.refused(400, "invalid_request");
    }
    import(&app, json!({"expires": "365d"})).await.ok();
    app.pass(Duration::from_hours(366 * 24)).await;
    app.with_key(UUID).get("/api/v1/ping").await.refused(401, "key_expired");
}

#[tokio::test]
async fn what_is_no_uuid_and_what_is_here_already_is_not_imported() {
    let app = TestApp::start().await;
    let answer = import(&app, json!({"keys": [UUID, "hunter22"]})).await;
    answer.refused(400, "invalid_request");
    assert!(answer.text().contains("line 2") && !answer.text().contains("hunter22"), "{}", answer.text());
    // All or none.
    app.with_key(UUID).get("/api/v1/ping").await.refused(401, "invalid_api_key");
    import(&app, json!({})).await.ok();
    import(&app, json!({})).await.refused(400, "invalid_request");
    let eve = person(&app.app, "eve@example.org").await.id;
    import(&app, json!({"keys": ["7c9e6679-7425-40de-944b-e07fc1f90aaa"], "owner": eve}))
        .await
        .refused(400, "invalid_request");
    app.ben().await.post(IMPORT, json!({"keys": [UUID], "name": "x", "owner": 1})).await.refused(403, "not_an_admin");
}
