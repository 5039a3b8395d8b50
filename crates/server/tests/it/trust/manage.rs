//! Who says what is trusted, and what may be said.

use std::time::Duration;

use serde_json::json;

use super::{Trusting, rule, trust};
use crate::support::{Issuer, Signer, TestApp};

const ISSUERS: &str = "/api/v1/trusted-issuers";
const PAGES: &str = "/admin/trusted-issuers";

#[tokio::test]
async fn only_admins_of_the_organization_see_what_it_trusts() {
    let ci = Trusting::start(Signer::es256()).await;
    ci.app.ben().await.get(ISSUERS).await.refused(403, "not_an_admin");
    ci.app.ben().await.get(&ci.path).await.refused(403, "not_an_admin");
    let eve = ci.app.eve().await;
    assert_eq!(eve.get(ISSUERS).await.ok().json()["items"], json!([]));
    eve.get(&ci.path).await.refused(404, "not_found");
    eve.delete(&ci.path).await.refused(404, "not_found");
    eve.post(&format!("{}/rules", ci.path), rule(json!({"acts_for": "eve@example.org"})))
        .await
        .refused(404, "not_found");
    eve.post(&format!("{}/test", ci.path), json!({"token": "x"})).await.refused(404, "not_found");
    eve.delete(&format!("{}/rules/1", ci.path)).await.refused(404, "not_found");
}

#[tokio::test]
async fn granting_keys_needs_a_password_given_a_short_while_ago() {
    let ci = Trusting::start(Signer::es256()).await;
    let anna = ci.app.anna().await;
    ci.app.pass(Duration::from_mins(31)).await;
    anna.post(ISSUERS, json!({"name": "x", "issuer": "https://x.example"})).await.refused(403, "confirm_password");
    anna.post(&format!("{}/rules", ci.path), rule(json!({}))).await.refused(403, "confirm_password");
    anna.post(&format!("{}/enable", ci.path), json!({})).await.refused(403, "confirm_password");
    // Taking away needs none.
    anna.post(&format!("{}/disable", ci.path), json!({})).await.ok();
    anna.delete(&ci.path).await.ok();
}

#[tokio::test]
async fn an_issuer_is_checked_before_it_is_trusted() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let wrong = [
        json!({"name": "", "issuer": "https://ci.example"}),
        json!({"name": "CI", "issuer": "http://ci.example"}),
        json!({"name": "CI", "issuer": "ci.example"}),
        json!({"name": "CI", "issuer": "https://user:pw@ci.example"}),
        json!({"name": "CI", "issuer": "https://ci.example", "jwks_url": "ftp://ci.example/keys"}),
    ];
    for new in wrong {
        anna.post(ISSUERS, new).await.refused(400, "invalid_request");
    }
    let good = json!({"name": "CI", "issuer": "https://ci.example"});
    let view = anna.post(ISSUERS, good.clone()).await.ok().json();
    assert_eq!(view["audience"], "http://testward.test");
    anna.post(ISSUERS, good).await.refused(409, "issuer_taken");
}

#[tokio::test]
async fn a_rule_is_checked_before_it_grants_anything() {
    let ci = Trusting::start(Signer::es256()).await;
    let anna = ci.app.anna().await;
    let path = format!("{}/rules", ci.path);
    for changes in [
        json!({"scopes": []}),
        json!({"scopes": ["everything"]}),
        json!({"projects": []}),
        json!({"projects": [999]}),
        json!({"acts_for": "nobody@example.com"}),
        json!({"acts_for": "eve@example.org"}),
        json!({"conditions": []}),
        json!({"conditions": [{"claim": "repository", "equal": "octo/shop"}]}),
        json!({"conditions": [{"claim": "repository_id", "match": "*"}]}),
        json!({"conditions": [{"claim": "sub", "equal": "repo:octo/shop:ref:refs/heads/main"}]}),
    ] {
        anna.post(&path, rule(changes.clone())).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn an_admin_grants_nothing_in_the_name_of_an_owner() {
    let app = TestApp::start().await;
    let invited = app
        .anna()
        .await
        .submit("/members/invite", &[("email", "cleo@example.com"), ("role", "admin"), ("team", &app.team.to_string())])
        .await;
    let (_, rest) =
        invited.ok().text().split_once("/invited?token=").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a link");
    let token: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    let fields = [("token", token.as_str()), ("name", "Cleo"), ("password", crate::support::PASSWORD)];
    app.stranger().submit("/invited", &fields).await.ok();
    let cleo = app.signed_in("cleo@example.com").await;
    let issuer = Issuer::start(Signer::es256()).await;
    let path = format!("{}/rules", trust(&cleo, &issuer).await);
    cleo.post(&path, rule(json!({"acts_for": "anna@example.com"}))).await.refused(403, "role_too_high");
    cleo.post(&path, rule(json!({"acts_for": "cleo@example.com"}))).await.ok();
}

#[tokio::test]
async fn what_is_removed_grants_nothing_more() {
    let ci = Trusting::start(Signer::es256()).await;
    let anna = ci.app.anna().await;
    let rule = anna.get(&ci.path).await.ok().json()["rules"][0]["id"].clone();
    anna.delete(&format!("{}/rules/{rule}", ci.path)).await.ok();
    ci.exchange(&ci.issuer.token(json!({}))).await.refused(403, "no_matching_rule");
    anna.delete(&ci.path).await.ok();
    ci.exchange(&ci.issuer.token(json!({}))).await.refused(400, "unknown_issuer");
    anna.get(&ci.path).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_admin_sets_it_all_up_on_pages() {
    let app = TestApp::start().await;
    let issuer = Issuer::start(Signer::rs256()).await;
    let anna = app.anna().await;
    assert!(anna.page(PAGES).await.ok().text().contains("Upload without a stored secret"));
    assert!(anna.page(&format!("{PAGES}/new?kind=gitlab")).await.ok().text().contains("The address of your GitLab"));
    let form = [("name", "Our CI"), ("issuer", issuer.url.as_str()), ("audience", "http://testward.test")];
    let path = anna.submit(PAGES, &form).await.ok().location().to_owned();
    let wrong = [
        ("name", "Shop"),
        ("conditions", "repository = octo/shop"),
        ("scopes", "results:write"),
        ("acts_for", "ben@example.com"),
    ];
    let answer = anna.submit(&format!("{path}/rules"), &wrong).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("nobody else can take over") && answer.text().contains("repository = octo/shop"));
    let right = [
        ("name", "Shop"),
        ("conditions", "repository_id = 123\nref ~ refs/heads/*"),
        ("scopes", "results:write"),
        ("acts_for", "ben@example.com"),
    ];
    anna.submit(&format!("{path}/rules"), &right).await.ok();
    let token = issuer.token(json!({"jti": "1"}));
    let tried = anna.submit(&format!("{path}/test"), &[("token", &token)]).await.ok();
    assert!(tried.text().contains("the rule Shop grants it a key") && !tried.text().contains(&token));
    super::exchange(&app, &token).await.ok();
    let page = anna.page(&path).await.ok();
    assert!(page.text().contains("repo:octo/shop:ref:refs/heads/main") && page.text().contains("Exchanged"));
    anna.submit(&format!("{path}/delete"), &[]).await.ok();
    anna.page(&path).await.refused_page(404);
}
