//! The FPGA families that modules are synthesised, placed and routed for.

use super::tool::Tool;

/// A family, standing for the device of it that is measured on. Each has LUTs of four inputs and dedicated carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fabric {
    /// Lattice iCE40 HX8K, package CT256.
    Ice40,
    /// Lattice ECP5 LFE5U-85F, package CABGA381, speed grade 6.
    Ecp5,
    /// Gowin LittleBee GW1NR-9C, package QN88P, speed grade C6/I5.
    Gowin,
}

/// What Yosys and nextpnr call the parts of a fabric.
pub(super) struct Facts {
    name: &'static str,
    device: &'static str,
    nextpnr: Tool,
    /// The command of Yosys, without wide LUTs and multiplier blocks, so that counts compare.
    pub synthesis: &'static str,
    /// The arguments of nextpnr that name the device and have it choose pins that nobody chose.
    pub place: &'static [&'static str],
    /// The argument of nextpnr that names the file with the routed design, for the packer.
    pub output: &'static str,
    /// Beginnings of the names of cells.
    pub cells: Cells,
    /// How many places of a LUT a carry cell takes. On iCE40 it shares the place of the LUT that it serves.
    pub luts_per_carry: u64,
}

/// Beginnings of the names of cells, by kind.
pub(super) struct Cells {
    pub lut: &'static [&'static str],
    pub carry: &'static [&'static str],
    pub dff: &'static [&'static str],
    pub ram: &'static [&'static str],
}

impl Fabric {
    pub const ALL: [Fabric; 3] = [Fabric::Ice40, Fabric::Ecp5, Fabric::Gowin];

    pub(super) const fn facts(self) -> Facts {
        match self {
            Fabric::Ice40 => Facts {
                name: "ice40",
                device: "iCE40 HX8K",
                nextpnr: Tool::NextpnrIce40,
                // Never `-dsp`: on a flattened pipelined array, Yosys 0.70 turns it into wrong hardware.
                synthesis: "synth_ice40 -abc9 -device hx",
                place: &["--hx8k", "--package", "ct256"],
                output: "--asc",
                cells: Cells { lut: &["SB_LUT4"], carry: &["SB_CARRY"], dff: &["SB_DFF"], ram: &["SB_RAM40"] },
                luts_per_carry: 0,
            },
            Fabric::Ecp5 => Facts {
                name: "ecp5",
                device: "ECP5 LFE5U-85F-6",
                nextpnr: Tool::NextpnrEcp5,
                synthesis: "synth_ecp5 -nowidelut -nodsp",
                place: &["--85k", "--package", "CABGA381", "--speed", "6", "--lpf-allow-unconstrained"],
                output: "--textcfg",
                cells: Cells { lut: &["LUT4"], carry: &["CCU2C"], dff: &["TRELLIS_FF"], ram: &["DP16KD", "PDPW16KD"] },
                luts_per_carry: 2,
            },
            Fabric::Gowin => Facts {
                name: "gowin",
                device: "Gowin GW1NR-9C",
                nextpnr: Tool::NextpnrGowin,
                synthesis: "synth_gowin -family gw1n -nowidelut -nodsp",
                place: &["--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C"],
                output: "--write",
                cells: Cells { lut: &["LUT"], carry: &["ALU"], dff: &["DFF"], ram: &["SP", "SDP", "DP", "pROM"] },
                luts_per_carry: 1,
            },
        }
    }

    /// A short name for files and columns.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The device, as people know it.
    pub const fn device(self) -> &'static str {
        self.facts().device
    }

    /// What places and routes for it.
    pub const fn nextpnr(self) -> Tool {
        self.facts().nextpnr
    }
}
