//! Backup and restore, and what a restore must not bring back.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testward_server::app::App;
use testward_server::backup;
use testward_server::config::Config;
use testward_server::random::Random;
use testward_server::time::{Clock, DAY, Millis};
use testward_server::{audit, keys};
use testward_wire::keytext::KeyText;

use crate::support::{Client, NOW, TestApp};

const LATER: Millis = NOW.plus(DAY);

async fn new_key(client: &Client, name: &str) -> String {
    let key = client.post("/api/v1/api-keys", json!({"name": name})).await.ok().json();
    key["key"].as_str().expect("a key").to_owned()
}

/// Backs the app up beside its data.
async fn backed_up(app: &TestApp) -> PathBuf {
    let folder = app.data_dir().join("backup");
    backup::back_up(&Config::on(app.data_dir().to_owned()), &folder, app.app.clock.now()).await.expect("a backup");
    folder
}

async fn restored(data: &Path, from: &Path, revocations: Option<PathBuf>) -> (App, backup::Restored) {
    let config = Config::on(data.to_owned());
    let restored = backup::restore(&config, from, revocations, Clock::fixed(LATER)).await.expect("restored");
    let app = App::open(&config, String::new(), Clock::fixed(LATER), Random::counted()).await.expect("an app");
    (app, restored)
}

fn verify(app: &App, key: &str) -> Result<(), &'static str> {
    let key = KeyText::parse(key).expect("a key");
    let outcome = app.keys.verify(&app.vault, LATER, [192, 0, 2, 1].into(), key);
    outcome.map(drop).map_err(|rejection| match rejection {
        keys::Rejection::Revoked(_) => "revoked",
        keys::Rejection::Disabled(_) => "disabled",
        keys::Rejection::OwnerDisabled(_) => "owner disabled",
        keys::Rejection::Unknown => "unknown",
        _ => "something else",
    })
}

#[tokio::test]
async fn an_old_backup_brings_no_key_back() {
    let app = TestApp::start().await;
    let (anna, ben) = (app.anna().await, app.ben().await);
    let mut keys = Vec::new();
    for name in ["kept", "deleted", "disabled", "rotated", "enabled again"] {
        keys.push(new_key(&anna, name).await);
    }
    let of_ben = new_key(&ben, "of somebody who left").await;
    let backup = backed_up(&app).await;
    anna.delete("/api/v1/api-keys/2").await.ok();
    anna.post("/api/v1/api-keys/3/disable", json!({})).await.ok();
    anna.post("/api/v1/api-keys/4/rotate", json!({"overlap": "0d"})).await.ok();
    anna.post("/api/v1/api-keys/5/disable", json!({})).await.ok();
    anna.post("/api/v1/api-keys/5/enable", json!({})).await.ok();
    let order = testward_server::admin::Order::DisableUser { email: "ben@example.com".to_owned() };
    testward_server::admin::carry_out(&app.app, order).await;
    let after = new_key(&anna, "made after the backup").await;
    app.app.db.close().await;
    let (restored, outcome) = restored(app.data_dir(), &backup, None).await;
    let outcomes: Vec<_> = keys.iter().map(|key| verify(&restored, key)).collect();
    assert_eq!(outcomes, [Ok(()), Err("revoked"), Err("disabled"), Err("disabled"), Ok(())]);
    assert_eq!((verify(&restored, &of_ben), verify(&restored, &after)), (Err("owner disabled"), Err("unknown")));
    assert!(outcome.replayed.is_some() && outcome.moved_to.is_some_and(|folder| folder.join("testward.db").exists()));
}

#[tokio::test]
async fn another_machine_takes_the_log_of_the_lost_one() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let (kept, deleted) = (new_key(&anna, "kept").await, new_key(&anna, "deleted").await);
    let backup = backed_up(&app).await;
    anna.delete("/api/v1/api-keys/2").await.ok();
    let fresh = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(fresh.path().join("secrets")).expect("a folder");
    for secret in ["pepper", "kek", "audit-key"] {
        let name = Path::new("secrets").join(secret);
        std::fs::copy(app.data_dir().join(&name), fresh.path().join(&name)).expect("the operator brings the secrets");
    }
    let (without, outcome) = restored(fresh.path(), &backup, None).await;
    assert_eq!((outcome.replayed, verify(&without, &deleted)), (None, Ok(())), "which the command warns of");
    without.db.close().await;
    let log = app.data_dir().join("revocations.log");
    let (with, _) = restored(fresh.path(), &backup, Some(log)).await;
    assert_eq!((verify(&with, &kept), verify(&with, &deleted)), (Ok(()), Err("revoked")));
}

#[tokio::test]
async fn a_backup_holds_neither_secrets_nor_the_log_of_revocations() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let key = new_key(&anna, "ci").await;
    anna.post("/api/v1/api-keys/1/disable", json!({})).await.ok();
    let backup = backed_up(&app).await;
    let mut names: Vec<_> = std::fs::read_dir(&backup)
        .expect("a folder")
        .flatten()
        .map(|it| it.file_name().into_string().expect("text"))
        .collect();
    names.sort();
    assert_eq!(names, ["backup.json", "blobs", "testward.db"]);
    let log = std::fs::read_to_string(app.data_dir().join("revocations.log")).expect("a log");
    assert!(log.contains(&key[4..12]) && !log.contains(&key[13..]), "handles only");
    let again = backup::back_up(&Config::on(app.data_dir().to_owned()), &backup, NOW).await;
    assert!(again.is_err(), "a folder that exists is not written over");
}

#[tokio::test]
async fn what_is_restored_is_whole_and_says_so_in_the_audit_log() {
    let app = TestApp::start().await;
    let anna = app.anna().await;
    let path = format!("/api/v1/projects/{}/uploads", app.project);
    let form = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"r.xml\"\r\n\r\n\
                <testsuite name=\"s\"><testcase name=\"a\" classname=\"b\"/></testsuite>\r\n--x--\r\n";
    anna.send(axum::http::Method::POST, &path, "multipart/form-data; boundary=x", form.into()).await.ok();
    let backup = backed_up(&app).await;
    let about: Value =
        serde_json::from_slice(&std::fs::read(backup.join("backup.json")).expect("about")).expect("JSON");
    assert_eq!(about["files"], 1);
    app.app.db.close().await;
    let (restored, _) = restored(app.data_dir(), &backup, None).await;
    let report = audit::verify(&restored.db, &restored.audit_seal).await.expect("read");
    assert_eq!(report.broken, None);
    assert_eq!(report.sealed.map(|head| head.seq), Some(report.rows));
    let app_is_signed_out =
        testward_server::identity::find_caller(&restored.db, LATER, "anything", [127, 0, 0, 1].into());
    assert!(app_is_signed_out.await.expect("read").is_none());
}
