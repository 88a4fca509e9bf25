//! Codes that are drawn at random: an operand has one of two, its neighbours among the values that codes stand for.

use logloom_hdl::arith::{Arithmetic, Coded, Side};
use rayon::prelude::*;

/// Draws that give every code of an operand: a code goes over from one neighbour to the other at some draw, so the least and
/// the greatest give both ([`are_neighbours`] sweeps that). The draw 0 alone where nothing is drawn.
pub fn extremes(bits: u32) -> Vec<u32> {
    let mut draws = vec![0, (1 << bits) - 1];
    draws.dedup();
    draws
}

/// The codes of operands, all with one draw.
pub fn encode(family: &dyn Arithmetic, coded: Coded, operands: &[i64], draw: u32, codes: &mut [u32]) {
    match (coded, family.weight_coding()) {
        (Coded::Operand(side), _) => family.encode_slice(side, operands, &vec![draw; operands.len()], codes),
        (Coded::Weight, Some(coding)) => {
            codes.iter_mut().zip(operands).for_each(|(code, &operand)| *code = coding.encode(operand, draw));
        }
        (Coded::Weight, None) => encode(family, Coded::Operand(Side::Stationary), operands, draw, codes),
    }
}

/// Whether every draw gives every operand one of the codes that the [`extremes`] give. Of 16 bits, it takes some seconds.
pub fn are_neighbours(family: &dyn Arithmetic, coded: Coded) -> bool {
    let half = 1i64 << (family.operand_bits() - 1);
    let operands: Vec<i64> = (-half..half).collect();
    let codes = |draw| {
        let mut codes = vec![0; operands.len()];
        encode(family, coded, &operands, draw, &mut codes);
        codes
    };
    let count = 1u32 << coded.draw_bits(family);
    let two = [codes(0), codes(count - 1)];
    (1..count).into_par_iter().all(|draw| {
        codes(draw).iter().zip(&two[0]).zip(&two[1]).all(|((code, least), greatest)| code == least || code == greatest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use logloom_hdl::arith::{FAMILIES, Family};

    #[test]
    fn every_drawn_code_is_one_of_two() {
        let mut drawn = 0;
        for unit in FAMILIES.iter().flat_map(Family::made).filter(|unit| unit.operand_bits() <= 8) {
            for coded in Coded::all(unit.as_ref()) {
                assert!(are_neighbours(unit.as_ref(), coded), "{} {}: {coded:?}", unit.name(), unit.parameters());
                drawn += u32::from(coded.draw_bits(unit.as_ref()) > 0);
            }
        }
        assert!(drawn > 0);
        assert_eq!((extremes(0), extremes(3)), (vec![0], vec![0, 7]));
    }
}
