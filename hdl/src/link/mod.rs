//! How a host reaches the accelerator.
pub mod arbiter;
pub mod axi;
mod behind;
pub mod crc32;
pub mod frame;
pub mod map;
pub mod port;
pub mod registers;
pub mod spi;
pub mod uart;
pub mod wishbone;
