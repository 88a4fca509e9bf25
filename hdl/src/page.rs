//! Pages of `docs/` that are made from tables.
use std::path::Path;

/// Compares `docs/<name>` with `text`, or writes it when the variable `UPDATE` is set.
pub fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).expect("docs/ is writable");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == text, "docs/{name} differs from its table; renew it with: UPDATE=1 cargo test -p logloom-hdl");
}
