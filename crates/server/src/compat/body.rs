//! Bodies as the official clients send them: under any content type, in the address instead, or not at all.

use std::collections::HashMap;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{Uri, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::ids::ProjectId;
use crate::ingest::AnnouncedFile;

/// Ten thousand files with long names fit.
const MAX_BODY: usize = 16 << 20;

/// A search fits, and what is read of it without a type, at many times its length, stays bearable.
pub const SMALL_BODY: usize = 1 << 20;

/// A JSON body of at most `MAX` bytes, whatever content type it goes under.
pub struct Body<T, const MAX: usize = MAX_BODY>(pub T);

impl<T: DeserializeOwned, S: Sync, const MAX: usize> FromRequest<S> for Body<T, MAX> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        from_json(&read(request, MAX).await?).map(Self)
    }
}

async fn read(request: Request, max: usize) -> Result<Bytes> {
    let message = || format!("the body is larger than {} MiB or broke off", max >> 20);
    let too_large = || Error::TooLarge { message: message() };
    to_bytes(request.into_body(), max).await.map_err(|_| too_large())
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| Error::bad_request("invalid_json", error.to_string()))
}

/// A batch with one file, named in the address or in a form; clients of the same route do either.
pub struct OneFile {
    fields: HashMap<String, String>,
    pub tags: Vec<String>,
}

impl<S: Sync> FromRequest<S> for OneFile {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let Self { mut fields, .. } = Self::from_address(request.uri())?;
        let content_type = content_type(&request);
        let body = read(request, MAX_BODY).await?;
        let mut tags = Vec::new();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            fields.extend(pairs(&body)?);
        } else if content_type.starts_with("application/json") && !body.is_empty() {
            tags = tag_names(from_json::<Tagged>(&body)?.tags);
        }
        Ok(Self { fields, tags })
    }
}

/// Returns the content type of a body, in lower case.
pub fn content_type(request: &Request) -> String {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    content_type.unwrap_or_default().to_ascii_lowercase()
}

fn pairs(text: &[u8]) -> Result<HashMap<String, String>> {
    serde_urlencoded::from_bytes(text).map_err(|error| Error::bad_request("invalid_form", error.to_string()))
}

impl OneFile {
    /// Reads what the address says.
    pub fn from_address(address: &Uri) -> Result<Self> {
        let fields = pairs(address.query().unwrap_or_default().as_bytes())?;
        Ok(Self { fields, tags: Vec::new() })
    }

    pub fn project(&self) -> Result<ProjectId> {
        let id = self.fields.get("projectId").map(String::as_str).unwrap_or_default().parse();
        id.map(ProjectId).map_err(|_| Error::invalid("projectId", "must be the number of a project"))
    }

    /// Takes a field out; one that is not there is empty.
    pub fn take(&mut self, name: &str) -> String {
        self.fields.remove(name).unwrap_or_default()
    }

    pub fn put(&mut self, name: &str, value: String) {
        self.fields.insert(name.to_owned(), value);
    }

    /// Returns the file, once everything about its batch was taken.
    pub fn announced(mut self) -> AnnouncedFile {
        let is_end = [self.take("isEnd"), self.take("end")].iter().any(|it| it.eq_ignore_ascii_case("true"));
        AnnouncedFile {
            folder: self.take("folderPath"),
            name: self.take("fileName"),
            uploaded_path: self.take("uploadedPath"),
            is_end,
        }
    }
}

/// A tag as clients send it.
#[derive(Deserialize)]
pub struct Tag {
    name: Option<String>,
}

/// Tags of a body that says little else.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Tagged {
    tags: Option<Vec<Tag>>,
}

/// Returns the names of the tags that have one.
pub fn tag_names(tags: Option<Vec<Tag>>) -> Vec<String> {
    tags.into_iter().flatten().filter_map(|tag| tag.name).collect()
}

/// Reads `true`, `"true"` and everything that is neither as what clients mean by it.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Text(String),
        Other(IgnoredAny),
    }
    Ok(match Flag::deserialize(deserializer)? {
        Flag::Bool(it) => it,
        Flag::Text(text) => text.eq_ignore_ascii_case("true"),
        Flag::Other(_) => false,
    })
}
