//! `testward admin`: people and keys at the console of the server's machine.

use std::process::ExitCode;

use clap::{Args as ClapArgs, Subcommand};
use testward_server::admin::{self, Order, Outcome, User};
use testward_server::app::App;
use testward_server::config::Config;
use testward_server::random::Random;
use testward_server::time::Clock;
use testward_server::web::{into_anyhow, lock};

use crate::serve::{DataDir, block_on, finish, say};

#[derive(ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// People who can sign in
    #[command(subcommand)]
    User(UserCommand),
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Pepper and key-encryption key (kek): what API keys are verified with, and what their copies are sealed with
    #[command(subcommand)]
    Secrets(SecretsCommand),
}

#[derive(Subcommand)]
enum SecretsCommand {
    /// Make a successor beside the running server. Keys change to a new pepper when they are next used; copies change to
    /// a new kek at once
    Rotate {
        #[arg(value_parser = ["pepper", "kek"])]
        secret: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// Show which versions there are and what needs them
    Status {
        #[command(flatten)]
        data: DataDir,
    },
    /// Destroy the version before the newest, when nothing needs it any more
    Retire {
        #[arg(value_parser = ["pepper", "kek"])]
        secret: String,
        /// Retire it although keys become useless or copies are lost
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        data: DataDir,
    },
}

#[derive(Subcommand)]
enum UserCommand {
    /// Make a person; prints their first password
    Create {
        email: String,
        /// What to call them; the first part of the e-mail address unless given
        #[arg(long)]
        name: Option<String>,
        /// member, admin or owner
        #[arg(long, default_value = "member")]
        role: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// List everybody
    List {
        #[command(flatten)]
        data: DataDir,
    },
    /// Switch a person off: their sessions end, their keys are refused
    Disable {
        email: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// Switch a person on again
    Enable {
        email: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// Give a person a new password, which is printed; their sessions end
    ResetPassword {
        email: String,
        #[command(flatten)]
        data: DataDir,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Make an API key for a person; prints the key, once, on standard output
    Create {
        /// E-mail address of the key's owner
        #[arg(long)]
        user: String,
        #[arg(long)]
        name: String,
        /// 30d, 12h, a date, or never; 90d unless given
        #[arg(long)]
        expires: Option<String>,
        #[command(flatten)]
        data: DataDir,
    },
}

impl Subject {
    fn order(self) -> (DataDir, Order) {
        match self {
            Self::User(UserCommand::Create { email, name, role, data }) => {
                let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or(&email).to_owned());
                (data, Order::CreateUser { email, name, role })
            }
            Self::User(UserCommand::List { data }) => (data, Order::ListUsers),
            Self::User(UserCommand::Disable { email, data }) => (data, Order::DisableUser { email }),
            Self::User(UserCommand::Enable { email, data }) => (data, Order::EnableUser { email }),
            Self::User(UserCommand::ResetPassword { email, data }) => (data, Order::ResetPassword { email }),
            Self::Key(KeyCommand::Create { user, name, expires, data }) => {
                (data, Order::CreateKey { email: user, name, expires })
            }
            Self::Secrets(SecretsCommand::Rotate { secret, data }) => (data, Order::RotateSecret { secret }),
            Self::Secrets(SecretsCommand::Status { data }) => (data, Order::SecretsStatus),
            Self::Secrets(SecretsCommand::Retire { secret, force, data }) => {
                (data, Order::RetireSecret { secret, force })
            }
        }
    }
}

pub fn run(args: Args) -> ExitCode {
    let (data, order) = args.subject.order();
    let config = data.config(([127, 0, 0, 1], 0).into());
    finish(block_on(carry_out(config, order)).and_then(tell))
}

/// `testward doctor`: how secrets are kept, what is configured, what is wrong and what to do about it.
pub fn doctor(data: DataDir) -> ExitCode {
    let config = data.config(([127, 0, 0, 1], 0).into());
    finish(block_on(carry_out(config, Order::Doctor)).and_then(tell))
}

/// Lets the running server do it, or does it when none is running.
async fn carry_out(config: Config, order: Order) -> anyhow::Result<Outcome> {
    if !config.data_dir.join("testward.db").exists() {
        anyhow::bail!("there is no Testward in {}; give its --data-dir", config.data_dir.display());
    }
    if let Some(outcome) = admin::ask(&admin::socket(&config), &order).await? {
        return Ok(outcome);
    }
    let _lock = lock(&config)?;
    let app = App::open(&config, String::new(), Clock::System, Random::System).await.map_err(into_anyhow)?;
    let outcome = admin::carry_out(&app, order).await;
    app.db.close().await;
    Ok(outcome)
}

fn tell(outcome: Outcome) -> anyhow::Result<()> {
    match outcome {
        Outcome::Done { message } => eprintln!("{message}"),
        Outcome::Secret { message, secret } => {
            eprintln!("{message}");
            say(&secret);
        }
        Outcome::Users(users) => users.iter().for_each(tell_user),
        Outcome::Report { text, problems } => return tell_report(&text, &problems),
        Outcome::Refused { message } => anyhow::bail!(message),
    }
    Ok(())
}

/// Shows a report. Problems make the command fail, so that a script notices.
fn tell_report(text: &str, problems: &[String]) -> anyhow::Result<()> {
    say(text.trim_end());
    if problems.is_empty() {
        return Ok(());
    }
    say(&format!("\nproblems\n  {}", problems.join("\n  ")));
    anyhow::bail!("{} found", if problems.len() == 1 { "a problem was" } else { "problems were" })
}

fn tell_user(user: &User) {
    let state = user.disabled_at.as_ref().map_or_else(String::new, |at| format!("disabled at {at}"));
    say(&format!("{:>4}  {:<32} {:<24} {}  {state}", user.id, user.email, user.name, user.created_at));
}
