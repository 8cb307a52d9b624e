// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is tried. Each target takes any bytes, tells what came of them, and fails where a promise
//! was broken that is not a panic.

mod answers;
mod component;
mod configuration;
mod har;
mod planted;
mod shipped;

use std::fmt;
use std::path::Path;

use clap::ValueEnum;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Target {
    /// A plugin's file.
    Component,
    /// A recording, which a shipped plugin is then given.
    Har,
    /// A configuration and its lock file.
    Configuration,
    /// HTTP answers, through the gate and to a shipped plugin.
    Answers,
    /// Faults that are put in, to see that they are found.
    #[value(hide = true)]
    Planted,
}

impl Target {
    /// All that are tried.
    pub const ALL: [Target; 4] =
        [Target::Component, Target::Har, Target::Configuration, Target::Answers];
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::Component => "component",
            Target::Har => "har",
            Target::Configuration => "configuration",
            Target::Answers => "answers",
            Target::Planted => "planted",
        })
    }
}

/// A target that is set up.
pub enum Subject {
    /// See [`Target::Component`].
    Component(Box<component::Component>),
    /// See [`Target::Har`].
    Har(Box<har::Har>),
    /// See [`Target::Configuration`].
    Configuration(configuration::Configuration),
    /// See [`Target::Answers`].
    Answers(answers::Answers),
    /// See [`Target::Planted`].
    Planted,
}

impl Subject {
    /// Sets a target up, whose files go to `scratch`.
    ///
    /// # Errors
    ///
    /// When what it takes is not there.
    pub async fn new(target: Target, scratch: &Path) -> anyhow::Result<Subject> {
        Ok(match target {
            Target::Component => Subject::Component(Box::new(component::Component::new()?)),
            Target::Har => Subject::Har(Box::new(har::Har::new(scratch).await?)),
            Target::Configuration => {
                Subject::Configuration(configuration::Configuration::new(scratch).await?)
            }
            Target::Answers => Subject::Answers(answers::Answers::new(scratch).await?),
            Target::Planted => Subject::Planted,
        })
    }

    /// Tries an input. Tells how it was taken, or how it was refused.
    ///
    /// # Errors
    ///
    /// The promise that it broke.
    pub async fn attempt(&mut self, input: &[u8]) -> anyhow::Result<String> {
        match self {
            Subject::Component(component) => component.attempt(input).await,
            Subject::Har(har) => har.attempt(input).await,
            Subject::Configuration(configuration) => configuration.attempt(input),
            Subject::Answers(answers) => answers.attempt(input).await,
            Subject::Planted => planted::attempt(input).await,
        }
    }
}
