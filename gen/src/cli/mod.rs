//! The command: one file per verb. A verb reads its arguments, calls the library and prints; it holds no
//! logic of its own.

mod bisect;
mod build;
mod check;
mod completions;
mod doctor;
mod generate;
mod infer;
mod new;
mod output;
mod progress;
mod train;
mod units;
mod verify;

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};

use crate::flow::terminate_with_tools;
use output::{Output, OutputClosed};

/// Generates FPGA accelerators that train neural networks without multipliers.
#[derive(Parser)]
#[command(name = "logloom", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    New(new::Arguments),
    Check(check::Arguments),
    Gen(generate::Arguments),
    Build(build::Arguments),
    Train(train::Arguments),
    Verify(verify::Arguments),
    Bisect(bisect::Arguments),
    Infer(infer::Arguments),
    Units(units::Arguments),
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
}

/// How a verb that ran to its end came out.
enum Outcome {
    /// Exit code 0.
    Good,
    /// The check that the verb makes did not hold: exit code 1.
    Failed,
}

/// Runs the command that the process was started with. Exit codes: 0 good, 1 the check failed, 2 usage or
/// tool error. A reader that closes stdout early is not an error.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version arrive here as well; clap knows their stream and exit code.
            let _ = error.print();
            return ExitCode::from(if error.exit_code() == 0 { 0 } else { 2 });
        }
    };
    let mut output = Output::stdout();
    let ready = terminate_with_tools().context("no signals can be handled");
    let result = ready.and_then(|()| match cli.verb {
        Verb::New(arguments) => new::run(&arguments, &mut output),
        Verb::Check(arguments) => check::run(&arguments, &mut output),
        Verb::Gen(arguments) => generate::run(&arguments, &mut output),
        Verb::Build(arguments) => build::run(&arguments, &mut output),
        Verb::Train(arguments) => train::run_verb(&arguments, &mut output),
        Verb::Verify(arguments) => verify::run(&arguments, &mut output),
        Verb::Bisect(arguments) => bisect::run(&arguments, &mut output),
        Verb::Infer(arguments) => infer::run(&arguments, &mut output),
        Verb::Units(arguments) => units::run(&arguments, &mut output),
        Verb::Doctor(arguments) => doctor::run(&arguments, &mut output),
        Verb::Completions(arguments) => completions::run(&arguments, &mut Cli::command(), &mut output),
    });
    match result.and_then(|outcome| output.finish().map(|()| outcome)) {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) if error.is::<OutputClosed>() => ExitCode::SUCCESS,
        Err(error) => {
            // Not eprintln!, which panics when stderr is closed.
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "error: {}", chain(&error));
            ExitCode::from(2)
        }
    }
}

/// The error and its causes on one line. Causes that a message already tells are not told again.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
