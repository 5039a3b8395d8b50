//! Runs the client's commands as `testward` does, against a server of the tests' own.

mod exec;
mod keys;
mod login;
mod server;
mod upload;

use std::io::{self, Cursor};
use std::time::{Duration, UNIX_EPOCH};

use clap::Parser;
use testward_client::{Command, Env, Host, run_on};
use testward_wire::keytext::{Kind, compose};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What a command left behind.
#[derive(Debug)]
struct Ran {
    code: u8,
    out: String,
    err: String,
}

/// A machine with its own home folder.
struct Machine {
    home: tempfile::TempDir,
    env: Vec<(String, String)>,
    input: String,
    is_terminal: bool,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("temp folder");
        let config = ("XDG_CONFIG_HOME".to_owned(), home.path().display().to_string());
        Self { home, env: vec![config], input: String::new(), is_terminal: false }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// What a person types; secrets are typed unseen.
    fn typing(mut self, input: &str) -> Self {
        self.is_terminal = true;
        self.input = input.into();
        self
    }

    fn piping(mut self, input: &str) -> Self {
        self.input = input.into();
        self
    }

    /// Runs a command line, and makes sure that it shows the key only where it must.
    fn run(&self, args: &[&str]) -> Ran {
        let ran = self.run_showing_key(args);
        for secret in [key(), "hunter22".to_owned()] {
            assert!(!ran.out.contains(&secret) && !ran.err.contains(&secret), "a secret was shown: {ran:?}");
        }
        ran
    }

    fn run_showing_key(&self, args: &[&str]) -> Ran {
        let cli = Cli::try_parse_from(["testward"].iter().chain(args)).expect("a valid command line");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run_on(
            &mut Host {
                env: self.env.iter().cloned().collect::<Env>(),
                out: &mut out,
                err: &mut err,
                input: &mut Cursor::new(self.input.clone()),
                input_is_terminal: self.is_terminal,
                err_is_terminal: self.is_terminal,
                read_hidden: || Ok::<_, io::Error>("hunter22".to_owned()),
                sleep: |_| (),
                now: UNIX_EPOCH + Duration::from_hours(490_896),
            },
            cli.command,
        );
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ran { code, out: text(out), err: text(err) }
    }
}

fn key() -> String {
    compose(Kind::Personal, "AbCdEf12", "0123456789abcdefghijABCDEFGHIJ01")
}

fn error(code: &str, message: &str) -> String {
    format!(
        r#"{{"code":"{code}","message":"{message}","error":"{code}","error_description":"{message}","request_id":"r1"}}"#
    )
}
