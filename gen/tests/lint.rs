//! Every example's Verilog, before five tools.

use std::path::{Path, PathBuf};

use logloom::board::Board;
use logloom::config::Configuration;
use logloom::emit;
use logloom::emit::Link;
use logloom::flow::Tool;
use logloom::flow::lint::{Finding, LINTERS, Outcome, lint_with};
use logloom::flow::testing::needs;
use logloom_hdl::accelerator::TOP;
use logloom_hdl::link::{spi, wishbone};

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

/// Everything that a small device can do without is left out there.
#[test]
fn digits_for_an_hx8k_is_clean() {
    check("digits-hx8k.toml");
}

#[test]
fn exact8_is_clean() {
    check("exact8.toml");
}

/// Behind each link but the UART, which the boards below have. The names of `axi_top` are those of AXI, which know no suffixes:
/// the only thing that Verible may mind.
#[test]
fn links_are_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configuration = Configuration::load(&root.join("../examples/tiny.toml"), &[]).unwrap();
    for (link, top) in [(Link::Spi, spi::TOP), (Link::Wishbone, wishbone::TOP), (Link::Axi, emit::AXI_TOP)] {
        let folder = tempfile::tempdir().unwrap();
        let plan = emit::linked(configuration.design(), "", link).unwrap();
        plan.write(folder.path()).unwrap();
        let files = plan.files().map(|(path, _)| folder.path().join(path));
        let modules: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ending| ending == "v")).collect();
        for tool in LINTERS {
            if !needs(&[tool]) {
                continue;
            }
            let report = lint_with(tool, &modules, top);
            match &report.outcome {
                Outcome::Findings(findings) if tool == Tool::VeribleLint && top == emit::AXI_TOP => {
                    let of_names = |finding: &Finding| finding.rule.as_deref() == Some("port-name-suffix");
                    let there =
                        |finding: &Finding| finding.file.as_deref().is_some_and(|file| file.ends_with("axi_top.v"));
                    assert!(findings.iter().all(|finding| of_names(finding) && there(finding)), "{report}");
                }
                _ => assert!(!report.is_failure(), "{top}: {report}"),
            }
        }
    }
}

/// The top of every kind of board: with each PLL, with buttons and LEDs of either level. Verible judges files by themselves; the
/// others want the vendor's primitives.
#[test]
fn board_tops_are_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configuration = Configuration::load(&root.join("../examples/tiny.toml"), &[]).unwrap();
    for name in ["icebreaker", "ice40-hx8k-b-evn", "ulx3s-85f", "tang-nano-9k", "tang-nano-20k"] {
        let board = Board::find(name).unwrap();
        let clock = board.clock(Some(30.0)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let plan = emit::board(configuration.compiled.design(), "", &board, &clock, 1_000_000).unwrap();
        plan.write(folder.path()).unwrap();
        let modules: Vec<PathBuf> =
            plan.files().filter(|(path, _)| path.ends_with(".v")).map(|(path, _)| folder.path().join(path)).collect();
        let top = std::fs::read_to_string(folder.path().join(emit::BOARD_TOP_FILE)).unwrap();
        let primitives = ["SB_PLL40_CORE", "SB_PLL40_PAD", "EHXPLLL", "rPLL"].into_iter();
        let primitives = primitives.filter(|primitive| top.contains(&format!("{primitive} #(")));
        let vendor: Vec<PathBuf> =
            primitives.map(|primitive| root.join("tests/vendor").join(format!("{primitive}.v"))).collect();
        assert_eq!(vendor.len(), 1, "{name}");
        for tool in LINTERS {
            let files =
                if tool == Tool::VeribleLint { modules.clone() } else { [modules.clone(), vendor.clone()].concat() };
            if needs(&[tool]) {
                let report = lint_with(tool, &files, emit::BOARD_TOP);
                assert!(!report.is_failure(), "{name}: {report}");
            }
        }
    }
}
