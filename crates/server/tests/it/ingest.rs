//! Reports come in: forms, slots, batches, and what interrupts them.

use std::time::Duration;

use serde_json::{Value, json};
use testward_server::gate::{Caller, SessionFacts, Via};
use testward_server::ingest::{self, Announced, AnnouncedFile, NewBatch, Slot};
use testward_server::projects::{self, Project};
use testward_server::results::{self, LiveUpdate, Run, RunStage};
use testward_wire::results::Status;

use crate::support::{Answer, Client, NOW, TestApp, person};

pub const JUNIT: &str = r#"<testsuite name="cart"><testcase classname="Cart" name="adds" time="0.5"/>
<testcase classname="Cart" name="removes"><failure message="expected 1 but was 2" type="AssertionError">at cart.js:3</failure></testcase>
<testcase classname="Cart" name="sorts"><skipped message="later"/></testcase></testsuite>"#;
const GREEN: &str = r#"<testsuite name="cart"><testcase classname="Cart" name="removes"/></testsuite>"#;

/// Sends a form of fields and files, as curl does.
pub async fn upload(client: &Client, app: &TestApp, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
    send_form(client, &format!("/api/v1/projects/{}/uploads", app.project), fields, files).await
}

pub async fn send_form(client: &Client, path: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    for (path, bytes) in files {
        let head = format!("--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{path}\"\r\n\r\n");
        body.extend(head.bytes().chain(bytes.iter().copied()).chain(*b"\r\n"));
    }
    body.extend(*b"--X--\r\n");
    client.send(axum::http::Method::POST, path, "multipart/form-data; boundary=X", body.into()).await
}

pub async fn run(client: &Client, app: &TestApp, number: i64) -> Value {
    client.get(&format!("/api/v1/projects/{}/runs/{number}", app.project)).await.ok().json()
}

/// Anna's hands on the functions that the official clients' API calls.
pub struct Hands<'a> {
    app: &'a TestApp,
    caller: Caller,
    project: Project,
}

impl<'a> Hands<'a> {
    pub async fn of_anna(app: &'a TestApp) -> Self {
        let person = person(&app.app, "anna@example.com").await.id;
        let via = Via::Session(SessionFacts { token_hash: String::new(), confirmed_at: NOW, ends_at: None });
        let caller = Caller::new(person, via, [192, 0, 2, 1].into());
        let mut tx = app.app.db.read().await.expect("tx");
        let project = projects::open(&mut tx, &caller, app.project).await.expect("project");
        Self { app, caller, project }
    }

    pub async fn slots(&self, n: usize) -> Vec<Slot> {
        let mut tx = self.app.app.db.write().await.expect("tx");
        let random = &self.app.app.random;
        let slots = ingest::new_slots(&mut tx, NOW, random, &self.caller, &self.project, n).await.expect("slots");
        tx.commit().await.expect("committed");
        slots
    }

    pub async fn announce(&self, batch: &str, files: &[(&str, &str, bool)]) -> Result<Announced, String> {
        let files = files.iter().map(|(name, path, is_end)| AnnouncedFile {
            folder: "C:\\jobs\\..\\reports".to_owned(),
            name: (*name).to_owned(),
            uploaded_path: (*path).to_owned(),
            is_end: *is_end,
        });
        let batch = NewBatch { batch: batch.to_owned(), ..NewBatch::default() };
        let now = self.app.app.clock.now();
        let mut tx = self.app.app.db.write().await.expect("tx");
        let announced = ingest::announce(&mut tx, now, &self.caller, &self.project, batch, files.collect()).await;
        let announced = announced.map_err(|error| error.code().to_owned())?;
        tx.commit().await.expect("committed");
        Ok(announced)
    }

    pub async fn put(&self, slot: &Slot, bytes: &str) {
        let bytes = bytes::Bytes::copy_from_slice(bytes.as_bytes());
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes)]);
        ingest::receive(&self.app.app, &slot.token, stream).await.expect("stored");
    }

    pub async fn live(&self, suite: &str, name: Option<&str>, status: Option<Status>, is_end: bool) -> Run {
        let name = name.map(str::to_owned);
        let update = LiveUpdate { session_id: "S".to_owned(), suite: suite.to_owned(), name, status, is_end };
        let now = self.app.app.clock.now();
        let mut tx = self.app.app.db.write().await.expect("tx");
        let run = results::live_update(&mut tx, now, &self.caller, &self.project, update).await.expect("taken");
        tx.commit().await.expect("committed");
        run
    }

    pub async fn run(&self, number: i64) -> Run {
        let mut tx = self.app.app.db.read().await.expect("tx");
        results::find_run(&mut tx, &self.project, number).await.expect("a run")
    }

    pub async fn receipt(&self, announced: &Announced) -> Value {
        let mut tx = self.app.app.db.read().await.expect("tx");
        let receipt =
            ingest::find_receipt(&mut tx, "http://t", &self.project, announced.upload).await.expect("receipt");
        serde_json::to_value(receipt).expect("JSON")
    }

    pub async fn import(&self) {
        ingest::import_waiting(&self.app.app).await.expect("imported");
    }
}

#[tokio::test]
async fn an_upload_is_counted_when_it_is_answered() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write", "results:read"]).await;
    let fields = [("batch", "b1"), ("branch", "main"), ("build_label", "#7"), ("tag", "nightly")];
    let receipt = upload(&ci, &app, &fields, &[("out/junit.xml", JUNIT.as_bytes())]).await.ok().json();
    assert_eq!(receipt["stage"], "done");
    assert_eq!(receipt["files"][0]["outcome"], "read");
    assert_eq!(receipt["files"][0]["results"], 3);
    let run = run(&ci, &app, 1).await;
    assert_eq!(run, receipt["run"]);
    assert_eq!((&run["status"], &run["branch"], &run["tags"]), (&json!("FAILED"), &json!("main"), &json!(["nightly"])));
    assert_eq!(
        run["counts"],
        json!({"total": 3, "passed": 1, "failed": 1, "error": 0, "incomplete": 0, "skipped": 1, "not_run": 0, "flaky": 0})
    );
}

#[tokio::test]
async fn sending_an_upload_again_changes_nothing() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write", "results:read"]).await;
    let send = async || upload(&ci, &app, &[("batch", "b1")], &[("junit.xml", JUNIT.as_bytes())]).await;
    let first = send().await.ok().json();
    assert_eq!(send().await.ok().json(), first);
    let runs = ci.get(&format!("/api/v1/projects/{}/runs", app.project)).await.ok().json();
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(runs["items"][0]["counts"]["total"], 3);
}

#[tokio::test]
async fn a_file_more_in_a_known_batch_imports_it_anew() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write", "results:read"]).await;
    upload(&ci, &app, &[("batch", "b1")], &[("a.xml", JUNIT.as_bytes())]).await.ok();
    let receipt = upload(&ci, &app, &[("batch", "b1")], &[("b.xml", JUNIT.as_bytes())]).await.ok().json();
    assert_eq!(receipt["files"].as_array().map(Vec::len), Some(2));
    assert_eq!(run(&ci, &app, 1).await["counts"]["total"], 6);
}

#[tokio::test]
async fn what_is_no_report_is_refused_with_the_place() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write"]).await;
    let answer = upload(&ci, &app, &[("type", "junit")], &[("page.xml", b"<html><body/></html>")]).await;
    answer.refused(422, "report_refused");
    let problem = &answer.json()["receipt"]["files"][0]["problem"];
    assert!(problem["line"].is_number() && problem["column"].is_number(), "{problem}");
}

#[tokio::test]
async fn a_refused_file_leaves_the_others_alone() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write", "results:read"]).await;
    let files: [(&str, &[u8]); 3] =
        [("../../etc/passwd", JUNIT.as_bytes()), ("junit.xml", JUNIT.as_bytes()), ("shot.png", b"png")];
    let receipt = upload(&ci, &app, &[], &files).await.ok().json();
    assert_eq!(receipt["stage"], "partly_refused");
    let outcomes: Vec<_> = receipt["files"].as_array().expect("files").iter().map(|file| &file["outcome"]).collect();
    assert_eq!(outcomes, ["refused", "read", "kept"]);
    assert!(receipt["files"][0]["problem"]["message"].as_str().is_some_and(|it| it.starts_with("invalid_path")));
    assert_eq!(receipt["run"]["counts"]["total"], 3);
}

#[tokio::test]
async fn a_report_cut_off_keeps_what_was_whole() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write", "results:read"]).await;
    let cut = &GREEN[..GREEN.len() - 8];
    let receipt = upload(&ci, &app, &[], &[("junit.xml", cut.as_bytes())]).await.ok().json();
    assert_eq!(receipt["files"][0]["outcome"], "read");
    assert!(receipt["files"][0]["repairs"][0]["line"].is_number(), "{receipt}");
    assert_eq!((&receipt["run"]["status"], &receipt["run"]["counts"]["passed"]), (&json!("INCOMPLETE"), &json!(1)));
}

#[tokio::test]
async fn a_form_must_make_sense() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write"]).await;
    upload(&ci, &app, &[("batch", "b")], &[]).await.refused(400, "no_files");
    upload(&ci, &app, &[("kind", "b")], &[("a.xml", b"")]).await.refused(400, "invalid_request");
    let path = format!("/api/v1/projects/{}/uploads", app.project);
    ci.post(&path, json!({})).await.refused(400, "bad_multipart");
    upload(&app.key(&["results:read"]).await, &app, &[], &[]).await.refused(403, "insufficient_scope");
    upload(&app.eve().await, &app, &[], &[("a.xml", JUNIT.as_bytes())]).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_batch_may_be_announced_before_its_bytes() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    let slots = anna.slots(2).await;
    let files = [("a.xml", slots[0].path.as_str(), false), ("b.xml", slots[1].path.as_str(), true)];
    let announced = anna.announce("b", &files).await.expect("announced");
    anna.put(&slots[0], JUNIT).await;
    anna.import().await;
    assert_eq!(anna.run(announced.run_number).await.stage, RunStage::Importing);
    anna.put(&slots[1], GREEN).await;
    anna.import().await;
    let run = anna.run(announced.run_number).await;
    assert_eq!((run.stage, run.counts.total, run.status), (RunStage::Done, 4, Status::Failed));
    assert_eq!(anna.receipt(&announced).await["files"][0]["path"], "C:/jobs/reports/a.xml");
    assert!(anna.announce("b", &files).await.expect("again").is_done);
}

#[tokio::test]
async fn a_batch_that_never_ends_is_closed() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    let slots = anna.slots(2).await;
    let files = [("a.xml", slots[0].path.as_str(), false), ("b.xml", slots[1].path.as_str(), false)];
    let announced = anna.announce("b", &files).await.expect("announced");
    anna.put(&slots[0], GREEN).await;
    app.pass(Duration::from_mins(11)).await;
    anna.import().await;
    let receipt = anna.receipt(&announced).await;
    assert_eq!(receipt["stage"], "partly_refused");
    assert_eq!(receipt["files"][1]["problem"]["message"], "the bytes never arrived");
    anna.put(&slots[1], JUNIT).await;
    anna.import().await;
    let receipt = anna.receipt(&announced).await;
    assert_eq!((&receipt["stage"], &receipt["run"]["counts"]["total"]), (&json!("done"), &json!(4)));
}

#[tokio::test]
async fn only_our_own_places_can_be_announced() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    let slot = &anna.slots(1).await[0];
    let files = [("a.xml", slot.path.as_str(), true), ("b.xml", "tmp/2021/else", true)];
    assert_eq!(anna.announce("b", &files).await, Err("unknown_uploaded_path".to_owned()));
    assert_eq!(anna.announce("b", &[("a.xml", " ", true)]).await, Err("blank_uploaded_path".to_owned()));
    let runs = app.anna().await.get(&format!("/api/v1/projects/{}/runs", app.project)).await.ok().json();
    assert_eq!(runs, json!({"items": []}));
}

#[tokio::test]
async fn putting_again_replaces_and_anybody_elses_address_is_unknown() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    let slot = &anna.slots(1).await[0];
    anna.put(slot, "").await;
    anna.put(slot, JUNIT).await;
    anna.put(slot, GREEN).await;
    let announced = anna.announce("b", &[("a.xml", &slot.path, true)]).await.expect("announced");
    anna.import().await;
    assert_eq!(anna.run(announced.run_number).await.counts.total, 1);
    let nothing = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::new())]);
    let refused = ingest::receive(&app.app, "guessed", nothing).await.expect_err("unknown");
    assert_eq!(refused.code(), "not_found");
}

#[tokio::test]
async fn an_import_that_was_cut_off_begins_again() {
    let app = TestApp::start().await;
    let ci = app.key(&["results:write", "results:read"]).await;
    let shots: [(&str, &[u8]); 2] = [("junit.xml", JUNIT.as_bytes()), ("log.txt", b"hello")];
    let receipt = upload(&ci, &app, &[("batch", "b1")], &shots).await.ok().json();
    // As after a crash: rows are there, and the upload is not marked as imported.
    let file = app.data_dir().join("testward.db");
    let database = sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(file)).await;
    let database = database.expect("the database");
    sqlx::query("UPDATE upload SET stage = 'importing'").execute(&database).await.expect("updated");
    sqlx::query("DELETE FROM result WHERE name = 'adds'").execute(&database).await.expect("deleted");
    let app = app.restarted().await;
    ingest::import_waiting(&app.app).await.expect("imported");
    let ci = app.anna().await;
    let again = ci.get(&format!("/api/v1/projects/{}/uploads/1", app.project)).await.ok().json();
    assert_eq!(again, receipt);
    let n: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM result").fetch_one(&database).await.expect("counted");
    let n_files: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM attachment").fetch_one(&database).await.expect("counted");
    assert_eq!((n, n_files), (3, 2));
}

#[tokio::test]
async fn live_results_give_way_to_the_report_of_their_session() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    anna.live("", None, None, false).await;
    anna.live("cart", Some("adds"), None, false).await;
    anna.live("cart", Some("adds"), Some(Status::Passed), false).await;
    let run = anna.live("cart", Some("removes"), Some(Status::Failed), false).await;
    assert_eq!((run.number, run.stage, run.counts.total, run.counts.failed), (1, RunStage::Running, 2, 1));
    let ci = app.anna().await;
    let receipt = upload(&ci, &app, &[("session", "S")], &[("junit.xml", JUNIT.as_bytes())]).await.ok().json();
    assert_eq!((&receipt["run"]["number"], &receipt["run"]["counts"]["total"]), (&json!(1), &json!(3)));
    let late = anna.live("cart", Some("adds"), Some(Status::Failed), true).await;
    assert_eq!((late.stage, late.counts.failed), (RunStage::Done, 1));
}

#[tokio::test]
async fn a_session_found_in_the_files_moves_them_to_its_run() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    anna.live("cart", Some("adds"), Some(Status::Passed), false).await;
    let slots = anna.slots(2).await;
    let files = [("results.json", slots[0].path.as_str(), false), ("metadata.json", slots[1].path.as_str(), true)];
    let announced = anna.announce("b", &files).await.expect("announced");
    assert_eq!(announced.run_number, 2);
    anna.put(&slots[0], r#"{"results":[{"uuid":"r","name":"adds","suiteName":"cart","status":"PASSED"}]}"#).await;
    anna.put(&slots[1], r#"{"framework":"jest","sessionId":"S"}"#).await;
    anna.import().await;
    let run = anna.run(2).await;
    assert_eq!((run.number, run.stage, run.counts.total), (1, RunStage::Done, 1));
    assert!(anna.announce("b", &files).await.expect("again").is_done);
}

#[tokio::test]
async fn a_run_that_falls_silent_is_closed() {
    let app = TestApp::start().await;
    let anna = Hands::of_anna(&app).await;
    anna.live("cart", Some("adds"), Some(Status::Passed), false).await;
    anna.live("cart", Some("removes"), None, false).await;
    app.pass(Duration::from_mins(9)).await;
    anna.import().await;
    assert_eq!(anna.run(1).await.stage, RunStage::Running);
    app.pass(Duration::from_mins(2)).await;
    anna.import().await;
    let run = anna.run(1).await;
    assert_eq!((run.stage, run.status, run.counts.incomplete), (RunStage::Closed, Status::Failed, 1));
}

#[tokio::test]
async fn a_later_upload_of_the_session_is_another_attempt() {
    let app = TestApp::start().await;
    let ci = app.anna().await;
    upload(&ci, &app, &[("session", "S"), ("batch", "a")], &[("a.xml", JUNIT.as_bytes())]).await.ok();
    upload(&ci, &app, &[("session", "S"), ("batch", "b")], &[("a.xml", GREEN.as_bytes())]).await.ok();
    let run = run(&ci, &app, 1).await;
    assert_eq!(run["status"], "PASSED");
    assert_eq!((&run["counts"]["total"], &run["counts"]["flaky"]), (&json!(3), &json!(1)));
    let path = format!("/api/v1/projects/{}/runs/1/results?q=removes", app.project);
    let result = ci.get(&path).await.ok().json()["items"][0].clone();
    assert_eq!((&result["attempt"], &result["flaky"], &result["status"]), (&json!(2), &json!(true), &json!("PASSED")));
}
