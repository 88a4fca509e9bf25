//! The printed Verilog in the eyes of other people's tools.

#[path = "../../../hdl/tests/zoo/mod.rs"]
mod zoo;

mod bench;
mod lint;
mod random;
mod unit_folder;
mod units;

use logloom::flow::testing::needs;
use logloom::flow::{Invocation, Tool};
use logloom_hdl::rtl::{Builder, Expr, Module, verilog};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Writes every module of the hierarchy into the folder, children first.
fn write(folder: &Path, top: &Arc<Module>) -> Vec<PathBuf> {
    let modules = top.hierarchy().unwrap();
    let files = modules.iter().map(|module| {
        let path = folder.join(format!("{}.v", module.name));
        std::fs::write(&path, verilog::print(module, "// SPDX-License-Identifier: MIT\n")).unwrap();
        path
    });
    files.collect()
}

/// One module around all of the zoo, so that each tool starts once.
fn everything() -> Arc<Module> {
    let mut m = Builder::new("everything", "Every module of the zoo, with all its ports.");
    for module in &zoo::all() {
        let inputs: Vec<(String, Expr)> = module
            .inputs
            .iter()
            .map(|&port| {
                let port = module.signal(port);
                (port.name.clone(), m.input(&format!("{}_{}", module.name, port.name), port.ty))
            })
            .collect();
        let ports: Vec<(&str, &Expr)> = inputs.iter().map(|(name, value)| (name.as_str(), value)).collect();
        // Not the module's own name: its wires would be named like the ports above.
        let outputs = m.instance(&format!("the_{}", module.name), module, &ports);
        for (port, _) in &module.outputs {
            m.output(&format!("{}_{port}", module.name), outputs.get(port));
        }
    }
    m.finish().unwrap()
}

/// Runs the bench of the folder in Icarus; what it prints.
fn icarus(folder: &Path, files: &[PathBuf]) -> String {
    let call = |tool| Invocation::new(tool).unwrap().folder(folder).limit(Duration::from_secs(300));
    call(Tool::Iverilog).args(["-g2005", "-o", "bench.vvp", "bench.v"]).args(files).run().unwrap();
    call(Tool::Vvp).args(["bench.vvp"]).run().unwrap().stdout
}

#[test]
fn the_zoo_runs_as_described() {
    if !needs(&[Tool::Iverilog, Tool::Vvp]) {
        return;
    }
    let module = everything();
    let vectors = bench::Random(0x600D).vectors(&module, 200);
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), &module);
    std::fs::write(folder.path().join("bench.v"), bench::text(&module, &vectors)).unwrap();
    bench::compare(&icarus(folder.path(), &files), &bench::expected(&module, &vectors));
}
