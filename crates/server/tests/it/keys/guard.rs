//! A key guards other tools, and OAuth tools ask about it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::SqlitePool;
use testward_server::admin::{self, Order, Outcome};
use testward_server::config::{Config, FirstPerson};
use testward_server::web::Server;
use testward_wire::keytext::KeyText;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::support::{Answer, Client, TestApp};

const FORM: &str = "application/x-www-form-urlencoded";

async fn new_key(app: &TestApp, body: Value) -> String {
    app.anna().await.post("/api/v1/api-keys", body).await.ok().json()["key"].as_str().expect("a key").to_owned()
}

async fn form(client: &Client, path: &str, body: &str) -> Answer {
    client.send(Method::POST, path, FORM, body.to_owned().into()).await
}

#[tokio::test]
async fn a_proxy_learns_whose_key_it_is() {
    let app = TestApp::start().await;
    let key = new_key(&app, json!({"name": "ci", "scopes": ["results:read", "projects:read"]})).await;
    let answer = app.with_key(&key).get("/api/v1/verify?scope=results:read&project=1").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    let header = |name: &str| answer.headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("x-testward-key"), key[4..12]);
    assert_eq!([header("x-testward-key-id"), header("x-testward-owner-id")], ["1", "1"]);
    assert_eq!(header("x-testward-owner"), "anna@example.com");
    assert_eq!(header("x-testward-scopes"), "results:read projects:read");
}

#[tokio::test]
async fn a_proxy_is_told_no_in_the_two_words_that_it_knows() {
    let app = TestApp::start().await;
    let other = app.second_project("Other").await;
    let body = json!({"name": "ci", "scopes": ["results:read"], "projects": [app.project]});
    let key = app.with_key(&new_key(&app, body).await);
    app.stranger().get("/api/v1/verify").await.refused(401, "not_signed_in");
    app.stranger().with("authorization", "Bearer twp_x").get("/api/v1/verify").await.refused(401, "invalid_api_key");
    app.anna().await.get("/api/v1/verify").await.refused(401, "no_key");
    key.get("/api/v1/verify").await.ok();
    key.get("/api/v1/verify?scope=results:write").await.refused(403, "insufficient_scope");
    key.get("/api/v1/verify?scope=result:read").await.refused(400, "invalid_request");
    key.get(&format!("/api/v1/verify?project={other}")).await.refused(403, "wrong_project");
    key.get("/api/v1/verify?project=2").await.refused(403, "wrong_project");
    key.get(&format!("/api/v1/verify?scope=results:read&project={}", app.project)).await.ok();
    app.anna().await.delete("/api/v1/api-keys/1").await.ok();
    key.get("/api/v1/verify").await.refused(401, "key_revoked");
}

#[tokio::test]
async fn envoy_asks_with_any_method_and_path_and_hears_200() {
    let app = TestApp::start().await;
    let key = app.with_key(&new_key(&app, json!({"name": "ci", "scopes": ["results:read"]})).await);
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = key.send(method, "/api/v1/ext-authz/results:read/some/page?x=1", "", "".into()).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["x-testward-owner-id"]),
            (200, &"1".parse().expect("a header"))
        );
    }
    key.get("/api/v1/ext-authz/any/").await.ok();
    key.get("/api/v1/ext-authz/results:write/").await.refused(403, "insufficient_scope");
    key.get("/api/v1/ext-authz/everyone/x").await.refused(400, "invalid_request");
    app.stranger().get("/api/v1/ext-authz/any/x").await.refused(401, "not_signed_in");
}

/// Asks on the socket as a proxy does; returns the status line and headers.
async fn ask(socket: &Path, path: &str, headers: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    answer
}

#[tokio::test]
async fn a_proxy_on_the_same_machine_asks_on_a_socket_that_does_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("verify.sock");
    let first_person = FirstPerson {
        name: "Anna".to_owned(),
        email: "anna@example.com".to_owned(),
        password: "correct horse battery".to_owned(),
        organization: "Acme".to_owned(),
        team: "Web".to_owned(),
        project: "Shop".to_owned(),
    };
    let config = Config {
        first_person: Some(first_person),
        verify_socket: Some(socket.clone()),
        ..Config::on(folder.path().join("data"))
    };
    let server = Server::open(&config).await.expect("a server");
    let app = server.app.clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    #[expect(clippy::disallowed_methods, reason = "the server runs beside the test")]
    let running = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    let order = Order::CreateKey { email: "anna@example.com".to_owned(), name: "ci".to_owned(), expires: None };
    let Outcome::Secret { secret: key, .. } = admin::carry_out(&app, order).await else { panic!("no key") };
    let bearer = format!("Authorization: Bearer {key}\r\nX-Forwarded-For: 203.0.113.9\r\n");
    let yes = ask(&socket, "/api/v1/verify?scope=results:read", &bearer).await;
    assert!(yes.starts_with("HTTP/1.1 204 ") && yes.contains("x-testward-owner: anna@example.com"), "{yes}");
    assert!(ask(&socket, "/api/v1/verify", "").await.starts_with("HTTP/1.1 401 "));
    assert!(ask(&socket, "/api/v1/api-keys", &bearer).await.starts_with("HTTP/1.1 404 "));
    let mode = std::fs::metadata(&socket).expect("a socket").permissions().mode() & 0o777;
    assert_eq!(mode, 0o660);
    // Who reaches the socket is a proxy of this machine, and is believed.
    let key = KeyText::parse(&key).expect("a key");
    let facts = app.keys.find_held(&app.vault, key).expect("held");
    testward_server::keys::flush_uses(&app).await.expect("flushed");
    let database = SqlitePool::connect(&format!("sqlite://{}/data/testward.db", folder.path().display())).await;
    let sql = "SELECT last_used_ip FROM api_key WHERE id = $1";
    let ip: String = sqlx::query_scalar(sql).bind(facts.id).fetch_one(&database.expect("opened")).await.expect("a row");
    assert_eq!(ip, "203.0.113.9");
    stop.send(()).expect("told");
    running.await.expect("ran").expect("ended well");
    assert!(!socket.exists(), "the socket goes with the server");
}

#[tokio::test]
async fn a_tool_asks_what_a_key_is_worth() {
    let app = TestApp::start().await;
    let tool = app.key(&["results:read"]).await;
    let key = new_key(&app, json!({"name": "ci", "scopes": ["results:write"], "expires": "30d"})).await;
    let told = form(&tool, "/oauth/introspect", &format!("token={key}&token_type_hint=access_token")).await.ok().json();
    let expected = json!({
        "active": true,
        "scope": "results:write",
        "client_id": key[4..12],
        "username": "anna@example.com",
        "token_type": "api_key",
        "exp": 1_798_016_400,
        "sub": "1",
        "iss": "http://testward.test",
    });
    assert_eq!(told, expected);
    app.anna().await.post("/api/v1/api-keys/2/disable", json!({})).await.ok();
    for worthless in [&key, "twp_guess", ""] {
        let told = form(&tool, "/oauth/introspect", &format!("token={worthless}")).await.ok().json();
        assert_eq!(told, json!({"active": false}));
    }
    form(&app.stranger(), "/oauth/introspect", "token=x").await.refused(401, "not_signed_in");
}

#[tokio::test]
async fn a_key_bound_to_networks_is_worth_nothing_to_who_cannot_say_from_where_it_came() {
    let app = TestApp::start().await;
    let tool = app.key(&["results:read"]).await;
    let key = new_key(&app, json!({"name": "ci", "networks": ["203.0.113.0/24"]})).await;
    let active = async |form_body: &str| {
        form(&tool, "/oauth/introspect", &format!("token={key}{form_body}")).await.ok().json()["active"].clone()
    };
    assert_eq!(active("").await, false);
    assert_eq!(active("&ip=203.0.113.5").await, true);
    assert_eq!(active("&ip=192.0.2.1").await, false);
}

#[tokio::test]
async fn guesses_at_introspection_are_slowed_down() {
    let app = TestApp::start().await;
    let tool = app.key(&["results:read"]).await;
    for _ in 0..300 {
        form(&tool, "/oauth/introspect", "token=twp_guess").await.ok();
    }
    form(&tool, "/oauth/introspect", "token=twp_guess").await.refused(429, "too_many_requests");
}

#[tokio::test]
async fn whoever_holds_a_key_ends_it_and_learns_nothing_of_others() {
    let app = TestApp::start().await;
    let key = new_key(&app, json!({"name": "ci", "networks": ["10.0.0.0/8"]})).await;
    let forged = testward_wire::keytext::compose(testward_wire::keytext::Kind::Personal, &key[4..12], &"0".repeat(32));
    for token in ["nothing", &forged] {
        assert_eq!(form(&app.stranger(), "/oauth/revoke", &format!("token={token}")).await.status, 200);
    }
    let inside = app.with_key(&key).from([10, 0, 0, 1]);
    inside.get("/api/v1/ping").await.ok();
    for _ in 0..2 {
        assert_eq!(form(&app.stranger(), "/oauth/revoke", &format!("token={key}")).await.status, 200);
        inside.get("/api/v1/ping").await.refused(401, "key_revoked");
    }
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(app.anna().await.get("/api/v1/api-keys/1").await.ok().json()["status"], "revoked");
}
