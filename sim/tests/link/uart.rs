//! The two ends of a UART, at pins.
use logloom_hdl::link::uart::{uart_receiver, uart_transmitter};
use logloom_hdl::rtl::{Builder, Module, unsigned};
use logloom_sim::netlist::Simulator;
use logloom_sim::target::line::Line;
use std::io::{Read, Write};
use std::sync::Arc;

/// Sends back what it receives; room for one byte between the two.
fn echo(divider: u32) -> Arc<Module> {
    let mut m = Builder::new("echo", "Sends back what it receives.");
    let rx = m.input("rx_i", unsigned(1));
    let receiver = m.instance("receiver", &uart_receiver(divider).unwrap(), &[("rx_i", &rx)]);
    let full = m.register("full_q", unsigned(1));
    let held = m.reg_when("held_q", receiver.get("valid_o"), receiver.get("byte_o"));
    let ports = [("valid_i", &full.value()), ("byte_i", &held)];
    let transmitter = m.instance("transmitter", &uart_transmitter(divider).unwrap(), &ports);
    m.drive_when(&full, receiver.get("valid_o") | transmitter.get("ready_o"), receiver.get("valid_o"));
    m.output("tx_o", transmitter.get("tx_o"));
    m.finish().unwrap()
}

/// What comes back of the bytes, sent without a pause.
fn echoed(divider: u32, bit: f64, bytes: &[u8]) -> Vec<u8> {
    let mut line = Line::new(&echo(divider), bit, 40 * u64::from(divider)).unwrap();
    line.write_all(bytes).unwrap();
    let mut back = Vec::new();
    while let Ok(1) = {
        let mut byte = [0];
        let result = line.read(&mut byte);
        back.extend(byte.iter().filter(|_| result.is_ok()));
        result
    } {}
    back
}

#[test]
fn bytes_pass_at_every_speed_within_two_percent() {
    let all: Vec<u8> = (0..=255).collect();
    for divider in [4, 5, 6, 7, 12, 104] {
        for percent in [98.0, 99.0, 100.0, 101.0, 102.0] {
            // So few at a time that the faster side does not run away from the slower one.
            for bytes in all.chunks(16) {
                let bit = f64::from(divider) * percent / 100.0;
                assert_eq!(echoed(divider, bit, bytes), bytes, "{divider} cycles per bit, host's bit {percent} %");
            }
        }
    }
}

#[test]
fn a_host_that_is_too_fast_or_too_slow_is_not_understood() {
    let all: Vec<u8> = (0..=255).collect();
    for percent in [92.0, 108.0] {
        assert_ne!(echoed(16, 16.0 * percent / 100.0, &all[..32]), &all[..32]);
    }
}

/// The bytes that the receiver takes from a line given as level and cycles.
fn received(levels: &[(bool, u64)]) -> Vec<u8> {
    let mut sim = Simulator::new(&uart_receiver(8).unwrap()).unwrap();
    let (rx, valid, byte) = (sim.input("rx_i").unwrap(), sim.output("valid_o").unwrap(), sim.output("byte_o").unwrap());
    let mut bytes = Vec::new();
    sim.set_reset(true);
    sim.set(rx, 1);
    sim.run(2);
    sim.set_reset(false);
    for &(level, cycles) in levels {
        sim.set(rx, level.into());
        for _ in 0..cycles {
            if sim.get(valid) == 1 {
                bytes.push(sim.get(byte) as u8);
            }
            sim.step();
        }
    }
    bytes
}

#[test]
fn what_is_no_byte_is_dropped() {
    let (low, high) = (false, true);
    // Start bit, 0xF0, stop bit.
    let byte = [(low, 5 * 8), (high, 5 * 8)];
    let received = |before: &[(bool, u64)]| received(&[before, &byte, &[(high, 20)]].concat());
    assert_eq!(received(&[]), [0xF0]);
    // Shorter than half a bit.
    assert_eq!(received(&[(low, 3), (high, 8)]), [0xF0]);
    // No stop bit: low for eleven bits, and for a hundred.
    assert_eq!(received(&[(low, 11 * 8), (high, 8)]), [0xF0]);
    assert_eq!(received(&[(low, 100 * 8), (high, 8)]), [0xF0]);
    // With one, it is a byte.
    assert_eq!(received(&[(low, 9 * 8), (high, 8)]), [0x00, 0xF0]);
}
