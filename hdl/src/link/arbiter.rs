//! Two masters before one host port.

use crate::rtl::{Builder, ElaborationError, Module, mux, unsigned};
use std::sync::Arc;

/// Module `host_arbiter`: a master that reads and writes (`first_*`), and one that only writes (`second_*`). A request that has
/// begun is not interrupted.
///
/// The first one goes before the second, and must leave a cycle between its requests: then neither waits for more than one
/// request of the other.
pub fn host_arbiter() -> Result<Arc<Module>, ElaborationError> {
    let one = unsigned(1);
    let (address, word) = (unsigned(24), unsigned(32));
    let mut m =
        Builder::new("host_arbiter", "Two masters before one host port: the first before the second, one at a time.");
    let first_valid = m.input("first_valid_i", one);
    let first_write = m.input("first_write_i", one);
    let first_address = m.input("first_address_i", address);
    let first_data = m.input("first_data_i", word);
    let second_valid = m.input("second_valid_i", one);
    let second_address = m.input("second_address_i", address);
    let second_data = m.input("second_data_i", word);
    let host_ready = m.input("host_ready_i", one);

    let held = m.register("held_q", one);
    m.comment(&held.value(), "the request of the cycle before still waits");
    let before = m.register("second_q", one);
    let second = m.wire("second", mux(&held.value(), &before.value(), &!&first_valid));
    let valid = m.wire("valid", mux(&second, &second_valid, &first_valid));
    m.drive(&held, &valid & !&host_ready);
    m.drive(&before, &second);

    m.output("first_ready_o", &host_ready & !&second);
    m.output("second_ready_o", &host_ready & &second);
    m.output("host_valid_o", valid);
    m.output("host_write_o", &second | first_write);
    m.output("host_address_o", mux(&second, &second_address, &first_address));
    m.output("host_data_o", mux(&second, &second_data, &first_data));
    m.finish()
}
