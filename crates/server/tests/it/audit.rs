//! The audit log: who may read it, what it says, and what of it can be forged.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::SqlitePool;
use testward_server::audit::{self, Broken};

use crate::support::{Client, TestApp};

async fn rows(client: &Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("/api/v1/audit?{query}")).await.ok().json();
    answer["items"].as_array().expect("a list").clone()
}

async fn sentences(client: &Client, query: &str) -> Vec<String> {
    rows(client, query).await.iter().map(|row| row["sentence"].as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn a_change_of_a_key_can_be_read_as_a_sentence() {
    let app = TestApp::start().await;
    let ben = app.ben().await.from([198, 51, 100, 7]);
    let key = ben.post("/api/v1/api-keys", json!({"name": "nightly"})).await.ok().json();
    let handle = key["handle"].as_str().expect("a handle");
    ben.post("/api/v1/api-keys/1/reveal", json!({})).await.ok();
    ben.delete("/api/v1/api-keys/1").await.ok();
    let told = sentences(&app.anna().await, &format!("key={handle}")).await;
    let expected = ["deleted", "copied", "created"].map(|did| format!("Ben Bee {did} the API key nightly ({handle})"));
    assert_eq!(told, expected);
}

#[tokio::test]
async fn rows_are_found_by_who_what_where_and_when() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    app.ben().await.from([198, 51, 100, 7]).post("/api/v1/api-keys", json!({"name": "nightly"})).await.ok();
    app.pass(Duration::from_hours(24)).await;
    anna.post("/api/v1/api-keys", json!({"name": "weekly"})).await.refused(403, "confirm_password");
    anna.submit("/user/account", &[("name", "Anna Aunt")]).await.ok();
    for (query, expected) in [
        ("who=ben&action=key.", 1),
        ("who=BEN%40example.com&action=session.", 1),
        ("who=anna&action=key.", 0),
        ("ip=198.51.100.", 1),
        ("subject=NIGHT", 1),
        ("from=2026-11-24", 1),
        ("until=2026-11-23&action=person.", 0),
        ("from=2026-11-24T08:00:00Z&until=2026-11-24T10:00:00%2B00:00", 1),
    ] {
        assert_eq!(rows(&anna, query).await.len(), expected, "{query}");
    }
    anna.get("/api/v1/audit?from=yesterday").await.refused(400, "invalid_request");
    anna.get("/api/v1/audit?form=2026").await.refused(400, "invalid_query");
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for i in 0..7 {
        anna.submit("/user/account", &[("name", &format!("Anna {i}"))]).await.ok();
    }
    let all = sentences(&anna, "action=person.").await;
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = anna.get(&format!("/api/v1/audit?action=person.&limit=3&cursor={cursor}")).await.ok().json();
        paged.extend(
            page["items"]
                .as_array()
                .expect("rows")
                .iter()
                .map(|row| row["sentence"].as_str().expect("text").to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!((all.len(), &paged), (7, &all));
}

#[tokio::test]
async fn another_organization_is_not_in_it() {
    let app = TestApp::start().await;
    app.anna().await.post("/api/v1/api-keys", json!({"name": "acme only"})).await.ok();
    let eve = app.eve().await;
    eve.post("/api/v1/api-keys", json!({"name": "other only"})).await.ok();
    let acme = app.anna().await.get("/api/v1/audit/export").await.ok();
    let other = eve.get("/api/v1/audit/export").await.ok();
    assert!(acme.text().contains("acme only") && !acme.text().contains("other only"));
    assert!(other.text().contains("other only") && !other.text().contains("acme only"));
}

#[tokio::test]
async fn a_member_may_not_read_it() {
    let app = TestApp::start().await;
    let ben = app.ben().await;
    ben.get("/api/v1/audit").await.refused(403, "not_an_admin");
    ben.get("/api/v1/audit/export").await.refused(403, "not_an_admin");
    ben.page("/admin/audit").await.refused_page(403);
    app.key(&["results:read"]).await.get("/api/v1/audit").await.refused(403, "insufficient_scope");
    app.key(&["everything"]).await.get("/api/v1/audit").await.ok();
}

#[tokio::test]
async fn the_export_holds_what_proves_each_row() {
    let app = TestApp::start().await;
    let export = app.anna().await.get("/api/v1/audit/export").await.ok();
    assert_eq!(export.headers["content-type"], "application/x-ndjson");
    let rows: Vec<Value> = export.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(rows.len() >= 2);
    for pair in rows.windows(2).filter(|pair| pair[0]["seq"].as_i64() == pair[1]["seq"].as_i64().map(|it| it + 1)) {
        assert_eq!(pair[0]["previous_hash"], pair[1]["hash"]);
    }
}

#[tokio::test]
async fn the_page_shows_the_log_to_an_owner() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    anna.post("/api/v1/api-keys", json!({"name": "nightly <b>"})).await.ok();
    let page = anna.page("/admin/audit").await.ok();
    assert!(page.text().contains("created the API key nightly &#60;b&#62;"), "{}", page.text());
    let page = anna.page("/admin/audit?who=nobody").await.ok();
    assert!(page.text().contains("Nothing matches"));
    let page = anna.page("/admin/audit?from=soon").await.ok();
    assert!(page.text().contains("from must be a date"));
}

async fn database(app: &TestApp) -> SqlitePool {
    let file = app.data_dir().join("testward.db");
    SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("the database")
}

async fn broken(app: &TestApp) -> Option<Broken> {
    audit::verify(&app.app.db, &app.app.audit_seal).await.expect("read").broken
}

/// Returns an app whose log has some rows, sealed.
async fn with_log() -> TestApp {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for name in ["a", "b", "c"] {
        anna.post("/api/v1/api-keys", json!({"name": name})).await.ok();
    }
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(broken(&app).await, None);
    app
}

#[tokio::test]
async fn a_row_that_was_changed_is_found() {
    for change in [
        "UPDATE audit SET detail = 'x' WHERE seq = 4",
        "UPDATE audit SET person_id = 2 WHERE seq = 4",
        "UPDATE audit SET at = at - 1 WHERE seq = 4",
        "UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 3) WHERE seq = 4",
        "DELETE FROM audit_organization WHERE seq = 4",
        "INSERT INTO audit_organization VALUES (2, 4)",
    ] {
        let app = with_log().await;
        let database = database(&app).await;
        sqlx::query(change).execute(&database).await.expect("changed");
        let broken = broken(&app).await.expect("noticed");
        assert_eq!(broken.seq, 4, "{change}: {}", broken.what);
    }
}

#[tokio::test]
async fn rows_that_were_left_out_or_cut_off_are_found() {
    for (change, seq) in [("seq = 4", 4), ("seq >= 4", 4), ("seq = 1", 1), ("seq > 0", 1)] {
        let app = with_log().await;
        let database = database(&app).await;
        for table in ["audit_organization", "audit"] {
            let sql = format!("DELETE FROM {table} WHERE {change}");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&database).await.expect("deleted");
        }
        assert_eq!(broken(&app).await.map(|it| it.seq), Some(seq), "{change}");
    }
}

#[tokio::test]
async fn a_chain_that_was_computed_anew_is_found() {
    let app = with_log().await;
    let sealed = app.app.audit_seal.head().expect("sealed");
    // Another server's chain holds in itself; that is what a forger would make.
    let other = TestApp::start().await;
    let anna = other.anna().await;
    for name in ["forged", "a", "b", "c"] {
        anna.post("/api/v1/api-keys", json!({"name": name})).await.ok();
    }
    other.pass(Duration::from_secs(10)).await;
    assert_eq!(broken(&other).await, None);
    replace_log(&app, &other).await;
    let broken = broken(&app).await.expect("noticed");
    assert_eq!((broken.seq, broken.what.contains("computed anew")), (sealed.seq, true), "{}", broken.what);
}

async fn replace_log(app: &TestApp, other: &TestApp) {
    let database = database(app).await;
    let mut connection = database.acquire().await.expect("a connection");
    let attach = format!("ATTACH '{}' AS other", other.data_dir().join("testward.db").display());
    sqlx::query(sqlx::AssertSqlSafe(attach)).execute(&mut *connection).await.expect("attached");
    for sql in [
        "DELETE FROM audit_organization",
        "DELETE FROM audit",
        "INSERT INTO audit SELECT * FROM other.audit",
        "INSERT INTO audit_organization SELECT * FROM other.audit_organization",
    ] {
        sqlx::query(sql).execute(&mut *connection).await.expect("replaced");
    }
}

#[tokio::test]
async fn a_seal_cannot_be_written_without_the_key() {
    let app = with_log().await;
    let sealed = app.app.audit_seal.head().expect("sealed");
    let file = app.data_dir().join("audit-head");
    let seal = std::fs::read_to_string(&file).expect("a seal");
    std::fs::write(&file, seal.replace(&sealed.hash, &"0".repeat(64))).expect("written");
    let opened = audit::Seal::open_existing(&app.data_dir().join("secrets"), app.data_dir());
    assert!(opened.is_err());
}
