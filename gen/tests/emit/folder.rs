//! The written folder, and the testbench in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use logloom::emit::plan::{MANIFEST, Manifest};
use logloom::emit::simulator::{Simulator, make_variables};
use logloom::flow::Tool;
use logloom::flow::testing::needs;
use logloom_hdl::design::{Design, WeightCodes};

use super::{design, plan};

#[test]
fn a_plan_is_the_same_every_time() {
    let design = design(2, 2, 8);
    let (first, second) = (plan(&design), plan(&design));
    assert_eq!(first, second);
    assert_eq!(first.digest(), second.digest());
    let paths: Vec<&str> = first.files().map(|(path, _)| path).collect();
    for path in ["docs/accelerator.md", "listing.txt", "program.hex", "rtl/accelerator.v", "rtl/pe.v", "tb/Makefile"] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
    // Neither where nor when it was made.
    let here = env!("CARGO_MANIFEST_DIR");
    for (path, contents) in first.files() {
        let text = std::str::from_utf8(contents).unwrap();
        assert!(!text.contains(here), "{path} names {here}");
        assert!(text.contains("SPDX-License-Identifier") || !path.ends_with(".v"), "{path} names no licence");
    }
}

#[test]
fn pages_describe_the_design() {
    let plan = plan(&design(2, 2, 8));
    let text = |path| std::str::from_utf8(plan.get(path).unwrap()).unwrap();
    let page = text("docs/accelerator.md");
    for part in ["| array.rows | 2 |", "| weight | `500000` | `5000bf` | 16 | signed |", "| SEED | 7 |"] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(text("docs/isa.md").starts_with("# Instruction set\n"));
    assert_eq!(text("program.hex").lines().count(), 6);
    assert!(text("listing.txt").contains("halt"));
    assert!(text("rtl/files.f").ends_with("accelerator.v\n"));
}

#[test]
fn the_manifest_lists_what_is_written() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&design(2, 2, 8));
    plan.write(root.path()).unwrap();
    let manifest: Manifest = serde_json::from_slice(&fs::read(root.path().join(MANIFEST)).unwrap()).unwrap();
    assert_eq!(manifest.files.len(), plan.files().count());
    assert_eq!(manifest.digest, plan.digest());
}

/// `make` as a person calls it, who has the tools.
fn make(folder: &Path, target: &str, variables: &[String]) -> Output {
    let mut command = Command::new(Tool::Make.find().unwrap().program);
    command.arg(target).args(variables).current_dir(folder.join("tb"));
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

/// Runs the testbench, then changes one expected word and sees it fail.
fn judges(design: &Design, target: &str, variables: &[String]) {
    let root = tempfile::tempdir().unwrap();
    let mut plan = plan(design);
    plan.write(root.path()).unwrap();
    let run = make(root.path(), target, variables);
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    assert!(said.contains("PASS: "), "{said}");

    let path = root.path().join("tb/expected.hex");
    let text = fs::read_to_string(&path).unwrap();
    let (line, number) = text.lines().zip(1..).find(|(line, _)| line.starts_with("02500003_")).unwrap();
    let changed = format!("{}{}", &line[..line.len() - 1], if line.ends_with('7') { '6' } else { '7' });
    fs::write(&path, text.replace(line, &changed)).unwrap();
    let run = make(root.path(), target, variables);
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(!run.status.success(), "{said}");
    assert!(said.contains("FAIL: 1 of "), "{said}");
    if target != "icarus" {
        assert!(said.contains(&format!("expected.hex:{number}: first difference: weight, word 3")), "{said}");
    }
    // And Logloom does not run over the change.
    plan = plan.subset(|path| path != "listing.txt");
    let error = plan.write(root.path()).unwrap_err();
    assert!(error.to_string().contains("expected.hex"), "{error}");
}

#[test]
fn the_testbench_judges_with_verilator() {
    if needs(&Simulator::Verilator.tools()) {
        judges(&design(2, 2, 8), "verilator", &make_variables(Simulator::Verilator).unwrap());
    }
}

#[test]
fn the_testbench_judges_with_cxxrtl() {
    if needs(&Simulator::Cxxrtl.tools()) {
        judges(&design(2, 2, 8), "cxxrtl", &make_variables(Simulator::Cxxrtl).unwrap());
    }
}

#[test]
fn the_testbench_judges_with_icarus() {
    if needs(&[Tool::Iverilog, Tool::Vvp, Tool::Make]) {
        let program = |tool: Tool| tool.find().unwrap().program.display().to_string();
        let variables = [format!("IVERILOG={}", program(Tool::Iverilog)), format!("VVP={}", program(Tool::Vvp))];
        judges(&design(2, 2, 8), "icarus", &variables);
        // Which begins with X where nothing says otherwise.
        judges(&Design { weight_codes: WeightCodes::Spram, ..design(2, 2, 8) }, "icarus", &variables);
    }
}
