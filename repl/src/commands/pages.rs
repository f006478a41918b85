//! `asof completions` and `asof man`: what shells and `man` want to know about the commands, made from their definitions.

use std::io::Write;
use std::path::PathBuf;

use asof::error::{Code, Error, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::output::output;

#[derive(Args)]
#[command(after_help = "Examples:
  asof completions bash > ~/.local/share/bash-completion/completions/asof
  asof completions zsh > ~/.zfunc/_asof
  asof completions fish > ~/.config/fish/completions/asof.fish")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<()> {
        // clap_complete takes a failed write for a mistake of the program, so the script is made first.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "asof", &mut script);
        Ok(output().write_all(&script)?)
    }
}

#[derive(Args)]
#[command(after_help = "Example:\n  asof man ~/.local/share/man/man1 && man asof-q")]
pub struct Man {
    /// The folder, made when it is not there
    dir: PathBuf,
}

impl Man {
    pub fn run(self) -> Result<()> {
        let wrote = || {
            std::fs::create_dir_all(&self.dir)?;
            clap_mangen::generate_to(Cli::command(), &self.dir)
        };
        wrote().map_err(|e| {
            let what = format!("cannot write manual pages to {}: {e}", self.dir.display());
            Error::new(Code::Io, what).caused_by(e)
        })
    }
}
