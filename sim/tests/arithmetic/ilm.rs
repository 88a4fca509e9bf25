use crate::check;
use logloom_hdl::arith::{Arithmetic, Ilm};

fn ilm(operand_bits: u32, fraction_bits: u32, dropped_bits: u32, stages: u32) -> Ilm {
    let family = Ilm { operand_bits, fraction_bits, dropped_bits, stages };
    family.validate().unwrap();
    family
}

#[test]
fn encoders_are_the_reference_for_every_fraction() {
    for bits in 4..=12 {
        for fraction_bits in 2..bits {
            check::encoders(&ilm(bits, fraction_bits, 0, 0));
        }
    }
    for fraction_bits in 2..16 {
        check::encoders(&ilm(16, fraction_bits, 16, 0));
    }
}

#[test]
fn products_are_the_reference_for_every_small_pair_and_parameter() {
    for bits in 4..=6 {
        for fraction_bits in 2..bits {
            for dropped_bits in 0..=2 * bits - 2 {
                for stages in 0..=2 {
                    check::every_product(&ilm(bits, fraction_bits, dropped_bits, stages));
                }
            }
        }
    }
}

#[test]
fn products_are_the_reference_for_every_pair_up_to_8_bits() {
    for bits in 7..=8 {
        for fraction_bits in 2..bits {
            for dropped_bits in [0, 3, bits - 2, bits - 1, bits, bits + 1, 2 * bits - 2] {
                check::every_product(&ilm(bits, fraction_bits, dropped_bits, (fraction_bits + dropped_bits) % 3));
            }
        }
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [9, 11, 13, 15, 16] {
        for fraction_bits in 2..bits {
            for dropped_bits in [0, 1, bits - 2, bits - 1, bits, bits + 1, 2 * bits - 2] {
                check::some_products(&ilm(bits, fraction_bits, dropped_bits, (fraction_bits + dropped_bits) % 3));
            }
        }
    }
}
