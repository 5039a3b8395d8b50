//! A whole server in process, with a clock that moves when told to, and people who use it.

#![allow(dead_code, reason = "each test file uses some of it")]

mod foreign;
mod smtp;
mod issuer;

pub use foreign::{Asked, Foreign};
pub use issuer::{Issuer, Signer, encode};
pub use smtp::MailServer;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use testward_server::app::App;
use testward_server::config::{Config, Mail};
use testward_server::identity::{self, FirstSteps, Person, Role};
use testward_server::ids::{ProjectId, TeamId};
use testward_server::net::Networks;
use testward_server::outbound::Settings;
use testward_server::random::Random;
use testward_server::time::{Clock, Millis};
use testward_server::web::{self, Normalised};
use testward_server::{ingest, keys, projects};
use tokio::task::JoinHandle;
use tower::Service as _;

/// 2026-11-23T09:00:00Z.
pub const NOW: Millis = Millis(1_795_424_400_000);
pub const PASSWORD: &str = "correct horse battery";

/// A running server with one organization: Anna owns it, Ben is a member of its team.
pub struct TestApp {
    pub app: App,
    pub project: ProjectId,
    pub team: TeamId,
    service: Normalised<Router>,
    folder: TempDir,
    importer: JoinHandle<()>,
}

/// Somebody, or something, that calls the server.
#[derive(Clone)]
pub struct Client {
    service: Normalised<Router>,
    headers: HeaderMap,
    peer: SocketAddr,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder")).await
    }

    /// A server behind proxies of these networks.
    pub async fn start_behind(proxies: &[&str]) -> Self {
        let trusted_proxies = Networks::parse(proxies.iter().copied()).expect("networks");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = Config { trusted_proxies, ..config(&folder) };
        let app = open(config).await;
        Self::with(app, folder).await
    }

    /// A server that sends mail through the one at `smtp_url`.
    pub async fn start_with_mail(smtp_url: &str) -> Self {
        let mail = Mail { smtp_url: smtp_url.to_owned(), from: "Testward <testward@example.com>".to_owned() };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let app = open(Config { mail: Some(mail), ..config(&folder) }).await;
        Self::with(app, folder).await
    }

    async fn start_in(folder: TempDir) -> Self {
        let app = open(config(&folder)).await;
        Self::with(app, folder).await
    }

    async fn with(app: App, folder: TempDir) -> Self {
        let (team, project) = found(&app).await;
        let (service, _) = web::service(&app);
        let importer = import(&app);
        Self { app, project, team, service, folder, importer }
    }

    /// Stops the server and starts it again on the same data.
    pub async fn restarted(self) -> Self {
        let Self { app, project, team, folder, service, importer } = self;
        drop(service);
        importer.abort();
        // A task that was told to end is gone when it was waited for.
        let _ = importer.await;
        let now = app.clock.now();
        app.db.close().await;
        drop(app);
        let app = open(config(&folder)).await;
        app.clock.advance(now.since(NOW));
        let (service, _) = web::service(&app);
        let importer = import(&app);
        Self { app, project, team, service, folder, importer }
    }

    /// Returns the folder that holds database, blobs and secrets.
    pub fn data_dir(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Lets time pass, and does what is due.
    pub async fn pass(&self, time: Duration) {
        self.app.clock.advance(time.as_millis() as i64);
        web::run_chores(&self.app).await.expect("chores");
    }

    /// Runs every job that is due, and returns how many attempts that were.
    pub async fn run_jobs(&self) -> usize {
        web::jobs::run_due(&self.app).await.expect("jobs")
    }

    pub fn stranger(&self) -> Client {
        Client { service: self.service.clone(), headers: HeaderMap::new(), peer: ([192, 0, 2, 1], 4242).into() }
    }

    /// The owner, signed in.
    pub async fn anna(&self) -> Client {
        self.signed_in("anna@example.com").await
    }

    /// A member of the team, signed in.
    pub async fn ben(&self) -> Client {
        self.signed_in("ben@example.com").await
    }

    /// Owner of another organization on the same server, signed in.
    pub async fn eve(&self) -> Client {
        self.signed_in("eve@example.org").await
    }

    pub async fn signed_in(&self, email: &str) -> Client {
        let answer = self.stranger().post("/api/v1/session", json!({"email": email, "password": PASSWORD})).await;
        let token = answer.json()["token"].as_str().expect("a token").to_owned();
        self.stranger().with("cookie", &format!("testward={token}"))
    }

    /// Makes another project in the team.
    pub async fn second_project(&self, name: &str) -> ProjectId {
        let mut tx = self.app.db.write().await.expect("tx");
        let project = projects::add(&mut tx, NOW, self.team, name).await.expect("project");
        tx.commit().await.expect("committed");
        project
    }

    /// Somebody who sends the key as the official clients do.
    pub fn with_key(&self, key: &str) -> Client {
        self.stranger().with("authorization", &format!("Basic {}", BASE64.encode(format!(":{key}"))))
    }

    /// Makes a key of Anna's and returns who uses it.
    pub async fn key(&self, scopes: &[&str]) -> Client {
        let answer = self.anna().await.post("/api/v1/api-keys", json!({"name": "ci", "scopes": scopes})).await;
        self.with_key(answer.json()["key"].as_str().expect("a key"))
    }
}

/// Imports uploads beside the test, as a serving process does.
#[expect(clippy::disallowed_methods, reason = "there is no serve loop in a test")]
fn import(app: &App) -> JoinHandle<()> {
    tokio::spawn(ingest::work(app.clone()))
}

fn config(folder: &TempDir) -> Config {
    // Foreign servers of tests listen there.
    let outbound = Settings { allow_private: vec!["127.0.0.1/32".parse().expect("a network")], ca_file: None };
    Config { outbound, ..Config::on(folder.path().to_owned()) }
}

async fn open(config: Config) -> App {
    let base_url = "http://testward.test".to_owned();
    App::open(&config, base_url, Clock::fixed(NOW), Random::counted()).await.expect("an app")
}

/// Makes two organizations, so that there is always somebody else's.
async fn found(app: &App) -> (TeamId, ProjectId) {
    let hash = app.passwords.hash(&app.random, PASSWORD).await.expect("hashed");
    let mut tx = app.db.write().await.expect("tx");
    let steps = FirstSteps {
        name: "Anna Ant",
        email: "anna@example.com",
        password_hash: &hash,
        organization: "Acme",
        team: "Web",
    };
    let (anna, team) = identity::set_up(&mut tx, NOW, steps).await.expect("set up");
    let project = projects::add(&mut tx, NOW, team.id, "Shop").await.expect("project");
    let ben = identity::add_person(&mut tx, NOW, "ben@example.com", "Ben Bee", &hash).await.expect("ben");
    identity::join(&mut tx, NOW, ben.id, &team, Role::Member).await.expect("joined");
    let eve = identity::add_person(&mut tx, NOW, "eve@example.org", "Eve Elk", &hash).await.expect("eve");
    let other = identity::add_organization(&mut tx, NOW, "Other", "Core", eve.id).await.expect("other organization");
    projects::add(&mut tx, NOW, other.id, "Secret").await.expect("project");
    let mut change = keys::owner_changed(&mut tx, anna.id).await.expect("anna");
    change += keys::owner_changed(&mut tx, ben.id).await.expect("ben");
    change += keys::owner_changed(&mut tx, eve.id).await.expect("eve");
    keys::commit(app, tx, change).await.expect("committed");
    (team.id, project)
}

/// Returns the person with an e-mail address.
pub async fn person(app: &App, email: &str) -> Person {
    let mut tx = app.db.read().await.expect("tx");
    identity::find_by_email(&mut tx, email).await.expect("asked").expect("is there")
}

impl Client {
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().expect("a header"));
        self
    }

    #[must_use]
    pub fn at(mut self, peer: SocketAddr) -> Self {
        self.peer = peer;
        self
    }

    #[must_use]
    pub fn from(mut self, ip: [u8; 4]) -> Self {
        self.peer = (ip, 4242).into();
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "", Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, "application/json", body.to_string().into()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, "application/json", body.to_string().into()).await
    }

    pub async fn put_bytes(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(Method::PUT, path, "", body.into()).await
    }

    /// Sends a form, as a browser does.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).expect("a form");
        self.send(Method::POST, path, "application/x-www-form-urlencoded", body.into()).await
    }

    /// Opens a page, as a browser does.
    pub async fn page(&self, path: &str) -> Answer {
        self.clone().with("accept", "text/html").get(path).await
    }

    pub async fn send(&self, method: Method, path: &str, content_type: &str, body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let mut request = request.body(body).expect("a request");
        request.headers_mut().extend(self.headers.clone());
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let response = self.service.clone().call(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text()))
    }

    /// Checks that it worked, and returns the answer.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.status.is_success() || self.status.is_redirection(), "{} {}", self.status, self.text());
        self
    }

    /// Checks that it was refused, with this code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default()),
            (status, code),
            "{}",
            self.text()
        );
    }

    /// Checks that a person was shown a page that says no.
    #[track_caller]
    pub fn refused_page(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert!(self.text().starts_with("<!doctype html>"), "{}", self.text());
    }

    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().expect("text")
    }
}
