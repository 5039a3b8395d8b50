//! What becomes of each file of an upload, and who is told.

use serde_json::{Value, json};
use testward_server::results::RunStage;
use testward_wire::results::Status;

use crate::ingest::{Hands, JUNIT, run, upload};
use crate::support::TestApp;

const PAGE: &[u8] = b"<html><body/></html>";
const WITH_SHOT: &[u8] = br#"<testsuite name="s"><testcase name="a"><system-out>[[ATTACHMENT|shot.png]]</system-out></testcase></testsuite>"#;

/// What a receipt says of a file: its outcome and the problem.
fn said(receipt: &Value, index: usize) -> (&str, &str) {
    let file = &receipt["files"][index];
    (file["outcome"].as_str().unwrap_or_default(), file["problem"]["message"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_kept_file_says_why_it_is_no_report() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write", "results:read"]).await;
    let files: [(&str, &[u8]); 4] =
        [("junit.xml", WITH_SHOT), ("shot.png", b"\x89PNG\0"), ("coverage.xml", PAGE), ("notes.txt", b"hello")];
    let receipt = upload(&ci, &app, &[], &files).await.ok().json();
    assert_eq!(receipt["stage"], "done", "{receipt}");
    assert_eq!(said(&receipt, 0), ("read", ""));
    assert_eq!(said(&receipt, 1), ("kept", ""), "the screenshot of a test needs no excuse");
    assert_eq!(said(&receipt, 2), ("kept", "not a test report: its root element is <html>"));
    assert_eq!(said(&receipt, 3), ("kept", "not a test report: it is neither XML nor JSON"));
    let path = format!("/team/{}/project/{}/executions/1?tab=files", app.team, app.project);
    let page = app.anna().await.page(&path).await.ok();
    assert!(page.text().contains("not a test report: its root element is &#60;html&#62;"), "{}", page.text());
}

#[tokio::test]
async fn a_refused_upload_is_a_run_that_shows_what_was_refused_and_why() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write", "results:read"]).await;
    let answer = upload(&ci, &app, &[("batch", "b")], &[("page.xml", PAGE), ("empty.xml", b"")]).await;
    answer.refused(422, "report_refused");
    let receipt = &answer.json()["receipt"];
    assert_eq!(said(receipt, 0), ("refused", "not a test report: its root element is <html>"));
    assert_eq!(said(receipt, 1), ("refused", "not a test report: it is empty"));
    let anna = app.anna().await;
    let runs = format!("/team/{}/project/{}/executions", app.team, app.project);
    assert!(anna.page(&runs).await.ok().text().contains("Refused"));
    let page = anna.page(&format!("{runs}/1")).await.ok();
    for text in ["2 of 2 files", "page.xml:1:1: not a test report", "empty.xml:1:1: not a test report"] {
        assert!(page.text().contains(text), "{text} is not in {}", page.text());
    }
    assert!(anna.page(&format!("{runs}/1?tab=results")).await.ok().text().contains("No results."));
    // Mended and sent again, it is the same run.
    let files: [(&str, &[u8]); 2] = [("page.xml", JUNIT.as_bytes()), ("empty.xml", b"")];
    let receipt = upload(&ci, &app, &[("batch", "b")], &files).await.ok().json();
    assert_eq!((&receipt["stage"], &receipt["run"]["number"]), (&json!("done"), &json!(1)));
    assert_eq!(run(&ci, &app, 1).await["counts"]["total"], 3);
}

#[tokio::test]
async fn what_an_official_client_sent_in_vain_is_seen_too() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    let slots = anna.slots(1).await;
    anna.put(&slots[0], "<html/>").await;
    let announced = anna.announce("b", &[("page.xml", &slots[0].path, true)]).await.expect("announced");
    anna.import().await;
    assert_eq!(anna.run(announced.run_number).await.stage, RunStage::Refused);
    let receipt = anna.receipt(&announced).await;
    assert_eq!(said(&receipt, 0), ("refused", "not a test report: its root element is <html>"));
    let client = app.anna().await;
    let path = format!("/team/{}/project/{}/executions/{}", app.team, app.project, announced.run_number);
    assert!(client.page(&path).await.ok().text().contains("page.xml:1:1: not a test report"));
    let path = format!("/api/v1/executions/{}", announced.run);
    let execution = client.get(&path).await.ok().json();
    assert_eq!((&execution["executionStage"], &execution["status"]), (&json!("COMPLETED"), &json!("INCOMPLETE")));
}

#[tokio::test]
async fn refused_in_one_upload_and_read_in_another_is_an_ordinary_run() {
    let app = TestApp::start().await;
    let ci = app.anna().await;
    upload(&ci, &app, &[("session", "S"), ("batch", "a")], &[("page.xml", PAGE)]).await.refused(422, "report_refused");
    upload(&ci, &app, &[("session", "S"), ("batch", "b")], &[("a.xml", JUNIT.as_bytes())]).await.ok();
    assert_eq!(run(&ci, &app, 1).await["status"], "FAILED");
    assert_eq!(Hands::of_anna(&app).await.run(1).await.stage, RunStage::Done);
}

#[tokio::test]
async fn a_refused_report_takes_nothing_from_its_live_run() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    anna.live("cart", Some("adds"), Some(Status::Passed), false).await;
    anna.live("cart", Some("removes"), Some(Status::Failed), false).await;
    let ci = app.anna().await;
    upload(&ci, &app, &[("session", "S"), ("batch", "a")], &[("page.xml", PAGE)]).await.refused(422, "report_refused");
    let run = anna.run(1).await;
    assert_eq!((run.stage, run.counts.total, run.counts.failed), (RunStage::Done, 2, 1));
    upload(&ci, &app, &[("session", "S"), ("batch", "b")], &[("a.xml", JUNIT.as_bytes())]).await.ok();
    let run = anna.run(1).await;
    assert_eq!((run.counts.total, run.counts.failed), (3, 1), "the report takes the place of what was told live");
}
