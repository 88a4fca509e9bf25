//! From a bitstream back to Verilog.

use std::path::Path;

use super::run::{Invocation, folder_of};
use super::tool::{Tool, ToolError};
use super::yosys::scratch;

/// The Verilog that Project IceStorm reads out of the bitstream of an iCE40: LUTs, flip-flops and carries as expressions, block
/// memories as `SB_RAM40_4K`, in a module `chip` whose ports have the names that `pins` (a PCF file) gives to pins.
///
/// # Errors
/// A tool is missing or fails.
pub fn unpack(bitstream: &Path, pins: &Path) -> Result<String, ToolError> {
    let scratch = scratch()?;
    let ascii = scratch.path().join("bitstream.asc");
    let call = Invocation::new(Tool::Iceunpack)?.folder(folder_of(&[bitstream]));
    let (from, to) = (call.relative(bitstream), call.relative(&ascii));
    call.arg(from).arg(to).run()?;
    let call = Invocation::new(Tool::IceboxVlog)?.folder(folder_of(&[pins]));
    let (pins, ascii) = (call.relative(pins), call.relative(&ascii));
    Ok(call.args(["-s", "-p"]).arg(pins).arg(ascii).run()?.stdout)
}
