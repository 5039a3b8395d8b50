//! Knocks on every door of the route table, as everybody who must not pass and as who may. What each of them must be
//! told follows from the table: a new route is knocked on without a line here.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use testward_server::gate::Access;
use testward_server::keys;
use testward_server::rights::Role;
use testward_server::web::{self, Route};
use testward_wire::keys::Scope;
use testward_wire::keytext::{Kind, compose};

use crate::support::{Answer, Client, TestApp, person};

/// Doors that are open to anybody, each for a reason. The list may only shrink.
const PUBLIC: &[&str] = &[
    "GET /",
    "GET /healthz",
    "GET /assets/{*path}",
    "GET /styleguide",
    // How the API works is no secret; it says nothing of what is stored.
    "GET /api/v1/openapi.json",
    "GET /docs/api",
    "GET /signin",
    "POST /signin",
    // Opened by the token of a right password.
    "POST /signin/second",
    "POST /signin/enrol",
    // Opened by a token of their own.
    "GET /setup",
    "POST /setup",
    "GET /invited",
    "POST /invited",
    "POST /api/v1/session",
    "POST /oauth/token",
    // Who has a key may end it.
    "POST /oauth/revoke",
    "POST /api/v1/oidc/exchange",
    "PUT /storage/{token}",
    // Whoever finds a key reports it, and scanners learn what one looks like.
    "POST /api/v1/leaks",
    "GET /.well-known/testward-key-format.json",
    "GET /scanner-rules/gitleaks.toml",
    "GET /scanner-rules/trufflehog.yaml",
    // The official agent asks before it shows its key.
    "GET /info",
];

/// What a door needs to hear before it looks for what its address names.
const SAMPLES: &[(&str, &str, &str)] = &[
    (
        "POST /api/v1/organizations/{organization}/keys/import",
        "application/json",
        r#"{"keys":["7c9e6679-7425-40de-944b-e07fc1f90ae7"],"name":"x","owner":1}"#,
    ),
    ("POST /api/v1/organizations/{organization}/keys/bulk", "application/json", r#"{"action":"disable","ids":[]}"#),
    ("POST /api/v1/organizations/{organization}/keys/bulk/preview", "application/json", r#"{"action":"disable"}"#),
    ("POST /service-accounts/{account}/stewards", "application/x-www-form-urlencoded", "person=1"),
    ("POST /api/v1/service-accounts/{account}/keys", "application/json", r#"{"name":"x"}"#),
    ("POST /confirm", "application/x-www-form-urlencoded", "password=correct+horse+battery"),
    ("PUT /api/v1/organizations/{organization}/key-policy", "application/json", POLICY),
    ("POST /api/v1/organizations/{organization}/key-policy/preview", "application/json", POLICY),
    ("POST /user/apikey/{key}/edit", "application/x-www-form-urlencoded", "name=x"),
    ("POST /members/{person}/role", "application/x-www-form-urlencoded", "role=owner"),
    ("POST /teams/{team}", "application/x-www-form-urlencoded", "name=x"),
    ("POST /teams/{team}/members", "application/x-www-form-urlencoded", "person=1"),
    ("POST /team/{team}/project/{project}/settings", "application/x-www-form-urlencoded", "name=x&team=1"),
    ("POST /api/v1/projects/{project}/uploads", "multipart/form-data; boundary=b", "--b--\r\n"),
    ("POST /team/{team}/project/{project}/upload", "multipart/form-data; boundary=b", "--b--\r\n"),
    (
        "POST /api/v1/trusted-issuers/{issuer}/rules",
        "application/json",
        r#"{"name": "x", "conditions": [], "scopes": [], "acts_for": "x"}"#,
    ),
    ("POST /api/v1/trusted-issuers/{issuer}/test", "application/json", r#"{"token": "x"}"#),
    ("POST /admin/trusted-issuers/{issuer}/test", "application/x-www-form-urlencoded", "token=x"),
];

const POLICY: &str =
    r#"{"allows_never":true,"custody":"recall","scopes":["everything"],"networks":[],"allows_personal":true}"#;

/// Doors whose address names something that is the caller's own, or nothing at all.
const NAMES_NOBODYS: &[&str] = &[
    "POST /user/account/sessions/{session}/end",
    // It takes a key of the account itself; governance.rs tries it on another's.
    "DELETE /api/v1/service-accounts/self/keys/{key}",
    // The scope to ask for, and the path of a request to another tool.
    "GET /api/v1/ext-authz/{*asked}",
    "POST /api/v1/ext-authz/{*asked}",
    "PUT /api/v1/ext-authz/{*asked}",
    "PATCH /api/v1/ext-authz/{*asked}",
    "DELETE /api/v1/ext-authz/{*asked}",
    // They lead on to an address that is looked at there.
    "GET /team/{team}/project/{project}/test-project",
    "GET /team/{team}/project/{project}/grid/plan/{plan}/job/{job}",
];

fn line(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

/// Returns an address of the route: everything it names is the first of its kind.
fn address(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn knock(client: &Client, route: &Route) -> Answer {
    let sample = SAMPLES.iter().find(|it| it.0 == line(route));
    let is_page = !route.path.starts_with("/api/");
    let (content_type, body) = match (sample, &route.method) {
        (Some(sample), _) => (sample.1, sample.2),
        (None, &Method::GET) => ("", ""),
        (None, _) if is_page => ("application/x-www-form-urlencoded", ""),
        (None, _) => ("application/json", "{}"),
    };
    client.send(route.method.clone(), &address(route), content_type, body.into()).await
}

/// Knocks on each door and collects what was not as expected, so that one run shows all of it.
async fn knock_on_all<'a>(client: &Client, routes: impl Iterator<Item = &'a Route>, expected: (u16, &str)) {
    let mut wrong = Vec::new();
    for route in routes {
        let answer = knock(client, route).await;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or_default();
        if (answer.status.as_u16(), code) != expected {
            wrong.push(format!("{} answered {} {code}", line(route), answer.status));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "expected {expected:?}");
}

async fn guarded() -> (TestApp, Vec<Route>) {
    let app = TestApp::start().await;
    let (_, table) = web::service(&app.app);
    let guarded = table.into_iter().filter(|route| route.access != Access::Public).collect();
    (app, guarded)
}

const fn is_for_people(route: &Route) -> bool {
    matches!(route.access, Access::Session | Access::Role(_))
}

async fn new_key(client: &Client, new: Value) -> String {
    client.post("/api/v1/api-keys", new).await.ok().json()["key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn no_door_is_open_that_is_not_on_the_list() {
    let app = TestApp::start().await;
    let (_, table) = web::service(&app.app);
    let public = table.iter().filter(|route| route.access == Access::Public).map(line);
    let mut unlisted: Vec<_> = public.filter(|line| !PUBLIC.contains(&line.as_str())).collect();
    let lines: Vec<_> = table.iter().map(line).collect();
    let named = PUBLIC.iter().chain(NAMES_NOBODYS).copied().chain(SAMPLES.iter().map(|it| it.0));
    unlisted.extend(named.map(str::to_owned).filter(|it| !lines.contains(it)));
    assert_eq!(unlisted, Vec::<String>::new(), "open but not listed, or listed but gone");
}

#[tokio::test]
async fn a_stranger_passes_no_guarded_door() {
    let (app, guarded) = guarded().await;
    knock_on_all(&app.stranger(), guarded.iter(), (401, "not_signed_in")).await;
}

#[tokio::test]
async fn a_stranger_with_a_browser_is_led_to_sign_in() {
    let (app, guarded) = guarded().await;
    let browser = app.stranger().with("accept", "text/html");
    let is_page = |route: &&Route| !["/api/", "/oauth/"].iter().any(|it| route.path.starts_with(it));
    for route in guarded.iter().filter(is_page) {
        let answer = knock(&browser, route).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", line(route));
        assert!(answer.location().starts_with("/signin?next="), "{}", line(route));
    }
}

#[tokio::test]
async fn a_malformed_or_unknown_key_passes_no_guarded_door() {
    let (app, guarded) = guarded().await;
    let unknown = compose(Kind::Personal, "AAAAAAAA", "00000000000000000000000000000000");
    let good = new_key(&app.anna().await, json!({"name": "ci"})).await;
    let changed = compose(Kind::Personal, &good[4..12], "00000000000000000000000000000000");
    for (i, wrong) in ["twp_cut_short", &unknown, &changed, "7c9e6679-7425-40de-944b-e07fc1f90ae7"].iter().enumerate() {
        // Each from an address of its own: too many failures from one are slowed down.
        let client = app.with_key(wrong).from([198, 51, 100, i as u8]);
        knock_on_all(&client, guarded.iter(), (401, "invalid_api_key")).await;
    }
}

#[tokio::test]
async fn a_dead_key_passes_no_guarded_door_and_its_holder_learns_why() {
    let (app, guarded) = guarded().await;
    let anna = app.anna().await;
    let mut dead = Vec::new();
    for (name, expires) in [("key_expired", "1h"), ("key_revoked", "90d"), ("key_disabled", "90d")] {
        dead.push((name, new_key(&anna, json!({"name": name, "expires": expires})).await));
    }
    dead.push(("owner_disabled", new_key(&app.ben().await, json!({"name": "ci"})).await));
    anna.delete("/api/v1/api-keys/2").await.ok();
    anna.post("/api/v1/api-keys/3/disable", json!({})).await.ok();
    let ben = person(&app.app, "ben@example.com").await;
    let mut tx = app.app.db.write().await.expect("tx");
    testward_server::identity::set_disabled(&mut tx, ben.id, Some(app.app.clock.now())).await.expect("disabled");
    let change = keys::owner_changed(&mut tx, ben.id).await.expect("read");
    keys::commit(&app.app, tx, change).await.expect("committed");
    app.pass(Duration::from_hours(2)).await;
    for (i, (code, key)) in dead.iter().enumerate() {
        let client = app.with_key(key).from([198, 51, 100, i as u8]);
        knock_on_all(&client, guarded.iter(), (401, code)).await;
    }
}

#[tokio::test]
async fn a_key_passes_no_door_that_is_for_people() {
    let (app, guarded) = guarded().await;
    let key = app.key(&["everything"]).await;
    knock_on_all(&key, guarded.iter().filter(|route| is_for_people(route)), (403, "session_required")).await;
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused() {
    let (app, guarded) = guarded().await;
    for scope in Scope::ALL {
        let others = Scope::ALL.into_iter().filter(|it| ![scope, Scope::Everything, Scope::KeysManage].contains(it));
        let names: Vec<_> = others.map(Scope::name).collect();
        let key = app.key(&names).await;
        let asking = guarded.iter().filter(|route| route.access == Access::Scope(scope));
        knock_on_all(&key, asking, (403, "insufficient_scope")).await;
    }
}

#[tokio::test]
async fn a_member_passes_no_door_that_needs_an_admin_with_a_session_or_a_key() {
    let (app, guarded) = guarded().await;
    let ben = app.ben().await;
    let needs_admin = |route: &&Route| match route.access {
        Access::Role(role) => role > Role::Member,
        Access::Scope(scope) => !Role::Member.scopes().holds(scope),
        _ => false,
    };
    knock_on_all(&ben, guarded.iter().filter(needs_admin), (403, "not_an_admin")).await;
    let all = Scope::ALL.into_iter().filter(|it| *it != Scope::KeysManage).map(Scope::name).collect::<Vec<_>>();
    let key = app.with_key(&new_key(&ben, json!({"name": "ci", "scopes": all})).await);
    let asking = guarded.iter().filter(needs_admin).filter(|route| !is_for_people(route));
    knock_on_all(&key, asking, (403, "insufficient_scope")).await;
}

#[tokio::test]
async fn a_key_bound_to_another_project_finds_nothing() {
    let (app, guarded) = guarded().await;
    let other = app.second_project("Docs").await;
    let key = new_key(&app.anna().await, json!({"name": "ci", "projects": [other]})).await;
    let of_project = guarded.iter().filter(|it| it.path.contains("{project}") && !is_for_people(it));
    knock_on_all(&app.with_key(&key), of_project, (404, "not_found")).await;
}

#[tokio::test]
async fn what_belongs_to_another_organization_is_not_there() {
    let (app, guarded) = guarded().await;
    fill(&app).await;
    let eve = app.eve().await;
    let key = app.with_key(&new_key(&eve, json!({"name": "eve's"})).await);
    let naming = |route: &&Route| route.path.contains('{') && !NAMES_NOBODYS.contains(&line(route).as_str());
    knock_on_all(&eve, guarded.iter().filter(naming), (404, "not_found")).await;
    let open_to_keys = guarded.iter().filter(naming).filter(|route| !is_for_people(route));
    knock_on_all(&key, open_to_keys, (404, "not_found")).await;
}

/// Makes the first of everything that addresses name, as Anna's.
async fn fill(app: &TestApp) {
    let anna = app.anna().await;
    new_key(&anna, json!({"name": "ci"})).await;
    anna.submit("/members/invite", &[("email", "kim@example.com"), ("role", "member"), ("team", "1")]).await.ok();
    let report = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.xml\"\r\n\r\n\
                  <testsuite name=\"s\"><testcase name=\"t\"/></testsuite>\r\n--b--\r\n";
    let uploads = format!("/api/v1/projects/{}/uploads", app.project);
    anna.send(Method::POST, &uploads, "multipart/form-data; boundary=b", report.into()).await.ok();
}

/// The key of a service account that may manage the account's keys.
async fn manager(app: &TestApp) -> Client {
    let anna = app.anna().await;
    let account = anna.post("/api/v1/service-accounts", json!({"name": "Jenkins"})).await.ok().json();
    let keys = format!("/api/v1/service-accounts/{}/keys", account["id"]);
    let created = anna.post(&keys, json!({"name": "root", "scopes": ["keys:manage"]})).await.ok().json();
    app.with_key(created["key"].as_str().expect("a key"))
}

#[tokio::test]
async fn whoever_may_pass_is_let_in() {
    let (app, guarded) = guarded().await;
    for route in &guarded {
        // Each knock has a session or key of its own, because some doors end what one knocks with.
        let client = match route.access {
            Access::Key => app.key(&["everything"]).await,
            Access::Scope(Scope::KeysManage) => manager(&app).await,
            _ => app.anna().await,
        };
        let answer = knock(&client, route).await;
        let is_let_in = ![401, 403].contains(&answer.status.as_u16()) && !answer.status.is_server_error();
        assert!(is_let_in, "{} answered {} {}", line(route), answer.status, answer.text());
    }
}
