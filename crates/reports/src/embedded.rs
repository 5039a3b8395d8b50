//! Files that a report holds within itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::MapAccess;

use crate::json::{Fields, Object, Str};
use crate::text::TextBuilder;

/// Files of one result that are listed.
const MOST: usize = 200;

/// A file within the report.
#[derive(Debug, Default)]
pub(crate) struct Embedding {
    pub(crate) mime: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) is_plain: bool,
}

impl Fields for Embedding {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "mime_type" => self.mime = map.next_value::<Str>()?.name(),
            // A newer form of Ruby's Cucumber.
            "media" => self.mime = map.next_value::<Object<Media>>()?.0.unwrap_or_default().0,
            "name" => self.name = map.next_value::<Str>()?.name(),
            "data" => self.data = map.next_value::<Str>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Media(Option<String>);

impl Fields for Media {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "type" {
            self.0 = map.next_value::<Str>()?.name();
        }
        Ok(key == "type")
    }
}

impl Embedding {
    /// Puts a text to the output; what is none stays in the report and is listed.
    pub(crate) fn tell(self, output: &mut TextBuilder, listed: &mut Vec<(String, String)>) {
        let mime = self.mime.unwrap_or_default();
        let data = self.data.unwrap_or_default();
        let is_text = mime.starts_with("text/") || mime.contains("json") || mime.contains("xml");
        // Some write a text as it is where base64 is due.
        let text = if self.is_plain { None } else { decoded(&data) };
        let text = text.as_deref().unwrap_or(&data);
        if is_text {
            if let Some(name) = &self.name {
                output.push(name);
                output.push(": ");
            }
            output.push(text);
            output.push("\n");
        } else if listed.len() < MOST {
            let kind = if mime.is_empty() { "data" } else { mime.as_str() };
            let name = self.name.unwrap_or_else(|| "embedded".to_owned());
            listed.push((name, format!("{kind} within the report")));
        }
    }
}

/// The text that was written in base64.
pub(crate) fn decoded(data: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(data.trim()).ok()?).ok()
}
