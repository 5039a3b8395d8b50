//! Knocks on every door of the route table: as a stranger, with a wrong key, with too small a key, as somebody of
//! another organization, and as who may pass.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use testward_server::gate::Access;
use testward_server::web::{self, Route};
use testward_wire::keys::Scope;

use crate::support::{Answer, Client, TestApp};

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
    // Opened by a token of their own.
    "GET /setup",
    "POST /setup",
    "GET /invited",
    "POST /invited",
    "POST /api/v1/session",
    "POST /oauth/token",
    "PUT /storage/{token}",
    // The official agent asks before it shows its key.
    "GET /info",
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
    let body = if route.method == Method::GET { Body::empty() } else { Body::from("{}") };
    client.send(route.method.clone(), &address(route), "application/json", body).await
}

async fn guarded() -> (TestApp, Vec<Route>) {
    let app = TestApp::start().await;
    let (_, table) = web::service(&app.app);
    let guarded = table.into_iter().filter(|route| route.access != Access::Public).collect();
    (app, guarded)
}

#[tokio::test]
async fn no_door_is_open_that_is_not_on_the_list() {
    let app = TestApp::start().await;
    let (_, table) = web::service(&app.app);
    let public = table.iter().filter(|route| route.access == Access::Public).map(line);
    let mut unlisted: Vec<_> = public.filter(|line| !PUBLIC.contains(&line.as_str())).collect();
    let lines: Vec<_> = table.iter().map(line).collect();
    unlisted.extend(PUBLIC.iter().map(|&it| it.to_owned()).filter(|it| !lines.contains(it)));
    assert_eq!(unlisted, Vec::<String>::new(), "open but not listed, or listed but gone");
}

#[tokio::test]
async fn a_stranger_passes_no_guarded_door() {
    let (app, guarded) = guarded().await;
    for route in &guarded {
        let answer = knock(&app.stranger(), route).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", line(route));
    }
}

#[tokio::test]
async fn a_stranger_with_a_browser_is_led_to_sign_in() {
    let (app, guarded) = guarded().await;
    let browser = app.stranger().with("accept", "text/html");
    for route in guarded.iter().filter(|route| !route.path.starts_with("/api/")) {
        let answer = knock(&browser, route).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", line(route));
        assert!(answer.location().starts_with("/signin?next="), "{}", line(route));
    }
}

#[tokio::test]
async fn a_wrong_key_passes_no_guarded_door() {
    let (app, guarded) = guarded().await;
    let wrong = app.with_key(&testward_wire::keytext::compose(
        testward_wire::keytext::Kind::Personal,
        "AAAAAAAA",
        "00000000000000000000000000000000",
    ));
    for route in &guarded {
        knock(&wrong, route).await.refused(401, "invalid_api_key");
    }
}

#[tokio::test]
async fn a_key_passes_no_door_that_is_for_people() {
    let (app, guarded) = guarded().await;
    let key = app.key(&["everything"]).await;
    for route in guarded.iter().filter(|route| route.access == Access::Session) {
        knock(&key, route).await.refused(403, "session_required");
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused() {
    let (app, guarded) = guarded().await;
    for scope in Scope::ALL.into_iter().filter(|scope| *scope != Scope::Everything) {
        let others: Vec<_> = Scope::ALL.into_iter().filter(|it| ![scope, Scope::Everything].contains(it)).collect();
        let names: Vec<_> = others.into_iter().map(Scope::name).collect();
        let key = app.key(&names).await;
        for route in guarded.iter().filter(|route| route.access == Access::Scope(scope)) {
            knock(&key, route).await.refused(403, "insufficient_scope");
        }
    }
}

#[tokio::test]
async fn what_belongs_to_another_organization_is_not_there() {
    let (app, guarded) = guarded().await;
    let eve = app.eve().await;
    for route in guarded.iter().filter(|route| route.path.contains("{project}") && route.method == Method::GET) {
        let answer = knock(&eve, route).await;
        // Addresses that only lead on to another one tell nothing.
        let is_closed = answer.status == StatusCode::NOT_FOUND || answer.status == StatusCode::SEE_OTHER;
        assert!(is_closed, "{} answered {}", line(route), answer.status);
    }
}

#[tokio::test]
async fn whoever_may_pass_is_let_in() {
    let (app, guarded) = guarded().await;
    for route in &guarded {
        // Each knock has a session or key of its own, because some doors end what one knocks with.
        let client = if route.access == Access::Key { app.key(&["everything"]).await } else { app.anna().await };
        let answer = knock(&client, route).await;
        let is_let_in = ![401, 403].contains(&answer.status.as_u16()) && !answer.status.is_server_error();
        assert!(is_let_in, "{} answered {} {}", line(route), answer.status, answer.text());
    }
}
