//! The strictest client's eye: no `null`, and no field outside the official definition.

use serde_json::Value;

/// Fields by resource, as the official definition has them.
const FIELDS: [(&str, &str); 11] = [
    ("File", "id uploadFileId self name path url hash size uploadUrl signedUrl thumbnailUrl"),
    ("UploadBatch", "id done webUrl"),
    ("Organization", "id name role domain subdomainUrl logoUrl"),
    ("Team", "id name role users organization organizationId"),
    ("Project", "id name teamId team timezone status"),
    ("User", "id email firstName lastName avatar configs projects teams organizations systemRole createdAt fullName"),
    // Not in the definition, and so never read into a type by a client.
    ("ApiKey", "id name handle createdAt expiresAt"),
    (
        "Execution",
        "status startTime endTime duration elapsedDuration totalTests totalPassedTests totalFailedTests \
         totalErrorTests totalIncompleteTests totalSkippedTests id projectId project buildId order executionStage \
         webUrl user sessionId buildLabel buildUrl type",
    ),
    ("PageBase", "totalPages totalElements sort size content number numberOfElements pageable first last empty"),
    ("Pageable", "sort offset unpaged pageNumber pageSize paged"),
    ("Sort", "empty unsorted sorted"),
];

/// Where resources stand within others.
const NESTED: [(&str, &str); 7] = [
    ("organization", "Organization"),
    ("organizations", "Organization"),
    ("team", "Team"),
    ("teams", "Team"),
    ("project", "Project"),
    ("projects", "Project"),
    ("pageable", "Pageable"),
];

/// Checks a resource with everything in it. The content of a page is checked by its own name.
#[track_caller]
pub fn strict(kind: &str, value: &Value) {
    match value {
        Value::Null => panic!("null in {kind}"),
        Value::Array(items) => items.iter().for_each(|item| strict(kind, item)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| strict_field(kind, name, value)),
        _ => {}
    }
}

#[track_caller]
fn strict_field(kind: &str, name: &str, value: &Value) {
    let (_, allowed) = FIELDS.iter().find(|it| it.0 == kind).unwrap_or_else(|| panic!("no resource {kind}"));
    assert!(allowed.split_whitespace().any(|it| it == name), "{kind} has no field {name}");
    assert!(!value.is_null(), "{kind}.{name} is null");
    let is_id = name == "id" || (name.ends_with("Id") && name != "sessionId");
    assert!(!is_id || value.is_i64(), "{kind}.{name} is no number: {value}");
    let is_time = name.ends_with("Time") || name.ends_with("At");
    assert!(
        !is_time || value.as_str().is_some_and(|it| it.ends_with("+00:00")),
        "{kind}.{name} is no instant: {value}"
    );
    if let Some((_, kind)) = NESTED.iter().find(|it| it.0 == name) {
        strict(kind, value);
    } else if name == "sort" {
        strict("Sort", value);
    }
}
