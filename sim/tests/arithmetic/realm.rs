use crate::check;
use logloom_hdl::arith::realm::Settings;
use logloom_hdl::arith::{Arithmetic, Realm};

fn realm(settings: Settings) -> Realm {
    let family = Realm::from(settings);
    family.validate().unwrap();
    family
}

#[test]
fn products_are_the_reference_for_every_pair_up_to_8_bits() {
    for operand_bits in 4..=8u32 {
        for segments in [4, 8, 16u32].into_iter().filter(|segments| segments.ilog2() < operand_bits) {
            for fraction_bits in segments.ilog2()..operand_bits {
                for correction_bits in [3, 4, 6, 10] {
                    for dropped_bits in [0, operand_bits - 1, operand_bits, operand_bits + 1, 2 * operand_bits - 2] {
                        let stages = (fraction_bits + correction_bits + dropped_bits) % 3;
                        check::every_product(&realm(Settings {
                            operand_bits,
                            segments,
                            fraction_bits,
                            correction_bits,
                            dropped_bits,
                            stages,
                        }));
                    }
                }
            }
        }
    }
}

#[test]
fn wide_products_are_the_reference() {
    for operand_bits in [11, 16] {
        for segments in [4, 8, 16u32] {
            for fraction_bits in [segments.ilog2(), 6, operand_bits - 2, operand_bits - 1] {
                for dropped_bits in [0, operand_bits - 1, operand_bits, operand_bits + 1, 2 * operand_bits - 2] {
                    let (correction_bits, stages) = (3 + (fraction_bits + dropped_bits) % 8, dropped_bits % 3);
                    check::some_products(&realm(Settings {
                        operand_bits,
                        segments,
                        fraction_bits,
                        correction_bits,
                        dropped_bits,
                        stages,
                    }));
                }
            }
        }
    }
}
