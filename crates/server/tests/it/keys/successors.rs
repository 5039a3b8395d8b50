//! Pepper and key-encryption key get successors, and nobody notices but the operator.

use std::fs;
use std::time::Duration;

use serde_json::json;
use testward_server::admin::{self, Order, Outcome};
use testward_server::keys::{self, SecretKind};

use crate::support::TestApp;

async fn new_key(app: &TestApp, email: &str) -> String {
    let answer = app.signed_in(email).await.post("/api/v1/api-keys", json!({"name": "ci"})).await.ok();
    answer.json()["key"].as_str().expect("a key").to_owned()
}

/// Gives an order at the console and returns what is printed.
async fn order(app: &TestApp, order: Order) -> String {
    match admin::carry_out(&app.app, order).await {
        Outcome::Report { text, problems } => format!("{text}{}", problems.join("\n")),
        Outcome::Refused { message } => message,
        other => panic!("{other:?}"),
    }
}

fn rotate(secret: &str) -> Order {
    Order::RotateSecret { secret: secret.to_owned() }
}

fn retire(secret: &str, force: bool) -> Order {
    Order::RetireSecret { secret: secret.to_owned(), force }
}

#[tokio::test]
async fn a_key_moves_to_the_new_pepper_when_it_is_next_used() {
    let app = TestApp::start().await;
    let (used, unused) = (new_key(&app, "anna@example.com").await, new_key(&app, "ben@example.com").await);
    let told = order(&app, rotate("pepper")).await;
    assert!(told.contains("version 2 is current") && told.contains("2 live keys still need version 1"), "{told}");
    let new = new_key(&app, "anna@example.com").await;
    app.with_key(&used).get("/api/v1/ping").await.ok();
    app.with_key(&new).get("/api/v1/ping").await.ok();
    app.pass(Duration::from_secs(10)).await;
    assert!(order(&app, Order::SecretsStatus).await.contains("1 live keys still need version 1"));
    assert!(order(&app, retire("pepper", false)).await.contains("1 live API keys were not used since"));
    app.with_key(&unused).get("/api/v1/ping").await.ok();
    // Retiring writes down what was used a moment ago.
    let told = order(&app, retire("pepper", false)).await;
    assert!(told.contains("version 2 is current") && !told.contains("version 1"), "{told}");
    assert!(!app.data_dir().join("secrets/pepper").exists() && app.data_dir().join("secrets/pepper.2").exists());
    let app = app.restarted().await;
    for key in [&used, &unused, &new] {
        app.with_key(key).get("/api/v1/ping").await.ok();
    }
}

#[tokio::test]
async fn a_pepper_retired_by_force_takes_the_keys_along_that_nobody_used() {
    let app = TestApp::start().await;
    let unused = new_key(&app, "anna@example.com").await;
    order(&app, rotate("pepper")).await;
    assert!(order(&app, rotate("pepper")).await.contains("retire its old version first"));
    order(&app, retire("pepper", true)).await;
    app.with_key(&unused).get("/api/v1/ping").await.refused(401, "invalid_api_key");
    let report = order(&app, Order::Doctor).await;
    assert!(report.contains("1 live keys need version 1 of the pepper, which is not there"), "{report}");
}

#[tokio::test]
async fn a_rotated_key_keeps_both_secrets_over_a_change_of_pepper() {
    let app = TestApp::start().await;
    let old = new_key(&app, "anna@example.com").await;
    let new = app.anna().await.post("/api/v1/api-keys/1/rotate", json!({})).await.ok().json();
    let new = new["key"].as_str().expect("a key");
    order(&app, rotate("pepper")).await;
    app.with_key(new).get("/api/v1/ping").await.ok();
    app.pass(Duration::from_secs(10)).await;
    for key in [&old, new] {
        app.with_key(key).get("/api/v1/ping").await.ok();
    }
    assert!(order(&app, Order::SecretsStatus).await.contains("1 live keys still need version 1"), "the former secret");
}

#[tokio::test]
async fn copies_open_with_the_new_key_encryption_key_at_once() {
    let app = TestApp::start().await;
    let key = new_key(&app, "anna@example.com").await;
    new_key(&app, "ben@example.com").await;
    let told = order(&app, rotate("kek")).await;
    assert!(told.contains("version 2 is current") && !told.contains("still need"), "{told}");
    order(&app, retire("kek", false)).await;
    let app = app.restarted().await;
    let copied = app.anna().await.post("/api/v1/api-keys/1/reveal", json!({})).await.ok().json();
    assert_eq!(copied["key"], key);
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_goes_on_after_the_next_start() {
    let app = TestApp::start().await;
    let key = new_key(&app, "anna@example.com").await;
    // As if the power failed between the new file and the first row, and while another file was written.
    app.app.vault.add(SecretKind::Kek, &app.app.random).expect("added");
    fs::write(app.data_dir().join("secrets/pepper.unfinished"), "0123").expect("written");
    let app = app.restarted().await;
    let status = keys::secret_status(&app.app, SecretKind::Kek).await.expect("status");
    assert_eq!((status.current(), status.remaining()), (2, 1));
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(keys::secret_status(&app.app, SecretKind::Kek).await.expect("status").remaining(), 0);
    assert!(!app.data_dir().join("secrets/pepper.unfinished").exists());
    order(&app, retire("kek", false)).await;
    let copied = app.anna().await.post("/api/v1/api-keys/1/reveal", json!({})).await.ok().json();
    assert_eq!(copied["key"], key);
}

#[tokio::test]
async fn the_doctor_shows_what_is_there_and_says_what_to_do() {
    let app = TestApp::start().await;
    new_key(&app, "anna@example.com").await;
    let report = order(&app, Order::Doctor).await;
    for line in ["HMAC-SHA-256", "XChaCha20-Poly1305", "Argon2id", "pepper  version 1, current: 1 live keys", "0700  "]
    {
        assert!(report.contains(line), "{line} is not in:\n{report}");
    }
    assert!(report.contains("travel in clear"), "{report}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let secrets = app.data_dir().join("secrets");
        let open = |mode| fs::set_permissions(&secrets, fs::Permissions::from_mode(mode)).expect("set");
        fs::set_permissions(app.data_dir(), fs::Permissions::from_mode(0o755)).expect("set");
        open(0o755);
        let report = order(&app, Order::Doctor).await;
        assert!(report.contains(&format!("chmod 700 {}", secrets.display())), "{report}");
    }
}
