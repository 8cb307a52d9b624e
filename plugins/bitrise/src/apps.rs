// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The apps that the settings name: a partition of `builds`, and what a check reaches.
//!
//! They are taken from the list of all apps that the token can see, which is a page for most
//! teams, and read to the last app that is wanted.

use test_dashboard_sdk::{
    Batches, Buffered, Context, Failure, Partition, Progress, Reader, Source,
};

use crate::api::{Api, App, AppFields};
use crate::settings::Settings;
use crate::tables::AppRow;

/// The partition's name.
pub const PARTITION: &str = "apps";

pub fn partition() -> Partition {
    Partition { id: PARTITION.into(), data: String::new() }
}

/// Reads the apps that the settings name.
///
/// # Errors
///
/// When the settings make no sense.
pub fn reader(context: &Context) -> Result<Box<dyn Reader>, Failure> {
    let apps = Apps { settings: Settings::of(context)?, api: Api::of(context) };
    Ok(Box::new(Buffered::of::<AppRow>(apps)))
}

struct Apps {
    settings: Settings,
    api: Api,
}

impl Source for Apps {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        for app in wanted(&self.api, &self.settings)? {
            batches.push(app.map(row));
        }
        Ok(Progress::Finished)
    }
}

/// Can all apps be seen?
///
/// # Errors
///
/// Why not.
pub fn check(context: &Context) -> Result<String, Failure> {
    let apps = wanted(&Api::of(context), &Settings::of(context)?)?;
    let titles: Vec<String> = apps
        .into_iter()
        .map(|app| app.into_inner())
        .map(|app| app.title.map_or_else(|| app.slug.clone(), |title| format!("{title:?}")))
        .collect();
    Ok(format!("the token can see {}", titles.join(", ")))
}

/// The apps that the settings name, in the order of the list.
fn wanted(api: &Api, settings: &Settings) -> Result<Vec<App>, Failure> {
    let mut missing: Vec<&String> = settings.app_slugs.iter().collect();
    let mut found = Vec::new();
    let mut seen = 0_usize;
    let mut pages = api.apps();
    while !missing.is_empty() {
        let Some(page) = pages.next_page()? else { break };
        seen += page.len();
        for app in page {
            if let Some(position) = missing.iter().position(|slug| **slug == app.slug) {
                missing.remove(position);
                found.push(app);
            }
        }
    }
    match missing.first() {
        None => Ok(found),
        Some(slug) => Err(Failure::not_found(format!(
            "GET /apps: the app {slug} is not among the {seen} that the token can see: correct app-slugs, or add the token's owner to the app's team"
        ))),
    }
}

fn row(app: AppFields) -> AppRow {
    let owner = app.owner.unwrap_or_default();
    AppRow {
        slug: app.slug,
        title: app.title,
        project_type: app.project_type,
        provider: app.provider,
        repo_owner: app.repo_owner,
        repo_slug: app.repo_slug,
        repo_url: app.repo_url,
        is_disabled: app.is_disabled,
        is_public: app.is_public,
        status: app.status,
        owner_name: owner.name,
        owner_slug: owner.slug,
        owner_account_type: owner.account_type,
    }
}
