//! Generated folders: what is in them, that they simulate, and that a simulator in a process equals the model.

mod folder;
mod processes;

use std::path::PathBuf;
use std::sync::Arc;

use logloom::emit::{self, Part, Plan, Recorder};
use logloom_hdl::arith::{Mitchell, mitchell};
use logloom_hdl::control::isa::*;
use logloom_hdl::design::{Counters, Design, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::host::map::{Region, Register, address, control};
use logloom_sim::model::Model;
use logloom_sim::target::Target;

/// A design with the formats of the digits preset.
fn design(rows: u32, columns: u32, dropped_bits: u32) -> Design {
    let banks = rows.max(columns).max(2).next_power_of_two();
    Design {
        name: "test".into(),
        rows,
        columns,
        arithmetic: Arc::new(Mitchell {
            operand_bits: 16,
            fraction_bits: 4,
            dropped_bits,
            rounding: mitchell::Rounding::Nearest,
            stages: 1,
        }),
        activation: "Q5.10".parse().unwrap(),
        gradient: "Q1.14".parse().unwrap(),
        weight: "Q3.12".parse().unwrap(),
        accumulator_bits: 32,
        accumulator_depth: 16,
        activation_depth: 48 * banks,
        // What is read of the activations is beyond it.
        gradient_depth: 27 * banks,
        weight_depth: 48 * banks,
        weight_codes: WeightCodes::Stored,
        roundings: Roundings::Any,
        interconnect: Interconnect::Systolic,
        subtraction: Subtraction::Complement,
        softmax_lanes: SoftmaxLanes::All,
        counters: Counters::All,
        batch_depth: 16,
        program_depth: 8,
    }
}

/// One of everything that a training step does, on ragged shapes; not a network, but with its data flow: forward,
/// logits, loss, gradient through the mask, update.
fn program(design: &Design) -> Vec<Instruction> {
    let forward = Gemm {
        m: 5,
        k: 11,
        n: 9,
        block: 4,
        shift: 12,
        moving_stride: 6,
        stationary_stride: 6,
        dest_base: 18,
        dest_stride: 5,
        ..Default::default()
    };
    let classes = 3.min(2 * design.columns as u16);
    let logits = Gemm {
        dest: Dest::Accumulator,
        block: 8,
        n: classes,
        acc_base: 1,
        moving_base: 18,
        moving_stride: 5,
        k: 9,
        ..forward
    };
    let loss =
        Softmax { passes: Passes::Gradient, shift: 14, m: 5, n: classes, dest_base: 20, dest_stride: 2, acc_base: 1 };
    let back = Gemm {
        moving: Moving::Gradient,
        moving_base: 20,
        moving_stride: 2,
        stationary_by: By::Column,
        k: classes,
        dest: Dest::Gradient,
        dest_base: 0,
        mask_base: 18,
        mask_stride: 5,
        shift: 10,
        ..forward
    };
    let update = Gemm {
        moving: Moving::Activation,
        moving_by: By::Column,
        stationary: Stationary::Gradient,
        stationary_stride: 5,
        m: 11,
        k: 5,
        n: 9,
        dest: Dest::Weight,
        dest_base: 0,
        dest_stride: 6,
        rounding: Rounding::Stochastic,
        salt: 3,
        ..forward
    };
    vec![
        Instruction::Gemm(forward),
        Instruction::Gemm(logits),
        Instruction::Softmax(loss),
        Instruction::Gemm(back),
        Instruction::Gemm(update),
        Instruction::Halt,
    ]
}

/// Pseudo-random operands of many magnitudes in all memories that the host can write.
fn operands(design: &Design) -> Vec<(u32, u32)> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut words = Vec::new();
    for region in [Region::Activation, Region::Gradient, Region::Weight, Region::Label] {
        for word in 0..region.words(design) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let magnitude = (state >> 40) % 14;
            let value = match region {
                Region::Label => (state >> 20) as u32 & 3,
                _ => i32::from((state >> 8) as i16 >> magnitude) as u32,
            };
            words.push((address(region, word), value));
        }
    }
    words
}

fn instructions(program: &[Instruction]) -> Vec<(u32, u32)> {
    let words = program.iter().flat_map(Instruction::encode);
    words.zip(0..).map(|(word, index)| (address(Region::Program, index), word)).collect()
}

fn model(design: &Design) -> Model {
    Model::new(design, emit::digest::word(design)).unwrap()
}

/// Two runs of the program on the model.
fn recording(design: &Design) -> Vec<Part> {
    let mut recorder = Recorder::new(model(design), "program", "The program.");
    recorder.write(&instructions(&program(design))).unwrap();
    recorder.part("data", "Operands.");
    recorder.write(&operands(design)).unwrap();
    recorder.part("steps", "Two runs.");
    recorder.write(&[(Register::Seed.address(), 99)]).unwrap();
    for _ in 0..2 {
        recorder.write(&[(Register::Pc.address(), 0), (Register::Control.address(), control::RUN)]).unwrap();
        recorder.wait().unwrap();
    }
    recorder.part("expected", "What the memories must hold then.");
    recorder.read_everything(design).unwrap();
    recorder.into_parts()
}

fn plan(design: &Design) -> Plan {
    let mut plan = emit::accelerator(design, "# configuration\n").unwrap();
    emit::program(&mut plan, &program(design));
    emit::testbench(&mut plan, &recording(design));
    plan
}

/// Compiled simulators, kept from one run of the tests to the next.
fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("simulators")
}
