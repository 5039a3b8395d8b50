//! What people are told of their keys, and how it reaches them.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::Mac as _;
use serde_json::{Value, json};
use testward_server::time::DAY;

use crate::support::{Asked, Client, Foreign, MailServer, TestApp};

async fn kinds(client: &Client) -> Vec<String> {
    let answer = client.get("/api/v1/notices").await.ok().json();
    let kinds =
        answer["items"].as_array().expect("a list").iter().map(|it| it["kind"].as_str().expect("text").to_owned());
    kinds.collect()
}

async fn new_key(client: &Client, name: &str, expires: &str) -> Value {
    client.post("/api/v1/api-keys", json!({"name": name, "expires": expires})).await.ok().json()
}

async fn days(app: &TestApp, n: i64) {
    app.pass(Duration::from_millis((n * DAY) as u64)).await;
}

#[tokio::test]
async fn a_key_that_ends_is_told_of_once_for_each_threshold() {
    let app = TestApp::start().await;
    new_key(&app.anna().await, "nightly", "40d").await;
    let mut told = Vec::new();
    for day in 0..40 {
        let before = kinds(&app.anna().await).await.len();
        for _ in 0..3 {
            app.pass(Duration::from_secs(1)).await;
        }
        if kinds(&app.anna().await).await.len() > before {
            told.push(40 - day);
        }
        app.app.clock.advance(DAY - 3000);
    }
    assert_eq!(told, [30, 14, 7, 3, 1]);
}

#[tokio::test]
async fn a_run_that_was_missed_delays_a_warning_and_skips_none() {
    let app = TestApp::start().await;
    new_key(&app.anna().await, "nightly", "40d").await;
    days(&app, 37).await;
    let notices = app.anna().await.get("/api/v1/notices").await.ok().json();
    assert_eq!(notices["items"][0]["title"], "API key nightly expires in 3 days");
    assert_eq!(kinds(&app.anna().await).await, ["key_expires", "key_created"], "once, although two days were missed");
}

#[tokio::test]
async fn a_short_life_is_not_warned_of_from_its_first_day() {
    let app = TestApp::start().await;
    new_key(&app.anna().await, "week", "7d").await;
    app.pass(Duration::from_secs(1)).await;
    assert_eq!(kinds(&app.anna().await).await, ["key_created"]);
    days(&app, 4).await;
    assert_eq!(kinds(&app.anna().await).await, ["key_expires", "key_created"]);
}

#[tokio::test]
async fn an_owner_is_told_what_was_done_to_a_key() {
    let app = TestApp::start().await;
    let ben = app.ben().await;
    new_key(&ben, "nightly", "90d").await;
    ben.post("/api/v1/api-keys/1/reveal", json!({})).await.ok();
    ben.post("/api/v1/api-keys/1/rotate", json!({})).await.ok();
    ben.delete("/api/v1/api-keys/1").await.ok();
    assert_eq!(kinds(&ben).await, ["key_revoked", "key_rotated", "key_copied", "key_created"]);
    assert_eq!(kinds(&app.anna().await).await, Vec::<String>::new(), "somebody else's");
}

#[tokio::test]
async fn use_from_a_new_network_is_told_but_not_the_first_nor_a_neighbour() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = new_key(&anna, "nightly", "90d").await;
    let ci = app.with_key(key["key"].as_str().expect("a key"));
    for ip in [[198, 51, 100, 1], [198, 51, 100, 99], [203, 0, 113, 5], [203, 0, 113, 6]] {
        ci.clone().from(ip).get("/api/v1/ping").await.ok();
        app.pass(Duration::from_secs(10)).await;
    }
    assert_eq!(kinds(&anna).await, ["key_new_network", "key_created"]);
    let told = anna.get("/api/v1/notices").await.json()["items"][0]["text"].as_str().expect("text").to_owned();
    assert!(told.contains("203.0.113.5"), "{told}");
}

#[tokio::test]
async fn a_dead_key_that_is_still_sent_is_told_of_once_a_day() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = new_key(&anna, "nightly", "90d").await;
    let ci = app.with_key(key["key"].as_str().expect("a key"));
    anna.delete("/api/v1/api-keys/1").await.ok();
    for _ in 0..3 {
        ci.get("/api/v1/ping").await.refused(401, "key_revoked");
        app.pass(Duration::from_secs(10)).await;
    }
    assert_eq!(kinds(&anna).await, ["dead_key_used", "key_revoked", "key_created"]);
    days(&app, 1).await;
    ci.get("/api/v1/ping").await.refused(401, "key_revoked");
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(kinds(&anna).await.iter().filter(|it| *it == "dead_key_used").count(), 2);
}

#[tokio::test]
async fn a_guess_at_somebody_elses_handle_tells_nobody() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = new_key(&anna, "nightly", "90d").await;
    anna.delete("/api/v1/api-keys/1").await.ok();
    let handle = key["handle"].as_str().expect("a handle");
    let guess = testward_wire::keytext::compose(testward_wire::keytext::Kind::Personal, handle, &"0".repeat(32));
    app.with_key(&guess).get("/api/v1/ping").await.refused(401, "invalid_api_key");
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(kinds(&anna).await, ["key_revoked", "key_created"]);
}

#[tokio::test]
async fn what_was_read_is_no_news() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    new_key(&anna, "one", "90d").await;
    new_key(&anna, "two", "90d").await;
    let page = anna.page("/notices").await.ok();
    assert!(page.text().contains("2 unread"), "the bell counts them: {}", page.text());
    let last = anna.get("/api/v1/notices").await.json()["items"][1]["id"].clone();
    anna.post("/api/v1/notices/read", json!({"last": last})).await.ok();
    let page = anna.page("/notices").await.ok();
    assert!(page.text().contains("1 unread"));
    let newest =
        page.text().split("name=\"last\" value=\"").nth(1).and_then(|it| it.split('"').next()).expect("a button");
    anna.submit("/notices/read", &[("last", newest)]).await.ok();
    assert!(!anna.page("/notices").await.text().contains("unread"));
}

#[tokio::test]
async fn mail_comes_as_chosen_and_holds_no_key() {
    let mail = MailServer::start().await;
    let app = TestApp::start_with_mail(&mail.url).await;
    let anna = app.anna().await;
    let key = new_key(&anna, "nightly", "90d").await;
    app.run_jobs().await;
    assert_eq!(mail.mails().len(), 0, "what one did oneself is not mailed unless asked for");
    anna.submit("/notices/choices", &[("by_mail", "key_copied")]).await.ok();
    anna.post("/api/v1/api-keys/1/reveal", json!({})).await.ok();
    anna.delete("/api/v1/api-keys/1").await.ok();
    app.run_jobs().await;
    let mails = mail.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let text = &mails[0];
    assert!(
        text.contains("RCPT TO:<anna@example.com>") && text.contains("Subject: API key nightly was copied"),
        "{text}"
    );
    assert!(text.contains("http://testward.test/user/apikey/1/usage"), "{text}");
    assert!(!text.contains(&key["key"].as_str().expect("a key")[13..]));
    anna.submit("/notices/choices", &[("by_mail", "no_such_kind")]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn mail_that_cannot_be_sent_is_tried_again() {
    let mail = MailServer::start().await;
    let app = TestApp::start_with_mail("smtp://127.0.0.1:1").await;
    new_key(&app.anna().await, "nightly", "90d").await;
    app.anna().await.delete("/api/v1/api-keys/1").await.ok();
    assert_eq!(app.run_jobs().await, 1);
    app.pass(Duration::from_secs(30)).await;
    assert_eq!(app.run_jobs().await, 1, "again");
    assert!(mail.mails().is_empty());
}

/// Adds a webhook and returns its secret.
async fn add_webhook(anna: &Client, url: &str) -> String {
    let page = anna.clone().with("accept", "text/html").submit("/admin/webhooks", &[("url", url)]).await.ok();
    let secret = page.text().split("whsec_").nth(1).and_then(|it| it.split('<').next()).expect("a secret");
    // The page writes some characters of base64 as entities.
    secret.replace("&#43;", "+").replace("&#47;", "/").replace("&#x2f;", "/").replace("&#61;", "=")
}

fn signature(secret: &str, asked: &Asked) -> String {
    let header = |name: &str| asked.headers[name].to_str().expect("text").to_owned();
    let key = BASE64.decode(secret).expect("base64");
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any key");
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&asked.body);
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_webhook_is_told_what_members_are_told_and_can_check_who_says_so() {
    let app = TestApp::start().await;
    let foreign = Foreign::start().await;
    let secret = add_webhook(&app.anna().await, &format!("{}/hook", foreign.url)).await;
    let key = new_key(&app.ben().await, "nightly", "90d").await;
    new_key(&app.eve().await, "elsewhere", "90d").await;
    app.run_jobs().await;
    let asked = foreign.asked();
    assert_eq!(asked.len(), 1, "another organization's news stays there");
    let body: Value = serde_json::from_slice(&asked[0].body).expect("JSON");
    assert_eq!((&body["type"], &body["data"]["person"]), (&json!("key_created"), &json!("ben@example.com")));
    assert_eq!(asked[0].headers["webhook-signature"].to_str().expect("text"), signature(&secret, &asked[0]));
    assert!(!body.to_string().contains(&key["key"].as_str().expect("a key")[13..]));
}

#[tokio::test]
async fn a_delivery_that_failed_is_logged_and_tried_again_as_the_same_message() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let foreign = Foreign::start().await;
    add_webhook(&anna, &foreign.url).await;
    foreign.will_answer(StatusCode::BAD_GATEWAY);
    new_key(&anna, "nightly", "90d").await;
    app.run_jobs().await;
    app.pass(Duration::from_secs(30)).await;
    app.run_jobs().await;
    let asked = foreign.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].headers["webhook-id"], asked[1].headers["webhook-id"]);
    let page = anna.page("/admin/webhooks").await.ok();
    assert!(page.text().contains("answered 502") && page.text().contains("Delivered"), "{}", page.text());
    assert!(!page.text().contains("whsec_"), "shown once");
}

#[tokio::test]
async fn a_webhook_into_the_private_network_is_refused() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    add_webhook(&anna, "http://10.0.0.1/hook").await;
    new_key(&anna, "nightly", "90d").await;
    app.run_jobs().await;
    let page = anna.page("/admin/webhooks").await.ok();
    assert!(page.text().contains("in a private network"), "{}", page.text());
    let page = anna.clone().with("accept", "text/html").submit("/admin/webhooks", &[("url", "ftp://x")]).await;
    assert!(page.text().contains("must be an http or https address"));
    anna.submit("/admin/webhooks/1/remove", &[]).await.ok();
    assert!(!anna.page("/admin/webhooks").await.text().contains("10.0.0.1"));
    app.ben().await.page("/admin/webhooks").await.refused_page(403);
}
