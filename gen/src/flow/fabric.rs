//! The FPGA families that modules are synthesised, placed and routed for. Their devices are in [`device`](super::device).

use super::tool::Tool;

/// A family. Each has LUTs of four inputs and dedicated carries.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Fabric {
    /// Lattice iCE40.
    Ice40,
    /// Lattice ECP5.
    Ecp5,
    /// Gowin LittleBee and Arora.
    Gowin,
}

/// What Yosys and nextpnr call the parts of a fabric.
pub(super) struct Facts {
    name: &'static str,
    nextpnr: Tool,
    packer: Tool,
    /// The argument of nextpnr that names the file with the routed design, for the packer.
    pub output: &'static str,
    /// Endings of constraint files, routed designs and bitstreams.
    extensions: [&'static str; 3],
    /// Beginnings of the names of cells.
    pub cells: Cells,
    /// What [`Device::before_stage`](super::device::Device) is by default. `%adders` is `templates/adders.v`.
    pub before_stage: &'static [(&'static str, &'static str)],
    /// How many places of a LUT a carry cell takes. On iCE40 it shares the place of the LUT that it serves.
    pub luts_per_carry: u64,
    /// The part of a clock period that abc9 may fill with LUTs; the wires, which it does not see, take the rest.
    pub lut_share: f64,
}

/// Its carries add or subtract as an input says.
const SUBTRACT: (&str, &str) = ("coarse", "techmap -map %adders");

const ECP5_STAGES: &[(&str, &str)] = &[
    SUBTRACT,
    // A chain of carries costs nextpnr a cell more at its beginning, and one at its end: short ones are smaller as LUTs.
    ("map_gates", "techmap t:$alu r:Y_WIDTH<7 %i"),
    // A tile takes two resets, however many flip-flops: those that would have one to themselves, for a few bits that are masked,
    // leave no place to the others, and the placer does not end.
    (
        "map_ffs",
        "dfflegalize -minsrst 5 -cell $_DFF_?_ 01 -cell $_DFF_?P?_ r -cell $_SDFF_?P?_ r -cell $_DFFE_??_ 01 \
         -cell $_DFFE_?P??_ r -cell $_SDFFE_?P??_ r -cell $_DLATCH_?_ x",
    ),
];

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
                nextpnr: Tool::NextpnrIce40,
                packer: Tool::Icepack,
                output: "--asc",
                extensions: ["pcf", "asc", "bin"],
                cells: Cells { lut: &["SB_LUT4"], carry: &["SB_CARRY"], dff: &["SB_DFF"], ram: &["SB_RAM40"] },
                before_stage: &[],
                luts_per_carry: 0,
                lut_share: 0.5,
            },
            Fabric::Ecp5 => Facts {
                name: "ecp5",
                nextpnr: Tool::NextpnrEcp5,
                packer: Tool::Ecppack,
                output: "--textcfg",
                extensions: ["lpf", "config", "bit"],
                cells: Cells { lut: &["LUT4"], carry: &["CCU2C"], dff: &["TRELLIS_FF"], ram: &["DP16KD", "PDPW16KD"] },
                before_stage: ECP5_STAGES,
                luts_per_carry: 2,
                // Of a routed path, three quarters are wires. Larger shares make it no smaller.
                lut_share: 0.2,
            },
            Fabric::Gowin => Facts {
                name: "gowin",
                nextpnr: Tool::NextpnrGowin,
                packer: Tool::GowinPack,
                output: "--write",
                extensions: ["cst", "json", "fs"],
                cells: Cells { lut: &["LUT"], carry: &["ALU"], dff: &["DFF"], ram: &["SP", "SDP", "DP", "pROM"] },
                before_stage: &[SUBTRACT],
                luts_per_carry: 1,
                lut_share: 0.5,
            },
        }
    }

    /// What abc9 may fill of a clock period of so many MHz with LUTs, in ps.
    pub fn lut_delay_ps(self, mhz: f64) -> u32 {
        (1e6 / mhz * self.facts().lut_share) as u32
    }

    /// A short name for files and columns.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// What places and routes for it.
    pub const fn nextpnr(self) -> Tool {
        self.facts().nextpnr
    }

    /// What turns a routed design into a bitstream.
    pub const fn packer(self) -> Tool {
        self.facts().packer
    }

    /// How the names of its constraint files end.
    pub const fn constraints_extension(self) -> &'static str {
        self.facts().extensions[0]
    }

    /// How the names of routed designs end.
    pub const fn routed_extension(self) -> &'static str {
        self.facts().extensions[1]
    }

    /// How the names of bitstreams end.
    pub const fn bitstream_extension(self) -> &'static str {
        self.facts().extensions[2]
    }
}
