//! Another secret for the same key, and what becomes of the old one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const DAY: Duration = Duration::from_hours(24);

fn text(answer: &Value) -> &str {
    answer["key"].as_str().expect("a key")
}

/// Makes a key of Anna's; returns its text.
async fn new_key(app: &TestApp, body: Value) -> String {
    text(&app.anna().await.post("/api/v1/api-keys", body).await.ok().json()).to_owned()
}

/// Rotates key 1 as Anna; returns the new text.
async fn rotate(app: &TestApp, overlap: &str) -> String {
    let answer = app.anna().await.post("/api/v1/api-keys/1/rotate", json!({"overlap": overlap})).await.ok();
    text(&answer.json()).to_owned()
}

async fn read(app: &TestApp) -> Value {
    app.anna().await.get("/api/v1/api-keys/1").await.ok().json()
}

fn rotates_itself(app: &TestApp, key: &str, token: &str) -> Client {
    app.with_key(key).with("idempotency-key", token)
}

#[tokio::test]
async fn a_rotated_key_is_the_same_key_with_two_secrets_until_the_overlap_ends() {
    let app = TestApp::start().await;
    let old = new_key(&app, json!({"name": "ci", "expires": "30d"})).await;
    app.pass(5 * DAY).await;
    let new = rotate(&app, "7d").await;
    assert_ne!(old, new);
    let facts = app.with_key(&old).get("/api/v1/api-keys/self").await.ok().json();
    assert_eq!(app.with_key(&new).get("/api/v1/api-keys/self").await.ok().json(), facts);
    // What was left of its life is left.
    assert_eq!(facts["expires_at"], "2026-12-23T09:00:00Z");
    app.pass(7 * DAY).await;
    app.with_key(&new).get("/api/v1/ping").await.ok();
    let refused = app.with_key(&old).get("/api/v1/ping").await;
    refused.refused(401, "key_rotated");
    assert!(refused.text().contains("2026-11-28T09:00:00Z"), "{}", refused.text());
}

#[tokio::test]
async fn without_overlap_the_old_secret_is_refused_at_once() {
    let app = TestApp::start().await;
    let old = new_key(&app, json!({"name": "ci"})).await;
    let new = rotate(&app, "0").await;
    app.with_key(&old).get("/api/v1/ping").await.refused(401, "key_rotated");
    app.with_key(&new).get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn whoever_ends_or_disables_a_key_ends_both_of_its_secrets() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let old = new_key(&app, json!({"name": "ci"})).await;
    let new = rotate(&app, "7d").await;
    anna.post("/api/v1/api-keys/1/disable", json!({})).await.ok();
    for key in [&old, &new] {
        app.with_key(key).get("/api/v1/ping").await.refused(401, "key_disabled");
    }
    anna.post("/api/v1/api-keys/1/enable", json!({})).await.ok();
    anna.delete("/api/v1/api-keys/1").await.ok();
    for key in [&old, &new] {
        app.with_key(key).get("/api/v1/ping").await.refused(401, "key_revoked");
    }
}

#[tokio::test]
async fn the_row_says_who_still_sends_the_old_secret() {
    let app = TestApp::start().await;
    let old = new_key(&app, json!({"name": "ci"})).await;
    let new = rotate(&app, "7d").await;
    app.with_key(&old).with("user-agent", "curl/8").from([198, 51, 100, 7]).get("/api/v1/ping").await.ok();
    app.with_key(&new).from([198, 51, 100, 8]).get("/api/v1/ping").await.ok();
    app.pass(Duration::from_secs(10)).await;
    let expected = json!({
        "rotated_at": "2026-11-23T09:00:00Z",
        "overlap_until": "2026-11-30T09:00:00Z",
        "is_overlapping": true,
        "adopted_at": "2026-11-23T09:00:00Z",
        "old_last_used_at": "2026-11-23T09:00:00Z",
        "old_used_by": [{"ip": "198.51.100.7", "user_agent": "curl/8", "at": "2026-11-23T09:00:00Z"}],
    });
    assert_eq!(read(&app).await["rotation"], expected);
    let page = app.anna().await.page("/user/apikey/1/usage").await.ok();
    assert!(page.text().contains("Still sends the old secret") && page.text().contains("198.51.100.7"));
    assert!(app.anna().await.page("/user/apikey").await.ok().text().contains("Old secret accepted until"));
}

#[tokio::test]
async fn an_overlap_closes_once_the_new_secret_is_used_and_the_old_one_was_silent_for_a_day() {
    let app = TestApp::start().await;
    let old = new_key(&app, json!({"name": "ci"})).await;
    let new = rotate(&app, "30d").await;
    // As long as nobody uses the new one, the old one may be needed yet.
    app.pass(3 * DAY).await;
    app.with_key(&old).get("/api/v1/ping").await.ok();
    app.with_key(&new).get("/api/v1/ping").await.ok();
    app.pass(Duration::from_mins(24 * 60 - 1)).await;
    assert_eq!(read(&app).await["rotation"]["is_overlapping"], true);
    app.pass(Duration::from_mins(1)).await;
    assert_eq!(read(&app).await["rotation"]["is_overlapping"], false);
    app.with_key(&old).get("/api/v1/ping").await.refused(401, "key_rotated");
    app.with_key(&new).get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn an_owner_ends_an_overlap_early_or_by_rotating_again() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let first = new_key(&app, json!({"name": "ci"})).await;
    let second = rotate(&app, "7d").await;
    let third = rotate(&app, "7d").await;
    app.with_key(&first).get("/api/v1/ping").await.refused(401, "key_rotated");
    app.with_key(&second).get("/api/v1/ping").await.ok();
    anna.post("/api/v1/api-keys/1/close-overlap", json!({})).await.ok();
    app.with_key(&second).get("/api/v1/ping").await.refused(401, "key_rotated");
    app.with_key(&third).get("/api/v1/ping").await.ok();
    anna.submit("/user/apikey/1/close-overlap", &[]).await.ok();
}

#[tokio::test]
async fn former_secrets_are_known_after_a_restart() {
    let app = TestApp::start().await;
    let first = new_key(&app, json!({"name": "ci"})).await;
    let second = rotate(&app, "7d").await;
    let third = rotate(&app, "7d").await;
    let app = app.restarted().await;
    app.with_key(&first).get("/api/v1/ping").await.refused(401, "key_rotated");
    app.with_key(&second).get("/api/v1/ping").await.ok();
    app.with_key(&third).get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn a_copy_made_after_rotation_is_the_new_secret() {
    let app = TestApp::start().await;
    new_key(&app, json!({"name": "ci"})).await;
    let new = rotate(&app, "7d").await;
    let copied = app.anna().await.post("/api/v1/api-keys/1/reveal", json!({})).await.ok().json();
    assert_eq!(text(&copied), new);
}

#[tokio::test]
async fn only_the_owner_rotates_and_only_with_a_fresh_password() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    key.post("/api/v1/api-keys/1/rotate", json!({})).await.refused(403, "session_required");
    app.ben().await.post("/api/v1/api-keys/1/rotate", json!({})).await.refused(404, "not_found");
    anna.post("/api/v1/api-keys/1/rotate", json!({"overlap": "31d"})).await.refused(400, "invalid_request");
    anna.post("/api/v1/api-keys/1/rotate", json!({"overlap": "-1d"})).await.refused(400, "invalid_request");
    app.pass(Duration::from_mins(31)).await;
    anna.post("/api/v1/api-keys/1/rotate", json!({})).await.refused(403, "confirm_password");
}

#[tokio::test]
async fn rotation_does_not_wake_the_dead() {
    let app = TestApp::start().await;
    new_key(&app, json!({"name": "short", "expires": "1h"})).await;
    new_key(&app, json!({"name": "gone"})).await;
    app.anna().await.delete("/api/v1/api-keys/2").await.ok();
    app.pass(Duration::from_hours(1)).await;
    let anna = app.anna().await;
    anna.post("/api/v1/api-keys/1/rotate", json!({})).await.refused(409, "key_expired");
    anna.post("/api/v1/api-keys/2/rotate", json!({})).await.refused(410, "key_revoked");
}

#[tokio::test]
async fn a_key_rotates_itself_and_a_lost_answer_can_be_asked_for_again() {
    for custody in ["recall", "once"] {
        let app = TestApp::start().await;
        let old = new_key(&app, json!({"name": "ci", "scopes": ["results:write"], "custody": custody})).await;
        let first =
            rotates_itself(&app, &old, "job-1").post("/api/v1/api-keys/self/rotate", json!({})).await.ok().json();
        let again =
            rotates_itself(&app, &old, "job-1").post("/api/v1/api-keys/self/rotate", json!({})).await.ok().json();
        let until = |answer: &Value| answer["rotation"]["overlap_until"].clone();
        assert_eq!((text(&first), until(&first)), (text(&again), until(&again)), "{custody}");
        // Another request is not the same request.
        let other = rotates_itself(&app, &old, "job-2").post("/api/v1/api-keys/self/rotate", json!({})).await;
        other.refused(409, "already_rotated");
        // Once the new secret is used, its holder has it, and it is not shown to who has the old one only.
        let new = text(&first).to_owned();
        app.with_key(&new).get("/api/v1/ping").await.ok();
        let late = rotates_itself(&app, &old, "job-1").post("/api/v1/api-keys/self/rotate", json!({})).await;
        late.refused(409, "already_rotated");
        let own = rotates_itself(&app, &new, "job-1").post("/api/v1/api-keys/self/rotate", json!({})).await.ok().json();
        assert_eq!(text(&own), new);
        rotates_itself(&app, &new, "job-3")
            .post("/api/v1/api-keys/self/rotate", json!({}))
            .await
            .refused(409, "overlap_open");
    }
}

#[tokio::test]
async fn self_rotation_needs_a_token() {
    let app = TestApp::start().await;
    let key = app.key(&["everything"]).await;
    key.post("/api/v1/api-keys/self/rotate", json!({})).await.refused(400, "idempotency_key_required");
    let blank = key.with("idempotency-key", " ");
    blank.post("/api/v1/api-keys/self/rotate", json!({})).await.refused(400, "invalid_idempotency_key");
}

#[tokio::test]
async fn an_owner_who_repeats_a_rotation_gets_the_same_key_if_it_may_be_copied() {
    let app = TestApp::start().await;
    new_key(&app, json!({"name": "recall"})).await;
    new_key(&app, json!({"name": "once", "custody": "once"})).await;
    let anna = app.anna().await.with("idempotency-key", "a-token");
    let first = anna.post("/api/v1/api-keys/1/rotate", json!({})).await.ok().json();
    let again = anna.post("/api/v1/api-keys/1/rotate", json!({})).await.ok().json();
    assert_eq!((text(&first), &first["rotation"]), (text(&again), &again["rotation"]));
    anna.post("/api/v1/api-keys/2/rotate", json!({})).await.ok();
    anna.post("/api/v1/api-keys/2/rotate", json!({})).await.refused(409, "already_rotated");
}

#[tokio::test]
async fn a_person_rotates_on_a_page() {
    let app = TestApp::start().await;
    let old = new_key(&app, json!({"name": "ci"})).await;
    let anna = app.anna().await;
    assert!(anna.page("/user/apikey/1/rotate").await.ok().text().contains("Accept the old secret for"));
    let done = anna.submit("/user/apikey/1/rotate", &[("overlap", "0")]).await.ok();
    assert!(done.text().contains("The old secret is refused from now on"));
    app.with_key(&old).get("/api/v1/ping").await.refused(401, "key_rotated");
    let wrong = anna.submit("/user/apikey/1/rotate", &[("overlap", "99d")]).await;
    assert!(wrong.status == 400 && wrong.text().contains("between 0 and 30 days"), "{}", wrong.text());
}
