//! An accelerator at the far end of a line of bytes: the host's side of section 6 of the specification.
//!
//! One request is under way at a time. It is sent again until its reply comes, with the sequence number that it has, so that the
//! accelerator carries it out once. What comes and is not that reply, whole and with the right CRC, is passed over.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use logloom_hdl::host::map::{Register, status};
use logloom_hdl::link::frame::{MAX_WORDS, Operation, REPLY, REQUEST, Status};

use super::Target;

/// How often a request is sent before the line is given up.
const ATTEMPTS: u32 = 10;
/// Words of one read: their number is a byte.
const MAX_READ: usize = 255;
/// Bytes of the head of a frame, and of its CRC.
const HEAD: usize = 4;
const CRC: usize = 4;
/// Bytes of the longest request.
pub const LONGEST_REQUEST: usize = HEAD + 4 * MAX_WORDS + CRC;
/// Bytes without a reply among them after which an attempt has failed: whatever sends them does not stop.
const CHATTER: usize = 1 << 16;
/// For one program. A step of a large network takes seconds; an accelerator that runs for this long has hung.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// An accelerator behind a line that carries frames.
///
/// A `read` of the line must give up, with [`ErrorKind::TimedOut`] or [`ErrorKind::WouldBlock`], when nothing has come for so long
/// that the accelerator has received what was written before, has forgotten a frame of which a part was lost, and has answered.
#[derive(Debug)]
pub struct Framed<L> {
    name: String,
    line: L,
    /// Of the last request.
    sequence: u8,
}

impl<L: Read + Write> Framed<L> {
    /// Begins a session; the registers and memories of the accelerator stay as they are. `name`: what is at the other end,
    /// for people.
    ///
    /// # Errors
    /// The line fails, or nobody answers in frames.
    pub fn open(name: &str, line: L) -> Result<Self> {
        let mut framed = Framed { name: name.into(), line, sequence: 0 };
        // Replies to whoever had the line before.
        let mut heard = 0;
        while heard < CHATTER {
            match framed.receive(&mut Vec::new()).with_context(|| framed.lost())? {
                Some(count) => heard += count,
                None => break,
            }
        }
        framed.request(Operation::Open, &[], 0)?;
        Ok(framed)
    }

    /// Sends a request until it is answered; the words of the reply.
    fn request(&mut self, operation: Operation, payload: &[u32], words: usize) -> Result<Vec<u32>> {
        self.sequence = self.sequence.wrapping_add(1);
        let head = [REQUEST, self.sequence, operation as u8, payload.len() as u8];
        let mut frame: Vec<u8> = head.into_iter().chain(payload.iter().flat_map(|word| word.to_le_bytes())).collect();
        frame.extend(crc32fast::hash(&frame).to_le_bytes());
        let mut heard = 0;
        for _ in 0..ATTEMPTS {
            let reply = self.exchange(&frame, words, &mut heard).with_context(|| self.lost())?;
            match reply {
                Some((Status::Done, words)) => return Ok(words),
                Some((Status::OutOfStep, _)) => bail!(
                    "{}: the accelerator was reset, or another program uses the line; what it holds is not known any more",
                    self.name
                ),
                Some((Status::Malformed, _)) => {
                    bail!(
                        "{}: the accelerator does not understand a request; its bitstream is of another version",
                        self.name
                    )
                }
                None => {}
            }
        }
        let name = &self.name;
        if heard == 0 {
            bail!(
                "{name}: no answer, {ATTEMPTS} times; check the cable, that this is the accelerator's port, and that its \
                 bitstream is loaded"
            );
        }
        bail!(
            "{name}: {heard} bytes have come, and no answer among them, {ATTEMPTS} times; check that this is the \
             accelerator's port, and that both sides use the same baud"
        );
    }

    fn lost(&self) -> String {
        format!("{}: the connection is lost", self.name)
    }

    /// Sends a frame and waits for its reply; nothing when none comes. Counts the bytes that come.
    fn exchange(&mut self, frame: &[u8], words: usize, heard: &mut usize) -> io::Result<Option<(Status, Vec<u32>)>> {
        if !sent(self.line.write_all(frame).and_then(|()| self.line.flush()))? {
            return Ok(None);
        }
        let mut arrived = Vec::new();
        let limit = *heard + CHATTER;
        while *heard < limit {
            let Some(count) = self.receive(&mut arrived)? else { break };
            *heard += count;
            if let Some(reply) = take_reply(&mut arrived, self.sequence, words) {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Appends what comes next; how many bytes, nothing when none come.
    fn receive(&mut self, arrived: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let mut buffer = [0; 1024];
        loop {
            match self.line.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    arrived.extend(&buffer[..count]);
                    return Ok(Some(count));
                }
                Err(error) => match error.kind() {
                    ErrorKind::TimedOut | ErrorKind::WouldBlock => return Ok(None),
                    ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

/// Whether all was sent in time: a rest is a rest of a frame, which the accelerator forgets.
fn sent(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes the reply of that number out of what has arrived, and what stands before it. `words`: of a reply that says done.
///
/// Bytes that only look like its head do no harm: the reply that they promise is as long as the true one behind them, so it is
/// complete, and found wrong, before that one is.
fn take_reply(arrived: &mut Vec<u8>, sequence: u8, words: usize) -> Option<(Status, Vec<u32>)> {
    while let Some(start) = arrived.iter().position(|&byte| byte == REPLY) {
        arrived.drain(..start);
        let &[_, found, status, count, ..] = arrived.as_slice() else { return None };
        let status = Status::from_number(status);
        let expected = if status == Some(Status::Done) { words } else { 0 };
        if let Some(status) = status
            && found == sequence
            && usize::from(count) == expected
        {
            let (frame, _) = arrived.split_at_checked(HEAD + 4 * expected + CRC)?;
            let (message, crc) = frame.split_at(frame.len() - CRC);
            if crc32fast::hash(message).to_le_bytes() == crc {
                let words = message[HEAD..].chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                let words = words.collect();
                arrived.drain(..HEAD + 4 * expected + CRC);
                return Some((status, words));
            }
        }
        arrived.remove(0);
    }
    arrived.clear();
    None
}

/// The head of a run of words: address and number.
fn run(address: u32, count: usize) -> u32 {
    debug_assert!(address >> 24 == 0 && count <= 255);
    address | (count as u32) << 24
}

impl<L: Read + Write> Target for Framed<L> {
    fn name(&self) -> &str {
        &self.name
    }

    fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
        let mut payload = Vec::with_capacity(MAX_WORDS);
        // Place of the head of the run under way, and the address that would go on with it.
        let (mut head, mut following) = (0, None);
        for &(address, data) in words {
            if payload.len() + 1 + usize::from(following != Some(address)) > MAX_WORDS {
                self.request(Operation::Write, &payload, 0)?;
                payload.clear();
                following = None;
            }
            if following != Some(address) {
                head = payload.len();
                payload.push(run(address, 0));
            }
            payload.push(data);
            payload[head] += 1 << 24;
            following = Some(address + 1);
        }
        if !payload.is_empty() {
            self.request(Operation::Write, &payload, 0)?;
        }
        Ok(())
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
        for (chunk, first) in out.chunks_mut(MAX_READ).zip((address..).step_by(MAX_READ)) {
            let words = self.request(Operation::Read, &[run(first, chunk.len())], chunk.len())?;
            chunk.copy_from_slice(&words);
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + RUN_LIMIT;
        let mut word = [status::RUNNING];
        while word[0] & status::RUNNING != 0 {
            let seconds = RUN_LIMIT.as_secs();
            ensure!(Instant::now() < deadline, "{}: the accelerator is still running after {seconds} s", self.name);
            self.read(Register::Status.address(), &mut word)?;
        }
        Ok(())
    }

    /// The register CYCLES.
    fn cycles(&mut self) -> Option<u64> {
        let mut word = [0];
        self.read(Register::Cycles.address(), &mut word).ok()?;
        Some(word[0].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Answers each request with what stands next in `replies`; keeps what is written.
    #[derive(Debug, Default)]
    struct Script {
        replies: VecDeque<io::Result<Vec<u8>>>,
        arriving: VecDeque<u8>,
        written: Vec<Vec<u8>>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.arriving.is_empty() {
                return Err(ErrorKind::TimedOut.into());
            }
            // In pieces, as lines have it.
            let count = buffer.len().min(self.arriving.len()).min(3);
            buffer[..count].fill_with(|| self.arriving.pop_front().unwrap());
            Ok(count)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.written.push(bytes.to_vec());
            let reply = self.replies.pop_front().unwrap_or(Ok(Vec::new()))?;
            self.arriving.extend(reply);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn reply(sequence: u8, status: Status, words: &[u32]) -> Vec<u8> {
        let head = [REPLY, sequence, status as u8, words.len() as u8];
        let mut frame: Vec<u8> = head.into_iter().chain(words.iter().flat_map(|word| word.to_le_bytes())).collect();
        frame.extend(crc32fast::hash(&frame).to_le_bytes());
        frame
    }

    /// A session whose requests after the opening one get these replies.
    fn session(replies: impl IntoIterator<Item = Vec<u8>>) -> Framed<Script> {
        let replies = std::iter::once(reply(1, Status::Done, &[])).chain(replies);
        let script = Script { replies: replies.map(Ok).collect(), ..Script::default() };
        Framed::open("script", script).unwrap()
    }

    #[test]
    fn a_frame_is_as_the_specification_shows_it() {
        let mut framed = session([reply(2, Status::Done, &[])]);
        framed.write(&[(0x000006, 1), (0x000007, 2), (0x500010, 3)]).unwrap();
        let written = &framed.line.written;
        assert_eq!(written[0], [0xA5, 1, 0, 0, 0x1C, 0x5C, 0x33, 0x5A]);
        let body = [0xA5, 2, 1, 5, 6, 0, 0, 2, 1, 0, 0, 0, 2, 0, 0, 0, 0x10, 0, 0x50, 1, 3, 0, 0, 0];
        assert_eq!(written[1][..24], body);
        assert_eq!(written[1].len(), 28);
    }

    #[test]
    fn long_accesses_are_cut_in_order() {
        let mut framed = session((2..=4).map(|sequence| reply(sequence, Status::Done, &[])));
        // A run that goes on behind a cut, and single words.
        let mut words: Vec<(u32, u32)> = (0..200).map(|word| (0x400000 + word, word)).collect();
        words.extend((0..60).map(|word| (0x300000 + 2 * word, word)));
        framed.write(&words).unwrap();
        let mut back = Vec::new();
        for frame in &framed.line.written[1..] {
            let payload: Vec<u32> = frame[4..frame.len() - 4]
                .chunks_exact(4)
                .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            assert!(payload.len() <= MAX_WORDS && payload.len() == usize::from(frame[3]));
            let mut rest = payload.as_slice();
            while let Some((head, tail)) = rest.split_first() {
                let (data, tail) = tail.split_at((head >> 24) as usize);
                back.extend((head & 0xFF_FFFF..).zip(data.iter().copied()));
                rest = tail;
            }
        }
        assert_eq!(back, words);

        let numbers: Vec<u32> = (0..300).map(|n| n * 0x0101).collect();
        let mut framed = session([reply(2, Status::Done, &numbers[..255]), reply(3, Status::Done, &numbers[255..])]);
        let mut out = [0; 300];
        framed.read(0x700000, &mut out).unwrap();
        assert_eq!(out.to_vec(), numbers);
        assert_eq!(framed.line.written[2][4..8], [255, 0, 0x70, 45]);
    }

    #[test]
    fn a_reply_is_found_among_other_bytes() {
        // The reply before once more, one with a flipped bit, the head alone, and the reply itself, twice.
        let mut wrong = reply(2, Status::Done, &[0x5A5A_5A5A]);
        wrong[5] ^= 0x10;
        let right = reply(2, Status::Done, &[0x005A_025A]);
        let bytes = [&reply(1, Status::Done, &[])[..], &wrong, &right[..4], &right, &right].concat();
        let mut framed = session([bytes, reply(3, Status::Done, &[7])]);
        let mut word = [0];
        framed.read(0, &mut word).unwrap();
        assert_eq!(word, [0x005A_025A]);
        framed.read(0, &mut word).unwrap();
        assert_eq!(word, [7]);
        assert_eq!(framed.line.written.len(), 3);
    }

    #[test]
    fn a_request_is_repeated_as_it_was() {
        let mut framed = session([Vec::new(), reply(2, Status::Done, &[])[..6].to_vec(), reply(2, Status::Done, &[])]);
        framed.write(&[(6, 1)]).unwrap();
        let written = &framed.line.written;
        assert_eq!(written.len(), 4);
        assert!(written[1] == written[2] && written[2] == written[3]);
    }

    #[test]
    fn every_failure_says_what_it_is() {
        let error = |replies: Vec<Vec<u8>>| session(replies).write(&[(6, 1)]).unwrap_err().to_string();
        assert!(error(vec![]).starts_with("script: no answer, 10 times; check the cable"));
        assert!(error(vec![b"$GPGGA".to_vec()]).starts_with("script: 6 bytes have come, and no answer among them"));
        assert!(error(vec![reply(2, Status::OutOfStep, &[])]).contains("was reset, or another program uses the line"));
        assert!(error(vec![reply(2, Status::Malformed, &[])]).contains("of another version"));
        // A request that comes back, as from a line whose ends are tied together.
        let echo = [&[0xA5, 2, 1, 2, 6, 0, 0, 1, 1, 0, 0, 0][..], &[0; 4]].concat();
        assert!(error(vec![echo]).contains("no answer among them"));

        let mut framed = session([]);
        framed.line.replies = [Err(ErrorKind::BrokenPipe.into())].into();
        assert_eq!(format!("{:#}", framed.wait().unwrap_err()), "script: the connection is lost: broken pipe");
    }

    #[test]
    fn bytes_without_end_are_an_error() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                buffer.fill(REPLY);
                Ok(buffer.len())
            }
        }
        impl Write for Endless {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = Framed::open("endless", Endless).err().unwrap().to_string();
        assert!(error.starts_with("endless: 655360 bytes have come"), "{error}");
    }
}
