//! The Verilog of the `tiny` preset, module by module: a change of the hardware shows as a diff that a reviewer can read.

use std::path::Path;

use logloom::config::Configuration;
use logloom::emit;

#[test]
fn tiny() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let configuration = Configuration::load(&root.join("examples/tiny.toml"), &[]).unwrap();
    let plan = emit::accelerator(configuration.compiled.design(), "").unwrap();
    let settings = {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots/tiny");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings
    };
    settings.bind(|| {
        for (path, contents) in plan.files().filter(|(path, _)| path.ends_with(".v")) {
            let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
            insta::assert_snapshot!(name, String::from_utf8_lossy(contents));
        }
    });
}
