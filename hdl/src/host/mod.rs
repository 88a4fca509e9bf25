//! What a host sees of the accelerator: a port, and behind it registers and the regions of memory.
pub mod map;
pub mod port;
pub mod registers;
