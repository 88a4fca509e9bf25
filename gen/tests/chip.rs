//! The bitstream of a board, read back and simulated at its pins.

mod common;

use common::{logloom_with_tools as logloom, transcript};
use logloom::build::chip;
use logloom::flow::testing::needs;

/// A faster line than by default, because every bit of it is simulated.
const CONFIG: &str = "preset = \"tiny\"\n[data]\ntrain = \"xor.csv\"\ntest = \"xor.csv\"\n[link]\nbaud = 4000000\n";

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), config).unwrap();
    std::fs::write(folder.path().join("xor.csv"), "0,0,0\n0,1,1\n1,0,1\n1,1,0\n").unwrap();
    folder
}

/// All memories after every instruction of a training step.
#[test]
fn a_chip_trains_like_the_model() {
    if !needs(&chip::tools()) {
        return;
    }
    let folder = folder(CONFIG);
    let arguments = ["verify", "x.toml", "--steps", "1", "--targets", "model,bitstream"];
    let text = transcript(&logloom(folder.path(), &arguments));
    assert!(text.starts_with("exit code 0") && text.contains("equal in every word"), "{text}");
    assert!(text.contains("words compared  3,328"), "{text}");
}

#[test]
fn a_bus_has_no_pins() {
    let folder = folder(&CONFIG.replace("baud = 4000000", "kind = \"wishbone\""));
    let arguments = ["verify", "x.toml", "--steps", "1", "--targets", "model,bitstream"];
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &arguments)));
}
