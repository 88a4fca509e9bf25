use crate::check;
use logloom_hdl::arith::{AlphabetSet, Arithmetic};

const ALPHABETS: [&[u32]; 3] = [&[1], &[1, 3], &[1, 3, 5, 7]];

fn asm(operand_bits: u32, alphabet: &[u32], stages: u32) -> AlphabetSet {
    let family = AlphabetSet::new(operand_bits, alphabet.to_vec(), stages);
    family.validate().unwrap();
    family
}

#[test]
fn encoders_are_the_reference_for_every_width_and_alphabet() {
    for bits in 4..=16 {
        for alphabet in ALPHABETS {
            check::encoders(&asm(bits, alphabet, 0));
        }
    }
}

#[test]
fn products_are_the_reference_for_every_small_pair_and_alphabet() {
    for bits in 4..=8 {
        for alphabet in ALPHABETS {
            for stages in 0..=2 {
                check::every_product(&asm(bits, alphabet, stages));
            }
            check::bound(&asm(bits, alphabet, 0));
        }
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in 9..=16 {
        for alphabet in ALPHABETS {
            check::some_products(&asm(bits, alphabet, bits % 3));
        }
    }
}
