//! Reads the JSON folder that the TestOps reporters write: `execution.json`, `suites.json`, `results.json`,
//! `metadata.json`.

mod reader;
mod results;

pub(crate) use reader::read;
