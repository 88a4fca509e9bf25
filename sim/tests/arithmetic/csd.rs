use crate::check;
use logloom_hdl::arith::{Arithmetic, Csd};

fn csd(operand_bits: u32, terms: u32, stages: u32) -> Option<Csd> {
    let family = Csd { operand_bits, terms, stages };
    family.validate().is_ok().then_some(family)
}

#[test]
fn encoders_are_the_reference_for_every_width_and_number_of_terms() {
    for bits in 4..=16 {
        for family in (1..=4).filter_map(|terms| csd(bits, terms, 0)) {
            check::encoders(&family);
        }
    }
}

#[test]
fn products_are_the_reference_for_every_small_pair() {
    for bits in 4..=8 {
        for stages in 0..=2 {
            for family in (1..=4).filter_map(|terms| csd(bits, terms, stages)) {
                check::every_product(&family);
                check::bound(&family);
            }
        }
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [9, 11, 13, 16] {
        for family in (1..=4).filter_map(|terms| csd(bits, terms, (bits + terms) % 3)) {
            check::some_products(&family);
        }
    }
}
