//! `logloom completions`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::Outcome;
use super::output::Output;

/// Print the completion script of a shell
#[derive(Args)]
pub struct Arguments {
    shell: Shell,
}

pub fn run(arguments: &Arguments, command: &mut Command, output: &mut Output) -> anyhow::Result<Outcome> {
    // Into memory first: the generator panics when its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "logloom", &mut script);
    output.text(&String::from_utf8(script)?)?;
    Ok(Outcome::Good)
}
