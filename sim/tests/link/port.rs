//! What lies behind a link alone: a host port that takes its time.
use crate::noise::Random;
use logloom_sim::netlist::{Input, Output, Simulator};
use std::collections::HashMap;

/// Words by address, and every access in order.
#[derive(Default)]
pub struct Memory {
    words: HashMap<u32, u32>,
    pub written: Vec<(u32, u32)>,
    /// Address and data of every read at the host port, in order.
    pub given: Vec<(u32, u32)>,
}

impl Memory {
    pub fn write(&mut self, address: u32, data: u32) {
        self.words.insert(address, data);
        self.written.push((address, data));
    }

    pub fn read(&self, address: u32) -> u32 {
        self.words.get(&address).copied().unwrap_or(address.wrapping_mul(0x9E37_79B9))
    }
}

/// The slave of a simulated link's `host_*`.
pub struct Port {
    ready: Input,
    data: Input,
    valid: Output,
    write: Output,
    address: Output,
    data_out: Output,
    pub memory: Memory,
    /// Cycles until the request is answered, and the request.
    answering: Option<(usize, [u64; 3])>,
}

impl Port {
    pub fn new(sim: &Simulator) -> Self {
        let input = |name| sim.input(name).unwrap();
        let output = |name| sim.output(name).unwrap();
        Port {
            ready: input("host_ready_i"),
            data: input("host_data_i"),
            valid: output("host_valid_o"),
            write: output("host_write_o"),
            address: output("host_address_o"),
            data_out: output("host_data_o"),
            memory: Memory::default(),
            answering: None,
        }
    }

    pub fn reset(&mut self) {
        self.answering = None;
    }

    /// Drives the port in this cycle. A request must stand as it is until it is answered.
    pub fn answer(&mut self, sim: &mut Simulator, random: &mut Random) {
        let asked = sim.get(self.valid) == 1;
        // Noise on the data except in the cycle of ready, and on ready except while it is asked.
        let mut data = random.next() as u32;
        let mut answers = !asked && random.below(4) == 0;
        if asked {
            let mut request = [self.write, self.address, self.data_out].map(|port| sim.get(port));
            // The data of a read mean nothing.
            request[2] *= request[0];
            let (wait, before) = self.answering.unwrap_or_else(|| (random.below(5), request));
            assert_eq!(request, before, "a request to the host port has changed");
            self.answering = wait.checked_sub(1).map(|wait| (wait, request));
            answers = wait == 0;
            if answers {
                let [write, address, word] = request.map(|value| value as u32);
                match write {
                    1 => self.memory.write(address, word),
                    _ => {
                        data = self.memory.read(address);
                        self.memory.given.push((address, data));
                    }
                }
            }
        } else {
            assert_eq!(self.answering, None, "a request to the host port was withdrawn");
        }
        sim.set(self.ready, answers.into());
        sim.set(self.data, data.into());
    }
}
