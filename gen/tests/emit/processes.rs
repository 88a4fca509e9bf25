//! Simulators in processes equal the model in every word after every instruction.

use std::sync::Arc;

use logloom::emit;
use logloom::emit::simulator::{Simulator, build, start};
use logloom::flow::Fabric;
use logloom::flow::testing::needs;
use logloom_hdl::accelerator;
use logloom_hdl::arith::{Exact, Form};
use logloom_hdl::design::{Design, Subtraction, WeightCodes};
use logloom_hdl::host::map::{Region, Register, address, control};
use logloom_sim::target::Target;
use logloom_sim::target::process::Process;

use super::{cache, design, instructions, model, operands, program};

fn process(simulator: Simulator, design: &Design) -> Process {
    start(simulator, &emit::accelerator(design, "").unwrap(), &cache(), &|_| ()).unwrap()
}

/// Every word of every memory, and the registers that do not depend on time.
fn state(design: &Design, target: &mut dyn Target) -> Vec<(&'static str, Vec<u32>)> {
    let read = |&region: &Region| {
        let mut words = vec![0; region.words(design) as usize];
        target.read(address(region, 0), &mut words).unwrap();
        if region == Region::Registers {
            words[Register::Cycles.number() as usize] = 0;
            words[Register::Stall.number() as usize] = 0;
        }
        (region.name(), words)
    };
    Region::ALL.iter().map(read).collect()
}

fn assert_equal(design: &Design, a: &mut dyn Target, b: &mut dyn Target, when: &str) {
    for ((region, left), (_, right)) in state(design, a).into_iter().zip(state(design, b)) {
        let different = left.iter().zip(&right).position(|(l, r)| l != r);
        if let Some(word) = different {
            let (a, b) = (a.name(), b.name());
            panic!("{when}: {region}, word {word}: {a} {:#x}, {b} {:#x}", left[word], right[word]);
        }
    }
}

fn equal(simulator: Simulator, design: &Design) {
    if !needs(&simulator.tools()) {
        return;
    }
    let (mut model, mut process) = (model(design), process(simulator, design));
    assert_equal(design, &mut model, &mut process, "at power-up");
    let program = program(design);
    for target in [&mut model as &mut dyn Target, &mut process] {
        target.write(&operands(design)).unwrap();
        target.write(&instructions(&program)).unwrap();
        target.write(&[(Register::Seed.address(), 99)]).unwrap();
    }
    assert_equal(design, &mut model, &mut process, "after loading");
    for instruction in &program {
        for target in [&mut model as &mut dyn Target, &mut process] {
            target.write(&[(Register::Control.address(), control::STEP)]).unwrap();
            target.wait().unwrap();
        }
        assert_equal(design, &mut model, &mut process, &format!("after {instruction:?}"));
    }
    assert!(process.cycles().unwrap() > 100);
}

#[test]
fn verilator_2x2() {
    equal(Simulator::Verilator, &design(2, 2, 8));
}

#[test]
fn verilator_8x8() {
    equal(Simulator::Verilator, &design(8, 8, 16));
}

#[test]
fn cxxrtl_2x2() {
    equal(Simulator::Cxxrtl, &Design { subtraction: Subtraction::Adder, ..design(2, 2, 8) });
}

#[test]
fn netlist_2x2() {
    equal(Simulator::Netlist(Fabric::Ice40), &design(2, 2, 8));
}

#[test]
fn netlist_of_ecp5_2x2() {
    equal(Simulator::Netlist(Fabric::Ecp5), &design(2, 2, 8));
}

/// The carries that Yosys is told of subtract.
#[test]
fn netlist_of_ecp5_2x2_that_subtracts_in_the_adder() {
    equal(Simulator::Netlist(Fabric::Ecp5), &Design { subtraction: Subtraction::Adder, ..design(2, 2, 8) });
}

/// Weight codes are in SPRAM: nothing else holds them.
#[test]
fn netlist_of_spram_2x2() {
    let simulator = Simulator::Netlist(Fabric::Ice40);
    let design = Design { weight_codes: WeightCodes::Spram, ..design(2, 2, 8) };
    equal(simulator, &design);
    assert_cells(&design, "SB_SPRAM256KA", design.sprams());
}

/// Products are those of the multiplier blocks: nothing else makes them.
#[test]
fn netlist_of_multiplier_blocks_2x2() {
    let arithmetic = Arc::new(Exact { operand_bits: 16, form: Form::Block, stages: 2 });
    let design = Design { arithmetic, accumulator_bits: 36, ..design(2, 2, 8) };
    equal(Simulator::Netlist(Fabric::Ice40), &design);
    assert_cells(&design, "SB_MAC16", 4);
}

/// So many cells of that kind are in the netlist for iCE40.
fn assert_cells(design: &Design, cell: &str, count: u32) {
    if needs(&Simulator::Netlist(Fabric::Ice40).tools()) {
        let plan = emit::accelerator(design, "").unwrap();
        let gates = emit::gates::netlist(&plan, accelerator::TOP, Fabric::Ice40, &cache(), &|_| ()).unwrap();
        let (_, text) = gates.files().find(|(path, _)| *path == "rtl/netlist.v").unwrap();
        assert_eq!(String::from_utf8_lossy(text).matches(&format!("  {cell} ")).count(), count as usize);
    }
}

/// A reset in the middle of a program: memories survive, and the program runs from the start as if nothing had been.
#[test]
fn a_reset_in_mid_run() {
    if !needs(&Simulator::Verilator.tools()) {
        return;
    }
    let design = design(2, 2, 8);
    let (mut model, mut process) = (model(&design), process(Simulator::Verilator, &design));
    let run = [(Register::Seed.address(), 99), (Register::Control.address(), control::RUN)];
    process.write(&instructions(&program(&design))).unwrap();
    process.write(&run).unwrap();
    process.run(100).unwrap();
    let mut status = [0];
    process.read(Register::Status.address(), &mut status).unwrap();
    assert_eq!(status, [1], "the program is in its middle");
    process.reset().unwrap();
    process.read(Register::Status.address(), &mut status).unwrap();
    assert_eq!(status, [0]);
    process.read(address(Region::Program, 0), &mut status).unwrap();
    assert_eq!(status[0], instructions(&program(&design))[0].1);

    model.write(&instructions(&program(&design))).unwrap();
    for target in [&mut model as &mut dyn Target, &mut process] {
        target.write(&operands(&design)).unwrap();
        target.write(&run).unwrap();
        target.wait().unwrap();
    }
    assert_equal(&design, &mut model, &mut process, "after the second run");
}

#[test]
fn programs_are_compiled_once() {
    if !needs(&Simulator::Verilator.tools()) {
        return;
    }
    let design = design(2, 2, 8);
    let first = build(Simulator::Verilator, &super::plan(&design), &cache(), &|_| ()).unwrap();
    let started = std::time::Instant::now();
    let second = build(Simulator::Verilator, &emit::accelerator(&design, "other").unwrap(), &cache(), &|_| ()).unwrap();
    assert_eq!(first, second);
    assert!(started.elapsed().as_secs() < 10);
}

/// A program that was damaged is compiled again.
#[test]
fn damaged_programs_are_compiled_again() {
    if !needs(&Simulator::Verilator.tools()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let plan = emit::accelerator(&design(1, 1, 8), "").unwrap();
    let build = || build(Simulator::Verilator, &plan, folder.path(), &|_| ()).unwrap();
    let program = build();
    let whole = std::fs::read(&program).unwrap();
    std::fs::write(&program, &whole[..whole.len() / 2]).unwrap();
    let again = build();
    assert!(std::fs::metadata(&again).unwrap().len() as usize > whole.len() / 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_failing_compiler_leaves_nothing_in_the_cache() {
    if !needs(&Simulator::Verilator.tools()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut plan = emit::accelerator(&design(2, 2, 8), "").unwrap().subset(|path| path != "rtl/pe.v");
    plan.add("rtl/pe.v", "module pe (broken);\n");
    let error = build(Simulator::Verilator, &plan, folder.path(), &|_| ()).unwrap_err();
    assert!(format!("{error:#}").contains("make failed"), "{error:#}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
