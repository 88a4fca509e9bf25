//! The links: masters of buses that stall, leave and are reset; UART, SPI, frames, and a host's session through them, over lines
//! that lose, double and change bytes.
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
