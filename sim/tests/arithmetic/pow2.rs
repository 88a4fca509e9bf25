use crate::check;
use logloom_hdl::arith::{Arithmetic, Pow2, Rounded};

const ALL: [Rounded; 3] = [Rounded::Stationary, Rounded::Moving, Rounded::Both];

fn pow2(operand_bits: u32, rounded: Rounded, exponents: u32, stochastic: bool, stages: u32) -> Pow2 {
    let family = Pow2 { operand_bits, rounded, exponents, stochastic, stages };
    family.validate().unwrap();
    family
}

#[test]
fn encoders_are_the_reference_for_every_number_of_exponents() {
    for bits in 4..=10 {
        for exponents in 1..=bits {
            for stochastic in [false, true] {
                check::encoders(&pow2(bits, Rounded::Both, exponents, stochastic, 0));
            }
        }
    }
    for exponents in [1, 2, 5, 8, 9, 15, 16] {
        check::encoders(&pow2(16, Rounded::Stationary, exponents, true, 0));
    }
}

#[test]
fn products_are_the_reference_for_every_small_pair_and_number_of_exponents() {
    for bits in 4..=8 {
        for exponents in 1..=bits {
            for rounded in ALL {
                for stages in 0..=2 {
                    check::every_product(&pow2(bits, rounded, exponents, false, stages));
                }
                check::bound(&pow2(bits, rounded, exponents, false, 0));
                if bits <= 6 {
                    check::bound(&pow2(bits, rounded, exponents, true, 0));
                }
            }
        }
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [9, 11, 13, 16] {
        for exponents in 1..=bits {
            for rounded in ALL {
                check::some_products(&pow2(bits, rounded, exponents, exponents % 2 == 0, (bits + exponents) % 3));
            }
        }
    }
}
