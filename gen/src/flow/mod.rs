//! Finding and running external tools, reading their reports.
//!
//! Nothing outside this folder starts a process. A tool is found, in this order, through its own variable, in the
//! project's tool folder, on `PATH`; see [`tool`].

pub mod cache;
pub mod device;
pub mod doctor;
pub mod fabric;
pub mod frame;
mod gowin;
pub mod lint;
pub mod measure;
pub mod nextpnr;
pub mod pack;
mod run;
pub mod testing;
pub mod tool;
pub mod unpack;
pub mod verilator;
pub mod yosys;

pub use device::Device;
pub use fabric::Fabric;
pub use run::{Finished, Invocation, terminate_with_tools};
pub use tool::{Origin, Search, Tool, ToolError};

/// Whether this is a machine on which a missing tool is a mistake (`CI` is set, and not to `false`).
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
