//! Reads Playwright's JSON, and the blob that it writes for merging: a zip file with one event a line.

mod blob;
mod json;
mod project;
mod run;
mod zip;

use std::io::Read as _;

use crate::report::{Event, Files, ParseError, Summary};

pub(crate) use zip::is_blob;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let mut start = Vec::new();
    // A file that cannot be opened says so when it is read.
    let is_zip =
        files.open(index).is_ok_and(|file| file.take(4).read_to_end(&mut start).is_ok()) && start == zip::MAGIC;
    if is_zip { blob::read(files, index, emit) } else { json::read(files, index, emit) }
}
