//! One event of test2json.

use serde::de::MapAccess;

use crate::json::{Fields, Num, Str};
use crate::report::Timestamp;
use crate::text::clip;
use crate::timestamps::timestamp;

/// Longest name of a package or test kept.
const LONGEST: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) action: String,
    pub(super) at: Option<Timestamp>,
    pub(super) package: Option<String>,
    pub(super) test: Option<String>,
    pub(super) output: String,
    pub(super) elapsed_ms: Option<f64>,
    /// What was built, when this is of a build.
    pub(super) import_path: Option<String>,
    /// What could not be built, when a package failed for that.
    pub(super) failed_build: Option<String>,
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
}

impl Fields for Event {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let short = |text: Option<String>| {
            text.map(|mut text| {
                clip(&mut text, LONGEST);
                text
            })
        };
        match key {
            "Action" => self.action = map.next_value::<Str>()?.0.unwrap_or_default(),
            "Time" => self.at = map.next_value::<Str>()?.0.as_deref().and_then(timestamp),
            "Package" => self.package = short(map.next_value::<Str>()?.filled()),
            "Test" => self.test = short(map.next_value::<Str>()?.filled()),
            "Output" => self.output = map.next_value::<Str>()?.0.unwrap_or_default(),
            "Elapsed" => self.elapsed_ms = map.next_value::<Num>()?.0.map(|seconds| seconds * 1000.0),
            "ImportPath" => self.import_path = short(map.next_value::<Str>()?.filled()),
            "FailedBuild" => self.failed_build = short(map.next_value::<Str>()?.filled()),
            "Key" => self.key = short(map.next_value::<Str>()?.filled()),
            "Value" => self.value = short(map.next_value::<Str>()?.0),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
