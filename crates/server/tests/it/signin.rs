//! Second factors: what a password alone no longer opens.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use serde_json::json;
use sha1::Sha1;

use crate::support::{Answer, Client, PASSWORD, TestApp};

const FACTOR: &str = "/user/account/second-factor";

/// Returns what stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).expect("an end").0
}

/// What an authenticator app knows.
struct Authenticator(Vec<u8>);

impl Authenticator {
    fn scan(page: &Answer) -> Self {
        let secret = between(page.text(), "id=\"factor-secret\">", "<").replace(' ', "");
        Self(BASE32_NOPAD.decode(secret.as_bytes()).expect("base32"))
    }

    fn code(&self, app: &TestApp) -> String {
        let seconds = app.app.clock.now().0 as u64 / 1000;
        totp_lite::totp_custom::<Sha1>(30, 6, &self.0, seconds)
    }
}

/// Sets up a second factor; returns the app and the recovery codes.
async fn enrol(app: &TestApp, person: &Client) -> (Authenticator, Vec<String>) {
    let authenticator = Authenticator::scan(&person.submit(FACTOR, &[]).await.ok());
    let confirmed = person.submit(&format!("{FACTOR}/confirm"), &[("code", &authenticator.code(app))]).await.ok();
    let codes = between(confirmed.text(), "id=\"recovery-codes\">", "</pre>").lines().map(str::to_owned).collect();
    app.app.clock.advance(30_000);
    (authenticator, codes)
}

/// Gives e-mail and password on the page.
async fn first_step(app: &TestApp, email: &str) -> Answer {
    app.stranger().submit("/signin", &[("email", email), ("password", PASSWORD), ("next", "/projects")]).await
}

async fn second_step(app: &TestApp, token: &str, code: &str) -> Answer {
    app.stranger().submit("/signin/second", &[("token", token), ("code", code), ("next", "/projects")]).await
}

fn token(page: &Answer) -> String {
    assert!(!page.headers.contains_key("set-cookie"), "no session yet");
    between(page.text(), "name=\"token\" value=\"", "\"").to_owned()
}

async fn by_program(app: &TestApp, code: Option<&str>) -> Answer {
    let mut body = json!({"email": "anna@example.com", "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    app.stranger().post("/api/v1/session", body).await
}

#[tokio::test]
async fn whoever_has_a_second_factor_signs_in_with_both() {
    let app = TestApp::start().await;
    let (authenticator, codes) = enrol(&app, &app.anna().await).await;
    assert_eq!(codes.len(), 10);
    let asked = first_step(&app, "anna@example.com").await.ok();
    let token = token(&asked);
    app.stranger()
        .with("cookie", &format!("testward={token}"))
        .get("/api/v1/api-keys")
        .await
        .refused(401, "session_ended");
    let signed_in = second_step(&app, &token, &authenticator.code(&app)).await.ok();
    assert_eq!(signed_in.location(), "/projects");
    let cookie = signed_in.headers["set-cookie"].to_str().expect("text").split(';').next().expect("a cookie");
    app.stranger().with("cookie", cookie).get("/api/v1/api-keys").await.ok();
    // Others are not asked.
    assert_eq!(first_step(&app, "ben@example.com").await.location(), "/projects");
}

#[tokio::test]
async fn a_code_works_once() {
    let app = TestApp::start().await;
    let (authenticator, codes) = enrol(&app, &app.anna().await).await;
    let code = authenticator.code(&app);
    by_program(&app, Some(&code)).await.ok();
    by_program(&app, Some(&code)).await.refused(401, "wrong_code");
    by_program(&app, Some(&codes[0])).await.ok();
    by_program(&app, Some(&codes[0])).await.refused(401, "wrong_code");
    by_program(&app, Some(&codes[1].to_lowercase().replace('-', " "))).await.ok();
    app.app.clock.advance(30_000);
    by_program(&app, Some(&authenticator.code(&app))).await.ok();
}

#[tokio::test]
async fn a_program_is_asked_for_the_code() {
    let app = TestApp::start().await;
    let (authenticator, _) = enrol(&app, &app.anna().await).await;
    by_program(&app, None).await.refused(401, "code_required");
    by_program(&app, Some("000000")).await.refused(401, "wrong_code");
    by_program(&app, Some(&authenticator.code(&app))).await.ok();
}

#[tokio::test]
async fn guessing_codes_ends_the_sign_in_and_gets_slow() {
    let app = TestApp::start().await;
    let (authenticator, _) = enrol(&app, &app.anna().await).await;
    let pending = token(&first_step(&app, "anna@example.com").await.ok());
    for _ in 0..5 {
        assert_eq!(second_step(&app, &pending, "000000").await.status, 401);
    }
    let answer = second_step(&app, &pending, &authenticator.code(&app)).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/signin"));
    let pending = token(&first_step(&app, "anna@example.com").await.ok());
    for _ in 0..5 {
        second_step(&app, &pending, "000000").await;
    }
    assert_eq!(first_step(&app, "anna@example.com").await.status, 429, "ten failures within five minutes");
}

#[tokio::test]
async fn a_sign_in_that_is_left_alone_ends() {
    let app = TestApp::start().await;
    let (authenticator, _) = enrol(&app, &app.anna().await).await;
    let pending = token(&first_step(&app, "anna@example.com").await.ok());
    app.pass(Duration::from_mins(10)).await;
    assert_eq!(second_step(&app, &pending, &authenticator.code(&app)).await.location(), "/signin");
}

#[tokio::test]
async fn a_program_of_the_vendor_needs_a_key_in_place_of_the_password() {
    let app = TestApp::start().await;
    enrol(&app, &app.anna().await).await;
    let fields = [("grant_type", "password"), ("username", "anna@example.com"), ("password", PASSWORD)];
    let client = app.stranger().with("authorization", "Basic a2l0X3VwbG9hZGVyOmtpdF91cGxvYWRlcg==");
    client.submit("/oauth/token", &fields).await.refused(401, "second_factor_needed");
}

#[tokio::test]
async fn a_code_confirms_in_place_of_the_password() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let (authenticator, _) = enrol(&app, &anna).await;
    app.pass(Duration::from_mins(31)).await;
    anna.post("/api/v1/api-keys", json!({"name": "ci"})).await.refused(403, "confirm_password");
    assert!(anna.page("/confirm").await.ok().text().contains("Code of your second factor"));
    assert_eq!(anna.submit("/confirm", &[("code", "000000")]).await.status, 403);
    anna.submit("/confirm", &[("code", &authenticator.code(&app))]).await.ok();
    anna.post("/api/v1/api-keys", json!({"name": "ci"})).await.ok();
    // Whoever has none is not let through by an empty one.
    let ben = app.ben().await;
    assert_eq!(ben.submit("/confirm", &[("code", "000000")]).await.status, 403);
}

#[tokio::test]
async fn a_second_factor_is_bound_by_whoever_gave_the_password_a_short_while_ago() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    app.pass(Duration::from_mins(31)).await;
    assert!(anna.submit(FACTOR, &[]).await.location().starts_with("/confirm"));
    assert!(anna.submit(&format!("{FACTOR}/remove"), &[]).await.location().starts_with("/confirm"));
    assert!(anna.submit(&format!("{FACTOR}/codes"), &[]).await.location().starts_with("/confirm"));
}

#[tokio::test]
async fn a_factor_that_was_not_confirmed_guards_nothing() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    anna.submit(FACTOR, &[]).await.ok();
    assert_eq!(anna.submit(&format!("{FACTOR}/confirm"), &[("code", "000000")]).await.status, 400);
    by_program(&app, None).await.ok();
}

#[tokio::test]
async fn what_is_removed_is_asked_for_no_more() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let (_, codes) = enrol(&app, &anna).await;
    anna.submit(&format!("{FACTOR}/remove"), &[]).await.ok();
    by_program(&app, None).await.ok();
    let (authenticator, _) = enrol(&app, &anna).await;
    by_program(&app, Some(&codes[0])).await.refused(401, "wrong_code");
    by_program(&app, Some(&authenticator.code(&app))).await.ok();
}

#[tokio::test]
async fn an_organization_demands_a_second_factor_of_everybody() {
    let app = TestApp::start().await;
    let (anna, ben) = (app.anna().await, app.ben().await);
    let demand = [("second_factor", "required")];
    let answer = anna.submit("/admin/sign-in", &demand).await;
    assert!(answer.status == 400 && answer.text().contains("your own second factor first"));
    enrol(&app, &anna).await;
    anna.submit("/admin/sign-in", &demand).await.ok();
    anna.get("/api/v1/api-keys").await.ok();
    ben.get("/api/v1/api-keys").await.refused(401, "session_ended");
    let password = json!({"email": "ben@example.com", "password": PASSWORD});
    app.stranger().post("/api/v1/session", password).await.refused(403, "second_factor_required");
    let asked = first_step(&app, "ben@example.com").await.ok();
    let (authenticator, token) = (Authenticator::scan(&asked), token(&asked));
    let fields = [("token", token.as_str()), ("code", "000000"), ("next", "/projects")];
    assert_eq!(app.stranger().submit("/signin/enrol", &fields).await.status, 401);
    let code = authenticator.code(&app);
    let fields = [("token", token.as_str()), ("code", code.as_str()), ("next", "/projects")];
    let signed_in = app.stranger().submit("/signin/enrol", &fields).await.ok();
    assert!(signed_in.headers.contains_key("set-cookie") && signed_in.text().contains("Recovery codes"));
    // Nobody takes away what is demanded.
    let answer = anna.submit(&format!("{FACTOR}/remove"), &[]).await;
    assert!(answer.status == 400 && answer.text().contains("demands a second factor"));
}

#[tokio::test]
async fn an_admin_resets_the_second_factor_of_a_member() {
    let app = TestApp::start().await;
    let (anna, ben) = (app.anna().await, app.ben().await);
    enrol(&app, &ben).await;
    let id = crate::support::person(&app.app, "ben@example.com").await.id;
    let path = format!("/admin/sign-in/people/{id}/reset");
    ben.submit(&path, &[]).await.refused(403, "not_an_admin");
    app.eve().await.submit(&path, &[]).await.refused(404, "not_found");
    anna.submit(&path, &[]).await.ok();
    app.ben().await.get("/api/v1/api-keys").await.ok();
}
