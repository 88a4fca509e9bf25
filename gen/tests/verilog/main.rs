//! The printed Verilog in the eyes of other people's tools.

#[path = "../../../hdl/tests/zoo/mod.rs"]
mod zoo;

mod bench;
mod lint;
mod random;
mod unit_folder;
mod units;

use logloom::flow::testing::needs;
use logloom::flow::{Invocation, Tool};
use logloom_hdl::link::axi::axi_slave;
use logloom_hdl::link::frame::{REQUEST, frame_master};
use logloom_hdl::link::spi::spi_slave;
use logloom_hdl::link::uart::{SILENT_BITS, uart_receiver, uart_transmitter};
use logloom_hdl::link::wishbone::wishbone_slave;
use logloom_hdl::rtl::{Bits, Builder, Expr, Module, unsigned, verilog};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Writes every module of the hierarchy into the folder, children first.
fn write(folder: &Path, top: &Arc<Module>) -> Vec<PathBuf> {
    let modules = top.hierarchy().unwrap();
    let files = modules.iter().map(|module| {
        let path = folder.join(format!("{}.v", module.name));
        std::fs::write(&path, verilog::print(module, "// SPDX-License-Identifier: MIT\n")).unwrap();
        path
    });
    files.collect()
}

/// One module around all of the zoo, so that each tool starts once.
fn everything() -> Arc<Module> {
    let mut m = Builder::new("everything", "Every module of the zoo, with all its ports.");
    for module in &zoo::all() {
        let inputs: Vec<(String, Expr)> = module
            .inputs
            .iter()
            .map(|&port| {
                let port = module.signal(port);
                (port.name.clone(), m.input(&format!("{}_{}", module.name, port.name), port.ty))
            })
            .collect();
        let ports: Vec<(&str, &Expr)> = inputs.iter().map(|(name, value)| (name.as_str(), value)).collect();
        // Not the module's own name: its wires would be named like the ports above.
        let outputs = m.instance(&format!("the_{}", module.name), module, &ports);
        for (port, _) in &module.outputs {
            m.output(&format!("{}_{port}", module.name), outputs.get(port));
        }
    }
    m.finish().unwrap()
}

/// Runs the bench of the folder in Icarus; what it prints.
fn icarus(folder: &Path, files: &[PathBuf]) -> String {
    let call = |tool| Invocation::new(tool).unwrap().folder(folder).limit(Duration::from_secs(300));
    call(Tool::Iverilog).args(["-g2005", "-o", "bench.vvp", "bench.v"]).args(files).run().unwrap();
    call(Tool::Vvp).args(["bench.vvp"]).run().unwrap().stdout
}

#[test]
fn the_zoo_runs_as_described() {
    if !needs(&[Tool::Iverilog, Tool::Vvp]) {
        return;
    }
    let module = everything();
    let vectors = bench::Random(0x600D).vectors(&module, 200);
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), &module);
    std::fs::write(folder.path().join("bench.v"), bench::text(&module, &vectors)).unwrap();
    bench::compare(&icarus(folder.path(), &files), &bench::expected(&module, &vectors));
}

#[test]
fn the_links_run_as_described() {
    if !needs(&[Tool::Iverilog, Tool::Vvp]) {
        return;
    }
    for module in [wishbone_slave().unwrap(), axi_slave().unwrap(), spi_slave().unwrap()] {
        let vectors = bench::Random(0x600D).vectors(&module, 500);
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), &module);
        std::fs::write(folder.path().join("bench.v"), bench::text(&module, &vectors)).unwrap();
        bench::compare(&icarus(folder.path(), &files), &bench::expected(&module, &vectors));
    }
}

/// A UART, frames, and a host port whose words are their addresses.
fn serial_slave(divider: u32) -> Arc<Module> {
    let one = unsigned(1);
    let mut m = Builder::new("serial_slave", "Words that are their addresses, behind a UART.");
    let rx = m.input("rx_i", one);
    let receiver = m.instance("receiver", &uart_receiver(divider).unwrap(), &[("rx_i", &rx)]);
    let ready = m.forward("ready", one);
    let valid = m.forward("valid", one);
    let address = m.forward("address", unsigned(24));
    let inputs = [
        ("byte_valid_i", &receiver.get("valid_o")),
        ("byte_i", &receiver.get("byte_o")),
        ("byte_ready_i", &ready.value()),
        ("host_ready_i", &valid.value()),
        ("host_data_i", &address.value().extend(32)),
    ];
    let master = m.instance("master", &frame_master(SILENT_BITS * divider).unwrap(), &inputs);
    m.assign(&valid, master.get("host_valid_o"));
    m.assign(&address, master.get("host_address_o"));
    let inputs = [("valid_i", &master.get("byte_valid_o")), ("byte_i", &master.get("byte_o"))];
    let transmitter = m.instance("transmitter", &uart_transmitter(divider).unwrap(), &inputs);
    m.assign(&ready, transmitter.get("ready_o"));
    for port in ["host_write_o", "host_data_o"] {
        m.output(port, master.get(port));
    }
    m.output("tx_o", transmitter.get("tx_o"));
    m.finish().unwrap()
}

/// The level of the line in each cycle.
fn waveform(divider: usize, bytes: &[u8]) -> Vec<Vec<Bits>> {
    let bits = bytes.iter().flat_map(|byte| {
        let data = (0..8).map(move |bit| byte >> bit & 1 == 1);
        std::iter::once(false).chain(data).chain([true])
    });
    bits.flat_map(|bit| std::iter::repeat_n(vec![Bits::from_i64(1, bit.into())], divider)).collect()
}

#[test]
fn the_serial_link_runs_as_described() {
    if !needs(&[Tool::Iverilog, Tool::Vvp]) {
        return;
    }
    let divider = 5;
    let module = serial_slave(divider);
    // Opens a session, writes two words, and reads three.
    let mut bytes = Vec::new();
    let requests: [&[u8]; 3] = [
        &[REQUEST, 7, 0, 0],
        &[REQUEST, 8, 1, 3, 4, 0, 0x10, 2, 1, 2, 3, 4, 0xA5, 0x5A, 0, 0xFF],
        &[REQUEST, 9, 2, 1, 0xFE, 0xFF, 0x3F, 3],
    ];
    for request in requests {
        let mut crc = flate2::Crc::new();
        crc.update(request);
        bytes.extend(waveform(divider as usize, &[request, &crc.sum().to_le_bytes()].concat()));
        bytes.extend(vec![vec![Bits::from_i64(1, 1)]; 25 * 10 * divider as usize]);
    }
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), &module);
    let expected = bench::expected(&module, &bytes);
    // The last reply holds more ones and zeros than silence does.
    assert!(expected.iter().rev().take(3000).any(|line| line.ends_with("tx_o 0")), "nobody answers");
    std::fs::write(folder.path().join("bench.v"), bench::text(&module, &bytes)).unwrap();
    bench::compare(&icarus(folder.path(), &files), &expected);
}
