//! A proxy for energy: how many bits change in a processing element per product.

use anyhow::Result;
use logloom_hdl::arith::{Arithmetic, Coded, Side, edge};
use logloom_hdl::array::pe::pe;
use logloom_hdl::design::{Interconnect, Subtraction};
use logloom_hdl::rtl::Bits;
use logloom_sim::netlist::Simulator;

use super::error::weight_distribution;
use crate::random::SplitMix64;

/// Products per stationary operand, as in a block of that many moving vectors.
const BLOCK: u32 = 16;
/// Products that are measured.
const PRODUCTS: u32 = 4096;

/// Bits of all registers and named signals of the processing element that change from one product to the next, on average.
///
/// Operands follow [`weight_distribution`] on both sides; the partial sum from above is that of seven other products. It is a
/// count at register-transfer level: comparable between units, not a number of joules. The element subtracts by complements, on
/// whatever fabric: an adder that subtracts is one signal, whose carries do not show.
///
/// # Errors
/// If the element cannot be elaborated.
pub fn toggles(family: &dyn Arithmetic) -> Result<f64> {
    let sum_bits = family.product_bits() + 3;
    let mut sim = Simulator::new(&pe(family, sum_bits, Interconnect::Systolic, Subtraction::Complement)?)?;
    let input = |name: &str| sim.input(name);
    let (moving_i, stationary_i, sum_i) = (input("moving_i")?, input("stationary_i")?, input("sum_i")?);
    let (swap_i, load_i) = (input("swap_i")?, input("load_i")?);
    let mut lanes = [Lane::new(family, Side::Moving)?, Lane::new(family, Side::Stationary)?];
    let mut operands = Operands::new(family.operand_bits());

    let signals: Vec<_> = sim.signals().map(|(signal, _)| signal).collect();
    let mut before: Vec<Bits> = Vec::new();
    let mut changed = 0u64;
    let mut above = Vec::new();
    for product in 0..PRODUCTS {
        let first = product % BLOCK == 0;
        let (_, moving) = lanes[0].next(family, Coded::Operand(Side::Moving), &mut operands);
        sim.set_bits(moving_i, &moving);
        if first {
            let coded = if family.weight_coding().is_some() { Coded::Weight } else { Coded::Operand(Side::Stationary) };
            let (_, stationary) = lanes[1].next(family, coded, &mut operands);
            sim.set_bits(stationary_i, &stationary);
            above = (0..7).map(|_| code(family, coded, &mut operands)).collect();
        }
        sim.set(load_i, first.into());
        sim.set(swap_i, (product % BLOCK == 1).into());
        let sum: i64 = above
            .iter()
            .map(|&stationary| family.product(code(family, Coded::Operand(Side::Moving), &mut operands), stationary))
            .sum();
        sim.set(sum_i, sum as u64);
        sim.evaluate();
        let now: Vec<Bits> = signals.iter().map(|&signal| sim.peek(signal)).collect();
        for (a, b) in before.iter().zip(&now) {
            changed += a.words().iter().zip(b.words()).map(|(a, b)| u64::from((a ^ b).count_ones())).sum::<u64>();
        }
        before = now;
        sim.step();
    }
    Ok(changed as f64 / f64::from(PRODUCTS - 1))
}

fn code(family: &dyn Arithmetic, coded: Coded, operands: &mut Operands) -> u32 {
    let coded = match coded {
        Coded::Operand(Side::Stationary) if family.is_symmetric() => Coded::Operand(Side::Moving),
        coded => coded,
    };
    let operand = operands.next();
    let draw = operands.random.next_u64() as u32 & ((1 << coded.draw_bits(family)) - 1);
    coded.encode(family, operand, draw)
}

/// The edge of the array on one side.
struct Lane(Option<Simulator>, u32);

impl Lane {
    fn new(family: &dyn Arithmetic, side: Side) -> Result<Self> {
        let edge = edge(family, side)?.map(|module| Simulator::new(&module)).transpose()?;
        Ok(Self(edge, family.code_bits(side)))
    }

    /// A random operand's code, stored and as the array takes it.
    fn next(&mut self, family: &dyn Arithmetic, coded: Coded, operands: &mut Operands) -> (u32, Bits) {
        let code = code(family, coded, operands);
        let bits = Bits::from_words(self.1, &[code.into()]);
        let lane = match &mut self.0 {
            Some(edge) => {
                let (input, output) = (edge.input("code_i"), edge.output("lane_o"));
                let (input, output) = (input.expect("an edge's port"), output.expect("an edge's port"));
                edge.set_bits(input, &bits);
                edge.get_bits(output)
            }
            None => bits,
        };
        (code, lane)
    }
}

/// Random operands of the assumed distribution.
struct Operands {
    /// Of the operands from -2^(W-1) up, cumulated.
    cumulated: Vec<f64>,
    random: SplitMix64,
}

impl Operands {
    fn new(operand_bits: u32) -> Self {
        let mut sum = 0.0;
        let cumulated = weight_distribution(operand_bits)
            .into_iter()
            .map(|p| {
                sum += p;
                sum
            })
            .collect();
        Self { cumulated, random: SplitMix64::stream(0, 0) }
    }

    fn next(&mut self) -> i64 {
        let p = self.random.uniform(0.0, 1.0);
        let index = self.cumulated.partition_point(|&sum| sum < p).min(self.cumulated.len() - 1);
        index as i64 - self.cumulated.len() as i64 / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logloom_hdl::arith::family;

    #[test]
    fn fewer_fraction_bits_change_fewer_bits() {
        let of = |settings: &str| toggles(family::find("mitchell").unwrap().parse(settings).unwrap().as_ref()).unwrap();
        let (short, long) = (of("fraction_bits=2 dropped_bits=8"), of("fraction_bits=14 dropped_bits=8"));
        assert!(short > 10.0 && short < long, "{short} {long}");
        assert_eq!(of("fraction_bits=2"), of("fraction_bits=2"));
    }
}
