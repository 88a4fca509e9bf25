//! The top: host port, sequencer, address generators, memories, array, vector unit.
//!
//! The path of a GEMM, in cycles: a request for a moving vector (0), the vector at the array ([`READ_LATENCY`]), the
//! accumulator tag, a cycle before the sums of all columns ([`timing::tag`]), the requantised vector of all columns
//! ([`timing::VALUES`] later), its word ([`writeback::LATENCY`] later), the memories.

use crate::arith::Side;
use crate::array::accumulator::{self, accumulator_address, accumulators};
use crate::array::systolic::{self, skew, systolic};
use crate::control::gemm::gemm_control;
use crate::control::isa::{Dest, Moving, Stationary, gemm};
use crate::control::sequencer::{operand, sequencer};
use crate::control::softmax::softmax_control;
use crate::control::timing;
use crate::design::{Design, Roundings, WeightCodes};
use crate::host::map::{Region, Register};
use crate::host::port::host_port;
use crate::host::registers::{counters, registers};
use crate::logic::{popcount, shift_line};
use crate::memory::{Ports, READ_LATENCY, Request, Shape, Skewed, Steps, Walk, skewed, tile_bits, walker};
use crate::rtl::{
    Builder, Connection, ElaborationError, Expr, Module, address_bits, cat, lanes, mux, select, unsigned,
};
use crate::update::draw;
use crate::vector::weight::weight_encoder;
use crate::vector::{requantise, softmax, writeback};
use std::sync::Arc;

/// Name of the top module.
pub const TOP: &str = "accelerator";

/// A vector of `count` lanes from the low lanes of a longer one.
fn low_lanes(vector: &Expr, width: u32, count: u32) -> Expr {
    vector.slice(0, width * count)
}

/// The codes for a side in a vector of words `{pass, codes}`.
fn codes(words: &Expr, design: &Design, side: Side, count: u32) -> Expr {
    let lane = |l| words.slice(l * design.activation_bits() + design.code_offset(side), design.code_bits(side));
    lanes(&(0..count).map(lane).collect::<Vec<_>>())
}

/// A vector of `count` lanes, filled up with zero lanes to `banks`.
fn padded(vector: &Expr, count: u32, banks: u32) -> Expr {
    let width = vector.width() / count;
    if count == banks {
        return vector.clone();
    }
    cat(&[Expr::zero(unsigned(width * (banks - count))), vector.clone()])
}

/// A request to write, and how far its vector is rotated.
struct Write {
    request: Request,
    rotation: Expr,
}

/// An instance of a skewed memory: the vector it reads.
fn memory(m: &mut Builder, name: &str, memory: &Skewed, read: &Request, write: &Write, vector: &Expr) -> Expr {
    let mut inputs = read.connections("read", memory.tile_bits);
    inputs.extend(write.request.connections("write", memory.tile_bits));
    inputs.push(("write_rotation_i".into(), write.rotation.clone()));
    inputs.push(("vector_i".into(), vector.clone()));
    let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(port, value)| (port.as_str(), value)).collect();
    m.instance(name, &memory.module, &inputs).get("vector_o")
}

/// Sign- or zero-extended to the host's word.
fn host_word(m: &mut Builder, region: Region, value: &Expr) -> Expr {
    if region.signed() {
        let value = m.wire(&format!("host_{}", region.identifier()), value.as_signed());
        value.extend(32).as_unsigned()
    } else {
        value.as_unsigned().extend(32)
    }
}

/// The accelerator of `design`, checked. `digest`: value of the register DIGEST.
///
/// Ports: `host_valid_i`, `host_write_i`, `host_address_i` (24 bits), `host_data_i` (32 bits), `host_ready_o`, `host_data_o` (32 bits).
pub fn accelerator(design: &Design, digest: u32) -> Result<Arc<Module>, ElaborationError> {
    let (rows, columns, banks) = (design.rows, design.columns, design.banks());
    let (lane_bits, wraps) = (banks.trailing_zeros(), design.vectors_wrap());
    let arith = design.arithmetic.as_ref();
    let (moving_code, stationary_code) = (design.code_bits(Side::Moving), design.code_bits(Side::Stationary));
    let (master_bits, bits) = (design.master_bits(), design.vector_bits());
    let one = unsigned(1);

    let depth = design.activation_depth.max(design.gradient_depth).max(design.weight_depth);
    let tile_bits = tile_bits(depth, lane_bits);
    let shape = Shape { tile_bits, lane_bits, length_bits: design.dimension_bits(), wraps };
    let activation_memory =
        skewed("activation_memory", design.activation_depth, design.activation_bits(), shape, Ports::ReadAndWrite)?;
    let gradient_memory = skewed("gradient_memory", design.gradient_depth, moving_code, shape, Ports::ReadAndWrite)?;
    let weight_memory = skewed("weight_memory", design.weight_depth, master_bits, shape, Ports::ReadAndWrite)?;
    let stores_codes = design.stores_weight_codes();

    let mut m =
        Builder::new(TOP, &format!("Training accelerator: {rows} x {columns} array, {} arithmetic.", arith.name()));
    let host_valid = m.input("host_valid_i", one);
    let host_write = m.input("host_write_i", one);
    let host_address = m.input("host_address_i", unsigned(24));
    let host_data = m.input("host_data_i", unsigned(32));

    // Values that modules exchange in both directions.
    let running = m.forward("running", one);
    let busy = m.forward("busy", one);
    let read_data = m.forward("read_data", unsigned(32));
    let starting = m.forward("starting", one);

    let port = host_port(design, timing::FAST_READ, timing::SLOW_READ, timing::settles(design))?;
    let port = m.instance(
        "host_port",
        &port,
        &[
            ("host_valid_i", &host_valid),
            ("host_write_i", &host_write),
            ("host_address_i", &host_address),
            ("host_data_i", &host_data),
            ("running_i", &running.value()),
            ("starting_i", &starting.value()),
            ("read_data_i", &read_data.value()),
        ],
    );
    m.output("host_ready_o", port.get("host_ready_o"));
    m.output("host_data_o", port.get("host_data_o"));
    let (region, word, data) = (port.get("region_o"), port.get("word_o"), port.get("data_o"));
    let writes = |r: Region| port.get(&format!("write_{}_o", r.identifier()));
    let reads = |r: Region| port.get(&format!("read_{}_o", r.identifier()));
    let (program_write, program_read) = (writes(Region::Program), reads(Region::Program));

    let run = m.forward("run", one);
    let step = m.forward("step", one);
    let pc_write = m.forward("pc_write", one);
    let sequencer = m.instance(
        "sequencer",
        &sequencer(design)?,
        &[
            ("run_i", &run.value()),
            ("step_i", &step.value()),
            ("busy_i", &busy.value()),
            ("pc_write_i", &pc_write.value()),
            ("pc_data_i", &data.slice(0, address_bits(design.program_depth))),
            ("program_write_i", &program_write),
            ("program_read_i", &program_read),
            ("program_address_i", &word.slice(0, address_bits(design.program_depth * 8))),
            ("program_data_i", &data),
        ],
    );
    m.assign(&running, sequencer.get("running_o"));
    let of = |f| operand(&sequencer, f);
    // The sequencer refuses wider ones.
    let dimension = |m: &mut Builder, f| {
        m.discard(of(f));
        of(f).truncate(design.dimension_bits())
    };
    let [m_size, k_size, n_size, block] = [gemm::M, gemm::K, gemm::N, gemm::BLOCK].map(|f| dimension(&mut m, f));
    // What the instruction chooses, in registers: it stands before the first request and until the last result is written.
    let chooses = |m: &mut Builder, name: &str, choice: Expr| m.reg(&format!("{name}_q"), choice);
    let moves_activations = chooses(&mut m, "moves_activations", of(gemm::MOVING).is(Moving::Activation as i64));
    let stationary_is = |memory: Stationary| of(gemm::STATIONARY).is(memory as i64);
    let loads_weights = chooses(&mut m, "loads_weights", stationary_is(Stationary::WeightCode));
    let loads_gradients = chooses(&mut m, "loads_gradients", stationary_is(Stationary::Gradient));
    let loads_activations = chooses(&mut m, "loads_activations", stationary_is(Stationary::Activation));
    let softmax_next = sequencer.get("is_softmax_o");
    let is_softmax = chooses(&mut m, "is_softmax", softmax_next.clone());
    let dest_is = |dest: Dest| !&softmax_next & of(gemm::DEST).is(dest as i64);
    let gives_gradients = chooses(&mut m, "gives_gradients", dest_is(Dest::Gradient));
    let gives_weights = chooses(&mut m, "gives_weights", dest_is(Dest::Weight));
    let keeps_totals = chooses(&mut m, "keeps_totals", dest_is(Dest::Accumulator));
    let to_gradient = Expr::constant(unsigned(2), Dest::Gradient as i64);
    let result_dest = chooses(&mut m, "result_dest", mux(&softmax_next, &to_gradient, &of(gemm::DEST)));
    let by_column = chooses(&mut m, "result_by_column", !&softmax_next & of(gemm::DEST_BY));
    let shift = chooses(&mut m, "shift", of(gemm::SHIFT));
    let start_gemm = sequencer.get("gemm_start_o");
    let start_softmax = sequencer.get("softmax_start_o");
    let start = m.wire("start", &start_gemm | &start_softmax);
    let acc_address = address_bits(design.accumulator_depth);
    let acc_base = of(gemm::ACC_BASE).truncate(acc_address);
    m.discard(of(gemm::ACC_BASE));

    // The loops.
    let loops = m.instance(
        "gemm_control",
        &gemm_control(design)?,
        &[("start_i", &start_gemm), ("m_i", &m_size), ("k_i", &k_size), ("n_i", &n_size), ("block_i", &block)],
    );
    let losses = m.instance(
        "softmax_control",
        &softmax_control(design)?,
        &[
            ("start_i", &start_softmax),
            ("samples_i", &m_size),
            ("classes_i", &n_size),
            ("base_i", &acc_base),
            // 0 in the field means the fourth pass; passes count from 0 here.
            ("last_pass_i", &(sequencer.get("passes_o") - 1)),
        ],
    );
    m.assign(&busy, loops.get("active_o") | losses.get("active_o"));
    let moves = loops.get("move_o");

    // From a request to its tag. What its result needs of the memories is asked for so much earlier than the values come as
    // memories take.
    const ASKS_EARLIER: u32 = READ_LATENCY - timing::VALUES;
    let asking = timing::tag(design) - ASKS_EARLIER;
    let asks =
        |m: &mut Builder, port: &str| shift_line(m, &format!("{port}_asks"), &loops.get(&format!("{port}_o")), asking);
    let tag = |m: &mut Builder, port: &str, asks: &Expr| shift_line(m, &format!("{port}_tag"), asks, ASKS_EARLIER);
    let tagged = |m: &mut Builder, port: &str| {
        let asks = asks(m, port);
        tag(m, port, &asks)
    };
    let asks_valid = asks(&mut m, "move");
    let tag_valid = tag(&mut m, "move", &asks_valid);
    let tile_first = tagged(&mut m, "move_first");
    let k_first = tagged(&mut m, "k_first");
    let block_end = tagged(&mut m, "move_line_save");
    let k_last = asks(&mut m, "k_last");
    let emits = m.wire("emits", asks_valid & k_last);
    m.comment(&emits, "a sum that is complete asks for what its result needs");
    let emits_end = asks(&mut m, "m_end");

    // Gradients of the loss follow the path of a result, later by the latency of the loss unit.
    let is_gradient = losses.get("pass_o").is(3);
    let logits_valid = shift_line(&mut m, "logits", &losses.get("valid_o"), timing::VALUES);
    let sample_end = shift_line(&mut m, "sample_end", &losses.get("sample_end_o"), timing::VALUES);
    let loss_delay = softmax::GRADIENT_LATENCY - READ_LATENCY;
    let one_lane = design.splits_logits();
    // With one lane, the gradients of a group are a vector when the last one has come.
    let group_valid = match one_lane {
        true => shift_line(&mut m, "group_end", &losses.get("group_end_o"), timing::VALUES),
        false => logits_valid.clone(),
    };
    let gradient = m.wire("gradient_of_loss", &group_valid & &is_gradient);
    let gradient_end = &gradient & sample_end;
    let gradient = shift_line(&mut m, "gradient_of_loss", &gradient, loss_delay);
    let gradient_end = shift_line(&mut m, "gradient_end", &gradient_end, loss_delay);

    // Addresses.
    let tiles = |f| of(f).truncate(tile_bits);
    for f in [
        gemm::MOVING_BASE,
        gemm::MOVING_STRIDE,
        gemm::STATIONARY_BASE,
        gemm::STATIONARY_STRIDE,
        gemm::DEST_BASE,
        gemm::DEST_STRIDE,
        gemm::MASK_BASE,
        gemm::MASK_STRIDE,
    ] {
        m.discard(of(f));
    }
    let moving_walker = walker("moving_walker", rows, shape, true)?;
    let vector_walker = walker("vector_walker", columns, shape, false)?;
    let moving = Walk {
        base: &tiles(gemm::MOVING_BASE),
        stride: &tiles(gemm::MOVING_STRIDE),
        column: &of(gemm::MOVING_BY),
        length: &k_size,
    }
    .request(
        &mut m,
        "moving",
        &moving_walker,
        &Steps {
            start: start.clone(),
            line_step: moves.clone(),
            line_home: loops.get("move_line_home_o"),
            lane_step: loops.get("move_lane_step_o"),
            lane_home: loops.get("move_lane_home_o"),
            line_save: Some(loops.get("move_line_save_o")),
            line_return: Some(loops.get("move_line_return_o")),
        },
        &moves,
    );
    let load_row = loops.get("load_row_o");
    let stationary = Walk {
        base: &tiles(gemm::STATIONARY_BASE),
        stride: &tiles(gemm::STATIONARY_STRIDE),
        column: &of(gemm::STATIONARY_BY),
        length: &n_size,
    }
    .request(
        &mut m,
        "stationary",
        &vector_walker,
        &Steps {
            start: start.clone(),
            line_step: load_row.clone(),
            line_home: loops.get("load_line_home_o"),
            lane_step: loops.get("load_lane_step_o"),
            lane_home: Expr::zero(one),
            line_save: None,
            line_return: None,
        },
        &load_row,
    );
    // Results come vector after vector of one group of columns; gradients of the loss group after group of one sample.
    let result_steps = Steps {
        start: start.clone(),
        line_step: m.wire("result_line_step", mux(&is_softmax, &gradient_end, &emits)),
        line_home: m.wire("result_line_home", !&is_softmax & &emits_end),
        lane_step: m.wire("result_lane_step", mux(&is_softmax, &gradient, &emits_end)),
        lane_home: m.wire("result_lane_home", &is_softmax & &gradient_end),
        line_save: None,
        line_return: None,
    };
    let stores = m.wire("stores", mux(&is_softmax, &gradient, &(&emits & !&keeps_totals)));
    let dest =
        Walk { base: &tiles(gemm::DEST_BASE), stride: &tiles(gemm::DEST_STRIDE), column: &by_column, length: &n_size }
            .request(&mut m, "dest", &vector_walker, &result_steps, &stores);
    let masks = m.wire("masks", &emits & &gives_gradients);
    let mask =
        Walk { base: &tiles(gemm::MASK_BASE), stride: &tiles(gemm::MASK_STRIDE), column: &by_column, length: &n_size }
            .request(&mut m, "mask", &vector_walker, &result_steps, &masks);

    // The host reads and writes one element: a vector of one, in the bank that its address names. All ways through the
    // memories are the host's between runs, so that whether an access is allowed, which is known late, chooses nothing.
    let idle = m.reg("idle_q", !running.value());
    let host_tile = word.slice(2 * lane_bits, tile_bits);
    let host_line = word.slice(lane_bits, lane_bits);
    let host_lane = m.wire("host_lane", word.slice(0, lane_bits) - &host_line);
    let host = |valid: &Expr| Request {
        valid: valid.clone(),
        tile: host_tile.clone(),
        carry: wraps.then(|| Expr::zero(unsigned(tile_bits))),
        lane: host_lane.clone(),
        line: host_line.clone(),
        column: Expr::zero(one),
        count: Expr::constant(unsigned(lane_bits + 1), 1),
    };

    // Who reads which memory is a matter of the instruction; the host reads only between instructions.
    let moved = moving.when(&moves_activations);
    let from_activation = stationary.or_else(&mut m, "from_activation", &loads_activations, &moved);
    let masked = mask.or_else(&mut m, "mask_or_moving", &gives_gradients, &from_activation);
    let host_reads = reads(Region::Activation);
    let read_activation = host(&host_reads).or_else(&mut m, "read_activation", &idle, &masked);
    let moved = moving.when(&!&moves_activations);
    let from_gradient = stationary.or_else(&mut m, "from_gradient", &loads_gradients, &moved);
    let host_reads = reads(Region::Gradient);
    let read_gradient = host(&host_reads).or_else(&mut m, "read_gradient", &idle, &from_gradient);
    let host_reads = reads(Region::Weight);
    let host_reads_code = reads(Region::WeightCode);
    let updated = dest.when(&gives_weights);
    let (host_reads, from_weight) = match stores_codes {
        true => (host_reads, updated),
        false => {
            let from_weight = stationary.or_else(&mut m, "from_weight", &loads_weights, &updated);
            (host_reads | &host_reads_code, from_weight)
        }
    };
    let read_weight = host(&host_reads).or_else(&mut m, "read_weight", &idle, &from_weight);

    // Results, gradients of the loss and the host's operands take one way to the memories.
    let mut operands = vec![Region::Activation, Region::Gradient, Region::Weight];
    if design.draws_weights() {
        operands.push(Region::WeightCode);
    }
    let operands = operands.into_iter().map(writes).reduce(|a, b| a | b).expect("three memories");
    let host_operand = m.wire("host_writes_operand", operands);
    let result = dest.delayed(&mut m, "result", READ_LATENCY);
    let store = host(&host_operand).or_else(&mut m, "store", &idle, &result);
    // Regions activation, gradient, weight, weight code are numbered like the destinations, from 3 on.
    let host_dest = m.wire("host_dest", &region - i64::from(Region::Activation.number())).slice(0, 2);
    let store_dest = mux(&idle, &host_dest, &result_dest);

    let words = m.forward("words", unsigned(columns * design.activation_bits()));
    let masters = m.forward("masters", unsigned(columns * master_bits));
    let write_back = Request::forward(&mut m, "write", shape);
    let write = write_back.value();
    let write_dest = m.forward("write_dest", unsigned(2));
    let write_rotation = m.forward("write_rotation", unsigned(lane_bits));
    let rotation = write_rotation.value();
    let writes_if = |condition: &Expr| Write { request: write.when(condition), rotation: rotation.clone() };
    let stored = |dest: Dest| writes_if(&write_dest.value().is(dest as i64));

    let activation_words = padded(&words.value(), columns, banks);
    let code_words = |side| padded(&codes(&words.value(), design, side, columns), columns, banks);
    let activations = memory(
        &mut m,
        "activation_memory",
        &activation_memory,
        &read_activation,
        &stored(Dest::Activation),
        &activation_words,
    );
    let gradients = memory(
        &mut m,
        "gradient_memory",
        &gradient_memory,
        &read_gradient,
        &stored(Dest::Gradient),
        &code_words(Side::Moving),
    );
    let weight_write = stored(Dest::Weight);
    let weights = memory(
        &mut m,
        "weight_memory",
        &weight_memory,
        &read_weight,
        &weight_write,
        &padded(&masters.value(), columns, banks),
    );
    let weight_codes = if stores_codes {
        let ports = if design.weight_codes == WeightCodes::Spram { Ports::One } else { Ports::ReadAndWrite };
        let code_memory = skewed("weight_code_memory", design.weight_depth, stationary_code, shape, ports)?;
        let loaded = stationary.when(&loads_weights);
        let read = host(&host_reads_code).or_else(&mut m, "read_code", &idle, &loaded);
        let write = match design.draws_weights() {
            true => {
                let [weights, codes] =
                    [Dest::Weight as i64, writeback::WEIGHT_CODE.into()].map(|dest| write_dest.value().is(dest));
                writes_if(&(weights | codes))
            }
            false => weight_write,
        };
        memory(&mut m, "weight_code_memory", &code_memory, &read, &write, &code_words(Side::Stationary))
    } else {
        let masters = Connection::Element(low_lanes(&weights, master_bits, columns));
        let encoder = weight_encoder(design)?;
        m.array("weight_encoder", &encoder, &[("column", columns)], vec![("master_i", masters)]).get("code_o")
    };

    // The edges of the array.
    let moving_arrives = shift_line(&mut m, "move", &moves, READ_LATENCY);
    let moving_vector = mux(
        &moves_activations,
        &codes(&activations, design, Side::Moving, rows),
        &low_lanes(&gradients, moving_code, rows),
    );
    let moving_vector = m.wire("moving_vector", moving_vector.gate(&moving_arrives));
    let stationary_weights = low_lanes(&weight_codes, stationary_code, columns);
    let stationary_activations = codes(&activations, design, Side::Stationary, columns);
    // Weights between runs, when the host may read the code of one.
    let stationary_vector = match design.arithmetic.is_symmetric() {
        true => {
            let choice = chooses(&mut m, "loads", of(gemm::STATIONARY).gate(&running.value()));
            select(&choice, &[stationary_weights, low_lanes(&gradients, moving_code, columns), stationary_activations])
        }
        false => {
            let choice = chooses(&mut m, "loads", stationary_is(Stationary::Activation) & running.value());
            mux(&choice, &stationary_activations, &stationary_weights)
        }
    };
    let stationary_vector = match stores_codes {
        true => m.wire("stationary_vector", stationary_vector),
        // The encoders take a cycle.
        false => m.reg_unreset("stationary_vector_q", stationary_vector),
    };
    let swap = shift_line(&mut m, "move_first", &loops.get("move_first_o"), READ_LATENCY);
    let load = shift_line(&mut m, "load", &loops.get("load_o"), timing::load(design));
    let load_first = shift_line(&mut m, "load_first", &loops.get("load_first_o"), timing::load(design));
    let array = m.instance(
        "array",
        &systolic(arith, rows, columns, design.sum_bits(), design.interconnect, design.subtraction)?,
        &[
            ("moving_i", &moving_vector),
            ("swap_i", &swap),
            ("stationary_i", &stationary_vector),
            ("load_i", &load),
            ("load_first_i", &load_first),
        ],
    );
    let zero_codes: Vec<Expr> =
        (0..rows).map(|r| !moving_vector.lane(r, moving_code).any() & &moving_arrives).collect();
    let zero_codes = m.reg("zero_code_lanes_q", lanes(&zero_codes));
    let zero_codes = m.reg("zero_codes_q", popcount(&zero_codes));

    // Accumulators: totals of a GEMM, logits for SOFTMAX, and the host.
    let skewed = systolic::column_skew(design.interconnect, columns);
    let sums = lanes(&skew(&mut m, "sum_deskew", &array.get("sums_o"), columns, |c| skewed.saturating_sub(c)));
    let addresses = m.instance(
        "accumulator_address",
        &accumulator_address(design.accumulator_depth)?,
        &[
            ("start_i", &start_gemm),
            ("base_i", &acc_base),
            ("keep_i", &keeps_totals),
            ("valid_i", &tag_valid),
            ("tile_first_i", &tile_first),
            ("block_end_i", &block_end),
        ],
    );
    let acc_words = Region::Accumulator.words_per_entry(design).trailing_zeros();
    let column_bits = columns.next_power_of_two().trailing_zeros();
    let host_total = reads(Region::Accumulator);
    let host_address = word.slice(acc_words + column_bits, acc_address);
    let reads_logits = losses.get(if one_lane { "read_o" } else { "valid_o" });
    let address = mux(&reads_logits, &losses.get("address_o"), &addresses.get("address_o"));
    let totals = m.instance(
        "accumulators",
        &accumulators(columns, design.accumulator_depth, design.accumulator_bits, design.sum_bits())?,
        &[
            ("tag_i", &tag_valid),
            ("first_i", &(&tag_valid & k_first)),
            ("read_i", &(&reads_logits | &host_total)),
            ("address_i", &mux(&idle, &host_address, &address)),
            ("sums_i", &sums),
        ],
    );
    let totals = totals.get("totals_o");

    // The vector unit.
    let mut inputs = vec![
        ("totals_i", totals.clone()),
        ("shift_i", shift),
        ("limit_i", cat(&[is_softmax.clone(), gives_weights.clone()])),
    ];
    let seed = (design.roundings == Roundings::Any).then(|| m.forward("seed", unsigned(32)));
    match &seed {
        Some(seed) => {
            let salted = m.wire("salted_seed", seed.value() ^ of(gemm::SALT).repeat(4));
            let step =
                shift_line(&mut m, "generator_step", &(&emits & &gives_weights), ASKS_EARLIER + accumulator::LATENCY);
            inputs.extend([
                ("stochastic_i", &gives_weights & of(gemm::ROUNDING)),
                ("start_i", start_gemm.clone()),
                ("seed_i", salted.slice(0, 31)),
                ("step_i", step),
            ]);
        }
        None => {
            m.discard(of(gemm::SALT));
            m.discard(of(gemm::ROUNDING));
        }
    }
    let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(port, value)| (*port, value)).collect();
    let requantised = m.instance("requantise", &requantise::requantise(design)?, &inputs);
    let values = requantised.get("values_o");
    let label_write = writes(Region::Label);
    let samples = [Region::Label, Region::Maximum, Region::LogSum, Region::Rest, Region::Prediction];
    let sample_read = samples.iter().map(|&r| reads(r)).reduce(|a, b| a | b).expect("five memories");
    let sample_read = m.wire("host_reads_sample", sample_read);
    let sample_memory = select(
        &region,
        &(0..=Region::Prediction.number())
            .map(|number| {
                let position = samples.iter().position(|s| s.number() == number).unwrap_or(0);
                Expr::constant(unsigned(3), position as i64)
            })
            .collect::<Vec<_>>(),
    );
    let mut inputs = vec![
        ("clear_i", losses.get("clear_o")),
        ("pass_i", losses.get("pass_o")),
        ("classes_i", n_size),
        ("valid_i", logits_valid),
        ("values_i", values.clone()),
        ("label_write_i", label_write),
        ("label_data_i", data.slice(0, 16)),
        ("host_read_i", sample_read),
        ("host_memory_i", sample_memory),
        ("host_address_i", word.slice(0, address_bits(design.batch_depth))),
    ];
    if one_lane {
        inputs.push(("column_i", m.delay("logit_column", losses.get("column_o"), timing::VALUES)));
    }
    let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(port, value)| (*port, value)).collect();
    let loss = m.instance("softmax", &softmax::softmax(design)?, &inputs);
    let computed = m.wire("computed", mux(&is_softmax, &loss.get("gradients_o"), &values));
    let passes: Vec<Expr> = (0..columns).map(|c| activations.bit((c + 1) * design.activation_bits() - 1)).collect();
    // The host writes one element at a time.
    let first = mux(&idle, &data.slice(0, bits), &computed.lane(0, bits));
    let values_in: Vec<Expr> = std::iter::once(first).chain((1..columns).map(|c| computed.lane(c, bits))).collect();
    let values_in = lanes(&values_in);
    let passes = lanes(&passes);
    let raw = chooses(&mut m, "raw", !running.value() | softmax_next);
    let clipped = requantised.get("clipped_o");
    let masters_in = low_lanes(&weights, master_bits, columns);
    // A new seed takes the way of an operand written in its place, so that draws keep the order of the writes.
    let seeding = (design.draw_bits() > 0).then(|| (m.forward("seed_write", one), data.slice(0, draw::STATE_BITS - 1)));
    let mut inputs = vec![
        ("values_i", &values_in),
        ("clipped_i", &clipped),
        ("passes_i", &passes),
        ("masters_i", &masters_in),
        ("dest_i", &store_dest),
        ("raw_i", &raw),
    ];
    let request = store.connections("request", tile_bits);
    inputs.extend(request.iter().map(|(port, value)| (port.as_str(), value)));
    let seed_write = seeding.as_ref().map(|(seed_write, seed)| (seed_write.value(), seed));
    if let Some((seed_write, seed)) = &seed_write {
        inputs.extend([("seed_write_i", seed_write), ("seed_i", seed)]);
    }
    let result = m.instance("writeback", &writeback::writeback(design, shape)?, &inputs);
    write_back.assign(&mut m, &result, "request");
    m.assign(&write_dest, result.get("dest_o"));
    m.assign(&write_rotation, result.get("rotation_o"));
    m.assign(&words, result.get("words_o"));
    m.assign(&masters, result.get("masters_o"));

    // Registers, and what the host reads.
    let register_write = writes(Region::Registers);
    let stall = loops.get("active_o") & !&moves;
    let events = [
        (Register::Cycles, running.value()),
        (Register::Busy, moves.clone()),
        (Register::Stall, stall),
        (Register::ZeroCodes, zero_codes),
        (Register::Saturated, result.get("saturated_o")),
        (Register::WeightsSaturated, result.get("weights_saturated_o")),
        (Register::ZeroUpdates, result.get("zero_updates_o")),
        (Register::Loss, loss.get("loss_o")),
        (Register::Correct, loss.get("correct_o")),
        (Register::Instructions, sequencer.get("retired_o")),
    ];
    let (host_address, halted, pc) = (word.slice(0, 5), sequencer.get("halted_o"), sequencer.get("pc_o"));
    let (host_error, sequencer_error) = (port.get("error_o"), sequencer.get("error_o"));
    let mut inputs = vec![
        ("write_i", &register_write),
        ("address_i", &host_address),
        ("data_i", &data),
        ("halted_i", &halted),
        ("pc_i", &pc),
        ("host_error_i", &host_error),
        ("sequencer_error_i", &sequencer_error),
    ];
    let counted = counters(design);
    for (register, event) in &events {
        match counted.iter().find(|counter| counter.0 == *register) {
            Some((_, port, _)) => inputs.push((*port, event)),
            None => m.discard(event),
        }
    }
    let registers = m.instance("registers", &registers(design, digest)?, &inputs);
    m.assign(&run, registers.get("run_o"));
    m.assign(&step, registers.get("step_o"));
    m.assign(&starting, run.value() | step.value());
    m.assign(&pc_write, registers.get("pc_write_o"));
    if let Some(seed) = &seed {
        m.assign(seed, registers.get("seed_o"));
    }
    if let Some((seed_write, _)) = &seeding {
        m.assign(seed_write, registers.get("seed_write_o"));
    }

    let mut choices: Vec<Expr> = (0..columns).map(|c| totals.lane(c, design.accumulator_bits)).collect();
    choices.resize(1 << column_bits, Expr::zero(unsigned(design.accumulator_bits)));
    let total = match column_bits {
        0 => choices.remove(0),
        _ => select(&word.slice(acc_words, column_bits), &choices),
    };
    let total = m.wire("host_total_value", total.as_signed());
    let total = match acc_words {
        0 => total.extend(32).as_unsigned(),
        _ => {
            let wide = m.wire("host_total_wide", total.extend(64));
            mux(&word.bit(0), &wide.slice(32, 32), &wide.slice(0, 32))
        }
    };
    let sample_data = loss.get("host_data_o");
    let region_data: Vec<Expr> = Region::ALL
        .iter()
        .map(|&r| match r {
            Region::Registers => registers.get("value_o"),
            Region::Program => sequencer.get("program_data_o"),
            Region::Activation => host_word(&mut m, r, &activations.slice(0, design.activation_bits())),
            Region::Gradient => host_word(&mut m, r, &gradients.slice(0, moving_code)),
            Region::Weight => host_word(&mut m, r, &weights.slice(0, master_bits)),
            Region::WeightCode if stores_codes => host_word(&mut m, r, &weight_codes.slice(0, stationary_code)),
            Region::WeightCode => host_word(&mut m, r, &stationary_vector.slice(0, stationary_code)),
            Region::Accumulator => total.clone(),
            _ => host_word(&mut m, r, &sample_data),
        })
        .collect();
    // The region stands still while its data come.
    let choice = m.reg("read_region_q", &region);
    let chosen = m.reg("read_data_q", select(&choice, &region_data));
    m.assign(&read_data, chosen);
    m.finish()
}
