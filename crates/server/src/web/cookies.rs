//! The cookies we set: the session's.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::app::App;
use crate::identity::ACTIVE_FOR;

/// The prefix `__Host-` makes browsers insist on TLS and on our host alone; without TLS it cannot be had.
const SECURE_NAME: &str = "__Host-testward";
const PLAIN_NAME: &str = "testward";

/// Returns the session's token, if the browser sent one.
pub fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| matches!(*name, SECURE_NAME | PLAIN_NAME)).map(|(_, value)| value)
}

/// Returns the header that gives the browser its session.
pub fn start_session(app: &App, token: &str) -> HeaderValue {
    cookie(app, token, ACTIVE_FOR / 1000)
}

/// Returns the header that takes the session away.
pub fn end_session(app: &App) -> HeaderValue {
    cookie(app, "", 0)
}

fn cookie(app: &App, value: &str, max_age_secs: i64) -> HeaderValue {
    let is_secure = app.base_url.starts_with("https://");
    let (name, secure) = if is_secure { (SECURE_NAME, "; Secure") } else { (PLAIN_NAME, "") };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_secs}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).expect("a token is base62")
}
