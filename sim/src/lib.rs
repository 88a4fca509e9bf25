//! Running the accelerator: software model, simulation, targets.
pub mod model;
pub mod netlist;
pub mod target;
