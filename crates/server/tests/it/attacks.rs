//! What somebody sends who means harm: each is refused with a code, or read for what is whole in it.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::ingest::{JUNIT, upload};
use crate::support::{Answer, Client, PASSWORD, TestApp};

const FORM: &str = "application/x-www-form-urlencoded";

/// Uploads one hostile file beside a good one; the good one must be read. Returns what became of the other.
async fn beside_a_good_one(app: &TestApp, name: &str, bytes: &[u8]) -> Value {
    let files = [("good.xml", JUNIT.as_bytes()), (name, bytes)];
    let receipt = upload(&app.anna().await, app, &[], &files).await.ok().json();
    let outcomes = receipt["files"].as_array().expect("files").clone();
    let good = outcomes.iter().find(|it| it["path"] == "good.xml").expect("the good file");
    assert_eq!((&good["outcome"], &good["results"]), (&json!("read"), &json!(3)), "{receipt}");
    outcomes.into_iter().find(|it| it["path"] != "good.xml").expect("the other file")
}

/// Sends a form's body as it is.
async fn form(client: &Client, app: &TestApp, body: impl Into<Body>) -> Answer {
    let path = format!("/api/v1/projects/{}/uploads", app.project);
    client.send(Method::POST, &path, "multipart/form-data; boundary=X", body.into()).await
}

fn says(file: &Value, words: &str) -> bool {
    file["repairs"].to_string().contains(words) || file["problem"].to_string().contains(words)
}

#[tokio::test]
async fn what_is_whole_of_a_broken_off_file_is_kept_and_the_break_is_told() {
    let app = TestApp::start().await;
    let cut = br#"<testsuite name="S"><testcase name="a"/><testcase name="b"><fail"#;
    let file = beside_a_good_one(&app, "cut.xml", cut).await;
    assert_eq!(file["results"], 1);
    assert!(says(&file, "ends before its end"), "{file}");
}

#[tokio::test]
async fn entities_are_neither_expanded_nor_fetched() {
    let app = TestApp::start().await;
    let mut bomb = String::from("<!DOCTYPE l [<!ENTITY e0 \"boom\"><!ENTITY file SYSTEM \"file:///etc/passwd\">");
    for i in 1..12 {
        let inner = format!("&e{};", i - 1).repeat(10);
        bomb.extend(["<!ENTITY e".to_owned(), i.to_string(), format!(" \"{inner}\">")]);
    }
    bomb += r#"]><testsuite name="s"><testcase name="n"><failure message="&file;">&e11;&file;</failure></testcase></testsuite>"#;
    let file = beside_a_good_one(&app, "bomb.xml", bomb.as_bytes()).await;
    assert_eq!(file["results"], 1);
    assert!(says(&file, "is not expanded"), "{file}");
    let results = app.anna().await.get(&format!("/api/v1/projects/{}/runs/1/results", app.project)).await.ok();
    assert!(!results.text().contains("root:") && !results.text().contains("boomboom"));
}

#[tokio::test]
async fn nul_bytes_wrong_encodings_and_deep_nests_harm_no_other_file() {
    let app = TestApp::start().await;
    let depth = 100_000;
    let nest =
        format!("{}<testcase name=\"a\"/>{}", "<testsuite name=\"s\">".repeat(depth), "</testsuite>".repeat(depth));
    for (bytes, words) in [
        (&b"<testsuite name=\"s\"><testcase name=\"a\0b\"/></testsuite>"[..], "U+0000"),
        (b"<testsuite name=\"s\"><testcase name=\"\xff\xfe\"/></testsuite>", "not UTF-8"),
        (b"<?xml version=\"1.0\" encoding=\"UTF-16\"?><testsuite><testcase name=\"a\"/></testsuite>", "UTF-16"),
        (nest.as_bytes(), "nested deeper"),
    ] {
        let file = beside_a_good_one(&app, "odd.xml", bytes).await;
        assert_eq!(file["results"], 1, "{file}");
        assert!(says(&file, words), "{file}");
    }
}

#[tokio::test]
async fn a_path_out_of_the_upload_is_refused_alone() {
    let app = TestApp::start().await;
    for path in ["../../etc/cron.d/x.xml", "/etc/passwd", "a/../../b.xml", "..\\\\..\\\\b.xml", &"x".repeat(2000)] {
        let file = beside_a_good_one(&app, path, JUNIT.as_bytes()).await;
        assert_eq!(file["outcome"], "refused", "{path}");
        assert!(says(&file, "invalid_path"), "{file}");
    }
}

#[tokio::test]
async fn a_broken_form_is_refused_with_a_code() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for body in ["", "garbage", "--X\r\nContent-Disp", "--X\r\n\u{1}: a\r\n\r\nx\r\n--X--"] {
        form(&anna, &app, body).await.refused(400, "bad_multipart");
    }
    let cut = "--X\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n<tests";
    form(&anna, &app, cut).await.refused(400, "upload_interrupted");
    let path = format!("/api/v1/projects/{}/uploads", app.project);
    anna.post(&path, json!({})).await.refused(400, "bad_multipart");
}

#[tokio::test]
async fn a_form_whose_parts_never_begin_is_refused_before_it_fills_the_memory() {
    let app = TestApp::start().await;
    for head in ["", "--X\r\nX-Endless: "] {
        let sent = std::sync::Arc::new(AtomicU64::new(0));
        let counter = sent.clone();
        let piece = Bytes::from(vec![b'a'; 64 * 1024]);
        let endless = stream::iter(0..1000).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(piece.clone())
        });
        let body = stream::iter([Ok(Bytes::from(head))]).chain(endless);
        form(&app.anna().await, &app, Body::from_stream(body)).await.refused(400, "bad_multipart");
        assert!(sent.load(Ordering::Relaxed) < 40, "it took in {} pieces", sent.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn no_query_of_the_official_clients_reaches_another_tenant() {
    let app = TestApp::start().await;
    let eve = app.eve().await;
    upload(&app.anna().await, &app, &[], &[("a.xml", JUNIT.as_bytes())]).await.ok();
    let id = app.project;
    for path in ["files/upload-url", "files/upload-urls", "executions"] {
        eve.get(&format!("/api/v1/{path}?projectId={id}&numberUrl=1")).await.refused(404, "not_found");
    }
    for path in ["testops-reports", "katalon/test-reports/multiple"] {
        eve.post(&format!("/api/v1/{path}?projectId={id}&batch=b"), json!([])).await.refused(404, "not_found");
    }
    for path in
        ["junit/test-reports", "katalon/test-reports", "testng/test-reports", "katalon/test-reports/update-result"]
    {
        let body = json!({"sessionId": "S", "end": true});
        eve.post(&format!("/api/v1/{path}?projectId={id}&batch=b&executionId=1"), body).await.refused(404, "not_found");
    }
    for conditions in [json!([]), json!([{"key": "Project.id", "operator": "=", "value": id}])] {
        let found = eve.post("/api/v1/search", json!({"type": "Execution", "conditions": conditions})).await.ok();
        assert_eq!(found.json()["totalElements"], 0);
    }
}

#[tokio::test]
async fn an_uploaded_path_of_another_tenant_is_unknown() {
    let app = TestApp::start().await;
    let slot = app.anna().await.get(&format!("/api/v1/files/upload-url?projectId={}", app.project)).await.ok().json();
    let eve = app.eve().await;
    let hers = eve.get("/api/v1/projects").await.ok().json()["content"][0]["id"].clone();
    let path = format!("/api/v1/testops-reports?projectId={hers}&batch=b");
    for foreign in [slot["path"].as_str().expect("a path"), "files/1/../2", "/etc/passwd"] {
        eve.post(&path, json!([{"fileName": "a", "uploadedPath": foreign}]))
            .await
            .refused(400, "unknown_uploaded_path");
    }
    eve.post(&path, json!([{"fileName": "a", "uploadedPath": " "}])).await.refused(400, "blank_uploaded_path");
}

#[tokio::test]
async fn markup_in_a_report_is_shown_as_text() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let xss = "&lt;script>alert(1)&lt;/script>";
    let report = format!(
        r#"<testsuite name="{xss}"><testcase name="{xss}" classname="{xss}"><failure message="{xss}">{xss}</failure>
        <system-out>{xss}</system-out></testcase></testsuite>"#
    );
    let fields = [("run_name", "<script>alert(1)</script>"), ("branch", "<script>alert(1)</script>")];
    upload(&anna, &app, &fields, &[("<script>alert(1)<b>.xml", report.as_bytes())]).await.ok();
    let runs = format!("/team/{}/project/{}/executions", app.team, app.project);
    let result = anna.get(&format!("/api/v1/projects/{}/runs/1/results", app.project)).await.ok().json();
    let result = format!("{runs}/1/results/{}", result["items"][0]["id"]);
    for page in ["/projects".to_owned(), runs.clone(), format!("{runs}/1"), result] {
        let answer = anna.page(&page).await.ok();
        assert!(!answer.text().contains("<script>alert"), "{page}");
        assert!(answer.headers["content-security-policy"].to_str().expect("text").contains("script-src 'self'"));
    }
}

#[tokio::test]
async fn another_site_can_make_a_browser_do_nothing() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = app.key(&["everything"]).await;
    // The base URL is http://testward.test: a beginning of it is another site.
    for origin in ["http://evil.test", "http://testward.te", "http://testward.test.evil", "null", ""] {
        let forged = anna.clone().with("origin", origin);
        forged.post("/api/v1/api-keys", json!({"name": "x"})).await.refused(403, "foreign_origin");
        key.clone().with("origin", origin).get("/api/v1/projects").await.refused(403, "foreign_origin");
    }
    for site in ["cross-site", "same-site"] {
        let forged = anna.clone().with("sec-fetch-site", site);
        forged.post("/api/v1/api-keys", json!({"name": "x"})).await.refused(403, "foreign_origin");
    }
    let own = anna.with("origin", "http://testward.test");
    own.post("/api/v1/api-keys", json!({"name": "x"})).await.ok();
}

#[tokio::test]
async fn signing_in_leads_to_no_other_site() {
    let app = TestApp::start().await;
    for next in ["https://evil.test", "//evil.test", "/\\evil.test", "/\t/evil.test", "/\n/evil.test", "/\u{1}", "x"] {
        let fields = [("email", "anna@example.com"), ("password", PASSWORD), ("next", next)];
        let answer = app.stranger().submit("/signin", &fields).await.ok();
        assert_eq!(answer.location(), "/projects", "{next:?}");
    }
}

#[tokio::test]
async fn a_key_in_an_address_is_refused_at_every_door() {
    let app = TestApp::start().await;
    let made = app.anna().await.post("/api/v1/api-keys", json!({"name": "x"})).await.json();
    let key = made["key"].as_str().expect("a key");
    for path in ["/api/v1/projects", "/info", "/signin"] {
        app.stranger().get(&format!("{path}?api_key={key}")).await.refused(400, "key_in_address");
    }
}

#[tokio::test]
async fn an_oversize_body_is_refused_as_too_large() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let big = |mib: usize| "a".repeat(mib << 20);
    anna.post("/api/v1/session", json!({"email": big(3), "password": ""})).await.refused(413, "too_large");
    anna.post("/api/v1/search", json!({"type": big(2)})).await.refused(413, "too_large");
    for path in ["/signin", "/oauth/token"] {
        let body = format!("email={}", big(3));
        app.stranger().send(Method::POST, path, FORM, body.into()).await.refused(413, "too_large");
    }
}

#[tokio::test]
async fn a_search_that_would_take_long_is_refused() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let condition = json!({"key": "id", "operator": "in", "value": 1});
    let long = json!({"key": "id", "operator": "in", "value": vec![1; 100_000]});
    for search in [
        json!({"type": "Project", "conditions": vec![condition; 1000]}),
        json!({"type": "Project", "conditions": [long]}),
        json!({"type": "Project", "pagination": {"sorts": vec!["id"; 1000]}}),
    ] {
        anna.post("/api/v1/search", search).await.refused(400, "invalid_request");
    }
    let deep =
        format!(r#"{{"type":"Project","conditions":[{{"key":"id","operator":"=","value":{}"#, "[".repeat(100_000));
    anna.send(Method::POST, "/api/v1/search", "", deep.into()).await.refused(400, "invalid_json");
}

#[tokio::test]
async fn a_wrong_method_is_told_which_is_right() {
    let app = TestApp::start().await;
    let answer = app.stranger().delete("/info").await;
    answer.refused(405, "method_not_allowed");
    assert_eq!(
        (answer.status, &answer.headers["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"GET,HEAD".parse().expect("a header"))
    );
}

#[tokio::test]
async fn guesses_sent_all_at_once_are_not_more_than_one_after_the_other() {
    let app = TestApp::start().await;
    let guess = async || {
        let body = json!({"email": "anna@example.com", "password": "wrong password"});
        app.stranger().post("/api/v1/session", body).await.status
    };
    let answers = futures_util::future::join_all((0..30).map(|_| guess())).await;
    let told = answers.iter().filter(|it| **it == StatusCode::UNAUTHORIZED).count();
    assert!((10..=12).contains(&told), "{told} guesses were answered");
}
