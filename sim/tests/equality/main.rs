//! Model and simulation agree in every word after every instruction: random designs and programs.

mod rig;

use logloom_hdl::arith::{Arithmetic, Exact, FAMILIES, Form, Mitchell, mitchell};
use logloom_hdl::control::isa::{By, Dest, Gemm, Instruction, Moving, Passes, Rounding, Softmax, Stationary};
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::host::map::{ErrorCode, Region, Register, address, control};
use logloom_sim::target::Target;
use logloom_sim::target::simulation::Simulation;
use proptest::prelude::*;
use rig::{Pair, design, tiles};
use std::sync::Arc;

fn family() -> impl Strategy<Value = Arc<dyn Arithmetic>> {
    let mitchell = (6u32..=16, 0u32..=2).prop_flat_map(|(operand_bits, stages)| {
        (0..operand_bits, 0..=operand_bits).prop_map(move |(fraction_bits, dropped_bits)| {
            Arc::new(Mitchell {
                operand_bits,
                fraction_bits,
                dropped_bits,
                rounding: mitchell::Rounding::Nearest,
                stages,
            }) as Arc<dyn Arithmetic>
        })
    });
    let exact = (4u32..=16, any::<bool>(), 0u32..=2).prop_map(|(operand_bits, rows, stages)| {
        let form = if rows { Form::Rows } else { Form::Star };
        Arc::new(Exact { operand_bits, form, stages }) as Arc<dyn Arithmetic>
    });
    let units: Vec<Arc<dyn Arithmetic>> = FAMILIES.iter().flat_map(|family| family.made()).collect();
    prop_oneof![2 => mitchell, 1 => exact, 3 => proptest::sample::select(units)]
}

/// The shapes of one step of training of a layer: batch x inputs times inputs x outputs.
#[derive(Clone, Debug)]
struct Shape {
    samples: u16,
    inputs: u16,
    outputs: u16,
    block: u16,
    shifts: [u8; 3],
    transposed: bool,
    stochastic: bool,
}

fn shape() -> impl Strategy<Value = Shape> {
    (1u16..=11, 1u16..=13, 1u16..=9, 1u16..=16, [8u8..=16, 6u8..=20, 8u8..=20], any::<bool>(), any::<bool>()).prop_map(
        |(samples, inputs, outputs, block, shifts, transposed, stochastic)| Shape {
            samples,
            inputs,
            outputs,
            block,
            shifts,
            transposed,
            stochastic,
        },
    )
}

impl Shape {
    /// Tiles of the matrices of a step: activation, gradient, weight.
    fn tiles(&self, rows: u32, columns: u32) -> [u32; 3] {
        let banks = rows.max(columns).max(2).next_power_of_two();
        let [samples, inputs, outputs] = [self.samples, self.inputs, self.outputs].map(|n| u32::from(tiles(n, banks)));
        let of_samples = samples * (inputs + outputs);
        [of_samples, of_samples, inputs * outputs]
    }
}

/// Forward, loss, backward and update of one layer; in every memory the result lies after the operands.
fn program(shape: &Shape, banks: u32, depth: u32, columns: u32) -> Vec<Instruction> {
    let Shape { samples, inputs, outputs, .. } = *shape;
    let across = |count: u16| tiles(count, banks);
    let forward = Gemm {
        shift: shape.shifts[0],
        m: samples,
        k: inputs,
        n: outputs,
        block: shape.block,
        moving_stride: across(inputs),
        stationary_stride: across(outputs),
        dest_base: across(samples) * across(inputs),
        dest_stride: across(outputs),
        acc_base: 1,
        // Has a meaning for updates alone.
        rounding: if shape.stochastic { Rounding::Stochastic } else { Rounding::Nearest },
        ..Gemm::default()
    };
    let mut program = vec![Instruction::Gemm(forward)];
    let groups = u32::from(outputs).div_ceil(columns);
    if u32::from(samples) * groups <= depth {
        let logits = Gemm { dest: Dest::Accumulator, dest_base: 0, dest_stride: 0, acc_base: 0, ..forward };
        program.push(Instruction::Gemm(logits));
        for passes in [Passes::Argmax, Passes::LogSum, Passes::Loss, Passes::Gradient] {
            program.push(Instruction::Softmax(Softmax {
                passes,
                shift: shape.shifts[1],
                m: samples,
                n: outputs,
                dest_base: 0,
                dest_stride: across(outputs),
                acc_base: 0,
            }));
        }
    }
    program.push(Instruction::Gemm(Gemm {
        moving: Moving::Gradient,
        stationary_by: By::Column,
        dest: Dest::Gradient,
        shift: shape.shifts[2],
        m: samples,
        k: outputs,
        n: inputs,
        moving_stride: across(outputs),
        stationary_stride: across(outputs),
        dest_base: across(samples) * across(outputs),
        dest_stride: across(inputs),
        mask_base: 0,
        mask_stride: across(inputs),
        ..forward
    }));
    let update = Gemm {
        moving_by: By::Column,
        dest: Dest::Weight,
        salt: 5,
        shift: shape.shifts[1],
        k: samples,
        dest_base: 0,
        dest_stride: across(outputs),
        ..forward
    };
    program.push(Instruction::Gemm(if shape.transposed {
        // dWt = dYt X: rows of the result are columns of W.
        Gemm {
            moving: Moving::Gradient,
            stationary: Stationary::Activation,
            dest_by: By::Column,
            m: outputs,
            n: inputs,
            moving_stride: across(outputs),
            stationary_stride: across(inputs),
            ..update
        }
    } else {
        Gemm {
            stationary: Stationary::Gradient,
            m: inputs,
            n: outputs,
            moving_stride: across(inputs),
            stationary_stride: across(outputs),
            ..update
        }
    }));
    program.push(Instruction::Halt);
    program
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_step_of_training_leaves_the_same_words(
        rows in 1u32..=9,
        columns in 1u32..=9,
        family in family(),
        master_bits in 8u32..=24,
        shape in shape(),
        weight_codes in proptest::sample::select(&WEIGHT_CODES[..]),
        nearest in any::<bool>(),
        one_lane in any::<bool>(),
        adder in any::<bool>(),
        broadcast in any::<bool>(),
        few_counters in any::<bool>(),
        seed in any::<u64>(),
        stalls in proptest::option::of(any::<u64>()),
    ) {
        // A gradient may have no stationary code.
        let shape = Shape { transposed: shape.transposed || !family.is_symmetric(), ..shape };
        let mut design = design(rows, columns, family, master(master_bits), shape.tiles(rows, columns));
        if weight_codes != WeightCodes::Encoded || !design.draws_weights() {
            design.weight_codes = weight_codes;
        }
        if nearest && !shape.stochastic {
            design.roundings = Roundings::Nearest;
        }
        if one_lane {
            design.softmax_lanes = SoftmaxLanes::One;
        }
        if broadcast {
            design.interconnect = Interconnect::Broadcast;
        }
        if adder {
            design.subtraction = Subtraction::Adder;
        }
        if few_counters {
            design.counters = Counters::Training;
        }
        let mut pair = Pair::new(&design, stalls);
        pair.fill(seed);
        pair.run(&program(&shape, design.banks(), design.accumulator_depth, columns));
    }
}

/// The format of master weights of that width: values up to 8.
fn master(bits: u32) -> Format {
    Format { bits, frac: bits - 4 }
}

fn log16() -> Arc<dyn Arithmetic> {
    Arc::new(Mitchell {
        operand_bits: 16,
        fraction_bits: 4,
        dropped_bits: 8,
        rounding: mitchell::Rounding::Nearest,
        stages: 1,
    })
}

const WEIGHT_CODES: [WeightCodes; 3] = [WeightCodes::Stored, WeightCodes::Encoded, WeightCodes::Spram];

const SHAPE: Shape =
    Shape { samples: 5, inputs: 7, outputs: 3, block: 4, shifts: [12, 14, 12], transposed: false, stochastic: true };

#[test]
fn every_instruction_leaves_the_same_words() {
    for (rows, columns) in [(1, 1), (1, 5), (5, 1), (3, 4), (7, 2)] {
        for transposed in [false, true] {
            for weight_codes in WEIGHT_CODES {
                let shape = Shape { transposed, ..SHAPE };
                let mut design = design(rows, columns, log16(), master(16), shape.tiles(rows, columns));
                design.weight_codes = weight_codes;
                if weight_codes == WeightCodes::Encoded {
                    design = small(design);
                }
                let mut pair = Pair::new(&design, None);
                pair.fill(u64::from(rows));
                pair.step(&program(&shape, design.banks(), design.accumulator_depth, columns));
            }
        }
    }
}

/// Without what a small device has no room for, stochastic rounding apart.
fn small(design: Design) -> Design {
    Design {
        interconnect: Interconnect::Broadcast,
        subtraction: Subtraction::Adder,
        softmax_lanes: SoftmaxLanes::One,
        counters: Counters::Training,
        weight_codes: WeightCodes::Encoded,
        ..design
    }
}

/// A reset in the middle of every instruction: the memories hold, and the program can be run again from the start.
#[test]
fn training_goes_on_after_a_reset_in_mid_run() {
    let design = design(3, 2, log16(), master(16), SHAPE.tiles(3, 2));
    goes_on_after_a_reset(&design);
    goes_on_after_a_reset(&small(design));
}

fn goes_on_after_a_reset(design: &Design) {
    let program = program(&SHAPE, design.banks(), design.accumulator_depth, design.columns);
    for cycles in [3, 40, 150, 400, 700] {
        let mut pair = Pair::new(design, None);
        pair.fill(1);
        pair.load(&program);
        pair.simulation.write(&[(Register::Control.address(), control::RUN)]).unwrap();
        pair.simulation.idle(cycles).unwrap();
        pair.simulation.reset().unwrap();
        let mut status = [9];
        pair.simulation.read(Register::Status.address(), &mut status).unwrap();
        assert_eq!(status, [0], "after a reset at {cycles}");
        // The memories that a run changes are written again; everything else has to hold.
        pair.fill(2);
        pair.clear_derived();
        pair.run(&program);
    }
}

/// A SOFTMAX right after a reset in the middle of a GEMM gives what it gives later: it meets no sums of the broken run, which are
/// still in a large array.
#[test]
fn no_sums_of_a_broken_run_reach_the_first_instruction() {
    let exact = Arc::new(Exact { operand_bits: 8, form: Form::Rows, stages: 2 });
    let design = design(24, 24, exact, master(16), [1, 1, 1]);
    let all = Gemm { m: 16, k: 24, n: 24, block: 16, dest: Dest::Accumulator, ..Gemm::default() };
    let loss = Softmax { m: 4, n: 24, dest_stride: 1, ..Softmax::default() };
    let program = [Instruction::Softmax(loss), Instruction::Gemm(all), Instruction::Halt];
    let mut pair = Pair::new(&design, None);
    pair.fill(1);
    pair.run(&program);
    let simulation = &mut pair.simulation;
    let losses = |simulation: &mut Simulation| {
        simulation.write(&[(Register::Pc.address(), 0), (Register::Control.address(), control::STEP)]).unwrap();
        simulation.wait().unwrap();
        [Region::Maximum, Region::LogSum, Region::Rest, Region::Prediction].map(|region| {
            let mut words = [0; 4];
            simulation.read(address(region, 0), &mut words).unwrap();
            words
        })
    };
    let mut run = [0];
    simulation.read(Register::Cycles.address(), &mut run).unwrap();
    for cycles in (1..u64::from(run[0])).step_by(5) {
        simulation.write(&[(Register::Pc.address(), 0), (Register::Control.address(), control::RUN)]).unwrap();
        simulation.idle(cycles).unwrap();
        simulation.reset().unwrap();
        let first = losses(simulation);
        assert_eq!(first, losses(simulation), "after a reset at {cycles}");
    }
}

/// Accesses that are refused, and programs that mean nothing, leave the same words too.
#[test]
fn mistakes_of_the_host_give_the_same_errors() {
    let design = design(2, 3, Arc::new(Exact { operand_bits: 8, form: Form::Rows, stages: 0 }), master(16), [1, 1, 1]);
    let good = Gemm { m: 1, k: 1, n: 1, block: 1, ..Gemm::default() };
    let bad = [
        [0; 8],
        [7, 0, 0, 0, 0, 0, 0, 0],
        Gemm { k: 0, ..good }.encode(),
        Gemm { m: 1 << design.dimension_bits(), ..good }.encode(),
        Gemm { k: 1 << design.dimension_bits(), ..good }.encode(),
        Gemm { n: 1 << 15, ..good }.encode(),
        Softmax { m: 1, n: 1 << design.dimension_bits(), ..Softmax::default() }.encode(),
        Gemm { block: 17, ..good }.encode(),
        Gemm { stationary: Stationary::Activation, ..good }.encode(),
        Gemm { dest: Dest::Gradient, ..good }.encode(),
        Softmax { m: 17, n: 1, ..Softmax::default() }.encode(),
    ];
    let run = |design: &Design, words: &[u32]| {
        let mut pair = Pair::new(design, None);
        pair.load_words(words);
        pair.write(&[(Register::Control.address(), control::RUN)]);
        pair.wait();
        pair.compare("after a bad instruction");
        pair.register(Register::Error)
    };
    for words in bad {
        run(&design, &words);
    }
    // Where masters are encoded for the array, or their codes have one port, an update cannot read them as well.
    let update = Gemm { moving: Moving::Gradient, dest: Dest::Weight, ..good }.encode();
    let stochastic = Gemm { rounding: Rounding::Stochastic, ..good }.encode();
    let nearest = Design { roundings: Roundings::Nearest, ..design.clone() };
    assert_eq!(run(&design, &stochastic), run(&design, &good.encode()));
    assert_eq!(run(&nearest, &stochastic), ErrorCode::IllegalOperand.number());
    assert_eq!(run(&design, &update), run(&design, &good.encode()));
    for weight_codes in [WeightCodes::Encoded, WeightCodes::Spram] {
        let design = Design { weight_codes, ..design.clone() };
        assert_eq!(run(&design, &update), ErrorCode::IllegalOperand.number());
    }
    let mut pair = Pair::new(&design, Some(3));
    for (address, data) in pair.forbidden() {
        pair.write(&[(address, data)]);
        pair.compare(&format!("after a write to {address:06x}"));
        pair.write(&[(Register::Error.address(), 0)]);
    }
}
