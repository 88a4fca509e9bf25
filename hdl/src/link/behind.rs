//! What every link ends in: the accelerator, driven by a master of its host port.

use crate::rtl::{Builder, Expr, Forward, Module, Outputs, unsigned};
use std::sync::Arc;

/// The accelerator's answers, which its master needs before the accelerator is there.
pub(super) struct Answers {
    ready: Forward,
    data: Forward,
}

impl Answers {
    pub fn new(m: &mut Builder) -> Self {
        Answers { ready: m.forward("host_ready", unsigned(1)), data: m.forward("host_data", unsigned(32)) }
    }

    /// For the ports `host_ready_i` and `host_data_i` of the master.
    pub fn values(&self) -> (Expr, Expr) {
        (self.ready.value(), self.data.value())
    }

    /// Instantiates the accelerator behind the ports `host_*_o` of the master.
    pub fn connect(self, m: &mut Builder, accelerator: &Arc<Module>, master: &Outputs) {
        let accelerator = m.instance(
            "accelerator",
            accelerator,
            &[
                ("host_valid_i", &master.get("host_valid_o")),
                ("host_write_i", &master.get("host_write_o")),
                ("host_address_i", &master.get("host_address_o")),
                ("host_data_i", &master.get("host_data_o")),
            ],
        );
        m.assign(&self.ready, accelerator.get("host_ready_o"));
        m.assign(&self.data, accelerator.get("host_data_o"));
    }
}
