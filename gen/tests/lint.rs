//! Every example's Verilog, before five tools.

use std::path::{Path, PathBuf};

use logloom::config::Configuration;
use logloom::emit;
use logloom::flow::lint::{LINTERS, lint_with};
use logloom::flow::testing::needs;
use logloom_hdl::accelerator::TOP;

fn check(example: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let configuration = Configuration::load(&root.join("examples").join(example), &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plan = emit::accelerator(configuration.compiled.design(), "").unwrap();
    plan.write(folder.path()).unwrap();
    let modules: Vec<PathBuf> = plan
        .files()
        .map(|(path, _)| path)
        .filter(|path| path.ends_with(".v"))
        .map(|path| folder.path().join(path))
        .collect();
    assert!(modules.len() > 20, "{example}: {} modules", modules.len());
    for tool in LINTERS {
        if needs(&[tool]) {
            let report = lint_with(tool, &modules, TOP);
            assert!(!report.is_failure(), "{example}: {report}");
        }
    }
}

#[test]
fn digits_is_clean() {
    check("digits.toml");
}

#[test]
fn tiny_is_clean() {
    check("tiny.toml");
}

#[test]
fn exact8_is_clean() {
    check("exact8.toml");
}
