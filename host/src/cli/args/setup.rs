// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What `init`, `completions` and `man` take.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::ConfigOption;

/// What is shown below the options of `init`.
pub const EXAMPLES: &str = "\
Examples:
  Answer questions:
    test-dashboard init
  Ask nothing:
    test-dashboard init --project fenix --set testrail.project-id=59 \\
        --set github.repository=mozilla-mobile/fenix
  For MySQL in Cloud SQL, in another file:
    test-dashboard init --project fenix --set github=mozilla-mobile/fenix --database-engine mysql \\
        --config deploy/test-dashboard.toml";

/// What the first configuration says.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The first project, as dashboards are to call it: lower-case letters, digits and '-'.
    /// Without it, init asks on the terminal.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// What the project is called in a service, such as github.repository=mozilla-mobile/fenix;
    /// may be given several times. Where a plugin needs one setting only, its name can be left
    /// out: github=mozilla-mobile/fenix. A VALUE is text, or as TOML has it: 59, ["a", "b"].
    #[arg(long = "set", value_name = "PLUGIN.SETTING=VALUE", requires = "project")]
    pub settings: Vec<String>,
    /// Which database rows go to; a server's address and login come from CLOUD_SQL_DATABASE_…
    /// variables [default: sqlite].
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub database_engine: Option<FirstEngine>,
    /// Overwrite a configuration that is there.
    #[arg(long)]
    pub force: bool,
    /// Where the configuration is to be.
    #[command(flatten)]
    pub config: ConfigOption,
}

/// What a first database can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum FirstEngine {
    /// A file beside the configuration.
    #[default]
    Sqlite,
    /// A PostgreSQL server.
    #[value(alias = "postgresql")]
    Postgres,
    /// A MySQL server.
    Mysql,
}

impl fmt::Display for FirstEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FirstEngine::Sqlite => "sqlite",
            FirstEngine::Postgres => "postgres",
            FirstEngine::Mysql => "mysql",
        })
    }
}

/// Which shell completes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  For this shell only:
    source <(test-dashboard completions bash)
  For all to come, of this user:
    mkdir -p ~/.local/share/bash-completion/completions
    test-dashboard completions bash > ~/.local/share/bash-completion/completions/test-dashboard

    mkdir -p ~/.zfunc
    test-dashboard completions zsh > ~/.zfunc/_test-dashboard

    mkdir -p ~/.config/fish/completions
    test-dashboard completions fish > ~/.config/fish/completions/test-dashboard.fish

Zsh finds it when ~/.zshrc has `fpath=(~/.zfunc $fpath)` before `compinit`.")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells that completions are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Bash, version 4 and later.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

/// Where the manual goes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  For this user:
    test-dashboard man ~/.local/share/man/man1")]
pub struct ManArgs {
    /// The folder, such as ~/.local/share/man/man1; it is made where it is missing.
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}
