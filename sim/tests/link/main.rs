//! The serial link: UART, frames, and a host's session through both, over lines that lose, double and change bytes.
mod frame;
mod noise;
mod session;
#[path = "../small/mod.rs"]
mod small;
mod uart;
