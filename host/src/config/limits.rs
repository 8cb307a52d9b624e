// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The budgets of a plugin, each with its default.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use serde::Deserialize;
use test_dashboard_egress::RequestBudget;

/// Budgets as the file gives them: `[limits]` for all, `[datasources.NAME.limits]` for one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsConfig {
    memory: Option<ByteSize>,
    cpu_time: Option<SignedDuration>,
    wall_time: Option<SignedDuration>,
    max_requests: Option<u64>,
    max_response_bytes: Option<ByteSize>,
    max_body_bytes: Option<ByteSize>,
    request_timeout: Option<SignedDuration>,
    max_attempts: Option<u32>,
    max_wait: Option<SignedDuration>,
    max_batch_rows: Option<u32>,
    max_batch_bytes: Option<ByteSize>,
    max_partition_rows: Option<u64>,
    max_partition_bytes: Option<ByteSize>,
    max_run_rows: Option<u64>,
    max_run_bytes: Option<ByteSize>,
    max_log_lines: Option<u64>,
    max_partitions: Option<usize>,
    max_plugin_bytes: Option<ByteSize>,
    compile_time: Option<SignedDuration>,
    compile_memory: Option<ByteSize>,
    describe_time: Option<SignedDuration>,
    max_rejected_share: Option<f64>,
    max_rejected_rows: Option<u64>,
}

/// Budgets in force for one plugin. Times, requests, bytes and lines count per partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// All that the process holds for an instance, in bytes: its memories and tables, answers that
    /// it has not read, waiting requests, and rows on their way into the database.
    pub memory: u64,
    /// The processor's time for the plugin's calls: its own code, and what the host does in them.
    pub cpu_time: Duration,
    /// Time from the first call on, by the clock on the wall: waiting for answers, and checking and
    /// writing its rows, included. Waiting for one's turn in the gate is not.
    pub wall_time: Duration,
    /// Requests that the plugin makes.
    pub max_requests: u64,
    /// Bytes of all response bodies, decompressed.
    pub max_response_bytes: u64,
    /// Bytes of one response body, decompressed.
    pub max_body_bytes: u64,
    /// How long one try of one request may take.
    pub request_timeout: Duration,
    /// How often one request is tried.
    pub max_attempts: u32,
    /// How long the host waits for one request, all its tries together.
    pub max_wait: Duration,
    /// Rows of one batch.
    pub max_batch_rows: u32,
    /// Bytes of one batch as the host holds it.
    pub max_batch_bytes: u64,
    /// Rows of one partition.
    pub max_partition_rows: u64,
    /// Bytes of one partition's rows.
    pub max_partition_bytes: u64,
    /// Rows of one report and project in one run, those that are read again included; of a run in
    /// shards, in one of them.
    pub max_run_rows: u64,
    /// Bytes of these rows.
    pub max_run_bytes: u64,
    /// Lines that the plugin logs.
    pub max_log_lines: u64,
    /// Partitions of one report and project.
    pub max_partitions: usize,
    /// The plugin's file, in bytes.
    pub max_plugin_bytes: u64,
    /// How long compiling the plugin may take.
    pub compile_time: Duration,
    /// Memory that compiling the plugin may take, in bytes.
    pub compile_memory: u64,
    /// How long the plugin may take to say what it is.
    pub describe_time: Duration,
    /// The share of rows that may be rejected before the partition fails, from 0 to 1.
    pub max_rejected_share: f64,
    /// How many rows may be rejected whatever share of the partition's they are.
    pub max_rejected_rows: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Limits {
            memory: 256 * MIB,
            cpu_time: Duration::from_secs(5 * 60),
            wall_time: Duration::from_secs(60 * 60),
            max_requests: 20_000,
            max_response_bytes: 4 * 1024 * MIB,
            max_body_bytes: 64 * MIB,
            request_timeout: Duration::from_secs(60),
            max_attempts: 5,
            max_wait: Duration::from_secs(15 * 60),
            max_batch_rows: 1_000,
            max_batch_bytes: 64 * MIB,
            max_partition_rows: 2_000_000,
            max_partition_bytes: 2 * 1024 * MIB,
            max_run_rows: 20_000_000,
            max_run_bytes: 16 * 1024 * MIB,
            max_log_lines: 1_000,
            max_partitions: 10_000,
            // A component of Python's carries the interpreter: 18 MB.
            max_plugin_bytes: 64 * MIB,
            compile_time: Duration::from_secs(5 * 60),
            // A component of Python's takes 400 MB.
            compile_memory: 2 * 1024 * MIB,
            describe_time: Duration::from_secs(10),
            max_rejected_share: 0.01,
            max_rejected_rows: 10,
        }
    }
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

impl LimitsConfig {
    /// These limits where given, else those of `general`, else the defaults.
    ///
    /// # Errors
    ///
    /// Names a value that makes no sense, such as a negative time.
    pub fn resolve(&self, general: &LimitsConfig) -> Result<Limits, String> {
        let default = Limits::default();
        let time = |name: &str, own: Option<SignedDuration>, other, default| match own.or(other) {
            None => Ok(default),
            Some(given) => Duration::try_from(given)
                .ok()
                .filter(|duration| !duration.is_zero())
                .ok_or_else(|| format!("limits.{name} is {given}: a time above zero is wanted")),
        };
        let bytes = |own: Option<ByteSize>, other: Option<ByteSize>, default| {
            own.or(other).map_or(default, |size| size.as_u64())
        };
        let share = self
            .max_rejected_share
            .or(general.max_rejected_share)
            .unwrap_or(default.max_rejected_share);
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("limits.max-rejected-share is {share}: 0 to 1 is wanted"));
        }
        let batch_rows =
            self.max_batch_rows.or(general.max_batch_rows).unwrap_or(default.max_batch_rows);
        let attempts = self.max_attempts.or(general.max_attempts).unwrap_or(default.max_attempts);
        if batch_rows == 0 || attempts == 0 {
            return Err("limits.max-batch-rows and limits.max-attempts are at least 1".into());
        }
        Ok(Limits {
            memory: bytes(self.memory, general.memory, default.memory),
            cpu_time: time("cpu-time", self.cpu_time, general.cpu_time, default.cpu_time)?,
            wall_time: time("wall-time", self.wall_time, general.wall_time, default.wall_time)?,
            max_requests: self
                .max_requests
                .or(general.max_requests)
                .unwrap_or(default.max_requests),
            max_response_bytes: bytes(
                self.max_response_bytes,
                general.max_response_bytes,
                default.max_response_bytes,
            ),
            max_body_bytes: bytes(
                self.max_body_bytes,
                general.max_body_bytes,
                default.max_body_bytes,
            ),
            request_timeout: time(
                "request-timeout",
                self.request_timeout,
                general.request_timeout,
                default.request_timeout,
            )?,
            max_attempts: attempts,
            max_wait: time("max-wait", self.max_wait, general.max_wait, default.max_wait)?,
            max_batch_rows: batch_rows,
            max_batch_bytes: bytes(
                self.max_batch_bytes,
                general.max_batch_bytes,
                default.max_batch_bytes,
            ),
            max_partition_rows: self
                .max_partition_rows
                .or(general.max_partition_rows)
                .unwrap_or(default.max_partition_rows),
            max_partition_bytes: bytes(
                self.max_partition_bytes,
                general.max_partition_bytes,
                default.max_partition_bytes,
            ),
            max_run_rows: self
                .max_run_rows
                .or(general.max_run_rows)
                .unwrap_or(default.max_run_rows),
            max_run_bytes: bytes(self.max_run_bytes, general.max_run_bytes, default.max_run_bytes),
            max_log_lines: self
                .max_log_lines
                .or(general.max_log_lines)
                .unwrap_or(default.max_log_lines),
            max_partitions: self
                .max_partitions
                .or(general.max_partitions)
                .unwrap_or(default.max_partitions),
            max_plugin_bytes: bytes(
                self.max_plugin_bytes,
                general.max_plugin_bytes,
                default.max_plugin_bytes,
            ),
            compile_time: time(
                "compile-time",
                self.compile_time,
                general.compile_time,
                default.compile_time,
            )?,
            compile_memory: bytes(
                self.compile_memory,
                general.compile_memory,
                default.compile_memory,
            ),
            describe_time: time(
                "describe-time",
                self.describe_time,
                general.describe_time,
                default.describe_time,
            )?,
            max_rejected_share: share,
            max_rejected_rows: self
                .max_rejected_rows
                .or(general.max_rejected_rows)
                .unwrap_or(default.max_rejected_rows),
        })
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
        let limits = own.resolve(&general).unwrap();
        assert_eq!(limits.memory, 32 << 20);
        assert_eq!(limits.cpu_time, Duration::from_secs(5));
        assert_eq!((limits.max_requests, limits.max_rejected_rows), (7, 0));
        assert_eq!(limits.max_body_bytes, Limits::default().max_body_bytes);
    }

    #[test]
    fn values_that_make_no_sense_are_named() {
        for (text, name) in [
            ("cpu-time = \"-5s\"", "cpu-time"),
            ("max-rejected-share = 1.5", "max-rejected-share"),
            ("max-batch-rows = 0", "max-batch-rows"),
        ] {
            let config: LimitsConfig = toml::from_str(text).unwrap();
            let error = config.resolve(&LimitsConfig::default()).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
