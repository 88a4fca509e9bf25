//! The simulated accelerator against the model through the host port alone: stalls change nothing, defects are seen.
use logloom_hdl::accelerator::accelerator;
use logloom_hdl::arith::{Mitchell, mitchell};
use logloom_hdl::design::{Design, Format};
use logloom_hdl::link::map::{Region, Register, address};
use logloom_hdl::rtl::Module;
use logloom_sim::model::Model;
use logloom_sim::netlist::{Fault, FaultKind, Options, Simulator};
use logloom_sim::target::Target;
use logloom_sim::target::simulation::{Settings, Simulation};
use std::sync::Arc;

const DIGEST: u32 = 0xC0FF_EE00;

fn design() -> Design {
    Design {
        name: "small".into(),
        rows: 3,
        columns: 2,
        arithmetic: Arc::new(Mitchell {
            operand_bits: 16,
            fraction_bits: 4,
            dropped_bits: 8,
            rounding: mitchell::Rounding::Nearest,
            stages: 0,
        }),
        activation: Format { bits: 16, frac: 10 },
        gradient: Format { bits: 16, frac: 14 },
        weight: Format { bits: 18, frac: 14 },
        accumulator_bits: 40,
        accumulator_depth: 4,
        activation_depth: 16,
        gradient_depth: 16,
        weight_depth: 16,
        batch_depth: 4,
        program_depth: 4,
    }
}

/// Writes every writable memory, allowed or not, and reads everything back.
fn session(design: &Design, target: &mut dyn Target) -> Vec<u32> {
    let mut words = Vec::new();
    let mut value = 1u32;
    for region in [Region::Program, Region::Label, Region::Activation, Region::Gradient, Region::Weight] {
        for word in 0..region.words(design) {
            value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            words.push((address(region, word), value ^ value >> 16));
        }
    }
    words.push((address(Region::Maximum, 0), 1));
    words.push((Register::Seed.address(), 77));
    target.write(&words).unwrap();
    target.wait().unwrap();
    let mut all = Vec::new();
    for &region in Region::ALL.iter().filter(|&&r| r != Region::Registers) {
        let mut out = vec![0; region.words(design) as usize];
        target.read(address(region, 0), &mut out).unwrap();
        all.extend(out);
    }
    for register in [Register::Id, Register::Digest, Register::Error, Register::Pc, Register::Seed] {
        let mut out = [0];
        target.read(register.address(), &mut out).unwrap();
        all.extend(out);
    }
    all
}

fn simulate(top: &Arc<Module>, settings: &Settings) -> Simulation {
    Simulation::new(top, settings).unwrap()
}

#[test]
fn stalls_of_the_host_change_nothing() {
    let design = design();
    let expected = session(&design, &mut Model::new(&design, DIGEST).unwrap());
    let top = accelerator(&design, DIGEST).unwrap();
    for stalls in [None, Some(1), Some(2)] {
        let settings = Settings { stalls, ..Settings::default() };
        assert_eq!(session(&design, &mut simulate(&top, &settings)), expected, "stalls {stalls:?}");
    }
}

#[test]
fn memories_survive_a_reset_and_registers_do_not() {
    let design = design();
    let top = accelerator(&design, DIGEST).unwrap();
    let mut target = simulate(&top, &Settings::default());
    let weight = address(Region::Weight, 5);
    target.write(&[(weight, 1234), (Register::Seed.address(), 9)]).unwrap();
    // A write is posted: let it settle.
    target.read(weight, &mut [0]).unwrap();
    target.reset().unwrap();
    let mut out = [0];
    target.read(weight, &mut out).unwrap();
    assert_eq!(out, [1234]);
    target.read(Register::Seed.address(), &mut out).unwrap();
    assert_eq!(out, [0]);
}

#[test]
fn a_defect_behind_the_host_port_is_seen() {
    let design = design();
    let top = accelerator(&design, DIGEST).unwrap();
    let expected = session(&design, &mut simulate(&top, &Settings::default()));
    let sound = Simulator::new(&top).unwrap();
    let (_, path) = sound.signals().find(|(_, path)| path.ends_with(".write_data_q")).unwrap();
    for kind in [FaultKind::Inverted, FaultKind::StuckAt0, FaultKind::StuckAt1] {
        let faults = vec![Fault { path: path.into(), bit: 3, kind }];
        let netlist = Options { faults, ..Options::default() };
        let settings = Settings { netlist, ..Settings::default() };
        assert_ne!(session(&design, &mut simulate(&top, &settings)), expected, "{path} {kind:?}");
    }
}
