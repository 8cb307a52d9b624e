// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin new`: creates a small project that builds, with a recorded fixture and its rows.

use std::path::Path;

use crate::cli::args::NewArgs;
use crate::cli::exit::Exit;
use crate::cli::output::say;
use crate::project::template;

/// Writes a project into a new folder of the datasource's name, and says what comes next.
///
/// # Errors
///
/// [`UsageError`](crate::usage_error::UsageError) for a name that a datasource cannot have, or that
/// a file has already; else what the file system says.
pub fn new(args: &NewArgs) -> anyhow::Result<Exit> {
    let NewArgs { name, language } = args;
    template::write(&template::files(name, *language)?, Path::new(name))?;
    say!("{name}/ is a plugin in {language}; {name}/README.md describes the next steps:\n")?;
    say!("  cd {name}")?;
    say!("  test-dashboard plugin build    # writes {name}.wasm")?;
    say!("  test-dashboard plugin test     # replays fixtures/, compares the rows")?;
    Ok(Exit::Done)
}
