// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The process that compiles: the privileges it drops before it sees the plugin, and what it does
//! then.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmtime::component::Component;

use super::super::engine::{self, Task};
use super::super::error::one_line;
use super::super::{cache, shape};
use super::{ARGUMENT, REFUSED};

/// The arguments of the process.
struct Order {
    /// The folder that the compiled plugin is left in.
    work: PathBuf,
    /// How many bytes the plugin has, which come over standard input.
    size: u64,
    /// The memory that the process may have, in bytes.
    memory: u64,
    /// The processor time that it may have, in seconds.
    seconds: u64,
}

impl Order {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        if arguments.next()? != ARGUMENT {
            return None;
        }
        let work = arguments.next()?.into();
        let mut number = || arguments.next()?.to_str()?.parse().ok();
        Some(Order { work, size: number()?, memory: number()?, seconds: number()? })
    }
}

/// Compiles a plugin when the program was started by [`Runtime`](super::super::Runtime) to do
/// so, and returns what it is to end with. A program that loads plugins calls this before it
/// does anything else, with its arguments behind its own name.
pub fn compile_if_asked(arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let order = Order::parse(arguments)?;
    let Err(reason) = obey(&order) else { return Some(ExitCode::SUCCESS) };
    // Who does not read it needs no answer.
    let _ = io::stdout().write_all(reason.as_bytes());
    Some(ExitCode::from(REFUSED))
}

fn obey(order: &Order) -> Result<(), String> {
    give_up(order).map_err(|error| format!("the compiler cannot lower its limits: {error}"))?;
    let bytes = receive(order.size).map_err(|error| format!("it was not handed over: {error}"))?;
    compile(&order.work, &bytes)
}

/// Lowers the limits of this process, for good. On Linux `DATA` is all memory that it can write
/// to, and not what it only reserves.
fn give_up(order: &Order) -> io::Result<()> {
    lower(Resource::Core, 0, 0)?;
    lower(Resource::Data, order.memory, order.memory)?;
    // At the second one it is killed without a word; the signal of the first says why it ends.
    lower(Resource::Cpu, order.seconds, order.seconds.saturating_add(1))
}

fn lower(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let [current, maximum] = [current, maximum].map(|most| Some(most.min(allowed)));
    Ok(setrlimit(resource, Rlimit { current, maximum })?)
}

fn receive(size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().take(size).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // Nothing more comes, and the pipe is closed when whoever holds it ends.
    std::thread::Builder::new().name("parent".into()).spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(REFUSED.into());
    })?;
    Ok(bytes)
}

fn compile(work: &Path, bytes: &[u8]) -> Result<(), String> {
    shape::check(bytes).map_err(|error| error.to_string())?;
    let engine = cache::at(work).and_then(|cache| engine::new(Task::Compile, cache));
    let engine = engine.map_err(|error| one_line(&error))?;
    Component::from_binary(&engine, bytes).map(drop).map_err(|error| one_line(&error))
}
