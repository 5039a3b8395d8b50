//! Which server, and how to reach it: address, key, trusted authorities, proxy, limits of patience.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use testward_wire::keytext::KeyText;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::failure::{Failure, Locally, Result};
use crate::host::Env;
use crate::http::{Client, Credential};
use crate::login::{self, Stored};

const DEFAULT_URL: &str = "http://127.0.0.1:8480";

/// Which server to talk to, and as whom.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Server {
    /// Address of the server; without it the one of `testward login`, else http://127.0.0.1:8480
    #[arg(long, env = "TESTWARD_URL", value_name = "URL")]
    pub url: Option<String>,
    /// API key; without it the one of `testward login`. Prefer the variable: others can read a command line
    #[arg(long, env = "TESTWARD_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<String>,
    /// PEM file with the authorities to trust instead of the public ones
    #[arg(long, env = "TESTWARD_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// A server's address with what opens it.
pub struct Target {
    pub url: String,
    pub api_key: Option<String>,
    pub ca_file: Option<PathBuf>,
}

impl Server {
    /// Puts options, environment and login file together.
    pub fn resolve(&self, env: &Env) -> Result<Target> {
        // A damaged login file must not stop a command that needs nothing from it.
        let is_complete = self.given_url().is_some() && self.given_key().is_some();
        self.resolve_with(if is_complete { None } else { login::stored(env)? })
    }

    /// Fills what options and environment left open from `stored`.
    pub fn resolve_with(&self, stored: Option<Stored>) -> Result<Target> {
        let given_url = self.given_url().map(normal_url).transpose()?;
        // A stored key goes to the server it was stored for and to no other.
        let stored = stored.filter(|stored| given_url.as_ref().is_none_or(|url| *url == stored.url));
        let (stored_url, stored_key, stored_ca) =
            stored.map_or((None, None, None), |it| (Some(it.url), Some(it.api_key), it.ca_file));
        Ok(Target {
            url: given_url.or(stored_url).unwrap_or_else(|| DEFAULT_URL.to_owned()),
            api_key: self.given_key().map(checked_key).transpose()?.or(stored_key),
            ca_file: self.ca_file.clone().filter(|path| !path.as_os_str().is_empty()).or(stored_ca),
        })
    }

    fn given_url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.trim().is_empty())
    }

    /// Returns the key of options or environment; CI systems pass a secret they withhold as an empty text.
    pub fn given_key(&self) -> Option<&str> {
        self.api_key.as_deref().filter(|key| !key.trim().is_empty())
    }

    /// Returns a client that presents the API key.
    pub fn connect(&self, env: &Env) -> Result<Client> {
        let mut target = self.resolve(env)?;
        let key = target.api_key.take().ok_or_else(|| {
            Failure::usage("no API key for this server; run `testward login`, or set TESTWARD_API_KEY or --api-key")
        })?;
        Client::new(&target, Credential::Key(key))
    }
}

/// Returns `text` as the address of a server, without a slash at its end.
fn normal_url(text: &str) -> Result<String> {
    let wrong = |why: &str| Failure::usage(format!("the server's address {why}"));
    let uri: Uri = text.trim().parse().map_err(|_| wrong("is not a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("must start with http:// or https://"));
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(wrong("must not carry a user name or password"));
    }
    if uri.query().is_some() {
        return Err(wrong("must not carry a query"));
    }
    Ok(uri.to_string().trim_end_matches('/').to_owned())
}

/// Checks the shape of a pasted key; returns it without surrounding blanks.
pub fn checked_key(text: &str) -> Result<String> {
    let key = text.trim();
    match KeyText::parse(key) {
        Ok(_) => Ok(key.to_owned()),
        Err(_) if is_imported(key) => Ok(key.to_owned()),
        Err(malformed) => Err(Failure::usage(format_args!("wrong API key: {}", malformed.hint()))),
    }
}

/// Says whether `key` has the UUID shape of keys that administrators import from an older system.
fn is_imported(key: &str) -> bool {
    let lengths = key.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && key.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

impl Target {
    /// Returns the HTTP client for this server.
    pub fn agent(&self) -> Result<ureq::Agent> {
        let proxy = if is_loopback(&self.url) { None } else { ureq::Proxy::try_from_env() };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirected POST loses its body, and a key must not travel to an address nobody chose.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("testward/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(15)))
            // Limits on silence, not on the whole: a large upload over a slow line may take as long as it takes.
            .timeout_per_write(Some(Duration::from_mins(2)))
            .timeout_per_read(Some(Duration::from_mins(5)))
            .proxy(proxy)
            .tls_config(TlsConfig::builder().root_certs(roots(self.ca_file.as_deref())?).build());
        Ok(config.build().new_agent())
    }
}

/// A proxy cannot reach this machine's own loopback, whatever the environment says.
fn is_loopback(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn roots(ca_file: Option<&Path>) -> Result<RootCerts> {
    let Some(path) = ca_file else {
        return Ok(RootCerts::WebPki);
    };
    let unreadable = || format!("reading --ca-file {}", path.display());
    let pem = std::fs::read(path).locally(unreadable())?;
    let items = parse_pem(&pem).collect::<std::result::Result<Vec<_>, _>>();
    let items = items.with_context(unreadable).map_err(Failure::Usage)?;
    let certificates: Vec<_> = items.into_iter().filter_map(certificate).collect();
    if certificates.is_empty() {
        return Err(Failure::usage(format_args!("{}: it holds no certificate", unreadable())));
    }
    Ok(RootCerts::from(certificates))
}

fn certificate(item: PemItem<'static>) -> Option<Certificate<'static>> {
    match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_before_any_key_is_sent() {
        assert_eq!(normal_url(" https://t.example/sub/ ").expect("good"), "https://t.example/sub");
        for bad in ["t.example", "ftp://t.example", "https://me:pw@t.example", "http://t.example/?a=1", "http://"] {
            assert!(normal_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn imported_keys_pass_the_shape_check() {
        assert!(checked_key("7c9e6679-7425-40de-944b-e07fc1f90ae7").is_ok());
        assert!(checked_key("7c9e6679-7425-40de-944b").is_err());
    }

    #[test]
    fn the_loopback_needs_no_proxy() {
        for url in ["http://127.0.0.1:8480", "http://localhost", "http://[::1]:8480"] {
            assert!(is_loopback(url), "{url}");
        }
        assert!(!is_loopback("https://testward.example"));
    }
}
