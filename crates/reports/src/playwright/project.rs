//! The tests of a project, as a blob lists them before they run.

use serde::de::MapAccess;

use crate::json::{Fields, List, Num, Object, Str, Texts};
use crate::playwright::run::{Annotation, Place, Test};

/// Files, suites and tests of one list.
const MOST: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Project {
    name: String,
    suites: Vec<Node>,
}

/// A suite, which has entries, or a test, which has an id.
#[derive(Debug, Default)]
struct Node {
    title: String,
    id: Option<String>,
    place: Place,
    tags: Vec<String>,
    annotations: Vec<Annotation>,
    retries: f64,
    entries: Vec<Node>,
}

/// A test that is to run.
pub(super) struct Planned {
    pub(super) test: Test,
    /// Project, file and suites, from the outermost.
    pub(super) path: Vec<String>,
    pub(super) retries: u64,
}

impl Planned {
    /// A test that no project lists.
    pub(super) fn unknown(id: &str) -> Self {
        let test = Test { title: id.to_owned(), expected: "passed".to_owned(), ..Test::default() };
        Self { test, path: Vec::new(), retries: 0 }
    }
}

impl Fields for Project {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value::<Str>()?.name().unwrap_or_default(),
            "suites" => self.suites = map.next_value::<List<Node, MOST>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Node {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "title" => self.title = map.next_value::<Str>()?.name().unwrap_or_default(),
            "testId" => self.id = map.next_value::<Str>()?.filled(),
            "location" => self.place = map.next_value::<Object<Place>>()?.0.unwrap_or_default(),
            "tags" => self.tags = map.next_value::<Texts>()?.0,
            "annotations" => self.annotations = map.next_value::<List<Annotation>>()?.0,
            "retries" => self.retries = map.next_value::<Num>()?.0.unwrap_or_default(),
            // Before version 2 suites and tests had lists of their own.
            "entries" | "suites" | "tests" => self.entries.extend(map.next_value::<List<Node, MOST>>()?.0),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Project {
    /// All tests with their ids.
    pub(super) fn into_tests(self) -> Vec<(String, Planned)> {
        let root: Vec<String> = Some(self.name).filter(|name| !name.is_empty()).into_iter().collect();
        let mut tests = Vec::new();
        let mut open: Vec<(Node, Vec<String>)> =
            self.suites.into_iter().rev().map(|node| (node, root.clone())).collect();
        while let Some((node, mut path)) = open.pop() {
            if let Some(id) = node.id {
                let test = Test {
                    title: node.title,
                    file: node.place.file,
                    line: node.place.line,
                    tags: node.tags,
                    annotations: node.annotations,
                    expected: "passed".to_owned(),
                };
                tests.push((id, Planned { test, path, retries: node.retries as u64 }));
                continue;
            }
            if !node.title.is_empty() {
                path.push(node.title);
            }
            open.extend(node.entries.into_iter().rev().map(|entry| (entry, path.clone())));
        }
        tests
    }
}
