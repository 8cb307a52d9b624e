// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a person sees: the built binary, real plugins, real databases.
//!
//! `make test` builds the plugins and guests first and starts the databases; each file here
//! is about one promise.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod support;

mod archive;
mod authoring;
mod bad_input;
mod command_line;
mod compiling;
mod conformance;
mod drift;
mod faults;
mod first_configuration;
mod first_run;
mod full;
mod golden;
mod guide;
mod hostile;
mod installing;
mod interrupted;
mod json_shapes;
mod night;
mod notify;
mod own_views;
mod peak;
mod plugin_files;
mod reach;
mod readers;
mod real_recordings;
mod record;
mod recording;
mod rejects;
mod restart;
mod schedules;
mod script_plugins;
mod shards;
mod status;
mod testrail;
mod told;
mod usage_errors;
mod views;
mod workflow;
