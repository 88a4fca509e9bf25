//! From a routed design to a bitstream.

use std::path::Path;

use super::device::Device;
use super::fabric::Fabric;
use super::run::{Invocation, folder_of};
use super::tool::ToolError;

/// Packs a routed design of [`place_and_route`](super::nextpnr::place_and_route) into a bitstream.
///
/// # Errors
/// The packer is missing or fails.
pub fn pack(routed: &Path, device: &Device, bitstream: &Path, log: &Path) -> Result<(), ToolError> {
    let call = Invocation::new(device.fabric.packer())?.folder(folder_of(&[routed])).log(log).args(&device.pack);
    let (from, to) = (call.relative(routed), call.relative(bitstream));
    match device.fabric {
        Fabric::Ice40 | Fabric::Ecp5 => call.arg(from).arg(to),
        Fabric::Gowin => call.arg("-o").arg(to).arg(from),
    }
    .run()?;
    Ok(())
}
