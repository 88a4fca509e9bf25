//! Between a host and the port of the accelerator: serial lines and buses.
pub mod arbiter;
pub mod axi;
mod behind;
pub mod crc32;
pub mod frame;
pub mod spi;
pub mod uart;
pub mod wishbone;
