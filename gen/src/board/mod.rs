//! Boards, as data: `constraints/<board>.toml` says what is on it, the constraint file beside it where its pins are.

pub mod pll;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::flow::{Device, Fabric};
use crate::nearest::nearest;
use pll::{Pll, Setting};

/// The boards that the command knows by name: TOML and constraint file.
macro_rules! boards {
    ($($name:literal: $constraints:literal),+ $(,)?) => {
        &[$(BuiltIn {
            name: $name,
            text: include_str!(concat!("../../../constraints/", $name, ".toml")),
            constraints: ($constraints, include_str!(concat!("../../../constraints/", $constraints))),
        }),+]
    };
}

struct BuiltIn {
    name: &'static str,
    text: &'static str,
    /// Name and text.
    constraints: (&'static str, &'static str),
}

const BOARDS: &[BuiltIn] = boards! {
    "icebreaker": "icebreaker.pcf",
    "icesugar": "icesugar.pcf",
    "ice40-hx8k-b-evn": "ice40-hx8k-b-evn.pcf",
    "ulx3s-12f": "ulx3s.lpf",
    "ulx3s-25f": "ulx3s.lpf",
    "ulx3s-85f": "ulx3s.lpf",
    "orangecrab-25f": "orangecrab-25f.lpf",
    "colorlight-i5": "colorlight-i5.lpf",
    "tang-nano-9k": "tang-nano-9k.cst",
    "tang-nano-20k": "tang-nano-20k.cst",
};

/// A board that can be built for.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// As the command takes it.
    pub name: String,
    /// As people know it.
    pub title: String,
    pub device: Device,
    pub pll: Pll,
    /// Whether the clock enters on the pin that belongs to the PLL (iCE40 only).
    pub pll_pad: bool,
    /// MHz of the clock on the board.
    pub clock_mhz: f64,
    /// LUTs and block memories of the device.
    pub luts: u32,
    pub block_rams: u32,
    /// The level of a pressed reset button.
    pub reset: Option<Level>,
    /// The level that lights the LED.
    pub led: Option<Level>,
    /// The text of the constraint file.
    pub constraints: String,
}

/// What a pin is active at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Low,
    High,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Level::Low => "low",
            Level::High => "high",
        }
    }
}

/// The contents of the TOML file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    fabric: Fabric,
    device: Spanned<String>,
    package: Option<String>,
    speed: Option<String>,
    family: Option<String>,
    constraints: Option<PathBuf>,
    luts: NonZeroU32,
    block_rams: NonZeroU32,
    clock_hz: NonZeroU32,
    #[serde(default)]
    pll_input: PllInput,
    reset: Option<Level>,
    led: Option<Level>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PllInput {
    #[default]
    Core,
    Pad,
}

/// Why there is no such board, or no such clock on it.
#[derive(Debug, Error)]
pub enum BoardError {
    #[error(
        "there is no board `{name}`{}; choose one of {}, or name a file of your own that ends in .toml",
        suggestion.map(|suggestion| format!(" (did you mean `{suggestion}`?)")).unwrap_or_default(),
        names().join(", ")
    )]
    Unknown { name: String, suggestion: Option<&'static str> },
    #[error("{}: {source}; name a board's .toml file, or one of {}", path.display(), names().join(", "))]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}{}: {problem}; constraints/icebreaker.toml in Logloom's sources is an example", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Invalid { path: PathBuf, line: Option<usize>, problem: String },
    #[error("{}: {source}; put the constraint file of the board there, beside its .toml", path.display())]
    Constraints { path: PathBuf, source: std::io::Error },
    #[error(
        "a clock of {wanted} MHz cannot be made on {board}: its PLL makes {:.4} to {:.4} MHz of the {input} MHz there{}",
        range[0], range[1],
        nearest.map(|mhz| format!(", and {mhz:.4} MHz comes nearest; choose build.clock_mhz = {mhz:.4}")).unwrap_or_default()
    )]
    Clock { board: String, wanted: f64, input: f64, range: [f64; 2], nearest: Option<f64> },
}

/// Names of the boards that come with the command.
pub fn names() -> Vec<&'static str> {
    BOARDS.iter().map(|board| board.name).collect()
}

/// The boards that come with the command whose devices are larger than that of `than` and have so many LUTs and block memories;
/// the smallest first.
pub fn larger(than: &Board, luts: u64, block_rams: u64) -> Vec<&'static str> {
    let boards = BOARDS.iter().filter_map(|board| Some((Board::find(board.name).ok()?, board.name)));
    let has_room = |board: &Board| u64::from(board.luts) >= luts && u64::from(board.block_rams) >= block_rams;
    let mut larger: Vec<_> = boards.filter(|(board, _)| board.luts > than.luts && has_room(board)).collect();
    larger.sort_by_key(|(board, _)| board.luts);
    larger.into_iter().map(|(_, name)| name).collect()
}

/// The names of the boards whose devices have multiplier blocks that Logloom uses.
pub fn with_multiplier_blocks() -> Vec<&'static str> {
    let has = |name| Board::find(name).is_ok_and(|found| found.device.multiplier_blocks);
    BOARDS.iter().map(|board| board.name).filter(|name| has(name)).collect()
}

/// How far a clock may be from the one that was asked for.
const TOLERANCE: f64 = 0.02;

impl Board {
    /// The board of that name, or of that file if it ends in `.toml`.
    ///
    /// # Errors
    /// [`BoardError`].
    pub fn find(name: &str) -> Result<Self, BoardError> {
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            return Board::load(path);
        }
        let Some(board) = BOARDS.iter().find(|board| board.name == name) else {
            return Err(BoardError::Unknown { name: name.to_string(), suggestion: nearest(name, names()) });
        };
        let path = PathBuf::from(format!("{}.toml", board.name));
        Board::parse(&path, board.text, |_| Ok(board.constraints.1.to_string()))
    }

    fn load(path: &Path) -> Result<Self, BoardError> {
        let unreadable = |source| BoardError::Unreadable { path: path.to_path_buf(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Board::parse(path, &text, |constraints| {
            std::fs::read_to_string(constraints)
                .map_err(|source| BoardError::Constraints { path: constraints.to_path_buf(), source })
        })
    }

    /// `constraints` reads the constraint file: the one that the TOML names, or that of the same name with the ending of the
    /// fabric.
    fn parse(
        path: &Path,
        text: &str,
        constraints: impl FnOnce(&Path) -> Result<String, BoardError>,
    ) -> Result<Self, BoardError> {
        let invalid =
            |line: Option<usize>, problem: String| BoardError::Invalid { path: path.to_path_buf(), line, problem };
        let line = |start: usize| 1 + text[..start].matches('\n').count();
        let written: Written = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| line(span.start));
            // Where a value is at fault, the message does not say of which key.
            let key = at.and_then(|at| text.lines().nth(at - 1)?.split_once('=')).map(|(key, _)| key.trim());
            let key = key.filter(|key| !error.message().contains(&format!("`{key}`")));
            invalid(at, key.map(|key| format!("{key}: ")).unwrap_or_default() + error.message())
        })?;
        let given = |key: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| {
                invalid(None, format!("`{key}` is missing, which fabric {} needs", written.fabric.name()))
            })
        };
        let name = written.device.as_ref();
        if let Some(known) = written.fabric.devices().filter(|known| !known.contains(&name.as_str())) {
            let problem = format!("device: nothing is built for `{name}`; choose one of {}", known.join(", "));
            return Err(invalid(Some(line(written.device.span().start)), problem));
        }
        let (device, pll) = match written.fabric {
            Fabric::Ice40 => (Device::ice40(name, &given("package", &written.package)?), Pll::Ice40),
            Fabric::Ecp5 => {
                let (package, speed) = (given("package", &written.package)?, given("speed", &written.speed)?);
                (Device::ecp5(name, &package, &speed), Pll::Ecp5)
            }
            Fabric::Gowin => {
                let family = given("family", &written.family)?;
                let series = family.split('-').next().unwrap_or_default();
                let unknown =
                    || invalid(None, format!("family: the PLL of `{family}` is not known; GW1N and GW2A are"));
                (Device::gowin(name, &family), Pll::gowin(series).ok_or_else(unknown)?)
            }
        };
        let constraint_file = match &written.constraints {
            Some(named) => path.with_file_name(named),
            None => path.with_extension(written.fabric.constraints_extension()),
        };
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Board {
            name,
            title: written.name,
            pll,
            pll_pad: written.pll_input == PllInput::Pad,
            clock_mhz: f64::from(written.clock_hz.get()) / 1e6,
            luts: written.luts.get(),
            block_rams: written.block_rams.get(),
            reset: written.reset,
            led: written.led,
            constraints: constraints(&constraint_file)?,
            device,
        })
    }

    /// Whether the device on it is called so by nextpnr: `hx8k`, `85k`.
    pub fn has_device(&self, name: &str) -> bool {
        self.device.place_arguments().first().is_some_and(|argument| argument.strip_prefix("--") == Some(name))
    }

    /// The setting of the PLL for a clock of `wanted` MHz, which it meets within two per cent; or for one that is as near to
    /// the clock on the board as it can be.
    ///
    /// # Errors
    /// [`BoardError::Clock`].
    pub fn clock(&self, wanted: Option<f64>) -> Result<Setting, BoardError> {
        let tolerance = if wanted.is_some() { TOLERANCE } else { f64::INFINITY };
        let wanted = wanted.unwrap_or(self.clock_mhz);
        let nearest = self.pll.nearest(self.clock_mhz, wanted);
        nearest.filter(|setting| (setting.mhz / wanted - 1.0).abs() <= tolerance).ok_or_else(|| BoardError::Clock {
            board: self.title.clone(),
            wanted,
            input: self.clock_mhz,
            range: self.pll.range(),
            nearest: nearest.map(|setting| setting.mhz),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_is_whole() {
        for name in names() {
            let board = Board::find(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(board.name, name);
            let built_in = BOARDS.iter().find(|board| board.name == name).unwrap();
            let check = |path: &Path| {
                assert_eq!(path, Path::new(built_in.constraints.0), "{name}");
                Ok(String::new())
            };
            Board::parse(Path::new(&format!("{name}.toml")), built_in.text, check).unwrap();
            let ports = ["clk_i", "rx_i", "tx_o"].into_iter();
            let ports = ports.chain(board.reset.map(|_| "reset_i")).chain(board.led.map(|_| "led_o"));
            for port in ports {
                let places = board.constraints.matches(&format!("{port} ")).count()
                    + board.constraints.matches(&format!("\"{port}\" ")).count();
                assert!(places > 0, "{name}: {port} has no pin");
            }
            assert_eq!(board.constraints.contains("reset_i"), board.reset.is_some(), "{name}");
            assert_eq!(board.constraints.contains("led_o"), board.led.is_some(), "{name}");
            assert!((board.clock(Some(20.0)).unwrap().mhz / 20.0 - 1.0).abs() <= TOLERANCE, "{name}");
        }
    }

    #[test]
    fn a_board_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let find = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Board::find(path.to_str().unwrap())
        };
        let good = BOARDS[0].text;
        assert!(matches!(find(good), Err(BoardError::Constraints { .. })));
        std::fs::write(folder.path().join("mine.pcf"), "set_io clk_i 1\n").unwrap();
        let board = find(good).unwrap();
        assert_eq!((board.name.as_str(), board.constraints.as_str()), ("mine", "set_io clk_i 1\n"));
        let message = |text: &str| find(text).unwrap_err().to_string();
        assert!(message(&good.replace("led = ", "lamp = ")).contains("mine.toml:12: unknown field `lamp`"));
        assert!(message(&good.replace("package = ", "#")).contains("`package` is missing, which fabric ice40 needs"));
        let device = message(&good.replace("up5k", "up6k"));
        assert!(device.contains("mine.toml:4: device: nothing is built for `up6k`; choose one of lp1k,"), "{device}");
        let clock = message(&good.replace("clock_hz = 12_000_000", "clock_hz = 0"));
        assert!(clock.contains("mine.toml:8: clock_hz: invalid value: integer `0`, expected a nonzero u32"), "{clock}");
        assert!(message("fabric = \"max10\"\nname = \"x\"").contains("unknown variant `max10`"));
    }
}
