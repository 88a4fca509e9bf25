//! What every family must do, whatever its parameters.
use crate::{Random, operands};
use logloom_hdl::arith::{
    Arithmetic, Coded, Side, WeightBound, edge, encoder, pipelined_encoder, product, unit, weight_unit,
};
use logloom_hdl::array::pe::pe;
use logloom_hdl::design::{Interconnect, Subtraction};
use logloom_hdl::rtl::Module;
use logloom_sim::netlist::Simulator;
use std::sync::Arc;

const SIDES: [Side; 2] = [Side::Moving, Side::Stationary];

fn about(family: &dyn Arithmetic) -> String {
    format!("{} ({})", family.name(), family.parameters())
}

/// A spread of random numbers for an encoder: the extremes and a few between.
fn draws(family: &dyn Arithmetic, coded: Coded) -> Vec<u32> {
    match coded.draw_bits(family) {
        0 => vec![0],
        bits => {
            let most = (1 << bits) - 1;
            let mut draws = vec![0, 1, most / 3, most / 2, most / 2 + 1, most - most.min(1), most];
            draws.sort();
            draws.dedup();
            draws
        }
    }
}

/// Every code of a side that an operand can have, once, ascending.
pub fn codes(family: &dyn Arithmetic, side: Side) -> Vec<u32> {
    let of_side = |coded: &Coded| match *coded {
        Coded::Operand(own) => own == side || family.is_symmetric(),
        Coded::Weight => side == Side::Stationary,
    };
    let mut codes = Vec::new();
    for coded in Coded::all(family).into_iter().filter(of_side) {
        for draw in draws(family, coded) {
            codes.extend(operands(family).map(|x| coded.encode(family, x, draw)));
        }
    }
    codes.sort();
    codes.dedup();
    codes
}

/// The hardware of the encoders, combinational or pipelined, gives the reference's code of every operand, and 0 has the code 0.
pub fn encoders(family: &dyn Arithmetic) {
    for coded in Coded::all(family) {
        encodes(family, coded, &encoder(family, coded).unwrap(), false);
        encodes(family, coded, &pipelined_encoder(family, coded).unwrap(), true);
    }
}

fn encodes(family: &dyn Arithmetic, coded: Coded, module: &Arc<Module>, is_pipelined: bool) {
    let mut sim = Simulator::new(module).unwrap();
    let (operand_i, code_o) = (sim.input("operand_i").unwrap(), sim.output("code_o").unwrap());
    let draw_i = (coded.draw_bits(family) > 0).then(|| sim.input("draw_i").unwrap());
    for draw in draws(family, coded) {
        if let Some(port) = draw_i {
            sim.set(port, draw.into());
        }
        for operand in operands(family) {
            sim.set(operand_i, operand as u64);
            if is_pipelined {
                sim.step();
                // The next operand is there already.
                sim.set(operand_i, !operand as u64);
            }
            let expected = coded.encode(family, operand, draw);
            assert_eq!(sim.get(code_o), u64::from(expected), "{}: {coded:?} code of {operand}", about(family));
            assert!(operand != 0 || expected == 0, "{}: {coded:?} code of 0", about(family));
        }
    }
}

/// Sends pairs of codes through edges and product, one per cycle, and compares what comes out with the reference.
fn products(family: &dyn Arithmetic, pairs: impl Iterator<Item = (u32, u32)>) {
    let bits = family.product_bits();
    let mut sim = Simulator::new(&product(family).unwrap()).unwrap();
    let (moving_i, stationary_i) = (sim.input("moving_i").unwrap(), sim.input("stationary_i").unwrap());
    let product_o = sim.output("product_o").unwrap();
    let mask = u64::MAX >> (64 - bits);
    let latency = family.latency() as usize;
    let mut under_way = std::collections::VecDeque::new();
    for (moving, stationary) in pairs.chain(std::iter::repeat_n((0, 0), latency)) {
        sim.set(moving_i, moving.into());
        sim.set(stationary_i, stationary.into());
        let expected = family.product(moving, stationary);
        assert!(expected.abs() <= family.product_bound(), "{}: {moving:#x} * {stationary:#x}", about(family));
        under_way.push_back((moving, stationary, expected));
        if under_way.len() > latency {
            let (moving, stationary, expected) = under_way.pop_front().unwrap();
            let found = sim.get(product_o);
            assert_eq!(found, expected as u64 & mask, "{}: {moving:#x} * {stationary:#x}", about(family));
        }
        sim.step();
    }
}

/// The multiplier as a whole, and that of weights: every pair of operands of a narrow unit, a few of a wide one.
pub fn whole(family: &dyn Arithmetic) {
    multiplier(family, &unit(family).unwrap(), Coded::Operand(Side::Stationary));
    if let Some(module) = weight_unit(family).unwrap() {
        multiplier(family, &module, Coded::Weight);
    }
}

fn multiplier(family: &dyn Arithmetic, module: &Arc<Module>, stationary: Coded) {
    let mut sim = Simulator::new(module).unwrap();
    let ports = ["moving", "stationary"].map(|name| sim.input(&format!("{name}_i")).unwrap());
    let draws: Vec<_> = ["moving", "stationary"].map(|name| sim.input(&format!("{name}_draw_i")).ok()).into();
    let product_o = sim.output("product_o").unwrap();
    let mask = u64::MAX >> (64 - family.product_bits());
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let step = 1 << family.operand_bits().saturating_sub(6);
    for a in operands(family).step_by(step) {
        for b in operands(family).step_by(step) {
            let codes = [(0, Coded::Operand(Side::Moving), a), (1, stationary, b)].map(|(index, coded, operand)| {
                let draw = random.bits(31) & ((1 << coded.draw_bits(family)) - 1);
                sim.set(ports[index], operand as u64);
                draws[index].inspect(|&port| sim.set(port, draw));
                coded.encode(family, operand, draw as u32)
            });
            (0..family.latency()).for_each(|_| sim.step());
            let expected = family.product(codes[0], codes[1]) as u64 & mask;
            assert_eq!(sim.get(product_o), expected, "{}: {a} * {b}", about(family));
        }
    }
}

/// All pairs of codes: with the encoders, all pairs of operands.
pub fn every_product(family: &dyn Arithmetic) {
    let (moving, stationary) = (codes(family, Side::Moving), codes(family, Side::Stationary));
    products(family, moving.iter().flat_map(|&a| stationary.iter().map(move |&b| (a, b))));
}

/// Pairs of operands next to powers of two, and random ones.
pub fn some_products(family: &dyn Arithmetic) {
    let bits = family.operand_bits();
    let range = operands(family);
    let near = |k: u32| [-1, 0, 1].into_iter().flat_map(move |d| [(1 << k) + d, -(1 << k) + d]);
    let corners: Vec<i64> = (0..bits).flat_map(near).filter(|x| range.contains(x)).collect();
    let crossed: Vec<(i64, i64)> = corners.iter().flat_map(|&a| corners.iter().map(move |&b| (a, b))).collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let pairs: Vec<(i64, i64)> =
        crossed.into_iter().chain((0..20_000).map(|_| (random.operand(bits), random.operand(bits)))).collect();
    let code = |side, x, random: &mut Random| {
        let draw = match family.draw_bits(side) {
            0 => 0,
            bits => random.bits(bits) as u32,
        };
        family.encode(side, x, draw)
    };
    let codes: Vec<(u32, u32)> = pairs
        .into_iter()
        .map(|(a, b)| (code(Side::Moving, a, &mut random), code(Side::Stationary, b, &mut random)))
        .collect();
    products(family, codes.into_iter());
}

/// No product of two operands, or of an operand and a weight, leaves the bound of its kind: all pairs up to 9 bits.
pub fn bound(family: &dyn Arithmetic) {
    assert!(family.operand_bits() <= 9, "{}: too many pairs", about(family));
    let of_weights = family.weight_coding().map(|coding| (Coded::Weight, coding.error_bound()));
    let of_operands = (Coded::Operand(Side::Stationary), WeightBound::Product(family.error_bound()));
    for (coded, bound) in [of_operands].into_iter().chain(of_weights) {
        let draws = [Coded::Operand(Side::Moving), coded].map(|coded| draws(family, coded));
        for a in operands(family) {
            for b in operands(family) {
                for &moving in &draws[0] {
                    for &stationary in &draws[1] {
                        let codes = (family.encode(Side::Moving, a, moving), coded.encode(family, b, stationary));
                        let product = family.product(codes.0, codes.1) << family.dropped_bits();
                        assert!(
                            bound.holds(a, b, product),
                            "{}: {coded:?} {a} * {b} = {product}, {bound}",
                            about(family)
                        );
                    }
                }
            }
        }
    }
}

/// A product with a zero code is 0, and the array of products is the sum of products.
pub fn references(family: &dyn Arithmetic) {
    let thin = |codes: Vec<u32>| {
        let step = codes.len().div_ceil(300);
        codes.into_iter().step_by(step).collect::<Vec<u32>>()
    };
    let (moving, stationary) = (thin(codes(family, Side::Moving)), thin(codes(family, Side::Stationary)));
    for &code in &moving {
        assert_eq!(family.product(code, 0), 0, "{}: {code:#x} * 0", about(family));
    }
    for &code in &stationary {
        assert_eq!(family.product(0, code), 0, "{}: 0 * {code:#x}", about(family));
    }
    if family.keeps_signs() {
        odd(family);
    }
    let mut sums = vec![1; moving.len() * stationary.len()];
    family.accumulate(&moving, &stationary, stationary.len(), &mut sums);
    for (row, &a) in sums.chunks(stationary.len()).zip(&moving) {
        for (&sum, &b) in row.iter().zip(&stationary) {
            assert_eq!(sum, 1 + family.product(a, b), "{}: {a:#x} * {b:#x}", about(family));
        }
    }
}

/// Products change their sign and nothing else with the sign of an operand.
fn odd(family: &dyn Arithmetic) {
    let most = operands(family).end - 1;
    let step = (most / 250).max(1);
    let magnitudes: Vec<i64> = (1..=most).step_by(step as usize).chain([most]).collect();
    for coded in Coded::all(family) {
        let (own, other) = match coded {
            Coded::Operand(Side::Moving) => (Side::Moving, Side::Stationary),
            _ => (Side::Stationary, Side::Moving),
        };
        let others = codes(family, other);
        let others: Vec<u32> = others.iter().copied().step_by(others.len().div_ceil(250)).collect();
        let product = |code, other| match own {
            Side::Moving => family.product(code, other),
            Side::Stationary => family.product(other, code),
        };
        for &x in &magnitudes {
            for draw in draws(family, coded) {
                let (positive, negative) = (coded.encode(family, x, draw), coded.encode(family, -x, draw));
                for &other in &others {
                    assert_eq!(product(positive, other), -product(negative, other), "{}: {coded:?} {x}", about(family));
                }
            }
        }
    }
}

/// What goes into a processing element during one cycle.
struct Cycle {
    /// Lane codes and the product of the stored ones.
    moving: (u64, u32),
    swap: bool,
    load: bool,
    stationary: (u64, u32),
    sum: i64,
    below: bool,
}

/// The lane code of a stored code.
fn lane(family: &dyn Arithmetic, side: Side) -> impl FnMut(u32) -> u64 {
    let mut edge = edge(family, side).unwrap().map(|module| {
        let sim = Simulator::new(&module).unwrap();
        let ports = (sim.input("code_i").unwrap(), sim.output("lane_o").unwrap());
        (sim, ports)
    });
    move |code| match &mut edge {
        Some((sim, (code_i, lane_o))) => {
            sim.set(*code_i, code.into());
            sim.get(*lane_o)
        }
        None => code.into(),
    }
}

/// Runs random cycles through a processing element and compares every output with a stream computed from the rule alone: the
/// code of cycle t meets the sum of cycle t + 1 + L and leaves in cycle t + 2 + L. Where elements tell their signs upwards, a
/// sum enters as its complement if its product is subtracted, and leaves as its complement if the one below is.
pub fn element(family: &dyn Arithmetic, sum_bits: u32, cycles: usize) {
    for subtraction in [Subtraction::Complement, Subtraction::Adder] {
        element_that(subtraction, family, sum_bits, cycles);
    }
}

fn element_that(subtraction: Subtraction, family: &dyn Arithmetic, sum_bits: u32, cycles: usize) {
    assert!(SIDES.iter().all(|&side| family.lane_bits(side) <= 64), "{}", about(family));
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    let mut lanes = SIDES.map(|side| lane(family, side));
    let mut code = |side: usize, random: &mut Random| {
        let draw = random.bits(31) as u32 & ((1 << family.draw_bits(SIDES[side])) - 1);
        let code = family.encode(SIDES[side], random.operand(family.operand_bits()), draw);
        (lanes[side](code), code)
    };
    let inputs: Vec<Cycle> = (0..cycles)
        .map(|_| Cycle {
            moving: code(0, &mut random),
            swap: random.bits(3) == 0,
            load: random.bits(1) == 0,
            stationary: code(1, &mut random),
            sum: random.bits(sum_bits) as i64,
            below: random.bits(1) == 0,
        })
        .collect();

    // Shadow register in each cycle, and the product that begins there.
    let (mut shadow, mut stationary) = ((0, 0), 0);
    let mut shadows = Vec::new();
    let mut products = Vec::new();
    for cycle in &inputs {
        shadows.push(shadow.0);
        if cycle.swap {
            stationary = shadow.1;
        }
        if cycle.load {
            shadow = cycle.stationary;
        }
        products.push(family.product(cycle.moving.1, stationary));
    }

    let mut sim = Simulator::new(&pe(family, sum_bits, Interconnect::Systolic, subtraction).unwrap()).unwrap();
    let input = |name: &str| sim.input(name).unwrap();
    let ports = ["moving_i", "swap_i", "load_i", "stationary_i", "sum_i"].map(input);
    let output = |name: &str| sim.output(name).unwrap();
    let outputs = ["moving_o", "swap_o", "load_o", "stationary_o", "sum_o"].map(output);
    let signs = sim.input("below_i").ok().zip(sim.output("above_o").ok());
    assert!(signs.is_none() || subtraction == Subtraction::Complement);
    // `above_o` in each cycle: whether the product that meets the sum of the next is subtracted.
    let mut above = Vec::new();
    let flip = |sum: i64, by: bool| if by { !sum } else { sum };
    let mask = u64::MAX >> (64 - sum_bits);
    let latency = family.latency() as usize;
    for (t, cycle) in inputs.iter().enumerate() {
        let values = [cycle.moving.0, cycle.swap.into(), cycle.load.into(), cycle.stationary.0, cycle.sum as u64];
        for (port, value) in ports.into_iter().zip(values) {
            sim.set(port, value);
        }
        if let Some((below_i, above_o)) = signs {
            sim.set(below_i, cycle.below.into());
            above.push(sim.get(above_o) == 1);
        }
        let found = outputs.map(|port| sim.get(port));
        let about = || format!("{}, cycle {t}", about(family));
        assert_eq!(found[3], shadows[t], "stationary_o: {}", about());
        if t >= 1 {
            let before = &inputs[t - 1];
            assert_eq!(found[..3], [before.moving.0, before.swap.into(), before.load.into()], "{}", about());
            let product = if t >= 2 + latency { products[t - 2 - latency] } else { 0 };
            let sign = signs.is_some() && t >= 2 && above[t - 2];
            let total = flip(before.sum, sign) + product;
            let expected = flip(total, signs.is_some() && before.below);
            assert_eq!(found[4], expected as u64 & mask, "sum_o: {}", about());
        }
        sim.step();
    }
}
