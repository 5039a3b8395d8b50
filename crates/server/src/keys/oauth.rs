//! What OAuth tools ask about a key: what it is worth (RFC 7662), and to end it (RFC 7009).

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use testward_wire::keys::Scope;
use testward_wire::keytext::KeyText;

use crate::app::App;
use crate::error::Result;
use crate::gate::{Caller, ShownKey};
use crate::identity::Actor;
use crate::identity::http::Place;
use crate::keys;
use crate::time::SECOND;
use crate::web::extract::{Form, Json};
use crate::web::limits::Attempt;

/// The form that both endpoints take. A hint at the token's type, if there is one, is not needed.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    token: String,
    /// Ours: the address that showed the key to whoever asks.
    ip: Option<IpAddr>,
}

/// What a key is worth. Of one that is worth nothing, nothing else is said.
#[derive(Debug, Default, Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten)]
    facts: Option<Facts>,
}

#[derive(Debug, Serialize)]
struct Facts {
    scope: String,
    /// The key's handle.
    client_id: String,
    username: String,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    sub: String,
    iss: String,
}

/// Answers for the key in the form, to whoever shows a key of their own.
pub async fn introspect(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Result<Json<Introspection>> {
    let now = app.clock.now();
    // A key that is bound to networks is worth nothing to who cannot say from where it came.
    let ip = asked.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let key = KeyText::parse(asked.token.trim()).ok();
    let Some(key) = key.and_then(|key| app.keys.verify(&app.vault, now, ip, key).ok()) else {
        app.failures.check(now, Attempt::Key, caller.ip)?;
        app.failures.record(now, Attempt::Key, caller.ip);
        return Ok(Json(Introspection::default()));
    };
    let agent = headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    app.keys.uses.note(now, &key, asked.ip.unwrap_or(caller.ip), agent, "/oauth/introspect");
    Ok(Json(Introspection { active: true, facts: Some(facts(&app, &key)) }))
}

fn facts(app: &App, key: &ShownKey) -> Facts {
    let scopes: Vec<_> = key.scopes.list().into_iter().map(Scope::name).collect();
    Facts {
        scope: scopes.join(" "),
        client_id: key.handle.to_string(),
        username: app.keys.owner(key.owner).map(|owner| owner.email.clone()).unwrap_or_default(),
        token_type: "api_key",
        exp: key.expires_at.map(|at| at.0 / SECOND),
        sub: key.owner.to_string(),
        iss: app.base_url.clone(),
    }
}

/// Ends the key in the form. Who has it may end it, whatever it may do and from where; what is none is ended already.
pub async fn revoke(State(app): State<App>, from: Place, Form(asked): Form<Asked>) -> Result<StatusCode> {
    let now = app.clock.now();
    let key = KeyText::parse(asked.token.trim()).ok();
    let Some(key) = key.and_then(|key| app.keys.find_held(&app.vault, key)) else {
        app.failures.check(now, Attempt::Key, from.ip)?;
        app.failures.record(now, Attempt::Key, from.ip);
        return Ok(StatusCode::OK);
    };
    let actor = Actor { person: None, key: Some(key.handle.to_string()), ip: Some(from.ip.to_string()) };
    let mut tx = app.db.write().await?;
    let change = keys::revoke_held(&mut tx, now, &actor, &key).await?;
    keys::commit(&app, tx, change).await?;
    Ok(StatusCode::OK)
}
