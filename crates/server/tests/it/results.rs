//! Reading runs and results.

use std::time::Duration;

use serde_json::{Value, json};

use crate::ingest::{JUNIT, upload};
use crate::support::TestApp;

#[tokio::test]
async fn failures_come_first_and_pages_follow_one_another() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    upload(&anna, &app, &[], &[("junit.xml", JUNIT.as_bytes())]).await.ok();
    let path = format!("/api/v1/projects/{}/runs/1/results?limit=2", app.project);
    let first = anna.get(&path).await.ok().json();
    let names: Vec<_> = first["items"].as_array().expect("items").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["removes", "adds"]);
    assert_eq!(first["items"][0]["message"], "expected 1 but was 2");
    let next = first["next"].as_str().expect("a cursor");
    let second = anna.get(&format!("{path}&cursor={next}")).await.ok().json();
    assert_eq!((&second["items"][0]["name"], &second["next"]), (&json!("sorts"), &json!(null)));
    anna.get(&format!("{path}&cursor=x")).await.refused(400, "invalid_request");
    anna.get(&format!("{path}&status=BLUE")).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_result_knows_its_detail_and_its_past() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for batch in ["a", "b"] {
        upload(&anna, &app, &[("batch", batch)], &[("junit.xml", JUNIT.as_bytes())]).await.ok();
    }
    let path = format!("/api/v1/projects/{}/runs/2/results", app.project);
    let id = anna.get(&format!("{path}?status=FAILED")).await.ok().json()["items"][0]["id"].clone();
    let result = anna.get(&format!("{path}/{id}")).await.ok().json();
    assert_eq!(result["suite"], "cart");
    assert_eq!(result["detail"]["failures"][0]["kind"], "AssertionError");
    assert_eq!(result["detail"]["failures"][0]["stack"]["head"], "at cart.js:3");
    let runs: Vec<_> = result["history"].as_array().expect("history").iter().map(|it| &it["run"]).collect();
    assert_eq!(runs, [2, 1]);
    app.eve().await.get(&format!("{path}/{id}")).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_attachment_belongs_to_its_result_and_cannot_run_anything() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let report = r#"<testsuite name="s"><testcase name="t"><system-out>[[ATTACHMENT|page.html]]</system-out></testcase></testsuite>"#;
    let files: [(&str, &[u8]); 2] = [("out/junit.xml", report.as_bytes()), ("out/page.html", b"<script>1</script>")];
    upload(&anna, &app, &[], &files).await.ok();
    let path = format!("/api/v1/projects/{}/runs/1/results", app.project);
    let id = anna.get(&path).await.ok().json()["items"][0]["id"].clone();
    let attachments = anna.get(&format!("{path}/{id}")).await.ok().json()["attachments"].clone();
    assert_eq!(attachments[0]["name"], "out/page.html");
    let url = attachments[0]["url"].as_str().expect("an address").trim_start_matches(&app.app.base_url).to_owned();
    let file = anna.get(&url).await.ok();
    assert_eq!(file.text(), "<script>1</script>");
    assert_eq!(file.headers["content-disposition"], "attachment; filename*=UTF-8''page.html");
    assert!(file.headers["content-security-policy"].to_str().expect("text").starts_with("sandbox"));
    assert_eq!(file.headers["x-content-type-options"], "nosniff");
    app.eve().await.get(&url).await.refused(404, "not_found");
}

#[tokio::test]
async fn equal_names_stay_apart_and_only_the_host_may_tell_suites_apart() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let report = r#"<testsuites><testsuite name="s" hostname="chromium"><testcase name="t"/><testcase name="t"/></testsuite>
        <testsuite name="s" hostname="firefox"><testcase name="t"><failure/></testcase></testsuite></testsuites>"#;
    let turned = r#"<testsuites><testsuite name="s" hostname="firefox"><testcase name="t"><failure/></testcase></testsuite>
        <testsuite name="s" hostname="chromium"><testcase name="t"/><testcase name="t"/></testsuite></testsuites>"#;
    let path = format!("/api/v1/projects/{}/runs", app.project);
    let mut cases = Vec::new();
    for (number, report) in [(1, report), (2, turned)] {
        upload(&anna, &app, &[], &[("junit.xml", report.as_bytes())]).await.ok();
        let items = anna.get(&format!("{path}/{number}/results")).await.ok().json()["items"].clone();
        let items = items.as_array().expect("items").clone();
        cases.push(items.iter().map(|it| (it["case_id"].clone(), it["status"].clone())).collect::<Vec<_>>());
    }
    assert_eq!(cases[0].len(), 3);
    assert_eq!(cases[0], cases[1]);
}

#[tokio::test]
async fn runs_are_found_by_who_with_what_and_when() {
    let app = TestApp::start().await;
    let file: [(&str, &[u8]); 1] = [("junit.xml", JUNIT.as_bytes())];
    upload(&app.anna().await, &app, &[("batch", "1"), ("tag", "smoke"), ("tag", "a \"b\"")], &file).await.ok();
    app.pass(Duration::from_hours(48)).await;
    upload(&app.key(&["results:write"]).await, &app, &[("batch", "2"), ("tag", "smoke test")], &file).await.ok();
    upload(&app.ben().await, &app, &[("batch", "3")], &file).await.ok();
    let anna = app.anna().await;
    let handle =
        anna.get("/api/v1/api-keys").await.ok().json()["items"][0]["handle"].as_str().expect("a handle").to_owned();
    let key = format!("key={handle}");
    let path = format!("/api/v1/projects/{}/runs", app.project);
    let found = |page: Value| -> Vec<i64> {
        page["items"].as_array().expect("a list").iter().filter_map(|run| run["number"].as_i64()).collect()
    };
    let expected: [(&str, &[i64]); 7] = [
        ("person=1", &[2, 1]),
        ("person=2", &[3]),
        (&key, &[2]),
        ("tag=smoke", &[1]),
        ("tag=a%20%22b%22", &[1]),
        ("since=2026-11-24T09:00:00Z", &[3, 2]),
        ("until=2026-11-24T09:00:00Z&person=1", &[1]),
    ];
    for (query, numbers) in expected {
        assert_eq!(found(anna.get(&format!("{path}?{query}")).await.ok().json()), numbers, "{query}");
    }
    anna.get(&format!("{path}?since=yesterday")).await.refused(400, "invalid_request");
    let page = anna.page(&format!("/team/{}/project/{}/executions?person=2&time=7d", app.team, app.project)).await.ok();
    assert!(page.text().contains("<option value=\"2\" selected>Ben Bee</option>"), "{}", page.text());
    assert!(page.text().contains("executions/3\"") && !page.text().contains("executions/2\""));
}

#[tokio::test]
async fn runs_are_found_by_what_people_remember() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let file: [(&str, &[u8]); 1] = [("junit.xml", JUNIT.as_bytes())];
    upload(&anna, &app, &[("branch", "main"), ("run_name", "Nightly 100%")], &file).await.ok();
    upload(&anna, &app, &[("branch", "fix"), ("build_label", "build-7")], &file).await.ok();
    let path = format!("/api/v1/projects/{}/runs", app.project);
    for (query, number) in [("branch=main", 1), ("q=100%25", 1), ("q=BUILD-7", 2), ("q=%232", 2)] {
        let found = anna.get(&format!("{path}?{query}")).await.ok().json();
        assert_eq!(found["items"][0]["number"], number, "{query}");
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{query}");
    }
    let page = anna.get(&format!("{path}?limit=1")).await.ok().json();
    assert_eq!((&page["items"][0]["number"], &page["next"]), (&json!(2), &json!("2")));
    assert_eq!(anna.get(&format!("{path}?limit=1&cursor=2")).await.ok().json()["items"][0]["number"], 1);
}
