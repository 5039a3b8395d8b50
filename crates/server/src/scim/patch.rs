//! PATCH (RFC 7644, 3.5.2) of the attributes that are kept; others are passed over, as providers send many.

use serde_json::{Value, json};

use super::schema::{description, member};
use super::{Description, User};
use crate::error::{Error, Result};

/// Applies a provider's operations to what is known of a user.
pub fn apply(user: &User, body: &Value) -> Result<Description> {
    let wrong = |why: &str| Error::bad_request("invalid_patch", why.to_owned());
    let mut written = json!({
        "userName": user.person.email,
        "displayName": user.person.name,
        "externalId": user.external_id,
        "active": user.is_active,
    });
    let operations = body.as_object().and_then(|it| member(it, "Operations")).and_then(Value::as_array);
    for operation in operations.ok_or_else(|| wrong("the body must have Operations"))? {
        let operation = operation.as_object().ok_or_else(|| wrong("an operation must be an object"))?;
        let text = |name: &str| member(operation, name).and_then(Value::as_str).unwrap_or_default();
        let value = member(operation, "value").cloned();
        match (text("op").to_ascii_lowercase().as_str(), text("path")) {
            ("add" | "replace", "") => {
                let members =
                    value.as_ref().and_then(Value::as_object).ok_or_else(|| wrong("value must be an object"))?;
                members.iter().for_each(|(name, value)| set(&mut written, name, value.clone()));
            }
            ("add" | "replace", path) => set(&mut written, path, value.unwrap_or_default()),
            ("remove", "") => return Err(wrong("remove needs a path")),
            ("remove", path) => set(&mut written, path, Value::Null),
            _ => return Err(wrong("op must be add, replace or remove")),
        }
    }
    description(&written)
}

fn set(written: &mut Value, path: &str, value: Value) {
    let name = match path.to_ascii_lowercase().as_str() {
        "username" => "userName",
        "displayname" | "name.formatted" => "displayName",
        "externalid" => "externalId",
        "active" => "active",
        _ => return,
    };
    written[name] = value;
}
