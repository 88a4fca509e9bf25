//! Every mistake that the checks find, in the words in which they report it.

use logloom_hdl::rtl::{
    Bits, Builder, Connection, Expr, Foreign, Module, ReadPort, ReadUnderWrite, WritePort, cat, lookup, mux, select,
    signed, unsigned,
};
use std::fmt::Write;
use std::sync::Arc;

/// A module with one combinational and one registered output.
fn leaf() -> Arc<Module> {
    let mut m = Builder::new("leaf", "Passes on, at once and a cycle later.");
    let a = m.input("a_i", unsigned(4));
    let b = m.input("b_i", signed(4));
    let held = m.reg("held_q", &b);
    m.output("now_o", !&a);
    m.output("later_o", held);
    m.finish().unwrap()
}

type Case = (&'static str, fn(&mut Builder));

const CASES: &[Case] = &[
    ("lookup in a module that is printed", |m| {
        let a = m.input("a_i", unsigned(1));
        m.output("y_o", lookup(unsigned(4), &a, &[1, 2].into()));
    }),
    ("lookup in another number of words", |m| {
        let a = m.input("a_i", unsigned(2));
        m.output("y_o", lookup(unsigned(4), &a, &[1, 2].into()));
    }),
    ("undriven register", |m| {
        let r = m.register("r_q", unsigned(1));
        m.output("y_o", r.value());
    }),
    ("undriven value", |m| {
        let w = m.forward("w", unsigned(1));
        m.output("y_o", w.value());
    }),
    ("register driven twice", |m| {
        let r = m.register("r_q", unsigned(1));
        m.drive(&r, !r.value());
        m.drive(&r, r.value());
        m.output("y_o", r.value());
    }),
    ("name of two drivers", |m| {
        let a = m.input("a_i", unsigned(1));
        let w = m.wire("w", &a);
        let r = m.reg("w", &a);
        m.output("y_o", w ^ r);
    }),
    ("name of the clock", |m| {
        let clock = m.input("clk_i", unsigned(1));
        m.output("y_o", clock);
    }),
    ("name of a loop variable", |m| {
        let a = m.input("a_i", unsigned(4));
        let row = m.wire("row", !&a);
        let lanes = vec![("a_i", Connection::All(row)), ("b_i", Connection::All(a.as_signed()))];
        let out = m.array("pe", &leaf(), &[("row", 2)], lanes);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o")]));
    }),
    ("name inside a loop", |m| {
        let a = m.input("a_i", unsigned(4));
        let hidden = m.wire("now_out", !&a);
        let lanes = vec![("a_i", Connection::All(hidden)), ("b_i", Connection::All(a.as_signed()))];
        let out = m.array("pe", &leaf(), &[("row", 2)], lanes);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o")]));
    }),
    ("name of an instance's wire", |m| {
        let a = m.input("a_i", unsigned(4));
        let clash = m.wire("pe_now", !&a);
        let out = m.instance("pe", &leaf(), &[("a_i", &clash), ("b_i", &a.as_signed())]);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o")]));
    }),
    ("keyword", |m| {
        let a = m.input("a_i", unsigned(1));
        let w = m.wire("logic", !&a);
        m.output("y_o", w);
    }),
    ("not an identifier", |m| {
        let a = m.input("A-i", unsigned(1));
        m.output("_o", a);
    }),
    ("port without suffix", |m| {
        let a = m.input("a", unsigned(1));
        m.output("y", a);
    }),
    ("zero width", |m| {
        let r = m.register("r_q", unsigned(0));
        m.drive(&r, r.value());
    }),
    ("loop", |m| {
        let a = m.input("a_i", unsigned(4));
        let back = m.forward("back", unsigned(4));
        let up = m.wire("up", back.value() + &a);
        let down = m.wire("down", !&up);
        m.assign(&back, down);
        m.output("y_o", up);
    }),
    ("loop through an instance", |m| {
        let a = m.input("a_i", signed(4));
        let back = m.forward("back", unsigned(4));
        let out = m.instance("passer", &leaf(), &[("a_i", &back.value()), ("b_i", &a)]);
        m.assign(&back, out.get("now_o") + 1);
        m.output("y_o", out.get("later_o"));
    }),
    ("loop of one", |m| {
        let w = m.forward("w", unsigned(1));
        m.assign(&w, !w.value());
        m.output("y_o", w.value());
    }),
    ("register of another type", |m| {
        let a = m.input("a_i", signed(4));
        let r = m.register_reset("r_q", unsigned(4), Bits::zero(3));
        m.drive_when(&r, &a, &a);
        m.output("y_o", r.value());
    }),
    ("ports", |m| {
        let a = m.input("a_i", signed(4));
        let out = m.instance("p", &leaf(), &[("a_i", &a), ("b_i", &a), ("b_i", &a), ("c_i", &a)]);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o"), out.get("x_o")]));
    }),
    ("missing port", |m| {
        let a = m.input("a_i", unsigned(4));
        let out = m.instance("p", &leaf(), &[("a_i", &a)]);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o")]));
    }),
    ("lanes", |m| {
        let a = m.input("a_i", unsigned(7));
        let lane = Connection::Lane { dimension: 0, lanes: a.clone() };
        let out = m.array("p", &leaf(), &[("x", 2)], vec![("a_i", lane), ("b_i", Connection::Element(a))]);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o")]));
    }),
    ("chains", |m| {
        let a = m.input("a_i", unsigned(7));
        let first = m.chain(&leaf(), "now_o", 0, &a);
        let wrong = m.chain(&leaf(), "now_o", 1, a.as_signed());
        let out = m.array("p", &leaf(), &[("x", 2), ("y", 3)], vec![("a_i", first), ("b_i", wrong)]);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o")]));
    }),
    ("dimensions", |m| {
        let a = m.input("a_i", unsigned(4));
        let lane = Connection::Lane { dimension: 2, lanes: a.clone() };
        let wrong = m.chain(&leaf(), "late_o", 0, a.as_signed());
        let out = m.array("p", &leaf(), &[("x", 1), ("x", 1)], vec![("a_i", lane), ("b_i", wrong)]);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o")]));
    }),
    ("dimension of size zero", |m| {
        let a = m.input("a_i", unsigned(4));
        let ports = vec![("a_i", Connection::All(a.clone())), ("b_i", Connection::All(a.as_signed()))];
        let out = m.array("p", &leaf(), &[("x", 0)], ports);
        m.output("y_o", out.last("now_o"));
    }),
    ("lanes of a single instance", |m| {
        let a = m.input("a_i", unsigned(4));
        let ports = vec![("a_i", Connection::Element(a.clone())), ("b_i", Connection::All(a.as_signed()))];
        let out = m.array("p", &leaf(), &[], ports);
        m.output("y_o", cat(&[out.get("now_o"), out.get("later_o")]));
    }),
    ("memory", |m| {
        let a = m.input("a_i", unsigned(4));
        let read = ReadPort { enable: a.clone(), address: a.clone() };
        let write = WritePort { enable: a.bit(0), address: a.slice(0, 2), data: a.as_signed() };
        let data = m.memory("store", 5, ReadUnderWrite::Old, read, write);
        m.output("y_o", data);
    }),
    ("empty memory", |m| {
        let a = m.input("a_i", unsigned(1));
        let data = m.rom("store", 4, Vec::new(), ReadPort { enable: a.clone(), address: a });
        m.output("y_o", data);
    }),
    ("words of another width", |m| {
        let a = m.input("a_i", unsigned(1));
        let data = m.rom("store", 4, vec![Bits::zero(4), Bits::zero(3)], ReadPort { enable: a.clone(), address: a });
        m.output("y_o", data);
    }),
    ("operands", |m| {
        let a = m.input("a_i", unsigned(4));
        let b = m.input("b_i", signed(4));
        m.output("sum_o", &a + &b);
        m.output("constant_o", &a + 16);
        m.output("shift_o", a.shl(&b));
        m.output("mux_o", mux(&a, &a, &a));
        m.output("arms_o", mux(&a.bit(0), &a, &b));
        m.output("select_o", select(&a, &[a.clone(), b.as_unsigned(), b.clone()]));
        m.output("signed_index_o", select(&b, &[a.clone(), a.clone()]));
        m.output("slice_o", a.slice(3, 2));
        m.output("narrow_o", a.extend(3));
        m.output("unnamed_slice_o", (&a + &a).bit(0));
        m.output("unnamed_sign_o", (&b + &b).extend(8));
        m.output("none_o", cat(&[]));
        m.output("repeat_o", a.repeat(0));
    }),
    ("one mistake in two places", |m| {
        let a = m.input("a_i", unsigned(4));
        let wrong = &a + &a.extend(5);
        m.output("y_o", &wrong);
        m.output("z_o", &wrong);
    }),
    ("signal of another module", |m| {
        let mut other = Builder::new("other", "");
        other.input("a_i", unsigned(3));
        let far = other.input("far_i", unsigned(2));
        let a = m.input("a_i", unsigned(2));
        m.output("y_o", &a ^ &far);
    }),
    ("unused", |m| {
        let a = m.input("a_i", unsigned(8));
        m.input("b_i", unsigned(8));
        m.wire("w", a.slice(1, 3));
        m.reg("r_q", a.bit(6));
        m.instance("p", &leaf(), &[("a_i", &a.slice(1, 4)), ("b_i", &a.slice(1, 4).as_signed())]);
        let read = ReadPort { enable: a.bit(1), address: a.bit(1) };
        m.memory(
            "store",
            2,
            ReadUnderWrite::Old,
            read,
            WritePort { enable: a.bit(1), address: a.bit(1), data: a.bit(2) },
        );
    }),
    ("used by nothing that is used", |m| {
        let a = m.input("a_i", unsigned(1));
        let own = m.register("own_q", unsigned(8));
        m.drive_when(&own, &a, own.value() + 1);
        let (ping, pong) = (m.register("ping_q", unsigned(1)), m.register("pong_q", unsigned(1)));
        m.drive(&ping, pong.value());
        m.drive(&pong, ping.value() ^ &a);
        let word = m.forward("word", unsigned(4));
        let read = ReadPort { enable: a.clone(), address: a.clone() };
        let write = WritePort { enable: a.clone(), address: a.clone(), data: word.value() };
        let data = m.memory("store", 2, ReadUnderWrite::Old, read, write);
        m.assign(&word, &data + 1);
        let back = m.forward("back", signed(4));
        let out = m.instance("p", &leaf(), &[("a_i", &word.value()), ("b_i", &back.value())]);
        m.assign(&back, (out.get("now_o") ^ out.get("later_o").as_unsigned()).as_signed());
        m.output("y_o", a);
    }),
    ("comment on another module", |m| {
        let mut other = Builder::new("other", "");
        other.input("a_i", unsigned(1));
        let far = other.input("far_i", unsigned(1));
        let a = m.input("a_i", unsigned(1));
        m.comment(&far, "");
        m.output("y_o", a);
    }),
    ("too large", |m| {
        let a = m.input("a_i", unsigned(8));
        m.output("wide_o", (0..64).fold(a.clone(), |sum, _| &sum + &sum));
        m.output("deep_o", (0..1_000).fold(a, |sum, i| if i % 2 == 0 { !sum } else { -sum }));
    }),
];

#[test]
fn mistakes_are_reported_as_reviewed() {
    let mut report = String::new();
    for (name, build) in CASES {
        let mut m = Builder::new("top", "Wrong.");
        build(&mut m);
        let _ = writeln!(report, "{name}");
        match m.finish_all() {
            Ok(_) => report.push_str("  NOTHING\n"),
            Err(mistakes) => mistakes.iter().for_each(|mistake| {
                let _ = writeln!(report, "  {mistake}");
            }),
        }
    }
    assert!(!report.contains("NOTHING"), "{report}");
    insta::assert_snapshot!(report);
}

#[test]
fn a_module_name_is_checked() {
    let mistake = Builder::new("module", "").finish().unwrap_err();
    assert_eq!(mistake.to_string(), "module: a keyword of Verilog or SystemVerilog: choose another name");
}

#[test]
fn paths_pass_through_instances_and_forward_along_chains() {
    let leaf = leaf();
    assert_eq!(leaf.paths, [vec![0], vec![]]);
    let mut m = Builder::new("top", "A chain.");
    let a = m.input("a_i", unsigned(4));
    let b = m.input("b_i", unsigned(12));
    let chain = m.chain(&leaf, "now_o", 0, &a);
    let lanes = b.as_signed();
    let out = m.array("p", &leaf, &[("x", 3)], vec![("a_i", chain), ("b_i", Connection::Element(lanes))]);
    m.output("now_o", out.last("now_o"));
    m.output("later_o", out.get("later_o"));
    m.output("both_o", out.last("now_o") ^ b.slice(0, 4));
    assert_eq!(m.finish().unwrap().paths, [vec![0], vec![], vec![0, 1]]);
}

/// Chains, memories and instances pass on what is used; a counter that is discarded may count for itself.
#[test]
fn what_reaches_an_output_through_state_is_used() {
    let mut m = Builder::new("top", "A chain behind a memory.");
    let a = m.input("a_i", unsigned(4));
    let count = m.register("count_q", unsigned(1));
    m.drive(&count, !count.value());
    let idle = m.register("idle_q", unsigned(1));
    m.drive(&idle, !idle.value());
    m.discard(idle.value());
    let read = ReadPort { enable: count.value(), address: count.value() };
    let write = WritePort { enable: a.bit(0), address: a.bit(1), data: a.clone() };
    let data = m.memory("store", 2, ReadUnderWrite::Old, read, write);
    let chain = m.chain(&leaf(), "now_o", 0, &data);
    let out = m.array("p", &leaf(), &[("x", 3)], vec![("a_i", chain), ("b_i", Connection::All(a.as_signed()))]);
    m.output("later_o", out.get("later_o"));
    assert_eq!(m.finish_all().map(|_| ()), Ok(()));
}

#[test]
fn discarded_bits_may_be_unused() {
    let mut m = Builder::new("top", "Uses half.");
    let a = m.input("a_i", unsigned(8));
    let w = m.wire("w", a.slice(0, 6));
    m.discard(a.slice(6, 2));
    m.discard(&w);
    assert!(m.finish().is_ok());
}

#[test]
fn shared_parts_are_walked_once() {
    // 2^40 paths lead to `a`; a tree of constants is as deep and reads nothing.
    let mut m = Builder::new("top", "Doubles forty times.");
    let a = m.input("a_i", unsigned(8));
    m.output("y_o", (0..40).fold(a, |sum, _| &sum + &sum));
    let zero = Expr::zero(unsigned(8));
    m.output("z_o", (0..40).fold(zero, |sum, _| &sum ^ &sum));
    assert_eq!(m.finish_all().unwrap_err().len(), 2);
}

/// Somebody else's module may be named as he likes, but not like one of ours, nor may those below it.
#[test]
fn foreign_modules_have_names_of_their_own() {
    let foreign = |name: &str, modules: &[&str]| {
        let mut m = Builder::new(name, "Inverts.");
        let a = m.input("a_i", unsigned(1));
        m.output("y_o", !a);
        m.foreign(Foreign {
            text: "".into(),
            modules: modules.iter().map(|name| name.to_string()).collect(),
            inputs: vec!["A".into()],
            outputs: vec!["Y".into()],
            clock: None,
        });
        m.finish().unwrap()
    };
    let around = |foreign: &Arc<Module>| {
        let mut m = Builder::new("top", "Inverts by somebody else's module.");
        let a = m.input("a_i", unsigned(1));
        let y = m.instance("inverter", foreign, &[("a_i", &a)]).get("y_o");
        m.output("y_o", y);
        m.finish().unwrap().hierarchy().map(|modules| modules.len()).map_err(|error| error.to_string())
    };
    assert_eq!(around(&foreign("Inv_1", &["Inv_1", "cell"])), Ok(2));
    let clash = "Inv: `Top` is defined, and the accelerator has a module `top`".to_string();
    assert_eq!(around(&foreign("Inv", &["Inv", "Top"])), Err(clash));
}
