// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The budgets of a plugin, each with its default: a line of [`limits!`] is all that one takes.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use serde::Deserialize;
use test_dashboard_egress::RequestBudget;

use super::settings::{Kind, Setting};

/// What the file holds of a kind of setting, its value in force, and that of its default's text.
macro_rules! kind {
    (written Size $type:ty) => {
        ByteSize
    };
    (written Time $type:ty) => {
        SignedDuration
    };
    (written $other:ident $type:ty) => {
        $type
    };
    (value Size $written:expr) => {
        $written.as_u64()
    };
    (value Time $written:expr) => {
        $written.unsigned_abs()
    };
    (value $other:ident $written:expr) => {
        $written
    };
    (range $kind:ident) => {
        Kind::$kind
    };
    (range $kind:ident $range:expr) => {
        Kind::$kind($range)
    };
}

macro_rules! limits {
    ($($(#[doc = $about:literal])+
        $field:ident: $type:ty = $kind:ident$(($range:expr))? or $default:literal as $name:literal,
    )+) => {
        /// Budgets as the file gives them: `[limits]` for all, `[datasources.NAME.limits]` for one.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct LimitsConfig {
            $(#[serde(rename = $name)] $field: Option<kind!(written $kind $type)>,)+
        }

        /// Budgets in force for one plugin. Times, requests, bytes and lines count per partition.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Limits {
            $($(#[doc = $about])+ pub $field: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                $(let $field = $default.parse::<kind!(written $kind $type)>().unwrap_or_default();)+
                Limits { $($field: kind!(value $kind $field),)+ }
            }
        }

        impl LimitsConfig {
            /// These limits where given, else those of `general`, else the defaults.
            pub fn resolve(&self, general: &LimitsConfig) -> Limits {
                let default = Limits::default();
                Limits {
                    $($field: match self.$field.or(general.$field) {
                        Some(given) => kind!(value $kind given),
                        None => default.$field,
                    },)+
                }
            }
        }

        /// The settings of `[limits]`.
        pub(super) const LIMITS: &[Setting] = &[
            $(Setting::new(
                concat!("limits.", $name),
                kind!(range $kind $($range)?),
                concat!($($about),+),
            )
            .or($default),)+
        ];
    };
}

limits! {
    /// All that the process holds for an instance, in bytes: its memories and tables, answers that
    /// it has not read, waiting requests, and rows on their way into the database.
    memory: u64 = Size or "256MiB" as "memory",
    /// The processor's time for the plugin's calls: its own code, and what the host does in them.
    cpu_time: Duration = Time or "5m" as "cpu-time",
    /// Time from the first call on, by the clock on the wall: waiting for answers, and checking and
    /// writing its rows, included. Waiting for one's turn in the gate is not.
    wall_time: Duration = Time or "1h" as "wall-time",
    /// Requests that the plugin makes.
    max_requests: u64 = Whole(0..=1_000_000_000) or "20000" as "max-requests",
    /// Bytes of all response bodies, decompressed.
    max_response_bytes: u64 = Size or "4GiB" as "max-response-bytes",
    /// Bytes of one response body, decompressed.
    max_body_bytes: u64 = Size or "64MiB" as "max-body-bytes",
    /// How long one try of one request may take.
    request_timeout: Duration = Time or "1m" as "request-timeout",
    /// How often one request is tried.
    max_attempts: u32 = Whole(1..=100) or "5" as "max-attempts",
    /// How long the host waits for one request, all its tries together.
    max_wait: Duration = Time or "15m" as "max-wait",
    /// Rows of one batch.
    max_batch_rows: u32 = Whole(1..=1_000_000) or "1000" as "max-batch-rows",
    /// Bytes of one batch as the host holds it.
    max_batch_bytes: u64 = Size or "64MiB" as "max-batch-bytes",
    /// Rows of one partition.
    max_partition_rows: u64 = Whole(1..=1_000_000_000) or "2000000" as "max-partition-rows",
    /// Bytes of one partition's rows.
    max_partition_bytes: u64 = Size or "2GiB" as "max-partition-bytes",
    /// Rows of one report and project in one run, those that are read again included; of a run in
    /// shards, in one of them.
    max_run_rows: u64 = Whole(1..=1_000_000_000_000) or "20000000" as "max-run-rows",
    /// Bytes of these rows.
    max_run_bytes: u64 = Size or "16GiB" as "max-run-bytes",
    /// Lines that the plugin logs.
    max_log_lines: u64 = Whole(0..=1_000_000) or "1000" as "max-log-lines",
    /// Partitions of one report and project.
    max_partitions: usize = Whole(1..=1_000_000) or "10000" as "max-partitions",
    /// The plugin's file, in bytes. One in Python carries the interpreter: 18 MB.
    max_plugin_bytes: u64 = Size or "64MiB" as "max-plugin-bytes",
    /// How long compiling the plugin may take.
    compile_time: Duration = Time or "5m" as "compile-time",
    /// Memory that compiling the plugin may take, in bytes. One in Python takes 400 MB.
    compile_memory: u64 = Size or "2GiB" as "compile-memory",
    /// How long the plugin may take to say what it is.
    describe_time: Duration = Time or "10s" as "describe-time",
    /// The share of rows that may be rejected before the partition fails, from 0 to 1.
    max_rejected_share: f64 = Share or "0.01" as "max-rejected-share",
    /// How many rows may be rejected whatever share of the partition's they are.
    max_rejected_rows: u64 = Whole(0..=1_000_000_000) or "10" as "max-rejected-rows",
}

impl Limits {
    /// What one instance may use of the network, and its memory.
    pub fn requests(&self) -> RequestBudget {
        RequestBudget {
            max_requests: self.max_requests,
            max_response_bytes: self.max_response_bytes,
            memory: self.memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datasource_wins_over_the_general_and_that_over_the_default() {
        let own: LimitsConfig = toml::from_str("memory = \"32MiB\"\ncpu-time = \"5s\"").unwrap();
        let general: LimitsConfig =
            toml::from_str("memory = \"64MiB\"\nmax-requests = 7\nmax-rejected-rows = 0").unwrap();
        let limits = own.resolve(&general);
        assert_eq!(limits.memory, 32 << 20);
        assert_eq!(limits.cpu_time, Duration::from_secs(5));
        assert_eq!((limits.max_requests, limits.max_rejected_rows), (7, 0));
        assert_eq!(limits.max_body_bytes, 64 << 20);
    }
}
