//! The one HTTP client: everything the server calls goes through here, never within a request's transaction.
//!
//! Addresses come from people and from foreign documents, so each is checked after its name was resolved: what lies on
//! this machine or in its private networks is refused, unless the operator allowed it. The connection goes to the
//! address that was checked, so a name that changes its mind in between gains nothing.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::http::{Request, Response, Uri};
use bytes::Bytes;
pub use ipnet::IpNet;
use tokio::sync::Semaphore;
use ureq::config::Config;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::error::{Error, Result};

/// How long a call may take, from the first look-up to the last byte.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer; key sets and discovery documents have some thousands.
const MAX_ANSWER: u64 = 1 << 20;
/// Calls under way at once. Each has a thread of its own.
const MAX_CALLS: usize = 16;

/// Where nobody on the outside may send this server (the special-purpose registries of RFC 6890, and multicast). The
/// last lines are addresses that embed a v4 address or lead to one.
const PRIVATE: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "100::/64",
    "2001:db8::/32",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2001::/23",
    "2002::/16",
];

/// What the operator decides about calls to the outside.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Private networks that may be called all the same.
    pub allow_private: Vec<IpNet>,
    /// PEM file of the certificate authorities to trust, instead of Mozilla's.
    pub ca_file: Option<PathBuf>,
}

/// Calls other servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbound {
    agent: ureq::Agent,
    calls: Arc<Semaphore>,
}

impl Outbound {
    pub fn new(settings: &Settings) -> Result<Self> {
        let config = Config::builder()
            .http_status_as_error(false)
            // Where an answer wants to lead is not where anybody asked to go.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy would resolve names out of our sight.
            .proxy(None)
            .user_agent(concat!("testward/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .tls_config(TlsConfig::builder().root_certs(roots(settings.ca_file.as_deref())?).build())
            .build();
        let guard =
            Guard { private: private(), allowed: settings.allow_private.clone(), names: DefaultResolver::default() };
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), guard);
        Ok(Self { agent, calls: Arc::new(Semaphore::new(MAX_CALLS)) })
    }

    /// Gets what lies at `url`; any status is an answer.
    pub async fn get(&self, url: &str) -> Result<Response<Bytes>> {
        let request = Request::get(url).body(Bytes::new());
        self.send(request.map_err(|_| Error::invalid("url", "must be an http or https address"))?).await
    }

    /// Sends a request; any status is an answer, and a redirect is not followed.
    ///
    /// `Forbidden` with the code `address_refused` says that the address may not be called; `Unavailable`, that it did
    /// not answer, or not within 20 seconds, or with more than a mebibyte.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        checked(request.uri())?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        let _place = self.calls.clone().acquire_owned().await.context("waiting to call out")?;
        let agent = self.agent.clone();
        let answer = tokio::task::spawn_blocking(move || exchange(&agent, request)).await.context("calling out")?;
        answer.map_err(|error| failure(&host, &error))
    }
}

/// Refuses what is no web address, and one with a name and password in it: addresses are shown and logged.
pub fn checked(uri: &Uri) -> Result<()> {
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_user = uri.authority().is_some_and(|it| it.as_str().contains('@'));
    match (is_web && uri.host().is_some(), has_user) {
        (true, false) => Ok(()),
        (false, _) => Err(Error::invalid("url", "must be an http or https address")),
        (true, true) => Err(Error::invalid("url", "must not hold a name or password")),
    }
}

fn exchange(agent: &ureq::Agent, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
    let (parts, body) = request.into_parts();
    // An empty body would be announced with a length, which a GET must not have.
    let answer = if body.is_empty() {
        agent.run(Request::from_parts(parts, ()))?
    } else {
        agent.run(Request::from_parts(parts, &body[..]))?
    };
    let (parts, mut body) = answer.into_parts();
    let body = body.with_config().limit(MAX_ANSWER).read_to_vec()?;
    Ok(Response::from_parts(parts, body.into()))
}

/// Says what went wrong in words that may be shown: the host, never the rest of the address.
fn failure(host: &str, error: &ureq::Error) -> Error {
    if let ureq::Error::Io(error) = error
        && let Some(refused) = error.get_ref().and_then(|it| it.downcast_ref::<Refused>())
    {
        return Error::forbidden("address_refused", format!("{host} {refused}"));
    }
    let message = match error {
        ureq::Error::Timeout(_) => format!("{host} did not answer in time"),
        ureq::Error::HostNotFound => format!("there is no host {host}"),
        ureq::Error::BodyExceedsLimit(limit) => format!("the answer of {host} is longer than {limit} bytes"),
        error => format!("calling {host} failed: {error}"),
    };
    Error::Unavailable { message }
}

/// Resolves names, and keeps only the addresses that may be called.
#[derive(Debug)]
struct Guard {
    private: Vec<IpNet>,
    allowed: Vec<IpNet>,
    names: DefaultResolver,
}

impl Guard {
    fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let is_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&ip));
        !is_in(&self.private) || is_in(&self.allowed)
    }
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let mut kept = self.empty();
        for address in found.iter().filter(|it| self.allows(it.ip())) {
            kept.push(*address);
        }
        match found.first() {
            Some(first) if kept.is_empty() => Err(ureq::Error::Io(io::Error::other(Refused(*first)))),
            _ => Ok(kept),
        }
    }
}

/// An address that may not be called.
#[derive(Debug)]
struct Refused(SocketAddr);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = self.0.ip();
        write!(f, "lies at {ip}, in a private network; the operator can allow that with --allow-private {ip}")
    }
}

impl std::error::Error for Refused {}

fn private() -> Vec<IpNet> {
    PRIVATE.iter().map(|net| net.parse().expect("the table holds networks")).collect()
}

fn roots(ca_file: Option<&Path>) -> Result<RootCerts> {
    let Some(path) = ca_file else { return Ok(RootCerts::WebPki) };
    let pem = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let items =
        parse_pem(&pem).collect::<Result<Vec<_>, _>>().with_context(|| format!("reading {}", path.display()))?;
    let certificates = items.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        return Err(anyhow!("{} holds no certificate", path.display()).into());
    }
    Ok(RootCerts::from(certificates))
}

/// Reads a network, such as `10.1.0.0/16`, or a single address.
pub fn parse_net(text: &str) -> Result<IpNet, &'static str> {
    let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.map_err(|_| "must be a network like 10.1.0.0/16, or an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        let allowed = allowed.iter().map(|net| parse_net(net).expect("a network")).collect();
        Guard { private: private(), allowed, names: DefaultResolver::default() }
    }

    #[test]
    fn private_addresses_are_refused_however_they_are_written() {
        let guard = guard(&[]);
        let inside = [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.8",
            "172.31.255.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
        ];
        for ip in inside {
            assert!(!guard.allows(ip.parse().expect("an address")), "{ip}");
        }
        for ip in ["1.1.1.1", "172.32.0.1", "192.167.255.255", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(guard.allows(ip.parse().expect("an address")), "{ip}");
        }
    }

    #[test]
    fn the_operator_allows_single_networks() {
        let guard = guard(&["10.1.0.0/16", "::1"]);
        let allows = |ip: &str| guard.allows(ip.parse().expect("an address"));
        assert!(allows("10.1.2.3") && allows("::ffff:10.1.2.3") && allows("::1"));
        assert!(!allows("10.2.0.1") && !allows("127.0.0.1"));
    }

    #[test]
    fn addresses_that_are_shown_hold_no_password() {
        let wrong = |url: &str| checked(&url.parse().expect("an address")).is_err();
        assert!(wrong("ftp://example.com/") && wrong("/path") && wrong("https://me:pw@example.com/"));
        assert!(!wrong("https://example.com/hook?a=1") && !wrong("http://[2606:4700::1111]:8080/"));
    }
}
