//! Jobs: run once they are committed, tried again when they fail, given up with their error.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testward_server::app::App;
use testward_server::error::{Error, Result};
use testward_server::ids::PersonId;
use testward_server::work::{self, Handlers, Job};
use testward_server::{identity, time};

use crate::support::{NOW, TestApp};

/// Renames Anna; fails or panics until her name is what it waits for.
#[derive(Serialize, Deserialize)]
struct Rename {
    to: String,
    panics: bool,
    waits_for: Option<String>,
}

impl Job for Rename {
    const KIND: &'static str = "test_rename";
    const ATTEMPTS: i64 = 3;

    async fn run(self, app: App) -> Result<()> {
        let name = name(&app).await;
        if self.waits_for.is_some_and(|wanted| wanted != name) {
            assert!(!self.panics, "not yet");
            return Err(Error::Unavailable { message: "not yet".to_owned() });
        }
        let mut tx = app.db.write().await?;
        let actor = caller();
        identity::rename(&mut tx, NOW, &actor, &self.to).await?;
        tx.commit().await
    }
}

fn caller() -> testward_server::gate::Caller {
    use testward_server::gate::{Caller, SessionFacts, Via};
    let session = SessionFacts { token_hash: String::new(), confirmed_at: NOW, ends_at: None };
    Caller::new(PersonId(1), Via::Session(session), [127, 0, 0, 1].into())
}

async fn name(app: &App) -> String {
    let mut tx = app.db.read().await.expect("tx");
    identity::find(&mut tx, PersonId(1)).await.expect("anna").name
}

async fn enqueue(app: &TestApp, to: &str, waits_for: Option<&str>, panics: bool) {
    let mut tx = app.app.db.write().await.expect("tx");
    let job = Rename { to: to.to_owned(), panics, waits_for: waits_for.map(str::to_owned) };
    work::enqueue(&mut tx, app.app.clock.now(), &job).await.expect("enqueued");
    tx.commit().await.expect("committed");
}

async fn run(app: &TestApp) -> usize {
    work::run_due(&app.app, &Handlers::default().on::<Rename>()).await.expect("run")
}

async fn rows(app: &TestApp) -> Vec<(i64, bool, Option<String>)> {
    let file = app.data_dir().join("testward.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("the database");
    let sql = "SELECT attempts, failed_at IS NOT NULL, error FROM job ORDER BY id";
    let rows = sqlx::query_as(sql).fetch_all(&pool).await.expect("rows");
    pool.close().await;
    rows
}

#[tokio::test]
async fn a_job_runs_once_and_is_gone() {
    let app = TestApp::start().await;
    enqueue(&app, "Anna the First", None, false).await;
    assert_eq!((run(&app).await, name(&app.app).await.as_str()), (1, "Anna the First"));
    assert_eq!((run(&app).await, rows(&app).await), (0, vec![]));
}

#[tokio::test]
async fn a_change_that_was_rolled_back_leaves_no_job() {
    let app = TestApp::start().await;
    let mut tx = app.app.db.write().await.expect("tx");
    let job = Rename { to: "Nobody".to_owned(), panics: false, waits_for: None };
    work::enqueue(&mut tx, NOW, &job).await.expect("enqueued");
    drop(tx);
    assert_eq!(run(&app).await, 0);
}

#[tokio::test]
async fn a_job_that_fails_waits_and_is_tried_again() {
    let app = TestApp::start().await;
    enqueue(&app, "Second", Some("First"), false).await;
    assert_eq!(run(&app).await, 1);
    assert_eq!(rows(&app).await, [(1, false, Some("not yet".to_owned()))]);
    enqueue(&app, "First", None, false).await;
    assert_eq!(run(&app).await, 1, "the failed one is not due");
    app.pass(Duration::from_secs(30)).await;
    assert_eq!((run(&app).await, name(&app.app).await.as_str()), (1, "Second"));
    assert_eq!(rows(&app).await, []);
}

#[tokio::test]
async fn a_job_that_panics_is_given_up_with_its_words() {
    let app = TestApp::start().await;
    enqueue(&app, "Never", Some("Nobody"), true).await;
    for _ in 0..5 {
        run(&app).await;
        app.pass(Duration::from_hours(1)).await;
    }
    assert_eq!(rows(&app).await, [(3, true, Some("panic 3 since the start: not yet".to_owned()))]);
    app.pass(Duration::from_millis(31 * time::DAY as u64)).await;
    assert_eq!(rows(&app).await, [], "kept for a month");
}

#[tokio::test]
async fn a_job_of_a_process_that_was_killed_is_run_by_the_next() {
    let app = TestApp::start().await;
    enqueue(&app, "Survivor", None, false).await;
    let file = app.data_dir().join("testward.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("the database");
    let claim = "UPDATE job SET attempts = 1, leased_until = $1";
    sqlx::query(claim).bind(NOW.0 + time::MINUTE).execute(&pool).await.expect("claimed by somebody");
    pool.close().await;
    assert_eq!(run(&app).await, 0, "it is somebody's");
    app.pass(Duration::from_mins(1)).await;
    assert_eq!((run(&app).await, name(&app.app).await.as_str()), (1, "Survivor"));
}
