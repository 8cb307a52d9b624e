// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs a plugin without trusting it.
//!
//! A [`Runtime`] holds the one engine that runs plugins and what is linked: the contract's log, `wasi:http`
//! behind the egress gate, and the rest of WASI leading nowhere. It loads a file into a
//! [`Plugin`], which has told what it is; a plugin is instantiated anew for every call about
//! a project, each [`Instance`] with its own memory, budgets and requests.

mod budget;
mod cache;
mod compiler;
mod complaints;
mod component;
mod engine;
mod error;
mod http;
mod instance;
mod meter;
mod objects;
mod runtime;
mod shape;
mod state;
mod wit;

pub use budget::Budget;
pub use compiler::compile_if_asked;
pub use component::{ContractVersion, Plugin, read};
pub use error::PluginError;
pub use instance::{Batch, Instance, InstanceOptions, ProjectContext, Reader, Request};
pub use runtime::Runtime;
pub use state::{address, printable};
