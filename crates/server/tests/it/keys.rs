//! API keys from creation to their end.

use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_new_key_opens_doors_and_says_who_it_is() {
    let app = TestApp::start().await;
    let answer = app.anna().await.post("/api/v1/api-keys", json!({"name": "ci", "expires": "30d"})).await;
    assert_eq!(answer.status, 201);
    let key = app.with_key(answer.json()["key"].as_str().expect("a key"));
    let whoami = key.get("/api/v1/api-keys/self").await.ok().json();
    assert_eq!(
        whoami,
        json!({
            "id": 1,
            "handle": answer.json()["handle"],
            "name": "ci",
            "owner": {"id": 1, "email": "anna@example.com"},
            "scopes": ["everything"],
            "expires_at": "2026-12-23T09:00:00Z",
        })
    );
}

#[tokio::test]
async fn a_deleted_key_opens_no_door_and_its_holder_learns_why() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    key.get("/api/v1/ping").await.ok();
    assert_eq!(anna.delete("/api/v1/api-keys/1").await.status, 204);
    key.get("/api/v1/ping").await.refused(401, "key_revoked");
}

#[tokio::test]
async fn an_expired_key_opens_no_door() {
    let app = TestApp::start().await;
    let key = app.key(&["everything"]).await;
    app.pass(Duration::from_hours(90 * 24 - 1)).await;
    key.get("/api/v1/ping").await.ok();
    app.pass(Duration::from_hours(1)).await;
    key.get("/api/v1/ping").await.refused(401, "key_expired");
}

#[tokio::test]
async fn a_disabled_key_opens_doors_again_once_enabled() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    anna.post("/api/v1/api-keys/1/disable", json!({})).await.ok();
    key.get("/api/v1/ping").await.refused(401, "key_disabled");
    anna.post("/api/v1/api-keys/1/enable", json!({})).await.ok();
    key.get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn a_key_ends_itself() {
    let app = TestApp::start().await;
    let key = app.key(&["results:write"]).await;
    assert_eq!(key.delete("/api/v1/api-keys/self").await.status, 204);
    key.get("/api/v1/ping").await.refused(401, "key_revoked");
}

#[tokio::test]
async fn a_key_cannot_create_copy_or_change_keys() {
    let app = TestApp::start().await;
    let key = app.key(&["everything"]).await;
    key.post("/api/v1/api-keys", json!({"name": "child"})).await.refused(403, "session_required");
    key.post("/api/v1/api-keys/1/reveal", json!({})).await.refused(403, "session_required");
    key.patch("/api/v1/api-keys/1", json!({"name": "x"})).await.refused(403, "session_required");
    key.delete("/api/v1/api-keys/1").await.refused(403, "session_required");
}

#[tokio::test]
async fn a_key_can_be_copied_again_by_its_owner_alone() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let created = anna.post("/api/v1/api-keys", json!({"name": "ci"})).await.json();
    let revealed = anna.post("/api/v1/api-keys/1/reveal", json!({})).await.ok().json();
    assert_eq!(revealed["key"], created["key"]);
    app.ben().await.post("/api/v1/api-keys/1/reveal", json!({})).await.refused(404, "not_found");
    app.ben().await.get("/api/v1/api-keys/1").await.refused(404, "not_found");
    app.pass(Duration::from_mins(31)).await;
    anna.post("/api/v1/api-keys/1/reveal", json!({})).await.refused(403, "confirm_password");
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let kept = anna.post("/api/v1/api-keys", json!({"name": "kept"})).await.json();
    let ended = anna.post("/api/v1/api-keys", json!({"name": "ended"})).await.json();
    anna.delete("/api/v1/api-keys/2").await.ok();
    drop(anna);
    let app = app.restarted().await;
    app.with_key(kept["key"].as_str().expect("a key")).get("/api/v1/ping").await.ok();
    app.with_key(ended["key"].as_str().expect("a key")).get("/api/v1/ping").await.refused(401, "key_revoked");
}

#[tokio::test]
async fn last_use_is_written_down() {
    let app = TestApp::start().await;
    let key = app.key(&["everything"]).await.with("user-agent", "curl/8").from([198, 51, 100, 7]);
    key.get("/api/v1/ping").await.ok();
    app.pass(Duration::from_secs(10)).await;
    let listed = app.anna().await.get("/api/v1/api-keys").await.json();
    assert_eq!(
        listed["items"][0]["last_used"],
        json!({"at": "2026-11-23T09:00:00Z", "ip": "198.51.100.7", "user_agent": "curl/8", "route": "/api/v1/ping"})
    );
}
