//! Time of one training batch of the digits network on the software accelerator.
//!
//! 64-32-10 with the biases as weight rows of a constant-one input, batch 16, an 8 x 8 array: 33,280 +
//! 5,280 products forward, 5,120 backward, 5,280 + 33,280 for the updates. Host writes of samples and
//! labels and the reading of the counters are included.
use criterion::{Criterion, criterion_group, criterion_main};
use logloom_hdl::arith::guest::{Guest, Operands, Port, Unit};
use logloom_hdl::arith::{Arithmetic, Exact, Form, Mitchell, mitchell};
use logloom_hdl::control::isa::*;
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::host::map::{Region, Register, address, control};
use logloom_hdl::rtl::unsigned;
use logloom_sim::model::Model;
use logloom_sim::target::Target;
use std::hint::black_box;
use std::sync::Arc;

const BATCH: u16 = 16;
const INPUTS: u16 = 65;
const HIDDEN: u16 = 32;
const CLASSES: u16 = 10;

/// Tiles of 8 x 8 that so many elements take.
const fn tiles(elements: u16) -> u16 {
    elements.div_ceil(8)
}

// Activations: samples, then hidden values and their constant one. Weights: first, then second layer.
const HIDDEN_BASE: u16 = tiles(BATCH) * tiles(INPUTS);
const OUTPUT_WEIGHTS: u16 = tiles(INPUTS) * tiles(HIDDEN);
// Gradients: output, then hidden.
const HIDDEN_GRADIENT: u16 = tiles(BATCH) * tiles(CLASSES);

fn program() -> Vec<Instruction> {
    let gemm = Gemm { m: BATCH, block: BATCH, ..Gemm::default() };
    let samples = Gemm { moving_stride: tiles(INPUTS), ..gemm };
    let hidden = Gemm { moving_base: HIDDEN_BASE, moving_stride: tiles(HIDDEN + 1), ..gemm };
    vec![
        Instruction::Gemm(Gemm {
            k: INPUTS,
            n: HIDDEN,
            shift: 12,
            stationary_stride: tiles(HIDDEN),
            dest_base: HIDDEN_BASE,
            dest_stride: tiles(HIDDEN + 1),
            ..samples
        }),
        Instruction::Gemm(Gemm {
            k: HIDDEN + 1,
            n: CLASSES,
            dest: Dest::Accumulator,
            stationary_base: OUTPUT_WEIGHTS,
            stationary_stride: tiles(CLASSES),
            ..hidden
        }),
        Instruction::Softmax(Softmax {
            m: BATCH,
            n: CLASSES,
            shift: 14,
            dest_stride: tiles(CLASSES),
            ..Softmax::default()
        }),
        Instruction::Gemm(Gemm {
            moving: Moving::Gradient,
            k: CLASSES,
            n: HIDDEN,
            shift: 12,
            dest: Dest::Gradient,
            moving_stride: tiles(CLASSES),
            stationary_base: OUTPUT_WEIGHTS,
            stationary_stride: tiles(CLASSES),
            stationary_by: By::Column,
            dest_base: HIDDEN_GRADIENT,
            dest_stride: tiles(HIDDEN),
            mask_base: HIDDEN_BASE,
            mask_stride: tiles(HIDDEN + 1),
            ..gemm
        }),
        Instruction::Gemm(Gemm {
            m: HIDDEN + 1,
            k: BATCH,
            n: CLASSES,
            shift: 19,
            moving_by: By::Column,
            stationary: Stationary::Gradient,
            stationary_stride: tiles(CLASSES),
            dest: Dest::Weight,
            dest_base: OUTPUT_WEIGHTS,
            dest_stride: tiles(CLASSES),
            ..hidden
        }),
        Instruction::Gemm(Gemm {
            m: INPUTS,
            k: BATCH,
            n: HIDDEN,
            shift: 19,
            moving_by: By::Column,
            stationary: Stationary::Gradient,
            stationary_base: HIDDEN_GRADIENT,
            stationary_stride: tiles(HIDDEN),
            dest: Dest::Weight,
            dest_stride: tiles(HIDDEN),
            ..samples
        }),
        Instruction::Halt,
    ]
}

/// Formats of as many bits as the operands have.
fn design(arithmetic: Arc<dyn Arithmetic>) -> Design {
    let bits = arithmetic.operand_bits();
    Design {
        name: "digits".into(),
        rows: 8,
        columns: 8,
        arithmetic,
        activation: Format { bits, frac: bits * 5 / 8 },
        gradient: Format { bits, frac: bits * 7 / 8 },
        weight: Format { bits: 16, frac: 12 },
        accumulator_bits: 40,
        accumulator_depth: 64,
        activation_depth: 512,
        gradient_depth: 128,
        weight_depth: 512,
        weight_codes: WeightCodes::Stored,
        roundings: Roundings::Any,
        interconnect: Interconnect::Systolic,
        subtraction: Subtraction::Complement,
        softmax_lanes: SoftmaxLanes::All,
        counters: Counters::All,
        batch_depth: 16,
        program_depth: 16,
    }
}

/// Host word of element (i, j) of a matrix of 8 x 8 tiles.
fn word(base: u16, stride: u16, i: u32, j: u32) -> u32 {
    let tile = u32::from(base) + (i / 8) * u32::from(stride) + j / 8;
    (tile * 8 + i % 8) * 8 + (i + j) % 8
}

/// A unit of 8 bits, unsigned, whose products are exact.
fn guest() -> Guest {
    let port = |name: &str, width| Port { name: name.into(), ty: unsigned(width) };
    let unit = Unit {
        module: "mul".into(),
        verilog: "".into(),
        modules: vec!["mul".into()],
        moving: port("A", 8),
        stationary: port("B", 8),
        product: port("O", 16),
        clock: None,
        latency: 0,
        operands: Operands::Unsigned,
    };
    let products: Vec<i64> = (0..1 << 16).map(|pair| (pair >> 8) * (pair & 255)).collect();
    Guest::new(unit, 8, &products, String::new())
}

fn batch(c: &mut Criterion) {
    let families: [(&str, Arc<dyn Arithmetic>); 3] = [
        (
            "mitchell",
            Arc::new(Mitchell {
                operand_bits: 16,
                fraction_bits: 4,
                dropped_bits: 8,
                rounding: mitchell::Rounding::Nearest,
                stages: 0,
            }),
        ),
        ("exact", Arc::new(Exact { operand_bits: 16, form: Form::Rows, stages: 0 })),
        ("table of a guest", Arc::new(guest())),
    ];
    for (name, family) in families {
        let dropped = family.dropped_bits() as u8;
        let design = design(family);
        let mut model = Model::new(&design, 0).expect("the design is legal");
        let mut random = 1u32;
        let mut next = move || {
            random = random.wrapping_mul(1664525).wrapping_add(1013904223);
            random >> 16
        };

        let mut setup = Vec::new();
        let instructions: Vec<u32> = program()
            .iter()
            .flat_map(|instruction| match *instruction {
                Instruction::Gemm(gemm) => {
                    Instruction::Gemm(Gemm { shift: gemm.shift.saturating_sub(dropped), ..gemm }).encode()
                }
                Instruction::Softmax(softmax) => {
                    Instruction::Softmax(Softmax { shift: softmax.shift - dropped, ..softmax }).encode()
                }
                Instruction::Halt => instruction.encode(),
            })
            .collect();
        setup.extend((address(Region::Program, 0)..).zip(instructions));
        for place in 0..OUTPUT_WEIGHTS as u32 * 64 + 5 * 2 * 64 {
            setup.push((address(Region::Weight, place), (next() % 1600).wrapping_sub(800)));
        }
        let one = 1 << design.activation.frac;
        for sample in 0..BATCH.into() {
            let constant = word(HIDDEN_BASE, tiles(HIDDEN + 1), sample, HIDDEN.into());
            setup.push((address(Region::Activation, constant), one));
        }
        model.write(&setup).expect("the model takes every write");

        // About half of the digits' pixels are 0.
        let mut inputs = Vec::new();
        for sample in 0..u32::from(BATCH) {
            for pixel in 0..u32::from(INPUTS) {
                let value = if pixel == 64 { one } else { (next() % 32).saturating_sub(15) * (one / 16) };
                let word = word(0, tiles(INPUTS), sample, pixel);
                inputs.push((address(Region::Activation, word), value));
            }
            inputs.push((address(Region::Label, sample), next() % 10));
        }
        inputs.push((Register::Pc.address(), 0));
        inputs.push((Register::Control.address(), control::RUN));

        c.bench_function(&format!("digits batch, {name}"), |b| {
            b.iter(|| {
                let mut counters = [0; 14];
                model.write(black_box(&inputs)).expect("the program halts");
                model.wait().expect("the model does not fail");
                model.read(Register::Status.address(), &mut counters).expect("the registers exist");
                assert_eq!(counters[1], 0, "no error");
                counters
            })
        });
    }
}

criterion_group!(benches, batch);
criterion_main!(benches);
