//! SQL of runs, suites, results and their files.

mod lists;
mod live;
mod rows;
mod runs;

pub use lists::*;
pub use live::*;
pub use rows::*;
pub use runs::*;

/// Makes the pattern that finds `text` anywhere, in lower case. Goes with `ESCAPE '\'`.
fn containing(text: &str) -> String {
    let text = text.to_lowercase().replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    format!("%{text}%")
}
