//! N banks behind one read and one write port for row and column vectors.

use super::{Ports, Request, Shape, bank};
use crate::rtl::{Builder, Connection, ElaborationError, Expr, Module, cat, lanes, mux, unsigned};
use std::ops::Range;
use std::sync::Arc;

/// Cycles from a read request to its vector: request, bank address, bank, vector rotated by one lane, rotated vector.
pub const READ_LATENCY: u32 = 5;
/// Cycles from a write request with its vector to the first read request that sees it.
pub const WRITE_LATENCY: u32 = 1;

/// A skewed memory and the widths of its ports.
#[derive(Clone, Debug)]
pub struct Skewed {
    pub module: Arc<Module>,
    pub tile_bits: u32,
}

/// Bits of a tile number in a memory of `depth` words per bank.
pub fn tile_bits(depth: u32, lane_bits: u32) -> u32 {
    crate::rtl::address_bits(depth >> lane_bits)
}

/// Lane l of the result is lane (l + amount) mod N, of which these bits of the amount are done: a barrel rotator, one row of
/// multiplexers per bit.
fn rotate(m: &mut Builder, name: &str, vector: &Expr, amount: &Expr, bits: Range<u32>) -> Expr {
    let count = 1 << amount.width();
    let width = vector.width() / count;
    let mut vector = vector.clone();
    for bit in bits {
        let rotated: Vec<Expr> = (0..count).map(|l| vector.lane((l + (1 << bit)) % count, width)).collect();
        vector = m.wire(&format!("{name}{}", 1 << bit), mux(&amount.bit(bit), &lanes(&rotated), &vector));
    }
    vector
}

/// Module `name`: 2^`lane_bits` banks of `depth` words of `width` bits, for requests of that shape with fewer tiles.
///
/// A read request at cycle t gives `vector_o` at t + [`READ_LATENCY`], all N lanes, those beyond the count zero (no
/// request: all zero). A write request takes `vector_i` in the same cycle, with `write_rotation_i`, -(line + lane): every lane of
/// the vector hangs on it, so it had better be a register.
pub fn skewed(name: &str, depth: u32, width: u32, shape: Shape, ports: Ports) -> Result<Skewed, ElaborationError> {
    let Shape { lane_bits, .. } = shape;
    let banks = 1u32 << lane_bits;
    let tile_bits = tile_bits(depth, lane_bits);
    let shape = Shape { tile_bits, ..shape };
    let mut m = Builder::new(
        name,
        &format!(
            "Skewed memory: element (i, j) of a matrix is in bank (i + j) mod {banks}, so that rows and columns\n\
             are read and written in one cycle."
        ),
    );
    // The ways of requests from those who may read meet far from the banks.
    let read = Request::inputs(&mut m, "read", shape).delayed(&mut m, "read", 1);
    let write = Request::inputs(&mut m, "write", shape);
    let vector = m.input("vector_i", unsigned(banks * width));

    // Bank b takes lane b - (line + lane); lane l comes from bank line + lane + l.
    let write_rotation = m.input("write_rotation_i", unsigned(lane_bits));
    let to_banks = rotate(&mut m, "to_banks", &vector, &write_rotation, 0..lane_bits);

    let bank = bank::bank(name, depth, width, shape, ports)?;
    let indices: Vec<Expr> = (0..banks).map(|b| Expr::constant(unsigned(lane_bits), b.into())).collect();
    let mut inputs = vec![
        ("index_i".to_string(), Connection::Element(lanes(&indices))),
        ("write_data_i".to_string(), Connection::Element(to_banks)),
    ];
    for (prefix, request) in [("read", &read), ("write", &write)] {
        let mut shared = vec![
            ("valid", request.valid.clone()),
            ("line", request.line.clone()),
            ("lane", request.lane.clone()),
            ("column", request.column.clone()),
            ("count", request.count.clone()),
            ("tile", m.reg(&format!("{prefix}_tile_q"), &request.tile)),
        ];
        if let Some(carry) = &request.carry {
            shared.push(("next_tile", m.reg(&format!("{prefix}_next_tile_q"), &request.tile + carry)));
        }
        inputs.extend(shared.into_iter().map(|(port, value)| (format!("{prefix}_{port}_i"), Connection::All(value))));
    }
    let inputs = inputs.iter().map(|(port, c)| (port.as_str(), c.clone())).collect();
    let outputs = m.array("bank", &bank, &[("bank", banks)], inputs);

    // What the rotation needs when the words arrive, two cycles later. A block memory takes its time to give them, so that
    // one row of multiplexers is what the first cycle holds.
    let arriving = cat(&[read.count.gate(&read.valid), &read.line + &read.lane]);
    let arriving = m.delay("arriving", arriving, 2);
    let rotated = rotate(&mut m, "from_banks", &outputs.get("data_o"), &arriving.slice(0, lane_bits), 0..1);
    let rotated = m.reg_unreset("rotated_q", rotated);
    let arriving = m.reg("rotating_q", arriving);
    let count = arriving.slice(lane_bits, lane_bits + 1);
    let from_banks = rotate(&mut m, "from_banks", &rotated, &arriving.slice(0, lane_bits), 1..lane_bits);
    let kept: Vec<Expr> = (0..banks)
        .map(|l| {
            let wanted = Expr::constant(count.ty(), l.into()).lt(&count);
            from_banks.lane(l, width).gate(&wanted)
        })
        .collect();
    let vector = m.reg_unreset("vector_q", lanes(&kept));
    m.output("vector_o", vector);
    Ok(Skewed { module: m.finish()?, tile_bits })
}
