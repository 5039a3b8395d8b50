//! The words of SCIM: resources, lists and errors as JSON.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{Description, Filter, User};
use crate::app::App;
use crate::error::{Error, Result};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// An answer in SCIM's own type.
pub struct Scim(pub StatusCode, pub Value);

impl IntoResponse for Scim {
    fn into_response(self) -> Response {
        let mut response = (self.0, Json(self.1)).into_response();
        let media_type = HeaderValue::from_static("application/scim+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response
    }
}

/// Says an error in SCIM's words (RFC 7644, 3.12); what is our own fault is told and logged as everywhere.
pub fn told(result: Result<Scim>) -> Result<Scim> {
    let error = match result {
        Err(error @ Error::Internal(_)) => return Err(error),
        Err(error) => error,
        good => return good,
    };
    let kind = match &error {
        Error::Conflict { code: "mutability", .. } => Some("mutability"),
        Error::Conflict { .. } => Some("uniqueness"),
        Error::BadRequest { code: "invalidFilter", .. } => Some("invalidFilter"),
        Error::Invalid(_) | Error::BadRequest { .. } => Some("invalidValue"),
        _ => None,
    };
    let status = error.status();
    let mut body =
        json!({"schemas": [ERROR], "status": status.as_str(), "detail": error.message(), "code": error.code()});
    if let Some(kind) = kind {
        body["scimType"] = json!(kind);
    }
    Ok(Scim(status, body))
}

pub fn user(app: &App, user: &User) -> Value {
    let id = user.person.id.to_string();
    let mut written = json!({
        "schemas": [USER],
        "id": id,
        "userName": user.person.email,
        "displayName": user.person.name,
        "name": {"formatted": user.person.name},
        "emails": [{"value": user.person.email, "primary": true}],
        "active": user.is_active,
        "meta": {
            "resourceType": "User",
            "created": user.created_at.rfc3339(),
            "lastModified": user.updated_at.rfc3339(),
            "location": app.url(&format!("/scim/v2/Users/{id}")),
        },
    });
    if let Some(external_id) = &user.external_id {
        written["externalId"] = json!(external_id);
    }
    written
}

pub fn list(resources: Vec<Value>, total: usize, start: usize) -> Value {
    json!({
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

/// Returns a member of an object whatever the case of its name: SCIM's names have none (RFC 7643, 2.1).
pub fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).filter(|it| !it.is_null())
}

/// Reads a user as a provider sends it.
pub fn description(body: &Value) -> Result<Description> {
    let object = body.as_object().ok_or_else(|| Error::bad_request("invalid_json", "the body must be an object"))?;
    let text = |name: &str| member(object, name).and_then(Value::as_str).map(str::trim).filter(|it| !it.is_empty());
    let email = text("userName").ok_or_else(|| Error::invalid("userName", "must be an e-mail address"))?;
    let name = text("displayName").map(str::to_owned).or_else(|| full_name(object)).unwrap_or_else(|| email.to_owned());
    Ok(Description {
        email: email.to_owned(),
        name,
        external_id: text("externalId").map(str::to_owned),
        is_active: member(object, "active").map_or(Ok(true), truth)?,
    })
}

fn full_name(object: &Map<String, Value>) -> Option<String> {
    let name = member(object, "name")?.as_object()?;
    let part = |part: &str| member(name, part).and_then(Value::as_str).map(str::trim).filter(|it| !it.is_empty());
    if let Some(formatted) = part("formatted") {
        return Some(formatted.to_owned());
    }
    let parts: Vec<_> = ["givenName", "familyName"].into_iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Reads a truth value; some providers send it as text.
pub fn truth(value: &Value) -> Result<bool> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Error::invalid("active", "must be true or false")),
    }
}

/// Reads a filter: `userName eq "…"` or `externalId eq "…"`, which is what providers ask.
pub fn filter(text: Option<&str>) -> Result<Filter> {
    let Some(text) = text.map(str::trim).filter(|it| !it.is_empty()) else { return Ok(Filter::All) };
    let unknown = || Error::bad_request("invalidFilter", "the filter must be userName eq \"…\" or externalId eq \"…\"");
    let mut words = text.splitn(3, char::is_whitespace);
    let (Some(name), Some(operator), Some(value)) = (words.next(), words.next(), words.next()) else {
        return Err(unknown());
    };
    let value: String = serde_json::from_str(value.trim()).map_err(|_| unknown())?;
    match (name.to_ascii_lowercase().as_str(), operator.to_ascii_lowercase().as_str()) {
        ("username", "eq") => Ok(Filter::Email(value)),
        ("externalid", "eq") => Ok(Filter::ExternalId(value)),
        _ => Err(unknown()),
    }
}

pub fn service_provider_config() -> Value {
    let no = json!({"supported": false});
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": super::http::MAX_COUNT},
        "changePassword": no, "sort": no, "etag": no,
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "API key",
            "description": "An API key with the scope people:provision, as bearer token.", "primary": true,
        }],
    })
}

pub fn resource_types() -> Value {
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User", "name": "User", "endpoint": "/Users", "schema": USER,
    });
    list(vec![user], 1, 1)
}

pub fn schemas() -> Value {
    let attribute = |name: &str, kind: &str, required: bool, unique: &str| {
        json!({"name": name, "type": kind, "multiValued": false, "required": required, "caseExact": false,
               "mutability": "readWrite", "returned": "default", "uniqueness": unique})
    };
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": USER, "name": "User", "description": "A person of the organization.",
        "attributes": [
            attribute("userName", "string", true, "server"),
            attribute("displayName", "string", false, "none"),
            attribute("externalId", "string", false, "none"),
            attribute("active", "boolean", false, "none"),
        ],
    });
    list(vec![user], 1, 1)
}
