//! Value change dumps.

use super::{finish, set, start};
use crate::netlist::{Simulator, wave};
use logloom_hdl::rtl::{Builder, unsigned};

fn counters() -> Simulator {
    let mut m = Builder::new("counter", "Counts when enabled.");
    let enable = m.input("enable_i", unsigned(1));
    let count = m.register("count_q", unsigned(3));
    m.drive_when(&count, &enable, count.value() + 1);
    m.output("count_o", count.value());
    let counter = finish(m);
    let mut m = Builder::new("pair", "Two counters, the second at half speed.");
    let enable = m.input("enable_i", unsigned(1));
    let fast = m.instance("fast", &counter, &[("enable_i", &enable)]).get("count_o");
    let odd = fast.bit(0);
    let slow = m.instance("slow", &counter, &[("enable_i", &odd)]).get("count_o");
    m.output("fast_o", fast);
    m.output("slow_o", slow);
    start(m)
}

const EXPECTED: &str = "\
$version
    logloom
$end
$timescale
    1 ns
$end
$scope module top $end
$var wire 1 ! clk_i $end
$var wire 1 \" rst_ni $end
$scope module u_fast $end
$var wire 3 # count_q $end
$upscope $end
$scope module u_slow $end
$var wire 3 $ count_q $end
$upscope $end
$upscope $end
$enddefinitions $end
#20
1!
1\"
b010 #
b001 $
#25
0!
#30
1!
b011 #
#35
0!
";

#[test]
fn a_window_of_chosen_signals() {
    let mut sim = counters();
    set(&mut sim, "enable_i", 1);
    let mut file = Vec::new();
    let mut recorder = wave::Recorder::new(&sim, &["u_fast.count_q", "u_s*.count_q"], 2..4, &mut file).unwrap();
    for _ in 0..8 {
        recorder.sample(&mut sim).unwrap();
        sim.step();
    }
    recorder.finish().unwrap();
    let text = String::from_utf8(file).unwrap();
    let squeezed = |s: &str| s.split_whitespace().map(String::from).collect::<Vec<_>>();
    assert_eq!(squeezed(&text), squeezed(EXPECTED), "{text}");
}

#[test]
fn the_ring_keeps_the_last_cycles() {
    let mut sim = counters();
    set(&mut sim, "enable_i", 1);
    let mut ring = wave::Ring::new(&sim, &[""], 5);
    let mut window = Vec::new();
    let mut recorder = wave::Recorder::new(&sim, &[""], 8..13, &mut window).unwrap();
    for cycle in 0..13 {
        sim.set_reset(cycle == 10);
        ring.sample(&mut sim);
        recorder.sample(&mut sim).unwrap();
        sim.step();
    }
    recorder.finish().unwrap();
    let mut last = Vec::new();
    ring.write(&mut last).unwrap();
    assert_eq!(String::from_utf8(last).unwrap(), String::from_utf8(window).unwrap());
    let mut early = Vec::new();
    let mut ring = wave::Ring::new(&sim, &["*_o"], 100);
    ring.sample(&mut sim);
    ring.write(&mut early).unwrap();
    assert!(String::from_utf8(early).unwrap().contains("#130"));
}
