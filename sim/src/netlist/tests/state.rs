//! Registers, reset, memories.

use super::{get, set, start};
use crate::netlist::{Hazard, Simulator};
use logloom_hdl::rtl::{Bits, Builder, ReadPort, ReadUnderWrite, WritePort, signed, unsigned};

#[test]
fn a_register_holds_without_enable_and_resets_to_its_value() {
    let mut m = Builder::new("hold", "Counts when enabled.");
    let enable = m.input("enable_i", unsigned(1));
    let count = m.register_reset("count_q", unsigned(4), Bits::from_i64(4, 13));
    m.drive_when(&count, &enable, count.value() + 1);
    m.output("count_o", count.value());
    let mut sim = start(m);

    assert_eq!(get(&mut sim, "count_o"), 0, "power-up");
    sim.set_reset(true);
    set(&mut sim, "enable_i", 1);
    sim.run(2);
    assert_eq!(get(&mut sim, "count_o"), 13, "reset wins over enable");
    sim.set_reset(false);
    sim.step();
    assert_eq!(get(&mut sim, "count_o"), 14);
    set(&mut sim, "enable_i", 0);
    sim.run(5);
    assert_eq!(get(&mut sim, "count_o"), 14);
    set(&mut sim, "enable_i", 1);
    sim.run(3);
    assert_eq!(get(&mut sim, "count_o"), 1, "wraps");
    assert_eq!(sim.cycle(), 11);
}

#[test]
fn a_register_without_reset_follows_its_clock_in_reset() {
    let mut m = Builder::new("free", "Registers with and without a reset.");
    let enable = m.input("enable_i", unsigned(1));
    let value = m.input("value_i", unsigned(4));
    let free = m.reg_unreset_when("free_q", &enable, &value);
    let reset = m.reg_when("reset_q", &enable, &value);
    m.output("free_o", free);
    m.output("reset_o", reset);
    let mut sim = start(m);

    sim.set_reset(true);
    set(&mut sim, "enable_i", 1);
    set(&mut sim, "value_i", 9);
    sim.step();
    assert_eq!((get(&mut sim, "free_o"), get(&mut sim, "reset_o")), (9, 0));
    set(&mut sim, "enable_i", 0);
    set(&mut sim, "value_i", 5);
    sim.step();
    assert_eq!((get(&mut sim, "free_o"), get(&mut sim, "reset_o")), (9, 0));
}

#[test]
fn registers_change_all_at_once() {
    let mut m = Builder::new("exchange", "Two registers that exchange their values, and a delay line.");
    let left = m.register_reset("left_q", unsigned(100), Bits::from_words(100, &[7, 1]));
    let right = m.register_reset("right_q", unsigned(100), Bits::from_words(100, &[9, 2]));
    m.drive(&left, right.value());
    m.drive(&right, left.value());
    m.output("left_o", left.value());
    m.output("right_o", right.value());
    let late = m.delay("late", left.value(), 3);
    m.output("late_o", late);
    let mut sim = start(m);

    sim.set_reset(true);
    sim.step();
    sim.set_reset(false);
    let (left, right) = (sim.output("left_o").unwrap(), sim.output("right_o").unwrap());
    for cycle in 0..6 {
        let (first, second) = if cycle % 2 == 0 { ([7, 1], [9, 2]) } else { ([9, 2], [7, 1]) };
        assert_eq!(sim.get_bits(left).words(), first);
        assert_eq!(sim.get_bits(right).words(), second);
        let late = if cycle < 3 { 0 } else { [9, 7][cycle % 2] };
        assert_eq!(get(&mut sim, "late_o"), [late, late][0], "cycle {cycle}");
        sim.step();
    }
}

#[test]
fn an_accumulator_keeps_its_sign() {
    let mut m = Builder::new("accumulate", "Sums up.");
    let x = m.input("x_i", signed(8));
    let sum = m.register("sum_q", signed(12));
    m.drive(&sum, sum.value() + x.extend(12));
    m.output("sum_o", sum.value());
    m.output("negative_o", sum.value().lt(&logloom_hdl::rtl::Expr::constant(signed(12), 0)));
    let mut sim = start(m);
    set(&mut sim, "x_i", 0x80);
    sim.run(3);
    assert_eq!(get(&mut sim, "sum_o"), 0x1000 - 3 * 128);
    assert_eq!(get(&mut sim, "negative_o"), 1);
}

/// A memory of 5 words: addresses 5 to 7 exist and hold nothing.
fn memory(width: u32, kind: ReadUnderWrite) -> Simulator {
    let mut m = Builder::new("store", "A memory.");
    let read_enable = m.input("read_i", unsigned(1));
    let read_address = m.input("read_address_i", unsigned(3));
    let enable = m.input("write_i", unsigned(1));
    let address = m.input("address_i", unsigned(3));
    let data = m.input("data_i", unsigned(width));
    let read = ReadPort { enable: read_enable, address: read_address };
    let value = m.memory("words", 5, kind, read, WritePort { enable, address, data });
    m.output("data_o", value);
    start(m)
}

fn access(sim: &mut Simulator, read: Option<u64>, write: Option<(u64, u64)>) -> u64 {
    set(sim, "read_i", u64::from(read.is_some()));
    set(sim, "read_address_i", read.unwrap_or(0));
    set(sim, "write_i", u64::from(write.is_some()));
    let (address, data) = write.unwrap_or((0, 0));
    set(sim, "address_i", address);
    set(sim, "data_i", data);
    sim.step();
    get(sim, "data_o")
}

#[test]
fn memories_read_one_cycle_later_and_hold() {
    for width in [1, 17, 64] {
        let ones = u64::MAX >> (64 - width);
        let mut sim = memory(width, ReadUnderWrite::Old);
        assert_eq!(access(&mut sim, None, Some((3, ones))), 0);
        assert_eq!(access(&mut sim, Some(3), None), ones);
        assert_eq!(access(&mut sim, None, Some((3, 0))), ones, "held");
        assert_eq!(access(&mut sim, Some(3), None), 0);
        access(&mut sim, None, Some((4, ones)));
        sim.set_reset(true);
        assert_eq!(access(&mut sim, Some(4), None), ones, "reads in reset, contents survive");
    }
}

#[test]
fn reads_under_a_write() {
    for (kind, expected) in [(ReadUnderWrite::Old, 1), (ReadUnderWrite::New, 2), (ReadUnderWrite::Never, 1)] {
        let mut sim = memory(8, kind);
        access(&mut sim, None, Some((2, 1)));
        assert_eq!(access(&mut sim, Some(2), Some((2, 2))), expected, "{kind:?}");
        assert_eq!(access(&mut sim, Some(2), Some((1, 3))), 2, "another word");
        assert_eq!(access(&mut sim, Some(1), None), 3);
        let hazards = match kind {
            ReadUnderWrite::Never => vec![Hazard { path: "words".into(), cycle: 1, address: 2 }],
            _ => vec![],
        };
        assert_eq!(sim.hazards(), hazards);
    }
}

#[test]
fn addresses_beyond_the_depth_read_zero_and_write_nothing() {
    for kind in [ReadUnderWrite::Old, ReadUnderWrite::New, ReadUnderWrite::Never] {
        let mut sim = memory(8, kind);
        for address in 0..8 {
            access(&mut sim, None, Some((address, 10 + address)));
        }
        let read: Vec<u64> = (0..8).map(|address| access(&mut sim, Some(address), None)).collect();
        assert_eq!(read, [10, 11, 12, 13, 14, 0, 0, 0]);
        assert_eq!(access(&mut sim, Some(6), Some((6, 9))), 0, "{kind:?}");
        assert!(sim.hazards().is_empty());
    }
}

#[test]
fn wide_memories_and_access_past_the_ports() {
    let mut sim = memory(150, ReadUnderWrite::New);
    let words = sim.memory("words").unwrap();
    let value = Bits::from_words(150, &[1, 2, 3]);
    sim.store(words, 4, &value);
    sim.store(words, 5, &value);
    assert_eq!(sim.load(words, 4), value);
    assert!(sim.load(words, 5).is_zero());
    access(&mut sim, Some(4), None);
    let out = sim.output("data_o").unwrap();
    assert_eq!(sim.get_bits(out), value);
    let data = sim.input("data_i").unwrap();
    set(&mut sim, "write_i", 1);
    set(&mut sim, "address_i", 4);
    sim.set_bits(data, &Bits::from_words(150, &[7, 8, 9]));
    sim.step();
    assert_eq!(sim.get_bits(out).words(), [7, 8, 9], "written through");
    sim.set(data, 5);
    sim.step();
    assert_eq!(sim.get_bits(out).words(), [5, 0, 0]);
}

#[test]
fn a_rom_holds_its_list() {
    let mut m = Builder::new("lookup", "A table.");
    let enable = m.input("read_i", unsigned(1));
    let address = m.input("address_i", unsigned(2));
    let contents = [5, 6, 7].iter().map(|&v| Bits::from_i64(4, v)).collect();
    let value = m.rom("values", 4, contents, ReadPort { enable, address });
    m.output("data_o", value);
    let mut sim = start(m);
    set(&mut sim, "read_i", 1);
    for (address, expected) in [(0, 5), (2, 7), (3, 0), (1, 6)] {
        set(&mut sim, "address_i", address);
        sim.step();
        assert_eq!(get(&mut sim, "data_o"), expected);
    }
}
