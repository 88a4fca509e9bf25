use crate::check;
use logloom_hdl::arith::mitchell::Rounding;
use logloom_hdl::arith::{Arithmetic, Mitchell};

fn mitchell(operand_bits: u32, fraction_bits: u32, dropped_bits: u32, stages: u32) -> Mitchell {
    rounded(Rounding::Nearest, operand_bits, fraction_bits, dropped_bits, stages)
}

fn rounded(rounding: Rounding, operand_bits: u32, fraction_bits: u32, dropped_bits: u32, stages: u32) -> Mitchell {
    let family = Mitchell { operand_bits, fraction_bits, dropped_bits, rounding, stages };
    family.validate().unwrap();
    family
}

/// All but nearest.
const CUT: [Rounding; 2] = [Rounding::Truncate, Rounding::Carry];

#[test]
fn encoders_are_the_reference_for_every_fraction() {
    for bits in 4..=12 {
        for fraction_bits in 0..bits {
            check::encoders(&mitchell(bits, fraction_bits, 0, 0));
        }
    }
    for fraction_bits in 0..16 {
        check::encoders(&mitchell(16, fraction_bits, 16, 0));
    }
}

#[test]
fn products_are_the_reference_for_every_small_pair_and_parameter() {
    for bits in 4..=6 {
        for fraction_bits in 0..bits {
            for dropped_bits in 0..=2 * bits - 2 {
                for stages in 0..=2 {
                    check::every_product(&mitchell(bits, fraction_bits, dropped_bits, stages));
                }
            }
        }
    }
}

#[test]
fn products_are_the_reference_for_every_pair_of_7_bits() {
    for fraction_bits in 0..7 {
        for dropped_bits in 0..=12 {
            check::every_product(&mitchell(7, fraction_bits, dropped_bits, (fraction_bits + dropped_bits) % 3));
        }
    }
}

#[test]
fn products_are_the_reference_for_every_pair_of_8_bits() {
    for fraction_bits in 0..8 {
        for dropped_bits in [0, 3, 7, 8, 11] {
            check::every_product(&mitchell(8, fraction_bits, dropped_bits, (fraction_bits + dropped_bits) % 3));
        }
    }
    for stages in 0..=2 {
        check::every_product(&mitchell(8, 3, 8, stages));
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [9, 11, 13, 15, 16] {
        for fraction_bits in 0..bits {
            for dropped_bits in [0, 1, bits - 1, bits, bits + 1, 2 * bits - 2] {
                check::some_products(&mitchell(bits, fraction_bits, dropped_bits, (fraction_bits + dropped_bits) % 3));
            }
        }
    }
    for stages in 0..=2 {
        check::some_products(&mitchell(16, 4, 8, stages));
        check::some_products(&mitchell(16, 4, 16, stages));
    }
}

#[test]
fn cut_fractions_are_the_reference_too() {
    for rounding in CUT {
        for bits in 4..=8 {
            for fraction_bits in 1..bits {
                check::encoders(&rounded(rounding, bits, fraction_bits, 0, 0));
                for dropped_bits in [0, 1, bits - 1, bits, bits + 1, 2 * bits - 2] {
                    let stages = (fraction_bits + dropped_bits) % 3;
                    check::every_product(&rounded(rounding, bits, fraction_bits, dropped_bits, stages));
                }
            }
        }
        for fraction_bits in [1, 3, 4, 14, 15] {
            check::encoders(&rounded(rounding, 16, fraction_bits, 0, 0));
            for dropped_bits in [0, 8, 15, 16, 17, 30] {
                for stages in 0..=2 {
                    check::some_products(&rounded(rounding, 16, fraction_bits, dropped_bits, stages));
                }
            }
        }
    }
    check::every_product(&rounded(Rounding::Truncate, 8, 0, 0, 0));
}
