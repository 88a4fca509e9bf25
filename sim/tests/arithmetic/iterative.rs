use crate::check;
use logloom_hdl::arith::{Arithmetic, Iterative};

fn iterative(operand_bits: u32, corrections: u32, stages: u32) -> Iterative {
    let family = Iterative { operand_bits, corrections, stages };
    family.validate().unwrap();
    family
}

#[test]
fn encoders_are_the_reference_for_every_width() {
    for bits in 4..=16 {
        for corrections in 0..=2.min(bits - 3) {
            check::encoders(&iterative(bits, corrections, 0));
        }
    }
}

#[test]
fn products_are_the_reference_for_every_small_pair() {
    for bits in 4..=8 {
        for corrections in 0..=2.min(bits - 3) {
            for stages in 0..=2 {
                check::every_product(&iterative(bits, corrections, stages));
            }
            check::bound(&iterative(bits, corrections, 0));
        }
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [9, 11, 13, 16] {
        for corrections in 0..=2.min(bits - 3) {
            check::some_products(&iterative(bits, corrections, (bits + corrections) % 3));
        }
    }
}
