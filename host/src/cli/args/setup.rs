// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The arguments of `init`, `completions` and `man`.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::ConfigOption;

/// What is shown below the options of `init`.
pub const EXAMPLES: &str = "\
Examples:
  Answer questions interactively:
    test-dashboard init
  Answer everything with flags:
    test-dashboard init --project fenix --set testrail.project-id=59 \\
        --set github.repository=mozilla-mobile/fenix
  Use MySQL in Cloud SQL, and another configuration file:
    test-dashboard init --project fenix --set github=mozilla-mobile/fenix --database-engine mysql \\
        --config deploy/test-dashboard.toml";

/// What the first configuration says.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Name the first project, as dashboards will show it: lower-case letters, digits and '-'.
    /// Without this flag, init asks on the terminal.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Set one of the project's settings, such as github.repository=mozilla-mobile/fenix; may be
    /// repeated. If a plugin requires only one setting, its name can be left out:
    /// github=mozilla-mobile/fenix. VALUE is plain text or a TOML value: 59, ["a", "b"].
    #[arg(long = "set", value_name = "PLUGIN.SETTING=VALUE", requires = "project")]
    pub settings: Vec<String>,
    /// Write rows to this kind of database; a server's address and login come from
    /// CLOUD_SQL_DATABASE_… variables [default: sqlite].
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub database_engine: Option<FirstEngine>,
    /// Overwrite an existing configuration.
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
  Enable completion in the current shell:
    source <(test-dashboard completions bash)
  Enable completion in all of this user's shells:
    mkdir -p ~/.local/share/bash-completion/completions
    test-dashboard completions bash > ~/.local/share/bash-completion/completions/test-dashboard

    mkdir -p ~/.zfunc
    test-dashboard completions zsh > ~/.zfunc/_test-dashboard

    mkdir -p ~/.config/fish/completions
    test-dashboard completions fish > ~/.config/fish/completions/test-dashboard.fish

Zsh finds it when ~/.zshrc has `fpath=(~/.zfunc $fpath)` before `compinit`.")]
pub struct CompletionsArgs {
    /// Shell to complete for.
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
  Install the pages for this user:
    test-dashboard man ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Folder, such as ~/.local/share/man/man1; created if it does not exist.
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}
