// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzes what comes from outside: a plugin's file, a recording, a configuration with its lock
//! file, HTTP answers.
//!
//! ```text
//! corpus → mutate → worker (one process per target, 1 GiB, 20 s for an input) → a find or none
//!    └── an input with an outcome that is new joins, for this run ──┘
//! ```
//!
//! It runs on stable Rust and links what the tests link, so there is no instrumentation. What an
//! input reaches is told from its outcome instead: the text of the error, without names and
//! numbers. An input whose outcome no other had is mutated further.
//!
//! [`targets`] has what is tried. A panic, an abort, more than 1 GiB, no end within 20 seconds, or a
//! promise that a target found broken is a find.

mod corpus;
mod driver;
mod mutate;
mod outcome;
mod sections;
mod targets;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use test_dashboard::plugin::compile_if_asked;

use crate::driver::{Driver, Limits};
use crate::targets::Target;

#[derive(Parser)]
#[command(about = "Fuzzes what comes from outside")]
enum Command {
    /// Tries the whole corpus, then inputs that are made of it until the time is over.
    Run {
        /// How long inputs are made, in seconds; 0: the corpus alone.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The same seed makes the same inputs. By default a new one, which is printed.
        #[arg(long)]
        seed: Option<u64>,
        /// A folder with a folder of inputs for each target.
        #[arg(long, default_value_os_t = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"))]
        corpus: PathBuf,
        #[command(flatten)]
        limits: Limits,
        /// The targets; by default all, side by side.
        targets: Vec<Target>,
    },
    /// Tries one input.
    Try {
        #[command(flatten)]
        limits: Limits,
        /// The target.
        target: Target,
        /// The input.
        file: PathBuf,
    },
    /// Tries what comes on the standard input, for `run` and `try`.
    #[command(hide = true)]
    Work { target: Target, scratch: PathBuf, memory: u64 },
}

fn main() -> anyhow::Result<ExitCode> {
    if let Some(compiled) = compile_if_asked(std::env::args_os().skip(1)) {
        return Ok(compiled);
    }
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Command::parse() {
        Command::Work { target, scratch, memory } => {
            worker::work(&threads, target, &scratch, memory)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Try { limits, target, file } => {
            let input = corpus::read(&file)?;
            let outcome = threads.block_on(Driver::new(limits).attempt(target, &input))?;
            println!("{outcome}");
            Ok(if outcome.is_find() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Command::Run { seconds, seed, corpus, limits, targets } => {
            let seed = seed.unwrap_or_else(rand::random);
            println!("seed {seed}");
            let targets = if targets.is_empty() { Target::ALL.to_vec() } else { targets };
            let driver = Driver::new(limits);
            let time = Duration::from_secs(seconds);
            let found = threads.block_on(driver.run(&targets, &corpus, seed, time))?;
            Ok(if found > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
    }
}
