//! Forward authentication: tells the proxy before another tool whose key a request shows, so that the key guards that
//! tool too. Asked for by nginx `auth_request`, Traefik `forwardAuth`, Caddy `forward_auth`, Envoy `ext_authz`.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::SchemaGenerator;
use serde::Deserialize;
use testward_wire::keys::Scope;

use crate::app::App;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::ProjectId;
use crate::projects;
use crate::web::extract::{Path, Query};
use crate::web::openapi::describe::{Answer, Success};

/// What the key must be allowed.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Scope that the key must have, such as `results:read`.
    pub scope: Option<String>,
    /// Number of a project that the key must reach; with a scope, that it must have it there.
    pub project: Option<i64>,
}

/// Says whose key it is, in headers that the proxy can pass on.
pub struct Vouched {
    status: StatusCode,
    headers: HeaderMap,
}

impl IntoResponse for Vouched {
    fn into_response(self) -> Response {
        (self.status, self.headers).into_response()
    }
}

impl Answer for Vouched {
    fn describe(_: &mut SchemaGenerator) -> Success {
        let description = "The key is good; X-Testward-Key, -Key-Id, -Owner, -Owner-Id and -Scopes say whose it is.";
        Success { status: "204", description, body: None }
    }
}

/// Proxies let pass on any 2xx, refuse on 401 and 403, and take anything else for an error of ours.
pub async fn verify(State(app): State<App>, caller: Caller, Query(wanted): Query<Wanted>) -> Result<Vouched> {
    let caller = match &wanted.scope {
        Some(name) => asking(&caller, name)?,
        None => caller,
    };
    if let Some(project) = wanted.project {
        require_project(&app, &caller, ProjectId(project)).await?;
    }
    vouch(&app, &caller, StatusCode::NO_CONTENT)
}

/// Envoy keeps the method, appends the path of the request to ours, and takes nothing but 200 for yes.
pub async fn verify_for_envoy(State(app): State<App>, caller: Caller, Path(asked): Path<String>) -> Result<Vouched> {
    let scope = asked.split_once('/').map_or(asked.as_str(), |(scope, _)| scope);
    let caller = if scope == "any" { caller } else { asking(&caller, scope)? };
    vouch(&app, &caller, StatusCode::OK)
}

fn asking(caller: &Caller, scope: &str) -> Result<Caller> {
    caller.asking(Scope::from_name(scope).ok_or_else(|| unknown_scope(scope))?)
}

/// Not a refusal: proxies take this for an error, and somebody looks why nobody gets in.
fn unknown_scope(name: &str) -> Error {
    let known = Scope::ALL.map(Scope::name).join(", ");
    Error::invalid("scope", format!("is {name:?}, and must be one of {known}"))
}

async fn require_project(app: &App, caller: &Caller, id: ProjectId) -> Result<()> {
    let mut tx = app.db.read().await?;
    match projects::open(&mut tx, caller, id).await {
        Ok(_) => Ok(()),
        Err(Error::NotFound(_)) => {
            Err(Error::forbidden("wrong_project", format!("the API key does not reach project {id}")))
        }
        Err(error) => Err(error),
    }
}

fn vouch(app: &App, caller: &Caller, status: StatusCode) -> Result<Vouched> {
    let key = caller.key().ok_or_else(|| Error::bad_request("no_key", "this answers for the key it is called with"))?;
    let owner = app.keys.owner(key.owner).map(|owner| owner.email.clone()).unwrap_or_default();
    let scopes: Vec<_> = key.scopes.list().into_iter().map(Scope::name).collect();
    let facts = [
        ("x-testward-key-id", key.id.to_string()),
        ("x-testward-key", key.handle.to_string()),
        ("x-testward-owner-id", key.owner.to_string()),
        ("x-testward-owner", owner),
        ("x-testward-scopes", scopes.join(" ")),
    ];
    let header = |(name, value): (&'static str, String)| {
        // An e-mail address may hold letters outside of ASCII, which headers carry as bytes.
        Some((HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    Ok(Vouched { status, headers: facts.into_iter().filter_map(header).collect() })
}
