//! Running the accelerator: software model, simulation, targets.
