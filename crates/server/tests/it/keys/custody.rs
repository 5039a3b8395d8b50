//! Whether a key can be copied again, and what is left when it cannot.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::SqlitePool;

use crate::support::TestApp;

async fn create(app: &TestApp, custody: &str) -> Value {
    let body = json!({"name": custody, "custody": custody, "expires": "never"});
    app.anna().await.post("/api/v1/api-keys", body).await.ok().json()
}

/// Returns all sealed copies, as the table has them.
async fn sealed(app: &TestApp) -> Vec<String> {
    let file = app.data_dir().join("testward.db");
    let database = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("the database");
    let sql = "SELECT sealed FROM api_key_sealed UNION SELECT answer FROM api_key_rotation WHERE answer IS NOT NULL";
    let found = sqlx::query_scalar(sql).fetch_all(&database).await.expect("copies");
    database.close().await;
    found
}

/// Whether a file of the data folder holds `text`.
fn is_on_disk(app: &TestApp, text: &str) -> bool {
    let files = fs::read_dir(app.data_dir()).expect("the folder").flatten().filter(|it| it.path().is_file());
    files.into_iter().any(|file| {
        let bytes = fs::read(file.path()).expect("a file");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn a_key_is_copied_for_as_long_as_its_custody_says() {
    let app = TestApp::start().await;
    create(&app, "recall").await;
    let window = create(&app, "24h").await;
    create(&app, "once").await;
    assert_eq!((&window["custody"], &window["copyable_until"]), (&json!("window"), &json!("2026-11-24T09:00:00Z")));
    let copy = async |id: i64| app.anna().await.post(&format!("/api/v1/api-keys/{id}/reveal"), json!({})).await;
    copy(1).await.ok();
    assert_eq!(copy(2).await.ok().json()["key"], window["key"]);
    copy(3).await.refused(410, "no_copy");
    assert_eq!(sealed(&app).await.len(), 2);
    app.pass(Duration::from_hours(24)).await;
    copy(1).await.ok();
    copy(2).await.refused(410, "no_copy");
    assert_eq!(sealed(&app).await.len(), 1, "the copy of a window that closed is destroyed");
}

#[tokio::test]
async fn a_custody_that_is_none_is_refused() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for wrong in ["always", "0", "-1h", "366d", ""] {
        let answer = anna.post("/api/v1/api-keys", json!({"name": "x", "custody": wrong})).await;
        answer.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_locked_organization_has_no_copies_and_its_keys_work_on() {
    let app = TestApp::start().await;
    let recall = create(&app, "recall").await;
    create(&app, "7d").await;
    let key = app.with_key(recall["key"].as_str().expect("a key"));
    let rotated = key.clone().with("idempotency-key", "t").post("/api/v1/api-keys/self/rotate", json!({})).await.ok();
    let copies = sealed(&app).await;
    assert_eq!(copies.len(), 3);
    assert!(copies.iter().all(|copy| is_on_disk(&app, copy)));

    let anna = app.anna().await;
    app.ben().await.post("/api/v1/organizations/1/lock-custody", json!({})).await.refused(403, "not_an_owner");
    app.eve().await.post("/api/v1/organizations/1/lock-custody", json!({})).await.refused(404, "not_found");
    assert_eq!(anna.post("/api/v1/organizations/1/lock-custody", json!({})).await.status, 204);
    for copy in &copies {
        assert!(!is_on_disk(&app, copy), "a destroyed copy is still on the disk");
    }
    for id in [1, 2] {
        anna.post(&format!("/api/v1/api-keys/{id}/reveal"), json!({})).await.refused(410, "no_copy");
    }
    key.get("/api/v1/ping").await.ok();
    app.with_key(rotated.json()["key"].as_str().expect("a key")).get("/api/v1/ping").await.ok();
    // From now on nobody there gets a copy.
    anna.post("/api/v1/api-keys", json!({"name": "x", "custody": "recall"})).await.refused(400, "invalid_request");
    assert_eq!(anna.post("/api/v1/api-keys", json!({"name": "x"})).await.ok().json()["custody"], "once");
    assert_eq!(sealed(&app).await.len(), 0);
    assert_eq!(app.eve().await.post("/api/v1/api-keys", json!({"name": "y"})).await.ok().json()["custody"], "recall");
}

#[tokio::test]
async fn a_deleted_key_leaves_no_copy_on_the_disk() {
    let app = TestApp::start().await;
    create(&app, "recall").await;
    let copies = sealed(&app).await;
    app.anna().await.delete("/api/v1/api-keys/1").await.ok();
    app.app.db.scrub().await.expect("scrubbed");
    assert!(!is_on_disk(&app, &copies[0]));
}
