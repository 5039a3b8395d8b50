//! Secrets where they do not belong: covered before they are stored, disabled when they are ours.

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

async fn new_key(client: &Client) -> String {
    let key = client.post("/api/v1/api-keys", json!({"name": "nightly"})).await.ok().json();
    key["key"].as_str().expect("a key").to_owned()
}

fn report(output: &str) -> String {
    format!(
        "<testsuite name=\"s\"><testcase name=\"a\" classname=\"b\"><failure message=\"{output}\">{output}</failure>\
         <system-out>{output}</system-out></testcase></testsuite>"
    )
}

fn form(report: &str) -> String {
    format!("--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"r.xml\"\r\n\r\n{report}\r\n--x--\r\n")
}

async fn upload(app: &TestApp, client: &Client, report: &str) -> Value {
    let path = format!("/api/v1/projects/{}/uploads", app.project);
    let answer =
        client.send(axum::http::Method::POST, &path, "multipart/form-data; boundary=x", form(report).into()).await;
    answer.ok().json()
}

async fn kinds(client: &Client) -> Vec<String> {
    let answer = client.get("/api/v1/notices").await.ok().json();
    let kinds =
        answer["items"].as_array().expect("a list").iter().map(|it| it["kind"].as_str().expect("text").to_owned());
    kinds.collect()
}

/// Whether any stored file or row holds a text.
fn is_stored(app: &TestApp, text: &str) -> bool {
    fn search(folder: &std::path::Path, text: &[u8]) -> bool {
        std::fs::read_dir(folder).expect("a folder").flatten().any(|entry| {
            let path = entry.path();
            if path.is_dir() {
                return search(&path, text);
            }
            std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|it| it == text))
        })
    }
    search(app.data_dir(), text.as_bytes())
}

#[tokio::test]
async fn a_key_of_ours_in_a_report_is_covered_and_disabled_and_its_owner_told() {
    let app = TestApp::start().await;
    let (anna, ben) = (app.anna().await, app.ben().await);
    let key = new_key(&anna).await;
    let receipt = upload(&app, &ben, &report(&format!("token {key}!"))).await;
    assert_eq!(receipt["stage"], "done", "{receipt}");
    app.with_key(&key).get("/api/v1/ping").await.refused(401, "key_disabled");
    assert_eq!(kinds(&anna).await, ["key_leaked", "key_created"]);
    assert_eq!(kinds(&ben).await, ["secret_uploaded"]);
    assert!(!is_stored(&app, &key[13..]), "nothing stored holds it");
    let page = anna.page("/admin/leaks").await.ok();
    assert!(page.text().contains("Testward API key") && page.text().contains(&key[4..12]), "{}", page.text());
    let page = ben.page(&format!("/team/{}/project/{}/executions/1", app.team, app.project)).await.ok();
    assert!(page.text().contains("covered"), "the run is flagged");
}

#[tokio::test]
async fn others_secrets_are_covered_too_and_the_report_stays_readable() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let secret = format!("ghp_{}", "aZ3bY4cX5dW6eV7fU8gT9hS0iR1jQ2kP3lO4");
    let receipt = upload(&app, &anna, &report(&secret)).await;
    assert_eq!((&receipt["stage"], &receipt["files"][0]["results"]), (&json!("done"), &json!(1)), "{receipt}");
    assert!(!is_stored(&app, &secret));
    upload(&app, &anna, &report(&secret)).await;
    assert_eq!(kinds(&anna).await, ["secret_uploaded"], "the same file again is no news");
}

#[tokio::test]
async fn bytes_that_official_clients_put_are_scanned_as_well() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = new_key(&anna).await;
    let slot = anna.get(&format!("/api/v1/files/upload-url?projectId={}", app.project)).await.ok().json();
    let url = slot["uploadUrl"].as_str().expect("an address").trim_start_matches("http://testward.test").to_owned();
    app.stranger().put_bytes(&url, format!("a log line with {key}\n")).await.ok();
    app.with_key(&key).get("/api/v1/ping").await.refused(401, "key_disabled");
    assert!(!is_stored(&app, &key[13..]));
}

#[tokio::test]
async fn a_reported_key_is_disabled_and_the_answer_tells_nothing() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = new_key(&anna).await;
    let unknown = testward_wire::keytext::compose(testward_wire::keytext::Kind::Personal, &key[4..12], &"0".repeat(32));
    let stranger = app.stranger();
    let mut answers = Vec::new();
    for text in [&unknown, "nonsense", &key, &key] {
        let answer = stranger.post("/api/v1/leaks", json!({"key": text, "url": "https://gist.example.com/1"})).await;
        answers.push((answer.status.as_u16(), answer.text().to_owned()));
    }
    assert_eq!(answers, vec![(204, String::new()); 4]);
    app.with_key(&key).get("/api/v1/ping").await.refused(401, "key_disabled");
    assert_eq!(kinds(&anna).await, ["key_leaked", "key_created"], "once");
    let eve = app.eve().await.page("/admin/leaks").await.ok();
    assert!(!eve.text().contains(&key[4..12]), "another organization's");
}

#[tokio::test]
async fn reports_of_leaks_from_one_address_are_limited() {
    let app = TestApp::start().await;
    let flood = app.stranger().from([198, 51, 100, 66]);
    for _ in 0..30 {
        flood.post("/api/v1/leaks", json!({"key": "x"})).await.ok();
    }
    flood.post("/api/v1/leaks", json!({"key": "x"})).await.refused(429, "too_many_requests");
    app.stranger().post("/api/v1/leaks", json!({"key": "x"})).await.ok();
}

#[tokio::test]
async fn scanners_learn_what_a_key_looks_like_here() {
    let app = TestApp::start().await;
    let format = app.stranger().get("/.well-known/testward-key-format.json").await.ok().json();
    assert_eq!(
        (&format["length"], &format["report"]["url"]),
        (&json!(51), &json!("http://testward.test/api/v1/leaks"))
    );
    let gitleaks = app.stranger().get("/scanner-rules/gitleaks.toml").await.ok();
    assert!(
        gitleaks.text().contains("regex = '''\\btw[psxj]_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}\\b'''"),
        "{}",
        gitleaks.text()
    );
    let trufflehog = app.stranger().get("/scanner-rules/trufflehog.yaml").await.ok();
    assert!(trufflehog.text().starts_with("# Testward API keys of http://testward.test"));
    app.ben().await.page("/admin/leaks").await.refused_page(403);
}
