// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin may use up: time, memory, rows, requests, lines.

use super::*;

#[test]
fn a_loop_is_stopped_by_the_cpu_budget() {
    let given =
        Given { guest: "loops_forever", limits: "cpu-time = \"300ms\"", ..Given::default() };
    given
        .run(Kind::Sqlite)
        .expect_stopped("budget", &["stopped in next-batch", "budget of 300ms (limits.cpu-time)"]);
}

#[test]
fn sleeping_in_a_host_call_is_stopped_by_the_wall_clock() {
    let given = Given { guest: "clock_tricks", limits: "wall-time = \"2s\"", ..Given::default() };
    given.run(Kind::Sqlite).expect_stopped("budget", &["budget of 2s (limits.wall-time)"]);
}

#[test]
fn batches_without_end_are_stopped_by_the_wall_clock_although_no_call_waits() {
    let given =
        Given { guest: "endless_empty_batches", limits: "wall-time = \"2s\"", ..Given::default() };
    given.run(Kind::Sqlite).expect_stopped("budget", &["budget of 2s (limits.wall-time)"]);
}

#[test]
fn memory_is_bounded() {
    let given =
        Given { guest: "allocates_without_end", limits: "memory = \"32MiB\"", ..Given::default() };
    given
        .run(Kind::Sqlite)
        .expect_stopped("budget", &["more memory than its budget of 32.0 MiB (limits.memory)"]);
}

#[test]
fn a_batch_of_millions_is_stopped_before_the_host_holds_it() {
    let guest = "returns_millions";
    for (settings, limits, says) in [
        ("", "memory = \"64MiB\"", "budget of 64.0 MiB (limits.memory)"),
        (
            "rows = 100000",
            "max-batch-bytes = \"1MiB\"",
            "more than 1.0 MiB in one batch (limits.max-batch-bytes)",
        ),
        (
            "rows = 1001",
            "",
            "a batch of 1001 rows; at most 1000 are allowed (limits.max-batch-rows)",
        ),
    ] {
        Given { guest, settings, limits, ..Given::default() }
            .run(Kind::Sqlite)
            .expect_stopped("budget", &[says]);
    }
}

#[test]
fn a_plan_of_millions_is_refused() {
    let limits = "memory = \"1GiB\"\nmax-batch-bytes = \"1GiB\"\nmax-partitions = 500";
    for (settings, says) in [
        ("", "more than 16.0 MiB in one answer"),
        ("rows = 1000", "1000 partitions; at most 500 are allowed (limits.max-partitions)"),
    ] {
        let given = Given { guest: "plans_millions", settings, limits, ..Given::default() };
        given.run(Kind::Sqlite).expect_stopped("budget", &["hostile rows (plan)", says]);
    }
}

#[test]
fn answers_that_are_not_read_are_memory() {
    let server = Server::start(|_| Server::answer(200, &[], vec![b'x'; 3 << 20]));
    let given = Given {
        guest: "hoards_answers",
        settings: &format!("url = {:?}", server.url),
        limits: "memory = \"32MiB\"",
        access: &granted(&server),
    };
    given
        .run(Kind::Sqlite)
        .expect_stopped("budget", &["budget of 33554432 bytes of memory", "`limits.memory`"]);
    assert!(server.asked().len() < 15, "{}", server.asked().len());
}

#[test]
fn requests_that_are_not_sent_are_memory() {
    let limits = "memory = \"64MiB\"\nwall-time = \"60s\"";
    let given = Given { guest: "hoards_requests", limits, ..Given::default() };
    given.run(Kind::Sqlite).expect_stopped("budget", &["budget of 64.0 MiB (limits.memory)"]);
}

#[test]
fn what_the_host_does_in_a_plugins_calls_is_the_plugins_time() {
    let limits = "cpu-time = \"300ms\"\nwall-time = \"60s\"";
    let given = Given { guest: "works_in_host_calls", limits, ..Given::default() };
    given.run(Kind::Sqlite).expect_stopped("budget", &["budget of 300ms (limits.cpu-time)"]);
}

#[test]
fn rows_and_their_bytes_are_budgets_of_a_partition_and_of_a_run() {
    for (limits, settings, says, written) in [
        (
            "max-partition-rows = 2500",
            "",
            "more than 2500 rows in one partition (limits.max-partition-rows)",
            2000,
        ),
        (
            "max-partition-bytes = \"3MiB\"",
            "bytes = 1000",
            "more than 3.0 MiB of rows in one partition (limits.max-partition-bytes)",
            2000,
        ),
        (
            "max-run-rows = 1500",
            "",
            "more than 1500 rows in one run of the report (limits.max-run-rows)",
            1000,
        ),
        (
            "max-run-bytes = \"1MiB\"",
            "bytes = 1000",
            "more than 1.0 MiB of rows in one run of the report (limits.max-run-bytes)",
            0,
        ),
    ] {
        let given = Given { guest: "returns_without_end", settings, limits, ..Given::default() };
        let ran = given.run(Kind::Sqlite).expect_failure("budget", &[says]);
        // What was committed stays.
        assert_eq!(ran.rows("hostile").len(), written, "{says}");
    }
}

#[test]
fn a_dry_run_keeps_no_more_than_it_can_show() {
    let limits = "max-partition-rows = 100000000";
    let settings = "bytes = 10000";
    let place =
        Given { guest: "returns_without_end", settings, limits, ..Given::default() }.workplace();
    let args = ["--project", "ALL", "--report-type", "rows", "--dry-run"];
    let ended = place.run(&args).expect_code(3);
    assert!(ended.out.contains("a dry run keeps no more than 256.0 MiB"), "{}", ended.said());
}

#[test]
fn log_lines_are_counted_and_cut() {
    let given = Given { guest: "floods_log", limits: "max-log-lines = 20", ..Given::default() };
    let ran = given.run(Kind::Sqlite);
    let ran = ran.expect_stopped(
        "budget",
        &["stopped in open", "more than 20 lines (limits.max-log-lines)"],
    );
    let logged: Vec<&str> =
        ran.ended.err.lines().filter(|line| line.contains("so much to say")).collect();
    assert_eq!(logged.len(), 20);
    assert!(logged.iter().all(|line| line.len() < 5000));
}

#[test]
fn requests_are_counted() {
    let server = answers_nothing();
    let access = granted(&server);
    for settings in
        [format!("url = {:?}", server.url), format!("url = {:?}, swallow = true", server.url)]
    {
        let before = server.asked().len();
        let given = Given {
            guest: "many_requests",
            settings: &settings,
            limits: "max-requests = 10",
            access: &access,
        };
        given
            .run(Kind::Sqlite)
            .expect_stopped("budget", &["budget of 10 requests", "`limits.max-requests`"]);
        assert_eq!(server.asked().len() - before, 10);
    }
}

#[test]
fn bodies_are_bounded_each_and_together() {
    let server = Server::start(|_| Server::answer(200, &[], vec![b'x'; 3 << 20]));
    let access = granted(&server);
    for (limits, setting) in [
        ("max-body-bytes = \"1MiB\"", "`limits.max-body-bytes`"),
        ("max-response-bytes = \"1MiB\"", "`limits.max-response-bytes`"),
    ] {
        for swallow in [false, true] {
            let settings = format!("url = {:?}, swallow = {swallow}", server.url);
            let given =
                Given { guest: "huge_response", settings: &settings, limits, access: &access };
            given.run(Kind::Sqlite).expect_stopped("budget", &["budget of 1048576", setting]);
        }
    }
}
