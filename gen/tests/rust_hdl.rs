//! Multipliers in rust_hdl, from their crate into the array.

mod common;

use std::path::Path;
use std::process::Command;

use logloom::flow::Tool;
use logloom::flow::testing::needs;
use logloom_guest::{Ports, write};
use rust_hdl::prelude::*;

use common::{copy, logloom_with_tools as logloom, transcript};

const SIMULATED: [Tool; 4] = [Tool::Yosys, Tool::Verilator, Tool::Make, Tool::Cxx];

#[test]
fn the_example_crate_trains() {
    if !needs(&SIMULATED) {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "-p", "truncated-log", "--"]).arg(folder.path()).current_dir(root);
    let settings = cargo.output().unwrap();
    assert!(settings.status.success(), "{}", transcript(&settings));
    let settings = String::from_utf8(settings.stdout).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data");
    copy(&data, &folder.path().join("data"));
    std::fs::write(folder.path().join("x.toml"), format!("preset = \"exact8\"\n{settings}")).unwrap();

    let verified = logloom(folder.path(), &["verify", "x.toml", "--targets", "model,sim,verilator", "--steps", "1"]);
    assert!(transcript(&verified).contains("equal in every word"), "{}", transcript(&verified));
    let trained = logloom(folder.path(), &["train", "x.toml", "--epochs", "1"]);
    assert!(trained.status.success(), "{}", transcript(&trained));
}

/// rust_hdl 0.46 prints the sum without its 8 bits, so that Verilog forms it in 16.
#[derive(LogicBlock, Default)]
struct Miscompiled {
    pub a: Signal<In, Bits<8>>,
    pub b: Signal<In, Bits<8>>,
    pub product: Signal<Out, Bits<16>>,
}

impl Logic for Miscompiled {
    #[hdl_gen]
    fn update(&mut self) {
        self.product.next = bit_cast::<16, 8>(self.a.val() + self.b.val());
    }
}

#[test]
fn verilog_that_is_not_what_the_block_does() {
    if !needs(&SIMULATED) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports {
        a: ("a", |unit: &mut Miscompiled| &mut unit.a),
        b: ("b", |unit| &mut unit.b),
        product: ("product", |unit| unit.product.val()),
        clock: None,
        latency: 0,
    };
    let settings = write("Miscompiled", Miscompiled::default, ports, folder.path()).unwrap();
    let settings = settings.replace(&format!("{}/", folder.path().display()), "");
    std::fs::write(folder.path().join("x.toml"), format!("preset = \"exact8\"\n{settings}")).unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["units", "--guest", "x.toml"])));
}
