//! Nothing points back up: what `docs/architecture.md` says of the folders, asked of the imports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The parts of each crate; a part knows only those before it.
const HDL: [&str; 13] = [
    "rtl",
    "logic",
    "arith",
    "array",
    "design",
    "memory",
    "update",
    "vector",
    "host",
    "control",
    "accelerator",
    "link",
    "page",
];
const SIM: [&str; 3] = ["netlist", "target", "model"];
const GEN: [&str; 19] = [
    "files", "nearest", "random", "flow", "data", "compile", "train", "board", "emit", "guest", "config", "run",
    "units", "verify", "build", "target", "compare", "cli", "main",
];

/// What a file imports of its crate, its tests and comments aside.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = lines.flat_map(|line| line.split("crate::").skip(1));
    names.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("lib.rs") {
            found.push(path);
        }
    }
}

/// Imports of a later part, and parts without a place among the layers or the sources.
fn offences(krate: &str, layers: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(krate).join("src");
    let layer = |name: &str| layers.iter().position(|layer| *layer == name);
    let mut found = Vec::new();
    files(&root, &mut found);
    let mut unseen: BTreeSet<&str> = layers.iter().copied().collect();
    let mut offences = Vec::new();
    for path in found {
        let path = path.strip_prefix(&root).unwrap();
        let part = path.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        unseen.remove(part);
        for name in imports(&std::fs::read_to_string(root.join(path)).unwrap()) {
            match (layer(part), layer(&name)) {
                (Some(own), Some(other)) if other <= own => {}
                _ => offences.push(format!("{krate}/src/{} knows {name}", path.display())),
            }
        }
    }
    offences.extend(unseen.into_iter().map(|name| format!("{krate} has no {name}")));
    offences
}

#[test]
fn nothing_points_back_up() {
    let offences = [offences("hdl", &HDL), offences("sim", &SIM), offences("gen", &GEN)].concat();
    assert!(offences.is_empty(), "{offences:#?}");
}
