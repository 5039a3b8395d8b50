//! `testward exec`: exchanges a build's identity token for a key, runs a command with it, and ends the key.

mod process;
mod token;

use std::ffi::OsString;
use std::path::PathBuf;

use testward_wire::trust::{ExchangedKey, GRANT_TYPE, ID_TOKEN};
use ureq::SendBody;
use ureq::http::Method;

use crate::failure::{Locally, Result};
use crate::host::Host;
use crate::http::{Client, Credential, encoded};
use crate::login;
use crate::server::{Server, Target};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address of the server; without it the one of `testward login`, else http://127.0.0.1:8480
    #[arg(long, env = "TESTWARD_URL", value_name = "URL", help_heading = "Connection")]
    url: Option<String>,
    /// PEM file with the authorities to trust instead of the public ones
    #[arg(long, env = "TESTWARD_CA_FILE", value_name = "FILE", help_heading = "Connection")]
    ca_file: Option<PathBuf>,
    /// Whom GitHub makes the token for [default: the server's address]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// File with the identity token; without it TESTWARD_OIDC_TOKEN, else GitHub Actions is asked for one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Ask for less than the rule grants: scopes, separated by blanks
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// Command to run with TESTWARD_API_KEY, TESTOPS_API_KEY and TESTWARD_URL
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Returns the exit code of the command.
pub fn run(host: &mut Host<'_>, args: &Args) -> Result<u8> {
    let server = Server { url: args.url.clone(), api_key: None, ca_file: args.ca_file.clone() };
    let target = server.resolve_with(login::stored(&host.env)?)?;
    let key = exchange(host, args, &target)?;
    let client = Client::new(&target, Credential::Key(key.access_token.clone()))?;
    host.note(format_args!("key {} of rule {}, for {} minutes", key.handle, key.rule, key.expires_in / 60));
    let ended = process::run(host, &args.command, &target.url, &key.access_token);
    // The command's outcome is what counts; a key that could not be ended dies by itself.
    if let Err(failure) = client.delete(host, "/api/v1/api-keys/self") {
        host.note(format_args!("warning: the key could not be ended early: {failure}"));
    }
    ended
}

fn exchange(host: &mut Host<'_>, args: &Args, target: &Target) -> Result<ExchangedKey> {
    let client = Client::new(target, Credential::Nobody)?;
    let audience = args.audience.as_deref().unwrap_or(&target.url);
    let scope = args.scope.as_deref().unwrap_or_default();
    let answer = client.retrying(host, |host| {
        // A token works once, so that each try needs its own where there is one to be had.
        let token = token::get(host, args.token_file.as_deref(), audience)?;
        let form = format!(
            "grant_type={}&subject_token_type={}&subject_token={}&scope={}",
            encoded(GRANT_TYPE),
            encoded(ID_TOKEN),
            encoded(&token),
            encoded(scope)
        );
        let mut reader = form.as_bytes();
        let request = client
            .request(Method::POST, "/api/v1/oidc/exchange")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Content-Length", form.len())
            .body(SendBody::from_reader(&mut reader))
            .locally("putting the request together")?;
        client.exchange(host, request)
    })?;
    client.accepted(answer)?.json(&client)
}
