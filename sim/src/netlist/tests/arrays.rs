//! Arrays of instances: how lanes, elements and chains reach their elements.

use super::{finish, get, set, start};
use logloom_hdl::rtl::{Builder, Connection, Expr, Module, unsigned};
use std::sync::Arc;

/// `sum_o = sum_i + x_i` in the same cycle.
fn adder() -> Arc<Module> {
    let mut m = Builder::new("adder", "Adds.");
    let x = m.input("x_i", unsigned(8));
    let sum = m.input("sum_i", unsigned(8));
    m.output("sum_o", &sum + &x);
    finish(m)
}

/// A PE: the moving value passes right, the sum passes down, one cycle each; `y_o` mixes both.
fn pe() -> Arc<Module> {
    let mut m = Builder::new("pe", "Adds a moving value to a sum from above.");
    let moving = m.input("moving_i", unsigned(8));
    let sum = m.input("sum_i", unsigned(16));
    let scale = m.input("scale_i", unsigned(4));
    let next = m.wire("next", &sum + (moving.extend(16).shl(&scale)));
    let sum = m.reg("sum_q", next);
    let moving = m.reg("moving_q", moving);
    m.output("moving_o", moving);
    m.output("sum_o", sum);
    finish(m)
}

#[test]
fn a_row_with_all_lane_element_and_chain() {
    let adder = adder();
    let mut m = Builder::new("row", "Running sums.");
    let x = m.input("x_i", unsigned(32));
    let first = m.input("first_i", unsigned(8));
    let common = m.input("common_i", unsigned(8));
    let chain = m.chain(&adder, "sum_o", 0, &first);
    let element = vec![("x_i", Connection::Element(x.clone())), ("sum_i", chain)];
    let running = m.array("running", &adder, &[("lane", 4)], element);
    let lane = Connection::Lane { dimension: 0, lanes: x };
    let each = m.array("each", &adder, &[("lane", 4)], vec![("x_i", lane), ("sum_i", Connection::All(common))]);
    m.output("running_o", running.get("sum_o"));
    m.output("total_o", running.last("sum_o"));
    m.output("each_o", each.get("sum_o"));
    let mut sim = start(m);
    set(&mut sim, "x_i", 0x04_03_02_01);
    set(&mut sim, "first_i", 0x10);
    set(&mut sim, "common_i", 0x20);
    assert_eq!(get(&mut sim, "running_o"), 0x1A_16_13_11);
    assert_eq!(get(&mut sim, "total_o"), 0x1A);
    assert_eq!(get(&mut sim, "each_o"), 0x24_23_22_21);
}

#[test]
fn a_grid_with_chains_along_both_dimensions() {
    const R: usize = 3;
    const C: usize = 2;
    let pe = pe();
    let mut m = Builder::new("grid", "A small array.");
    let moving = m.input("moving_i", unsigned(8 * R as u32));
    let sums = m.input("sums_i", unsigned(16 * C as u32));
    let scale = m.input("scale_i", unsigned(4 * (R * C) as u32));
    let across = m.chain(&pe, "moving_o", 1, &moving);
    let down = m.chain(&pe, "sum_o", 0, &sums);
    let inputs = vec![("moving_i", across), ("sum_i", down), ("scale_i", Connection::Element(scale))];
    let outputs = m.array("pe", &pe, &[("row", R as u32), ("column", C as u32)], inputs);
    m.output("sums_o", outputs.last("sum_o"));
    let moving_out = outputs.get("moving_o");
    m.output("moving_o", &moving_out);
    let mut sim = start(m);

    let scale = |r: usize, c: usize| (r * C + c) as u64;
    let packed = (0..R).flat_map(|r| (0..C).map(move |c| (r, c)));
    set(&mut sim, "scale_i", packed.map(|(r, c)| scale(r, c) << (4 * (r * C + c))).sum());

    let mut sum = [[0u64; C]; R];
    let mut moved = [[0u64; C]; R];
    for cycle in 0..40u64 {
        let rows: Vec<u64> = (0..R as u64).map(|r| (cycle * 31 + r * 57) % 256).collect();
        let above: Vec<u64> = (0..C as u64).map(|c| (cycle * 1009 + c * 77) % 65536).collect();
        set(&mut sim, "moving_i", rows.iter().enumerate().map(|(r, v)| v << (8 * r)).sum());
        set(&mut sim, "sums_i", above.iter().enumerate().map(|(c, v)| v << (16 * c)).sum());
        sim.step();
        let (old_sum, old_moved) = (sum, moved);
        for r in 0..R {
            for c in 0..C {
                let moving = if c == 0 { rows[r] } else { old_moved[r][c - 1] };
                let over = if r == 0 { above[c] } else { old_sum[r - 1][c] };
                sum[r][c] = (over + (moving << scale(r, c))) % 65536;
                moved[r][c] = moving;
            }
        }
        assert_eq!(get(&mut sim, "sums_o"), sum[R - 1][0] | sum[R - 1][1] << 16);
        for (r, row) in sum.iter().enumerate() {
            for (c, &expected) in row.iter().enumerate() {
                let signal = sim.find(&format!("g_row[{r}].g_column[{c}].u_pe.sum_q")).unwrap();
                assert_eq!(sim.peek(signal).to_u64(), Some(expected));
            }
        }
        let all: u64 = moved.iter().flatten().enumerate().map(|(i, v)| v << (8 * i)).sum();
        assert_eq!(get(&mut sim, "moving_o"), all);
        let vector = sim.find("pe_moving").unwrap();
        assert_eq!(sim.peek(vector).to_u64(), Some(all), "assembled from its lanes");
    }
}

#[test]
fn lanes_of_both_dimensions_of_a_grid() {
    let mut m = Builder::new("pair", "Two values side by side.");
    let (row, column) = (m.input("row_i", unsigned(4)), m.input("column_i", unsigned(4)));
    m.output("pair_o", logloom_hdl::rtl::cat(&[row, column]));
    let pair = finish(m);
    let mut m = Builder::new("grid", "Every pair.");
    let rows = m.input("rows_i", unsigned(8));
    let columns = m.input("columns_i", unsigned(12));
    let lane = |dimension, lanes: Expr| Connection::Lane { dimension, lanes };
    let inputs = vec![("row_i", lane(0, rows)), ("column_i", lane(1, columns))];
    let pairs = m.array("pair", &pair, &[("row", 2), ("column", 3)], inputs);
    m.output("pairs_o", pairs.get("pair_o"));
    let mut sim = start(m);
    set(&mut sim, "rows_i", 0xBA);
    set(&mut sim, "columns_i", 0x321);
    assert_eq!(get(&mut sim, "pairs_o"), 0xB3_B2_B1_A3_A2_A1);
}

#[test]
fn chains_of_a_grid_take_the_lanes_of_the_other_dimension() {
    let adder = adder();
    for dimension in 0..2 {
        let mut m = Builder::new("grid", "Sums along one dimension.");
        let x = m.input("x_i", unsigned(48));
        let first = m.input("first_i", unsigned([24, 16][dimension]));
        let chain = m.chain(&adder, "sum_o", dimension, &first);
        let inputs = vec![("x_i", Connection::Element(x)), ("sum_i", chain)];
        let sums = m.array("sum", &adder, &[("row", 2), ("column", 3)], inputs);
        m.output("sums_o", sums.get("sum_o"));
        let mut sim = start(m);
        set(&mut sim, "x_i", 0x06_05_04_03_02_01);
        set(&mut sim, "first_i", [0x30_20_10, 0x20_10][dimension]);
        let expected = [0x39_27_15_33_22_11, 0x2F_29_24_16_13_11][dimension];
        assert_eq!(get(&mut sim, "sums_o"), expected);
    }
}

#[test]
fn lanes_cost_no_operations() {
    let pe = pe();
    let mut m = Builder::new("grid", "An array of which only the elements compute.");
    let moving = m.input("moving_i", unsigned(8));
    let sums = m.register("sums_q", unsigned(16 * 64));
    let across = m.chain(&pe, "moving_o", 0, moving);
    let scale = Connection::All(Expr::constant(unsigned(4), 0));
    let inputs = vec![("moving_i", across), ("sum_i", Connection::Element(sums.value())), ("scale_i", scale)];
    let outputs = m.array("pe", &pe, &[("lane", 64)], inputs);
    let total = outputs.get("sum_o");
    m.drive(&sums, &total);
    let last = outputs.last("moving_o");
    m.output("moving_o", last);
    m.output("sum_o", total.lane(63, 16));
    let sim = start(m);
    // A slice, an extension, a shift and an addition each, and the vector for the wide register.
    assert!(sim.operations() <= 4 * 64 + 1, "{}", sim.operations());
}
