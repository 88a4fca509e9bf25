//! Guests in the hardware that is built around them: their tables in the place of their Verilog.
use crate::{Random, check};
use logloom_hdl::arith::guest::{Guest, Operands, Port, Unit};
use logloom_hdl::arith::{Arithmetic, Side};
use logloom_hdl::rtl::{Type, verilog};

/// A unit of `bits`, its product port `product_bits` wide, of these products of operands.
fn guest(
    operands: Operands,
    [bits, operand_bits, product_bits, latency]: [u32; 4],
    mut product: impl FnMut(i64, i64) -> i64,
) -> Guest {
    let port = |name: &str, width| Port { name: name.into(), ty: Type { width, signed: operands == Operands::Signed } };
    let unit = Unit {
        module: "Mul".into(),
        verilog: "module Mul(input A, B, output O); endmodule\n".into(),
        modules: vec!["Mul".into()],
        moving: port("A", bits),
        stationary: port("B", bits),
        product: port("O", product_bits),
        clock: (latency > 0).then(|| "clk".into()),
        latency,
        operands,
    };
    let all = 0..1u32 << bits;
    let value = |pattern| operands.value(pattern, bits);
    let products: Vec<i64> =
        all.clone().flat_map(|a| all.clone().map(move |b| (a, b))).map(|(a, b)| product(value(a), value(b))).collect();
    Guest::new(unit, operand_bits, &products, "0".into())
}

fn exact(operands: Operands, sizes: [u32; 4]) -> Guest {
    guest(operands, sizes, |a, b| a * b)
}

fn check_all(guest: &Guest) {
    guest.validate().unwrap();
    check::encoders(guest);
    check::references(guest);
    check::every_product(guest);
    check::whole(guest);
    check::element(guest, guest.product_bits() + 3, 500);
    check::element(guest, guest.product_bits(), 300);
}

#[test]
fn units_of_all_widths_and_latencies() {
    for latency in [0, 1, 2, 5] {
        check_all(&exact(Operands::Signed, [5, 5, 10, latency]));
        check_all(&exact(Operands::Signed, [5, 5, 14, latency]));
        check_all(&exact(Operands::Unsigned, [5, 5, 10, latency]));
        check_all(&exact(Operands::Unsigned, [5, 6, 10, latency]));
    }
}

/// The bound is that of the table, and all operands but the least of an unsigned unit are multiplied exactly.
#[test]
fn errors_are_those_of_the_table() {
    let bound = |guest: Guest| {
        assert!(guest.keeps_signs());
        check::bound(&guest);
        guest.error_bound().absolute
    };
    assert_eq!(bound(exact(Operands::Signed, [6, 6, 12, 0])), 0.0);
    assert_eq!(bound(exact(Operands::Unsigned, [6, 6, 12, 0])), 0.0);
    // 64 is taken as 63.
    assert_eq!(bound(exact(Operands::Unsigned, [6, 7, 12, 0])), 127.0);
    let truncated = |a: i64, b: i64| if a * b % 4 == 3 { a * b - 3 } else { a * b };
    assert_eq!(bound(guest(Operands::Unsigned, [4, 5, 8, 1], truncated)), 31.0);
}

/// Any products will do, as long as those of 0 are 0.
#[test]
fn a_unit_of_random_products() {
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let random = |a, b| if a * b == 0 { 0 } else { random.bits(11) as i64 - 1024 };
    let guest = guest(Operands::Signed, [6, 6, 11, 1], random);
    assert!(!guest.keeps_signs());
    check_all(&guest);
}

#[test]
fn a_product_of_zero_is_refused_with_its_pair() {
    let guest = guest(Operands::Signed, [4, 4, 8, 0], |a, b| if (a, b) == (-3, 0) { 1 } else { a * b });
    assert_eq!(guest.product_of_zero(), Some([-3, 0, 1]));
    let error = guest.validate().unwrap_err();
    assert!(error.problem.starts_with("-3 * 0 is 1"), "{error}");
}

#[test]
fn operands_of_other_widths_are_refused() {
    for (operands, width, fits) in [
        (Operands::Signed, 5, true),
        (Operands::Signed, 6, false),
        (Operands::Unsigned, 6, true),
        (Operands::Unsigned, 7, false),
    ] {
        let unit = exact(operands, [5, 5, 10, 0]).unit().clone();
        assert_eq!(unit.takes(width).is_ok(), fits);
    }
}

/// What is printed is the Verilog that was given, and instances name its ports.
#[test]
fn the_text_is_printed_as_it_is() {
    let guest = exact(Operands::Signed, [8, 8, 16, 1]);
    let product = logloom_hdl::arith::product(&guest).unwrap();
    let modules = product.hierarchy().unwrap();
    assert_eq!(verilog::print(&modules[0], "// header\n"), guest.unit().verilog.as_ref());
    let text = verilog::print(&product, "");
    assert!(text.contains(".clk(clk_i)") && text.contains(".O(guest_product)"), "{text}");
    assert!(!text.contains("rst_ni)"), "{text}");
    assert_eq!(guest.code_bits(Side::Moving), 8);
}
