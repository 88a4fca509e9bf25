//! `tiny` behind every link: what is emitted, and a training step with the state of the model after every instruction, in every
//! word.

use std::path::Path;

use anyhow::{Result, ensure};
use logloom::config::Configuration;
use logloom::emit::Link;
use logloom::emit::{self, digest};
use logloom::run::RunData;
use logloom::verify::{Run, verify};
use logloom_hdl::host::map::{Register, status};
use logloom_hdl::link::axi::axi_accelerator;
use logloom_hdl::link::spi::{CYCLES_PER_BIT, spi_accelerator};
use logloom_hdl::link::wishbone::wishbone_accelerator;
use logloom_hdl::rtl::{ElaborationError, Module};
use logloom_sim::model::Model;
use logloom_sim::netlist::Simulator;
use logloom_sim::target::Target;
use logloom_sim::target::framed::Framed;
use logloom_sim::target::spi::Spi;
use std::sync::Arc;

/// A master of a bus: what it drives and waits for. No stalls; those are in the tests of the links by themselves.
struct Bus {
    sim: Simulator,
    access: fn(&mut Bus, bool, u32, u32) -> u32,
    /// Writes go in packets.
    packets: bool,
}

impl Bus {
    fn new(top: &Arc<Module>, access: fn(&mut Bus, bool, u32, u32) -> u32, packets: bool) -> Self {
        let mut sim = Simulator::new(top).unwrap();
        sim.set_reset(true);
        sim.run(3);
        sim.set_reset(false);
        Bus { sim, access, packets }
    }

    fn set(&mut self, values: &[(&str, u64)]) {
        for &(name, value) in values {
            let port = self.sim.input(name).unwrap();
            self.sim.set(port, value);
        }
    }

    fn get(&mut self, name: &str) -> u64 {
        let port = self.sim.output(name).unwrap();
        self.sim.get(port)
    }

    /// Lets cycles pass until this output is 1, which it is still in the last one; what another one is then.
    fn until(&mut self, name: &str, data: &str) -> u32 {
        for _ in 0..10_000 {
            let (found, data) = (self.get(name) == 1, self.get(data) as u32);
            self.sim.step();
            if found {
                return data;
            }
        }
        panic!("no {name}");
    }
}

fn wishbone(bus: &mut Bus, write: bool, address: u32, data: u32) -> u32 {
    bus.set(&[("wb_cyc_i", 1), ("wb_stb_i", 1), ("wb_sel_i", 0xF), ("wb_we_i", write.into())]);
    bus.set(&[("wb_adr_i", address.into()), ("wb_dat_i", data.into())]);
    let data = bus.until("wb_ack_o", "wb_dat_o");
    bus.set(&[("wb_cyc_i", 0), ("wb_stb_i", 0)]);
    data
}

fn axi(bus: &mut Bus, write: bool, address: u32, data: u32) -> u32 {
    let byte = u64::from(address) << 2;
    if write {
        bus.set(&[("s_axi_awvalid_i", 1), ("s_axi_awaddr_i", byte), ("s_axi_bready_i", 1)]);
        bus.set(&[("s_axi_wvalid_i", 1), ("s_axi_wdata_i", data.into()), ("s_axi_wstrb_i", 0xF)]);
        // Both channels are open when nothing is under way.
        bus.until("s_axi_awready_o", "s_axi_wready_o");
        bus.set(&[("s_axi_awvalid_i", 0), ("s_axi_wvalid_i", 0)]);
        assert_eq!(bus.until("s_axi_bvalid_o", "s_axi_bresp_o"), 0);
        return 0;
    }
    bus.set(&[("s_axi_arvalid_i", 1), ("s_axi_araddr_i", byte), ("s_axi_rready_i", 1)]);
    bus.until("s_axi_arready_o", "s_axi_rresp_o");
    bus.set(&[("s_axi_arvalid_i", 0)]);
    bus.until("s_axi_rvalid_o", "s_axi_rdata_o")
}

impl Target for Bus {
    fn name(&self) -> &str {
        "bus"
    }

    fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
        if !self.packets {
            for &(address, data) in words {
                (self.access)(self, true, address, data);
            }
            return Ok(());
        }
        for run in words.chunk_by(|a, b| a.0 + 1 == b.0) {
            let beats = std::iter::once(run[0].0).chain(run.iter().map(|word| word.1));
            for (place, beat) in beats.enumerate() {
                let last = u64::from(place == run.len());
                self.set(&[("s_axis_tvalid_i", 1), ("s_axis_tdata_i", beat.into()), ("s_axis_tlast_i", last)]);
                self.until("s_axis_tready_o", "s_axis_tready_o");
            }
            self.set(&[("s_axis_tvalid_i", 0)]);
        }
        Ok(())
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
        (address..).zip(out).for_each(|(address, out)| *out = (self.access)(self, false, address, 0));
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let since = self.sim.cycle();
        while (self.access)(self, false, Register::Status.address(), 0) & status::RUNNING != 0 {
            ensure!(self.sim.cycle() - since < 10_000_000, "the accelerator is still running");
        }
        Ok(())
    }

    fn cycles(&mut self) -> Option<u64> {
        Some(self.sim.cycle())
    }
}

#[test]
fn every_link_trains_like_the_model() -> Result<(), ElaborationError> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tiny.toml");
    let configuration = Configuration::load(&example, &[]).unwrap();
    let data = RunData::load(&configuration).unwrap();
    let design = configuration.design();
    let word = digest::word(design);
    let axi_top = axi_accelerator(design, word)?;
    let spi = Spi::new(&spi_accelerator(design, word)?, CYCLES_PER_BIT.into()).unwrap();
    let links: [(&str, Box<dyn Target>); 4] = [
        ("wishbone", Box::new(Bus::new(&wishbone_accelerator(design, word)?, wishbone, false))),
        ("axi", Box::new(Bus::new(&axi_top, axi, false))),
        ("axi, packets", Box::new(Bus::new(&axi_top, axi, true))),
        ("spi", Box::new(Framed::open("spi", spi).unwrap())),
    ];
    for (name, link) in links {
        let mut targets = [Box::new(Model::new(design, word).unwrap()) as Box<dyn Target>, link];
        let run = Run { compiled: &configuration.compiled, training: &data.training, seed: 0 };
        let report = verify(&mut targets, &run, 1, &mut |_| {}).unwrap();
        assert!(report.first_difference.is_none(), "{name}: {}", report.first_difference.unwrap());
        assert!(report.words_compared > 1000, "{name}: {} words", report.words_compared);
    }
    Ok(())
}

#[test]
fn a_link_adds_files_and_changes_none() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tiny.toml");
    let configuration = Configuration::load(&example, &[]).unwrap();
    let plain = emit::accelerator(configuration.design(), "").unwrap();
    let cases: [(Link, &[&str]); 4] = [
        (Link::Uart { baud: 1_000_000 }, &[]),
        (Link::Spi, &["rtl/crc32.v", "rtl/frame_master.v", "rtl/spi_accelerator.v", "rtl/spi_slave.v"]),
        (Link::Wishbone, &["rtl/wishbone_accelerator.v", "rtl/wishbone_slave.v"]),
        (
            Link::Axi,
            &[
                "axi/axi_top.v",
                "rtl/axi_accelerator.v",
                "rtl/axi_lite_slave.v",
                "rtl/axi_slave.v",
                "rtl/axi_stream_sink.v",
                "rtl/host_arbiter.v",
            ],
        ),
    ];
    for (link, expected) in cases {
        let linked = emit::linked(configuration.design(), "", link).unwrap();
        let added: Vec<&str> = linked.files().map(|(path, _)| path).filter(|path| plain.get(path).is_none()).collect();
        assert_eq!(added, expected);
        for (path, contents) in plain.files().filter(|(path, _)| *path != "rtl/files.f") {
            assert_eq!(linked.get(path), Some(contents), "{link:?}: {path}");
        }
    }
}
