// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Sets up a fixture: the project's settings, the recordings, and a gate that permits what the
//! plugin itself declares.

use std::time::Duration;

use anyhow::Context as _;
use std::sync::Arc;
use test_dashboard_egress::{AddressPolicy, AllowList, Cassette, Gate, GateOptions};

use super::reading::Stage;
use super::rehearsal::Rehearsal;
use crate::config::{Config, Environment, Limits};
use crate::fixtures::Fixture;
use crate::plugin::Plugin;
use crate::source::{Access, Datasource, ReadOptions, base_url_of};
use crate::usage_error::{UsageError, did_you_mean};

/// How long a plugin's code may run in one scenario. Nothing is waited for there, so what
/// takes longer does not come to an end.
const CPU_TIME: Duration = Duration::from_secs(10);
/// The same with everything around it, on a machine that is busy.
const WALL_TIME: Duration = Duration::from_secs(120);

/// Puts a fixture on its stage.
///
/// # Errors
///
/// [`UsageError`] when the plugin has no such report, the project's settings are not what the
/// plugin takes, or the configuration has no base URL for it; else a recording that cannot be
/// read, or hosts that are none.
pub fn stage(
    config: &Config,
    environment: &Environment,
    plugin: &Arc<Plugin>,
    fixture: &Fixture,
) -> anyhow::Result<Stage> {
    let Fixture { project, report, .. } = fixture;
    if plugin.report(report).is_none() {
        let known = plugin.description.reports.iter().map(|report| &report.name);
        return Err(UsageError::new(format!(
            "{}: the plugin has no report {report:?}{}",
            fixture.recording.display(),
            did_you_mean(report, known)
        ))
        .into());
    }
    let base_url = base_url_of(config, &plugin.description.name, plugin, environment)?;
    let recording = Cassette::load(&fixture.recording)?;
    let further: Vec<Cassette> =
        fixture.further.iter().map(|path| Cassette::load(path)).collect::<Result<_, _>>()?;
    let access = Access::new(plugin, gate(plugin, &base_url)?).within(limits(plugin));
    let source = Datasource::behind(config, environment, access, base_url);
    let reading = ReadOptions {
        now: recording.now().unwrap_or_else(jiff::Timestamp::now),
        window: recording.window(),
        full: false,
        tape: None,
    };
    Ok(Stage {
        job: source.job(project, report, reading)?,
        service: Rehearsal::new(&recording, &further),
        gaps: None,
    })
}

/// Exactly the origins that the plugin declares, whatever the operator allows: what it needs
/// besides, it has to say.
fn gate(plugin: &Plugin, base_url: &str) -> anyhow::Result<Gate> {
    let base = url::Url::parse(base_url).with_context(|| format!("the base URL {base_url:?}"))?;
    let mut origins = vec![base.origin().ascii_serialization()];
    origins.extend(plugin.description.hosts.iter().cloned());
    gate_to(&plugin.description.name, &origins, plugin.limits())
}

/// A gate to these origins for a service that is rehearsed. Addresses do not matter, because nothing
/// is connected to.
pub fn gate_to(datasource: &str, origins: &[String], limits: &Limits) -> anyhow::Result<Gate> {
    let options = GateOptions {
        datasource: datasource.to_owned(),
        allow: AllowList::new(origins).context("the hosts that the plugin declares")?,
        addresses: AddressPolicy::new(&["0.0.0.0/0", "::/0"])?,
        credential: None,
        requests_per_minute: None,
        max_concurrent: 1,
        // The faults are those that are left when the host has given up.
        max_attempts: 1,
        max_wait: Duration::ZERO,
        request_timeout: limits.request_timeout,
        max_response_bytes: limits.max_body_bytes,
        user_agent: concat!("test-dashboard/", env!("CARGO_PKG_VERSION")).to_string(),
        extra_root_certificates: Vec::new(),
    };
    Ok(Gate::new(options)?)
}

fn limits(plugin: &Plugin) -> Limits {
    let limits = Limits::clone(plugin.limits());
    Limits {
        cpu_time: limits.cpu_time.min(CPU_TIME),
        wall_time: limits.wall_time.min(WALL_TIME),
        ..limits
    }
}
