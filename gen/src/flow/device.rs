//! The devices of a fabric: what Yosys, nextpnr and the packers are told.

use super::fabric::Fabric;

/// One device in its package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub fabric: Fabric,
    /// As people know it.
    pub name: String,
    /// RAMs of one port and 16 bits x 16384 words.
    pub sprams: u32,
    /// It has blocks for the module [`multiplier_block`](logloom_hdl::arith::exact::MULTIPLIER_BLOCK).
    pub multiplier_blocks: bool,
    /// The command of Yosys, without wide LUTs and multiplier blocks.
    pub(super) synthesis: String,
    /// The arguments of nextpnr that name the device and tune the placer.
    pub(super) place: Vec<String>,
    /// The arguments of the packer that name the device.
    pub(super) pack: Vec<String>,
}

impl Device {
    /// An iCE40, as nextpnr-ice40 names it: `hx8k`, `up5k`, with its package, `ct256`.
    pub fn ice40(device: &str, package: &str) -> Self {
        let family = match device.starts_with("up") {
            true => "u",
            false => device.get(..2).unwrap_or(device),
        };
        Device {
            fabric: Fabric::Ice40,
            name: format!("iCE40 {}", device.to_uppercase()),
            sprams: if family == "u" { 4 } else { 0 },
            multiplier_blocks: family == "u",
            // Never `-dsp`: on a flattened pipelined array, Yosys 0.70 turns it into wrong hardware.
            synthesis: format!("synth_ice40 -abc9 -device {family}"),
            place: vec![format!("--{device}"), "--package".into(), package.into()],
            pack: Vec::new(),
        }
    }

    /// An ECP5, as nextpnr-ecp5 names it: `25k`, with its package, `CABGA381`, and speed grade, `6`.
    pub fn ecp5(device: &str, package: &str, speed: &str) -> Self {
        let (series, size) = device.rsplit_once('-').unwrap_or(("", device));
        let named = [&format!("--{device}"), "--package", package, "--speed", speed];
        // The placer weighs paths more than wires: with its defaults, 10 and 2, it expects 66 MHz of an array of 16x16 on an 85F
        // instead of 85, limited by single wires across the chip. On iCE40, the defaults are faster.
        let placer = ["--placer-heap-timingweight", "30", "--placer-heap-critexp", "4"];
        Device {
            fabric: Fabric::Ecp5,
            // `25k` is an LFE5U-25F, `um5g-25k` an LFE5UM5G-25F.
            name: format!(
                "ECP5 LFE5U{}-{}F-{speed}",
                series.trim_start_matches('u').to_uppercase(),
                size.trim_end_matches('k')
            ),
            sprams: 0,
            multiplier_blocks: false,
            synthesis: "synth_ecp5 -nowidelut -nodsp".into(),
            place: [&named[..], &placer].concat().into_iter().map(String::from).collect(),
            pack: vec!["--compress".into()],
        }
    }

    /// Commands of ours before stages of the command of Yosys, in the order of the stages.
    pub(super) fn before_stage(&self) -> &'static [(&'static str, &'static str)] {
        match self.multiplier_blocks {
            true => &[("flatten", "techmap -map %multipliers")],
            false => self.fabric.facts().before_stage,
        }
    }

    /// The arguments of nextpnr that name the device and tune the placer.
    pub fn place_arguments(&self) -> Vec<String> {
        self.place.clone()
    }

    /// A Gowin by its order code, `GW1NR-LV9QN88PC6/I5`, and the family that nextpnr wants beside it, `GW1N-9C`.
    pub fn gowin(device: &str, family: &str) -> Self {
        let series = family.split('-').next().unwrap_or(family).to_lowercase();
        // GW1NR-LV9QN88PC6/I5 in the family GW1N-9C: GW1NR-9C.
        let name = device.split('-').next().unwrap_or(device);
        let size = family.split_once('-').map_or("", |(_, size)| size);
        Device {
            fabric: Fabric::Gowin,
            name: format!("Gowin {name}-{size}"),
            sprams: 0,
            multiplier_blocks: false,
            synthesis: format!("synth_gowin -family {series} -nowidelut -nodsp"),
            place: ["--device", device, "--vopt", &format!("family={family}")].map(String::from).to_vec(),
            pack: vec!["-d".into(), family.into()],
        }
    }
}

impl Fabric {
    /// The devices that are built for, as nextpnr names them; those of Gowin have order codes.
    pub fn devices(self) -> Option<&'static [&'static str]> {
        match self {
            Fabric::Ice40 => Some(&["lp1k", "lp4k", "lp8k", "hx1k", "hx4k", "hx8k", "up3k", "up5k"]),
            Fabric::Ecp5 => {
                Some(&["12k", "25k", "45k", "85k", "um-25k", "um-45k", "um-85k", "um5g-25k", "um5g-45k", "um5g-85k"])
            }
            Fabric::Gowin => None,
        }
    }

    /// The device that stands for the fabric where fabrics are measured and compared.
    pub fn device(self) -> Device {
        match self {
            Fabric::Ice40 => Device::ice40("hx8k", "ct256"),
            Fabric::Ecp5 => Device::ecp5("85k", "CABGA381", "6"),
            Fabric::Gowin => Device::gowin("GW1NR-LV9QN88PC6/I5", "GW1N-9C"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_the_names_people_know() {
        assert_eq!(Fabric::ALL.map(|f| f.device().name), ["iCE40 HX8K", "ECP5 LFE5U-85F-6", "Gowin GW1NR-9C"]);
        assert_eq!(Device::gowin("GW2AR-LV18QN88C8/I7", "GW2A-18C").name, "Gowin GW2AR-18C");
        assert_eq!(Device::ecp5("um5g-85k", "CABGA381", "8").name, "ECP5 LFE5UM5G-85F-8");
        let up5k = Device::ice40("up5k", "sg48");
        assert_eq!((up5k.name.as_str(), up5k.synthesis.as_str()), ("iCE40 UP5K", "synth_ice40 -abc9 -device u"));
    }
}
