//! The one binary: picks a subcommand.

#[cfg(feature = "server")]
mod admin;
#[cfg(feature = "server")]
mod audit;
#[cfg(feature = "server")]
mod backup;
#[cfg(feature = "server")]
mod demo;
#[cfg(feature = "server")]
mod serve;

use std::process::ExitCode;

use clap::Parser;

/// Self-hosted TestOps: API keys, test results and runs on your own machines
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run the server
    #[cfg(feature = "server")]
    Serve(serve::Args),
    /// Show the whole thing at work: a server with a key and a real report, on a temporary folder
    #[cfg(feature = "server")]
    Demo(demo::Args),
    /// Look after people and keys at the server's console
    #[cfg(feature = "server")]
    Admin(admin::Args),
    /// Check and export the audit log at the server's console
    #[cfg(feature = "server")]
    Audit(audit::Args),
    /// Show how secrets are kept, what is configured, and what is wrong
    #[cfg(feature = "server")]
    Doctor(serve::DataDir),
    /// Write a backup; works beside a running server
    #[cfg(feature = "server")]
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the data, with what was revoked since still revoked
    #[cfg(feature = "server")]
    Restore(backup::RestoreArgs),
    #[command(flatten)]
    Client(testward_client::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse_from(testward_client::normalise_args(std::env::args_os()));
    match cli.command {
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::run(args),
        #[cfg(feature = "server")]
        Command::Demo(args) => demo::run(&args),
        #[cfg(feature = "server")]
        Command::Admin(args) => admin::run(args),
        #[cfg(feature = "server")]
        Command::Audit(args) => audit::run(args),
        #[cfg(feature = "server")]
        Command::Doctor(data) => admin::doctor(data),
        #[cfg(feature = "server")]
        Command::Backup(args) => backup::back_up(args),
        #[cfg(feature = "server")]
        Command::Restore(args) => backup::restore(args),
        Command::Client(command) => testward_client::run(command),
    }
}
