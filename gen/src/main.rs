//! The `logloom` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    logloom::cli::main()
}
