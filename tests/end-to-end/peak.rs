// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the process takes of the machine at its peak, whatever plugins do: no more than `memory`
//! and what the program takes for itself.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Database, Kind, Server, Workplace, built};

const MIB: u64 = 1 << 20;
/// For each of the four plugins that run at the same time.
const MEMORY: u64 = 64 * MIB;
/// The program itself and its libraries, the stacks of its threads, the database's driver, answers
/// between the network and the account. `docs/decisions/0010-budgets.md` names it, and
/// what is not in it.
const PROGRAM: u64 = 128 * MIB;
/// Each run is stopped after six seconds.
const HANGS_AFTER: Duration = Duration::from_secs(300);

/// Runs a good project and three hostile ones of this guest, all at the same time; the peak of what
/// the process had in memory, in bytes.
fn peak(guest: &str, server: &Server) -> u64 {
    let url = &server.url;
    let hostile: String = (1..=3)
        .map(|number| {
            format!("[projects.hostile-{number}]\nguest = {{ url = {url:?}, bytes = 20000 }}\n")
        })
        .collect();
    let place = Workplace::new(&format!(
        "jobs = 4\nmemory = \"{}MiB\"\n[datasources.guest]\nplugin = {:?}\nbase-url = {url:?}\n\
         allow-addresses = [\"127.0.0.1\"]\n[datasources.guest.limits]\nmemory = \"{}MiB\"\n\
         wall-time = \"6s\"\nmax-response-bytes = \"100GiB\"\n\
         [projects.good]\nguest = {{ behave = true }}\n{hostile}",
        4 * MEMORY / MIB,
        built(&format!("guests/{guest}.wasm")),
        MEMORY / MIB,
    ));
    let database = Database::new(Kind::Sqlite);
    let arguments =
        ["--database", &database.url, "--project", "ALL", "--report-type", "rows", "--log", "json"];
    // Compiled before, in a process of its own that has limits of its own.
    place.run(&["reports"]).expect_code(0);
    let mut running = place.command(&arguments);
    let null = || std::process::Stdio::null();
    let mut running = running.stdin(null()).stdout(null()).stderr(null()).spawn().unwrap();
    let status = format!("/proc/{}/status", running.id());
    let (begun, mut peak) = (Instant::now(), 0);
    while running.try_wait().unwrap().is_none() {
        // The greatest it was so far; nothing more once the process has ended.
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = kibibytes.and_then(|line| line.trim().strip_suffix(" kB"));
        peak = peak.max(kibibytes.map_or(0, |number| number.parse::<u64>().unwrap() * 1024));
        if begun.elapsed() > HANGS_AFTER {
            running.kill().unwrap();
            panic!("{guest}: still running");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let rows = database.rows("SELECT id, label FROM guest_rows WHERE project = 'good' ORDER BY id");
    let good = [json!([1, "row 1"]), json!([2, "row 2"]), json!([3, "row 3"])];
    assert_eq!(rows, good, "{guest}");
    peak
}

#[test]
fn the_peak_is_within_the_memory_that_plugins_may_have() {
    let server = Server::start(|_| Server::answer(200, &[], vec![b'x'; 3 << 20]));
    let quiet = peak("well_behaved", &server);
    assert!(0 < quiet && quiet < PROGRAM, "{}", quiet / MIB);
    let hostile = [
        "allocates_without_end",
        "floods_log",
        "hoards_answers",
        "hoards_requests",
        "huge_checkpoint",
        "huge_values",
        "plans_millions",
        "returns_millions",
        "returns_without_end",
    ];
    for guest in hostile {
        let peak = peak(guest, &server);
        eprintln!("{guest}: {} MiB, {} quiet", peak / MIB, quiet / MIB);
        assert!(peak < 4 * MEMORY + PROGRAM, "{guest}: {} MiB", peak / MIB);
    }
}
