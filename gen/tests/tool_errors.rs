//! The words of errors about generated folders and external tools, and that nothing is overwritten.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::transcript;

const CONFIG: &str = "preset = \"tiny\"\n[data]\ntrain = \"train.csv\"\ntest = \"train.csv\"\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), CONFIG).unwrap();
    std::fs::write(folder.path().join("train.csv"), "0,0,0\n0,1,1\n1,0,1\n1,1,0\n").unwrap();
    folder
}

/// Runs `logloom` with the tools that `variables` name and no others.
fn logloom(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_logloom"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("LOGLOOM_CACHE", folder.join("cache"))
        .env_remove("LOGLOOM_TOOLS")
        .envs(variables.iter().copied())
        .output()
        .expect("the command starts")
}

#[test]
fn folder_with_foreign_files() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("out/thesis.txt"), "years of work").unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["gen", "x.toml", "-o", "out"], &[])));
    let left: Vec<_> = std::fs::read_dir(folder.path().join("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.txt"]);
}

#[test]
fn edited_file() {
    let folder = folder();
    let generate = || logloom(folder.path(), &["gen", "x.toml", "-o", "out"], &[]);
    assert!(generate().status.success());
    assert!(generate().status.success(), "its own folder may be written again");
    let edited = folder.path().join("out/rtl/pe.v");
    std::fs::write(&edited, "// mine").unwrap();
    insta::assert_snapshot!(transcript(&generate()));
    assert_eq!(std::fs::read_to_string(edited).unwrap(), "// mine");
}

#[test]
fn output_that_is_a_file() {
    let folder = folder();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["gen", "x.toml", "-o", "train.csv"], &[])));
    assert!(std::fs::read_to_string(folder.path().join("train.csv")).unwrap().starts_with("0,0,0"));
}

#[test]
fn missing_tool() {
    let folder = folder();
    let output = logloom(
        folder.path(),
        &["train", "x.toml", "--target", "verilator", "--epochs", "1"],
        &[("LOGLOOM_VERILATOR", "no-such-verilator")],
    );
    insta::assert_snapshot!(transcript(&output));
}

#[test]
fn tool_that_dies() {
    let folder = folder();
    let output = logloom(
        folder.path(),
        &["train", "x.toml", "--target", "verilator", "--epochs", "1"],
        &[("LOGLOOM_VERILATOR", "/bin/false")],
    );
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.starts_with("verilator: compile\nerror: make failed") && words.contains("/bin/false"), "{words}");
    assert!(!folder.path().join("runs").exists(), "nothing is left behind");
}

/// As services for CI end it.
#[cfg(unix)]
#[test]
fn a_command_that_is_terminated_takes_its_tools_along() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    let folder = folder();
    let [tool, begun, late] = ["verilator", "begun", "late"].map(|name| folder.path().join(name));
    let script = format!("#!/bin/sh\ntouch {}\nsleep 2\ntouch {}\n", begun.display(), late.display());
    std::fs::write(&tool, script).unwrap();
    std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_logloom"))
        .args(["train", "x.toml", "--target", "verilator", "--epochs", "1"])
        .current_dir(folder.path())
        .env("LOGLOOM_CACHE", folder.path().join("cache"))
        .env("LOGLOOM_VERILATOR", &tool)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !begun.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before its tool began");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!late.exists(), "the tool went on");
}

#[test]
fn unit_into_a_folder_with_foreign_files() {
    let folder = folder();
    let write = || logloom(folder.path(), &["units", "exact", "operand_bits=4", "-o", "out"], &[]);
    assert!(write().status.success());
    assert!(write().status.success(), "its own folder may be written again");
    std::fs::remove_dir_all(folder.path().join("out")).unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("out/thesis.txt"), "years of work").unwrap();
    insta::assert_snapshot!(transcript(&write()));
    let left: Vec<_> = std::fs::read_dir(folder.path().join("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.txt"]);
}

/// Before anything is computed.
#[test]
fn unit_into_a_file() {
    let folder = folder();
    std::fs::write(folder.path().join("out"), "years of work").unwrap();
    insta::assert_snapshot!(transcript(&logloom(
        folder.path(),
        &["units", "exact", "operand_bits=4", "-o", "out"],
        &[]
    )));
    assert_eq!(std::fs::read(folder.path().join("out")).unwrap(), b"years of work");
}

/// What `--json` says of the folder is what is in its manifest.
#[test]
fn unit_written_with_json() {
    let folder = folder();
    let output = logloom(folder.path(), &["units", "exact", "operand_bits=4", "-o", "out", "--json"], &[]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let manifest = std::fs::read(folder.path().join("out/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!((&said["written"]["digest"], &said["written"]["files"]), (&manifest["digest"], &manifest["files"]));
    assert!(manifest["digest"].is_string());
}

/// Families and settings that are not there, one line each.
#[test]
fn units_that_are_none() {
    let folder = folder();
    let wrong = [
        ["mitchel", ""],
        ["\u{1b}[2J", ""],
        ["mitchell", "fraction_bits"],
        ["mitchell", "fraction_bits=four"],
        ["mitchell", "fraction_bits=16"],
        ["mitchell", "fraction_bits=4 fraction_bits=4"],
        ["mitchell", "fraction_bits=0 rounding=carry"],
        ["mitchell", "corrections=1"],
        ["mitchell", "stages=3"],
        ["mitchell", "operand_bits=17"],
        ["mbm", "correction_bits=7"],
        ["ilm", "fraction_bits=1"],
        ["realm", "segments=5"],
        ["realm", "segments=8 fraction_bits=2"],
        ["drum", "kept_bits=1"],
        ["iterative", "corrections=3"],
        ["pow2", "side=left"],
        ["pow2", "exponents=0"],
        ["csd", "operand_bits=4 terms=3"],
        ["asm", "alphabet=[3,5]"],
        ["asm", "alphabet=1,7"],
        ["rccm", "shifts=0,1,2"],
        ["rccm", "shifts=0,0,1,2"],
        ["rccm", "shifts=1,2,1,2"],
    ];
    let lines = wrong.map(|arguments| transcript(&logloom(folder.path(), &[&["units"], &arguments[..]].concat(), &[])));
    insta::assert_snapshot!(lines.join("\n"));
}

/// A folder holds one unit.
#[test]
fn units_into_one_folder() {
    let folder = folder();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["units", "exact", "-o", "out"], &[])));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn proof_without_verilator() {
    let folder = folder();
    let output = logloom(
        folder.path(),
        &["units", "exact", "operand_bits=4", "--prove"],
        &[("LOGLOOM_VERILATOR", "no-such-verilator")],
    );
    insta::assert_snapshot!(transcript(&output));
}

/// Data files and checkpoints with bytes changed, cut or added: an error with exit code 2, or a run; never a panic.
#[test]
fn mutated_data_files() {
    let folder = folder();
    let run = |arguments: &[&str]| logloom(folder.path(), arguments, &[]);
    assert!(run(&["train", "x.toml", "--epochs", "1", "-o", "run"]).status.success());
    let checkpoint = folder.path().join("run/checkpoint.safetensors");
    let data = folder.path().join("train.csv");
    let good = [std::fs::read(&checkpoint).unwrap(), std::fs::read(&data).unwrap()];
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    };
    for round in 0..60 {
        let which = round % 2;
        let mut bytes = good[which].clone();
        match random(3) {
            0 => bytes.truncate(random(bytes.len())),
            1 => {
                let position = random(bytes.len());
                bytes[position] ^= 1 << random(8);
            }
            _ => bytes.insert(random(bytes.len()), random(256) as u8),
        }
        std::fs::write(&checkpoint, if which == 0 { &bytes } else { &good[0] }).unwrap();
        std::fs::write(&data, if which == 1 { &bytes } else { &good[1] }).unwrap();
        let output = run(&["infer", "x.toml", "--checkpoint", "run/checkpoint.safetensors", "--data", "train.csv"]);
        let words = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 2)) && !words.contains("panicked"), "round {round}, {code:?}: {words}");
        assert_eq!(code == Some(2), words.starts_with("error: "), "round {round}: {words}");
    }
}
