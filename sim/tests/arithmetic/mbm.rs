use crate::check;
use logloom_hdl::arith::{Arithmetic, Mbm};

fn mbm(operand_bits: u32, fraction_bits: u32, correction_bits: u32, dropped_bits: u32, stages: u32) -> Mbm {
    let family = Mbm { operand_bits, fraction_bits, correction_bits, dropped_bits, stages };
    family.validate().unwrap();
    family
}

#[test]
fn products_are_the_reference_for_every_small_pair_and_parameter() {
    for fraction_bits in 1..4 {
        for correction_bits in 3..=6 {
            for dropped_bits in 0..=6 {
                for stages in 0..=2 {
                    check::every_product(&mbm(4, fraction_bits, correction_bits, dropped_bits, stages));
                }
            }
        }
    }
}

#[test]
fn products_are_the_reference_for_every_pair_up_to_8_bits() {
    for bits in 5..=8 {
        for fraction_bits in 1..bits {
            for correction_bits in 3..=6 {
                for dropped_bits in [0, bits - 1, bits, bits + 1, 2 * bits - 2] {
                    let stages = (fraction_bits + dropped_bits) % 3;
                    check::every_product(&mbm(bits, fraction_bits, correction_bits, dropped_bits, stages));
                }
            }
        }
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [11, 16] {
        for fraction_bits in [1, 3, 4, 6, 7, bits - 2, bits - 1] {
            for dropped_bits in [0, bits - 1, bits, bits + 1, 2 * bits - 2] {
                for correction_bits in [4, 6] {
                    let stages = (fraction_bits + dropped_bits) % 3;
                    check::some_products(&mbm(bits, fraction_bits, correction_bits, dropped_bits, stages));
                }
            }
        }
    }
}
