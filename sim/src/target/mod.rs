//! Anything that runs programs behind the host port of section 5 of the specification.
pub mod framed;
pub mod line;
pub mod process;
pub mod serial;
pub mod simulation;
pub mod spi;

use anyhow::Result;

/// An accelerator, seen through its host port. All targets of one design agree in every word they read,
/// except in the registers CYCLES and STALL of a target without a clock.
///
/// An access that the accelerator refuses is not an `Err`: it sets the register ERROR, as on hardware.
/// `Err` means that the target itself failed: a lost connection, a simulator that died, a program
/// without a defined meaning.
pub trait Target {
    /// What runs, for people: `model`, `verilator`.
    fn name(&self) -> &str;

    /// Writes words at host addresses, in order.
    fn write(&mut self, words: &[(u32, u32)]) -> Result<()>;

    /// Reads `out.len()` words from consecutive host addresses.
    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()>;

    /// Returns when STATUS.running is 0.
    fn wait(&mut self) -> Result<()>;

    /// A clock in cycles that runs at least while a program does; `None` for a target without one.
    fn cycles(&mut self) -> Option<u64>;
}
