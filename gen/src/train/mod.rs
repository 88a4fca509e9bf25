//! Data, training loop, metrics, checkpoints.
