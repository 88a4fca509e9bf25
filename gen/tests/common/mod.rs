//! Running the command in a folder of its own.

use std::path::Path;
use std::process::{Command, Output};

use logloom::flow::tool::{FOLDER_VARIABLE, Search};

/// Runs `logloom` in the folder, with what it prints free of colours.
#[allow(dead_code, reason = "each test file compiles this module for itself")]
pub fn logloom(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_logloom"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts")
}

/// As [`logloom`], with the tools of this project's folder; what was simulated and compiled is kept for all tests.
#[allow(dead_code, reason = "each test file compiles this module for itself")]
pub fn logloom_with_tools(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_logloom"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .envs(Search::from_environment().folder.map(|tools| (FOLDER_VARIABLE, tools)))
        .env("LOGLOOM_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
        .output()
        .expect("the command starts")
}

/// Exit code and both streams, as a person sees them.
#[allow(dead_code, reason = "each test file compiles this module for itself")]
pub fn transcript(output: &Output) -> String {
    let mut text = String::new();
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            text.push_str(&format!("--- {name}\n{}", String::from_utf8_lossy(bytes)));
        }
    }
    let code = output.status.code().map_or("none".to_string(), |code| code.to_string());
    format!("exit code {code}\n{text}")
}

/// A folder with all that is in it, but for what runs of a person's own left there.
#[allow(dead_code, reason = "each test file compiles this module for itself")]
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == "target" || entry.file_name() == "runs" => {}
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}
