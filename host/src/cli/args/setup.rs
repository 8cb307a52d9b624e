//! What `completions` and `man` take.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which shell completes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  For this shell only:
    source <(test-dashboard completions bash)
  For all to come, of this user:
    test-dashboard completions bash > ~/.local/share/bash-completion/completions/test-dashboard
    test-dashboard completions zsh > ~/.zfunc/_test-dashboard
    test-dashboard completions fish > ~/.config/fish/completions/test-dashboard.fish")]
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
pub struct ManArgs {
    /// The folder, such as ~/.local/share/man/man1; it is made where it is missing.
    pub dir: PathBuf,
}
