//! The testbench of a single unit runs by itself, and its assertions fail where the unit or the bound is wrong.

use crate::needs;
use logloom::emit::Plan;
use logloom::emit::simulator::{Simulator, make_variables};
use logloom::flow::{Finished, Invocation, Tool};
use logloom::units::error::{ErrorStatistics, statistics};
use logloom::units::folder;
use logloom_hdl::arith::{Arithmetic, family};
use std::path::Path;
use std::sync::Arc;

/// A written folder, and what it is of.
struct Folder {
    unit: Arc<dyn Arithmetic>,
    errors: ErrorStatistics,
    plan: Plan,
    folder: tempfile::TempDir,
}

impl Folder {
    fn new(family: &str, settings: &str) -> Self {
        let made = family::find(family).unwrap().parse(settings).unwrap();
        let errors = statistics(made.as_ref());
        let plan = folder::plan(made.as_ref(), &errors).unwrap();
        let folder = tempfile::tempdir().unwrap();
        plan.write(folder.path()).unwrap();
        Self { unit: made, errors, plan, folder }
    }

    fn run(&self) -> Finished {
        Invocation::new(Tool::Make)
            .unwrap()
            .args(make_variables(Simulator::Verilator).unwrap())
            .folder(self.folder.path().join("tb"))
            .finish()
            .unwrap()
    }

    /// Runs with one line of one file replaced; the line is the one that begins so.
    fn run_with(&self, file: &str, line: &str, replacement: impl Fn(&str) -> String) -> Finished {
        let path = self.folder.path().join(file);
        let original = String::from_utf8(self.plan.get(file).unwrap().to_vec()).unwrap();
        let lines = original.lines().map(|own| match own.strip_prefix(line) {
            Some(rest) => format!("{line}{}\n", replacement(rest)),
            None => format!("{own}\n"),
        });
        let changed: String = lines.collect();
        assert_ne!(changed, original, "{line}");
        std::fs::write(&path, changed).unwrap();
        let finished = self.run();
        std::fs::write(&path, original).unwrap();
        finished
    }
}

fn assert_passes(finished: &Finished, folder: &Path) {
    let text = std::fs::read_to_string(folder.join("unit.json")).unwrap();
    let pairs = serde_json::from_str::<serde_json::Value>(&text).unwrap()["testbench_pairs"].as_u64().unwrap();
    let expected = format!("PASS: {pairs} products within the bound\n");
    assert!(finished.status.success() && finished.stdout.contains(&expected), "{}{}", finished.stdout, finished.stderr);
}

/// An assertion failed, and not the build.
fn assert_fails(finished: &Finished, what: &[&str]) {
    let Finished { status, stdout, stderr, .. } = finished;
    assert!(
        !status.success() && stdout.contains("FAIL: an assertion of unit_bound.sv does not hold"),
        "{stdout}{stderr}"
    );
    assert!(what.iter().any(|what| stdout.contains(&format!("{what}: a = "))), "{stdout}{stderr}");
}

fn check(family: &str, settings: &str) {
    if !needs(&[Tool::Verilator, Tool::Make, Tool::Cxx]) {
        return;
    }
    let folder = Folder::new(family, settings);
    assert_passes(&folder.run(), folder.folder.path());

    // A bound that excludes what is known to be the lowest product, by little.
    let above_lowest = (folder.errors.lowest.value * 2f64.powi(32)) as i64 + 64;
    assert!(above_lowest < 0);
    let tight = folder.run_with("tb/unit_bound.sv", "  localparam signed [Bits-1:0] Low = -", |rest| {
        let (bits, _) = rest.split_once('\'').unwrap();
        format!("{bits}'sd{};", -above_lowest)
    });
    assert_fails(&tight, &["below the bound"]);

    let width = folder.unit.product_bits();
    let flipped = folder.run_with("rtl/product.v", "  assign product_o = ", |rest| {
        format!("({}) ^ {width}'sd{};", rest.trim_end_matches(';'), 1u64 << (width - 2))
    });
    assert_fails(&flipped, &["below the bound", "above the bound", "not zero", "of the wrong sign"]);
}

#[test]
fn mitchell_is_asserted() {
    check("mitchell", "operand_bits=8 fraction_bits=6");
}

/// Corner operands and an LFSR, behind two registers.
#[test]
fn wide_operands_are_asserted() {
    check("ilm", "operand_bits=10 fraction_bits=9 stages=2");
}

#[test]
fn codes_of_two_kinds_are_asserted() {
    check("asm", "operand_bits=8 alphabet=1 stages=1");
}

#[test]
fn drawn_codes_are_asserted() {
    check("ternary", "operand_bits=8 stages=1");
}

/// Binary weights reach their bound: one that is less by one fails.
#[test]
fn weights_are_asserted() {
    if !needs(&[Tool::Verilator, Tool::Make, Tool::Cxx]) {
        return;
    }
    let folder = Folder::new("ternary", "operand_bits=8 levels=binary");
    assert_passes(&folder.run(), folder.folder.path());
    let tight = folder.run_with("tb/unit_bound.sv", "  localparam signed [Bits-1:0] WeightDistance = ", |rest| {
        let (bits, _) = rest.split_once('\'').unwrap();
        format!("{bits}'sd{};", 254u64 << 32)
    });
    assert_fails(&tight, &["weight below the bound"]);
    assert!(tight.stdout.contains("b = -127") || tight.stdout.contains("b = 127"), "{}", tight.stdout);
}
