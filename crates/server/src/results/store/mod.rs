//! SQL of runs, suites, results and their files.

mod lists;
mod live;
mod rows;
mod runs;

pub use lists::*;
pub use live::*;
pub use rows::*;
pub use runs::*;

/// Returns `n` placeholders, separated by commas.
///
/// Bare `?` rather than `$n`: the driver looks every named placeholder up by a walk over all of them, which makes a
/// statement with thousands of values slower by orders of magnitude.
fn marks(n: usize) -> String {
    let mut text = "?,".repeat(n);
    text.pop();
    text
}

/// Makes the pattern that finds `text` anywhere, in lower case. Goes with `ESCAPE '\'`.
fn containing(text: &str) -> String {
    let text = text.to_lowercase().replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    format!("%{text}%")
}
