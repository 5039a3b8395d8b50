//! Testward's command line: sign in, look after API keys, upload reports. Never links the server.

mod exec;
mod failure;
mod host;
mod http;
mod keys;
mod login;
mod output;
mod rotate;
mod server;
mod switch;
mod upload;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

pub use failure::Failure;
pub use host::{Env, Host};

/// What the client can do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Store the server's address and an API key for later commands
    Login(login::Args),
    /// Forget the stored address and API key
    Logout,
    /// Show, create and revoke API keys
    Key(keys::Args),
    /// Upload test reports
    Upload(upload::Args),
    /// Run a command with a key that this build's identity token is exchanged for
    Exec(exec::Args),
}

/// Runs one command; returns the process's exit code.
///
/// 0 done, 1 tests failed (`--fail-on`), 2 wrong usage, 3 no connection or a broken server, 4 refused; `exec` returns
/// what its command returned.
pub fn run(command: Command) -> ExitCode {
    Host::with_real(|host| ExitCode::from(run_on(host, command)))
}

/// Runs one command on the given machine; returns the exit code.
pub fn run_on(host: &mut Host<'_>, command: Command) -> u8 {
    let outcome = match command {
        Command::Login(args) => login::login(host, &args).map(|()| 0),
        Command::Logout => login::logout(host).map(|()| 0),
        Command::Key(args) => keys::run(host, args).map(|()| 0),
        Command::Upload(args) => upload::run(host, &args).map(|()| 0),
        Command::Exec(args) => exec::run(host, &args),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            host.note(format_args!("error: {failure}"));
            failure.code()
        }
    }
}

/// Rewrites `-apiKey=K`, `-apikey=K` and `-apiKey K`, as Katalon Studio's console spells them, to `--api-key=K`.
///
/// Everything behind `--` belongs to another program and stays as it is.
pub fn normalise_args(mut args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut normal = Vec::new();
    while let Some(arg) = args.next() {
        if arg == "--" {
            normal.push(arg);
            break;
        }
        match behind_key_option(&arg) {
            None => normal.push(arg),
            // Without a value the option stays bare, so that clap says what is missing.
            Some("") => normal.push(args.next().map_or_else(|| "--api-key".into(), key_option)),
            Some(value) => normal.push(key_option(value[1..].into())),
        }
    }
    normal.extend(args);
    normal
}

/// Returns what follows the key option in Katalon's spelling: nothing or `=K`.
fn behind_key_option(arg: &OsStr) -> Option<&str> {
    let option = arg.to_str()?.strip_prefix('-')?;
    let option = option.strip_prefix('-').unwrap_or(option);
    let (name, rest) = option.split_at_checked("apiKey".len())?;
    let is_key = name.eq_ignore_ascii_case("apiKey") && (rest.is_empty() || rest.starts_with('='));
    is_key.then_some(rest)
}

fn key_option(key: OsString) -> OsString {
    let mut option = OsString::from("--api-key=");
    option.push(key);
    option
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(args: &[&str]) -> Vec<String> {
        let normal = normalise_args(args.iter().map(OsString::from));
        normal.into_iter().map(|arg| arg.into_string().expect("the tests' arguments are text")).collect()
    }

    #[test]
    fn every_spelling_of_the_key_option_becomes_ours() {
        for args in [&["t", "-apiKey=K"][..], &["t", "-apikey=K"], &["t", "-apiKey", "K"], &["t", "--apiKey=K"]] {
            assert_eq!(normal(args), ["t", "--api-key=K"], "{args:?}");
        }
    }

    #[test]
    fn other_arguments_stay() {
        let args = ["t", "upload", "--api-key=K", "-p", "1", "apiKey", "-apiKeys=K", "--", "-apiKey=K"];
        assert_eq!(normal(&args), args);
    }

    #[test]
    fn a_key_option_without_a_value_is_left_to_clap() {
        assert_eq!(normal(&["t", "-apiKey"]), ["t", "--api-key"]);
    }
}
