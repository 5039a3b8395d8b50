//! The cookies we set: the session's.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::app::App;
use crate::identity::ACTIVE_FOR;

/// The prefix `__Host-` makes browsers insist on TLS and on our host alone; without TLS it cannot be had.
const SECURE_NAME: &str = "__Host-testward";
const PLAIN_NAME: &str = "testward";

/// Returns the session's token, if the browser sent one.
///
/// With TLS only the cookie that a neighbouring host cannot set counts: else it could put its own session in its place.
pub fn session<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let own = name(app);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == own).map(|(_, value)| value)
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
    let name = name(app);
    let secure = if name == SECURE_NAME { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_secs}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).expect("a token is base62")
}

fn name(app: &App) -> &'static str {
    if app.base_url.starts_with("https://") { SECURE_NAME } else { PLAIN_NAME }
}
