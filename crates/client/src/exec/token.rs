//! Where a build's identity token comes from.

use std::path::Path;

use serde::Deserialize;
use ureq::http::Method;

use crate::failure::{Failure, Locally, Result};
use crate::host::Host;
use crate::http::{Client, Credential, encoded};
use crate::server::Target;

/// What GitHub answers.
#[derive(Deserialize)]
struct GitHubToken {
    value: String,
}

/// Returns the token of a file, of the environment, or one that GitHub makes now.
pub fn get(host: &mut Host<'_>, file: Option<&Path>, audience: &str) -> Result<String> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file).locally(format_args!("reading --token-file {}", file.display()))?;
        return checked(&text, "the token file");
    }
    if let Some(text) = host.env.get("TESTWARD_OIDC_TOKEN").map(str::to_owned) {
        return checked(&text, "TESTWARD_OIDC_TOKEN");
    }
    let asked = (host.env.get("ACTIONS_ID_TOKEN_REQUEST_URL"), host.env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
    let (Some(url), Some(secret)) = asked else { return Err(no_token(host)) };
    let (url, secret) = (url.to_owned(), secret.to_owned());
    from_github(host, url, secret, audience)
}

fn no_token(host: &Host<'_>) -> Failure {
    if host.env.get("GITHUB_ACTIONS").is_some() {
        return Failure::usage("GitHub gives this job no identity token; add `permissions: id-token: write` to it");
    }
    Failure::usage(
        "this build has no identity token; give --token-file or TESTWARD_OIDC_TOKEN (GitLab: `id_tokens`, \
         Jenkins: a credential of its OpenID Connect plug-in)",
    )
}

/// Catches what is no token before it is sent, such as the name of an unset variable.
fn checked(text: &str, source: &str) -> Result<String> {
    let text = text.trim();
    let is_token = text.split('.').count() == 3 && !text.contains(char::is_whitespace);
    if is_token { Ok(text.to_owned()) } else { Err(Failure::usage(format_args!("{source} holds no identity token"))) }
}

fn from_github(host: &mut Host<'_>, url: String, secret: String, audience: &str) -> Result<String> {
    // The address has a query of its own, behind which the audience goes.
    let (base, query) = url.split_once('?').unwrap_or((&url, ""));
    let github = Target { url: base.to_owned(), api_key: None, ca_file: None };
    let client = Client::new(&github, Credential::Key(secret))?;
    let path = format!("?{query}&audience={}", encoded(audience));
    let request = client.request(Method::GET, &path).body(ureq::SendBody::none());
    let answer = client.exchange(host, request.locally("putting the request together")?);
    let answer = client.accepted(answer.map_err(|error| error.failure)?)?;
    Ok(answer.json::<GitHubToken>(&client)?.value)
}
