mod arrays;
mod naive;
mod random;
mod state;
mod structure;
mod waves;

use super::{Output, Simulator};
use logloom_hdl::rtl::{Builder, Module};
use std::sync::Arc;

fn finish(builder: Builder) -> Arc<Module> {
    builder.finish().unwrap()
}

fn start(builder: Builder) -> Simulator {
    Simulator::new(&finish(builder)).unwrap()
}

fn set(sim: &mut Simulator, name: &str, value: u64) {
    let port = sim.input(name).unwrap();
    sim.set(port, value);
}

fn get(sim: &mut Simulator, name: &str) -> u64 {
    let port: Output = sim.output(name).unwrap();
    sim.get(port)
}
