use crate::{Random, exact, mitchell};
use logloom_hdl::arith::{Arithmetic, Form};
use logloom_hdl::array::pe::pe;
use logloom_sim::netlist::Simulator;

/// What goes in during one cycle.
struct Cycle {
    moving: u32,
    swap: bool,
    load: bool,
    stationary: u32,
    sum: i64,
}

/// Runs `cycles` random cycles and compares every output with a stream computed from the rule alone: the code of cycle
/// t meets the sum of cycle t + 1 + L and leaves in cycle t + 2 + L.
fn run(family: &dyn Arithmetic, sum_bits: u32, cycles: usize) {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    let inputs: Vec<Cycle> = (0..cycles)
        .map(|_| Cycle {
            moving: family.encode(random.operand(family.operand_bits())),
            swap: random.bits(3) == 0,
            load: random.bits(1) == 0,
            stationary: family.encode(random.operand(family.operand_bits())),
            sum: random.bits(sum_bits) as i64,
        })
        .collect();

    // Shadow register in each cycle, and the product that begins there.
    let (mut shadow, mut stationary) = (0, 0);
    let mut shadows = Vec::new();
    let mut products = Vec::new();
    for cycle in &inputs {
        shadows.push(shadow);
        if cycle.swap {
            stationary = shadow;
        }
        if cycle.load {
            shadow = cycle.stationary;
        }
        products.push(family.product(cycle.moving, stationary));
    }

    let mut sim = Simulator::new(&pe(family, sum_bits).unwrap()).unwrap();
    let input = |name: &str| sim.input(name).unwrap();
    let ports = ["moving_i", "swap_i", "load_i", "stationary_i", "sum_i"].map(input);
    let output = |name: &str| sim.output(name).unwrap();
    let outputs = ["moving_o", "swap_o", "load_o", "stationary_o", "sum_o"].map(output);
    let mask = u64::MAX >> (64 - sum_bits);
    let latency = family.latency() as usize;
    for (t, cycle) in inputs.iter().enumerate() {
        let values =
            [cycle.moving.into(), cycle.swap.into(), cycle.load.into(), cycle.stationary.into(), cycle.sum as u64];
        for (port, value) in ports.into_iter().zip(values) {
            sim.set(port, value);
        }
        let found = outputs.map(|port| sim.get(port));
        let about = || format!("{} {}, cycle {t}", family.name(), family.parameters());
        assert_eq!(found[3], u64::from(shadows[t]), "stationary_o: {}", about());
        if t >= 1 {
            let before = &inputs[t - 1];
            assert_eq!(found[..3], [before.moving.into(), before.swap.into(), before.load.into()], "{}", about());
            let product = if t >= 2 + latency { products[t - 2 - latency] } else { 0 };
            assert_eq!(found[4], (before.sum + product) as u64 & mask, "sum_o: {}", about());
        }
        sim.step();
    }

    sim.set_reset(true);
    sim.step();
    assert_eq!(outputs.map(|port| sim.get(port)), [0; 5]);
}

#[test]
fn every_latency_keeps_the_partial_sum_at_one_cycle() {
    for stages in 0..=2 {
        run(&exact(8, Form::Rows, stages), 24, 3000);
        run(&exact(8, Form::Star, stages), 19, 3000);
        run(&exact(16, Form::Rows, stages), 40, 3000);
        run(&mitchell(16, 4, 16, stages), 20, 3000);
        run(&mitchell(16, 15, 0, stages), 40, 3000);
        run(&mitchell(8, 2, 3, stages), 18, 3000);
    }
}

#[test]
fn a_sum_as_narrow_as_the_product_is_enough() {
    let family = mitchell(16, 4, 16, 0);
    run(&family, family.product_bits(), 1000);
}
