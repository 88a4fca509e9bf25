//! An accelerator in another process: a compiled simulation that is driven over its standard input and output.
//!
//! The protocol is words of 32 bits, low byte first. The process says [`HELLO`] when it is ready. Each request is three
//! words, an operation and two arguments, and what belongs to it; each reply begins with a word that is 0 if the request
//! was carried out, and ends there if not. The other side is `tb/harness.cpp` of a generated folder, or, where all that can be
//! reached are the pins of a chip, the `line.cpp` of Logloom.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Target;

/// What the process says first: "LLP1", the protocol and its version.
pub const HELLO: u32 = 0x3150_4C4C;

/// For one reply. A training step of a large network takes seconds; a process that is silent for this long has hung.
const REPLY_LIMIT: Duration = Duration::from_secs(300);

/// For one program, in clock cycles. The process itself gives up after that many.
const CYCLE_LIMIT: u64 = 1 << 32;

/// How long a process may take to end by itself once its input is closed.
const FAREWELL: Duration = Duration::from_millis(500);

/// How much of what the process says on standard error an error repeats.
const TAIL_LINES: usize = 12;
const TAIL_BYTES: usize = 4096;

/// Words in one request. Long accesses are cut, so that neither side needs large buffers.
const CHUNK: usize = 1 << 14;

#[derive(Clone, Copy)]
#[repr(u32)]
enum Operation {
    /// Count; then pairs of address and data.
    Write = 1,
    /// Address, count. The reply holds the words.
    Read = 2,
    /// Limit in cycles, low and high word. Refused when the limit passes.
    Wait = 3,
    /// The reply holds the cycles since the start, low and high word.
    Cycles = 4,
    /// Cycles to run without an access, low and high word.
    Run = 5,
    /// Holds the reset for some cycles. Memories keep their contents.
    Reset = 6,
    /// Count; then that many bytes for the serial line, one in a word. They are on their way when the reply comes.
    Send = 7,
    /// Lets the clock run until a byte has come over the serial line, or nothing any more. The reply holds their number, 1 or
    /// 0, and the byte.
    Receive = 8,
}

/// An accelerator in another process.
pub struct Process {
    name: String,
    child: Child,
    /// Nothing once the process has failed: its streams are then out of step.
    requests: Option<Sender<Vec<u8>>>,
    replies: Receiver<Vec<u8>>,
    /// Bytes that have come and were not asked for yet.
    arrived: VecDeque<u8>,
    complaints: Arc<Mutex<VecDeque<u8>>>,
    limit: Duration,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).field("id", &self.child.id()).finish_non_exhaustive()
    }
}

impl Process {
    /// Starts `command`, whose streams are taken over, and waits until it is ready. `name`: what runs, for people.
    ///
    /// # Errors
    /// The program does not start, or is not one that speaks this protocol.
    pub fn start(name: &str, command: Command) -> Result<Self> {
        Process::start_with(name, command, REPLY_LIMIT)
    }

    /// As [`Process::start`], with a limit of the time that a reply may take.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_with(name: &str, mut command: Command, limit: Duration) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: {} does not start", command.get_program().display()))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            unreachable!("all three streams are pipes");
        };
        // Threads, because a read or write of a pipe cannot be given up: a process that hangs would take us with it.
        // They end with the process.
        let (requests, outbox) = channel();
        let (inbox, replies) = channel();
        let complaints = Arc::new(Mutex::new(VecDeque::new()));
        let heard = Arc::clone(&complaints);
        thread::spawn(move || send(stdin, &outbox));
        thread::spawn(move || receive(stdout, &inbox));
        thread::spawn(move || listen(stderr, &heard));
        let arrived = VecDeque::new();
        let mut process =
            Process { name: name.to_string(), child, requests: Some(requests), replies, arrived, complaints, limit };
        let hello = process.word()?;
        if hello != HELLO {
            return Err(process.fail(&format!("said {hello:#010x}, not {HELLO:#010x}: it is no generated simulation")));
        }
        Ok(process)
    }

    /// Lets the clock run without an access.
    ///
    /// # Errors
    /// The process failed.
    pub fn run(&mut self, cycles: u64) -> Result<()> {
        let (low, high) = halves(cycles);
        self.request(Operation::Run, low, high, [])
    }

    /// Resets the accelerator. A request and a running program are lost; memories keep their contents.
    ///
    /// # Errors
    /// The process failed.
    pub fn reset(&mut self) -> Result<()> {
        self.request(Operation::Reset, 0, 0, [])
    }

    /// Sends a request and takes the first word of the reply.
    fn request(&mut self, operation: Operation, a: u32, b: u32, words: impl IntoIterator<Item = u32>) -> Result<()> {
        let Some(requests) = &self.requests else {
            bail!("{}: has failed before", self.name);
        };
        let bytes = [operation as u32, a, b].into_iter().chain(words).flat_map(u32::to_le_bytes).collect();
        // When the other thread has ended, so has the process; the missing reply tells.
        let _ = requests.send(bytes);
        match self.word()? {
            0 => Ok(()),
            1 => Err(self.fail("the host port did not answer")),
            2 => Err(self.fail("the program ran beyond the limit of cycles")),
            other => Err(self.fail(&format!("refused a request ({other})"))),
        }
    }

    fn word(&mut self) -> Result<u32> {
        let deadline = Instant::now() + self.limit;
        while self.arrived.len() < 4 {
            match self.replies.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.arrived.extend(bytes),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = self.limit.as_secs_f32();
                    return Err(self.fail(&format!("no reply within {seconds} s; it was stopped")));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.fail("the process ended")),
            }
        }
        let mut bytes = self.arrived.drain(..4);
        Ok(u32::from_le_bytes(std::array::from_fn(|_| bytes.next().expect("four bytes"))))
    }

    fn double_word(&mut self) -> Result<u64> {
        let (low, high) = (self.word()?, self.word()?);
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    /// Ends the process; the error says how it ended and what it said last.
    fn fail(&mut self, what: &str) -> anyhow::Error {
        let status = match self.end() {
            Some(status) => format!(" ({status})"),
            None => String::new(),
        };
        // What a dead process said last may still be on its way through the pipe.
        thread::sleep(Duration::from_millis(50));
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = complaints.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let tail: String =
            lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| format!("\n  | {line}")).collect();
        anyhow::anyhow!("{}: {what}{status}{tail}", self.name)
    }

    /// Closes the input and waits a little; then kills. The status, if the process ended by itself.
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        self.requests = None;
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) => thread::sleep(Duration::from_millis(1)),
                Err(_) => break,
            }
        }
        // Best effort: it may end in this very moment.
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl Target for Process {
    fn name(&self) -> &str {
        &self.name
    }

    fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
        for chunk in words.chunks(CHUNK) {
            let words = chunk.iter().flat_map(|&(address, data)| [address, data]);
            self.request(Operation::Write, chunk.len() as u32, 0, words)?;
        }
        Ok(())
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
        for (chunk, first) in out.chunks_mut(CHUNK).zip((address..).step_by(CHUNK)) {
            self.request(Operation::Read, first, chunk.len() as u32, [])?;
            for word in chunk {
                *word = self.word()?;
            }
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let (low, high) = halves(CYCLE_LIMIT);
        self.request(Operation::Wait, low, high, [])
    }

    fn cycles(&mut self) -> Option<u64> {
        self.request(Operation::Cycles, 0, 0, []).ok()?;
        self.double_word().ok()
    }
}

/// The serial line of a chip in another process, for [`Framed`](super::framed::Framed).
#[derive(Debug)]
pub struct ProcessLine(Process);

impl ProcessLine {
    /// The line at the pins of what `process` simulates.
    pub fn new(process: Process) -> Self {
        ProcessLine(process)
    }
}

impl Read for ProcessLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(first) = buffer.first_mut() else { return Ok(0) };
        self.0.request(Operation::Receive, 0, 0, []).map_err(io::Error::other)?;
        if self.0.word().map_err(io::Error::other)? == 0 {
            return Err(ErrorKind::TimedOut.into());
        }
        *first = self.0.word().map_err(io::Error::other)? as u8;
        Ok(1)
    }
}

impl Write for ProcessLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let words = bytes.iter().map(|&byte| byte.into());
        self.0.request(Operation::Send, bytes.len() as u32, 0, words).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn halves(number: u64) -> (u32, u32) {
    (number as u32, (number >> 32) as u32)
}

fn send(mut to: ChildStdin, outbox: &Receiver<Vec<u8>>) {
    for bytes in outbox {
        if to.write_all(&bytes).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn receive(mut from: ChildStdout, inbox: &Sender<Vec<u8>>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if inbox.send(buffer[..count].to_vec()).is_err() {
            return;
        }
    }
}

/// Keeps the last that the process says on standard error.
fn listen(mut from: ChildStderr, heard: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend(&buffer[..count]);
        let surplus = heard.len().saturating_sub(TAIL_BYTES);
        heard.drain(..surplus);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A process that says hello, then what `script` does.
    fn shell(script: &str, limit: Duration) -> Result<Process> {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("printf 'LLP1'; {script}")]);
        Process::start_with("shell", command, limit)
    }

    const SOON: Duration = Duration::from_millis(300);
    const LATE: Duration = Duration::from_secs(30);

    #[test]
    fn replies_are_read_word_by_word() {
        // Request of 12 bytes; status 0; the words 1 and 0x01020304.
        let mut process = shell("head -c 12 >/dev/null; printf '\\0\\0\\0\\0\\1\\0\\0\\0\\4\\3\\2\\1'", LATE).unwrap();
        let mut words = [0; 2];
        process.read(0, &mut words).unwrap();
        assert_eq!(words, [1, 0x0102_0304]);
    }

    #[test]
    fn death_is_an_error_with_the_last_words() {
        let mut process = shell("head -c 12 >/dev/null; echo 'out of ideas' >&2; exit 3", LATE).unwrap();
        let error = process.wait().unwrap_err().to_string();
        for part in ["shell: the process ended", "exit status: 3", "| out of ideas"] {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
        // The streams are out of step now: nothing may go through them.
        assert!(process.wait().unwrap_err().to_string().contains("failed before"));
    }

    #[test]
    fn death_by_a_signal_is_told() {
        let mut process = shell("head -c 12 >/dev/null; kill -SEGV $$", LATE).unwrap();
        let error = process.wait().unwrap_err().to_string();
        assert!(error.contains("signal: 11"), "{error}");
    }

    #[test]
    fn silence_is_an_error() {
        let started = Instant::now();
        let mut process = shell("exec sleep 60", SOON).unwrap();
        let error = process.wait().unwrap_err().to_string();
        assert!(error.contains("no reply within 0.3 s"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    /// More than a pipe holds: the write itself would never return.
    #[test]
    fn a_process_that_does_not_read_is_an_error() {
        let mut process = shell("exec sleep 60", SOON).unwrap();
        let error = process.write(&vec![(0, 0); 100_000]).unwrap_err().to_string();
        assert!(error.contains("no reply"), "{error}");
    }

    #[test]
    fn any_other_program_is_refused() {
        let mut command = Command::new("echo");
        command.arg("usage: echo");
        let error = Process::start_with("echo", command, LATE).unwrap_err().to_string();
        assert!(error.contains("no generated simulation"), "{error}");
        let error = Process::start_with("true", Command::new("true"), LATE).unwrap_err().to_string();
        assert!(error.contains("the process ended (exit status: 0)"), "{error}");
        let error = Process::start("nothing", Command::new("/does/not/exist")).unwrap_err();
        assert!(format!("{error:#}").contains("does not start"), "{error:#}");
    }

    #[test]
    fn a_line_gives_up_when_nothing_comes() {
        // Two requests, of 12 bytes and of 12 and a byte; a byte comes, another one is sent, and nothing more comes.
        let script = "head -c 12 >/dev/null; printf '\\0\\0\\0\\0\\1\\0\\0\\0\\7\\0\\0\\0'; \
                      head -c 16 | tail -c 4 >&2; printf '\\0\\0\\0\\0'; head -c 12 >/dev/null; printf '\\0\\0\\0\\0\\0\\0\\0\\0'";
        let mut line = ProcessLine::new(shell(script, LATE).unwrap());
        let mut bytes = [0; 5];
        assert_eq!(line.read(&mut bytes).unwrap(), 1);
        assert_eq!(bytes[0], 7);
        line.write_all(b"x").unwrap();
        assert_eq!(line.read(&mut bytes).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(line.read(&mut bytes).unwrap_err().to_string().contains("the process ended"));
    }

    #[test]
    fn refusals_are_told_apart() {
        let mut process = shell("head -c 12 >/dev/null; printf '\\2\\0\\0\\0'", LATE).unwrap();
        assert!(process.wait().unwrap_err().to_string().contains("limit of cycles"));
    }
}
