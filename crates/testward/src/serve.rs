//! `testward serve`.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use testward_server::config::{Config, FirstPerson, Mail};
use testward_server::net::Networks;
use testward_server::outbound::{IpNet, Settings, parse_net};
use testward_server::web::Server;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

use crate::demo;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataDir,
    /// Address and port to listen on
    #[arg(long, env = "TESTWARD_LISTEN", default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// Address under which people and clients reach the server, such as https://testward.example.com
    #[arg(long, env = "TESTWARD_BASE_URL", value_parser = base_url)]
    base_url: Option<String>,
    /// Private network that the server may call (webhooks, sign-in, mail), such as 10.1.0.0/16; may be repeated
    #[arg(long, env = "TESTWARD_ALLOW_PRIVATE", value_name = "CIDR", value_delimiter = ',', value_parser = parse_net)]
    allow_private: Vec<IpNet>,
    /// Mail server, such as smtps://user:password@mail.example.com; give it in the environment if it holds a password
    #[arg(long, env = "TESTWARD_SMTP_URL", hide_env_values = true)]
    smtp_url: Option<String>,
    /// Sender of mail, such as "Testward <testward@example.com>"
    #[arg(long, env = "TESTWARD_MAIL_FROM", default_value = "Testward <testward@localhost>")]
    mail_from: String,
    /// PEM file of the certificate authorities to trust in what the server calls, instead of Mozilla's
    #[arg(long, env = "TESTWARD_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// Proxy whose X-Forwarded-For is believed, as address or CIDR network; may be repeated
    #[arg(long, env = "TESTWARD_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    trusted_proxy: Vec<String>,
    /// Unix socket on which proxies of this machine ask whose key a request shows (see deploy/forward-auth)
    #[arg(long, env = "TESTWARD_VERIFY_SOCKET", value_name = "PATH")]
    verify_socket: Option<PathBuf>,
    /// E-mail address of the first person, made when the database is empty
    #[arg(long, env = "TESTWARD_ADMIN_EMAIL", requires = "admin_password")]
    admin_email: Option<String>,
    /// Password of the first person; give it in the environment only
    #[arg(long, env = "TESTWARD_ADMIN_PASSWORD", hide_env_values = true, hide = true)]
    admin_password: Option<String>,
    /// Organization of the first person
    #[arg(long, env = "TESTWARD_ORGANIZATION", default_value = "My organization")]
    organization: String,
    /// First project
    #[arg(long, env = "TESTWARD_PROJECT", default_value = "My first project")]
    project: String,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, env = "TESTWARD_LOG", default_value = "info")]
    log: LevelFilter,
    /// Same as `testward demo`
    #[arg(long)]
    demo: bool,
}

/// Where the data lies.
#[derive(clap::Args)]
pub struct DataDir {
    /// Folder of the database, the uploaded files and the secrets
    #[arg(long, env = "TESTWARD_DATA_DIR", default_value = "testward-data")]
    pub data_dir: PathBuf,
    /// Folder of the pepper and the key-encryption key; within the data folder unless given
    #[arg(long, env = "TESTWARD_SECRETS_DIR")]
    pub secrets_dir: Option<PathBuf>,
}

impl DataDir {
    /// Returns the configuration for this data folder, with defaults for the rest.
    pub fn config(self, listen: SocketAddr) -> Config {
        Config { secrets_dir: self.secrets_dir, listen, ..Config::on(self.data_dir) }
    }
}

fn base_url(text: &str) -> Result<String, &'static str> {
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    if is_http { Ok(text.trim_end_matches('/').to_owned()) } else { Err("must begin with http:// or https://") }
}

impl Args {
    fn config(self) -> anyhow::Result<Config> {
        let first_person = self.admin_email.zip(self.admin_password).map(|(email, password)| FirstPerson {
            name: email.split('@').next().unwrap_or(&email).to_owned(),
            email,
            password,
            organization: self.organization,
            team: "Default team".to_owned(),
            project: self.project,
        });
        let outbound = Settings { allow_private: self.allow_private, ca_file: self.ca_file };
        let mail = self.smtp_url.map(|smtp_url| Mail { smtp_url, from: self.mail_from });
        let trusted_proxies = Networks::parse(self.trusted_proxy.iter().map(String::as_str));
        let trusted_proxies = trusted_proxies.map_err(|problem| anyhow::anyhow!("--trusted-proxy: {problem}"))?;
        let config = self.data.config(self.listen);
        Ok(Config {
            base_url: self.base_url,
            first_person,
            outbound,
            trusted_proxies,
            mail,
            verify_socket: self.verify_socket,
            ..config
        })
    }
}

pub fn run(args: Args) -> ExitCode {
    if args.demo {
        return demo::run(&demo::Args::on(args.listen));
    }
    start_log(args.log);
    finish(args.config().and_then(|config| block_on(serve(config))))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let server = Server::open(&config).await?;
    if let Some(link) = server.setup_link().await? {
        say(&format!("Nobody is here yet. Set Testward up with this link, which works once:\n\n  {link}\n"));
    }
    tracing::info!("listening on {}", server.app.base_url);
    server.run(stop_signal()).await
}

/// Completes when the process is told to stop.
pub async fn stop_signal() {
    let terminate = async {
        signal(SignalKind::terminate()).expect("the runtime handles signals").recv().await;
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Logs to standard error; standard output is for what somebody asked for.
pub fn start_log(level: LevelFilter) {
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_max_level(level).with_ansi(colours);
    log.with_writer(std::io::stderr).with_target(false).init();
}

/// Runs a future to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads can be started").block_on(future)
}

/// Tells how it ended, in words and as exit code.
pub fn finish(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints for the person at the console.
pub fn say(text: &str) {
    println!("{text}");
}
