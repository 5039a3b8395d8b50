//! What an organization allows its keys.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp};

const POLICY: &str = "/api/v1/organizations/1/key-policy";

/// A policy that allows everything.
fn open() -> Value {
    let scopes = testward_wire::keys::Scope::ALL.map(testward_wire::keys::Scope::name);
    json!({"allows_never": true, "custody": "recall", "scopes": scopes, "networks": [], "allows_personal": true})
}

fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut policy = open();
    policy[field] = value.into();
    policy
}

async fn put(client: &Client, policy: &Value) -> Answer {
    client.send(Method::PUT, POLICY, "application/json", Body::from(policy.to_string())).await
}

async fn new_key(client: &Client, new: Value) -> String {
    client.post("/api/v1/api-keys", new).await.ok().json()["key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn a_longest_lifetime_is_in_force_for_keys_that_are_there() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.with_key(&new_key(&anna, json!({"name": "old", "expires": "never"})).await);
    app.pass(Duration::from_hours(24)).await;
    let receipt = put(&anna, &with("max_lifetime_days", 2)).await.ok().json();
    assert_eq!((&receipt["effect"]["ends"], &receipt["effect"]["shortened"]), (&json!(0), &json!(1)));
    key.get("/api/v1/ping").await.ok();
    app.pass(Duration::from_hours(24)).await;
    key.get("/api/v1/ping").await.refused(401, "key_expired");
    // It is an intersection: what the policy ended lives again without it.
    put(&anna, &open()).await.ok();
    key.get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn a_policy_shows_whom_it_breaks_before_it_does() {
    let app = TestApp::start().await;
    let (anna, ben) = (app.anna().await, app.ben().await);
    let used = app.with_key(&new_key(&ben, json!({"name": "nightly", "expires": "never"})).await);
    used.get("/api/v1/ping").await.ok();
    new_key(&anna, json!({"name": "endless", "expires": "never"})).await;
    new_key(&anna, json!({"name": "short", "expires": "7d"})).await;
    app.pass(Duration::from_mins(1)).await;
    let wanted = with("allows_never", false);
    let effect = anna.post(&format!("{POLICY}/preview"), wanted.clone()).await.ok().json();
    assert_eq!((&effect["ends"], &effect["owners"]), (&json!(2), &json!(2)));
    assert_eq!(effect["last_used_at"], "2026-11-23T09:00:00Z");
    assert_eq!(
        (&effect["keys"][0]["name"], &effect["keys"][0]["owner"]),
        (&json!("nightly"), &json!("ben@example.com"))
    );
    used.get("/api/v1/ping").await.ok();
    let page = anna
        .submit(
            "/admin/policy",
            &[("step", "preview"), ("custody", "recall"), ("allows_personal", "yes"), ("scopes", "everything")],
        )
        .await;
    assert!(page.text().contains("2 keys of 2 owners would end; last used 1 minute ago."), "{}", page.text());
    put(&anna, &wanted).await.ok();
    used.get("/api/v1/ping").await.refused(401, "key_expired");
}

#[tokio::test]
async fn scopes_that_the_policy_takes_away_are_gone_at_once() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    let runs = format!("/api/v1/projects/{}/runs", app.project);
    key.get(&runs).await.ok();
    put(&anna, &with("scopes", json!(["projects:read", "results:write"]))).await.ok();
    key.get(&runs).await.refused(403, "insufficient_scope");
    key.get("/api/v1/projects").await.ok();
    anna.get(&runs).await.ok();
}

#[tokio::test]
async fn personal_keys_can_be_forbidden() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    put(&anna, &with("allows_personal", false)).await.ok();
    key.get("/api/v1/ping").await.refused(403, "policy_forbids");
    anna.post("/api/v1/api-keys", json!({"name": "new"})).await.refused(403, "policy_forbids");
}

#[tokio::test]
async fn a_new_key_keeps_to_the_policy() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let mut policy = with("max_lifetime_days", 30);
    policy["scopes"] = json!(["results:write", "projects:read"]);
    put(&anna, &policy).await.ok();
    for (expires, scopes) in
        [("90d", "results:write"), ("never", "results:write"), ("7d", "everything"), ("7d", "results:read")]
    {
        let new = json!({"name": "x", "expires": expires, "scopes": [scopes]});
        anna.post("/api/v1/api-keys", new).await.refused(400, "invalid_request");
    }
    new_key(&anna, json!({"name": "x", "expires": "30d", "scopes": ["results:write"]})).await;
    let form = anna.page("/user/apikey/new").await.ok();
    let page = form.text();
    assert!(page.contains("at most 30 days") && page.contains("value=\"30d\" selected"), "{page}");
    for absent in ["value=\"90d\"", "value=\"never\"", "value=\"everything\"", "value=\"results:read\""] {
        assert!(!page.contains(absent), "{absent} {page}");
    }
    assert!(page.contains("value=\"upload\""), "{page}");
}

#[tokio::test]
async fn custody_once_destroys_the_copies_and_cannot_be_taken_back() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.with_key(&new_key(&anna, json!({"name": "ci"})).await);
    let receipt = put(&anna, &with("custody", "once")).await.ok().json();
    assert_eq!(receipt["effect"]["uncopied"], 1);
    anna.post("/api/v1/api-keys/1/reveal", json!({})).await.refused(410, "no_copy");
    key.get("/api/v1/ping").await.ok();
    put(&anna, &open()).await.refused(409, "custody_locked");
    let new = anna.post("/api/v1/api-keys", json!({"name": "new"})).await.ok().json();
    assert_eq!(new["custody"], "once");
}

#[tokio::test]
async fn a_policy_that_was_changed_meanwhile_is_not_overwritten() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let seen = anna.get(POLICY).await.ok();
    let etag = seen.headers["etag"].to_str().expect("text").to_owned();
    put(&anna.clone().with("if-match", &etag), &with("max_lifetime_days", 90)).await.ok();
    put(&anna.clone().with("if-match", &etag), &open()).await.refused(412, "changed_meanwhile");
    put(&anna.clone().with("if-match", "nonsense"), &open()).await.refused(400, "invalid_if_match");
    let policy = anna.get(POLICY).await.ok();
    assert_eq!((&policy.json()["max_lifetime_days"], &policy.json()["version"]), (&json!(90), &json!(1)));
}

#[tokio::test]
async fn a_policy_survives_a_restart_and_belongs_to_one_organization() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = new_key(&anna, json!({"name": "ci"})).await;
    let eves = new_key(&app.eve().await, json!({"name": "eve's"})).await;
    put(&anna, &with("allows_personal", false)).await.ok();
    let app = app.restarted().await;
    app.with_key(&key).get("/api/v1/ping").await.refused(403, "policy_forbids");
    app.with_key(&eves).get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn nonsense_in_a_policy_is_refused() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for (field, value) in [
        ("max_lifetime_days", json!(0)),
        ("max_lifetime_days", json!(100_000)),
        ("custody", json!("forever")),
        ("networks", json!(["10.0.0.1/8"])),
        ("scopes", json!([])),
        ("networks", json!(["10.0.0.0/99"])),
    ] {
        put(&anna, &with(field, value)).await.refused(400, "invalid_request");
    }
    put(&anna, &with("misspelt", true)).await.refused(400, "invalid_json");
}

#[tokio::test]
async fn keys_work_from_the_networks_of_the_organization_only() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    let (inside, outside) = (key.clone().from([10, 1, 2, 3]), key.from([198, 51, 100, 7]));
    outside.get("/api/v1/ping").await.ok();
    app.pass(Duration::from_mins(1)).await;
    let receipt = put(&anna, &with("networks", json!(["10.0.0.0/8", "2001:db8::/32"]))).await.ok().json();
    assert_eq!(receipt["effect"]["outside"], 1);
    inside.get("/api/v1/ping").await.ok();
    outside.get("/api/v1/ping").await.refused(403, "ip_not_allowed");
    anna.get("/api/v1/projects").await.ok();
}
