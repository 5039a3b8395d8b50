//! Keeps the house in order: who may use whom, where SQL stands, how large a room may get.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines a source file may have. Larger ones hold more than one thing.
const MAX_LINES: usize = 450;

/// State and frame, which everything that answers a request needs.
const SHARED: &[&str] = &["app", "web"];

struct Source {
    path: PathBuf,
    /// Module of the crate that it belongs to.
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let relative = path.strip_prefix(root).expect("below the root").to_owned();
            let first = relative.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("text");
            found.push(Source { path: relative, module: first.trim_end_matches(".rs").to_owned(), text });
        }
    }
}

/// Returns the modules in the order in which `lib.rs` lists them.
fn order() -> Vec<String> {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("lib.rs");
    let names = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// Whether a file names a module of the crate, alone or in a group such as `use crate::{a, b::c};`.
fn uses(text: &str, module: &str) -> bool {
    let groups = text.match_indices("use crate::{").filter_map(|(at, it)| text[at + it.len()..].split_once("};"));
    let grouped = groups.flat_map(|(group, _)| group.split(',')).any(|it| it.trim().split("::").next() == Some(module));
    grouped || text.contains(&format!("crate::{module}::")) || text.contains(&format!("use crate::{module};"))
}

#[test]
fn a_module_uses_only_those_above_it() {
    let order = order();
    let place = |module: &str| order.iter().position(|it| it == module);
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !SHARED.contains(&source.module.as_str())) {
        for (i, name) in order.iter().enumerate().filter(|(_, name)| !SHARED.contains(&name.as_str())) {
            if uses(&source.text, name) && place(&source.module).is_some_and(|own| own < i) {
                wrong.push(format!("{} uses {name}", source.path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn sql_stands_in_stores_only() {
    let sources = sources();
    let outside = sources.iter().filter(|source| {
        let is_store = source.path.components().any(|it| it.as_os_str().to_string_lossy().starts_with("store"));
        !is_store
            && source.module != "db"
            && (source.text.contains("sqlx::query") || source.text.contains("QueryBuilder"))
    });
    let names: Vec<_> = outside.map(|source| source.path.display().to_string()).collect();
    assert_eq!(names, ["ids.rs"], "the id sequences are a table of their own");
}

#[test]
fn no_room_is_too_large() {
    let sources = sources();
    let large = sources.iter().filter(|source| source.text.lines().count() > MAX_LINES);
    let names: Vec<_> = large.map(|source| source.path.display().to_string()).collect();
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn every_file_says_what_lives_in_it() {
    let sources = sources();
    let silent = sources.iter().filter(|source| !source.text.starts_with("//! "));
    let names: Vec<_> = silent.map(|source| source.path.display().to_string()).collect();
    assert_eq!(names, Vec::<String>::new());
}
