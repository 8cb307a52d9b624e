// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `hook-fires`: when hooks fired, and with what result.
//!
//! The list has no filter, so it is read whole: a request for each thousand fires. That also
//! brings the state of tasks that were running before up to date.

use std::collections::HashSet;

use test_dashboard_sdk::{
    Batches, Buffered, Failure, FailureKind, Lenient, Partition, Progress, Reader, Request, Source,
    Timestamp, log,
};

use crate::api::{Api, Fire, FiresPage, TokenPages};
use crate::settings::{Hook, Settings};
use crate::tables::HookFireRow;
use crate::trail::run_name;

/// One partition for each hook.
///
/// # Errors
///
/// When the settings make no sense.
pub fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
    let settings = Settings::of(&request.context)?;
    if settings.hooks.is_empty() {
        log::info("the setting hooks names none, so there are no fires to read");
    }
    let partition = |hook: &Hook| {
        let name = run_name(request, format!("hook/{}/{}", hook.group, hook.id));
        Partition::new(name, &(&hook.group, &hook.id))
    };
    settings.hooks.iter().map(partition).collect()
}

/// Begins to read the fires of a hook.
///
/// # Errors
///
/// When the partition is none of this report.
pub fn open(request: &Request, partition: &Partition) -> Result<Box<dyn Reader>, Failure> {
    let (group, id) = partition.data()?;
    let hook = Hook { group, id };
    let api = Api::of(&request.context);
    let fires = Fires {
        pages: api.fires(&hook),
        api,
        hook,
        since: request.since,
        until: request.until,
        seen: HashSet::new(),
    };
    Ok(Box::new(Buffered::of::<HookFireRow>(fires)))
}

struct Fires {
    api: Api,
    hook: Hook,
    pages: TokenPages<FiresPage>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    seen: HashSet<String>,
}

impl Source for Fires {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let page = match self.pages.next_page() {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(Progress::Finished),
            Err(failure) if failure.kind == FailureKind::NotFound => {
                self.api.has_no_fires(&self.hook, &failure)?;
                let Hook { group, id } = &self.hook;
                log::info(format!("the hook {group}/{id} has no fires"));
                return Ok(Progress::Finished);
            }
            Err(failure) => return Err(failure),
        };
        for fire in page.last_fires {
            if self.wants(&fire) && self.seen.insert(fire.task_id.clone()) {
                batches.push(fire.map(|fire| self.row(fire)));
            }
        }
        Ok(Progress::More)
    }
}

impl Fires {
    fn wants(&self, fire: &Lenient<Fire>) -> bool {
        self.since.is_none_or(|since| fire.task_create_time >= since)
            && self.until.is_none_or(|until| fire.task_create_time < until)
            || fire.is_odd()
    }

    fn row(&self, fire: Fire) -> HookFireRow {
        HookFireRow {
            hook_group_id: self.hook.group.clone(),
            hook_id: self.hook.id.clone(),
            task_id: fire.task_id,
            fired_by: fire.fired_by,
            task_create_time: fire.task_create_time,
            result: fire.result,
            // Taskcluster says that there was none with an empty text.
            error: fire.error.filter(|error| !error.is_empty()),
            task_state: fire.task_state.filter(|state| !state.is_empty()),
        }
    }
}
