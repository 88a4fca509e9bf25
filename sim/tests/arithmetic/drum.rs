use crate::check;
use logloom_hdl::arith::{Arithmetic, Drum};

fn drum(operand_bits: u32, kept_bits: u32, stages: u32) -> Drum {
    let family = Drum { operand_bits, kept_bits, stages };
    family.validate().unwrap();
    family
}

#[test]
fn encoders_are_the_reference_for_every_number_of_kept_bits() {
    for bits in 4..=16 {
        for kept_bits in 2..bits {
            check::encoders(&drum(bits, kept_bits, 0));
        }
    }
}

#[test]
fn products_are_the_reference_for_every_small_pair() {
    for bits in 4..=8 {
        for kept_bits in 2..bits {
            for stages in 0..=2 {
                check::every_product(&drum(bits, kept_bits, stages));
            }
            check::bound(&drum(bits, kept_bits, 0));
        }
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [9, 11, 13, 16] {
        for kept_bits in 2..bits {
            check::some_products(&drum(bits, kept_bits, kept_bits % 3));
        }
    }
}
