use crate::check;
use logloom_hdl::arith::{Arithmetic, Exact, Form};

fn exact(operand_bits: u32, form: Form, stages: u32) -> Exact {
    let family = Exact { operand_bits, form, stages };
    family.validate().unwrap();
    family
}

#[test]
fn products_are_the_reference_for_every_small_pair() {
    for bits in 4..=8 {
        for form in [Form::Rows, Form::Star] {
            for stages in 0..=2 {
                check::every_product(&exact(bits, form, stages));
            }
        }
        check::every_product(&exact(bits, Form::Block, 2));
    }
}

#[test]
fn wide_products_are_the_reference() {
    for bits in [12, 16] {
        for stages in 0..=2 {
            check::some_products(&exact(bits, Form::Rows, stages));
            check::some_products(&exact(bits, Form::Star, stages));
        }
        check::some_products(&exact(bits, Form::Block, 2));
    }
}
