use crate::check;
use logloom_hdl::arith::{Arithmetic, Rccm};

fn rccm(operand_bits: u32, shifts: &[u32], dropped_bits: u32, stages: u32) -> Rccm {
    let family = Rccm::new(operand_bits, shifts.to_vec(), dropped_bits, stages);
    family.validate().unwrap();
    family
}

/// Any order of the pairs, equal and distant ones, shifts beyond the coefficients.
const SHIFTS: &[&[u32]] = &[
    &[0, 4, 2, 3],
    &[2, 3, 0, 4],
    &[0, 1, 2, 3],
    &[0, 5, 1, 6, 3, 4],
    &[3, 4, 1, 6, 0, 5],
    &[0, 1, 2, 3, 4, 5],
    &[4, 5, 0, 1, 2, 3],
    &[0, 1, 0, 1, 2, 3],
    &[0, 2, 0, 4, 2, 3],
    &[0, 1, 1, 2, 6, 7],
    &[0, 7, 0, 1, 2, 3],
];

/// Every width with every shift list and number of dropped bits that suit each other.
fn every(widths: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = (u32, &'static [u32], u32)> {
    let suits =
        |&(bits, shifts, dropped): &(u32, &[u32], u32)| Rccm::new(bits, shifts.to_vec(), dropped, 0).validate().is_ok();
    let with = |bits| SHIFTS.iter().flat_map(move |&shifts| (0..bits).map(move |dropped| (bits, shifts, dropped)));
    widths.flat_map(with).filter(suits)
}

#[test]
fn the_sweep_has_all_shifts() {
    for &shifts in SHIFTS {
        assert!(every(4..=8).any(|(_, other, _)| other == shifts), "{shifts:?}");
    }
}

#[test]
fn products_are_the_reference_for_every_small_pair_and_parameter() {
    for (bits, shifts, dropped_bits) in every(4..=8) {
        for stages in 0..=2 {
            check::every_product(&rccm(bits, shifts, dropped_bits, stages));
        }
        check::encoders(&rccm(bits, shifts, dropped_bits, 0));
        check::bound(&rccm(bits, shifts, dropped_bits, 0));
    }
}

#[test]
fn wide_products_are_the_reference() {
    let widths = [9, 10, 13, 16];
    for (bits, shifts, dropped_bits) in widths.into_iter().flat_map(|bits| every(bits..=bits)) {
        check::encoders(&rccm(bits, shifts, dropped_bits, 0));
        check::some_products(&rccm(bits, shifts, dropped_bits, bits % 3));
    }
}
