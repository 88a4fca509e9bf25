//! The depths of the memories: as written, or the smallest that hold the network.

use logloom_hdl::arith::Side;
use logloom_hdl::design::Design;

use super::Meaning;
use crate::compile::plan::{MemoryPlan, Region};
use crate::config::written::Value;

impl Meaning<'_> {
    /// The depth of every memory of a design that has everything else.
    pub(super) fn memories(&mut self, design: &mut Design, layers: &[u32], batch: u32) {
        let (rows, columns) = (design.rows, design.columns);
        let network = Network { layers, batch, rows, columns };
        let plan = MemoryPlan::new(layers, batch, rows, columns);
        design.accumulator_depth = self.accumulator_depth(&plan, layers, batch, columns);
        design.activation_depth = self.skewed(&network, "activation", &plan.activation, design.activation_bits());
        design.gradient_depth = self.skewed(&network, "gradient", &plan.gradient, design.code_bits(Side::Moving));
        let weight_bits =
            design.weight.bits + if design.stores_weight_codes() { design.code_bits(Side::Stationary) } else { 0 };
        design.weight_depth = self.skewed(&network, "weight", &plan.weight, weight_bits);
        design.batch_depth = self.or_derive("memory.batch_depth", batch.next_power_of_two());
        if design.batch_depth < batch {
            self.conflict(
                &["memory.batch_depth", "training.batch"],
                format!(
                    "the per-sample memories hold {} samples ({} bits each), a batch has {batch}",
                    design.batch_depth,
                    design.batch_depth * 16
                ),
                format!("choose batch_depth = {}, or a smaller batch", batch.next_power_of_two()),
            );
        }
        let instructions = plan.instructions();
        design.program_depth = self.or_derive("memory.program_depth", instructions.next_power_of_two());
        if design.program_depth < instructions {
            self.conflict(
                &["memory.program_depth", "network.layers"],
                format!(
                    "the program memory holds {} instructions ({} bits), the programs of this network have {instructions} ({} bits)",
                    design.program_depth,
                    design.program_depth * 256,
                    instructions * 256
                ),
                format!("choose program_depth = {}", instructions.next_power_of_two()),
            );
        }
    }

    fn accumulator_depth(&mut self, plan: &MemoryPlan, layers: &[u32], batch: u32, columns: u32) -> u32 {
        let needed = plan.accumulator_vectors;
        let smallest = needed.next_power_of_two().max(4);
        let depth = self.integer("array.accumulator_depth").unwrap_or_else(|| {
            let depth = u32::try_from(smallest).unwrap_or(u32::MAX).min(LARGEST_ACCUMULATOR);
            self.derive("array.accumulator_depth", Value::Integer(depth));
            depth
        });
        if u64::from(depth) < needed {
            let classes = layers.last().copied().unwrap_or(1);
            let per_sample = classes.div_ceil(columns);
            let fitting = depth / per_sample;
            let mut remedy = Vec::new();
            if smallest <= u64::from(LARGEST_ACCUMULATOR) {
                remedy.push(format!("accumulator_depth = {smallest}"));
            }
            if fitting > 0 {
                remedy.push(format!("a batch of at most {fitting}"));
            }
            if remedy.is_empty() {
                remedy.push(format!("at most {} classes", u64::from(depth) * u64::from(columns)));
            }
            self.conflict(
                &["array.accumulator_depth", "training.batch", "network.layers"],
                format!(
                    "the accumulators hold {depth} vectors, the logits of a batch are {needed} ({batch} samples, \
                     {classes} classes over {columns} columns)"
                ),
                format!("choose {}", remedy.join(", or ")),
            );
        }
        depth
    }

    /// Words per bank of a skewed memory: as written, or the smallest that holds the region. Records an error
    /// if the region does not fit.
    fn skewed(&mut self, network: &Network<'_>, memory: &str, region: &Region, bits: u32) -> u32 {
        let key = match memory {
            "activation" => "memory.activation_depth",
            "gradient" => "memory.gradient_depth",
            _ => "memory.weight_depth",
        };
        let banks = MemoryPlan::new(network.layers, network.batch, network.rows, network.columns).banks;
        let largest = largest_depth(banks);
        let needed = region.depth();
        let size = |depth: u64| depth * u64::from(banks) * u64::from(bits);
        let own = self.integer(key);
        if let Some(depth) = own {
            if !depth.is_multiple_of(banks) {
                let (lower, upper) = (depth / banks * banks, depth.next_multiple_of(banks));
                let choices = if lower == 0 { upper.to_string() } else { format!("{lower} or {upper}") };
                self.conflict(
                    &[key],
                    format!("{depth} words are not a multiple of the {banks} banks"),
                    format!("choose {choices}"),
                );
                return depth;
            }
            if u64::from(depth) > largest {
                self.conflict(
                    &[key],
                    format!("{depth} words in each of {banks} banks are more than can be addressed"),
                    format!("choose at most {largest}"),
                );
                return depth;
            }
        }
        let depth = own.map_or(needed.min(largest), u64::from);
        if needed > depth {
            let mut remedy = Vec::new();
            if needed <= largest {
                remedy.push(format!("{} = {needed}", key.split_at("memory.".len()).1));
            }
            remedy.extend(network.fitting(memory, depth));
            if remedy.is_empty() {
                remedy.push("fewer or smaller layers".to_string());
            }
            let holds = if own.is_some() { "holds" } else { "holds at most" };
            self.conflict(
                &[key, "network.layers", "training.batch"],
                format!(
                    "the network does not fit the {memory} memory: it needs {} bits ({banks} banks x {needed} words x {bits} \
                     bits), the memory {holds} {} bits ({depth} words per bank)",
                    size(needed),
                    size(depth)
                ),
                format!("choose {}", remedy.join(", or ")),
            );
        }
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        if own.is_none() {
            self.derive(key, Value::Integer(depth));
        }
        depth
    }
}

/// Vectors that the deepest accumulator memory holds, as the specification has it.
const LARGEST_ACCUMULATOR: u32 = 4096;

/// Words per bank that both the host's address (20 bits over all banks) and an instruction's (16 bits of
/// tiles) reach; a multiple of `banks`, which is a power of two.
fn largest_depth(banks: u32) -> u64 {
    let banks = u64::from(banks);
    ((1 << 20) / banks).min((1 << 16) * banks)
}

/// What decides the memory plan.
struct Network<'a> {
    layers: &'a [u32],
    batch: u32,
    rows: u32,
    columns: u32,
}

impl Network<'_> {
    /// Changes of one number that make the memory's region fit `depth` words per bank.
    fn fitting(&self, memory: &str, depth: u64) -> Vec<String> {
        let needed = |layers: &[u32], batch: u32| {
            let plan = MemoryPlan::new(layers, batch, self.rows, self.columns);
            match memory {
                "activation" => plan.activation.depth(),
                "gradient" => plan.gradient.depth(),
                _ => plan.weight.depth(),
            }
        };
        let mut choices = Vec::new();
        if let Some(batch) = largest(self.batch, |batch| needed(self.layers, batch) <= depth) {
            choices.push(format!("a batch of at most {batch}"));
        }
        let hidden = 1..self.layers.len() - 1;
        if let Some(widest) = hidden.max_by_key(|layer| self.layers[*layer]) {
            let with = |size: u32| {
                let mut layers = self.layers.to_vec();
                layers[widest] = size;
                layers
            };
            if let Some(size) = largest(self.layers[widest], |size| needed(&with(size), self.batch) <= depth) {
                choices.push(format!("at most {size} instead of {} in layer {widest}", self.layers[widest]));
            }
        }
        choices
    }
}

/// The largest number in 1..below for which `fits` holds, which must be so from 1 up to some bound.
fn largest(below: u32, fits: impl Fn(u32) -> bool) -> Option<u32> {
    if below <= 1 || !fits(1) || fits(below) {
        return None;
    }
    let (mut good, mut bad) = (1, below);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fits(middle) { good = middle } else { bad = middle }
    }
    Some(good)
}
