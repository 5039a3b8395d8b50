//! What scanners need: where to report a key, what one looks like, and rules for the scanners people use.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use testward_wire::keytext::{HANDLE_LEN, KEY_LEN, SECRET_LEN};

use crate::app::App;
use crate::error::{Error, Result};
use crate::identity::http::Place;
use crate::web::extract::Json;
use crate::web::limits::Attempt;

/// What a key looks like, for the engines that scanners use: no look-around.
const PATTERN: &str = "\\btw[psxj]_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}\\b";
const MAX_LEN: usize = 4096;

/// A key that somebody found where it does not belong.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeakReport {
    /// The whole key.
    key: String,
    /// Where it was found; for people only, and kept nowhere.
    #[serde(default, rename = "url")]
    _url: Option<String>,
}

/// Takes a report. The answer is the same whether or not the text was a key of this server.
pub async fn report(State(app): State<App>, from: Place, Json(report): Json<LeakReport>) -> Result<StatusCode> {
    let now = app.clock.now();
    app.failures.check(now, Attempt::Leak, from.ip)?;
    app.failures.record(now, Attempt::Leak, from.ip);
    if report.key.len() > MAX_LEN {
        return Err(Error::invalid("key", format!("must have at most {MAX_LEN} characters")));
    }
    super::report(&app, report.key.trim()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn key_format(State(app): State<App>) -> Json<Value> {
    Json(json!({
        "name": "Testward API key",
        "issuer": app.base_url,
        "pattern": PATTERN,
        "length": KEY_LEN,
        "parts": [
            {"name": "kind", "values": {"twp_": "personal", "tws_": "service account", "twx_": "exchanged by CI", "twj_": "one job"}},
            {"name": "handle", "length": HANDLE_LEN, "alphabet": "base62", "public": true},
            {"name": "separator", "value": "_"},
            {"name": "secret", "length": SECRET_LEN, "alphabet": "base62"},
            {"name": "checksum", "length": 6, "alphabet": "base62"},
        ],
        "alphabet": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "checksum": "CRC-32 (ISO-HDLC) of everything before it, as six digits of base62, most significant first",
        "report": {
            "url": app.url("/api/v1/leaks"),
            "method": "POST",
            "body": {"key": "the whole key", "url": "where it was found (optional)"},
            "effect": "a key of this server is disabled at once and its owner is told; the answer never says whether it was one",
        },
        "rules": {"gitleaks": app.url("/scanner-rules/gitleaks.toml"), "trufflehog": app.url("/scanner-rules/trufflehog.yaml")},
    }))
}

pub async fn gitleaks(State(app): State<App>) -> impl IntoResponse {
    let text = format!(
        "# Testward API keys of {base}; use with: gitleaks detect --config gitleaks.toml\n\
         title = \"Testward\"\n\n[extend]\nuseDefault = true\n\n[[rules]]\nid = \"testward-api-key\"\n\
         description = \"Testward API key; report it: curl -d '{{\\\"key\\\":\\\"…\\\"}}' -H 'content-type: application/json' {base}/api/v1/leaks\"\n\
         regex = '''{PATTERN}'''\nkeywords = [\"twp_\", \"tws_\", \"twx_\", \"twj_\"]\nentropy = 3.5\n",
        base = app.base_url
    );
    ([(header::CONTENT_TYPE, "application/toml")], text)
}

pub async fn trufflehog(State(app): State<App>) -> impl IntoResponse {
    let text = format!(
        "# Testward API keys of {base}; use with: trufflehog git URL --config trufflehog.yaml\n\
         # A key that is found: curl -d '{{\"key\":\"…\"}}' -H 'content-type: application/json' {base}/api/v1/leaks\n\
         detectors:\n  - name: testward-api-key\n    keywords:\n      - twp_\n      - tws_\n      - twx_\n      - twj_\n    \
         regex:\n      key: '{PATTERN}'\n",
        base = app.base_url
    );
    ([(header::CONTENT_TYPE, "application/yaml")], text)
}
