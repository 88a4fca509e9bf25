//! Small modules that together hold every construct of the language.

use logloom_hdl::rtl::{
    Bits, Builder, Connection, Expr, Module, ReadPort, ReadUnderWrite, WritePort, cat, lanes, mux, select, signed,
    unsigned,
};
use std::sync::Arc;

/// Every module of the zoo, children included.
pub fn all() -> Vec<Arc<Module>> {
    vec![
        operators(),
        constants(),
        choices(),
        long(),
        registers(),
        memories(),
        rom(),
        single(),
        ring(),
        grid(),
        column(),
        lane(),
    ]
}

/// Operators, casts and extensions, as deep as precedence can go wrong.
pub fn operators() -> Arc<Module> {
    let mut m = Builder::new("operators", "Every operator once, and where parentheses matter.");
    let a = m.input("a_i", unsigned(8));
    let b = m.input("b_i", unsigned(8));
    let s = m.input("s_i", signed(8));
    let t = m.input("t_i", signed(8));
    let bit = m.input("bit_i", unsigned(1));
    let minus = m.input("minus_i", signed(1));
    m.output("sum_o", &a + &b - (&a - &b));
    m.output("product_o", a.extend(16).mul(&b.extend(16)) + 1);
    m.output("logic_o", (&a & &b) | (!&a ^ &b) | (&a & (&b | 15)));
    m.output("signed_o", -&s + &t.mul(&s) - 100);
    m.output("compare_o", cat(&[s.lt(&t), a.le(&b), a.eq(&b), (&a + &b).ne(&a), (-&s).le(&t)]));
    m.output("unsigned_compare_o", s.as_unsigned().lt(&a) & !&bit);
    m.output("reduce_o", cat(&[a.any(), s.all(), (&a & &b).parity()]));
    m.output("reduce_and_o", (a.any() & b.all()) | a.parity());
    m.output("shift_o", a.shl(&b.slice(0, 3)) + a.shr(&b.slice(3, 3)));
    m.output("arithmetic_shift_o", mux(&bit, &s.shr(&a), &t));
    m.output("shift_constant_o", (&a + &b).shr(&Expr::constant(unsigned(2), 3)));
    m.output("extend_o", s.extend(20) + t.slice(2, 6).as_signed().extend(20));
    m.output("extend_unsigned_o", cat(&[a.extend(12), bit.clone(), b.extend(9)]));
    m.output("extend_concat_o", cat(&[bit.clone(), a.slice(0, 4)]).as_signed().extend(7));
    m.output("cast_o", (s.as_unsigned() ^ &a).as_signed());
    m.output("repeat_o", cat(&[bit.repeat(3), cat(&[a.bit(7), b.bit(0)]).repeat(2), s.msb()]));
    m.output("minus_o", cat(&[minus.clone(), minus.extend(3), minus.any(), (!&minus).lt(&minus)]));
    m.output("negative_o", &s - -5);
    m.finish().unwrap()
}

/// Constants, wide and negative ones included.
pub fn constants() -> Arc<Module> {
    let mut m = Builder::new("constants", "Constants of every kind.");
    m.output("zero_o", Expr::zero(unsigned(100)));
    m.output("one_o", Expr::constant(unsigned(1), 1));
    m.output("decimal_o", Expr::constant(unsigned(14), 9999));
    m.output("hexadecimal_o", Expr::constant(unsigned(14), 10000));
    m.output("negative_o", Expr::constant(signed(16), -5));
    m.output("most_negative_o", Expr::constant(signed(16), -32768));
    m.output("far_negative_o", Expr::constant(signed(100), -1_000_000));
    m.output("minus_one_o", Expr::constant(signed(1), -1));
    m.output("wide_o", Expr::literal(Bits::from_words(300, &[1, 2, 3, 4, 5])));
    m.output("wide_signed_o", Expr::literal(Bits::from_words(300, &[6, 7, 8, 9, 1 << 43])).as_signed());
    m.finish().unwrap()
}

/// Conditions and selections.
pub fn choices() -> Arc<Module> {
    let mut m = Builder::new("choices", "Conditions and selections.");
    let index = m.input("index_i", unsigned(3));
    let a = m.input("a_i", unsigned(4));
    let b = m.input("b_i", unsigned(4));
    let c = m.wire("c", mux(&index.bit(0), &a, &mux(&a.lt(&b), &b, &mux(&!index.bit(1), &(&a + &b), &b))));
    m.output("nested_o", mux(&index.bit(2), &mux(&index.bit(1), &a, &b), &c));
    m.output("two_o", select(&index.bit(0), &[a.clone(), b.clone()]));
    m.output("three_o", select(&index, &[a.clone(), b.clone(), c.clone()]));
    let d = m.wire("d", &a ^ &b);
    m.output("five_o", select(&index, &[a.clone(), b.clone(), c.clone(), d.clone(), &c & &d]));
    m.output("eight_o", select(&index, &(0..8).map(|i| Expr::constant(unsigned(9), i * i * i)).collect::<Vec<_>>()));
    m.output("unnamed_index_o", select(&(&a + &b), &[a.clone(), b.clone(), d.clone()]));
    m.output("gated_o", a.gate(&index.bit(1)));
    m.finish().unwrap()
}

/// Expressions and comments that do not fit a line.
pub fn long() -> Arc<Module> {
    let mut m = Builder::new(
        "long",
        "What does not fit a line is broken where a reader would break it, and this sentence is long enough to be one \
         of the things that do not fit.\nA second paragraph begins on a line of its own.",
    );
    let inputs: Vec<Expr> = (0..8).map(|i| m.input(&format!("rather_long_name{i}_i"), unsigned(16))).collect();
    let sum = inputs.iter().skip(1).fold(inputs[0].clone(), |sum, x| sum + x);
    let sum = m.wire("sum_of_all_the_inputs", sum);
    m.comment(
        &sum,
        "Wraps; the caller keeps its operands small enough, which is why nothing is checked and nothing saturates.",
    );
    m.output("sum_o", &sum);
    m.output("lanes_o", lanes(&inputs));
    let smaller = inputs.iter().fold(sum.clone(), |rest, x| mux(&x.lt(&sum), &(x & &sum), &rest));
    m.output("chosen_o", smaller);
    m.finish().unwrap()
}

/// Registers: free-running, enabled, with reset values, fed back.
pub fn registers() -> Arc<Module> {
    let mut m = Builder::new("registers", "Registers that share enables.");
    let enable = m.input("enable_i", unsigned(1));
    let value = m.input("value_i", signed(8));
    m.comment(&value, "Valid while `enable_i` is high.");
    let count = m.register_reset("count_q", unsigned(5), Bits::from_i64(5, 7));
    m.comment(&count.value(), "Values so far, modulo 32, and seven.");
    m.drive_when(&count, &enable, count.value() + 1);
    let held = m.reg_when("held_q", &enable, &value);
    let delayed = m.delay("value", &value, 2);
    let other = m.reg_when("other_q", !&enable & value.msb(), &held + &delayed);
    let always = m.reg_when("always_q", Expr::constant(unsigned(1), 1), &held);
    let free = m.reg_unreset("free_q", &always);
    let free = m.reg_unreset_when("free_held_q", &enable, free);
    let high = m.wire("high", &held ^ &free);
    m.keep(&high);
    m.discard(high.slice(1, 3));
    m.output("high_o", cat(&[high.slice(4, 4), high.bit(0)]));
    m.output("count_o", count.value());
    m.output("other_o", other);
    m.finish().unwrap()
}

/// Memories of each behaviour, with and without contents, and one of a single word.
pub fn memories() -> Arc<Module> {
    let mut m = Builder::new("memories", "Block RAM of every kind.");
    let write = m.input("write_i", unsigned(1));
    let read = m.input("read_i", unsigned(1));
    let write_address = m.input("write_address_i", unsigned(4));
    let read_address = m.input("read_address_i", unsigned(4));
    let data = m.input("data_i", unsigned(12));
    let read_port = ReadPort { enable: read.clone(), address: read_address.clone() };
    let write_port = WritePort { enable: write.clone(), address: write_address.clone(), data: data.clone() };
    let never = m.memory("plain", 16, ReadUnderWrite::Never, read_port.clone(), write_port.clone());
    m.comment(&never, "The schedule reads no word in the cycle that writes it.");
    let old = m.memory("old", 13, ReadUnderWrite::Old, read_port.clone(), write_port.clone());
    let new = m.memory("new_word", 16, ReadUnderWrite::New, read_port, write_port);
    let always = Expr::constant(unsigned(1), 1);
    let only = m.input("only_i", unsigned(1));
    let single = m.memory(
        "single",
        1,
        ReadUnderWrite::Old,
        ReadPort { enable: always.clone(), address: only.clone() },
        WritePort { enable: always, address: only, data: data.slice(0, 1) },
    );
    m.output("data_o", cat(&[never, old.slice(0, 6), new, single]));
    m.discard(old.slice(6, 6));
    m.finish().unwrap()
}

/// A module without registers of its own that has a clock.
pub fn rom() -> Arc<Module> {
    let mut m = Builder::new("rom", "Squares.");
    let address = m.input("address_i", unsigned(3));
    let squares = (0..6).map(|i| Bits::from_i64(80, i * i)).collect();
    let data = m.rom("squares", 80, squares, ReadPort { enable: Expr::constant(unsigned(1), 1), address });
    m.output("data_o", data);
    m.finish().unwrap()
}

/// One multiply-accumulate element of the arrays below.
pub fn element() -> Arc<Module> {
    let mut m = Builder::new("element", "Adds the product of what moves and what stays to the sum from above.");
    let load = m.input("load_i", unsigned(1));
    let moving = m.input("moving_i", unsigned(4));
    let stationary = m.input("stationary_i", signed(8));
    let above = m.input("sum_i", signed(16));
    let stays = m.reg_when("stays_q", &load, &stationary);
    let moves = m.reg("moving_q", &moving);
    let sum = m.reg("sum_q", &above + stays.extend(16).mul(&moving.extend(16).as_signed()));
    m.output("moving_o", moves);
    m.output("stationary_o", stays);
    m.output("sum_o", sum);
    m.finish().unwrap()
}

/// A module without state and with a signed result.
pub fn doubler() -> Arc<Module> {
    let mut m = Builder::new("doubler", "Doubles.");
    let value = m.input("value_i", signed(8));
    m.output("value_o", &value + &value);
    m.finish().unwrap()
}

/// Single instances.
pub fn single() -> Arc<Module> {
    let mut m = Builder::new("single", "Two instances, one inside an expression.");
    let a = m.input("a_i", unsigned(8));
    let first = m.instance("first", &doubler(), &[("value_i", &a.as_signed())]).get("value_o");
    let memory = m.instance("rom", &rom(), &[("address_i", &a.slice(0, 3))]).get("data_o");
    let sum = &first + &a.as_signed();
    let second = m.instance("second", &doubler(), &[("value_i", &sum)]).get("value_o");
    m.comment(&second, "Four times the input and twice the input.");
    m.output("value_o", second);
    m.output("square_o", memory.slice(0, 12));
    m.discard(memory.slice(12, 68));
    m.finish().unwrap()
}

/// Values assigned after their use.
pub fn ring() -> Arc<Module> {
    let mut m = Builder::new("ring", "Two instances, each of which feeds the other through a register.");
    let start = m.input("start_i", signed(8));
    let changed = m.forward("changed", signed(8));
    let back = m.forward("back", signed(8));
    m.comment(&back.value(), "From the far end.");
    m.assign(&changed, back.value() ^ &start);
    let first = m.instance("first", &doubler(), &[("value_i", &(back.value() + &start))]).get("value_o");
    let far = m.reg("far_q", &first);
    let second = m.instance("second", &doubler(), &[("value_i", &far)]).get("value_o");
    m.assign(&back, &second - 1);
    m.output("value_o", second);
    m.output("changed_o", changed.value());
    m.finish().unwrap()
}

/// Two chains through a grid, and every way to enter it.
pub fn grid() -> Arc<Module> {
    let mut m = Builder::new("grid", "A systolic array of 3 x 2.");
    let load = m.input("load_i", unsigned(1));
    let moving = m.input("moving_i", unsigned(12));
    let stationary = m.input("stationary_i", unsigned(16));
    let ready = m.input("ready_i", unsigned(1));
    let element = element();
    let moving = m.chain(&element, "moving_o", 1, &moving);
    let below = m.chain(&element, "stationary_o", 0, &stationary);
    let sum = m.chain(&element, "sum_o", 0, Expr::zero(unsigned(32)));
    let pe = m.array(
        "pe",
        &element,
        &[("row", 3), ("column", 2)],
        vec![
            ("load_i", Connection::All(&load & &ready)),
            ("moving_i", moving),
            ("stationary_i", below),
            ("sum_i", sum),
        ],
    );
    m.output("sum_o", pe.last("sum_o"));
    m.finish().unwrap()
}

/// An array of one dimension whose whole output is read, next to another over the same dimension.
pub fn column() -> Arc<Module> {
    let mut m = Builder::new("column", "Lanes of one dimension.");
    let values = m.input("values_i", unsigned(24));
    let mask = m.input("mask_i", unsigned(24));
    let doubler = doubler();
    let once = m
        .array(
            "once",
            &doubler,
            &[("lane", 3)],
            vec![("value_i", Connection::Lane { dimension: 0, lanes: &values & &mask })],
        )
        .get("value_o");
    m.comment(&once, "Doubled, lane 0 lowest.");
    let chain = m.chain(&doubler, "value_o", 0, once.lane(1, 8).as_signed());
    let power = m.array("power", &doubler, &[("lane", 4)], vec![("value_i", chain)]);
    m.output("once_o", once);
    m.output("power_o", power.get("value_o").slice(4, 24));
    m.finish().unwrap()
}

/// An array of one-bit elements with one index of size 1.
pub fn lane() -> Arc<Module> {
    let mut inverter = Builder::new("inverter", "Inverts.");
    let a = inverter.input("a_i", unsigned(1));
    inverter.output("y_o", !&a);
    let inverter = inverter.finish().unwrap();
    let mut m = Builder::new("lane", "Lanes of one bit, and arrays of one element.");
    let a = m.input("a_i", unsigned(6));
    let b = m.input("b_i", unsigned(8));
    let bits = m.array("bits", &inverter, &[("y", 2), ("x", 3)], vec![("a_i", Connection::Element(a.clone()))]);
    let rows = m.array(
        "rows",
        &inverter,
        &[("z", 2), ("w", 1)],
        vec![("a_i", Connection::Lane { dimension: 0, lanes: a.slice(2, 2) })],
    );
    let signed_one = m.array(
        "signed_one",
        &doubler(),
        &[("u", 1)],
        vec![("value_i", Connection::Lane { dimension: 0, lanes: b.clone() })],
    );
    m.output("doubled_o", signed_one.get("value_o"));
    let one = m.array("one", &inverter, &[("v", 1)], vec![("a_i", Connection::Element(a.bit(5)))]);
    m.output("y_o", cat(&[bits.get("y_o"), rows.get("y_o"), one.get("y_o")]));
    m.finish().unwrap()
}
