//! What lies beside the results: the environment and who ran them.

use std::io::Read as _;

use serde::de::MapAccess;

use crate::encoding::Utf8Bytes;
use crate::json::{Allowance, Fields, Str, Whole, read_document};
use crate::paths::file_name;
use crate::report::{Files, Report, Summary};

const ENVIRONMENT: &str = "environment.properties";
const EXECUTOR: &str = "executor.json";
/// Both are a few lines; more is not Allure's.
const LARGEST: u64 = 256 * 1024;
const MOST: usize = 300;

/// Whether a file of the report may be a result or container.
pub(super) fn is_result(path: &str) -> bool {
    !matches!(file_name(path), ENVIRONMENT | EXECUTOR)
}

/// Completes the summary by what can be read of these.
pub(super) fn read(files: &dyn Files, report: &Report, summary: &mut Summary) {
    for &index in &report.parts {
        match file_name(files.path(index)) {
            ENVIRONMENT => environment(files, index, summary),
            EXECUTOR => executor(files, index, summary),
            _ => {}
        }
    }
}

/// Java's properties, as people write them: a name, `=` or `:`, a value.
fn environment(files: &dyn Files, index: usize, summary: &mut Summary) {
    let mut text = String::new();
    let Ok(input) = files.open(index) else { return };
    if Utf8Bytes::new(input).take(LARGEST).read_to_string(&mut text).is_err() {
        return;
    }
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '!'])) {
        let Some(at) = line.find(['=', ':']) else { continue };
        let (name, value) = (line[..at].trim(), line[at + 1..].trim());
        if !name.is_empty() && summary.environment.len() < MOST {
            summary.environment.push((name.replace("\\ ", " "), value.to_owned()));
        }
    }
}

#[derive(Debug, Default)]
struct Executor {
    name: Option<String>,
    build_name: Option<String>,
    build_url: Option<String>,
    report_name: Option<String>,
}

impl Fields for Executor {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value::<Str>()?.name(),
            "buildName" => self.build_name = map.next_value::<Str>()?.name(),
            "buildOrder" => self.build_name = self.build_name.take().or(map.next_value::<Str>()?.name()),
            "buildUrl" => self.build_url = map.next_value::<Str>()?.name(),
            "reportName" => self.report_name = map.next_value::<Str>()?.name(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn executor(files: &dyn Files, index: usize, summary: &mut Summary) {
    let mut executor = Whole(Executor::default());
    if read_document(files, index, &Allowance::default(), &mut executor, false).is_err() {
        return;
    }
    let Whole(executor) = executor;
    summary.name = executor.report_name;
    summary.build_label = executor.build_name;
    summary.build_url = executor.build_url;
    summary.environment.extend(executor.name.map(|name| ("executor".to_owned(), name)));
}
