//! Speed of the built-in simulation on a synthetic array: logarithmic PEs of three stages with a double-buffered
//! stationary code, skewed operands, and one accumulator memory for each column. The throughput is in clock cycles.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use logloom_hdl::accelerator::accelerator;
use logloom_hdl::arith::{Mitchell, mitchell};
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::rtl::{
    Builder, Connection, Expr, Module, ReadPort, ReadUnderWrite, WritePort, cat, lanes, mux, signed, unsigned,
};
use logloom_sim::netlist::Simulator;
use std::hint::black_box;
use std::sync::Arc;

/// Non-zero, sign, exponent (4), fraction (4).
const CODE: u32 = 10;
const SUM: u32 = 28;

fn pe() -> Arc<Module> {
    let mut m = Builder::new("pe", "Adds the product of two logarithmic codes to the sum from above.");
    let moving = m.input("moving_i", unsigned(CODE));
    let above = m.input("sum_i", signed(SUM));
    let load = m.input("load_i", unsigned(1));
    let swap = m.input("swap_i", unsigned(1));
    let next = m.input("stationary_i", unsigned(CODE));
    let shadow = m.reg_when("shadow_q", &load, next);
    let stationary = m.reg_when("stationary_q", &swap, &shadow);

    let log = |code: &Expr| code.slice(0, 8).extend(9);
    let sum_of_logs = m.reg("log_q", log(&moving) + log(&stationary));
    let nonzero = m.reg("nonzero_q", moving.bit(9) & stationary.bit(9));
    let negative = m.reg("negative_q", moving.bit(8) ^ stationary.bit(8));

    let mantissa = cat(&[Expr::constant(unsigned(1), 1), sum_of_logs.slice(0, 4)]).extend(SUM);
    let shifted = m.wire("shifted", mantissa.shl(&sum_of_logs.slice(4, 5)));
    let magnitude = m.reg("magnitude_q", shifted.shr(&Expr::constant(unsigned(3), 4)).gate(&nonzero));
    let minus = m.reg("minus_q", negative);

    let product = mux(&minus, &-&magnitude, &magnitude).as_signed();
    let sum = m.reg("sum_q", above + product);
    let moving = m.reg("moving_q", moving);
    m.output("moving_o", moving);
    m.output("stationary_o", shadow);
    m.output("sum_o", sum);
    m.finish().unwrap()
}

fn column_memory() -> Arc<Module> {
    let mut m = Builder::new("accumulator", "Adds the sums of a column up, tile by tile.");
    let sum = m.input("sum_i", signed(SUM));
    let address = m.input("address_i", unsigned(6));
    let keep = m.input("keep_i", unsigned(1));
    let one = Expr::constant(unsigned(1), 1);
    let written = m.delay("address", &address, 2);
    let sum = m.delay("sum", sum, 1);
    let total = m.register("total_q", signed(32));
    let read = ReadPort { enable: one.clone(), address };
    let write = WritePort { enable: one, address: written, data: total.value().as_unsigned() };
    let old = m.memory("totals", 64, ReadUnderWrite::Old, read, write);
    m.drive(&total, old.as_signed().gate(&keep) + sum.extend(32));
    m.output("total_o", total.value());
    m.finish().unwrap()
}

fn array(size: u32) -> Arc<Module> {
    let (pe, column) = (pe(), column_memory());
    let mut m = Builder::new("array", "A systolic array.");
    let codes = m.input("codes_i", unsigned(size * CODE));
    let stationary = m.input("stationary_i", unsigned(size * CODE));
    let load = m.input("load_i", unsigned(1));
    let swap = m.input("swap_i", unsigned(1));
    let keep = m.input("keep_i", unsigned(1));
    let address = m.register("address_q", unsigned(6));
    m.drive(&address, address.value() + 1);
    let skewed: Vec<Expr> = (0..size).map(|r| m.delay(&format!("skew{r}_"), codes.lane(r, CODE), r)).collect();
    let across = m.chain(&pe, "moving_o", 1, lanes(&skewed));
    let zero = Expr::zero(unsigned(SUM * size));
    let down = m.chain(&pe, "sum_o", 0, zero);
    let stationary = m.chain(&pe, "stationary_o", 0, stationary);
    let inputs = vec![
        ("moving_i", across),
        ("sum_i", down),
        ("stationary_i", stationary),
        ("load_i", Connection::All(load)),
        ("swap_i", Connection::All(swap)),
    ];
    let pes = m.array("pe", &pe, &[("row", size), ("column", size)], inputs);
    let inputs = vec![
        ("sum_i", Connection::Lane { dimension: 0, lanes: pes.last("sum_o") }),
        ("address_i", Connection::All(address.value())),
        ("keep_i", Connection::All(keep)),
    ];
    let totals = m.array("accumulator", &column, &[("column", size)], inputs);
    m.output("totals_o", totals.get("total_o"));
    m.finish().unwrap()
}

fn cycles(c: &mut Criterion) {
    let mut group = c.benchmark_group("netlist");
    for size in [8, 16, 32] {
        let mut sim = Simulator::new(&array(size)).unwrap();
        for (name, value) in [("load_i", 1), ("swap_i", 1), ("keep_i", 1), ("stationary_i", 0x2A5_13C_3FF)] {
            let port = sim.input(name).unwrap();
            sim.set(port, value);
        }
        let codes = sim.input("codes_i").unwrap();
        let mut state = 1u64;
        group.throughput(Throughput::Elements(1000));
        group.bench_function(format!("{size}x{size}, {} operations", sim.operations()), |b| {
            b.iter(|| {
                for _ in 0..1000 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    sim.set(codes, state);
                    sim.step();
                }
                black_box(sim.cycle())
            });
        });
    }
    group.finish();
}

/// A complete accelerator of 8 x 8 PEs. An operation costs the same whatever its operands are, so it need not run.
fn accelerator_cycles(c: &mut Criterion) {
    let operand = |frac| Format { bits: 16, frac };
    let design = Design {
        name: "bench".into(),
        rows: 8,
        columns: 8,
        arithmetic: Arc::new(Mitchell {
            operand_bits: 16,
            fraction_bits: 4,
            dropped_bits: 8,
            rounding: mitchell::Rounding::Nearest,
            stages: 2,
        }),
        activation: operand(10),
        gradient: operand(14),
        weight: operand(12),
        accumulator_bits: 40,
        accumulator_depth: 64,
        activation_depth: 512,
        gradient_depth: 512,
        weight_depth: 1024,
        weight_codes: WeightCodes::Stored,
        roundings: Roundings::Any,
        interconnect: Interconnect::Systolic,
        subtraction: Subtraction::Complement,
        softmax_lanes: SoftmaxLanes::All,
        counters: Counters::All,
        batch_depth: 64,
        program_depth: 64,
    };
    let mut sim = Simulator::new(&accelerator(&design, 0).unwrap()).unwrap();
    let mut group = c.benchmark_group("accelerator");
    group.throughput(Throughput::Elements(1000));
    group.bench_function(format!("8x8, {} operations", sim.operations()), |b| b.iter(|| sim.run(1000)));
    group.finish();
}

criterion_group!(benches, cycles, accelerator_cycles);
criterion_main!(benches);
