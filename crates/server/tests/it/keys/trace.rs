//! Everything a key goes through, logged as finely as can be: nothing of it is anywhere.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::ingest::{JUNIT, upload};
use crate::support::TestApp;

const FORM: &str = "application/x-www-form-urlencoded";

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn text(answer: &Value) -> String {
    answer["key"].as_str().expect("a key").to_owned()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Calls `each` with every file below a folder.
fn for_each_file(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { for_each_file(&path, each) } else { each(&path) }
    }
}

#[tokio::test]
async fn no_log_line_and_no_file_holds_a_secret_of_a_key() {
    let log = Log::default();
    // While there is one subscriber only, a place that first logs on another test's thread is switched off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone()).finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let first = text(&anna.post("/api/v1/api-keys", json!({"name": "ci"})).await.ok().json());
    let key = app.with_key(&first);
    // Used well, in each of its forms, and for work.
    key.get("/api/v1/ping").await.ok();
    app.stranger().with("authorization", &format!("Bearer {first}")).get("/api/v1/projects").await.ok();
    app.stranger().with("x-api-key", &first).get("/api/v1/verify").await.ok();
    upload(&key, &app, &[], &[("a.xml", JUNIT.as_bytes())]).await.ok();
    key.send(Method::POST, "/oauth/introspect", FORM, format!("token={first}").into()).await.ok();
    // Used badly.
    app.stranger()
        .with("authorization", &format!("Basic {first}"))
        .get("/api/v1/ping")
        .await
        .refused(401, "invalid_credentials");
    app.stranger()
        .with("authorization", &format!("Bearer {first}x"))
        .get("/api/v1/ping")
        .await
        .refused(401, "invalid_api_key");
    app.stranger().get(&format!("/api/v1/ping?key={first}")).await.refused(400, "key_in_address");
    key.post("/api/v1/api-keys", json!({"name": first})).await.refused(403, "session_required");
    app.stranger().get(&format!("/api/v1/projects/{first}")).await.refused(401, "not_signed_in");
    // Copied, rotated, ended.
    anna.post("/api/v1/api-keys/1/reveal", json!({})).await.ok();
    let rotated = key.clone().with("idempotency-key", "t").post("/api/v1/api-keys/self/rotate", json!({})).await.ok();
    let second = text(&rotated.json());
    app.with_key(&second).get("/api/v1/ping").await.ok();
    app.pass(Duration::from_secs(10)).await;
    app.stranger().send(Method::POST, "/oauth/revoke", FORM, format!("token={second}").into()).await.ok();
    app.with_key(&first).get("/api/v1/ping").await.refused(401, "key_revoked");
    app.pass(Duration::from_hours(2)).await;
    drop(logging);

    let log = log.0.lock().expect("the log").clone();
    assert!(holds(&log, "/api/v1/api-keys/self/rotate"), "nothing was logged");
    for secret in [&first[13..45], &second[13..45]] {
        assert!(!holds(&log, secret), "the log holds a secret");
        for_each_file(app.data_dir(), &mut |file| {
            assert!(!holds(&fs::read(file).expect("a file"), secret), "{} holds a secret", file.display());
        });
    }
}
