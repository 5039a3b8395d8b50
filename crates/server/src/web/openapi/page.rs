//! The API for people to read: the committed document as a page.

use askama::Template;
use axum::response::Html;
use serde_json::Value;

use super::DOCUMENT;
use crate::error::Result;
use crate::web::layout::{Chrome, Crumb, render};

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    page: Chrome,
    groups: Vec<Group>,
    types: Vec<Type>,
}

struct Group {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    rule: String,
    parameters: Vec<Property>,
    body: Option<Shown>,
    answers: Vec<Shown>,
}

/// A body or an answer: what it is, and the type that it links to, if it has a name.
struct Shown {
    label: String,
    kind: Kind,
}

struct Type {
    name: String,
    description: String,
    properties: Vec<Property>,
    kind: Kind,
}

struct Property {
    name: String,
    kind: Kind,
    is_required: bool,
    description: String,
}

/// A type in words, with the named type it leads to.
struct Kind {
    text: String,
    link: Option<String>,
}

/// Anybody may read how the API works; it says nothing of what is stored here.
pub async fn show() -> Result<Html<String>> {
    let document: Value = serde_json::from_str(DOCUMENT).expect("the committed document is JSON");
    let mut page = Chrome::plain();
    page.crumbs = vec![Crumb::new("API", "/docs/api")];
    render(&ApiPage { page, groups: groups(&document), types: types(&document) })
}

fn groups(document: &Value) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (path, methods) in entries(&document["paths"]) {
        for (method, it) in entries(methods) {
            let name = text(&it["tags"][0]);
            let operation = operation(path, method, it);
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.operations.push(operation),
                None => groups.push(Group { name, operations: vec![operation] }),
            }
        }
    }
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

fn operation(path: &str, method: &str, it: &Value) -> Operation {
    let parameter = |it: &Value| Property {
        name: format!("{} ({})", text(&it["name"]), text(&it["in"])),
        kind: kind(&it["schema"]),
        is_required: it["required"] == true,
        description: text(&it["schema"]["description"]),
    };
    let answers = entries(&it["responses"]).filter(|(status, _)| *status != "default");
    Operation {
        id: text(&it["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&it["summary"]),
        rule: text(&it["description"]),
        parameters: it["parameters"].as_array().into_iter().flatten().map(parameter).collect(),
        body: content(&it["requestBody"]),
        answers: answers.map(|(status, it)| answer(status, it)).collect(),
    }
}

fn answer(status: &str, it: &Value) -> Shown {
    let shown = content(it);
    let kind = shown.map_or(Kind { text: text(&it["description"]), link: None }, |it| it.kind);
    Shown { label: status.to_owned(), kind }
}

fn content(it: &Value) -> Option<Shown> {
    let (mime, it) = entries(&it["content"]).next()?;
    Some(Shown { label: mime.to_owned(), kind: kind(&it["schema"]) })
}

fn types(document: &Value) -> Vec<Type> {
    let one = |(name, schema): (&str, &Value)| Type {
        name: name.to_owned(),
        description: text(&schema["description"]),
        properties: properties(schema),
        kind: kind(schema),
    };
    entries(&document["components"]["schemas"]).map(one).collect()
}

fn properties(schema: &Value) -> Vec<Property> {
    let is_required = |name: &str| schema["required"].as_array().is_some_and(|it| it.iter().any(|it| it == name));
    let property = |(name, it): (&str, &Value)| Property {
        name: name.to_owned(),
        kind: kind(it),
        is_required: is_required(name),
        description: text(&it["description"]),
    };
    entries(&schema["properties"]).map(property).collect()
}

/// Writes a schema as people say it: `integer`, `list of KeyView`, `one of "live", "dead"`.
fn kind(schema: &Value) -> Kind {
    let plain = |text: String| Kind { text, link: None };
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        return Kind { text: name.to_owned(), link: Some(name.to_owned()) };
    }
    if let Some(items) = schema.get("items") {
        let items = kind(items);
        return Kind { text: format!("list of {}", items.text), ..items };
    }
    if let Some(values) = schema["enum"].as_array() {
        return plain(format!("one of {}", joined(values.iter().map(ToString::to_string))));
    }
    if let Some(value) = schema.get("const") {
        return plain(value.to_string());
    }
    for union in ["anyOf", "oneOf", "allOf"] {
        if let Some(kinds) = schema[union].as_array() {
            let kinds: Vec<_> = kinds.iter().map(kind).filter(|it| it.text != "null").collect();
            let text = kinds.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join(" or ");
            return Kind { text, link: kinds.into_iter().find_map(|it| it.link) };
        }
    }
    match &schema["type"] {
        Value::Array(types) => plain(joined(types.iter().map(text).filter(|it| it != "null"))),
        other => plain(text(other)),
    }
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flatten().map(|(name, it)| (name.as_str(), it))
}

/// Returns a text of the document, without the marks of code that its other readers know how to show.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('`', "")
}
