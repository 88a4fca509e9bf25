//! The accelerator in the built-in simulation, reached through its simulated host port.

use super::Target;
use crate::netlist::wave::{Recorder, Ring};
use crate::netlist::{Error, Input, Options, Output, Simulator};
use anyhow::{Result, ensure};
use logloom_hdl::host::map::{Register, status};
use logloom_hdl::rtl::Module;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

/// Cycles that the host port may take to answer a request. The slowest read waits a few dozen.
const ANSWER_LIMIT: u64 = 10_000;
/// Cycles in reset at power-up and in [`Simulation::reset`].
const RESET_CYCLES: u64 = 3;
/// Most idle cycles that a stalling host puts between two requests.
const LONGEST_STALL: u64 = 7;

/// How to simulate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Watched signals and defects.
    pub netlist: Options,
    /// A seed makes the host stall: a few idle cycles before each request, with arbitrary values on the other inputs.
    pub stalls: Option<u64>,
    /// Cycles that [`Target::wait`] waits before it gives up.
    pub run_limit: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { netlist: Options::default(), stalls: None, run_limit: 1_000_000_000 }
    }
}

struct Ports {
    valid: Input,
    write: Input,
    /// 24 bits.
    address: Input,
    /// 32 bits.
    data_in: Input,
    ready: Output,
    /// 32 bits.
    data_out: Output,
}

/// A simulated accelerator.
///
/// Every access also fails when the design has read a word while it was being written although it promised not to
/// ([`Simulator::hazards`]): on hardware the value would be undefined.
pub struct Simulation {
    sim: Simulator,
    ports: Ports,
    /// State of the generator of stalls.
    stalls: Option<u64>,
    run_limit: u64,
    recorder: Option<Recorder<Box<dyn Write + Send>>>,
    ring: Option<Ring>,
    /// Hazards that have been told.
    told: usize,
}

impl Simulation {
    /// Builds the accelerator `top` (see [`logloom_hdl::accelerator`]) and takes it through reset.
    ///
    /// # Errors
    /// `top` cannot be simulated, or has no host port.
    pub fn new(top: &Arc<Module>, settings: &Settings) -> Result<Self, Error> {
        let sim = Simulator::with_options(top, &settings.netlist)?;
        let ports = Ports {
            valid: sim.input("host_valid_i")?,
            write: sim.input("host_write_i")?,
            address: sim.input("host_address_i")?,
            data_in: sim.input("host_data_i")?,
            ready: sim.output("host_ready_o")?,
            data_out: sim.output("host_data_o")?,
        };
        let mut simulation = Simulation {
            sim,
            ports,
            stalls: settings.stalls,
            run_limit: settings.run_limit,
            recorder: None,
            ring: None,
            told: 0,
        };
        simulation.sim.set_reset(true);
        simulation.sim.run(RESET_CYCLES);
        simulation.sim.set_reset(false);
        Ok(simulation)
    }

    /// The simulator behind the port, to look into.
    pub fn simulator(&mut self) -> &mut Simulator {
        &mut self.sim
    }

    /// Resets the accelerator, running or not. Memories keep their contents.
    ///
    /// # Errors
    /// A wave cannot be written, or a hazard.
    pub fn reset(&mut self) -> Result<()> {
        self.sim.set_reset(true);
        let result = self.idle(RESET_CYCLES);
        self.sim.set_reset(false);
        result
    }

    /// Lets cycles pass without a request.
    ///
    /// # Errors
    /// A wave cannot be written, or a hazard.
    pub fn idle(&mut self, cycles: u64) -> Result<()> {
        self.sim.set(self.ports.valid, 0);
        for _ in 0..cycles {
            self.clock()?;
        }
        self.tell_hazards()
    }

    /// Writes chosen signals (patterns of [`crate::netlist::matches`]) in a window of cycles to `out`, as VCD. Replaces
    /// the recording before.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn record(&mut self, patterns: &[&str], window: Range<u64>, out: Box<dyn Write + Send>) -> io::Result<()> {
        self.finish_recording()?;
        self.recorder = Some(Recorder::new(&self.sim, patterns, window, out)?);
        Ok(())
    }

    /// Ends the recording, if there is one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish_recording(&mut self) -> io::Result<()> {
        self.recorder.take().map_or(Ok(()), Recorder::finish)
    }

    /// Keeps chosen signals of the last `cycles` cycles in memory from now on.
    pub fn keep(&mut self, patterns: &[&str], cycles: usize) {
        self.ring = Some(Ring::new(&self.sim, patterns, cycles));
    }

    /// Writes what [`Simulation::keep`] has kept, as VCD; nothing if it keeps nothing.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn write_kept(&self, out: impl Write) -> io::Result<()> {
        self.ring.as_ref().map_or(Ok(()), |ring| ring.write(out))
    }

    fn clock(&mut self) -> io::Result<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.sample(&mut self.sim)?;
        }
        if let Some(ring) = &mut self.ring {
            ring.sample(&mut self.sim);
        }
        self.sim.step();
        Ok(())
    }

    fn tell_hazards(&mut self) -> Result<()> {
        let hazards = self.sim.hazards();
        let told = std::mem::replace(&mut self.told, hazards.len());
        if let Some(h) = hazards.get(told) {
            anyhow::bail!(
                "memory {} reads word {} in cycle {} while it is written ({} such reads so far)",
                h.path,
                h.address,
                h.cycle,
                hazards.len()
            );
        }
        Ok(())
    }

    /// The next number of the generator of stalls (xorshift64*).
    fn random(state: &mut u64) -> u64 {
        // Zero would stay zero.
        *state = if *state == 0 { 0x9E37_79B9_7F4A_7C15 } else { *state };
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn stall(&mut self) -> Result<()> {
        let Some(mut state) = self.stalls else { return Ok(()) };
        // Half of the requests follow each other without a pause.
        let cycles = (Self::random(&mut state) >> 32).saturating_sub(1 << 31) % (LONGEST_STALL + 1);
        for _ in 0..cycles {
            let noise = Self::random(&mut state);
            self.sim.set(self.ports.valid, 0);
            self.sim.set(self.ports.write, noise >> 63);
            self.sim.set(self.ports.address, noise >> 32);
            self.sim.set(self.ports.data_in, noise);
            self.clock()?;
        }
        self.stalls = Some(state);
        Ok(())
    }

    /// One request, held until it is answered; the data in the cycle of the answer.
    fn request(&mut self, write: bool, address: u32, data: u32) -> Result<u32> {
        self.stall()?;
        self.sim.set(self.ports.valid, 1);
        self.sim.set(self.ports.write, write.into());
        self.sim.set(self.ports.address, address.into());
        self.sim.set(self.ports.data_in, data.into());
        let since = self.sim.cycle();
        loop {
            let ready = self.sim.get(self.ports.ready) == 1;
            let answer = self.sim.get(self.ports.data_out) as u32;
            self.clock()?;
            if ready {
                self.sim.set(self.ports.valid, 0);
                self.tell_hazards()?;
                return Ok(answer);
            }
            let waited = self.sim.cycle() - since;
            if waited >= ANSWER_LIMIT {
                self.sim.set(self.ports.valid, 0);
                let what = if write { "write to" } else { "read of" };
                anyhow::bail!("the host port has not answered a {what} {address:#08x} for {waited} cycles");
            }
        }
    }
}

impl Target for Simulation {
    fn name(&self) -> &str {
        "simulation"
    }

    fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
        for &(address, data) in words {
            self.request(true, address, data)?;
        }
        Ok(())
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
        for (word, out) in (address..).zip(out) {
            *out = self.request(false, word, 0)?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let since = self.sim.cycle();
        while self.request(false, Register::Status.address(), 0)? & status::RUNNING != 0 {
            let waited = self.sim.cycle() - since;
            ensure!(waited < self.run_limit, "the accelerator is still running after {waited} cycles");
        }
        Ok(())
    }

    fn cycles(&mut self) -> Option<u64> {
        Some(self.sim.cycle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlist::{Fault, FaultKind};
    use logloom_hdl::rtl::{Builder, Expr, ReadPort, ReadUnderWrite, WritePort, mux, unsigned};
    use std::sync::Mutex;

    /// A slave of 16 words that answers a write at once and a read three cycles later; word 15 is never answered.
    /// STATUS (a register, so region 0) runs for 100 cycles after each write.
    fn slave() -> Arc<Module> {
        let mut m = Builder::new("slave", "A memory behind the host port.");
        let one = unsigned(1);
        let valid = m.input("host_valid_i", one);
        let write = m.input("host_write_i", one);
        let address = m.input("host_address_i", unsigned(24));
        let data = m.input("host_data_i", unsigned(32));
        let word = address.slice(0, 4);
        let answered = m.wire("answered", &valid & !word.is(15));
        let take = m.wire("take", &answered & &write);
        let reads = m.wire("reads", &answered & !&write);
        let phase = m.register("phase_q", unsigned(2));
        m.drive(&phase, mux(&reads, &(phase.value() + 1), &Expr::zero(unsigned(2))));
        let left = m.register("left_q", unsigned(7));
        let running = m.wire("running", left.value().any());
        let counted = left.value() - running.extend(7);
        m.drive(&left, mux(&take, &Expr::constant(unsigned(7), 100), &counted));
        let read = ReadPort { enable: reads.clone(), address: word.clone() };
        let port = WritePort { enable: take.clone(), address: word.clone(), data };
        let stored = m.memory("words", 16, ReadUnderWrite::Never, read, port);
        let is_status = m.wire("is_status", address.is(Register::Status.address().into()));
        m.output("host_ready_o", &take | (&reads & phase.value().is(3)));
        m.output("host_data_o", mux(&is_status, &running.extend(32), &stored));
        m.finish().unwrap()
    }

    fn settings(stalls: Option<u64>) -> Settings {
        Settings { stalls, ..Settings::default() }
    }

    #[test]
    fn words_come_back_with_and_without_stalls() {
        let mut cycles = Vec::new();
        for stalls in [None, Some(0), Some(1), Some(1)] {
            let mut target = Simulation::new(&slave(), &settings(stalls)).unwrap();
            let words: Vec<(u32, u32)> = (5..15).map(|i| (i, 0xDEAD_0000 + i * 77)).collect();
            target.write(&words).unwrap();
            let mut back = [0; 10];
            target.read(5, &mut back).unwrap();
            assert_eq!(back.map(u64::from).to_vec(), words.iter().map(|w| u64::from(w.1)).collect::<Vec<_>>());
            target.wait().unwrap();
            cycles.push(target.cycles().unwrap());
        }
        assert_eq!(cycles[2], cycles[3], "stalls follow from the seed");
        assert!(cycles[0] < cycles[1] && cycles[1] != cycles[2], "{cycles:?}");
    }

    #[test]
    fn writing_takes_one_cycle_and_waiting_waits() {
        let mut target = Simulation::new(&slave(), &settings(None)).unwrap();
        let before = target.cycles().unwrap();
        target.write(&[(6, 1), (7, 2), (8, 3)]).unwrap();
        assert_eq!(target.cycles().unwrap() - before, 3);
        target.wait().unwrap();
        assert!(target.cycles().unwrap() - before >= 100);
    }

    #[test]
    fn a_host_port_without_answer_and_an_endless_run_are_errors() {
        let mut target = Simulation::new(&slave(), &settings(None)).unwrap();
        let error = target.read(15, &mut [0]).unwrap_err();
        assert_eq!(error.to_string(), "the host port has not answered a read of 0x00000f for 10000 cycles");
        let settings = Settings { run_limit: 50, ..Settings::default() };
        let mut target = Simulation::new(&slave(), &settings).unwrap();
        target.write(&[(6, 1)]).unwrap();
        assert!(target.wait().unwrap_err().to_string().contains("still running"));
        target.wait().unwrap();
    }

    #[test]
    fn a_module_without_host_port_is_refused() {
        let mut m = Builder::new("plain", "Not an accelerator.");
        let a = m.input("a_i", unsigned(1));
        m.output("b_o", !a);
        let error = Simulation::new(&m.finish().unwrap(), &Settings::default()).err().unwrap();
        assert_eq!(error.to_string(), "no input `host_valid_i`; there are: a_i");
    }

    #[test]
    fn a_hazard_is_told_once() {
        let mut settings = settings(None);
        // Reads although it writes.
        settings.netlist.faults = vec![Fault { path: "reads".into(), bit: 0, kind: FaultKind::StuckAt1 }];
        let mut target = Simulation::new(&slave(), &settings).unwrap();
        let error = target.write(&[(6, 1)]).unwrap_err().to_string();
        assert!(error.starts_with("memory words reads word 6 in cycle 3 while it is written"), "{error}");
        target.idle(5).unwrap();
    }

    #[test]
    fn waves_of_a_window_and_of_the_last_cycles() {
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let file = Shared::default();
        let mut target = Simulation::new(&slave(), &settings(None)).unwrap();
        target.record(&[""], 5..20, Box::new(file.clone())).unwrap();
        target.keep(&[""], 15);
        target.write(&[(6, 1), (7, 2), (8, 3)]).unwrap();
        target.read(6, &mut [0; 3]).unwrap();
        target.reset().unwrap();
        target.idle(20 - target.sim.cycle().min(20)).unwrap();
        target.finish_recording().unwrap();
        let mut kept = Vec::new();
        target.write_kept(&mut kept).unwrap();
        assert_eq!(target.sim.cycle(), 21);
        let window = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
        let kept = String::from_utf8(kept).unwrap();
        assert!(window.contains("#50\n") && window.contains("#190\n") && !window.contains("#200\n"));
        assert!(kept.contains("#60\n") && kept.contains("#200\n") && !kept.contains("#50\n"));
    }
}
