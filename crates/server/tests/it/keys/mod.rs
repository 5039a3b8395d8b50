//! API keys from creation to their end.

mod custody;
mod guard;
mod limits;
mod model;
mod rotation;
mod manners;
mod secrets;
mod successors;
mod trace;
mod usage;

use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;

/// What a key that follows its owner may do, where its owner may do everything.
const EVERYTHING: [&str; 11] = [
    "everything",
    "results:read",
    "results:write",
    "projects:read",
    "projects:write",
    "plans:run",
    "plans:write",
    "agents:run",
    "admin:read",
    "admin:write",
    "people:provision",
];

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
            "rights": [{
                "organization": 1,
                "role": "owner",
                "scopes": EVERYTHING,
                "ends_at": "2026-12-23T09:00:00Z",
            }],
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

#[tokio::test]
async fn a_key_about_to_expire_says_so_in_each_answer() {
    let app = TestApp::start().await;
    let created = app.anna().await.post("/api/v1/api-keys", json!({"name": "ci", "expires": "31d"})).await.json();
    let key = app.with_key(created["key"].as_str().expect("a key"));
    assert!(!key.get("/api/v1/ping").await.ok().headers.contains_key("x-api-key-expires"));
    app.pass(Duration::from_hours(2 * 24)).await;
    assert_eq!(key.get("/api/v1/ping").await.ok().headers["x-api-key-expires"], "2026-12-24T09:00:00Z");
}

#[tokio::test]
async fn a_header_wins_over_a_cookie() {
    let app = TestApp::start().await;
    let both = app.anna().await.with("authorization", "Bearer twp_wrong");
    both.get("/api/v1/api-keys").await.refused(401, "invalid_api_key");
}

#[tokio::test]
async fn a_key_never_makes_a_session() {
    let app = TestApp::start().await;
    let key = app.key(&["everything"]).await;
    assert!(!key.get("/api/v1/ping").await.headers.contains_key("set-cookie"));
    key.page("/user/apikey").await.refused_page(403);
}

#[tokio::test]
async fn a_key_in_the_address_is_refused() {
    let app = TestApp::start().await;
    let created = app.anna().await.post("/api/v1/api-keys", json!({"name": "ci"})).await.json();
    let address = format!("/api/v1/ping?key={}", created["key"].as_str().expect("a key"));
    app.stranger().get(&address).await.refused(400, "key_in_address");
}

#[tokio::test]
async fn keys_are_not_for_pages_of_other_sites() {
    let app = TestApp::start().await;
    let key = app.key(&["everything"]).await;
    key.clone().with("sec-fetch-site", "cross-site").get("/api/v1/ping").await.refused(403, "foreign_origin");
    key.clone().with("origin", "https://evil.example").get("/api/v1/ping").await.refused(403, "foreign_origin");
    // Only the whole origin is ours, not one that ours begins with.
    key.clone().with("origin", "http://testward").get("/api/v1/ping").await.refused(403, "foreign_origin");
    key.with("origin", "http://testward.test").get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn strangers_guessing_are_slowed_down_and_a_good_key_beside_them_is_not() {
    let app = TestApp::start().await;
    let good = app.key(&["everything"]).await;
    let guess = app.stranger().with("authorization", "Bearer twp_guess");
    for _ in 0..300 {
        guess.get("/api/v1/ping").await.refused(401, "invalid_api_key");
    }
    guess.get("/api/v1/ping").await.refused(429, "too_many_requests");
    good.get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn expired_and_deleted_keys_stay_in_their_own_list() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    anna.post("/api/v1/api-keys", json!({"name": "short", "expires": "1h"})).await.ok();
    anna.post("/api/v1/api-keys", json!({"name": "gone"})).await.ok();
    anna.post("/api/v1/api-keys", json!({"name": "kept"})).await.ok();
    anna.delete("/api/v1/api-keys/2").await.ok();
    app.pass(Duration::from_hours(2)).await;
    let names = async |status: &str| {
        let listed = anna.get(&format!("/api/v1/api-keys?status={status}&sort=name")).await.ok().json();
        let items = listed["items"].as_array().expect("items").clone();
        items.iter().map(|key| key["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names("live").await, names("dead").await), (vec!["kept".into()], vec!["gone".into(), "short".into()]));
}

#[tokio::test]
async fn long_lists_come_in_pages_in_every_order() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for i in 0..7 {
        anna.post("/api/v1/api-keys", json!({"name": format!("key {i}")})).await.ok();
    }
    for sort in ["created", "name", "expires", "last_used"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = anna.get(&format!("/api/v1/api-keys?limit=3&sort={sort}&cursor={cursor}")).await.ok().json();
            seen.extend(page["items"].as_array().expect("items").iter().map(|key| key["id"].as_i64().expect("an id")));
            let Some(next) = page["next"].as_str() else { break };
            cursor = next.replace(' ', "%20");
        }
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7], "sorted by {sort}");
    }
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let app = TestApp::start().await;
    let key = app.key(&["everything"]).await;
    key.clone().with("authorization", "Bearer b").get("/api/v1/ping").await.refused(400, "several_credentials");
    key.clone().with("x-api-key", "b").get("/api/v1/ping").await.refused(400, "several_credentials");
    app.stranger().with("authorization", "Basic !!!").get("/api/v1/ping").await.refused(401, "invalid_credentials");
    let long = format!("Bearer {}", "x".repeat(5000));
    app.stranger().with("authorization", &long).get("/api/v1/ping").await.refused(400, "header_too_long");
}
