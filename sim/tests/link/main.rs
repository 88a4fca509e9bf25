//! The links: a bus master that stalls, leaves and is reset; UART, frames, and a host's session through both, over lines that
//! lose, double and change bytes.
mod axi;
mod bus;
mod frame;
mod noise;
mod port;
mod session;
#[path = "../small/mod.rs"]
mod small;
mod spi;
mod uart;
mod wishbone;
