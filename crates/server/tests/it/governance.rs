//! Service accounts, the inventory of an organization's keys, and what happens when somebody leaves.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, TestApp, person};

const KEYS: &str = "/api/v1/organizations/1/keys";
const ACCOUNTS: &str = "/api/v1/service-accounts";

async fn new_key(client: &Client, path: &str, new: Value) -> Value {
    let answer = client.post(path, new).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn text(created: &Value) -> &str {
    created["key"].as_str().expect("a key")
}

/// Makes an account that Ben looks after, and returns the address of its keys.
async fn account_of_ben(app: &TestApp) -> (i64, String) {
    let ben = person(&app.app, "ben@example.com").await.id;
    let account = app.anna().await.post(ACCOUNTS, json!({"name": "Jenkins", "stewards": [ben]})).await.ok().json();
    let id = account["id"].as_i64().expect("an id");
    (id, format!("{ACCOUNTS}/{id}/keys"))
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().map(|it| it["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_service_account_has_keys_that_are_shown_once_and_open_its_projects() {
    let app = TestApp::start().await;
    let (id, keys) = account_of_ben(&app).await;
    let ben = app.ben().await;
    let created = new_key(&ben, &keys, json!({"name": "ci", "scopes": ["projects:read"]})).await;
    assert!(text(&created).starts_with("tws_"), "{created}");
    assert_eq!(created["custody"], "once");
    let key = app.with_key(text(&created));
    assert_eq!(names_of_projects(&key.get("/api/v1/projects").await.ok().json()), ["Shop"]);
    assert_eq!(key.get("/api/v1/api-keys/self").await.ok().json()["owner"]["id"], id);
    // Its steward manages the key as they manage their own.
    let one = format!("/api/v1/api-keys/{}", created["id"]);
    ben.post(&format!("{one}/disable"), json!({})).await.ok();
    key.get("/api/v1/ping").await.refused(401, "key_disabled");
    ben.post(&format!("{one}/enable"), json!({})).await.ok();
    ben.post(&format!("{one}/reveal"), json!({})).await.refused(410, "no_copy");
    app.eve().await.get(&one).await.refused(404, "not_found");
    ben.delete(&one).await.ok();
    key.get("/api/v1/ping").await.refused(401, "key_revoked");
}

fn names_of_projects(page: &Value) -> Vec<&str> {
    page["content"].as_array().expect("content").iter().map(|it| it["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_service_account_cannot_sign_in_and_belongs_to_its_stewards_and_admins() {
    let app = TestApp::start().await;
    let (id, keys) = account_of_ben(&app).await;
    let one = format!("{ACCOUNTS}/{id}");
    let email = format!("service-{id}@accounts.invalid");
    for password in ["", "correct horse battery"] {
        let sign_in = json!({"email": email, "password": password});
        app.stranger().post("/api/v1/session", sign_in).await.refused(401, "wrong_credentials");
    }
    let eve = app.eve().await;
    for path in [&one, &keys] {
        eve.get(path).await.refused(404, "not_found");
        app.ben().await.get(path).await.ok();
        app.anna().await.get(path).await.ok();
    }
    eve.post(&keys, json!({"name": "x"})).await.refused(404, "not_found");
    eve.delete(&one).await.refused(404, "not_found");
    let members = app.anna().await.page("/members").await.ok();
    assert!(!members.text().contains("accounts.invalid"));
    app.ben().await.post(ACCOUNTS, json!({"name": "mine"})).await.refused(403, "not_an_admin");
}

#[tokio::test]
async fn somebody_always_looks_after_a_service_account() {
    let app = TestApp::start().await;
    let (id, _) = account_of_ben(&app).await;
    let anna = app.anna().await;
    let (anna_id, ben_id, eve_id) = (
        person(&app.app, "anna@example.com").await.id,
        person(&app.app, "ben@example.com").await.id,
        person(&app.app, "eve@example.org").await.id,
    );
    let steward = |person| format!("{ACCOUNTS}/{id}/stewards/{person}");
    anna.delete(&steward(ben_id)).await.refused(409, "last_steward");
    anna.put_bytes(&steward(eve_id), "").await.refused(400, "invalid_request");
    anna.put_bytes(&steward(anna_id), "").await.ok();
    anna.delete(&steward(ben_id)).await.ok();
    app.ben().await.get(&format!("{ACCOUNTS}/{id}")).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_deleted_service_account_takes_its_keys_along() {
    let app = TestApp::start().await;
    let (id, keys) = account_of_ben(&app).await;
    let ben = app.ben().await;
    let created = new_key(&ben, &keys, json!({"name": "ci"})).await;
    ben.delete(&format!("{ACCOUNTS}/{id}")).await.ok();
    app.with_key(text(&created)).get("/api/v1/ping").await.refused(401, "key_revoked");
    ben.post(&keys, json!({"name": "late"})).await.refused(410, "account_deleted");
}

#[tokio::test]
async fn a_key_that_may_manage_keys_makes_lesser_ones() {
    let app = TestApp::start().await;
    let (_, keys) = account_of_ben(&app).await;
    let ben = app.ben().await;
    let scopes = ["keys:manage", "results:write", "projects:read"];
    let new = json!({"name": "root", "scopes": scopes, "projects": [app.project], "expires": "30d"});
    let root = app.with_key(text(&new_key(&ben, &keys, new).await));
    let own = format!("{ACCOUNTS}/self/keys");
    let child = new_key(&root, &own, json!({"name": "child"})).await;
    assert_eq!(child["scopes"], json!(["results:write", "projects:read"]));
    assert_eq!(child["projects"], json!([app.project]));
    assert_eq!(child["expires_at"], "2026-12-23T09:00:00Z");
    for beyond in [
        json!({"name": "x", "scopes": ["results:read"]}),
        json!({"name": "x", "scopes": ["everything"]}),
        json!({"name": "x", "projects": [app.project.0 + 1]}),
        json!({"name": "x", "expires": "31d"}),
        json!({"name": "x", "expires": "never"}),
    ] {
        root.post(&own, beyond.clone()).await.refused(400, "invalid_request");
    }
    app.with_key(text(&child)).post(&own, json!({"name": "x"})).await.refused(403, "insufficient_scope");
    assert_eq!(names(&root.get(&own).await.ok().json()), ["child", "root"]);
    root.delete(&format!("{own}/{}", child["id"])).await.ok();
    app.with_key(text(&child)).get("/api/v1/ping").await.refused(401, "key_revoked");
    let eves = new_key(&app.eve().await, "/api/v1/api-keys", json!({"name": "eve's"})).await;
    root.delete(&format!("{own}/{}", eves["id"])).await.refused(404, "not_found");
    // Everything does not include it, and people's keys cannot have it.
    let all = app.with_key(text(&new_key(&ben, &keys, json!({"name": "all"})).await));
    all.post(&own, json!({"name": "x"})).await.refused(403, "insufficient_scope");
    let personal = json!({"name": "x", "scopes": ["keys:manage"]});
    ben.post("/api/v1/api-keys", personal).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn the_inventory_finds_keys_by_owner_age_use_address_and_status() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let old = new_key(&anna, "/api/v1/api-keys", json!({"name": "old", "projects": [app.project]})).await;
    app.pass(Duration::from_hours(48)).await;
    // Making a key needs a password that was just given.
    let ben = app.ben().await;
    let used = new_key(&ben, "/api/v1/api-keys", json!({"name": "used"})).await;
    new_key(&ben, "/api/v1/api-keys", json!({"name": "off"})).await;
    ben.post("/api/v1/api-keys/3/disable", json!({})).await.ok();
    new_key(&app.eve().await, "/api/v1/api-keys", json!({"name": "eve's"})).await;
    app.with_key(text(&used)).from([198, 51, 100, 7]).get("/api/v1/ping").await.ok();
    app.pass(Duration::from_secs(10)).await;
    let find = async |query: &str| {
        let page = app.anna().await.get(&format!("{KEYS}?{query}")).await.ok().json();
        names(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(find("status=all").await, ["off", "used", "old"]);
    assert_eq!(find("").await, ["used", "old"]);
    assert_eq!(find("status=disabled").await, ["off"]);
    assert_eq!(find("owner=BEN@").await, ["used"]);
    assert_eq!(find("seen_from=198.51.100.7").await, ["used"]);
    assert_eq!(find("unused_days=1&status=all").await, ["off", "old"]);
    assert_eq!(find("created_after=2026-11-24").await, ["used"]);
    assert_eq!(find("created_before=2026-11-24T00:00:00Z").await, ["old"]);
    assert_eq!(find(&format!("q={}", old["handle"].as_str().expect("a handle"))).await, ["old"]);
    assert_eq!(find(&format!("project={}", app.project.0 + 1)).await, ["used"]);
    let listed = anna.get(&format!("{KEYS}?status=all")).await.ok();
    assert!(!listed.text().contains(&text(&old)[13..]), "a secret was listed");
    for wrong in ["status=odd", "created_after=soon", "seen_from=nowhere", "cursor=x", "nonsense=1"] {
        assert_eq!(anna.get(&format!("{KEYS}?{wrong}")).await.status, 400, "{wrong}");
    }
    ben.get(KEYS).await.refused(403, "not_an_admin");
    app.eve().await.get(KEYS).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_inventory_comes_in_pages() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for i in 0..5 {
        new_key(&anna, "/api/v1/api-keys", json!({"name": format!("key {i}")})).await;
    }
    let first = anna.get(&format!("{KEYS}?limit=3")).await.ok().json();
    let next = first["next"].as_str().expect("more");
    let second = anna.get(&format!("{KEYS}?limit=3&cursor={next}")).await.ok().json();
    assert_eq!((names(&first), names(&second)), (vec!["key 4", "key 3", "key 2"], vec!["key 1", "key 0"]));
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn everything_made_after_an_instant_is_ended_at_once() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let before = app.with_key(text(&new_key(&anna, "/api/v1/api-keys", json!({"name": "before"})).await));
    app.pass(Duration::from_hours(1)).await;
    let since = app.app.clock.now().rfc3339();
    let mut after = Vec::new();
    for client in [app.anna().await, app.ben().await, app.ben().await] {
        after.push(app.with_key(text(&new_key(&client, "/api/v1/api-keys", json!({"name": "after"})).await)));
    }
    let order = json!({"action": "revoke", "filter": {"created_after": since}});
    let preview = anna.post(&format!("{KEYS}/bulk/preview"), order.clone()).await.ok().json();
    assert_eq!((&preview["keys"], &preview["owners"]), (&json!(3), &json!(2)));
    let mut wrong = order.clone();
    wrong["expected"] = json!(2);
    anna.post(&format!("{KEYS}/bulk"), wrong).await.refused(409, "selection_changed");
    after[0].get("/api/v1/ping").await.ok();
    let mut right = order;
    right["expected"] = json!(3);
    let receipt = anna.post(&format!("{KEYS}/bulk"), right).await.ok().json();
    assert_eq!((&receipt["keys"], receipt["handles"].as_array().map(Vec::len)), (&json!(3), Some(3)));
    for key in &after {
        key.get("/api/v1/ping").await.refused(401, "key_revoked");
    }
    before.get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn keys_are_disabled_together_by_address_on_the_page() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    key.clone().from([198, 51, 100, 7]).get("/api/v1/ping").await.ok();
    app.key(&["everything"]).await;
    app.pass(Duration::from_secs(10)).await;
    let page = anna.page("/admin/keys?seen_from=198.51.100.7").await.ok();
    assert!(page.text().contains("Disable all found"), "{}", page.text());
    let fields = [("action", "disable_all"), ("seen_from", "198.51.100.7")];
    let asked = anna.submit("/admin/keys/bulk", &fields).await.ok();
    assert!(asked.text().contains("Disable 1 key of 1 owner?"), "{}", asked.text());
    key.get("/api/v1/ping").await.ok();
    let fields = [fields[0], fields[1], ("step", "apply"), ("expected", "1")];
    let done = anna.submit("/admin/keys/bulk", &fields).await.ok();
    assert!(done.text().contains("1 key of 1 owner disabled"), "{}", done.text());
    key.get("/api/v1/ping").await.refused(401, "key_disabled");
}

#[tokio::test]
async fn keys_of_others_are_beyond_an_admins_order() {
    let app = TestApp::start().await;
    let eves = new_key(&app.eve().await, "/api/v1/api-keys", json!({"name": "eve's"})).await;
    let order = json!({"action": "revoke", "ids": [eves["id"]]});
    let receipt = app.anna().await.post(&format!("{KEYS}/bulk"), order).await.ok().json();
    assert_eq!(receipt["keys"], 0);
    app.with_key(text(&eves)).get("/api/v1/ping").await.ok();
}

#[tokio::test]
async fn who_is_off_boarded_is_out_with_all_keys_and_their_machines_go_on() {
    let app = TestApp::start().await;
    let (id, keys) = account_of_ben(&app).await;
    let ben = app.ben().await;
    let own = app.with_key(text(&new_key(&ben, "/api/v1/api-keys", json!({"name": "laptop"})).await));
    let machine = app.with_key(text(&new_key(&ben, &keys, json!({"name": "ci"})).await));
    let anna = app.anna().await;
    let path = format!("/api/v1/organizations/1/people/{}/offboarding", person(&app.app, "ben@example.com").await.id);
    let shown = anna.get(&path).await.ok().json();
    assert_eq!((&shown["keys"][0]["name"], &shown["accounts"]), (&json!("laptop"), &json!(["Jenkins"])));
    own.get("/api/v1/ping").await.ok();
    let page = format!("/members/{}/offboard", person(&app.app, "ben@example.com").await.id);
    assert!(anna.page(&page).await.ok().text().contains("Off-board Ben Bee?"));
    anna.post(&path, json!({})).await.ok();
    own.get("/api/v1/ping").await.refused(401, "key_revoked");
    ben.get("/api/v1/projects").await.refused(401, "session_ended");
    machine.get("/api/v1/ping").await.ok();
    let account = anna.get(&format!("{ACCOUNTS}/{id}")).await.ok().json();
    assert_eq!(account["stewards"][0]["email"], "anna@example.com");
}

#[tokio::test]
async fn nobody_is_off_boarded_by_whom_they_outrank() {
    let app = TestApp::start().await;
    let path = |id| format!("/api/v1/organizations/1/people/{id}/offboarding");
    let anna = app.anna().await;
    let (anna_id, eve_id) =
        (person(&app.app, "anna@example.com").await.id, person(&app.app, "eve@example.org").await.id);
    anna.post(&path(anna_id), json!({})).await.refused(409, "own_account");
    anna.post(&path(eve_id), json!({})).await.refused(404, "not_found");
    app.ben().await.post(&path(anna_id), json!({})).await.refused(403, "not_an_admin");
}
