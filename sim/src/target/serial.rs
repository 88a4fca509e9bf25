//! An accelerator on a board, at a serial port.

use std::time::Duration;

use anyhow::{Context, Result};
use logloom_hdl::link::uart::SILENT_BITS;
use serialport::SerialPort;

use super::framed::{Framed, LONGEST_REQUEST};

/// For the adapter and the two kernels' buffers, beyond what the line takes.
const LATENCY: Duration = Duration::from_millis(100);

/// Begins a session with the accelerator at a port such as `/dev/ttyUSB0` or `COM3`. Nobody else can open the port meanwhile.
///
/// # Errors
/// The port cannot be opened, or no accelerator answers there.
pub fn open(port: &str, baud: u32) -> Result<Framed<Box<dyn SerialPort>>> {
    let name = format!("serial:{port}");
    let line = serialport::new(port, baud).timeout(silence(baud)).open();
    let line = line.with_context(|| {
        format!(
            "{name}: the port cannot be opened; check its name, that you may use it, and that no other program does"
        )
    })?;
    Framed::open(&name, line)
}

/// How long nothing comes before an answer is given up: the longest request on the line, and the pause after which the
/// accelerator has forgotten what came of it.
fn silence(baud: u32) -> Duration {
    let bits = 10 * LONGEST_REQUEST as u32 + 2 * SILENT_BITS;
    LATENCY + Duration::from_secs_f64(f64::from(bits) / f64::from(baud.max(1)))
}
