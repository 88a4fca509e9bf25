//! The proof that a unit's hardware is its reference: all pairs of operands, swept, and kept for as long as it holds.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use logloom_hdl::arith::{Arithmetic, Coded};
use logloom_hdl::rtl::verilog;
use serde::{Deserialize, Serialize};

use super::draws::are_neighbours;
use super::sweep::{Subject, sweep};
use crate::flow::Tool;
use crate::flow::cache::Cache;
use crate::flow::doctor::version;

/// To be raised whenever the sweep tries other pairs or compares otherwise.
const METHOD: u32 = 1;

/// A sweep that found no difference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Pairs of different codes that were multiplied: all.
    pub pairs: u64,
    /// Operands that were encoded, each with every draw, over all encoders.
    pub encoded: u64,
    /// Time that it took, the compilation included.
    pub seconds: f64,
}

/// Everything that a proof depends on.
#[derive(Serialize)]
struct Key {
    method: u32,
    family: &'static str,
    parameters: String,
    /// Of each module that is swept, with those below it.
    verilog: Vec<String>,
    /// Of what the hardware is compared with.
    references: Vec<u64>,
    verilator: String,
}

/// Pairs that [`prove`] reports as done.
pub fn pairs(unit: &Arc<dyn Arithmetic>) -> u64 {
    Subject::all(unit).iter().map(Subject::pairs).sum()
}

/// Sweeps the encoders and the product of a unit under Verilator, unless the cache has it of the same hardware and the same
/// reference. `observe` is told of pairs as they are done.
///
/// # Errors
/// A tool is missing or fails; hardware and reference differ; the cache cannot be written.
pub fn prove(unit: &Arc<dyn Arithmetic>, cache: &Cache, observe: &(dyn Fn(u64) + Sync)) -> Result<Proof> {
    let verilator = version(Tool::Verilator)?;
    let subjects = Subject::all(unit);
    let mut verilog = Vec::new();
    for subject in &subjects {
        let modules = subject.module()?.hierarchy()?;
        verilog.push(modules.iter().map(|module| verilog::print(module, "")).collect());
    }
    let key = Key {
        method: METHOD,
        family: unit.name(),
        parameters: unit.parameters(),
        verilog,
        references: subjects.iter().map(Subject::fingerprint).collect(),
        verilator,
    };
    cache.get(&format!("{}-proof", unit.name()), &key, || {
        let start = Instant::now();
        for coded in Coded::all(unit.as_ref()) {
            ensure!(
                are_neighbours(unit.as_ref(), coded),
                "{} ({}): some draw gives a {coded:?} code that neither the least nor the greatest draw gives, so not all products \
                 would be swept",
                unit.name(),
                unit.parameters()
            );
        }
        sweep(&subjects, observe)?;
        let (product, encoders) = subjects.split_last().expect("a unit has a product");
        Ok(Proof {
            pairs: product.pairs(),
            encoded: encoders.iter().map(Subject::pairs).sum(),
            seconds: start.elapsed().as_secs_f64(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::testing::needs;
    use logloom_hdl::arith::family;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_unit_is_proved_once() {
        if !needs(&[Tool::Verilator, Tool::Make, Tool::Cxx]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let unit = family::find("ternary").unwrap().parse("operand_bits=5 stages=1").unwrap();
        let done = AtomicU64::new(0);
        let prove = || {
            let add = |pairs| {
                done.fetch_add(pairs, Ordering::Relaxed);
            };
            prove(&unit, &cache, &add).unwrap()
        };
        let proof = prove();
        // Moving operands; stationary ones and weights, with draws of 4 bits. Of stationary codes there are 0 and +-2^0 to +-2^4.
        assert_eq!((proof.pairs, proof.encoded), (32 * 11, 32 + 2 * 32 * 16));
        assert_eq!(done.load(Ordering::Relaxed), pairs(&unit));
        assert_eq!(prove(), proof);
        assert_eq!(done.load(Ordering::Relaxed), pairs(&unit), "swept again");
    }
}
