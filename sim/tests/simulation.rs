//! The simulated accelerator against the model through the host port alone: stalls change nothing, defects are seen.
mod small;

use logloom_hdl::accelerator::accelerator;
use logloom_hdl::arith::{Mitchell, mitchell};
use logloom_hdl::control::isa::{Gemm, Instruction};
use logloom_hdl::design::{Design, Roundings};
use logloom_hdl::host::map::{ErrorCode, Region, Register, address, control};
use logloom_hdl::rtl::Module;
use logloom_hdl::vector::requantise::requantise;
use logloom_sim::model::Model;
use logloom_sim::netlist::{Fault, FaultKind, Options, Simulator};
use logloom_sim::target::Target;
use logloom_sim::target::simulation::{Settings, Simulation};
use small::{design, logarithmic};
use std::sync::Arc;

const DIGEST: u32 = 0xC0FF_EE00;

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
    let design = design(logarithmic());
    let expected = session(&design, &mut Model::new(&design, DIGEST).unwrap());
    let top = accelerator(&design, DIGEST).unwrap();
    for stalls in [None, Some(1), Some(2)] {
        let settings = Settings { stalls, ..Settings::default() };
        assert_eq!(session(&design, &mut simulate(&top, &settings)), expected, "stalls {stalls:?}");
    }
}

#[test]
fn memories_survive_a_reset_and_registers_do_not() {
    let design = design(logarithmic());
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

/// Also while the sums of the broken run are still on their way through the array.
#[test]
fn accumulators_survive_a_reset_in_a_run() {
    let run = (Register::Control.address(), control::RUN);
    let mut target = with_program(2);
    let words = Region::Accumulator.words(&design(logarithmic()));
    let totals = |target: &mut Simulation| {
        (0..words).map(|word| read(target, address(Region::Accumulator, word))).collect::<Vec<_>>()
    };
    target.write(&[run]).unwrap();
    target.wait().unwrap();
    let complete = totals(&mut target);
    assert!(complete.iter().any(|&total| total != 0), "{complete:?}");
    for idle in 0..60 {
        for word in 0..words {
            target.write(&[run]).unwrap();
            target.idle(idle).unwrap();
            target.reset().unwrap();
            let first = read(&mut target, address(Region::Accumulator, word));
            assert_eq!(first, complete[word as usize], "word {word}, reset after {idle} cycles");
            assert_eq!(totals(&mut target), complete, "reset after {idle} cycles");
        }
    }
}

/// A simulation with operands in its memories and a program of one GEMM of `m` vectors.
fn with_program(m: u16) -> Simulation {
    let design = design(logarithmic());
    let mut target = simulate(&accelerator(&design, DIGEST).unwrap(), &Settings::default());
    let mut words = Vec::new();
    for region in [Region::Activation, Region::Gradient, Region::Weight] {
        words.extend((0..region.words(&design)).map(|word| (address(region, word), 1000 + word)));
    }
    let gemm = Instruction::Gemm(Gemm { m, k: 3, n: 2, block: 2, dest_base: 1, shift: 3, ..Gemm::default() });
    // Bits outside the fields are ignored, but a read gives them.
    let halt = Instruction::Halt.encode().map(|word| word | 0xABCD_0000);
    let program = gemm.encode().into_iter().chain(halt);
    words.extend((0..).zip(program).map(|(word, data)| (address(Region::Program, word), data)));
    target.write(&words).unwrap();
    target
}

fn read(target: &mut Simulation, address: u32) -> u32 {
    let mut out = [0];
    target.read(address, &mut out).unwrap();
    out[0]
}

/// Also a read that the end of the run overtakes.
#[test]
fn a_read_that_a_run_refuses_gives_zero() {
    let regions = [Region::Program, Region::Activation, Region::Gradient, Region::Weight, Region::Accumulator];
    for region in regions {
        let (mut refused, mut granted) = (0, 0);
        for idle in 0..60 {
            let mut target = with_program(2);
            target.write(&[(Register::Control.address(), control::RUN)]).unwrap();
            target.idle(idle).unwrap();
            let data = read(&mut target, address(region, 0));
            match read(&mut target, Register::Error.address()) {
                0 => granted += 1,
                error => {
                    assert_eq!(error, ErrorCode::Running.number());
                    assert_eq!(data, 0, "{} after {idle} cycles", region.name());
                    refused += 1;
                }
            }
        }
        assert!(refused > 5 && granted > 5, "{refused} refused, {granted} granted");
    }
}

/// The order of errors: no such word, read-only, running.
#[test]
fn of_several_errors_of_an_access_the_first_counts() {
    let design = design(logarithmic());
    let beyond = address(Region::Weight, Region::Weight.words(&design));
    for (address, error) in [
        (address(Region::Weight, 0), ErrorCode::Running),
        (address(Region::Maximum, 0), ErrorCode::ReadOnly),
        (Register::Id.address(), ErrorCode::ReadOnly),
        (address(Region::Maximum, design.batch_depth), ErrorCode::NoSuchWord),
        (beyond, ErrorCode::NoSuchWord),
    ] {
        let mut target = with_program(31);
        target.write(&[(Register::Control.address(), control::RUN), (address, 1)]).unwrap();
        assert_eq!(read(&mut target, Register::Error.address()), error.number(), "{address:06x}");
        assert_eq!(read(&mut target, Register::Status.address()) & 1, 1);
    }
}

/// One lane of the requantiser against `sat((t * 2^lift + addend) >> shift)`, at every limit and half unit of every shift.
#[test]
fn every_shift_rounds_and_saturates_as_specified() {
    for roundings in [Roundings::Any, Roundings::Nearest] {
        for (accumulator_bits, dropped_bits) in [(16, 0), (20, 16), (40, 16), (48, 8)] {
            let mut design = Design { rows: 1, columns: 1, roundings, accumulator_bits, ..design(logarithmic()) };
            let rounding = mitchell::Rounding::Nearest;
            let arithmetic = Mitchell { operand_bits: 16, fraction_bits: 4, dropped_bits, rounding, stages: 0 };
            design.arithmetic = Arc::new(arithmetic);
            let mut sim = Simulator::new(&requantise(&design).unwrap()).unwrap();
            let [totals_i, shift_i, limit_i] = ["totals_i", "shift_i", "limit_i"].map(|name| sim.input(name).unwrap());
            let (values_o, clipped_o) = (sim.output("values_o").unwrap(), sim.output("clipped_o").unwrap());
            for shift in 0..32u32 {
                for (limit, bits) in [(0, 16u32), (1, design.master_bits()), (2, 16)] {
                    sim.set(shift_i, shift.into());
                    sim.set(limit_i, limit);
                    let most = (1i128 << (bits - 1)) - 1;
                    let unit = 1i128 << shift;
                    let mut totals = vec![0, 1, -1];
                    for result in [0, 1, -1, most, -most - 1, most + 1, -most - 2] {
                        // What rounds to the result, and its neighbours on either side of the halves.
                        for t in [result * unit - unit / 2, result * unit, result * unit + unit / 2] {
                            let total = t >> design.lift();
                            totals.extend([total - 1, total, total + 1]);
                        }
                    }
                    let widest = (1i128 << (accumulator_bits - 1)) - 1;
                    totals.extend([widest, -widest - 1]);
                    totals.retain(|&t| -widest - 1 <= t && t <= widest);
                    for total in totals {
                        sim.set(totals_i, total as u64 & (u64::MAX >> (64 - accumulator_bits)));
                        sim.run(3);
                        let exact = ((total << design.lift()) + if shift == 0 { 0 } else { unit / 2 }) >> shift;
                        let expected = exact.clamp(-most - 1, most);
                        let value = sim.get(values_o) as i64;
                        let value = value << (64 - design.vector_bits()) >> (64 - design.vector_bits());
                        let about =
                            format!("{total} lifted {} >> {shift} to {bits} bits, {roundings:?}", design.lift());
                        assert_eq!(i128::from(value), expected, "{about}");
                        assert_eq!(sim.get(clipped_o) == 1, exact != expected, "{about}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_defect_behind_the_host_port_is_seen() {
    let design = design(logarithmic());
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
