//! Hierarchy, sharing, folding, removal, loops, faults.

use super::{finish, get, set, start};
use crate::netlist::{Error, Fault, FaultKind, Options, Simulator, matches};
use logloom_hdl::rtl::{Bits, Builder, Connection, Expr, Module, Source, cat, mux, unsigned};
use std::sync::Arc;

fn inverter() -> Arc<Module> {
    let mut m = Builder::new("inverter", "Inverts.");
    let a = m.input("a_i", unsigned(4));
    m.output("b_o", !a);
    finish(m)
}

fn two_inverters() -> Module {
    let inverter = inverter();
    let mut m = Builder::new("pair", "Twice inverted.");
    let a = m.input("a_i", unsigned(4));
    let first = m.instance("first", &inverter, &[("a_i", &a)]).get("b_o");
    let second = m.instance("second", &inverter, &[("a_i", &first)]).get("b_o");
    m.output("b_o", second);
    Arc::try_unwrap(finish(m)).unwrap()
}

#[test]
fn names_follow_the_hierarchy() {
    let inner = Arc::new(two_inverters());
    let mut m = Builder::new("top", "Three levels.");
    let a = m.input("a_i", unsigned(4));
    let b = m.instance("pair", &inner, &[("a_i", &a)]).get("b_o");
    m.output("b_o", b);
    let mut sim = start(m);
    set(&mut sim, "a_i", 0b0110);
    for (path, value) in [("a_i", 6), ("u_pair.u_first.b_o", 9), ("u_pair.first_b", 9), ("u_pair.u_second.a_i", 9)] {
        let signal = sim.find(path).unwrap();
        assert_eq!(sim.peek(signal).to_u64(), Some(value), "{path}");
        assert_eq!(sim.path(signal), path);
    }
    assert_eq!(get(&mut sim, "b_o"), 6);
    let error = sim.output("c_o").unwrap_err();
    assert_eq!(error.to_string(), "no output `c_o`; there are: b_o");
}

#[test]
fn a_loop_across_modules_is_named() {
    let mut module = two_inverters();
    let Source::InstanceOutput { .. } = module.signals[2].source else { panic!("second_b") };
    let back = module.outputs[0].1.clone();
    module.instances[0].inputs[0] = Connection::All(back);
    match Simulator::new(&Arc::new(module)) {
        Err(Error::Loop { path }) => {
            for signal in ["first_b", "second_b", "u_first.a_i", "u_first.b_o", "u_second.a_i", "u_second.b_o"] {
                assert!(path.contains(&signal.to_string()), "{path:?}");
            }
            assert_eq!(path.first(), path.last());
            let place = |name: &str| path[1..].iter().position(|p| p == name).unwrap() as i64;
            let distance = (place("u_first.b_o") - place("u_first.a_i")).rem_euclid(path.len() as i64 - 1);
            assert_eq!(distance, 1, "told in the direction of the signal: {path:?}");
        }
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn a_path_from_lane_to_lane_is_no_loop() {
    let inverter = inverter();
    let mut m = Builder::new("ladder", "Lane 1 takes lane 0, through the vector of all outputs.");
    let a = m.input("a_i", unsigned(8));
    let lane = Connection::Element(a.clone());
    let out = m.array("step", &inverter, &[("lane", 2)], vec![("a_i", lane)]).get("b_o");
    m.output("b_o", &out);
    let mut module = Arc::try_unwrap(finish(m)).unwrap();
    module.instances[0].inputs[0] = Connection::Element(cat(&[out.slice(0, 4), a.slice(0, 4)]));
    let mut sim = Simulator::new(&Arc::new(module)).unwrap();
    set(&mut sim, "a_i", 0x5);
    assert_eq!(get(&mut sim, "b_o"), 0x5A);
}

#[test]
fn constants_are_folded_and_equal_operations_shared() {
    let mut m = Builder::new("fold", "Has less to do than it seems.");
    let a = m.input("a_i", unsigned(8));
    let b = m.input("b_i", unsigned(8));
    let three = Expr::constant(unsigned(8), 3);
    let six = m.wire("six", &three + &three);
    let chosen = mux(&six.is(6), &(&a + &b), &(&a - &b));
    m.output("x_o", &chosen);
    m.output("y_o", &a + &b);
    m.output("z_o", &six & &a);
    let mut sim = start(m);
    assert_eq!(sim.operations(), 2);
    set(&mut sim, "a_i", 200);
    set(&mut sim, "b_i", 100);
    let six = sim.find("six").unwrap();
    assert_eq!(sim.peek(six).to_u64(), Some(6));
    assert_eq!((get(&mut sim, "x_o"), get(&mut sim, "y_o"), get(&mut sim, "z_o")), (44, 44, 0));
}

#[test]
fn unneeded_logic_goes_unless_it_is_watched() {
    let build = || {
        let mut m = Builder::new("spare", "Half of it is for nobody.");
        let a = m.input("a_i", unsigned(8));
        let parity = m.wire("parity", a.parity());
        let spare = m.reg("spare_q", &parity);
        m.discard(spare);
        m.output("b_o", !a);
        finish(m)
    };
    let sim = Simulator::new(&build()).unwrap();
    assert!(sim.find("spare_q").is_none());
    assert_eq!((sim.operations(), sim.netlist().registers.len()), (1, 0));

    let options = Options { watch: vec!["spare*".into()], ..Options::default() };
    let mut sim = Simulator::with_options(&build(), &options).unwrap();
    set(&mut sim, "a_i", 0b111);
    sim.step();
    let spare = sim.find("spare_q").unwrap();
    assert_eq!(sim.peek(spare).to_u64(), Some(1));
}

#[test]
fn faults_are_built_in() {
    let module = Arc::new(two_inverters());
    for (path, bit, kind, expected) in [
        ("u_first.b_o", 0, FaultKind::Inverted, 0b0111),
        ("u_second.a_i", 3, FaultKind::StuckAt1, 0b0110),
        ("u_second.a_i", 3, FaultKind::StuckAt0, 0b1110),
        ("a_i", 1, FaultKind::StuckAt0, 0b0100),
        ("b_o", 2, FaultKind::Inverted, 0b0010),
    ] {
        let options = Options { faults: vec![Fault { path: path.into(), bit, kind }], ..Options::default() };
        let mut sim = Simulator::with_options(&module, &options).unwrap();
        set(&mut sim, "a_i", 0b0110);
        assert_eq!(get(&mut sim, "b_o"), expected, "{path} bit {bit} {kind:?}");
    }
    for (path, bit) in [("nothing", 0), ("a_i", 4)] {
        let fault = Fault { path: path.into(), bit, kind: FaultKind::Inverted };
        let options = Options { faults: vec![fault], ..Options::default() };
        assert!(Simulator::with_options(&module, &options).is_err());
    }
}

#[test]
fn a_broken_register_stays_a_register() {
    let mut m = Builder::new("counter", "Counts.");
    let count = m.register_reset("count_q", unsigned(8), Bits::from_i64(8, 4));
    m.drive(&count, count.value() + 1);
    m.output("count_o", count.value());
    let fault = Fault { path: "count_q".into(), bit: 7, kind: FaultKind::StuckAt1 };
    let options = Options { faults: vec![fault], ..Options::default() };
    let mut sim = Simulator::with_options(&finish(m), &options).unwrap();
    sim.set_reset(true);
    sim.step();
    assert_eq!(get(&mut sim, "count_o"), 0x84);
    sim.set_reset(false);
    sim.run(2);
    assert_eq!(get(&mut sim, "count_o"), 0x86);
}

#[test]
fn deep_expressions_do_not_overflow_the_stack() {
    let mut m = Builder::new("deep", "A long sum.");
    let a = m.input("a_i", unsigned(32));
    // As deep as the checks allow.
    let sum = (0..990).fold(a.clone(), |sum, i| if i % 2 == 0 { sum ^ &a } else { sum + &a });
    m.output("sum_o", sum);
    let mut sim = Simulator::new(&m.finish().unwrap()).unwrap();
    set(&mut sim, "a_i", 5);
    let expected = (0..990).fold(5u32, |sum, i| if i % 2 == 0 { sum ^ 5 } else { sum.wrapping_add(5) });
    assert_eq!(get(&mut sim, "sum_o"), u64::from(expected));
}

#[test]
fn patterns_choose_paths() {
    assert!(matches("", "u_a.x"));
    assert!(matches("u_a", "u_a.x_q"));
    assert!(matches("u_a.x_q", "u_a.x_q"));
    assert!(!matches("u_a", "u_ab.x_q"));
    assert!(matches("*_q", "u_a.x_q"));
    assert!(!matches("*_q", "u_a.x_qq"));
    assert!(matches("g_row[?].*.u_pe.sum*", "g_row[1].g_column[0].u_pe.sum_q"));
    assert!(matches("a*b*c", "a-b-bb-c"));
    assert!(!matches("a*b*c", "a-b-bb-d"));
    assert!(matches("*", "x"));
}
