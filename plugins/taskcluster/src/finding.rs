// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Following a trail: the tasks whose groups are wanted.

use std::collections::VecDeque;

use test_dashboard_sdk::Failure;

use crate::api::{Api, IndexedTask};
use crate::trail::Trail;

/// Finds the tasks that a trail leads to, with one request at each step.
#[derive(Debug)]
pub struct Finder {
    api: Api,
    steps: VecDeque<Step>,
}

#[derive(Debug)]
enum Step {
    /// These tasks, without asking.
    Given(Vec<IndexedTask>),
    /// The task that a path in the index leads to.
    Path(String),
    /// The tasks that are right below a namespace.
    Tasks(String),
    /// The namespaces that are right below one.
    Namespaces(String),
}

impl Finder {
    /// At the beginning of a trail.
    pub fn start(api: &Api, trail: &Trail) -> Self {
        let steps = match trail {
            Trail::Group(_) | Trail::NoHook(_) => vec![],
            Trail::Route(path) => vec![Step::Path(path.clone())],
            Trail::Fires { tasks, stateless, .. } => {
                let given = |id: &String| IndexedTask { task_id: id.clone(), expires: None };
                vec![Step::Given(tasks.iter().chain(stateless).map(given).collect())]
            }
            Trail::Push { namespace, .. } => {
                vec![Step::Tasks(namespace.clone()), Step::Namespaces(namespace.clone())]
            }
        };
        Finder { api: api.clone(), steps: steps.into() }
    }

    /// Some more tasks; none at the end of the trail.
    ///
    /// # Errors
    ///
    /// When the index does not answer, or has no task at a path.
    pub fn next(&mut self) -> Result<Option<Vec<IndexedTask>>, Failure> {
        let Some(step) = self.steps.pop_front() else { return Ok(None) };
        let mut found = Vec::new();
        match step {
            Step::Given(tasks) => found = tasks,
            Step::Path(path) => found.push(self.api.find_task(&path)?),
            Step::Tasks(namespace) => {
                let mut pages = self.api.indexed_tasks(&namespace);
                while let Some(page) = pages.next_page()? {
                    found.extend(page.tasks);
                }
            }
            Step::Namespaces(namespace) => {
                let mut pages = self.api.namespaces(&namespace);
                while let Some(page) = pages.next_page()? {
                    for below in page.namespaces {
                        self.steps.push_back(Step::Tasks(below.namespace.clone()));
                        self.steps.push_back(Step::Namespaces(below.namespace));
                    }
                }
            }
        }
        Ok(Some(found))
    }
}
