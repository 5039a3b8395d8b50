//! Requests and answers: the credential's header, retries, and errors in words.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use anyhow::anyhow;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use testward_wire::ErrorBody;
use ureq::SendBody;
use ureq::http::{Method, Request, Response};

use crate::failure::{Failure, Locally, Result};
use crate::host::Host;
use crate::output;
use crate::server::Target;

const TRIES: u32 = 5;
/// A server that wants to be left alone for longer gets its wish: the command ends.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// Receipts name every file of an upload; this is room for some hundred thousand.
const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;
/// Characters of a foreign answer that an error shows.
const EXCERPT: usize = 200;
/// What RFC 3986 leaves unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the `Authorization` header says.
pub enum Credential {
    Nobody,
    Key(String),
    Session(String),
}

impl Credential {
    fn header(&self) -> Option<String> {
        match self {
            Self::Nobody => None,
            Self::Key(key) => Some(format!("Bearer {key}")),
            Self::Session(token) => Some(format!("Session {token}")),
        }
    }

    fn secret(&self) -> Option<&str> {
        match self {
            Self::Nobody => None,
            Self::Key(secret) | Self::Session(secret) => Some(secret),
        }
    }
}

/// A request that got no answer.
pub struct SendError {
    pub failure: Failure,
    /// Whether the same request may succeed in a moment.
    pub is_passing: bool,
}

impl From<Failure> for SendError {
    fn from(failure: Failure) -> Self {
        Self { failure, is_passing: false }
    }
}

/// One server, one credential.
pub struct Client {
    agent: ureq::Agent,
    base: String,
    credential: Credential,
    has_warned: Cell<bool>,
}

impl Client {
    pub fn new(target: &Target, credential: Credential) -> Result<Self> {
        let agent = target.agent()?;
        Ok(Self { agent, base: target.url.clone(), credential, has_warned: Cell::new(false) })
    }

    pub fn get<T: DeserializeOwned>(&self, host: &mut Host<'_>, path: &str) -> Result<T> {
        self.call(host, Method::GET, path, SendBody::none())?.json(self)
    }

    pub fn post<T: DeserializeOwned>(&self, host: &mut Host<'_>, path: &str, body: &impl Serialize) -> Result<T> {
        let json = serde_json::to_vec(body).locally("writing the request as JSON")?;
        let mut reader = json.as_slice();
        let request = self
            .request(Method::POST, path)
            .header("Content-Type", "application/json")
            .header("Content-Length", json.len())
            .body(SendBody::from_reader(&mut reader))
            .locally("putting the request together")?;
        let answer = self.exchange(host, request).map_err(|error| error.failure)?;
        self.accepted(answer)?.json(self)
    }

    /// Sends a request that the server carries out once however often it comes, and so with retries.
    pub fn post_patiently<T: DeserializeOwned>(
        &self,
        host: &mut Host<'_>,
        path: &str,
        idempotency_key: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let json = serde_json::to_vec(body).locally("writing the request as JSON")?;
        let answer = self.retrying(host, |host| {
            let mut reader = json.as_slice();
            let request = self
                .request(Method::POST, path)
                .header("Content-Type", "application/json")
                .header("Content-Length", json.len())
                .header("Idempotency-Key", idempotency_key)
                .body(SendBody::from_reader(&mut reader));
            self.exchange(host, request.locally("putting the request together")?)
        })?;
        self.accepted(answer)?.json(self)
    }

    /// Posts without a body to an address that answers without one.
    pub fn order(&self, host: &mut Host<'_>, path: &str) -> Result<()> {
        self.call(host, Method::POST, path, SendBody::none()).map(drop)
    }

    pub fn delete(&self, host: &mut Host<'_>, path: &str) -> Result<()> {
        self.call(host, Method::DELETE, path, SendBody::none()).map(drop)
    }

    fn call(&self, host: &mut Host<'_>, method: Method, path: &str, body: SendBody<'_>) -> Result<Answer> {
        let request = self.request(method, path).body(body).locally("putting the request together")?;
        let answer = self.exchange(host, request).map_err(|error| error.failure)?;
        self.accepted(answer)
    }

    /// Reads with retries: a poll outlives a restart of the server.
    pub fn get_patiently<T: DeserializeOwned>(&self, host: &mut Host<'_>, path: &str) -> Result<T> {
        let answer = self.retrying(host, |host| {
            let request = self.request(Method::GET, path).body(SendBody::none());
            self.exchange(host, request.locally("putting the request together")?)
        })?;
        self.accepted(answer)?.json(self)
    }

    /// Starts a request to `path`, which begins with a slash.
    pub fn request(&self, method: Method, path: &str) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.header("Accept", "application/json");
        match self.credential.header() {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    /// Sends one request once.
    pub fn exchange(
        &self,
        host: &mut Host<'_>,
        request: Request<SendBody<'_>>,
    ) -> std::result::Result<Answer, SendError> {
        let what = format!("{} {}", request.method(), request.uri());
        let response = self.agent.run(request).map_err(|error| no_answer(error, &what))?;
        let answer = Answer::read(response, what)?;
        self.warn_of_expiry(host, &answer);
        Ok(answer)
    }

    /// Sends until there is an answer worth keeping: a lost connection or a busy server may pass.
    pub fn retrying(
        &self,
        host: &mut Host<'_>,
        mut send: impl FnMut(&mut Host<'_>) -> std::result::Result<Answer, SendError>,
    ) -> Result<Answer> {
        let mut tried = 1;
        loop {
            let outcome = send(host);
            let Some(pause) = pause_after(&outcome, tried) else {
                return outcome.map_err(|error| error.failure);
            };
            let why = self.why(&outcome);
            tried += 1;
            let seconds = pause.as_secs_f32();
            host.note(format_args!("{why}; trying again in {seconds:.1} s (try {tried} of {TRIES})"));
            (host.sleep)(pause);
        }
    }

    fn why(&self, outcome: &std::result::Result<Answer, SendError>) -> String {
        match outcome {
            Ok(answer) => self.plain(&format!("the server answered {}", answer.status)),
            Err(error) => self.plain(&error.failure.to_string()),
        }
    }

    /// Returns the answer if it is a success, else what the server said against it.
    pub fn accepted(&self, answer: Answer) -> Result<Answer> {
        match answer.status.as_u16() {
            200..=299 => Ok(answer),
            500.. => Err(Failure::network(self.complaint(&answer))),
            _ => Err(Failure::refused(self.complaint(&answer))),
        }
    }

    fn complaint(&self, answer: &Answer) -> String {
        if let Some(address) = &answer.location {
            let address = self.plain(address);
            return format!("{} leads on to {address}; give the server's final address as --url", answer.what);
        }
        match serde_json::from_slice::<ErrorBody>(&answer.body) {
            Ok(error) => self.plain(&describe(&error)),
            Err(_) => self.foreign(answer),
        }
    }

    /// Describes an answer that Testward would not give.
    fn foreign(&self, answer: &Answer) -> String {
        let text = String::from_utf8_lossy(&answer.body);
        let excerpt: String = self.plain(text.trim()).chars().take(EXCERPT).collect();
        let kind = answer.content_type.as_deref().unwrap_or("no content type");
        let (what, status, base) = (&answer.what, answer.status, &self.base);
        let kind = self.plain(kind);
        format!(
            "{what} was answered {status} with something other than Testward's JSON ({kind}): \"{excerpt}\"; \
             is {base} really the address of a Testward server?"
        )
    }

    /// Makes foreign text fit to be shown: on one line, and without our own secret should it be echoed.
    fn plain(&self, text: &str) -> String {
        let text = output::plain(text);
        match self.credential.secret() {
            Some(secret) => text.replace(secret, "…"),
            None => text,
        }
    }

    /// Tells once how long the key will last, when the server says that its end is near.
    fn warn_of_expiry(&self, host: &mut Host<'_>, answer: &Answer) {
        let Some(warning) = answer.expires.as_deref().and_then(|at| output::expiry_warning(at, host.now)) else {
            return;
        };
        if !self.has_warned.replace(true) {
            host.note(format_args!("warning: {warning}"));
        }
    }
}

/// An answer, read whole.
pub struct Answer {
    pub status: ureq::http::StatusCode,
    pub body: Vec<u8>,
    /// Method and address of the request, for errors.
    what: String,
    content_type: Option<String>,
    location: Option<String>,
    expires: Option<String>,
    retry_after: Option<Duration>,
}

impl Answer {
    fn read(response: Response<ureq::Body>, what: String) -> std::result::Result<Self, SendError> {
        let (head, body) = response.into_parts();
        let header = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok()).map(ToOwned::to_owned);
        let body = body.into_with_config().limit(LARGEST_ANSWER).read_to_vec();
        Ok(Self {
            status: head.status,
            content_type: header("content-type"),
            location: header("location").filter(|_| head.status.is_redirection()),
            expires: header("x-api-key-expires"),
            // The form with a date needs both clocks to agree; back-off serves as well.
            retry_after: header("retry-after").and_then(|it| it.parse().ok()).map(Duration::from_secs),
            body: body.map_err(|error| no_answer(error, &what))?,
            what,
        })
    }

    /// Reads the body as `T`.
    pub fn json<T: DeserializeOwned>(&self, client: &Client) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|_| Failure::refused(client.foreign(self)))
    }
}

fn describe(error: &ErrorBody) -> String {
    let problems = error.problems.iter().map(|it| format!("; {}: {}", it.field, it.message));
    let problems: String = problems.collect();
    format!("{}{problems} ({}, request {})", error.message, error.code, error.request_id)
}

/// Returns how long to wait before the next try, or nothing when this outcome is final.
fn pause_after(outcome: &std::result::Result<Answer, SendError>, tried: u32) -> Option<Duration> {
    if tried >= TRIES {
        return None;
    }
    let asked = match outcome {
        Ok(answer) if matches!(answer.status.as_u16(), 429 | 502 | 503 | 504) => answer.retry_after,
        Err(error) if error.is_passing => None,
        _ => return None,
    };
    let pause = asked.unwrap_or_else(|| back_off(tried));
    (pause <= LONGEST_PAUSE).then_some(pause)
}

/// Doubles from one second on; jitter keeps a hundred jobs that failed together from coming back together.
fn back_off(tried: u32) -> Duration {
    let full = Duration::from_secs(1 << (tried - 1));
    full / 2 + (full / 2).mul_f64(f64::from(random_byte()) / 255.0)
}

#[expect(clippy::disallowed_methods, reason = "the client has no other source of randomness")]
fn random_byte() -> u8 {
    let mut byte = [0];
    // Without randomness the pause is merely less spread.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

/// Sorts ureq's errors by what a person can do about them.
fn no_answer(error: ureq::Error, what: &str) -> SendError {
    use ureq::Error;
    let untrusted = match &error {
        Error::Rustls(_) | Error::Tls(_) => true,
        Error::Io(cause) => cause.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    };
    let is_passing =
        !untrusted && matches!(error, Error::Io(_) | Error::Timeout(_) | Error::ConnectionFailed | Error::HostNotFound);
    let advice = if untrusted { "; name a private authority's certificate with --ca-file" } else { "" };
    let cause = anyhow!("{}{advice}", output::plain(&error.to_string()));
    SendError { failure: Failure::Network(cause.context(format!("{what} got no answer"))), is_passing }
}

/// Writes `text` as one segment of a path or one value of a query.
pub fn encoded(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_in_bounds() {
        for tried in 1..TRIES {
            let full = Duration::from_secs(1 << (tried - 1));
            let pause = back_off(tried);
            assert!(pause >= full / 2 && pause <= full, "{pause:?}");
        }
    }
}
