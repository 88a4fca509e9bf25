use crate::{Random, exact, mitchell, operands};
use logloom_hdl::arith::{Arithmetic, Form};
use logloom_hdl::rtl::{Builder, Expr, signed, unsigned};
use logloom_sim::netlist::Simulator;

/// Sends the pairs through the product hardware, one per cycle, and compares what comes out.
fn compare(family: &dyn Arithmetic, pairs: impl Iterator<Item = (i64, i64)>) {
    let (code, bits) = (unsigned(family.code_bits()), family.product_bits());
    let mut m = Builder::new("product", "A product alone.");
    let (moving, stationary) = (m.input("moving_i", code), m.input("stationary_i", code));
    let product = family.product_rtl(&mut m, &moving, &stationary);
    assert_eq!(product.value.ty(), signed(bits));
    let product = product.add_to(&Expr::zero(signed(bits)));
    m.output("product_o", product);

    let mut sim = Simulator::new(&m.finish().unwrap()).unwrap();
    let (moving_i, stationary_i) = (sim.input("moving_i").unwrap(), sim.input("stationary_i").unwrap());
    let product_o = sim.output("product_o").unwrap();
    let mask = u64::MAX >> (64 - bits);
    let latency = family.latency() as usize;
    let mut under_way = std::collections::VecDeque::new();
    for (a, b) in pairs.chain(std::iter::repeat_n((0, 0), latency)) {
        let codes = (family.encode(a), family.encode(b));
        sim.set(moving_i, codes.0.into());
        sim.set(stationary_i, codes.1.into());
        under_way.push_back((a, b, family.product(codes.0, codes.1)));
        if under_way.len() > latency {
            let (a, b, expected) = under_way.pop_front().unwrap();
            let found = sim.get(product_o);
            assert_eq!(found, expected as u64 & mask, "{} {}: {a} * {b}", family.name(), family.parameters());
        }
        sim.step();
    }
}

fn every_pair(family: &dyn Arithmetic) {
    compare(family, operands(family).flat_map(|a| operands(family).map(move |b| (a, b))));
}

/// Random pairs, and all pairs of operands next to a power of two.
fn wide_pairs(family: &dyn Arithmetic) {
    let bits = family.operand_bits();
    let range = operands(family);
    let near = |k: u32| [-1, 0, 1].into_iter().flat_map(move |d| [(1 << k) + d, -(1 << k) + d]);
    let corners: Vec<i64> = (0..bits).flat_map(near).filter(|x| range.contains(x)).collect();
    let crossed: Vec<(i64, i64)> = corners.iter().flat_map(|&a| corners.iter().map(move |&b| (a, b))).collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let pairs = (0..20_000).map(move |_| (random.operand(bits), random.operand(bits)));
    compare(family, crossed.into_iter().chain(pairs));
}

#[test]
fn exact_products_are_the_reference_for_every_small_pair() {
    for bits in 4..=8 {
        for form in [Form::Rows, Form::Star] {
            for stages in 0..=2 {
                every_pair(&exact(bits, form, stages));
            }
        }
    }
}

#[test]
fn mitchell_products_are_the_reference_for_every_small_pair_and_parameter() {
    for bits in 4..=6 {
        for fraction_bits in 0..bits {
            for dropped_bits in 0..=2 * bits - 2 {
                for stages in 0..=2 {
                    every_pair(&mitchell(bits, fraction_bits, dropped_bits, stages));
                }
            }
        }
    }
}

#[test]
fn mitchell_products_are_the_reference_for_every_pair_of_7_bits() {
    for fraction_bits in 0..7 {
        for dropped_bits in 0..=12 {
            every_pair(&mitchell(7, fraction_bits, dropped_bits, (fraction_bits + dropped_bits) % 3));
        }
    }
}

#[test]
fn mitchell_products_are_the_reference_for_every_pair_of_8_bits() {
    for fraction_bits in 0..8 {
        for dropped_bits in [0, 3, 7, 8, 11] {
            every_pair(&mitchell(8, fraction_bits, dropped_bits, (fraction_bits + dropped_bits) % 3));
        }
    }
    for stages in 0..=2 {
        every_pair(&mitchell(8, 3, 8, stages));
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [12, 16] {
        for stages in 0..=2 {
            wide_pairs(&exact(bits, Form::Rows, stages));
            wide_pairs(&exact(bits, Form::Star, stages));
        }
    }
    for bits in [9, 11, 13, 15, 16] {
        for fraction_bits in 0..bits {
            for dropped_bits in [0, 1, bits - 1, bits, bits + 1, 2 * bits - 2] {
                wide_pairs(&mitchell(bits, fraction_bits, dropped_bits, (fraction_bits + dropped_bits) % 3));
            }
        }
    }
    for stages in 0..=2 {
        wide_pairs(&mitchell(16, 4, 8, stages));
        wide_pairs(&mitchell(16, 4, 16, stages));
    }
}
