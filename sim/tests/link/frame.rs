//! Requests in frames against what the specification says of them, with pauses, faults and resets, before a host port that
//! takes its time.
use crate::noise::{Noisy, Random};
use crate::port::{Memory, Port};
use logloom_hdl::link::frame::{MAX_WORDS, Operation, REPLY, REQUEST, Status, frame_master};
use logloom_sim::netlist::{Input, Output, Simulator};
use std::io::Write;

/// Cycles after which a frame is forgotten, at least.
const SILENCE: u32 = 100;
/// Cycles between bytes: at least, and how many more.
const GAP: (usize, usize) = (10, 30);

fn with_crc(head: [u8; 4], words: &[u32]) -> Vec<u8> {
    let mut frame: Vec<u8> = head.into_iter().chain(words.iter().flat_map(|word| word.to_le_bytes())).collect();
    frame.extend(crc32fast::hash(&frame).to_le_bytes());
    frame
}

/// Section 6 of the specification.
#[derive(Default)]
struct Reference {
    opened: bool,
    last: u8,
    memory: Memory,
}

impl Reference {
    /// The reply to bytes between two pauses.
    fn receive(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        while let Some(start) = bytes.iter().position(|&byte| byte == REQUEST) {
            bytes = &bytes[start..];
            let Some(&count) = bytes.get(3) else { break };
            let Some((frame, rest)) = bytes.split_at_checked(8 + 4 * usize::from(count)) else { break };
            let (message, crc) = frame.split_at(frame.len() - 4);
            if crc32fast::hash(message).to_le_bytes() == crc {
                // What follows is lost.
                return self.carry_out(message);
            }
            bytes = rest;
        }
        Vec::new()
    }

    fn carry_out(&mut self, message: &[u8]) -> Vec<u8> {
        let (sequence, operation) = (message[1], message[2]);
        let words: Vec<u32> =
            message[4..].chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let reply = |status: Status, words: &[u32]| with_crc([REPLY, sequence, status as u8, words.len() as u8], words);
        let repeated = sequence == self.last;
        if operation == Operation::Open as u8 {
            (self.opened, self.last) = (true, sequence);
            return reply(Status::Done, &[]);
        }
        if !self.opened || !(repeated || sequence == self.last.wrapping_add(1)) {
            return reply(Status::OutOfStep, &[]);
        }
        self.last = sequence;
        match (operation, words.as_slice()) {
            (1, words) if words.len() <= MAX_WORDS => {
                let mut words = words.iter();
                while let Some(&head) = words.next().filter(|_| !repeated) {
                    for (address, &data) in (head & 0xFF_FFFF..).zip(words.by_ref().take((head >> 24) as usize)) {
                        self.memory.write(address, data);
                    }
                }
                reply(Status::Done, &[])
            }
            (2, &[head]) => {
                let words: Vec<u32> = (0..head >> 24).map(|i| self.memory.read((head & 0xFF_FFFF) + i)).collect();
                reply(Status::Done, &words)
            }
            _ => reply(Status::Malformed, &[]),
        }
    }
}

struct Rig {
    sim: Simulator,
    byte_valid: Input,
    byte: Input,
    byte_ready: Input,
    reply_valid: Output,
    reply: Output,
    port: Port,
    random: Random,
    replied: Vec<u8>,
    /// Cycles until the next byte of a reply is taken.
    taking: usize,
}

impl Rig {
    fn new(seed: u64) -> Self {
        let sim = Simulator::new(&frame_master(SILENCE).unwrap()).unwrap();
        let input = |name| sim.input(name).unwrap();
        let output = |name| sim.output(name).unwrap();
        let mut rig = Rig {
            byte_valid: input("byte_valid_i"),
            byte: input("byte_i"),
            byte_ready: input("byte_ready_i"),
            reply_valid: output("byte_valid_o"),
            reply: output("byte_o"),
            port: Port::new(&sim),
            random: Random::new(seed),
            replied: Vec::new(),
            taking: 0,
            sim,
        };
        rig.reset();
        rig
    }

    fn reset(&mut self) {
        self.sim.set(self.byte_valid, 0);
        self.sim.set_reset(true);
        self.sim.run(2);
        self.sim.set_reset(false);
        self.replied.clear();
        self.taking = 0;
        self.port.reset();
    }

    fn clock(&mut self) {
        let ready = self.taking == 0;
        self.taking = self.taking.saturating_sub(1);
        self.sim.set(self.byte_ready, ready.into());
        if ready && self.sim.get(self.reply_valid) == 1 {
            self.replied.push(self.sim.get(self.reply) as u8);
            self.taking = GAP.0 + self.random.below(4);
        }
        self.port.answer(&mut self.sim, &mut self.random);
        self.sim.step();
        assert!(self.sim.hazards().is_empty());
    }

    fn send(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.sim.set(self.byte_valid, 1);
            self.sim.set(self.byte, byte.into());
            self.clock();
            self.sim.set(self.byte_valid, 0);
            for _ in 1..GAP.0 + self.random.below(GAP.1) {
                self.clock();
            }
        }
    }

    /// Lets it finish, then waits until it has forgotten what is left of a frame; the reply.
    fn settle(&mut self) -> Vec<u8> {
        let mut quiet = 0;
        while quiet < 4 * SILENCE {
            let before = (self.replied.len(), self.port.memory.written.len());
            self.clock();
            quiet = if before == (self.replied.len(), self.port.memory.written.len()) { quiet + 1 } else { 0 };
        }
        std::mem::take(&mut self.replied)
    }
}

/// A request as a host would make it, or one that no host would make.
fn request(random: &mut Random, sequence: u8) -> Vec<u8> {
    let sequence = match random.below(12) {
        0 => random.next() as u8,
        1..=3 => sequence,
        _ => sequence.wrapping_add(1),
    };
    let address = |random: &mut Random| (random.below(4) as u32) << 20 | random.below(40) as u32;
    let (operation, words) = match random.below(20) {
        0 => (0, (0..random.below(3)).map(|_| random.next() as u32).collect()),
        1 => (random.next() as u8, vec![address(random)]),
        2 => (2, vec![0; random.below(3)]),
        3 => (1, vec![0x05A5_A5A5; MAX_WORDS + random.below(4)]),
        4..=11 => {
            let mut words = Vec::new();
            for _ in 0..random.below(4) {
                let most = if random.below(4) == 0 { 32 } else { 4 };
                let count = random.below(most);
                words.push((count as u32) << 24 | address(random));
                // Now and then the frame ends before the run.
                let count = if random.below(10) == 0 { random.below(count + 1) } else { count };
                words.extend((0..count).map(|_| if random.below(3) == 0 { 0xA5A5_A5A5 } else { random.next() as u32 }));
            }
            (1, words)
        }
        _ => {
            let most = if random.below(8) == 0 { 256 } else { 6 };
            (2, vec![(random.below(most) as u32) << 24 | address(random)])
        }
    };
    with_crc([REQUEST, sequence, operation, words.len() as u8], &words)
}

/// Sends requests until as many as `rounds` have been tried; each is damaged as `period` has it.
fn compare(seed: u64, rounds: usize, period: usize) -> [usize; 4] {
    let (mut rig, mut reference, mut random) = (Rig::new(seed), Reference::default(), Random::new(seed ^ 0xF00D));
    let mut line = Noisy::new(Vec::new(), period, seed);
    let mut kinds = [0; 4];
    for round in 0..rounds {
        let frame = match random.below(30) {
            0 => with_crc([REQUEST, random.next() as u8, 0, 0], &[]),
            _ => request(&mut random, reference.last),
        };
        line.line.clear();
        line.write_all(&frame).unwrap();
        let mut bytes = std::mem::take(&mut line.line);
        match random.below(40) {
            0 => {
                // Reset in the middle of a frame.
                let cut = random.below(frame.len());
                rig.send(&frame[..cut]);
                rig.reset();
                reference.opened = false;
                bytes.drain(..cut.min(bytes.len()));
            }
            1 => bytes.truncate(random.below(bytes.len() + 1)),
            2 => bytes = [&bytes[..random.below(bytes.len() + 1)], &bytes].concat(),
            _ => {}
        }
        let expected = reference.receive(&bytes);
        rig.send(&bytes);
        let found = rig.settle();
        assert_eq!(found, expected, "seed {seed}, round {round}, to {bytes:02x?}");
        assert_eq!(rig.port.memory.written, reference.memory.written, "seed {seed}, round {round}, to {bytes:02x?}");
        kinds[found.get(2).map_or(3, |&status| usize::from(status))] += 1;
    }
    kinds
}

#[test]
fn requests_are_carried_out_as_specified() {
    for seed in 0..4 {
        let [done, out_of_step, malformed, silent] = compare(seed, 300, 0);
        assert!(
            done > 80 && out_of_step > 10 && malformed > 5 && silent > 2,
            "{done} {out_of_step} {malformed} {silent}"
        );
    }
}

#[test]
fn damaged_frames_do_nothing() {
    for seed in 10..14 {
        let [done, _, _, silent] = compare(seed, 300, 30);
        assert!(done > 30 && silent > 100, "{done} {silent}");
    }
}

#[test]
fn a_reset_in_anything_leaves_a_master_that_can_be_opened() {
    for seed in 0..60 {
        let mut rig = Rig::new(seed);
        rig.send(&with_crc([REQUEST, 7, 0, 0], &[]));
        assert_eq!(rig.settle(), with_crc([REPLY, 7, 0, 0], &[]));
        let request = match seed % 2 {
            0 => with_crc([REQUEST, 8, 1, 9], &[0x0800_0000, 1, 2, 3, 4, 5, 6, 7, 8]),
            _ => with_crc([REQUEST, 8, 2, 1], &[0x0800_0000]),
        };
        rig.send(&request);
        for _ in 0..rig.random.below(150) {
            rig.clock();
        }
        rig.reset();
        // What was written is a beginning of what was asked for.
        let written = rig.port.memory.written.clone();
        assert_eq!(written, (0..written.len() as u32).map(|i| (i, i + 1)).collect::<Vec<_>>());
        rig.send(&with_crc([REQUEST, 8, 2, 1], &[0x0100_0000]));
        assert_eq!(rig.settle(), with_crc([REPLY, 8, Status::OutOfStep as u8, 0], &[]));
        rig.send(&with_crc([REQUEST, 8, 0, 0], &[]));
        assert_eq!(rig.settle(), with_crc([REPLY, 8, 0, 0], &[]));
        rig.send(&with_crc([REQUEST, 9, 1, 2], &[0x0100_0005, 77]));
        assert_eq!(rig.settle(), with_crc([REPLY, 9, 0, 0], &[]));
        assert_eq!(rig.port.memory.written.last(), Some(&(5, 77)));
    }
}
