//! Codes that are drawn at random: an operand has one of two, its neighbours among the values that codes stand for.

use logloom_hdl::arith::{Arithmetic, Coded};

/// Draws that give every code of an operand: a code goes over from one neighbour to the other at some draw, so the least and
/// the greatest give both ([`are_neighbours`] sweeps that). The draw 0 alone where nothing is drawn.
pub fn extremes(bits: u32) -> Vec<u32> {
    let mut draws = vec![0, (1 << bits) - 1];
    draws.dedup();
    draws
}

/// Whether every draw gives every operand one of the codes that the [`extremes`] give.
pub fn are_neighbours(family: &dyn Arithmetic, coded: Coded) -> bool {
    let half = 1i64 << (family.operand_bits() - 1);
    let [least, greatest] = [0, (1 << coded.draw_bits(family)) - 1];
    (-half..half).all(|operand| {
        let two = [least, greatest].map(|draw| coded.encode(family, operand, draw));
        (least..=greatest).all(|draw| two.contains(&coded.encode(family, operand, draw)))
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
