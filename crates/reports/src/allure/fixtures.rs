//! Set-ups and tear-downs, which Allure keeps in containers beside the results that they surround.

use std::collections::HashMap;
use std::rc::Rc;

use serde::de::MapAccess;

use crate::allure::result::{Body, StepList};
use crate::json::{Allowance, Each, Sink, Texts, read_document};
use crate::report::{Files, Step};

/// Bytes of all set-ups and tear-downs kept.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Results that are known to have one.
const MOST_CHILDREN: usize = 1_000_000;

#[derive(Default)]
pub(super) struct Fixtures {
    before: HashMap<String, Vec<Rc<Fixture>>>,
    after: HashMap<String, Vec<Rc<Fixture>>>,
    bytes: usize,
    n_children: usize,
    pub(super) n_omitted: u64,
}

/// What happened around a result, as steps.
pub(super) struct Fixture {
    pub(super) steps: Vec<Step>,
    pub(super) files: Vec<String>,
}

#[derive(Default)]
struct Container {
    children: Vec<String>,
    before: Body,
    after: Body,
}

impl Sink for Container {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "children" => self.children = map.next_value::<Texts<100_000>>()?.0,
            "befores" => map.next_value_seed(Each(&mut StepList(&mut self.before)))?,
            "afters" => map.next_value_seed(Each(&mut StepList(&mut self.after)))?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fixtures {
    pub(super) fn take(&mut self, files: &dyn Files, index: usize) {
        let mut container = Container::default();
        // One that cannot be read costs its steps only.
        if read_document(files, index, &Allowance::default(), &mut container, false).is_err() {
            self.n_omitted += 1;
        }
        let children = container.children;
        self.n_children += children.len();
        for (body, is_before) in [(container.before, true), (container.after, false)] {
            let Some(fixture) = Fixture::of(body, is_before) else { continue };
            self.bytes += fixture.weight();
            if self.bytes > MOST_BYTES || self.n_children > MOST_CHILDREN {
                self.n_omitted += 1;
                continue;
            }
            let fixture = Rc::new(fixture);
            let map = if is_before { &mut self.before } else { &mut self.after };
            for child in &children {
                map.entry(child.clone()).or_default().push(Rc::clone(&fixture));
            }
        }
    }

    /// What came before and after a result.
    pub(super) fn of(&self, uuid: &str) -> (&[Rc<Fixture>], &[Rc<Fixture>]) {
        (self.before.get(uuid).map_or(&[], Vec::as_slice), self.after.get(uuid).map_or(&[], Vec::as_slice))
    }
}

impl Fixture {
    fn of(body: Body, is_before: bool) -> Option<Self> {
        let mut steps = body.steps.into_list();
        // pytest's plug-in lists functions that only clean up, which took no time and said nothing.
        steps.retain(|step| is_before || step.duration_ms.is_some() || step.message.is_some());
        let kind = if is_before { "Set up" } else { "Tear down" };
        for step in steps.iter_mut().filter(|step| step.depth == 0) {
            step.name = format!("{kind}: {}", step.name);
        }
        (!steps.is_empty() || !body.files.is_empty()).then_some(Self { steps, files: body.files })
    }

    fn weight(&self) -> usize {
        let steps =
            self.steps.iter().map(|it| size_of::<Step>() + it.name.len() + it.message.as_ref().map_or(0, String::len));
        steps.sum::<usize>() + self.files.iter().map(|file| file.len() + 24).sum::<usize>()
    }
}
