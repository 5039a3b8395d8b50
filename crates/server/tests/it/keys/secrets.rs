//! What somebody gains who has the database, writes to it, or calls while a key is being deleted.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use sqlx::SqlitePool;
use testward_server::app::App;
use testward_server::config::Config;
use testward_server::keys::{self, Rejection};
use testward_server::random::Random;
use testward_server::time::Clock;
use testward_wire::keytext::KeyText;

use crate::support::{NOW, TestApp};

const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn database(app: &TestApp) -> SqlitePool {
    let file = app.data_dir().join("testward.db");
    SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("the database")
}

async fn new_key(app: &TestApp) -> String {
    let created = app.anna().await.post("/api/v1/api-keys", json!({"name": "ci"})).await.json();
    created["key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn a_row_written_into_the_database_makes_no_key() {
    let app = TestApp::start().await;
    let real = new_key(&app).await;
    let forged = testward_wire::keytext::compose(
        testward_wire::keytext::Kind::Personal,
        "Forged00",
        "0123456789abcdefghijABCDEFGHIJ01",
    );
    let mac = testward_server::blobs::hex(&<sha2::Sha256 as sha2::Digest>::digest(&forged));
    let sql = "INSERT INTO api_key SELECT 99, 'Forged00', kind, owner_id, name, description, $1, pepper_version, scopes, \
               projects, custody, created_at, expires_at, NULL, NULL, 1, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM api_key WHERE id = 1";
    let database = database(&app).await;
    sqlx::query(sql).bind(mac).execute(&database).await.expect("planted");
    database.close().await;
    let app = app.restarted().await;
    app.with_key(&real).get("/api/v1/ping").await.ok();
    app.with_key(&forged).get("/api/v1/ping").await.refused(401, "invalid_api_key");
}

#[tokio::test]
async fn a_stolen_database_verifies_nothing_without_the_pepper() {
    let app = TestApp::start().await;
    let stolen = tempfile::tempdir().expect("a folder");
    fs::copy(app.data_dir().join("testward.db"), stolen.path().join("testward.db")).expect("copied");
    let config = Config::on(stolen.path().to_owned());
    let opened = App::open(&config, String::new(), Clock::fixed(NOW), Random::counted()).await;
    assert!(opened.is_err(), "a database without its pepper must not be served with a new one");
}

#[tokio::test]
async fn the_data_folder_holds_no_key_in_clear() {
    let app = TestApp::start().await;
    let key = new_key(&app).await;
    app.with_key(&key).get("/api/v1/ping").await.ok();
    app.pass(std::time::Duration::from_secs(10)).await;
    let secret = &key.as_bytes()[13..45];
    for entry in fs::read_dir(app.data_dir()).expect("the folder").flatten().filter(|it| it.path().is_file()) {
        let bytes = fs::read(entry.path()).expect("a file");
        let found = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "{} holds a key", entry.path().display());
    }
}

#[tokio::test]
async fn swapped_copies_do_not_open() {
    let app = TestApp::start().await;
    let (first, _) = (new_key(&app).await, new_key(&app).await);
    let database = database(&app).await;
    let swap =
        "UPDATE api_key_sealed SET sealed = (SELECT sealed FROM api_key_sealed WHERE key_id = 3 - 1) WHERE key_id = 1";
    sqlx::query(swap).execute(&database).await.expect("swapped");
    let answer = app.anna().await.post("/api/v1/api-keys/1/reveal", json!({})).await;
    answer.refused(500, "internal_error");
    app.with_key(&first).get("/api/v1/ping").await.ok();
}

#[cfg(unix)]
#[tokio::test]
async fn the_secrets_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let app = TestApp::start().await;
    let mode = |path: &str| fs::metadata(app.data_dir().join(path)).expect("is there").permissions().mode() & 0o777;
    assert_eq!([mode("secrets"), mode("secrets/pepper"), mode("secrets/kek")], [0o700, 0o600, 0o600]);
}

/// Sixty rounds of a thousand checks each, run while the key is being deleted: once the deletion was answered, no check
/// that begins afterwards may pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_check_passes_after_the_deletion_was_answered() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    for round in 1..=60 {
        let text = new_key(&app).await;
        let deleted = Arc::new(AtomicBool::new(false));
        let checks = tokio::task::spawn_blocking({
            let (app, deleted) = (app.app.clone(), deleted.clone());
            move || check_many(&app, &text, &deleted)
        });
        anna.delete(&format!("/api/v1/api-keys/{round}")).await.ok();
        deleted.store(true, Ordering::SeqCst);
        assert_eq!(checks.await.expect("checked"), 0, "passed after the answer in round {round}");
    }
}

/// Returns how many checks passed that began after the deletion was answered.
fn check_many(app: &App, text: &str, deleted: &AtomicBool) -> usize {
    let key = KeyText::parse(text).expect("a key");
    let mut late = 0;
    let mut after = 0;
    while after < 1000 {
        let is_after = deleted.load(Ordering::SeqCst);
        let passed = app.keys.verify(&app.vault, NOW, IP, key).is_ok();
        after += usize::from(is_after);
        late += usize::from(is_after && passed);
    }
    late
}

#[tokio::test]
async fn an_owner_who_is_disabled_takes_their_keys_along() {
    let app = TestApp::start().await;
    let text = new_key(&app).await;
    let anna = crate::support::person(&app.app, "anna@example.com").await;
    let mut tx = app.app.db.write().await.expect("tx");
    testward_server::identity::set_disabled(&mut tx, anna.id, Some(NOW)).await.expect("disabled");
    let change = keys::owner_changed(&mut tx, anna.id).await.expect("read");
    keys::commit(&app.app, tx, change).await.expect("committed");
    app.with_key(&text).get("/api/v1/ping").await.refused(401, "owner_disabled");
    let rejection = app.app.keys.verify(&app.app.vault, NOW, IP, KeyText::parse(&text).expect("a key")).err();
    assert_eq!(rejection, Some(Rejection::OwnerDisabled(NOW)));
}
