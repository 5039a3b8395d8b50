//! Trusted upload: what a build gets for its identity token, and what it does not.

mod hostile;
mod manage;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Client, Issuer, Signer, TestApp};

const EXCHANGE: &str = "/api/v1/oidc/exchange";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A server that trusts an issuer, with one rule: repository 123 may upload.
struct Trusting {
    app: TestApp,
    issuer: Issuer,
    /// Path of the issuer in the API.
    path: String,
}

impl Trusting {
    async fn start(signer: Signer) -> Self {
        let (app, issuer) = (TestApp::start().await, Issuer::start(signer).await);
        let anna = app.anna().await;
        let trusted = trust(&anna, &issuer).await;
        anna.post(&format!("{trusted}/rules"), rule(json!({}))).await.ok();
        Self { app, issuer, path: trusted }
    }

    async fn exchange(&self, token: &str) -> Answer {
        exchange(&self.app, token).await
    }

    /// Exchanges a token, and returns who uses the key.
    async fn exchanged(&self, token: &str) -> Client {
        let answer = self.exchange(token).await.ok().json();
        self.app.with_key(answer["access_token"].as_str().expect("a key"))
    }

    async fn exchanges(&self) -> Value {
        self.app.anna().await.get(&format!("{}/exchanges", self.path)).await.ok().json()["items"].take()
    }
}

async fn exchange(app: &TestApp, token: &str) -> Answer {
    app.stranger().submit(EXCHANGE, &[("grant_type", GRANT), ("subject_token", token)]).await
}

async fn trust(anna: &Client, issuer: &Issuer) -> String {
    let answer = anna.post("/api/v1/trusted-issuers", json!({"name": "CI", "issuer": issuer.url})).await.ok();
    format!("/api/v1/trusted-issuers/{}", answer.json()["id"])
}

fn rule(changes: Value) -> Value {
    let mut rule = json!({
        "name": "Shop", "scopes": ["results:write"], "acts_for": "ben@example.com",
        "conditions": [{"claim": "repository_id", "equal": "123"}, {"claim": "ref", "match": "refs/heads/*"}],
    });
    rule.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    rule
}

#[tokio::test]
async fn a_build_exchanges_its_token_for_a_key_and_uploads() {
    for signer in [Signer::rs256(), Signer::es256(), Signer::eddsa()] {
        let ci = Trusting::start(signer).await;
        let answer = ci.exchange(&ci.issuer.token(json!({"jti": "1"}))).await.ok().json();
        let key = answer["access_token"].as_str().expect("a key").to_owned();
        assert!(key.starts_with("twx_"), "{answer}");
        assert_eq!((&answer["expires_in"], &answer["scope"]), (&json!(900), &json!("results:write")));
        assert_eq!(answer["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
        let upload = format!("/api/v1/projects/{}/uploads?name=r.xml", ci.app.project);
        let form = concat!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"r.xml\"\r\n\r\n",
            "<testsuite name=\"s\"><testcase name=\"t\"/></testsuite>\r\n--b--\r\n"
        );
        let build = ci.app.with_key(&key);
        let sent = build.send(axum::http::Method::POST, &upload, "multipart/form-data; boundary=b", form.into()).await;
        assert_eq!(sent.ok().json()["run"]["number"], 1);
    }
}

#[tokio::test]
async fn the_key_acts_for_whom_the_rule_says_and_dies_by_itself() {
    let ci = Trusting::start(Signer::es256()).await;
    let build = ci.exchanged(&ci.issuer.token(json!({}))).await;
    let me = build.get("/api/v1/api-keys/self").await.ok().json();
    assert_eq!(me["owner"]["email"], "ben@example.com");
    assert_eq!(me["name"], "Shop: repo:octo/shop:ref:refs/heads/main");
    assert_eq!(me["expires_at"], "2026-11-23T09:15:00Z");
    build.get(&format!("/api/v1/projects/{}/runs", ci.app.project)).await.refused(403, "insufficient_scope");
    ci.app.pass(Duration::from_mins(15)).await;
    build.get("/api/v1/api-keys/self").await.refused(401, "key_expired");
    ci.app.pass(Duration::from_hours(8 * 24)).await;
    build.get("/api/v1/api-keys/self").await.refused(401, "invalid_api_key");
}

#[tokio::test]
async fn keys_of_builds_do_not_bury_those_of_people() {
    let ci = Trusting::start(Signer::es256()).await;
    ci.exchanged(&ci.issuer.token(json!({}))).await;
    assert_eq!(ci.app.ben().await.get("/api/v1/api-keys").await.ok().json()["items"], json!([]));
}

#[tokio::test]
async fn a_build_ends_its_own_key() {
    let ci = Trusting::start(Signer::es256()).await;
    let build = ci.exchanged(&ci.issuer.token(json!({}))).await;
    build.delete("/api/v1/api-keys/self").await.ok();
    build.get("/api/v1/api-keys/self").await.refused(401, "key_revoked");
}

#[tokio::test]
async fn a_build_may_ask_for_less_but_not_for_more() {
    let ci = Trusting::start(Signer::es256()).await;
    let anna = ci.app.anna().await;
    let wide = json!({"name": "Wide", "conditions": [{"claim": "repository_id", "equal": "9"}],
                      "scopes": ["results:read", "results:write"], "projects": [ci.app.project]});
    anna.post(&format!("{}/rules", ci.path), rule(wide)).await.ok();
    let ask = async |scope: &str| {
        let token = ci.issuer.token(json!({"repository_id": 9, "jti": scope}));
        ci.app.stranger().submit(EXCHANGE, &[("grant_type", GRANT), ("subject_token", &token), ("scope", scope)]).await
    };
    assert_eq!(ask("results:read").await.ok().json()["scope"], "results:read");
    ask("results:read plans:run").await.refused(403, "invalid_scope");
    ask("nonsense").await.refused(400, "invalid_scope");
    let key = ask("").await.ok().json();
    let me = ci.app.with_key(key["access_token"].as_str().expect("a key")).get("/api/v1/api-keys/self").await.json();
    assert_eq!((&me["scopes"], &me["projects"]), (&json!(["results:read", "results:write"]), &json!([ci.app.project])));
}

#[tokio::test]
async fn what_no_rule_matches_gets_nothing_and_the_admin_sees_why() {
    let ci = Trusting::start(Signer::rs256()).await;
    let token = ci.issuer.token(json!({"ref": "refs/tags/v1"}));
    ci.exchange(&token).await.refused(403, "no_matching_rule");
    let exchanges = ci.exchanges().await;
    assert_eq!((&exchanges[0]["outcome"], &exchanges[0]["ip"]), (&json!("no_matching_rule"), &json!("192.0.2.1")));
    let tested = ci.app.anna().await.post(&format!("{}/test", ci.path), json!({"token": token})).await.ok().json();
    assert_eq!(
        tested,
        json!({"rules": [{"rule": "Shop", "unmet": ["ref ~ refs/heads/*: the token has refs/tags/v1"]}]})
    );
}

#[tokio::test]
async fn trying_a_token_does_not_use_it_up() {
    let ci = Trusting::start(Signer::es256()).await;
    let (anna, token) = (ci.app.anna().await, ci.issuer.token(json!({"jti": "1"})));
    for _ in 0..2 {
        let tested = anna.post(&format!("{}/test", ci.path), json!({"token": token})).await.ok().json();
        assert_eq!(tested["granted_by"], "Shop");
    }
    ci.exchange(&token).await.ok();
    let wrong = anna.post(&format!("{}/test", ci.path), json!({"token": ci.issuer.token(json!({"aud": "x"}))})).await;
    assert_eq!(wrong.ok().json()["refused"], "the token was made for another audience");
}

#[tokio::test]
async fn a_rule_acts_for_nobody_who_has_gone() {
    let ci = Trusting::start(Signer::es256()).await;
    let ben = crate::support::person(&ci.app.app, "ben@example.com").await;
    let mut tx = ci.app.app.db.write().await.expect("tx");
    testward_server::identity::set_disabled(&mut tx, ben.id, Some(crate::support::NOW)).await.expect("disabled");
    tx.commit().await.expect("committed");
    ci.exchange(&ci.issuer.token(json!({}))).await.refused(403, "owner_disabled");
    assert_eq!(ci.exchanges().await[0]["outcome"], "owner_disabled");
}

#[tokio::test]
async fn a_disabled_issuer_opens_nothing_until_it_is_enabled() {
    let ci = Trusting::start(Signer::es256()).await;
    let anna = ci.app.anna().await;
    anna.post(&format!("{}/disable", ci.path), json!({})).await.ok();
    ci.exchange(&ci.issuer.token(json!({}))).await.refused(400, "unknown_issuer");
    anna.post(&format!("{}/enable", ci.path), json!({})).await.ok();
    ci.exchange(&ci.issuer.token(json!({}))).await.ok();
}
