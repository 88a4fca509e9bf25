use crate::{exact, mitchell, operands};
use logloom_hdl::arith::{Arithmetic, Form, encoder};
use logloom_sim::netlist::Simulator;

fn every_operand(family: &dyn Arithmetic) {
    let mut sim = Simulator::new(&encoder(family).unwrap()).unwrap();
    let (operand_i, code_o) = (sim.input("operand_i").unwrap(), sim.output("code_o").unwrap());
    for operand in operands(family) {
        sim.set(operand_i, operand as u64);
        let code = sim.get(code_o);
        assert_eq!(code, u64::from(family.encode(operand)), "{}: encode({operand})", family.parameters());
    }
}

#[test]
fn the_exact_encoder_is_the_reference() {
    for bits in [4, 8, 16] {
        every_operand(&exact(bits, Form::Rows, 0));
    }
}

#[test]
fn the_mitchell_encoder_is_the_reference_for_every_small_operand() {
    for bits in 4..=12 {
        for fraction_bits in 0..bits {
            every_operand(&mitchell(bits, fraction_bits, 0, 0));
        }
    }
}

#[test]
fn the_mitchell_encoder_is_the_reference_for_every_operand_of_16_bits() {
    for fraction_bits in 0..16 {
        every_operand(&mitchell(16, fraction_bits, 16, 0));
    }
}
