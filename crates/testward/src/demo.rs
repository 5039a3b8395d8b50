//! `testward demo`: the main job on real input, in one command.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser;
use testward_client::Command;
use testward_server::admin::{self, Order, Outcome};
use testward_server::config::{Config, FirstPerson};
use testward_server::random::Random;
use testward_server::web::Server;
use tracing_subscriber::filter::LevelFilter;

use crate::serve::{block_on, finish, say, start_log, stop_signal};

/// Written by pytest for a small web shop's tests, some of which fail.
const REPORT: &str = include_str!("../demo/junit.xml");
const EMAIL: &str = "demo@example.com";

#[derive(clap::Args)]
pub struct Args {
    /// Address and port to listen on
    #[arg(long, env = "TESTWARD_LISTEN", default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
}

impl Args {
    pub const fn on(listen: SocketAddr) -> Self {
        Self { listen }
    }
}

pub fn run(args: &Args) -> ExitCode {
    start_log(LevelFilter::WARN);
    finish(block_on(show(args.listen)))
}

async fn show(listen: SocketAddr) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    let password = Random::System.base62(16);
    let first_person = FirstPerson {
        name: "Demo".to_owned(),
        email: EMAIL.to_owned(),
        password: password.clone(),
        organization: "Demo".to_owned(),
        team: "Default team".to_owned(),
        project: "Web shop".to_owned(),
    };
    let config = Config { listen, first_person: Some(first_person), ..Config::on(folder.path().to_owned()) };
    let server = Server::open(&config).await?;
    let (app, url) = (server.app.clone(), server.app.base_url.clone());
    let report = folder.path().join("junit.xml");
    std::fs::write(&report, REPORT)?;
    #[expect(clippy::disallowed_methods, reason = "the server runs beside the show")]
    let running = tokio::spawn(server.run(stop_signal()));
    let order =
        Order::CreateKey { email: EMAIL.to_owned(), name: "Demo upload".to_owned(), expires: Some("90d".to_owned()) };
    let Outcome::Secret { secret: key, .. } = admin::carry_out(&app, order).await else {
        bail!("the demo's API key could not be made");
    };
    say(&format!("1. A server on a temporary folder: {url}"));
    say(&format!("2. An API key: {}…", &key[..12]));
    say("3. A real report, uploaded with it:\n");
    upload(&url, &key, report.display().to_string()).await?;
    say(&format!(
        "\nThe keys page:  {url}/user/apikey\nSign in as      {EMAIL}\nwith password   {password}\n\nCtrl-C ends the demo."
    ));
    running.await?
}

/// The client alone, as its own command line reads it.
#[derive(Parser)]
struct Client {
    #[command(subcommand)]
    command: Command,
}

async fn upload(url: &str, key: &str, report: String) -> anyhow::Result<()> {
    let args = ["testward", "upload", "--url", url, "--project", "1", "--run-name", "Demo run", &report];
    let key = format!("--api-key={key}");
    let client = Client::try_parse_from(args.into_iter().chain([key.as_str()]))?;
    let code = tokio::task::spawn_blocking(move || testward_client::run(client.command)).await?;
    if code == ExitCode::SUCCESS { Ok(()) } else { bail!("the demo's upload did not succeed") }
}
