//! The command itself: exit codes, streams, and files that it must not touch.

mod common;

use std::process::{Command, Stdio};

use common::{logloom, transcript};

#[test]
fn help_names_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["--help"])));
}

#[test]
fn usage_errors_exit_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["grow"], &["check"], &["check", "--colour"], &["new", "x.toml", "--preset", "zzz"]] {
        let output = logloom(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn new_writes_a_file_that_check_accepts() {
    let folder = tempfile::tempdir().unwrap();
    for preset in ["digits", "tiny", "exact8"] {
        let file = format!("{preset}.toml");
        let output = logloom(folder.path(), &["new", &file, "--preset", preset]);
        assert_eq!(transcript(&output), format!("exit code 0\n--- stdout\n{file}\n"));
        assert!(logloom(folder.path(), &["check", &file]).status.success());
    }
    insta::assert_snapshot!(std::fs::read_to_string(folder.path().join("digits.toml")).unwrap());
}

#[test]
fn new_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, "mine").unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["new", "x.toml"])));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left lying around");
}

#[test]
fn new_in_a_missing_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = logloom(folder.path(), &["new", "missing/x.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: missing/x.toml: cannot be written"));
}

#[test]
fn check_shows_values_origins_and_memories() {
    let folder = tempfile::tempdir().unwrap();
    let text = "preset = \"tiny\"\n[training]\nbatch = 3\n[memory]\nweight_depth = 16\n";
    std::fs::write(folder.path().join("x.toml"), text).unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["check", "x.toml"])));
}

#[test]
fn check_as_json() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), "preset = \"tiny\"\n").unwrap();
    let output = logloom(folder.path(), &["check", "x.toml", "--json"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn examples_are_valid() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    for example in ["digits", "tiny", "exact8"] {
        let output = logloom(examples.as_ref(), &["check", &format!("{example}.toml")]);
        assert!(output.status.success(), "{}", transcript(&output));
    }
}

/// `logloom completions bash | head -c 1` is not an error.
#[test]
fn a_reader_that_leaves_is_not_an_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_logloom"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn completions_know_the_verbs() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = logloom(folder.path(), &["completions", shell]);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("check"));
    }
}

fn examples() -> &'static std::path::Path {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../examples").as_ref()
}

/// The last line on stdout.
fn json(output: &std::process::Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", transcript(output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn training_agrees_between_model_and_simulation() {
    let folder = tempfile::tempdir().unwrap();
    let train = |target: &str| {
        let run = folder.path().join(target).display().to_string();
        let arguments =
            ["train", "tiny.toml", "--target", target, "--epochs", "5", "--seed", "3", "-o", &run, "--json"];
        json(&logloom(examples(), &arguments))
    };
    let (model, sim) = (train("model"), train("sim"));
    for field in ["test_accuracy", "train_accuracy", "loss", "steps", "state_sha256", "format_version"] {
        assert!(!model[field].is_null(), "{field}");
        assert_eq!(model[field], sim[field], "{field}");
    }
    assert!(model["cycles"].is_null() && sim["cycles"].as_u64() > Some(0));
}

#[test]
fn tiny_learns_xor_and_infer_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run").display().to_string();
    let report = json(&logloom(examples(), &["train", "tiny.toml", "-o", &run, "--json"]));
    assert_eq!(report["test_accuracy"], 1.0);
    for file in ["checkpoint.safetensors", "curve.csv", "curve.svg"] {
        assert!(folder.path().join("run").join(file).exists(), "{file}");
    }
    let checkpoint = format!("{run}/checkpoint.safetensors");
    let infer = |target| {
        let arguments =
            ["infer", "tiny.toml", "--checkpoint", &checkpoint, "--data", "data/xor.csv", "--target", target];
        transcript(&logloom(examples(), &arguments))
    };
    insta::assert_snapshot!(infer("model"));
    assert_eq!(infer("model"), infer("sim"));
}

#[test]
fn a_resumed_run_is_the_run_that_was_not_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| folder.path().join(name).display().to_string();
    let train = |name: &str, epochs: &str, resume: &[&str]| {
        let folder = run(name);
        let arguments = [&["train", "tiny.toml", "--epochs", epochs, "-o", &folder, "--json"], resume].concat();
        json(&logloom(examples(), &arguments))
    };
    let whole = train("whole", "6", &[]);
    train("parts", "2", &[]);
    assert_eq!(train("parts", "6", &["--resume"]), whole);
    for file in ["checkpoint.safetensors", "curve.csv", "curve.svg"] {
        let read = |name: &str| std::fs::read(folder.path().join(name).join(file)).unwrap();
        assert!(read("whole") == read("parts"), "{file}");
    }
}

#[test]
fn verify_compares_model_and_simulation() {
    let report =
        json(&logloom(examples(), &["verify", "tiny.toml", "--targets", "model,sim", "--steps", "2", "--json"]));
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn bisect_searches_the_simulation() {
    let search = ["bisect", "tiny.toml", "--target", "sim", "--steps", "5"];
    insta::assert_snapshot!(transcript(&logloom(examples(), &search)));
    let report = json(&logloom(examples(), &[&search[..], &["--json"]].concat()));
    assert_eq!((report["format_version"].as_u64(), report["finding"].as_str()), (Some(1), Some("equal")));
}
