//! What a Gherkin document says of the scenarios that come from it.

use serde::de::MapAccess;

use crate::json::{Fields, List, Num, Object, Str};

/// A line of a feature that a scenario or step refers to by its id.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) line: Option<u64>,
    /// Of a step.
    pub(super) keyword: Option<String>,
    pub(super) description: Option<String>,
    /// Of a row of examples: column and value.
    pub(super) row: Vec<(String, String)>,
    pub(super) rule: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) uri: Option<String>,
    pub(super) feature: Feature,
}

#[derive(Debug, Default)]
pub(super) struct Feature {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) tags: Vec<String>,
    children: Vec<Child>,
}

#[derive(Debug, Default)]
struct Child {
    scenario: Option<Scenario>,
    rule: Option<Rule>,
}

#[derive(Debug, Default)]
struct Rule {
    name: Option<String>,
    children: Vec<Child>,
}

#[derive(Debug, Default)]
struct Scenario {
    node: Node,
    steps: Vec<Step>,
    examples: Vec<Examples>,
}

#[derive(Debug, Default)]
struct Step(Node);

#[derive(Debug, Default)]
struct Examples {
    header: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Default)]
pub(super) struct Row {
    id: String,
    line: Option<u64>,
    pub(super) cells: Vec<String>,
}

#[derive(Debug, Default)]
struct Named(Option<String>);

#[derive(Debug, Default)]
struct Cell(String);

#[derive(Debug, Default)]
struct Location(Option<u64>);

impl Fields for Location {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "line" {
            self.0 = map.next_value::<Num>()?.0.map(|line| line as u64);
        }
        Ok(key == "line")
    }
}

impl Fields for Named {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "name" {
            self.0 = map.next_value::<Str>()?.name();
        }
        Ok(key == "name")
    }
}

impl Fields for Cell {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "value" {
            self.0 = map.next_value::<Str>()?.0.unwrap_or_default();
        }
        Ok(key == "value")
    }
}

impl Fields for Row {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value::<Str>()?.0.unwrap_or_default(),
            "location" => self.line = map.next_value::<Object<Location>>()?.0.unwrap_or_default().0,
            "cells" => self.cells = map.next_value::<List<Cell>>()?.0.into_iter().map(|cell| cell.0).collect(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Examples {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "tableHeader" => self.header = map.next_value::<Object<Row>>()?.0.unwrap_or_default().cells,
            "tableBody" => self.rows = map.next_value::<List<Row>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Step {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.0.id = map.next_value::<Str>()?.0.unwrap_or_default(),
            "keyword" => self.0.keyword = map.next_value::<Str>()?.name(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Scenario {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.node.id = map.next_value::<Str>()?.0.unwrap_or_default(),
            "location" => self.node.line = map.next_value::<Object<Location>>()?.0.unwrap_or_default().0,
            "description" => self.node.description = map.next_value::<Str>()?.filled(),
            "steps" => self.steps = map.next_value::<List<Step>>()?.0,
            "examples" => self.examples = map.next_value::<List<Examples>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Rule {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value::<Str>()?.name(),
            "children" => self.children = map.next_value::<List<Child>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Child {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "scenario" | "background" => self.scenario = map.next_value::<Object<Scenario>>()?.0,
            "rule" => self.rule = map.next_value::<Object<Rule>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Feature {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = map.next_value::<Str>()?.name(),
            "description" => self.description = map.next_value::<Str>()?.filled(),
            "tags" => self.tags = tag_names(map)?,
            "children" => self.children = map.next_value::<List<Child>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Document {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "uri" => self.uri = map.next_value::<Str>()?.name(),
            "feature" => self.feature = map.next_value::<Object<Feature>>()?.0.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

pub(super) fn tag_names<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<String>, A::Error> {
    Ok(map.next_value::<List<Named>>()?.0.into_iter().filter_map(|tag| tag.0).collect())
}

impl Feature {
    /// All that is referred to by an id.
    pub(super) fn nodes(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut open: Vec<(Child, Option<String>)> =
            std::mem::take(&mut self.children).into_iter().map(|child| (child, None)).collect();
        while let Some((child, rule)) = open.pop() {
            if let Some(scenario) = child.scenario {
                scenario.into_nodes(rule, &mut nodes);
            }
            if let Some(Rule { name, children }) = child.rule {
                open.extend(children.into_iter().map(|child| (child, name.clone())));
            }
        }
        nodes
    }
}

impl Scenario {
    fn into_nodes(self, rule: Option<String>, nodes: &mut Vec<Node>) {
        nodes.extend(self.steps.into_iter().map(|step| step.0));
        for examples in self.examples {
            for row in examples.rows {
                let values = std::iter::zip(examples.header.iter().cloned(), row.cells).collect();
                nodes.push(Node { id: row.id, line: row.line, row: values, ..Node::default() });
            }
        }
        nodes.push(Node { rule, ..self.node });
    }
}
