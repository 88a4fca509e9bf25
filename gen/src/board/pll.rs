//! Divider settings of the PLLs: which frequencies a PLL makes of its input, and how it is set for one.

use serde::{Deserialize, Serialize};

/// The PLL of a device family, with the limits of its data sheet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pll {
    /// `SB_PLL40` (Lattice FPGA-TN-02052, DS1040): feedback SIMPLE.
    Ice40,
    /// `EHXPLLL` (Lattice FPGA-TN-02200, DS1044): feedback from CLKOP.
    Ecp5,
    /// `rPLL` (Gowin UG286, DS117, DS226), whose limits depend on the device.
    Gowin {
        /// MHz of the phase detector, of the oscillator, of the output: least and most.
        pfd: [f64; 2],
        vco: [f64; 2],
        out: [f64; 2],
    },
}

/// The dividers, as the parameters of the primitive want them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dividers {
    /// out = in / (divr + 1) * (divf + 1) / 2^divq.
    Ice40 { divr: u32, divf: u32, divq: u32, filter_range: u32 },
    /// out = in / clki_div * clkfb_div; the oscillator runs clkop_div times as fast.
    Ecp5 { clki_div: u32, clkfb_div: u32, clkop_div: u32 },
    /// out = in / (idiv_sel + 1) * (fbdiv_sel + 1); the oscillator runs odiv_sel times as fast.
    Gowin { idiv_sel: u32, fbdiv_sel: u32, odiv_sel: u32 },
}

/// A setting of a PLL.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// MHz of the output.
    pub mhz: f64,
    /// MHz of the oscillator inside.
    pub vco_mhz: f64,
    pub dividers: Dividers,
}

fn within(value: f64, [least, most]: [f64; 2]) -> bool {
    (least..=most).contains(&value)
}

impl Pll {
    /// The PLL of the GW1N, -1N devices in speed grade C6/I5 (DS117), and of the GW2A in C8/I7 (DS226).
    pub fn gowin(series: &str) -> Option<Self> {
        match series {
            "GW1N" => Some(Pll::Gowin { pfd: [3.0, 400.0], vco: [400.0, 1200.0], out: [3.125, 600.0] }),
            "GW2A" => Some(Pll::Gowin { pfd: [3.0, 500.0], vco: [500.0, 1250.0], out: [3.90625, 625.0] }),
            _ => None,
        }
    }

    /// MHz of the output: least and most.
    pub fn range(self) -> [f64; 2] {
        match self {
            Pll::Ice40 => [16.0, 275.0],
            Pll::Ecp5 => [10.0, 400.0],
            Pll::Gowin { out, .. } => out,
        }
    }

    /// The setting whose output is nearest to `wanted` MHz; none if the input is out of range.
    pub fn nearest(self, input: f64, wanted: f64) -> Option<Setting> {
        self.settings(input).into_iter().min_by(|a, b| (a.mhz - wanted).abs().total_cmp(&(b.mhz - wanted).abs()))
    }

    /// The setting with the highest output of at most `limit` MHz.
    pub fn fastest_up_to(self, input: f64, limit: f64) -> Option<Setting> {
        let allowed = self.settings(input).into_iter().filter(|setting| setting.mhz <= limit);
        // The first of equals, as `nearest` has it.
        allowed.reduce(|best, next| if next.mhz > best.mhz { next } else { best })
    }

    /// Every setting within the limits; of settings with one output, the best comes first: with the least division of the
    /// input, which has the least jitter.
    fn settings(self, input: f64) -> Vec<Setting> {
        let mut settings = Vec::new();
        let mut add = |mhz: f64, vco_mhz: f64, vco: [f64; 2], dividers: Dividers| {
            if within(vco_mhz, vco) && within(mhz, self.range()) {
                settings.push(Setting { mhz, vco_mhz, dividers });
            }
        };
        match self {
            Pll::Ice40 => {
                const PFD: [f64; 2] = [10.0, 133.0];
                let references = (0..16).map(|divr| (divr, input / f64::from(divr + 1)));
                for (divr, pfd) in references.filter(|(_, pfd)| within(*pfd, PFD) && within(input, PFD)) {
                    let filter_range = match pfd {
                        ..17.0 => 1,
                        ..26.0 => 2,
                        ..44.0 => 3,
                        ..66.0 => 4,
                        ..101.0 => 5,
                        _ => 6,
                    };
                    for (divf, divq) in pairs(0..=127, 1..=6) {
                        let vco = pfd * f64::from(divf + 1);
                        let dividers = Dividers::Ice40 { divr, divf, divq, filter_range };
                        add(vco / f64::from(1 << divq), vco, [533.0, 1066.0], dividers);
                    }
                }
            }
            Pll::Ecp5 => {
                let references = (1..=128).map(|clki_div| (clki_div, input / f64::from(clki_div)));
                for (clki_div, pfd) in references.filter(|(_, pfd)| within(*pfd, [3.125, 400.0])) {
                    for (clkfb_div, clkop_div) in pairs(1..=80, 1..=128) {
                        let mhz = pfd * f64::from(clkfb_div);
                        let dividers = Dividers::Ecp5 { clki_div, clkfb_div, clkop_div };
                        if within(input, [8.0, 400.0]) {
                            add(mhz, mhz * f64::from(clkop_div), [400.0, 800.0], dividers);
                        }
                    }
                }
            }
            Pll::Gowin { pfd: limits, vco, .. } => {
                let references = (0..64).map(|idiv_sel| (idiv_sel, input / f64::from(idiv_sel + 1)));
                for (idiv_sel, pfd) in references.filter(|(_, pfd)| within(*pfd, limits)) {
                    for fbdiv_sel in 0..64 {
                        for odiv_sel in [2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128] {
                            let mhz = pfd * f64::from(fbdiv_sel + 1);
                            let dividers = Dividers::Gowin { idiv_sel, fbdiv_sel, odiv_sel };
                            add(mhz, mhz * f64::from(odiv_sel), vco, dividers);
                        }
                    }
                }
            }
        }
        settings
    }
}

fn pairs(a: std::ops::RangeInclusive<u32>, b: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = (u32, u32)> {
    a.flat_map(move |a| b.clone().map(move |b| (a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GW1N: &str = "GW1N";

    /// What icepll, ecppll and gowin_pll say.
    #[test]
    fn dividers_are_those_of_the_vendors_calculators() {
        let ice40 = |input, wanted| Pll::Ice40.nearest(input, wanted).unwrap();
        let dividers = Dividers::Ice40 { divr: 0, divf: 79, divq: 4, filter_range: 1 };
        assert_eq!(ice40(12.0, 60.0), Setting { mhz: 60.0, vco_mhz: 960.0, dividers });
        let dividers = Dividers::Ice40 { divr: 0, divf: 19, divq: 4, filter_range: 4 };
        assert_eq!(ice40(48.0, 60.0), Setting { mhz: 60.0, vco_mhz: 960.0, dividers });
        let dividers = Dividers::Ice40 { divr: 2, divf: 49, divq: 3, filter_range: 1 };
        assert_eq!(ice40(48.0, 100.0).dividers, dividers);
        // 100 MHz / 4 * 41 / 64: nothing nearer.
        assert_eq!(ice40(100.0, 16.0).mhz, 16.015625);

        let ecp5 = Pll::Ecp5.nearest(25.0, 80.0).unwrap();
        assert_eq!(
            (ecp5.mhz, matches!(ecp5.dividers, Dividers::Ecp5 { clki_div: 5, clkfb_div: 16, .. })),
            (80.0, true)
        );

        let gowin = Pll::gowin(GW1N).unwrap().nearest(27.0, 108.0).unwrap();
        let Dividers::Gowin { idiv_sel, fbdiv_sel, .. } = gowin.dividers else { panic!("{gowin:?}") };
        assert_eq!((gowin.mhz, idiv_sel, fbdiv_sel), (108.0, 0, 3));
    }

    /// Every setting that is ever chosen obeys the data sheet and gives what it says.
    #[test]
    fn settings_keep_within_the_data_sheets() {
        let plls = [Pll::Ice40, Pll::Ecp5, Pll::gowin(GW1N).unwrap(), Pll::gowin("GW2A").unwrap()];
        for (pll, wanted) in plls.into_iter().flat_map(|pll| (4..130).map(move |mhz| (pll, f64::from(mhz)))) {
            for input in [12.0, 25.0, 27.0, 48.0, 100.0] {
                let Setting { mhz, vco_mhz, dividers } = pll.nearest(input, wanted).unwrap();
                let [least, most] = pll.range();
                assert!((least..=most).contains(&mhz), "{pll:?} {input} {wanted}");
                let (pfd, out, vco) = match dividers {
                    Dividers::Ice40 { divr, divf, divq, .. } => {
                        let pfd = input / f64::from(divr + 1);
                        let vco = pfd * f64::from(divf + 1);
                        assert!((10.0..=133.0).contains(&pfd) && (533.0..=1066.0).contains(&vco));
                        assert!(divr < 16 && divf < 128 && (1..=6).contains(&divq));
                        (pfd, vco / f64::from(1 << divq), vco)
                    }
                    Dividers::Ecp5 { clki_div, clkfb_div, clkop_div } => {
                        let pfd = input / f64::from(clki_div);
                        let out = pfd * f64::from(clkfb_div);
                        let vco = out * f64::from(clkop_div);
                        assert!((3.125..=400.0).contains(&pfd) && (400.0..=800.0).contains(&vco));
                        assert!(clki_div <= 128 && clkfb_div <= 80 && clkop_div <= 128);
                        (pfd, out, vco)
                    }
                    Dividers::Gowin { idiv_sel, fbdiv_sel, odiv_sel } => {
                        let pfd = input / f64::from(idiv_sel + 1);
                        let out = pfd * f64::from(fbdiv_sel + 1);
                        let vco = out * f64::from(odiv_sel);
                        let Pll::Gowin { vco: [least, most], .. } = pll else { panic!("{pll:?}") };
                        assert!(pfd >= 3.0 && (least..=most).contains(&vco) && idiv_sel < 64 && fbdiv_sel < 64);
                        (pfd, out, vco)
                    }
                };
                assert!((out - mhz).abs() < 1e-9 && (vco - vco_mhz).abs() < 1e-9 && pfd <= input);
                // Half the least step: 12 MHz can be divided by 3 where the phase detector wants more than 3 MHz.
                if (least..=most).contains(&wanted) {
                    assert!((mhz - wanted).abs() <= 2.0, "{pll:?} makes {mhz} of {input} for {wanted}");
                }
                let below = pll.fastest_up_to(input, wanted);
                assert!(
                    below
                        .is_none_or(|below| below.mhz <= wanted && below.mhz >= mhz.min(wanted) - 1e-9 || mhz > wanted)
                );
            }
        }
    }

    #[test]
    fn inputs_out_of_range_have_no_setting() {
        assert_eq!(Pll::Ice40.nearest(8.0, 60.0), None);
        assert_eq!(Pll::Ecp5.nearest(5.0, 60.0), None);
        assert_eq!(Pll::Ice40.fastest_up_to(12.0, 15.0), None);
    }
}
