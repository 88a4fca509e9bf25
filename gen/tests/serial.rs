//! Boards: the simulated accelerator behind its UART, at a pseudo-terminal, driven by the command.
#![cfg(unix)]

mod common;
#[path = "../../sim/tests/link/noise.rs"]
mod noise;

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{logloom, transcript};
use logloom::config::Configuration;
use logloom::emit::digest;
use logloom_hdl::host::map;
use logloom_hdl::link::frame::frame_master;
use logloom_hdl::link::uart::{SILENT_BITS, serial_accelerator, uart_receiver, uart_transmitter};
use logloom_hdl::rtl::{Builder, Expr, Module, mux, unsigned};
use logloom_sim::target::line::Line;
use noise::Noisy;
use serialport::{SerialPort, TTYPort};

/// Clock cycles per bit: the fewest, so that little is simulated.
const DIVIDER: u32 = 4;
/// Cycles of the simulation between two looks at the terminal.
const PATIENCE: u64 = 2000;

/// What happens to a board after a number of bytes from the host.
#[derive(Clone, Copy, PartialEq)]
enum Event {
    /// It says nothing any more.
    Gone,
    Reset,
}

/// A board at the port `port` of a folder.
struct Board {
    port: PathBuf,
    plugs: Sender<TTYPort>,
    stop: Arc<AtomicBool>,
    faults: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Board {
    /// One byte in `period` goes wrong; none for 0.
    fn new(folder: &Path, top: &Arc<Module>, period: usize, event: Option<(usize, Event)>) -> Self {
        let (stop, faults) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let line = Noisy::new(Line::new(top, f64::from(DIVIDER), PATIENCE).unwrap(), period, 1);
        let (plugs, plugged) = channel();
        let thread = thread::spawn({
            let (stop, faults) = (Arc::clone(&stop), Arc::clone(&faults));
            move || serve(&plugged, line, &stop, &faults, event)
        });
        let board = Board { port: folder.join("port"), plugs, stop, faults, thread: Some(thread) };
        board.plug();
        board
    }

    /// Pulls the cable and plugs it in again: a pseudo-terminal is for the first program that opens it alone, even once that
    /// has ended.
    fn plug(&self) {
        let (master, slave) = TTYPort::pair().unwrap();
        let _ = std::fs::remove_file(&self.port);
        std::os::unix::fs::symlink(slave.name().unwrap(), &self.port).unwrap();
        drop(slave);
        self.plugs.send(master).unwrap();
    }

    fn faults(&self) -> u32 {
        self.faults.load(Ordering::Relaxed)
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let result = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || result.is_none_or(|joined| joined.is_ok()), "the board's thread has panicked");
    }
}

/// Carries bytes between the terminal and the pins.
fn serve(
    plugged: &Receiver<TTYPort>,
    mut line: Noisy<Line>,
    stop: &AtomicBool,
    faults: &AtomicU32,
    mut event: Option<(usize, Event)>,
) {
    let mut master = plugged.recv().unwrap();
    let (mut buffer, mut seen) = ([0; 4096], 0);
    while !stop.load(Ordering::Relaxed) {
        master = plugged.try_recv().unwrap_or(master);
        master.set_timeout(Duration::from_millis(2)).unwrap();
        match master.read(&mut buffer) {
            Ok(count) => {
                seen += count;
                line.write_all(&buffer[..count]).unwrap();
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            // Nobody has the port open.
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
        match event.filter(|(after, _)| *after <= seen) {
            Some((_, Event::Gone)) => return,
            Some((_, Event::Reset)) => {
                line.line.reset();
                event = None;
            }
            None => {}
        }
        // Until nothing comes for a while.
        while let Ok(count) = line.read(&mut buffer) {
            // Lost, if nobody has the port open any more.
            let _ = master.write_all(&buffer[..count]);
        }
        faults.store(line.faults, Ordering::Relaxed);
    }
}

/// XOR, with its data beside it. A baud at which a host is patient: the machine may be busy.
const CONFIG: &str = "preset = \"tiny\"\n[data]\ntrain = \"xor.csv\"\ntest = \"xor.csv\"\n[link]\nbaud = 20000\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), CONFIG).unwrap();
    std::fs::write(folder.path().join("xor.csv"), "0,0,0\n0,1,1\n1,0,1\n1,1,0\n").unwrap();
    folder
}

/// The accelerator of `x.toml` behind its UART.
fn accelerator(folder: &Path) -> Arc<Module> {
    let configuration = Configuration::load(&folder.join("x.toml"), &[]).unwrap();
    let design = configuration.design();
    serial_accelerator(design, digest::word(design), DIVIDER * 1_000_000, 1_000_000).unwrap()
}

/// The same with products of which other bits are dropped.
fn wrong_accelerator(folder: &Path) -> Arc<Module> {
    std::fs::write(folder.join("wrong.toml"), format!("{CONFIG}[arithmetic]\ndropped_bits = 10\n")).unwrap();
    let load = |file: &str| Configuration::load(&folder.join(file), &[]).unwrap();
    let (right, wrong) = (load("x.toml"), load("wrong.toml"));
    serial_accelerator(wrong.design(), digest::word(right.design()), DIVIDER * 1_000_000, 1_000_000).unwrap()
}

fn train(folder: &Path, target: &str, arguments: &[&str]) -> std::process::Output {
    logloom(folder, &[&["train", "x.toml", "--target", target, "-o", target, "--json"], arguments].concat())
}

/// The last line on stdout, without what depends on the target.
fn result(output: &std::process::Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", transcript(output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut report: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    for key in ["target", "cycles"] {
        assert!(report.as_object_mut().unwrap().remove(key).is_some());
    }
    report
}

/// In which epoch something happens depends on how often a busy machine had to ask.
fn without_digits(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_digit(), "#")
}

#[test]
fn a_board_trains_like_the_model() {
    let folder = folder();
    let board = Board::new(folder.path(), &accelerator(folder.path()), 0, None);
    let model = train(folder.path(), "model", &["--epochs", "3"]);
    let first = train(folder.path(), "serial:port", &["--epochs", "3"]);
    assert_eq!(result(&first), result(&model));
    // The next program finds it as the last one left it.
    board.plug();
    let second = train(folder.path(), "serial:port", &["--epochs", "3"]);
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(board.faults(), 0);
}

/// Bytes lost, doubled and changed, both ways.
#[test]
fn a_bad_line_costs_time_and_nothing_else() {
    let folder = folder();
    let board = Board::new(folder.path(), &accelerator(folder.path()), 250, None);
    let model = train(folder.path(), "model", &["--epochs", "6"]);
    let trained = train(folder.path(), "serial:port", &["--epochs", "6"]);
    assert_eq!(result(&trained), result(&model));
    assert!(board.faults() > 8, "{} faults", board.faults());
}

#[test]
fn a_line_that_is_too_bad_is_given_up() {
    let folder = folder();
    let _board = Board::new(folder.path(), &accelerator(folder.path()), 6, None);
    let text = transcript(&train(folder.path(), "serial:port", &[]));
    assert!(
        text.starts_with("exit code 2\n--- stderr\nerror: serial:port: ") && text.contains("10 times; check"),
        "{text}"
    );
}

#[test]
fn a_run_goes_on_after_the_connection_was_lost() {
    let folder = folder();
    let top = accelerator(folder.path());
    let model = train(folder.path(), "model", &["--epochs", "6"]);
    // In the fourth epoch.
    let board = Board::new(folder.path(), &top, 0, Some((1200, Event::Gone)));
    let lost = transcript(&train(folder.path(), "serial:port", &["--epochs", "6"]));
    insta::assert_snapshot!(without_digits(&lost));
    drop(board);
    let _board = Board::new(folder.path(), &top, 0, None);
    let resumed = train(folder.path(), "serial:port", &["--epochs", "6", "--resume"]);
    assert_eq!(result(&resumed), result(&model));
}

#[test]
fn a_reset_in_mid_run_stops_it() {
    let folder = folder();
    let _board = Board::new(folder.path(), &accelerator(folder.path()), 0, Some((1200, Event::Reset)));
    let stopped = transcript(&train(folder.path(), "serial:port", &["--epochs", "6"]));
    insta::assert_snapshot!(without_digits(&stopped));
}

#[test]
fn verify_compares_a_board() {
    let folder = folder();
    let board = Board::new(folder.path(), &accelerator(folder.path()), 0, None);
    let arguments = ["verify", "x.toml", "--targets", "model,serial:port", "--steps", "1"];
    let text = transcript(&logloom(folder.path(), &arguments));
    assert!(text.starts_with("exit code 0") && text.contains("equal in every word"), "{text}");
    // Its memories are not as they power up any more, which makes no difference.
    board.plug();
    assert_eq!(transcript(&logloom(folder.path(), &arguments)), text);
}

#[test]
fn bisect_finds_where_a_board_goes_wrong() {
    let folder = folder();
    let search = ["bisect", "x.toml", "--target", "serial:port", "--steps", "3"];
    let board = Board::new(folder.path(), &accelerator(folder.path()), 0, None);
    let text = transcript(&logloom(folder.path(), &search));
    assert!(text.starts_with("exit code 0") && text.contains("equal in every word after 3 steps"), "{text}");
    drop(board);
    let board = Board::new(folder.path(), &wrong_accelerator(folder.path()), 0, None);
    let found = transcript(&logloom(folder.path(), &search));
    insta::assert_snapshot!(found);
    // On a board that has run before, the same; and the place that `verify` names.
    board.plug();
    assert_eq!(transcript(&logloom(folder.path(), &search)), found);
    board.plug();
    let arguments = ["verify", "x.toml", "--targets", "model,serial:port", "--steps", "3"];
    let verified = transcript(&logloom(folder.path(), &arguments));
    let verdict = |text: &str| text.lines().find(|line| line.starts_with("DIFFERENT: ")).unwrap().to_string();
    assert_eq!(verdict(&found), verdict(&verified));
}

#[test]
fn no_such_port() {
    let folder = folder();
    insta::assert_snapshot!(transcript(&train(folder.path(), "serial:nowhere", &[])));
}

#[test]
fn no_such_target() {
    let folder = folder();
    insta::assert_snapshot!(transcript(&train(folder.path(), "serial:", &[])));
}

#[test]
fn link_of_no_port() {
    let folder = folder();
    let config = CONFIG.replace("baud = 20000", "kind = \"wishbone\"");
    std::fs::write(folder.path().join("x.toml"), config).unwrap();
    insta::assert_snapshot!(transcript(&train(folder.path(), "serial:port", &[])));
}

#[test]
fn a_board_that_says_nothing() {
    let folder = folder();
    let (_master, slave) = TTYPort::pair().unwrap();
    std::os::unix::fs::symlink(slave.name().unwrap(), folder.path().join("port")).unwrap();
    drop(slave);
    insta::assert_snapshot!(transcript(&train(folder.path(), "serial:port", &[])));
}

#[test]
fn another_bitstream() {
    let folder = folder();
    let _board = Board::new(folder.path(), &accelerator(folder.path()), 0, None);
    std::fs::write(folder.path().join("x.toml"), format!("{CONFIG}[array]\nrows = 3\n")).unwrap();
    insta::assert_snapshot!(transcript(&train(folder.path(), "serial:port", &[])));
    assert!(!folder.path().join("serial:port").exists(), "nothing is left behind");
}

/// Speaks in frames, and is something else.
#[test]
fn another_device() {
    let mut m = Builder::new("device", "A slave of one register that counts the writes to it.");
    let one = unsigned(1);
    let rx = m.input("rx_i", one);
    let receiver = m.instance("receiver", &uart_receiver(DIVIDER).unwrap(), &[("rx_i", &rx)]);
    let valid = m.forward("valid", one);
    let ready = m.forward("ready", one);
    let writes = m.register("writes_q", unsigned(32));
    let id = Expr::constant(unsigned(32), i64::from(map::ID));
    let fresh = m.wire("fresh", !writes.value().any());
    // An accelerator's ID once somebody has written.
    let data = mux(&fresh, &Expr::constant(unsigned(32), 0x0BAD_CAFE), &id);
    let master = m.instance(
        "master",
        &frame_master(SILENT_BITS * DIVIDER).unwrap(),
        &[
            ("byte_valid_i", &receiver.get("valid_o")),
            ("byte_i", &receiver.get("byte_o")),
            ("byte_ready_i", &ready.value()),
            ("host_ready_i", &valid.value()),
            ("host_data_i", &data),
        ],
    );
    m.assign(&valid, master.get("host_valid_o"));
    m.drive_when(&writes, &valid.value() & master.get("host_write_o"), writes.value() + 1);
    m.discard(master.get("host_address_o"));
    m.discard(master.get("host_data_o"));
    let ports = [("valid_i", &master.get("byte_valid_o")), ("byte_i", &master.get("byte_o"))];
    let transmitter = m.instance("transmitter", &uart_transmitter(DIVIDER).unwrap(), &ports);
    m.assign(&ready, transmitter.get("ready_o"));
    m.output("tx_o", transmitter.get("tx_o"));

    let folder = folder();
    let board = Board::new(folder.path(), &m.finish().unwrap(), 0, None);
    let refused = transcript(&train(folder.path(), "serial:port", &[]));
    insta::assert_snapshot!(refused);
    // The same again: so nothing was written.
    board.plug();
    assert_eq!(transcript(&train(folder.path(), "serial:port", &[])), refused);
}
